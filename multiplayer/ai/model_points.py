"""What a model is given to make points of, and the points read back from whatever it answers."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.ai.extract import Heard, Said
from multiplayer.ai.prompts import Envelope, Note, encode_brief, encode_envelope, encode_note, marker_of
from multiplayer.ai.tokens import TokenCounter, trim_middle
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.memory import TITLES, Section, SummaryPoint, points_in, summary_text
from multiplayer.protocol.values import rfc3339
from multiplayer.rooms.derived import attributed

FORM: Final = """\
Write each point as one line: `- `, the point, and at its end the ids of the messages it came from, like \
(message 01ABC, 01DEF). Put the points under these headings, in English as they stand here and each on a line of its \
own, where there is something to say: Topic, Decisions, Open questions, Action items, Key facts and code. Short code \
stands inside its line. A point without ids is thrown away, the topic too. Invent nothing, no ids either; write no \
marker.\
"""
_SUBJECT: Final = "summary so far"
_HEADINGS: Final = {
    **{title.casefold(): section for section, title in TITLES.items()},
    **dict.fromkeys(("topics", "主题", "话题"), Section.TOPIC),
    **dict.fromkeys(("decision", "决定", "决策", "结论"), Section.DECISIONS),
    **dict.fromkeys(("open question", "questions", "未决问题", "待解决问题", "待定问题", "问题"), Section.QUESTIONS),
    **dict.fromkeys(("action item", "actions", "行动项", "待办", "待办事项"), Section.ACTIONS),
    **dict.fromkeys(
        ("key facts", "facts", "code", "关键事实与代码", "关键事实和代码", "关键事实", "关键信息"), Section.FACTS
    ),
    **dict.fromkeys(("other", "其他", "其它"), Section.OTHER),
}
_NOTHING: Final = frozenset({"", "none", "na", "nothing", "noneyet", "无", "没有", "暂无"})
_BULLET: Final = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)、])\s+")
_NAMES_SOURCES: Final = re.compile(
    r"\s*[(\[（](?:(?:messages?|msgs?)\b|消息|来源)[^()\[\]（）]*[)\]）]\s*[.。]?\s*$",
    re.IGNORECASE,
)
_ID: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{26}(?![0-9A-Za-z])")
_WITH_DIGIT: Final = re.compile(r"[0-9]")
_SPEAKER: Final = re.compile(r"^@\S+?[:：]\s*")
_COLON: Final = re.compile("[:：]")

_ALIKE: Final = 0.75
_ALIKE_WITH_SOURCE: Final = 0.4
"""Of pairs of letters, for a point that also names the same message."""


@dataclass(frozen=True, slots=True)
class Material:
    """What the model reads. Only `known` ids may be named as sources, and no point may hold one of `markers`."""

    text: str
    known: frozenset[MessageId]
    markers: frozenset[str]


def material_of(
    heard: Heard,
    *,
    fixed: Sequence[SummaryPoint] = (),
    points: Sequence[SummaryPoint] = (),
    secret: bytes,
    counter: TokenCounter,
    room_tokens: int,
) -> Material:
    """Return the points so far and what was said since, a line of JSON each, in at most about `room_tokens`.

    Of more than fits, the newest points stay, and the messages' two ends, so that both ends of the talk are heard.
    """
    fixed = _newest_that_fit(fixed, counter, room_tokens // 4)
    points = _newest_that_fit(points, counter, room_tokens // 4)
    lines: list[str] = []
    known = {source for point in (*fixed, *points) for source in point.sources}
    markers: set[str] = set()
    if fixed or points:
        told = {"fixed": summary_text(tuple(fixed)), "summary": summary_text(tuple(points))}
        lines.append(encode_brief(_SUBJECT, {name: text for name, text in told.items() if text}, secret))
        markers.add(marker_of(secret, _SUBJECT))
    room = room_tokens - sum(map(counter.count, lines))
    each = max(100, room_tokens // 8)
    encoded = [(said, encode_envelope(_envelope(said, counter, each), secret)) for said in heard.said]
    head, tail = _two_ends([counter.count(line) for _, line in encoded], max(each * 2, room))
    lines += [line for _, line in encoded[:head]]
    if head < tail:
        note = Note(id="left-out", event="lines_left_out", by="server", at="", about=f"{tail - head} lines")
        lines.append(encode_note(note, secret))
    lines += [line for _, line in encoded[tail:]]
    for said, _ in (*encoded[:head], *encoded[tail:]):
        known.add(said.message_id)
        markers.add(marker_of(secret, said.message_id))
    return Material("\n".join(lines), frozenset(known), frozenset(markers))


def read_points(
    text: str,
    material: Material,
    *,
    fixed: Sequence[SummaryPoint] = (),
    previous: Sequence[SummaryPoint] = (),
    new_id: Callable[[], str],
) -> tuple[SummaryPoint, ...]:
    """Return the points of a model's answer that can be used, without those that are `fixed`.

    A point of `previous` that stands there again is the same point, with its messages. What says a fixed point again,
    names no message of the material, or repeats a marker, is left out. An answer that names no message at all is no
    summary of them (but an apology, or talk): it has no points.
    """
    there = {(point.section, _plain(point.text)): point for point in previous}
    persons = [(point, _pairs(point.text)) for point in fixed]
    read: dict[tuple[Section, str], SummaryPoint] = {}
    is_sourced = False
    for point in points_in("\n".join(_tidied(text, material)), lambda: ""):
        is_sourced = is_sourced or bool(point.sources)
        pairs = _pairs(point.text)
        if any(_says_again(point, pairs, person, of_person) for person, of_person in persons):
            continue
        key = (point.section, _plain(point.text))
        known = read.get(key) or there.get(key)
        sources = tuple(dict.fromkeys((*(known.sources if known else ()), *point.sources)))
        read[key] = (known or point).model_copy(
            update={"id": known.id if known else new_id(), "sources": sources},
        )
    return attributed(read.values()) if is_sourced else ()


def _tidied(text: str, material: Material) -> list[str]:
    """Return the usable lines in the one form that `points_in` reads: headings, and bullets with known sources.

    Where there are bullets, the prose around them is left out; a line that is set in goes on with the bullet above.
    """
    lines: list[tuple[bool, str]] = []
    for line in text.splitlines():
        title, rest = _title_in(line)
        if title is not None:
            lines.append((False, f"{TITLES[title]}:"))
            if rest:
                lines.append((True, rest))
        elif found := _BULLET.match(line):
            lines.append((True, line[found.end() :].strip()))
        elif lines and lines[-1][0] and line[:1] in {" ", "\t"} and line.strip():
            lines[-1] = (True, f"{lines[-1][1]} {line.strip()}")
        elif line.strip():
            lines.append((False, line.strip()))
    has_bullets = any(is_bullet for is_bullet, _ in lines)
    tidied = []
    for is_bullet, line in lines:
        if not is_bullet and line.endswith(":") and line[:-1] in TITLES.values():
            tidied.append(line)
        elif (is_bullet or (not has_bullets and not line.endswith((":", "：")))) and (point := _point(line, material)):
            tidied.append(f"- {point}")
    return tidied


def _title_in(line: str) -> tuple[Section | None, str]:
    """Return the section if `line` is a heading, and what is said on the same line."""
    if _BULLET.match(line):
        return None, ""
    title, *rest = _COLON.split(line.strip(), maxsplit=1)
    section = _HEADINGS.get(title.strip("#*_ ").casefold())
    return section, rest[0].strip("*_ ") if section is not None and rest else ""


def _point(line: str, material: Material) -> str | None:
    """Return the point with its known sources at its end; None if it is no use."""
    if any(marker in line for marker in material.markers):
        return None
    named = _ID.findall(line)
    is_named = bool(named)
    while found := _NAMES_SOURCES.search(line):
        inside = found.group()
        if not _WITH_DIGIT.search(inside):
            break  # words in brackets, no ids
        is_named = True
        line = line[: found.start()]
    sources = [MessageId(one) for one in dict.fromkeys(named) if one in material.known]
    if (is_named and not sources) or _plain(line) in _NOTHING:
        return None
    return f"{line.strip()} (message {', '.join(sources)})" if sources else line.strip()


def _says_again(point: SummaryPoint, pairs: frozenset[str], person: SummaryPoint, of_person: frozenset[str]) -> bool:
    """Tell whether a model's point is a person's in other words: as one text, a part of it, or from the same message."""
    both = len(pairs & of_person)
    alike = 2 * both / (len(pairs) + len(of_person))
    shorter = min(len(pairs), len(of_person))
    is_part = shorter >= 6 and both >= 0.9 * shorter and len(pairs) <= 2 * len(of_person)
    has_same_source = point.section is person.section and not set(point.sources).isdisjoint(person.sources)
    return alike >= _ALIKE or is_part or (has_same_source and alike >= _ALIKE_WITH_SOURCE)


def _plain(text: str) -> str:
    """Return the letters and digits of `text` alone, so that marks, case and blanks make no difference."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _pairs(text: str) -> frozenset[str]:
    plain = _plain(_SPEAKER.sub("", text))
    return frozenset(plain[place : place + 2] for place in range(max(1, len(plain) - 1)))


def _envelope(said: Said, counter: TokenCounter, most_tokens: int) -> Envelope:
    return Envelope(
        id=said.message_id,
        author=said.author,
        role="ai" if said.turn_id is not None else "member",
        at=rfc3339(said.at),
        name="",
        text=trim_middle(said.text, counter, head=most_tokens * 3 // 4, tail=most_tokens // 4),
        reply_to=said.reply_to,
        taint=said.taint,
    )


def _newest_that_fit(points: Sequence[SummaryPoint], counter: TokenCounter, room: int) -> list[SummaryPoint]:
    kept: list[SummaryPoint] = []
    for point in reversed(points):
        room -= counter.count(summary_text((point,)))
        if room < 0:
            break
        kept.append(point)
    return kept[::-1]


def _two_ends(costs: Sequence[int], room: int) -> tuple[int, int]:
    """Return where the first part ends and the last begins, so that both together cost at most `room`."""
    if sum(costs) <= room:
        return len(costs), len(costs)
    head, left = 0, room // 2
    while head < len(costs) and costs[head] <= left:
        left -= costs[head]
        head += 1
    tail, left = len(costs), room // 2 + left
    while tail > head and costs[tail - 1] <= left:
        left -= costs[tail - 1]
        tail -= 1
    return head, tail
