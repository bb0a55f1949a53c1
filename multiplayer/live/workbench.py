"""The rooms' workspaces as turns and people use them: opened, changed by one at a time, checkpointed before and after."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import MAX_CHANGES, FileChange
from multiplayer.storage.port import Storage
from multiplayer.tools.checkpoints.checkpoints import Checkpoints, Undone
from multiplayer.tools.checkpoints.idle import archive, idle_rooms, remove_workspace, rooms_with_files
from multiplayer.tools.workspace import Workspace, Workspaces

MAX_NAMED_BYTES: Final = 48 * 1024
"""Of paths in one event."""
UNCHANGED: Final[tuple[FileChange, ...]] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What happened to a workspace between two checkpoints. `more` changes are not named."""

    before: str
    after: str
    changes: tuple[FileChange, ...]
    more: int

    def __bool__(self) -> bool:
        return self.before != self.after


def named_changes(changes: Sequence[FileChange]) -> tuple[FileChange, ...]:
    """Return as many of them as an event names: bounded in number, and in bytes, as paths may be long."""
    named: list[FileChange] = []
    room = MAX_NAMED_BYTES
    for change in changes[:MAX_CHANGES]:
        room -= len(change.path.encode())
        if room < 0:
            break
        named.append(change)
    return tuple(named)


def named_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """The same for paths."""
    named: list[str] = []
    room = MAX_NAMED_BYTES
    for path in paths[:MAX_CHANGES]:
        room -= len(path.encode())
        if room < 0:
            break
        named.append(path)
    return tuple(named)


class Workbench:
    def __init__(
        self,
        workspaces: Workspaces,
        checkpoints: Checkpoints,
        storage: Storage,
        runs_beside: Callable[[RoomId], bool] = lambda _: False,
    ) -> None:
        """`runs_beside`: whether something of a room may write at any time, so that no file's stamp can be trusted."""
        self._runs_beside = runs_beside
        self.workspaces = workspaces
        self.checkpoints = checkpoints
        self._storage = storage
        self._locks: defaultdict[RoomId, asyncio.Lock] = defaultdict(asyncio.Lock)
        """One for each room in which something was changed since the start."""

    async def open(self, room_id: RoomId) -> Workspace:
        """Return the room's workspace, made if it is not there. The caller closes it."""
        number = await self._storage.room_number(room_id)
        return await asyncio.to_thread(self.workspaces.open, room_id, number)

    @asynccontextmanager
    async def opened(self, room_id: RoomId) -> AsyncIterator[Workspace]:
        workspace = await self.open(room_id)
        try:
            yield workspace
        finally:
            workspace.close()

    def lock(self, room_id: RoomId) -> asyncio.Lock:
        """Whoever changes files holds it from the checkpoint before to the one after, so that each change has one author."""
        return self._locks[room_id]

    def taking(self, room_id: RoomId) -> Callable[[Workspace], str]:
        """Return what takes a checkpoint of the room's workspace, as `checkpoint` does, for whoever is in a thread."""
        reads_all = self._runs_beside(room_id)

        def take(workspace: Workspace) -> str:
            return self.checkpoints.take(room_id, workspace, reads_all=reads_all).tree

        return take

    async def checkpoint(self, room_id: RoomId, workspace: Workspace) -> str:
        """Return the hash of the workspace as it is now, kept so that it can be put back."""
        return await asyncio.to_thread(self.taking(room_id), workspace)

    async def since(self, room_id: RoomId, workspace: Workspace, before: str) -> Changed:
        after = await self.checkpoint(room_id, workspace)
        if after == before:
            return Changed(before, after, UNCHANGED, 0)
        changes = await asyncio.to_thread(self.checkpoints.changes, room_id, before, after)
        named = named_changes(changes)
        return Changed(before, after, named, len(changes) - len(named))

    async def undo(
        self, room_id: RoomId, workspace: Workspace, spans: Sequence[tuple[str, str]], *, keep_going: bool
    ) -> Undone:
        undo = partial(self.checkpoints.undo, room_id, workspace, spans, keep_going=keep_going)
        return await asyncio.to_thread(undo)

    async def idle_rooms(self, idle_s: float, now: float) -> Sequence[RoomId]:
        """Return the rooms whose workspace was last opened more than `idle_s` before `now` (seconds since 1970)."""
        return await asyncio.to_thread(idle_rooms, self.workspaces, idle_s, now)

    async def left_over(self) -> Sequence[RoomId]:
        """Return the rooms that are gone and have left files. Raises `StorageUnavailable`."""
        found = await asyncio.to_thread(rooms_with_files, self.workspaces, self.checkpoints.root)
        there = await self._storage.seqs(found) if found else {}
        return [room_id for room_id in found if room_id not in there]

    async def archive(self, room_id: RoomId) -> bool:
        """Pack a workspace into one file, unless it is in use; it is unpacked when it is opened next."""
        return await asyncio.to_thread(archive, self.workspaces, room_id)

    async def remove(self, room_id: RoomId) -> None:
        """Remove a deleted room's files, and all that was kept to put them back."""
        async with self.lock(room_id):
            await asyncio.to_thread(remove_workspace, self.workspaces, room_id)
            await asyncio.to_thread(self.checkpoints.remove, room_id)
        self._locks.pop(room_id, None)
