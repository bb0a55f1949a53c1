"""What every storage promises of accounts: who there is, the hashes of their secrets, and invites."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.storage.audit_port import AuditEntry


class HandleTaken(Exception):  # noqa: N818 - an answer
    """Another account has this handle."""


@dataclass(frozen=True)
class StoredInvite:
    id: str
    room_id: RoomId
    created_by: AccountId
    role: str
    created_at: datetime
    expires_at: datetime | None
    uses_left: int | None
    member_until: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class StoredAccount:
    id: AccountId
    kind: AccountKind
    handle: str
    display_name: str
    is_operator: bool
    disabled: bool

    @property
    def account(self) -> Account:
        return Account(
            id=self.id,
            kind=self.kind,
            handle=self.handle,
            display_name=self.display_name,
            is_operator=self.is_operator,
        )


@dataclass(frozen=True)
class StoredCredential:
    """The row of an access token or sign-in; the secret itself is not kept. A sign-in has no label."""

    id: str
    account_id: AccountId
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    account_disabled: bool
    account_is_operator: bool


class AccountStore(Protocol):
    """Accounts and the hashes of their secrets: SHA-256 digests of random ones, argon2id of passwords.

    Each write that takes something away (disable, revoke) moves the access version in its transaction.
    What is given as `audit` is written in the transaction of what it tells of, and only when that is done.
    """

    async def create_account(self, account: Account, *, created_at: datetime, audit: AuditEntry | None = None) -> None:
        """Raise `HandleTaken` if the case-folded handle is in use."""
        ...

    async def find_account(self, account_id: AccountId) -> StoredAccount | None: ...

    async def find_account_by_handle(self, handle: str) -> StoredAccount | None:
        """`handle` is already case-folded."""
        ...

    async def accounts(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Account]: ...

    async def list_accounts(self) -> Sequence[StoredAccount]: ...

    async def disable_account(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        """Disable it, or enable it again; True when this call did it."""
        ...

    async def disabled_accounts(self, account_ids: Collection[str]) -> frozenset[str]:
        """Return those of the given accounts that are disabled or not there."""
        ...

    async def access_version(self) -> int: ...

    async def password_hash(self, account_id: str) -> str | None: ...

    async def set_password_hash(
        self, account_id: str, hashed: str, *, replaces: str | None = None, audit: AuditEntry | None = None
    ) -> bool:
        """Write the hash; with `replaces`, only where that is still the stored one. True when written."""
        ...

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
    ) -> None: ...

    async def find_access_token(self, sha256: bytes) -> StoredCredential | None:
        """Return the token with this digest, also when it has ended, is revoked, or its account is disabled."""
        ...

    async def list_access_tokens(self, account_id: AccountId | None) -> Sequence[StoredCredential]: ...

    async def revoke_access_token(
        self, token_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        """Set `revoked_at` where it is not set; True when this call did it.

        With an `account_id`, only a token of that account; another's looks like one that is not there.
        """
        ...

    async def add_sign_in(
        self,
        *,
        sign_in_id: str,
        account_id: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime,
        by_link: bool = False,
    ) -> None: ...

    async def find_sign_in(self, sha256: bytes) -> StoredCredential | None:
        """As `find_access_token`."""
        ...

    async def revoke_sign_in(
        self, sign_in_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        """As `revoke_access_token`."""
        ...

    async def is_link_sign_in(self, sign_in_id: str, *, since: datetime) -> bool:
        """Tell whether this is a sign-in by a one-time link (`by_link`), made at `since` or later."""
        ...

    async def ended_credentials(self, credential_ids: Collection[str], now: datetime) -> frozenset[str]:
        """Return those of the given access tokens and sign-ins that are revoked, past their end (`expires_at <= now`),
        or of a disabled account. Ids that are neither are left out: a Supabase session has no row.
        """
        ...

    async def add_login_link(
        self,
        *,
        account_id: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        """Store a link and end every earlier one of the account, in one transaction."""
        ...

    async def take_login_link(self, sha256: bytes, now: datetime) -> str | None:
        """Spend the link and return its account id: to exactly one of any number of racing callers.

        None when it is spent, replaced, past its end, unknown, or its account is disabled.
        """
        ...

    async def has_used_login_link(self, account_id: AccountId) -> bool: ...

    async def find_account_by_subject(self, issuer: str, subject: str) -> StoredAccount | None:
        """Return the account of an external sign-in service's user, also when it is disabled."""
        ...

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
        """Create a human account and return it; when the subject has one already (two racing first tokens), that one.

        When the handle is taken, `-2`, `-3`, … is appended and the front part cut to stay within 32 characters.
        """
        ...

    async def add_invite(self, invite: StoredInvite, sha256: bytes, *, audit: AuditEntry) -> None: ...

    async def find_invite(self, sha256: bytes) -> StoredInvite | None: ...

    async def list_invites(self, room_id: RoomId) -> Sequence[StoredInvite]: ...

    async def spend_invite(self, invite_id: str, *, now: datetime) -> bool:
        """Take one use; of many concurrent takers as many succeed as there are uses left."""
        ...

    async def return_invite_use(self, invite_id: str) -> None:
        """Give a use back: the join that it was taken for was refused."""
        ...

    async def revoke_invite(self, room_id: RoomId, invite_id: str, *, at: datetime, audit: AuditEntry) -> bool: ...

    async def setting(self, name: str) -> str | None:
        """Return a server-wide value kept in the database."""
        ...

    async def put_setting(self, name: str, value: str, *, audit: AuditEntry | None = None) -> None: ...

    async def keep_setting(self, name: str, value: str) -> str:
        """Write the value where there is none, and return the one that is kept: to all of any number of racing callers."""
        ...
