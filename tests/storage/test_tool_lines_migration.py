"""Tool calls that were stored before anything remembered where they stand: they go with what they quote."""

import shutil
from pathlib import Path

import asyncpg
import pytest

from multiplayer.protocol.codec import encode
from multiplayer.storage.migrate import migrate
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import sql_root
from tests.contracts.forgotten_tools_suite import turn
from tests.contracts.room_scripts import RoomScript
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow


async def test_a_tool_call_from_before_goes_with_the_message_that_it_quotes(tmp_path: Path) -> None:
    for file in sorted((sql_root() / "migrations").glob("*.sql")):
        if file.name < "0010":
            shutil.copy(file, tmp_path)
    script = RoomScript()
    message_id = script.post("sesame opens it")
    turn(script, "found: sesame opens it")
    turn(script, "found nothing \\u0000", "{}")
    async with ephemeral_postgres() as address:
        dsn = await fresh_database(address)
        connection = await asyncpg.connect(dsn)
        try:
            await migrate(connection, directory=tmp_path)
            room_id, last = script.room_id, script.events[-1]
            await connection.execute(
                "INSERT INTO rooms (id, seq, kind, name, topic, settings, created_at)"
                " VALUES ($1, $2, 'room', 'r', '', '{}', $3)",
                *(room_id, last.seq, last.at),
            )
            await connection.executemany(
                "INSERT INTO events (room_id, seq, event_id, at, actor_id, type, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                [(room_id, e.seq, e.id, e.at, e.actor_id, e.type, encode(e).decode()) for e in script.events],
            )
            await connection.execute(
                "INSERT INTO messages (room_id, id, seq, author_id, at, text, mentions, mention_groups, words)"
                " VALUES ($1, $2, 2, $3, $4, 'sesame opens it', '{}', '{}', '')",
                *(room_id, message_id, script.events[1].actor_id, last.at),
            )
            await migrate(connection)
        finally:
            await connection.close()
        async with PostgresStorage.open(dsn, ephemeral=True) as storage:
            since = script.seq
            script.delete(message_id)
            await storage.append(script.append(since))
            lines = [one.line for one in await storage.events_after(room_id, 0, limit=99)]
            assert lines == script.lines()
            assert not [line for line in lines if b"sesame" in line]
