"""What a checkpoint says to those who follow a workspace from elsewhere: its paths, contents, and one hand's part of it.

Everything here blocks, and raises `CheckpointGone` and `OSError`.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from typing_extensions import override

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.workspace_sync import TreeEntry, WorkspaceTree
from multiplayer.tools.checkpoints.packs import CHUNK_BYTES, Place
from multiplayer.tools.checkpoints.store import CheckpointGone, Store, open_store
from multiplayer.tools.checkpoints.tree import UNKEPT, Entry, Kind, decode_folder, encode_folder, join, raw_path

_MAX_SAID: Final = 4_096
"""Characters of a path that a `TreeEntry` says."""
_RUNS: Final = 0o100


def manifest(root: Path, room_id: RoomId, tree: str) -> WorkspaceTree:
    """Return all files and links of a kept tree, by path."""
    found: list[TreeEntry] = []
    left_out = 0
    with open_store(root, room_id) as store:
        waiting = [(b"", store.root_of(tree))]
        while waiting:
            above, digest = waiting.pop()
            for name, entry in decode_folder(store.folder(digest)).items():
                path = join(above, name)
                said = _said(path)
                if said is None:
                    left_out += 1
                elif entry.kind is Kind.FOLDER:
                    waiting.append((path, entry.data))
                elif entry.kind is Kind.FILE:
                    is_executable = bool(entry.mode & _RUNS)
                    found.append(
                        TreeEntry(path=said, sha256=entry.data.hex(), size=entry.size, is_executable=is_executable)
                    )
                elif entry.kind is Kind.LINK:
                    found.append(TreeEntry(path=said, kind="link"))
                else:
                    left_out += 1
    return WorkspaceTree(tree=tree, entries=tuple(sorted(found, key=lambda one: one.path)), left_out=left_out)


def _said(path: bytes) -> str | None:
    try:
        said = path.decode()
    except UnicodeDecodeError:
        return None
    return said if 0 < len(said) <= _MAX_SAID else None


def present(root: Path, room_id: RoomId, sha256s: Collection[str]) -> frozenset[str]:
    """Return which of these contents of files the room's store has."""
    with open_store(root, room_id) as store:
        return frozenset(digest.hex() for digest in store.contents_among(map(bytes.fromhex, sha256s)))


class HeldObjects:
    """Some objects of a room's store, open: they can be read although the store is not, whatever it forgets meanwhile."""

    def __init__(self, root: Path, room_id: RoomId, sha256s: Collection[str]) -> None:
        """Of those that are not kept nothing is held."""
        self._places: dict[str, Place] = {}
        self._packs: dict[int, int] = {}
        try:
            with open_store(root, room_id) as store:
                for digest in self._asked(store, map(bytes.fromhex, sha256s)):
                    place = store.place_of(digest)
                    if place is not None and self._has(store, place.pack):
                        self._places[digest.hex()] = place
        except BaseException:
            self.close()
            raise

    def _asked(self, _store: Store, digests: Iterable[bytes]) -> Iterable[bytes]:
        return digests

    def _has(self, store: Store, pack: int) -> bool:
        if pack not in self._packs:
            with suppress(FileNotFoundError):
                self._packs[pack] = store.opened(pack)
        return pack in self._packs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        while self._packs:
            os.close(self._packs.popitem()[1])

    def size_of(self, one: str) -> int | None:
        """Of an object in bytes; None if it is not held."""
        place = self._places.get(one)
        return None if place is None else place.length

    def pieces(self, one: str, start: int = 0) -> Iterator[bytes]:
        """Give an object from `start` on. From its start on: the last piece only if all of it is as it was kept."""
        place = self._places.get(one)
        if place is None:
            raise CheckpointGone("it was too long ago: its checkpoint is not kept any more")
        at, end = place.offset + start, place.offset + place.length
        check = sha256()
        while True:
            piece = os.pread(self._packs[place.pack], min(CHUNK_BYTES, end - at), at)
            at += len(piece)
            check.update(piece)
            if at < end and not piece:
                raise CheckpointGone("a part of its checkpoint was lost on the disk")
            if at >= end and start == 0 and check.hexdigest() != one:
                raise CheckpointGone("a part of its checkpoint was damaged on the disk")
            yield piece
            if at >= end:
                return


class HeldContents(HeldObjects):
    """As `HeldObjects`, but only contents of files: folders are kept beside them, and are none of it."""

    @override
    def _asked(self, store: Store, digests: Iterable[bytes]) -> Iterable[bytes]:
        return store.contents_among(digests)


def part(root: Path, room_id: RoomId, before: str, after: str, paths: Collection[str]) -> str:
    """Return the tree `before` with these paths, and what is below them, as in `after`: a tree that was never there.

    However many paths: each folder is made anew once.
    """
    wanted = _Wanted()
    for path in paths:
        wanted.add(raw_path(path).split(b"/"))
    with open_store(root, room_id) as store:
        under, over = (Entry(Kind.FOLDER, data=store.root_of(tree)) for tree in (before, after))
        made = _overlaid(store, under, over, wanted)
        assert made is not None, "a workspace is a folder"
        store.add_tree(made.data)
        store.commit()
    return made.data.hex()


class _Wanted:
    """Names that are to be as in the other tree: each with all below it, or with some."""

    def __init__(self) -> None:
        self.is_all = False
        self.below: dict[bytes, _Wanted] = {}

    def add(self, names: list[bytes]) -> None:
        at = self
        for name in names:
            at = at.below.setdefault(name, _Wanted())
        at.is_all = True


def _overlaid(store: Store, under: Entry | None, over: Entry | None, wanted: _Wanted) -> Entry | None:
    if wanted.is_all:
        return over
    listing, other = _listing(store, under), _listing(store, over)
    if under == UNKEPT or b"" in listing:
        return under  # of what was not kept nothing can be said
    is_other = False
    for name, below in wanted.below.items():
        made = _overlaid(store, listing.get(name), other.get(name), below)
        if made == listing.get(name):
            continue
        is_other = True
        if made is None:
            del listing[name]
        else:
            listing[name] = made
    if not is_other:
        return under
    folder = under if under is not None and under.kind is Kind.FOLDER else over
    assert folder is not None, "something lies in it"
    return Entry(Kind.FOLDER, folder.mode, store.put(encode_folder(listing.items())))


def _listing(store: Store, entry: Entry | None) -> dict[bytes, Entry]:
    return decode_folder(store.folder(entry.data)) if entry is not None and entry.kind is Kind.FOLDER else {}
