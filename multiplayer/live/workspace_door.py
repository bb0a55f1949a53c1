"""Changing a room's files by hand: each change checkpointed, told to the room as its author's, or put back."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from multiplayer.live.aside import aside
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.workbench import Workbench, named_changes
from multiplayer.live.workspace_reports import MAX_READ_BYTES, refusing
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.inner_commands import RecordChanges
from multiplayer.protocol.reports_workspace import WorkspaceChange
from multiplayer.protocol.tools import FileChange
from multiplayer.rooms.permissions import Right
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.checkpoints import Checkpoints
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.tree import shown_path
from multiplayer.tools.files.moves import delete, move
from multiplayer.tools.files.names import check_change_path
from multiplayer.tools.files.walk import tally
from multiplayer.tools.files.writes import NEW_FILE, read_for_change, sha256_of, write_bytes
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace

MAX_UPLOAD_BYTES: Final = 3 * MIB
"""Of a file that is put. The HTTP server reads no body beyond 4 MiB: so a refusal of somewhat more is still heard."""
ANY_VERSION: Final = "*"
"""As `expected`: whatever is there, or nothing."""
LOCK_WAIT_S: Final = 10.0
"""A person waits so long for an AI's command that changes files, and is told to come back then."""
_RECORD_AGAIN_S: Final = (0.1, 0.3, 1.0, 2.0)
"""While nobody knows whether a change stands in the log, it is asked again after so long."""
_UNSURE: Final = frozenset({RefusalCode.UNKNOWN, RefusalCode.UNAVAILABLE, RefusalCode.BUSY})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Made:
    """A change that is on the disk and not yet in the log, without what jobs have changed meanwhile."""

    before: str
    after: str
    changes: tuple[FileChange, ...]


class WorkspaceDoor:
    """Each method checks the actor's right. Raises `Refused`; then the files are as they were."""

    def __init__(
        self,
        workbench: Workbench,
        directory: Directory,
        new_id: Callable[[], str],
        limits: Limits | None = None,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self._workbench = workbench
        self._directory = directory
        self._new_id = new_id
        self._limits = limits or Limits()
        self._lock_wait_s = lock_wait_s

    async def write(
        self, room_id: RoomId, actor_id: AccountId, path: str, data: bytes, expected: str | None
    ) -> WorkspaceChange:
        """Make `data` what stands at `path`, whole or not at all. What stands there already is no change.

        `expected`: the SHA-256 of the version that is replaced, `ANY_VERSION`, or None for a file that is new. Refuses
        CONFLICT when something else stands there.
        """
        if len(data) > MAX_UPLOAD_BYTES:
            raise Refused(RefusalCode.TOO_BIG, f"a file of more than {MAX_UPLOAD_BYTES} bytes is not taken")
        async with refusing():
            touched = _shown(path)
        # The version that is replaced is read to be compared: none larger than can be handed out.
        limits = replace(self._limits, file_bytes=MAX_READ_BYTES)
        sha256 = sha256_of(data)
        change = await self._change(room_id, actor_id, [touched], partial(_write, path, data, expected, limits))
        return change.model_copy(update={"sha256": sha256})

    async def move(self, room_id: RoomId, actor_id: AccountId, source: str, destination: str) -> WorkspaceChange:
        """Move a file or folder to a name that is free; the folders above it are made."""
        async with refusing():
            touched = [_shown(source), _shown(destination)]
        return await self._change(room_id, actor_id, touched, lambda at: move(at, source, destination, self._limits))

    async def delete(
        self,
        room_id: RoomId,
        actor_id: AccountId,
        path: str,
        *,
        expected: str | None = None,
        is_recursive: bool = False,
    ) -> WorkspaceChange:
        """Remove a file, if it is `expected` (None or `ANY_VERSION`: whichever).

        A folder that holds something only with `is_recursive`.
        """
        async with refusing():
            touched = _shown(path)
        work = partial(_delete, path, expected, is_recursive=is_recursive, most=self._limits.workspace_inodes)
        return await self._change(room_id, actor_id, [touched], work)

    async def _change(
        self, room_id: RoomId, actor_id: AccountId, touched: Sequence[str], work: Callable[[Workspace], None]
    ) -> WorkspaceChange:
        _check(await self._directory.host(room_id), actor_id)
        async with self._alone(room_id), refusing():
            # Whoever waited may have lost the right meanwhile.
            _check(await self._directory.host(room_id), actor_id)
            async with self._workbench.opened(room_id) as workspace:
                made = await self._carried_out(room_id, workspace, touched, work)
                told = await self._recorded(room_id, actor_id, workspace, made) if made.changes else WorkspaceChange()
                self._workbench.end(room_id, made.after)
                return told

    async def _carried_out(
        self, room_id: RoomId, workspace: Workspace, touched: Sequence[str], work: Callable[[Workspace], None]
    ) -> _Made:
        checkpoints, take = self._workbench.checkpoints, self._workbench.taking(room_id)
        before = await self._workbench.begin(room_id, workspace)
        made: list[_Made] = []
        try:
            await aside(lambda: made.append(_carry_out(checkpoints, take, room_id, workspace, touched, before, work)))
        except asyncio.CancelledError:
            # The server ends: what nobody will record is not left behind.
            for one in made:
                await aside(partial(_put_back, checkpoints, room_id, workspace, one))
            raise
        return made[0]

    @asynccontextmanager
    async def _alone(self, room_id: RoomId) -> AsyncIterator[None]:
        lock = self._workbench.lock(room_id)
        try:
            async with asyncio.timeout(self._lock_wait_s):
                await lock.acquire()
        except TimeoutError:
            raise Refused(
                RefusalCode.BUSY, "a command is changing files of this room; try again", retry_after_s=self._lock_wait_s
            ) from None
        try:
            yield
        finally:
            lock.release()

    async def _recorded(
        self, room_id: RoomId, actor_id: AccountId, workspace: Workspace, made: _Made
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
            seq, event_id = await self._record(room_id, actor_id, command)
        except Refused:
            undo = partial(_put_back, self._workbench.checkpoints, room_id, workspace, made)
            await aside(undo)
            raise
        return told.model_copy(update={"seq": seq, "event_id": event_id})

    async def _record(
        self, room_id: RoomId, actor_id: AccountId, command: RecordChanges
    ) -> tuple[int | None, str | None]:
        """Write the change into the log, once. The key tells, when an answer was lost, whether it stands there."""
        key = f"files-{self._new_id()}"
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


def _check(host: RoomHost, actor_id: AccountId) -> None:
    host.room.check(actor_id, Right.CHANGE_WORKSPACE)
    if host.room.state.room.archived_at is not None:
        raise Refused(RefusalCode.ARCHIVED, "this room is archived: it can be read, not written")


def _shown(path: str) -> str:
    """Return a path as the log writes it. Raises `ToolRefused`."""
    return shown_path(os.fsencode("/".join(check_change_path(path))))


def _carry_out(
    checkpoints: Checkpoints,
    take: Callable[[Workspace], str],
    room_id: RoomId,
    workspace: Workspace,
    touched: Sequence[str],
    before: str,
    work: Callable[[Workspace], None],
) -> _Made:
    """Change the files after the checkpoint `before`, and take another. If it fails half way (a folder that cannot be emptied), put them back."""
    try:
        work(workspace)
    except (ToolRefused, OSError):
        _put_back(checkpoints, room_id, workspace, _made(checkpoints, take, room_id, workspace, touched, before))
        raise
    return _made(checkpoints, take, room_id, workspace, touched, before)


def _made(
    checkpoints: Checkpoints,
    take: Callable[[Workspace], str],
    room_id: RoomId,
    workspace: Workspace,
    touched: Sequence[str],
    before: str,
) -> _Made:
    after = take(workspace)
    if after != before:
        after = checkpoints.part(room_id, before, after, touched)
    changes = checkpoints.changes(room_id, before, after) if after != before else ()
    return _Made(before, after, changes)


def _put_back(checkpoints: Checkpoints, room_id: RoomId, workspace: Workspace, made: _Made) -> None:
    if not made.changes:
        return
    try:
        checkpoints.undo(room_id, workspace, [(made.before, made.after)], keep_going=True)
    except (ToolRefused, CheckpointGone, OSError):
        _log.exception("workspace_not_put_back", room=room_id, before=made.before, after=made.after)


def _write(path: str, data: bytes, expected: str | None, limits: Limits, workspace: Workspace) -> None:
    with suppress(ToolRefused):
        # The same again, as when an answer was lost, is no change, whatever version was expected.
        if read_for_change(workspace, check_change_path(path), len(data))[0] == data:
            return
    over = NEW_FILE if expected is None else None if expected == ANY_VERSION else expected
    try:
        write_bytes(workspace, path, data, limits, over)
    except ToolRefused as refused:
        if over and refused.code is ToolFault.NOT_FOUND:
            raise ToolRefused(ToolFault.RACE, f"{path!r} was removed since it was read") from None
        raise


def _delete(path: str, expected: str | None, workspace: Workspace, *, is_recursive: bool, most: int) -> None:
    parts = check_change_path(path)
    if expected not in {None, ANY_VERSION}:
        seen, _ = read_for_change(workspace, parts, MAX_READ_BYTES)
        if sha256_of(seen) != expected:
            raise ToolRefused(ToolFault.RACE, f"{path!r} has changed since it was read; read it again")
    if not is_recursive:
        found = tally(workspace.root, parts, most=most)
        if found.files + found.folders > 1 or not found.is_whole:
            raise ToolRefused(
                ToolFault.WRONG_KIND, f"{path!r} is a folder with something in it: ask for recursive=true"
            )
    delete(workspace, path)
