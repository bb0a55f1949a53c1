"""Accounts in Postgres: who there is, under which handle, and who is disabled."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.storage.account_port import HandleTaken, StoredAccount
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Database
from multiplayer.storage.handles import CANDIDATES, numbered_handles
from multiplayer.storage.projections import append_server_audit


class PostgresAccounts:
    """The accounts' part of `port.AccountStore` on Postgres, and the server's settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_account(self, account: Account, *, created_at: datetime, audit: AuditEntry | None = None) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            made = await connection.fetchrow(
                queries["insert_account"],
                account.id,
                account.kind,
                account.handle,
                account.handle.casefold(),
                account.display_name,
                None,
                None,
                None,
                account.is_operator,
                created_at,
            )
            if made is None:
                raise HandleTaken(f"the handle {account.handle} is taken")
            if audit is not None:
                await append_server_audit(connection, queries, audit)

    async def find_account(self, account_id: AccountId) -> StoredAccount | None:
        return _account(await self._database.read_row("account_by_id", account_id))

    async def find_account_by_handle(self, handle: str) -> StoredAccount | None:
        return _account(await self._database.read_row("account_by_handle", handle))

    async def find_account_by_subject(self, issuer: str, subject: str) -> StoredAccount | None:
        return _account(await self._database.read_row("account_by_subject", issuer, subject))

    async def accounts(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Account]:
        rows = await self._database.read("accounts_by_id", list(account_ids))
        return {row["id"]: _stored(row).account for row in rows}

    async def list_accounts(self) -> Sequence[StoredAccount]:
        return [_stored(row) for row in await self._database.read("list_accounts")]

    async def create_account_for_subject(
        self,
        *,
        account_id: str,
        issuer: str,
        subject: str,
        handle: str,
        display_name: str,
        email: str | None,
        created_at: datetime,
    ) -> StoredAccount:
        first = 1
        while True:
            row = await self._database.read_row("first_free_handle", numbered_handles(handle, first))
            if row is None:
                first += CANDIDATES
                continue
            free = row["handle"]
            made = await self._database.write(
                "insert_account",
                account_id,
                AccountKind.HUMAN,
                free,
                free,
                display_name,
                email,
                issuer,
                subject,
                False,
                created_at,
            )
            if made:
                return _stored(made[0])
            there = await self.find_account_by_subject(issuer, subject)
            if there is not None:
                return there
            # Else someone took the handle a moment ago.
            assert await self.find_account(AccountId(account_id)) is None, "an account id used twice"

    async def disable_account(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries["set_account_disabled"], account_id, disabled, audit.at) is None:
                return False
            await connection.execute(queries["move_access_version"])
            await append_server_audit(connection, queries, audit)
        return True

    async def disabled_accounts(self, account_ids: Collection[str]) -> frozenset[str]:
        rows = await self._database.read("disabled_accounts", list(account_ids))
        return frozenset(row["id"] for row in rows)

    async def access_version(self) -> int:
        version = (await self._database.read("access_version"))[0]["access_version"]
        assert isinstance(version, int)
        return version

    async def setting(self, name: str) -> str | None:
        row = await self._database.read_row("setting", name)
        return None if row is None else str(row["value"])

    async def put_setting(self, name: str, value: str, *, audit: AuditEntry | None = None) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(queries["put_setting"], name, value)
            if audit is not None:
                await append_server_audit(connection, queries, audit)

    async def keep_setting(self, name: str, value: str) -> str:
        kept = await self.setting(name)
        # Read first: almost always it is there, and then nothing is written.
        return kept if kept is not None else str((await self._database.write("keep_setting", name, value))[0]["value"])


def _stored(row: asyncpg.Record) -> StoredAccount:
    return StoredAccount(
        id=row["id"],
        kind=AccountKind(row["kind"]),
        handle=row["handle"],
        display_name=row["display_name"],
        is_operator=row["is_operator"],
        disabled=row["disabled"],
    )


def _account(row: asyncpg.Record | None) -> StoredAccount | None:
    return None if row is None else _stored(row)
