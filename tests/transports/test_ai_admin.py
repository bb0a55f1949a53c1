"""AI accounts over HTTP: an operator's whole way, and what no answer ever holds."""

from collections.abc import AsyncIterator

import httpx
import jsonschema
import pytest
from ulid import ULID

from multiplayer.protocol.codec import JsonObject
from multiplayer.protocol.errors import RefusalCode
from multiplayer.transports.ai_admin_api import AI_ADMIN_API
from multiplayer.transports.routes import Operation
from tests.support.provider import Provider, answers, provider
from tests.support.server import Known, RunningServer

KEY = "sk-canary-0123456789abcdef"
ALL = "/api/v1/admin/ai"


@pytest.fixture
async def operator(server: RunningServer) -> Known:
    await server.pod.lobby.ensure_built_ins()
    return await server.know("olga", is_operator=True)


@pytest.fixture
async def stand_in() -> AsyncIterator[Provider]:
    async with provider() as stand_in:
        yield stand_in


async def made(server: RunningServer, by: Known, **fields: object) -> JsonObject:
    body = {"handle": f"ai{ULID()!s}".lower()[:28], "name": "Helper", "provider": "demo", **fields}
    answer = await server.http.post(ALL, json=body, headers=by.bearer)
    assert answer.status_code == 201, answer.text
    view: JsonObject = answer.json()
    return view


def profile_in(view: JsonObject) -> JsonObject:
    profile = view["profile"]
    assert isinstance(profile, dict)
    return profile


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_profile_is_made_read_changed_and_listed(server: RunningServer, operator: Known) -> None:
    view = await made(server, operator, persona="brief", fallbacks=["ai"])
    one = f"{ALL}/{view['account_id']}"
    assert (await server.http.get(one, headers=operator.bearer)).json() == view
    profile = {**profile_in(view), "persona": "long", "name": "Big Helper"}
    changed = await server.http.put(one, json={"profile": profile, "version": 1}, headers=operator.bearer)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.json()["profile"]["persona"] == "long"
    late = await server.http.put(one, json={"profile": profile, "version": 1}, headers=operator.bearer)
    assert code_of(late) == (409, "conflict")
    assert "read it again" in late.json()["detail"]
    listed = (await server.http.get(ALL, headers=operator.bearer)).json()["profiles"]
    assert changed.json() in listed
    assert "ai" in [each["profile"]["handle"] for each in listed]
    # To everyone else it is an account like others, under its new name.
    accounts = (await server.http.get("/api/v1/admin/accounts", headers=operator.bearer)).json()["accounts"]
    names = {each["account"]["id"]: each["account"]["display_name"] for each in accounts}
    assert names[view["account_id"]] == "Big Helper"


async def test_what_cannot_be_is_refused_by_status_and_sentence(server: RunningServer, operator: Known) -> None:
    view = await made(server, operator)
    handle = profile_in(view)["handle"]
    one = f"{ALL}/{view['account_id']}"
    asked: list[tuple[dict[str, object], int]] = [
        ({"handle": handle, "name": "x"}, 409),
        ({"handle": "all", "name": "x"}, 409),
        ({"handle": "Upper", "name": "x"}, 400),
        ({"handle": "fine", "name": "x", "provider": "nlweb"}, 400),
        ({"handle": "fine", "name": "x", "key": KEY}, 400),
        ({"handle": "fine", "name": "x", "api_key": KEY}, 400),
        ({"handle": "fine", "name": "x", "fallbacks": ["nobody"]}, 409),
        ({"handle": "fine", "name": "x", "provider": "nlweb", "base_url": f"https://u:{KEY}@a.example"}, 400),
    ]
    for body, status in asked:
        answer = await server.http.post(ALL, json=body, headers=operator.bearer)
        assert answer.status_code == status, body
        assert KEY not in answer.text
    nobody = f"{ALL}/{ULID()}"
    requests: list[tuple[str, str, object]] = [
        ("GET", nobody, None),
        ("PUT", nobody, {"profile": profile_in(view), "version": 1}),
        ("POST", f"{nobody}/disable", None),
        ("PUT", f"{nobody}/key", {"key": KEY}),
        ("DELETE", f"{nobody}/key", None),
        ("POST", f"{nobody}/test", None),
        ("GET", f"{ALL}/..%2f..%2fsecrets", None),
    ]
    for method, path, sent in requests:
        answer = await server.http.request(method, path, json=sent, headers=operator.bearer)
        assert answer.status_code == 404, (method, path)
    assert code_of(await server.http.put(f"{one}/key", json={"key": KEY}, headers=operator.bearer)) == (409, "conflict")


async def test_an_ai_made_as_a_plain_account_has_the_profile_that_changes_nothing(
    server: RunningServer, operator: Known
) -> None:
    handle = f"ai{ULID()!s}".lower()
    body = {"handle": handle, "kind": "ai", "display_name": "y" * 80}
    account = await server.http.post("/api/v1/admin/accounts", json=body, headers=operator.bearer)
    assert account.status_code == 201
    view = await server.http.get(f"{ALL}/{account.json()['account']['id']}", headers=operator.bearer)
    assert (view.json()["profile"]["provider"], view.json()["profile"]["name"]) == ("auto", "y" * 64)


async def test_an_ai_is_disabled_and_enabled_once(server: RunningServer, operator: Known) -> None:
    one = f"{ALL}/{(await made(server, operator))['account_id']}"
    for act, is_disabled in (("disable", True), ("enable", False)):
        answer = await server.http.post(f"{one}/{act}", headers=operator.bearer)
        assert (answer.status_code, answer.json().get("is_disabled")) == (200, is_disabled)
        again = await server.http.post(f"{one}/{act}", headers=operator.bearer)
        assert code_of(again) == (409, RefusalCode.NO_CHANGE)


async def test_a_key_goes_in_by_the_body_to_its_provider_and_never_out(
    server: RunningServer, operator: Known, stand_in: Provider
) -> None:
    view = await made(server, operator, provider="openai_compatible", model="m", base_url=stand_in.base_url)
    one = f"{ALL}/{view['account_id']}"
    said = [await server.http.put(f"{one}/key", json={"key": KEY}, headers=operator.bearer)]
    assert (said[0].status_code, said[0].json()["has_key"]) == (200, True)
    for bad in ("", "two words", "x" * 4_001):
        answer = await server.http.put(f"{one}/key", json={"key": bad}, headers=operator.bearer)
        assert code_of(answer) == (400, "malformed")
    stand_in.enqueue(answers(f"I am {KEY}"))
    tested = await server.http.post(f"{one}/test", headers=operator.bearer)
    assert (tested.status_code, tested.json()["is_ok"], tested.json()["model"]) == (200, True, "m")
    assert "m answers; the first word came after" in tested.json()["said"]
    assert stand_in.requests[0].authorization == f"Bearer {KEY}"
    paths = (ALL, one, "/api/v1/admin/audit?limit=1000", "/api/v1/health", "/openapi.json")
    said += [await server.http.get(path, headers=operator.bearer) for path in paths]
    removed = await server.http.delete(f"{one}/key", headers=operator.bearer)
    assert (removed.status_code, removed.json()["has_key"]) == (200, False)
    assert all(KEY not in answer.text for answer in [*said, tested, removed])
    assert all(KEY not in str(request.body) for request in stand_in.requests)


async def test_what_does_not_answer_is_told_in_a_sentence(server: RunningServer, operator: Known) -> None:
    view = await made(server, operator, provider="openai_compatible", model="m", base_url="http://127.0.0.1:1/v1")
    tested = await server.http.post(f"{ALL}/{view['account_id']}/test", headers=operator.bearer)
    assert tested.status_code == 200
    assert tested.json() == {"is_ok": False, "said": "The AI provider cannot be reached.", "model": "m"}
    keyless = await made(server, operator, provider="deepseek")
    assert "it has no key" in str(keyless["problem"])
    tested = await server.http.post(f"{ALL}/{keyless['account_id']}/test", headers=operator.bearer)
    assert "it has no key" in tested.json()["said"]


async def test_every_act_is_in_the_trail_with_who_did_it(server: RunningServer, operator: Known) -> None:
    view = await made(server, operator, provider="openai_compatible", model="m", base_url="http://127.0.0.1:1/v1")
    one = f"{ALL}/{view['account_id']}"
    await server.http.put(f"{one}/key", json={"key": KEY}, headers=operator.bearer)
    await server.http.delete(f"{one}/key", headers=operator.bearer)
    await server.http.post(f"{one}/disable", headers=operator.bearer)
    entries = (await server.http.get("/api/v1/admin/audit?limit=1000", headers=operator.bearer)).json()["entries"]
    mine = [entry for entry in entries if entry["subject"] == view["account_id"]]
    assert [entry["action"] for entry in mine] == ["ai_created", "ai_key_set", "ai_key_removed", "ai_disabled"]
    assert {(entry["actor_id"], entry["origin"]) for entry in mine} == {(operator.id, "http")}


async def test_answers_are_what_the_document_says(server: RunningServer, operator: Known) -> None:
    document = (await server.http.get("/openapi.json")).json()
    view = await made(server, operator, persona="brief")
    for path, answer in (
        (ALL, await server.http.get(ALL, headers=operator.bearer)),
        (f"{ALL}/{{account_id}}", await server.http.get(f"{ALL}/{view['account_id']}", headers=operator.bearer)),
    ):
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


@pytest.mark.parametrize("operation", AI_ADMIN_API, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_none_of_it_is_for_anyone_but_operators(server: RunningServer, operation: Operation) -> None:
    alice = await server.know("alice")
    path = operation.path.replace("{account_id}", str(ULID()))
    answer = await server.http.request(operation.method, path, json={}, headers=alice.bearer)
    assert code_of(answer) == (403, "forbidden")


async def test_an_ai_is_removed_when_it_is_in_no_room(server: RunningServer, operator: Known) -> None:
    view = await made(server, operator)
    handle, one = profile_in(view)["handle"], f"{ALL}/{view['account_id']}"
    room = (await server.http.post("/api/v1/rooms", json={"name": "removal"}, headers=operator.bearer)).json()
    members = f"/api/v1/rooms/{room['room']['id']}/members"
    added = await server.http.post(members, json={"handle": handle}, headers=operator.bearer)
    assert added.is_success, added.text
    refused = await server.http.delete(one, headers=operator.bearer)
    assert code_of(refused) == (409, "conflict")
    assert refused.json()["detail"].endswith("is a member of a room: take it out of there first, or disable it instead")
    taken_out = await server.http.delete(f"{members}/{view['account_id']}", headers=operator.bearer)
    assert taken_out.is_success, taken_out.text
    assert (await server.http.delete(one, headers=operator.bearer)).status_code == 204
    assert code_of(await server.http.get(one, headers=operator.bearer)) == (404, "not_found")
    assert code_of(await server.http.delete(one, headers=operator.bearer)) == (404, "not_found")
