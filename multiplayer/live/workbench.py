"""The rooms' workspaces as turns and people use them: opened, changed by one at a time, checkpointed before and after."""

import asyncio
import errno
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from secrets import token_hex
from typing import Final, Protocol

import structlog

from multiplayer.live.aside import aside
from multiplayer.live.room_lock import RoomLock
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.reports_workspace import MirrorState
from multiplayer.protocol.tools import MAX_CHANGES, FileChange
from multiplayer.storage.port import Storage
from multiplayer.tools.checkpoints.checkpoints import Checkpoints, Undone
from multiplayer.tools.checkpoints.idle import archive, idle_rooms, remove_workspace, rooms_with_files
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.terminal.job_view import JobOwner
from multiplayer.tools.workspace import Workspace, Workspaces

_log = structlog.get_logger(__name__)
MAX_NAMED_BYTES: Final = 48 * 1024
"""Of paths in one event."""
RESTORE_WAIT_S: Final = 60.0
"""Who reads files waits so long for them to be fetched from the file store by somebody else."""
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


async def _told_to_nobody(_room_id: RoomId, _drift: "Drift") -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed while nobody held the lock: one of the jobs wrote it. `key` is its own, however often it is told."""

    changed: Changed
    jobs: tuple[JobOwner, ...]
    key: str


@dataclass(slots=True)
class _Told:
    """Up to which tree everything is accounted for, and the jobs that may write since; what is not yet in the log."""

    tree: str
    jobs: dict[str, JobOwner]
    untold: deque[Drift] = field(default_factory=deque)


class WorkspaceAway(OSError):  # noqa: N818 - it names what happened
    """The files of a room lie in the file store, and cannot be had from there now. The reason is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EHOSTUNREACH, reason)
        self.reason = reason


class Lag(Enum):
    NONE = "none"
    BEHIND = "behind"
    """What is here can be used; the store has something newer."""
    ABSENT = "absent"
    """What is here stands for nothing: the files are in the store alone."""


class WorkspaceMirror(Protocol):
    """What a mirror does at the doors of a workspace. Where `mirroring` is not, nothing does anything."""

    async def lag(self, room_id: RoomId, workspace: Workspace) -> Lag:
        """Tell whether the store has something that is not here. Reads one row."""
        ...

    async def fetch(self, room_id: RoomId, *, is_needed: bool = False) -> None:
        """Have here what `bring` will merge: who is about to take the lock does this first, as the store may be slow.

        Waits some seconds only, and is none the worse if it does not come; it goes on coming. `is_needed`: waits as long as
        it takes.
        """
        ...

    async def bring(self, room_id: RoomId, workspace: Workspace, tree: str) -> str:
        """Bring the workspace, which is `tree` now, up to date; return what it is then. The caller holds the lock.

        If the store is away it stays as it is. Raises `WorkspaceAway` if there is nothing here that could be used.
        """
        ...

    async def note(self, room_id: RoomId, workspace: Workspace) -> None:
        """Something may be changed from now on: durable, so that it is found after a crash."""
        ...

    def changed(self, room_id: RoomId) -> None:
        """Something was changed."""
        ...

    async def has(self, room_id: RoomId, tree: str) -> bool:
        """Tell whether the store has just this tree, which `bring` gave: one read. Raises `WorkspaceAway` if it has newer."""
        ...

    async def flush(self, room_id: RoomId) -> str:
        """Put what is here into the store, merged with what is there; return the tree that both have then ("": no mirror).

        Waits for the lock, which the caller does not hold. Bounded; raises `WorkspaceAway` if it cannot be done now.
        """
        ...

    async def remove(self, room_id: RoomId) -> None:
        """The room is deleted; the caller holds the lock."""
        ...

    async def state(self, room_id: RoomId) -> MirrorState: ...


class NoMirror:
    """`WorkspaceMirror` where there is none."""

    async def lag(self, room_id: RoomId, workspace: Workspace) -> Lag:  # noqa: ARG002 - the protocol's
        return Lag.NONE

    async def fetch(self, room_id: RoomId, *, is_needed: bool = False) -> None: ...

    async def bring(self, room_id: RoomId, workspace: Workspace, tree: str) -> str:  # noqa: ARG002 - the protocol's
        return tree

    async def note(self, room_id: RoomId, workspace: Workspace) -> None: ...

    def changed(self, room_id: RoomId) -> None: ...

    async def has(self, room_id: RoomId, tree: str) -> bool:  # noqa: ARG002 - the protocol's
        return True

    async def flush(self, room_id: RoomId) -> str:  # noqa: ARG002 - the protocol's
        return ""

    async def remove(self, room_id: RoomId) -> None: ...

    async def state(self, room_id: RoomId) -> MirrorState:  # noqa: ARG002 - the protocol's
        return MirrorState()


class Workbench:
    def __init__(
        self,
        workspaces: Workspaces,
        checkpoints: Checkpoints,
        storage: Storage,
        runs_beside: Callable[[RoomId], Mapping[str, JobOwner]] = lambda _: {},
    ) -> None:
        """`runs_beside`: the jobs of a room, which may write at any time, so that no file's stamp can be trusted."""
        self._runs_beside = runs_beside
        self.workspaces = workspaces
        self.checkpoints = checkpoints
        self._storage = storage
        self._told: dict[RoomId, _Told] = {}
        """Only of rooms with jobs: elsewhere only outside servers change anything while nobody holds the lock."""
        self.tell: Callable[[RoomId, Drift], Awaitable[bool]] = _told_to_nobody
        """Takes what jobs wrote; False: not now, try again later. Set once, before anything runs."""
        self.mirror: WorkspaceMirror = NoMirror()
        """Set once, before anything runs."""
        self._locks: defaultdict[RoomId, RoomLock] = defaultdict(RoomLock)
        """One for each room in which something was changed since the start."""

    async def open(self, room_id: RoomId) -> Workspace:
        """Return the room's workspace, made if it is not there. The caller closes it.

        It is as it lies here: before anything in it is read, `freshen`; before it is changed, `begin`.
        """
        number = await self._storage.room_number(room_id)
        return await asyncio.to_thread(self.workspaces.open, room_id, number)

    @asynccontextmanager
    async def opened(self, room_id: RoomId, *, needs_files: bool = True) -> AsyncIterator[Workspace]:
        """Open it for the block, as it is in all places; see `freshen`. Without `needs_files`: as it lies here."""
        workspace = await self.open(room_id)
        try:
            if needs_files:
                await self.freshen(room_id, workspace)
            yield workspace
        finally:
            workspace.close()

    async def freshen(self, room_id: RoomId, workspace: Workspace) -> None:
        """Bring what another pod has pushed, unless somebody is changing files here: who does, has it, or gets it then.

        Raises `WorkspaceAway` if there is nothing here yet that could be read.
        """
        if room_id in self._locks and self._locks[room_id].is_mine:
            return  # `begin` does it
        lag = await self.mirror.lag(room_id, workspace)
        lock = self.lock(room_id)
        if lag is Lag.NONE or (lag is Lag.BEHIND and lock.locked()):
            return
        try:
            async with asyncio.timeout(RESTORE_WAIT_S):
                await self.mirror.fetch(room_id, is_needed=lag is Lag.ABSENT)
                if lag is Lag.BEHIND and lock.locked():
                    return
                await lock.acquire()
        except TimeoutError:
            raise WorkspaceAway("the files of this room are being fetched from the file store: try again") from None
        try:
            await self.bring(room_id, workspace)
        finally:
            lock.release()

    async def bring(self, room_id: RoomId, workspace: Workspace) -> str:
        """Bring the workspace up to date for the holder of the lock; return what it is then. See `begin`."""
        before = await self.checkpoint(room_id, workspace)
        await self.drifted(room_id, before)
        lock = self.lock(room_id)
        lock.is_bringing = True
        try:
            now = await self.mirror.bring(room_id, workspace, before)
        finally:
            lock.is_bringing = False
        told = self._told.get(room_id)
        if told is not None and now != before:
            told.tree = now  # no job has done that
        return now

    def lock(self, room_id: RoomId) -> RoomLock:
        """Whoever changes files holds it from the checkpoint before to the one after, so that each change has one author."""
        return self._locks[room_id]

    def taking(self, room_id: RoomId) -> Callable[[Workspace], str]:
        """Return what takes a checkpoint of the room's workspace, as `checkpoint` does, for whoever is in a thread."""
        reads_all = self.is_shared(room_id)

        def take(workspace: Workspace) -> str:
            return self.checkpoints.take(room_id, workspace, reads_all=reads_all).tree

        return take

    def is_shared(self, room_id: RoomId) -> bool:
        """Tell whether a job may write at this moment."""
        return bool(self._runs_beside(room_id))

    async def checkpoint(self, room_id: RoomId, workspace: Workspace) -> str:
        """Return the hash of the workspace as it is now, kept so that it can be put back."""
        return await aside(partial(self.taking(room_id), workspace))

    async def since(self, room_id: RoomId, workspace: Workspace, before: str) -> Changed:
        return await self._changed(room_id, before, await self.checkpoint(room_id, workspace))

    async def begin(self, room_id: RoomId, workspace: Workspace) -> str:
        """Return the hash of the workspace before a change; the caller holds the lock until `end`.

        What background jobs have written since the last change is told first, so that it is nobody else's; then what
        another pod has pushed is brought here: `mirror.fetch` before the lock was taken, or it may be a little late. Raises
        `WorkspaceAway` if there is nothing here that could be changed.
        """
        before = await self.bring(room_id, workspace)
        await self.mirror.note(room_id, workspace)
        return before

    async def drifted(self, room_id: RoomId, tree: str) -> None:
        """The workspace was seen as `tree`, and the holder of the lock has not yet changed it: jobs have. It is told."""
        told = self._told.get(room_id)
        if told is None:
            return
        if told.tree != tree and told.jobs:
            try:
                changed = await self._changed(room_id, told.tree, tree)
            except (CheckpointGone, OSError) as error:
                _log.warning("changes_not_noted", room=room_id, error=str(error))
            else:
                told.untold.append(Drift(changed, tuple(told.jobs.values()), token_hex(8)))
        told.tree = tree
        while told.untold and await self.tell(room_id, told.untold[0]):
            told.untold.popleft()
        told.jobs = dict(self._runs_beside(room_id))
        if not told.jobs and not told.untold:
            self._told.pop(room_id, None)

    def end(self, room_id: RoomId, after: str) -> None:
        """The holder of the lock has made the workspace `after`, and tells of that itself; it lets go of the lock next."""
        self.mirror.changed(room_id)
        running = self._runs_beside(room_id)
        told = self._told.get(room_id)
        if told is not None:
            told.tree = after
            told.jobs |= running
        elif running:
            self._told[room_id] = _Told(after, dict(running))

    async def settle(self, room_id: RoomId) -> bool:
        """Tell what background jobs have written while nobody else changes files; return whether all of it is told."""
        await self.mirror.fetch(room_id)
        async with self.lock(room_id):
            if room_id in self._told:
                async with self.opened(room_id) as workspace:
                    await self.begin(room_id, workspace)
            told = self._told.get(room_id)
            return told is None or not told.untold

    async def _changed(self, room_id: RoomId, before: str, after: str) -> Changed:
        if after == before:
            return Changed(before, after, UNCHANGED, 0)
        changes = await aside(partial(self.checkpoints.changes, room_id, before, after))
        named = named_changes(changes)
        return Changed(before, after, named, len(changes) - len(named))

    async def undo(
        self, room_id: RoomId, workspace: Workspace, spans: Sequence[tuple[str, str]], *, keep_going: bool
    ) -> Undone:
        """Put back what changed over the spans. The caller holds the lock, and has begun."""
        undo = partial(
            self.checkpoints.undo,
            room_id,
            workspace,
            spans,
            keep_going=keep_going,
            reads_all=self.is_shared(room_id),
        )
        undone = await aside(undo)
        # A job may have written since we began.
        await self.drifted(room_id, undone.before)
        self.end(room_id, undone.tree)
        return undone

    async def idle_rooms(self, idle_s: float, now: float) -> Sequence[RoomId]:
        """Return the rooms whose workspace was last opened more than `idle_s` before `now` (seconds since 1970)."""
        return await asyncio.to_thread(idle_rooms, self.workspaces, idle_s, now)

    async def left_over(self) -> Sequence[RoomId]:
        """Return the deleted rooms that have left files. Raises `StorageUnavailable`, `OSError`.

        Of a room that this database never had nothing is known: it may be another one's, or an older one.
        """
        found = await asyncio.to_thread(rooms_with_files, self.workspaces, self.checkpoints.root)
        return sorted(await self._storage.deleted_rooms(found)) if found else []

    async def archive(self, room_id: RoomId) -> bool:
        """Pack a workspace into one file, unless it is in use; it is unpacked when it is opened next."""
        return await asyncio.to_thread(archive, self.workspaces, room_id)

    async def remove(self, room_id: RoomId) -> None:
        """Remove a deleted room's files, and all that was kept to put them back."""
        async with self.lock(room_id):
            await asyncio.to_thread(remove_workspace, self.workspaces, room_id)
            await asyncio.to_thread(self.checkpoints.remove, room_id)
            await self.mirror.remove(room_id)
            self._told.pop(room_id, None)
        self._locks.pop(room_id, None)
