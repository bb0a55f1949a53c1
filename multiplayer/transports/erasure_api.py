"""Erasing a person's content over HTTP: by operators for anyone, and by a person for themselves."""

from typing import Annotated

from pydantic import StringConstraints

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.reports_erasure import Erasure, ErasurePreview, ErasureReport
from multiplayer.protocol.values import Frozen
from multiplayer.transports.me_api import Password, check_password_or_fresh, check_person
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

TypedHandle = Annotated[str, StringConstraints(max_length=64)]


class ErasureQuery(Frozen):
    preview: bool = False
    """Count what would go; it may take long."""


class ErasureOrder(Frozen):
    """There is no way back, so it names whom it means once more."""

    handle: TypedHandle
    hand_over: bool = False
    """Rooms of which they are the only owner get another one: the admin who is there longest, else the member."""


class OwnErasure(ErasureOrder):
    password: Password | None = None
    """Needed where there is one; for 15 minutes after signing in by a one-time link it is not."""


async def _state(call: Call[Nothing, ErasureQuery]) -> ErasureReport:
    account_id = _account(call)
    erasure = await call.pod.erasures.of(account_id)
    preview: ErasurePreview | None = None
    if call.query.preview:
        call.check_heavy_reads()
        preview = await call.pod.erasures.preview_for(call.account_id, account_id, "http")
    elif erasure is None:
        raise Refused(RefusalCode.NOT_FOUND, "nobody has asked to erase this account")
    return ErasureReport(preview=preview, erasure=erasure)


async def _erase(call: Call[ErasureOrder, Nothing]) -> Erasure:
    account_id = _account(call)
    if account_id == call.account_id:
        raise Refused(RefusalCode.CONFLICT, "for yourself, ask at /api/v1/me/erasure")
    await _check_handle(call, account_id)
    return await call.pod.erasures.request(account_id, by=call.account_id, origin="http", hand_over=call.body.hand_over)


async def _my_preview(call: Call[Nothing, Nothing]) -> ErasurePreview:
    call.check_heavy_reads()
    return await call.pod.erasures.preview(call.account_id)


async def _erase_me(call: Call[OwnErasure, Nothing]) -> Erasure:
    check_person(call, "erase its account")
    await check_password_or_fresh(call, call.body.password)
    await _check_handle(call, call.account_id)
    return await call.pod.erasures.request(
        call.account_id, by=call.account_id, origin="http", hand_over=call.body.hand_over
    )


async def _check_handle(call: Call[ErasureOrder, Nothing] | Call[OwnErasure, Nothing], account_id: AccountId) -> None:
    found = await call.pod.storage.find_account(account_id)
    if found is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such account")
    known = await call.pod.erasures.of(account_id)
    if known is None and call.body.handle.removeprefix("@").casefold() != found.handle:
        raise Refused(RefusalCode.CONFLICT, "this is not the handle of the account that would be erased")


def _account(call: Call[object, object]) -> AccountId:
    return AccountId(call.place("account_id"))


_ONE = "/api/v1/admin/accounts/{account_id}/erasure"
_ME = "/api/v1/me/erasure"
ERASURE_API: tuple[Operation, ...] = (
    Route(
        "GET",
        _ME,
        Access.SIGNED_IN,
        "What would go if I had all that I have said erased",
        _my_preview,
        Nothing,
        Nothing,
        ErasurePreview,
    ),
    Route(
        "POST",
        _ME,
        Access.SIGNED_IN,
        "Erase all that I have said, and disable my account, for good",
        _erase_me,
        OwnErasure,
        Nothing,
        Erasure,
        202,
    ),
    Route(
        "GET",
        _ONE,
        Access.OPERATOR,
        "How far the erasure of a person is, or what it would take",
        _state,
        Nothing,
        ErasureQuery,
        ErasureReport,
    ),
    Route(
        "POST",
        _ONE,
        Access.OPERATOR,
        "Erase all that a person has said, and disable the account, for good",
        _erase,
        ErasureOrder,
        Nothing,
        Erasure,
        202,
    ),
)
