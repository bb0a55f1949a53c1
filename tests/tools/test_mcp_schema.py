"""Schemas of strangers: what is kept of them, what arguments are held against, and that it takes bounded work."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from multiplayer.tools.mcp.schema import BadSchema, checked_schema, misfit, told_schema
from tests.support.mcp_rogue import bomb, nested

TEXT: JsonValue = {"type": "string"}


def wrong(schema: dict[str, JsonValue], arguments: dict[str, JsonValue]) -> str | None:
    return misfit(checked_schema(told_schema(schema), schema), arguments)


def an_object(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties}


def test_arguments_that_fit_pass() -> None:
    schema = an_object(city=TEXT, days={"type": "integer", "minimum": 1}) | {"required": ["city"]}
    assert wrong(schema, {"city": "Paris", "days": 3}) is None


@pytest.mark.parametrize(
    ("schema", "arguments", "said"),
    [
        (an_object(x=TEXT) | {"required": ["x"]}, {}, "required"),
        (an_object(x=TEXT), {"x": 5}, "x: this does not fit type: string"),
        (an_object(x=TEXT) | {"additionalProperties": False}, {"y": 1}, "additionalProperties"),
        (an_object(x={"enum": ["a", "b"]}), {"x": "c"}, "x: this does not fit enum"),
        (an_object(x={"type": "array", "items": TEXT, "maxItems": 2}), {"x": ["a", 1]}, r"x\.1: "),
        (an_object(x={"$ref": "#/$defs/n"}) | {"$defs": {"n": {"maximum": 3}}}, {"x": 4}, "x: .*maximum"),
        (an_object(x={"anyOf": [TEXT, {"type": "null"}]}), {"x": 1}, "x: "),
        (an_object(x={"not": TEXT}), {"x": ""}, "x: "),
    ],
)
def test_what_does_not_fit_is_named_without_repeating_it(
    schema: dict[str, JsonValue], arguments: dict[str, JsonValue], said: str
) -> None:
    found = wrong(schema, arguments)
    assert found is not None
    assert re.search(said, found)


def test_the_arguments_themselves_are_never_in_the_words() -> None:
    assert "sesame" not in (wrong(an_object(x={"type": "integer"}), {"x": "sesame"}) or "")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {},
        {"type": ["object"]},
        {"type": "banana"},
        an_object(x={"type": 5}),
        {"type": "object", "properties": []},
        {"type": "object", "required": "x"},
        an_object(x={"$ref": "http://127.0.0.1/x"}),
        an_object(x={"$ref": "file:///etc/passwd"}),
        an_object(x={"enum": [{"pattern": "^(a+)+$"}]}, y={"$ref": "#/properties/x/enum/0"}),
        an_object(x={"enum": ["a\u202eb"]}),
        an_object(**{"a\u200bb": TEXT}),
        an_object(x={"anyOf": []}),
        nested(60),
    ],
)
def test_a_schema_that_a_provider_could_choke_on_is_not_taken(schema: dict[str, JsonValue]) -> None:
    with pytest.raises(BadSchema):
        told_schema(schema)


def test_words_in_a_schema_are_made_visible_and_unknown_keywords_are_dropped() -> None:
    schema = an_object(x={"type": "string", "description": "a\u202e\x1b[2Jb\u200b", "x-evil": {"$ref": "http://x"}})
    told = told_schema(schema | {"$schema": "http://x", "$id": "http://y", "if": {"const": 1}})
    assert told == an_object(x={"type": "string", "description": "ab"})


def test_no_pattern_of_a_server_is_ever_run() -> None:
    evil: dict[str, JsonValue] = {"type": "string", "pattern": "^(a+)+$"}
    inner: JsonValue = {"$schema": "http://json-schema.org/draft-07/schema#", **evil}
    started = time.monotonic()
    hostile: dict[str, JsonValue] = {"x": "a" * 64 + "!", "a" * 64 + "!": "b"}
    assert wrong(an_object(x=evil), hostile) is None
    assert wrong(an_object(x=inner), hostile) is None
    names = an_object() | {"patternProperties": {"^(a+)+$": TEXT}, "additionalProperties": False}
    assert wrong(names, hostile) is None
    assert time.monotonic() - started < 5


def test_references_without_end_end_soon() -> None:
    started = time.monotonic()
    assert wrong(bomb(), {"x": "text"}) == "checking them against the tool's schema takes too much work"  # type: ignore[arg-type]  # plain JSON
    loop = an_object(x={"$ref": "#/properties/x"})
    assert wrong(loop, {"x": 1}) == "checking them against the tool's schema takes too much work"
    assert wrong(an_object(x={"$ref": "#/$defs/none"}), {"x": 1}) is not None
    assert time.monotonic() - started < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
REFERENCES = st.sampled_from(["#", "#/properties/a", "#/$defs/a", "#/items", "#/anyOf/0", "#/not", "#/enum/0", "#a"])
KEYWORDS = st.sampled_from(
    ["type", "properties", "items", "enum", "const", "required", "$ref", "$defs", "anyOf", "not", "minimum", "default"]
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries({}, optional={"type": st.sampled_from(["object", "string", "null", "bad"])}),
    lambda inner: st.dictionaries(
        KEYWORDS,
        inner
        | JSON
        | REFERENCES
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=10,
)


@given(SCHEMAS, st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_whatever_a_schema_is_it_is_refused_or_checked(
    schema: dict[str, JsonValue], arguments: dict[str, JsonValue]
) -> None:
    try:
        told = told_schema({**schema, "type": "object"})
    except BadSchema:
        return
    said = misfit(checked_schema(told, {**schema, "type": "object"}), arguments)
    assert said is None or 0 < len(said) < 1_000
