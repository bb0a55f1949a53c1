"""What background jobs write after their call: told as theirs, undone with their turn, marked as what they had seen."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.compose.toolshed import owner_of
from multiplayer.live.pod import Pod
from multiplayer.live.room_jobs import JobNews
from multiplayer.live.workspace_door import ANY_VERSION
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.terminal.job_tools import job_tools
from multiplayer.tools.terminal.jobs import Jobs
from tests.live.test_approvals import decided
from tests.live.test_turn_controls import room_of
from tests.live.test_undoing import files, undo
from tests.support.pods import PATIENCE_S, Guest, Line, memory_pod, system_clock
from tests.support.sandboxes import open_folder
from tests.support.tool_calls import strict_sandbox

pytestmark = pytest.mark.slow
WAITS = "echo 1 > early.txt; until [ -e go ]; do sleep 0.02; done; echo 2 > late.txt"
STAYS = f"{WAITS}; sleep 97"


class Nothing(Arguments):
    pass


async def _look(_arguments: Nothing, _context: ToolCallContext) -> ToolResult:
    return ToolResult(ok=True, text="a site's words", taint=Taint.WEB)


@dataclass
class Yard:
    """alice's room, and bob, whose jobs she approves."""

    pod: Pod
    folder: Path
    alice: Guest
    bob: Guest
    room_id: RoomId

    async def started(self, *, asked: str = "@ai go on") -> str:
        """Let bob ask and alice approve; return the turn's id once the turn is over."""
        start = len(self.alice.heard)
        await self.bob.post(self.room_id, asked)
        card = await self.alice.expect_type("approval_requested", start=start)
        assert (await decided(self.alice, self.room_id, card))["type"] == "accepted"
        assert (await self.alice.expect_type("turn_ended", start=start))["outcome"] == "done"
        return str(card["turn_id"])

    async def put(self, path: str) -> None:
        await self.pod.workspace.door.write(self.room_id, self.alice.id, path, b"", ANY_VERSION)

    async def puts_until(self, path: str) -> None:
        """Change a file again and again, until this one is there."""
        async with asyncio.timeout(PATIENCE_S):
            while path not in self.files():
                await self.put("again")

    async def told(self, path: str) -> Line:
        """Wait for the change of this file."""
        return await self.alice.expect(
            lambda line: (
                line["type"] == "files_changed"
                and any(change["path"] == path for change in cast("Sequence[dict[str, object]]", line["changes"]))
            )
        )

    def files(self) -> dict[str, str]:
        return files(self.folder, self.room_id)


@asynccontextmanager
async def yard(*turns: Sequence[Step]) -> AsyncIterator[Yard]:
    news = JobNews()
    clock = system_clock()
    with open_folder() as folder:
        async with (
            strict_sandbox(folder) as (sandbox, _),
            Jobs(sandbox, now=clock.now, on_output=news.tell, on_end=news.ended) as jobs,
        ):
            look = Tool("look", "Look at a site.", Nothing, ToolClass.ROOM, _look)
            tools = ToolRegistry([*file_tools(), *job_tools(jobs, owner_of), look])
            model = ScriptedModel([turn for steps in turns for turn in ([*steps], [Say("All done.")])])
            async with memory_pod(
                folder / "workspaces", model=model, tools=tools, jobs=jobs, news=news, clock=clock
            ) as pod:
                alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
                yield Yard(pod, folder / "workspaces", alice, bob, await room_of(alice, bob))


async def test_what_a_job_writes_after_its_call_is_told_as_its_turns_and_undone_with_it() -> None:
    async with yard([Call("job_start", {"command": WAITS})]) as at:
        turn_id = await at.started()
        await at.put("go")
        late = await at.told("late.txt")
        assert (late["turn_id"], late["asked_by"], late["approved_by"]) == (turn_id, [at.bob.id], [at.alice.id])
        assert (await at.told("go"))["actor_id"] == at.alice.id
        assert at.files() == {"early.txt": "1\n", "late.txt": "2\n", "go": ""}
        undone = await undo(at.alice, at.room_id, turn_id)
        assert (undone["is_ok"], undone.get("conflicts", [])) == (True, [])
        assert at.files() == {"go": ""}


async def test_what_a_job_wrote_is_told_before_the_next_change_of_anybody_else() -> None:
    async with yard([Call("job_start", {"command": STAYS})]) as at:
        turn_id = await at.started()
        await at.put("go")
        await at.puts_until("late.txt")
        await at.put("last")
        assert (await at.told("late.txt"))["turn_id"] == turn_id
        assert not [path for path in at.files() if path not in {"early.txt", "late.txt", "go", "again", "last"}]
        last = await at.told("last")
        assert (last["actor_id"], [change["path"] for change in cast("list[Line]", last["changes"])]) == (
            at.alice.id,
            ["last"],
        )
        undone = await undo(at.alice, at.room_id, turn_id)
        assert undone["is_ok"] is True
        assert set(at.files()) == {"go", "again", "last"}


async def test_what_the_job_of_a_turn_with_untrusted_words_writes_is_marked() -> None:
    async with yard([Call("look", {}), Call("job_start", {"command": WAITS})]) as at:
        await at.started()
        await at.put("go")
        assert (await at.told("late.txt"))["taint"] == ["file", "web"], "early.txt is marked too"
        room = (await at.pod.directory.host(at.room_id)).room
        assert "late.txt" in room.state.notes.tainted_files


async def test_a_job_that_may_have_read_a_marked_file_leaves_marked_ones() -> None:
    marking: list[Step] = [Call("look", {}), Call("write_file", {"path": "bad.txt", "content": "obey"})]
    async with yard(marking, [Call("job_start", {"command": WAITS})]) as at:
        await at.bob.post(at.room_id, "@ai write")
        assert (await at.alice.expect_type("turn_ended"))["outcome"] == "done"
        await at.started()
        await at.put("go")
        assert "file" in cast("list[str]", (await at.told("late.txt"))["taint"])


async def test_what_jobs_wrote_is_told_before_the_server_ends() -> None:
    async with yard([Call("job_start", {"command": STAYS})]) as at:
        turn_id = await at.started()
        await at.put("go")
        await at.puts_until("late.txt")
        storage, room_id = at.pod.storage, at.room_id
    events = await storage.events_after(room_id, 0, limit=1000)
    told = [str(event.line) for event in events if b'"late.txt"' in event.line]
    assert turn_id in told[0]
