"""What a fresh sign-in is answered with: a token for a program, or a cookie and its CSRF token for a browser."""

from datetime import datetime
from email.utils import format_datetime

from multiplayer.auth.local import CreatedSignIn
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.storage.port import Storage
from multiplayer.transports.callers import cookie_name, csrf_token_of
from multiplayer.transports.peers import Peer
from multiplayer.transports.routes import Reply


class SessionMade(Frozen):
    """`token` for a program; with a cookie `csrf_token` instead, to be sent back as X-CSRF-Token."""

    account: Account
    expires_at: UtcTime
    token: str | None = None
    csrf_token: str | None = None


async def session_made(storage: Storage, peer: Peer, made: CreatedSignIn, *, by_cookie: bool) -> Reply:
    found = await storage.find_account(AccountId(made.row.account_id))
    if found is None:
        raise Refused(RefusalCode.UNAUTHENTICATED, "this account is gone")
    body = SessionMade(
        account=found.account,
        expires_at=made.row.expires_at,
        token=None if by_cookie else made.text,
        csrf_token=csrf_token_of(made.text) if by_cookie else None,
    )
    headers = {"Set-Cookie": cookie_header(peer, made.text, made.row.expires_at)} if by_cookie else {}
    return Reply(body, headers, 201)


def cookie_header(peer: Peer, value: str, expires_at: datetime | None) -> str:
    """Return the header's value; without an end it takes the cookie away."""
    ends = f"Expires={format_datetime(expires_at, usegmt=True)}" if expires_at is not None else "Max-Age=0"
    secure = "; Secure" if peer.is_https else ""
    return f"{cookie_name(peer)}={value}; Path=/; {ends}; HttpOnly; SameSite=Strict{secure}"
