"""Hashes of passwords, tokens, sign-ins and sign-in links in Postgres."""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from multiplayer.protocol.ids import AccountId
from multiplayer.storage.account_port import StoredCredential
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Database
from multiplayer.storage.projections import append_server_audit


class PostgresCredentials:
    """The secrets' part of `port.AccountStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def password_hash(self, account_id: str) -> str | None:
        row = await self._database.read_row("password_hash", account_id)
        return None if row is None else str(row["password_hash"])

    async def set_password_hash(
        self, account_id: str, hashed: str, *, replaces: str | None = None, audit: AuditEntry | None = None
    ) -> bool:
        if replaces is None:
            return await self._did(audit, "put_password_hash", account_id, hashed)
        return await self._did(audit, "replace_password_hash", account_id, hashed, replaces)

    async def add_access_token(
        self,
        *,
        token_id: str,
        account_id: str,
        label: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime | None,
        audit: AuditEntry | None = None,
    ) -> None:
        await self._did(audit, "add_access_token", token_id, account_id, label, sha256, created_at, expires_at)

    async def find_access_token(self, sha256: bytes) -> StoredCredential | None:
        row = await self._database.read_row("find_access_token", sha256)
        return None if row is None else _credential(row)

    async def list_access_tokens(self, account_id: AccountId | None) -> Sequence[StoredCredential]:
        return [_credential(row) for row in await self._database.read("list_access_tokens", account_id)]

    async def revoke_access_token(
        self, token_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        return await self._did(audit, "revoke_access_token", token_id, account_id, now)

    async def add_sign_in(
        self,
        *,
        sign_in_id: str,
        account_id: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime,
        by_link: bool = False,
    ) -> None:
        await self._database.write("add_sign_in", sign_in_id, account_id, sha256, created_at, expires_at, by_link)

    async def find_sign_in(self, sha256: bytes) -> StoredCredential | None:
        row = await self._database.read_row("find_sign_in", sha256)
        return None if row is None else _credential(row)

    async def revoke_sign_in(
        self, sign_in_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        return await self._did(audit, "revoke_sign_in", sign_in_id, account_id, now)

    async def is_link_sign_in(self, sign_in_id: str, *, since: datetime) -> bool:
        return await self._database.read_row("is_link_sign_in", sign_in_id, since) is not None

    async def ended_credentials(self, credential_ids: Collection[str], now: datetime) -> frozenset[str]:
        rows = await self._database.read("ended_credentials", list(credential_ids), now)
        return frozenset(row["id"] for row in rows)

    async def add_login_link(
        self,
        *,
        account_id: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(queries["lock_account"], account_id)
            await connection.execute(queries["replace_login_links"], account_id, created_at)
            await connection.execute(queries["add_login_link"], sha256, account_id, created_at, expires_at)
            if audit is not None:
                await append_server_audit(connection, queries, audit)

    async def take_login_link(self, sha256: bytes, now: datetime) -> str | None:
        rows = await self._database.write("take_login_link", sha256, now)
        return str(rows[0]["account_id"]) if rows else None

    async def has_used_login_link(self, account_id: AccountId) -> bool:
        return bool((await self._database.read("has_used_login_link", account_id))[0]["exists"])

    async def _did(self, audit: AuditEntry | None, name: str, *arguments: object) -> bool:
        """Run one statement; where it returns a row, write `audit` with it."""
        if audit is None:
            return await self._database.did(name, *arguments)
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries[name], *arguments) is None:
                return False
            await append_server_audit(connection, queries, audit)
        return True


def _credential(row: asyncpg.Record) -> StoredCredential:
    return StoredCredential(
        id=row["id"],
        account_id=row["account_id"],
        label=row["label"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        account_disabled=row["account_disabled"],
        account_is_operator=row["account_is_operator"],
    )
