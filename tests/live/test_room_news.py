"""What a session is told of rooms that it has not joined: enough for a list of rooms, and for members only."""

import asyncio
from pathlib import Path

import pytest

from multiplayer.models.port import Finished, TextDelta, ToolCall, ToolCallsReady
from multiplayer.models.scripted import Call
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.memory import MemoryStorage
from tests.live.test_approvals import RUN, Machine, calls, decided
from tests.support.chunk_model import ChunkModel
from tests.support.cut_storage import CutStorage
from tests.support.pods import PATIENCE_S, Guest, Line, memory_pod

pytestmark = pytest.mark.slow  # each waits for a second round of what is told once a second


async def room_of(alice: Guest, *others: str) -> RoomId:
    """A room that alice owns and has joined. `others` are members; they may be nowhere yet."""
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    for handle in others:
        if await alice.pod.storage.find_account_by_handle(handle) is None:
            await alice.pod.lobby.create_account(handle, origin="cli")
        added = await alice.ask(type="invite_member", room_id=room_id, handle=handle)
        assert added["type"] == "accepted", added
    await alice.join(room_id)
    return room_id


def news_of(guest: Guest, room_id: RoomId) -> list[Line]:
    return [line for line in guest.heard if line["type"] == "room_activity" and line["room_id"] == room_id]


async def all_heard(guest: Guest) -> None:
    """Read everything that was told so far."""
    await guest.ask(type="ping")


async def has_looked(storage: CutStorage) -> None:
    """Wait until the pod has seen where the rooms of those who came to it stand."""
    async with asyncio.timeout(PATIENCE_S):
        await storage.has_looked.wait()


async def test_who_looks_elsewhere_is_told_when_an_ai_begins_and_when_it_has_ended(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    async with memory_pod(tmp_path, model=ChunkModel([TextDelta("Well, "), go_on, TextDelta("yes.")])) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice, "bob")
        bob, carol = await Guest.enter(pod, "bob"), await Guest.enter(pod, "carol")
        await alice.post(room_id, "@ai is it so?")
        began = await bob.expect_type("room_activity", room_id=room_id, is_ai_working=True)
        assert (began["unread"], began["needs_approval"]) == (1, False)
        go_on.set()
        ended = await bob.expect(lambda line: line in news_of(bob, room_id) and line["unread"] == 2)
        assert ended["is_ai_working"] is False
        assert ended["seq"] == (await alice.expect_type("turn_ended"))["seq"]
        # Who is no member, and who has the room open, is told nothing of it this way.
        for other in (carol, alice):
            await all_heard(other)
            assert news_of(other, room_id) == []


async def test_a_guest_who_sees_no_history_is_told_that_an_ai_works_but_counts_nothing_from_before(
    tmp_path: Path,
) -> None:
    go_on = asyncio.Event()
    async with memory_pod(tmp_path, model=ChunkModel([TextDelta("Well, "), go_on])) as pod:
        alice, gina = await Guest.enter(pod, "alice"), await Guest.enter(pod, "gina")
        room_id = await room_of(alice)
        closed = {"guests_see_history": False, "guests_see_workspace": False}
        await alice.ask(type="set_room_settings", room_id=room_id, settings=closed)
        await alice.post(room_id, "before she came, for @all")
        added = await alice.ask(type="invite_member", room_id=room_id, handle="gina", role="guest")
        assert added["type"] == "accepted", added
        await alice.post(room_id, "@ai is it so?")
        began = await gina.expect_type("room_activity", room_id=room_id, is_ai_working=True)
        assert (began["unread"], began["mentions"]) == (1, 0)
        assert began.keys() == {
            *("type", "room_id", "seq", "unread", "mentions", "is_ai_working", "needs_approval"),
            *("name", "topic", "is_archived"),
        }
        go_on.set()


async def test_of_what_a_turn_does_between_its_beginning_and_its_end_nothing_is_told(tmp_path: Path) -> None:
    work, go_on = asyncio.Event(), asyncio.Event()
    listing = ToolCallsReady(tuple(ToolCall(f"call_{n}", "list_files", "{}") for n in range(5)))
    model = ChunkModel([work, listing, Finished("tool_calls")], [TextDelta("Well, "), go_on])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id, other_id = await room_of(alice, "bob"), await room_of(alice, "bob")
        bob = await Guest.enter(pod, "bob")
        await alice.post(room_id, "@ai look around")
        await bob.expect_type("room_activity", room_id=room_id, is_ai_working=True)
        told = len(news_of(bob, room_id))
        work.set()
        await alice.expect_type("ai_delta")
        assert sum(line["type"] == "tool_finished" for line in alice.heard) == 5
        # Told in the round that would have told of the turn, too.
        await alice.post(other_id, "meanwhile")
        await bob.expect_type("room_activity", room_id=other_id)
        assert len(news_of(bob, room_id)) == told
        go_on.set()


async def test_who_looks_elsewhere_is_told_that_a_turn_waits_for_people_until_somebody_decides(tmp_path: Path) -> None:
    machine = Machine(hangs=asyncio.Event())
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice, "bob")
        bob = await Guest.enter(pod, "bob")
        await bob.post(room_id, "@ai run it")
        card = await alice.expect_type("approval_requested")
        waits = await bob.expect_type("room_activity", room_id=room_id, needs_approval=True)
        assert waits["is_ai_working"] is True
        start = len(bob.heard)
        await decided(alice, room_id, card)
        runs = await bob.expect_type("room_activity", start=start, room_id=room_id)
        assert (runs["is_ai_working"], runs["needs_approval"]) == (True, False)
        assert machine.hangs is not None
        machine.hangs.set()
        assert (await bob.expect_type("room_activity", room_id=room_id, unread=1))["is_ai_working"] is False


async def test_who_looks_elsewhere_is_told_what_a_room_is_called_and_whether_it_is_archived(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice, "bob")
        bob = await Guest.enter(pod, "bob")
        for command, told in (
            ({"type": "rename_room", "name": "launch"}, {"name": "launch", "topic": "", "is_archived": False}),
            ({"type": "set_topic", "topic": "on Friday"}, {"name": "launch", "topic": "on Friday"}),
            ({"type": "archive_room", "is_archived": True}, {"is_archived": True}),
            ({"type": "archive_room", "is_archived": False}, {"is_archived": False, "topic": "on Friday"}),
        ):
            start = len(bob.heard)
            assert (await alice.ask(room_id=room_id, **command))["type"] == "accepted"
            assert told.items() <= (await bob.expect_type("room_activity", start=start, room_id=room_id)).items()


async def test_a_pod_that_does_not_run_the_room_tells_its_members_there_too(tmp_path: Path) -> None:
    go_on, storage = asyncio.Event(), MemoryStorage()
    of_two = CutStorage(storage)
    model = ChunkModel([TextDelta("Well, "), go_on, TextDelta("yes.")])
    async with (
        memory_pod(tmp_path, model=model, storage=storage) as one,
        memory_pod(tmp_path, model=model, storage=of_two, name="pod-two") as two,
    ):
        alice = await Guest.enter(one, "alice")
        room_id = await room_of(alice, "bob")
        bob, carol = await Guest.enter(two, "bob"), await Guest.enter(two, "carol")
        await has_looked(of_two)
        assert two.directory.running(room_id) is None
        await alice.post(room_id, "@ai is it so?")
        began = await bob.expect_type("room_activity", room_id=room_id, is_ai_working=True)
        assert (began["unread"], began["name"]) == (1, "demo")
        go_on.set()
        await bob.expect_type("room_activity", room_id=room_id, is_ai_working=False, unread=2)
        assert (await alice.expect_type("turn_ended"))["outcome"] == "done"
        await all_heard(carol)
        assert news_of(carol, room_id) == []


async def test_who_is_made_a_member_by_way_of_another_pod_is_told_of_the_room(tmp_path: Path) -> None:
    storage = MemoryStorage()
    of_two = CutStorage(storage)
    async with (
        memory_pod(tmp_path, storage=storage) as one,
        memory_pod(tmp_path, storage=of_two, name="pod-two") as two,
    ):
        bob, alice = await Guest.enter(two, "bob"), await Guest.enter(one, "alice")
        await has_looked(of_two)
        room_id = await room_of(alice, "bob")
        assert (await bob.expect_type("room_activity", room_id=room_id))["name"] == "demo"


async def test_what_another_pod_did_while_the_database_was_out_of_reach_is_told_when_it_is_back(tmp_path: Path) -> None:
    storage = MemoryStorage()
    of_two = CutStorage(storage)
    async with (
        memory_pod(tmp_path, storage=storage) as one,
        memory_pod(tmp_path, storage=of_two, name="pod-two") as two,
    ):
        alice = await Guest.enter(one, "alice")
        room_id = await room_of(alice, "bob")
        bob = await Guest.enter(two, "bob")
        await has_looked(of_two)
        of_two.is_cut = True
        await alice.ask(type="rename_room", room_id=room_id, name="launch")
        async with asyncio.timeout(PATIENCE_S):
            await of_two.has_missed_a_look.wait()
        of_two.is_cut = False
        assert (await bob.expect_type("room_activity", room_id=room_id))["name"] == "launch"


async def test_who_comes_to_a_pod_makes_it_load_and_tell_no_room_that_has_not_moved_since(tmp_path: Path) -> None:
    storage = MemoryStorage()
    of_two = CutStorage(storage)
    async with (
        memory_pod(tmp_path, storage=storage) as one,
        memory_pod(tmp_path, storage=of_two, name="pod-two") as two,
    ):
        alice = await Guest.enter(one, "alice")
        still_id, moved_id = await room_of(alice, "bob"), await room_of(alice, "bob")
        bob = await Guest.enter(two, "bob")
        await has_looked(of_two)
        await alice.post(moved_id, "hello")
        await bob.expect_type("room_activity", room_id=moved_id)
        assert news_of(bob, still_id) == []
        assert two.directory.running(still_id) is None
