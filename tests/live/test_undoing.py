"""Undoing what turns changed in the workspace, and that each change has one author although several AIs work at once."""

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from multiplayer.live.pod import Pod
from multiplayer.models.port import Finished, TextDelta, ToolCall
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turn_events import FilesChanged
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from tests.live.test_approvals import call
from tests.live.test_turn_controls import room_of
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, Line, memory_pod

SAYS: Sequence[Moment] = (TextDelta("All done."), Finished("stop"))


def writes(path: str, content: str) -> list[Moment]:
    return call(ToolCall("c1", "write_file", json.dumps({"path": path, "content": content})))


class Work(Arguments):
    path: str


class Nothing(Arguments):
    pass


@dataclass
class Slow:
    """A terminal whose command writes a line to a file, and then goes on until it is let."""

    folder: Path
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    def tools(self) -> ToolRegistry:
        return ToolRegistry(
            [
                *file_tools(),
                Tool("work", "Work for long.", Work, ToolClass.TERMINAL, self._work),
                Tool("look", "Look at a site.", Nothing, ToolClass.ROOM, self._look),
            ]
        )

    async def _work(self, arguments: Work, context: ToolCallContext) -> ToolResult:
        assert context.desk is not None
        (self.folder / context.desk.room_id / arguments.path).write_text("worked\n")
        self.began.set()
        await self.goes_on.wait()
        return ToolResult(ok=True, text="[exit status 0]", exit_status=0)

    async def _look(self, _arguments: Nothing, _context: ToolCallContext) -> ToolResult:
        return ToolResult(ok=True, text="a site's words", taint=Taint.WEB)


async def over(who: Guest, room_id: RoomId, text: str = "@ai go on") -> str:
    """Ask, wait for the end, and return the turn's id."""
    turn_id = await requested(who, room_id, text)
    assert (await who.expect_type("turn_ended", turn_id=turn_id))["outcome"] == "done"
    return turn_id


async def requested(who: Guest, room_id: RoomId, text: str) -> str:
    posted = await who.post(room_id, text)
    asked = await who.expect_type("turn_requested", message_id=posted["event_id"])
    return str(asked["turn_id"])


async def undo(who: Guest, room_id: RoomId, turn_id: str, **more: object) -> Line:
    start = len(who.heard)
    answer = await who.ask(type="undo_turn", room_id=room_id, turn_id=turn_id, **more)
    if answer["type"] == "refused":
        return answer
    return await who.expect_type("turn_undone", start=start, turn_id=turn_id)


def files(folder: Path, room_id: RoomId) -> dict[str, str]:
    here = folder / room_id
    return {str(path.relative_to(here)): path.read_text() for path in here.rglob("*") if path.is_file()}


def changes(who: Guest) -> list[tuple[str, list[str]]]:
    """Each change that was told, by its turn and its paths."""
    told = [FilesChanged.model_validate(line) for line in who.heard if line["type"] == "files_changed"]
    return [(str(event.turn_id), [change.path for change in event.changes]) for event in told]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first first", "last first"])
async def test_two_turns_that_changed_different_files_are_undone_in_either_order(
    order: tuple[int, int], tmp_path: Path
) -> None:
    model = ChunkModel(writes("a.txt", "one"), SAYS, writes("b/b.txt", "two"), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        turns = [await over(alice, room_id) for _ in range(2)]
        both = [{"a.txt": "one"}, {"b/b.txt": "two"}]
        assert files(tmp_path, room_id) == {**both[0], **both[1]}
        undone = await undo(alice, room_id, turns[order[0]])
        assert (undone["is_ok"], undone.get("conflicts", [])) == (True, [])
        assert files(tmp_path, room_id) == both[order[1]]
        undone = await undo(alice, room_id, turns[order[1]])
        assert (undone["is_ok"], undone.get("conflicts", [])) == (True, [])
        assert list((tmp_path / room_id).iterdir()) == []


async def test_of_two_turns_that_changed_one_file_the_later_is_undone_before_the_earlier_can_be(
    tmp_path: Path,
) -> None:
    model = ChunkModel(writes("a.txt", "one"), SAYS, writes("a.txt", "two"), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        first, second = [await over(alice, room_id) for _ in range(2)]
        refused = await undo(alice, room_id, first)
        assert (refused["is_ok"], refused["conflicts"]) == (False, ["a.txt"])
        assert files(tmp_path, room_id) == {"a.txt": "two"}
        assert (await undo(alice, room_id, second))["is_ok"] is True
        assert files(tmp_path, room_id) == {"a.txt": "one"}
        # What could not be undone may be tried again.
        assert (await undo(alice, room_id, first))["is_ok"] is True
        assert files(tmp_path, room_id) == {}
        assert (await undo(alice, room_id, first))["code"] == "no_change"


async def test_an_undo_waits_until_the_call_that_changes_files_is_over(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    model = ChunkModel(writes("a.txt", "one"), SAYS, call(ToolCall("c2", "work", '{"path":"w.txt"}')), SAYS)
    async with memory_pod(tmp_path, model=model, tools=slow.tools()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        first = await over(alice, room_id)
        second = await requested(alice, room_id, "@ai work")
        await bounded(slow.began)
        running = await alice.ask(type="undo_turn", room_id=room_id, turn_id=second)
        assert running["code"] == "conflict"
        answer = await alice.ask(type="undo_turn", room_id=room_id, turn_id=first)
        assert answer["type"] == "accepted"
        for number in range(5):
            await alice.post(room_id, f"meanwhile {number}")
        assert files(tmp_path, room_id) == {"a.txt": "one", "w.txt": "worked\n"}
        assert not any(line["type"] == "turn_undone" for line in alice.heard)
        slow.goes_on.set()
        assert (await alice.expect_type("turn_undone"))["is_ok"] is True
        await alice.expect_type("turn_ended", turn_id=second)
        assert files(tmp_path, room_id) == {"w.txt": "worked\n"}
        assert changes(alice) == [(first, ["a.txt"]), (second, ["w.txt"])]
        assert (await undo(alice, room_id, second))["is_ok"] is True
        assert files(tmp_path, room_id) == {}


async def test_an_owner_undoes_anyones_turn_and_a_member_only_what_they_alone_asked_for(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ChunkModel([gate, *SAYS], writes("both.txt", "one"), SAYS, writes("b.txt", "two"), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob, carol, gus = [await Guest.enter(pod, name) for name in ("alice", "bob", "carol", "gus")]
        room_id = await room_of(alice, bob, carol)
        await alice.ask(type="invite_member", room_id=room_id, handle="gus", role="guest")
        await gus.join(room_id)
        await bob.post(room_id, "@ai wait")
        await bob.expect_type("turn_started")
        both = await requested(bob, room_id, "@ai write it")
        await carol.post(room_id, "@ai please do")
        await carol.expect_type("turn_collected", turn_id=both)
        gate.set()
        await bob.expect_type("turn_ended", turn_id=both)
        alone = await over(bob, room_id)
        for who in (bob, carol, gus):
            assert (await undo(who, room_id, both))["code"] == "forbidden"
        for who in (carol, gus):
            assert (await undo(who, room_id, alone))["code"] == "forbidden"
        assert files(tmp_path, room_id) == {"both.txt": "one", "b.txt": "two"}
        assert (await undo(bob, room_id, alone))["is_ok"] is True
        assert (await undo(alice, room_id, both))["is_ok"] is True
        assert files(tmp_path, room_id) == {}


@pytest.mark.slow
async def test_a_turn_before_the_last_fifty_that_changed_files_is_too_old_to_be_undone(tmp_path: Path) -> None:
    model = ChunkModel(*(part for number in range(51) for part in (writes(f"{number}.txt", "x"), SAYS)))
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice, triggers=[{"id": "mention", "type": "mention", "per_min": 600}])
        turns = [await over(alice, room_id) for _ in range(51)]
        refused = await undo(alice, room_id, turns[0])
        assert refused["code"] == "not_found"
        assert "too long ago" in str(refused["message"])
        assert len(files(tmp_path, room_id)) == 51
        assert (await undo(alice, room_id, turns[1]))["is_ok"] is True
        assert "1.txt" not in files(tmp_path, room_id)


async def test_where_the_checkpoints_are_gone_an_undo_says_so_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "workspaces"
    model = ChunkModel(writes("a.txt", "one"), SAYS, writes("b.txt", "two"), SAYS)
    async with memory_pod(folder, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        lost = await over(alice, room_id)
        shutil.rmtree(tmp_path / "workspaces-checkpoints")
        undone = await undo(alice, room_id, lost)
        assert undone["is_ok"] is False
        assert "not kept any more" in str(undone["reason"])
        assert files(folder, room_id) == {"a.txt": "one"}
        # What comes after can be undone again.
        kept = await over(alice, room_id)
        assert (await undo(alice, room_id, kept))["is_ok"] is True
        assert files(folder, room_id) == {"a.txt": "one"}


# Several at once


async def bounded(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def another_ai(pod: Pod, brains: GivenBrains, model: ChunkModel, alice: Guest, room_id: RoomId) -> AccountId:
    account = await pod.lobby.create_account("other", kind=AccountKind.AI, origin="cli")
    brains.each[account.id] = brain_of(model)
    added = await alice.ask(type="invite_member", room_id=room_id, handle="other")
    assert added["type"] == "accepted", added
    return account.id


async def test_of_two_ais_one_changes_files_at_a_time_and_each_change_has_its_own_author(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    brains = GivenBrains(brain_of(ChunkModel(call(ToolCall("c1", "work", '{"path":"w.txt"}')), SAYS)))
    async with memory_pod(tmp_path, brains=brains, tools=slow.tools()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        other = await another_ai(pod, brains, ChunkModel(writes("o.txt", "other"), SAYS), alice, room_id)
        first = await requested(alice, room_id, "@ai work")
        await bounded(slow.began)
        second = await requested(alice, room_id, "@other write")
        await alice.expect_type("tool_called", turn_id=second)
        for number in range(5):
            await alice.post(room_id, f"meanwhile {number}")
        # It has not begun: whoever waits may still lose the right to.
        assert not any(line["type"] == "tool_started" and line["turn_id"] == second for line in alice.heard)
        assert files(tmp_path, room_id) == {"w.txt": "worked\n"}
        slow.goes_on.set()
        for turn_id in (first, second):
            assert (await alice.expect_type("turn_ended", turn_id=turn_id))["outcome"] == "done"
        assert changes(alice) == [(first, ["w.txt"]), (second, ["o.txt"])]
        told = [line for line in alice.heard if line["type"] == "files_changed"]
        assert told[1]["actor_id"] == other
        assert (await undo(alice, room_id, first))["is_ok"] is True
        assert files(tmp_path, room_id) == {"o.txt": "other"}


async def test_who_is_removed_while_the_call_waits_for_the_files_has_nothing_written(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    brains = GivenBrains(brain_of(ChunkModel(call(ToolCall("c1", "work", '{"path":"w.txt"}')), SAYS)))
    async with memory_pod(tmp_path, brains=brains, tools=slow.tools()) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await another_ai(pod, brains, ChunkModel(writes("o.txt", "other"), SAYS), alice, room_id)
        first = await requested(alice, room_id, "@ai work")
        await bounded(slow.began)
        second = await requested(bob, room_id, "@other write")
        await alice.expect_type("tool_called", turn_id=second)
        await alice.ask(type="remove_member", room_id=room_id, account_id=bob.id)
        slow.goes_on.set()
        assert (await alice.expect_type("turn_ended", turn_id=second))["outcome"] == "refused"
        await alice.expect_type("turn_ended", turn_id=first)
        assert files(tmp_path, room_id) == {"w.txt": "worked\n"}
        # And nobody is kept from the files by it.
        third = await requested(alice, room_id, "@other again")
        await alice.expect_type("turn_ended", turn_id=third)
        assert changes(alice) == [(first, ["w.txt"])]


# A turn that is cut short


@pytest.mark.parametrize("is_tainted", [False, True])
async def test_what_a_call_had_changed_before_its_turn_was_stopped_is_told_and_can_be_undone(
    *, is_tainted: bool, tmp_path: Path
) -> None:
    slow = Slow(tmp_path)
    looks = [call(ToolCall("c0", "look", "{}"))] if is_tainted else []
    model = ChunkModel(*looks, call(ToolCall("c1", "work", '{"path":"w.txt"}')))
    async with memory_pod(tmp_path, model=model, tools=slow.tools()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        turn_id = await requested(alice, room_id, "@ai work")
        await bounded(slow.began)
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=turn_id)
        assert (await alice.expect_type("turn_ended", turn_id=turn_id))["outcome"] == "stopped"
        assert changes(alice) == [(turn_id, ["w.txt"])]
        notes = (await pod.directory.host(room_id)).room.state.notes
        assert notes.tainted_files == (("w.txt",) if is_tainted else ())
        assert (await undo(alice, room_id, turn_id))["is_ok"] is True
        assert files(tmp_path, room_id) == {}


ENDS: Sequence[tuple[str, Callable[[Guest, Guest, RoomId], dict[str, object]]]] = [
    ("remove_member", lambda _, bob, room_id: {"room_id": room_id, "account_id": bob.id}),
    ("set_role", lambda _, bob, room_id: {"room_id": room_id, "account_id": bob.id, "role": "guest"}),
]


@pytest.mark.parametrize(("kind", "fields"), ENDS, ids=[kind for kind, _ in ENDS])
async def test_what_ran_in_the_name_of_someone_who_lost_the_right_meanwhile_is_told_as_theirs(
    kind: str, fields: Callable[[Guest, Guest, RoomId], dict[str, object]], tmp_path: Path
) -> None:
    slow = Slow(tmp_path)
    model = ChunkModel(call(ToolCall("c1", "work", '{"path":"w.txt"}')), SAYS)
    async with memory_pod(tmp_path, model=model, tools=slow.tools()) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.ask(type="set_role", room_id=room_id, account_id=bob.id, role="admin")
        turn_id = await requested(bob, room_id, "@ai work")
        await bounded(slow.began)
        assert (await alice.ask(type=kind, **fields(alice, bob, room_id)))["type"] == "accepted"
        slow.goes_on.set()
        await alice.expect_type("turn_ended", turn_id=turn_id)
        [told] = [line for line in alice.heard if line["type"] == "files_changed"]
        assert (told["turn_id"], told["asked_by"]) == (turn_id, [bob.id])
        if kind == "set_role":
            assert (await undo(bob, room_id, turn_id))["code"] == "forbidden"
        assert (await undo(alice, room_id, turn_id))["is_ok"] is True
