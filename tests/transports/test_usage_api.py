"""What AIs used and may use, over REST: by whom, of what, on which day, and the caps of a room and of the server."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import cast

import pytest

from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.values import rfc3339
from tests.support.brains import GivenBrains, brain_of
from tests.support.people import person
from tests.support.server import Known, RunningServer, running_server

Json = dict[str, object]
_numbers = count()


@pytest.fixture
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    brains = GivenBrains(brain_of(ScriptedModel([[Say("Certainly.")]] * 9), micros_per_token=5))
    async with running_server(tmp_path_factory.mktemp("workspaces"), brains=brains) as running:
        yield running


async def ask(server: RunningServer, known: Known, room_id: RoomId) -> Json:
    async with person(server, known, "websocket") as someone:
        await someone.join(room_id)
        start = len(someone.heard)
        await someone.post(room_id, "@ai hello")
        return dict(await someone.expect_type("turn_ended", start=start))


async def get(server: RunningServer, known: Known, path: str, **query: str) -> Json:
    answer = await server.http.get(f"/api/v1/{path}", headers=known.bearer, params=query)
    assert answer.status_code == 200, answer.text
    return cast("Json", answer.json())


def rows(report: Json) -> dict[str, int]:
    return {str(row["key"]): int(str(row["calls"])) for row in cast("list[Json]", report["rows"])}


async def test_a_rooms_usage_is_summed_up_by_asker_ai_model_and_day(server: RunningServer) -> None:
    alice, bob = await server.know("alice"), await server.know("bob")
    room_id = await server.room(alice, bob)
    await ask(server, alice, room_id)
    await ask(server, alice, room_id)
    ended = await ask(server, bob, room_id)
    usage = f"rooms/{room_id}/usage"
    report = await get(server, bob, usage)
    assert rows(report) == {alice.id: 2, bob.id: 1}
    total = cast("Json", report["total"])
    assert total["calls"] == 3
    assert total["cost_micros"] == 5 * (cast("int", total["tokens_in"]) + cast("int", total["tokens_out"]))
    assert (report["currency"], report["room_id"], report["group"]) == ("USD", room_id, "asker")
    assert rows(await get(server, bob, usage, group="ai")) == {str(ended["ai_id"]): 3}
    assert rows(await get(server, bob, usage, group="model")) == {"scripted": 3}
    today = server.pod.clock.now()
    assert sum(rows(await get(server, bob, usage, group="day")).values()) == 3
    since = rfc3339(today + timedelta(minutes=5))
    until = rfc3339(today + timedelta(minutes=10))
    assert rows(await get(server, bob, usage, since=since, until=until)) == {}
    for query in ({"group": "room"}, {"since": until, "until": since}, {"since": "yesterday"}, {"group": "x"}):
        refused = await server.http.get(f"/api/v1/{usage}", headers=bob.bearer, params=query)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


async def test_a_room_report_shows_the_caps_that_hold_and_what_is_used_of_them(server: RunningServer) -> None:
    alice, guest = await server.know("alice"), await server.know("gus")
    room_id = await server.room(alice)
    await server.add(room_id, alice, guest, Role.GUEST)
    budget = {"total": {"tokens_per_day": 100_000}, "per_asker": {"micros_per_month": 10**9}}
    command = {"type": "set_budget", "budget": budget}
    set_it = await server.http.post(f"/api/v1/rooms/{room_id}/commands", json=command, headers=alice.bearer)
    assert set_it.status_code == 200, set_it.text
    await ask(server, alice, room_id)
    report = await get(server, alice, f"rooms/{room_id}/usage")
    total = cast("Json", report["total"])
    caps = {(cap["scope"], cap["unit"]): cap["used"] for cap in cast("list[Json]", report["caps"])}
    assert caps == {
        ("room", "tokens"): cast("int", total["tokens_in"]) + cast("int", total["tokens_out"]),
        ("room_asker", "micros"): total["cost_micros"],
    }
    refused = await server.http.get(f"/api/v1/rooms/{room_id}/usage", headers=guest.bearer)
    assert refused.status_code == 403


async def test_operators_see_the_servers_usage_by_room_ids_and_set_its_budget_on_record(server: RunningServer) -> None:
    alice = await server.know("alice")
    operator = await server.know("op", is_operator=True)
    room_id = await server.room(alice, name="a secret name")
    await ask(server, alice, room_id)
    report = await get(server, operator, "admin/usage")
    assert rows(report) == {room_id: 1}
    assert "secret name" not in str(report)
    assert rows(await get(server, operator, "admin/usage", group="asker")) == {alice.id: 1}
    assert await get(server, operator, "admin/budget") == {"total": {}, "per_asker": {}}
    budget = {"total": {"tokens_per_day": 1}, "per_asker": {}}
    for status in (200, 409):
        put = await server.http.put("/api/v1/admin/budget", json=budget, headers=operator.bearer)
        assert put.status_code == status, put.text
    assert await get(server, operator, "admin/budget") == budget
    [cap] = cast("list[Json]", (await get(server, operator, "admin/usage"))["caps"])
    assert (cap["scope"], cap["cap"]) == ("server", 1)
    ended = await ask(server, alice, room_id)
    assert (ended["outcome"], "this server" in str(ended["reason"])) == ("refused", True)
    trail = cast("list[Json]", (await get(server, operator, "admin/audit", limit="1000"))["entries"])
    [entry] = [entry for entry in trail if entry["action"] == "server_budget_set"]
    assert (entry["actor_id"], entry["origin"], entry["after"]) == (
        operator.id,
        "http",
        '{"total":{"tokens_per_day":1}}',
    )
    bad = await server.http.put("/api/v1/admin/budget", json={"total": {"tokens_per_day": -1}}, headers=operator.bearer)
    assert bad.status_code == 400
