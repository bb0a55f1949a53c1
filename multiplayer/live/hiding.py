"""What readers with less than the whole sight of a room are told of its events and signals."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from multiplayer.live.outbox import Chunk
from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import (
    AnswerRegenerated,
    AttachmentChanged,
    FactPinned,
    MessageEdited,
    SummaryUpdated,
    event_adapter,
)
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.turn_events import ChangeProposed
from multiplayer.rooms.sight import FILE_EVENTS, Sight, without_files
from multiplayer.storage.port import Storage, StoredEvent
from multiplayer.storage.redaction import redacted


def _mark(kind: str) -> bytes:
    # Within a text the quotes are escaped, so nothing else can look like this.
    return f'"type":"{kind}"'.encode()


_OLD_WORDS: Final = tuple(
    map(
        _mark,
        (
            "message_edited",
            "answer_regenerated",
            "attachment_changed",
            "summary_updated",
            "fact_pinned",
            "change_proposed",
        ),
    )
)
_OF_FILES: Final = tuple(map(_mark, FILE_EVENTS))
# How far a recording is heard is told with them: whoever is kept from the history has less sight than that, always.
_OUTPUT: Final = (_mark("tool_output"), _mark("job_output"), _mark("transcript_progress"))
_Changed: TypeAlias = MessageEdited | AnswerRegenerated | AttachmentChanged


async def as_readable(
    storage: Storage, room_id: RoomId, events: Sequence[StoredEvent], sight: Sight
) -> Sequence[StoredEvent]:
    """Return `events` without what `sight` does not reach.

    Whoever reads from some seq on is told no summaries and facts, and no new words of messages or files before it.
    """
    if not sight.sees_workspace:
        events = [replace(stored, line=_line_without_files(stored.line)) for stored in events]
    if sight.from_seq <= 0:
        return events
    looked_at = {
        stored.seq: event_adapter.validate_json(stored.line)
        for stored in events
        if any(mark in stored.line for mark in _OLD_WORDS)
    }
    edited = [event.message_id for event in looked_at.values() if isinstance(event, _Changed)]
    known = await storage.messages(room_id, list(dict.fromkeys(edited))) if edited else {}

    def is_old(message_id: MessageId) -> bool:
        return message_id not in known or known[message_id].seq < sight.from_seq

    shown: list[StoredEvent] = []
    for stored in events:
        event = looked_at.get(stored.seq)
        if isinstance(event, SummaryUpdated):
            bare = encode(event.model_copy(update={"points": ()}))
        elif isinstance(event, FactPinned | ChangeProposed) or (
            isinstance(event, _Changed) and is_old(event.message_id)
        ):
            bare = redacted(stored.line)
        else:
            shown.append(stored)
            continue
        shown.append(replace(stored, line=bare))
    return shown


def without_workspace(chunk: Chunk) -> Chunk | None:
    """Return what everyone is told, without what quotes the workspace; None if nothing is left."""
    if not any(mark in chunk.data for mark in (*_OF_FILES, *_OUTPUT)):
        return chunk
    lines = [_line_without_files(line) for line in chunk.data.split(b"\n") if not any(mark in line for mark in _OUTPUT)]
    return replace(chunk, data=b"\n".join(lines), lines=len(lines)) if lines else None


def _line_without_files(line: bytes) -> bytes:
    if not any(mark in line for mark in _OF_FILES):
        return line
    return encode(without_files(event_adapter.validate_json(line)))
