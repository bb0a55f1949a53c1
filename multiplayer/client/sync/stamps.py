"""What tells cheaply whether a file is still the one that was read."""

import os
import stat
from typing import Final, NamedTuple

_FINE_NS: Final = 100_000_000
_COARSE_NS: Final = 2_000_000_000
"""Disks that count whole seconds, or two."""


class Stamp(NamedTuple):
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    is_executable: bool


class Seen(NamedTuple):
    """A content that was read. `at_ns`: when the reading began; what was written right before could be missed."""

    stamp: Stamp
    sha256: str
    at_ns: int

    def is_of(self, stamp: Stamp) -> bool:
        """Whether a file with this stamp holds that content for sure."""
        if stamp != self.stamp:
            return False
        # Not mtime: anybody can set that, also into the future.
        return stamp.ctime_ns + (_COARSE_NS if stamp.ctime_ns % 1_000_000_000 == 0 else _FINE_NS) < self.at_ns


def stamp_of(about: os.stat_result) -> Stamp:
    executable = bool(about.st_mode & stat.S_IXUSR)
    return Stamp(about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, executable)
