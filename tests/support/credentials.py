"""A `CredentialStore` in memory, for tests: each method is one atomic step, and others run before it as with a database."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from multiplayer.auth.port import SignIn, StoredAccount, StoredToken
from multiplayer.protocol.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class _Link:
    account_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What an account created for an external sign-in is called."""

    handle: str
    display_name: str
    email: str | None
    created_at: datetime


class MemoryCredentialStore:
    def __init__(self) -> None:
        self._accounts: dict[str, StoredAccount] = {}
        self._handles: dict[str, str] = {}
        self._profiles: dict[str, Profile] = {}
        self._subjects: dict[tuple[str, str], str] = {}
        self._passwords: dict[str, str] = {}
        self._tokens: dict[bytes, StoredToken] = {}
        self._sign_ins: dict[bytes, SignIn] = {}
        self._link_sign_ins: set[str] = set()
        self._links: dict[bytes, _Link] = {}
        self._audit: list[AuditEntry] = []

    def add_account(self, account_id: str, handle: str, *, is_operator: bool = False) -> None:
        assert account_id not in self._accounts, account_id
        assert handle not in self._handles, handle
        self._accounts[account_id] = StoredAccount(account_id, is_operator)
        self._handles[handle] = account_id

    def disable_account(self, account_id: str) -> None:
        self._accounts[account_id] = replace(self._accounts[account_id], disabled=True)

    def profiles(self) -> dict[str, Profile]:
        """By account id, for accounts that came with an external sign-in."""
        return dict(self._profiles)

    def audit(self) -> list[AuditEntry]:
        """What was written to the audit trail, in order."""
        return list(self._audit)

    async def find_access_token(self, sha256: bytes) -> StoredToken | None:
        await asyncio.sleep(0)
        row = self._tokens.get(sha256)
        if row is None:
            return None
        account = self._accounts[row.account_id]
        return replace(row, account_disabled=account.disabled, account_is_operator=account.is_operator)

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
        assert account_id in self._accounts, account_id
        self._tokens[sha256] = StoredToken(token_id, account_id, label, created_at, expires_at)
        self._write(audit)

    async def revoke_access_token(
        self, token_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        for sha256, row in self._tokens.items():
            if row.id == token_id and row.revoked_at is None and account_id in (None, row.account_id):
                self._tokens[sha256] = replace(row, revoked_at=now)
                self._write(audit)
                return True
        return False

    async def find_sign_in(self, sha256: bytes) -> SignIn | None:
        await asyncio.sleep(0)
        row = self._sign_ins.get(sha256)
        if row is None:
            return None
        account = self._accounts[row.account_id]
        return replace(row, account_disabled=account.disabled, account_is_operator=account.is_operator)

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
        assert account_id in self._accounts, account_id
        self._sign_ins[sha256] = SignIn(sign_in_id, account_id, created_at, expires_at)
        if by_link:
            self._link_sign_ins.add(sign_in_id)

    async def revoke_sign_in(
        self, sign_in_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        for sha256, row in self._sign_ins.items():
            if row.id == sign_in_id and row.revoked_at is None and account_id in (None, row.account_id):
                self._sign_ins[sha256] = replace(row, revoked_at=now)
                self._write(audit)
                return True
        return False

    async def is_link_sign_in(self, sign_in_id: str, *, since: datetime) -> bool:
        made = next((row.created_at for row in self._sign_ins.values() if row.id == sign_in_id), None)
        return made is not None and made >= since and sign_in_id in self._link_sign_ins

    async def ended_credentials(self, credential_ids: Collection[str], now: datetime) -> frozenset[str]:
        rows: list[StoredToken | SignIn] = [*self._tokens.values(), *self._sign_ins.values()]
        return frozenset(
            row.id
            for row in rows
            if row.id in credential_ids
            and (
                row.revoked_at is not None
                or (row.expires_at is not None and row.expires_at <= now)
                or self._accounts[row.account_id].disabled
            )
        )

    async def disabled_accounts(self, account_ids: Collection[str]) -> frozenset[str]:
        return frozenset(
            account_id
            for account_id in account_ids
            if account_id not in self._accounts or self._accounts[account_id].disabled
        )

    async def add_login_link(
        self,
        *,
        account_id: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        assert account_id in self._accounts, account_id
        assert created_at < expires_at, (created_at, expires_at)
        self._links = {key: link for key, link in self._links.items() if link.account_id != account_id}
        self._links[sha256] = _Link(account_id, expires_at)
        self._write(audit)

    async def take_login_link(self, sha256: bytes, now: datetime) -> str | None:
        await asyncio.sleep(0)
        link = self._links.pop(sha256, None)
        if link is None or link.expires_at <= now or self._accounts[link.account_id].disabled:
            return None
        return link.account_id

    async def find_account_by_handle(self, handle: str) -> StoredAccount | None:
        account_id = self._handles.get(handle)
        return self._accounts[account_id] if account_id is not None else None

    async def password_hash(self, account_id: str) -> str | None:
        return self._passwords.get(account_id)

    async def set_password_hash(
        self, account_id: str, hashed: str, *, replaces: str | None = None, audit: AuditEntry | None = None
    ) -> bool:
        assert account_id in self._accounts, account_id
        if replaces is not None and self._passwords.get(account_id) != replaces:
            return False
        self._passwords[account_id] = hashed
        self._write(audit)
        return True

    async def find_account_by_subject(self, issuer: str, subject: str) -> StoredAccount | None:
        await asyncio.sleep(0)
        account_id = self._subjects.get((issuer, subject))
        return self._accounts[account_id] if account_id is not None else None

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
        known = await self.find_account_by_subject(issuer, subject)
        if known is not None:
            return known
        free, number = handle, 1
        while free in self._handles:
            number += 1
            suffix = f"-{number}"
            free = handle[: 32 - len(suffix)] + suffix
        self.add_account(account_id, free)
        self._subjects[issuer, subject] = account_id
        self._profiles[account_id] = Profile(free, display_name, email, created_at)
        return self._accounts[account_id]

    def _write(self, audit: AuditEntry | None) -> None:
        if audit is not None:
            self._audit.append(audit)
