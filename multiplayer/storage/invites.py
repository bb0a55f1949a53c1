"""Invites in Postgres: who made them, for which room and role, and the uses that are left."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.storage.account_port import StoredInvite
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Database
from multiplayer.storage.projections import append_room_audit


class PostgresInvites:
    """The invites' part of `port.AccountStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_invite(self, invite: StoredInvite, sha256: bytes, *, audit: AuditEntry) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            # First the room's row: all transactions lock in this order.
            await append_room_audit(connection, queries, {invite.room_id: [audit]})
            await connection.execute(
                queries["add_invite"],
                invite.id,
                invite.room_id,
                invite.created_by,
                invite.role,
                sha256,
                invite.created_at,
                invite.expires_at,
                invite.uses_left,
                invite.member_until,
                invite.revoked_at,
            )

    async def find_invite(self, sha256: bytes) -> StoredInvite | None:
        row = await self._database.read_row("find_invite", sha256)
        return None if row is None else _invite(row)

    async def list_invites(self, room_id: RoomId) -> Sequence[StoredInvite]:
        return [_invite(row) for row in await self._database.read("list_invites", room_id)]

    async def spend_invite(self, invite_id: str, *, now: datetime) -> bool:
        return await self._database.did("spend_invite", invite_id, now)

    async def return_invite_use(self, invite_id: str) -> None:
        await self._database.write("return_invite_use", invite_id)

    async def revoke_invite(self, room_id: RoomId, invite_id: str, *, at: datetime, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries["revoke_invite"], room_id, invite_id, at) is None:
                return False
            await append_room_audit(connection, queries, {room_id: [audit]})
        return True


def _invite(row: asyncpg.Record) -> StoredInvite:
    return StoredInvite(
        id=row["id"],
        room_id=RoomId(row["room_id"]),
        created_by=AccountId(row["created_by"]),
        role=row["role"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        uses_left=row["uses_left"],
        member_until=row["member_until"],
        revoked_at=row["revoked_at"],
    )
