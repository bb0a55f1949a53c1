"""Changes files in DIR: what came whole is moved to its place, what is gone removed, and nothing that changed since is touched."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from multiplayer.client.sync.opened_folder import FATAL, OpenedFolder
from multiplayer.client.sync.stamps import Stamp, stamp_of
from multiplayer.client.sync.wrongs import PathLeft, PathMoved

_PIECE_BYTES: Final = 1024 * 1024
_PART: Final = ".part"
_COPY: Final = ".copy"
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES})


class Part:
    """What has come of a content, under DIR/.multiplayer/tmp; what an earlier run left is gone on with. Blocks."""

    def __init__(self, folder: OpenedFolder, sha256: str, size: int) -> None:
        self.name = sha256 + _PART
        self._folder = folder
        self._sha256 = sha256
        self._whole = size
        flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(FileNotFoundError):
            if os.stat(self.name, dir_fd=folder.temporary, follow_symlinks=False).st_nlink > 1:
                # A kill came between its two names: what is written here would be written to a file of somebody.
                os.unlink(self.name, dir_fd=folder.temporary)
        self._file = open(os.open(self.name, flags, 0o600, dir_fd=folder.temporary), "r+b", buffering=0)  # noqa: PTH123, SIM115 - a descriptor, closed by `close`
        self._digest = hashlib.sha256()
        self.size = 0
        while self.size < size and (piece := self._file.read(min(_PIECE_BYTES, size - self.size))):
            self._digest.update(piece)
            self.size += len(piece)
        if os.fstat(self._file.fileno()).st_size > self.size:
            self._file.truncate(self.size)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Raises `PathLeft` if more comes than belongs to it."""
        for piece in pieces:
            if self.size + len(piece) > self._whole:
                self.drop()
                raise PathLeft("more came than the file holds")
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]
            self._digest.update(piece)
            self.size += len(piece)

    def finish(self) -> None:
        """Make sure that it is whole, right and on the disk. Raises `PathLeft` if it is not what was asked for."""
        if self.size != self._whole or self._digest.hexdigest() != self._sha256:
            self.drop()
            raise PathLeft("what came has another checksum")
        os.fsync(self._file.fileno())

    def drop(self) -> None:
        """Let it begin anew, here or at the next try."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self.size = hashlib.sha256(), 0

    def close(self) -> None:
        self._file.close()


class Placing:
    """The only one that changes what lies in DIR. Each method raises `PathLeft` or `PathMoved`, with nothing done."""

    def __init__(self, folder: OpenedFolder) -> None:
        self._folder = folder
        self._copies = 0
        # It can only be asked for by setting it.
        self._umask = os.umask(0o077)
        os.umask(self._umask)

    def place(
        self,
        part: str,
        path: str,
        *,
        is_executable: bool,
        replaces: Stamp | None,
        keeps_part: bool,
        told: Callable[[], None],
    ) -> tuple[os.stat_result, Stamp] | None:
        """Make a whole part what stands at `path`, at once. `told` is called right before.

        Return what it was right before, and what stands there then; None if that is gone already.
        """
        with _one_path(), self._folder.parent(path, makes=True) as (folder, name):
            mode = self._check(folder, name, replaces)
            source = self._copy(part) if keeps_part else part
            before = self._set_mode(source, mode, is_executable=is_executable)
            told()
            if replaces is None:
                self._link(source, folder, name)
            else:
                # Whatever was written since the check is lost, as with every program that writes files whole.
                self._check(folder, name, replaces)
                os.rename(source, name, src_dir_fd=self._folder.temporary, dst_dir_fd=folder)
            try:
                return before, stamp_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
            except OSError:
                # It was placed all the same.
                return None

    def set_executable(self, path: str, stamp: Stamp, *, is_executable: bool) -> None:
        """Change nothing but that."""
        with _one_path():
            descriptor = self._folder.open_file(path)
            try:
                about = os.fstat(descriptor)
                if stamp_of(about) != stamp:
                    raise PathMoved(path)
                os.fchmod(descriptor, self._mode(about.st_mode, is_executable=is_executable))
            finally:
                os.close(descriptor)

    def remove(self, path: str, stamp: Stamp) -> None:
        """Remove a file, and the folders above it that hold nothing then."""
        with _one_path():
            with self._folder.parent(path) as (folder, name):
                self._check(folder, name, stamp)
                os.unlink(name, dir_fd=folder)
            self._folder.remove_empty_above(path)

    def move_aside(self, path: str, to: str) -> None:
        """Give a file or a folder another name beside its own."""
        with _one_path(), self._folder.parent(path) as (folder, name):
            other = to.rpartition("/")[2]
            with suppress(FileNotFoundError):
                os.stat(other, dir_fd=folder, follow_symlinks=False)
                raise PathMoved(to)
            os.rename(name, other, src_dir_fd=folder, dst_dir_fd=folder)

    def sweep(self, wanted: frozenset[str]) -> None:
        """Remove what earlier runs left of contents that nobody wants any more."""
        kept = {sha256 + _PART for sha256 in wanted}
        with os.scandir(self._folder.temporary) as found:
            names = [entry.name for entry in found]
        for name in names:
            if name.endswith((_PART, _COPY)) and name not in kept:
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._folder.temporary)

    def _check(self, folder: int, name: str, expected: Stamp | None) -> int | None:
        """Return the mode of what stands there, if that is what was expected."""
        try:
            about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            if expected is None:
                return None
            raise PathMoved(name) from None
        if stat.S_ISDIR(about.st_mode) and expected is None:
            # What holds nothing stands in nobody's way.
            try:
                os.rmdir(name, dir_fd=folder)
            except OSError:
                raise PathLeft("a folder stands here that holds what is not synced") from None
            return None
        if expected is None or not stat.S_ISREG(about.st_mode) or stamp_of(about) != expected:
            raise PathMoved(name)
        return about.st_mode

    def _link(self, source: str, folder: int, name: str) -> None:
        """Move to a name that is free, and stays as it is if it is not."""
        temporary = self._folder.temporary
        try:
            # Unlike a rename it replaces nothing, also not what came there just now.
            os.link(source, name, src_dir_fd=temporary, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise PathMoved(name) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Not every disk knows a file by two names.
            os.rename(source, name, src_dir_fd=temporary, dst_dir_fd=folder)
        else:
            os.unlink(source, dir_fd=temporary)

    def _copy(self, part: str) -> str:
        self._copies += 1
        name = f"{part}.{self._copies}{_COPY}"
        temporary = self._folder.temporary
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            open(os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=temporary), "rb") as source,  # noqa: PTH123 - a descriptor
            open(os.open(name, flags, 0o600, dir_fd=temporary), "wb") as target,  # noqa: PTH123 - a descriptor
        ):
            while piece := source.read(_PIECE_BYTES):
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        return name

    def _set_mode(self, name: str, mode: int | None, *, is_executable: bool) -> os.stat_result:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder.temporary)
        try:
            plain = 0o666 & ~self._umask if mode is None else mode
            os.fchmod(descriptor, self._mode(plain, is_executable=is_executable))
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def _mode(self, mode: int, *, is_executable: bool) -> int:
        """Return a mode that whoever may read may also run, or nobody. Never one that runs as somebody else."""
        mode &= 0o777
        if not is_executable:
            return mode & ~0o111
        return mode | 0o100 | ((mode & 0o444) >> 2 & ~self._umask)


@contextmanager
def _one_path() -> Iterator[None]:
    """Tell what is wrong with one path from what is wrong with all."""
    try:
        yield
    except FileNotFoundError as error:
        raise PathMoved(str(error)) from None
    except OSError as error:
        if error.errno in FATAL:
            raise
        raise PathLeft(error.strerror or "this machine does not let it be") from None
