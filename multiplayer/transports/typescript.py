"""The operations of the HTTP API as types of TypeScript, for the web interface.

`python -m multiplayer.transports.typescript` prints what stands in `web/src/protocol/api.ts`.
"""

import json
import sys

from multiplayer.protocol.codec import JsonObject, JsonValue
from multiplayer.protocol.typescript import comment, declarations, type_text
from multiplayer.transports.app import operations
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.openapi import openapi

_PROBLEM = "Problem"


def typescript() -> str:
    """Return a type for each body, query and answer, and `Operations`, which finds them by method and path."""
    config = HttpConfig()
    document = _object(json.loads(openapi(operations(config), version=config.version)))
    components = _object(_object(document["components"])["schemas"])
    told = {_PROBLEM}
    entries = []
    for path, methods in _object(document["paths"]).items():
        for method, about in _object(methods).items():
            described = _object(about)
            answer = _answer(described)
            told |= _models_of(answer)
            entries.append(_entry(f"{method.upper()} {path}", described, answer))
    for name in _reachable(components, told):
        _say_defaults(_object(components[name]))
    return "\n".join(
        [
            "// Made by `python -m multiplayer.transports.typescript`; change multiplayer/transports/ instead.",
            declarations(components),
            "export interface Operations {",
            *entries,
            "}",
            "",
        ]
    )


def _entry(name: str, about: JsonObject, answer: JsonValue) -> str:
    query = [
        f"readonly {parameter['name']}{'' if parameter['required'] else '?'}: "
        f"{type_text(parameter['schema']).removesuffix(' | null')}"
        for parameter in (_object(one) for one in _list(about["parameters"]))
        if parameter["in"] == "query"
    ]
    body = "undefined"
    if "requestBody" in about:
        content = _object(_object(about["requestBody"])["content"])
        body = (
            type_text(_object(content["application/json"])["schema"]) if "application/json" in content else "BodyInit"
        )
    said = comment(about["summary"], "  ")
    asked = "{ " + "; ".join(query) + " }" if query else "Readonly<Record<never, never>>"
    told = "undefined" if answer is None else type_text(answer)
    return f'{said}  readonly "{name}": {{ readonly query: {asked}; readonly body: {body}; readonly answer: {told} }};'


def _answer(about: JsonObject) -> JsonValue:
    """Return the schema of the answer that is no problem; None where it is empty or no JSON."""
    for status, response in _object(about["responses"]).items():
        if status != "default":
            content = _object(_object(response).get("content", {}))
            return _object(content.get("application/json", {})).get("schema")
    return None


def _say_defaults(model: JsonObject) -> None:
    """An answer names what has a default too, unless that is null or empty."""
    properties = model.get("properties")
    if isinstance(properties, dict):
        needed = _list(model.get("required", []))
        model["required"] = [
            name
            for name, field in properties.items()
            if name in needed or _object(field).get("default") not in (None, [], "")
        ]


def _reachable(components: JsonObject, names: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _models_of(components[name])
    return found


def _models_of(schema: JsonValue) -> set[str]:
    match schema:
        case {"$ref": str(ref)}:
            return {ref.rpartition("/")[2]}
        case dict():
            return {name for value in schema.values() for name in _models_of(value)}
        case list():
            return {name for value in schema for name in _models_of(value)}
        case _:
            return set()


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict), "an object of the document"
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list), "a list of the document"
    return value


if __name__ == "__main__":
    sys.stdout.write(typescript())
