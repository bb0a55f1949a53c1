"""The rooms' workspaces as turns and people use them: opened, changed by one at a time, checkpointed before and after."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
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


async def _told_to_nobody(_room_id: RoomId, _drift: "Drift") -> None: ...


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed while nobody held the lock: background jobs wrote it. `key` stays the same until it is told."""

    changed: Changed
    jobs: frozenset[str]
    """One of these wrote it."""
    key: str


@dataclass(frozen=True, slots=True)
class _Told:
    """The tree up to which the log tells everything, and the jobs that may write since."""

    tree: str
    jobs: frozenset[str]
    key: str


class Workbench:
    def __init__(
        self,
        workspaces: Workspaces,
        checkpoints: Checkpoints,
        storage: Storage,
        runs_beside: Callable[[RoomId], Collection[str]] = lambda _: (),
    ) -> None:
        """`runs_beside`: the jobs of a room, which may write at any time, so that no file's stamp can be trusted."""
        self._runs_beside = runs_beside
        self.workspaces = workspaces
        self.checkpoints = checkpoints
        self._storage = storage
        self._told: dict[RoomId, _Told] = {}
        """Only of rooms with jobs: elsewhere nothing changes while nobody holds the lock."""
        self.tell: Callable[[RoomId, Drift], Awaitable[None]] = _told_to_nobody
        """Takes what jobs wrote. Set once, before anything runs."""
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
        reads_all = bool(self._runs_beside(room_id))

        def take(workspace: Workspace) -> str:
            return self.checkpoints.take(room_id, workspace, reads_all=reads_all).tree

        return take

    async def checkpoint(self, room_id: RoomId, workspace: Workspace) -> str:
        """Return the hash of the workspace as it is now, kept so that it can be put back."""
        return await asyncio.to_thread(self.taking(room_id), workspace)

    async def begin(self, room_id: RoomId, workspace: Workspace) -> str:
        """Return the hash of the workspace before a change; the caller holds the lock.

        What background jobs have written since the last change is told first, so that it is nobody else's.
        """
        return await self.tell_jobs(room_id, workspace) or await self.checkpoint(room_id, workspace)

    async def tell_jobs(self, room_id: RoomId, workspace: Workspace) -> str | None:
        """Tell what background jobs have written, if there are any, and return what the workspace is then.

        The caller holds the lock. Raises what `tell` raises; it is told later then.
        """
        told = self._told.get(room_id)
        if told is None:
            return None
        changed = await self.since(room_id, workspace, told.tree)
        if changed:
            await self.tell(room_id, Drift(changed, told.jobs, told.key))
        self._tell_up_to(room_id, changed.after, self._running(room_id))
        return changed.after

    async def end(self, room_id: RoomId, workspace: Workspace, after: str | None = None) -> None:
        """The log tells all of the workspace but what jobs write; the caller lets go of the lock next.

        `after`: as the log tells it; None: as it is now.
        """
        told = self._told.get(room_id)
        jobs = self._running(room_id) | (told.jobs if told is not None else frozenset())
        if jobs:
            self._tell_up_to(room_id, after or await self.checkpoint(room_id, workspace), jobs)

    async def settle(self, room_id: RoomId) -> None:
        """Tell what background jobs have written while nobody else changes files. Raises as `tell_jobs`."""
        async with self.lock(room_id):
            if room_id in self._told:
                async with self.opened(room_id) as workspace:
                    await self.tell_jobs(room_id, workspace)

    def _running(self, room_id: RoomId) -> frozenset[str]:
        return frozenset(self._runs_beside(room_id))

    def _tell_up_to(self, room_id: RoomId, tree: str, jobs: frozenset[str]) -> None:
        if jobs:
            self._told[room_id] = _Told(tree, jobs, token_hex(8))
        else:
            self._told.pop(room_id, None)

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
            self._told.pop(room_id, None)
        self._locks.pop(room_id, None)
