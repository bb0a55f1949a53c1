"""Access tokens: long-lived secrets for programs, shown once, revocable."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from multiplayer.auth.acts import act
from multiplayer.auth.port import CredentialStore, Identity, StoredToken
from multiplayer.auth.random_secrets import SecretKind, digest_of, mint
from multiplayer.auth.standing import identity_of
from multiplayer.protocol.errors import RefusalCode, Refused


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """`text` is the only copy there will ever be; it does not show in a repr."""

    text: str = field(repr=False)
    row: StoredToken


class AccessTokens:
    MAX_LABEL = 100
    MAX_TTL = timedelta(days=3660)

    def __init__(self, store: CredentialStore, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store = store
        self._now = now
        self._new_id = new_id

    async def create(
        self, account_id: str, label: str, ttl: timedelta | None, *, by: str | None = None, origin: str = "server"
    ) -> CreatedToken:
        """Store a new token of the account, which must exist; without a `ttl` it counts until it is revoked.

        `by` and `origin` are what the audit trail says of who did it, here and below.
        """
        if len(label) > self.MAX_LABEL:
            raise Refused(RefusalCode.TOO_LONG, f"A token's label may have at most {self.MAX_LABEL} characters.")
        if not label.isprintable():
            raise Refused(RefusalCode.MALFORMED, "A token's label may have printable characters only.")
        if ttl is not None and not timedelta(0) < ttl <= self.MAX_TTL:
            raise Refused(RefusalCode.MALFORMED, f"A token may live for up to {self.MAX_TTL.days} days.")
        secret = mint(SecretKind.ACCESS_TOKEN)
        created_at = self._now()
        row = StoredToken(
            id=self._new_id(),
            account_id=account_id,
            label=label,
            created_at=created_at,
            expires_at=None if ttl is None else created_at + ttl,
        )
        await self._store.add_access_token(
            token_id=row.id,
            account_id=row.account_id,
            label=row.label,
            sha256=secret.sha256,
            created_at=row.created_at,
            expires_at=row.expires_at,
            audit=act(created_at, by, origin, "token_created", row.id, after=account_id),
        )
        return CreatedToken(secret.text, row)

    async def identify(self, text: str) -> Identity:
        """Return whose access token this is; refusals as `Authenticator.identify`."""
        sha256 = digest_of(text, SecretKind.ACCESS_TOKEN)
        row = await self._store.find_access_token(sha256) if sha256 is not None else None
        return identity_of(row, "token", self._now())

    async def revoke(
        self, token_id: str, *, account_id: str | None, by: str | None = None, origin: str = "server"
    ) -> None:
        """End the token; `account_id` None is for operators. Refuses `not_found` also when it is someone else's.

        Revoking again is refused as not found too: there is no token in force to end.
        """
        now = self._now()
        audit = act(now, by, origin, "token_revoked", token_id)
        if not await self._store.revoke_access_token(token_id, account_id=account_id, now=now, audit=audit):
            raise Refused(RefusalCode.NOT_FOUND, "There is no such access token in force.")
