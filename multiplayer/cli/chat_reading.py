"""Tells the server how far somebody has read: what a chat has shown counts as read, said now and then and at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from multiplayer.client import ConnectionLost, Refused, Room
from multiplayer.protocol.commands import MarkRead

EVERY_S = 2.0
END_S = 2.0
"""How long the end of a chat may wait for its last mark."""


class Reading:
    """`shown` returns the newest event that was shown; `until_shown` waits for a later one."""

    def __init__(self, room: Room, shown: Callable[[], int], until_shown: Callable[[int], Awaitable[None]]) -> None:
        self._room = room
        self._shown = shown
        self._until_shown = until_shown
        self._marked = 0

    async def keep(self) -> None:
        """Mark what is shown until cancelled, with a pause after each mark."""
        while True:
            await self._until_shown(self._marked + 1)
            await self._mark()
            await asyncio.sleep(EVERY_S)

    async def end(self) -> None:
        """Mark the last of it, if that can be done soon."""
        if self._shown() > self._marked:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_S):
                    await self._mark()

    async def _mark(self) -> None:
        seq = self._shown()
        # What could not be marked is marked with the next that comes, or by the next chat.
        with suppress(Refused, ConnectionLost):
            await self._room.command(MarkRead(seq=seq))
        self._marked = seq
