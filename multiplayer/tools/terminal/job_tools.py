"""The four tools for background jobs: start one, list them, read the end of its output, stop it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Final, assert_never

from pydantic import Field

from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult
from multiplayer.tools.terminal.job_view import JobOwner, JobState, JobStop, JobTail, JobView
from multiplayer.tools.terminal.jobs import Jobs
from multiplayer.tools.terminal.live_output import running_for

LONGEST_S: Final = 3600.0
_TAIL_BYTES: Final = 8 * KIB
_MAX_TAIL_BYTES: Final = 32 * KIB
_COMMAND_SHOWN: Final = 200

OwnerOf = Callable[[ToolCallContext], JobOwner]


class JobStart(Arguments):
    command: Annotated[str, Field(min_length=1, description="run with bash, in the background")]
    cwd: Annotated[str, Field(description="folder to run in, relative to the workspace")] = ""
    timeout_s: Annotated[
        float | None, Field(gt=0, le=LONGEST_S, allow_inf_nan=False, description="killed after so long; default 3600")
    ] = None


class JobList(Arguments):
    pass


class JobTailOf(Arguments):
    job_id: Annotated[str, Field(min_length=1, max_length=40)]
    max_bytes: Annotated[int, Field(ge=1, le=_MAX_TAIL_BYTES, description="how much of the end of its output")] = (
        _TAIL_BYTES
    )


class JobStopOf(Arguments):
    job_id: Annotated[str, Field(min_length=1, max_length=40)]


JobTool = Tool[JobStart] | Tool[JobList] | Tool[JobTailOf] | Tool[JobStopOf]


def job_tools(jobs: Jobs, owner_of: OwnerOf) -> tuple[JobTool, ...]:
    """The tools, for a sandbox in mode `strict`. `owner_of` says whose job a call's would be."""
    return (
        Tool(
            name="job_start",
            description="Start a shell command that runs on in the background of this room, without network. "
            "Returns its job id; job_tail reads its output.",
            arguments=JobStart,
            tool_class=ToolClass.EXTENDED,
            run=partial(_start, jobs, owner_of),
            limits=_limits_of,
        ),
        Tool(
            name="job_list",
            description="List this room's background jobs, those that ended lately, too.",
            arguments=JobList,
            tool_class=ToolClass.READ,
            run=partial(_list, jobs, owner_of),
        ),
        Tool(
            name="job_tail",
            description="Read the end of a background job's output.",
            arguments=JobTailOf,
            tool_class=ToolClass.READ,
            run=partial(_tail, jobs, owner_of),
        ),
        Tool(
            name="job_stop",
            description="Stop a background job of this room.",
            arguments=JobStopOf,
            tool_class=ToolClass.WRITE,
            run=partial(_stop, jobs, owner_of),
        ),
    )


def _limits_of(arguments: JobStart, limits: Limits) -> Limits:
    return running_for(limits, LONGEST_S if arguments.timeout_s is None else arguments.timeout_s)


async def _start(jobs: Jobs, owner_of: OwnerOf, arguments: JobStart, context: ToolCallContext) -> ToolResult:
    owner = owner_of(context)
    view = await jobs.start(owner, context.workspace, arguments.command, arguments.cwd, context.limits)
    tail = jobs.tail(owner.room_id, view.job_id, _TAIL_BYTES)
    return ToolResult(ok=True, text=_with_output(tail), exit_status=tail.view.exit_status)


async def _list(jobs: Jobs, owner_of: OwnerOf, _arguments: JobList, context: ToolCallContext) -> ToolResult:
    room_id = owner_of(context).room_id
    views = jobs.listing(room_id)
    # The commands were written by turns that may have seen untrusted words.
    taint = {one for view in views for one in jobs.owner(room_id, view.job_id).taint}
    text = "\n".join(map(_line, views)) or "there are no jobs in this room"
    return ToolResult(ok=True, text=text, taint=min(taint, default=None))


async def _tail(jobs: Jobs, owner_of: OwnerOf, arguments: JobTailOf, context: ToolCallContext) -> ToolResult:
    room_id = owner_of(context).room_id
    tail = jobs.tail(room_id, arguments.job_id, arguments.max_bytes)
    taint = min(jobs.owner(room_id, arguments.job_id).taint, default=None)
    return ToolResult(ok=True, text=_with_output(tail), exit_status=tail.view.exit_status, taint=taint)


async def _stop(jobs: Jobs, owner_of: OwnerOf, arguments: JobStopOf, context: ToolCallContext) -> ToolResult:
    caller = owner_of(context)
    askers = jobs.owner(caller.room_id, arguments.job_id).askers
    if context.desk is not None and not context.desk.may_stop(askers):
        raise ToolRefused(ToolFault.REFUSED, "who asked for this turn may not stop this job: others asked for it")
    view = await jobs.stop(caller.room_id, arguments.job_id, in_call=caller.call_id)
    return ToolResult(ok=True, text=f"[job {view.job_id}: {state_in_words(view)}]")


def _with_output(tail: JobTail) -> str:
    before = f"[… {tail.left_out_bytes} bytes left out …]\n" if tail.left_out_bytes else ""
    line_end = "" if not tail.text or tail.text.endswith("\n") else "\n"
    return f"{before}{tail.text}{line_end}[job {tail.view.job_id}: {state_in_words(tail.view)}]"


def _line(view: JobView) -> str:
    # As it was written, on one line: a command must not pass for a further line of the list.
    command = view.command if len(view.command) <= _COMMAND_SHOWN else view.command[:_COMMAND_SHOWN] + "…"
    where = f" in {view.cwd!r}" if view.cwd else ""
    return f"{view.job_id}: {state_in_words(view)}; started {_time(view.started_at)} by call {view.call_id}{where}: {command!r}"


def state_in_words(view: JobView) -> str:
    """Say how a job goes, or how it ended."""
    match view.state:
        case JobState.RUNNING:
            return f"running, for at most {view.wall_s:g} s"
        case JobState.ENDED:
            return f"ended with exit status {view.exit_status}"
        case JobState.FAILED:
            return "it did not run"
        case JobState.STOPPED:
            return f"killed: {_why(view)}"
        case _:
            assert_never(view.state)


def _why(view: JobView) -> str:
    match view.stop:
        case JobStop.WALL_TIME:
            return f"it ran longer than {view.wall_s:g} s"
        case JobStop.MEMORY:
            return "it used more memory than a job may"
        case JobStop.WORKSPACE:
            return "the workspace is full; nothing can be written until files are removed"
        case JobStop.OUTPUT:
            return "it printed more than a job may"
        case JobStop.IDLE:
            return "it printed nothing for a long time, and nobody looked at it"
        case JobStop.ASKED if view.stopped_in is not None:
            return f"by call {view.stopped_in}"
        case JobStop.ASKED if view.stopped_by is not None:
            return f"by the member {view.stopped_by}"
        case JobStop.ASKED:
            return "on request"
        case JobStop.ROOM:
            return "the room was archived"
        case JobStop.ASKER_GONE:
            return "whoever asked for it may no longer have such things run"
        case JobStop.SERVER | None:
            return "the server stopped"
        case _:
            assert_never(view.stop)


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"
