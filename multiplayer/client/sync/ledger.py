"""What a followed folder remembers in DIR/.multiplayer: what both sides had alike, which contents were read, which room it is."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.opened_folder import OpenedFolder
from multiplayer.client.sync.reconcile import Version
from multiplayer.client.sync.stamps import Seen, Stamp
from multiplayer.client.sync.wrongs import SyncStopped
from multiplayer.protocol.workspace_sync import WorkspaceTree

_NAME: Final = "sync.sqlite"
_VERSION: Final = "1"
_SCHEMA: Final = """
    create table if not exists about (name text primary key, value text not null) without rowid;
    create table if not exists base (
        path text primary key, sha256 text not null, is_executable integer not null
    ) without rowid;
    create table if not exists coming (
        path text primary key, sha256 text not null, is_executable integer not null
    ) without rowid;
    create table if not exists seen (
        path text primary key, size integer not null, mtime_ns integer not null, ctime_ns integer not null,
        inode text not null, is_executable integer not null, sha256 text not null, at_ns integer not null
    ) without rowid;
"""


class Ledger:
    """Made by `opened_ledger`. Each method that changes something has kept it when it returns, also through a kill."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._lock = threading.Lock()

    def base(self) -> dict[str, Version]:
        """Return what both sides had alike."""
        rows = self._database.execute("select path, sha256, is_executable from base")
        return {path: Version(sha256, bool(executable)) for path, sha256, executable in rows}

    def coming(self) -> dict[str, Version]:
        """Return what was about to be put here from the room; it may be here or not."""
        rows = self._database.execute("select path, sha256, is_executable from coming")
        return {path: Version(sha256, bool(executable)) for path, sha256, executable in rows}

    def seen(self) -> dict[str, Seen]:
        """Return the contents that were read, by path."""
        rows = self._database.execute(
            "select path, size, mtime_ns, ctime_ns, inode, is_executable, sha256, at_ns from seen"
        )
        return {
            path: Seen(Stamp(size, mtime_ns, ctime_ns, int(inode), bool(executable)), sha256, at_ns)
            for path, size, mtime_ns, ctime_ns, inode, executable, sha256, at_ns in rows
        }

    def tree(self) -> WorkspaceTree | None:
        """Return the room's tree as it was told last."""
        found = self._database.execute("select value from about where name = 'tree'").fetchone()
        return WorkspaceTree.model_validate_json(found[0]) if found is not None else None

    def keep_tree(self, tree: WorkspaceTree) -> None:
        self._keep("tree", tree.model_dump_json(exclude_defaults=True))

    def remember(self, equal: Mapping[str, Version]) -> None:
        """Both sides have these alike."""
        with self._changing():
            self._database.executemany(
                "insert or replace into base values (?, ?, ?)",
                [(path, one.sha256, one.is_executable) for path, one in equal.items()],
            )
            self._database.executemany("delete from coming where path = ?", [(path,) for path in equal])

    def forget(self, paths: Iterable[str]) -> None:
        """Nothing is known any more of what both sides had there."""
        with self._changing():
            named = [(path,) for path in paths]
            self._database.executemany("delete from base where path = ?", named)
            self._database.executemany("delete from coming where path = ?", named)

    def expect(self, path: str, version: Version) -> None:
        """This comes here from the room now."""
        with self._changing():
            self._database.execute(
                "insert or replace into coming values (?, ?, ?)", (path, version.sha256, version.is_executable)
            )

    def expect_no_more(self) -> None:
        """All that was to come is here, and remembered, or did not come."""
        with self._changing():
            self._database.execute("delete from coming")

    def see(self, read: Mapping[str, Seen]) -> None:
        """Keep what was read."""
        with self._changing():
            self._database.executemany(
                "insert or replace into seen values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (path, size, mtime_ns, ctime_ns, str(inode), executable, one.sha256, one.at_ns)
                    for path, one in read.items()
                    for size, mtime_ns, ctime_ns, inode, executable in (one.stamp,)
                ],
            )

    def unsee(self, paths: Iterable[str]) -> None:
        """These are not here any more."""
        with self._changing():
            self._database.executemany("delete from seen where path = ?", [(path,) for path in paths])

    def bind(self, server: str, room_id: str) -> None:
        """Bind the folder to a room, if it is not yet. Raises `SyncStopped` if it is bound to another one."""
        about = dict(self._database.execute("select name, value from about where name != 'tree'"))
        if about.get("version", _VERSION) != _VERSION:
            raise SyncStopped("a newer version of this program has synced this folder")
        bound = about.get("server", server), about.get("room", room_id)
        if bound != (server, room_id):
            raise SyncStopped(
                f"this folder follows room {bound[1]} at {bound[0]}, not this one",
                hint=f"take another folder, or remove {OWN_FOLDER} in this one to begin anew: no file of yours is lost by it",
            )
        for name, value in (("version", _VERSION), ("server", server), ("room", room_id)):
            self._keep(name, value)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # Threads that place files share it, and a transaction is of one of them.
        with self._lock, self._database:
            yield

    def _keep(self, name: str, value: str) -> None:
        with self._changing():
            self._database.execute("insert or replace into about values (?, ?)", (name, value))


@contextmanager
def opened_ledger(folder: OpenedFolder) -> Iterator[Ledger]:
    """Hold a folder's ledger, alone. Raises `SyncStopped` while another sync holds it, or if it cannot be read."""
    lock = os.open("lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder.own)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SyncStopped(f"another sync is at work in {folder.path}") from None
        try:
            with closing(_opened(folder)) as database:
                yield Ledger(database)
        except sqlite3.Error as error:
            raise SyncStopped(
                f"what {folder.path} remembers cannot be read or written: {error}",
                hint=f"if the disk is well, remove {OWN_FOLDER} in it to begin anew: no file of yours is lost by it",
            ) from None
    finally:
        os.close(lock)


def _opened(folder: OpenedFolder) -> sqlite3.Connection:
    # Changes take turns by a lock; all is read before threads are at work.
    database = sqlite3.connect(
        folder.own_path / _NAME, check_same_thread=False, timeout=5.0, isolation_level="IMMEDIATE"
    )
    try:
        database.execute("pragma journal_mode = wal")
        # A kill loses nothing; after a power cut some paths are compared anew.
        database.execute("pragma synchronous = normal")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database
