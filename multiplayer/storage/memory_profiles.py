"""AI profiles in memory."""

from collections.abc import Sequence
from dataclasses import replace

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.profiles import AiProfile
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory_accounts import MemoryAccounts
from multiplayer.storage.profile_port import StoredProfile


class MemoryProfiles(MemoryAccounts):
    """`profile_port.ProfileStore` in memory, beside the accounts that the profiles belong to."""

    def __init__(self) -> None:
        MemoryAccounts.__init__(self)
        self._profiles: dict[AccountId, StoredProfile] = {}
        self._profiles_version = 1

    async def create_ai(self, account: Account, profile: AiProfile, *, is_from_file: bool, audit: AuditEntry) -> None:
        await self.create_account(account, created_at=audit.at)
        assert await self.put_profile(account.id, profile, expected=0, is_from_file=is_from_file, audit=audit)

    async def put_profile(
        self, account_id: AccountId, profile: AiProfile, *, expected: int, is_from_file: bool, audit: AuditEntry
    ) -> int | None:
        account, stored = self._accounts.get(account_id), self._profiles.get(account_id)
        if account is None or account.kind is not AccountKind.AI or expected != (stored.version if stored else 0):
            return None
        self._profiles[account_id] = StoredProfile(
            account_id, profile, expected + 1, is_from_file, account.disabled, audit.at
        )
        self._accounts[account_id] = replace(account, display_name=profile.name)
        self._tell(audit)
        return expected + 1

    async def profile(self, account_id: AccountId) -> StoredProfile | None:
        stored = self._profiles.get(account_id)
        return None if stored is None else replace(stored, is_disabled=self._accounts[account_id].disabled)

    async def profiles(self) -> Sequence[StoredProfile]:
        found = [await self.profile(account.id) for account in await self.list_accounts()]
        return [stored for stored in found if stored is not None]

    async def disable_ai(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        if account_id not in self._profiles:
            return False
        if not await self.disable_account(account_id, disabled=disabled, audit=audit):
            return False
        self._profiles_version += 1
        return True

    async def remove_profile(self, account_id: AccountId, *, audit: AuditEntry) -> bool:
        if self._profiles.pop(account_id, None) is None:
            return False
        self._accounts[account_id] = replace(self._accounts[account_id], disabled=True)
        self._access_version += 1
        self._tell(audit)
        return True

    async def tell_key_changed(self, audit: AuditEntry) -> None:
        self._tell(audit)

    async def profiles_version(self) -> int:
        return self._profiles_version

    def _tell(self, audit: AuditEntry) -> None:
        self._profiles_version += 1
        self._audit_server(audit)
