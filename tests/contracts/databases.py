"""Empty databases with the schema of this release."""

import asyncpg

from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.migrate import migrate
from tests.support.postgres import fresh_database


async def migrated_database(address: PostgresAddress) -> str:
    """Make a database and return its dsn."""
    dsn = await fresh_database(address)
    connection = await asyncpg.connect(dsn)
    try:
        await migrate(connection)
    finally:
        await connection.close()
    return dsn
