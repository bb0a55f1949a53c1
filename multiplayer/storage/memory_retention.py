"""`retention_port.RetentionStore` in memory."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.ids import AttachmentId, MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Forgotten
from multiplayer.storage.attachment_port import StoredUpload
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory_rooms import MemoryRoom
from multiplayer.storage.retention_port import Due, DueSum


class MemoryRetention:
    """A part of `MemoryStorage`, which has the rooms and uploads."""

    _rooms: dict[RoomId, MemoryRoom]
    _uploads: dict[AttachmentId, StoredUpload]

    def __init__(self) -> None:
        self._forgotten: dict[RoomId, Forgotten] = {}

    async def now(self) -> datetime | None:
        return None

    async def rooms_with_due(self, *, now: datetime, most_days: int | None) -> Sequence[RoomId]:
        return sorted(room_id for room_id in self._rooms if self._has_due(room_id, now, most_days))

    async def due_messages(
        self, room_id: RoomId, *, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        return [self._files_of(room_id, message.id) for message in self._due(room_id, before, kept)][:limit]

    async def due_files(
        self, room_id: RoomId, *, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        found = (self._files_of(room_id, message.id) for message in self._due(room_id, before, kept))
        return [due for due in found if due.files][:limit]

    async def sum_due(
        self,
        room_id: RoomId,
        *,
        messages_before: datetime | None,
        files_before: datetime | None,
        kept: Collection[MessageId],
    ) -> DueSum:
        times = [before for before in (messages_before, files_before) if before is not None]
        found: list[tuple[Message, Due, bool]] = []
        for message in self._due(room_id, max(times), kept) if times else ():
            due = self._files_of(room_id, message.id)
            goes = messages_before is not None and message.at <= messages_before
            if goes or due.files:
                found.append((message, due, goes))
        return DueSum(
            messages=sum(goes for _, _, goes in found),
            files=sum(due.files for _, due, _ in found),
            size=sum(due.size for _, due, _ in found),
            oldest=min((message.at for message, _, _ in found), default=None),
            newest=max((message.at for message, _, _ in found), default=None),
        )

    async def note_forgotten(self, room_id: RoomId, forgotten: Forgotten, *, audit: AuditEntry) -> None:
        self._forgotten[room_id] = forgotten
        self._rooms[room_id].add_audit([audit])

    async def forgotten(self, room_id: RoomId) -> Forgotten | None:
        return self._forgotten.get(room_id)

    def _has_due(self, room_id: RoomId, now: datetime, most_days: int | None) -> bool:
        room = self._rooms[room_id]
        rule = room.state.room.settings.retention
        days = min((one for one in (rule.messages_days, most_days) if one is not None), default=None)
        kept = room.state.pins if rule.keeps_pinned else ()
        if room.state.is_deleted:
            return False
        if days is not None and any(self._due(room_id, now - timedelta(days=days), kept)):
            return True
        if rule.files_days is None:
            return False
        old = self._due(room_id, now - timedelta(days=rule.files_days), kept)
        return any(self._files_of(room_id, message.id).files for message in old)

    def _due(self, room_id: RoomId, before: datetime, kept: Collection[MessageId]) -> Iterator[Message]:
        room = self._rooms.get(room_id)
        messages = [] if room is None else list(room.timeline.messages.values())
        for message in sorted(messages, key=lambda one: (one.at, one.seq)):
            if message.at <= before and not message.is_deleted and message.id not in kept:
                yield message

    def _files_of(self, room_id: RoomId, message_id: MessageId) -> Due:
        files = [
            one.attachment
            for one in self._uploads.values()
            if one.room_id == room_id
            and one.message_id == message_id
            and one.attachment.state is not AttachmentState.REMOVED
        ]
        return Due(message_id, len(files), sum(one.size for one in files if one.state is AttachmentState.READY))
