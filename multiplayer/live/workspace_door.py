"""Changing a room's files by hand: a file written, moved or removed, each as a change of its own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from multiplayer.live.directory import Directory
from multiplayer.live.workbench import Workbench
from multiplayer.live.workspace_changes import LOCK_WAIT_S, ChangesByHand, shown
from multiplayer.live.workspace_reports import MAX_READ_BYTES, refusing
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.reports_workspace import WorkspaceChange
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
        self._changes = ChangesByHand(workbench, directory, new_id, lock_wait_s=lock_wait_s)
        self._limits = limits or Limits()

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
            touched = shown(path)
        # The version that is replaced is read to be compared: none larger than can be handed out.
        limits = replace(self._limits, file_bytes=MAX_READ_BYTES)
        sha256 = sha256_of(data)
        change = await self._change(room_id, actor_id, [touched], partial(_write, path, data, expected, limits))
        return change.model_copy(update={"sha256": sha256})

    async def add(
        self, room_id: RoomId, actor_id: AccountId, files: Mapping[str, bytes], *, key: str
    ) -> WorkspaceChange:
        """Write these files as one change; where something stands already it stays. Under `key` it is told once."""
        async with refusing():
            touched = [shown(path) for path in files]
        work = partial(_add, files, self._limits)
        return (await self._changes.make(room_id, actor_id, touched, work, key=key)).told

    async def move(self, room_id: RoomId, actor_id: AccountId, source: str, destination: str) -> WorkspaceChange:
        """Move a file or folder to a name that is free; the folders above it are made."""
        async with refusing():
            touched = [shown(source), shown(destination)]
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
            touched = shown(path)
        work = partial(_delete, path, expected, is_recursive=is_recursive, most=self._limits.workspace_inodes)
        return await self._change(room_id, actor_id, [touched], work)

    async def _change(
        self, room_id: RoomId, actor_id: AccountId, touched: Sequence[str], work: Callable[[Workspace], None]
    ) -> WorkspaceChange:
        return (await self._changes.make(room_id, actor_id, touched, work)).told


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


def _add(files: Mapping[str, bytes], limits: Limits, workspace: Workspace) -> None:
    for path, data in files.items():
        try:
            write_bytes(workspace, path, data, limits, NEW_FILE)
        except ToolRefused as refused:
            if refused.code is not ToolFault.EXISTS:
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
