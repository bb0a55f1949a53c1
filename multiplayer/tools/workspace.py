"""A room's folder: made, owned by the room's uid, held open as a descriptor, and measured."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.paths import Root, knows_openat2

UID_BASE = 200_000
UID_RANGE = 1_000_000
"""How many room uids lie above the base."""
MAX_DEPTH = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Usage:
    """What a workspace holds. Disk blocks count, not the length a sparse file claims."""

    used_bytes: int
    inodes: int
    is_whole: bool
    """False if something was not counted: the workspace holds more than this, and counts as over its quota."""

    def is_over(self, used_bytes: int, inodes: int) -> bool:
        return not self.is_whole or self.used_bytes > used_bytes or self.inodes > inodes


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open workspace; `close` it once. Commands and files in it belong to `uid` (and the gid of the same number)."""

    fd: int
    uid: int
    kernel_resolves: bool

    @property
    def root(self) -> Root:
        return Root(self.fd, self.kernel_resolves)

    def close(self) -> None:
        os.close(self.fd)

    def usage(self, *, most_inodes: int) -> Usage:
        """Count bytes and inodes, following no link; stops at `most_inodes` + 1. Blocks on the disk."""
        used = inodes = 0
        is_whole = True
        # Paths of folders still to read, relative to the descriptor: one descriptor open at a time, no recursion.
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            try:
                folder = _open_below(self.fd, parts)
            except PermissionError:
                is_whole = False  # a folder closed against its own user hides what is in it
                continue
            except OSError:
                continue  # a command removes and moves folders while we count
            try:
                for entry in _entries(folder):
                    try:
                        seen = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    used += seen.st_blocks * 512
                    inodes += 1
                    if inodes > most_inodes:
                        return Usage(used, inodes, is_whole=False)
                    if entry.is_dir(follow_symlinks=False):
                        if len(parts) < MAX_DEPTH:
                            waiting.append((*parts, entry.name))
                        else:
                            is_whole = False
            finally:
                os.close(folder)
        return Usage(used, inodes, is_whole)


def _open_below(root: int, parts: tuple[str, ...]) -> int:
    at = os.dup(root)
    for part in parts:
        try:
            below = os.open(part, _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


def _entries(folder: int) -> Iterator[os.DirEntry[str]]:
    # A scan by descriptor shares its position with every copy of it; a fresh one starts at the beginning.
    fresh = os.open(".", _FOLDER, dir_fd=folder)
    try:
        with os.scandir(fresh) as entries:
            yield from entries
    finally:
        os.close(fresh)


class Workspaces:
    """All workspaces of this server, under one folder. As root each room has a uid of its own; else they share ours."""

    def __init__(self, root: Path, uid_base: int = UID_BASE) -> None:
        assert uid_base > 0, "nothing sandboxed ever has host uid 0"
        self.root = root
        self.uid_base = uid_base
        self._kernel_resolves = knows_openat2()

    def uid_of(self, room_number: int) -> int:
        """The host uid of a room; numbers start at 1 (0 is the preflight's)."""
        assert 0 <= room_number < UID_RANGE, f"room number {room_number}"
        return self.uid_base + room_number if os.geteuid() == 0 else os.geteuid()

    def open(self, room_id: RoomId, room_number: int) -> Workspace:
        """Open the room's workspace, made if it is not there. The caller closes it. Raises `OSError`. Blocks."""
        name = str(room_id)
        assert name.isalnum(), f"not a room id: {name!r}"
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        above = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(FileExistsError):  # the usual case: the room has been here before
                os.mkdir(name, 0o700, dir_fd=above)
            fd = os.open(name, _FOLDER, dir_fd=above)
        finally:
            os.close(above)
        return self._owned(fd, self.uid_of(room_number))

    @contextmanager
    def borrow(self, path: Path) -> Iterator[Workspace]:
        """An existing folder as a workspace, for the command line and preflight.

        It keeps its owner, unless that is uid 0: then the folder (not what lies in it) goes to the preflight's uid.
        """
        fd = os.open(path, _FOLDER)
        owner = os.fstat(fd).st_uid
        workspace = self._owned(fd, owner if owner != 0 else self.uid_of(0))
        try:
            yield workspace
        finally:
            workspace.close()

    def _owned(self, fd: int, uid: int) -> Workspace:
        try:
            if os.geteuid() == 0:
                seen = os.fstat(fd)
                if (seen.st_uid, seen.st_gid) != (uid, uid):
                    os.fchown(fd, uid, uid)
                if seen.st_mode & 0o777 != 0o700:
                    os.fchmod(fd, 0o700)
        except OSError:
            os.close(fd)
            raise
        return Workspace(fd, uid, self._kernel_resolves)


def uid_range_conflict(
    uid_base: int, passwd: Path = Path("/etc/passwd"), subuid: Path = Path("/etc/subuid")
) -> str | None:
    """Say which account or subordinate range meets the room uids, or None. Files that are not there say nothing."""
    end = uid_base + UID_RANGE
    for file, width in ((passwd, None), (subuid, 2)):
        try:
            lines = file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split(":")
            first, count = (fields[2:3], "1") if width is None else (fields[1:2], "".join(fields[2:3]))
            if not (first and first[0].isdecimal() and count.isdecimal()):
                continue
            start = int(first[0])
            if start < end and start + int(count) > uid_base:
                return f"room uids {uid_base}-{end - 1} meet {fields[0]!r} in {file}"
    return None
