"""Reads stretches of a room's log and decodes them aside, so that a long one holds nobody else up."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from multiplayer.protocol.events import Event, event_adapter
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.port import Storage, StoredEvent

PAGE: Final = 500


async def events_between(
    storage: Storage, room_id: RoomId, after: int, up_to: int, *, marks: Collection[bytes] = ()
) -> list[Event]:
    """Return the events with `after` < seq <= `up_to`; with `marks`, only those whose line holds one of them."""
    seq = after
    events: list[Event] = []
    while seq < up_to:
        page = await storage.events_after(room_id, seq, limit=min(PAGE, up_to - seq))
        if not page:
            break
        events += await asyncio.to_thread(_decoded, page, marks)
        seq = page[-1].seq
    return events


def _decoded(page: Sequence[StoredEvent], marks: Collection[bytes]) -> list[Event]:
    return [
        event_adapter.validate_json(stored.line)
        for stored in page
        if not marks or any(mark in stored.line for mark in marks)
    ]
