"""A throw-away real Postgres for tests, and empty databases on it: one cluster a session, one database a test."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg

from multiplayer.storage.embedded import DataDirLock, EmbeddedPostgres, PostgresAddress


@asynccontextmanager
async def ephemeral_postgres(*, max_connections: int = 100) -> AsyncIterator[PostgresAddress]:
    """A running cluster in a temporary folder; both are gone afterwards. About a second to start."""
    data_dir = Path(tempfile.mkdtemp(prefix="multiplayer-test-"))
    try:
        lock = await DataDirLock.acquire(data_dir)
        postgres = EmbeddedPostgres(data_dir, durable=False, max_connections=max_connections)
        try:
            yield await postgres.start(lock)
        finally:
            await postgres.stop()
            lock.release()
    finally:
        shutil.rmtree(data_dir)


async def fresh_database(address: PostgresAddress, *, template: str = "template0") -> str:
    """Make an empty database and return its dsn; with a `template`, a copy of that one (nobody may be connected to it)."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(replace(address, database="postgres").dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    return replace(address, database=name).dsn
