"""Brings a database's schema up to what this code knows: `sql/migrations/NNNN_pre|post_what.sql`, in order, each once.

*pre* runs before new pods start, *post* after the old ones are gone. Each file is one transaction and is recorded in it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from multiplayer.storage.queries import sql_root

Phase = Literal["pre", "post"]
_FILE_NAME = re.compile(r"(\d{4})_(pre|post)_([a-z0-9_]+)\.sql")
# Any fixed number: whoever migrates this database takes the same one. The bytes are "multipla".
_LOCK = int.from_bytes(b"multipla", "big")
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class BrokenMigrations(Exception):  # noqa: N818 - named for what is broken
    """The files themselves are wrong: a name that is not NNNN_pre|post_what.sql, or a number used twice."""


class MigrationChanged(Exception):  # noqa: N818 - named for what happened
    """A file was edited after it had been applied here; put it back and write a new one instead."""


class MigrationFailed(Exception):  # noqa: N818 - named for what happened
    """Postgres refused a migration; it was rolled back, the ones before it stay."""


class DatabaseTooNew(Exception):  # noqa: N818 - named for what the database is
    """The database has migrations that this release does not know: run the newer release, or restore a backup."""


@dataclass(frozen=True)
class Migration:
    number: int
    phase: Phase
    name: str
    """The file's name."""
    sha256: str
    sql: str


def load_migrations(directory: Path | None = None) -> list[Migration]:
    """Return all migrations of the folder (default: the shipped ones) in order. Raises `BrokenMigrations`."""
    found: dict[int, Migration] = {}
    for path in sorted((directory or sql_root() / "migrations").glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise BrokenMigrations(f"{path.name} is not called NNNN_pre_what.sql or NNNN_post_what.sql")
        number = int(match[1])
        if number in found:
            raise BrokenMigrations(f"{path.name} and {found[number].name} have the same number")
        phase: Phase = "pre" if match[2] == "pre" else "post"
        # A checkout with Windows line ends is the same migration.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        found[number] = Migration(
            number, phase, path.name, hashlib.sha256(content).hexdigest(), content.decode("utf-8")
        )
    return [found[number] for number in sorted(found)]


async def pending(
    connection: "asyncpg.Connection[asyncpg.Record]", *, directory: Path | None = None
) -> list[Migration]:
    """Return what has not been applied, in order; changes nothing. Raises `MigrationChanged`, `DatabaseTooNew`."""
    return await _missing(connection, load_migrations(directory))


async def migrate(
    connection: "asyncpg.Connection[asyncpg.Record]",
    *,
    phases: tuple[Phase, ...] = ("pre", "post"),
    directory: Path | None = None,
) -> list[Migration]:
    """Apply what is pending of these phases and return what this call applied. Several processes may call it at once.

    Raises `MigrationChanged`, `DatabaseTooNew`, `MigrationFailed`. The connection must not be in a transaction.
    """
    assert not connection.is_in_transaction(), "each migration is a transaction of its own"
    known = load_migrations(directory)
    applied = []
    for migration in await _missing(connection, known):
        if migration.phase not in phases:
            continue
        async with connection.transaction():
            # Held until the commit, so that a racing process looks only when the row below is there to see.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_TABLE)
            if migration not in await _missing(connection, known):
                continue
            try:
                await connection.execute(migration.sql)
            except asyncpg.PostgresError as error:
                raise MigrationFailed(f"{migration.name} was refused and rolled back: {error}") from error
            await connection.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.sha256,
            )
        applied.append(migration)
    return applied


def plan_text(migrations: Sequence[Migration]) -> str:
    """Return for people to read: what `migrate` would apply, one file a line."""
    if not migrations:
        return "Nothing to do: the database is up to date."
    lines = [f"{len(migrations)} to apply, each in one transaction:"]
    lines += [f"  {migration.name}  ({migration.phase}, sha256 {migration.sha256[:12]})" for migration in migrations]
    return "\n".join(lines)


async def _missing(connection: "asyncpg.Connection[asyncpg.Record]", known: Sequence[Migration]) -> list[Migration]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return list(known)
    rows = await connection.fetch("SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
    applied = {row["number"]: row for row in rows}
    by_number = {migration.number: migration for migration in known}
    unknown = [row["name"] for row in rows if row["number"] not in by_number]
    if unknown:
        raise DatabaseTooNew(
            f"the database is newer than this release, which does not know {', '.join(unknown)}: "
            "run the release that made it, or restore a backup from before"
        )
    for number, row in applied.items():
        migration = by_number[number]
        if (row["name"], row["sha256"]) != (migration.name, migration.sha256):
            raise MigrationChanged(
                f"{migration.name} is not the file that was applied here as {row['name']}: put that back and write a "
                "new migration for the change"
            )
    return [migration for migration in known if migration.number not in applied]
