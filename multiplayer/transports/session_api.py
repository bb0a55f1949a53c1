"""Signing in and out over HTTP, tickets, and who I am."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StrictBool, StringConstraints, model_validator

from multiplayer.auth.local import CreatedSignIn
from multiplayer.auth.port import How
from multiplayer.auth.tickets import TICKET_TTL
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.transports.problems import RefusedWithStatus
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Reply, Route
from multiplayer.transports.sign_in_answers import SessionMade, cookie_header, session_made

HandleText = Annotated[str, StringConstraints(max_length=64)]


class NewSession(Frozen):
    """One way of three: `handle` and `password`, a one-time `link`'s secret, or a `supabase_token`."""

    handle: HandleText | None = None
    password: Annotated[SecretStr, Field(max_length=2_000)] | None = None
    link: Annotated[SecretStr, Field(max_length=200)] | None = None
    supabase_token: Annotated[SecretStr, Field(max_length=20_000)] | None = None
    cookie: StrictBool = False
    """Ask for a cookie instead of a bearer token: for browsers."""

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if (self.handle is None) != (self.password is None):
            raise ValueError("a handle and a password go together")
        if sum(way is not None for way in (self.handle, self.link, self.supabase_token)) != 1:
            raise ValueError("give handle and password, or a link, or a supabase_token")
        return self


class Ticket(Frozen):
    ticket: str
    expires_in_s: int


class Me(Frozen):
    account: Account
    how: How
    expires_at: UtcTime | None = None
    csrf_token: str | None = None


class SupabaseWay(Frozen):
    """What a page needs to sign people in there, all of it public: the token it gets goes to `POST /api/v1/sessions`."""

    url: str
    anon_key: str
    ways: tuple[str, ...]
    """`password`, `magic_link`, and names of OAuth providers."""


class SignInWays(Frozen):
    ways: tuple[Literal["password", "link", "supabase"], ...]
    supabase: SupabaseWay | None = None
    """Absent where pages do not offer it."""


async def _ways(call: Call[Nothing, Nothing]) -> SignInWays:
    page = call.pod.doors.supabase_page
    if page is None:
        return SignInWays(ways=("password", "link"))
    supabase = SupabaseWay(url=page.url, anon_key=page.anon_key, ways=page.ways)
    return SignInWays(ways=("password", "link", "supabase"), supabase=supabase)


async def _sign_in(call: Call[NewSession, Nothing]) -> Reply:
    call.site.logins_by_address.check(call.peer.address)
    doors, body = call.pod.doors, call.body
    try:
        if body.handle is not None and body.password is not None:
            call.site.logins_by_handle.check(body.handle.casefold())
            made = await doors.local.sign_in_with_password(body.handle, body.password.get_secret_value())
        elif body.link is not None:
            made = await doors.local.sign_in_with_link(body.link.get_secret_value())
        else:
            assert body.supabase_token is not None, "one way is given"
            made = await _with_supabase(call, body.supabase_token.get_secret_value())
    except Refused as refused:
        if refused.code is RefusalCode.EXPIRED:
            raise RefusedWithStatus(refused, 401) from None
        raise
    return await session_made(call.pod.storage, call.peer, made, by_cookie=body.cookie)


async def _with_supabase(call: Call[NewSession, Nothing], token: str) -> CreatedSignIn:
    doors = call.pod.doors
    if not doors.has_supabase:
        raise Refused(RefusalCode.UNAUTHENTICATED, "this server is not connected to Supabase")
    identity = await doors.authenticator.identify(token)
    if identity.how != "supabase":
        raise Refused(RefusalCode.UNAUTHENTICATED, "this is not a Supabase token")
    return await doors.sign_ins.create(identity.account_id, until=identity.expires_at)


async def _sign_out(call: Call[Nothing, Nothing]) -> Reply:
    identity = call.caller.identity
    if identity.how != "sign_in":
        raise Refused(RefusalCode.CONFLICT, "this is not a sign-in: revoke an access token instead")
    await call.pod.doors.sign_ins.revoke(
        identity.credential_id, account_id=identity.account_id, by=call.account_id, origin="http"
    )
    # The watch would find it within half a second; here there is nothing to wait for.
    call.pod.sessions.close_where({identity.credential_id}, ())
    headers = {"Set-Cookie": cookie_header(call.peer, "", None)} if call.caller.csrf_token is not None else {}
    return Reply(None, headers)


async def _ticket(call: Call[Nothing, Nothing]) -> Ticket:
    call.site.tickets.check(call.account_id)
    text = call.pod.doors.tickets.create(call.caller.identity)
    return Ticket(ticket=text, expires_in_s=int(TICKET_TTL / timedelta(seconds=1)))


async def _me(call: Call[Nothing, Nothing]) -> Me:
    identity = call.caller.identity
    found = await call.pod.storage.find_account(AccountId(identity.account_id))
    if found is None:
        raise Refused(RefusalCode.UNAUTHENTICATED, "this account is gone")
    return Me(
        account=found.account,
        how=identity.how,
        expires_at=identity.expires_at,
        csrf_token=call.caller.csrf_token,
    )


SESSION_API: tuple[Operation, ...] = (
    Route(
        "GET", "/api/v1/auth/ways", Access.OPEN, "Which ways to sign in are open", _ways, Nothing, Nothing, SignInWays
    ),
    Route("POST", "/api/v1/sessions", Access.OPEN, "Sign in", _sign_in, NewSession, Nothing, SessionMade, 201),
    Route("DELETE", "/api/v1/sessions/current", Access.SIGNED_IN, "Sign out", _sign_out, Nothing, Nothing, None, 204),
    Route(
        "POST",
        "/api/v1/tickets",
        Access.SIGNED_IN,
        "Get a ticket: opens one WebSocket within 30 seconds",
        _ticket,
        Nothing,
        Nothing,
        Ticket,
        201,
    ),
    Route("GET", "/api/v1/me", Access.SIGNED_IN, "Who am I", _me, Nothing, Nothing, Me),
)
