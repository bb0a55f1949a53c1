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
        return stamp.ctime_ns + _step_ns(stamp.ctime_ns) < self.at_ns


def seen_in_place(source: os.stat_result, placed: Stamp, sha256: str) -> Seen | None:
    """Return what is known of a content that was put in its place just now, unread; None: not for sure.

    `source`: the file before others could see it, its mode set, written by nobody but us. Whoever writes to it under its new
    name gives it another mtime, if ours is older than that by more than the disk's clock may miss.
    """
    was = stamp_of(source)
    if was._replace(ctime_ns=placed.ctime_ns) != placed:
        return None
    if was.mtime_ns + max(_step_ns(was.mtime_ns), _step_ns(was.ctime_ns)) >= was.ctime_ns:
        return None
    return Seen(placed, sha256, placed.ctime_ns + _COARSE_NS + 1)


def _step_ns(at_ns: int) -> int:
    """Return how far apart two changes must be for a disk to tell them apart for sure, by a time that it told."""
    return _COARSE_NS if at_ns % 1_000_000_000 == 0 else _FINE_NS


def stamp_of(about: os.stat_result) -> Stamp:
    executable = bool(about.st_mode & stat.S_IXUSR)
    return Stamp(about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, executable)
