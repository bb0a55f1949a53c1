"""What everyone connected may rely on, over a WebSocket and over server-sent events with POST alike."""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from multiplayer.models.port import TextDelta
from multiplayer.protocol.members import Role
from tests.support.chunk_model import ChunkModel
from tests.support.people import PATIENCE_S, Line, Transport, person
from tests.support.server import Known, RunningServer, running_server

_numbers = count()


@pytest.fixture
def fresh() -> Callable[[str], str]:
    """Handles that no other test of this file's server has."""
    return lambda name: f"{name}-{next(_numbers)}"


@pytest.fixture
async def alice(server: RunningServer, fresh: Callable[[str], str]) -> Known:
    return await server.know(fresh("alice"))


@pytest.fixture
async def bob(server: RunningServer, fresh: Callable[[str], str]) -> Known:
    return await server.know(fresh("bob"))


async def test_what_is_accepted_reaches_everyone_in_one_order(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice, bob)
    async with person(server, alice, transport) as first, person(server, bob, transport) as second:
        await first.join(room_id)
        await second.join(room_id)
        answers = [await first.post(room_id, "one"), await second.post(room_id, "two"), await first.post(room_id, "3")]
        assert [answer["type"] for answer in answers] == ["accepted"] * 3
        last = answers[-1]["seq"]
        for someone in (first, second):
            await someone.expect_type("message_posted", seq=last)
            assert someone.texts(room_id) == ["one", "two", "3"]
            assert [line["seq"] for line in someone.events(room_id)] == [answer["seq"] for answer in answers]


async def test_a_join_without_a_place_gives_a_snapshot_with_members_and_messages(
    server: RunningServer, transport: Transport, alice: Known
) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        await someone.post(room_id, "before")
        joined = await someone.join(room_id)
        snapshot = joined["snapshot"]
        assert isinstance(snapshot, dict)
        assert snapshot["seq"] == joined["seq"] == 2
        messages = snapshot["messages"]
        assert isinstance(messages, list)
        assert [message["text"] for message in messages if isinstance(message, dict)] == ["before"]
        assert alice.id in str(snapshot["members"])


async def test_a_join_with_a_place_gives_exactly_what_was_missed(
    server: RunningServer, transport: Transport, alice: Known
) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        for number in range(5):
            await someone.post(room_id, f"message {number}")
    async with person(server, alice, transport) as someone:
        joined = await someone.join(room_id, after=3)
        assert "snapshot" not in joined
        await someone.expect_type("message_posted", seq=6)
        assert someone.texts(room_id) == ["message 2", "message 3", "message 4"]


async def test_a_place_in_another_history_is_reset_with_a_snapshot(
    server: RunningServer, transport: Transport, alice: Known
) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        joined = await someone.join(room_id, after=1, epoch="another-1")
        assert "snapshot" in joined
        reset = await someone.expect_type("reset", room_id=room_id)
        assert someone.heard.index(reset) < someone.heard.index(joined)


async def test_a_key_sent_again_is_the_same_event_and_with_other_words_refused(
    server: RunningServer, transport: Transport, alice: Known
) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        await someone.join(room_id)
        first = await someone.post(room_id, "once", key="k1")
        again = await someone.post(room_id, "once", key="k1")
        other = await someone.post(room_id, "twice", key="k1")
        assert (first["seq"], first["event_id"]) == (again["seq"], again["event_id"])
        assert other["code"] == "key_reused"
        await someone.post(room_id, "end")
        await someone.expect(lambda line: "end" in str(line.get("message")))
        assert someone.texts(room_id) == ["once", "end"]


async def test_refusals_carry_the_code_of_the_rule(
    server: RunningServer, transport: Transport, alice: Known, bob: Known, fresh: Callable[[str], str]
) -> None:
    guest = await server.know(fresh("guest"))
    room_id = await server.room(alice, bob)
    await server.add(room_id, alice, guest, Role.GUEST)
    stranger = await server.know(fresh("stranger"))
    async with person(server, guest, transport) as someone:
        assert (await someone.post(room_id, "hello"))["code"] == "forbidden"
    async with person(server, stranger, transport) as someone:
        assert (await someone.post(room_id, "hello"))["code"] == "not_found"
        assert (await someone.join(room_id))["code"] == "not_found"
    async with person(server, alice, transport) as someone:
        assert (await someone.post(room_id, "x" * 32_001))["code"] == "too_long"
        assert (await someone.post(room_id, "hello", unknown=1))["code"] == "malformed"
        assert (await someone.ask(room_id, "leave_room"))["code"] == "last_owner"
        assert (await someone.ask(room_id, "no_such_command"))["code"] == "malformed"
        assert (await someone.post(room_id, "hello"))["type"] == "accepted"


async def test_who_is_removed_hears_that_last_and_nothing_after(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id, other_id = await server.room(alice, bob), await server.room(alice, bob, name="other")
    async with person(server, alice, transport) as first, person(server, bob, transport) as second:
        await second.join(room_id)
        await second.join(other_id)
        await first.post(room_id, "before")
        assert (await first.ask(room_id, "remove_member", account_id=bob.id))["type"] == "accepted"
        await first.post(room_id, "after")
        # The other room's line comes later than anything of the first could.
        await first.post(other_id, "still here")
        await second.expect(lambda line: "still here" in str(line.get("message")))
        heard = second.events(room_id)
        assert [line["type"] for line in heard] == ["message_posted", "member_removed"]
        assert (await second.post(room_id, "let me in"))["code"] == "not_found"


async def test_typing_and_presence_are_told_to_the_others(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice, bob)
    async with person(server, alice, transport) as first:
        await first.join(room_id)
        async with person(server, bob, transport) as second:
            await second.join(room_id)
            await first.expect_type("presence", account_id=bob.id, presence="online")
            assert (await second.ask(room_id, "set_typing"))["type"] == "accepted"
            await first.expect_type("typing", account_id=bob.id, is_typing=True)
        await first.expect_type("presence", account_id=bob.id, presence="offline")


async def test_a_read_mark_reaches_the_other_sessions_of_the_same_account_only(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice, bob)
    async with (
        person(server, alice, transport) as first,
        person(server, bob, transport) as second,
        person(server, bob, transport) as phone,
    ):
        await first.post(room_id, "read me")
        answer = await second.ask(room_id, "mark_read", seq=3)
        assert answer["type"] == "accepted"
        assert "seq" not in answer
        assert (await phone.expect_type("read_marked", room_id=room_id))["seq"] == 3
        await first.post(room_id, "x")
        await first.expect_type("room_activity", room_id=room_id)
        assert all(line["type"] != "read_marked" for line in first.heard)


async def test_a_room_that_is_not_open_here_tells_of_its_activity(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice, bob)
    async with person(server, bob, transport) as someone, person(server, alice, transport) as other:
        await other.post(room_id, "news")
        activity = await someone.expect_type("room_activity", room_id=room_id)
        assert (activity["seq"], activity["unread"]) == (3, 1)


@pytest.mark.slow
async def test_a_room_that_is_not_open_here_tells_when_its_ai_works_and_what_it_is_called(
    transport: Transport, tmp_path: Path
) -> None:
    go_on = asyncio.Event()
    async with running_server(tmp_path, model=ChunkModel([TextDelta("Well, "), go_on])) as server:
        alice, bob, carol = [await server.know(handle) for handle in ("alice", "bob", "carol")]
        room_id = await server.room(alice, bob)
        async with (
            person(server, bob, transport) as someone,
            person(server, carol, transport) as stranger,
            person(server, alice, transport) as other,
        ):
            await other.post(room_id, "@ai is it so?")
            await someone.expect_type("room_activity", room_id=room_id, is_ai_working=True)
            rows = (await server.http.get("/api/v1/rooms", headers=bob.bearer)).json()["rooms"]
            assert [row["is_ai_working"] for row in rows] == [True]
            go_on.set()
            await someone.expect_type("room_activity", room_id=room_id, is_ai_working=False, unread=2)
            await other.ask(room_id, "rename_room", name="launch")
            await someone.expect_type("room_activity", room_id=room_id, name="launch", is_ai_working=False)
            # What is told of another room comes after it.
            theirs = await server.room(alice, carol)
            await other.post(theirs, "hello")
            await stranger.expect_type("room_activity", room_id=theirs)
            assert all(line.get("room_id") != room_id for line in stranger.heard)


async def test_a_new_member_hears_that_there_is_a_room(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice)
    async with person(server, bob, transport) as someone:
        await server.add(room_id, alice, bob, Role.MEMBER)
        added = await someone.expect_type("room_added")
        assert isinstance(added["room"], dict)
        assert added["room"]["id"] == room_id


async def test_a_revoked_token_ends_its_sessions_with_4001(
    server: RunningServer, transport: Transport, alice: Known
) -> None:
    async with person(server, alice, transport) as someone:
        # As the command line does it: beside the server, in the database.
        await server.pod.storage.revoke_access_token(alice.token_id, account_id=None, now=server.pod.clock.now())
        assert await someone.closed() == 4001


async def test_a_disabled_account_is_closed_with_4003(
    server: RunningServer, transport: Transport, alice: Known, fresh: Callable[[str], str]
) -> None:
    operator = await server.know(fresh("operator"), is_operator=True)
    async with person(server, alice, transport) as someone:
        answer = await server.http.post(f"/api/v1/admin/accounts/{alice.id}/disable", headers=operator.bearer)
        assert answer.status_code == 200
        assert await someone.closed() == 4003


async def test_a_token_of_someone_else_does_not_renew_a_session(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    async with person(server, alice, transport) as someone:
        assert (await someone.renew(bob.token))["code"] == "forbidden"
        assert (await someone.renew("mp_" + "x" * 43))["code"] == "unauthenticated"
        assert (await someone.renew(alice.token))["type"] == "accepted"


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"post_message","text":"a","text":"b"}',
        '{"type":"post_message","text":NaN}',
        '{"type":"post_message","text":Infinity}',
        '{"type":"post_message","text":"a\\u0000b"}',
        '{"type":"post_message","text":"\\ud800"}',
        '{"type":"post_message","text":' + "[" * 40 + "]" * 40 + "}",
        '{"type":"post_message","text":1}',
        '{"type":"post_message"}',
        '{"type":"mark_read","seq":1.0}',
        '{"type":"mark_read","seq":true}',
        '{"type":"mark_read","seq":-1}',
        '{"type":"mark_read","seq":99999999999999999999}',
        '{"type":"mark_read","seq":1e999}',
        '{"type":"post_message","text":"a","colour":"red"}',
        '{"type":"start_turn","turn_id":"x","fence":1,"pod":"p"}',
        '{"type":"accept_invite","invite_id":"x","invited_by":"x","role":"owner"}',
        '{"type":["post_message"],"text":"a"}',
        '{"type":"post_message","text":"a","key":""}',
        '{"type":"post_message","text":"a","key":"' + "k" * 65 + '"}',
        '{"type":"post_message","text":"a",' + ",".join(f'"k{n}":1' for n in range(70)) + "}",
    ],
)
async def test_strict_json_is_refused_by_name_and_the_session_lives_on(
    server: RunningServer, transport: Transport, alice: Known, text: str
) -> None:
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        answer = await someone.ask_raw(room_id, text)
        assert (answer["type"], answer["code"]) == ("refused", "malformed"), answer
        assert isinstance(answer["message"], str)
        assert answer["message"]
        assert (await someone.post(room_id, "fine"))["type"] == "accepted"


async def test_a_stopped_room_of_many_lines_arrives_whole_and_in_order(
    server: RunningServer, transport: Transport, alice: Known, bob: Known
) -> None:
    room_id = await server.room(alice, bob)
    async with person(server, bob, transport) as reader, person(server, alice, transport) as writer:
        await reader.join(room_id)
        answers: list[Line] = []
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            posts = [tasks.create_task(writer.post(room_id, f"n{number}", key=f"n{number}")) for number in range(30)]
        answers = [post.result() for post in posts]
        await reader.expect_type("message_posted", seq=max(int(str(answer["seq"])) for answer in answers))
        seqs = [line["seq"] for line in reader.events(room_id)]
        assert seqs == list(range(3, 33))
        assert sorted(reader.texts(room_id)) == sorted(f"n{number}" for number in range(30))
