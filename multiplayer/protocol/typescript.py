"""JSON Schema written as TypeScript, so that what is written in it names each field as the server does, or fails to compile."""

import json
from collections.abc import Iterable

from multiplayer.protocol.codec import JsonObject, JsonValue

_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def declarations(defs: JsonObject) -> str:
    """Return an exported type for each definition, in the order of their names.

    A field that need not be there is optional, and never null: what is null is left out on the wire.
    """
    return "\n".join(_declared(name, _object(defs[name])) for name in sorted(defs))


def type_text(schema: JsonValue) -> str:
    """Return the type of one value. What the schema leaves open is `unknown`."""
    described = _object(schema)
    match described:
        case {"$ref": str(ref)}:
            return ref.rpartition("/")[2]
        case {"const": value}:
            return json.dumps(value, ensure_ascii=False)
        case {"enum": [*values]}:
            return _union(json.dumps(value, ensure_ascii=False) for value in values)
        case {"anyOf": [*parts]} | {"oneOf": [*parts]}:
            return _union(type_text(part) for part in parts)
        case {"type": "array", "items": items}:
            return f"readonly ({of})[]" if " | " in (of := type_text(items)) else f"readonly {of}[]"
        case {"type": "object", "properties": dict(properties)}:
            return _fields(properties, described.get("required"))
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"Readonly<Record<string, {type_text(values)}>>"
        case {"type": str(kind)} if kind in _PLAIN:
            return _PLAIN[kind]
        case _:
            return "unknown"


def comment(text: JsonValue, indent: str = "") -> str:
    """Return the sentence as a documentation comment and a line's end, or nothing where there is none."""
    if not isinstance(text, str) or not text:
        return ""
    words = " ".join(text.split()).replace("*/", "*\u2060/")
    return f"{indent}/** {words} */\n"


def _declared(name: str, schema: JsonObject) -> str:
    said = comment(schema.get("description"))
    text = type_text(schema)
    return (
        f"{said}export interface {name} {text}\n" if text.startswith("{") else f"{said}export type {name} = {text};\n"
    )


def _fields(properties: JsonObject, required: JsonValue) -> str:
    needed = set(required) if isinstance(required, list) else set[JsonValue]()
    lines = []
    for name, schema in properties.items():
        text = type_text(schema)
        if name not in needed:
            text = text.removesuffix(" | null")
        lines.append(
            f"{comment(_object(schema).get('description'), '  ')}  readonly {_key(name)}"
            f"{'' if name in needed else '?'}: {text};\n"
        )
    return "{\n" + "".join(lines) + "}" if lines else "{}"


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _union(parts: Iterable[str]) -> str:
    return " | ".join(sorted(dict.fromkeys(parts), key=lambda part: part == "null"))


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict), "a schema"
    return value
