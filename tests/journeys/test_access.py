"""A right that is lost is lost on open connections too, within a second, whoever took it and in whichever process."""

import asyncio
import time
from datetime import timedelta
from typing import cast

import pytest

from multiplayer.protocol.ids import RoomId
from tests.journeys.conftest import Linked
from tests.journeys.house import WITHIN_A_SECOND, House, Transport, entered
from tests.support.people import Person
from tests.support.provider import Behaviour, Reply, call, calls
from tests.support.server import Known
from tests.support.supabase import BOB_SUBJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
BOTH = pytest.mark.parametrize("transport", ["websocket", "sse"])


async def closed_within_a_second(person: Person) -> int:
    return await person.closed(within_s=WITHIN_A_SECOND)


# By someone in the room


@BOTH
async def test_a_kick_narrows_a_live_session_to_its_other_rooms(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    elsewhere = await house.room(alice, bob, name="elsewhere")
    async with entered(house.url, alice) as a, entered(house.url, bob, transport) as b:
        await a.join(room_id)
        await b.join(room_id)
        await b.join(elsewhere)
        removed = await a.ask(room_id, "remove_member", account_id=bob.id)
        assert (await a.post(room_id, "now among us"))["type"] == "accepted"
        assert (await b.post(room_id, "me too"))["code"] == "not_found"
        await b.expect_type("member_removed", within_s=WITHIN_A_SECOND, account_id=bob.id)
        await b.expect_type("room_removed", room_id=room_id)
        said = await a.post(elsewhere, "still friends?")
        await b.expect_type("message_posted", room_id=elsewhere, seq=said["seq"])
        assert b.events(room_id)[-1]["seq"] == removed["seq"]
        read = await house.http.get(f"/api/v1/rooms/{room_id}/messages", headers=bob.bearer)
        assert read.status_code == 404


@BOTH
async def test_a_ban_keeps_the_door_shut_until_it_is_lifted(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    invite = await house.post(f"/api/v1/rooms/{room_id}/invites", {"role": "member", "uses": None}, alice)
    async with entered(house.url, alice, transport) as a, entered(house.url, bob, transport) as b:
        await a.join(room_id)
        await b.join(room_id)
        await a.ask(room_id, "remove_member", account_id=bob.id, ban=True)
        gone = await b.expect_type("member_removed", within_s=WITHIN_A_SECOND, account_id=bob.id)
        assert gone["is_banned"] is True
        banned = await house.http.post("/api/v1/invites/accept", json={"code": invite["code"]}, headers=bob.bearer)
        assert (banned.status_code, banned.json()["code"]) == (403, "banned")
        assert (await a.ask(room_id, "invite_member", handle="bob"))["type"] == "refused"
        assert (await a.ask(room_id, "lift_ban", account_id=bob.id))["type"] == "accepted"
        assert (await house.post("/api/v1/invites/accept", {"code": invite["code"]}, bob))["room_id"] == room_id
        assert (await b.join(room_id))["type"] == "joined"


@BOTH
async def test_a_demotion_counts_for_the_next_command_of_a_live_session(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    async with entered(house.url, alice) as a, entered(house.url, bob, transport) as b:
        await a.join(room_id)
        await b.join(room_id)
        assert (await a.ask(room_id, "set_role", account_id=bob.id, role="admin"))["type"] == "accepted"
        assert (await b.ask(room_id, "rename_room", name="bob's"))["type"] == "accepted"
        assert (await a.ask(room_id, "set_role", account_id=bob.id, role="guest"))["type"] == "accepted"
        assert (await b.ask(room_id, "rename_room", name="bob's again"))["code"] == "forbidden"
        assert (await b.post(room_id, "hello?"))["code"] == "forbidden"
        changed = await b.expect_type("role_changed", within_s=WITHIN_A_SECOND, role="guest")
        assert changed["account_id"] == bob.id


# By the command line, in another process


@BOTH
async def test_what_the_command_line_takes_away_is_gone_on_a_live_session_within_a_second(
    house: House, alice: Known, transport: Transport
) -> None:
    mallory = await house.know("mallory")
    room_id = await house.room(alice, mallory, name=f"room {transport}")
    async with entered(house.url, mallory, transport) as m:
        await m.join(room_id)
        assert (await house.cli("room", "role", str(room_id), "mallory", "guest")).code == 0
        await m.expect_type("role_changed", within_s=WITHIN_A_SECOND, role="guest")
        assert (await m.post(room_id, "hello?"))["code"] == "forbidden"
        assert (await house.cli("room", "remove", str(room_id), "mallory", "--ban")).code == 0
        await m.expect_type("member_removed", within_s=WITHIN_A_SECOND, is_banned=True)
        assert (await m.join(room_id))["code"] == "not_found"
        # The token: this session ends, another token's does not.
        other = await house.know("mallory")
        async with entered(house.url, other, transport) as second:
            assert (await house.cli("token", "revoke", mallory.token_id)).code == 0
            assert await closed_within_a_second(m) == 4001
            assert (await house.http.get("/api/v1/me", headers=mallory.bearer)).status_code == 401
            # The account: every session ends, and no way in is left.
            assert (await house.cli("user", "disable", "mallory")).code == 0
            assert await closed_within_a_second(second) == 4003
        assert (await house.http.get("/api/v1/me", headers=other.bearer)).status_code == 401
        assert (await house.cli("user", "enable", "mallory")).code == 0
        assert (await house.http.get("/api/v1/me", headers=other.bearer)).status_code == 200


@BOTH
async def test_signing_out_and_revoking_over_http_end_the_live_session(
    house: House, alice: Known, transport: Transport
) -> None:
    link = (await house.cli("user", "reset", "alice", "--json")).json["code"]
    signed_in = (await house.post("/api/v1/sessions", {"link": link}))["token"]
    person = Known(alice.account, str(signed_in), "")
    program = await house.post("/api/v1/me/tokens", {"label": "robot"}, person)
    robot = Known(alice.account, str(program["token"]), str(cast("dict[str, object]", program["row"])["id"]))
    house.secrets += [str(link), person.token, robot.token]
    async with entered(house.url, robot, transport) as r, entered(house.url, person, transport) as p:
        answer = await house.http.delete(f"/api/v1/me/tokens/{robot.token_id}", headers=person.bearer)
        assert answer.status_code == 204
        assert await closed_within_a_second(r) == 4001
        answer = await house.http.delete("/api/v1/sessions/current", headers=person.bearer)
        assert answer.status_code == 204
        assert await closed_within_a_second(p) == 4001


@BOTH
async def test_a_session_ends_when_its_token_does(house: House, transport: Transport) -> None:
    erin = await house.know("erin", ttl=timedelta(seconds=2))
    async with entered(house.url, erin, transport) as e:
        await e.expect_type("session_expiring")
        assert await e.closed() == 4001
    assert (await house.http.get("/api/v1/me", headers=erin.bearer)).status_code == 401


# Supabase


@BOTH
async def test_a_supabase_token_signs_in_is_renewed_in_band_and_ends_at_its_time(
    linked: Linked, transport: Transport
) -> None:
    house, project = linked.house, linked.supabase
    subject = BOB_SUBJECT[:-2] + ("07" if transport == "sse" else "08")

    def token(ends_at: int) -> str:
        text = project.token(sub=subject, email=f"{transport}@example.org", exp=ends_at)
        house.secrets.append(text)
        return text

    owner = await house.know("alice")
    first_ends_at = int(time.time()) + 4
    first = token(first_ends_at)
    me = await house.http.get("/api/v1/me", headers={"Authorization": f"Bearer {first}"})
    assert (me.status_code, me.json()["how"]) == (200, "supabase"), me.text
    handle = me.json()["account"]["handle"]
    sam = Known(owner.account.model_validate(me.json()["account"]), first, "")
    room_id = await house.room(owner, sam)
    assert handle
    async with entered(house.url, sam, transport) as s:
        assert (await s.join(room_id))["type"] == "joined"
        await s.expect_type("session_expiring")
        somebody_else = project.token(sub=BOB_SUBJECT)
        house.secrets.append(somebody_else)
        assert (await s.renew(somebody_else))["code"] == "forbidden"
        ends_at = first_ends_at + 2
        assert (await s.renew(token(ends_at)))["type"] == "accepted"
        # Over the first token's end the session lives on, and ends with the second.
        assert await s.closed(within_s=15) == 4001
        assert ends_at <= time.time() <= ends_at + WITHIN_A_SECOND
    # The old token opens nothing new.
    stream = await house.http.get("/api/v1/stream", headers={"Authorization": f"Bearer {first}"})
    assert (stream.status_code, stream.json()["code"]) == (401, "expired")
    assert first not in stream.text
    with pytest.raises(ExceptionGroup) as failed:
        async with entered(house.url, sam):
            pass
    assert "4001" in str(failed.value.exceptions)


async def test_a_supabase_token_is_exchanged_for_a_sign_in_that_ends_with_it(linked: Linked) -> None:
    house, project = linked.house, linked.supabase
    text = project.shared_secret_token(exp=int(time.time()) + 600)
    made = await house.post("/api/v1/sessions", {"supabase_token": text})
    house.secrets += [text, str(made["token"])]
    me = await house.http.get("/api/v1/me", headers={"Authorization": f"Bearer {made['token']}"})
    assert me.json()["expires_at"] <= made["expires_at"]
    for wrong in (
        project.token(aud="somebody-else"),
        project.token(iss="https://evil.example/auth/v1"),
        project.token(exp=int(time.time()) - 120),
        project.token(exp=None),
        project.token(role="anon"),
        "eyJhbGciOiJub25lIn0.e30.",
    ):
        refused = await house.http.post("/api/v1/sessions", json={"supabase_token": wrong})
        assert refused.status_code == 401, refused.text
        assert wrong not in refused.text


async def test_a_running_turn_of_someone_banned_by_the_command_line_does_nothing_more(linked: Linked) -> None:
    house = linked.house
    owner, bob = await house.know("alice"), await house.know("bob")
    room_id = await house.room(owner, bob, name="turns")
    go_on = asyncio.Event()

    async def play(reply: Reply) -> None:
        await go_on.wait()
        await calls(call("write_file", {"path": "a.txt", "content": "hi"})).play(reply)

    linked.provider.enqueue(Behaviour("writes_when_told", play))
    async with entered(house.url, owner) as a, entered(house.url, bob) as b:
        await a.join(room_id)
        await b.join(room_id)
        await b.post(room_id, "@ai write it")
        await a.expect_type("turn_started")
        assert (await house.cli("room", "remove", str(room_id), "bob", "--ban")).code == 0
        await a.expect_type("member_removed", within_s=WITHIN_A_SECOND)
        go_on.set()
        ended = await a.expect_type("turn_ended")
        assert ended["outcome"] == "refused"
        assert not [line for line in a.heard if line["type"] == "tool_started"]
        workspace = house.data_dir / "workspaces" / room_id
        assert not (workspace / "a.txt").exists()
