"""Background jobs: how they run on after their call, what is seen of them, and everything that ends them."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import ReadyCall, ToolCallContext, ToolRegistry
from multiplayer.tools.sandbox.processes import tree_of
from multiplayer.tools.sandbox.sandbox import Sandbox, StoppedBy
from multiplayer.tools.terminal.job_tools import job_tools
from multiplayer.tools.terminal.job_view import JobOwner, JobPiece, JobState, JobStop, JobView
from multiplayer.tools.terminal.jobs import JobLimits, Jobs
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support.tool_calls import Caller, fresh_workspace, strict_sandbox

pytestmark = pytest.mark.slow
ROOM, OTHER_ROOM = RoomId("ROOM1"), RoomId("ROOM2")
ALICE, BOB, AI = AccountId("alice"), AccountId("bob"), AccountId("robot")
PATIENCE_S = 20.0
FOREVER = "echo begun; setsid sleep 82 & sleep 82"


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Sandbox, Workspaces]]:
    async with strict_sandbox(tmp_path_factory.mktemp("jobs")) as made:
        yield made


@pytest.fixture
def workspace(machine: tuple[Sandbox, Workspaces]) -> Iterator[Workspace]:
    with fresh_workspace(machine[1]) as opened:
        yield opened


@dataclass
class Yard:
    """Jobs on the real sandbox, and what the room hears of them."""

    jobs: Jobs
    workspace: Workspace
    pieces: list[JobPiece] = field(default_factory=list)
    ended: list[JobView] = field(default_factory=list)
    has_said: asyncio.Event = field(default_factory=asyncio.Event)
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(
        self,
        command: str,
        *,
        room: RoomId = ROOM,
        askers: tuple[AccountId, ...] = (ALICE,),
        limits: Limits | None = None,
    ) -> JobView:
        owner = JobOwner(room, TurnId("TURN"), AI, askers, CallId("CALL"))
        return await self.jobs.start(owner, self.workspace, command, "", limits or Limits(wall_s=30.0))

    async def end_of(self, job_id: str) -> JobView:
        while True:
            found = [view for view in self.ended if view.job_id == job_id]
            if found:
                return found[0]
            self.has_ended.clear()
            async with asyncio.timeout(PATIENCE_S):
                await self.has_ended.wait()


@asynccontextmanager
async def yard(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, limits: JobLimits | None = None
) -> AsyncIterator[Yard]:
    async def hear(piece: JobPiece) -> None:
        made.pieces.append(piece)
        made.has_said.set()

    async def hear_end(room_id: RoomId, view: JobView) -> None:
        assert room_id in {ROOM, OTHER_ROOM}
        made.ended.append(view)
        made.has_ended.set()

    jobs = Jobs(
        machine[0],
        ["hunter2hunter2"],
        now=lambda: datetime.now(UTC),
        limits=limits,
        on_output=hear,
        on_end=hear_end,
    )
    made = Yard(jobs, workspace)
    before = set(tree_of(os.getpid()))
    async with jobs:
        yield made
    assert set(tree_of(os.getpid())) <= before, "no process is left"


async def test_a_job_runs_on_and_the_room_sees_its_output_in_numbered_safe_pieces(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        view = await at.start(
            "echo -e 'a\\x1b[31m hunter2hunter2'; until [ -e go ]; do sleep 0.05; done; echo bye; exit 3"
        )
        assert (view.state, view.exit_status, view.call_id, view.askers) == (JobState.RUNNING, None, "CALL", (ALICE,))
        assert at.jobs.listing(ROOM) == (view,)
        assert at.jobs.listing(OTHER_ROOM) == ()
        assert at.jobs.tail(ROOM, view.job_id, KIB).text == "a [secret removed]\n"
        os.close(os.open("go", os.O_CREAT | os.O_WRONLY, dir_fd=workspace.fd))
        end = await at.end_of(view.job_id)
    assert (end.state, end.exit_status, end.stop) == (JobState.ENDED, 3, None)
    assert end.ended_at is not None
    assert end.ended_at >= end.started_at
    assert [(piece.index, piece.text) for piece in at.pieces] == [(0, "a [secret removed]\n"), (1, "bye\n")]
    assert {(piece.room_id, piece.turn_id, piece.call_id, piece.job_id) for piece in at.pieces} == {
        (ROOM, "TURN", "CALL", view.job_id)
    }
    assert at.jobs.tail(ROOM, view.job_id, KIB).text == "a [secret removed]\nbye\n"


def folder_of(workspace: Workspace) -> Path:
    return Path(f"/proc/self/fd/{workspace.fd}").readlink()


async def test_it_outlives_the_descriptor_of_the_call_that_began_it(machine: tuple[Sandbox, Workspaces]) -> None:
    with fresh_workspace(machine[1]) as workspace:
        folder = folder_of(workspace)
        async with yard(machine, workspace) as at:
            open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
            turn = Workspace(os.dup(workspace.fd), workspace.uid, workspace.kernel_resolves)
            at.workspace = turn
            view = await at.start("until [ -e go ]; do sleep 0.05; done; echo written > f")
            turn.close()
            (folder / "go").touch()
            assert (await at.end_of(view.job_id)).exit_status == 0
            assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208 - names are enough
        assert (folder / "f").read_text() == "written\n"


async def test_a_job_that_ends_at_once_is_told_of_at_once(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace, JobLimits(look_s=PATIENCE_S)) as at:
        view = await at.start("nonsense")
        assert (view.state, view.exit_status) == (JobState.ENDED, 127)
        assert "not found" in at.jobs.tail(ROOM, view.job_id, KIB).text


@pytest.mark.parametrize(
    ("command", "cwd", "code"),
    [("true\0", "", "bad_arguments"), ("true", "../x", "bad_path"), ("true", "nowhere", "not_found")],
)
async def test_what_cannot_run_is_refused_and_not_listed(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, command: str, cwd: str, code: str
) -> None:
    async with yard(machine, workspace, JobLimits(look_s=PATIENCE_S)) as at:
        owner = JobOwner(ROOM, TurnId("TURN"), AI, (ALICE,), CallId("CALL"))
        with pytest.raises(ToolRefused) as refused:
            await at.jobs.start(owner, workspace, command, cwd, Limits())
        assert (refused.value.code, at.jobs.listing(ROOM), at.ended) == (ToolFault(code), (), [])


async def test_four_run_in_a_room_and_no_more_even_when_they_start_together(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace, JobLimits(look_s=0.01)) as at:
        started = await asyncio.gather(*(at.start(FOREVER) for _ in range(7)), return_exceptions=True)
        refused = [one for one in started if isinstance(one, ToolRefused)]
        assert len(refused) == 3
        assert {one.code for one in refused} == {ToolFault.QUOTA}
        assert "4 jobs run in this room" in refused[0].text
        views = at.jobs.listing(ROOM)
        assert len({view.job_id for view in views}) == 4
        await at.start(FOREVER, room=OTHER_ROOM)
        await at.jobs.stop(ROOM, views[1].job_id)
        await at.start(FOREVER)
        assert sum(view.state is JobState.RUNNING for view in at.jobs.listing(ROOM)) == 4


async def test_a_stopped_job_says_who_stopped_it_and_stays_so(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        before = set(tree_of(os.getpid()))
        by_person, by_call = await at.start(FOREVER), await at.start(FOREVER)
        stopped = await at.jobs.stop(ROOM, by_person.job_id, by=BOB)
        assert (stopped.state, stopped.stop, stopped.stopped_by) == (JobState.STOPPED, JobStop.ASKED, BOB)
        stopped = await at.jobs.stop(ROOM, by_call.job_id, in_call=CallId("LATER"))
        assert (stopped.stop, stopped.stopped_by, stopped.stopped_in) == (JobStop.ASKED, None, "LATER")
        assert set(tree_of(os.getpid())) <= before, "its last process is dead"
        assert await at.jobs.stop(ROOM, by_call.job_id, by=ALICE) == stopped
        assert at.jobs.tail(ROOM, by_call.job_id, KIB).text == "begun\n"
        assert await at.end_of(by_call.job_id) == stopped


async def test_what_might_have_become_a_secret_is_kept_of_a_stopped_job(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        view = await at.start("printf 'begun\\nhunter2hun'; sleep 86")
        async with asyncio.timeout(PATIENCE_S):
            await at.has_said.wait()
        await at.jobs.stop(ROOM, view.job_id)
        assert at.jobs.tail(ROOM, view.job_id, KIB).text == "begun\nhunter2hun"


async def test_a_room_reaches_no_job_of_another(machine: tuple[Sandbox, Workspaces], workspace: Workspace) -> None:
    async with yard(machine, workspace) as at:
        view = await at.start(FOREVER)
        with pytest.raises(ToolRefused, match="no job of that id; there are none"):
            await at.jobs.stop(OTHER_ROOM, view.job_id)
        with pytest.raises(ToolRefused, match="no job of that id"):
            at.jobs.tail(OTHER_ROOM, view.job_id, KIB)
        await at.jobs.stop_room(OTHER_ROOM)
        await at.jobs.stop_of(OTHER_ROOM, ALICE)
        assert at.jobs.listing(ROOM)[0].state is JobState.RUNNING


async def test_archiving_a_room_ends_its_jobs_and_only_those(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        mine, other = await at.start(FOREVER), await at.start(FOREVER, room=OTHER_ROOM)
        await at.jobs.stop_room(ROOM)
        assert (await at.end_of(mine.job_id)).stop is JobStop.ROOM
        at.jobs.forget(ROOM)
        at.jobs.forget(OTHER_ROOM)
        assert at.jobs.listing(ROOM) == ()
        assert [(view.job_id, view.state) for view in at.jobs.listing(OTHER_ROOM)] == [(other.job_id, JobState.RUNNING)]


async def test_a_job_ends_when_one_of_its_askers_loses_the_right(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        alices, both = await at.start(FOREVER), await at.start(FOREVER, askers=(ALICE, BOB))
        await at.jobs.stop_of(ROOM, BOB)
        assert (await at.end_of(both.job_id)).stop is JobStop.ASKER_GONE
        assert {view.job_id: view.state for view in at.jobs.listing(ROOM)} == {
            alices.job_id: JobState.RUNNING,
            both.job_id: JobState.STOPPED,
        }


@pytest.mark.parametrize(
    ("command", "limits", "why"),
    [
        ("sleep 83", Limits(wall_s=0.6), JobStop.WALL_TIME),
        ("yes", Limits(wall_s=30.0, output_bytes=100 * KIB), JobStop.OUTPUT),
        ("while :; do head -c 1000000 /dev/zero >> f; done", Limits(wall_s=30.0, workspace_bytes=3_000_000), JobStop.WORKSPACE),
    ],
)  # fmt: skip
async def test_the_sandbox_s_limits_hold_for_jobs_and_are_named(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, command: str, limits: Limits, why: JobStop
) -> None:
    async with yard(machine, workspace) as at:
        view = await at.start(command, limits=limits)
        end = await at.end_of(view.job_id)
        assert (end.state, end.stop, end.exit_status) == (JobState.STOPPED, why, None)


async def test_an_idle_job_is_killed_and_looking_keeps_it(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace, JobLimits(idle_s=1.0, look_s=0.01)) as at:
        watched, talking, silent = (
            await at.start("sleep 84"),
            await at.start("while sleep 0.1; do echo x; done"),
            await at.start("sleep 84"),
        )
        async with asyncio.timeout(PATIENCE_S):
            while not at.ended:
                at.jobs.tail(ROOM, watched.job_id, KIB)
                at.has_said.clear()
                await at.has_said.wait()
        assert [(view.job_id, view.stop) for view in at.ended] == [(silent.job_id, JobStop.IDLE)]
        running = [view.job_id for view in at.jobs.listing(ROOM) if view.state is JobState.RUNNING]
        assert running == [watched.job_id, talking.job_id]


async def test_the_end_of_the_server_ends_all_jobs_and_starts_no_more(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        await at.start(FOREVER)
        await at.start(FOREVER, room=OTHER_ROOM)
        await at.jobs.aclose()
        assert [view.stop for room in (ROOM, OTHER_ROOM) for view in at.jobs.listing(room)] == [JobStop.SERVER] * 2
        assert at.ended == [], "the rooms are gone"
        with pytest.raises(ToolRefused, match="the server is stopping"):
            await at.start(FOREVER)


async def test_stopping_the_turn_while_a_job_starts_ends_it(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace, JobLimits(look_s=PATIENCE_S)) as at:
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(at.start(FOREVER))
            async with asyncio.timeout(PATIENCE_S):
                await at.has_said.wait()
            starting.cancel()
        assert starting.cancelled()
        assert [view.state for view in at.jobs.listing(ROOM)] == [JobState.STOPPED]


async def test_only_the_end_of_the_output_is_kept_and_the_room_sees_its_beginning(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace, JobLimits(ring_bytes=5_000)) as at:
        view = await at.start("seq 10000", limits=Limits(wall_s=30.0, shown_bytes=1_000))
        await at.end_of(view.job_id)
        tail = at.jobs.tail(ROOM, view.job_id, 100_000)
        assert (len(tail.text), tail.left_out_bytes) == (5_000, 43_894)
        assert tail.text.endswith("9999\n10000\n")
        assert at.jobs.tail(ROOM, view.job_id, 6).text == "10000\n"
        shown = "".join(piece.text for piece in at.pieces)
        assert shown.startswith("1\n2\n")
        assert shown.endswith("[further output is not shown here]\n")
        assert len(shown) < 1_100


async def test_ended_jobs_stay_listed_for_a_while(machine: tuple[Sandbox, Workspaces], workspace: Workspace) -> None:
    async with yard(machine, workspace, JobLimits(listed=3, readable=1, look_s=PATIENCE_S)) as at:
        views = [await at.start(f"echo {number}") for number in range(5)]
        assert [view.job_id for view in at.jobs.listing(ROOM)] == [view.job_id for view in views[2:]]
        texts = [at.jobs.tail(ROOM, view.job_id, KIB).text for view in views[2:]]
        assert texts == ["", "", "4\n"]


async def test_without_the_strict_sandbox_no_job_starts(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, tmp_path: Path
) -> None:
    off = Sandbox(machine[1], bwrap=tmp_path / "none")
    await off.preflight()
    async with Jobs(off, now=lambda: datetime.now(UTC)) as jobs:
        with pytest.raises(ToolRefused, match="keep no background jobs apart") as refused:
            await jobs.start(JobOwner(ROOM, TurnId("TURN"), AI, (), CallId("CALL")), workspace, "true", "", Limits())
        assert refused.value.code is ToolFault.SANDBOX


def test_every_limit_of_the_sandbox_has_a_name_here() -> None:
    assert {why.value for why in StoppedBy} <= {why.value for why in JobStop}


def owner_of(context: ToolCallContext) -> JobOwner:
    return JobOwner(ROOM, TurnId("TURN"), AI, (ALICE,), CallId(context.call_id))


async def test_the_ai_starts_lists_reads_and_stops_jobs(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        caller = Caller(ToolRegistry(job_tools(at.jobs, owner_of)), workspace, limits=Limits())
        assert (await caller.call("job_list")).text == "there are no jobs in this room"
        started = await caller.call("job_start", command="echo begun; sleep 85 # two\nlines")
        job = at.jobs.listing(ROOM)[0]
        assert started.text == f"begun\n[job {job.job_id}: running, for at most 3600 s]"
        assert job.wall_s == 3600.0
        listed = await caller.call("job_list")
        assert listed.text.startswith(f"{job.job_id}: running, for at most 3600 s; started ")
        assert listed.text.endswith("by call call2: 'echo begun; sleep 85 # two\\nlines'")
        tail = await caller.call("job_tail", job_id=job.job_id, max_bytes=4)
        assert tail.text == f"[… 2 bytes left out …]\ngun\n[job {job.job_id}: running, for at most 3600 s]"
        stopped = await caller.call("job_stop", job_id=job.job_id)
        assert stopped.text == f"[job {job.job_id}: killed: by call call5]"
        assert (await caller.call("job_tail", job_id="other")).code == "not_found"


async def test_the_ai_hears_at_once_of_a_job_that_ends_at_once(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace, JobLimits(look_s=PATIENCE_S)) as at:
        caller = Caller(ToolRegistry(job_tools(at.jobs, owner_of)), workspace, limits=Limits())
        quick = await caller.call("job_start", command="echo -n hi; exit 4", timeout_s=5)
        job = at.jobs.listing(ROOM)[0]
        assert quick.text == f"hi\n[job {job.job_id}: ended with exit status 4]"
        assert (quick.ok, quick.exit_status, job.wall_s) == (True, 4, 5.0)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN, Role.OWNER])
async def test_nobody_starts_a_job_without_approval(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, role: Role
) -> None:
    async with yard(machine, workspace) as at:
        caller = Caller(ToolRegistry(job_tools(at.jobs, owner_of)), workspace, role, Limits())
        caller.gate.approves = False
        assert (await caller.call("job_start", command="true")).code == "not_approved"
        assert [call.tool_class for call in caller.gate.asked] == [ToolClass.EXTENDED]
        assert at.jobs.listing(ROOM) == ()
        assert (await caller.call("job_list")).ok
        caller.gate.role = Role.GUEST
        assert (await caller.call("job_stop", job_id="any")).code == "refused"


async def test_what_is_approved_names_the_job_s_limits(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    async with yard(machine, workspace) as at:
        caller = Caller(ToolRegistry(job_tools(at.jobs, owner_of)), workspace, limits=Limits())
        digests = []
        for timeout_s in (None, 3600, 60):
            ready = await caller.registry.ready(
                "job_start", json.dumps({"command": "true", "timeout_s": timeout_s}), caller.context()
            )
            assert isinstance(ready, ReadyCall)
            digests.append((ready.bound.sha256, ready.limits.wall_s, ready.limits.cpu_s))
        assert len({digest for digest, _, _ in digests}) == 3
        assert [limits for _, *limits in digests] == [[3600.0, 1800], [3600, 1800], [60, 60]]
