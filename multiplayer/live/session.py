"""One connected client, whatever its transport: who it is, which rooms it has open, what it is still owed."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from multiplayer.auth.port import Identity
from multiplayer.live.audit import Origin
from multiplayer.live.batch import Outcome
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.door import Door
from multiplayer.live.hiding import as_readable, without_workspace
from multiplayer.live.outbox import FRAME_BYTES, MAX_BYTES, Chunk, Outbox
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId, SessionId
from multiplayer.protocol.members import Account
from multiplayer.protocol.requests import Join, Leave, Ping, Renew, Request
from multiplayer.protocol.rooms import Snapshot
from multiplayer.protocol.signals import Accepted, Closing, Joined, Pong, RefusedLine, Reset, SessionExpiring
from multiplayer.rooms.limits import TokenBucket
from multiplayer.rooms.snapshot import snapshot_of
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable, StoredEvent

PAGE = 500
WARNING_S = 60.0


class Spawn(Protocol):
    """Runs what a session has to do beside its transport; calls `broke` if an unexpected error ended it."""

    def __call__(self, work: Callable[[], Coroutine[None, None, None]], *, broke: Callable[[], None]) -> None: ...


@dataclass(frozen=True)
class SessionLimits:
    commands_per_s: float = 20
    commands_burst: float = 40
    sessions_per_account: int = 20
    sessions_per_address: int = 200
    rooms_per_session: int = 200
    too_slow_s: float = 10
    """How long a session may stay behind without draining before it is closed."""


@dataclass(slots=True)
class OpenRoom:
    """A room that this session has joined. Everything up to `sent_seq` is in the outbox or gone out."""

    host: RoomHost
    sent_seq: int
    is_behind: bool = False
    last_seq: int | None = None
    """The event after which nothing may be told: the membership ended with it."""
    page: int = PAGE
    """How many events the next replay asks for: fewer where they are long, so that memory stays bounded."""


class Session:
    def __init__(
        self,
        session_id: SessionId,
        identity: Identity,
        account: Account,
        *,
        address: str,
        origin: Origin,
        epoch: str,
        directory: Directory,
        door: Door,
        storage: Storage,
        cache: CachedLog,
        clock: Clock,
        limits: SessionLimits,
        renew: Callable[[Renew], Coroutine[None, None, Identity]],
        spawn: Spawn,
        skipped: Callable[[int], None],
    ) -> None:
        """`renew` verifies a new credential; `spawn` runs what this session has to do beside its transport."""
        self.id = session_id
        self.identity = identity
        self.account = account
        self.address = address
        self.outbox = Outbox()
        self.closing: Closing | None = None
        self._origin: Origin = origin
        self._epoch = epoch
        self._directory = directory
        self._door = door
        self._storage = storage
        self._cache = cache
        self._clock = clock
        self._limits = limits
        self._renew = renew
        self._spawn = spawn
        self._skipped = skipped
        self._rooms: dict[RoomId, OpenRoom] = {}
        self._bucket = TokenBucket(limits.commands_per_s, limits.commands_burst, clock.monotonic_s())
        self._is_catching_up = False
        # In the loop's next turn: by then whoever opened the session has put the welcome first.
        self._timer: asyncio.Handle | None = asyncio.get_running_loop().call_soon(self._watch_expiry)

    @property
    def account_id(self) -> AccountId:
        return self.account.id

    def has_joined(self, room_id: RoomId) -> bool:
        return room_id in self._rooms

    async def handle(self, request: Join | Leave | Ping | Renew | Request) -> None:
        """Take one line of the client; the answer goes into the outbox. Never raises for what a client can cause."""
        wait_s = self._bucket.take(self._clock.monotonic_s())
        if wait_s:
            self.refuse(
                request.id, Refused(RefusalCode.RATE_LIMITED, "too many commands at once", retry_after_s=wait_s)
            )
            return
        await self.carry_out(request)

    async def carry_out(self, request: Join | Leave | Ping | Renew | Request) -> None:
        """As `handle`, but not counted against the limit: for the joins that one request of a client asks for."""
        try:
            match request:
                case Ping():
                    self.outbox.line(encode(Pong(re=request.id)))
                case Renew():
                    await self._take_renewal(request)
                case Join():
                    await self._join(request)
                case Leave():
                    self._leave(request.room_id)
                    self.outbox.line(encode(Accepted(re=request.id)))
                case Request():
                    await self._door.submit(
                        self.account_id, request, self._origin, lambda outcome: self._answer(request.id, outcome)
                    )
        except Refused as refused:
            self.refuse(request.id, refused)
        except StorageUnavailable:
            self.refuse(
                request.id,
                Refused(RefusalCode.UNAVAILABLE, "the database cannot be reached; try again", retry_after_s=1.0),
            )
        except OutcomeUnknown:
            self.refuse(
                request.id, Refused(RefusalCode.UNKNOWN, "it may be stored or not: try again", retry_after_s=1.0)
            )

    def refuse(self, re: str | None, refused: Refused) -> None:
        retry_after_s = None if refused.retry_after_s is None else round(refused.retry_after_s, 3)
        self.outbox.line(
            encode(RefusedLine(re=re, code=refused.code, message=refused.message, retry_after_s=retry_after_s))
        )

    def tell(self, line: bytes) -> None:
        """Send a signal of the account. May be lost on a session that reads too slowly."""
        if not self.outbox.is_full:
            self.outbox.line(line)

    def close(self, code: CloseCode, hint: str, *, reconnect_ms: int | None = None) -> None:
        """Say why, as the last line, and let the transport end. The first reason stands."""
        if self.closing is not None:
            return
        self.closing = Closing(code=code, hint=hint, reconnect_ms=reconnect_ms)
        self.outbox.line(encode(self.closing))
        self.end()

    def end(self) -> None:
        """Leave every room; the transport is done or will be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for room_id in tuple(self._rooms):
            self._leave(room_id)
        self.outbox.close()

    # What a room's fan-out calls.

    def deliver(self, chunk: Chunk, first_seq: int | None) -> None:
        assert chunk.room_id is not None
        room = self._rooms.get(chunk.room_id)
        if room is None or room.is_behind:
            return
        if self.outbox.is_full:
            self._skipped(chunk.lines)
            self._fall_behind(room)
        elif first_seq is not None and room.host.room.hidden_before(self.account_id):
            # These bytes are everyone's; who is kept from the history gets them one by one, looked at.
            self._fall_behind(room)
        elif not room.host.room.sight_of(self.account_id).sees_workspace:
            seen = without_workspace(chunk)
            if first_seq is not None and first_seq != room.sent_seq + 1:
                self._fall_behind(room)
            elif seen is not None:
                self._put(room, seen)
        elif first_seq is None or first_seq == room.sent_seq + 1:
            self._put(room, chunk)
        else:
            # A piece is missing, or a part came before: the log has it right.
            self._fall_behind(room)

    def _put(self, room: OpenRoom, chunk: Chunk) -> None:
        self.outbox.put(chunk)
        if chunk.seq is not None:
            room.sent_seq = chunk.seq

    def fall_behind(self, room_id: RoomId) -> None:
        room = self._rooms.get(room_id)
        if room is not None:
            self._fall_behind(room)

    def start_over(self, room_id: RoomId, reason: str) -> None:
        if self._rooms.pop(room_id, None) is not None:
            self.outbox.line(encode(Reset(room_id=room_id, reason=reason)))

    def show_out(self, room_id: RoomId, last_seq: int) -> None:
        room = self._rooms.get(room_id)
        if room is None:
            return
        if room.is_behind and room.sent_seq < last_seq:
            room.last_seq = last_seq
        else:
            del self._rooms[room_id]

    # What this session does by itself.

    def _answer(self, request_id: str, outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            self.refuse(request_id, outcome)
        else:
            self.outbox.line(encode(Accepted(re=request_id, seq=outcome.seq, event_id=outcome.event_id)))

    async def _join(self, request: Join) -> None:
        if len(self._rooms) >= self._limits.rooms_per_session and request.room_id not in self._rooms:
            raise Refused(
                RefusalCode.LIMIT_REACHED, f"a session may have at most {self._limits.rooms_per_session} rooms open"
            )
        host = await self._directory.host(request.room_id)
        host.room.reader(self.account_id)
        after = request.after
        if after is not None and after.epoch == self._epoch and after.seq > host.room.seq:
            await host.read_up_to(after.seq)
        read = await self._storage.read_mark(request.room_id, self.account_id)
        # From here on without a pause: what is told is true at exactly `host.room.seq`.
        if self.closing is not None:
            return
        self._leave(request.room_id)
        member = host.room.reader(self.account_id)
        readable_from = host.room.readable_from(member)
        host.fanout.flush()
        seq = host.room.seq
        snapshot: Snapshot | None = None
        if after is not None and after.epoch == self._epoch and readable_from <= after.seq + 1 <= seq + 1:
            room = OpenRoom(host, after.seq)
        else:
            if after is not None:
                reason = "another history" if after.epoch != self._epoch else "a place that is not yours to read"
                self.outbox.line(encode(Reset(room_id=request.room_id, reason=reason)))
            room = OpenRoom(host, seq)
            snapshot = snapshot_of(
                host.room.state,
                reader=member,
                messages=host.memory.recent,
                has_older=host.memory.has_older,
                online=host.fanout.accounts | {self.account_id},
                read=read,
                texts=host.memory.texts,
            )
        joined = Joined(re=request.id, room_id=request.room_id, seq=seq, snapshot=snapshot)
        self.outbox.put(Chunk(encode(joined), 1, request.room_id, seq if snapshot else None))
        self._rooms[request.room_id] = room
        host.memory.enter(self)
        if room.sent_seq < seq:
            self._fall_behind(room)
        elif snapshot is None:
            self._send_texts(room)

    def _leave(self, room_id: RoomId) -> None:
        room = self._rooms.pop(room_id, None)
        if room is not None:
            room.host.memory.exit(self)

    async def _take_renewal(self, request: Renew) -> None:
        identity = await self._renew(request)
        if identity.account_id != self.account_id:
            raise Refused(RefusalCode.FORBIDDEN, "this is another account's; open a new session for it")
        if self.closing is not None:
            return
        self.identity = identity
        self._watch_expiry()
        self.outbox.line(encode(Accepted(re=request.id)))

    def _watch_expiry(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        expires_at = self.identity.expires_at
        if expires_at is None:
            return
        left_s = (expires_at - self._clock.now()).total_seconds()
        loop = asyncio.get_running_loop()
        if left_s <= 0:
            self._timer = loop.call_soon(self._expire)
        elif left_s <= WARNING_S:
            self.tell(encode(SessionExpiring(at=expires_at)))
            self._timer = loop.call_later(left_s, self._expire)
        else:
            # At most a day at a time: a timer is not a calendar.
            self._timer = loop.call_later(
                min(left_s - WARNING_S, timedelta(days=1).total_seconds()), self._watch_expiry
            )

    def _expire(self) -> None:
        self.close(CloseCode.UNAUTHENTICATED, "the sign-in of this session has expired")

    def _fall_behind(self, room: OpenRoom) -> None:
        room.is_behind = True
        if not self._is_catching_up and self.closing is None:
            self._is_catching_up = True
            self._spawn(self._catch_up, broke=self._break_off)

    def _break_off(self) -> None:
        self.close(CloseCode.RESTARTING, "something broke here; reconnect and resume", reconnect_ms=1000)

    async def _catch_up(self) -> None:
        """Replay from the log, page by page as the client drains, until every room is level with its host."""
        try:
            while self.closing is None:
                behind = next((room for room in self._rooms.values() if room.is_behind), None)
                if behind is None:
                    return
                async with asyncio.timeout(self._limits.too_slow_s):
                    await self.outbox.drained()
                if not self.outbox.is_closed:
                    await self._replay(behind)
        except TimeoutError:
            self.close(CloseCode.TOO_SLOW, "this connection reads too slowly; reconnect and resume")
        except StorageUnavailable:
            self.close(CloseCode.RESTARTING, "the database cannot be reached; reconnect and resume", reconnect_ms=1000)
        finally:
            self._is_catching_up = False

    async def _replay(self, room: OpenRoom) -> None:
        events = await self._cache.events_after(
            room.host.room_id, room.sent_seq, limit=room.page, up_to=room.host.room.seq
        )
        events = await as_readable(self._storage, room.host.room_id, events, room.host.room.sight_of(self.account_id))
        if self._rooms.get(room.host.room_id) is not room:
            return
        if room.last_seq is not None:
            events = [event for event in events if event.seq <= room.last_seq]
        if events:
            chunks = _chunks_of(room.host.room_id, events)
            for chunk in chunks:
                self.outbox.put(chunk)
            lines = sum(chunk.lines for chunk in chunks)
            room.sent_seq = events[lines - 1].seq
            room.page = max(1, min(PAGE, MAX_BYTES * lines // sum(len(chunk.data) for chunk in chunks)))
        if room.last_seq is not None and (not events or room.sent_seq >= room.last_seq):
            del self._rooms[room.host.room_id]
            return
        room.host.fanout.flush()
        if room.sent_seq >= room.host.room.seq:
            room.is_behind = False
            self._send_texts(room)

    def _send_texts(self, room: OpenRoom) -> None:
        for line in room.host.memory.whole_texts():
            self.outbox.put(Chunk(line, 1, room.host.room_id))


def _chunks_of(room_id: RoomId, events: Sequence[StoredEvent]) -> list[Chunk]:
    """Join lines into chunks of about a frame each, as many as an outbox holds: a chunk is never parted on its way."""
    chunks: list[Chunk] = []
    lines: list[bytes] = []
    size = whole = 0
    for event in events:
        lines.append(event.line)
        size += len(event.line) + 1
        if size >= FRAME_BYTES or event is events[-1]:
            chunks.append(Chunk(b"\n".join(lines), len(lines), room_id, event.seq))
            whole += size
            lines, size = [], 0
        if whole >= MAX_BYTES:
            break
    return chunks
