"""What every change of a room's files by a person goes through: alone, checkpointed, told as its author's, or put back."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from multiplayer.live.aside import aside
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.workbench import Workbench, named_changes
from multiplayer.live.workspace_reports import refusing
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.inner_commands import RecordChanges
from multiplayer.protocol.reports_workspace import WorkspaceChange
from multiplayer.protocol.tools import FileChange
from multiplayer.rooms.permissions import Right
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.checkpoints import Checkpoints
from multiplayer.tools.checkpoints.manifest import part
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.tree import shown_path
from multiplayer.tools.files.names import check_change_path
from multiplayer.tools.refusal import ToolRefused
from multiplayer.tools.workspace import Workspace

LOCK_WAIT_S: Final = 10.0
"""A person waits so long for an AI's command that changes files, and is told to come back then."""
_RECORD_AGAIN_S: Final = (0.1, 0.3, 1.0, 2.0)
"""While nobody knows whether a change stands in the log, it is asked again after so long."""
_UNSURE: Final = frozenset({RefusalCode.UNKNOWN, RefusalCode.UNAVAILABLE, RefusalCode.BUSY})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """What a change came to. `tree`: the workspace after it, without what others have changed meanwhile."""

    told: WorkspaceChange
    tree: str


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """A change that is on the disk and not yet in the log, without what jobs have changed meanwhile."""

    before: str
    after: str
    changes: tuple[FileChange, ...]


class ChangesByHand:
    def __init__(
        self, workbench: Workbench, directory: Directory, new_id: Callable[[], str], *, lock_wait_s: float = LOCK_WAIT_S
    ) -> None:
        self._workbench = workbench
        self._directory = directory
        self._new_id = new_id
        self._lock_wait_s = lock_wait_s

    async def make(
        self,
        room_id: RoomId,
        actor_id: AccountId,
        touched: Sequence[str],
        work: Callable[[Workspace], None],
        *,
        key: str | None = None,
    ) -> Made:
        """Let `work` change the files, in a thread. Raises `Refused`; then the files are as they were.

        `touched`: the paths (as `shown` gives them) that it changes, complete once it has returned; with what is below
        them. Nothing else is told as this change. `key`: under it the same change is told once, whoever makes it again.
        """
        await self.check(room_id, actor_id)
        async with self.alone(room_id), refusing():
            # Whoever waited may have lost the right meanwhile.
            await self.check(room_id, actor_id)
            async with self._workbench.opened(room_id) as workspace:
                made = await self._carried_out(room_id, workspace, touched, work)
                key = key or f"files-{self._new_id()}"
                told = (
                    await self._recorded(room_id, actor_id, workspace, made, key) if made.changes else WorkspaceChange()
                )
                self._workbench.end(room_id, made.after)
                return Made(told, made.after)

    async def check(self, room_id: RoomId, actor_id: AccountId) -> None:
        """Refuse who may not change files here by hand."""
        _check(await self._directory.host(room_id), actor_id)

    @asynccontextmanager
    async def alone(self, room_id: RoomId) -> AsyncIterator[None]:
        """Hold the room's lock. Refuses BUSY where somebody else keeps it."""
        await self._workbench.mirror.fetch(room_id)
        lock = self._workbench.lock(room_id)
        try:
            async with asyncio.timeout(self._lock_wait_s):
                await lock.acquire()
        except TimeoutError:
            who = (
                "what another server has changed is being merged into" if lock.is_bringing else "a command is changing"
            )
            raise Refused(
                RefusalCode.BUSY, f"{who} files of this room; try again", retry_after_s=self._lock_wait_s
            ) from None
        try:
            yield
        finally:
            lock.release()

    async def _carried_out(
        self, room_id: RoomId, workspace: Workspace, touched: Sequence[str], work: Callable[[Workspace], None]
    ) -> _OnDisk:
        checkpoints, take = self._workbench.checkpoints, self._workbench.taking(room_id)
        before = await self._workbench.begin(room_id, workspace)
        made: list[_OnDisk] = []
        try:
            await aside(lambda: made.append(_carry_out(checkpoints, take, room_id, workspace, touched, before, work)))
        except asyncio.CancelledError:
            # The server ends: what nobody will record is not left behind.
            for one in made:
                await aside(partial(_put_back, checkpoints, room_id, workspace, one.before, one.after))
            raise
        return made[0]

    async def _recorded(
        self, room_id: RoomId, actor_id: AccountId, workspace: Workspace, made: _OnDisk, key: str
    ) -> WorkspaceChange:
        named = named_changes(made.changes)
        told = WorkspaceChange(
            changes=named,
            more=len(made.changes) - len(named),
            before=made.before,
            after=made.after,
        )
        command = RecordChanges(changes=told.changes, more=told.more, before=told.before, after=told.after)
        try:
            seq, event_id = await self._record(room_id, actor_id, command, key)
        except Refused:
            undo = partial(_put_back, self._workbench.checkpoints, room_id, workspace, made.before, made.after)
            await aside(undo)
            raise
        return told.model_copy(update={"seq": seq, "event_id": event_id})

    async def _record(
        self, room_id: RoomId, actor_id: AccountId, command: RecordChanges, key: str
    ) -> tuple[int | None, str | None]:
        """Write the change into the log, once. The key tells, when an answer was lost, whether it stands there."""
        is_unsure = False
        for pause_s in (*_RECORD_AGAIN_S, None):
            try:
                done = await (await self._directory.host(room_id)).ask(actor_id, command, key=key, origin="http")
            except (StorageUnavailable, OutcomeUnknown) as away:
                refused = Refused(RefusalCode.UNAVAILABLE, "the database cannot be reached; try again")
                refused.__cause__ = away
            except Refused as refusal:
                refused = refusal
                is_unsure = is_unsure or refusal.code is RefusalCode.UNKNOWN
            else:
                return done.seq, done.event_id
            if not is_unsure or refused.code not in _UNSURE:
                raise refused
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        raise Refused(
            RefusalCode.UNKNOWN, "nobody knows whether this change was recorded; the files were put back: try again"
        )


def shown(path: str) -> str:
    """Return a path as the log writes it. Raises `ToolRefused`."""
    return shown_path(os.fsencode("/".join(check_change_path(path))))


def _check(host: RoomHost, actor_id: AccountId) -> None:
    host.room.check(actor_id, Right.CHANGE_WORKSPACE)
    if host.room.state.room.archived_at is not None:
        raise Refused(RefusalCode.ARCHIVED, "this room is archived: it can be read, not written")


def _carry_out(
    checkpoints: Checkpoints,
    take: Callable[[Workspace], str],
    room_id: RoomId,
    workspace: Workspace,
    touched: Sequence[str],
    before: str,
    work: Callable[[Workspace], None],
) -> _OnDisk:
    """Change the files after the checkpoint `before`, and take another. If it fails half way (a folder that cannot be emptied), put them back."""
    try:
        work(workspace)
        after = _after(checkpoints, take, room_id, workspace, touched, before)
        changes = checkpoints.changes(room_id, before, after) if after != before else ()
    except (ToolRefused, OSError, CheckpointGone):
        try:
            after = _after(checkpoints, take, room_id, workspace, touched, before)
        except (OSError, CheckpointGone):
            _log.exception("workspace_not_put_back", room=room_id, before=before)
        else:
            _put_back(checkpoints, room_id, workspace, before, after)
        raise
    return _OnDisk(before, after, changes)


def _after(
    checkpoints: Checkpoints,
    take: Callable[[Workspace], str],
    room_id: RoomId,
    workspace: Workspace,
    touched: Sequence[str],
    before: str,
) -> str:
    """Return the workspace as it is now, without what others have changed since `before`."""
    after = take(workspace) if touched else before
    return part(checkpoints.root, room_id, before, after, touched) if after != before else before


def _put_back(checkpoints: Checkpoints, room_id: RoomId, workspace: Workspace, before: str, after: str) -> None:
    if after == before:
        return
    try:
        checkpoints.undo(room_id, workspace, [(before, after)], keep_going=True)
    except (ToolRefused, CheckpointGone, OSError):
        _log.exception("workspace_not_put_back", room=room_id, before=before, after=after)
