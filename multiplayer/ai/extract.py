"""Summarises without a model: picks people's own sentences by simple rules, and says from which message each is."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.protocol.events import Event, MessageDeleted, MessageEdited, MessagePosted, TurnEnded, TurnRequested
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.turns import TurnOutcome

METHOD: Final = "extractive"
LABEL: Final = "Made without a model, from the messages' own sentences."
_DECISIONS: Final = "Decisions"
_QUESTIONS: Final = "Open questions"
_ACTIONS: Final = "Action items"
_OTHER: Final = "Also said"
_EARLIER: Final = "Earlier"
_MOST_LINES: Final = {_DECISIONS: 20, _QUESTIONS: 12, _ACTIONS: 20, _OTHER: 20, _EARLIER: 30}
"""The newest stay."""
_MOST_CHARACTERS: Final = 240

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTE: Final = re.compile(r"^ {0,3}>.*$", re.MULTILINE)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")
_IS_DECISION: Final = re.compile(
    r"\b(?:decided?|decision|agreed?|settled|approved|let'?s (?:use|go with|do|take)|we(?:'ll| will) (?:use|go with|take)|"
    r"we(?:'re| are) going with)\b|决定|确定|定了|定为|同意|一致|通过了|采用|就用|选择了|批准",
    re.IGNORECASE,
)
_IS_ACTION: Final = re.compile(
    r"\b(?:todo|to do|action items?|i(?:'ll| will| am going to)|needs? to|must|have to|please|"
    r"by (?:mon|tues|wednes|thurs|fri|satur|sun)day|by tomorrow|deadline|assigned)\b|@[\w.-]+ (?:will|(?:can|could) you)\b|"
    r"待办|负责|请|需要|必须|我来|我会|记得|截止|之前完成|跟进|安排",
    re.IGNORECASE,
)
_IS_QUESTION: Final = re.compile(r"[?？][\"'”’)）]*$|(?:吗|呢|么)[。！]?$")
_LINE_ID: Final = re.compile(r" \(message ([0-9A-Za-z]+)\)$")


@dataclass(frozen=True, slots=True)
class _Point:
    section: str
    line: str


def extract(previous: str, events: Sequence[Event], names: Mapping[AccountId, str]) -> str:
    """Return a summary of `events` that carries on `previous`. The same input always gives the same text.

    `names` are the handles. What was deleted since goes, out of `previous` too.
    """
    gone = {event.message_id for event in events if isinstance(event, MessageDeleted)}
    changed = {event.message_id for event in events if isinstance(event, MessageEdited)}
    lines = _sections_of(forget(previous, gone | changed))
    for point in _points(events, names, gone):
        if point.line not in lines[point.section]:
            lines[point.section].append(point.line)
    text = [LABEL]
    for section, most in _MOST_LINES.items():
        if lines[section]:
            text += ["", f"{section}:", *lines[section][-most:]]
    return "\n".join(text)


def forget(text: str, message_ids: Collection[MessageId]) -> str:
    """Return `text` without the lines that were taken from these messages."""
    return "\n".join(line for line in text.split("\n") if _id_of(line) not in message_ids)


def _points(events: Sequence[Event], names: Mapping[AccountId, str], gone: Collection[MessageId]) -> list[_Point]:
    texts: dict[MessageId, str] = {}
    authors: dict[MessageId, str] = {}
    answered: set[MessageId] = set()
    asked: dict[TurnId, MessageId] = {}
    for event in events:
        match event:
            case MessagePosted() if not event.is_redacted and event.message.id not in gone:
                texts[event.message.id] = event.message.text
                authors[event.message.id] = names.get(event.actor_id, "someone")
                if event.message.reply_to is not None:
                    answered.add(event.message.reply_to)
            case MessageEdited() if not event.is_redacted and event.message_id not in gone:
                texts[event.message_id] = event.text
                authors.setdefault(event.message_id, names.get(event.actor_id, "someone"))
            case TurnRequested() if event.message_id is not None:
                asked[event.turn_id] = event.message_id
            case TurnEnded() if event.outcome is TurnOutcome.DONE and event.turn_id in asked:
                answered.add(asked[event.turn_id])
            case _:
                pass  # nothing was said
    return [
        point
        for message_id, text in texts.items()
        for point in _points_in(text, authors[message_id], message_id, is_answered=message_id in answered)
    ]


def _points_in(text: str, author: str, message_id: MessageId, *, is_answered: bool) -> list[_Point]:
    sentences = [
        " ".join(sentence.split())
        for sentence in _SENTENCE_END.split(_QUOTE.sub("", _CODE.sub(" ", text)))
        if sentence.strip()
    ]
    points: list[_Point] = []
    for sentence in sentences:
        section = _section_of(sentence)
        if section is None or (section == _QUESTIONS and is_answered):
            continue
        points.append(_Point(section, _line(author, sentence, message_id)))
    if not points and sentences and not is_answered:
        points.append(_Point(_OTHER, _line(author, sentences[0], message_id)))
    return points


def _section_of(sentence: str) -> str | None:
    if _IS_QUESTION.search(sentence):
        return _QUESTIONS
    if _IS_DECISION.search(sentence):
        return _DECISIONS
    return _ACTIONS if _IS_ACTION.search(sentence) else None


def _line(author: str, sentence: str, message_id: MessageId) -> str:
    if len(sentence) > _MOST_CHARACTERS:
        sentence = sentence[:_MOST_CHARACTERS] + "…"
    return f"- @{' '.join(author.split())}: {sentence} (message {message_id})"


def _id_of(line: str) -> str | None:
    found = _LINE_ID.search(line)
    return found.group(1) if found else None


def _sections_of(text: str) -> dict[str, list[str]]:
    """Return the lines of an extractive summary by section; of any other text, all of it as what was earlier."""
    lines: dict[str, list[str]] = {section: [] for section in _MOST_LINES}
    section = _EARLIER
    for line in text.split("\n"):
        if line.endswith(":") and line[:-1] in lines:
            section = line[:-1]
        elif line.strip() and line != LABEL:
            lines[section].append(line)
    return lines
