"""The lock that whoever changes the files of a room holds."""

import asyncio
from typing import Literal

from typing_extensions import override


class RoomLock(asyncio.Lock):
    """A lock that knows who has it."""

    def __init__(self) -> None:
        super().__init__()
        self._holder: asyncio.Task[object] | None = None
        self.is_bringing = False
        """Whether it is held, at this moment, to merge what another server has changed."""

    @override
    async def acquire(self) -> Literal[True]:
        await super().acquire()
        self._holder = asyncio.current_task()
        return True

    @override
    def release(self) -> None:
        self._holder = None
        super().release()

    @property
    def is_mine(self) -> bool:
        """Whether the task that asks has taken it."""
        return self.locked() and self._holder is asyncio.current_task()
