"""Webhooks over HTTP: made and revoked by owners and admins, called by programs that hold their secret."""

from typing import Annotated, Final

from pydantic import JsonValue, StringConstraints, TypeAdapter, ValidationError

from multiplayer.live.hooks import MAX_NOTE_BYTES, HookList, HookMade
from multiplayer.protocol.codec import Malformed
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.trigger_rules import RuleId
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.transports.problems import RefusedWithStatus
from multiplayer.transports.rooms_api import Committed, committed
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route, read_body, validated

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
_json: Final = TypeAdapter[JsonValue](JsonValue)


class NewHook(Frozen):
    """`rule_id`: a webhook rule in the room's settings."""

    rule_id: RuleId


class _Headers(Frozen):
    key: _Key | None = None


async def _create(call: Call[NewHook, Nothing]) -> HookMade:
    call.check_commands()
    return await call.pod.insights.hooks.create(call.room_id, call.account_id, call.body.rule_id, origin="http")


async def _list(call: Call[Nothing, Nothing]) -> HookList:
    return await call.pod.insights.hooks.list(call.room_id, call.account_id)


async def _revoke(call: Call[Nothing, Nothing]) -> None:
    call.check_commands()
    await call.pod.insights.hooks.revoke(call.room_id, call.account_id, call.place("hook_id"), origin="http")


async def _fire(call: Call[Nothing, Nothing]) -> Committed:
    secret = _secret_of(call)
    key = validated(_Headers, {"key": call.request.headers.get("idempotency-key")}).key
    note = await _note_of(call)
    try:
        return committed(await call.pod.insights.hooks.fire(secret, note, key=key))
    except Refused as refused:
        if refused.code is RefusalCode.UNAUTHENTICATED:
            # Whoever guesses is slowed down; who knows a secret never is.
            call.site.logins_by_address.check(call.peer.address)
        raise


def _secret_of(call: Call[Nothing, Nothing]) -> str:
    given = call.request.headers.getlist("authorization")
    scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or not (secret.isascii() and secret.isprintable()):
        raise Refused(RefusalCode.UNAUTHENTICATED, "send the webhook's secret as `Authorization: Bearer SECRET`")
    return secret


async def _note_of(call: Call[Nothing, Nothing]) -> str:
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(call.request, MAX_NOTE_BYTES)
    if body and kind not in {_JSON, _TEXT}:
        raise RefusedWithStatus(Refused(RefusalCode.MALFORMED, f"send the body as {_TEXT} or {_JSON}"), 415)
    try:
        text = body.decode()
        if kind == _JSON and body:
            _json.validate_json(body)
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    except ValidationError:
        raise Malformed("the body is not JSON") from None
    if "\0" in text:
        raise Malformed("text may not contain NUL")
    return text


_HOOKS = "/api/v1/rooms/{room_id}/hooks"
HOOKS_API: tuple[Operation, ...] = (
    Route(
        "GET",
        _HOOKS,
        Access.MEMBER,
        "The webhooks of a room",
        _list,
        Nothing,
        Nothing,
        HookList,
        right=Right.WEBHOOKS,
    ),
    Route(
        "POST",
        _HOOKS,
        Access.MEMBER,
        "Make a secret that fires a webhook rule",
        _create,
        NewHook,
        Nothing,
        HookMade,
        201,
        right=Right.WEBHOOKS,
    ),
    Route(
        "DELETE",
        f"{_HOOKS}/{{hook_id}}",
        Access.MEMBER,
        "Revoke a webhook",
        _revoke,
        Nothing,
        Nothing,
        None,
        204,
        right=Right.WEBHOOKS,
    ),
    Route(
        "POST",
        "/api/v1/hooks",
        Access.OPEN,
        "Fire a webhook: its secret as Authorization: Bearer, at most 16 KiB of text or JSON as material for the AI, "
        "an Idempotency-Key if it may be sent again",
        _fire,
        Nothing,
        Nothing,
        Committed,
        raw_body=(_TEXT, _JSON),
    ),
)
