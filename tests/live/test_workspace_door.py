"""Changing a room's files by hand: told to everyone as its author's, put back when the log does not take it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.aside import aside
from multiplayer.live.pod import Pod
from multiplayer.live.workbench import Workbench
from multiplayer.live.workspace_changes import _carry_out
from multiplayer.live.workspace_door import ANY_VERSION, MAX_UPLOAD_BYTES, WorkspaceDoor
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.profiles import AiProfile
from multiplayer.protocol.reports_workspace import WorkspaceChange
from multiplayer.protocol.tools import ChangeKind
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, OutcomeUnknown
from multiplayer.tools.checkpoints.checkpoints import Checkpoint, Checkpoints
from multiplayer.tools.files.moves import delete
from multiplayer.tools.files.writes import sha256_of, write_bytes
from multiplayer.tools.limits import Limits
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.live.test_storage_faults import FailingStorage
from tests.live.test_turn_controls import room_of
from tests.support.brains import GivenBrains, brain_of
from tests.support.pods import Guest, Line, memory_pod


@dataclass
class Scene:
    """alice's room with bob in it, and its files."""

    pod: Pod
    alice: Guest
    bob: Guest
    room_id: RoomId
    folder: Path

    @property
    def door(self) -> WorkspaceDoor:
        return self.pod.workspace.door

    async def put(self, path: str, text: str, expected: str | None = None) -> None:
        await self.door.write(self.room_id, self.bob.id, path, text.encode(), expected)

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.folder)): path.read_text() if path.is_file() else ""
            for path in self.folder.rglob("*")
        }

    def told(self) -> list[Line]:
        return [line for line in self.alice.heard if line["type"] == "files_changed"]


@asynccontextmanager
async def scene(
    tmp_path: Path, *, storage: MemoryStorage | None = None, model: ScriptedModel | None = None, **settings: object
) -> AsyncIterator[Scene]:
    folder = tmp_path / "workspaces"
    async with memory_pod(folder, storage=storage, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob, **settings)
        yield Scene(pod, alice, bob, room_id, folder / room_id)


async def test_a_file_written_by_hand_is_told_to_everyone_as_its_authors_with_its_diff(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        made = await at.door.write(at.room_id, at.bob.id, "docs/plan.txt", b"one\n", None)
        told = await at.alice.expect_type("files_changed")
        assert (told["actor_id"], told["seq"], told["before"], told["after"]) == (
            at.bob.id, made.seq, made.before, made.after,
        )  # fmt: skip
        assert "turn_id" not in told
        [change] = made.changes
        assert (change.path, change.kind, change.added_lines) == ("docs/plan.txt", ChangeKind.ADDED, 1)
        assert made.sha256 == sha256_of(b"one\n")
        second = await at.door.write(at.room_id, at.bob.id, "docs/plan.txt", b"one\ntwo\n", made.sha256)
        reports = at.pod.workspace.reports
        diff = await reports.diff(at.room_id, at.alice.id, second.before, second.after, "docs/plan.txt")
        assert "+two\n" in diff.diff
        assert "-one" not in diff.diff
        both = await reports.diff(at.room_id, at.alice.id, made.before, second.after)
        assert [change.path for change in both.changes] == ["docs/plan.txt"]
        assert "+one\n+two\n" in both.diff
        assert both.left_out == 0


async def test_the_same_again_is_no_change_and_tells_nobody_even_when_an_older_version_was_expected(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        first = await at.door.write(at.room_id, at.bob.id, "a.txt", b"one", None)
        second = await at.door.write(at.room_id, at.bob.id, "a.txt", b"two", first.sha256)
        for expected in (None, first.sha256, second.sha256, ANY_VERSION):
            again = await at.door.write(at.room_id, at.bob.id, "a.txt", b"two", expected)
            assert (again.seq, again.changes, again.sha256) == (None, (), second.sha256)
        await at.alice.post(at.room_id, "and on")
        await at.alice.expect_type("message_posted")
        assert len(at.told()) == 2


@pytest.mark.parametrize("expected", [None, sha256_of(b"older")], ids=["new", "stale"])
async def test_what_somebody_else_wrote_is_never_lost_to_a_write_that_did_not_know_of_it(
    expected: str | None, tmp_path: Path
) -> None:
    async with scene(tmp_path) as at:
        await at.put("a.txt", "alice's own words")
        with pytest.raises(Refused) as refused:
            await at.put("a.txt", "bob's", expected)
        assert refused.value.code is RefusalCode.CONFLICT
        assert at.files() == {"a.txt": "alice's own words"}
        with pytest.raises(Refused) as removed:
            await at.put("gone.txt", "bob's", sha256_of(b"older"))
        assert removed.value.code is RefusalCode.CONFLICT
        with pytest.raises(Refused) as kept:
            await at.door.delete(at.room_id, at.bob.id, "a.txt", expected=sha256_of(b"older"))
        assert kept.value.code is RefusalCode.CONFLICT
        assert at.files() == {"a.txt": "alice's own words"}
        await at.put("a.txt", "bob's", ANY_VERSION)
        assert at.files() == {"a.txt": "bob's"}


async def test_of_many_who_replace_the_same_version_at_once_one_does_and_the_others_are_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        first = await at.door.write(at.room_id, at.bob.id, "a.txt", b"0", None)
        writes = [at.put("a.txt", f"version {n}", first.sha256) for n in range(1, 7)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert {one.code for one in refused} == {RefusalCode.CONFLICT}
        assert len(refused) == 5
        winner = next(n for n, outcome in enumerate(outcomes, 1) if outcome is None)
        assert at.files() == {"a.txt": f"version {winner}"}


async def test_files_are_moved_and_removed_and_a_folder_only_when_that_is_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        for path in ("old/a.txt", "old/sub/b.txt", "old/c.txt"):
            await at.put(path, path)
        moved = await at.door.move(at.room_id, at.bob.id, "old", "new/place")
        assert {(change.path, change.kind.value) for change in moved.changes} >= {
            ("old/a.txt", "removed"), ("new/place/sub/b.txt", "added"),
        }  # fmt: skip
        with pytest.raises(Refused, match="recursive=true"):
            await at.door.delete(at.room_id, at.bob.id, "new")
        assert len(at.files()) == 6
        removed = await at.door.delete(at.room_id, at.bob.id, "new", is_recursive=True)
        assert {change.kind for change in removed.changes} == {ChangeKind.REMOVED}
        assert at.files() == {}


@pytest.mark.parametrize("what", ["new", "over", "move", "delete"])
async def test_while_the_database_is_away_a_change_is_refused_and_the_files_are_as_they_were(
    what: str, tmp_path: Path
) -> None:
    storage = FailingStorage()
    async with scene(tmp_path, storage=storage) as at:
        await at.put("folder/a.txt", "kept")
        await at.put("folder/b.txt", "kept, too")
        before, told = at.files(), len(at.told())
        storage.faults = ["unavailable"]
        changes: dict[str, Callable[[], Awaitable[WorkspaceChange]]] = {
            "new": lambda: at.door.write(at.room_id, at.bob.id, "deep/down/new.txt", b"x", None),
            "over": lambda: at.door.write(at.room_id, at.bob.id, "folder/a.txt", b"x", ANY_VERSION),
            "move": lambda: at.door.move(at.room_id, at.bob.id, "folder", "elsewhere/far"),
            "delete": lambda: at.door.delete(at.room_id, at.bob.id, "folder", is_recursive=True),
        }
        change = changes[what]
        with pytest.raises(Refused) as refused:
            await change()
        assert refused.value.code is RefusalCode.UNAVAILABLE
        assert not storage.faults, "it came to the log"
        assert at.files() == before
        assert len(at.told()) == told
        assert (await change()).seq is not None
        assert at.files() != before


@pytest.mark.parametrize("fault", ["unknown", "bug"])
async def test_a_change_whose_answer_was_lost_stands_in_the_log_once_and_the_file_stays(
    fault: str, tmp_path: Path
) -> None:
    storage = FailingStorage()
    async with scene(tmp_path, storage=storage) as at:
        storage.faults = [fault]
        made = await at.door.write(at.room_id, at.bob.id, "a.txt", b"x", None)
        assert not storage.faults
        assert at.files() == {"a.txt": "x"}
        await at.alice.expect_type("files_changed", seq=made.seq)
        await at.alice.post(at.room_id, "and on")
        await at.alice.expect_type("message_posted")
        assert [line["seq"] for line in at.told()] == [made.seq]


class LosingStorage(MemoryStorage):
    """Does not store the next appends, and does not say so."""

    losses = 0

    @override
    async def append(self, append: Append) -> Appended:
        if self.losses:
            self.losses -= 1
            raise OutcomeUnknown("lost")
        return await super().append(append)


async def test_a_change_that_was_lost_on_its_way_to_the_log_is_recorded_when_it_is_asked_again(tmp_path: Path) -> None:
    storage = LosingStorage()
    async with scene(tmp_path, storage=storage) as at:
        storage.losses = 2
        made = await at.door.write(at.room_id, at.bob.id, "a.txt", b"x", None)
        assert storage.losses == 0
        await at.alice.expect_type("files_changed", seq=made.seq)


@pytest.mark.slow
async def test_a_change_of_which_nobody_ever_knows_is_put_back_and_said_to_be_unknown(tmp_path: Path) -> None:
    storage = LosingStorage()
    async with scene(tmp_path, storage=storage) as at:
        storage.losses = 1_000
        with pytest.raises(Refused) as refused:
            await at.put("a.txt", "x")
        assert refused.value.code is RefusalCode.UNKNOWN
        assert at.files() == {}
        storage.losses = 0
        await at.put("a.txt", "x")


@asynccontextmanager
async def a_command_that_changes_files(at: Scene, *, lock_wait_s: float) -> AsyncIterator[WorkspaceDoor]:
    """While this is open a command runs in the room; returned is a door for people beside it."""
    checkpoints = Checkpoints(at.folder.parent.with_name("checkpoints-beside"), Limits())
    workbench = Workbench(Workspaces(at.folder.parent), checkpoints, at.pod.storage)
    async with workbench.lock(at.room_id):
        yield WorkspaceDoor(workbench, at.pod.directory, at.pod.clock.new_id, lock_wait_s=lock_wait_s)


async def test_who_loses_the_right_while_waiting_for_a_command_to_end_changes_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, asyncio.TaskGroup() as tasks:
        async with a_command_that_changes_files(at, lock_wait_s=10.0) as door:
            writing = tasks.create_task(code_of_refusal(door.write(at.room_id, at.bob.id, "a.txt", b"x", None)))
            await asyncio.sleep(0)
            set_role = await at.alice.ask(type="set_role", room_id=at.room_id, account_id=at.bob.id, role="guest")
            assert set_role["type"] == "accepted", set_role
            assert not writing.done()
        assert await writing is RefusalCode.FORBIDDEN
        assert at.files() == {}


async def test_a_person_does_not_wait_for_ever_behind_a_command_that_changes_files(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, a_command_that_changes_files(at, lock_wait_s=0.01) as door:
        with pytest.raises(Refused) as refused:
            await door.write(at.room_id, at.bob.id, "a.txt", b"x", None)
        assert (refused.value.code, refused.value.retry_after_s) == (RefusalCode.BUSY, 0.01)
        assert at.files() == {}


class BesideAJob(Checkpoints):
    """A background job writes a file after each checkpoint."""

    @override
    def take(self, room_id: RoomId, workspace: Workspace, *, reads_all: bool = False) -> Checkpoint:
        taken = super().take(room_id, workspace, reads_all=reads_all)
        write_bytes(workspace, f"of-the-job/{taken.tree}", b"x", Limits())
        return taken


async def test_what_a_background_job_writes_meanwhile_is_not_said_to_be_the_persons(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        workbench = Workbench(Workspaces(at.folder.parent), BesideAJob(tmp_path / "c", Limits()), at.pod.storage)
        door = WorkspaceDoor(workbench, at.pod.directory, at.pod.clock.new_id)
        made = await door.write(at.room_id, at.bob.id, "mine.txt", b"x", None)
        assert [change.path for change in made.changes] == ["mine.txt"]
        again = await door.write(at.room_id, at.bob.id, "mine.txt", b"x", None)
        assert again.seq is None, "only the job changed something"
        assert sum(name.startswith("of-the-job/") for name in at.files()) == 4


async def test_a_change_that_fails_half_way_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        for name in ("a.txt", "b.txt"):
            await at.put(f"folder/{name}", name)
        before = at.files()

        def half(workspace: Workspace) -> None:
            delete(workspace, "folder/a.txt")
            raise OSError(5, "the disk broke")

        # No whole machine fails at will in the middle of a folder: this is what the door does with one that did.
        with Workspaces(at.folder.parent).borrow(at.folder) as workspace:
            checkpoints = Checkpoints(tmp_path / "c", Limits())
            take = Workbench(Workspaces(at.folder.parent), checkpoints, at.pod.storage).taking(at.room_id)
            before_it = take(workspace)
            with pytest.raises(OSError, match="the disk broke"):
                await aside(lambda: _carry_out(checkpoints, take, at.room_id, workspace, ["folder"], before_it, half))
        assert at.files() == before


class Slow(Checkpoints):
    """Takes checkpoints only as long as nobody holds it up."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Limits())
        self.is_taking = threading.Event()
        self.may_go_on = threading.Event()

    @override
    def take(self, room_id: RoomId, workspace: Workspace, *, reads_all: bool = False) -> Checkpoint:
        self.is_taking.set()
        assert self.may_go_on.wait(10)
        return super().take(room_id, workspace, reads_all=reads_all)


async def test_a_change_that_is_cut_off_by_the_end_of_the_server_is_put_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.put("a.txt", "before")
        slow = Slow(tmp_path / "c")
        workbench = Workbench(Workspaces(at.folder.parent), slow, at.pod.storage)
        door = WorkspaceDoor(workbench, at.pod.directory, at.pod.clock.new_id)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(door.write(at.room_id, at.bob.id, "a.txt", b"after", ANY_VERSION))
            assert await asyncio.to_thread(slow.is_taking.wait, 10)
            writing.cancel()
            slow.may_go_on.set()
        assert writing.cancelled()
        assert at.files() == {"a.txt": "before"}
        made = await door.write(at.room_id, at.bob.id, "a.txt", b"after", ANY_VERSION)
        await at.alice.expect_type("files_changed", seq=made.seq)
        assert len(at.told()) == 2, "the first, and the one that was not cut off"


async def test_an_archived_room_keeps_its_files_readable_and_takes_no_change(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.put("a.txt", "kept")
        await at.alice.ask(type="archive_room", room_id=at.room_id)
        assert await code_of_refusal(at.door.delete(at.room_id, at.bob.id, "a.txt")) is RefusalCode.ARCHIVED
        assert (await at.pod.workspace.reports.read(at.room_id, at.bob.id, "a.txt")).data == b"kept"


async def test_a_workspace_that_is_full_takes_no_more_and_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        workbench = Workbench(Workspaces(at.folder.parent), Checkpoints(tmp_path / "c", Limits()), at.pod.storage)
        limits = Limits(workspace_bytes=16_384, workspace_inodes=10)
        door = WorkspaceDoor(workbench, at.pod.directory, at.pod.clock.new_id, limits)
        full = door.write(at.room_id, at.bob.id, "big.bin", b"x" * 20_000, None)
        assert await code_of_refusal(full) is RefusalCode.LIMIT_REACHED
        for n in range(10):
            await door.write(at.room_id, at.bob.id, f"{n}", b"", None)
        many = door.write(at.room_id, at.bob.id, "one more", b"", None)
        assert await code_of_refusal(many) is RefusalCode.LIMIT_REACHED
        assert len(at.files()) == 10
        too_big = door.write(at.room_id, at.bob.id, "0", b"x" * (MAX_UPLOAD_BYTES + 1), ANY_VERSION)
        assert await code_of_refusal(too_big) is RefusalCode.TOO_BIG


def writing(*paths: str) -> ScriptedModel:
    steps: list[list[Step]] = []
    for path in paths:
        steps += [[Call("write_file", {"path": path, "content": "by the AI\n"})], [Say("Written.")]]
    return ScriptedModel(steps)


async def test_a_turns_changes_name_who_asked_and_can_be_undone_while_changes_by_hand_stay(tmp_path: Path) -> None:
    async with scene(tmp_path, model=writing("ai.txt")) as at:
        await at.bob.post(at.room_id, "@ai write it")
        ended = await at.bob.expect_type("turn_ended")
        turn_id = TurnId(str(ended["turn_id"]))
        await at.put("bob.txt", "by hand")
        reports = at.pod.workspace.reports
        changes = await reports.of_turn(at.room_id, at.bob.id, turn_id)
        [call] = changes.calls
        assert (changes.undo, changes.may_undo, call.asked_by, call.approved_by) == ("possible", True, (at.bob.id,), ())
        assert [(change.path, change.kind.value) for change in call.changes] == [("ai.txt", "added")]
        assert "+by the AI" in (await reports.diff(at.room_id, at.bob.id, call.before, call.after, "ai.txt")).diff
        asked = await at.bob.ask(type="undo_turn", room_id=at.room_id, turn_id=turn_id)
        assert asked["type"] == "accepted", asked
        assert (await at.bob.expect_type("turn_undone"))["is_ok"] is True
        assert at.files() == {"bob.txt": "by hand"}
        undone = await reports.of_turn(at.room_id, at.alice.id, turn_id)
        assert (undone.undo, undone.undo_by) == ("done", at.bob.id)


async def test_a_file_of_a_turn_that_somebody_changed_by_hand_since_is_not_undone_over_them(tmp_path: Path) -> None:
    async with scene(tmp_path, model=writing("ai.txt")) as at:
        await at.bob.post(at.room_id, "@ai write it")
        turn_id = TurnId(str((await at.bob.expect_type("turn_ended"))["turn_id"]))
        await at.put("ai.txt", "mine now", ANY_VERSION)
        await at.bob.ask(type="undo_turn", room_id=at.room_id, turn_id=turn_id)
        undone = await at.bob.expect_type("turn_undone")
        assert (undone["is_ok"], undone["conflicts"]) == (False, ["ai.txt"])
        assert at.files() == {"ai.txt": "mine now"}
        assert (await at.pod.workspace.reports.of_turn(at.room_id, at.bob.id, turn_id)).undo == "possible"


async def test_a_turn_that_changed_nothing_says_so_and_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, model=ScriptedModel([[Say("Hello.")]])) as at:
        await at.bob.post(at.room_id, "@ai hello")
        turn_id = TurnId(str((await at.bob.expect_type("turn_ended"))["turn_id"]))
        reports = at.pod.workspace.reports
        changes = await reports.of_turn(at.room_id, at.bob.id, turn_id)
        assert (changes.calls, changes.undo) == ((), "nothing")
        nowhere = reports.of_turn(at.room_id, at.bob.id, TurnId("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        assert await code_of_refusal(nowhere) is RefusalCode.NOT_FOUND


async def test_trees_of_another_room_and_trees_that_never_were_are_not_there(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        made = await at.door.write(at.room_id, at.bob.id, "secret.txt", b"of this room", None)
        other = await room_of(at.bob)
        reports = at.pod.workspace.reports
        await at.door.write(other, at.bob.id, "x", b"x", None)
        # Every workspace begins empty, so that tree is known everywhere.
        for before, after in ((made.before, made.after), ("0" * 64, "f" * 64)):
            assert await code_of_refusal(reports.diff(other, at.bob.id, before, after)) is RefusalCode.NOT_FOUND


async def test_a_guest_who_may_not_see_the_workspace_reads_neither_what_tools_brought_nor_prompts_that_quote_it(
    tmp_path: Path,
) -> None:
    write = Call("write_file", {"path": "plan.txt", "content": "the merger"})
    model = ScriptedModel([[Say("Nothing yet.")], [write], [Say("Written.")], [Say("It is there.")]])
    async with scene(tmp_path, model=model) as at:
        turns: list[TurnId] = []
        for text in ("@ai what is there", "@ai write it", "@ai is it there"):
            start = len(at.bob.heard)
            await at.bob.post(at.room_id, text)
            turns.append(TurnId(str((await at.bob.expect_type("turn_ended", start=start))["turn_id"])))
        await at.alice.ask(type="set_role", room_id=at.room_id, account_id=at.bob.id, role="guest")
        insights, bob, alice = at.pod.insights, at.bob.id, at.alice.id
        [hidden] = (await insights.turns.one(at.room_id, bob, turns[1])).calls
        [shown] = (await insights.turns.one(at.room_id, alice, turns[1])).calls
        assert (hidden.name, hidden.is_ok, hidden.arguments, hidden.text) == ("write_file", True, "", "")
        assert "the merger" in shown.arguments
        assert shown.text
        assert (await insights.replays.of_turn(at.room_id, bob, turns[0])).is_equal, "it quotes no file"
        with pytest.raises(Refused, match="quotes files") as refused:
            await insights.replays.of_turn(at.room_id, bob, turns[2])
        assert refused.value.code is RefusalCode.FORBIDDEN
        assert (await insights.replays.of_turn(at.room_id, alice, turns[2])).is_equal


async def test_the_tools_of_a_room_say_which_its_ai_can_use_and_what_stands_in_the_way_of_the_others(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, tools=["read_file", "execute_command"]) as at:
        told = await at.pod.workspace.tools.of_room(at.room_id, at.bob.id)
        by_name = {tool.name: tool for tool in told.tools}
        assert told.sandbox.mode == "off"
        assert (by_name["read_file"].is_offered, by_name["read_file"].tool_class.value) == (True, "read")
        assert by_name["read_file"].description
        assert "list of tools" in by_name["write_file"].why_not
        for name in ("execute_command", "job_start", "job_list", "job_tail", "job_stop"):
            assert by_name[name].why_not == "the sandbox is off: no sandbox in this test"
        assert "operator" in by_name["fetch_url"].why_not
        assert told.servers == ()
        with pytest.raises(Refused) as nobody:
            await at.pod.workspace.tools.of_room(at.room_id, at.bob.id, at.alice.id)
        assert nobody.value.code is RefusalCode.NOT_FOUND


async def test_an_ai_that_takes_no_tools_its_profile_or_no_brain_at_all_is_why_a_tool_is_not_offered(
    tmp_path: Path,
) -> None:
    profile = AiProfile(handle="ai-of-tests", name="AI", tools=("list_files",))
    for brains, offered, why in (
        (GivenBrains(brain_of(ScriptedModel([]), takes_tools=False)), set(), "takes no tools"),
        (GivenBrains(brain_of(ScriptedModel([]), profile)), {"list_files"}, "profile"),
        (GivenBrains(), set(), "no profile"),
    ):
        async with memory_pod(tmp_path / why, brains=brains) as pod:
            alice = await Guest.enter(pod, "alice")
            told = await pod.workspace.tools.of_room(await room_of(alice), alice.id)
            assert {tool.name for tool in told.tools if tool.is_offered} == offered
            assert why in next(tool.why_not for tool in told.tools if tool.name == "read_file")


async def code_of_refusal(asked: Awaitable[object]) -> RefusalCode:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value.code
