"""Migrations on a real database: in order, once, each whole or not at all, and never silently different."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.migrate import (
    BrokenMigrations,
    DatabaseTooNew,
    MigrationChanged,
    MigrationFailed,
    load_migrations,
    migrate,
    pending,
    plan_text,
)
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[PostgresAddress]:
    async with ephemeral_postgres() as address:
        yield address


@pytest.fixture
async def dsn(address: PostgresAddress) -> str:
    return await fresh_database(address)


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "0001_pre_rooms.sql").write_text("CREATE TABLE rooms (id int);\nINSERT INTO rooms VALUES (1), (2);\n")
    (tmp_path / "0002_post_topic.sql").write_text("ALTER TABLE rooms ADD topic text DEFAULT '部署';\n")
    (tmp_path / "0003_pre_members.sql").write_text("CREATE TABLE members (id int);\n")
    return tmp_path


async def test_an_empty_database_gets_every_migration_in_order_and_once(
    connection: "asyncpg.Connection[asyncpg.Record]", directory: Path
) -> None:
    assert [m.number for m in await pending(connection, directory=directory)] == [1, 2, 3]
    assert await connection.fetchval("SELECT to_regclass('schema_migrations')") is None  # looking changes nothing
    assert [m.number for m in await migrate(connection, directory=directory)] == [1, 2, 3]
    assert await connection.fetchval("SELECT count(*) FROM rooms WHERE topic = '部署'") == 2
    assert await pending(connection, directory=directory) == []
    assert await migrate(connection, directory=directory) == []
    rows = await connection.fetch("SELECT number, name, sha256, applied_at FROM schema_migrations ORDER BY number")
    assert [(row["number"], row["name"], row["sha256"]) for row in rows] == [
        (m.number, m.name, m.sha256) for m in load_migrations(directory)
    ]


async def test_the_pre_phase_leaves_the_post_ones_for_later(
    connection: "asyncpg.Connection[asyncpg.Record]", directory: Path
) -> None:
    assert [m.number for m in await migrate(connection, phases=("pre",), directory=directory)] == [1, 3]
    assert [m.number for m in await pending(connection, directory=directory)] == [2]
    assert [m.number for m in await migrate(connection, phases=("post",), directory=directory)] == [2]


async def test_two_that_race_apply_each_migration_once(dsn: str, directory: Path) -> None:
    racers = [await asyncpg.connect(dsn) for _ in range(4)]
    done = await asyncio.gather(*[migrate(racer, directory=directory) for racer in racers])
    assert sorted(m.number for applied in done for m in applied) == [1, 2, 3]
    assert await racers[0].fetchval("SELECT count(*) FROM rooms") == 2
    for racer in racers:
        await racer.close()


async def test_an_edited_file_that_was_applied_is_refused_by_name(
    connection: "asyncpg.Connection[asyncpg.Record]", directory: Path
) -> None:
    await migrate(connection, phases=("pre",), directory=directory)
    path = directory / "0001_pre_rooms.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    await pending(connection, directory=directory)  # other line ends are no change
    path.write_text("CREATE TABLE rooms (id bigint);\n")
    with pytest.raises(MigrationChanged, match=r"0001_pre_rooms\.sql is not the file"):
        await pending(connection, directory=directory)
    with pytest.raises(MigrationChanged):
        await migrate(connection, directory=directory)
    assert await connection.fetchval("SELECT count(*) FROM schema_migrations") == 2


async def test_a_database_newer_than_the_code_is_refused_and_unchanged(
    connection: "asyncpg.Connection[asyncpg.Record]", directory: Path
) -> None:
    await migrate(connection, directory=directory)
    (directory / "0003_pre_members.sql").unlink()
    (directory / "0004_pre_other.sql").write_text("CREATE TABLE other (id int);\n")
    with pytest.raises(DatabaseTooNew, match=r"does not know 0003_pre_members\.sql"):
        await migrate(connection, directory=directory)
    assert await connection.fetchval("SELECT to_regclass('other')") is None


async def test_a_migration_that_fails_half_way_is_undone_whole_and_can_be_mended(
    connection: "asyncpg.Connection[asyncpg.Record]", directory: Path
) -> None:
    bad = directory / "0002_post_topic.sql"
    bad.write_text("CREATE TABLE half (id int);\nSELECT 1 / 0;\n")
    with pytest.raises(MigrationFailed, match=r"0002_post_topic\.sql was refused and rolled back: division by zero"):
        await migrate(connection, directory=directory)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    assert [m.number for m in await pending(connection, directory=directory)] == [2, 3]
    bad.write_text("CREATE TABLE half (id int);\n")
    assert [m.number for m in await migrate(connection, directory=directory)] == [2, 3]


@pytest.mark.parametrize("name", ["1_pre_x.sql", "0004_during_x.sql", "0004_pre.sql", "0003_post_again.sql"])
def test_a_file_with_a_wrong_name_or_a_taken_number_is_refused_by_name(directory: Path, name: str) -> None:
    (directory / name).write_text("SELECT 1;")
    with pytest.raises(BrokenMigrations, match=name.replace(".", r"\.")):
        load_migrations(directory)


def test_the_plan_names_every_file_and_says_when_there_is_none(directory: Path) -> None:
    text = plan_text(load_migrations(directory))
    assert [line.split()[0] for line in text.splitlines()[1:]] == [path.name for path in sorted(directory.iterdir())]
    assert "Nothing to do" in plan_text([])


async def test_a_fresh_database_can_be_a_copy_of_a_migrated_one(address: PostgresAddress, directory: Path) -> None:
    dsn = await fresh_database(address)
    first = await asyncpg.connect(dsn)
    await migrate(first, directory=directory)
    await first.close()
    name = dsn.split("@/")[1].split("?")[0]
    copy = await asyncpg.connect(await fresh_database(address, template=name))
    assert await pending(copy, directory=directory) == []
    await copy.close()
