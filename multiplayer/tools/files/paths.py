"""Opening names inside a workspace without ever leaving it: no path string is trusted, only descriptors are."""

import ctypes
import errno
import os
import stat
from dataclasses import dataclass

from multiplayer.tools.refusal import ToolFault, ToolRefused

MAX_PATH_CHARACTERS = 1024
MAX_NAME_BYTES = 255
RACE_TRIES = 64

_OPENAT2 = 437  # the same number on every architecture
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH, _CACHED = 0x01, 0x02, 0x04, 0x08, 0x20
_SAFE = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def check_path(path: str) -> tuple[str, ...]:
    """Return the components of `path`, which may be empty for the workspace itself; raises `ToolRefused`.

    Nothing is expanded: `%`, `~` and `$` are characters like any other.
    """
    if "\0" in path:
        # First of all: ctypes would cut the name there and open another file.
        raise ToolRefused(ToolFault.BAD_PATH, "the path has a NUL character in it")
    if len(path) > MAX_PATH_CHARACTERS:
        raise ToolRefused(ToolFault.BAD_PATH, f"the path is longer than {MAX_PATH_CHARACTERS} characters")
    if path.startswith("/"):
        raise ToolRefused(ToolFault.BAD_PATH, "the path must be relative to the workspace")
    if "\\" in path:
        raise ToolRefused(ToolFault.BAD_PATH, "the path has a backslash in it; separate folders with /")
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise ToolRefused(ToolFault.BAD_PATH, "the path is not valid Unicode")
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if ".." in parts:
        raise ToolRefused(ToolFault.BAD_PATH, "the path may not contain ..")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise ToolRefused(ToolFault.BAD_PATH, f"a name in the path is longer than {MAX_NAME_BYTES} bytes")
    return parts


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def openat2(root: int, path: str, flags: int, resolve: int) -> int:
    """The system call; `path` must have passed `check_path`. Raises `OSError`."""
    assert "\0" not in path
    how = _OpenHow(flags, 0, resolve)
    arguments = (ctypes.c_int(root), ctypes.c_char_p(os.fsencode(path)), ctypes.byref(how))
    fd = int(_syscall(ctypes.c_long(_OPENAT2), *arguments, ctypes.c_size_t(ctypes.sizeof(how))))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return fd


def knows_openat2() -> bool:
    """Whether this kernel has the call (Linux 5.6) and no filter forbids it."""
    top = os.open("/", _FOLDER)
    try:
        os.close(openat2(top, ".", _FOLDER, _BENEATH))
    except OSError:
        return False
    finally:
        os.close(top)
    return True


def _walk(root: int, parts: tuple[str, ...], flags: int) -> int:
    """Open component by component, following no link at all (other systems, old kernels)."""
    at = os.dup(root)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(parts[-1] if parts else ".", flags | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)


def refusal_of(error: OSError, shown: str) -> ToolRefused:
    """What an `OSError` from opening `shown` means to the model."""
    match error.errno:
        case errno.ENOENT:
            return ToolRefused(ToolFault.NOT_FOUND, f"there is no {shown!r}")
        case errno.EXDEV | errno.ELOOP:
            return ToolRefused(ToolFault.OUTSIDE, f"{shown!r} leads out of the workspace or over a link")
        case errno.ENOTDIR:
            return ToolRefused(ToolFault.WRONG_KIND, f"{shown!r} is not a folder, or a part of its path is none")
        case errno.EISDIR:
            return ToolRefused(ToolFault.WRONG_KIND, f"{shown!r} is a folder")
        case errno.ENXIO | errno.ENODEV:
            return ToolRefused(ToolFault.WRONG_KIND, f"{shown!r} is not a regular file")
        case errno.EEXIST:
            return ToolRefused(ToolFault.EXISTS, f"there is already something named {shown!r}")
        case errno.ENAMETOOLONG:
            return ToolRefused(ToolFault.BAD_PATH, f"{shown!r} is too long a path for this file system")
        case errno.ENOTEMPTY:
            return ToolRefused(ToolFault.RACE, f"{shown!r} was written to meanwhile; try again")
        case errno.EAGAIN:
            return ToolRefused(ToolFault.RACE, f"{shown!r} kept changing while it was opened; try again")
        case errno.ENOSPC | errno.EDQUOT:
            return ToolRefused(ToolFault.QUOTA, "the disk is full; remove files first")
        case _:
            return ToolRefused(ToolFault.IO, f"{shown!r}: {error.strerror}")


@dataclass(frozen=True, slots=True)
class Root:
    """The workspace as an open folder. `fd` belongs to whoever opened it.

    Raises `ToolRefused` from every method. With `kernel_resolves=False` links are never followed.
    """

    fd: int
    kernel_resolves: bool = True

    def _open(self, parts: tuple[str, ...], flags: int, resolve: int) -> int:
        shown = "/".join(parts) or "."
        for _ in range(RACE_TRIES):
            try:
                if self.kernel_resolves:
                    return openat2(self.fd, shown, flags, _BENEATH | _NO_MAGICLINKS | resolve)
                return _walk(self.fd, parts, flags)
            except OSError as error:
                if error.errno == errno.ENOTDIR and not self.kernel_resolves:
                    # O_DIRECTORY|O_NOFOLLOW says ENOTDIR of a link: name the true reason where it can be seen.
                    raise self._link_or(error, parts) from error
                if error.errno != errno.EAGAIN:  # BENEATH gives EAGAIN when a rename raced with it
                    raise refusal_of(error, shown) from error
        raise ToolRefused(ToolFault.RACE, f"{shown!r} kept changing while it was opened; try again")

    def _link_or(self, error: OSError, parts: tuple[str, ...]) -> ToolRefused:
        at = os.dup(self.fd)
        try:
            for part in parts:
                if stat.S_ISLNK(os.stat(part, dir_fd=at, follow_symlinks=False).st_mode):
                    return refusal_of(OSError(errno.ELOOP, os.strerror(errno.ELOOP)), "/".join(parts))
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = below
        except OSError:
            pass  # it moved or is no folder: the first answer stands
        finally:
            os.close(at)
        return refusal_of(error, "/".join(parts))

    def open_file(self, parts: tuple[str, ...]) -> tuple[int, os.stat_result]:
        """Open a regular file with one name for reading; links are followed as long as they stay inside."""
        return _regular(self._open(parts, os.O_RDONLY | _SAFE, _NO_XDEV), parts)

    def open_file_for_change(self, parts: tuple[str, ...]) -> tuple[int, os.stat_result]:
        """As `open_file`, but over no link at all."""
        return _regular(self._open(parts, os.O_RDONLY | _SAFE, _NO_XDEV | _NO_SYMLINKS), parts)

    def open_cached_file(self, parts: tuple[str, ...]) -> tuple[int, os.stat_result]:
        """As `open_file`, for a name the kernel knows without asking the disk. Does not block.

        Raises `BlockingIOError` where the disk, or a system that cannot tell, would have to be asked.
        """
        if not self.kernel_resolves:
            raise BlockingIOError
        try:
            fd = openat2(
                self.fd, "/".join(parts) or ".", os.O_RDONLY | _SAFE, _BENEATH | _NO_MAGICLINKS | _NO_XDEV | _CACHED
            )
        except OSError as error:
            raise BlockingIOError from error  # whatever is wrong, the way that may wait has the words for it
        return _regular(fd, parts)

    def open_folder(self, parts: tuple[str, ...]) -> int:
        return self._open(parts, _FOLDER, _NO_XDEV)

    def open_folder_for_change(self, parts: tuple[str, ...]) -> int:
        """As `open_folder`, but over no link at all: what is changed is where its path says."""
        return self._open(parts, _FOLDER, _NO_XDEV | _NO_SYMLINKS)


def _regular(fd: int, parts: tuple[str, ...]) -> tuple[int, os.stat_result]:
    try:
        return fd, check_regular(os.fstat(fd), "/".join(parts) or ".")
    except ToolRefused:
        os.close(fd)
        raise


def check_regular(seen: os.stat_result, shown: str) -> os.stat_result:
    """Return `seen` if it is of a regular file with a single name; raises `ToolRefused`."""
    if stat.S_ISDIR(seen.st_mode):
        raise ToolRefused(ToolFault.WRONG_KIND, f"{shown!r} is a folder")
    if not stat.S_ISREG(seen.st_mode):
        raise ToolRefused(ToolFault.WRONG_KIND, f"{shown!r} is not a regular file")
    if seen.st_nlink > 1:
        raise ToolRefused(ToolFault.HARD_LINK, f"{shown!r} has further names (hard links) and is not opened")
    return seen
