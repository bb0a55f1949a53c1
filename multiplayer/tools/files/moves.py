"""Moving and deleting in a workspace: never over something, never following a link, never more than was agreed to."""

import errno
import os
import secrets
import stat
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from multiplayer.tools.checkpoints.folders import FOLDER, MAX_DEPTH, entries
from multiplayer.tools.files.names import check_change_path, shown_name
from multiplayer.tools.files.paths import Root, check_regular, refusal_of
from multiplayer.tools.files.renames import rename_no_replace
from multiplayer.tools.files.walk import status_of, tally
from multiplayer.tools.files.writes import check_quota, open_parent
from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace

_BATCH: Final = 1000
_MOST_STEPS: Final = 2_000_000


@dataclass(slots=True)
class Deleted:
    """What was removed."""

    files: int = 0
    """Everything that is no folder."""
    folders: int = 0


def move(workspace: Workspace, source: str, destination: str, limits: Limits) -> None:
    """Move a file or folder to a name that is free, making the folders above it. Raises `ToolRefused`. Blocks.

    A link, or a file with further names, stays where it is.
    """
    from_parts, to_parts = check_change_path(source), check_change_path(destination)
    if to_parts[: len(from_parts)] == from_parts and to_parts != from_parts:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "a folder cannot be moved into itself")
    from_parent = workspace.root.open_folder_for_change(from_parts[:-1])
    try:
        status = status_of(from_parent, from_parts)
        if stat.S_ISLNK(status.st_mode):
            raise refusal_of(OSError(errno.ELOOP, os.strerror(errno.ELOOP)), source)
        if not stat.S_ISDIR(status.st_mode):
            check_regular(status, source)
        elif len(to_parts) > len(from_parts):
            found = tally(workspace.root, from_parts, most=limits.workspace_inodes)
            if len(to_parts) + found.depth > MAX_DEPTH or not found.is_whole:
                raise ToolRefused(ToolFault.BAD_PATH, f"there its files would lie under more than {MAX_DEPTH} folders")
        check_quota(workspace, limits, more_bytes=0, more_inodes=len(to_parts) - 1)
        to_parent = open_parent(workspace, to_parts[:-1])
        try:
            rename_no_replace(from_parent, from_parts[-1], to_parent, to_parts[-1])
        except OSError as error:
            raise _refusal_of_move(error, source, destination) from error
        finally:
            os.close(to_parent)
    finally:
        os.close(from_parent)


def _refusal_of_move(error: OSError, source: str, destination: str) -> ToolRefused:
    if error.errno == errno.EINVAL:
        return ToolRefused(ToolFault.BAD_ARGUMENTS, "a folder cannot be moved into itself")
    if error.errno == errno.ENOENT:
        return ToolRefused(ToolFault.RACE, f"{source!r} went away while it was moved")
    return refusal_of(error, destination)


def move_file(workspace: Workspace, source: str, destination: str, limits: Limits) -> str:
    """As `move`; returns what the model is told."""
    move(workspace, source, destination, limits)
    return f"moved {_shown(source)} to {_shown(destination)}"


def delete(workspace: Workspace, path: str, most_files: int | None = None) -> Deleted:
    """Remove a file or link, or a folder with all that is in it. Raises `ToolRefused`, `OSError`. Blocks.

    With `most_files` nothing is removed if there are more, and it stops if more come while it runs (RACE).
    """
    parts = check_change_path(path)
    if most_files is not None:
        found = tally(workspace.root, parts, most=2 * most_files + MAX_DEPTH)
        if found.files > most_files or not found.is_whole:
            raise _too_many(path, most_files)
    parent = workspace.root.open_folder_for_change(parts[:-1])
    deleted = Deleted()
    try:
        if stat.S_ISDIR(status_of(parent, parts).st_mode):
            folder = Root(parent, workspace.kernel_resolves).open_folder_for_change(parts[-1:])
            _Emptying(folder, most_files, deleted, path).run()
            os.rmdir(parts[-1], dir_fd=parent)
            deleted.folders += 1
        else:
            os.unlink(parts[-1], dir_fd=parent)
            deleted.files += 1
    except OSError as error:
        raise refusal_of(error, path) from error
    finally:
        os.close(parent)
    return deleted


def delete_file(workspace: Workspace, path: str, most_files: int | None = None) -> str:
    """As `delete`; returns what the model is told."""
    deleted = delete(workspace, path, most_files)
    if not deleted.folders:
        return f"deleted {_shown(path)}"
    files = f"{deleted.files} file{'' if deleted.files == 1 else 's'}"
    return f"deleted {_shown(path)}: {files} in {deleted.folders} folder{'' if deleted.folders == 1 else 's'}"


def _too_many(path: str, most_files: int) -> ToolRefused:
    return ToolRefused(
        ToolFault.RACE, f"{path!r} holds more than the {most_files} files this call may delete; try again"
    )


def _shown(path: str) -> str:
    return shown_name("/".join(check_change_path(path)))


@dataclass(slots=True)
class _Level:
    folder: int
    name: str
    names: list[str] = field(default_factory=list)


class _Emptying:
    """Empties one open folder, which it closes.

    However deep the tree, few descriptors are open: what lies too deep is first moved up into the folder itself.
    """

    def __init__(self, top: int, most_files: int | None, deleted: Deleted, shown: str) -> None:
        self._levels = [_Level(top, "")]
        self._most_files = most_files
        self._deleted = deleted
        self._shown = shown
        self._left = _MOST_STEPS

    def run(self) -> None:
        """Raises `ToolRefused`, `OSError`: then a part is gone."""
        try:
            while self._levels:
                self._step(self._levels[-1])
        finally:
            for level in self._levels:
                os.close(level.folder)

    def _step(self, level: _Level) -> None:
        self._left -= 1
        if self._left < 0:
            raise ToolRefused(ToolFault.RACE, f"{self._shown!r} is filled as fast as it is emptied")
        if not level.names:
            level.names = [entry.name for entry in islice(entries(level.folder), _BATCH)]
        if not level.names:
            self._levels.pop()
            os.close(level.folder)
            if self._levels:
                os.rmdir(level.name, dir_fd=self._levels[-1].folder)
                self._deleted.folders += 1
            return
        name = level.names.pop()
        try:
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=level.folder, follow_symlinks=False).st_mode)
            if not is_folder:
                if self._most_files is not None and self._deleted.files >= self._most_files:
                    raise _too_many(self._shown, self._most_files)
                os.unlink(name, dir_fd=level.folder)
                self._deleted.files += 1
            elif len(self._levels) < MAX_DEPTH:
                self._levels.append(_Level(os.open(name, FOLDER, dir_fd=level.folder), name))
            else:
                top = self._levels[0].folder
                os.rename(name, f".{secrets.token_hex(8)}.tmp", src_dir_fd=level.folder, dst_dir_fd=top)
        except FileNotFoundError:
            return  # somebody else removed it
