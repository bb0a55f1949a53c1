"""Turns what a site sends into cards, forms and plain words: bounded, without hidden characters, links checked."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import JsonValue

from multiplayer.models.tool_calls import mend_text
from multiplayer.protocol.cards import MAX_CHOICES, MAX_QUESTIONS, Card, Form, Question, QuestionKind

Item = Mapping[str, JsonValue]

_MAX_LINE = 500
_MAX_TEXT = 2_000
_MAX_FORM_TEXT = 4_000
_MAX_LINK = 2_000
_MAX_ID = 100
_MAX_SOURCES = 10
# Controls, bidi marks and overrides, invisible operators and tags: they can hide words from people or reorder them.
# Joiners and the first sixteen variation selectors stay, scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_LINE_ENDS = re.compile("\r\n?|\u2028|\u2029|\u0085|\x0b|\x0c")
_NOT_IN_LINKS = re.compile(r"[\s\\<>\"`{}|^]")
_WORDS_IN = ("text", "name", "@value", "message", "content", "description")
_KINDS = {"single_select": QuestionKind.ONE_OF, "multi_select": QuestionKind.ANY_OF}


def plain_text(text: str) -> str:
    """Return `text` with line feeds as its only line ends, and without characters that nobody sees."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub("", _LINE_ENDS.sub("\n", mend_text(text.replace("\0", ""))))


def words_in(value: JsonValue, depth: int = 3) -> str:
    """Return the words of a field that may be a text, a schema.org text object or a list of either."""
    if isinstance(value, str):
        return plain_text(value).strip()
    if depth == 0:
        return ""
    if isinstance(value, list):
        return next((words for words in (words_in(each, depth - 1) for each in value[:10]) if words), "")
    if isinstance(value, dict):
        return next((words for key in _WORDS_IN if (words := words_in(value.get(key), depth - 1))), "")
    return ""


def line_in(value: JsonValue, limit: int = _MAX_LINE) -> str:
    """Return the words of a field as one line of at most `limit` characters."""
    return _cut(" ".join(words_in(value).split()), limit)


def link_in(value: JsonValue) -> str:
    """Return an http or https address that may stand under a title, or an empty text."""
    if not isinstance(value, str) or len(value) > _MAX_LINK or not value.lower().startswith(("http://", "https://")):
        return ""
    if _NOT_IN_LINKS.search(value) or plain_text(value) != value:
        return ""
    try:
        parts = urlsplit(value)
        has_port_or_none = parts.port is None or parts.port > 0
    except ValueError:
        return ""
    # A name before the host shows people another host than the one they would visit.
    return value if parts.hostname and parts.username is None and has_port_or_none else ""


def card_of(item: Item) -> Card | None:
    """Return the card of one result; `None` when it says nothing."""
    about = item.get("schema_object")
    if isinstance(about, list):
        about = about[0] if about else None
    more: Item = about if isinstance(about, dict) else {}
    links = list(_links_of(item))
    fallback = link_in(item.get("url")) or link_in(item.get("@id")) or link_in(more.get("url"))
    url = links[0] if links else fallback
    text = words_in(item.get("description")) or words_in(more.get("description"))
    title = (
        line_in(item.get("name"))
        or line_in(item.get("headline"))
        or line_in(item.get("title"))
        or line_in(more.get("name"))
        or line_in(url)
    )
    if not title and not text:
        return None
    return Card(
        title=title,
        url=url,
        site=line_in(item.get("site")),
        text=_cut(text, _MAX_TEXT),
        score=_score_of(item.get("score")),
        sources=tuple(links[1 : _MAX_SOURCES + 1]),
    )


def _links_of(item: Item) -> Iterator[str]:
    """Yield the addresses that a result names as what it was made from, each once."""
    grounding = item.get("grounding")
    named = grounding.get("source_urls") if isinstance(grounding, dict) else None
    seen: set[str] = set()
    for value in _as_list(named)[: 5 * _MAX_SOURCES]:
        link = link_in(value)
        if link and link not in seen:
            seen.add(link)
            yield link


def _score_of(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        score = float(value)
    except OverflowError:
        return None
    return score if math.isfinite(score) else None


def form_of(elicitation: Item) -> Form | None:
    """Return the form of an elicitation: one text field if it names no questions; `None` when it asks nothing."""
    text = _cut(words_in(elicitation.get("text")), _MAX_FORM_TEXT)
    questions: list[Question] = []
    for value in _as_list(elicitation.get("questions"))[:MAX_QUESTIONS]:
        if isinstance(value, dict) and (question := _question_of(value, [each.id for each in questions])):
            questions.append(question)
    if questions:
        return Form(text=text, questions=tuple(questions))
    return question_form(text) if text else None


def question_form(question: str) -> Form:
    """Return a form with one text field."""
    return Form(questions=(Question(id="answer", text=_cut(plain_text(question), _MAX_TEXT)),))


def _question_of(value: Item, taken: Sequence[str]) -> Question | None:
    text = _cut(words_in(value.get("text")), _MAX_TEXT)
    choices = tuple(
        dict.fromkeys(choice for each in _as_list(value.get("options"))[: 2 * MAX_CHOICES] if (choice := line_in(each)))
    )[:MAX_CHOICES]
    if not text and not choices:
        return None
    kind = _KINDS.get(str(value.get("type")), QuestionKind.TEXT) if choices else QuestionKind.TEXT
    name = line_in(value.get("id"), _MAX_ID)
    if not name or name in taken:
        name = f"question_{len(taken) + 1}"
        while name in taken:
            name += "_"
    return Question(id=name, text=text, kind=kind, choices=choices if kind is not QuestionKind.TEXT else ())


def _as_list(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
