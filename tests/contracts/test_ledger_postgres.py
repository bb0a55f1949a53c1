"""The ledger's contract on a real Postgres with two storages, and what a database of an earlier release gets."""

import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings

from multiplayer.protocol.budgets import BudgetScope, Period, UsageGroup
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.ledger_port import Scope, Spent, scopes_of
from multiplayer.storage.migrate import migrate
from multiplayer.storage.port import Storage
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import sql_root
from tests.contracts.databases import migrated_database
from tests.contracts.ledger_suite import (
    LedgerContract,
    Move,
    check_that_spending_is_the_sum_of_the_ledger,
    moves,
)
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow

_SUMS = """
SELECT count(*) FROM spending s FULL JOIN (
    SELECT k.scope, k.scope_id, k.period,
        sum(CASE state WHEN 'reserved' THEN reserved_in + reserved_out WHEN 'settled' THEN tokens_in + tokens_out
            ELSE 0 END) AS tokens,
        sum(coalesce(CASE state WHEN 'reserved' THEN reserved_micros WHEN 'settled' THEN cost_micros END, 0)) AS micros
    FROM ledger l, spending_keys(l.room_id, l.asker_id, l.day, l.month) k GROUP BY 1, 2, 3
) AS l USING (scope, scope_id, period)
WHERE (coalesce(s.tokens, 0), coalesce(s.micros, 0)) <> (coalesce(l.tokens, 0), coalesce(l.micros, 0))
"""


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[PostgresAddress]:
    async with ephemeral_postgres() as address:
        yield address


@pytest.fixture(scope="module")
async def template(address: PostgresAddress) -> str:
    return (await migrated_database(address)).split("@/")[1].split("?")[0]


@pytest.fixture
async def dsn(address: PostgresAddress, template: str) -> str:
    return await fresh_database(address, template=template)


@pytest.fixture
async def storage(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage
    connection = await asyncpg.connect(dsn)
    wrong = await connection.fetchval(_SUMS)
    await connection.close()
    assert wrong == 0, "rows of spending are not what the ledger adds up to"


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=moves)
async def test_spending_is_the_sum_of_the_ledger(storage: Storage, script: Sequence[Move]) -> None:
    await check_that_spending_is_the_sum_of_the_ledger(storage, script)


class TestLedger(LedgerContract):
    pass


async def test_a_database_from_before_the_ledger_begins_with_what_its_turns_used(
    address: PostgresAddress, tmp_path: Path
) -> None:
    dsn = await fresh_database(address)
    for path in (sql_root() / "migrations").glob("000[12]_*.sql"):
        shutil.copy(path, tmp_path)
    connection = await asyncpg.connect(dsn)
    await migrate(connection, directory=tmp_path)
    last, first = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    await connection.executemany(
        "INSERT INTO usage VALUES ($1, $2, 'ai', $3, $4, 'm', $5, 2, 1, $6, false)",
        [
            ("t1", "red", ["alice", "bob"], last, 9, 5),
            ("t2", "red", ["bob"], first, 19, None),
            ("t3", "blue", [], first, 29, 7),
        ],
    )
    await connection.execute("SET timezone = 'Asia/Tokyo'")  # days are those of UTC, wherever the migration runs
    await migrate(connection)
    assert await connection.fetchval("SELECT count(*) FROM usage") == 3
    assert await connection.fetchval(_SUMS) == 0
    await connection.close()
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        days = await storage.usage(last, datetime(2026, 12, 1, tzinfo=UTC), group=UsageGroup.DAY)
        assert [(row.key, row.calls, row.tokens_in, row.tokens_cached, row.tokens_out) for row in days] == [
            ("2026-10-31", 1, 9, 2, 1),
            ("2026-11-01", 2, 48, 4, 2),
        ]
        assert [(row.cost_micros, row.unpriced_calls) for row in days] == [(5, 0), (7, 1)]
        rows = await storage.usage(last, datetime(2026, 12, 1, tzinfo=UTC), group=UsageGroup.ASKER)
        assert [(row.key, row.tokens_in) for row in rows] == [("", 29), ("bob", 19), ("alice", 9)]
        server, red = Scope(BudgetScope.SERVER, ""), Scope(BudgetScope.ROOM, "red")
        bob = scopes_of(RoomId("red"), AccountId("bob"))[3]
        spent = await storage.spent([server, red, bob], first)
        assert [spent[scope, Period.DAY] for scope in (server, red, bob)] == [Spent(50, 7), Spent(20), Spent(20)]
        assert (await storage.spent([red], last))[red, Period.MONTH] == Spent(10, 5)
