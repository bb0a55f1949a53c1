"""The files of a local store: one on its way in, one on its way out, and what the disk says in the port's words."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from multiplayer.blobs.port import (
    PIECE_BYTES,
    BlobCorrupt,
    BlobKey,
    BlobMissing,
    BlobsDenied,
    BlobsFault,
    BlobsFull,
    BlobsUnavailable,
    Stored,
)

_INCOMING: Final = ".incoming"
"""No key's part begins with a dot."""
_SEND_BYTES: Final = 16 * 1024 * 1024
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FOREIGN: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})
_CANNOT_LINK: Final = frozenset({errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


class Incoming:
    """A file on its way in, under a random name beside the objects. All its methods block."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = secrets.token_hex(16)
        self._folder = self._file = -1
        self._size = self._sent = 0

    @property
    def is_open(self) -> bool:
        return self._folder >= 0

    def _open_folder(self) -> None:
        if self._folder < 0:
            with folder_of(self._root, f"{_INCOMING}/", make=True) as folder:
                self._folder = os.dup(folder)

    def write(self, pieces: Sequence[bytes]) -> None:
        with told():
            self._open_folder()
            if self._file < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                self._file = os.open(self._name, flags, 0o600, dir_fd=self._folder)
            rest = memoryview(b"".join(pieces))
            while rest:
                written = os.write(self._file, rest)
                rest = rest[written:]
                self._size += written
            if self._size - self._sent >= _SEND_BYTES and hasattr(os, "posix_fadvise"):
                # Sets the disk to work now, so that there is little left to wait for in the end.
                os.posix_fadvise(self._file, self._sent, self._size - self._sent, os.POSIX_FADV_DONTNEED)
                self._sent = self._size

    def link(self, key: BlobKey) -> bool:
        """Be another name of an object's file, changed now. False: not on this file system."""
        with told():
            self._open_folder()
            try:
                with folder_of(self._root, key) as folder:
                    os.link(
                        last_part(key), self._name, src_dir_fd=folder, dst_dir_fd=self._folder, follow_symlinks=False
                    )
            except OSError as error:
                if error.errno in _CANNOT_LINK:
                    return False
                raise
            self._file = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._folder)
            os.utime(self._file)
        return True

    def publish(self, key: BlobKey, pieces: Sequence[bytes] = ()) -> Stored:
        """Write the rest, make it durable and move it to its place."""
        self.write(pieces)
        with told():
            os.fsync(self._file)
            stored = regular(key, os.fstat(self._file))
            with folder_of(self._root, key, make=True) as folder:
                os.rename(self._name, last_part(key), src_dir_fd=self._folder, dst_dir_fd=folder)
                os.fsync(folder)
        self.drop()
        return stored

    def drop(self) -> None:
        """Leave nothing behind."""
        folder, file, self._folder, self._file = self._folder, self._file, -1, -1
        if folder < 0:
            return
        with told():
            try:
                if file >= 0:
                    os.close(file)
                    # Also after it was moved: of two names for one file, `rename` leaves both.
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self._name, dir_fd=folder)
            finally:
                os.close(folder)

    close = drop

    def clear(self, *, before: float) -> None:
        """Remove what nobody has written to since `before`."""
        with told():
            self._open_folder()
            for name in os.listdir(self._folder):  # noqa: PTH208 - pathlib knows no descriptors
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    if os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_mtime < before:
                        os.unlink(name, dir_fd=self._folder)


class Outgoing:
    """An object's file being read. Its methods block, but for `close`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file = -1

    def open(self, key: BlobKey) -> int:
        """Return its size."""
        with told(), folder_of(self._root, key) as folder:
            self._file = os.open(last_part(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            return regular(key, os.fstat(self._file)).size

    def pieces(self, start: int, end: int) -> list[bytes]:
        given: list[bytes] = []
        with told():
            while start < end:
                piece = os.pread(self._file, min(PIECE_BYTES, end - start), start)
                if not piece:
                    raise BlobCorrupt("the file ends before its end")
                given.append(piece)
                start += len(piece)
        return given

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@contextmanager
def folder_of(root: Path, path: str, *, make: bool = False) -> Iterator[int]:
    """Open the folder that the last part of `path` lies in, step by step, so that no symlink is followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY
    try:
        folder = os.open(root, flags)
    except OSError as error:
        raise BlobsUnavailable(f"the folder for files cannot be reached: {error.strerror}") from error
    try:
        for name in path.split("/")[:-1]:
            try:
                below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
            except FileNotFoundError:
                if not make:
                    raise
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
                os.fsync(folder)
                below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def last_part(key: str) -> str:
    return key.rpartition("/")[2]


def regular(key: BlobKey, status: os.stat_result) -> Stored:
    if stat.S_ISDIR(status.st_mode):
        raise BlobMissing(f"there is no {key}")
    if not stat.S_ISREG(status.st_mode):
        raise BlobsDenied(f"at {key} lies something that is no file")
    return Stored(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


@contextmanager
def told() -> Iterator[None]:
    """Tell what the disk says in the port's words."""
    try:
        yield
    except OSError as error:
        raise fault(error) from error


def fault(error: OSError) -> BlobsFault:
    if isinstance(error, FileNotFoundError):
        return BlobMissing("there is no such file")
    if error.errno in _FULL:
        return BlobsFull(f"no room left for files: {error.strerror}")
    if error.errno in _DENIED:
        return BlobsDenied(f"the folder for files may not be used so: {error.strerror}")
    if error.errno in _FOREIGN:
        return BlobsDenied(f"something in the folder for files was not put there by us: {error.strerror}")
    return BlobsUnavailable(f"the folder for files does not work: {error.strerror}")
