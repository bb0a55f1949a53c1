"""Taking contents for rooms' workspaces before a change names them: streamed, checked, bounded, and swept after a day."""

import asyncio
from collections.abc import AsyncIterable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from multiplayer.live.aside import aside
from multiplayer.live.clock import Clock
from multiplayer.live.room_host import RoomHost
from multiplayer.live.workspace_reports import refusing
from multiplayer.live.workspace_waiting import Waiting
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, RoomDeleted
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.storage.port import Storage, StorageUnavailable
from multiplayer.tools.files.incoming import Arriving, Incoming, WrongChecksum
from multiplayer.tools.limits import MIB, Limits

WAITS_S: Final = 24 * 3600.0
"""So long a content waits for a change that names it."""
LOOK_S: Final = 3600.0
_AT_ONCE_BYTES: Final = MIB
_AGAIN_S: Final = 10.0

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class IncomingContents:
    """Every method but `look` and `run` raises `Refused` if the disk fails. `run` owns the clearing up."""

    def __init__(self, folder: Path, storage: Storage, clock: Clock, limits: Limits) -> None:
        """`folder` is ours alone, and this process its only user."""
        self._incoming = Incoming(folder)
        self._storage = storage
        self._clock = clock
        self._limits = limits
        self._waits = Waiting(limits)
        self._is_loaded = False
        self._loading = asyncio.Lock()
        self._gone: set[RoomId] = set()
        self._has_gone = asyncio.Event()

    async def take(
        self, room_id: RoomId, account_id: AccountId, sha256: str, size: int, pieces: AsyncIterable[bytes]
    ) -> None:
        """Take a content, whole and checked or not at all. Raises `Refused`; what `pieces` raises comes out as it is."""
        if size > self._limits.file_bytes:
            raise Refused(RefusalCode.TOO_BIG, f"a file may have at most {self._limits.file_bytes} bytes")
        await self._load()
        coming = self._waits.come(room_id, account_id, sha256, size)
        try:
            await self._check_disk()
            await self._arrived(self._incoming.path(room_id, sha256), size, pieces)
        except BaseException:
            self._waits.fail(coming)
            raise
        # Nothing is awaited since it has its name: who looks sees both or neither.
        self._waits.arrive(coming)

    async def waiting(self, room_id: RoomId, sha256s: Collection[str]) -> Mapping[str, int]:
        """Return which of these wait, with their bytes."""
        await self._load()
        return self._waits.among(room_id, sha256s)

    def path(self, room_id: RoomId, sha256: str) -> Path:
        """Return where a content lies that waits."""
        return self._incoming.path(room_id, sha256)

    async def remove(self, room_id: RoomId, sha256s: Sequence[str]) -> None:
        """Forget contents that have come to where they belong."""
        await self._load()
        self._waits.forget(room_id, sha256s)
        await _on_disk(partial(self._incoming.remove, room_id, sha256s))

    def hear(self, host: RoomHost, events: Sequence[Event]) -> None:
        if any(isinstance(event, RoomDeleted) for event in events):
            self._gone.add(host.room_id)
            self._has_gone.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except (StorageUnavailable, Refused, OSError) as error:
                _log.warning("incoming_not_looked_at", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._has_gone.wait()
            self._has_gone.clear()

    async def look(self) -> None:
        """Remove what nobody has named for a day, and what waits for rooms that are deleted."""
        await self._load()
        found = await aside(self._incoming.rooms)
        # A room may be deleted where nobody hears of it: by a command line, by another pod.
        gone = {*self._gone, *(await self._storage.deleted_rooms(found) if found else ())}
        for room_id in gone:
            await aside(partial(self._incoming.remove_room, room_id))
            self._waits.forget(room_id)
            self._gone.discard(room_id)
        for room_id in set(found) - gone:
            too_old = self._clock.now().timestamp() - WAITS_S
            old = await aside(partial(self._incoming.older_than, room_id, too_old))
            await self.remove(room_id, old)
            if old:
                _log.info("incoming_swept", room=room_id, contents=len(old))

    async def _load(self) -> None:
        """Find what waits from before, once, before anything is on its way."""
        if self._is_loaded:
            return
        async with self._loading:
            if not self._is_loaded:
                for room_id, sizes in (await _on_disk(self._incoming.all_sizes)).items():
                    self._waits.find(room_id, sizes)
                self._is_loaded = True

    async def _check_disk(self) -> None:
        space = await _on_disk(partial(self._incoming.space, self._limits))
        # What is on its way may not be on the disk yet.
        if replace(space, free_bytes=space.free_bytes - self._waits.coming_bytes).is_short:
            raise Refused(
                RefusalCode.UNAVAILABLE,
                "the disk of the server is nearly full; try again later",
                retry_after_s=_AGAIN_S,
            )

    async def _arrived(self, to: Path, size: int, pieces: AsyncIterable[bytes]) -> None:
        arriving = Arriving(to)
        gathered: list[bytes] = []
        received = held = 0
        try:
            async for piece in pieces:
                received += len(piece)
                held += len(piece)
                if received > size:
                    raise Refused(RefusalCode.MALFORMED, f"more than the {size} bytes came that were said")
                gathered.append(piece)
                if held >= _AT_ONCE_BYTES:
                    whole, gathered, held = gathered, [], 0
                    await _on_disk(partial(arriving.write, whole))
            if received != size:
                raise Refused(RefusalCode.MALFORMED, f"{received} bytes came of the {size} that were said")
            await _on_disk(partial(_finish, arriving, gathered, self._clock.now().timestamp()))
        except WrongChecksum:
            raise Refused(RefusalCode.MALFORMED, "the bytes have another checksum than was said") from None
        finally:
            if arriving.has_begun:
                await _on_disk(arriving.drop)


async def _on_disk(work: Callable[[], T]) -> T:
    async with refusing():
        return await aside(work)


def _finish(arriving: Arriving, gathered: Sequence[bytes], at: float) -> None:
    arriving.write(gathered)
    arriving.finish(at)
    arriving.drop()
