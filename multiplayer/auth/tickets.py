"""Tickets: a browser's way to open a WebSocket without a token in a URL. Good once, for 30 seconds, on this pod."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from multiplayer.auth.port import CredentialStore, Identity
from multiplayer.auth.random_secrets import SecretKind, digest_of, mint
from multiplayer.auth.standing import check_enabled
from multiplayer.protocol.errors import RefusalCode, Refused

TICKET_TTL = timedelta(seconds=30)
MAX_TICKETS = 10_000


@dataclass(frozen=True, slots=True)
class _Held:
    maker: Identity
    expires_at: datetime


class Tickets:
    """Held in memory by digest, oldest first; every ticket lives equally long, so the oldest ends first."""

    def __init__(self, store: CredentialStore, *, now: Callable[[], datetime], max_tickets: int = MAX_TICKETS) -> None:
        self._store = store
        self._now = now
        self._max_tickets = max_tickets
        self._held: dict[bytes, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def create(self, maker: Identity) -> str:
        """Return the text of a new ticket for `maker`. Refuses `busy` when too many are waiting to be used."""
        now = self._now()
        self._drop_expired(now)
        if len(self._held) >= self._max_tickets:
            raise Refused(
                RefusalCode.BUSY,
                "Too many tickets are waiting to be used; try again.",
                retry_after_s=TICKET_TTL.total_seconds(),
            )
        secret = mint(SecretKind.TICKET)
        self._held[secret.sha256] = _Held(maker, now + TICKET_TTL)
        return secret.text

    async def redeem(self, text: str) -> Identity:
        """Spend the ticket and return its maker's identity, which ends when the maker's own credential does.

        Refuses `unauthenticated` what was never a ticket here or was spent, `expired` one that is too old or whose
        maker has signed out since.
        """
        sha256 = digest_of(text, SecretKind.TICKET)
        held = self._held.pop(sha256, None) if sha256 is not None else None
        if held is None:
            raise Refused(RefusalCode.UNAUTHENTICATED, "This ticket is not known here, or was used already.")
        now = self._now()
        maker = held.maker
        if held.expires_at <= now or (maker.expires_at is not None and maker.expires_at <= now):
            raise Refused(RefusalCode.EXPIRED, "This ticket has expired.")
        if await self._store.ended_credentials([maker.credential_id], now):
            raise Refused(RefusalCode.EXPIRED, "The sign-in that made this ticket has ended.")
        check_enabled(disabled=bool(await self._store.disabled_accounts([maker.account_id])))
        return replace(maker, how="ticket")

    def _drop_expired(self, now: datetime) -> None:
        while self._held:
            oldest = next(iter(self._held))
            if self._held[oldest].expires_at > now:
                return
            del self._held[oldest]
