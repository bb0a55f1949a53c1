"""How schemas are written as TypeScript, and that what the web interface is compiled with is fresh."""

from pathlib import Path

import pytest

from multiplayer.protocol.codec import JsonObject, JsonValue
from multiplayer.protocol.schema import typescript
from multiplayer.protocol.typescript import comment, declarations, type_text

WIRE = Path(__file__).parents[2] / "web" / "src" / "protocol" / "wire.ts"

STRING: JsonObject = {"type": "string"}
NULL: JsonObject = {"type": "null"}


def test_the_committed_types_are_those_of_the_protocol() -> None:
    written = WIRE.read_text(encoding="utf-8")
    again = "python -m multiplayer.protocol.schema --typescript > web/src/protocol/wire.ts"
    assert written == typescript(), f"run: {again}"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (STRING, "string"),
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"const": 'it\'s "so"'}, '"it\'s \\"so\\""'),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"type": "integer", "enum": [1000, 4001]}, "1000 | 4001"),
        ({"$ref": "#/$defs/Member"}, "Member"),
        ({"type": "array", "items": {"$ref": "#/$defs/Member"}}, "readonly Member[]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Readonly<Record<string, number>>"),
        ({"type": "array"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_value_has_the_type_that_its_schema_says(schema: JsonObject, text: str) -> None:
    assert type_text(schema) == text


def test_several_types_stand_in_parentheses_where_there_are_many_of_them() -> None:
    either: JsonObject = {"anyOf": [STRING, {"type": "integer"}]}
    assert type_text({"type": "array", "items": either}) == "readonly (string | number)[]"
    rows: JsonObject = {"type": "array", "items": {"type": "array", "items": either}}
    assert type_text(rows) == "readonly (readonly (string | number)[])[]"


def test_null_comes_last_and_nothing_twice() -> None:
    assert type_text({"anyOf": [NULL, STRING, STRING]}) == "string | null"


def declared(properties: JsonObject, *required: JsonValue, description: str = "") -> str:
    model: JsonObject = {"type": "object", "properties": properties, "required": list(required)}
    if description:
        model["description"] = description
    return declarations({"Model": model})


def test_a_field_that_need_not_be_there_is_optional_and_never_null() -> None:
    fields: JsonObject = {"maybe": {"anyOf": [STRING, NULL]}, "sure": {"anyOf": [STRING, NULL]}}
    assert declared(fields, "sure") == (
        "export interface Model {\n  readonly maybe?: string;\n  readonly sure: string | null;\n}\n"
    )


def test_a_name_that_is_none_in_typescript_is_quoted() -> None:
    assert '  readonly "content-type"?: string;\n' in declared({"content-type": STRING})


def test_what_is_no_object_is_declared_as_a_type_in_the_order_of_names() -> None:
    defs: JsonObject = {"Role": {"enum": ["owner"]}, "Empty": {"type": "object", "properties": {}}}
    assert declarations(defs) == 'export interface Empty {}\n\nexport type Role = "owner";\n'


def test_a_description_is_one_comment_and_cannot_end_it() -> None:
    assert comment("Two\n  lines.") == "/** Two lines. */\n"
    ending = comment("of a glob like src/**/*.py */ alert(1)")
    assert ending.count("*/") == 1
    assert ending.endswith(" */\n")
    assert comment("") == comment(None) == ""
    assert declared({"a": {**STRING, "description": "What it is."}}, "a", description="It is.") == (
        "/** It is. */\nexport interface Model {\n  /** What it is. */\n  readonly a: string;\n}\n"
    )
