"""The AI over REST: what members and programs see of turns, prompts, rules and costs, and what they may not."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import cast

import httpx
import pytest

from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from tests.support.people import Person, person
from tests.support.server import Known, RunningServer, running_server

Json = dict[str, object]
_numbers = count()


class Talkative(ScriptedModel):
    """Answers each request with the same words."""

    def __init__(self) -> None:
        super().__init__([[Say("Certainly.")]] * 1_000)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path_factory.mktemp("workspaces"), model=Talkative()) as running:
        yield running


@pytest.fixture
async def alice(server: RunningServer) -> Known:
    return await server.know(f"alice-{next(_numbers)}")


@pytest.fixture
async def bob(server: RunningServer) -> Known:
    return await server.know(f"bob-{next(_numbers)}")


async def asked(someone: Person, room_id: RoomId, text: str) -> Json:
    """Post, and return the end of the turn that follows."""
    start = len(someone.heard)
    assert (await someone.post(room_id, text))["type"] == "accepted"
    return dict(await someone.expect_type("turn_ended", start=start))


async def get(server: RunningServer, known: Known, room_id: RoomId, path: str, **query: str | int) -> Json:
    answer = await server.http.get(f"/api/v1/rooms/{room_id}/{path}", headers=known.bearer, params=query)
    assert answer.status_code == 200, answer.text
    return cast("Json", answer.json())


async def post(server: RunningServer, known: Known, room_id: RoomId, path: str, body: object) -> httpx.Response:
    return await server.http.post(f"/api/v1/rooms/{room_id}/{path}", headers=known.bearer, json=body)


async def test_the_ais_one_may_invite_are_listed_without_keys_and_addresses(
    server: RunningServer, alice: Known
) -> None:
    operator = await server.know(f"op-{next(_numbers)}", is_operator=True)
    profile = {
        "handle": f"local{next(_numbers)}",
        "name": "Local",
        "provider": "openai_compatible",
        "model": "m",
        "base_url": "http://127.0.0.1:9/v1",
    }
    made = await server.http.post("/api/v1/admin/ai", json=profile, headers=operator.bearer)
    assert made.status_code == 201, made.text
    answer = await server.http.get("/api/v1/ai", headers=alice.bearer)
    offers = {offer["handle"]: offer for offer in answer.json()["ais"]}
    offer = offers[profile["handle"]]
    assert (offer["name"], offer["provider"], offer["model"]) == ("Local", "openai_compatible", "m")
    assert "127.0.0.1:9/v1" not in answer.text
    account_id = made.json()["account_id"]
    await server.http.post(f"/api/v1/admin/ai/{account_id}/disable", headers=operator.bearer)
    after = await server.http.get("/api/v1/ai", headers=alice.bearer)
    assert account_id not in after.text


async def test_a_turn_its_replay_and_its_explanation_over_rest(server: RunningServer, alice: Known) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, "websocket") as someone:
        await someone.join(room_id)
        ended = await asked(someone, room_id, "@ai hello there")
    turn = await get(server, alice, room_id, f"turns/{ended['turn_id']}")
    assert (turn["state"], turn["reason"], turn["message_id"]) == ("done", "mention", ended["message_id"])
    manifest = cast("Json", turn["manifest"])
    assert manifest["prompt_sha256"]
    replay = await get(server, alice, room_id, f"turns/{ended['turn_id']}/replay")
    assert (replay["is_equal"], replay["prompt_sha256"]) == (True, manifest["prompt_sha256"])
    assert "hello there" in str(replay["prompt"])
    assert await get(server, alice, room_id, f"messages/{ended['message_id']}/replay") == replay
    [message] = cast("list[str]", turn["messages"])
    explained = await get(server, alice, room_id, f"messages/{message}/explain")
    [caused] = cast("list[Json]", explained["turns"])
    assert (caused["turn_id"], caused["state"]) == (ended["turn_id"], "done")
    page = await get(server, alice, room_id, "turns", limit=1)
    assert [one["turn_id"] for one in cast("list[Json]", page["ended"])] == [ended["turn_id"]]


async def test_what_someone_else_may_read_of_a_turn_is_not_there_for_who_is_kept_from_it(
    server: RunningServer, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice)
    await server.http.patch(
        f"/api/v1/rooms/{room_id}", json={"settings": {"guests_see_history": False}}, headers=alice.bearer
    )
    async with person(server, alice, "websocket") as someone:
        await someone.join(room_id)
        ended = await asked(someone, room_id, "@ai the merger is on friday")
    await server.add(room_id, alice, bob, Role.GUEST)
    nowhere = await server.http.get(f"/api/v1/rooms/{room_id}/turns/01ARZ3NDEKTSV4RRFFQ69G5FAV", headers=bob.bearer)
    for path in (f"turns/{ended['turn_id']}", f"turns/{ended['turn_id']}/replay"):
        hidden = await server.http.get(f"/api/v1/rooms/{room_id}/{path}", headers=bob.bearer)
        assert (hidden.status_code, hidden.content) == (404, nowhere.content)
    assert (await get(server, bob, room_id, "turns")) == {"open": [], "ended": []}
    for path in ("context", "catch-up", "summaries", "facts"):
        assert "merger" not in str(await get(server, bob, room_id, path))


async def test_the_context_and_an_estimate_over_rest(server: RunningServer, alice: Known) -> None:
    room_id = await server.room(alice)
    context = await get(server, alice, room_id, "context")
    assert cast("int", context["tokens"]) < cast("int", context["budget_tokens"])
    ai_id = str(context["ai_id"])
    assert await get(server, alice, room_id, "context", ai=ai_id) == context
    estimate = await post(server, alice, room_id, "estimate", {"text": "hello", "ai_id": ai_id})
    assert estimate.status_code == 200
    assert estimate.json()["tokens_in"] > cast("int", context["tokens"])
    assert estimate.json()["breach"] == ""
    nobody = await post(server, alice, room_id, "estimate", {"text": "hello", "ai_id": alice.id})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")


async def test_a_dry_run_over_rest_reads_rules_like_the_settings_do(server: RunningServer, alice: Known) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, "websocket") as someone:
        said = await someone.post(room_id, "please deploy")
    rules = [{"type": "keyword", "id": "word", "words": ["deploy"]}]
    ran = await post(server, alice, room_id, "triggers/dry-run", {"triggers": rules})
    assert ran.status_code == 200, ran.text
    [firing] = ran.json()["firings"]
    assert (firing["message_id"], firing["rule_id"]) == (said["event_id"], "word")
    for wrong in ([{"type": "keyword", "id": "word", "words": []}], [{"type": "no", "id": "x"}], [*rules, *rules]):
        refused = await post(server, alice, room_id, "triggers/dry-run", {"triggers": wrong})
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


async def test_catching_up_over_rest_is_the_callers_own(server: RunningServer, alice: Known, bob: Known) -> None:
    room_id = await server.room(alice, bob)
    async with person(server, alice, "websocket") as someone:
        said = await someone.post(room_id, f"we decided to ship, @{bob.account.handle}")
    theirs = await get(server, bob, room_id, "catch-up")
    [mention] = cast("list[Json]", theirs["mentions"])
    assert mention["message_id"] == said["event_id"]
    assert "we decided to ship" in str(theirs["points"])
    assert (await get(server, alice, room_id, "catch-up", after_seq=0))["mentions"] == []
    assert (await get(server, bob, room_id, "catch-up", after_seq=cast("int", said["seq"])))["messages"] == 0


async def test_long_looks_are_limited_for_each_account(tmp_path: Path, bob: Known) -> None:
    async with running_server(tmp_path) as server:
        greedy = await server.know("greedy")
        room_id = await server.room(greedy)
        codes = [
            (await server.http.get(f"/api/v1/rooms/{room_id}/facts", headers=greedy.bearer)).status_code
            for _ in range(3)
        ]
        assert codes == [200] * 3
        answers = [await server.http.get(f"/api/v1/rooms/{room_id}/catch-up", headers=greedy.bearer) for _ in range(60)]
        slow = [answer for answer in answers if answer.status_code == 429]
        assert slow
        assert all(answer.headers["retry-after"] for answer in slow)
