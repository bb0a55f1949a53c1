"""What only server-sent events have: joins in the address, ids to resume from, comments, the log as JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from multiplayer.live.pod import PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.protocol.codec import JsonObject, parse_object
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.transports.config import HttpConfig
from tests.support.people import PATIENCE_S, SsePerson, person, until
from tests.support.server import Known, RunningServer, running_server


@asynccontextmanager
async def events(
    server: RunningServer, known: Known, path: str, **headers: str
) -> AsyncIterator[AsyncIterator[tuple[str | None, list[JsonObject]]]]:
    """The raw events of a stream: the id, and the lines."""
    async with (
        httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE_S) as http,
        http.stream("GET", path, headers={**known.bearer, "Accept": "text/event-stream", **headers}) as stream,
    ):
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        yield _events(stream)


async def _events(stream: httpx.Response) -> AsyncIterator[tuple[str | None, list[JsonObject]]]:
    event_id: str | None = None
    lines: list[JsonObject] = []
    async for text in stream.aiter_lines():
        if text.startswith("id: "):
            event_id = text[4:]
        elif text.startswith("data: "):
            lines.append(parse_object(text[6:]))
        elif not text and lines:
            yield event_id, lines
            event_id, lines = None, []


async def _say(server: RunningServer, known: Known, room_id: RoomId, *texts: str) -> None:
    for text in texts:
        answer = await server.http.post(
            f"/api/v1/rooms/{room_id}/commands", json={"type": "post_message", "text": text}, headers=known.bearer
        )
        assert answer.status_code == 200, answer.text


async def test_a_stream_begins_with_welcome_and_joined_and_goes_on_from_the_places_given(
    server: RunningServer,
) -> None:
    alice = await server.know("alice")
    one, two = await server.room(alice), await server.room(alice)
    await _say(server, alice, one, "a", "b")
    await _say(server, alice, two, "c")
    place = f"{one}@{server.pod.epoch}:2,{two}"
    async with person(server, alice, "sse", path=f"/api/v1/stream?join={place}") as someone:
        await someone.expect_type("joined", room_id=two)
        assert [line["type"] for line in someone.heard][:2] == ["welcome", "joined"]
        assert "snapshot" not in someone.heard[1]
        await someone.expect_type("message_posted", room_id=one)
        assert someone.texts(one) == ["b"]


async def test_a_stream_may_join_fifty_rooms_at_once_and_not_one_more(server: RunningServer) -> None:
    alice = await server.know("alice-of-fifty")
    rooms = [await server.pod.lobby.create_room(alice.id, "r", origin="cli") for _ in range(51)]
    async with person(server, alice, "sse", path=f"/api/v1/stream?join={','.join(rooms[:50])}") as someone:
        await someone.expect_type("joined", room_id=rooms[49])
        assert sum(line["type"] == "joined" for line in someone.heard) == 50
    answer = await server.http.get("/api/v1/stream", params={"join": ",".join(rooms)}, headers=alice.bearer)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_a_room_that_cannot_be_joined_is_refused_by_its_id_and_the_others_go_on(server: RunningServer) -> None:
    alice, bob = await server.know("alice"), await server.know("bob")
    mine, others = await server.room(alice), await server.room(bob)
    async with person(server, alice, "sse", path=f"/api/v1/stream?join={others},{mine}") as someone:
        await someone.expect_type("joined", room_id=mine)
        assert (await someone.expect_type("refused", re=others))["code"] == "not_found"


async def test_malformed_places_are_named(server: RunningServer) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    for join in (f"{room_id}@", f"{room_id}@x", f"{room_id}@x:", f"{room_id}@:1", f"{room_id}@x:1.5",
                 f"{room_id}@x:-1", f",{room_id}", f"{room_id},{room_id}", "x" * 30, f"{room_id}@x:{'9' * 30}"):  # fmt: skip
        answer = await server.http.get("/api/v1/stream", params={"join": join}, headers=alice.bearer)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), join


async def test_the_stream_of_one_room_resumes_after_its_last_event_id(server: RunningServer) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    path = f"/api/v1/rooms/{room_id}/events"
    async with asyncio.timeout(PATIENCE_S):
        async with events(server, alice, path) as stream:
            assert [line["type"] for line in (await anext(stream))[1]] == ["welcome"]
            event_id, [joined] = await anext(stream)
            assert joined["type"] == "joined"
            assert event_id == f"{server.pod.epoch}:1"
            await _say(server, alice, room_id, "a")
            event_id, _ = await anext(stream)
            assert event_id == f"{server.pod.epoch}:2"
        await _say(server, alice, room_id, "b", "c")
        async with events(server, alice, path, **{"Last-Event-ID": str(event_id)}) as stream:
            await anext(stream)
            heard: list[JsonObject] = []
            while not heard or heard[-1].get("seq") != 4 or heard[-1]["type"] == "joined":
                event_id, lines = await anext(stream)
                heard += lines
            assert [line["seq"] for line in heard if line["type"] == "message_posted"] == [3, 4]
            assert event_id == f"{server.pod.epoch}:4"


async def test_the_stream_of_a_room_i_am_not_in_is_not_found_before_it_begins(server: RunningServer) -> None:
    alice, bob = await server.know("alice"), await server.know("bob")
    room_id = await server.room(bob)
    answer = await server.http.get(
        f"/api/v1/rooms/{room_id}/events", headers={**alice.bearer, "Accept": "text/event-stream"}
    )
    assert answer.status_code == 404
    assert not server.pod.sessions.of(alice.id)


async def test_the_log_comes_as_json_pages_with_the_place_to_go_on_from(server: RunningServer) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    await _say(server, alice, room_id, "a", "b", "c")
    seqs: list[int] = []
    after: str | None = None
    for _ in range(3):
        query = {"limit": "2"} | ({"after": after} if after else {})
        page = (await server.http.get(f"/api/v1/rooms/{room_id}/events", params=query, headers=alice.bearer)).json()
        assert page["epoch"] == server.pod.epoch
        seqs += [event["seq"] for event in page["events"]]
        after = page["next"]
    assert seqs == [1, 2, 3, 4]
    assert after == f"{server.pod.epoch}:4"
    for wrong, status in (("other:1", 409), ("x", 400), (f"{server.pod.epoch}:-1", 400)):
        answer = await server.http.get(f"/api/v1/rooms/{room_id}/events", params={"after": wrong}, headers=alice.bearer)
        assert answer.status_code == status, wrong


async def test_a_guest_who_may_not_see_history_gets_no_page_of_it(server: RunningServer) -> None:
    alice, guest = await server.know("alice"), await server.know("gus")
    room_id = await server.room(alice)
    await _say(server, alice, room_id, "before")
    changed = await server.http.patch(
        f"/api/v1/rooms/{room_id}", json={"settings": {"guests_see_history": False}}, headers=alice.bearer
    )
    assert changed.status_code == 200, changed.text
    await server.add(room_id, alice, guest, Role.GUEST)
    await _say(server, alice, room_id, "after")
    path = f"/api/v1/rooms/{room_id}"
    page = (await server.http.get(f"{path}/events", headers=guest.bearer)).json()
    assert [event["type"] for event in page["events"]] == ["member_joined", "message_posted"]
    early = await server.http.get(f"{path}/events", params={"after": f"{server.pod.epoch}:1"}, headers=guest.bearer)
    assert early.status_code == 409
    messages = (await server.http.get(f"{path}/messages", headers=guest.bearer)).json()["messages"]
    assert [message["text"] for message in messages] == ["after"]
    hits = (await server.http.get("/api/v1/search", params={"q": "before"}, headers=guest.bearer)).json()["hits"]
    assert hits == []


async def test_comments_come_while_nothing_happens(tmp_path: Path) -> None:
    async with running_server(tmp_path, config=HttpConfig(sse_comment_s=0.05)) as server:
        alice = await server.know("alice")
        async with server.http.stream("GET", "/api/v1/stream", headers=alice.bearer) as stream:
            text = ""
            async with asyncio.timeout(PATIENCE_S):
                async for piece in stream.aiter_text():
                    text += piece
                    if text.count(":\n\n") >= 2:
                        break
        assert text.endswith(":\n\n")


async def test_a_session_ends_as_soon_as_its_client_is_gone(server: RunningServer) -> None:
    alice = await server.know("alice-who-leaves")
    async with person(server, alice, "sse"):
        assert len(server.pod.sessions.of(alice.id)) == 1
    await until(lambda: not server.pod.sessions.of(alice.id))


async def test_a_stream_by_cookie_is_the_browsers_way(server: RunningServer) -> None:
    alice = await server.know("alice", password="a long password")
    login = await server.http.post(
        "/api/v1/sessions", json={"handle": "alice", "password": "a long password", "cookie": True}
    )
    cookie = login.headers["set-cookie"].partition(";")[0]
    async with server.http.stream("GET", "/api/v1/stream", headers={"Cookie": cookie}) as stream:
        assert stream.status_code == 200
        [session] = server.pod.sessions.of(alice.id)
        await server.pod.storage.revoke_sign_in(
            session.identity.credential_id, account_id=None, now=server.pod.clock.now()
        )
        text = (await stream.aread()).decode()
        assert '"code":4001' in text.strip().rpartition("\n")[2]


async def test_only_the_owner_of_a_stream_may_speak_to_it(server: RunningServer) -> None:
    alice, bob = await server.know("alice"), await server.know("bob")
    async with person(server, alice, "sse") as someone:
        assert isinstance(someone, SsePerson)
        path = f"/api/v1/stream/{someone.heard[0]['session_id']}"
        line = {"type": "ping", "id": "1"}
        assert (await server.http.post(path, json=line, headers=bob.bearer)).status_code == 404
        assert (await server.http.post(path, json=line, headers=alice.bearer)).status_code == 202
        await someone.expect_type("pong", re="1")
        bad = {"type": "hello", "token": alice.token}
        assert (await server.http.post(path, json=bad, headers=alice.bearer)).status_code == 400
        assert (await server.http.post(path, json={"type": "join", "id": "2"}, headers=alice.bearer)).status_code == 400


async def test_head_of_a_stream_opens_none(server: RunningServer) -> None:
    alice = await server.know("alice-who-looks")
    answer = await server.http.head("/api/v1/stream", headers=alice.bearer)
    assert answer.status_code == 405
    assert not server.pod.sessions.of(alice.id)


async def test_too_many_streams_of_an_account_are_429(tmp_path: Path) -> None:
    limits = PodLimits(session=SessionLimits(sessions_per_account=1))
    async with running_server(tmp_path, limits=limits) as server:
        alice = await server.know("alice")
        async with person(server, alice, "sse"):
            answer = await server.http.get("/api/v1/stream", headers=alice.bearer)
            assert (answer.status_code, answer.json()["code"]) == (429, "limit_reached")
            assert int(answer.headers["retry-after"]) >= 1
        await until(lambda: not server.pod.sessions.of(alice.id))
        async with person(server, alice, "sse") as again:
            assert json.dumps(again.heard[0])
