"""Postgres as the one truth: everything of `port.Storage`, opened only on a database that keeps what is promised."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from multiplayer.storage.account_rows import PostgresAccounts
from multiplayer.storage.ai_rows import PostgresAi
from multiplayer.storage.attachment_rows import PostgresAttachments
from multiplayer.storage.audit_rows import PostgresAudit
from multiplayer.storage.credentials import PostgresCredentials
from multiplayer.storage.database import Connection, Database, Dsn, connect, open_database, parse_dsn, port_errors
from multiplayer.storage.erasures import PostgresErasures
from multiplayer.storage.group_commit import GroupCommit, WriterConnection
from multiplayer.storage.invites import PostgresInvites
from multiplayer.storage.ledger import PostgresLedger
from multiplayer.storage.migrate import DatabaseTooNew, MigrationChanged, pending
from multiplayer.storage.mirrors import PostgresMirrors
from multiplayer.storage.port import StorageUnavailable, UnfitDatabase
from multiplayer.storage.profiles import PostgresProfiles
from multiplayer.storage.retention_rows import PostgresRetention
from multiplayer.storage.room_log import PostgresRoomLog
from multiplayer.storage.turn_leases import PostgresTurns

_OLDEST_SERVER: Final = 14
_CHECK_S: Final = 1.0
_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")


class PostgresStorage(
    PostgresRoomLog,
    PostgresTurns,
    PostgresAttachments,
    PostgresMirrors,
    PostgresAi,
    PostgresAccounts,
    PostgresCredentials,
    PostgresProfiles,
    PostgresErasures,
    PostgresInvites,
    PostgresLedger,
    PostgresRetention,
    PostgresAudit,
):
    """`port.Storage` on a Postgres database. Made by `open`."""

    def __init__(self, database: Database, log: GroupCommit) -> None:
        PostgresRoomLog.__init__(self, database, log)

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, ephemeral: bool = False, shards: int = 2) -> "AsyncIterator[PostgresStorage]":
        """Open a migrated database for the length of the block; `?pool_max=` in `dsn` bounds all its connections.

        Raises `UnfitDatabase` if it is too old, lacks pg_trgm, is not migrated, or does not keep what it commits (which
        `ephemeral` allows), and `StorageUnavailable`. At the end, appends that wait are answered `StorageUnavailable`.
        """
        address = parse_dsn(dsn)
        await _check_database(address, ephemeral=ephemeral)

        async def connect_writer() -> WriterConnection:
            return await connect(address)

        async with (
            open_database(address, pool_max=max(1, address.pool_max - shards)) as database,
            GroupCommit(connect_writer, database.queries, shards=shards) as log,
        ):
            yield cls(database, log)

    async def check(self) -> float:
        started_s = monotonic()
        try:
            async with asyncio.timeout(_CHECK_S):
                await self._database.read("access_version")
        except TimeoutError as error:
            raise StorageUnavailable(f"the database did not answer within {_CHECK_S} s") from error
        return monotonic() - started_s

    async def close(self) -> None:
        """End early what `open` would end; harmless when it has."""
        self._log.close()
        await self._database.close()


async def _check_database(address: Dsn, *, ephemeral: bool) -> None:
    connection = await connect(address)
    try:
        with port_errors(lost=StorageUnavailable):
            await _check_server(connection, ephemeral=ephemeral)
            try:
                missing = await pending(connection)
            except (DatabaseTooNew, MigrationChanged) as error:
                raise UnfitDatabase(str(error)) from error
            if any(migration.phase == "pre" for migration in missing):
                names = ", ".join(migration.name for migration in missing)
                raise UnfitDatabase(f"the database is not migrated ({names} missing): run `multiplayer migrate`")
    finally:
        connection.terminate()


async def _check_server(connection: Connection, *, ephemeral: bool) -> None:
    version = connection.get_server_version()
    if version.major < _OLDEST_SERVER:
        raise UnfitDatabase(f"PostgreSQL {version.major} is too old: use {_OLDEST_SERVER} or newer")
    if not await connection.fetchval("SELECT true FROM pg_available_extensions WHERE name = 'pg_trgm'"):
        raise UnfitDatabase("this PostgreSQL has no pg_trgm: install its contrib package")
    settings = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", _DURABLE)
    off = sorted(row["name"] for row in settings if row["setting"] == "off")
    if off and not ephemeral:
        raise UnfitDatabase(
            f"this PostgreSQL has {' and '.join(off)} off, so it may lose what it has confirmed: switch it on in "
            "postgresql.conf, or for a throw-away server start with --ephemeral"
        )
