"""Compares what clients were told with what the database holds, and names every broken promise. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from typing_extensions import override

from multiplayer.protocol.events import Event, MessageEdited, MessagePosted, SummaryUpdated, event_adapter
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turn_events import ToolCalled, ToolFinished, ToolStarted, TurnEnded, TurnRequested

SNAPSHOT_MESSAGES = 50
NEVER_STORED = frozenset({"busy", "unavailable", "rate_limited"})
"""Refusals that speak of the one attempt: the client tries again with the same key."""
UNSURE = "unknown"


class Wrong(StrEnum):
    LOST = "lost"
    REFUSED_BUT_STORED = "refused but stored"
    DUPLICATE = "duplicate"
    OTHER_SEQ = "retry with another seq"
    GAP = "gap"
    HOLE = "hole"
    REPEAT = "repeat"
    OUT_OF_ORDER = "out of order"
    REAL_TIME = "real-time order broken"
    PHANTOM = "phantom"
    DIFFERS = "view differs"
    UNANSWERED = "never answered"
    TURN_ENDS = "a turn without exactly one end"
    TOOL_TWICE = "a tool started twice"


@dataclass(frozen=True)
class Fault:
    wrong: Wrong
    room_id: str
    detail: str

    @override
    def __str__(self) -> str:
        return f"{self.wrong}: {self.detail} (room {self.room_id})"


@dataclass(frozen=True)
class Row:
    """An event as the database holds it."""

    room_id: str
    seq: int
    event_id: str
    actor_id: str
    key: str | None
    line: str


@dataclass(frozen=True)
class Answer:
    """`refused` None: accepted, with the seq and id of the first event."""

    at_s: float
    seq: int | None = None
    event_id: str | None = None
    refused: str | None = None


@dataclass
class Attempt:
    sent_s: float
    answer: Answer | None = None


@dataclass
class Send:
    """One command under one key, with everything that was tried for it. `text`: what a new message says, never twice."""

    room_id: str
    actor_id: str
    key: str
    text: str | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def answers(self) -> list[Answer]:
        return [attempt.answer for attempt in self.attempts if attempt.answer is not None]

    @property
    def accepted(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.refused is None]

    @property
    def is_resolved(self) -> bool:
        """Accepted, or refused for good."""
        return any(answer.refused not in {*NEVER_STORED, UNSURE} for answer in self.answers)


@dataclass(frozen=True)
class Seen:
    seq: int
    event_id: str
    line: str


@dataclass
class Stretch:
    """What a client saw without a new snapshot in between, over any number of connections. True at `after` to begin."""

    after: int
    seen: list[Seen] = field(default_factory=list)
    messages: Sequence[Message] | None = None
    """The snapshot's, where there was one."""


@dataclass
class View:
    """One client's view of one room. Only the last stretch has to reach the end of the log."""

    name: str
    room_id: str
    stretches: list[Stretch] = field(default_factory=list)
    resets: int = 0


@dataclass
class History:
    rows: list[Row]
    heads: Mapping[str, int]
    """Each room's seq, as its row says."""
    messages: Mapping[str, Sequence[Message]]
    """Each room's messages, as their table says, in order."""
    sends: list[Send]
    views: list[View]


def faults_in(history: History) -> list[Fault]:
    """Name everything that is wrong; empty for a history that kept every promise."""
    rooms: dict[str, list[Row]] = {room_id: [] for room_id in history.heads}
    for row in history.rows:
        rooms.setdefault(row.room_id, []).append(row)
    found: list[Fault] = []
    for room_id, rows in rooms.items():
        rows.sort(key=lambda row: row.seq)
        sends = [send for send in history.sends if send.room_id == room_id]
        found += _faults_of_log(room_id, rows, history.heads.get(room_id, 0))
        found += _faults_of_sends(rows, sends)
        found += _faults_of_order(room_id, rows, sends)
        events = [event_adapter.validate_json(row.line) for row in rows]
        found += _faults_of_turns(room_id, events)
        for view in history.views:
            if view.room_id == room_id:
                found += _faults_of_view(view, rows, history.heads.get(room_id, 0))
        found += _faults_of_messages(room_id, events, history)
    return found


def _faults_of_log(room_id: str, rows: Sequence[Row], head: int) -> Iterator[Fault]:
    seqs = [row.seq for row in rows]
    if seqs != list(range(1, len(seqs) + 1)) or head != len(seqs):
        missing = sorted(set(range(1, head + 1)) - set(seqs))
        yield Fault(Wrong.GAP, room_id, f"{len(seqs)} events, the room is at {head}; missing {missing[:5]}")
    for event_id, times in Counter(row.event_id for row in rows).items():
        if times > 1:
            yield Fault(Wrong.DUPLICATE, room_id, f"event {event_id} is stored {times} times")


def _faults_of_sends(rows: Sequence[Row], sends: Sequence[Send]) -> Iterator[Fault]:
    by_key: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    by_text: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.key is not None:
            by_key[row.actor_id, row.key].append(row)
        text = _text_of(row.line)
        if text:
            by_text[text].append(row)
    people = {send.actor_id for send in sends}
    sent = {(send.actor_id, send.key) for send in sends}
    for (actor_id, key), stored in by_key.items():
        if actor_id in people and (actor_id, key) not in sent:
            yield Fault(Wrong.PHANTOM, stored[0].room_id, f"nobody sent {key}, stored at {stored[0].seq}")
    for send in sends:
        stored = by_key[send.actor_id, send.key]
        said = by_text[send.text] if send.text else []
        at = sorted({row.seq for row in stored} | {row.seq for row in said})
        if len(at) > 1:
            yield Fault(Wrong.DUPLICATE, send.room_id, f"{send.key} is stored at {at}")
        yield from _faults_of_send(send, stored)


def _faults_of_send(send: Send, stored: Sequence[Row]) -> Iterator[Fault]:
    told = {(answer.seq, answer.event_id) for answer in send.accepted}
    if len(told) > 1:
        yield Fault(Wrong.OTHER_SEQ, send.room_id, f"{send.key} was accepted as {sorted(map(str, told))}")
    if not stored and told:
        yield Fault(Wrong.LOST, send.room_id, f"{send.key} was accepted as {sorted(map(str, told))}")
    if stored and told and not told & {(row.seq, row.event_id) for row in stored}:
        yield Fault(Wrong.OTHER_SEQ, send.room_id, f"{send.key}: told {sorted(map(str, told))}, at {stored[0].seq}")
    if stored and not told:
        # The look-up of the key comes before a refusal for good; the others speak of their own attempt.
        final = [a for a in send.answers if a.refused not in {*NEVER_STORED, UNSURE}]
        all_refused = all(a.answer is not None and a.answer.refused != UNSURE for a in send.attempts)
        if final or (send.attempts and all_refused):
            codes = [answer.refused for answer in send.answers]
            yield Fault(Wrong.REFUSED_BUT_STORED, send.room_id, f"{send.key} {codes}, stored at {stored[0].seq}")
    if not send.is_resolved:
        yield Fault(Wrong.UNANSWERED, send.room_id, f"{send.key} after {len(send.attempts)} attempts")


def _faults_of_order(room_id: str, rows: Sequence[Row], sends: Sequence[Send]) -> Iterator[Fault]:
    """B sent after A's acceptance arrived has the higher seq. An attempt that was refused does not count as sent."""
    seq_of = {(row.actor_id, row.key): row.seq for row in rows if row.key is not None}
    acks = sorted((answer.at_s, answer.seq) for send in sends for answer in send.accepted if answer.seq is not None)
    stored = [(send, seq_of[send.actor_id, send.key]) for send in sends if (send.actor_id, send.key) in seq_of]
    for start, wrong in ((_first_sent_s, Wrong.REAL_TIME), (_first_kept_s, Wrong.REFUSED_BUT_STORED)):
        highest = position = 0
        for send, seq in sorted(stored, key=lambda pair: start(pair[0])):
            while position < len(acks) and acks[position][0] < start(send):
                highest = max(highest, acks[position][1])
                position += 1
            if wrong is Wrong.REFUSED_BUT_STORED and start(send) == _first_sent_s(send):
                continue
            if seq <= highest:
                yield Fault(wrong, room_id, f"{send.key} has {seq}, sent when {highest} was accepted already")


def _first_sent_s(send: Send) -> float:
    return send.attempts[0].sent_s


def _first_kept_s(send: Send) -> float:
    """When the first attempt was sent that was not refused, so the first that may have been stored."""
    for attempt in send.attempts:
        if attempt.answer is None or attempt.answer.refused not in NEVER_STORED:
            return attempt.sent_s
    return send.attempts[-1].sent_s


def _faults_of_view(view: View, rows: Sequence[Row], head: int) -> Iterator[Fault]:
    by_seq = {row.seq: row for row in rows}
    ids = {row.event_id for row in rows}
    if view.resets:
        yield Fault(Wrong.DIFFERS, view.room_id, f"{view.name} was told to reset, and no history was lost")
    for number, stretch in enumerate(view.stretches):
        name = f"{view.name}/{number}"
        at = stretch.after
        seen: set[int] = set()
        for item in stretch.seen:
            if item.seq in seen or item.seq <= stretch.after:
                yield Fault(Wrong.REPEAT, view.room_id, f"{name} saw {item.seq} again")
            elif item.seq <= at:
                yield Fault(Wrong.OUT_OF_ORDER, view.room_id, f"{name} saw {item.seq} after {at}")
            seen.add(item.seq)
            at = max(at, item.seq)
            row = by_seq.get(item.seq)
            if item.event_id not in ids:
                yield Fault(Wrong.PHANTOM, view.room_id, f"{name} saw {item.event_id} at {item.seq}")
            elif row is None or row.event_id != item.event_id or not _is_same(row.line, item.line):
                yield Fault(Wrong.DIFFERS, view.room_id, f"{name} saw another event at {item.seq}")
        missing = sorted(set(range(stretch.after + 1, at + 1)) - seen)
        if missing:
            yield Fault(Wrong.HOLE, view.room_id, f"{name} never saw {missing[:5]} of {len(missing)}, but {at}")
        if number == len(view.stretches) - 1 and at != head:
            yield Fault(Wrong.DIFFERS, view.room_id, f"{name} ends at {at}, the log at {head}")


def _faults_of_messages(room_id: str, events: Sequence[Event], history: History) -> Iterator[Fault]:
    """The message table and every snapshot are the log, folded."""
    folded: dict[str, Message] = {}
    forgotten: set[tuple[str, int]] = set()
    snapshots: defaultdict[int, list[tuple[str, Stretch]]] = defaultdict(list)
    for view in history.views:
        for stretch in view.stretches:
            if view.room_id == room_id and stretch.messages is not None:
                snapshots[stretch.after].append((view.name, stretch))
    for event in events:
        if isinstance(event, MessagePosted):
            folded[event.message.id] = message_of(event)
        else:
            touched = touched_message(event)
            if touched is not None and touched in folded:
                folded[touched] = fold_message(folded[touched], event)
        if isinstance(event, MessagePosted | MessageEdited) and event.is_redacted:
            message = folded[event.message.id if isinstance(event, MessagePosted) else event.message_id]
            forgotten.add((message.id, message.revision))
        for name, stretch in snapshots[event.seq]:
            last = list(folded.values())[-SNAPSHOT_MESSAGES:]
            there = stretch.messages or ()
            if [_bare(m, forgotten) for m in there] != [_bare(m, forgotten) for m in last]:
                yield Fault(Wrong.DIFFERS, room_id, f"the snapshot of {name} at {event.seq} is not the log's")
    table = list(history.messages.get(room_id, ()))
    if table != list(folded.values()):
        other = [m.seq for m, n in zip(table, folded.values(), strict=False) if m != n]
        yield Fault(Wrong.DIFFERS, room_id, f"the message table has {len(table)}, log {len(folded)}; at {other[:5]}")


def _faults_of_turns(room_id: str, events: Sequence[Event]) -> Iterator[Fault]:
    asked = [event.turn_id for event in events if isinstance(event, TurnRequested)]
    ended = Counter(event.turn_id for event in events if isinstance(event, TurnEnded))
    for turn_id in asked:
        if ended[turn_id] != 1:
            yield Fault(Wrong.TURN_ENDS, room_id, f"turn {turn_id} ended {ended[turn_id]} times")
    calls = {(e.turn_id, e.call_id): (e.name, e.arguments) for e in events if isinstance(e, ToolCalled)}
    starts = [(event.turn_id, event.call_id) for event in events if isinstance(event, ToolStarted)]
    # Under a new id the same call would be the same effect twice.
    same = Counter((turn_id, calls.get((turn_id, call_id), (call_id, ""))) for turn_id, call_id in starts)
    for (turn_id, call), times in same.items():
        if times > 1:
            yield Fault(Wrong.TOOL_TWICE, room_id, f"{call} {times} times in turn {turn_id}")


def _text_of(line: str) -> str | None:
    if '"message_posted"' not in line:
        return None
    event = event_adapter.validate_json(line)
    return event.message.text if isinstance(event, MessagePosted) else None


def _is_same(stored: str, seen: str) -> bool:
    """Byte for byte, except that the log forgets the text of what was deleted, or derived from it, after it was seen."""
    if stored == seen:
        return True
    if '"is_redacted":true' in stored:
        return _redacted(stored) == _redacted(seen)
    if '"type":"summary_updated"' not in stored or '"type":"summary_updated"' not in seen:
        return False
    kept, told = _summary(stored), _summary(seen)
    return set(kept.points) < set(told.points) and kept == told.model_copy(update={"points": kept.points})


def _summary(line: str) -> SummaryUpdated:
    event = event_adapter.validate_json(line)
    assert isinstance(event, SummaryUpdated), "looked at by its type"
    return event


def _redacted(line: str) -> Event:
    event = event_adapter.validate_json(line)
    bare: dict[str, object] = {"mentions": (), "mention_groups": (), "is_redacted": True}
    match event:
        case MessagePosted():
            return event.model_copy(update={**bare, "message": event.message.model_copy(update={"text": ""})})
        case MessageEdited():
            return event.model_copy(update={**bare, "text": ""})
        case ToolCalled():
            return event.model_copy(update={"arguments": "{}", "is_redacted": True})
        case ToolFinished():
            return event.model_copy(update={"text": "", "is_redacted": True})
        case _:
            return event


def _bare(message: Message, forgotten: set[tuple[str, int]]) -> Message:
    if (message.id, message.revision) not in forgotten:
        return message
    return message.model_copy(update={"text": "", "mentions": (), "mention_groups": ()})
