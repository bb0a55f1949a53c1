"""The database of a data folder: the server's own, or the one that a command line shares with a running server."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from multiplayer.settings import BadSettings, Settings
from multiplayer.storage.database import connect, parse_dsn, port_errors
from multiplayer.storage.embedded import DataDirBusy, DataDirLock, EmbeddedPostgres
from multiplayer.storage.migrate import MigrationFailed, migrate, pending
from multiplayer.storage.port import Storage, StorageUnavailable
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.runtime_dir import PostgresFailed
from multiplayer.telemetry import logs

BUSY_WAIT_S = 60.0
SERVER_FILE = "server.json"
EXTERNAL_FILE = "external-database"
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def database_address(settings: Settings) -> AsyncIterator[str]:
    """The address of this folder's database, not migrated by us: for `migrate` and `doctor`."""
    async with shared_database(settings, migrates=False) as dsn:
        yield dsn


@asynccontextmanager
async def own_database(settings: Settings, lock: DataDirLock) -> AsyncIterator[tuple[str, str]]:
    """The database of a server that holds `lock`, migrated; a bundled one is watched and started again if it dies."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        await _migrate(dsn)
        write_private(lock.data_dir / SERVER_FILE, json.dumps({"pid": os.getpid(), "database": dsn}))
        write_private(lock.data_dir / EXTERNAL_FILE, "This folder's database is the one that DATABASE_URL named.\n")
        try:
            yield dsn, "PostgreSQL at DATABASE_URL"
        finally:
            (lock.data_dir / SERVER_FILE).unlink(missing_ok=True)
        return
    if (lock.data_dir / EXTERNAL_FILE).exists():
        # With a database of its own it would be a folder of rooms that are not there, and of workspaces of no room.
        raise BadSettings(
            f"the database of {lock.data_dir} is the one that DATABASE_URL named: set it again, "
            f"or remove the file {EXTERNAL_FILE} there to begin with an empty one"
        )
    postgres = EmbeddedPostgres(lock.data_dir, durable=not settings.ephemeral)
    address = await postgres.start(lock)
    try:
        await _migrate(address.dsn)
        write_private(lock.data_dir / SERVER_FILE, json.dumps({"pid": os.getpid(), "database": address.dsn}))
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_keep_running(postgres, lock))
            try:
                yield address.dsn, "built-in PostgreSQL"
            finally:
                watching.cancel()
    finally:
        (lock.data_dir / SERVER_FILE).unlink(missing_ok=True)
        await postgres.stop()


async def _keep_running(postgres: EmbeddedPostgres, lock: DataDirLock) -> None:
    while True:
        code = await postgres.wait()
        _log.warning("database_ended", code=code)
        pause_s = 0.1
        while True:
            try:
                await postgres.start(lock)
            except PostgresFailed as failed:
                # Until it comes back rooms answer "unavailable"; who is connected stays.
                _log.error("database_does_not_start", reason=str(failed), next_try_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(10.0, pause_s * 2)
            else:
                break
        _log.info("database_started_again")


@asynccontextmanager
async def shared_database(settings: Settings, *, migrates: bool = True) -> AsyncIterator[str]:
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        if migrates:
            await _migrate(dsn)
        yield dsn
        return
    folder = settings.folder
    give_up_at_s = time.monotonic() + BUSY_WAIT_S
    lock: DataDirLock | None = None
    while lock is None:
        try:
            lock = await DataDirLock.acquire(folder)
        except DataDirBusy:
            held = _database_of_running_server(folder)
            if held is not None and await _answers(held):
                yield held
                return
            if time.monotonic() > give_up_at_s:
                raise
            # Another command holds the folder, or a server is just starting: both pass.
            await asyncio.sleep(0.1)
    try:
        if (folder / EXTERNAL_FILE).exists():
            raise BadSettings(f"the database of {folder} is not in it: give DATABASE_URL, as for its server")
        postgres = EmbeddedPostgres(folder)
        address = await postgres.start(lock)
        try:
            if migrates:
                await _migrate(address.dsn)
            yield address.dsn
        finally:
            await postgres.stop()
    finally:
        lock.release()


def _database_of_running_server(folder: Path) -> str | None:
    try:
        held = json.loads((folder / SERVER_FILE).read_text())
    except (OSError, ValueError):
        return None
    dsn = held.get("database") if isinstance(held, dict) else None
    return dsn if isinstance(dsn, str) else None


async def _answers(dsn: str) -> bool:
    try:
        connection = await connect(parse_dsn(dsn))
    except StorageUnavailable:
        return False
    await connection.close()
    return True


async def _migrate(dsn: str) -> None:
    connection = await connect(parse_dsn(dsn))
    try:
        with port_errors(lost=StorageUnavailable):
            steps = len(await pending(connection))
            is_told = steps > 0 and logs.tell(f"Preparing the database: {steps} {'step' if steps == 1 else 'steps'}")
            for migration in await migrate(connection):
                # At a terminal the line above says it, to people.
                (_log.debug if is_told else _log.info)("migrated", number=migration.number, name=migration.name)
    except MigrationFailed as failed:
        if connection.is_closed():
            # It did not refuse: it went away. Each migration is one transaction, so nothing is half done.
            raise StorageUnavailable("the database went away while it was prepared") from failed
        raise
    finally:
        await connection.close()


@asynccontextmanager
async def open_storage(dsn: str, *, ephemeral: bool) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=ephemeral) as storage:
        yield storage


def write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
