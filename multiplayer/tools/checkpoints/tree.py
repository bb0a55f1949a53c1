"""What a workspace held at one time: entries of folders, their canonical bytes, and where two trees differ."""

import re
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

HEAD = b"folder 1\n"
"""How the canonical bytes of every folder begin; a file may begin so, too."""
_ENTRY = struct.Struct(">cHHHQ")


class Kind(StrEnum):
    FILE = "f"
    FOLDER = "d"
    LINK = "l"
    SPECIAL = "s"
    """A FIFO, a socket or a device."""
    UNKEPT = "u"
    """Something is there of which nothing was kept: closed to us, too big, too deep, or of another file system."""


class Entry(NamedTuple):
    """One name in a folder. Neither times nor owners belong to it."""

    kind: Kind
    mode: int = 0
    """The nine permission bits; 0 of a link."""
    data: bytes = b""
    """The sha256 of a file's content or of a folder's canonical bytes; a link's target; what is special."""
    size: int = 0
    """Of a file, in bytes."""

    @property
    def state(self) -> "Entry":
        """The entry itself, without what lies below it."""
        return self._replace(data=b"") if self.kind is Kind.FOLDER else self


FIFO, SOCKET, DEVICE = b"fifo", b"socket", b"device"
UNKEPT = Entry(Kind.UNKEPT)


class Difference(NamedTuple):
    """A path that is not the same in two trees. Folders are compared without what lies in them."""

    path: bytes
    before: Entry | None
    after: Entry | None


ReadObject = Callable[[bytes], bytes]
"""Returns the bytes of an object by its digest."""


UNKNOWN_ROOT = ((b"", UNKEPT),)
"""The listing of a workspace that has too many names to be read."""


def encode_folder(listing: Iterable[tuple[bytes, Entry]]) -> bytes:
    """Return the canonical bytes: the same for the same names, kinds, modes and contents."""
    parts = [HEAD]
    for name, entry in sorted(listing):
        kind = entry.kind.value.encode()
        parts += (_ENTRY.pack(kind, entry.mode, len(name), len(entry.data), entry.size), name, entry.data)
    return b"".join(parts)


def decode_folder(data: bytes) -> dict[bytes, Entry]:
    assert data.startswith(HEAD), "not a folder of a tree"
    at = len(HEAD)
    listing = {}
    while at < len(data):
        kind, mode, name_length, data_length, size = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        name, at = data[at : at + name_length], at + name_length
        listing[name] = Entry(Kind(kind.decode()), mode, data[at : at + data_length], size)
        at += data_length
    return listing


def digest_of(data: bytes) -> bytes:
    return sha256(data).digest()


EMPTY: Final = digest_of(encode_folder(()))
"""The root of a workspace with nothing in it."""


def join(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def parent_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def ancestors(path: bytes) -> Iterator[bytes]:
    """The folders above `path`, nearest first; the workspace itself is the empty path."""
    while path:
        path = parent_of(path)
        yield path


def depth_of(path: bytes) -> int:
    return path.count(b"/")


def flatten(read: ReadObject, root: bytes) -> dict[bytes, Entry]:
    """Return every path of a tree; folders come without what lies in them (`Entry.state`)."""
    found: dict[bytes, Entry] = {}
    waiting = [(b"", root)]
    while waiting:
        above, digest = waiting.pop()
        for name, entry in decode_folder(read(digest)).items():
            path = join(above, name)
            found[path] = entry.state
            if entry.kind is Kind.FOLDER:
                waiting.append((path, entry.data))
    return found


def unflatten(put: Callable[[bytes], bytes], flat: Mapping[bytes, Entry]) -> bytes:
    """Return the root of the tree that `flatten` returns so; `put` keeps an object and returns its digest.

    What is above each path is in it, too, as a folder.
    """
    below: defaultdict[bytes, list[tuple[bytes, Entry]]] = defaultdict(list)
    for path in sorted(flat, key=depth_of, reverse=True):
        entry, (above, _, name) = flat[path], path.rpartition(b"/")
        if entry.kind is Kind.FOLDER:
            entry = entry._replace(data=put(encode_folder(below.pop(path, ()))))
        below[above].append((name, entry))
    root = put(encode_folder(below.pop(b"", ())))
    assert not below, f"not in a folder: {sorted(below)[:3]}"
    return root


def find(read: ReadObject, root: bytes, path: bytes) -> Entry | None:
    """Return what is at `path`, reading only the folders above it."""
    entry = Entry(Kind.FOLDER, data=root)
    for name in path.split(b"/"):
        below = decode_folder(read(entry.data)).get(name) if entry.kind is Kind.FOLDER else None
        if below is None:
            return None
        entry = below
    return entry


def is_unknown(tree: Mapping[bytes, Entry], path: bytes) -> bool:
    """Whether `path` or a folder above it was not kept, so that the tree cannot say what is there."""
    return any(tree.get(at) == UNKEPT for at in (path, *ancestors(path)))


def compare(read: ReadObject, before: bytes, after: bytes) -> list[Difference]:
    """Return the paths in which two trees differ, sorted; reads only the folders that differ."""
    found: list[Difference] = []
    waiting: list[tuple[bytes, Entry | None, Entry | None]] = [
        (b"", Entry(Kind.FOLDER, data=before), Entry(Kind.FOLDER, data=after))
    ]
    while waiting:
        at, old, new = waiting.pop()
        if old == new:
            continue
        listings = _listing(read, old), _listing(read, new)
        for name in {*listings[0], *listings[1]} - {b""}:
            path = join(at, name)
            # Below what was not kept there may be anything: it must not look as if nothing had been there.
            was, now = (
                UNKEPT if side == UNKEPT or b"" in listing else listing.get(name)
                for side, listing in zip((old, new), listings, strict=True)
            )
            if (was and was.state) != (now and now.state):
                found.append(Difference(path, was and was.state, now and now.state))
            if Kind.FOLDER in {was and was.kind, now and now.kind}:
                waiting.append((path, was, now))
    return sorted(found, key=lambda difference: difference.path)


def _listing(read: ReadObject, entry: Entry | None) -> dict[bytes, Entry]:
    return decode_folder(read(entry.data)) if entry is not None and entry.kind is Kind.FOLDER else {}


def shown_path(path: bytes) -> str:
    r"""Return the path as text. What is not printable, and a backslash, is written `\xNN` by its bytes."""
    return "".join(
        character
        if character.isprintable() and character != "\\"
        else "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in path.decode("utf-8", "surrogateescape")
    )


def raw_path(shown: str) -> bytes:
    """Return the path that `shown_path` shows so."""
    raw = shown.encode("utf-8", "replace")
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), raw)
