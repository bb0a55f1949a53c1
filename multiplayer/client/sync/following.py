"""Keeps a folder equal to a room: a pass whenever something changes on either side, until it is cancelled."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

from multiplayer.client.backoff import PASSING, Backoff
from multiplayer.client.errors import ConnectionLost
from multiplayer.client.lines import RoomWord
from multiplayer.client.sync.engine import Sync
from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.telling import Result
from multiplayer.client.sync.threads import first_of
from multiplayer.client.sync.wrongs import SyncStopped
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.signals import Reset
from multiplayer.protocol.turn_events import FilesChanged

_QUIET_S: Final = 0.3
"""So long nothing more must change before a pass begins,"""
_MOST_WAIT_S: Final = 3.0
"""or so long something has been changing all the time."""
_BEGIN_MS: Final = 500
_BEGIN_S: Final = 5.0
_AGAIN_S: Final = 2.0
"""After a pass in which files were still being written."""
_LOOK_S: Final = 5.0
"""Between two looks, where the system does not tell of changes."""
_MOST_AWAY_S: Final = 30.0


class Following:
    """Made for one room and one folder. `run` it once."""

    def __init__(
        self,
        sync: Sync,
        folder: Path,
        words: AsyncIterator[RoomWord],
        *,
        on_pass: Callable[[Result], None],
        on_trouble: Callable[[str], None],
        allows_removals: bool = False,
    ) -> None:
        """`words`: what happens in the room, from before the first pass. `on_trouble` is told what passes by itself."""
        self._sync = sync
        self._folder = folder
        self._words = words
        self._on_pass = on_pass
        self._on_trouble = on_trouble
        self._allows_removals = allows_removals
        self._changed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._watched: tuple[str, ...] = ()

    async def run(self) -> None:
        """Go on until cancelled. Raises `SyncStopped` when the room ends, and what `Sync.settle` does but for the network."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._go_on(tasks))
        except BaseExceptionGroup as group:
            raise first_of(group) from None

    async def _go_on(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            # Watched before it is looked at: what changes between the two is seen by one of them.
            await self._watch(tasks)
            self._changed.clear()
            is_settled = await self._pass()
            if tuple(self._sync.folders) != self._watched:
                continue
            await self._until_changed(None if is_settled else _AGAIN_S)

    async def _pass(self) -> bool:
        backoff = Backoff(first_s=1.0, most_s=_MOST_AWAY_S)
        while True:
            try:
                result = await self._sync.settle(allows_removals=self._allows_removals)
            except (ConnectionLost, Refused) as problem:
                if isinstance(problem, Refused) and problem.code not in PASSING:
                    raise
                self._on_trouble(str(problem))
                await asyncio.sleep(backoff.next_s())
            else:
                self._on_pass(result)
                return result.is_settled

    async def _until_changed(self, most_s: float | None) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._changed.wait()
        except TimeoutError:
            return
        try:
            async with asyncio.timeout(_MOST_WAIT_S):
                while self._changed.is_set():
                    self._changed.clear()
                    await asyncio.sleep(_QUIET_S)
        except TimeoutError:
            pass

    async def _listen(self) -> None:
        async for word in self._words:
            if isinstance(word, Reset) or (isinstance(word, FilesChanged) and word.after != self._sync.tree):
                self._changed.set()
        raise SyncStopped("you are not in this room any more", hint="it was deleted, or your membership ended")

    async def _watch(self, tasks: asyncio.TaskGroup) -> None:
        """Be told of changes in the folders that there are now; not of those behind links, or ignored."""
        folders = tuple(self._sync.folders)
        if self._watching is not None:
            if folders == self._watched and not self._watching.done():
                return
            self._watching.cancel()
            await asyncio.wait([self._watching])
        has_begun = asyncio.Event()
        self._watched = folders
        self._watching = tasks.create_task(self._hear(folders, has_begun))
        # A change would be heard of earlier, too.
        try:
            async with asyncio.timeout(_BEGIN_S):
                await has_begun.wait()
        except TimeoutError:
            pass

    async def _hear(self, folders: tuple[str, ...], has_begun: asyncio.Event) -> None:
        own = str(self._folder / OWN_FOLDER)

        def is_of_others(_change: Change, path: str) -> bool:
            return path != own and not path.startswith(f"{own}/")

        paths = [self._folder / folder for folder in folders]
        try:
            async for changes in awatch(
                *paths, recursive=False, watch_filter=is_of_others, rust_timeout=_BEGIN_MS, yield_on_timeout=True
            ):
                has_begun.set()
                if changes:
                    self._changed.set()
        except FileNotFoundError:
            # A folder went meanwhile: the next pass sees which.
            has_begun.set()
            await asyncio.sleep(_QUIET_S)
            self._changed.set()
        except (OSError, RuntimeError) as error:
            self._on_trouble(
                f"this system does not tell of changes ({error}): they are looked for every {_LOOK_S:.0f} s"
            )
            has_begun.set()
            while True:
                await asyncio.sleep(_LOOK_S)
                self._changed.set()
