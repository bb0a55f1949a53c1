"""Reading a workspace into a checkpoint store: by descriptor, over no link, bounded, and only what has changed."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from multiplayer.tools.checkpoints.folders import FILE, FOLDER, MAX_DEPTH
from multiplayer.tools.checkpoints.packs import CHUNK_BYTES
from multiplayer.tools.checkpoints.store import Stamp, Store
from multiplayer.tools.checkpoints.tree import (
    DEVICE,
    FIFO,
    SOCKET,
    UNKEPT,
    UNKNOWN_ROOT,
    Entry,
    Kind,
    encode_folder,
    join,
)
from multiplayer.tools.limits import KIB

MAX_NAMED = 20
"""How many of the paths that were left out are named."""
READ_TRIES = 3
_WHOLE_BYTES = 256 * KIB
_FINE_NS = 50_000_000
_COARSE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one look at a workspace may cost."""

    inodes: int
    file_bytes: int
    """Of one file, by the length it claims: nobody reads a sparse file of a terabyte."""
    all_bytes: int


@dataclass(slots=True)
class Scan:
    """What was seen."""

    root: bytes = b""
    files: int = 0
    size: int = 0
    """Of all files together."""
    inodes: int = 0
    read_files: int = 0
    """Files whose content had to be read: new, changed, or too fresh to be sure of."""
    left_out: list[bytes] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    is_whole: bool = True

    def leave_out(self, path: bytes) -> Entry:
        self.is_whole = False
        if len(self.left_out) < MAX_NAMED:
            self.left_out.append(path)
        return UNKEPT


@dataclass(slots=True)
class _Folder:
    fd: int
    path: bytes
    mode: int
    waiting: list[tuple[bytes, os.DirEntry[str]]]
    found: list[tuple[bytes, Entry]] = field(default_factory=list)


class Scanner:
    """Looks at one workspace, once. `root` is an open folder whose files belong to `uid`."""

    def __init__(self, root: int, uid: int, store: Store, bounds: Bounds, now_ns: Callable[[], int]) -> None:
        self._root = root
        self._uid = uid
        self._store = store
        self._bounds = bounds
        self._now_ns = now_ns
        self._device = os.fstat(root).st_dev
        self._known = store.known_files()
        self._fresh: dict[int, tuple[Stamp, bytes]] = {}
        self._seen: set[int] = set()
        self._bytes_left = bounds.all_bytes
        self.scan = Scan()

    def run(self, *, reads_all: bool = False) -> Scan:
        """Put the whole workspace into the store; `reads_all`: trust no file to be as it was. Does not commit."""
        if reads_all:
            self._known.clear()
        folders: list[_Folder] = []
        try:
            top = os.open(".", FOLDER, dir_fd=self._root)
            if not self._enter(folders, top, b"", 0):
                self.scan.root = self._store.put(encode_folder(UNKNOWN_ROOT))
                return self.scan
            while folders:
                folder = folders[-1]
                if folder.waiting:
                    name, entry = folder.waiting.pop()
                    self._visit(folders, folder, name, entry)
                    continue
                folders.pop()
                os.close(folder.fd)
                digest = self._store.put(encode_folder(folder.found))
                if folders:
                    name = folder.path.rpartition(b"/")[2]
                    folders[-1].found.append((name, Entry(Kind.FOLDER, folder.mode, digest)))
                else:
                    self.scan.root = digest
        finally:
            for folder in folders:
                os.close(folder.fd)
        gone = self._known.keys() - self._seen if self.scan.is_whole else ()
        self._store.remember_files(self._fresh, gone)
        self._known.update(self._fresh)
        return self.scan

    def look(self, parent: int, name: bytes, path: bytes) -> Entry | None:
        """What stands at one name now, without what lies below it; None if nothing does. For checks before a change."""
        try:
            seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(seen.st_mode):
            return Entry(Kind.FOLDER, seen.st_mode & 0o777)
        self._bytes_left = max(self._bytes_left, self._bounds.file_bytes)
        return self._entry(parent, name, path, seen)

    def _enter(self, folders: list[_Folder], fd: int, path: bytes, mode: int) -> bool:
        """List a folder and go on with it; False if it has more names than may be looked at. Takes `fd` over."""
        left = self._bounds.inodes - self.scan.inodes
        try:
            with os.scandir(fd) as names:
                listed = [(os.fsencode(entry.name), entry) for entry in islice(names, left + 1)]
        except BaseException:
            os.close(fd)
            raise
        if len(listed) > left:
            os.close(fd)
            self.scan.leave_out(path)
            return False
        self.scan.inodes += len(listed)
        # Always in the same order, so that where a bound is met it is met at the same file.
        listed.sort(key=lambda pair: pair[0], reverse=True)
        folders.append(_Folder(fd, path, mode, listed))
        return True

    def _visit(self, folders: list[_Folder], folder: _Folder, name: bytes, listed: os.DirEntry[str]) -> None:
        path = join(folder.path, name)
        try:
            seen = listed.stat(follow_symlinks=False)
        except FileNotFoundError:
            self.scan.leave_out(
                path
            )  # gone since the folder was listed: nothing stands there, but who knows where it is
            return
        except OSError:  # names may be read here, but nothing of what they name
            folder.found.append((name, self.scan.leave_out(path)))
            return
        if not stat.S_ISDIR(seen.st_mode):
            entry = self._entry(folder.fd, name, path, seen)
            if entry is not None:
                folder.found.append((name, entry))
            return
        if len(folders) > MAX_DEPTH or seen.st_dev != self._device:
            folder.found.append((name, self.scan.leave_out(path)))
            return
        try:
            fd = os.open(name, FOLDER, dir_fd=folder.fd)
        except OSError:  # closed to us, or no longer a folder
            folder.found.append((name, self.scan.leave_out(path)))
            return
        if not self._enter(folders, fd, path, os.fstat(fd).st_mode & 0o777):
            folder.found.append((name, UNKEPT))

    def _entry(self, parent: int, name: bytes, path: bytes, seen: os.stat_result) -> Entry | None:
        """Everything but a folder."""
        mode = seen.st_mode & 0o777
        if stat.S_ISREG(seen.st_mode):
            return self._file(parent, name, path, seen)
        if stat.S_ISLNK(seen.st_mode):
            try:
                return Entry(Kind.LINK, 0, os.readlink(name, dir_fd=parent))
            except OSError:
                return self.scan.leave_out(path)
        if len(self.scan.special) < MAX_NAMED:
            self.scan.special.append(path)
        what = FIFO if stat.S_ISFIFO(seen.st_mode) else SOCKET if stat.S_ISSOCK(seen.st_mode) else DEVICE
        return Entry(Kind.SPECIAL, mode, what)

    def _file(self, parent: int, name: bytes, path: bytes, seen: os.stat_result) -> Entry | None:
        if seen.st_size > min(self._bounds.file_bytes, self._bytes_left) or seen.st_dev != self._device:
            return self.scan.leave_out(path)
        known = self._known.get(seen.st_ino)
        if known is not None and known[0] == _stamp(seen):
            digest = known[1]
        else:
            read = self._read(parent, name, path)
            if read is None:
                return None
            if isinstance(read, Entry):
                return read
            digest, seen = read
        self._seen.add(seen.st_ino)
        self._bytes_left -= seen.st_size
        self.scan.files += 1
        self.scan.size += seen.st_size
        return Entry(Kind.FILE, seen.st_mode & 0o777, digest, seen.st_size)

    def _read(self, parent: int, name: bytes, path: bytes) -> tuple[bytes, os.stat_result] | Entry | None:
        try:
            fd = os.open(name, FILE, dir_fd=parent)
        except FileNotFoundError:
            self.scan.leave_out(path)
            return None
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.EIO}:
                raise  # not the workspace's doing
            return self.scan.leave_out(path)
        try:
            for tries_left in reversed(range(READ_TRIES)):
                seen = os.fstat(fd)
                if not stat.S_ISREG(seen.st_mode) or seen.st_dev != self._device or self._is_foreign(seen):
                    return self.scan.leave_out(path)
                os.lseek(fd, 0, os.SEEK_SET)
                began_ns = self._now_ns()
                most = min(self._bounds.file_bytes, self._bytes_left)
                digest, length = self._keep(fd, seen.st_size, most)
                after = os.fstat(fd)
                if _stamp(seen) == _stamp(after) and length == seen.st_size:
                    self.scan.read_files += 1
                    if _is_settled(after, began_ns):
                        self._fresh[after.st_ino] = _stamp(after), digest
                    return digest, after
                if not tries_left:
                    break
        finally:
            os.close(fd)
        return self.scan.leave_out(path)  # somebody keeps writing it: no moment of it can be kept

    def _is_foreign(self, seen: os.stat_result) -> bool:
        # A further name of a file that is not the room's: whoever made it may read more here than over there.
        return seen.st_nlink > 1 and seen.st_uid != self._uid

    def _keep(self, fd: int, size: int, most: int) -> tuple[bytes, int]:
        if size < _WHOLE_BYTES:
            data = os.read(fd, size + 1)
            return self._store.put(data), len(data)
        return self._store.put_pieces(_pieces(fd, most))


def _pieces(fd: int, most: int) -> Iterator[bytes]:
    while most > 0 and (chunk := os.read(fd, min(CHUNK_BYTES, most))):
        yield chunk
        most -= len(chunk)


def _stamp(seen: os.stat_result) -> Stamp:
    return Stamp(seen.st_dev, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_mode)


def _is_settled(seen: os.stat_result, began_ns: int) -> bool:
    """Whether a later write must get another time than this one: clocks of file systems tick coarsely."""
    tick_ns = _COARSE_NS if seen.st_ctime_ns % 1_000_000_000 == 0 else _FINE_NS
    return seen.st_ctime_ns + tick_ns < began_ns
