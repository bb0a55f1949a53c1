"""A rename that the standard library does not have: never over something."""

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from typing import Final

_NO_REPLACE: Final = 4 if sys.platform == "darwin" else 1
_NAME: Final = "renameatx_np" if sys.platform == "darwin" else "renameat2"
_NOT_HERE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""This system or file system has no such rename."""


def _found() -> Callable[[int, bytes, int, bytes, int], int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), _NAME, None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    function.restype = ctypes.c_int
    call: Callable[[int, bytes, int, bytes, int], int] = function
    return call


_RENAME: Final = _found()


def rename_no_replace(source: int, name: str, destination: int, to_name: str) -> None:
    """Rename between two open folders, never over something. Raises `OSError`, EEXIST if the new name is taken."""
    for one in (name, to_name):
        assert "\0" not in one, "ctypes would cut the name there"
        assert "/" not in one, "a name, not a path"
    if _RENAME is None:
        rename_no_replace_in_steps(source, name, destination, to_name)
        return
    if _RENAME(source, os.fsencode(name), destination, os.fsencode(to_name), _NO_REPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        rename_no_replace_in_steps(source, name, destination, to_name)
        return
    raise OSError(number, os.strerror(number), name)


def rename_no_replace_in_steps(source: int, name: str, destination: int, to_name: str) -> None:
    """`rename_no_replace` where the kernel has no such call: both names are there for a moment."""
    if stat.S_ISDIR(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
        # A folder is renamed over an empty one only: the new name is taken first, or found taken.
        os.mkdir(to_name, 0o700, dir_fd=destination)
        try:
            os.rename(name, to_name, src_dir_fd=source, dst_dir_fd=destination)
        except OSError:
            os.rmdir(to_name, dir_fd=destination)
            raise
    else:
        os.link(name, to_name, src_dir_fd=source, dst_dir_fd=destination, follow_symlinks=False)
        os.unlink(name, dir_fd=source)
