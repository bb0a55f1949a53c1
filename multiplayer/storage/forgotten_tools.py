"""What tools were told and brought goes with messages and files: calls of turns they asked for, and what quotes them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import MessageId, RoomId, TurnId
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.queries import Queries
from multiplayer.storage.redaction import Quotable, call_in, redacted

_PAGE: Final = 500
"""Lines that one statement looks through: a few megabytes of text."""


@dataclass
class Gone:
    """What went in one transaction, room by room."""

    quotable: dict[RoomId, dict[Quotable, None]] = field(default_factory=lambda: defaultdict(dict))
    """How copies of it are known in what tools said."""
    messages: dict[RoomId, dict[MessageId, int]] = field(default_factory=lambda: defaultdict(dict))
    """Deleted messages, with the seq of the deletion."""
    answered: dict[RoomId, dict[TurnId, int]] = field(default_factory=lambda: defaultdict(dict))
    """The turns whose answers they were, with the same."""


async def keep_tool_lines(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Remember the lines that hold what tools were told or brought."""
    lines: list[tuple[object, ...]] = [
        (event.room_id, event.seq, *call) for event in events if (call := call_in(event)) is not None
    ]
    if lines:
        await connection.execute(queries["put_tool_lines"], *columns(lines))


async def forget_tools(connection: Connection, queries: Queries, events: Sequence[Event], gone: Gone) -> None:
    """Empty the lines that go with what is `gone`, and those of turns that end now and were asked for by such messages."""
    places: list[tuple[object, ...]] = []
    for room_id, quotable in gone.quotable.items():
        places += await _quoting(connection, queries, room_id, list(quotable))
    ended = {event.turn_id: event.seq for event in events if isinstance(event, TurnEnded)}
    if ended:
        turns = await connection.fetch(queries["ended_turns_of_deleted"], list(ended), list(ended.values()))
        places += await _taken(connection, queries, [(row["room_id"], row["id"], row["until"]) for row in turns])
    for room_id, messages in gone.messages.items():
        asked = await connection.fetch(queries["turns_asked_by"], room_id, list(messages), list(messages.values()))
        turns_of_room: list[tuple[object, ...]] = [(room_id, row["id"], row["until"]) for row in asked]
        turns_of_room += [(room_id, turn_id, until) for turn_id, until in gone.answered[room_id].items()]
        places += await _taken(connection, queries, turns_of_room)
    if places:
        rows = await connection.fetch(queries["lines_to_redact"], *columns(places))
        bare: list[tuple[object, ...]] = [
            (row["room_id"], row["seq"], redacted(row["body"].encode()).decode()) for row in rows
        ]
        await connection.execute(queries["redact_lines"], *columns(bare))
        await connection.execute(queries["remove_digests"], *columns(places))


async def _taken(connection: Connection, queries: Queries, turns: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    rows = await connection.fetch(queries["take_tool_lines_of_turns"], *columns(turns)) if turns else []
    return [(row["room_id"], row["seq"]) for row in rows]


async def _quoting(
    connection: Connection, queries: Queries, room_id: RoomId, quotable: Sequence[Quotable]
) -> list[tuple[object, ...]]:
    """Take the lines that quote any of this, page by page: one statement through a long log would take too long."""
    asked = columns([(one.trace.words, one.trace.beside, one.after, one.until) for one in quotable])
    seq = min(one.after for one in quotable)
    last = max(one.until for one in quotable)
    places: list[tuple[object, ...]] = []
    while True:
        looked = await connection.fetch(queries["tool_lines_quoting"], room_id, seq, last, _PAGE, *asked)
        found: list[tuple[object, ...]] = [
            (room_id, row["turn_id"], row["call_id"], row["seq"], row["until"])
            for row in looked
            if row["until"] is not None
        ]
        if found:
            rows = await connection.fetch(queries["take_tool_lines_of_calls"], *columns(found))
            places += [(row["room_id"], row["seq"]) for row in rows]
        if len(looked) < _PAGE:
            return places
        seq = looked[-1]["seq"]
