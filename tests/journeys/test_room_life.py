"""What people do in a room beside talking to its AI: threads, edits, deletions, reactions, pins, unread, search."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, Transport, entered
from tests.support.people import Line, Person
from tests.support.server import Known

pytestmark = pytest.mark.slow
BOTH = pytest.mark.parametrize("transport", ["websocket", "sse"])


async def posted(person: Person, room_id: RoomId, text: str, *, reply_to: JsonValue = None) -> Line:
    """Post and return the message as it was posted."""
    accepted = await person.post(room_id, text, reply_to=reply_to)
    assert accepted["type"] == "accepted", accepted
    event = await person.expect_type("message_posted", seq=accepted["seq"], room_id=room_id)
    return as_object(event["message"])


def as_object(value: JsonValue) -> Line:
    assert isinstance(value, dict)
    return value


async def message(house: House, room_id: RoomId, message_id: JsonValue, by: Known) -> Line:
    return as_object((await house.get(f"/api/v1/rooms/{room_id}/messages/{message_id}", by))["message"])


async def found(house: House, query: str, by: Known, room_id: RoomId) -> Sequence[str]:
    answer = await house.http.get("/api/v1/search", params={"q": query, "room": room_id}, headers=by.bearer)
    assert answer.status_code == 200, answer.text
    return [hit["message"]["text"] for hit in answer.json()["hits"]]


@BOTH
async def test_a_reply_stands_in_its_thread_and_a_direct_room_is_the_same_one_each_time(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    async with entered(house.url, alice, transport) as a, entered(house.url, bob, transport) as b:
        await a.join(room_id)
        await b.join(room_id)
        root = await posted(a, room_id, "shall we ship on Friday?")
        reply = await posted(b, room_id, "yes", reply_to=root["id"])
        deeper = await posted(a, room_id, "good", reply_to=reply["id"])
        assert (deeper["reply_to"], deeper["thread_root"]) == (reply["id"], root["id"])
        unknown = await a.post(room_id, "lost", reply_to="01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert (unknown["type"], unknown["code"]) == ("refused", "not_found")

        direct = await house.post("/api/v1/rooms/direct", {"handles": ["bob"]}, alice)
        direct_id = RoomId(str(as_object(direct["room"])["id"]))
        same = await house.post("/api/v1/rooms/direct", {"handles": ["alice"]}, bob)
        assert as_object(same["room"])["id"] == direct_id
        await a.join(direct_id)
        await posted(a, direct_id, "between us")
        await b.expect(lambda line: line["type"] in {"room_activity", "room_added"} and str(direct_id) in str(line))
        carol = await house.know("carol")
        outside = await house.http.get(f"/api/v1/rooms/{direct_id}/messages", headers=carol.bearer)
        assert outside.status_code == 404
        invited = await a.ask(direct_id, "invite_member", handle="carol")
        assert invited["type"] == "refused"


@BOTH
async def test_an_edit_keeps_its_revisions_and_a_deletion_leaves_the_text_nowhere(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    canary = f"wrongword{transport}"
    async with entered(house.url, alice, transport) as a, entered(house.url, bob) as b:
        await a.join(room_id)
        await b.join(room_id)
        said = await posted(a, room_id, f"the {canary} stands here")
        edited = await a.ask(room_id, "edit_message", message_id=said["id"], text=f"the {canary} stands there")
        assert edited["type"] == "accepted"
        await b.expect_type("message_edited", message_id=said["id"], revision=2)
        whole = await house.get(f"/api/v1/rooms/{room_id}/messages/{said['id']}", bob)
        assert as_object(whole["message"])["text"] == f"the {canary} stands there"
        assert isinstance(whole["revisions"], list)
        assert [as_object(revision)["text"] for revision in whole["revisions"]] == [
            f"the {canary} stands here",
            f"the {canary} stands there",
        ]
        not_mine = await b.ask(room_id, "edit_message", message_id=said["id"], text="hers")
        assert not_mine["code"] == "forbidden"
        assert await found(house, canary, bob, room_id) == [f"the {canary} stands there"]

        deleted = await a.ask(room_id, "delete_message", message_id=said["id"])
        assert deleted["type"] == "accepted"
        await b.expect_type("message_deleted", message_id=said["id"])
        assert await found(house, canary, bob, room_id) == []
        tombstone = await house.get(f"/api/v1/rooms/{room_id}/messages/{said['id']}", bob)
        assert as_object(tombstone["message"])["text"] == ""
        assert as_object(tombstone["message"])["deleted_by"] == alice.id
        assert tombstone["revisions"] == []
        for path in ("messages", "events?limit=500"):
            assert canary not in json.dumps(await house.get(f"/api/v1/rooms/{room_id}/{path}", bob))
        again = await a.ask(room_id, "edit_message", message_id=said["id"], text="back again")
        assert again["type"] == "refused"
    # Who joins or resumes from the beginning does not hear it either.
    async with entered(house.url, bob, transport) as late:
        joined = await late.join(room_id, after=0)
        assert "snapshot" not in joined or joined["snapshot"] is None
        await late.expect_type("message_deleted", message_id=said["id"])
        assert canary not in json.dumps(late.heard)
    async with entered(house.url, bob, transport) as fresh:
        assert canary not in json.dumps(await fresh.join(room_id))
    workspace_and_logs = [
        path for path in (house.data_dir / "logs").rglob("*") if path.is_file() and canary in read(path)
    ]
    assert not workspace_and_logs


def read(path: Path) -> str:
    return path.read_text(errors="replace")


@BOTH
async def test_reactions_and_pins_are_seen_by_both_and_can_be_taken_back(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    async with entered(house.url, alice, transport) as a, entered(house.url, bob) as b:
        await a.join(room_id)
        await b.join(room_id)
        said = await posted(a, room_id, "we did it")
        for person in (a, b):
            reacted = await person.ask(room_id, "add_reaction", message_id=said["id"], emoji="🎉")
            assert reacted["type"] == "accepted"
        assert (await b.ask(room_id, "add_reaction", message_id=said["id"], emoji="🎉"))["code"] == "no_change"
        await a.expect_type("reaction_added", actor_id=bob.id, emoji="🎉")
        reactions = (await message(house, room_id, said["id"], bob))["reactions"]
        assert reactions == [{"emoji": "🎉", "account_ids": [alice.id, bob.id]}]
        await b.ask(room_id, "remove_reaction", message_id=said["id"], emoji="🎉")
        await a.expect_type("reaction_removed", actor_id=bob.id)
        assert (await message(house, room_id, said["id"], bob))["reactions"] == [
            {"emoji": "🎉", "account_ids": [alice.id]}
        ]
        assert (await b.ask(room_id, "pin_message", message_id=said["id"]))["type"] == "accepted"
        await a.expect_type("message_pinned", message_id=said["id"])
    async with entered(house.url, alice, transport) as again:
        snapshot = as_object((await again.join(room_id))["snapshot"])
        assert snapshot["pins"] == [said["id"]]
        assert (await again.ask(room_id, "unpin_message", message_id=said["id"]))["type"] == "accepted"
    async with entered(house.url, bob) as again:
        assert as_object((await again.join(room_id))["snapshot"])["pins"] == []


@BOTH
async def test_unread_counts_count_messages_and_mentions_until_they_are_read(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    async with (
        entered(house.url, alice, transport) as a,
        entered(house.url, bob, transport) as b,
        entered(house.url, bob) as other,
    ):
        await a.join(room_id)
        first = await posted(a, room_id, "one")
        await a.ask(room_id, "add_reaction", message_id=first["id"], emoji="👍")
        await a.post(room_id, "two, @bob")
        last = await a.post(room_id, "three")
        path = f"/api/v1/rooms/{room_id}/unread"
        waiting = await house.get(path, bob)
        assert (waiting["unread"], waiting["mentions"]) == (3, 1)
        assert (await house.get(path, alice))["unread"] == 0
        activity = await b.expect(lambda line: line["type"] == "room_activity" and line["unread"] == 3)
        assert (activity["room_id"], activity["mentions"]) == (room_id, 1)
        marked = await b.ask(room_id, "mark_read", seq=last["seq"])
        assert (marked["type"], marked.get("seq")) == ("accepted", None)
        await other.expect_type("read_marked", room_id=room_id, seq=last["seq"])
        assert (await house.get(path, bob))["unread"] == 0
        # The mark never goes back.
        await b.ask(room_id, "mark_read", seq=1)
        assert (await house.get(path, bob))["unread"] == 0
        assert not [line for line in a.heard if line["type"] == "read_marked"]


async def test_search_finds_chinese_and_english_and_only_in_rooms_one_is_in(
    house: House, alice: Known, bob: Known, room_id: RoomId
) -> None:
    async with entered(house.url, alice) as a:
        await a.join(room_id)
        await a.post(room_id, "我们决定在星期五发布新版本")
        await a.post(room_id, "the database migration is ready")
        assert await found(house, "星期五", bob, room_id) == ["我们决定在星期五发布新版本"]
        assert await found(house, "发布", bob, room_id) == ["我们决定在星期五发布新版本"]
        assert await found(house, "星期六", bob, room_id) == []
        assert await found(house, "migration database", bob, room_id) == ["the database migration is ready"]
        dave = await house.know("dave")
        everywhere = await house.http.get("/api/v1/search", params={"q": "星期五"}, headers=dave.bearer)
        assert everywhere.json()["hits"] == []
        there = await house.http.get("/api/v1/search", params={"q": "星期五", "room": room_id}, headers=dave.bearer)
        assert there.status_code == 404
