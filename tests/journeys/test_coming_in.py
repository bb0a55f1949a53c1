"""How people come in: the operator by a one-time link, guests by an invite, programs by tokens, browsers by cookie."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, entered, environment, serving
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def bearer(token: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_operator_signs_in_once_by_the_printed_link_and_by_a_new_one_after_a_reset(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    async with serving(tmp_path, settings) as house:
        first = house.login_secret
        made = await house.http.post("/api/v1/sessions", json={"link": first})
        assert made.status_code == 201, made.text
        token = made.json()["token"]
        assert made.json()["account"]["handle"] == "host"
        me = await house.http.get("/api/v1/me", headers=bearer(token))
        assert (me.json()["account"]["handle"], me.json()["how"]) == ("host", "sign_in")
        accounts = await house.http.get("/api/v1/admin/accounts", headers=bearer(token))
        assert {line["account"]["handle"] for line in accounts.json()["accounts"]} == {"host", "ai"}

        second = await house.http.post("/api/v1/sessions", json={"link": first})
        assert (second.status_code, second.json()["code"]) == (401, "expired")
        assert first not in second.text

        replaced = (await house.cli("user", "reset", "host", "--json")).json
        reset = (await house.cli("user", "reset", "host", "--json")).json
        assert str(reset["link"]) == f"{house.url}/sign-in#{reset['code']}"
        ended = await house.http.post("/api/v1/sessions", json={"link": replaced["code"]})
        assert ended.status_code == 401
        again = await house.http.post("/api/v1/sessions", json={"link": reset["code"]})
        assert again.status_code == 201

        # Signing out ends this sign-in and no other.
        out = await house.http.delete("/api/v1/sessions/current", headers=bearer(token))
        assert out.status_code == 204
        assert (await house.http.get("/api/v1/me", headers=bearer(token))).status_code == 401
        other = again.json()["token"]
        assert (await house.http.get("/api/v1/me", headers=bearer(other))).status_code == 200
        house.secrets += [token, other, str(reset["code"]), str(replaced["code"])]
    log = house.log.read_text()
    assert not [secret for secret in house.secrets if secret in log]
    # A link was used, and nobody is at a terminal: no further one is made by itself.
    async with serving(tmp_path, settings) as house:
        assert "sign-in#" not in house.banner


async def test_a_guest_comes_in_by_an_invite_with_a_role_and_a_number_of_uses(
    house: House, alice: Known, room_id: RoomId
) -> None:
    made = await house.post(f"/api/v1/rooms/{room_id}/invites", {"role": "guest", "uses": 2}, alice)
    code = str(made["code"])
    house.secrets.append(code)
    preview = await house.post("/api/v1/invites/preview", {"code": code})
    assert (preview["name"], preview["role"]) == ("demo", "guest")
    password = "correct horse battery staple"
    joined = await house.post(
        "/api/v1/invites/accept", {"code": code, "handle": "greta", "password": password, "display_name": "Greta"}
    )
    assert joined["room_id"] == room_id
    session = joined["session"]
    assert isinstance(session, dict)
    account = session["account"]
    assert isinstance(account, dict)
    signed_in = await house.http.post("/api/v1/sessions", json={"handle": "greta", "password": password})
    assert signed_in.status_code == 201
    wrong = await house.http.post("/api/v1/sessions", json={"handle": "greta", "password": "wrong wrong wrong"})
    assert wrong.status_code == 401
    house.secrets += [str(session["token"]), signed_in.json()["token"], password]

    greta = await house.know("greta")
    async with entered(house.url, greta) as g, entered(house.url, alice) as a:
        await a.join(room_id)
        assert (await g.join(room_id))["type"] == "joined"
        assert (await g.post(room_id, "may I?"))["code"] == "forbidden"
        allowed = await a.ask(room_id, "set_room_settings", settings={"guests_post": True})
        assert allowed["type"] == "accepted"
        said = await g.post(room_id, "thank you, @ai list the files")
        assert said["type"] == "accepted"
        await a.expect_type("message_posted", seq=said["seq"])
        # A guest's mention of the AI asks for nothing, unless the room says so.
        assert (await g.ask(room_id, "ask_ai"))["code"] == "forbidden"
        assert not [line for line in a.heard if line["type"] == "turn_requested"]

    # The second use by someone with an account, and then it is used up.
    carol = await house.know("carol")
    assert (await house.post("/api/v1/invites/accept", {"code": code}, carol))["room_id"] == room_id
    dave = await house.know("dave")
    used_up = await house.http.post("/api/v1/invites/accept", json={"code": code}, headers=dave.bearer)
    assert (used_up.status_code, used_up.json()["code"]) == (422, "expired")
    nobody = await house.http.post(
        "/api/v1/invites/accept", json={"code": code, "handle": "newcomer", "password": password}
    )
    assert nobody.status_code == 422
    assert code not in nobody.text
    # No account came of it.
    absent = await house.http.post("/api/v1/sessions", json={"handle": "newcomer", "password": password})
    assert absent.status_code == 401


async def test_an_invite_ends_by_time_or_when_it_is_revoked(house: House, alice: Known, room_id: RoomId) -> None:
    carol = await house.know("erin")
    short = await house.post(f"/api/v1/rooms/{room_id}/invites", {"role": "member", "ttl_s": 1}, alice)
    ends_at = datetime.fromisoformat(str(short["expires_at"]))
    left_s = (ends_at - datetime.now(UTC)).total_seconds()
    # What ends by time is waited for by time.
    await asyncio.sleep(max(0.0, left_s) + 0.05)
    late = await house.http.post("/api/v1/invites/accept", json={"code": short["code"]}, headers=carol.bearer)
    assert (late.status_code, late.json()["code"]) == (422, "expired")

    made = await house.post(f"/api/v1/rooms/{room_id}/invites", {"role": "member"}, alice)
    revoked = await house.http.delete(f"/api/v1/rooms/{room_id}/invites/{made['id']}", headers=alice.bearer)
    assert revoked.status_code == 204
    gone = await house.http.post("/api/v1/invites/accept", json={"code": made["code"]}, headers=carol.bearer)
    assert (gone.status_code, gone.json()["code"]) == (422, "expired")

    # By the command line, for another process: a link whose code counts at once.
    ran = (
        await house.cli("invite", "create", "--room", str(room_id), "--role", "member", "--uses", "1", "--json")
    ).json
    assert re.fullmatch(rf"{re.escape(house.url)}/join#\S+", str(ran["url"]))
    assert (await house.post("/api/v1/invites/accept", {"code": ran["code"]}, carol))["room_id"] == room_id
    house.secrets += [str(short["code"]), str(made["code"]), str(ran["code"])]


async def test_a_guests_membership_ends_by_itself_and_the_guest_sees_it(
    house: House, alice: Known, room_id: RoomId
) -> None:
    frank = await house.know("frank")
    until = datetime.now(UTC) + timedelta(seconds=3)
    made = await house.post(
        f"/api/v1/rooms/{room_id}/invites",
        {"role": "guest", "member_until": until.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        alice,
    )
    await house.post("/api/v1/invites/accept", {"code": made["code"]}, frank)
    async with entered(house.url, frank) as f, entered(house.url, alice) as a:
        await a.join(room_id)
        await f.join(room_id)
        removed = await f.expect_type("member_removed", account_id=frank.id)
        assert removed["is_expired"] is True
        await a.expect_type("member_removed", account_id=frank.id)
        refused = await f.join(room_id)
        assert (refused["type"], refused["code"]) == ("refused", "not_found")


async def test_a_ticket_opens_one_websocket_and_no_second(house: House, alice: Known, room_id: RoomId) -> None:
    ticket = await made_ticket(house, alice)
    house.secrets.append(ticket)
    async with entered(house.url, alice, hello={"ticket": ticket}) as a:
        assert (await a.join(room_id))["type"] == "joined"
    with pytest.raises(ExceptionGroup) as failed:
        async with entered(house.url, alice, hello={"ticket": ticket}):
            pass
    assert ticket not in str(failed.value)


async def made_ticket(house: House, known: Known) -> str:
    answer = await house.http.post("/api/v1/tickets", headers=known.bearer)
    assert answer.status_code == 201, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


async def test_a_browser_gets_a_cookie_that_changes_nothing_without_its_token_and_our_origin(
    house: House, alice: Known, room_id: RoomId
) -> None:
    link = (await house.cli("user", "reset", "alice", "--json")).json["code"]
    made = await house.http.post("/api/v1/sessions", json={"link": link, "cookie": True}, headers={"Origin": house.url})
    assert made.status_code == 201, made.text
    assert made.json().get("token") is None
    csrf = made.json()["csrf_token"]
    cookie = made.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    house.http.cookies.clear()
    jar = {"Cookie": cookie.split(";", 1)[0]}
    house.secrets += [str(link), jar["Cookie"].split("=", 1)[1], csrf]
    assert (await house.http.get("/api/v1/me", headers=jar)).json()["account"]["handle"] == "alice"

    async def say(**headers: str) -> int:
        answer = await house.http.post(
            f"/api/v1/rooms/{room_id}/commands",
            json={"type": "post_message", "text": "from a page"},
            headers={**jar, **headers},
        )
        return answer.status_code

    own = {"X-CSRF-Token": csrf, "Origin": house.url}
    assert await say(**own) == 200
    assert await say(Origin=house.url) == 403
    assert await say(**{"X-CSRF-Token": csrf}) == 403
    for origin in ("null", "http://evil.example", f"{house.url}.evil.example", house.url.replace("//", "//a@")):
        assert await say(**{**own, "Origin": origin}) == 403
    left = await house.http.delete("/api/v1/sessions/current", headers={**jar, **own})
    assert left.status_code == 204
    assert (await house.http.get("/api/v1/me", headers=jar)).status_code == 401
