"""The arrays of the one hot statement: what waits, as columns for UNNEST."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from multiplayer.protocol.events import MessagePosted
from multiplayer.storage.message_rows import found_by, more_of_body
from multiplayer.storage.port import Append
from multiplayer.storage.search_words import words_of

Chain: TypeAlias = Sequence[Append]
"""Appends of one room that follow upon each other."""

_EVENT_COLUMNS = 9
_MESSAGE_COLUMNS = 14


def is_hot(append: Append) -> bool:
    """Tell whether the one statement is all that this append needs."""
    return not append.audit and all(
        type(new.event) is MessagePosted and not new.event.message.attachments for new in append.events
    )


def check(append: Append) -> None:
    assert append.events, "an append of nothing"
    for seq, new in enumerate(append.events, append.expected + 1):
        assert new.event.seq == seq, f"event {new.event.seq} where {seq} is due in {append.room_id}"
        assert new.event.room_id == append.room_id, "an event of another room"
        assert (new.key is None) == (new.digest is None), "a key comes with its command's digest"


def pages_of(append: Append, size: int) -> Iterator[Append]:
    """Yield the same events in appends that follow upon each other; the audit comes with the last."""
    for first in range(0, len(append.events), size):
        events = append.events[first : first + size]
        audit = append.audit if first + size >= len(append.events) else ()
        yield replace(append, expected=append.expected + first, events=events, audit=audit)


def statement_arguments(chains: Sequence[Chain]) -> list[list[object]]:
    """Return the arguments of `append_events`."""
    rooms: list[list[object]] = [[], [], []]
    event_rows: list[tuple[object, ...]] = []
    message_rows: list[tuple[object, ...]] = []
    for chain in chains:
        room_id = chain[0].room_id
        rooms[0].append(room_id)
        rooms[1].append(chain[0].expected)
        rooms[2].append(sum(len(append.events) for append in chain))
        for append in chain:
            for new in append.events:
                event = new.event
                event_rows.append(
                    (
                        room_id,
                        event.seq,
                        event.id,
                        event.at,
                        event.actor_id,
                        event.type,
                        new.line.decode(),
                        new.key,
                        new.digest,
                    )
                )
                if type(event) is MessagePosted:
                    message_rows.append(_message_row(event))
    return rooms + _columns(event_rows, _EVENT_COLUMNS) + _columns(message_rows, _MESSAGE_COLUMNS)


def _message_row(event: MessagePosted) -> tuple[object, ...]:
    body = event.message
    found = found_by(body.text, body.cards, body.attachments)
    return (
        event.room_id,
        body.id,
        event.seq,
        event.actor_id,
        event.at,
        body.text,
        body.reply_to,
        body.thread_root,
        body.turn_id,
        " ".join(event.mentions),
        " ".join(event.mention_groups),
        " ".join(words_of(body.text if found is None else found)),
        more_of_body(body),
        found,
    )


def _columns(rows: list[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
