"""Data folders from before there were AI profiles: their AIs go on as they were."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import AiProfile, NlwebOptions
from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.migrate import migrate
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import sql_root
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[PostgresAddress]:
    async with ephemeral_postgres() as address:
        yield address


async def test_ais_of_an_old_database_get_a_profile_that_changes_nothing(
    address: PostgresAddress, tmp_path: Path
) -> None:
    for file in sorted((sql_root() / "migrations").glob("*.sql")):
        if file.name < "0004":
            shutil.copy(file, tmp_path)
    dsn = await fresh_database(address)
    connection = await asyncpg.connect(dsn)
    try:
        await migrate(connection, directory=tmp_path)
        for key, kind, handle, name in (
            ("1", "ai", "ai", "AI"),
            ("2", "ai", "bot.2", "x" * 80),
            ("3", "ai", "bot3", ""),
            ("4", "human", "alice", "Alice"),
        ):
            await connection.execute(
                "INSERT INTO accounts (id, kind, handle, folded_handle, display_name, is_operator, created_at)"
                " VALUES ($1, $2, $3, $3, $4, false, now())",
                *(key, kind, handle, name),
            )
        await migrate(connection)
    finally:
        await connection.close()
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        found = {stored.account_id: stored.profile for stored in await storage.profiles()}
        assert found == {
            AccountId("1"): AiProfile(handle="ai", name="AI"),
            AccountId("2"): AiProfile(handle="bot.2", name="x" * 64),
            AccountId("3"): AiProfile(handle="bot3", name="bot3"),
        }
        assert await storage.profiles_version() == 1


async def test_what_a_newer_release_has_put_into_a_profile_does_not_stop_this_one(address: PostgresAddress) -> None:
    dsn = await fresh_database(address)
    connection = await asyncpg.connect(dsn)
    try:
        await migrate(connection)
        await connection.execute(
            "INSERT INTO accounts (id, kind, handle, folded_handle, display_name, is_operator, created_at)"
            " VALUES ('1', 'ai', 'ai', 'ai', 'AI', false, now())"
        )
        body = {"handle": "ai", "name": "AI", "mood": "good", "provider": "nlweb", "base_url": "https://a.example"}
        await connection.execute(
            "INSERT INTO ai_profiles (account_id, body, updated_at) VALUES ('1', $1, now())",
            json.dumps({**body, "nlweb": {"site": "shop", "depth": 3}}),
        )
    finally:
        await connection.close()
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        stored = await storage.profile(AccountId("1"))
        assert stored is not None
        assert stored.profile.nlweb == NlwebOptions(site="shop")
