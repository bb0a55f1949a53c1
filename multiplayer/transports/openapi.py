"""OpenAPI 3.1 of the registry: every operation that is routed stands here, with the very models it checks."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import JsonValue, TypeAdapter

from multiplayer.transports.problems import MEDIA_TYPE, Problem
from multiplayer.transports.routes import Access, Operation
from multiplayer.transports.tools_api import JOB_ID
from multiplayer.transports.workspace_sync_api import CHECKSUM

Schema = dict[str, JsonValue]
_REFS = "#/components/schemas/{model}"
_KEY: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "description": "Makes the command idempotent: the same key again is the same event.",
}
_ULID: Schema = {"type": "string", "format": "ulid"}
_OTHER_PLACES: Mapping[str, Schema] = {
    "job_id": {"type": "string", "pattern": JOB_ID},
    "checksum": {"type": "string", "pattern": CHECKSUM},
}
"""What stands in a path and is no ULID."""
_json = TypeAdapter[JsonValue](JsonValue)


def openapi(operations: Sequence[Operation], *, version: str) -> bytes:
    """Return the document as JSON."""
    schemas, components = _schemas(operations)
    paths: dict[str, JsonValue] = {}
    for operation in operations:
        methods = paths.setdefault(operation.path, {})
        assert isinstance(methods, dict), "made here"
        methods[operation.method.lower()] = _operation(operation, schemas, components)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Multiplayer",
            "version": version,
            "description": "Rooms for people and AI members. Everything here can be done over the WebSocket at /ws too.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "multiplayer",
                    "description": "Changes also need X-CSRF-Token and our own Origin. Over TLS: __Host-multiplayer.",
                },
            },
        },
    }
    return _json.dump_json(document)


def _schemas(operations: Sequence[Operation]) -> tuple[Mapping[tuple[str, str], JsonValue], Schema]:
    """Return the schema of each body, query and answer by (role, method and path), and what they refer to."""
    inputs: list[tuple[str, TypeAdapter[object]]] = [("problem", TypeAdapter[object](Problem))]
    for operation in operations:
        name = _name(operation)
        for role, adapter in (
            ("body", operation.body_adapter),
            ("query", operation.query_adapter),
            ("answer", operation.answer_adapter),
        ):
            if adapter is not None:
                inputs.append((f"{role} {name}", adapter))
    # As input: what has a default is left out of an answer too when it is null.
    found, shared = TypeAdapter.json_schemas(
        [(key, "validation", adapter) for key, adapter in inputs], ref_template=_REFS
    )
    components = _json.validate_python(shared.get("$defs", {}))
    assert isinstance(components, dict), "definitions by name"
    by_key = {
        (role, name): _json.validate_python(schema)
        for (key, _), schema in found.items()
        for role, _, name in [key.partition(" ")]
    }
    for operation in operations:
        if operation.path.endswith("/commands"):
            _add_key(by_key["body", _name(operation)], components)
    return by_key, components


def _add_key(union: JsonValue, components: Schema) -> None:
    """A command's `key` stands beside its own fields."""
    assert isinstance(union, dict), "a union"
    kinds = union["oneOf"]
    assert isinstance(kinds, list), "of commands"
    for kind in kinds:
        command = components[_model_of(kind)]
        assert isinstance(command, dict), "a model"
        properties = command["properties"]
        assert isinstance(properties, dict), "by name"
        properties["key"] = _KEY
        # What tells the commands apart has a default in the model, but must be said.
        required = command.get("required", [])
        assert isinstance(required, list), "names"
        command["required"] = ["type", *[name for name in required if name != "type"]]


def _model_of(schema: JsonValue) -> str:
    assert isinstance(schema, dict), "a reference"
    return str(schema["$ref"]).rpartition("/")[2]


def _name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _operation(operation: Operation, schemas: Mapping[tuple[str, str], JsonValue], components: Schema) -> Schema:
    name = _name(operation)
    parameters: list[JsonValue] = [
        {"name": place, "in": "path", "required": True, "schema": _OTHER_PLACES.get(place, _ULID)}
        for place in operation.places
    ]
    query = schemas.get(("query", name))
    if query is not None:
        parameters += _query_parameters(components[_model_of(query)])
    responses: Schema = {}
    answer = schemas.get(("answer", name))
    said: Schema = {"description": HTTPStatus(operation.status).phrase}
    if operation.status != HTTPStatus.NO_CONTENT:
        types = [media.strip() for media in operation.answers_with.split(",")]
        said["content"] = {media: {"schema": answer} if answer is not None else {} for media in types}
    responses[str(operation.status)] = said
    responses["default"] = {
        "description": "Refused; `code` says why.",
        "content": {MEDIA_TYPE: {"schema": schemas["problem", ""]}},
    }
    made: Schema = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "description": _who(operation),
        "tags": [_tag(operation)],
        "parameters": parameters,
        "responses": responses,
        "security": _security(operation),
    }
    body = schemas.get(("body", name))
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    elif operation.raw_body:
        content: Schema = {media: {"schema": {"type": "string"}} for media in operation.raw_body}
        made["requestBody"] = {"required": False, "content": content}
    return made


def _query_parameters(query: JsonValue) -> list[JsonValue]:
    assert isinstance(query, dict), "a model"
    properties = query.get("properties")
    assert isinstance(properties, dict), "with fields"
    required = query.get("required", [])
    assert isinstance(required, list), "names"
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in properties.items()
    ]


def _operation_id(operation: Operation) -> str:
    words = operation.path.replace("{", "").replace("}", "").replace(".", "_").replace("-", "_").strip("/").split("/")
    return "_".join([operation.method.lower(), *[word for word in words if word not in {"api", "v1", ""}]])


def _tag(operation: Operation) -> str:
    words = [word for word in operation.path.strip("/").split("/") if word not in {"api", "v1", ""}]
    return words[0] if operation.path.startswith("/api/v1/") and words else "server"


def _who(operation: Operation) -> str:
    who = f"For: {operation.access.value}."
    return f"{who} Needs the right to {operation.right.value}." if operation.right is not None else who


def _security(operation: Operation) -> list[JsonValue]:
    known: list[JsonValue] = [{"bearer": []}, {"cookie": []}]
    match operation.access:
        case Access.OPEN:
            return []
        case Access.OPTIONAL:
            return [*known, {}]
        case _:
            return known
