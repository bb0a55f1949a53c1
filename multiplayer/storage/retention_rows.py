"""`retention_port.RetentionStore` on Postgres."""

from collections.abc import Collection, Sequence
from datetime import datetime

from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.retention import Forgotten
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Database
from multiplayer.storage.projections import append_room_audit
from multiplayer.storage.retention_port import Due, DueSum


class PostgresRetention:
    """What is due, read by the messages' age."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime | None:
        now: datetime = (await self._database.read("database_clock"))[0]["now"]
        return now

    async def rooms_with_due(self, *, now: datetime, most_days: int | None) -> Sequence[RoomId]:
        return [row["id"] for row in await self._database.read("rooms_with_due", now, most_days)]

    async def due_messages(
        self, room_id: RoomId, *, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        return await self._due("due_messages", room_id, before, kept, limit)

    async def due_files(
        self, room_id: RoomId, *, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        return await self._due("due_files", room_id, before, kept, limit)

    async def sum_due(
        self,
        room_id: RoomId,
        *,
        messages_before: datetime | None,
        files_before: datetime | None,
        kept: Collection[MessageId],
    ) -> DueSum:
        row = (await self._database.read("sum_due", room_id, messages_before, files_before, list(kept)))[0]
        return DueSum(row["messages"], row["files"], row["size"], row["oldest"], row["newest"])

    async def note_forgotten(self, room_id: RoomId, forgotten: Forgotten, *, audit: AuditEntry) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(
                queries["put_forgotten"],
                room_id,
                forgotten.at,
                forgotten.messages,
                forgotten.files,
                forgotten.size,
            )
            await append_room_audit(connection, queries, {room_id: [audit]})

    async def forgotten(self, room_id: RoomId) -> Forgotten | None:
        row = await self._database.read_row("forgotten", room_id)
        return None if row is None else Forgotten.model_validate(dict(row))

    async def _due(
        self, query: str, room_id: RoomId, before: datetime, kept: Collection[MessageId], limit: int
    ) -> Sequence[Due]:
        rows = await self._database.read(query, room_id, before, list(kept), limit)
        return [Due(row["id"], row["files"], row["size"]) for row in rows]
