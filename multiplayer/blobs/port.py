"""What the server needs of a store for files' bytes: streamed in and out, whole or not there, signed for others."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NewType, Protocol

BlobKey = NewType("BlobKey", str)
"""Made by us only: lower-case words and digits with `/ . _ -`, at most 200 of them, no part begins with a dot.

None is a folder of another (`a` and `a/b`): a disk cannot keep both.
"""
_KEY: Final = re.compile(r"(?=.{1,200}\Z)[a-z0-9_-][a-z0-9._-]*(?:/[a-z0-9_-][a-z0-9._-]*)*")
PIECE_BYTES: Final = 256 * 1024
"""About the size of the pieces that `read` gives, and the most that an adapter may hold of one stream beside its parts."""


class BlobsFault(Exception):  # noqa: N818 - the world's state
    """A store did not do what it was asked; what was being put is not there. `str()` holds no secret and no signed URL."""


class BlobMissing(BlobsFault):
    """There is no such object."""


class BlobsUnavailable(BlobsFault):
    """The store is away, too slow or broken, or the network is: trying again later may help."""


class BlobsDenied(BlobsFault):
    """The store does not take our key, or has no such bucket: somebody has to set it right."""


class BlobsFull(BlobsFault):
    """The store has no room left."""


class BlobCorrupt(BlobsFault):
    """What came or was stored is not what was sent: another length or another checksum."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store has it."""

    key: BlobKey
    size: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SignedPut:
    """How somebody else puts one object: this method, to this URL, with exactly these headers."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "PUT"


@dataclass(frozen=True, slots=True)
class Shown:
    """How a store should hand out an object by a signed URL: response headers that the signature covers."""

    content_type: str
    content_disposition: str


class Blobs(Protocol):
    """A store. Every method may raise `BlobsUnavailable` and `BlobsDenied`; nothing else but what it says."""

    @property
    def kind(self) -> str:
        """`local`, `oss`, `s3` or `azure`."""
        ...

    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        """Store what `pieces` gives; it is there whole, or not at all, also when this is cancelled. Replaces what was there.

        Never holds more than a few MiB. What `pieces` raises comes out as it is, and nothing is there (or what was there
        before). Raises `BlobCorrupt` if it is not `size` bytes, or if the store counted another checksum, and `BlobsFull`.
        """
        ...

    def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Give the bytes from `start` up to but not including `end`. Raises `BlobMissing` before the first piece.

        Raises `BlobCorrupt` or `BlobsUnavailable` if it ends early: what came is never taken for the whole.
        """
        ...

    async def head(self, key: BlobKey) -> Stored | None:
        """Return what is there, if anything."""
        ...

    async def copy(self, key: BlobKey, to: BlobKey) -> None:
        """Copy an object within the store, without its bytes coming here if that can be. Raises `BlobMissing`, `BlobsFull`."""
        ...

    async def delete(self, keys: Sequence[BlobKey]) -> None:
        """Remove objects. One that is not there is removed already."""
        ...

    def listing(self, prefix: str) -> AsyncGenerator[Stored, None]:
        """Give all objects whose key begins with `prefix`, by key, a page at a time."""
        ...

    async def sign_get(self, key: BlobKey, shown: Shown, *, for_s: int) -> str | None:
        """Return a URL by which anybody reads this object for so long, at the CDN's domain if there is one.

        None: this store cannot, the server hands it out itself.
        """
        ...

    async def sign_put(self, key: BlobKey, *, size: int, for_s: int) -> SignedPut | None:
        """Return how anybody may put this object for so long. None: this store cannot, the server takes it itself.

        A store that cannot bind `size` does not: whoever uses the object counts it again.
        """
        ...

    async def check(self) -> None:
        """Find out whether objects can be written, read and removed. Raises `BlobsFault` with the reason in plain words."""
        ...

    async def aclose(self) -> None: ...


def blob_key(text: str) -> BlobKey:
    """Return `text` as a key. It is our own mistake if it is none."""
    assert _KEY.fullmatch(text), f"not a key of a blob: {text!r}"
    return BlobKey(text)


def content_key(sha256: str) -> BlobKey:
    """Return where content with this SHA-256 (64 hexadecimal digits) lies."""
    assert re.fullmatch(r"[0-9a-f]{64}", sha256), "not a SHA-256"
    return blob_key(f"sha256/{sha256[:2]}/{sha256}")
