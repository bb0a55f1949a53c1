"""What every storage promises of rooms that forget: what is due by their rules, and what was removed last."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.retention import Forgotten
from multiplayer.storage.audit_port import AuditEntry


@dataclass(frozen=True)
class Due:
    """A message that is due, or whose files are: how many those are, and how many bytes the ones have that are ready."""

    message_id: MessageId
    files: int = 0
    size: int = 0


@dataclass(frozen=True)
class DueSum:
    """All that is due. `messages` are those that go; `files` are theirs, and those of messages that only lose files."""

    messages: int = 0
    files: int = 0
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


class RetentionStore(Protocol):
    """A message is due if it was posted at or before a time, is not deleted, and not among those that are `kept`.

    Its files are due by their own time; removed ones are none any more.
    """

    async def now(self) -> datetime | None:
        """Return what the store's own clock says; None: it has none but ours."""
        ...

    async def rooms_with_due(self, *, now: datetime, most_days: int | None) -> Sequence[RoomId]:
        """Return the rooms in which something is as old as their rule says, or as `most_days`.

        Pinned messages do not count where the room's rule keeps them.
        """
        ...

    async def due_messages(
        self, room_id: RoomId, *, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        """Return the oldest due messages with all their files, oldest first."""
        ...

    async def due_files(
        self, room_id: RoomId, *, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        """Return the oldest messages that have files which are due, oldest first."""
        ...

    async def sum_due(
        self,
        room_id: RoomId,
        *,
        messages_before: datetime | None,
        files_before: datetime | None,
        kept: Collection[MessageId],
    ) -> DueSum:
        """Add up what is due; None: of that nothing. Where both are given, files are due the sooner."""
        ...

    async def note_forgotten(self, room_id: RoomId, forgotten: Forgotten, *, audit: AuditEntry) -> None:
        """Keep what was removed last in place of what was before, and write `audit` to the room's chain."""
        ...

    async def forgotten(self, room_id: RoomId) -> Forgotten | None: ...
