"""REST as people and programs use it: signing in, rooms, members, invites, messages, tokens, administration."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest

from multiplayer.auth.identify import AnyToken
from multiplayer.auth.port import SupabasePage
from multiplayer.auth.signing_keys import SigningKeys
from multiplayer.auth.supabase import SupabaseTokens, keys_url
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.transports.config import HttpConfig
from tests.support.people import person
from tests.support.server import Known, RunningServer, running_server
from tests.support.supabase import supabase_stand_in

PASSWORD = "correct horse battery"
_numbers = count()


@pytest.fixture
async def alice(server: RunningServer) -> Known:
    return await server.know(f"alice-{next(_numbers)}")


@pytest.fixture
async def bob(server: RunningServer) -> Known:
    return await server.know(f"bob-{next(_numbers)}")


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    config = HttpConfig(logins_per_address_per_min=100_000)
    async with running_server(tmp_path_factory.mktemp("workspaces"), config=config) as running:
        yield running


@pytest.fixture
def own_origin(server: RunningServer) -> str:
    return server.url


async def test_a_password_gives_a_bearer_and_signing_out_ends_it(server: RunningServer) -> None:
    await server.know("carol", password=PASSWORD)
    made = await server.http.post("/api/v1/sessions", json={"handle": "Carol", "password": PASSWORD})
    assert made.status_code == 201
    assert made.json()["account"]["handle"] == "carol"
    assert "set-cookie" not in made.headers
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    me = await server.http.get("/api/v1/me", headers=bearer)
    assert (me.json()["account"]["handle"], me.json()["how"]) == ("carol", "sign_in")
    assert (await server.http.delete("/api/v1/sessions/current", headers=bearer)).status_code == 204
    assert (await server.http.get("/api/v1/me", headers=bearer)).status_code == 401


async def test_signing_out_ends_the_live_sessions_of_that_sign_in(server: RunningServer) -> None:
    known = await server.know("dora", password=PASSWORD)
    made = await server.http.post("/api/v1/sessions", json={"handle": "dora", "password": PASSWORD})
    signed_in = Known(known.account, made.json()["token"], "")
    async with person(server, signed_in, "websocket") as here, person(server, known, "websocket") as elsewhere:
        await server.http.delete("/api/v1/sessions/current", headers=signed_in.bearer)
        assert await here.closed() == 4001
        [left] = server.pod.sessions.of(known.id)
        assert left.closing is None
        assert elsewhere.heard


async def test_a_supabase_token_becomes_a_sign_in_that_ends_with_it(tmp_path: Path) -> None:
    async with (
        supabase_stand_in() as project,
        httpx.AsyncClient(trust_env=False) as keys,
        running_server(tmp_path) as server,
    ):
        pod = server.pod
        token = project.token()
        refused = await server.http.post("/api/v1/sessions", json={"supabase_token": token})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        supabase = SupabaseTokens(
            pod.storage,
            SigningKeys(keys_url(project.url), keys, now=pod.clock.now),
            url=project.url,
            now=pod.clock.now,
            new_id=pod.clock.new_id,
        )
        authenticator = AnyToken(pod.doors.access_tokens, pod.doors.sign_ins, supabase)
        pod.doors = replace(pod.doors, authenticator=authenticator, has_supabase=True)
        made = await server.http.post("/api/v1/sessions", json={"supabase_token": token})
        assert made.status_code == 201, made.text
        until = datetime.fromisoformat(made.json()["expires_at"])
        assert until - pod.clock.now() < timedelta(hours=2)
        me = await server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {made.json()['token']}"})
        assert me.json()["how"] == "sign_in"
        direct = await server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (direct.json()["how"], direct.json()["account"]) == ("supabase", me.json()["account"])
        other = await server.know("alice")
        wrong = await server.http.post("/api/v1/sessions", json={"supabase_token": other.token})
        assert wrong.status_code == 401


async def test_whoever_comes_is_told_which_ways_to_sign_in_are_open(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        answer = await server.http.get("/api/v1/auth/ways")
        assert (answer.status_code, answer.json()) == (200, {"ways": ["password", "link"]})
        page = SupabasePage("https://project.supabase.co", "sb_publishable_0123456789", ("password", "github"))
        server.pod.doors = replace(server.pod.doors, supabase_page=page)
        told = (await server.http.get("/api/v1/auth/ways")).json()
        assert told["ways"] == ["password", "link", "supabase"]
        assert told["supabase"] == {"url": page.url, "anon_key": page.anon_key, "ways": ["password", "github"]}


@pytest.mark.slow
async def test_a_wrong_password_and_an_unknown_handle_are_answered_alike(server: RunningServer) -> None:
    await server.know("erin", password=PASSWORD)
    answers = [
        await server.http.post("/api/v1/sessions", json={"handle": handle, "password": "wrong password"})
        for handle in ("erin", "nobody-here")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content


async def test_a_login_link_works_once(server: RunningServer, alice: Known, bob: Known) -> None:
    operator = await server.know(f"op-{next(_numbers)}", is_operator=True)
    made = await server.http.post(f"/api/v1/admin/accounts/{alice.id}/login-link", headers=operator.bearer)
    assert made.status_code == 201
    link = made.json()["link"]
    first = await server.http.post("/api/v1/sessions", json={"link": link})
    assert first.json()["account"]["id"] == alice.id
    again = await server.http.post("/api/v1/sessions", json={"link": link})
    assert (again.status_code, again.json()["code"]) == (401, "expired")


async def test_a_cookie_reads_but_changes_only_with_its_csrf_token_and_our_origin(
    server: RunningServer, own_origin: str
) -> None:
    await server.know("frank", password=PASSWORD)
    body = {"handle": "frank", "password": PASSWORD, "cookie": True}
    made = await server.http.post("/api/v1/sessions", json=body)
    header = made.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in header
    assert "Secure" not in header
    assert "token" not in made.json()
    cookie, csrf = {"Cookie": header.partition(";")[0]}, made.json()["csrf_token"]
    me = await server.http.get("/api/v1/me", headers=cookie)
    assert me.json()["csrf_token"] == csrf
    right = {**cookie, "X-CSRF-Token": csrf, "Origin": own_origin}
    for wrong in (
        cookie,
        {**cookie, "X-CSRF-Token": csrf},
        {**cookie, "Origin": own_origin},
        {**right, "X-CSRF-Token": csrf + "x"},
        {**right, "Origin": "https://evil.example"},
        {**right, "Origin": "null"},
    ):
        answer = await server.http.post("/api/v1/rooms", json={"name": "room"}, headers=wrong)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), wrong
    assert (await server.http.post("/api/v1/rooms", json={"name": "room"}, headers=right)).status_code == 201
    assert (await server.http.delete("/api/v1/sessions/current", headers=right)).status_code == 204
    assert (await server.http.get("/api/v1/me", headers=cookie)).status_code == 401


@pytest.mark.slow
async def test_behind_a_listed_proxy_with_tls_the_cookie_is_secure_and_only_then(tmp_path: Path) -> None:
    config = HttpConfig.of(public_url=None, trusted_proxies=["127.0.0.1"])
    async with running_server(tmp_path, config=config) as server:
        await server.know("alice", password=PASSWORD)
        body = {"handle": "alice", "password": PASSWORD, "cookie": True}
        tls = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        made = await server.http.post("/api/v1/sessions", json=body, headers=tls)
        assert made.headers["set-cookie"].startswith("__Host-multiplayer=")
        assert "; Secure" in made.headers["set-cookie"]
    async with running_server(tmp_path) as server:
        await server.know("alice", password=PASSWORD)
        made = await server.http.post("/api/v1/sessions", json=body, headers=tls)
        assert "Secure" not in made.headers["set-cookie"]


async def test_rooms_are_made_listed_changed_and_archived(server: RunningServer, alice: Known) -> None:
    async with person(server, alice, "sse") as listener:
        made = await server.http.post("/api/v1/rooms", json={"name": "Demo", "topic": "t"}, headers=alice.bearer)
        assert made.status_code == 201
        room_id = made.json()["room"]["id"]
        await listener.expect_type("room_added")
    listed = await server.http.get("/api/v1/rooms", headers=alice.bearer)
    assert [row["room"]["id"] for row in listed.json()["rooms"]] == [room_id]
    path = f"/api/v1/rooms/{room_id}"
    change = {"name": "New", "topic": "t", "is_archived": True}
    changed = await server.http.patch(path, json=change, headers=alice.bearer)
    assert changed.status_code == 200, changed.text
    seen = (await server.http.get(path, headers=alice.bearer)).json()
    assert (seen["room"]["name"], seen["role"]) == ("New", "owner")
    assert "archived_at" in seen["room"]
    refused = await server.http.post(
        f"{path}/commands", json={"type": "post_message", "text": "x"}, headers=alice.bearer
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")


async def test_settings_that_are_not_given_stay_as_they_are(server: RunningServer, alice: Known) -> None:
    room_id = (await server.http.post("/api/v1/rooms", json={"name": "demo"}, headers=alice.bearer)).json()["room"][
        "id"
    ]
    path = f"/api/v1/rooms/{room_id}"
    rules = [{"id": "deploys", "type": "keyword", "words": ["deploy"]}]
    for settings in ({"triggers": rules}, {"summarise_after": 5}):
        answer = await server.http.patch(path, json={"settings": settings}, headers=alice.bearer)
        assert answer.is_success
    kept = (await server.http.get(path, headers=alice.bearer)).json()["room"]["settings"]
    assert ([rule["id"] for rule in kept["triggers"]], kept["summarise_after"]) == (["deploys"], 5)


async def test_the_direct_room_of_two_is_one_and_the_same(server: RunningServer, alice: Known, bob: Known) -> None:
    first = await server.http.post("/api/v1/rooms/direct", json={"handles": [bob.account.handle]}, headers=alice.bearer)
    second = await server.http.post(
        "/api/v1/rooms/direct", json={"handles": [alice.account.handle]}, headers=bob.bearer
    )
    assert first.status_code == second.status_code == 200
    assert first.json()["room"]["id"] == second.json()["room"]["id"]


async def test_members_are_added_promoted_removed_and_leave(server: RunningServer, alice: Known, bob: Known) -> None:
    room_id = await server.room(alice, bob)
    path = f"/api/v1/rooms/{room_id}/members"
    promoted = await server.http.patch(f"{path}/{bob.id}", json={"role": "admin"}, headers=alice.bearer)
    assert promoted.status_code == 200
    members = (await server.http.get(path, headers=bob.bearer)).json()["members"]
    assert {member["handle"]: member["role"] for member in members} == {
        alice.account.handle: "owner",
        bob.account.handle: "admin",
        "ai": "ai",
    }
    assert (await server.http.delete(f"{path}/{bob.id}", headers=bob.bearer)).status_code == 200
    assert (await server.http.get(path, headers=bob.bearer)).status_code == 404
    await server.add(room_id, alice, bob, Role.MEMBER)
    banned = await server.http.delete(f"{path}/{bob.id}?ban=true", headers=alice.bearer)
    assert banned.status_code == 200
    again = await server.http.post(path, json={"handle": bob.account.handle}, headers=alice.bearer)
    assert (again.status_code, again.json()["code"]) == (403, "banned")


async def _invite(server: RunningServer, room_id: RoomId, owner: Known, **how: object) -> dict[str, str]:
    made = await server.http.post(f"/api/v1/rooms/{room_id}/invites", json=how, headers=owner.bearer)
    assert made.status_code == 201, made.text
    answer: dict[str, str] = made.json()
    return answer


async def test_an_invite_makes_an_account_signs_it_in_and_works_as_often_as_it_says(
    server: RunningServer, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice)
    code = (await _invite(server, room_id, alice, uses=2))["code"]
    preview = await server.http.post("/api/v1/invites/preview", json={"code": code})
    assert preview.json() == {
        "room_id": room_id, "kind": "room", "name": "demo", "topic": "", "role": "member", "members": 2,
    }  # fmt: skip
    handle = f"newcomer-{next(_numbers)}"
    wrong = {"code": code, "handle": handle, "password": "short"}
    assert (await server.http.post("/api/v1/invites/accept", json=wrong)).status_code == 400
    assert await server.pod.storage.find_account_by_handle(handle) is None
    body = {"code": code, "handle": handle, "password": PASSWORD}
    accepted = await server.http.post("/api/v1/invites/accept", json=body)
    assert accepted.status_code == 201, accepted.text
    bearer = {"Authorization": f"Bearer {accepted.json()['session']['token']}"}
    assert (await server.http.get(f"/api/v1/rooms/{room_id}", headers=bearer)).json()["role"] == "member"
    accepted = await server.http.post("/api/v1/invites/accept", json={"code": code}, headers=bob.bearer)
    assert accepted.json() == {"room_id": room_id}
    spent = {"code": code, "handle": f"late-{next(_numbers)}", "password": PASSWORD}
    late = await server.http.post("/api/v1/invites/accept", json=spent)
    assert (late.status_code, late.json()["code"]) == (422, "expired")
    assert await server.pod.storage.find_account_by_handle(spent["handle"]) is None


async def test_invites_are_listed_and_revoked(server: RunningServer, alice: Known, bob: Known) -> None:
    room_id = await server.room(alice)
    made = await _invite(server, room_id, alice)
    path = f"/api/v1/rooms/{room_id}/invites"
    [listed] = (await server.http.get(path, headers=alice.bearer)).json()["invites"]
    assert listed["id"] == made["id"]
    assert "code" not in listed
    assert (await server.http.delete(f"{path}/{made['id']}", headers=alice.bearer)).status_code == 204
    answer = await server.http.post("/api/v1/invites/accept", json={"code": made["code"]}, headers=bob.bearer)
    assert answer.status_code == 422


async def test_messages_come_in_pages_and_one_with_its_revisions(server: RunningServer, alice: Known) -> None:
    room_id = await server.room(alice)
    path = f"/api/v1/rooms/{room_id}"
    ids = [(await _post(server, alice, room_id, f"m{number}")).json()["event_id"] for number in range(5)]
    edit = {"type": "edit_message", "message_id": ids[4], "text": "m4 mended"}
    assert (await server.http.post(f"{path}/commands", json=edit, headers=alice.bearer)).status_code == 200
    seen: list[str] = []
    before: str | None = None
    while True:
        query = {"limit": "2"} | ({"before": before} if before else {})
        page = (await server.http.get(f"{path}/messages", params=query, headers=alice.bearer)).json()
        seen = [message["text"] for message in page["messages"]] + seen
        before = page.get("before")
        if before is None:
            break
    assert seen == ["m0", "m1", "m2", "m3", "m4 mended"]
    one = (await server.http.get(f"{path}/messages/{ids[4]}", headers=alice.bearer)).json()
    assert [revision["text"] for revision in one["revisions"]] == ["m4", "m4 mended"]
    hits = (await server.http.get("/api/v1/search", params={"q": "mended"}, headers=alice.bearer)).json()["hits"]
    assert [hit["message"]["id"] for hit in hits] == [ids[4]]


async def _post(server: RunningServer, who: Known, room_id: RoomId, text: str) -> httpx.Response:
    return await server.http.post(
        f"/api/v1/rooms/{room_id}/commands", json={"type": "post_message", "text": text}, headers=who.bearer
    )


async def test_unread_messages_are_counted_until_marked(server: RunningServer, alice: Known, bob: Known) -> None:
    room_id = await server.room(alice, bob)
    await _post(server, alice, room_id, f"hello @{bob.account.handle}")
    path = f"/api/v1/rooms/{room_id}"
    unread = (await server.http.get(f"{path}/unread", headers=bob.bearer)).json()
    assert (unread["unread"], unread["mentions"]) == (1, 1)
    await server.http.post(f"{path}/commands", json={"type": "mark_read", "seq": 3}, headers=bob.bearer)
    assert (await server.http.get(f"{path}/unread", headers=bob.bearer)).json()["unread"] == 0


@pytest.mark.slow
async def test_my_password_needs_the_current_one_and_a_token_may_not_set_it(server: RunningServer) -> None:
    known = await server.know(f"gina-{next(_numbers)}", password=PASSWORD)
    made = await server.http.post("/api/v1/sessions", json={"handle": known.account.handle, "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    path, new = "/api/v1/me/password", "another long password"
    assert (await server.http.put(path, json={"new": new}, headers=known.bearer)).status_code == 403
    assert (await server.http.put(path, json={"new": new}, headers=bearer)).status_code == 403
    wrong = {"new": new, "current": "wrong password"}
    assert (await server.http.put(path, json=wrong, headers=bearer)).status_code == 403
    assert (await server.http.put(path, json={"new": new, "current": PASSWORD}, headers=bearer)).status_code == 204
    again = await server.http.post("/api/v1/sessions", json={"handle": known.account.handle, "password": new})
    assert again.status_code == 201


async def test_a_forgotten_password_is_reset_after_signing_in_by_a_link(server: RunningServer) -> None:
    known = await server.know(f"lost-{next(_numbers)}", password=PASSWORD)
    operator = await server.know(f"op-{next(_numbers)}", is_operator=True)
    made = await server.http.post(f"/api/v1/admin/accounts/{known.id}/login-link", headers=operator.bearer)
    session = await server.http.post("/api/v1/sessions", json={"link": made.json()["link"]})
    bearer = {"Authorization": f"Bearer {session.json()['token']}"}
    path, new = "/api/v1/me/password", {"new": "another long password"}
    # What is not that sign-in has no part in it, while it lasts.
    assert (await server.http.put(path, json=new, headers=known.bearer)).status_code == 403
    assert (await server.http.put(path, json=new, headers=bearer)).status_code == 204
    login = {"handle": known.account.handle, "password": new["new"]}
    other = await server.http.post("/api/v1/sessions", json=login)
    assert other.status_code == 201
    plain = {"Authorization": f"Bearer {other.json()['token']}"}
    assert (await server.http.put(path, json=new, headers=plain)).status_code == 403


async def test_operators_read_who_did_what_to_accounts_and_secrets(server: RunningServer) -> None:
    operator = await server.know(f"op-{next(_numbers)}", is_operator=True)
    known = await server.know(f"mona-{next(_numbers)}", password=PASSWORD)
    path = "/api/v1/admin/audit"
    before = (await server.http.get(path, params={"limit": 1_000}, headers=operator.bearer)).json()["entries"]
    end = before[-1]["number"]
    link = await server.http.post(f"/api/v1/admin/accounts/{known.id}/login-link", headers=operator.bearer)
    session = await server.http.post("/api/v1/sessions", json={"link": link.json()["link"]})
    bearer = {"Authorization": f"Bearer {session.json()['token']}"}
    token = (await server.http.post("/api/v1/me/tokens", json={}, headers=bearer)).json()
    wrong = {"new": "another long password", "current": PASSWORD}
    assert (await server.http.put("/api/v1/me/password", json=wrong, headers=bearer)).status_code == 204
    await server.http.delete(f"/api/v1/me/tokens/{token['row']['id']}", headers=bearer)
    await server.http.delete("/api/v1/sessions/current", headers=bearer)
    page = await server.http.get(path, params={"after": end}, headers=operator.bearer)
    told = [(one["actor_id"], one["origin"], one["action"], one["subject"]) for one in page.json()["entries"]]
    assert told[:4] == [
        (operator.id, "http", "login_link_created", known.id),
        (known.id, "http", "token_created", token["row"]["id"]),
        (known.id, "http", "password_set", known.id),
        (known.id, "http", "token_revoked", token["row"]["id"]),
    ]
    assert [one[:3] for one in told[4:]] == [(known.id, "http", "signed_out")]
    assert not any(secret in page.text for secret in (token["token"], link.json()["link"], session.json()["token"]))
    next_page = await server.http.get(path, params={"after": end + 1, "limit": 2}, headers=operator.bearer)
    assert [one["number"] for one in next_page.json()["entries"]] == [end + 2, end + 3]
    for bad in ({"limit": 0}, {"limit": 1_001}, {"after": -1}, {"after": 2**63}):
        assert (await server.http.get(path, params=bad, headers=operator.bearer)).status_code == 400


async def test_a_rooms_admins_read_its_audit_trail(server: RunningServer, alice: Known, bob: Known) -> None:
    room_id = await server.room(alice)
    path = f"/api/v1/rooms/{room_id}/audit"
    await server.add(room_id, alice, bob, Role.MEMBER)
    assert (await server.http.get(path, headers=bob.bearer)).status_code == 403
    member = f"/api/v1/rooms/{room_id}/members/{bob.id}"
    assert (await server.http.patch(member, json={"role": "admin"}, headers=alice.bearer)).is_success
    entries = (await server.http.get(path, headers=bob.bearer)).json()["entries"]
    assert [one["number"] for one in entries] == list(range(1, len(entries) + 1))
    last = entries[-1]
    assert (last["actor_id"], last["origin"], last["action"]) == (alice.id, "http", "role_changed")
    assert (last["subject"], last["before"], last["after"]) == (bob.id, "member", "admin")
    # An operator of the server has no rights in a room of others.
    operator = await server.know(f"op-{next(_numbers)}", is_operator=True)
    assert (await server.http.get(path, headers=operator.bearer)).status_code == 404


async def test_my_tokens_are_made_listed_and_revoked_by_me_only(server: RunningServer, alice: Known) -> None:
    known = await server.know(f"hal-{next(_numbers)}", password=PASSWORD)
    made = await server.http.post("/api/v1/sessions", json={"handle": known.account.handle, "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await server.http.post("/api/v1/me/tokens", json={}, headers=known.bearer)).status_code == 403
    made = await server.http.post("/api/v1/me/tokens", json={"label": "ci", "ttl_s": 60}, headers=bearer)
    token, row = made.json()["token"], made.json()["row"]
    listed = (await server.http.get("/api/v1/me/tokens", headers=bearer)).json()["tokens"]
    assert row["id"] in [one["id"] for one in listed]
    assert all("token" not in one for one in listed)
    path = f"/api/v1/me/tokens/{row['id']}"
    assert (await server.http.delete(path, headers=alice.bearer)).status_code == 404
    assert (await server.http.delete(path, headers=bearer)).status_code == 204
    assert (await server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401


@pytest.mark.slow
async def test_operators_manage_accounts_and_nobody_else_does(server: RunningServer, alice: Known) -> None:
    operator = await server.know(f"op-{next(_numbers)}", is_operator=True)
    path = "/api/v1/admin/accounts"
    body = {"handle": f"ivy-{next(_numbers)}", "password": PASSWORD}
    made = await server.http.post(path, json=body, headers=operator.bearer)
    assert made.status_code == 201
    ivy = made.json()["account"]["id"]
    listed = (await server.http.get(path, headers=operator.bearer)).json()["accounts"]
    assert ivy in [row["account"]["id"] for row in listed]
    assert (await server.http.post(f"{path}/{ivy}/disable", headers=operator.bearer)).json()["disabled"] is True
    login = {"handle": body["handle"], "password": PASSWORD}
    assert (await server.http.post("/api/v1/sessions", json=login)).status_code == 401
    again = await server.http.post(f"{path}/{ivy}/disable", headers=operator.bearer)
    assert (again.status_code, again.json()["code"]) == (409, "no_change")
    assert (await server.http.post(f"{path}/{ivy}/enable", headers=operator.bearer)).status_code == 200
    assert (await server.http.post("/api/v1/sessions", json=login)).status_code == 201
    itself = await server.http.post(f"{path}/{operator.id}/disable", headers=operator.bearer)
    assert itself.status_code == 409
    taken = await server.http.post(path, json=body, headers=operator.bearer)
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")


async def test_a_removed_member_who_retries_an_accepted_command_still_learns_so(
    server: RunningServer, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice, bob)
    path = f"/api/v1/rooms/{room_id}/commands"
    body = {"type": "post_message", "text": "hello", "key": "k"}
    first = await server.http.post(path, json=body, headers=bob.bearer)
    await server.http.delete(f"/api/v1/rooms/{room_id}/members/{bob.id}", headers=alice.bearer)
    again = await server.http.post(path, json=body, headers=bob.bearer)
    assert again.json() == first.json()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["address", "handle"])
async def test_attempts_to_sign_in_are_limited(tmp_path: Path, key: str) -> None:
    config = HttpConfig.of(public_url=None, trusted_proxies=["127.0.0.1"])
    async with running_server(tmp_path, config=config) as server:
        limit = int(config.logins_per_address_per_min if key == "address" else config.logins_per_handle_per_min)
        where: Callable[[int], str] = lambda n: "203.0.113.7" if key == "address" else f"203.0.113.{n}"  # noqa: E731 - one of two
        whom: Callable[[int], str] = lambda n: f"someone-{n}" if key == "address" else "alice"  # noqa: E731 - one of two

        async def attempt(number: int) -> httpx.Response:
            return await server.http.post(
                "/api/v1/sessions",
                # A link costs no hash, a password is what handles are counted by.
                json={"link": "ml_x"} if key == "address" else {"handle": whom(number), "password": "wrong password"},
                headers={"X-Forwarded-For": f"198.51.100.1, {where(number)}"},
            )

        answers = [await attempt(number) for number in range(limit + 1)]
        assert [answer.status_code for answer in answers[:-1]] == [401] * limit
        assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "rate_limited")
        assert int(answers[-1].headers["retry-after"]) >= 1


async def test_figures_are_for_this_machine_and_for_operators(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        here = await server.http.get("/metrics")
        assert here.status_code == 200
        assert "multiplayer_sessions 0.0" in here.text
        outside = {"X-Forwarded-For": "203.0.113.7"}
        alice, operator = await server.know("alice"), await server.know("op", is_operator=True)
        assert (await server.http.get("/metrics", headers=outside)).status_code == 403
        assert (await server.http.get("/metrics", headers={**outside, **alice.bearer})).status_code == 403
        assert (await server.http.get("/metrics", headers={**outside, **operator.bearer})).status_code == 200
        assert 'multiplayer_http_responses_total{status="403"} 2.0' in (await server.http.get("/metrics")).text


async def test_health_counts_and_the_home_page_says_that_the_api_is_up(server: RunningServer, alice: Known) -> None:
    async with person(server, alice, "websocket"):
        health = (await server.http.get("/api/v1/health")).json()
    assert health["status"] == "ok"
    assert health["connections"] == 1
    assert [service["name"] for service in health["services"]] == ["database"]
    assert (await server.http.get("/healthz")).json() == {"status": "ok"}
    assert (await server.http.get("/readyz")).status_code == 200
    home = await server.http.get("/")
    assert "The API is up" in home.text
    for path in ("/", "/api/docs", "/api/docs.js", "/api/docs.css"):
        page = await server.http.get(path)
        assert page.status_code == 200
        assert "http" not in page.text.replace("http-equiv", ""), f"{path} names another place"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
