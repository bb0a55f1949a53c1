"""Turns of the AI in a live room: asked for, heard by all, stopped, ended once."""

import asyncio
from pathlib import Path

from multiplayer.models.scripted import Call, CutOff, Fail, Say, ScriptedModel, Stall
from multiplayer.protocol.ids import RoomId
from tests.support.pods import Guest, Line, memory_pod


async def room_of(alice: Guest, *others: Guest) -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    for other in others:
        assert (await alice.ask(type="invite_member", room_id=room_id, handle=other.account.handle))[
            "type"
        ] == "accepted"
    return room_id


def words(guest: Guest) -> str:
    return "".join(str(line["text"]) for line in guest.heard if line["type"] == "ai_delta")


def answer_of(guest: Guest) -> Line:
    posted = [line for line in guest.heard if line["type"] == "message_posted"]
    message = posted[-1]["message"]
    assert isinstance(message, dict)
    return message


async def test_a_mention_makes_the_ai_answer_and_everyone_hears_the_same_words(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("Hello, all of you.", pieces=5)]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)
        assert (await alice.post(room_id, "@ai say hello"))["type"] == "accepted"
        for guest in (alice, bob):
            ended = await guest.expect_type("turn_ended")
            assert ended["outcome"] == "done"
            assert words(guest) == answer_of(guest)["text"] == "Hello, all of you."


async def test_who_joins_in_the_middle_gets_the_words_so_far_and_then_the_rest(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ScriptedModel([[Say("one two "), Stall(go_on), Say("three four")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await alice.post(room_id, "@ai count")
        await alice.expect_type("ai_delta", text="one two ")
        joined = await bob.join(room_id)
        snapshot = joined["snapshot"]
        assert isinstance(snapshot, dict)
        turns = snapshot["turns"]
        assert isinstance(turns, list)
        turn = turns[0]
        assert isinstance(turn, dict)
        assert (turn["text"], turn["text_index"]) == ("one two ", 1)
        go_on.set()
        await bob.expect_type("turn_ended", outcome="done")
        assert str(turn["text"]) + words(bob) == answer_of(bob)["text"] == "one two three four"


async def test_a_stopped_turn_ends_once_with_the_words_shown_and_closes_the_provider(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("I was saying "), Stall(asyncio.Event()), Say("never")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.join(room_id)
        await alice.post(room_id, "@ai go")
        started = await alice.expect_type("turn_started")
        await alice.expect_type("ai_delta")
        assert (await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"]))["type"] == "accepted"
        ended = await alice.expect_type("turn_ended")
        assert ended["outcome"] == "stopped"
        assert answer_of(alice)["text"] == "I was saying "
        assert model.open_streams == 0
        assert len([line for line in alice.heard if line["type"] == "turn_ended"]) == 1


async def test_a_tool_call_is_durable_before_it_runs_and_its_result_is_told(tmp_path: Path) -> None:
    model = ScriptedModel([[Call("write_file", {"path": "a.txt", "content": "hi"})], [Say("Written.")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.join(room_id)
        await alice.post(room_id, "@ai write it")
        await alice.expect_type("turn_ended", outcome="done")
        kinds = [line["type"] for line in alice.heard if str(line["type"]).startswith("tool_")]
        assert kinds == ["tool_called", "tool_started", "tool_finished"]
        finished = await alice.expect_type("tool_finished")
        assert finished["is_ok"] is True
        assert (tmp_path / room_id / "a.txt").read_text() == "hi"


async def test_a_further_mention_waits_its_turn_and_more_are_collected_into_it(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ScriptedModel([[Say("first "), Stall(go_on)], [Say("second")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await alice.post(room_id, "@ai one")
        await alice.expect_type("ai_delta")
        await alice.post(room_id, "@ai two")
        await bob.post(room_id, "@ai three")
        await alice.expect_type("turn_collected")
        go_on.set()
        first = await alice.expect_type("turn_ended")
        await alice.expect(lambda line: line["type"] == "turn_ended" and line["turn_id"] != first["turn_id"])
        assert len(model.requests) == 2
        assert answer_of(alice)["text"] == "second"


async def test_a_provider_that_fails_ends_the_turn_with_a_reason_and_the_room_goes_on(tmp_path: Path) -> None:
    model = ScriptedModel([[Fail("rejected")], [Say("half"), CutOff()], [Say("well again")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.join(room_id)
        outcomes = []
        for _ in range(3):
            start = len(alice.heard)
            await alice.post(room_id, "@ai please")
            ended = await alice.expect_type("turn_ended", start=start)
            outcomes.append(ended["outcome"])
        assert outcomes == ["failed", "interrupted", "done"]


async def test_removing_the_ai_ends_its_turn_at_once(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("I am "), Stall(asyncio.Event())]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.join(room_id)
        await alice.post(room_id, "@ai who are you")
        requested = await alice.expect_type("turn_requested")
        await alice.expect_type("ai_delta")
        await alice.ask(type="remove_member", room_id=room_id, account_id=requested["ai_id"])
        await alice.expect_type("turn_ended", outcome="stopped")
        await alice.expect_type("member_removed")
        assert (await alice.post(room_id, "still here"))["type"] == "accepted"


async def test_a_turn_whose_asker_is_removed_loses_its_tools(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ScriptedModel([[Say("let me see "), Stall(go_on), Call("list_files", {})], [Say("never asked")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.post(room_id, "@ai list the files")
        await alice.expect_type("ai_delta")
        await alice.ask(type="remove_member", room_id=room_id, account_id=bob.id)
        go_on.set()
        await alice.expect_type("turn_ended", outcome="refused")
        assert not any(line["type"] in {"tool_started", "tool_finished"} for line in alice.heard)
