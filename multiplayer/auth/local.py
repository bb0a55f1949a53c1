"""Local accounts: a password or a one-time link becomes a sign-in, which is then the person's credential."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from multiplayer.auth.acts import act
from multiplayer.auth.passwords import Passwords
from multiplayer.auth.port import AccountRow, CredentialStore, Identity, SignIn
from multiplayer.auth.random_secrets import RandomSecret, SecretKind, digest_of, mint
from multiplayer.auth.standing import check_enabled, identity_of
from multiplayer.protocol.errors import RefusalCode, Refused

SIGN_IN_TTL = timedelta(days=30)
LOGIN_LINK_TTL = timedelta(hours=24)
LINK_SETS_PASSWORD_FOR = timedelta(minutes=15)
"""So long a sign-in by a one-time link may set a password without the one that was forgotten."""
_LONGEST_HANDLE_READ = 64


@dataclass(frozen=True, slots=True)
class CreatedSignIn:
    """`text` is the bearer or cookie value, given once; it does not show in a repr."""

    text: str = field(repr=False)
    row: SignIn


class SignIns:
    """What every way of signing in ends in: a secret that counts for 30 days, or less, and can be revoked."""

    def __init__(self, store: CredentialStore, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store = store
        self._now = now
        self._new_id = new_id

    async def create(self, account_id: str, *, until: datetime | None = None, by_link: bool = False) -> CreatedSignIn:
        """Sign the account in; `until` (a Supabase token's `exp`) ends it earlier than 30 days, never later.

        `by_link` keeps that a one-time link was spent for it.

        The caller has verified who it is; this asks nothing.
        """
        secret = mint(SecretKind.SIGN_IN)
        created_at = self._now()
        expires_at = created_at + SIGN_IN_TTL
        if until is not None:
            expires_at = min(expires_at, until)
        row = SignIn(id=self._new_id(), account_id=account_id, created_at=created_at, expires_at=expires_at)
        await self._store.add_sign_in(
            sign_in_id=row.id,
            account_id=row.account_id,
            sha256=secret.sha256,
            created_at=row.created_at,
            expires_at=row.expires_at,
            by_link=by_link,
        )
        return CreatedSignIn(secret.text, row)

    async def identify(self, text: str) -> Identity:
        """Return whose sign-in this is; refusals as `Authenticator.identify`."""
        sha256 = digest_of(text, SecretKind.SIGN_IN)
        row = await self._store.find_sign_in(sha256) if sha256 is not None else None
        return identity_of(row, "sign_in", self._now())

    async def revoke(
        self, sign_in_id: str, *, account_id: str | None, by: str | None = None, origin: str = "server"
    ) -> None:
        """Sign out. `account_id` None is for operators; someone else's sign-in is refused as `not_found`.

        `by` and `origin` are what the audit trail says of who did it, here and below.
        """
        now = self._now()
        audit = act(now, by, origin, "signed_out", sign_in_id)
        if not await self._store.revoke_sign_in(sign_in_id, account_id=account_id, now=now, audit=audit):
            raise Refused(RefusalCode.NOT_FOUND, "There is no such sign-in in force.")


class LocalAccounts:
    """Passwords and one-time links of the accounts this server keeps itself."""

    def __init__(
        self, store: CredentialStore, passwords: Passwords, sign_ins: SignIns, *, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._sign_ins = sign_ins
        self._now = now

    async def set_password(
        self, account_id: str, password: str, *, by: str | None = None, origin: str = "server"
    ) -> None:
        """Refuses a password that breaks the rules. Sign-ins in force live on."""
        hashed = await self._passwords.hash(password)
        audit = act(self._now(), by, origin, "password_set", account_id)
        await self._store.set_password_hash(account_id, hashed, audit=audit)

    async def has_password(self, account_id: str) -> bool:
        return await self._store.password_hash(account_id) is not None

    async def may_set_password_without_the_old(self, identity: Identity) -> bool:
        """True where there is no password yet, and for 15 minutes after a sign-in by a one-time link."""
        if not await self.has_password(identity.account_id):
            return True
        since = self._now() - LINK_SETS_PASSWORD_FOR
        return identity.how == "sign_in" and await self._store.is_link_sign_in(identity.credential_id, since=since)

    async def sign_in_with_password(self, handle: str, password: str) -> CreatedSignIn:
        """Refuses `unauthenticated` in the same words and time for a wrong password and an unknown handle.

        A hash with yesterday's parameters is renewed on the way. May refuse `busy`.
        """
        return await self._sign_ins.create((await self.verify_password(handle, password)).id)

    async def verify_password(self, handle: str, password: str) -> AccountRow:
        """Return the enabled account that handle and password are of; refuses as `sign_in_with_password`, signs nobody in."""
        folded = handle.casefold()
        # Handles are ASCII; anything else is never sent to the database, which cannot take every string Python has.
        readable = folded.isascii() and folded.isprintable() and len(folded) <= _LONGEST_HANDLE_READ
        account = await self._store.find_account_by_handle(folded) if readable else None
        hashed = await self._store.password_hash(account.id) if account is not None else None
        is_right = await self._passwords.verify(password, hashed)
        if account is None or hashed is None or not is_right:
            raise Refused(RefusalCode.UNAUTHENTICATED, "The handle or the password is wrong.")
        check_enabled(disabled=account.disabled)
        if self._passwords.is_outdated(hashed):
            renewed = await self._passwords.hash(password)
            # `replaces`: a password changed meanwhile must not come back.
            await self._store.set_password_hash(account.id, renewed, replaces=hashed)
        return account

    async def create_login_link(
        self, account_id: str, *, by: str | None = None, origin: str = "server"
    ) -> RandomSecret:
        """Make the account's one link, good once within 24 hours; an earlier one ends."""
        secret = mint(SecretKind.LOGIN_LINK)
        created_at = self._now()
        await self._store.add_login_link(
            account_id=account_id,
            sha256=secret.sha256,
            created_at=created_at,
            expires_at=created_at + LOGIN_LINK_TTL,
            audit=act(created_at, by, origin, "login_link_created", account_id),
        )
        return secret

    async def sign_in_with_link(self, text: str) -> CreatedSignIn:
        """Spend the link. Refuses `unauthenticated` what is no link, `expired` one that is spent, replaced or old."""
        sha256 = digest_of(text, SecretKind.LOGIN_LINK)
        if sha256 is None:
            raise Refused(RefusalCode.UNAUTHENTICATED, "This is not a sign-in link.")
        account_id = await self._store.take_login_link(sha256, self._now())
        if account_id is None:
            raise Refused(
                RefusalCode.EXPIRED, "This sign-in link was used already, replaced by a newer one, or is too old."
            )
        return await self._sign_ins.create(account_id, by_link=True)
