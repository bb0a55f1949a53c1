"""What was asked again before anything remembered that it goes with its answer: it does, also if that is gone already."""

import shutil
from pathlib import Path

import asyncpg
import pytest

from multiplayer.protocol.events import MessageDeleted
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.migrate import migrate
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import sql_root
from tests.contracts.room_scripts import AI, BOB, RoomScript, read_back, ulid
from tests.storage.test_note_migration import NOTE, put_as_before
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_words_asked_again_before_go_with_their_answer(tmp_path: Path, *, is_deleted: bool) -> None:
    for file in sorted((sql_root() / "migrations").glob("*.sql")):
        if file.name < "0011":
            shutil.copy(file, tmp_path)
    script, first, again = RoomScript(), TurnId(ulid()), TurnId(ulid())
    answer = script.post("an answer", AI, turn_id=first)
    fields = {"turn_id": again, "ai_id": AI, "reason": TurnReason.REGENERATE, "replaces": answer, "note": NOTE}
    script.add(TurnRequested, BOB, **fields)
    script.add(TurnEnded, AI, turn_id=again, ai_id=AI, outcome=TurnOutcome.FAILED)
    last_state = script.turns()[again].model_dump_json()
    assert "secret" in last_state
    if is_deleted:
        script.add(MessageDeleted, message_id=answer)
    async with ephemeral_postgres() as address:
        dsn = await fresh_database(address)
        connection = await asyncpg.connect(dsn)
        try:
            await migrate(connection, directory=tmp_path)
            await put_as_before(connection, script.events, again)
            await connection.execute("UPDATE turns SET last_state = $1::jsonb", last_state)
            if is_deleted:
                await connection.execute("UPDATE messages SET deleted_at = now()")
            await migrate(connection)
        finally:
            await connection.close()
        async with PostgresStorage.open(dsn, ephemeral=True) as storage:
            if not is_deleted:
                since = script.seq
                script.add(MessageDeleted, message_id=answer)
                await storage.append(script.append(since))
            log = [read_back(one.line) for one in await storage.events_after(script.room_id, 0, limit=9)]
            # The answer's own line is as it was put here: nobody has deleted it before.
            assert log[2:] == [read_back(line) for line in script.lines()][2:]
            assert not [one for one in log if "secret" in repr(one)]
            record = await storage.turn(script.room_id, again)
            assert record is not None
            assert record.turn is not None
            assert record.turn.note == ""
