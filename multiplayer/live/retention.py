"""Rooms that forget: what a rule would remove is shown before it is set, and carried out hour by hour."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from multiplayer.auth.handles import OPERATOR_HANDLE
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, MessageDeleted, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.inner_commands import MAX_FORGOTTEN, ForgetFiles, ForgetMessages
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Forgotten, Glimpse, Retention, RetentionPreview, RetentionReport
from multiplayer.rooms.forgetting_rules import due_before, held_by_turns, in_force
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.state import RoomState
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.storage.retention_port import Due

LOOK_S: Final = 3_600.0
FIRST_LOOK_S: Final = 60.0
"""After the start: it has more to do then."""
BATCHES: Final = 20
"""Of one room at one look: a room that has kept all for years goes on being talked in meanwhile."""
FILES_BATCH: Final = 20
"""Messages; each has some files, and each file is an event of its own."""
_FIRST: Final = 20
_GLIMPSE: Final = 120
_PAGE: Final = 500

_log = structlog.get_logger(__name__)


class Retentions:
    """Every pod looks; what one has removed, another finds gone. `limits` has the server's own rule."""

    def __init__(self, storage: Storage, directory: Directory, clock: Clock, limits: RoomLimits) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._limits = limits
        self._next_look: datetime | None = None
        self._owed: dict[RoomId, tuple[Forgotten, Retention]] = {}
        """What was removed and could not be noted, with the rule that did it."""

    async def report(self, room_id: RoomId, reader_id: AccountId, rule: Retention | None = None) -> RetentionReport:
        """Return the room's rule, what it did, and what it (or `rule` in its place) would remove now.

        Refuses whoever may not set it.
        """
        preview = await self.preview(room_id, reader_id, rule)
        standing = (await self._directory.host(room_id)).room.state.room.settings.retention
        return RetentionReport(
            rule=standing,
            holds=in_force(standing, self._limits),
            server_days=self._limits.retention_days,
            last=await self._storage.forgotten(room_id),
            next_look=self._next_look,
            preview=preview,
        )

    async def preview(self, room_id: RoomId, reader_id: AccountId, rule: Retention | None = None) -> RetentionPreview:
        """Return what a rule (None: the room's own) would remove if it held now. Nothing is changed."""
        host = await self._directory.host(room_id)
        host.room.check(reader_id, Right.ARCHIVE)
        rule = rule or host.room.state.room.settings.retention
        holds = in_force(rule, self._limits)
        now = self._clock.now()
        messages_before, files_before = due_before(holds.messages_days, now), due_before(holds.files_days, now)
        kept = _kept(host.room.state, holds)
        total = await self._storage.sum_due(
            room_id, messages_before=messages_before, files_before=files_before, kept=kept
        )
        pins = frozenset(host.room.state.pins) if holds.keeps_pinned else frozenset[MessageId]()
        spared = await self._storage.messages(room_id, list(kept))
        due = {one.id for one in spared.values() if _is_due(one, messages_before, files_before)}
        return RetentionPreview(
            rule=rule,
            holds=holds,
            messages=total.messages,
            files=total.files,
            size=total.size,
            oldest=total.oldest,
            newest=total.newest,
            pinned_kept=len(due & pins),
            waiting=len(due - pins),
            first=await self._glimpses(room_id, messages_before, files_before, kept),
        )

    async def run(self) -> None:
        """For ever. A database that is away is looked for again at the next look."""
        await self._pause(FIRST_LOOK_S)
        while True:
            try:
                await self.look()
            except (StorageUnavailable, OutcomeUnknown) as away:
                _log.warning("retention_not_looked_at", error=str(away))
            await self._pause(LOOK_S)

    async def look(self) -> int:
        """Carry out the rules of all rooms, in each as far as one look goes; return in how many something went."""
        operator = await self._storage.find_account_by_handle(OPERATOR_HANDLE)
        if operator is None:
            _log.error("retention_has_no_operator")  # a start makes this account
            return 0
        for room_id, (forgotten, holds) in list(self._owed.items()):
            await self._note(room_id, operator.id, forgotten, holds)
        rooms = await self._storage.rooms_with_due(now=self._clock.now(), most_days=self._limits.retention_days)
        done = 0
        for room_id in rooms:
            try:
                host = await self._directory.host(room_id)
            except Refused:
                continue  # deleted since
            holds = in_force(host.room.state.room.settings.retention, self._limits)
            forgotten = await self._carry_out(host, operator.id)
            if forgotten.messages or forgotten.files:
                done += 1
                _log.info("room_forgot", room=room_id, messages=forgotten.messages, files=forgotten.files)
                await self._note(room_id, operator.id, forgotten, holds)
        return done

    async def _carry_out(self, host: RoomHost, actor_id: AccountId) -> Forgotten:
        """Remove in batches what is due, and say how much it was; the rest waits for the next look."""
        messages = files = size = 0
        for _ in range(BATCHES):
            try:
                due, ask = await self._next(host)
                gone = await ask(actor_id, due) if due else {}
            except Refused as refused:
                if refused.code is not RefusalCode.NO_CHANGE:
                    _log.info("retention_refused", room=host.room_id, code=refused.code.value)
                break
            except (StorageUnavailable, OutcomeUnknown) as away:
                _log.warning("retention_broke_off", room=host.room_id, error=str(away))
                break
            if not gone:
                break
            messages += sum(is_whole for is_whole in gone.values())
            files += sum(one.files for one in due if one.message_id in gone)
            size += sum(one.size for one in due if one.message_id in gone)
        return Forgotten(at=self._clock.now(), messages=messages, files=files, size=size)

    async def _next(self, host: RoomHost) -> "tuple[Sequence[Due], _Ask]":
        """Return what goes next, by the room as it is now, and what removes it."""
        state = host.room.state
        holds = in_force(state.room.settings.retention, self._limits)
        now, kept = self._clock.now(), _kept(state, holds)
        messages_before, files_before = due_before(holds.messages_days, now), due_before(holds.files_days, now)
        due: Sequence[Due] = ()
        if messages_before is not None:
            due = await self._storage.due_messages(host.room_id, before=messages_before, kept=kept, limit=MAX_FORGOTTEN)
        if due or files_before is None:
            return due, _Removing(host).messages
        due = await self._storage.due_files(host.room_id, before=files_before, kept=kept, limit=FILES_BATCH)
        return due, _Removing(host).files

    async def _note(self, room_id: RoomId, actor_id: AccountId, forgotten: Forgotten, holds: Retention) -> None:
        """One entry for a look: each message by itself stands in the room's log."""
        self._owed[room_id] = (forgotten, holds)
        audit = AuditEntry(
            at=forgotten.at,
            actor_id=actor_id,
            origin="server",
            action="retention_applied",
            subject=room_id,
            before=holds.model_dump_json(),
            after=forgotten.model_dump_json(exclude={"at"}),
        )
        try:
            await self._storage.note_forgotten(room_id, forgotten, audit=audit)
        except StorageUnavailable:
            return  # at the next look
        except OutcomeUnknown as unknown:
            # Perhaps it is noted, and twice would say too much: the room's log has each deletion anyway.
            _log.warning("retention_perhaps_not_noted", room=room_id, error=str(unknown))
        del self._owed[room_id]

    async def _glimpses(
        self,
        room_id: RoomId,
        messages_before: datetime | None,
        files_before: datetime | None,
        kept: Collection[MessageId],
    ) -> tuple[Glimpse, ...]:
        going: list[MessageId] = []
        if messages_before is not None:
            found = await self._storage.due_messages(room_id, before=messages_before, kept=kept, limit=_FIRST)
            going = [due.message_id for due in found]
        bare: list[MessageId] = []
        if files_before is not None and len(going) < _FIRST:
            # Files are due the sooner: whatever loses only them is younger than what goes.
            named = [*kept, *going]
            found = await self._storage.due_files(room_id, before=files_before, kept=named, limit=_FIRST - len(going))
            bare = [due.message_id for due in found]
        messages = await self._storage.messages(room_id, [*going, *bare])
        return tuple(_glimpse(messages[one], keeps_words=one in bare) for one in (*going, *bare) if one in messages)

    async def _pause(self, seconds: float) -> None:
        self._next_look = self._clock.now() + timedelta(seconds=seconds)
        await asyncio.sleep(seconds)


_Gone = dict[MessageId, bool]
"""Messages of which something went, and whether they went as a whole."""
_Ask = Callable[[AccountId, Sequence[Due]], Awaitable[_Gone]]


class _Removing:
    """One batch through the room itself, which decides again; refuses `no_change` if nothing of it was left."""

    def __init__(self, host: RoomHost) -> None:
        self._host = host

    async def messages(self, actor_id: AccountId, due: Sequence[Due]) -> _Gone:
        named = tuple(one.message_id for one in due)
        command = ForgetMessages(message_ids=named, because="retention")
        done = await self._host.ask(actor_id, command, origin="server")
        return dict.fromkeys(await self._caused(done.seq, MessageDeleted, named), True)

    async def files(self, actor_id: AccountId, due: Sequence[Due]) -> _Gone:
        named = tuple(one.message_id for one in due)
        done = await self._host.ask(actor_id, ForgetFiles(message_ids=named), origin="server")
        return dict.fromkeys(await self._caused(done.seq, AttachmentChanged, named), False)

    async def _caused(
        self, seq: int | None, kind: type[MessageDeleted | AttachmentChanged], named: Collection[MessageId]
    ) -> Sequence[MessageId]:
        """Return the messages of the first events from `seq` on, in a row, of this kind: what others did comes behind."""
        assert seq is not None, "what removes something is an event"
        found: list[MessageId] = []
        while True:
            lines = await self._host.log.events_after(self._host.room_id, seq - 1, limit=_PAGE)
            for stored in lines:
                event = event_adapter.validate_json(stored.line)
                if not isinstance(event, kind) or event.message_id not in named:
                    return found
                found.append(event.message_id)
            if not lines:
                return found
            seq += len(lines)


def _kept(state: RoomState, holds: Retention) -> frozenset[MessageId]:
    pins = frozenset(state.pins) if holds.keeps_pinned else frozenset[MessageId]()
    return held_by_turns(state) | pins


def _is_due(message: Message, messages_before: datetime | None, files_before: datetime | None) -> bool:
    if message.is_deleted:
        return False
    if messages_before is not None and message.at <= messages_before:
        return True
    has_files = any(file.state is not AttachmentState.REMOVED for file in message.attachments)
    return has_files and files_before is not None and message.at <= files_before


def _glimpse(message: Message, *, keeps_words: bool) -> Glimpse:
    text = " ".join(message.text.split())
    return Glimpse(
        message_id=message.id,
        seq=message.seq,
        author_id=message.author_id,
        at=message.at,
        text=text if len(text) <= _GLIMPSE else f"{text[: _GLIMPSE - 1]}…",
        files=tuple(one.name for one in message.attachments if one.state is not AttachmentState.REMOVED),
        keeps_words=keeps_words,
    )
