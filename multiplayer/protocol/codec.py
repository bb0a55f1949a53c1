"""Bytes to types and back: one JSON object a line, strict on the way in, encoded once on the way out."""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from multiplayer.protocol.commands import AnyCommand, command_adapter
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.requests import Request, SessionRequest, session_request_adapter
from multiplayer.protocol.values import Frozen

SUBPROTOCOL: Final = "multiplayer.v1"
MAX_FRAME_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_KEYS: Final = 64
MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every client, JavaScript included, reads exactly."""

# Possessive, and the closing quote optional: an unterminated string is passed once, not once for each quote in it.
_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS: Final = re.compile(r"[\[\]{}]")
_SESSION_TYPES: Final = frozenset({"hello", "renew", "ping", "join", "leave"})

JsonObject: TypeAlias = "dict[str, JsonValue]"
JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | JsonObject | None"
T = TypeVar("T")


class Unreadable(Exception):  # noqa: N818 - the state of a frame, not an error of ours
    """What came is not a JSON object at all; a connection that sends it cannot be understood any further."""


class Malformed(Refused):
    """A line was read but is not what the protocol says. `re` is its `id`, where that could be read."""

    def __init__(self, message: str, *, re: str | None = None) -> None:
        super().__init__(RefusalCode.MALFORMED, message)
        self.re = re


def encode(word: Frozen) -> bytes:
    """Return the one line of `word`, without its end. What is None is left out."""
    return word.model_dump_json(exclude_none=True).encode()


def frame(lines: Iterable[bytes]) -> bytes:
    """Join ready lines into one frame."""
    return b"\n".join(lines)


def digest(command: AnyCommand) -> bytes:
    """SHA-256 of the command's content, by which the same key with other content is known.

    What has its default is left out: a field added in a later release does not make old retries look different.
    """
    return sha256(f"{command.type}{command.model_dump_json(exclude_defaults=True)}".encode()).digest()


def decode_line(line: str) -> SessionRequest | Request:
    """Read one line from a client; raise `Malformed` naming what is wrong, or `Unreadable`."""
    body = parse_object(line)
    answer_id = body.get("id")
    re_ = answer_id if isinstance(answer_id, str) and len(answer_id) <= 64 else None
    try:
        kind = body.get("type")
        if isinstance(kind, str) and kind in _SESSION_TYPES:
            return _validate(session_request_adapter, body)
        return request_of(body)
    except Malformed as malformed:
        malformed.re = re_
        raise


def request_of(body: JsonObject) -> Request:
    """Take what stands around a command off `body` and read the rest as the command."""
    around: dict[str, object] = {name: body.pop(name) for name in ("id", "room_id", "key") if name in body}
    command = _validate(command_adapter, body)
    return _validate(_request_adapter, {**around, "command": command})


def parse_object(text: str) -> JsonObject:
    """Parse strict JSON: bounded in depth and keys, no duplicate key, NaN, NUL, lone surrogate or huge integer."""
    _check_depth(text)
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"this is not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(value, dict):
        raise Unreadable("a line must be one JSON object")
    _check_text(value)
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"nested deeper than {MAX_DEPTH}")


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    if len(pairs) > MAX_KEYS:
        raise Malformed(f"an object may have at most {MAX_KEYS} keys")
    body = dict(pairs)
    if len(body) != len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if any(name == other for other, _ in pairs[:i]))
        raise Malformed(f"the key {_shown(twice)} stands twice")
    return body


def _refuse_constant(name: str) -> float:
    raise Malformed(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise Malformed("an integer is out of range")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Malformed("a number is out of range")
    return value


def _check_text(value: JsonValue) -> None:
    """Refuse what Postgres and other clients could not keep."""
    match value:
        case str():
            if "\0" in value:
                raise Malformed("text may not contain NUL")
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                raise Malformed("text contains a lone surrogate")
        case list():
            for item in value:
                _check_text(item)
        case dict():
            for name, item in value.items():
                _check_text(name)
                _check_text(item)
        case _:
            pass


def _validate(adapter: TypeAdapter[T], body: Mapping[str, object]) -> T:
    try:
        return adapter.validate_python(body)
    except ValidationError as error:
        raise Malformed(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Say the first thing that is wrong, by field, without repeating what was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    places = [str(part) for part in first["loc"]]
    if first["type"] == "union_tag_invalid":
        return "unknown `type`"
    if first["type"] == "union_tag_not_found":
        return "`type` is missing"
    where = ".".join(places[-2:] if len(places) > 1 and places[-2] in {"after", "settings"} else places[-1:])
    if first["type"] == "extra_forbidden":
        return f"unknown field {_shown(where)}"
    said = first["msg"].removeprefix("Value error, ")
    return f"`{_shown(where)}`: {said}" if where else said


def _shown(name: str) -> str:
    return name[:64].encode("ascii", "backslashreplace").decode()


_request_adapter: Final = TypeAdapter(Request)
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_number
)
