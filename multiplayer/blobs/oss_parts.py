"""An object's bytes on their way into OSS: cut into parts, with their checksums, to be broken off in the middle."""

import base64
import hashlib
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Final

from multiplayer.blobs.oss_calls import oss2
from multiplayer.blobs.port import BlobCorrupt

PART_BYTES: Final = 8 * 1024 * 1024
MAX_PARTS: Final = 10_000


def part_bytes(number: int, size: int | None) -> int:
    """Return how much goes into one part, so that 10,000 of them suffice.

    Of unknown size: the first 2,500 parts have 8 MiB, each 2,500 after that twice as much: 290 GiB in all.
    """
    if size is None:
        return PART_BYTES << min(3, (number - 1) // 2_500)
    least = -(-size // MAX_PARTS)
    return max(PART_BYTES, -(-least // 1_048_576) * 1_048_576)


async def parts(pieces: AsyncIterable[bytes], size: int | None) -> AsyncIterator[tuple[int, bytearray, bool]]:
    """Give `pieces` as numbered parts; the last one is marked, and may be empty. Raises `BlobCorrupt`: not `size` bytes."""
    number, part, total = 1, bytearray(), 0
    async for piece in pieces:
        total += len(piece)
        if size is not None and total > size:
            raise BlobCorrupt(f"more came than the {size} bytes that were said")
        rest = memoryview(piece)
        while rest:
            if len(part) == part_bytes(number, size):
                yield number, part, False
                number, part = number + 1, bytearray()
            taken = rest[: part_bytes(number, size) - len(part)]
            part += taken
            rest = rest[len(taken) :]
    if size is not None and total < size:
        raise BlobCorrupt(f"only {total} bytes came of {size} that were said")
    yield number, part, True


def copy_ranges(size: int, part: int) -> Iterator[tuple[int, int]]:
    """Return the first and last byte of each part of a copy."""
    step = max(part, -(-size // MAX_PARTS))
    for first in range(0, size, step):
        yield first, min(first + step, size) - 1


class Stop(Exception):  # noqa: N818 - says what is to happen
    """Raised inside a thread's upload when nobody waits for it any more."""


class Body:
    """Bytes on their way out, that end in the middle once `stop` is set: the store then keeps nothing of them."""

    def __init__(self, data: bytearray, stop: threading.Event) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._stop = stop

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        """What has this is a stream to requests, though it is `read` that is called then."""
        while piece := self.read(65536):
            yield piece

    def read(self, size: int = -1) -> bytes:
        if self._stop.is_set():
            raise Stop
        end = len(self._data) if size < 0 else self._at + size
        piece = bytes(self._data[self._at : end])
        self._at += len(piece)
        return piece


class Crc64:
    """The checksum that OSS keeps of a whole object (CRC-64/XZ), counted as its bytes go by."""

    def __init__(self) -> None:
        self._crc = oss2.utils.Crc64()

    def add(self, data: bytes | bytearray) -> None:
        """In steps, for the C code of it lets no other thread run meanwhile."""
        view = memoryview(data)
        for at in range(0, len(view), 262_144):
            self._crc.update(bytes(view[at : at + 262_144]))

    def differs_from(self, theirs: int | None) -> bool:
        """Whether the store counted another one. It does not for objects that were appended to, say."""
        return theirs is not None and theirs != int(self._crc.crc)


def digest(data: bytearray, crc: Crc64) -> str:
    """Add `data` to `crc`; return its Content-MD5. Takes its time: belongs in a thread."""
    crc.add(data)
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")
