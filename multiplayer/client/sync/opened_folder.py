"""A folder held by its descriptor, and paths below it reached from there: over no link, and never out of it."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.wrongs import PathLeft, PathMoved, SyncStopped
from multiplayer.protocol.folded_names import folded

FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FATAL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE})
"""What goes wrong with all paths alike."""
TEMPORARY: Final = "tmp"


class OpenedFolder:
    """DIR. Made by `open_folder`. Its methods block; they raise `PathLeft` or `PathMoved` where no descriptor leads."""

    def __init__(self, path: Path, own_path: Path, descriptor: int, own: int, temporary: int) -> None:
        self.path = path
        self.own_path = own_path
        self.descriptor = descriptor
        self.own = own
        """DIR/.multiplayer."""
        self.temporary = temporary
        """DIR/.multiplayer/tmp, on whose files nobody looks."""

    @contextmanager
    def parent(self, path: str, *, makes: bool = False) -> Iterator[tuple[int, str]]:
        """Give the descriptor of the folder that holds `path`, and the last name. `makes`: folders that are not there."""
        *folders, name = path.split("/")
        if not {"", ".", ".."}.isdisjoint((*folders, name)) or any(folded(part) == OWN_FOLDER for part in folders):
            raise PathLeft("it would lie outside of the folder")
        at = os.dup(self.descriptor)
        try:
            for folder in folders:
                below = _step(at, folder, makes=makes)
                os.close(at)
                at = below
            yield at, name
        finally:
            os.close(at)

    def open_file(self, path: str) -> int:
        """Return a descriptor to read a regular file by."""
        with self.parent(path) as (folder, name):
            descriptor = os.open(name, READ_FLAGS, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PathLeft("it is no file")
        return descriptor

    def remove_empty_above(self, path: str) -> None:
        """Remove the folders above a path that hold nothing, as git does."""
        while "/" in path:
            path = path.rpartition("/")[0]
            try:
                with self.parent(path) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
            except (OSError, PathLeft, PathMoved):
                return

    def folds_names(self) -> bool:
        """Whether this disk takes two spellings for one name."""
        upper, lower = "Probe-\u00e9", "probe-e\u0301"
        found = False
        try:
            os.close(os.open(upper, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=self.temporary))
            for other in (lower, upper.lower(), "Probe-e\u0301"):
                with suppress(FileNotFoundError):
                    os.stat(other, dir_fd=self.temporary, follow_symlinks=False)
                    found = True
        finally:
            with suppress(OSError):
                os.unlink(upper, dir_fd=self.temporary)
        return found

    def close(self) -> None:
        for descriptor in (self.temporary, self.own, self.descriptor):
            os.close(descriptor)


def open_folder(path: Path, *, remembers_in: Path | None = None) -> OpenedFolder:
    """Open DIR, made if it is not there. Raises `SyncStopped` for what is no folder, and `OSError`.

    `remembers_in`: another folder that gets what this one would remember, where nothing in it may be changed.
    """
    path = path.absolute()
    opened: list[int] = []
    try:
        opened.append(_opened(path))
        if remembers_in is not None:
            opened.append(_opened(remembers_in))
        for name in (OWN_FOLDER, TEMPORARY):
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=opened[-1])
            try:
                opened.append(os.open(name, FOLDER_FLAGS, dir_fd=opened[-1]))
            except OSError as error:
                if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                    raise
                raise SyncStopped(f"{name} in {path} is not a folder", hint="move it away") from None
        _hide_from_git(opened[-2])
    except BaseException:
        for one in opened:
            os.close(one)
        raise
    if remembers_in is not None:
        os.close(opened.pop(1))
    return OpenedFolder(path, (remembers_in or path) / OWN_FOLDER, *opened)


def _opened(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileExistsError, NotADirectoryError):
        raise SyncStopped(f"{path} is not a folder") from None


def _step(at: int, name: str, *, makes: bool) -> int:
    if makes:
        with suppress(FileExistsError):
            os.mkdir(name, 0o777, dir_fd=at)
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=at)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            # It was not when all was looked at, or what came names it as two things.
            raise PathMoved(name) from None
        raise


def _hide_from_git(own: int) -> None:
    with suppress(FileExistsError):
        descriptor = os.open(".gitignore", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=own)
        try:
            os.write(descriptor, b"*\n")
        finally:
            os.close(descriptor)
