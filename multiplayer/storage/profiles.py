"""AI profiles in Postgres."""

from collections.abc import Sequence

import asyncpg

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account
from multiplayer.protocol.profiles import AiProfile
from multiplayer.storage.account_port import HandleTaken
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Connection, Database
from multiplayer.storage.profile_port import StoredProfile
from multiplayer.storage.projections import append_server_audit


class PostgresProfiles:
    """`profile_port.ProfileStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_ai(self, account: Account, profile: AiProfile, *, is_from_file: bool, audit: AuditEntry) -> None:
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
                audit.at,
            )
            if made is None:
                raise HandleTaken(f"the handle {account.handle} is taken")
            kept = await connection.fetchrow(
                queries["insert_profile"], account.id, profile.model_dump_json(), is_from_file, audit.at
            )
            assert kept is not None, f"{account.handle} is an AI account that was just made"
            await self._tell(connection, audit)

    async def put_profile(
        self, account_id: AccountId, profile: AiProfile, *, expected: int, is_from_file: bool, audit: AuditEntry
    ) -> int | None:
        queries = self._database.queries
        name = "replace_profile" if expected else "insert_profile"
        arguments = [account_id, profile.model_dump_json(), is_from_file, audit.at, *([expected] if expected else [])]
        async with self._database.transaction() as connection:
            written = await connection.fetchrow(queries[name], *arguments)
            if written is None:
                return None
            await connection.execute(queries["name_account"], account_id, profile.name)
            await self._tell(connection, audit)
        version = written["version"]
        assert isinstance(version, int)
        return version

    async def profile(self, account_id: AccountId) -> StoredProfile | None:
        row = await self._database.read_row("profile", account_id)
        return None if row is None else _stored(row)

    async def profiles(self) -> Sequence[StoredProfile]:
        return [_stored(row) for row in await self._database.read("profiles")]

    async def disable_ai(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries["profile"], account_id) is None:
                return False
            if await connection.fetchrow(queries["set_account_disabled"], account_id, disabled, audit.at) is None:
                return False
            await connection.execute(queries["move_access_version"])
            await self._tell(connection, audit)
        return True

    async def remove_profile(self, account_id: AccountId, *, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries["remove_profile"], account_id) is None:
                return False
            await connection.fetchrow(queries["set_account_disabled"], account_id, True, audit.at)
            await connection.execute(queries["move_access_version"])
            await self._tell(connection, audit)
        return True

    async def tell_key_changed(self, audit: AuditEntry) -> None:
        async with self._database.transaction() as connection:
            await self._tell(connection, audit)

    async def profiles_version(self) -> int:
        version = (await self._database.read("profiles_version"))[0]["profiles_version"]
        assert isinstance(version, int)
        return version

    async def _tell(self, connection: Connection, audit: AuditEntry) -> None:
        await connection.execute(self._database.queries["move_profiles_version"])
        await append_server_audit(connection, self._database.queries, audit)


def _stored(row: asyncpg.Record) -> StoredProfile:
    return StoredProfile(
        account_id=row["account_id"],
        # What a newer release beside us has added is passed over, until this pod is that release too.
        profile=AiProfile.model_validate_json(row["body"], extra="ignore"),
        version=row["version"],
        is_from_file=row["is_from_file"],
        is_disabled=row["disabled"],
        updated_at=row["updated_at"],
    )
