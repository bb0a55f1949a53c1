"""Erasing a person over REST: operators for anyone, people for themselves with their password, nobody else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count

import httpx
import pytest

from multiplayer.protocol.close_codes import CloseCode
from multiplayer.transports.config import HttpConfig
from tests.support.people import person
from tests.support.server import Known, RunningServer, running_server

_numbers = count()
_PASSWORD = "a long password"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    config = HttpConfig(logins_per_address_per_min=1_000)
    async with running_server(tmp_path_factory.mktemp("workspaces"), config=config) as running:
        await running.pod.lobby.ensure_built_ins()
        yield running


@pytest.fixture
async def alice(server: RunningServer) -> Known:
    return await server.know(f"alice-{next(_numbers)}")


@pytest.fixture
async def operator(server: RunningServer) -> Known:
    return await server.know("olga", is_operator=True)


def path_of(known: Known) -> str:
    return f"/api/v1/admin/accounts/{known.id}/erasure"


async def done(server: RunningServer, path: str, operator: Known) -> Mapping[str, object]:
    async with asyncio.timeout(60):
        while True:
            answer = await server.http.get(path, headers=operator.bearer)
            erasure: Mapping[str, object] = answer.json()["erasure"]
            if erasure["stage"] == "done":
                return erasure
            await asyncio.sleep(0.02)


async def signed_in(server: RunningServer, known: Known) -> dict[str, str]:
    made = await server.pod.doors.sign_ins.create(known.id)
    return {"Authorization": f"Bearer {made.text}"}


async def test_an_operator_looks_first_and_then_erases_and_sees_how_far_it_is(
    server: RunningServer, alice: Known, operator: Known
) -> None:
    bob = await server.know("bob")
    room_id = await server.room(bob, alice)
    host = await server.pod.directory.host(room_id)
    path = path_of(alice)
    assert (await server.http.get(path, headers=operator.bearer)).status_code == 404
    async with person(server, alice, "websocket") as there:
        await there.join(room_id)
        assert (await there.post(room_id, "a secret"))["type"] == "accepted"
        seen = await server.http.get(f"{path}?preview=true", headers=operator.bearer)
        assert seen.json()["preview"]["counts"]["messages"] == 1
        assert "erasure" not in seen.json()
        asked = await server.http.post(path, json={"handle": alice.account.handle}, headers=operator.bearer)
        assert asked.status_code == 202, asked.text
        assert await there.closed() == CloseCode.DISABLED
    erasure = await done(server, path, operator)
    assert (erasure["messages_done"], erasure["requested_by"]) == (1, operator.id)
    assert (await server.http.get("/api/v1/rooms", headers=alice.bearer)).status_code == 401
    assert alice.id not in host.room.state.members
    again = await server.http.post(path, json={"handle": alice.account.handle}, headers=operator.bearer)
    assert (again.status_code, again.json()["id"]) == (202, erasure["id"])
    enabled = await server.http.post(f"/api/v1/admin/accounts/{alice.id}/enable", headers=operator.bearer)
    assert (enabled.status_code, enabled.json()["code"]) == (409, "conflict")
    actions = [row.entry.action for row in await server.pod.storage.audit_after(None, 0, limit=1_000)]
    assert {"erasure_requested", "erasure_done"} <= set(actions)


async def test_an_operators_preview_names_only_rooms_to_decide_on_and_stands_in_the_trail(
    server: RunningServer, alice: Known, operator: Known
) -> None:
    bob = await server.know("bob")
    await server.room(alice, name="my new job")
    await server.room(bob, alice, name="bob's party")
    await server.room(alice, bob, name="ours")
    already = len(await server.pod.storage.audit_after(None, 0, limit=10_000))
    seen = await server.http.get(f"{path_of(alice)}?preview=true", headers=operator.bearer)
    told = seen.json()["preview"]
    assert sorted((room["fate"], room["name"]) for room in told["rooms"]) == [
        ("deleted", ""),
        ("handed_over", ""),
        ("left", ""),
    ]
    assert [room["name"] for room in told["held_by"]] == ["ours"]
    assert "job" not in seen.text
    rows = (await server.pod.storage.audit_after(None, 0, limit=10_000))[already:]
    assert [(row.entry.action, row.entry.actor_id, row.entry.subject) for row in rows] == [
        ("erasure_previewed", operator.id, alice.id)
    ]
    own = await server.http.get("/api/v1/me/erasure", headers=await signed_in(server, alice))
    assert {room["name"] for room in own.json()["rooms"]} == {"my new job", "bob's party", "ours"}
    rows = (await server.pod.storage.audit_after(None, 0, limit=10_000))[already + 1 :]
    assert "erasure_previewed" not in {row.entry.action for row in rows}


@pytest.mark.parametrize("body", [{}, {"handle": "someone-else"}, {"handle": 1}])
async def test_an_erasure_that_does_not_name_whom_it_means_is_refused(
    server: RunningServer, alice: Known, operator: Known, body: dict[str, object]
) -> None:
    answer = await server.http.post(path_of(alice), json=body, headers=operator.bearer)
    assert answer.status_code in {400, 409}, answer.text
    assert await server.pod.erasures.of(alice.id) is None


async def test_nobody_but_an_operator_erases_others_and_no_operator_themselves_that_way(
    server: RunningServer, alice: Known, operator: Known
) -> None:
    bob = await server.know("bob")
    body = {"handle": alice.account.handle}
    assert (await server.http.post(path_of(alice), json=body, headers=bob.bearer)).status_code == 403
    assert (await server.http.get(f"{path_of(alice)}?preview=true", headers=bob.bearer)).status_code == 403
    own = await server.http.post(path_of(operator), json={"handle": "olga"}, headers=operator.bearer)
    assert own.status_code == 409


async def test_an_only_owner_is_refused_with_the_rooms_until_they_are_handed_over(
    server: RunningServer, alice: Known, operator: Known
) -> None:
    bob = await server.know("bob")
    await server.room(alice, bob, name="ours")
    body: dict[str, object] = {"handle": alice.account.handle}
    refused = await server.http.post(path_of(alice), json=body, headers=operator.bearer)
    assert refused.status_code == 409
    assert "ours (then bob's)" in refused.json()["detail"]
    asked = await server.http.post(path_of(alice), json={**body, "hand_over": True}, headers=operator.bearer)
    assert asked.status_code == 202
    await done(server, path_of(alice), operator)


async def test_a_person_erases_themselves_with_their_password_and_not_with_a_token(
    server: RunningServer, operator: Known
) -> None:
    alice = await server.know(f"alice-{next(_numbers)}", password=_PASSWORD)
    body = {"handle": alice.account.handle}

    async def ask(headers: dict[str, str], **more: object) -> httpx.Response:
        return await server.http.post("/api/v1/me/erasure", json={**body, **more}, headers=headers)

    own = await signed_in(server, alice)
    preview = await server.http.get("/api/v1/me/erasure", headers=own)
    assert (preview.status_code, preview.json()["handle"]) == (200, alice.account.handle)
    for refused in (
        await ask(alice.bearer, password=_PASSWORD),
        await ask(own),
        await ask(own, password="wrong"),
    ):
        assert refused.status_code == 403, refused.text
    assert await server.pod.erasures.of(alice.id) is None
    assert (await ask(own, password=_PASSWORD)).status_code == 202
    erasure = await done(server, path_of(alice), operator)
    assert erasure["requested_by"] == alice.id


async def test_without_a_password_a_sign_in_is_enough_and_the_servers_own_account_stays(
    server: RunningServer, alice: Known, operator: Known
) -> None:
    answer = await server.http.post(
        "/api/v1/me/erasure", json={"handle": alice.account.handle}, headers=await signed_in(server, alice)
    )
    assert answer.status_code == 202
    await done(server, path_of(alice), operator)
    host = await server.know("host")
    refused = await server.http.post(
        "/api/v1/me/erasure", json={"handle": "host"}, headers=await signed_in(server, host)
    )
    assert refused.status_code == 409
