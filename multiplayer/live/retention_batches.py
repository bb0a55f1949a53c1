"""What is due in a room goes in batches, through the room itself, which decides again about each thing."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from multiplayer.live.clock import Clock
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, MessageDeleted, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.inner_commands import MAX_FORGOTTEN, ForgetFiles, ForgetMessages
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Retention
from multiplayer.rooms.forgetting_rules import due_before, held_by_turns, in_force
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.state import RoomState
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.storage.retention_port import Due

FILES_BATCH: Final = 20
"""Messages; each has some files, and each file is an event of its own."""
_PAGE: Final = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Removed:
    messages: int = 0
    files: int = 0
    size: int = 0


class Batches:
    """Of one room. A batch returns what it has removed, or None when nothing is left that it could.

    Raises `StorageUnavailable`, and `OutcomeUnknown` where nothing is seen to be gone.
    """

    def __init__(self, storage: Storage, host: RoomHost, clock: Clock, limits: RoomLimits) -> None:
        self._storage = storage
        self._host = host
        self._clock = clock
        self._limits = limits

    async def messages(self, actor_id: AccountId) -> Removed | None:
        """Remove the oldest messages that are due by the room as it is now."""
        holds, kept = self._now()
        before = due_before(holds.messages_days, self._clock.now())
        if before is None:
            return None
        due = await self._storage.due_messages(self._host.room_id, before=before, kept=kept, limit=MAX_FORGOTTEN)
        if not due:
            return None
        command = ForgetMessages(message_ids=_ids(due), because="retention")
        gone = await self._remove(actor_id, command, MessageDeleted, _is_gone)
        return _sum(due, gone, messages=len(gone)) if gone else None

    async def files(self, actor_id: AccountId) -> Removed | None:
        """Remove the files of the oldest messages that have some which are due."""
        holds, kept = self._now()
        before = due_before(holds.files_days, self._clock.now())
        if before is None:
            return None
        due = await self._storage.due_files(self._host.room_id, before=before, kept=kept, limit=FILES_BATCH)
        if not due:
            return None
        gone = await self._remove(actor_id, ForgetFiles(message_ids=_ids(due)), AttachmentChanged, _has_no_files)
        return _sum(due, gone, messages=0) if gone else None

    def _now(self) -> tuple[Retention, frozenset[MessageId]]:
        state = self._host.room.state
        holds = in_force(state.room.settings.retention, self._limits)
        return holds, kept_in(state, holds)

    async def _remove(
        self,
        actor_id: AccountId,
        command: ForgetMessages | ForgetFiles,
        kind: type[MessageDeleted | AttachmentChanged],
        is_gone: Callable[[Message], bool],
    ) -> Collection[MessageId]:
        """Return the messages of which something went."""
        try:
            done = await self._host.ask(actor_id, command, origin="server")
        except Refused as refused:
            match refused.code:
                case RefusalCode.UNKNOWN:
                    # What is gone would never be counted: it is not due any more.
                    known = await self._storage.messages(self._host.room_id, command.message_ids)
                    gone = {message.id for message in known.values() if is_gone(message)}
                    if not gone:
                        raise OutcomeUnknown(refused.message) from refused
                    return gone
                case RefusalCode.UNAVAILABLE:
                    raise StorageUnavailable(refused.message) from refused
                case RefusalCode.NO_CHANGE:
                    return ()
                case code:
                    _log.info("retention_refused", room=self._host.room_id, code=code.value)
                    return ()
        return await self._caused(done.seq, kind, command.message_ids)

    async def _caused(
        self, seq: int | None, kind: type[MessageDeleted | AttachmentChanged], named: Collection[MessageId]
    ) -> Collection[MessageId]:
        """Return the messages of the first events from `seq` on, in a row, of this kind: what others did comes behind."""
        assert seq is not None, "what removes something is an event"
        found: dict[MessageId, None] = {}
        while True:
            lines = await self._host.log.events_after(self._host.room_id, seq - 1, limit=_PAGE)
            for stored in lines:
                event = event_adapter.validate_json(stored.line)
                if not isinstance(event, kind) or event.message_id not in named:
                    return found
                found[event.message_id] = None
            if not lines:
                return found
            seq += len(lines)


def kept_in(state: RoomState, holds: Retention) -> frozenset[MessageId]:
    """Return the messages that stay for now, however old: what turns are about, and pins where the rule keeps them."""
    pins = frozenset(state.pins) if holds.keeps_pinned else frozenset[MessageId]()
    return held_by_turns(state) | pins


def _ids(due: Sequence[Due]) -> tuple[MessageId, ...]:
    return tuple(one.message_id for one in due)


def _is_gone(message: Message) -> bool:
    return message.is_deleted and message.deleted_because == "retention"


def _has_no_files(message: Message) -> bool:
    return not message.is_deleted and all(file.state is AttachmentState.REMOVED for file in message.attachments)


def _sum(due: Sequence[Due], gone: Collection[MessageId], *, messages: int) -> Removed:
    lost = [one for one in due if one.message_id in gone]
    return Removed(messages, sum(one.files for one in lost), sum(one.size for one in lost))
