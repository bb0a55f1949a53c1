"""The protocol described for others: its JSON Schema, and the reference page that people read.

`python -m multiplayer.protocol.schema --json` and `--markdown` print what stands in `docs/`, `--typescript` what the web
interface is compiled with.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterable
from datetime import datetime, time
from enum import IntEnum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, NewType, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from multiplayer.protocol import codec
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import JsonObject, JsonValue
from multiplayer.protocol.commands import Command
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import Event
from multiplayer.protocol.example_session import example_session
from multiplayer.protocol.requests import Request, SessionRequest
from multiplayer.protocol.signals import AccountSignal, Answer, RoomSignal, Signal
from multiplayer.protocol.typescript import declarations
from multiplayer.protocol.values import Frozen

_UNIONS: Final[dict[str, object]] = {
    "Command": Command,
    "SessionRequest": SessionRequest,
    "Event": Event,
    "Signal": Signal,
    "AnswerLine": Answer,
}
_AROUND: Final = ("id", "room_id", "key")


def json_schema() -> JsonObject:
    """Return one JSON Schema document: each word under `$defs`, and the unions of them by name.

    Commands are described flat, as they are sent. A server's word requires every field that is never left out.
    """
    models = _spoken()
    inputs = set(_reachable([*_members(Command), *_members(SessionRequest)]))
    named: list[type[Frozen]] = [*models, Request]
    _, made = models_json_schema([(model, "validation") for model in named])
    defs: JsonObject = _object(made["$defs"])
    around = _object(_object(defs.pop("Request"))["properties"])
    for model in _reachable(models):
        described = _object(defs[model.__name__])
        properties = _object(described.setdefault("properties", {}))
        for name, text in field_docs(model).items():
            if name in properties:
                _object(properties[name])["description"] = text
        required = [name for name, field in model.model_fields.items() if name == "type" or field.is_required()]
        if model in _members(Command):
            described["properties"] = {name: around[name] for name in _AROUND} | properties
            required = ["id", "room_id", *required]
        elif model not in inputs:
            required = [name for name, field in model.model_fields.items() if not _may_lack(field)]
        described["required"] = list(required)
    for name, union in _UNIONS.items():
        defs[name] = {"oneOf": [_ref(model.__name__) for model in _members(union)]}
    defs["ClientLine"] = {"oneOf": [_ref("SessionRequest"), _ref("Command")]}
    defs["ServerLine"] = {"oneOf": [_ref("Event"), _ref("Signal"), _ref("AnswerLine")]}
    defs["CloseCode"] = {"type": "integer", "enum": [int(code) for code in CloseCode]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Multiplayer protocol, {codec.SUBPROTOCOL}",
        "description": "Every line of either direction is one of these.",
        "oneOf": [_ref("ClientLine"), _ref("ServerLine")],
        "$defs": dict(sorted(defs.items())),
    }


def typescript() -> str:
    """Return the same as types of TypeScript, with what a room needs to know beside them: the codes of a close."""
    schema = json_schema()
    closes = ", ".join(f"{code.name.lower()}: {int(code)}" for code in CloseCode)
    return "\n".join(
        [
            "// Made by `python -m multiplayer.protocol.schema --typescript`; change multiplayer/protocol/ instead.",
            f"export const SUBPROTOCOL = {json.dumps(codec.SUBPROTOCOL)};",
            f"export const MAX_FRAME_BYTES = {codec.MAX_FRAME_BYTES};",
            f"export const CLOSE = {{ {closes} }} as const;",
            "",
            declarations(_object(schema["$defs"])),
        ]
    )


def markdown() -> str:
    """Return the reference page."""
    models = _spoken()
    values = [model for model in _reachable(models) if model not in models]
    enums = sorted({kind for model in _reachable(models) for kind in _enums(model)}, key=lambda kind: kind.__name__)
    parts = [
        _PREFACE,
        f"```jsonc{example_session()}\n```",
        _LIMITS,
        "## Session requests\n\nThey concern the connection itself. Each but `hello` has an `id`, and is answered.",
        *(_described(model) for model in _members(SessionRequest)),
        _COMMANDS,
        *(_described(model) for model in _members(Command)),
        "## Events\n\nThey are the room's log. Each has:\n\n" + _table(EventFrame, EventFrame.model_fields),
        *(_described(model) for model in _members(Event)),
        "## Signals\n\nThey pass, are not stored and may be lost. To those who have the room open:",
        *(_described(model) for model in _members(RoomSignal)),
        "To all sessions of one account, or to one session:",
        *(_described(model) for model in _members(AccountSignal)),
        "## Answers\n\n`re` is the `id` of what is answered.",
        *(_described(model) for model in _members(Answer)),
        "## Refusal codes\n\nIn `refused` lines, and as `code` in HTTP problem details.\n\n| code | meaning |\n|---|---|\n"
        + _codes(RefusalCode),
        "## Close codes\n\nOf the WebSocket, and in the `closing` line before it on either transport.\n\n| code | name | meaning |\n|---|---|---|\n"
        + _codes(CloseCode),
        "## Values",
        *(_described(model) for model in values),
        *(_listed(kind) for kind in enums if kind is not RefusalCode),
    ]
    return "\n\n".join(parts) + "\n"


_PREFACE: Final = f"""# The protocol

<!-- Made by `python -m multiplayer.protocol.schema --markdown`; change the words in multiplayer/protocol/ instead. -->

This is the whole of `{codec.SUBPROTOCOL}`. The same, for programs: [protocol.schema.json](protocol.schema.json).

A **room** has members, settings and one ordered log. An **event** is something that happened in it: it is stored and
has a `seq` of 1, 2, 3 … without a gap. A **signal** passes and is not stored. A **command** is what a member asks for;
it is *accepted* (committed, in the room's order), *refused* (nothing was stored) or *unknown* (retry with the same
`key`). A **turn** is one go of an AI member, from a request to exactly one end. A **session** is one connection, and an
**epoch** is one unbroken history of the server's database.

## How a session goes

A WebSocket text frame, an SSE `data:` field and the body of a command carry one JSON object a line. A frame may hold
several lines. Over the WebSocket the first line is `hello`. `join` opens a room: without `after` it answers with a
snapshot; with `after` the missing events follow, or, if that place is in another epoch or not the reader's to see, a
`reset` and then a snapshot. What comes after is the log itself, in order. `reset` says that what the client holds of a
room is void: it starts again from the next snapshot.

An absent field and `null` mean the same; the server leaves out what is null. Times are RFC 3339 in UTC with
milliseconds. Ids are ULIDs. A message is named by its id; `seq` only orders."""

_COMMANDS: Final = """## Commands

Each has `id` (at most 64 characters, comes back as `re`) and `room_id`, and may have `key` (1 to 64 characters): the
same key again is the same event, however often and wherever it is sent. Only the further fields are listed."""

_LIMITS: Final = f"""## What is read

- A frame has at most {codec.MAX_FRAME_BYTES:,} bytes.
- An object has at most {codec.MAX_KEYS} keys, none of them twice; nothing is nested deeper than {codec.MAX_DEPTH}.
- Integers lie within ±{codec.MAX_INTEGER:,}. A float, boolean or string is no integer. NaN and infinities are refused.
- Text holds neither NUL nor a lone surrogate.
- An unknown field, a missing one or one of another type is refused as `malformed`, and the message names it.
  The connection stays, unless the frame was not lines of JSON objects at all."""


def field_docs(model: type) -> dict[str, str]:
    """Return the sentence that stands under each attribute in the source, by name."""
    docs: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if kind.__module__.startswith("multiplayer."):
            docs |= _module_docs(kind.__module__).get(kind.__name__, {})
    return docs


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_documented(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _documented(node: ast.ClassDef) -> Iterable[tuple[str, str]]:
    for assigned, after in zip(node.body, node.body[1:], strict=False):
        match assigned, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())


def _spoken() -> list[type[Frozen]]:
    return [model for union in _UNIONS.values() for model in _members(union)]


def _members(union: object) -> tuple[type[Frozen], ...]:
    return tuple(model for model in get_args(union) if issubclass(model, Frozen))


def _reachable(models: Iterable[type[Frozen]]) -> list[type[Frozen]]:
    """Return the models and all that their fields are made of, each once, in the order of finding them."""
    found: dict[type[Frozen], None] = dict.fromkeys(models)
    waiting = list(found)
    while waiting:
        for field in waiting.pop(0).model_fields.values():
            for kind in _leaves(field.annotation):
                if isinstance(kind, type) and issubclass(kind, Frozen) and kind not in found:
                    found[kind] = None
                    waiting.append(kind)
    return list(found)


def _enums(model: type[Frozen]) -> list[type[StrEnum]]:
    leaves = (kind for field in model.model_fields.values() for kind in _leaves(field.annotation))
    return [kind for kind in leaves if isinstance(kind, type) and issubclass(kind, StrEnum)]


def _leaves(annotation: object) -> list[object]:
    if get_origin(annotation) is Literal:
        return []
    if get_origin(annotation) is Annotated:
        return _leaves(get_args(annotation)[0])
    return [leaf for part in get_args(annotation) for leaf in _leaves(part)] or [annotation]


def _described(model: type[Frozen]) -> str:
    """Return a word's heading, sentence and table of fields."""
    kind = model.model_fields["type"].default if model in _spoken() else None
    parts = [f"### `{kind}`" if kind else f"### {model.__name__}"]
    about = inspect.getdoc(model)
    if about and about not in {inspect.getdoc(Frozen), inspect.getdoc(EventFrame)}:
        parts.append(about)
    hidden = {*(["type"] if kind else []), *(EventFrame.model_fields if issubclass(model, EventFrame) else ())}
    fields = {name: field for name, field in model.model_fields.items() if name not in hidden}
    parts.append(_table(model, fields) if fields else "No fields of its own.")
    return "\n\n".join(parts)


def _table(model: type[Frozen], fields: dict[str, FieldInfo]) -> str:
    docs = field_docs(model)
    rows = [
        f"| `{name}` | {_type_text(field.annotation)}{_bounds(field)} | {_default(field)} | {docs.get(name, '')} |"
        for name, field in fields.items()
    ]
    return "\n".join(["| field | type | default | |", "|---|---|---|---|", *rows])


def _type_text(annotation: object) -> str:
    if isinstance(annotation, NewType):
        name = annotation.__name__.removesuffix("Id").lower()
        return f"{name} id"
    origin = get_origin(annotation)
    if _is_union(annotation):
        return " or ".join(_type_text(part) for part in get_args(annotation) if part is not NoneType)
    if origin is Annotated:
        return _type_text(get_args(annotation)[0])
    if origin is tuple:
        return f"list of {_type_text(get_args(annotation)[0])}"
    if origin is dict:
        return f"object of {_type_text(get_args(annotation)[1])}"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    assert isinstance(annotation, type), f"no words for {annotation}"
    if issubclass(annotation, Frozen | StrEnum):
        heading = "refusal-codes" if annotation is RefusalCode else annotation.__name__.lower()
        return f"[{annotation.__name__}](#{heading})"
    return _PLAIN[annotation]


_PLAIN: Final[dict[type, str]] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
    datetime: "time",
    time: "time of day",
    SecretStr: "string, secret",
}


def _bounds(field: FieldInfo) -> str:
    """Say the bounds that the codec checks; a room's own limits are told in `welcome`."""
    parts = [field.annotation, *(get_args(field.annotation) if _is_union(field.annotation) else ())]
    outer = [rule for part in parts if get_origin(part) is Annotated for rule in get_args(part)[1:]]
    nested = [rule for held in outer for rule in (held.metadata if isinstance(held, FieldInfo) else [held])]
    counted = "items" if any(get_origin(_bare(part)) is tuple for part in parts) else "characters"
    said = ""
    for rule in (*field.metadata, *nested):
        shortest: object = getattr(rule, "min_length", None)
        longest: object = getattr(rule, "max_length", None)
        least: object = getattr(rule, "ge", None)
        most: object = getattr(rule, "le", None)
        if longest is not None:
            said += f", {shortest} to {longest} {counted}" if shortest is not None else f", at most {longest} {counted}"
        said += f", at least {least}" if least is not None else ""
        said += f", at most {most}" if most is not None else ""
    return said


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _bare(annotation: object) -> object:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: object = field.default
    if isinstance(default, Frozen):
        return "its defaults"
    if isinstance(default, tuple):
        return ", ".join(_type_text(type(value)) for value in default) or "`[]`"
    return f"`{json.dumps(default)}`"


def _codes(kind: type[StrEnum | IntEnum]) -> str:
    docs = field_docs(kind)
    names = [(f"| `{code.value}` |" + (f" {code.name.lower()} |" if kind is CloseCode else ""), code) for code in kind]
    return "\n".join(f"{shown} {docs[code.name]} |" for shown, code in names)


def _listed(kind: type[StrEnum]) -> str:
    docs = field_docs(kind)
    about = inspect.cleandoc(kind.__doc__ or "")
    lines = [f"- `{code.value}`" + (f": {docs[code.name]}" if code.name in docs else "") for code in kind]
    return "\n\n".join(part for part in (f"### {kind.__name__}", about, "\n".join(lines)) if part)


def _may_lack(field: FieldInfo) -> bool:
    """Tell whether the server leaves the field out at times: what is None, and what is empty where that is usual."""
    return field.default is None or field.exclude_if is not None


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/$defs/{name}"}


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value


def main(arguments: list[str]) -> int:
    match arguments:
        case ["--json"]:
            sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
        case ["--markdown"]:
            sys.stdout.write(markdown())
        case ["--typescript"]:
            sys.stdout.write(typescript())
        case _:
            sys.stderr.write("usage: python -m multiplayer.protocol.schema --json|--markdown|--typescript\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
