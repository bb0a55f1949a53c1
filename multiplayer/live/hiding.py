"""What a guest who is kept from the history is told of events that carry words from before."""

from collections.abc import Sequence
from dataclasses import replace

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import AnswerRegenerated, FactPinned, MessageEdited, SummaryUpdated, event_adapter
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.storage.port import Storage, StoredEvent
from multiplayer.storage.redaction import redacted

# Lines that may need a second look; within a text the quotes are escaped, so nothing else can look like this.
_MARKS = (
    b'"type":"message_edited"',
    b'"type":"answer_regenerated"',
    b'"type":"summary_updated"',
    b'"type":"fact_pinned"',
)


async def as_readable(
    storage: Storage, room_id: RoomId, events: Sequence[StoredEvent], readable_from: int
) -> Sequence[StoredEvent]:
    """Return `events` with summaries, facts, and new words of messages before `readable_from`, without their words."""
    if readable_from <= 0:
        return events
    looked_at = {
        stored.seq: event_adapter.validate_json(stored.line)
        for stored in events
        if any(mark in stored.line for mark in _MARKS)
    }
    edited = [event.message_id for event in looked_at.values() if isinstance(event, MessageEdited | AnswerRegenerated)]
    known = await storage.messages(room_id, list(dict.fromkeys(edited))) if edited else {}

    def is_old(message_id: MessageId) -> bool:
        return message_id not in known or known[message_id].seq < readable_from

    shown: list[StoredEvent] = []
    for stored in events:
        event = looked_at.get(stored.seq)
        if isinstance(event, SummaryUpdated):
            bare = encode(event.model_copy(update={"points": ()}))
        elif isinstance(event, FactPinned) or (
            isinstance(event, MessageEdited | AnswerRegenerated) and is_old(event.message_id)
        ):
            bare = redacted(stored.line)
        else:
            shown.append(stored)
            continue
        shown.append(replace(stored, line=bare))
    return shown
