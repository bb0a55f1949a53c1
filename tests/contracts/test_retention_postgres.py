"""The contract of what is due by rooms' rules on a real Postgres, and how it is found there."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from multiplayer.storage.port import Storage
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import Queries
from tests.contracts.databases import migrated_database
from tests.contracts.retention_suite import RetentionContract
from tests.contracts.room_scripts import NOW
from tests.support.postgres import ephemeral_postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def dsn() -> AsyncIterator[str]:
    async with ephemeral_postgres() as address:
        yield await migrated_database(address)


@pytest.fixture
async def storage(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


class TestRetention(RetentionContract):
    pass


_MANY = """
INSERT INTO rooms (id, seq, kind, name, topic, settings, created_at)
SELECT 'r' || n, 1, 'room', 'r', '', '{}', now() FROM generate_series(1, 2000) n;
INSERT INTO messages (room_id, id, seq, author_id, at, text, mentions, mention_groups, words)
SELECT 'r' || n % 200 + 1, n, n, 'a', now() - n * interval '1 minute', '', '{}', '{}', '' FROM generate_series(1, 20000) n;
ANALYZE rooms, messages, attachments;
"""


async def test_what_is_due_is_found_by_its_age_among_many_messages(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(_MANY)
        queries = Queries()
        for name, arguments in (("due_messages", ("r1", NOW, [], 100)), ("rooms_with_due", (NOW, 30))):
            plan = await connection.fetch(f"EXPLAIN {queries[name]}", *arguments)
            said = "\n".join(row[0] for row in plan)
            assert "messages_by_age" in said, said
            assert "Seq Scan on messages" not in said, said
        await transaction.rollback()
    finally:
        await connection.close()
