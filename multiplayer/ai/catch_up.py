"""What happened since a member left: gists of stretches of the log, the same for every reader, that add up."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from multiplayer.ai.extract import answered_by, hear, points_said, quoted, sentences_of
from multiplayer.ai.summary import taint_of
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import Event, MemberJoined, MemberLeft, MemberRemoved
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.memory import MAX_POINT_CHARACTERS, Section, SummaryPoint
from multiplayer.protocol.turn_events import ToolCalled, ToolFinished, ToolStarted
from multiplayer.protocol.values import Frozen

SEGMENT: Final = 500
_MOST_LINES: Final = 200
"""Of each section, the newest; far more than anybody is told."""
_MOST_NAMED: Final = 20
_MOST_SOURCES: Final = 20
_SECTIONS: Final = (Section.DECISIONS, Section.QUESTIONS, Section.ACTIONS, Section.OTHER)
_OBJECT: Final = TypeAdapter(dict[str, object])


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events `first` to `last`, both included. A whole one is the same for everybody: compute it once and keep it."""

    first: int
    last: int
    is_whole: bool


class Line(Frozen):
    message_id: MessageId
    section: Section
    text: str
    """In section `other`: an AI's answer, or what was answered to a form."""


class Called(Frozen):
    turn_id: TurnId
    call_id: str
    tool: str
    path: str = ""


class Gist(Frozen):
    """What one stretch of the log comes to, in a form that adds up: `merged`. JSON of it can be kept.

    It holds people's words: drop it, or keep only its `forgotten`, when one of its messages is deleted.
    """

    lines: tuple[Line, ...] = ()
    replies: tuple[tuple[MessageId, MessageId], ...] = ()
    asked: tuple[tuple[TurnId, MessageId], ...] = ()
    done: frozenset[TurnId] = frozenset()
    answers: tuple[tuple[TurnId, MessageId], ...] = ()
    called: tuple[Called, ...] = ()
    ran: frozenset[tuple[TurnId, str]] = frozenset()
    failed: frozenset[tuple[TurnId, str]] = frozenset()
    members: Mapping[AccountId, tuple[str, str]] = {}
    """The last that each did: what and under which handle."""
    gone: frozenset[MessageId] = frozenset()
    changed: frozenset[MessageId] = frozenset()
    taint: tuple[Taint, ...] = ()


def segments(from_seq: int, to_seq: int, size: int = SEGMENT) -> tuple[Stretch, ...]:
    """Cut the events from `from_seq` to `to_seq`, both included, at the multiples of `size`, in order.

    Only the first and the last may be less than a whole segment. Whoever left when: the whole ones are the same.
    """
    stretches = []
    first = from_seq
    while first <= to_seq:
        end = -(-first // size) * size
        last = min(end, to_seq)
        stretches.append(Stretch(first, last, is_whole=last - first + 1 == size))
        first = last + 1
    return tuple(stretches)


def gist(events: Sequence[Event], names: Mapping[AccountId, str]) -> Gist:
    """Return what these events come to. `names` are the handles."""
    heard = hear(events, names)
    lines: list[Line] = []
    for said in heard.said:
        found: list[tuple[Section, str]] = []
        if said.turn_id is None:
            points = points_said(said)
            found += [(section, text) for section, text in points if section is not Section.OTHER or said.is_form]
        else:
            whom = f" → {', '.join(f'@{asker}' for asker in said.asked_by)}" if said.asked_by else ""
            words = (*sentences_of(said.text), " ".join(said.text.split()))[0]
            found += [(Section.OTHER, quoted(f"{said.author}{whom}", words))] if words else []
        lines += [
            Line(message_id=said.message_id, section=section, text=text) for section, text in dict.fromkeys(found)
        ]
    called: list[Called] = []
    ran: set[tuple[TurnId, str]] = set()
    failed: set[tuple[TurnId, str]] = set()
    members: dict[AccountId, tuple[str, str]] = {}
    for event in events:
        match event:
            case ToolCalled():
                path = _path_in(event.arguments)
                called.append(Called(turn_id=event.turn_id, call_id=event.call_id, tool=event.name, path=path))
            case ToolStarted():
                ran.add((event.turn_id, event.call_id))
            case ToolFinished() if not event.is_ok:
                failed.add((event.turn_id, event.call_id))
            case MemberJoined():
                members[event.member.account_id] = ("Joined", event.member.handle)
            case MemberLeft() | MemberRemoved():
                known = members.get(event.account_id, ("", "someone"))[1]
                what = "Left" if isinstance(event, MemberLeft) else "Removed"
                members[event.account_id] = (what, names.get(event.account_id, known))
            case _:
                pass  # told by its words, or not worth telling
    return Gist(
        lines=_newest(lines),
        replies=heard.replies,
        asked=heard.asked,
        done=heard.done,
        answers=tuple((said.turn_id, said.message_id) for said in heard.said if said.turn_id is not None),
        called=tuple(called),
        ran=frozenset(ran),
        failed=frozenset(failed),
        members=members,
        gone=heard.gone,
        changed=heard.changed,
        taint=taint_of(events),
    )


def merged(first: Gist, second: Gist) -> Gist:
    """Return the gist of two adjoining stretches; `first` is the older. What `second` deleted or changed is gone."""
    over = second.gone | second.changed
    return Gist(
        lines=_newest((*(line for line in first.lines if line.message_id not in over), *second.lines)),
        replies=(*first.replies, *second.replies),
        asked=(*first.asked, *second.asked),
        done=first.done | second.done,
        answers=(*(pair for pair in first.answers if pair[1] not in over), *second.answers),
        called=(*first.called, *second.called),
        ran=first.ran | second.ran,
        failed=first.failed | second.failed,
        members={**first.members, **second.members},
        gone=first.gone | second.gone,
        changed=first.changed | second.changed,
        taint=tuple(sorted({*first.taint, *second.taint})),
    )


def forgotten(whole: Gist, message_ids: Collection[MessageId]) -> Gist:
    """Return the gist without anything that these messages said."""
    return merged(whole, Gist(gone=frozenset(message_ids)))


def told(whole: Gist, *, new_id: Callable[[], str], limit: int = 30) -> tuple[SummaryPoint, ...]:
    """Return at most `limit` points, each with its messages; of too many, the newest of each section."""
    answered = answered_by(whole.replies, whole.asked, whole.done, whole.gone)
    lines: list[tuple[int, Line]] = []
    # A message that was edited later is told where it was said.
    in_order = sorted(whole.lines, key=lambda line: line.message_id)
    for section in _SECTIONS:
        of_section = [line for line in in_order if line.section is section]
        if section is Section.QUESTIONS:
            of_section = [line for line in of_section if line.message_id not in answered]
        lines += enumerate(reversed(of_section))
    # The newest of each section, then the second newest of each, and so on.
    lines.sort(key=lambda ranked: ranked[0])
    closing = _closing(whole, new_id)[:limit]
    chosen = {(line.message_id, line.section, line.text) for _, line in lines[: limit - len(closing)]}
    return (
        *(
            SummaryPoint(id=new_id(), section=section, text=line.text, sources=(line.message_id,))
            for section in _SECTIONS
            for line in in_order
            if line.section is section and (line.message_id, section, line.text) in chosen
        ),
        *closing,
    )


def digest(
    events: Sequence[Event], names: Mapping[AccountId, str], *, new_id: Callable[[], str], limit: int = 30
) -> tuple[SummaryPoint, ...]:
    """Return what happened in `events`, without a model; the same for every reader."""
    return told(gist(events, names), new_id=new_id, limit=limit)


def _closing(whole: Gist, new_id: Callable[[], str]) -> list[SummaryPoint]:
    """Return what ran, and who came and went: one point each."""
    calls = [call for call in whole.called if (call.turn_id, call.call_id) in whole.ran]
    points = []
    if calls:
        turns = {call.turn_id for call in calls}
        sources = tuple(dict.fromkeys(message_id for turn_id, message_id in whole.answers if turn_id in turns))
        points.append(_other(new_id, _tools_told(calls, whole.failed), sources[-_MOST_SOURCES:]))
    if whole.members:
        words = []
        for what in ("Joined", "Left", "Removed"):
            handles = [f"@{handle}" for did, handle in whole.members.values() if did == what]
            if handles:
                words.append(f"{what}: {_listed(handles)}.")
        points.append(_other(new_id, " ".join(words)))
    return points


def _tools_told(calls: Sequence[Called], failed: Collection[tuple[TurnId, str]]) -> str:
    counts = Counter(call.tool for call in calls)
    failures = Counter(call.tool for call in calls if (call.turn_id, call.call_id) in failed)
    words = []
    for tool, count in counts.items():
        paths = dict.fromkeys(call.path for call in calls if call.tool == tool and call.path)
        said = tool if count == 1 else f"{tool} ×{count}"
        notes = ([f"{failures[tool]} failed"] if failures[tool] else []) + ([_listed([*paths])] if paths else [])
        words.append(f"{said} ({'; '.join(notes)})" if notes else said)
    return f"Tools: {_listed(words)}."


def _other(new_id: Callable[[], str], text: str, sources: tuple[MessageId, ...] = ()) -> SummaryPoint:
    return SummaryPoint(id=new_id(), section=Section.OTHER, text=text[:MAX_POINT_CHARACTERS], sources=sources)


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _MOST_NAMED
    return ", ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _path_in(arguments: str) -> str:
    """Return the file that a call names, on one line; empty if it names none."""
    try:
        path = _OBJECT.validate_json(arguments).get("path")
    except ValidationError:
        return ""
    return " ".join(path.split())[:100] if isinstance(path, str) else ""


def _newest(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the newest lines of each section, in order."""
    left = Counter(dict.fromkeys(_SECTIONS, _MOST_LINES))
    kept = []
    for line in reversed(lines):
        left[line.section] -= 1
        if left[line.section] >= 0:
            kept.append(line)
    return tuple(reversed(kept))
