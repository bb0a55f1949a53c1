"""The accounts of the server over HTTP, for its operators."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from multiplayer.auth.local import LOGIN_LINK_TTL
from multiplayer.auth.passwords import check_password
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.values import Frozen
from multiplayer.storage.account_port import StoredAccount
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route


class AccountView(Frozen):
    account: Account
    disabled: bool


class AccountList(Frozen):
    accounts: tuple[AccountView, ...]


class NewAccount(Frozen):
    handle: Annotated[str, StringConstraints(max_length=64)]
    display_name: Annotated[str, StringConstraints(max_length=200)] = ""
    kind: AccountKind = AccountKind.HUMAN
    password: Annotated[SecretStr, Field(max_length=2_000)] | None = None


class LoginLink(Frozen):
    """`link` is the secret that stands behind the `#` of a sign-in address; good once."""

    link: str
    expires_in_s: int


async def _list(call: Call[Nothing, Nothing]) -> AccountList:
    found = await call.pod.storage.list_accounts()
    return AccountList(accounts=tuple(_view(account) for account in found))


async def _create(call: Call[NewAccount, Nothing]) -> AccountView:
    body = call.body
    if body.password is not None:
        check_password(body.password.get_secret_value())
    account = await call.pod.lobby.create_account(
        body.handle, display_name=body.display_name, kind=body.kind, by=call.account_id, origin="http"
    )
    if body.password is not None:
        await call.pod.doors.local.set_password(
            account.id, body.password.get_secret_value(), by=call.account_id, origin="http"
        )
    return AccountView(account=account, disabled=False)


async def _disable(call: Call[Nothing, Nothing]) -> AccountView:
    found = await _found(call)
    if found.id == call.account_id:
        raise Refused(RefusalCode.CONFLICT, "you cannot disable your own account")
    return await _set_disabled(call, found, disabled=True)


async def _enable(call: Call[Nothing, Nothing]) -> AccountView:
    found = await _found(call)
    await call.pod.erasures.check_not_erased(found.id)
    return await _set_disabled(call, found, disabled=False)


async def _set_disabled(call: Call[object, object], found: StoredAccount, *, disabled: bool) -> AccountView:
    audit = AuditEntry(
        at=call.pod.clock.now(),
        actor_id=call.account_id,
        origin="http",
        action="account_disabled" if disabled else "account_enabled",
        subject=found.id,
    )
    if not await call.pod.storage.disable_account(found.id, disabled=disabled, audit=audit):
        raise Refused(RefusalCode.NO_CHANGE, "it is so already")
    if disabled:
        call.pod.sessions.close_where((), {found.id})
    return AccountView(account=found.account, disabled=disabled)


async def _login_link(call: Call[Nothing, Nothing]) -> LoginLink:
    found = await _found(call)
    if found.disabled or found.kind is AccountKind.AI:
        raise Refused(RefusalCode.CONFLICT, "this account cannot sign in")
    secret = await call.pod.doors.local.create_login_link(found.id, by=call.account_id, origin="http")
    return LoginLink(link=secret.text, expires_in_s=int(LOGIN_LINK_TTL / timedelta(seconds=1)))


async def _found(call: Call[object, object]) -> StoredAccount:
    found = await call.pod.storage.find_account(AccountId(call.place("account_id")))
    if found is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such account")
    return found


def _view(account: StoredAccount) -> AccountView:
    return AccountView(account=account.account, disabled=account.disabled)


_ACCOUNTS = "/api/v1/admin/accounts"
_ONE = f"{_ACCOUNTS}/{{account_id}}"
ADMIN_API: tuple[Operation, ...] = (
    Route("GET", _ACCOUNTS, Access.OPERATOR, "All accounts", _list, Nothing, Nothing, AccountList),
    Route("POST", _ACCOUNTS, Access.OPERATOR, "Make an account", _create, NewAccount, Nothing, AccountView, 201),
    Route(
        "POST",
        f"{_ONE}/disable",
        Access.OPERATOR,
        "Disable an account; its sessions end",
        _disable,
        Nothing,
        Nothing,
        AccountView,
    ),
    Route("POST", f"{_ONE}/enable", Access.OPERATOR, "Enable an account again", _enable, Nothing, Nothing, AccountView),
    Route(
        "POST",
        f"{_ONE}/login-link",
        Access.OPERATOR,
        "Make a one-time sign-in link; an earlier one ends",
        _login_link,
        Nothing,
        Nothing,
        LoginLink,
        201,
    ),
)
