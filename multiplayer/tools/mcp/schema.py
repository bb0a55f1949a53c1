"""Schemas of MCP tools: a stranger's, so only known keywords are kept, and checking against them takes bounded work.

No regular expression of a server's is ever run, and nothing outside the schema is ever read. Needs the extra `mcp`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Annotated, Final, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError as Misfit
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeInt,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from referencing import Registry
from referencing.exceptions import Unresolvable

from multiplayer.tools.mcp.words import visible

MAX_STEPS: Final = 10_000
"""How many keywords are looked at for one call: references can make a small schema grow without end."""
MAX_DEPTH: Final = 32
_MAX_WORDS: Final = 4_000
_DEPTH: ContextVar[int] = ContextVar("depth of an MCP schema", default=0)
_STEPS: ContextVar[list[int]] = ContextVar("steps of an MCP check")
# Never to a value, as of `enum` or `default`: those are kept as they are, and would be taken for a schema.
_TO_A_SCHEMA: Final = re.compile(
    r"#(/(\$defs|definitions|properties)/[^/~%]+|/(anyOf|oneOf|allOf|prefixItems)/\d{1,3}|/(items|additionalProperties|not))*"
)
_PROSE: Final = frozenset({"title", "description", "default", "format", "examples"})
"""Keywords for the reader; nothing is checked against them."""


class BadSchema(Exception):  # noqa: N818 - the world's state
    """A schema cannot be used; the sentence repeats nothing of it."""


def _plain(text: str) -> str:
    if visible(text, len(text) + 1) != text:
        raise ValueError("invisible characters")
    return text


def _local(reference: str) -> str:
    if _TO_A_SCHEMA.fullmatch(reference) is None:
        raise ValueError("a reference to what is no part of the schema")
    return reference


def _all_plain(value: JsonValue) -> JsonValue:
    match value:
        case str():
            _plain(value)
        case list():
            for item in value:
                _all_plain(item)
        case dict():
            for key, item in value.items():
                _plain(key)
                _all_plain(item)
        case _:
            pass
    return value


def _deeper(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    depth = _DEPTH.get()
    if depth >= MAX_DEPTH:
        raise ValueError("too deep")
    token = _DEPTH.set(depth + 1)
    try:
        return handler(value)
    finally:
        _DEPTH.reset(token)


Plain = Annotated[str, AfterValidator(_plain)]
Prose = Annotated[str, AfterValidator(lambda text: visible(text, _MAX_WORDS))]
Reference = Annotated[Plain, AfterValidator(_local)]
Value = Annotated[JsonValue, AfterValidator(_all_plain)]
Kind = Literal["object", "array", "string", "number", "integer", "boolean", "null"]
Sub = Annotated["bool | _Schema", WrapValidator(_deeper)]
Subs = Annotated[list[Sub], Field(min_length=1)]


class _Schema(BaseModel):
    """The keywords that are kept. Whatever else a server writes is dropped; it checks its arguments itself, too."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None or key in {"const", "default"}}

    type: Kind | list[Kind] | None = None
    title: Prose | None = None
    description: Prose | None = None
    default: Value = None
    examples: list[Value] | None = None
    format: Annotated[Plain, StringConstraints(max_length=100)] | None = None
    enum: Annotated[list[Value], Field(min_length=1)] | None = None
    const: Value = None
    properties: dict[Plain, Sub] | None = None
    required: list[Plain] | None = None
    additional_properties: Annotated[Sub | None, Field(alias="additionalProperties")] = None
    items: Sub | None = None
    prefix_items: Annotated[Subs | None, Field(alias="prefixItems")] = None
    any_of: Annotated[Subs | None, Field(alias="anyOf")] = None
    one_of: Annotated[Subs | None, Field(alias="oneOf")] = None
    all_of: Annotated[Subs | None, Field(alias="allOf")] = None
    negated: Annotated[Sub | None, Field(alias="not")] = None
    minimum: float | int | None = None
    maximum: float | int | None = None
    exclusive_minimum: Annotated[float | int | None, Field(alias="exclusiveMinimum")] = None
    exclusive_maximum: Annotated[float | int | None, Field(alias="exclusiveMaximum")] = None
    min_length: Annotated[NonNegativeInt | None, Field(alias="minLength")] = None
    max_length: Annotated[NonNegativeInt | None, Field(alias="maxLength")] = None
    min_items: Annotated[NonNegativeInt | None, Field(alias="minItems")] = None
    max_items: Annotated[NonNegativeInt | None, Field(alias="maxItems")] = None
    min_properties: Annotated[NonNegativeInt | None, Field(alias="minProperties")] = None
    max_properties: Annotated[NonNegativeInt | None, Field(alias="maxProperties")] = None
    ref: Annotated[Reference | None, Field(alias="$ref")] = None
    defs: Annotated[dict[Plain, Sub] | None, Field(alias="$defs")] = None
    definitions: dict[Plain, Sub] | None = None


def told_schema(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what a model may be told of a schema. Raises `BadSchema`."""
    try:
        kept: dict[str, JsonValue] = _Schema.model_validate(schema).model_dump(
            mode="json", by_alias=True, exclude_unset=True
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise BadSchema(f"its schema is not one that we take ({first['type']})") from None
    except RecursionError:
        raise BadSchema("its schema is too deep") from None
    if kept.get("type") != "object":
        raise BadSchema("its schema is not that of an object")
    return kept


def checked_schema(told: Mapping[str, JsonValue], given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the part of a told schema that arguments are checked against; `given` is the server's own."""
    return _checked(told, given)


def _checked(told: Mapping[str, JsonValue], given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {}
    for keyword, value in told.items():
        theirs = given.get(keyword)
        if keyword in _PROSE or (keyword == "additionalProperties" and "patternProperties" in given):
            continue  # with its patterns gone, a schema would refuse what they allow
        if keyword in {"properties", "$defs", "definitions"} and isinstance(value, dict) and isinstance(theirs, dict):
            kept[keyword] = {name: _checked_sub(sub, theirs.get(name)) for name, sub in value.items()}
        elif (
            keyword in {"prefixItems", "anyOf", "oneOf", "allOf"}
            and isinstance(value, list)
            and isinstance(theirs, list)
        ):
            kept[keyword] = [_checked_sub(sub, other) for sub, other in zip(value, theirs, strict=True)]
        elif keyword in {"additionalProperties", "items", "not"}:
            kept[keyword] = _checked_sub(value, theirs)
        else:
            kept[keyword] = value
    return kept


def _checked_sub(told: JsonValue, given: JsonValue) -> JsonValue:
    return _checked(told, given) if isinstance(told, dict) and isinstance(given, dict) else told


class _TooMuch(Exception):  # noqa: N818 - not an error of anybody
    """A check took more steps than it may."""


_Keyword = Callable[[Validator, JsonValue, JsonValue, JsonValue], Iterator[Misfit] | None]


def _counted(keyword: _Keyword) -> _Keyword:
    def look(validator: Validator, value: JsonValue, instance: JsonValue, schema: JsonValue) -> Iterator[Misfit]:
        steps = _STEPS.get()
        steps[0] += 1
        if steps[0] > MAX_STEPS:
            raise _TooMuch
        yield from keyword(validator, value, instance, schema) or ()

    return look


_Bounded: Final[type[Validator]] = extend(  # type: ignore[no-untyped-call]  # its stubs say nothing
    Draft202012Validator, {name: _counted(keyword) for name, keyword in Draft202012Validator.VALIDATORS.items()}
)


def misfit(checked: Mapping[str, JsonValue], arguments: Mapping[str, JsonValue]) -> str | None:
    """Say where arguments do not fit a checked schema, None if they do. Never repeats the arguments."""
    _STEPS.set([0])
    try:
        found = best_match(_Bounded(dict(checked), registry=Registry()).iter_errors(dict(arguments)))
    except (_TooMuch, RecursionError):
        return "checking them against the tool's schema takes too much work"
    except Unresolvable:
        return "the tool's schema refers to a part that it does not have"
    if found is None:
        return None
    path = ".".join(str(part) for part in found.absolute_path)[:200] or "the arguments"
    wanted = visible(str(found.validator_value), 300)
    return f"{path}: this does not fit {found.validator}: {wanted}"
