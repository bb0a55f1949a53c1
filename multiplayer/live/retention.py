"""Rooms that forget: what a rule would remove is shown before it is set, and carried out hour by hour."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from multiplayer.auth.handles import OPERATOR_HANDLE
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.retention_batches import Batches, Removed, kept_in
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Forgotten, Glimpse, Retention, RetentionPreview, RetentionReport
from multiplayer.rooms.forgetting_rules import due_before, in_force
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.permissions import Right
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable

LOOK_S: Final = 3_600.0
FIRST_LOOK_S: Final = 60.0
"""After the start: it has more to do then."""
BATCHES: Final = 20
"""Of one room at one look: a room that has kept all for years goes on being talked in meanwhile."""
GO_ON_S: Final = 5.0
"""After a look that did not come to the end in some rooms: in those it goes on then."""
MOST_SKEW_S: Final = 3_600.0
"""Between our clock and the database's. Days are what is counted in."""
_FIRST: Final = 20
_GLIMPSE: Final = 120

_log = structlog.get_logger(__name__)


class Retentions:
    """Every pod looks; what one has removed, another finds gone. `limits` has the server's own rule."""

    def __init__(self, storage: Storage, directory: Directory, clock: Clock, limits: RoomLimits) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._limits = limits
        self._next_look: datetime | None = None
        self.unfinished: Sequence[RoomId] = ()
        """Rooms in which the last look left something that is due."""
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
        kept = kept_in(host.room.state, holds)
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
        """For ever: all rooms every hour, and those in which a look did not come to the end some seconds later again.

        A database that is away is looked for again at the next look.
        """
        await self._pause(FIRST_LOOK_S)
        while True:
            ends_s = self._clock.monotonic_s() + LOOK_S
            await self._try()
            while self.unfinished and self._clock.monotonic_s() + GO_ON_S < ends_s:
                await self._pause(GO_ON_S)
                await self._try(self.unfinished)
            await self._pause(max(0.0, ends_s - self._clock.monotonic_s()))

    async def _try(self, rooms: Sequence[RoomId] | None = None) -> None:
        try:
            await self.look(rooms)
        except (StorageUnavailable, OutcomeUnknown) as away:
            _log.warning("retention_not_looked_at", error=str(away))

    async def look(self, rooms: Sequence[RoomId] | None = None) -> int:
        """Carry out the rules of these rooms (None: of all), in each as far as one look goes; return in how many something went.

        What that did not come to the end of is `unfinished`.
        """
        self.unfinished = ()
        if not await self._agrees_on_the_time():
            return 0
        operator = await self._storage.find_account_by_handle(OPERATOR_HANDLE)
        if operator is None:
            _log.error("retention_has_no_operator")  # a start makes this account
            return 0
        for room_id in list(self._owed):
            await self._settle(room_id, operator.id)
        if rooms is None:
            rooms = await self._storage.rooms_with_due(now=self._clock.now(), most_days=self._limits.retention_days)
        done = 0
        unfinished: list[RoomId] = []
        for room_id in rooms:
            try:
                host = await self._directory.host(room_id)
            except Refused:
                continue  # deleted since
            except (StorageUnavailable, OutcomeUnknown) as away:
                # The rooms behind it are not to wait for one that cannot be read.
                _log.warning("retention_not_looked_at", room=room_id, error=str(away))
                continue
            holds = in_force(host.room.state.room.settings.retention, self._limits)
            forgotten, is_finished = await self._carry_out(host, operator.id)
            if not is_finished:
                unfinished.append(room_id)
            if forgotten.messages or forgotten.files:
                done += 1
                _log.info("room_forgot", room=room_id, messages=forgotten.messages, files=forgotten.files)
                self._owe(room_id, forgotten, holds)
                await self._settle(room_id, operator.id)
        self.unfinished = tuple(unfinished)
        return done

    async def _agrees_on_the_time(self) -> bool:
        """Whether our clock is about the database's: by a wrong one, what is young looks old, and is gone for good."""
        theirs = await self._storage.now()
        off_s = 0.0 if theirs is None else abs((self._clock.now() - theirs).total_seconds())
        if off_s > MOST_SKEW_S:
            _log.warning("retention_waits_for_the_clock", off_s=round(off_s), database=str(theirs))
        return off_s <= MOST_SKEW_S

    async def _carry_out(self, host: RoomHost, actor_id: AccountId) -> tuple[Forgotten, bool]:
        """Remove in batches what is due; say how much it was, and whether it was all."""
        batches = Batches(self._storage, host, self._clock, self._limits)
        left = [batches.messages, batches.files]
        removed: list[Removed] = []
        try:
            for _ in range(BATCHES):
                # By turns: files do not wait until all messages are gone.
                for remove in tuple(left):
                    went = await remove(actor_id)
                    if went is None:
                        left.remove(remove)
                    else:
                        removed.append(went)
                if not left:
                    break
        except (StorageUnavailable, OutcomeUnknown) as away:
            _log.warning("retention_broke_off", room=host.room_id, error=str(away))
        forgotten = Forgotten(
            at=self._clock.now(),
            messages=sum(one.messages for one in removed),
            files=sum(one.files for one in removed),
            size=sum(one.size for one in removed),
        )
        return forgotten, not left

    def _owe(self, room_id: RoomId, forgotten: Forgotten, holds: Retention) -> None:
        """Remember what is to be noted, with what could not be noted before."""
        before, _ = self._owed.get(room_id, (None, holds))
        if before is not None:
            forgotten = Forgotten(
                at=forgotten.at,
                messages=before.messages + forgotten.messages,
                files=before.files + forgotten.files,
                size=before.size + forgotten.size,
            )
        self._owed[room_id] = (forgotten, holds)

    async def _settle(self, room_id: RoomId, actor_id: AccountId) -> None:
        """One entry for a look: each message by itself stands in the room's log."""
        forgotten, holds = self._owed[room_id]
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
