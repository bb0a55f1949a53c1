"""Workspaces mirrored to the file store: pushed a little after each change, brought here before they are used, swept."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

import structlog

from multiplayer.blobs.port import Blobs
from multiplayer.live.aside import aside
from multiplayer.live.clock import Clock
from multiplayer.live.mirror_objects import MirrorObjects
from multiplayer.live.mirror_pull import MirrorPull
from multiplayer.live.mirror_push import MirrorPush
from multiplayer.live.mirror_rooms import NOTHING, WORLD, MirrorNotes, MirrorRoom, NotNow, words
from multiplayer.live.mirror_sweep import MirrorSweep
from multiplayer.live.workbench import Lag, Workbench, WorkspaceAway
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.reports_workspace import MirrorState
from multiplayer.storage.port import Storage, StorageUnavailable
from multiplayer.tools.checkpoints import transfer
from multiplayer.tools.checkpoints.idle import rooms_with_files
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.workspace import Workspace

ROOMS_AT_ONCE: Final = 4
_NEWER: Final = "another server has newer files; they come as soon as nobody changes files here"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MirrorPace:
    """How soon things are done, in seconds."""

    push_s: float = 2.0
    """After the last change."""
    most_s: float = 15.0
    """After the first one, however many follow."""
    again_s: tuple[float, float] = (2.0, 300.0)
    """After a failure: the first pause and the longest, each twice the one before."""
    beside_jobs_s: float = 300.0
    """While a background job runs, which may write at any time."""
    pull_again_s: float = 15.0
    fetch_s: tuple[float, float] = (8.0, 2.0)
    """Who is about to change files waits so long for what the store has, before the room's lock is taken and under it."""
    drain_s: float = 15.0
    patience_s: float = 30.0
    """For one object, and more by its size."""
    flush_s: float = 45.0
    """Who needs the store to have it waits so long."""


class Mirror:
    """`workbench.WorkspaceMirror`. Owns the tasks of pushing. Enter it before rooms run, leave it when they have ended."""

    def __init__(
        self,
        workbench: Workbench,
        storage: Storage,
        blobs: Blobs,
        clock: Clock,
        pod: str,
        *,
        pace: MirrorPace | None = None,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`count` is told what each push came to: `pushed` or `failed`."""
        self._workbench = workbench
        self._storage = storage
        self._clock = clock
        self._pace = pace or MirrorPace()
        self._count = count
        self._notes = MirrorNotes(workbench.checkpoints.root)
        objects = MirrorObjects(blobs, workbench.checkpoints.root, patience_s=self._pace.patience_s)
        self._pull = MirrorPull(
            workbench,
            storage,
            objects,
            self._notes,
            clock,
            pod,
            self._start,
            again_s=self._pace.pull_again_s,
            fetch_s=self._pace.fetch_s,
        )
        self._push = MirrorPush(workbench, storage, objects, self._notes, clock, pod)
        self.sweeping = MirrorSweep(storage, objects, clock)
        self._rooms: dict[RoomId, MirrorRoom] = {}
        self._side_by_side = asyncio.Semaphore(ROOMS_AT_ONCE)
        self._tasks = asyncio.TaskGroup()
        self._loops: list[asyncio.Task[None]] = []
        self._is_open = False
        self._has_tasks = False

    async def __aenter__(self) -> Self:
        """Begin, with what was not pushed before the last end."""
        await self._tasks.__aenter__()
        self._is_open = self._has_tasks = True
        self._loops = [
            self._tasks.create_task(self._find_unsent(), name="unsent workspaces"),
            self._tasks.create_task(self.sweeping.run(), name="mirror sweep"),
        ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Push what is not pushed yet, once and within a bound. What is left is noted on the disk."""
        self._is_open = False
        for loop in self._loops:
            loop.cancel()
        pushing = {room.task for room in self._rooms.values() if room.task is not None}
        for room in self._rooms.values():
            room.wake.set()
        if pushing:
            await asyncio.wait(pushing, timeout=self._pace.drain_s)
        for task in pushing:
            if not task.done():
                _log.warning("workspace_not_pushed_in_time", task=task.get_name())
                task.cancel()
        self._has_tasks = False
        for coming in (room.coming for room in self._rooms.values()):
            if coming is not None and coming.task is not None:
                coming.task.cancel()
        await self._tasks.__aexit__(None, None, None)

    # At the doors of workspaces

    async def lag(self, room_id: RoomId, workspace: Workspace) -> Lag:
        return await self._pull.lag(self._room(room_id), workspace)

    async def fetch(self, room_id: RoomId, *, is_needed: bool = False) -> None:
        await self._pull.fetch(self._room(room_id), is_needed=is_needed)

    async def bring(self, room_id: RoomId, workspace: Workspace, tree: str) -> str:
        return await self._pull.bring(self._room(room_id), workspace, tree)

    async def note(self, room_id: RoomId, workspace: Workspace) -> None:
        room = self._room(room_id)
        await self._notes.mark(room, workspace.identity)
        self._schedule(room)

    def changed(self, room_id: RoomId) -> None:
        room = self._room(room_id)
        room.changes += 1
        self._schedule(room)

    async def has(self, room_id: RoomId, tree: str) -> bool:
        room = self._room(room_id)
        if room.behind:
            raise WorkspaceAway(f"the file store has newer files, which cannot be had now ({room.behind}); try again")
        head = await self._storage.mirror_head(room_id)
        if head is None or not head.version:
            return tree == NOTHING
        return tree == head.tree and await self._notes.load(room) == (head.version, head.tree)

    async def flush(self, room_id: RoomId) -> str:
        room = self._room(room_id)
        # What jobs write is noted nowhere: whatever is here is looked at, by a push that begins after this.
        room.changes += 1
        asked, begun = room.changes, room.begun
        try:
            async with asyncio.timeout(self._pace.flush_s):
                while room.pushed < asked:
                    if room.ended > begun:
                        raise WorkspaceAway(room.problem or "the files changed all the time")
                    if not self._is_open or self._rooms.get(room_id) is not room:
                        raise WorkspaceAway("the server is ending, or the room is gone")
                    await self._tried(room)
        except TimeoutError:
            raise WorkspaceAway("the file store takes its time") from None
        return room.pushed_tree

    async def remove(self, room_id: RoomId) -> None:
        room = self._rooms.pop(room_id, None)
        coming = room.coming.task if room is not None and room.coming is not None else None
        tasks = [task for task in (room.task if room is not None else None, coming) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.sweeping.remove(room_id)

    async def state(self, room_id: RoomId) -> MirrorState:
        room = self._room(room_id)
        head = await self._storage.mirror_head(room_id)
        told = MirrorState(state="synced")
        version = 0
        if head is not None and head.version:
            version = head.version
            told = told.model_copy(update={"version": version, "at": head.at, "conflicts": head.conflicts})
        common = await self._notes.load(room)
        waiting = 0
        if room.is_marked:
            with suppress(CheckpointGone, OSError):
                waiting = await aside(partial(transfer.differing_paths, self._notes.root, room_id, common.tree))
        conflicts = tuple(dict.fromkeys((*told.conflicts, *room.copies)))
        told = told.model_copy(update={"waiting": waiting, "conflicts": conflicts})
        if room.is_pushing:
            return told.model_copy(update={"state": "pushing", "waiting": room.waiting})
        if room.behind:
            return told.model_copy(update={"state": "behind", "reason": room.behind})
        if room.problem:
            return told.model_copy(update={"state": "failing", "reason": room.problem})
        if version != common.version:
            return told.model_copy(update={"state": "behind", "reason": _NEWER})
        if waiting:
            return told.model_copy(update={"state": "waiting"})
        reason = f"not kept there: {', '.join(room.left_out[:5])}" if room.left_out else ""
        return told.model_copy(update={"reason": reason})

    def _start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        if not self._has_tasks:
            work.close()
            raise NotNow("the server is ending")
        return self._tasks.create_task(work, name=name)

    # Pushing

    async def _tried(self, room: MirrorRoom) -> None:
        """Push now instead of a little later, and return when that, or what was under way, has come to its end.

        After our end nothing is pushed: then it returns at once.
        """
        room.tried.clear()
        self._schedule(room)
        if room.task is None:
            return
        room.due_s, room.is_asked = self._clock.monotonic_s(), True
        room.wake.set()
        await room.tried.wait()

    def _room(self, room_id: RoomId) -> MirrorRoom:
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = MirrorRoom(room_id)
        return room

    def _schedule(self, room: MirrorRoom) -> None:
        """See to it that the room is pushed a little later. After our end it is left to the next start: it is noted."""
        now_s = self._clock.monotonic_s()
        room.since_s = now_s if room.since_s is None else room.since_s
        if not room.failures and not room.is_asked:
            room.due_s = min(room.since_s + self._pace.most_s, now_s + self._pace.push_s)
            room.wake.set()
        if room.task is None and self._is_open:
            room.task = self._tasks.create_task(self._serve(room), name=f"mirror {room.id}")

    async def _serve(self, room: MirrorRoom) -> None:
        """Push until nothing is left to push, and go on trying while that fails."""
        try:
            while True:
                await self._until_due(room)
                async with self._side_by_side:
                    room.begun += 1
                    is_known = await self._try(room)
                    room.ended, room.is_asked = room.begun, False
                room.tried.set()
                if not self._is_open or not is_known or (not room.failures and not self._is_to_go_on(room)):
                    return
        finally:
            room.task, room.is_asked = None, False
            room.tried.set()

    async def _until_due(self, room: MirrorRoom) -> None:
        while self._is_open and (left_s := room.due_s - self._clock.monotonic_s()) > 0:
            room.wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await room.wake.wait()

    async def _try(self, room: MirrorRoom) -> bool:
        """Push once. False: this database never had the room."""
        try:
            if await self._push.push(room):
                self._count("pushed")
        except LookupError:
            return False
        except WORLD as error:
            self._failed(room, words(error))
        except Exception:  # noqa: BLE001 - one room's trouble must not end the others' pushes
            _log.exception("mirror_broke", room=room.id)
            self._failed(room, "something broke in the server; its log says more")
        else:
            room.problem, room.failures = "", 0
        return True

    def _failed(self, room: MirrorRoom, reason: str) -> None:
        first_s, most_s = self._pace.again_s
        pause_s = min(most_s, first_s * 2 ** min(room.failures, 20))
        room.problem, room.failures = reason, room.failures + 1
        room.due_s = self._clock.monotonic_s() + pause_s
        self._count("failed")
        _log.warning("workspace_not_pushed", room=room.id, reason=reason, again_in_s=pause_s)

    def _is_to_go_on(self, room: MirrorRoom) -> bool:
        now_s = self._clock.monotonic_s()
        if self._workbench.is_shared(room.id):
            room.due_s = now_s + self._pace.beside_jobs_s
            return True
        room.due_s = now_s + self._pace.push_s
        return bool(room.is_marked)

    async def _find_unsent(self) -> None:
        """Push what a crash has left, and rooms that were never mirrored."""
        checkpoints = self._workbench.checkpoints

        def found() -> list[RoomId]:
            rooms = rooms_with_files(self._workbench.workspaces, checkpoints.root)
            return transfer.unsent_rooms(checkpoints.root, rooms)

        while True:
            try:
                rooms = await aside(found)
                deleted = await self._storage.deleted_rooms(rooms) if rooms else frozenset()
            except (StorageUnavailable, OSError) as error:
                _log.warning("unsent_workspaces_not_found", error=str(error))
                await asyncio.sleep(self._pace.again_s[0])
                continue
            for room_id in rooms:
                if room_id not in deleted:
                    self._schedule(self._room(room_id))
            return
