"""What a room remembers beyond its messages: the rolling summary, point by point with its sources, and pinned facts."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final

from pydantic import StringConstraints

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.values import Frozen, Sparse, UtcTime

MAX_POINTS: Final = 200
MAX_POINT_CHARACTERS: Final = 1_000
MAX_FACT_CHARACTERS: Final = 500


_BULLET: Final = re.compile(r"^(?:[-*•]|\d{1,3}[.)])\s+")
_SOURCES: Final = re.compile(
    r"\s*[(\[（](?:messages?|msg|消息)?[:：]?\s*([0-9A-Za-z]{26}(?:[,，、;\s]+[0-9A-Za-z]{26})*)[)\]）]\s*[.。]?$",
    re.IGNORECASE,
)
_ID: Final = re.compile(r"[0-9A-Za-z]{26}")


class Section(StrEnum):
    """Where a point of the summary stands, in this order."""

    TOPIC = "topic"
    DECISIONS = "decisions"
    QUESTIONS = "questions"
    ACTIONS = "actions"
    FACTS = "facts"
    """Key facts and code."""
    OTHER = "other"


TITLES: Final = {
    Section.TOPIC: "Topic",
    Section.DECISIONS: "Decisions",
    Section.QUESTIONS: "Open questions",
    Section.ACTIONS: "Action items",
    Section.FACTS: "Key facts and code",
    Section.OTHER: "Also said",
}


class SummaryPoint(Frozen):
    """One statement of a summary. What a person wrote (`by`) is kept word for word by later versions."""

    id: str
    section: Section
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_POINT_CHARACTERS)]
    sources: tuple[MessageId, ...] = ()
    """The messages it came from. When one is deleted, the point goes with it."""
    by: AccountId | None = None


class Proposal(Frozen):
    """What an AI proposes: to remember `text`, or to forget the fact `fact_id`. Nothing happens until a member agrees."""

    id: str
    by: AccountId
    at: UtcTime
    text: Annotated[str, StringConstraints(max_length=MAX_FACT_CHARACTERS)] = ""
    fact_id: str | None = None
    taint: Sparse[tuple[Taint, ...]] = ()


class PointEdit(Frozen):
    """A point as a person wants it. With the `id` of one that is there: kept, or changed if the words differ."""

    id: Annotated[str, StringConstraints(max_length=64)] | None = None
    section: Section
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_POINT_CHARACTERS)]


class Fact(Frozen):
    """Something the room's AIs always know. It comes from a message, or from whoever pinned it."""

    id: str
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FACT_CHARACTERS)]
    by: AccountId
    at: UtcTime
    message_id: MessageId | None = None
    """The message it was taken from. When that is deleted, the fact goes with it."""
    taint: Sparse[tuple[Taint, ...]] = ()
    """Of an AI's proposal that was accepted: what untrusted words its turn had seen. What a person pins has none."""


class Summary(Frozen):
    """One version of the summary. `points` empty: it was taken back, or there was nothing to say."""

    version: int
    up_to_seq: int
    """The last event that the summary covers."""
    method: str
    """`extractive` (made locally from the messages' own sentences), the model's name, `edited` or `erased`."""
    points: tuple[SummaryPoint, ...] = ()
    taint: tuple[Taint, ...] = ()
    edited_by: AccountId | None = None
    brief: str | None = None
    """Names what is kept of the room at `up_to_seq`, for the prompts that begin there."""

    @property
    def text(self) -> str:
        """The points under their headings."""
        return summary_text(self.points)


class SummaryVersion(Frozen):
    """A version as the history shows it."""

    summary: Summary
    at: UtcTime


def summary_text(points: tuple[SummaryPoint, ...]) -> str:
    """Return the points under their headings, each with the messages it came from."""
    blocks = []
    for section in Section:
        lines = [_line(point) for point in points if point.section is section]
        if lines:
            blocks.append("\n".join([f"{TITLES[section]}:", *lines]))
    return "\n\n".join(blocks)


def points_in(text: str, new_id: Callable[[], str]) -> tuple[SummaryPoint, ...]:
    """Read points back from a text like `summary_text`'s; what stands under no known heading is `other`."""
    sections = {title.casefold(): section for section, title in TITLES.items()}
    section = Section.OTHER
    points: list[SummaryPoint] = []
    for line in text.splitlines():
        plain = line.strip()
        heading = sections.get(plain.strip("#*_ ").rstrip(":：").strip("*_ ").casefold())
        if heading is not None:
            section = heading
            continue
        plain = _BULLET.sub("", plain)
        found = _SOURCES.search(plain)
        sources = tuple(MessageId(word) for word in _ID.findall(found.group(1))) if found else ()
        said = (plain[: found.start()] if found else plain).strip()[:MAX_POINT_CHARACTERS]
        if said and len(points) < MAX_POINTS:
            points.append(SummaryPoint(id=new_id(), section=section, text=said, sources=sources))
    return tuple(points)


def _line(point: SummaryPoint) -> str:
    came_from = f" (message {', '.join(point.sources)})" if point.sources else ""
    return f"- {point.text}{came_from}"
