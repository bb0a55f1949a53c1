"""Folders of a workspace by descriptor: opened a name at a time over no link, listed, and removed."""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

MAX_DEPTH = 64
"""Folders below each other that are counted, kept and archived."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""How a file is opened of which nothing is known yet: a FIFO in its place must not make us wait."""


def open_below(root: int, parts: Sequence[str | bytes]) -> int:
    """Open the folder `parts` below `root`, following no link. Raises `OSError`. The caller closes it."""
    at = os.dup(root)
    for part in parts:
        try:
            below = os.open(part, FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


def entries(folder: int) -> Iterator[os.DirEntry[str]]:
    """List what is in an open folder."""
    # A scan by descriptor shares its position with every copy of it; a fresh one starts at the beginning.
    fresh = os.open(".", FOLDER, dir_fd=folder)
    try:
        with os.scandir(fresh) as found:
            yield from found
    finally:
        os.close(fresh)


def remove_tree(above: int, name: str) -> None:
    """Remove the folder `name` with all in it, following no link; nothing happens if it is not there.

    Only for folders that no command can reach any more. Raises `OSError`.
    """
    # Each with the names of folders still to be removed in it. As deep as it goes, not deeper than one descriptor each.
    ways: list[tuple[int, list[str]]] = [(os.dup(above), [name])]
    try:
        while ways:
            parent, folders = ways[-1]
            if not folders:
                os.close(parent)
                ways.pop()
                if ways:
                    os.rmdir(ways[-1][1].pop(), dir_fd=ways[-1][0])
                continue
            try:
                fd = os.open(folders[-1], FOLDER, dir_fd=parent)
            except FileNotFoundError:
                folders.pop()
                continue
            ways.append((fd, _remove_files(fd)))
    finally:
        for fd, _ in ways:
            os.close(fd)


def _remove_files(folder: int) -> list[str]:
    """Remove all but the folders in a folder; returns those."""
    if os.geteuid() != 0:  # a folder may be closed to changes by its own user
        os.fchmod(folder, stat.S_IMODE(os.fstat(folder).st_mode) | stat.S_IRWXU)
    left = []
    for entry in list(entries(folder)):
        if entry.is_dir(follow_symlinks=False):
            left.append(entry.name)
        else:
            with suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=folder)
    return left


@contextmanager
def locked(above: int, name: str) -> Iterator[None]:
    """Hold the lock file `name` in a folder that is the server's alone; waits for it."""
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=above)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
