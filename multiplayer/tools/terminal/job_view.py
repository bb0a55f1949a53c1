"""What is told of a background job: whose it is, how it goes or ended, and pieces of its output."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.values import Frozen, UtcTime

JobId = NewType("JobId", str)
"""Ten hexadecimal digits: short enough to repeat, and not to be guessed from another room."""


class JobState(StrEnum):
    RUNNING = "running"
    ENDED = "ended"
    """On its own, with an exit status."""
    STOPPED = "stopped"
    FAILED = "failed"
    """The sandbox could not be set up: it never ran."""


class JobStop(StrEnum):
    """What killed a job: one of the sandbox's limits, or one of our reasons."""

    WALL_TIME = "wall_time"
    MEMORY = "memory"
    WORKSPACE = "workspace"
    OUTPUT = "output"
    IDLE = "idle"
    """For a long time it printed nothing and nobody looked at its output."""
    ASKED = "asked"
    """A person or a later tool call stopped it."""
    ROOM = "room"
    """The room was archived."""
    ASKER_GONE = "asker_gone"
    """Somebody whose request began it may no longer have such things run."""
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class JobOwner:
    """Where a job belongs: the room, and the turn, the AI and the people whose request began it."""

    room_id: RoomId
    turn_id: TurnId
    ai_id: AccountId
    askers: Sequence[AccountId]
    call_id: CallId
    """The call that starts it."""
    approved_by: Sequence[AccountId] = ()
    taint: Sequence[Taint] = ()
    """What untrusted words the turn had seen that began it."""


class JobView(Frozen):
    """A job as it is listed."""

    job_id: JobId
    command: str
    cwd: str
    turn_id: TurnId
    call_id: CallId
    """The `job_start` call."""
    askers: tuple[AccountId, ...]
    state: JobState
    exit_status: int | None = None
    stop: JobStop | None = None
    stopped_by: AccountId | None = None
    """The person who stopped it, if one did."""
    stopped_in: CallId | None = None
    """The tool call that stopped it, if one did."""
    wall_s: float
    """It is killed after so long."""
    started_at: UtcTime
    ended_at: UtcTime | None = None
    printed_bytes: int = 0
    """Of output, made safe; more than is kept."""


@dataclass(frozen=True, slots=True)
class JobTail:
    """The end of a job's output."""

    view: JobView
    text: str
    left_out_bytes: int
    """Printed before `text`."""


@dataclass(frozen=True, slots=True)
class JobPiece:
    """A numbered piece of a job's output for its room; it may be lost."""

    room_id: RoomId
    turn_id: TurnId
    call_id: CallId
    job_id: JobId
    index: int
    """0, 1, 2 … of this job."""
    text: str
