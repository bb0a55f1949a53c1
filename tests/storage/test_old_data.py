"""A database that release 0.1 filled opens after the migrations: all is read as it was, and forgets as it should."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import MessageDeleted, event_adapter
from multiplayer.protocol.ids import MessageId, RoomId, TurnId
from multiplayer.protocol.memory import Section
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.state import RoomState, folded
from multiplayer.storage.migrate import migrate
from multiplayer.storage.port import Append, Appended, NewEvent, ReadableRoom, Storage
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import sql_root
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow

ROOM, ALICE, AI = RoomId("01ROOM"), "01ALICE", "01AI"
FIRST, ANSWER = MessageId("0" * 25 + "1"), MessageId("0" * 25 + "2")
ENDED, OPEN = TurnId("01ENDED"), TurnId("01OPEN")
AT = "2026-11-01T09:00:00.000Z"
SETTINGS = (
    '{"guests_see_history":true,"guests_post":false,"guests_ask_ai":false,"guests_see_workspace":false,'
    '"members_invite":false,"default_ai":null,"persona":"be brief"}'
)
OPEN_STATE = {
    "turn_id": OPEN, "ai_id": AI, "askers": [ALICE], "messages": [], "requested_at": AT, "requested_seq": 6,
    "fence": 0, "is_stop_requested": False, "calls": [], "steps": 0, "text": "", "text_index": 0,
}  # fmt: skip
SUMMARY = f"Decisions:\n- the old plan stands (message {FIRST})\n- and this came from nowhere"


def member(account_id: str, role: str) -> dict[str, object]:
    return {
        "account_id": account_id, "kind": "ai" if role == "ai" else "human", "handle": account_id.lower(),
        "display_name": account_id, "role": role, "joined_at": AT, "joined_seq": 1,
    }  # fmt: skip


EVENTS: list[dict[str, object]] = [
    {"type": "room_created", "actor_id": ALICE, "kind": "room", "name": "old", "settings": json.loads(SETTINGS) | {},
     "members": [member(ALICE, "owner"), member(AI, "ai")]},
    {"type": "message_posted", "actor_id": ALICE, "message": {"id": FIRST, "text": "an old plan"}},
    {"type": "turn_requested", "actor_id": ALICE, "turn_id": ENDED, "ai_id": AI, "reason": "mention",
     "message_id": FIRST},
    {"type": "message_posted", "actor_id": AI, "message": {"id": ANSWER, "text": "an answer", "turn_id": ENDED}},
    {"type": "turn_ended", "actor_id": AI, "turn_id": ENDED, "ai_id": AI, "outcome": "done", "message_id": ANSWER,
     "usage": {"model": "m", "tokens_in": 1, "tokens_cached": 0, "tokens_out": 2, "is_estimated": False}},
    {"type": "turn_requested", "actor_id": ALICE, "turn_id": OPEN, "ai_id": AI, "reason": "asked"},
    {"type": "message_edited", "actor_id": ALICE, "message_id": FIRST, "text": "the old plan", "revision": 2},
    {"type": "summary_updated", "actor_id": AI, "version": 1, "text": SUMMARY, "up_to_seq": 7, "method": "extractive"},
]  # fmt: skip
_SETTINGS_OF_EVENT = EVENTS[0]["settings"]
assert isinstance(_SETTINGS_OF_EVENT, dict)
del _SETTINGS_OF_EVENT["default_ai"]  # what is None is left out of lines
LINES = [
    json.dumps({"room_id": ROOM, "seq": seq, "id": f"e{seq}", "at": AT, **event}) for seq, event in enumerate(EVENTS, 1)
]

FILL = f"""
INSERT INTO rooms (id, seq, kind, name, topic, settings, created_at)
VALUES ('{ROOM}', {len(EVENTS)}, 'room', 'old', '', '{SETTINGS}', '{AT}');
INSERT INTO members (room_id, account_id, kind, handle, display_name, role, joined_at, joined_seq) VALUES
    ('{ROOM}', '{ALICE}', 'human', '01alice', '01ALICE', 'owner', '{AT}', 1),
    ('{ROOM}', '{AI}', 'ai', '01ai', '01AI', 'ai', '{AT}', 1);
INSERT INTO messages (room_id, id, seq, author_id, at, text, turn_id, mentions, mention_groups, revision, edited_at, words)
VALUES
    ('{ROOM}', '{FIRST}', 2, '{ALICE}', '{AT}', 'the old plan', NULL, '{{}}', '{{}}', 2, '{AT}', 'the old plan'),
    ('{ROOM}', '{ANSWER}', 4, '{AI}', '{AT}', 'an answer', '{ENDED}', '{{}}', '{{}}', 1, NULL, 'an answer');
INSERT INTO revisions (room_id, message_id, seq, revision, at, text) VALUES
    ('{ROOM}', '{FIRST}', 2, 1, '{AT}', 'an old plan'), ('{ROOM}', '{FIRST}', 7, 2, '{AT}', 'the old plan');
INSERT INTO turns (id, room_id, ai_id, requested_at, requested_seq, state, open_state, fence, ended_at) VALUES
    ('{ENDED}', '{ROOM}', '{AI}', '{AT}', 3, 'done', NULL, 1, '{AT}'),
    ('{OPEN}', '{ROOM}', '{AI}', '{AT}', 6, 'requested', '{json.dumps(OPEN_STATE)}', 0, NULL);
INSERT INTO usage (turn_id, room_id, ai_id, askers, at, model, tokens_in, tokens_cached, tokens_out, is_estimated)
VALUES ('{ENDED}', '{ROOM}', '{AI}', '{{{ALICE}}}', '{AT}', 'm', 1, 0, 2, false);
INSERT INTO summaries (room_id, seq, version, text, up_to_seq, method, at)
VALUES ('{ROOM}', {len(EVENTS)}, 1, '{SUMMARY}', 7, 'extractive', '{AT}');
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[str]:
    """A database as release 0.1 left it, and then migrated."""
    shutil.copy(sql_root() / "migrations" / "0001_pre_first.sql", tmp_path)
    async with ephemeral_postgres() as address:
        dsn = await fresh_database(address)
        connection = await asyncpg.connect(dsn)
        assert len(await migrate(connection, directory=tmp_path)) == 1
        await connection.execute(FILL)
        await connection.executemany(
            "INSERT INTO events (room_id, seq, event_id, at, actor_id, type, body)"
            " VALUES ($1, $2, $3, $4::text::timestamptz, $5, $6, $7)",
            [
                (ROOM, seq, f"e{seq}", AT, event["actor_id"], event["type"], line)
                for seq, (event, line) in enumerate(zip(EVENTS, LINES, strict=True), 1)
            ],
        )
        assert [migration.number for migration in await migrate(connection)][:1] == [2]
        await connection.close()
        yield dsn


@pytest.fixture
async def storage(database: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(database, ephemeral=True) as storage:
        yield storage


def old_room() -> RoomState:
    return folded(event_adapter.validate_json(line) for line in LINES)


async def test_a_room_of_release_0_1_is_what_its_log_amounts_to(storage: Storage) -> None:
    state = await storage.load(ROOM)
    assert state == old_room()
    assert state.room.settings.persona == "be brief"
    messages = await storage.recent_messages(ROOM, limit=9)
    assert [(message.text, message.revision, message.cards) for message in messages] == [
        ("the old plan", 2, ()),
        ("an answer", 1, ()),
    ]
    assert [one.text for one in await storage.revisions(ROOM, FIRST)] == ["an old plan", "the old plan"]
    hits = await storage.search([ReadableRoom(ROOM)], "old plan", limit=9)
    assert [hit.message.id for hit in hits] == [FIRST]
    assert [hit.message.id for hit in await storage.search([ReadableRoom(ROOM)], "n-old", limit=9)] == []


async def test_an_old_summary_has_its_points_and_an_old_turn_its_record(storage: Storage) -> None:
    [version] = await storage.summaries(ROOM)
    assert [(one.id, one.section, one.text, one.sources) for one in version.summary.points] == [
        ("p1", Section.DECISIONS, "the old plan stands", (FIRST,)),
        ("p2", Section.DECISIONS, "and this came from nowhere", ()),
    ]
    newest, oldest = await storage.turns_of_room(ROOM, limit=9)
    assert (newest.turn_id, newest.turn) == (OPEN, old_room().turns[OPEN])
    assert (oldest.turn_id, oldest.state, oldest.turn) == (ENDED, "done", None)
    assert (oldest.ended_seq, oldest.message_id) == (5, ANSWER)  # by its last event
    assert oldest.usage is not None
    assert (oldest.usage.calls, oldest.usage.price_version) == (1, None)


async def test_a_message_of_release_0_1_is_deleted_with_all_that_came_from_it(database: str, storage: Storage) -> None:
    head = {"room_id": ROOM, "at": AT, "actor_id": ALICE}
    events = (
        MessageDeleted.model_validate({**head, "seq": 9, "id": "e9", "message_id": FIRST}),
        TurnEnded.model_validate(
            {**head, "seq": 10, "id": "e10", "turn_id": OPEN, "ai_id": AI, "outcome": TurnOutcome.STOPPED}
        ),
    )
    append = Append(ROOM, len(EVENTS), tuple(NewEvent(event, encode(event)) for event in events))
    assert await storage.append(append) is Appended.COMMITTED
    [version] = await storage.summaries(ROOM)
    assert version.summary.points == ()
    connection = await asyncpg.connect(database)
    for table in ("events", "messages", "revisions", "summaries"):
        assert await connection.fetch(f"SELECT * FROM {table} t WHERE t::text LIKE '%old plan%'") == []
    await connection.close()
    newest = (await storage.turns_of_room(ROOM, limit=1))[0]
    assert (newest.state, newest.turn) == ("stopped", old_room().turns[OPEN])
