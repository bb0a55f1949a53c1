"""The files that hold the objects of a checkpoint store, one behind the other: few big files, not many small ones.

A file for each object was tried: on the same disk 2,000 of them took 1,100 ms, one pack 60 ms.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from multiplayer.tools.limits import KIB, MIB

CHUNK_BYTES = MIB
"""How much of a file is held in memory at once."""
MAX_PACK_BYTES = 64 * MIB
"""A pack over this size is not added to."""
_HOLE_BYTES = 64 * KIB


class Place(NamedTuple):
    """Where an object lies."""

    pack: int
    offset: int
    length: int


class Packs:
    """The packs in one folder. One thread at a time; what is added counts once `flush` returned."""

    def __init__(self, folder: Path, lengths: dict[int, int]) -> None:
        """`lengths`: of each pack up to where it counts; what lies behind was left by a crash and is overwritten."""
        self.folder = folder
        self.lengths = lengths
        self._last = -1
        self._fd = -1
        self._end = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._reading: dict[int, int] = {}
        self._grown: dict[int, int] = {}

    def close(self) -> None:
        for fd in (*self._reading.values(), *([self._fd] if self._fd >= 0 else [])):
            os.close(fd)
        self._reading.clear()
        self._fd = -1

    def add(self, data: bytes) -> Place:
        self._begin()
        place = Place(self._last, self._end + self._waiting_bytes, len(data))
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= CHUNK_BYTES or len(self._waiting) >= 512:
            self._write_waiting()
        return place

    def add_pieces(self, pieces: Iterable[bytes]) -> tuple[bytes, Place]:
        """Add one object piece by piece; returns its digest too. Long runs of zeros take no room on the disk."""
        self._begin()
        self._write_waiting()
        start, digest = self._end, sha256()
        for piece in pieces:
            digest.update(piece)
            write_sparse(self._fd, piece, self._end)
            self._end += len(piece)
        os.ftruncate(self._fd, self._end)
        return digest.digest(), Place(self._last, start, self._end - start)

    def take_back(self, place: Place) -> None:
        """Forget the object that was added last."""
        assert place.offset + place.length == self._end
        self._end = place.offset
        os.ftruncate(self._fd, self._end)

    def flush(self) -> dict[int, int]:
        """Make what was added durable; returns the packs that grew since the last time, with their lengths now."""
        if self._fd >= 0:
            self._write_waiting()
            if self._end != self.lengths.get(self._last, 0):
                os.fdatasync(self._fd)
                self.lengths[self._last] = self._grown[self._last] = self._end
        grown, self._grown = self._grown, {}
        return grown

    def read(self, place: Place) -> Iterator[bytes]:
        """The object in pieces. Raises `OSError`; a pack that is gone or too short just ends early."""
        fd = self._descriptor(place)
        at, end = place.offset, place.offset + place.length
        while at < end and (chunk := os.pread(fd, min(CHUNK_BYTES, end - at), at)):
            yield chunk
            at += len(chunk)

    def begins(self, place: Place, length: int) -> bytes:
        """Return the first bytes of an object, as many as there are; none if the pack is gone."""
        try:
            return os.pread(self._descriptor(place), min(length, place.length), place.offset)
        except FileNotFoundError:
            return b""

    def opened(self, pack: int) -> int:
        """Open a pack for reading; the caller closes it."""
        return os.open(self._path(pack), os.O_RDONLY | os.O_CLOEXEC)

    def _descriptor(self, place: Place) -> int:
        if place.pack == self._last:
            self._write_waiting()
        fd = self._reading.get(place.pack)
        if fd is None:
            fd = self._reading[place.pack] = self.opened(place.pack)
        return fd

    def remove(self, pack: int) -> None:
        """Remove a pack that holds nothing any more."""
        assert pack != self._last
        self.lengths.pop(pack, None)
        if (fd := self._reading.pop(pack, -1)) >= 0:
            os.close(fd)
        with suppress(FileNotFoundError):
            self._path(pack).unlink()

    def remove_strays(self) -> None:
        """Remove packs that a crash left before anything in them counted."""
        for path in self.folder.glob("*.pack"):
            if path.stem.isdecimal() and int(path.stem) not in self.lengths and int(path.stem) != self._last:
                path.unlink()

    def begin_anew(self) -> None:
        """Add to a new pack from here on."""
        self._grown = self.flush()
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._last = -1, -1
        self._begin(fresh=True)

    def used_bytes(self) -> int:
        """On the disk, not by the lengths: a pack may have holes."""
        return sum(path.stat().st_blocks * 512 for path in self.folder.glob("*.pack"))

    def _path(self, pack: int) -> Path:
        return self.folder / f"{pack:08}.pack"

    def _begin(self, *, fresh: bool = False) -> None:
        if self._fd >= 0 and self._end + self._waiting_bytes < MAX_PACK_BYTES:
            return
        if self._fd >= 0:
            self.begin_anew()
            return
        last = max(self.lengths, default=0)
        is_new = fresh or not last or self.lengths[last] >= MAX_PACK_BYTES
        self._last = last + 1 if is_new else last
        self._end = self.lengths.get(self._last, 0)
        self._fd = os.open(self._path(self._last), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, self._end)
        if is_new:
            self.lengths[self._last] = 0
            sync_folder(self.folder)

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        write_all(self._fd, data, self._end)
        self._end += len(data)


def write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def write_sparse(fd: int, data: bytes, offset: int) -> None:
    """Write `data`, leaving long runs of zeros out; the caller sets the file's length at the end."""
    if data.count(0) < _HOLE_BYTES:
        write_all(fd, data, offset)
        return
    for at in range(0, len(data), _HOLE_BYTES):
        piece = data[at : at + _HOLE_BYTES]
        if piece.count(0) != len(piece):
            write_all(fd, piece, offset + at)


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
