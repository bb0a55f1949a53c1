"""My own password and access tokens over HTTP."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, StrictInt, StringConstraints

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

Password = Annotated[SecretStr, Field(max_length=2_000)]


class PasswordChange(Frozen):
    new: Password
    current: Password | None = None
    """Needed when there is one already; for 15 minutes after signing in by a one-time link it is not."""


class NewToken(Frozen):
    label: Annotated[str, StringConstraints(max_length=200)] = ""
    ttl_s: Annotated[StrictInt, Field(ge=1, le=int(AccessTokens.MAX_TTL.total_seconds()))] | None = None
    """Null: until it is revoked."""


class TokenView(Frozen):
    id: str
    label: str
    created_at: UtcTime
    expires_at: UtcTime | None = None
    revoked_at: UtcTime | None = None


class TokenMade(Frozen):
    """`token` is shown this once."""

    token: str
    row: TokenView


class TokenList(Frozen):
    tokens: tuple[TokenView, ...]


async def _set_password(call: Call[PasswordChange, Nothing]) -> None:
    check_person(call, "change the password")
    body, doors = call.body, call.pod.doors
    await check_password_or_fresh(call, body.current)
    await doors.local.set_password(call.account_id, body.new.get_secret_value(), by=call.account_id, origin="http")


async def _tokens(call: Call[Nothing, Nothing]) -> TokenList:
    rows = await call.pod.storage.list_access_tokens(call.account_id)
    return TokenList(
        tokens=tuple(
            TokenView(
                id=row.id,
                label=row.label,
                created_at=row.created_at,
                expires_at=row.expires_at,
                revoked_at=row.revoked_at,
            )
            for row in rows
        )
    )


async def _create_token(call: Call[NewToken, Nothing]) -> TokenMade:
    check_person(call, "make tokens")
    call.site.tickets.check(call.account_id)
    ttl = timedelta(seconds=call.body.ttl_s) if call.body.ttl_s is not None else None
    made = await call.pod.doors.access_tokens.create(
        call.account_id, call.body.label, ttl, by=call.account_id, origin="http"
    )
    row = made.row
    return TokenMade(
        token=made.text,
        row=TokenView(id=row.id, label=row.label, created_at=row.created_at, expires_at=row.expires_at),
    )


async def _revoke_token(call: Call[Nothing, Nothing]) -> None:
    token_id = call.place("token_id")
    await call.pod.doors.access_tokens.revoke(token_id, account_id=call.account_id, by=call.account_id, origin="http")
    # The watch would find it within half a second; here there is nothing to wait for.
    call.pod.sessions.close_where({token_id}, ())


async def check_password_or_fresh(call: Call[object, object], given: SecretStr | None) -> None:
    """Refuse who does not know the password, where there is one; not for 15 minutes after a one-time link."""
    doors = call.pod.doors
    if await doors.local.may_set_password_without_the_old(call.caller.identity):
        return
    if given is None:
        raise Refused(RefusalCode.FORBIDDEN, "give the current password too")
    found = await call.pod.storage.find_account(call.account_id)
    assert found is not None, "it has just been identified"
    call.site.logins_by_handle.check(found.handle)
    try:
        await doors.local.verify_password(found.handle, given.get_secret_value())
    except Refused as refused:
        if refused.code is RefusalCode.UNAUTHENTICATED:
            raise Refused(RefusalCode.FORBIDDEN, "the current password is wrong") from None
        raise


def check_person(call: Call[object, object], what: str) -> None:
    """A token that leaked must not be able to outlive its revocation."""
    if call.caller.identity.how == "token":
        raise Refused(RefusalCode.FORBIDDEN, f"an access token may not {what}: sign in as the person")


_TOKENS = "/api/v1/me/tokens"
ME_API: tuple[Operation, ...] = (
    Route(
        "PUT",
        "/api/v1/me/password",
        Access.SIGNED_IN,
        "Set my password",
        _set_password,
        PasswordChange,
        Nothing,
        None,
        204,
    ),
    Route("GET", _TOKENS, Access.SIGNED_IN, "My access tokens", _tokens, Nothing, Nothing, TokenList),
    Route("POST", _TOKENS, Access.SIGNED_IN, "Make an access token", _create_token, NewToken, Nothing, TokenMade, 201),
    Route(
        "DELETE",
        f"{_TOKENS}/{{token_id}}",
        Access.SIGNED_IN,
        "Revoke an access token",
        _revoke_token,
        Nothing,
        Nothing,
        None,
        204,
    ),
)
