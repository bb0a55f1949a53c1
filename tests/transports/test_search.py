"""Search over HTTP: words and what is asked beside them, in the rooms of whoever asks and in no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.values import rfc3339
from tests.support.server import Known, RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as running:
        yield running


async def say(server: RunningServer, who: Known, room_id: RoomId, text: str) -> str:
    answer = await server.http.post(
        f"/api/v1/rooms/{room_id}/commands", json={"type": "post_message", "text": text}, headers=who.bearer
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["event_id"])


async def found(server: RunningServer, who: Known, **query: str) -> list[str]:
    answer = await server.http.get("/api/v1/search", params=query, headers=who.bearer)
    assert answer.status_code == 200, answer.text
    return [hit["message"]["text"] for hit in answer.json()["hits"]]


async def test_messages_are_found_by_author_room_link_and_time_alone_and_with_words(server: RunningServer) -> None:
    alice, bob = await server.know("alice"), await server.know("bob")
    demo, other = await server.room(alice, bob), await server.room(alice, bob, name="Other Room")
    await say(server, alice, demo, "the lag is back")
    await say(server, bob, demo, "lag again: https://example.org")
    await say(server, bob, other, "a lag there")
    assert await found(server, alice, author="bob") == ["a lag there", "lag again: https://example.org"]
    assert await found(server, alice, author="@BOB", q="again") == ["lag again: https://example.org"]
    assert await found(server, alice, author="me") == await found(server, bob, author="alice") == ["the lag is back"]
    assert await found(server, alice, q="lag", room=demo, author="bob") == ["lag again: https://example.org"]
    assert await found(server, alice, q="lag", room_name="#other room") == ["a lag there"]
    assert await found(server, alice, has_link="true") == ["lag again: https://example.org"]
    assert await found(server, alice, has_file="true") == []
    assert await found(server, alice, author="nobody") == []
    later = rfc3339(server.pod.clock.now().replace(year=2030))
    assert await found(server, alice, q="lag", since=later) == []
    assert len(await found(server, alice, until=later)) == 3


async def test_an_answer_names_each_author_once_also_one_who_has_left(server: RunningServer) -> None:
    alice, bob = await server.know("alice"), await server.know("bob")
    room_id = await server.room(alice, bob)
    for text in ("needle one", "needle two"):
        await say(server, bob, room_id, text)
    left = await server.http.delete(f"/api/v1/rooms/{room_id}/members/{bob.id}", headers=bob.bearer)
    assert left.status_code == 200, left.text
    answer = (await server.http.get("/api/v1/search", params={"author": "bob"}, headers=alice.bearer)).json()
    assert len(answer["hits"]) == 2
    assert [(one["account_id"], one["handle"], one["kind"]) for one in answer["authors"]] == [(bob.id, "bob", "human")]


async def test_no_filter_shows_a_room_of_others_nor_what_was_before_a_guest_came(server: RunningServer) -> None:
    alice, guest, stranger = await server.know("alice"), await server.know("gus"), await server.know("stranger")
    room_id = await server.room(alice)
    await say(server, alice, room_id, "before")
    await server.http.patch(
        f"/api/v1/rooms/{room_id}", json={"settings": {"guests_see_history": False}}, headers=alice.bearer
    )
    await server.add(room_id, alice, guest, Role.GUEST)
    await say(server, alice, room_id, "after")
    for query in ({"author": "alice"}, {"until": "2999-01-01T00:00:00Z"}, {"author": "alice", "room_name": "demo"}):
        assert await found(server, guest, **query) == ["after"]
        assert await found(server, guest, **query) != await found(server, alice, **query)
    assert await found(server, stranger, author="alice") == []
    assert await found(server, stranger, since="2000-01-01T00:00:00Z") == []
    for named in ("room", room_id), ("room_name", "demo"):
        params = {"author": "alice", named[0]: named[1]}
        answer = await server.http.get("/api/v1/search", params=params, headers=stranger.bearer)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": ""},
        {"room_name": "demo"},
        {"author": ""},
        {"author": "@ "},
        {"has_file": "maybe"},
        {"since": "2026-11-22"},
        {"since": "1700000000"},
        {"until": "2026-11-22T10:00:00"},
        {"q": "x", "room": "01KG9Y4Z8W0000000000000R00", "room_name": "demo"},
        {"q": "x", "authors": "alice"},
    ],
    ids=str,
)
async def test_a_search_that_cannot_be_meant_is_refused(server: RunningServer, query: dict[str, str]) -> None:
    alice = await server.know("alice")
    answer = await server.http.get("/api/v1/search", params=query, headers=alice.bearer)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_searches_without_words_are_fewer_than_others(server: RunningServer) -> None:
    alice = await server.know("alice")
    await server.room(alice)
    codes = []
    for _ in range(40):
        answer = await server.http.get("/api/v1/search", params={"author": "me"}, headers=alice.bearer)
        codes.append(answer.status_code)
    assert codes[:30] == [200] * 30
    assert codes[-1] == 429
    assert await found(server, alice, author="me", q="lag") == []
