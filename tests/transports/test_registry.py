"""Every operation of the registry: documented, guarded, and able to say what is wrong with its input."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import jsonschema
import pytest
from ulid import ULID

from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.members import Role
from multiplayer.transports.app import operations
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.problems import STATUS, Problem
from multiplayer.transports.routes import Access, Operation
from tests.support.server import Known, RunningServer, running_server

CONFIG = HttpConfig(logins_per_address_per_min=100_000, tickets_per_account_per_min=100_000)
ALL = operations(CONFIG)
WITH_BODY = [operation for operation in ALL if operation.body_adapter is not None]
IN_ROOM = [operation for operation in ALL if "{room_id}" in operation.path]

# What an owner's request needs so that only rights can refuse it. An operation without a row here fails its test.
BODIES: dict[str, dict[str, object]] = {
    "POST /api/v1/sessions": {"link": "ml_x"},
    "PUT /api/v1/me/password": {"new": "a long password"},
    "POST /api/v1/me/tokens": {},
    "POST /api/v1/rooms": {"name": "room"},
    "POST /api/v1/rooms/direct": {"handles": ["ai"]},
    "PATCH /api/v1/rooms/{room_id}": {"topic": "new"},
    "POST /api/v1/rooms/{room_id}/commands": {"type": "post_message", "text": "hello"},
    "POST /api/v1/rooms/{room_id}/members": {"handle": "nobody-of-this-name"},
    "PATCH /api/v1/rooms/{room_id}/members/{account_id}": {"role": "guest"},
    "POST /api/v1/rooms/{room_id}/invites": {"role": "guest"},
    "POST /api/v1/invites/preview": {"code": "mi_x"},
    "POST /api/v1/invites/accept": {"code": "mi_x"},
    "POST /api/v1/stream/{session_id}": {"type": "ping", "id": "1"},
    "POST /api/v1/admin/accounts": {"handle": "someone"},
    "POST /api/v1/admin/accounts/{account_id}/erasure": {"handle": "someone"},
    "POST /api/v1/me/erasure": {"handle": "someone"},
    "POST /api/v1/rooms/{room_id}/triggers/dry-run": {"triggers": []},
    "POST /api/v1/rooms/{room_id}/estimate": {"text": "hello"},
    "POST /api/v1/rooms/{room_id}/hooks": {"rule_id": "no-such-rule"},
    "PUT /api/v1/admin/budget": {"total": {"tokens_per_day": 1_000_000}},
    "POST /api/v1/admin/ai": {"handle": "helper", "name": "Helper"},
    "PUT /api/v1/admin/ai/{account_id}": {"profile": {"handle": "helper", "name": "Helper"}, "version": 1},
    "PUT /api/v1/admin/ai/{account_id}/key": {"key": "k"},
    "POST /api/v1/rooms/{room_id}/uploads": {"name": "a.txt", "size": 1},
    "POST /api/v1/rooms/{room_id}/workspace/move": {"source": "nothing.txt", "destination": "else.txt"},
    "POST /api/v1/rooms/{room_id}/workspace/contents/missing": {"sha256s": ["0" * 64]},
    "POST /api/v1/rooms/{room_id}/workspace/changes": {
        "changes": [{"type": "remove", "path": "nothing.txt", "expected": "0" * 64}]
    },
}

# What must be asked for in the query.
QUERIES: dict[str, str] = {
    "GET /api/v1/search": "?q=x",
    "POST /api/v1/rooms/{room_id}/files": "?name=a.txt",
    "GET /api/v1/rooms/{room_id}/workspace/file": "?path=nothing.txt",
    "PUT /api/v1/rooms/{room_id}/workspace/file": "?path=made.txt",
    "DELETE /api/v1/rooms/{room_id}/workspace/file": "?path=nothing.txt",
    "GET /api/v1/rooms/{room_id}/workspace/diff": f"?before={'0' * 64}&after={'1' * 64}",
}

# What whoever may is answered, exactly: the status, and the code where what the request names is not there.
_OK, _MADE, _MISSING = (200, None), (201, None), (404, "not_found")
ANSWERS: dict[str, tuple[int, str | None]] = {
    "GET /api/v1/rooms/{room_id}": _OK,
    "PATCH /api/v1/rooms/{room_id}": _OK,
    "POST /api/v1/rooms/{room_id}/commands": _OK,
    "GET /api/v1/rooms/{room_id}/unread": _OK,
    "GET /api/v1/rooms/{room_id}/members": _OK,
    "POST /api/v1/rooms/{room_id}/members": _MISSING,
    "DELETE /api/v1/rooms/{room_id}/members/{account_id}": _MISSING,
    "PATCH /api/v1/rooms/{room_id}/members/{account_id}": _MISSING,
    "GET /api/v1/rooms/{room_id}/invites": _OK,
    "POST /api/v1/rooms/{room_id}/invites": _MADE,
    "DELETE /api/v1/rooms/{room_id}/invites/{invite_id}": _MISSING,
    "GET /api/v1/rooms/{room_id}/files": _OK,
    "POST /api/v1/rooms/{room_id}/files": _MADE,
    "POST /api/v1/rooms/{room_id}/uploads": _MADE,
    "GET /api/v1/rooms/{room_id}/events": _OK,
    "GET /api/v1/rooms/{room_id}/messages": _OK,
    "GET /api/v1/rooms/{room_id}/messages/{message_id}": _MISSING,
    "GET /api/v1/rooms/{room_id}/messages/{message_id}/replay": _MISSING,
    "GET /api/v1/rooms/{room_id}/messages/{message_id}/explain": _MISSING,
    "GET /api/v1/rooms/{room_id}/turns": _OK,
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}": _MISSING,
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}/replay": _MISSING,
    "POST /api/v1/rooms/{room_id}/triggers/dry-run": _OK,
    "GET /api/v1/rooms/{room_id}/context": _OK,
    "POST /api/v1/rooms/{room_id}/estimate": _OK,
    "GET /api/v1/rooms/{room_id}/summaries": _OK,
    "GET /api/v1/rooms/{room_id}/facts": _OK,
    "GET /api/v1/rooms/{room_id}/catch-up": _OK,
    "GET /api/v1/rooms/{room_id}/usage": _OK,
    "GET /api/v1/rooms/{room_id}/retention": _OK,
    "GET /api/v1/rooms/{room_id}/hooks": _OK,
    "POST /api/v1/rooms/{room_id}/hooks": _MISSING,
    "DELETE /api/v1/rooms/{room_id}/hooks/{hook_id}": _MISSING,
    "GET /api/v1/rooms/{room_id}/audit": _OK,
    "GET /api/v1/rooms/{room_id}/workspace": _OK,
    "GET /api/v1/rooms/{room_id}/workspace/file": _MISSING,
    "PUT /api/v1/rooms/{room_id}/workspace/file": _OK,
    "DELETE /api/v1/rooms/{room_id}/workspace/file": _MISSING,
    "POST /api/v1/rooms/{room_id}/workspace/move": _MISSING,
    "GET /api/v1/rooms/{room_id}/workspace/diff": _MISSING,
    "GET /api/v1/rooms/{room_id}/workspace/tree": _OK,
    "GET /api/v1/rooms/{room_id}/workspace/contents/{checksum}": _MISSING,
    "POST /api/v1/rooms/{room_id}/workspace/contents/missing": _OK,
    "PUT /api/v1/rooms/{room_id}/workspace/contents/{checksum}": _MISSING,
    "POST /api/v1/rooms/{room_id}/workspace/changes": _OK,
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}/changes": _MISSING,
    "GET /api/v1/rooms/{room_id}/tools": _OK,
    "GET /api/v1/rooms/{room_id}/jobs": _OK,
    "GET /api/v1/rooms/{room_id}/jobs/{job_id}": _MISSING,
    "DELETE /api/v1/rooms/{room_id}/jobs/{job_id}": _MISSING,
}

# Who may, by role; whoever may not is answered 403.
_ADMINS = {Role.OWNER: True, Role.ADMIN: True, Role.MEMBER: False, Role.GUEST: False}
_NOT_GUESTS = {Role.OWNER: True, Role.ADMIN: True, Role.MEMBER: True, Role.GUEST: False}
_ALL = dict.fromkeys(_ADMINS, True)
_OWNERS = {**dict.fromkeys(_ADMINS, False), Role.OWNER: True}
ROLES: dict[str, dict[Role, bool]] = {
    "GET /api/v1/rooms/{room_id}": dict.fromkeys(_ADMINS, True),
    "PATCH /api/v1/rooms/{room_id}": _ADMINS,
    "POST /api/v1/rooms/{room_id}/commands": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/unread": dict.fromkeys(_ADMINS, True),
    "GET /api/v1/rooms/{room_id}/members": dict.fromkeys(_ADMINS, True),
    "POST /api/v1/rooms/{room_id}/members": _ADMINS,
    "DELETE /api/v1/rooms/{room_id}/members/{account_id}": _ADMINS,
    "PATCH /api/v1/rooms/{room_id}/members/{account_id}": dict.fromkeys(_ADMINS, True),
    "GET /api/v1/rooms/{room_id}/invites": _ADMINS,
    "POST /api/v1/rooms/{room_id}/invites": _ADMINS,
    "DELETE /api/v1/rooms/{room_id}/invites/{invite_id}": _ADMINS,
    "GET /api/v1/rooms/{room_id}/files": dict.fromkeys(_ADMINS, True),
    "POST /api/v1/rooms/{room_id}/files": _NOT_GUESTS,
    "POST /api/v1/rooms/{room_id}/uploads": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/events": dict.fromkeys(_ADMINS, True),
    "GET /api/v1/rooms/{room_id}/messages": dict.fromkeys(_ADMINS, True),
    "GET /api/v1/rooms/{room_id}/messages/{message_id}": dict.fromkeys(_ADMINS, True),
    "GET /api/v1/rooms/{room_id}/messages/{message_id}/replay": _ALL,
    "GET /api/v1/rooms/{room_id}/messages/{message_id}/explain": _ALL,
    "GET /api/v1/rooms/{room_id}/turns": _ALL,
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}": _ALL,
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}/replay": _ALL,
    "POST /api/v1/rooms/{room_id}/triggers/dry-run": _ALL,
    "GET /api/v1/rooms/{room_id}/context": _ALL,
    "POST /api/v1/rooms/{room_id}/estimate": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/summaries": _ALL,
    "GET /api/v1/rooms/{room_id}/facts": _ALL,
    "GET /api/v1/rooms/{room_id}/catch-up": _ALL,
    "GET /api/v1/rooms/{room_id}/usage": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/retention": _OWNERS,
    "GET /api/v1/rooms/{room_id}/hooks": _ADMINS,
    "POST /api/v1/rooms/{room_id}/hooks": _ADMINS,
    "DELETE /api/v1/rooms/{room_id}/hooks/{hook_id}": _ADMINS,
    "GET /api/v1/rooms/{room_id}/audit": _ADMINS,
    "GET /api/v1/rooms/{room_id}/workspace": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/workspace/file": _NOT_GUESTS,
    "PUT /api/v1/rooms/{room_id}/workspace/file": _NOT_GUESTS,
    "DELETE /api/v1/rooms/{room_id}/workspace/file": _NOT_GUESTS,
    "POST /api/v1/rooms/{room_id}/workspace/move": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/workspace/diff": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/workspace/tree": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/workspace/contents/{checksum}": _NOT_GUESTS,
    "POST /api/v1/rooms/{room_id}/workspace/contents/missing": _NOT_GUESTS,
    "PUT /api/v1/rooms/{room_id}/workspace/contents/{checksum}": _NOT_GUESTS,
    "POST /api/v1/rooms/{room_id}/workspace/changes": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}/changes": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/tools": _ALL,
    "GET /api/v1/rooms/{room_id}/jobs": _NOT_GUESTS,
    "GET /api/v1/rooms/{room_id}/jobs/{job_id}": _NOT_GUESTS,
    "DELETE /api/v1/rooms/{room_id}/jobs/{job_id}": _ALL,
}


def name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@dataclass(frozen=True)
class Town:
    """A room with a member of each role, a stranger, and a room that is not there."""

    server: RunningServer
    room_id: str
    members: dict[Role, Known]
    stranger: Known

    async def call(
        self,
        operation: Operation,
        headers: dict[str, str],
        *,
        room_id: str | None = None,
        body: bytes | None = None,
        query: str = "",
    ) -> httpx.Response:
        path = operation.path.replace("{room_id}", room_id or self.room_id)
        path = re.sub(r"\{\w+\}", lambda _: str(ULID()), path)
        query = query or QUERIES.get(name(operation), "")
        if operation.body_adapter is None:
            return await self.server.http.request(operation.method, path + query, headers=headers)
        if body is None:
            return await self.server.http.request(
                operation.method, path + query, headers=headers, json=BODIES[name(operation)]
            )
        typed = {**headers, "Content-Type": "application/json"}
        return await self.server.http.request(operation.method, path + query, headers=typed, content=body)


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with running_server(tmp_path_factory.mktemp("workspaces"), config=CONFIG) as server:
        owner = await server.know("olga")
        members = {Role.OWNER: owner}
        room_id = await server.room(owner)
        for role, handle in ((Role.ADMIN, "adam"), (Role.MEMBER, "mary"), (Role.GUEST, "gus")):
            members[role] = await server.know(handle)
            await server.add(room_id, owner, members[role], role)
        yield Town(server, room_id, members, await server.know("stranger"))


def check_problem(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said = Problem.model_validate_json(answer.content)
    assert said.status == answer.status_code
    assert said.detail
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    return said


@pytest.mark.parametrize(
    "operation", [one for one in ALL if one.access not in {Access.OPEN, Access.OPTIONAL}], ids=name
)
async def test_nobody_gets_in_without_a_credential_or_with_a_wrong_one(town: Town, operation: Operation) -> None:
    wrong = [{}, {"Authorization": "Bearer mp_" + "x" * 43}, {"Authorization": "Basic eDp5"},
             {"Authorization": "Bearer"}, {"Cookie": "multiplayer=ms_x"},
             {"Cookie": f"multiplayer={town.members[Role.OWNER].token}"}]  # fmt: skip
    for headers in wrong:
        answer = await town.call(operation, headers)
        assert (answer.status_code, check_problem(answer).code) == (401, "unauthenticated"), headers
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", IN_ROOM, ids=name)
async def test_a_room_of_others_looks_exactly_like_one_that_is_not_there(town: Town, operation: Operation) -> None:
    others = await town.call(operation, town.stranger.bearer)
    nowhere = await town.call(operation, town.stranger.bearer, room_id=str(ULID()))
    nonsense = await town.call(operation, town.stranger.bearer, room_id="no-room%00")
    assert others.status_code == 404
    assert others.content == nowhere.content == nonsense.content
    check_problem(others)


@pytest.mark.parametrize("operation", IN_ROOM, ids=name)
@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST], ids=str)
async def test_each_role_may_do_what_the_table_says_and_nothing_more(
    town: Town, operation: Operation, role: Role
) -> None:
    may = ROLES[name(operation)][role]
    answer = await town.call(operation, town.members[role].bearer)
    status, code = ANSWERS[name(operation)] if may else (403, "forbidden")
    assert answer.status_code == status, answer.text
    if code is not None:
        assert check_problem(answer).code == code


@pytest.mark.parametrize("operation", [one for one in ALL if one.access is Access.OPERATOR], ids=name)
async def test_only_operators_administer(town: Town, operation: Operation) -> None:
    answer = await town.call(operation, town.members[Role.OWNER].bearer)
    assert answer.status_code == 403
    check_problem(answer)


@pytest.mark.parametrize("operation", WITH_BODY, ids=name)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":1,"a":2}', b'{"no_such_field":NaN}', b'{"no_such_field":1}',
     b"[" * 5_000, b'{"x":"\\ud800"}', b'{"x":"\\u0000"}', b'{"x":' + b"9" * 5_000 + b"}"],
)  # fmt: skip
async def test_a_bad_body_is_a_problem_by_name(town: Town, operation: Operation, body: bytes) -> None:
    operator = await town.server.know("operator", is_operator=True)
    answer = await town.call(operation, operator.bearer, body=body)
    assert (answer.status_code, check_problem(answer).code) == (400, "malformed"), answer.text


@pytest.mark.parametrize("operation", WITH_BODY, ids=name)
async def test_a_body_of_the_wrong_type_or_too_big_is_refused(town: Town, operation: Operation) -> None:
    operator = await town.server.know("operator", is_operator=True)
    most = operation.body_bytes or 65_536
    big = await town.call(operation, operator.bearer, body=b'{"x":"' + b"y" * most + b'"}')
    assert (big.status_code, check_problem(big).code) == (413, "too_big")
    path = re.sub(r"\{\w+\}", lambda _: str(ULID()), operation.path)
    plain = await town.server.http.request(
        operation.method, path, headers={**operator.bearer, "Content-Type": "text/plain"}, content=b"{}"
    )
    assert plain.status_code == 415
    check_problem(plain)


async def test_a_body_that_does_not_say_how_long_it_is_is_counted_while_it_comes(town: Town) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"link":"'
        for _ in range(40):
            yield b"x" * 4_000
        yield b'"}'

    answer = await town.server.http.post(
        "/api/v1/sessions", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("operation", ALL, ids=name)
async def test_an_unknown_or_doubled_query_is_refused(town: Town, operation: Operation) -> None:
    operator = await town.server.know("operator", is_operator=True)
    headers = operator.bearer
    for query in ("?token=secret", "?q=a&q=b", "?q=%00"):
        answer = await town.call(operation, headers, query=query)
        assert (answer.status_code, check_problem(answer).code) == (400, "malformed")
        assert "secret" not in answer.text


@pytest.mark.parametrize("operation", ALL, ids=name)
async def test_a_method_nobody_knows_is_405_and_names_those_that_are(town: Town, operation: Operation) -> None:
    path = re.sub(r"\{\w+\}", lambda _: str(ULID()), operation.path)
    for method in ("OPTIONS", "TRACE"):
        answer = await town.server.http.request(method, path)
        assert answer.status_code == 405
        assert operation.method in answer.headers["allow"]
        check_problem(answer)


async def test_what_is_not_there_is_a_problem_too(town: Town) -> None:
    for path in ("/nothing", "/api/v1/", "/api/v1/rooms/", "/ws", "/api/v1/rooms/%ff%fe", "/..%2f.."):
        answer = await town.server.http.get(path)
        assert answer.status_code in {401, 404}, path
        check_problem(answer)


async def test_every_operation_and_only_those_stand_in_the_openapi_document(town: Town) -> None:
    document = (await town.server.http.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert listed == {(operation.method, operation.path) for operation in ALL}
    ids = [about["operationId"] for methods in document["paths"].values() for about in methods.values()]
    assert len(set(ids)) == len(ids)


async def test_the_openapi_document_is_whole(town: Town) -> None:
    document = (await town.server.http.get("/openapi.json")).json()
    jsonschema.validate(document, OPENAPI_31)
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in re.findall(r'"\$ref":\s*"([^"]+)"', str(document).replace("'", '"')):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference


async def test_the_document_says_how_each_id_in_a_path_is_written(town: Town) -> None:
    document = (await town.server.http.get("/openapi.json")).json()
    for methods in document["paths"].values():
        for parameter in (one for about in methods.values() for one in about["parameters"] if one["in"] == "path"):
            if parameter["name"] == "job_id":
                # As `Jobs` makes them.
                jsonschema.validate(secrets.token_hex(5), parameter["schema"])
                assert not jsonschema.Draft202012Validator(parameter["schema"]).is_valid(str(ULID()))
            elif parameter["name"] == "checksum":
                jsonschema.validate(secrets.token_hex(32), parameter["schema"])
                assert not jsonschema.Draft202012Validator(parameter["schema"]).is_valid(str(ULID()))
            else:
                assert parameter["schema"] == {"type": "string", "format": "ulid"}


async def test_answers_are_what_the_document_says(town: Town) -> None:
    document = (await town.server.http.get("/openapi.json")).json()
    owner = town.members[Role.OWNER]
    for operation in ALL:
        if operation.method != "GET" or operation.answer_adapter is None or operation.access is Access.OPERATOR:
            continue
        answer = await town.call(operation, owner.bearer)
        if answer.status_code != operation.status:
            continue
        said = document["paths"][operation.path]["get"]["responses"][str(operation.status)]
        schema = said["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


def test_every_refusal_code_has_its_status() -> None:
    assert set(STATUS) == set(RefusalCode)
    assert set(STATUS.values()) <= {400, 401, 403, 404, 409, 413, 422, 429, 503}


# The part of the OpenAPI 3.1 schema that this document uses; the rest of it is not allowed here.
OPENAPI_31 = {
    "type": "object",
    "required": ["openapi", "info", "paths", "components"],
    "additionalProperties": False,
    "properties": {
        "openapi": {"pattern": r"^3\.1\.\d+$"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "properties": {"title": {"type": "string"}, "version": {"type": "string"}},
        },
        "components": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"schemas": {"type": "object"}, "securitySchemes": {"type": "object"}},
        },
        "paths": {
            "type": "object",
            "patternProperties": {
                "^/": {
                    "type": "object",
                    "propertyNames": {"enum": ["get", "post", "put", "patch", "delete"]},
                    "additionalProperties": {"$ref": "#/$defs/operation"},
                }
            },
            "additionalProperties": False,
        },
    },
    "$defs": {
        "content": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]+/[a-z+-]+$"},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"schema": {"type": "object"}},
            },
        },
        "operation": {
            "type": "object",
            "required": ["operationId", "summary", "responses"],
            "additionalProperties": False,
            "properties": {
                "operationId": {"pattern": "^[a-z_]+$"},
                "summary": {"type": "string", "minLength": 1},
                "description": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "security": {"type": "array", "items": {"type": "object"}},
                "parameters": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "in", "required", "schema"],
                        "properties": {"in": {"enum": ["path", "query"]}, "required": {"type": "boolean"}},
                    },
                },
                "requestBody": {
                    "type": "object",
                    "required": ["content"],
                    "properties": {"content": {"$ref": "#/$defs/content"}},
                },
                "responses": {
                    "type": "object",
                    "propertyNames": {"pattern": "^([1-5][0-9][0-9]|default)$"},
                    "minProperties": 2,
                    "additionalProperties": {
                        "type": "object",
                        "required": ["description"],
                        "additionalProperties": False,
                        "properties": {"description": {"type": "string"}, "content": {"$ref": "#/$defs/content"}},
                    },
                },
            },
        },
    },
}
