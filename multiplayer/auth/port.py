"""What sign-in promises to the floors above, and the stored rows it needs from below."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from multiplayer.protocol.audit import AuditEntry

How = Literal["token", "sign_in", "ticket", "supabase"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified secret belongs to. No role, id or name ever comes from anywhere else.

    `credential_id` names what must stay valid for a session opened with it to live on: the row id of the access token
    or sign-in (for a ticket: of its maker's), or the Supabase session (its `sub` when it names none).
    """

    account_id: str
    how: How
    credential_id: str
    expires_at: datetime | None
    is_operator: bool


@dataclass(frozen=True, slots=True)
class SupabasePage:
    """What a page needs to sign people in at a Supabase project. All of it is public."""

    url: str
    """The project's, without a trailing slash."""
    anon_key: str
    ways: tuple[str, ...]
    """`password`, `magic_link`, and names of OAuth providers."""


class Authenticator(Protocol):
    async def identify(self, token: str) -> Identity:
        """Return whose `token` this is.

        Raises `Refused`: `unauthenticated`, `expired` (ended or revoked), or `unavailable` when a signing key that is
        not held cannot be fetched.
        """
        ...


class CredentialRow(Protocol):
    """The part of an access token or sign-in that decides whether it counts. Any stored row of this shape fits."""

    @property
    def id(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...
    @property
    def account_disabled(self) -> bool: ...
    @property
    def account_is_operator(self) -> bool: ...


class AccountRow(Protocol):
    """The part of an account that sign-in looks at."""

    @property
    def id(self) -> str: ...
    @property
    def is_operator(self) -> bool: ...
    @property
    def disabled(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An access token as stored: everything but its text."""

    id: str
    account_id: str
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    account_disabled: bool = False
    account_is_operator: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in as stored: everything but its text."""

    id: str
    account_id: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    account_disabled: bool = False
    account_is_operator: bool = False


@dataclass(frozen=True, slots=True)
class StoredAccount:
    id: str
    is_operator: bool = False
    disabled: bool = False


class CredentialStore(Protocol):
    """Rows of sign-in. Secrets arrive as SHA-256 digests (32 bytes) or argon2id hashes, never as text.

    All times are aware and in UTC. Whatever the database throws when it cannot be reached passes through.
    What is given as `audit` is written in the transaction of what it tells of, and only when that is done.
    """

    async def find_access_token(self, sha256: bytes) -> CredentialRow | None:
        """Return the token with this digest, also when it has ended, is revoked, or its account is disabled."""
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

    async def revoke_access_token(
        self, token_id: str, *, account_id: str | None, now: datetime, audit: AuditEntry | None = None
    ) -> bool:
        """Set `revoked_at` where it is not set; True when this call did it.

        With an `account_id`, only a token of that account; another's looks like one that is not there.
        """
        ...

    async def find_sign_in(self, sha256: bytes) -> CredentialRow | None:
        """As `find_access_token`."""
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

    async def disabled_accounts(self, account_ids: Collection[str]) -> frozenset[str]:
        """Return those of the given accounts that are disabled or not there."""
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

    async def find_account_by_handle(self, handle: str) -> AccountRow | None:
        """`handle` is already case-folded."""
        ...

    async def password_hash(self, account_id: str) -> str | None: ...

    async def set_password_hash(
        self, account_id: str, hashed: str, *, replaces: str | None = None, audit: AuditEntry | None = None
    ) -> bool:
        """Write the hash; with `replaces`, only where that is still the stored one. True when written."""
        ...

    async def find_account_by_subject(self, issuer: str, subject: str) -> AccountRow | None:
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
    ) -> AccountRow:
        """Create a human account and return it; when the subject has one already (two racing first tokens), that one.

        `handle` follows the rules and is not reserved. When it is taken, the store appends `-2`, `-3`, … and cuts the
        front part so that the whole stays within 32 characters.
        """
        ...
