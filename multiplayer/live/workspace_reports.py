"""Looking into a room's workspace: folders, files, what differs between two states of it, and what a turn changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from multiplayer.live.aside import aside
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_reports import TurnReports
from multiplayer.live.workbench import Workbench, WorkspaceAway
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.reports_workspace import (
    CallChanges,
    TurnChanges,
    UndoState,
    WorkspaceDiff,
    WorkspaceEntry,
    WorkspaceListing,
)
from multiplayer.protocol.tools import MAX_CHANGES
from multiplayer.protocol.turn_events import FilesChanged
from multiplayer.rooms.notes import ChangedFiles
from multiplayer.rooms.permissions import Right, may
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.files.kinds import kind_if_binary
from multiplayer.tools.files.paths import check_path
from multiplayer.tools.files.reads import MAX_ENTRIES, entries, read_bytes
from multiplayer.tools.files.writes import sha256_of
from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace

MAX_READ_BYTES: Final = 8 * MIB
"""Of a file that is handed out; it is held in memory until it is sent."""
MAX_DIFF_BYTES: Final = 256 * KIB
_HEAD: Final = 64 * KIB
_CODES: Final = {
    ToolFault.BAD_PATH: RefusalCode.MALFORMED,
    ToolFault.BAD_ARGUMENTS: RefusalCode.MALFORMED,
    ToolFault.NOT_FOUND: RefusalCode.NOT_FOUND,
    ToolFault.TOO_BIG: RefusalCode.TOO_BIG,
    ToolFault.QUOTA: RefusalCode.LIMIT_REACHED,
}
"""All others are a conflict with what lies there: a folder, a link, another version."""


@dataclass(frozen=True, slots=True)
class FileContent:
    name: str
    data: bytes
    sha256: str
    is_text: bool


class WorkspaceReports:
    """Each method checks the reader's rights. Raises `Refused`."""

    def __init__(self, workbench: Workbench, directory: Directory, turns: TurnReports, limits: Limits) -> None:
        self._workbench = workbench
        self._directory = directory
        self._turns = turns
        self._limits = limits

    async def listing(self, room_id: RoomId, reader_id: AccountId, path: str) -> WorkspaceListing:
        """Return what a folder holds; "" is the workspace itself. Counts the whole workspace, which reads all folders."""
        await self._checked(room_id, reader_id)
        async with refusing(), self._workbench.opened(room_id) as workspace:
            listing = await aside(partial(self._listed, workspace, path))
        return listing.model_copy(update={"mirror": await self._workbench.mirror.state(room_id)})

    def _listed(self, workspace: Workspace, path: str) -> WorkspaceListing:
        found = entries(workspace.root, path, MAX_ENTRIES)
        usage = workspace.usage(most_inodes=self._limits.workspace_inodes)
        return WorkspaceListing(
            path="/".join(check_path(path)),
            entries=tuple(
                WorkspaceEntry(name=one.name, kind=one.kind.value, size=one.size, modified_at=one.modified_at)
                for one in found
            ),
            is_cut=len(found) >= MAX_ENTRIES,
            used_bytes=usage.used_bytes,
            files=usage.inodes,
            is_whole=usage.is_whole,
            quota_bytes=self._limits.workspace_bytes,
            quota_files=self._limits.workspace_inodes,
        )

    async def read(self, room_id: RoomId, reader_id: AccountId, path: str) -> FileContent:
        """Return a file of at most `MAX_READ_BYTES`, as it is now."""
        await self._checked(room_id, reader_id)
        async with refusing(), self._workbench.opened(room_id) as workspace:
            return await aside(partial(_read, workspace, path))

    async def diff(
        self, room_id: RoomId, reader_id: AccountId, before: str, after: str, path: str | None = None
    ) -> WorkspaceDiff:
        """Compare two states of this room's workspace, named as `files_changed` events name them.

        `path` is written as such an event writes it; without one all that differs is compared.
        """
        await self._checked(room_id, reader_id)
        async with refusing():
            return await aside(partial(self._compared, room_id, before, after, path))

    def _compared(self, room_id: RoomId, before: str, after: str, path: str | None) -> WorkspaceDiff:
        checkpoints = self._workbench.checkpoints
        if path is not None:
            text = checkpoints.diff(room_id, path, before, after, MAX_DIFF_BYTES)
            return WorkspaceDiff(before=before, after=after, path=path, diff=text)
        changes = checkpoints.changes(room_id, before, after)
        parts: list[str] = []
        left = MAX_DIFF_BYTES
        for change in changes[:MAX_CHANGES]:
            if left <= 0:
                break
            parts.append(checkpoints.diff(room_id, change.path, before, after, left))
            left -= len(parts[-1].encode())
        return WorkspaceDiff(
            before=before,
            after=after,
            diff="".join(parts),
            changes=changes[:MAX_CHANGES],
            left_out=len(changes) - len(parts),
        )

    async def of_turn(self, room_id: RoomId, reader_id: AccountId, turn_id: TurnId) -> TurnChanges:
        """Return what a turn changed. A turn that the reader may not see is refused as one that is not there."""
        await self._checked(room_id, reader_id)
        record, _, host, member = await self._turns.readable(room_id, reader_id, turn_id)
        events = await self._turns.events_of(record, host.room.seq)
        calls = [event for event in events if isinstance(event, FilesChanged) and event.turn_id == turn_id]
        state = host.room.state
        changed = next((one for one in state.notes.changed if one.turn_id == turn_id), None)
        is_own = changed is not None and changed.askers == (reader_id,)
        return TurnChanges(
            turn_id=turn_id,
            ai_id=record.ai_id,
            calls=tuple(map(_call_changes, calls)),
            undo=_undo_state(changed, is_running=turn_id in state.turns, has_changed=bool(calls)),
            may_undo=may(Right.STEER_TURN, member.role, state.room.settings, is_own_request=is_own),
            undo_by=changed.undo_by if changed is not None and changed.undo else None,
        )

    async def _checked(self, room_id: RoomId, reader_id: AccountId) -> RoomHost:
        host = await self._directory.host(room_id)
        host.room.check(reader_id, Right.SEE_WORKSPACE)
        return host


def _read(workspace: Workspace, path: str) -> FileContent:
    data = read_bytes(workspace.root, path, MAX_READ_BYTES)
    return FileContent(check_path(path)[-1], data, sha256_of(data), _is_text(data))


def _is_text(data: bytes) -> bool:
    if kind_if_binary(data[:_HEAD]) is not None:
        return False
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _call_changes(event: FilesChanged) -> CallChanges:
    return CallChanges(
        seq=event.seq,
        at=event.at,
        call_id=event.call_id,
        asked_by=event.asked_by,
        approved_by=event.approved_by,
        changes=event.changes,
        more=event.more,
        before=event.before,
        after=event.after,
        taint=event.taint,
    )


def _undo_state(changed: ChangedFiles | None, *, is_running: bool, has_changed: bool) -> UndoState:
    if changed is None:
        return "too_late" if has_changed else "nothing"
    if changed.undo:
        return changed.undo
    return "running" if is_running else "possible"


@asynccontextmanager
async def refusing() -> AsyncIterator[None]:
    """Say what files and disk refuse in the words of the protocol."""
    try:
        yield
    except ToolRefused as refused:
        raise Refused(_CODES.get(refused.code, RefusalCode.CONFLICT), refused.text) from None
    except CheckpointGone as gone:
        raise Refused(RefusalCode.NOT_FOUND, str(gone)) from None
    except WorkspaceAway as away:
        raise Refused(RefusalCode.UNAVAILABLE, away.reason, retry_after_s=10.0) from away
    except OSError as error:
        raise Refused(
            RefusalCode.UNAVAILABLE, f"the disk refused: {error.strerror or 'it did not say why'}", retry_after_s=5.0
        ) from error
