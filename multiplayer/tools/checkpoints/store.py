"""What the server keeps of one room's workspaces: objects by their sha256, whole trees, and a cache of file states."""

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.packs import Packs, Place, sync_folder
from multiplayer.tools.checkpoints.tree import HEAD, Kind, decode_folder, digest_of

_INDEX = "index.sqlite"
_SCHEMA = """
CREATE TABLE packs (id INTEGER PRIMARY KEY, length INTEGER NOT NULL);
CREATE TABLE objects (digest BLOB PRIMARY KEY, pack INTEGER, offset INTEGER, length INTEGER) WITHOUT ROWID;
CREATE TABLE trees (digest BLOB PRIMARY KEY, seq INTEGER NOT NULL UNIQUE);
CREATE TABLE files (inode INTEGER PRIMARY KEY, device, size, modified_ns, changed_ns, mode, digest BLOB NOT NULL);
CREATE TABLE undoing (only INTEGER PRIMARY KEY CHECK (only = 0), journal TEXT NOT NULL);
PRAGMA user_version = 1;
"""
_SINCE = (
    "CREATE TABLE IF NOT EXISTS pins (name TEXT PRIMARY KEY, digest BLOB NOT NULL, version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS coming (digest BLOB PRIMARY KEY) WITHOUT ROWID",
)
"""What was not there from the beginning. An older release beside it does not mind."""


_NEWEST_FIRST = (
    "SELECT digest, EXISTS (SELECT 1 FROM pins WHERE pins.digest = trees.digest) FROM trees ORDER BY seq DESC"
)


class CheckpointGone(Exception):  # noqa: N818 - it names what happened
    """What was asked for is not kept any more: it was too long ago. The sentence is for people."""


class Stamp(NamedTuple):
    """What `stat` says of a file that has not changed since.

    A command can set the time a file was modified, but never the time its inode was changed: the kernel sets it at each
    write, rename, chmod and utime, and no sandboxed process can set the clock.
    """

    device: int
    size: int
    modified_ns: int
    changed_ns: int
    mode: int


class Journal(NamedTuple):
    """An undo that has begun to change the workspace. A crash leaves it; the next one goes on from it."""

    spans: str
    """Says which undo it is."""
    emptied: tuple[str, ...]
    """Paths where for a moment nothing stands, because a folder gives way to a file or a file to a folder."""
    widened: tuple[tuple[str, int], ...]
    """Folders that were made writable to us for as long as it takes, with the modes they get afterwards."""


class Store:
    """One room's store, opened and locked by `open_store`. One thread."""

    def __init__(self, folder: Path, index: sqlite3.Connection) -> None:
        self._index = index
        lengths: dict[int, int] = dict(index.execute("SELECT id, length FROM packs"))
        self._packs = Packs(folder, lengths)
        self._added: dict[bytes, Place] = {}
        self._folders: dict[bytes, bytes] = {}
        self._is_empty = index.execute("SELECT 1 FROM objects LIMIT 1").fetchone() is None

    def close(self) -> None:
        self._packs.close()

    # Objects

    def has(self, digest: bytes) -> bool:
        return self._place(digest) is not None

    def _place(self, digest: bytes) -> Place | None:
        if (place := self._added.get(digest)) is not None or self._is_empty:
            return place
        found = self._index.execute("SELECT pack, offset, length FROM objects WHERE digest = ?", (digest,)).fetchone()
        return Place(*found) if found is not None else None

    def put(self, data: bytes) -> bytes:
        """Keep `data` if it is not there already; returns its digest. It counts after `commit`."""
        digest = digest_of(data)
        if not self.has(digest):
            self._added[digest] = self._packs.add(data)
        return digest

    def put_pieces(self, pieces: Iterable[bytes]) -> tuple[bytes, int]:
        """Keep one object that comes piece by piece; returns its digest and how many bytes it was."""
        digest, place = self._packs.add_pieces(pieces)
        if self.has(digest):
            self._packs.take_back(place)
        else:
            self._added[digest] = place
        return digest, place.length

    def length_of(self, digest: bytes) -> int:
        place = self._place(digest)
        if place is None:
            raise CheckpointGone("it was too long ago: its checkpoint is not kept any more")
        return place.length

    def place_of(self, digest: bytes) -> Place | None:
        """Where an object lies that was committed, if it is kept. There it stays for whoever has `opened` its pack."""
        return self._place(digest)

    def contents_among(self, digests: Iterable[bytes]) -> frozenset[bytes]:
        """Return those that are kept as the content of a file; folders are kept beside them, and are none of it."""
        found: set[bytes] = set()
        doubtful: set[bytes] = set()
        for digest in digests:
            place = self._place(digest)
            if place is not None:
                is_doubtful = self._packs.begins(place, len(HEAD)) == HEAD
                (doubtful if is_doubtful else found).add(digest)
        # What begins as a folder does is looked for by name: hardly ever a file is like that.
        return frozenset(found | self._named_as_files(doubtful))

    def _named_as_files(self, digests: Collection[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        seen: set[bytes] = set()
        waiting = [row[0] for row in self._index.execute("SELECT digest FROM trees ORDER BY seq").fetchall()]
        while waiting and len(found) < len(digests):
            digest = waiting.pop()
            if digest in seen:
                continue
            seen.add(digest)
            with suppress(CheckpointGone):
                for entry in decode_folder(self.read(digest)).values():
                    if entry.kind is Kind.FOLDER:
                        waiting.append(entry.data)
                    elif entry.kind is Kind.FILE and entry.data in digests:
                        found.add(entry.data)
        return found

    def opened(self, pack: int) -> int:
        """Open a pack for reading; the caller closes it. Raises `FileNotFoundError` if the disk has lost it."""
        return self._packs.opened(pack)

    def stream(self, digest: bytes) -> Iterator[bytes]:
        """The object in pieces. Raises `CheckpointGone`, at its end too, if the disk has not kept it as it was."""
        place = self._place(digest)
        if place is None:
            raise CheckpointGone("it was too long ago: its checkpoint is not kept any more")
        check = sha256()
        with suppress(FileNotFoundError):
            for chunk in self._packs.read(place):
                check.update(chunk)
                yield chunk
        if check.digest() != digest:
            raise CheckpointGone("a part of its checkpoint was damaged on the disk")

    def read(self, digest: bytes) -> bytes:
        return b"".join(self.stream(digest))

    def folder(self, digest: bytes) -> bytes:
        """The canonical bytes of a folder; they are kept in memory until the store is closed."""
        if (data := self._folders.get(digest)) is None:
            data = self._folders[digest] = self.read(digest)
        return data

    # Trees

    def has_tree(self, root: bytes) -> bool:
        return self._index.execute("SELECT 1 FROM trees WHERE digest = ?", (root,)).fetchone() is not None

    def add_tree(self, root: bytes) -> None:
        """Note a tree, all of whose objects are there, as the newest."""
        newest = self._index.execute("SELECT digest, seq FROM trees ORDER BY seq DESC LIMIT 1").fetchone()
        if newest is None or newest[0] != root:
            seq = newest[1] + 1 if newest is not None else 1
            self._index.execute("INSERT OR REPLACE INTO trees VALUES (?, ?)", (root, seq))

    def root_of(self, tree: str) -> bytes:
        """The digest of a tree by its name. Raises `CheckpointGone`."""
        try:
            root = bytes.fromhex(tree)
        except ValueError:
            root = b""
        if not self.has_tree(root):
            raise CheckpointGone("it was too long ago: its checkpoint is not kept any more")
        return root

    # Trees that are needed for something

    def pin(self, name: str, root: bytes, version: int = 0) -> None:
        """Keep a tree, all of whose objects are there, until another one is pinned under this name."""
        if not self.has_tree(root):
            # As the oldest: the newest is what the workspace was last seen as.
            oldest = self._index.execute("SELECT coalesce(min(seq), 1) FROM trees").fetchone()[0]
            self._index.execute("INSERT INTO trees VALUES (?, ?)", (root, oldest - 1))
        self._index.execute("INSERT OR REPLACE INTO pins VALUES (?, ?, ?)", (name, root, version))

    def unpin(self, name: str) -> None:
        self._index.execute("DELETE FROM pins WHERE name = ?", (name,))

    def pinned(self, name: str) -> tuple[bytes, int] | None:
        """Return the tree that is pinned under this name, and its version."""
        row = self._index.execute("SELECT digest, version FROM pins WHERE name = ?", (name,)).fetchone()
        return None if row is None else (row[0], row[1])

    def hold(self, digests: Iterable[bytes]) -> None:
        """Keep objects of a tree that is not all here yet, until `let_go`."""
        self._index.executemany("INSERT OR IGNORE INTO coming VALUES (?)", ((digest,) for digest in digests))

    def let_go(self) -> None:
        self._index.execute("DELETE FROM coming")

    def newest(self) -> bytes | None:
        """Return the tree that was added last."""
        row = self._index.execute("SELECT digest FROM trees ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else row[0]

    # File states

    def known_files(self) -> dict[int, tuple[Stamp, bytes]]:
        """Return by inode what is known of files that were read before."""
        rows = self._index.execute("SELECT inode, device, size, modified_ns, changed_ns, mode, digest FROM files")
        return {row[0]: (Stamp(*row[1:6]), row[6]) for row in rows}

    def remember_files(self, fresh: dict[int, tuple[Stamp, bytes]], gone: Iterable[int]) -> None:
        self._index.executemany("DELETE FROM files WHERE inode = ?", ((inode,) for inode in gone))
        self._index.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((inode, *stamp, digest) for inode, (stamp, digest) in fresh.items()),
        )

    # The journal of an undo

    def journal(self) -> Journal | None:
        row = self._index.execute("SELECT journal FROM undoing").fetchone()
        if row is None:
            return None
        spans, emptied, widened = json.loads(row[0])
        return Journal(spans, tuple(emptied), tuple((path, mode) for path, mode in widened))

    def write_journal(self, journal: Journal | None) -> None:
        self._index.execute("DELETE FROM undoing")
        if journal is not None:
            self._index.execute("INSERT INTO undoing VALUES (0, ?)", (json.dumps(journal),))
        self.commit()

    # Keeping and forgetting

    def commit(self) -> None:
        """Make durable what was added, objects before what names them."""
        for pack, length in self._packs.flush().items():
            self._index.execute("INSERT OR REPLACE INTO packs VALUES (?, ?)", (pack, length))
        self._index.executemany(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)",
            ((digest, *place) for digest, place in self._added.items()),
        )
        self._is_empty = self._is_empty and not self._added
        self._added.clear()
        self._index.commit()

    def used_bytes(self) -> int:
        return self._packs.used_bytes()

    def forget_all_but(self, roots: Collection[bytes]) -> None:
        """Drop all other trees except the newest, and what only they held. Frees the disk."""
        rows = self._index.execute(_NEWEST_FIRST).fetchall()
        self._forget([digest for digest, is_pinned in rows[1:] if digest not in roots and not is_pinned])

    def forget_oldest(self, most_bytes: int) -> None:
        """Drop the oldest trees until the store is within `most_bytes`; the newest two and pinned ones are always kept."""
        while self.used_bytes() > most_bytes:
            rows = self._index.execute(_NEWEST_FIRST).fetchall()
            # A quarter at a time: each pass looks at all that is left.
            oldest = [digest for digest, is_pinned in reversed(rows[2:]) if not is_pinned][: max(1, len(rows) // 4)]
            if not oldest:
                return
            self._forget(oldest)

    def _forget(self, trees: Collection[bytes]) -> None:
        self._index.executemany("DELETE FROM trees WHERE digest = ?", ((digest,) for digest in trees))
        assert not self._added, "what is not committed cannot be forgotten"
        live = self._live()
        rows = self._index.execute("SELECT digest, pack, length FROM objects").fetchall()
        self._index.executemany(
            "DELETE FROM objects WHERE digest = ?", ((row[0],) for row in rows if row[0] not in live)
        )
        self._index.execute("DELETE FROM files WHERE digest NOT IN (SELECT digest FROM objects)")
        held: dict[int, int] = dict.fromkeys(self._packs.lengths, 0)
        for digest, pack, length in rows:
            held[pack] += length if digest in live else 0
        # A pack that is mostly dead is written anew without what is dead.
        worn = [pack for pack, length in held.items() if length < self._packs.lengths[pack] / 2 or not length]
        if worn:
            self._packs.begin_anew()
        for pack in worn:
            self._move_out_of(pack)
        self._index.executemany("DELETE FROM packs WHERE id = ?", ((pack,) for pack in worn))
        self.commit()
        for pack in worn:
            self._packs.remove(pack)
        self._packs.remove_strays()

    def _live(self) -> set[bytes]:
        """The objects that some tree needs. A tree that the disk has damaged is dropped: it can never be read again."""
        live: set[bytes] = set()
        for (root,) in self._index.execute("SELECT digest FROM trees").fetchall():
            try:
                self._mark(root, live)
            except CheckpointGone:
                self._index.execute("DELETE FROM trees WHERE digest = ?", (root,))
        return live | {row[0] for row in self._index.execute("SELECT digest FROM coming").fetchall()}

    def _mark(self, root: bytes, live: set[bytes]) -> None:
        waiting = [root]
        while waiting:
            digest = waiting.pop()
            if digest in live:
                continue
            for entry in decode_folder(self.read(digest)).values():
                if entry.kind is Kind.FOLDER:
                    waiting.append(entry.data)
                elif entry.kind is Kind.FILE:
                    live.add(entry.data)
            live.add(digest)

    def _move_out_of(self, pack: int) -> None:
        places = self._index.execute("SELECT digest, offset, length FROM objects WHERE pack = ?", (pack,)).fetchall()
        for digest, offset, length in places:
            _, self._added[digest] = self._packs.add_pieces(self._packs.read(Place(pack, offset, length)))


@contextmanager
def open_store(root: Path, room_id: RoomId) -> Iterator[Store]:
    """Open and lock a room's store, made if it is not there; waits for whoever has it open.

    Raises `OSError`, and `CheckpointGone` if its index was damaged: then it is empty the next time. What was not
    committed is forgotten.
    """
    name = str(room_id)
    assert name.isalnum(), f"not a room id: {name!r}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / name
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        index = None
        try:
            index = _open_index(folder)
            store = Store(folder, index)
            try:
                yield store
            finally:
                store.close()
        except sqlite3.OperationalError as error:
            raise OSError(errno.EIO, f"the checkpoints cannot be read or written: {error}") from error
        except sqlite3.DatabaseError as error:
            _start_over(folder)
            raise CheckpointGone("the checkpoints of this room were damaged and begin anew") from error
        finally:
            if index is not None:
                index.close()
    finally:
        os.close(lock)


def _open_index(folder: Path) -> sqlite3.Connection:
    index = sqlite3.connect(folder / _INDEX)
    try:
        index.execute("PRAGMA journal_mode = TRUNCATE")
        index.execute("PRAGMA synchronous = NORMAL")
        if index.execute("PRAGMA user_version").fetchone()[0] == 0:
            index.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            sync_folder(folder)
        for table in _SINCE:
            index.execute(table)
    except BaseException:
        index.close()
        raise
    return index


def _start_over(folder: Path) -> None:
    for path in (*folder.glob(f"{_INDEX}*"), *folder.glob("*.pack")):
        path.unlink()
