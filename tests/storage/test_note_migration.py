"""Notes that were stored before anything remembered where they stand: they go with the answers that came of them."""

import shutil
from pathlib import Path

import asyncpg
import pytest

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.ai_port import StoredHook
from multiplayer.storage.migrate import migrate
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import sql_root
from tests.contracts.room_scripts import AI, ALICE, RoomScript, ulid
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow

NOTE = 'the secret "note"\n\\u0000 is only text'


async def put_as_before(connection: "asyncpg.Connection[asyncpg.Record]", events: list[Event], turn: TurnId) -> None:
    """Store a room with one ended turn in the tables of the release before."""
    room_id, last = events[0].room_id, events[-1]
    await connection.execute(
        "INSERT INTO rooms (id, seq, kind, name, topic, settings, created_at) VALUES ($1, $2, 'room', 'r', '', '{}', $3)",
        *(room_id, last.seq, last.at),
    )
    await connection.executemany(
        "INSERT INTO events (room_id, seq, event_id, at, actor_id, type, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [(room_id, one.seq, one.id, one.at, one.actor_id, one.type, encode(one).decode()) for one in events],
    )
    posted = next(event for event in events if isinstance(event, MessagePosted))
    await connection.execute(
        "INSERT INTO messages (room_id, id, seq, author_id, at, text, turn_id, mentions, mention_groups, words)"
        " VALUES ($1, $2, $3, $4, $5, 'an answer', $6, '{}', '{}', '')",
        *(room_id, posted.message.id, posted.seq, AI, posted.at, turn),
    )
    await connection.execute(
        "INSERT INTO turns (id, room_id, ai_id, requested_at, requested_seq, state, fence, ended_at, ended_seq)"
        " VALUES ($1, $2, $3, $4, 2, 'done', 1, $4, $5)",
        *(turn, room_id, AI, last.at, last.seq),
    )


async def test_a_note_from_before_goes_with_its_answer_and_an_old_hook_has_no_key(tmp_path: Path) -> None:
    for file in sorted((sql_root() / "migrations").glob("*.sql")):
        if file.name < "0005":
            shutil.copy(file, tmp_path)
    script, turn = RoomScript(), TurnId(ulid())
    script.add(TurnRequested, turn_id=turn, ai_id=AI, reason=TurnReason.WEBHOOK, note=NOTE)
    script.add(TurnStarted, AI, turn_id=turn, fence=1, pod="a")
    answer = script.post("an answer", AI, turn_id=turn)
    script.add(TurnEnded, AI, turn_id=turn, ai_id=AI, outcome=TurnOutcome.DONE, message_id=answer)
    async with ephemeral_postgres() as address:
        dsn = await fresh_database(address)
        connection = await asyncpg.connect(dsn)
        try:
            await migrate(connection, directory=tmp_path)
            await put_as_before(connection, script.events, turn)
            await connection.execute(
                "INSERT INTO hooks (id, room_id, rule_id, sha256, created_by, created_at)"
                " VALUES ('h', $1, 'w', 'x', $2, now())",
                *(script.room_id, ALICE),
            )
            await migrate(connection)
        finally:
            await connection.close()
        async with PostgresStorage.open(dsn, ephemeral=True) as storage:
            [hook] = await storage.hooks(script.room_id)
            assert isinstance(hook, StoredHook)
            assert (hook.rule_key, hook.created_by) == (None, AccountId(ALICE))
            since = script.seq
            script.delete(answer)
            await storage.append(script.append(since))
            lines = [one.line for one in await storage.events_after(script.room_id, 0, limit=9)]
            assert lines == script.lines()
            assert not [line for line in lines if b"secret" in line]
