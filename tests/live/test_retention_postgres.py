"""Rooms that forget, on a real Postgres: two servers look at once, people talk meanwhile, and no word is left in any table."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from multiplayer.live.pod import Pod
from multiplayer.protocol.commands import PostMessage, SetRoomSettings
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.retention import Forgotten, Retention
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.storage.postgres import PostgresStorage
from tests.contracts.databases import migrated_database
from tests.live.test_approvals import Time
from tests.support.pods import memory_pod
from tests.support.postgres import ephemeral_postgres

pytestmark = pytest.mark.slow
OLD = 450


async def says(pod: Pod, room_id: RoomId, who: AccountId, text: str) -> None:
    await (await pod.directory.host(room_id)).ask(who, PostMessage(text=text), origin="http")


async def test_two_servers_look_at_once_while_people_talk(tmp_path: Path) -> None:
    time = Time()
    async with ephemeral_postgres() as address:
        dsn = await migrated_database(address)
        async with (
            PostgresStorage.open(dsn, ephemeral=True) as one_storage,
            PostgresStorage.open(dsn, ephemeral=True) as other_storage,
            memory_pod(tmp_path / "a" / "rooms", storage=one_storage, clock=time.clock()) as one,
            memory_pod(tmp_path / "b" / "rooms", storage=other_storage, clock=time.clock(), name="other") as other,
        ):
            # The words are old by the database's clock too: a server whose own clock is ahead of it forgets nothing.
            time.ahead_s = -3 * 24 * 3600
            await one.lobby.ensure_built_ins()
            alice = (await one.lobby.create_account("alice", origin="cli")).id
            room_id = await one.lobby.create_room(alice, "demo", origin="cli")
            rule = SetRoomSettings(settings=RoomSettings(retention=Retention(messages_days=3)))
            await (await one.directory.host(room_id)).ask(alice, rule, origin="http")
            for first in range(0, OLD, 50):
                texts = [f"sesame {number}" for number in range(first, first + 50)]
                await asyncio.gather(*(says(one, room_id, alice, text) for text in texts))
            time.ahead_s = 0
            assert (await one.retention.preview(room_id, alice)).messages == OLD

            async def talk() -> None:
                for number in range(30):
                    await says((one, other)[number % 2], room_id, alice, f"young {number}")

            async with asyncio.timeout(60):
                await asyncio.gather(one.retention.look(), other.retention.look(), talk())
                await one.retention.look()
            left = [message for message in await one_storage.recent_messages(room_id, limit=999) if message.text]
            assert sorted(message.text for message in left) == sorted(f"young {number}" for number in range(30))
            rows = await one_storage.audit_after(room_id, 0, limit=99)
            told = [row.entry.after for row in rows if row.entry.action == "retention_applied"]
            counted = [Forgotten.model_validate_json(f'{{"at":"2026-01-01T00:00:00Z",{after[1:]}') for after in told]
            assert sum(some.messages for some in counted) == OLD
            assert await one_storage.verify_audit(room_id) is None
        connection = await asyncpg.connect(dsn)
        try:
            tables = await connection.fetch("SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r'")
            names = [table["name"] for table in tables if not table["name"].startswith(("pg_", "information_schema."))]
            assert len(names) > 30
            holding = [
                name
                for name in names
                if await connection.fetchval(f"SELECT count(*) FROM {name} t WHERE t::text ILIKE '%sesame%'")
            ]
        finally:
            await connection.close()
        assert holding == []
