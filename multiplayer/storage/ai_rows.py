"""`ai_port.AiStore` on Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256 as sha256_of

import asyncpg

from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.memory import SummaryVersion
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.rooms.facts import ThreadFacts
from multiplayer.storage.ai_port import Digest, StoredHook
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Database
from multiplayer.storage.projections import append_room_audit
from multiplayer.storage.summary_rows import summary_from


class PostgresAi:
    """Summaries, pieces of prompts, digests, hooks, schedules and threads on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def summaries(self, room_id: RoomId) -> Sequence[SummaryVersion]:
        rows = await self._database.read("summaries", room_id)
        return [SummaryVersion(summary=summary_from(row["summary"]), at=row["at"]) for row in rows]

    async def put_part(self, room_id: RoomId, body: str) -> str:
        name = sha256_of(body.encode()).hexdigest()
        await self._database.write("put_part", room_id, name, body)
        return name

    async def parts(self, room_id: RoomId, sha256s: Sequence[str]) -> Mapping[str, str]:
        return {row["sha256"]: row["body"] for row in await self._database.read("parts", room_id, list(sha256s))}

    async def put_digest(self, room_id: RoomId, digest: Digest, *, seen_seq: int) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            # A statement of its own: the next one must see what the append, for which this one waits, has deleted.
            if await connection.fetchrow(queries["hold_room"], room_id) is None:
                return False
            kept = await connection.fetchrow(
                queries["put_digest"], room_id, digest.from_seq, digest.to_seq, digest.body, seen_seq
            )
        return kept is not None

    async def digests(self, room_id: RoomId, from_seq: int, to_seq: int) -> Sequence[Digest]:
        rows = await self._database.read("digests", room_id, from_seq, to_seq)
        return [Digest(row["from_seq"], row["to_seq"], row["body"]) for row in rows]

    async def add_hook(self, hook: StoredHook, sha256: bytes, *, audit: AuditEntry) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            # First the room's row: all transactions lock in this order.
            await append_room_audit(connection, queries, {hook.room_id: [audit]})
            await connection.execute(
                queries["add_hook"],
                hook.id,
                hook.room_id,
                hook.rule_id,
                sha256,
                hook.created_by,
                hook.created_at,
                hook.revoked_at,
                hook.rule_key,
            )

    async def find_hook(self, sha256: bytes) -> StoredHook | None:
        row = await self._database.read_row("find_hook", sha256)
        return None if row is None else _hook(row)

    async def hooks(self, room_id: RoomId) -> Sequence[StoredHook]:
        return [_hook(row) for row in await self._database.read("hooks", room_id)]

    async def revoke_hook(self, room_id: RoomId, hook_id: str, *, at: datetime, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries["revoke_hook"], room_id, hook_id, at) is None:
                return False
            await append_room_audit(connection, queries, {room_id: [audit]})
        return True

    async def scheduled_rooms(self) -> Sequence[tuple[RoomId, RoomSettings]]:
        rows = await self._database.read("scheduled_rooms")
        return [(RoomId(row["id"]), RoomSettings.model_validate_json(row["settings"])) for row in rows]

    async def thread_facts(self, room_id: RoomId, roots: Sequence[MessageId]) -> Mapping[MessageId, ThreadFacts]:
        rows = await self._database.read("thread_facts", room_id, list(roots)) if roots else []
        return {row["id"]: ThreadFacts(frozenset(row["ai_ids"]), row["last_at"]) for row in rows}

    async def room_of_message(self, message_id: MessageId) -> RoomId | None:
        row = await self._database.read_row("room_of_message", message_id)
        return None if row is None else RoomId(row["id"])


def _hook(row: asyncpg.Record) -> StoredHook:
    return StoredHook(
        id=row["id"],
        room_id=RoomId(row["room_id"]),
        rule_id=row["rule_id"],
        created_by=AccountId(row["created_by"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        rule_key=row["rule_key"],
    )
