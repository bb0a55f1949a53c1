"""A room's folder: made, owned by the room's uid, held open as a descriptor, and measured."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.archive import unpack
from multiplayer.tools.checkpoints.folders import FOLDER, MAX_DEPTH, entries, locked, open_below, remove_tree
from multiplayer.tools.files.paths import Root, knows_openat2
from multiplayer.tools.limits import Limits

UID_BASE = 200_000
UID_RANGE = 1_000_000
"""How many room uids lie above the base."""
_OF_THE_SYSTEM = frozenset(
    Path("/", name)
    for name in (
        "",
        "bin",
        "boot",
        "dev",
        "etc",
        "home",
        "lib",
        "media",
        "mnt",
        "opt",
        "root",
        "run",
        "srv",
        "usr",
        "var",
    )
)
ARCHIVE = ".tar.gz"
"""What the name of a room's archive ends in, beside the folders of the rooms that are not archived."""
STAMPS = ".used"
"""The folder of files whose times say when a room's workspace was last opened; in each, which folder that was."""
NAMING = ".naming"
"""Who makes a room's folder or takes it away holds this lock: an empty folder never stands in for an archive."""
RACE_TRIES = 16
_MAX_STAMP = 256


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
class FreeSpace:
    """What is free for everybody, and what must stay so."""

    free_bytes: int
    floor_bytes: int
    free_inodes: int
    floor_inodes: int

    @property
    def is_short(self) -> bool:
        return self.free_bytes < self.floor_bytes or self.free_inodes < self.floor_inodes


def free_space(at: int | Path, limits: Limits) -> FreeSpace:
    """Measure the file system of what is open, or of a path that is there. Raises `OSError`. Blocks."""
    seen = os.statvfs(at)
    has_floor = limits.free_bytes > 0
    return FreeSpace(
        seen.f_bavail * seen.f_frsize,
        min(limits.free_bytes, seen.f_blocks * seen.f_frsize // 20),
        seen.f_favail,
        seen.f_files // 20 if has_floor else 0,
    )


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open workspace; `close` it once. Commands and files in it belong to `uid` (and the gid of the same number)."""

    fd: int
    uid: int
    kernel_resolves: bool
    identity: str = ""
    """The same for as long as the room's folder is the same, archived or not; another one after that was lost. "" of a folder
    that is only borrowed."""

    @property
    def root(self) -> Root:
        return Root(self.fd, self.kernel_resolves)

    def close(self) -> None:
        os.close(self.fd)

    def usage(self, *, most_inodes: int, is_to_open: bool = False) -> Usage:
        """Count bytes and inodes, following no link; stops at `most_inodes` + 1. Blocks on the disk.

        `is_to_open`: folders that their own user has closed to himself are opened to him, so that none goes uncounted.
        """
        used = inodes = 0
        is_whole = True
        # Paths of folders still to read, relative to the descriptor: one descriptor open at a time, no recursion.
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            try:
                folder = self._opened(parts) if is_to_open else open_below(self.fd, parts)
            except PermissionError:
                is_whole = False  # a folder closed against its own user hides what is in it
                continue
            except OSError:
                continue  # a command removes and moves folders while we count
            try:
                for entry in entries(folder):
                    try:
                        seen = entry.stat(follow_symlinks=False)
                    except PermissionError:
                        is_whole = False  # closed while it is listed
                        continue
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
            except PermissionError:
                is_whole = False
            except OSError:
                continue
            finally:
                os.close(folder)
        return Usage(used, inodes, is_whole)

    def _opened(self, parts: tuple[str, ...]) -> int:
        try:
            folder = open_below(self.fd, parts)
        except PermissionError:
            if not parts:
                os.fchmod(self.fd, 0o700)
            else:
                _open_to_owner(self.fd, parts)
            return open_below(self.fd, parts)
        mode = os.fstat(folder).st_mode
        if os.geteuid() != 0 and mode & 0o500 != 0o500:
            os.fchmod(folder, stat.S_IMODE(mode) | 0o500)
        return folder

    def free_space(self, limits: Limits) -> FreeSpace:
        """Measure the file system that all workspaces share."""
        return free_space(self.fd, limits)


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
        """Open the room's workspace: made if it is not there, unpacked if it was archived. The caller closes it.

        While it is open it cannot be archived. Waits for an archiving that has begun. Raises `OSError`. Blocks.
        """
        name = str(room_id)
        assert name.isalnum(), f"not a room id: {name!r}"
        # As root the rooms' uids have to pass through it, and cannot list it.
        self.root.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        above = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = self._open_held(above, name, self.uid_of(room_number))
            try:
                identity = _stamp(above, name, fd)
            except OSError:
                os.close(fd)
                raise
        finally:
            os.close(above)
        return self._owned(fd, self.uid_of(room_number), identity)

    def _open_held(self, above: int, name: str, uid: int) -> int:
        """Open the folder with a shared lock, which lasts as long as any copy of the descriptor."""
        for _ in range(RACE_TRIES):
            try:
                fd = os.open(name, FOLDER, dir_fd=above)
            except FileNotFoundError:
                if not _unpack_archived(above, name, uid):
                    _make(above, name)
                continue
            except PermissionError:
                # A command that shares our uid has closed its own folder: only whoever owns it may open it again.
                os.chmod(name, 0o700, dir_fd=above)
                fd = os.open(name, FOLDER, dir_fd=above)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH)
                # Whoever archived it meanwhile has taken the folder away: this one is nobody's any more.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(fd), os.stat(name, dir_fd=above, follow_symlinks=False)):
                        with suppress(FileNotFoundError):  # the usual case; else a crash left it, and the folder counts
                            os.unlink(name + ARCHIVE, dir_fd=above)
                        return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        raise OSError(errno.EAGAIN, f"the workspace of {name} keeps being archived while it is opened")

    @contextmanager
    def borrow(self, path: Path) -> Iterator[Workspace]:
        """An existing folder as a workspace, for the command line and preflight.

        It keeps its owner, unless that is uid 0: then the folder (not what lies in it) goes to the preflight's uid.
        """
        fd = os.open(path, FOLDER)
        owner = os.fstat(fd).st_uid
        workspace = self._owned(fd, owner if owner != 0 else self.uid_of(0))
        try:
            yield workspace
        finally:
            workspace.close()

    def _owned(self, fd: int, uid: int, identity: str = "") -> Workspace:
        try:
            if os.geteuid() == 0:
                seen = os.fstat(fd)
                if (seen.st_uid, seen.st_gid) != (uid, uid):
                    os.fchown(fd, uid, uid)
                if seen.st_mode & 0o777 != 0o700:
                    os.fchmod(fd, 0o700)
            else:
                seen = os.fstat(fd)
                if seen.st_uid == uid and seen.st_mode & 0o700 != 0o700:
                    os.fchmod(fd, 0o700)
        except OSError:
            os.close(fd)
            raise
        return Workspace(fd, uid, self._kernel_resolves, identity)


def _open_to_owner(root: int, parts: tuple[str, ...]) -> None:
    parent = open_below(root, parts[:-1])
    try:
        closed = os.open(parts[-1], os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        os.chmod(f"/proc/self/fd/{closed}", 0o700)  # noqa: PTH101 - the very folder, whatever has its name by now
    finally:
        os.close(closed)


def _stamp(above: int, name: str, folder: int) -> str:
    """Note that the room's folder is used now; return its identity."""
    with _stamp_of(above, name) as stamp:
        os.utime(stamp)
        identity = _identity(stamp, folder)
    if identity:
        return identity
    with locked(above, NAMING), _stamp_of(above, name) as stamp:
        # Somebody else may have found it nameless, too.
        return _identity(stamp, folder) or _name(stamp, folder, token_hex(16))


@contextmanager
def _stamp_of(above: int, name: str) -> Iterator[int]:
    with suppress(FileExistsError):
        os.mkdir(STAMPS, 0o700, dir_fd=above)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(f"{STAMPS}/{name}", flags, 0o600, dir_fd=above)
    try:
        yield fd
    finally:
        os.close(fd)


def _identity(stamp: int, folder: int) -> str:
    """Return the identity of a room's folder; "" if the stamp is of none, or of another folder."""
    identity, _, place = os.pread(stamp, _MAX_STAMP, 0).decode("ascii", "replace").partition(" ")
    return identity if place == _place(stamp, folder) else ""


def _name(stamp: int, folder: int, identity: str) -> str:
    os.ftruncate(stamp, 0)
    if identity:
        os.pwrite(stamp, f"{identity} {_place(stamp, folder)}".encode(), 0)
    # Before anything is noted that counts on it.
    os.fsync(stamp)
    return identity


def _place(stamp: int, folder: int) -> str:
    """Say what tells a folder from others. On one file system with its stamp the device says nothing: a restart may change it."""
    beside, seen = os.fstat(stamp), os.fstat(folder)
    return f"{0 if beside.st_dev == seen.st_dev else seen.st_dev}:{seen.st_ino}\n"


def _make(above: int, name: str) -> None:
    """Make a room's folder, unless it is there by now or has been archived by now."""
    with locked(above, NAMING):
        for there in (name, name + ARCHIVE):
            with suppress(FileNotFoundError):
                os.stat(there, dir_fd=above, follow_symlinks=False)
                return
        # The number of one that was lost may be given again: so what its stamp says counts for none any more.
        with suppress(FileNotFoundError):
            os.unlink(f"{STAMPS}/{name}", dir_fd=above)
        os.mkdir(name, 0o700, dir_fd=above)


def _unpack_archived(above: int, name: str, uid: int) -> bool:
    """Bring a room's folder back from its archive; False if there is none. A crash leaves the archive as it is."""
    try:
        packed = os.open(name + ARCHIVE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=above)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(packed, fcntl.LOCK_EX)  # one of those who open it at the same time unpacks it
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=above, follow_symlinks=False)
            return True
        opening = f".opening-{name}"
        remove_tree(above, opening)
        os.mkdir(opening, 0o700, dir_fd=above)
        fd = os.open(opening, FOLDER, dir_fd=above)
        try:
            unpack(packed, fd, uid if os.geteuid() == 0 else None)
            # What was packed is the same folder still.
            with _stamp_of(above, name) as stamp:
                identity = os.pread(stamp, _MAX_STAMP, 0).decode("ascii", "replace").partition(" ")[0]
                _name(stamp, fd, identity)
        finally:
            os.close(fd)
        os.sync()  # the archive is removed when the folder is used: by then all of it is on the disk
        os.rename(opening, name, src_dir_fd=above, dst_dir_fd=above)
        return True
    finally:
        os.close(packed)


def not_to_be_lent(folder: Path) -> str | None:
    """Say why a folder is no workspace that a command line may give to the sandbox's uid; None if it may."""
    if folder.stat().st_mode & stat.S_ISVTX or folder in _OF_THE_SYSTEM:
        return f"{folder} is not a folder of its own: make one, and name that"
    return None


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
