"""Many paths of a workspace changed at once, as a folder elsewhere asks for it: each decided by what stands there now."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from multiplayer.protocol.folded_names import SYNC_FOLDER, folded
from multiplayer.protocol.workspace_sync import PathChange, PathOutcome, RemovePath, WritePath
from multiplayer.tools.checkpoints.folders import entries
from multiplayer.tools.checkpoints.packs import CHUNK_BYTES
from multiplayer.tools.checkpoints.tree import shown_path
from multiplayer.tools.files.names import check_change_path
from multiplayer.tools.files.writes import Over, check_size, executable_mode, open_parent, put_pieces, take_away
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Usage, Workspace

_IN_THE_WAY: Final = frozenset(
    {ToolFault.OUTSIDE, ToolFault.WRONG_KIND, ToolFault.EXISTS, ToolFault.RACE, ToolFault.NOT_FOUND}
)
"""Something else stands there, or has come there meanwhile."""
_BLOCK: Final = 4096
_MOST_READ: Final = 2
"""Times what a workspace may hold is read of what stands there, by the sizes that it claims."""
_SPARE_BYTES: Final = MIB
"""Of disk for folders and for what the checkpoint notes."""


class ContentLost(Exception):  # noqa: N818 - it names what happened
    """A content that was there is not as it was, and has to be sent again."""


class Contents(Protocol):
    def size_of(self, sha256: str) -> int | None:
        """Return bytes, or None if it has to be sent first."""

    def is_kept(self, sha256: str) -> bool:
        """Tell whether a checkpoint with it takes no more room."""

    def pieces(self, sha256: str) -> Iterator[bytes]:
        """Give a content whole. Raises `ContentLost`, at its end too."""


@dataclass(frozen=True, slots=True)
class _Standing:
    sha256: str
    status: os.stat_result


class PathChanges:
    """Carries out one request on an open workspace. `run` it once."""

    def __init__(self, workspace: Workspace, limits: Limits, contents: Contents, touched: list[str]) -> None:
        """`touched` is told each path that is changed, as the log writes it."""
        self._workspace = workspace
        self._limits = limits
        self._contents = contents
        self._touched = touched
        self._usage: Usage | None = None
        self._read: dict[tuple[int, ...], str] = {}
        self._may_read = _MOST_READ * limits.workspace_bytes
        self._to_keep = 0
        """Bytes that the checkpoint after it takes besides."""

    def run(self, changes: Sequence[PathChange]) -> tuple[PathOutcome, ...]:
        """Return what became of each. Raises `OSError` if the disk fails: then a part is done."""
        outcomes: dict[int, PathOutcome] = {}
        # What goes first makes room for what comes: of bytes, and of names (a file where there was a folder).
        emptied: list[tuple[str, ...]] = []
        for number, change in enumerate(changes):
            if isinstance(change, RemovePath):
                outcomes[number] = self._removed(change, emptied)
        writes = [(number, change) for number, change in enumerate(changes) if isinstance(change, WritePath)]
        needed = {above for _, change in writes for above in _above(change.path)}
        self._remove_empty(emptied, needed)
        for number, change in writes:
            outcomes[number] = self._written(change)
        self._remove_empty(emptied, set())
        return tuple(outcomes[number] for number in range(len(changes)))

    def _removed(self, change: RemovePath, emptied: list[tuple[str, ...]]) -> PathOutcome:
        def remove(parts: tuple[str, ...]) -> PathOutcome:
            standing = self._standing(parts)
            if standing is None:
                return PathOutcome(path=change.path, state="same")
            if standing.sha256 != change.expected:
                return PathOutcome(path=change.path, state="conflict", sha256=standing.sha256)
            parent = self._workspace.root.open_folder_for_change(parts[:-1])
            try:
                take_away(parent, parts[-1], standing.status, change.path)
            finally:
                os.close(parent)
            self._touch(parts)
            emptied.append(parts[:-1])
            return PathOutcome(path=change.path, state="done")

        return _decided(change.path, remove)

    def _written(self, change: WritePath) -> PathOutcome:
        def write(parts: tuple[str, ...]) -> PathOutcome:
            try:
                standing = self._standing(parts)
            except ToolRefused:
                # A folder in which nothing is no tree tells of: who follows the room takes the name for free.
                if change.expected is not None or not self._is_empty_folder(parts):
                    raise
                standing = None
            if standing is not None and standing.sha256 == change.sha256:
                return self._with_mode(change, parts, standing)
            if (None if standing is None else standing.sha256) != change.expected:
                there = "" if standing is None else standing.sha256
                return PathOutcome(path=change.path, state="conflict", sha256=there)
            size = self._contents.size_of(change.sha256)
            if size is None:
                return PathOutcome(path=change.path, state="missing")
            try:
                self._put(change, parts, standing, size)
            except ContentLost:
                return PathOutcome(path=change.path, state="missing")
            self._touch(parts)
            return PathOutcome(path=change.path, state="done", sha256=change.sha256)

        return _decided(change.path, write)

    def _standing(self, parts: tuple[str, ...]) -> _Standing | None:
        """Return the file that stands there; None if nothing does. Raises `ToolRefused` for anything else."""
        try:
            fd, status = self._workspace.root.open_file_for_change(parts)
        except ToolRefused as refused:
            if refused.code is ToolFault.NOT_FOUND:
                return None
            raise
        try:
            return _Standing(self._digest(fd, status), status)
        finally:
            os.close(fd)

    def _digest(self, fd: int, status: os.stat_result) -> str:
        """Return what is in an open file. A version is read once, however often it is named."""
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if (known := self._read.get(version)) is not None:
            return known
        if status.st_size > min(self._limits.workspace_bytes, self._may_read):
            # A checkpoint does not look into it either: it claims far more than it holds.
            raise ToolRefused(ToolFault.WRONG_KIND, "what stands there is too big to be looked at")
        digest = hashlib.sha256()
        left = status.st_size
        while left > 0 and (piece := os.read(fd, min(CHUNK_BYTES, left))):
            digest.update(piece)
            left -= len(piece)
        self._may_read -= status.st_size
        self._read[version] = digest.hexdigest()
        return self._read[version]

    def _with_mode(self, change: WritePath, parts: tuple[str, ...], standing: _Standing) -> PathOutcome:
        mode = standing.status.st_mode & 0o777
        state = PathOutcome(path=change.path, state="same", sha256=change.sha256)
        if bool(mode & 0o100) == change.is_executable:
            return state
        fd, _ = self._workspace.root.open_file_for_change(parts)
        try:
            os.fchmod(fd, executable_mode(mode, is_executable=change.is_executable))
        except PermissionError as error:
            raise ToolRefused(ToolFault.IO, f"{change.path!r}: {error.strerror}") from error
        finally:
            os.close(fd)
        self._touch(parts)
        return state.model_copy(update={"state": "done"})

    def _put(self, change: WritePath, parts: tuple[str, ...], standing: _Standing | None, size: int) -> None:
        check_size(size, self._limits.file_bytes)
        folders = self._folders_there(parts[:-1])
        more_inodes = len(parts) - 1 - folders + (standing is None)
        more_bytes = -(-size // _BLOCK) * _BLOCK - (0 if standing is None else standing.status.st_blocks * 512)
        self._check_room(more_bytes, more_inodes)
        to_keep = 0 if self._contents.is_kept(change.sha256) else size
        self._check_disk(size + to_keep)
        if standing is None:
            self._is_removed(parts)  # an empty folder, if anything
        try:
            parent = open_parent(self._workspace, parts[:-1])
            try:
                put_pieces(
                    parent,
                    parts[-1],
                    self._contents.pieces(change.sha256),
                    uid=self._workspace.uid,
                    over=Over.NOTHING if standing is None else standing.status,
                    shown=change.path,
                    is_executable=change.is_executable,
                )
            finally:
                os.close(parent)
        except BaseException:
            for depth in range(len(parts) - 1, folders, -1):
                self._is_removed(parts[:depth])
            raise
        self._to_keep += to_keep
        used = self._used()
        self._usage = Usage(used.used_bytes + more_bytes, used.inodes + more_inodes, used.is_whole)

    def _folders_there(self, folders: tuple[str, ...]) -> int:
        """Return how many of the folders are there already. Raises `ToolRefused` where one of them is none."""
        for depth in range(len(folders), 0, -1):
            try:
                os.close(self._workspace.root.open_folder_for_change(folders[:depth]))
            except ToolRefused as refused:
                if refused.code is not ToolFault.NOT_FOUND:
                    raise
            else:
                return depth
        return 0

    def _used(self) -> Usage:
        if self._usage is None:
            self._usage = self._workspace.usage(most_inodes=self._limits.workspace_inodes)
        return self._usage

    def _check_room(self, more_bytes: int, more_inodes: int) -> None:
        used, limits = self._used(), self._limits
        is_full = more_bytes > 0 and (not used.is_whole or used.used_bytes + more_bytes > limits.workspace_bytes)
        if is_full or (more_inodes > 0 and used.inodes + more_inodes > limits.workspace_inodes):
            raise ToolRefused(
                ToolFault.QUOTA,
                f"the workspace is full ({used.used_bytes} of {limits.workspace_bytes} bytes, "
                f"{used.inodes} of {limits.workspace_inodes} files); remove files first",
            )

    def _check_disk(self, size: int) -> None:
        """Refuse before anything is begun what the disk cannot hold: with its checkpoint, without which it is not told."""
        disk = os.fstatvfs(self._workspace.fd)
        if disk.f_bavail * disk.f_frsize < size + self._to_keep + _SPARE_BYTES:
            raise ToolRefused(ToolFault.QUOTA, "the disk of the server is full")

    def _remove_empty(self, folders: Sequence[tuple[str, ...]], needed: set[tuple[str, ...]]) -> None:
        """Remove these folders, and those above them, as far as they hold nothing."""
        for folder in sorted(set(folders), key=len, reverse=True):
            for depth in range(len(folder), 0, -1):
                if folder[:depth] in needed or not self._is_removed(folder[:depth]):
                    break

    def _is_empty_folder(self, parts: tuple[str, ...]) -> bool:
        try:
            folder = self._workspace.root.open_folder_for_change(parts)
        except ToolRefused:
            return False
        try:
            return not any(True for _ in entries(folder))
        except OSError:
            return False  # closed to us
        finally:
            os.close(folder)

    def _is_removed(self, parts: tuple[str, ...]) -> bool:
        """Remove a folder if it is empty; tell whether it is gone."""
        try:
            above = self._workspace.root.open_folder_for_change(parts[:-1])
        except ToolRefused as refused:
            return refused.code is ToolFault.NOT_FOUND
        try:
            os.rmdir(parts[-1], dir_fd=above)
        except FileNotFoundError:
            return True
        except OSError:
            return False  # something lies in it, or it is closed to us
        finally:
            os.close(above)
        self._touch(parts)
        return True

    def _touch(self, parts: tuple[str, ...]) -> None:
        self._touched.append(shown_path(os.fsencode("/".join(parts))))


def _decided(path: str, act: Callable[[tuple[str, ...]], PathOutcome]) -> PathOutcome:
    try:
        parts = check_sync_path(path)
    except ToolRefused as refused:
        return PathOutcome(path=path, state="refused", reason=refused.text)
    try:
        return act(parts)
    except ToolRefused as refused:
        return PathOutcome(
            path=path, state="conflict" if refused.code in _IN_THE_WAY else "refused", reason=refused.text
        )


def check_sync_path(path: str) -> tuple[str, ...]:
    """As `check_change_path`; written in the one way in which a tree writes it, and nothing of the sync's own."""
    parts = check_change_path(path)
    if "/".join(parts) != path:
        raise ToolRefused(ToolFault.BAD_PATH, "the path has empty parts or dots in it")
    if any(folded(part) == SYNC_FOLDER for part in parts):
        raise ToolRefused(ToolFault.BAD_PATH, f"{SYNC_FOLDER} is the sync's own folder, and stays where it is")
    return parts


def _above(path: str) -> Iterator[tuple[str, ...]]:
    parts = tuple(path.split("/"))
    return (parts[:depth] for depth in range(1, len(parts)))
