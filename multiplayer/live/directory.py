"""Which rooms run on this pod: loaded when someone needs them, let go when nobody does."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from multiplayer.live.clock import Clock
from multiplayer.live.room_host import Listener, RoomHost
from multiplayer.live.room_memory import RECENT, RoomMemory
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.rooms.deciding import no_such_room
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.room import Room
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.port import Storage
from multiplayer.telemetry.metrics import Metrics

IDLE_S = 60.0


class Directory:
    """Owns the rooms' tasks. Use inside `async with`; at the end every room empties its inbox first."""

    def __init__(self, storage: Storage, cache: CachedLog, clock: Clock, metrics: Metrics, limits: RoomLimits) -> None:
        self._storage = storage
        self._cache = cache
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._hosts: dict[RoomId, RoomHost] = {}
        self._loading: dict[RoomId, asyncio.Future[RoomHost]] = {}
        self._tasks = asyncio.TaskGroup()
        self._listeners: list[Listener] = []
        self._needed: list[Callable[[RoomId], bool]] = []
        self._greeters: list[Callable[[RoomHost], None]] = []

    def listen(self, *listeners: Listener) -> None:
        """Let `listeners` hear the events of every room that is loaded from here on."""
        self._listeners += listeners

    def greet(self, greeter: Callable[[RoomHost], None]) -> None:
        """Call `greeter` with every room that is loaded from here on, when it runs; it must not fail."""
        self._greeters.append(greeter)

    def keep_while(self, is_needed: Callable[[RoomId], bool]) -> None:
        """Keep a room running, though nobody is there, as long as `is_needed` says so: something has to hear its events."""
        self._needed.append(is_needed)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for host in self:
            host.stop()
        await self._tasks.__aexit__(None, None, None)

    def __len__(self) -> int:
        return len(self._hosts)

    def __iter__(self) -> Iterator[RoomHost]:
        return iter(tuple(self._hosts.values()))

    def running(self, room_id: RoomId) -> RoomHost | None:
        """Return the room if it runs here now; it is not loaded for that."""
        return self._hosts.get(room_id)

    async def host(self, room_id: RoomId) -> RoomHost:
        """Return the running room; load it if need be, once however many ask. Refuses a room that is not there."""
        host = self._hosts.get(room_id)
        if host is not None:
            host.idle_since_s = self._clock.monotonic_s()
            return host
        loading = self._loading.get(room_id)
        if loading is None:
            loading = self._loading[room_id] = asyncio.get_running_loop().create_future()
            loading.add_done_callback(_looked_at)
            try:
                loading.set_result(await self._load(room_id))
            except BaseException as error:
                loading.set_exception(
                    error
                    if isinstance(error, Exception)
                    else Refused(RefusalCode.BUSY, "the room was being loaded; try again", retry_after_s=0.1)
                )
                raise
            finally:
                del self._loading[room_id]
        return await asyncio.shield(loading)

    def let_go(self) -> None:
        """Stop the rooms that nobody has used for a minute."""
        now_s = self._clock.monotonic_s()
        for room_id, host in tuple(self._hosts.items()):
            if not host.is_idle or any(needs(room_id) for needs in self._needed):
                host.idle_since_s = now_s
            elif now_s - host.idle_since_s >= IDLE_S or host.room.state.is_deleted:
                del self._hosts[room_id]
                host.stop()

    def drop_all(self) -> None:
        """Stop every room: what they hold is not true any more."""
        for host in self:
            host.stop()
        self._hosts.clear()

    async def look(self) -> None:
        """Compare each room with the log: what another process appended is read within one round of this."""
        hosts = tuple(self)
        stored: Sequence[RoomId] = [host.room_id for host in hosts]
        seqs = await self._storage.seqs(stored) if stored else {}
        for host in hosts:
            if host.has_expired_members:
                await host.expire_members()
            # Gone from the list: deleted by another process, which the log still tells.
            if host.room_id not in seqs or seqs[host.room_id] > host.room.seq:
                host.catch_up()

    async def _load(self, room_id: RoomId) -> RoomHost:
        state = await self._storage.load(room_id)
        if state is None:
            raise no_such_room()
        recent = await self._storage.recent_messages(room_id, limit=RECENT)
        memory = RoomMemory(
            room_id, [message for message in recent if message.seq <= state.seq], self._clock.monotonic_s
        )
        host = RoomHost(
            Room(state, self._limits), memory, self._storage, self._cache, self._clock, self._metrics, self._listeners
        )
        self._hosts[room_id] = host
        self._tasks.create_task(host.run(), name=f"room {room_id}")
        host.catch_up()
        # Whose time was over while nobody was here is shown out before anyone is let in.
        await host.expire_members()
        for greeter in self._greeters:
            greeter(host)
        return host


def _looked_at(loading: "asyncio.Future[RoomHost]") -> None:
    """A failure that nobody else waited for is not lost: the one who loaded raises it."""
    if not loading.cancelled():
        loading.exception()
