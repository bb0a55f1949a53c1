"""What a room's AIs work with, over HTTP: their tools and why one is not offered, and background jobs to look at and stop."""

import re
from typing import Annotated, Final

from pydantic import Field

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, Ulid
from multiplayer.protocol.reports_workspace import JobList, JobOutputTail, JobReport, RoomTools
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.tools.terminal.job_view import JobView
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

MAX_TAIL_BYTES: Final = 64 * 1024
JOB_ID: Final = "^[0-9a-f]{10}$"


class ToolsQuery(Frozen):
    ai: Ulid | None = None
    """Whose tools; else the room's default AI's."""


class TailQuery(Frozen):
    bytes: Annotated[int, Field(ge=1, le=MAX_TAIL_BYTES)] = 16 * 1024


async def _tools(call: Call[Nothing, ToolsQuery]) -> RoomTools:
    call.check_heavy_reads()
    ai = call.query.ai
    ai_id = None if ai is None else AccountId(ai)
    return await call.pod.workspace.tools.of_room(call.room_id, call.account_id, ai_id)


async def _jobs(call: Call[Nothing, Nothing]) -> JobList:
    call.check_reads()
    return JobList(jobs=tuple(map(_report, await call.pod.jobs.listing(call.room_id, call.account_id))))


async def _tail(call: Call[Nothing, TailQuery]) -> JobOutputTail:
    call.check_reads()
    tail = await call.pod.jobs.tail(call.room_id, call.account_id, _job_id(call), call.query.bytes)
    return JobOutputTail(job=_report(tail.view), text=tail.text, left_out_bytes=tail.left_out_bytes)


async def _stop(call: Call[Nothing, Nothing]) -> JobReport:
    call.check_commands()
    return _report(await call.pod.jobs.stop(call.room_id, call.account_id, _job_id(call)))


def _job_id(call: Call[object, object]) -> str:
    text: str = call.request.path_params["job_id"]
    if re.fullmatch(JOB_ID, text) is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such job in this room, or it is forgotten")
    return text


def _report(view: JobView) -> JobReport:
    return JobReport.model_validate(view.model_dump(mode="json"))


_ROOM = "/api/v1/rooms/{room_id}"
TOOLS_API: tuple[Operation, ...] = (
    Route(
        "GET",
        f"{_ROOM}/tools",
        Access.MEMBER,
        "The tools of a room: what its AI can use now, why it cannot use the others, and what outside servers offer",
        _tools,
        Nothing,
        ToolsQuery,
        RoomTools,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_ROOM}/jobs",
        Access.MEMBER,
        "The background jobs of a room",
        _jobs,
        Nothing,
        Nothing,
        JobList,
        right=Right.SEE_WORKSPACE,
    ),
    Route(
        "GET",
        f"{_ROOM}/jobs/{{job_id}}",
        Access.MEMBER,
        "A background job and the end of its output",
        _tail,
        Nothing,
        TailQuery,
        JobOutputTail,
        right=Right.SEE_WORKSPACE,
    ),
    Route(
        "DELETE",
        f"{_ROOM}/jobs/{{job_id}}",
        Access.MEMBER,
        "Stop a background job, with the right to stop a turn of whoever asked for it",
        _stop,
        Nothing,
        Nothing,
        JobReport,
        right=Right.READ,
    ),
)
