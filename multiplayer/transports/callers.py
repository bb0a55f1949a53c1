"""Who makes a request: a bearer token, or the cookie with its CSRF token and our own Origin for every change."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from multiplayer.auth.port import Identity
from multiplayer.live.pod import Pod
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.peers import Peer, is_own_origin
from multiplayer.transports.problems import RefusedWithStatus

SAFE_METHODS = frozenset({"GET", "HEAD"})
_COOKIE: Final = "multiplayer"
_COOKIE_OVER_TLS: Final = "__Host-multiplayer"
COOKIE_NAMES: Final = (_COOKIE, _COOKIE_OVER_TLS)


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified identity. `csrf_token` is set when it came by cookie."""

    identity: Identity
    csrf_token: str | None = field(default=None, repr=False)

    @property
    def account_id(self) -> AccountId:
        return AccountId(self.identity.account_id)


def cookie_name(peer: Peer) -> str:
    """Over TLS the prefix makes browsers refuse it from anywhere but this host, and without Secure."""
    return _COOKIE_OVER_TLS if peer.is_https else _COOKIE


def csrf_token_of(cookie: str) -> str:
    """Derive it from the cookie's secret, which no page can read: whoever has this was answered by us."""
    return urlsafe_b64encode(hmac.digest(cookie.encode(), b"csrf", "sha256")).rstrip(b"=").decode()


def check_origin(request: Request, peer: Peer, config: HttpConfig) -> None:
    """Refuse a change that a page of someone else's makes. Programs send no Origin."""
    origins = request.headers.getlist("origin")
    if request.method not in SAFE_METHODS and any(
        not is_own_origin(origin, peer, config.public_origins) for origin in origins
    ):
        raise Refused(RefusalCode.FORBIDDEN, "this page may not use this server")


async def caller_of(request: Request, peer: Peer, pod: Pod) -> Caller | None:
    """Return who asks, None if nobody says; refuse a credential that does not count. A cookie only with its token."""
    authorization = request.headers.getlist("authorization")
    if authorization:
        scheme, _, token = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != "bearer" or not token.strip():
            raise Refused(RefusalCode.UNAUTHENTICATED, "the header is written `Authorization: Bearer TOKEN`")
        return Caller(await _identified(pod, token.strip(), by_cookie=False))
    cookie = request.cookies.get(cookie_name(peer))
    if not cookie:
        return None
    identity = await _identified(pod, cookie, by_cookie=True)
    csrf_token = csrf_token_of(cookie)
    if request.method not in SAFE_METHODS:
        given = request.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), csrf_token.encode()):
            raise Refused(RefusalCode.FORBIDDEN, "a change by cookie needs the X-CSRF-Token of this sign-in")
        if "origin" not in request.headers:
            raise Refused(RefusalCode.FORBIDDEN, "a change by cookie needs the Origin of this server")
    return Caller(identity, csrf_token)


async def _identified(pod: Pod, text: str, *, by_cookie: bool) -> Identity:
    # Secrets are plain ASCII; the stores cannot take every string that a header can hold.
    if not (text.isascii() and text.isprintable()):
        raise Refused(RefusalCode.UNAUTHENTICATED, "this is not a token this server knows")
    try:
        return await (pod.doors.sign_ins if by_cookie else pod.doors.authenticator).identify(text)
    except Refused as refused:
        if refused.code is RefusalCode.EXPIRED:
            raise RefusedWithStatus(refused, 401) from None
        raise
