"""What of a room's store goes to another one and comes from there: objects that are missing, and notes of what is there.

Everything here blocks, and raises `CheckpointGone` and `OSError`. The notes are: the tree that both have, kept until the
next one (`Common`), and two files, which outlive the store's index: `unsent` while something here may not be there, and
`restoring` while a workspace is made anew.
"""

import os
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.packs import CHUNK_BYTES, sync_folder
from multiplayer.tools.checkpoints.store import CheckpointGone, Store, open_store
from multiplayer.tools.checkpoints.tree import EMPTY, Kind, compare, decode_folder, encode_folder, find, raw_path

UNSENT: Final = "unsent"
RESTORING: Final = "restoring"
_KNOWN: Final = "mirrored"
"""A room without this file, and with files, has never been mirrored."""
_COMMON, _SENDING, _COMING = "common", "sending", "coming"


class Common(NamedTuple):
    """What the store and this pod both had last. Version 0: nothing yet."""

    version: int = 0
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Unsent:
    """The objects of a tree that another one does not need, with their sizes, and how many paths differ."""

    contents: dict[str, int]
    folders: tuple[str, ...]
    """The root is the last, and it alone makes anything visible."""
    paths: int


class Incoming(NamedTuple):
    """An object on its way in: whole, and with the checksum that it should have."""

    sha256: str
    data: bytes | IO[bytes]


# Notes


def common(root: Path, room_id: RoomId) -> Common:
    """Read what was noted. A store that was damaged has forgotten it."""
    if not (root / str(room_id)).is_dir():
        return Common()
    try:
        with open_store(root, room_id) as store:
            pinned = store.pinned(_COMMON)
    except CheckpointGone:
        return Common()
    return Common() if pinned is None else Common(pinned[1], pinned[0].hex())


def note_common(root: Path, room_id: RoomId, now: Common) -> None:
    with open_store(root, room_id) as store:
        store.pin(_COMMON, bytes.fromhex(now.tree), now.version)
        store.unpin(_SENDING)
        coming = store.pinned(_COMING)
        # Another one is newer, and waits to be merged.
        if coming is not None and coming[0].hex() == now.tree:
            store.unpin(_COMING)
        store.commit()
    mark(root, room_id, _KNOWN)


def keep_while_sent(root: Path, room_id: RoomId, tree: str) -> None:
    with open_store(root, room_id) as store:
        store.pin(_SENDING, store.root_of(tree))
        store.commit()


def mark(root: Path, room_id: RoomId, name: str, words: str = "") -> None:
    """Make a file that says something of the room, with these words; it is on the disk when this returns."""
    folder = root / str(room_id)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if marked(root, room_id, name) == words:
        return
    made = folder / f"{name}.new"
    with made.open("w") as file:
        file.write(words)
        file.flush()
        os.fsync(file.fileno())
    made.replace(folder / name)
    sync_folder(folder)


def unmark(root: Path, room_id: RoomId, name: str) -> None:
    (root / str(room_id) / name).unlink(missing_ok=True)


def marked(root: Path, room_id: RoomId, name: str) -> str | None:
    """Return the words of such a file; None if there is none."""
    try:
        return (root / str(room_id) / name).read_text(errors="replace")
    except FileNotFoundError:
        return None


def is_marked(root: Path, room_id: RoomId, name: str) -> bool:
    return (root / str(room_id) / name).exists()


def is_known(root: Path, room_id: RoomId) -> bool:
    """Tell whether the room was mirrored from here before, or was found to have nothing to mirror."""
    return is_marked(root, room_id, _KNOWN)


def set_known(root: Path, room_id: RoomId) -> None:
    mark(root, room_id, _KNOWN)


def unsent_rooms(root: Path, rooms: Iterable[RoomId]) -> list[RoomId]:
    """Return those in which something may not be in the file store."""
    return [room_id for room_id in rooms if is_marked(root, room_id, UNSENT) or not is_known(root, room_id)]


# Out


def unsent(root: Path, room_id: RoomId, tree: str, known: str) -> Unsent:
    """Find what of a kept tree the tree `known` has not ("": nothing is known)."""
    with open_store(root, room_id) as store:
        after = store.root_of(tree)
        before = bytes.fromhex(known) if known and store.has_tree(bytes.fromhex(known)) else None
        there = set() if before is None else _objects(store, before)
        contents: dict[str, int] = {}
        folders: dict[str, None] = {}
        waiting = [after]
        while waiting:
            digest = waiting.pop()
            if digest in there or digest.hex() in folders:
                continue
            folders[digest.hex()] = None
            for entry in decode_folder(store.folder(digest)).values():
                if entry.kind is Kind.FOLDER:
                    waiting.append(entry.data)
                elif entry.kind is Kind.FILE and entry.data not in there:
                    contents[entry.data.hex()] = entry.size
        return Unsent(contents, tuple(reversed(folders)), _paths(store, before or EMPTY, after))


def differing_paths(root: Path, room_id: RoomId, known: str) -> int:
    """Count the paths in which the workspace, as it was last seen, differs from a tree."""
    with open_store(root, room_id) as store:
        newest = store.newest()
        before = bytes.fromhex(known) if known and store.has_tree(bytes.fromhex(known)) else EMPTY
        return 0 if newest is None else _paths(store, before, newest)


def still_there(root: Path, room_id: RoomId, tree: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those paths, as people are shown them, at which a tree has something."""
    with open_store(root, room_id) as store:
        top = store.root_of(tree)
        return tuple(path for path in paths if find(store.folder, top, raw_path(path)) is not None)


def is_unknown(root: Path, room_id: RoomId, tree: str) -> bool:
    """Tell whether a kept tree says nothing, because the workspace had too many names."""
    with open_store(root, room_id) as store:
        return b"" in decode_folder(store.folder(store.root_of(tree)))


# In


class Listed(NamedTuple):
    """What some folders name."""

    folders: frozenset[str]
    contents: dict[str, int]


def objects_of(root: Path, room_id: RoomId, tree: str) -> frozenset[str]:
    """Return all objects of a tree; none if it is not kept."""
    if not tree:
        return frozenset()
    with open_store(root, room_id) as store:
        top = bytes.fromhex(tree)
        return frozenset(one.hex() for one in _objects(store, top)) if store.has_tree(top) else frozenset()


def absent(root: Path, room_id: RoomId, sha256s: Collection[str]) -> tuple[str, ...]:
    """Return those that the room's store has not."""
    with open_store(root, room_id) as store:
        return tuple(one for one in sha256s if not store.has(bytes.fromhex(one)))


def kept_folders(root: Path, room_id: RoomId, folders: Collection[str]) -> dict[str, Listed]:
    """Read those of the folders that are kept here; a room that has nothing here gets nothing by it."""
    if not (root / str(room_id)).is_dir():
        return {}
    with open_store(root, room_id) as store:
        return {one: named_in(store.folder(bytes.fromhex(one))) for one in folders if store.has(bytes.fromhex(one))}


def listed(root: Path, room_id: RoomId, folders: Collection[str]) -> Listed:
    """Read kept folders. Raises `ValueError` for one that no server of ours has written."""
    below: set[str] = set()
    contents: dict[str, int] = {}
    with open_store(root, room_id) as store:
        for one in folders:
            found = named_in(store.folder(bytes.fromhex(one)))
            below |= found.folders
            contents |= found.contents
    return Listed(frozenset(below), contents)


def named_in(data: bytes) -> Listed:
    """Read a folder's canonical bytes. Raises `ValueError` for what no server of ours has written."""
    try:
        listing = decode_folder(data)
    except (AssertionError, ValueError, struct.error) as error:
        raise ValueError("an object is not a folder of a workspace") from error
    if any(b"/" in name or b"\0" in name or name in {b"", b".", b".."} for name in listing):
        raise ValueError("a folder holds a name that none can have")
    entries = listing.values()
    return Listed(
        frozenset(entry.data.hex() for entry in entries if entry.kind is Kind.FOLDER),
        {entry.data.hex(): entry.size for entry in entries if entry.kind is Kind.FILE},
    )


def add(root: Path, room_id: RoomId, objects: Sequence[Incoming]) -> None:
    """Keep objects of a tree that comes, until all of it is here (`keep_coming`)."""
    with open_store(root, room_id) as store:
        for sha256, data in objects:
            digest = store.put(data) if isinstance(data, bytes) else store.put_pieces(_pieces(data))[0]
            assert digest.hex() == sha256, "it was checked on its way in"
        store.hold(bytes.fromhex(one.sha256) for one in objects)
        store.commit()


def keep_coming(root: Path, room_id: RoomId, tree: str) -> None:
    """Keep a tree, all of whose objects have come, until `note_common` or the next one.

    Raises `CheckpointGone` if some are not there: what was here before it came was forgotten meanwhile.
    """
    with open_store(root, room_id) as store:
        top = bytes.fromhex(tree)
        if not all(store.has(digest) for digest in _objects(store, top)):
            raise CheckpointGone("a part of what the file store has is not kept any more")
        store.pin(_COMING, top)
        store.let_go()
        store.commit()


def _pieces(data: IO[bytes]) -> Iterator[bytes]:
    data.seek(0, os.SEEK_SET)
    while piece := data.read(CHUNK_BYTES):
        yield piece


def _paths(store: Store, before: bytes, after: bytes) -> int:
    """Count the paths in which two trees differ. The empty one need not be kept."""
    return len(compare(lambda digest: encode_folder(()) if digest == EMPTY else store.folder(digest), before, after))


def _objects(store: Store, root: bytes) -> set[bytes]:
    found: set[bytes] = set()
    waiting = [root]
    while waiting:
        digest = waiting.pop()
        if digest in found:
            continue
        found.add(digest)
        for entry in decode_folder(store.folder(digest)).values():
            if entry.kind is Kind.FOLDER:
                waiting.append(entry.data)
            elif entry.kind is Kind.FILE:
                found.add(entry.data)
    return found
