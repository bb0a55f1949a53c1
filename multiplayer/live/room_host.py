"""One live room on this pod: an inbox, and one task that owns the room and empties it in order."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from multiplayer.live.audit import Origin
from multiplayer.live.batch import Decided, Done, Outcome, Submission, answer_known, decide
from multiplayer.live.clock import Clock
from multiplayer.live.fanout import Fanout
from multiplayer.live.key_window import KeyWindow
from multiplayer.live.room_facts import load_facts
from multiplayer.live.room_memory import RECENT, RoomMemory
from multiplayer.protocol.codec import digest, encode
from multiplayer.protocol.commands import AnyCommand
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, MemberLeft, MemberRemoved, RoomDeleted, event_adapter
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.inner_commands import ExpireMember
from multiplayer.rooms.room import Room
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.port import (
    Append,
    Appended,
    KeyUse,
    NewEvent,
    OutcomeUnknown,
    Storage,
    StorageUnavailable,
    StoredEvent,
)
from multiplayer.telemetry.metrics import Metrics

MAX_WAITING = 1_000
MAX_BATCH = 512
MAX_TRIES = 12
PAGE = 500

_log = structlog.get_logger(__name__)


class RoomHost:
    """What everyone sees of the room is `memory`: the committed state, told to the fan-out event by event."""

    def __init__(
        self,
        room: Room,
        memory: RoomMemory,
        storage: Storage,
        cache: CachedLog,
        clock: Clock,
        metrics: Metrics,
        listeners: Sequence["Listener"],
    ) -> None:
        """`listeners` hear every batch of committed events after the fan-out, on this loop; they must not fail."""
        self._room = room
        self._listeners = listeners
        self.memory = memory
        self._storage = storage
        self._cache = cache
        self._clock = clock
        self._metrics = metrics
        self._inbox: deque[Submission] = deque()
        self._wake = asyncio.Event()
        self._keys = KeyWindow()
        self._waiting_for_seq: list[tuple[int, asyncio.Event]] = []
        self._is_behind = False
        self._is_stopping = False
        self.idle_since_s = clock.monotonic_s()

    @property
    def room_id(self) -> RoomId:
        return self._room.state.room.id

    @property
    def room(self) -> Room:
        """The room as committed and told. Look, do not change."""
        return self._room

    @property
    def fanout(self) -> Fanout:
        return self.memory.fanout

    @property
    def log(self) -> CachedLog:
        """The room's events as this pod has them: recent ones come without a look at the database."""
        return self._cache

    @property
    def is_stopped(self) -> bool:
        return self._is_stopping

    @property
    def is_idle(self) -> bool:
        return not self._inbox and not len(self.fanout) and not self._room.state.turns

    def submit(
        self,
        actor_id: AccountId,
        command: AnyCommand,
        *,
        key: str | None,
        origin: Origin,
        done: Callable[[Outcome], None],
    ) -> None:
        """Put a command into the inbox; `done` is called once, on this loop, when it is committed or refused."""
        if self._is_stopping:
            done(Refused(RefusalCode.BUSY, "this room moves; try again", retry_after_s=0.2))
            return
        if len(self._inbox) >= MAX_WAITING:
            done(Refused(RefusalCode.BUSY, "too much waits in this room; try again", retry_after_s=1.0))
            return
        self._inbox.append(
            Submission(actor_id, command, key, origin, done, digest(command) if key is not None else None)
        )
        self.idle_since_s = self._clock.monotonic_s()
        self._wake.set()

    async def ask(self, actor_id: AccountId, command: AnyCommand, *, key: str | None = None, origin: Origin) -> Done:
        """Submit and wait; raise `Refused`. The caller may go away: what was taken is carried out all the same."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not answered.done():
                answered.set_result(outcome)

        self.submit(actor_id, command, key=key, origin=origin, done=done)
        outcome = await answered
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    def catch_up(self) -> None:
        """Another pod appended: read what is missing, in order with everything else."""
        self._is_behind = True
        self._wake.set()

    async def read_up_to(self, seq: int) -> None:
        """Wait until the room has read on to `seq`, if the log goes that far."""
        if (await self._storage.seqs([self.room_id])).get(self.room_id, 0) < seq:
            return
        reached = asyncio.Event()
        self._waiting_for_seq.append((seq, reached))
        self.catch_up()
        await reached.wait()

    @property
    def has_expired_members(self) -> bool:
        return bool(self._expired())

    async def expire_members(self) -> None:
        """End every guest's membership that is over."""
        for account_id in self._expired():
            # Refused: another pod did it, or the database is away and the next round tries again.
            with suppress(Refused):
                await self.ask(account_id, ExpireMember(account_id=account_id), origin="server")

    def _expired(self) -> list[AccountId]:
        now = self._clock.now()
        return [
            member.account_id
            for member in self._room.state.members.values()
            if member.until is not None and member.until <= now
        ]

    def stop(self) -> None:
        """Take nothing more; what waits is still carried out, then `run` ends."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Own the room until `stop`. An unexpected error fails who waits and restarts the room from its log."""
        try:
            while True:
                while not self._inbox and not self._is_behind:
                    if self._is_stopping:
                        return
                    self._wake.clear()
                    await self._wake.wait()
                batch = [self._inbox.popleft() for _ in range(min(len(self._inbox), MAX_BATCH))]
                try:
                    if self._is_behind:
                        await self._read_on()
                    if batch:
                        self._metrics.batch.observe(len(batch))
                        await self._carry_out(batch)
                except StorageUnavailable:
                    self._refuse_all(batch, RefusalCode.UNAVAILABLE, "the database cannot be reached; try again")
                    await self._wait_for_storage()
                except OutcomeUnknown:
                    self._refuse_all(batch, RefusalCode.UNKNOWN, "it may be stored: retry with the same key")
                    self._is_behind = True
                    await self._wait_for_storage()
                except Exception:
                    _log.exception("room_restarts", room=self.room_id)
                    self._metrics.room_restarts.inc()
                    self._refuse_all(batch, RefusalCode.UNKNOWN, "something broke here; retry with the same key")
                    await self._reload()
        finally:
            self.memory.close()
            self._wake_readers()
            self._refuse_all(list(self._inbox), RefusalCode.BUSY, "this room moves; try again")
            self._inbox.clear()

    async def _carry_out(self, batch: list[Submission]) -> None:
        """Decide, store, remember, tell; decide again when another pod was first or a key turns out to be known."""
        waiting = batch
        for attempt in range(MAX_TRIES):
            if attempt:
                await self._read_on()
            facts = await load_facts(self._storage, self._room, self.memory, waiting)
            tentative = self._room.copy()
            decided, refused = decide(waiting, tentative, facts, self._keys, self._clock)
            await self._answer_refused(refused)
            if not decided:
                return
            outcome = await self._append(decided)
            if outcome is Appended.COMMITTED:
                # Ack the senders first, then tell everyone.
                for item in decided:
                    first = item.events[0] if item.events else None
                    for submission in item.askers:
                        submission.answer(Done(first.seq, first.id) if first else Done())
                self._remember(tentative, [event for item in decided for event in item.events])
                return
            if outcome is Appended.CONFLICT:
                self._metrics.conflicts.inc()
            else:
                await self._answer_known(decided)
            waiting = [asker for item in decided for asker in item.askers if not asker.is_answered]
            if not waiting:
                return
        self._refuse_all(waiting, RefusalCode.BUSY, "many write to this room at once; try again")

    async def _append(self, decided: list[Decided]) -> Appended:
        new: list[NewEvent] = []
        audit: list[AuditEntry] = []
        for item in decided:
            for index, event in enumerate(item.events):
                is_first = index == 0
                new.append(
                    NewEvent(
                        event,
                        encode(event),
                        item.submission.key if is_first else None,
                        item.submission.digest if is_first else None,
                    )
                )
            audit += item.audit
        if not new:
            return Appended.COMMITTED
        with self._metrics.append_s.time():
            outcome = await self._storage.append(Append(self.room_id, self._room.seq, tuple(new), tuple(audit)))
        if outcome is Appended.COMMITTED:
            self._cache.remember(
                self.room_id, [StoredEvent(stored.event.seq, stored.event.id, stored.line) for stored in new]
            )
            self.memory.note_lines((stored.event.seq, stored.line) for stored in new)
            for stored in new:
                if stored.key is not None and stored.digest is not None:
                    use = KeyUse(stored.event.seq, stored.event.id, stored.digest)
                    self._keys.add(stored.event.actor_id, stored.key, use)
        return outcome

    async def _answer_refused(self, refused: list[tuple[Submission, Refused]]) -> None:
        """Look the keys up before refusing: what was stored once is accepted for ever, whoever may no longer post."""
        keys = [(item.actor_id, item.key) for item, _ in refused if item.key is not None]
        known = await self._storage.find_keys(self.room_id, keys) if keys else {}
        for submission, refusal in refused:
            use = known.get((submission.actor_id, submission.key)) if submission.key is not None else None
            outcome = answer_known(submission, use) if use is not None else refusal
            if isinstance(outcome, Refused):
                self._metrics.refusals.labels(outcome.code.value).inc()
            submission.answer(outcome)

    async def _answer_known(self, decided: list[Decided]) -> None:
        keys = [(item.submission.actor_id, item.submission.key) for item in decided if item.submission.key is not None]
        known = await self._storage.find_keys(self.room_id, keys)
        for item in decided:
            key = item.submission.key
            use = known.get((item.submission.actor_id, key)) if key is not None else None
            if use is not None:
                for submission in item.askers:
                    submission.answer(answer_known(submission, use))

    def _remember(self, room: Room, events: Sequence[Event]) -> None:
        for event in events:
            self._metrics.count_event(event.type)
        self._tell(room, events)

    def _tell(self, room: Room, events: Sequence[Event]) -> None:
        self._room = room
        self.memory.tell(events)
        self._wake_readers()
        for event in events:
            self._show_out(event)
        for listener in self._listeners:
            listener(self, events)

    def _wake_readers(self) -> None:
        for seq, reached in self._waiting_for_seq:
            if seq <= self._room.seq or self._is_stopping:
                reached.set()
        self._waiting_for_seq = [waiting for waiting in self._waiting_for_seq if not waiting[1].is_set()]

    def _show_out(self, event: Event) -> None:
        """Who left or was removed hears that last, and nothing after it."""
        match event:
            case MemberLeft() | MemberRemoved():
                gone = [s for s in self.fanout.subscribers if s.account_id == event.account_id]
            case RoomDeleted():
                gone = list(self.fanout.subscribers)
            case _:
                return
        self.fanout.flush()
        for subscriber in gone:
            subscriber.show_out(self.room_id, event.seq)
            self.memory.exit(subscriber)

    async def _read_on(self) -> None:
        """Take from the log what other pods appended."""
        self._is_behind = False
        while True:
            stored = await self._storage.events_after(self.room_id, self._room.seq, limit=PAGE)
            if not stored:
                await self._check_history()
                return
            events = [event_adapter.validate_json(item.line) for item in stored]
            room = self._room.copy()
            for event in events:
                room.apply(event)
            self._cache.remember(self.room_id, stored)
            self.memory.note_lines((item.seq, item.line) for item in stored)
            self._tell(room, events)

    async def _check_history(self) -> None:
        """A log that ends before what we hold has lost events, and others may come under their numbers: begin anew."""
        seq = (await self._storage.seqs([self.room_id])).get(self.room_id)
        if seq is None or seq >= self._room.seq:
            return
        _log.error("room_lost_events", room=self.room_id, held=self._room.seq, stored=seq)
        self._cache.forget(self.room_id)
        self._keys = KeyWindow()
        await self._reload()
        self.memory.start_over("the database lost what came after this")

    async def _reload(self) -> None:
        """Drop what is held and take the room from its log; whoever listens reads on from what it has."""
        while not self._is_stopping:
            try:
                state = await self._storage.load(self.room_id)
                recent = await self._storage.recent_messages(self.room_id, limit=RECENT)
            except StorageUnavailable:
                await self._wait_for_storage()
                continue
            if state is None:
                self.stop()
                return
            self._room = self._room.over(state)
            self.memory.replace_recent([message for message in recent if message.seq <= state.seq])
            self._wake_readers()
            return

    async def _wait_for_storage(self) -> None:
        delay_s = 0.05
        while not self._is_stopping:
            try:
                await self._storage.check()
            except StorageUnavailable:
                await asyncio.sleep(delay_s)
                delay_s = min(1.0, delay_s * 2)
                waiting = list(self._inbox)
                self._inbox.clear()
                self._refuse_all(waiting, RefusalCode.UNAVAILABLE, "the database cannot be reached; try again")
            else:
                return

    def _refuse_all(self, submissions: Iterable[Submission], code: RefusalCode, message: str) -> None:
        for submission in submissions:
            if not submission.is_answered:
                self._metrics.refusals.labels(code.value).inc()
                submission.answer(Refused(code, message, retry_after_s=1.0))


Listener = Callable[[RoomHost, Sequence[Event]], None]
