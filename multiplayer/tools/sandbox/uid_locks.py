"""Taking turns with a room's uid: who kills all processes of a uid must be the only one on this machine to have any."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

_TURN_S = 0.02


@dataclass(frozen=True)
class UidLocks:
    """Locks on files in root's own folder, so that they hold between servers of one machine, too."""

    folder: Path
    _turns: WeakValueDictionary[int, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    @asynccontextmanager
    async def alone(self, uid: int) -> AsyncIterator[int]:
        """Have `uid` for oneself. Yields the descriptor that holds the lock, as long as any copy of it is open."""
        # In order, within this server: a file lock lets anyone in.
        async with self._turns.setdefault(uid, asyncio.Lock()), self._held(uid, fcntl.LOCK_EX) as fd:
            yield fd

    @asynccontextmanager
    async def beside_others(self, uid: int) -> AsyncIterator[None]:
        """Have `uid` with others who kill nothing but their own."""
        async with self._held(uid, fcntl.LOCK_SH):
            yield

    @asynccontextmanager
    async def _held(self, uid: int, kind: int) -> AsyncIterator[int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.folder / f"uid-{uid}.lock", flags, 0o600)
        try:
            while not _is_locked(fd, kind):  # noqa: ASYNC110 - a file lock tells nobody when it is free
                await asyncio.sleep(_TURN_S)
            yield fd
        finally:
            os.close(fd)


def _is_locked(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
