"""Accounts, credentials, links and invites in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.storage.account_port import HandleTaken, StoredAccount, StoredCredential, StoredInvite
from multiplayer.storage.audit_chain import SERVER_CHAIN, ChainHead, ChainLink, linked
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.handles import CANDIDATES, numbered_handles


@dataclass
class _Link:
    account_id: str
    expires_at: datetime
    is_used: bool = False
    is_replaced: bool = False


@dataclass
class _Credentials:
    by_id: dict[str, StoredCredential] = field(default_factory=dict)
    ids: dict[bytes, str] = field(default_factory=dict)


class MemoryAccounts:
    """`port.AccountStore` in memory, but for what writes to a room's audit trail."""

    def __init__(self) -> None:
        self._accounts: dict[str, StoredAccount] = {}
        self._subjects: dict[tuple[str, str], str] = {}
        self._passwords: dict[str, str] = {}
        self._tokens = _Credentials()
        self._sign_ins = _Credentials()
        self._link_sign_ins: set[str] = set()
        self._links: dict[bytes, _Link] = {}
        self._invites: dict[str, StoredInvite] = {}
        self._invite_ids: dict[bytes, str] = {}
        self._settings: dict[str, str] = {}
        self._access_version = 1
        self._server_audit: list[ChainLink] = []
        self._server_audit_head = ChainHead()

    async def create_account(
        self,
        account: Account,
        *,
        created_at: datetime,  # noqa: ARG002 - not kept here
        audit: AuditEntry | None = None,
    ) -> None:
        if await self.find_account_by_handle(account.handle.casefold()) is not None:
            raise HandleTaken(f"the handle {account.handle} is taken")
        self._accounts[account.id] = StoredAccount(
            account.id, account.kind, account.handle, account.display_name, account.is_operator, disabled=False
        )
        self._audit_server(audit)

    async def find_account(self, account_id: AccountId) -> StoredAccount | None:
        return self._accounts.get(account_id)

    async def find_account_by_handle(self, handle: str) -> StoredAccount | None:
        return next((account for account in self._accounts.values() if account.handle.casefold() == handle), None)

    async def accounts(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Account]:
        return {key: self._accounts[key].account for key in account_ids if key in self._accounts}

    async def list_accounts(self) -> Sequence[StoredAccount]:
        return sorted(self._accounts.values(), key=lambda account: account.handle.casefold())

    async def disable_account(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        account = self._accounts.get(account_id)
        if account is None or account.disabled == disabled:
            return False
        self._accounts[account_id] = replace(account, disabled=disabled)
        self._access_version += 1
        self._audit_server(audit)
        return True

    async def disabled_accounts(self, account_ids: Collection[str]) -> frozenset[str]:
        return frozenset(key for key in account_ids if key not in self._accounts or self._accounts[key].disabled)

    async def access_version(self) -> int:
        return self._access_version

    async def password_hash(self, account_id: str) -> str | None:
        return self._passwords.get(account_id)

    async def set_password_hash(
        self, account_id: str, hashed: str, *, replaces: str | None = None, audit: AuditEntry | None = None
    ) -> bool:
        if account_id not in self._accounts or (replaces is not None and self._passwords.get(account_id) != replaces):
            return False
        self._passwords[account_id] = hashed
        self._audit_server(audit)
        return True

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
        token = StoredCredential(token_id, AccountId(account_id), label, created_at, expires_at, None, False, False)
        _add(self._tokens, token, sha256)
        self._audit_server(audit)

    async def find_access_token(self, sha256: bytes) -> StoredCredential | None:
        return self._find(self._tokens, sha256)

    async def list_access_tokens(self, account_id: AccountId | None) -> Sequence[StoredCredential]:
        tokens = [self._read(token) for token in self._tokens.by_id.values() if account_id in (None, token.account_id)]
        return sorted(tokens, key=lambda token: (token.created_at, token.id))

    async def revoke_access_token(
        self, token_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        return self._revoke(self._tokens, token_id, account_id, now, audit)

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
        sign_in = StoredCredential(sign_in_id, AccountId(account_id), "", created_at, expires_at, None, False, False)
        _add(self._sign_ins, sign_in, sha256)
        if by_link:
            self._link_sign_ins.add(sign_in_id)

    async def find_sign_in(self, sha256: bytes) -> StoredCredential | None:
        return self._find(self._sign_ins, sha256)

    async def revoke_sign_in(
        self, sign_in_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        return self._revoke(self._sign_ins, sign_in_id, account_id, now, audit)

    async def is_link_sign_in(self, sign_in_id: str, *, since: datetime) -> bool:
        return sign_in_id in self._link_sign_ins and self._sign_ins.by_id[sign_in_id].created_at >= since

    async def ended_credentials(self, credential_ids: Collection[str], now: datetime) -> frozenset[str]:
        rows = (store.by_id.get(key) for key in credential_ids for store in (self._tokens, self._sign_ins))
        read = [self._read(row) for row in rows if row is not None]
        return frozenset(
            row.id
            for row in read
            if row.revoked_at is not None
            or (row.expires_at is not None and row.expires_at <= now)
            or row.account_disabled
        )

    async def add_login_link(
        self,
        *,
        account_id: str,
        sha256: bytes,
        created_at: datetime,  # noqa: ARG002 - not kept here
        expires_at: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        for link in self._links.values():
            link.is_replaced |= link.account_id == account_id
        self._links[sha256] = _Link(account_id, expires_at)
        self._audit_server(audit)

    async def take_login_link(self, sha256: bytes, now: datetime) -> str | None:
        link = self._links.get(sha256)
        if link is None or link.is_used or link.is_replaced or link.expires_at <= now:
            return None
        if self._accounts[link.account_id].disabled:
            return None
        link.is_used = True
        return link.account_id

    async def has_used_login_link(self, account_id: AccountId) -> bool:
        return any(link.is_used for link in self._links.values() if link.account_id == account_id)

    async def find_account_by_subject(self, issuer: str, subject: str) -> StoredAccount | None:
        account_id = self._subjects.get((issuer, subject))
        return None if account_id is None else self._accounts[account_id]

    async def create_account_for_subject(
        self,
        *,
        account_id: str,
        issuer: str,
        subject: str,
        handle: str,
        display_name: str,
        email: str | None,  # noqa: ARG002 - not kept here
        created_at: datetime,  # noqa: ARG002 - not kept here
    ) -> StoredAccount:
        there = await self.find_account_by_subject(issuer, subject)
        if there is not None:
            return there
        taken = {account.handle.casefold() for account in self._accounts.values()}
        first = 1
        while not (free := [name for name in numbered_handles(handle, first) if name not in taken]):
            first += CANDIDATES
        account = StoredAccount(
            AccountId(account_id), AccountKind.HUMAN, free[0], display_name, is_operator=False, disabled=False
        )
        self._accounts[account_id] = account
        self._subjects[issuer, subject] = account_id
        return account

    async def find_invite(self, sha256: bytes) -> StoredInvite | None:
        invite_id = self._invite_ids.get(sha256)
        return None if invite_id is None else self._invites[invite_id]

    async def list_invites(self, room_id: RoomId) -> Sequence[StoredInvite]:
        invites = [invite for invite in self._invites.values() if invite.room_id == room_id]
        return sorted(invites, key=lambda invite: (invite.created_at, invite.id))

    async def spend_invite(self, invite_id: str, *, now: datetime) -> bool:
        invite = self._invites.get(invite_id)
        if invite is None or invite.revoked_at is not None or invite.uses_left == 0:
            return False
        if invite.expires_at is not None and invite.expires_at <= now:
            return False
        self._change_uses(invite, -1)
        return True

    async def return_invite_use(self, invite_id: str) -> None:
        if invite_id in self._invites:
            self._change_uses(self._invites[invite_id], 1)

    async def setting(self, name: str) -> str | None:
        return self._settings.get(name)

    async def put_setting(self, name: str, value: str, *, audit: AuditEntry | None = None) -> None:
        self._settings[name] = value
        self._audit_server(audit)

    async def keep_setting(self, name: str, value: str) -> str:
        return self._settings.setdefault(name, value)

    def _change_uses(self, invite: StoredInvite, by: int) -> None:
        if invite.uses_left is not None:
            self._invites[invite.id] = replace(invite, uses_left=invite.uses_left + by)

    def _find(self, store: _Credentials, sha256: bytes) -> StoredCredential | None:
        key = store.ids.get(sha256)
        return None if key is None else self._read(store.by_id[key])

    def _read(self, row: StoredCredential) -> StoredCredential:
        account = self._accounts[row.account_id]
        return replace(row, account_disabled=account.disabled, account_is_operator=account.is_operator)

    def _revoke(
        self, store: _Credentials, key: str, account_id: str | None, now: datetime, audit: AuditEntry | None
    ) -> bool:
        row = store.by_id.get(key)
        if row is None or row.revoked_at is not None or account_id not in (None, row.account_id):
            return False
        store.by_id[key] = replace(row, revoked_at=now)
        self._access_version += 1
        self._audit_server(audit)
        return True

    def _audit_server(self, entry: AuditEntry | None) -> None:
        if entry is None:
            return
        links, self._server_audit_head = linked(SERVER_CHAIN, self._server_audit_head, [entry])
        self._server_audit += links


def _add(store: _Credentials, row: StoredCredential, sha256: bytes) -> None:
    store.by_id[row.id] = row
    store.ids[sha256] = row.id
