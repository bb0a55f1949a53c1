"""Background jobs: commands that run on in the sandbox after their call, a few in each room, until something ends them."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from multiplayer.protocol.ids import AccountId, CallId, RoomId
from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.sandbox.sandbox import Exit, Sandbox
from multiplayer.tools.terminal.job_view import JobId, JobOwner, JobPiece, JobState, JobStop, JobTail, JobView
from multiplayer.tools.terminal.live_output import LiveRunner, check_command
from multiplayer.tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class JobLimits:
    per_room: int = 4
    """Jobs that run in one room at a time."""
    idle_s: float = 3600.0
    """A job that prints nothing for so long, while nobody looks at its output, is killed."""
    ring_bytes: int = 256 * KIB
    """Of output, kept of each job."""
    listed: int = 20
    """Ended jobs that are still listed, in each room."""
    readable: int = 4
    """Ended jobs whose output is still kept, in each room."""
    look_s: float = 0.4
    """How long a start waits to see whether the command ends at once."""


class _Ring:
    """The last bytes of a text."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._data = bytearray()
        self.printed_bytes = 0

    def feed(self, text: str) -> None:
        data = text.encode()
        self.printed_bytes += len(data)
        self._data += data
        del self._data[: max(0, len(self._data) - self._most_bytes)]

    def tail(self, most_bytes: int) -> tuple[str, int]:
        """Return the end, and how many bytes came before it."""
        text = bytes(self._data[max(0, len(self._data) - most_bytes) :]).decode(errors="ignore")
        return text, self.printed_bytes - len(text.encode())

    def forget(self) -> None:
        self._data.clear()


@dataclass
class _Job:
    job_id: JobId
    owner: JobOwner
    command: str
    cwd: str
    limits: Limits
    started_at: datetime
    ring: _Ring
    looked_s: float
    """Loop time of the last output or look."""
    running: asyncio.Task[None] = field(init=False)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.TimerHandle | None = None
    pieces: int = 0
    exit: Exit | None = None
    failure: ToolRefused | None = None
    stop: JobStop | None = None
    stopped_by: AccountId | None = None
    stopped_in: CallId | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> JobState:
        if self.ended_at is None:
            return JobState.RUNNING
        if self.exit is not None and self.exit.stopped_by is None:
            return JobState.ENDED
        return JobState.FAILED if self.failure is not None else JobState.STOPPED

    def view(self) -> JobView:
        state = self.state
        return JobView(
            job_id=self.job_id,
            command=self.command,
            cwd=self.cwd,
            turn_id=self.owner.turn_id,
            call_id=self.owner.call_id,
            askers=tuple(self.owner.askers),
            state=state,
            exit_status=self.exit.status if self.exit is not None else None,
            stop=self.stop if state is JobState.STOPPED else None,
            stopped_by=self.stopped_by if state is JobState.STOPPED else None,
            stopped_in=self.stopped_in if state is JobState.STOPPED else None,
            wall_s=self.limits.wall_s,
            started_at=self.started_at,
            ended_at=self.ended_at,
            printed_bytes=self.ring.printed_bytes,
        )


async def _nobody_listens(_piece: JobPiece) -> None: ...


async def _nobody_asks(_room_id: RoomId, _view: JobView) -> None: ...


class Jobs:
    """The jobs of one server; `async with` it around whatever starts any. Leaving it kills them all.

    `on_output` has what the room may see, as `LiveRunner` sends it: while it waits, the job waits. `on_end` is told once of
    each job that ended while the server goes on. What they raise is nobody's to catch: it ends the server.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        secret_values: Sequence[str] = (),
        *,
        now: Callable[[], datetime],
        limits: JobLimits | None = None,
        on_output: Callable[[JobPiece], Awaitable[None]] = _nobody_listens,
        on_end: Callable[[RoomId, JobView], Awaitable[None]] = _nobody_asks,
    ) -> None:
        self._runner = LiveRunner(sandbox, secret_values)
        self._now = now
        self._limits = limits or JobLimits()
        self._on_output = on_output
        self._on_end = on_end
        self._tasks = asyncio.TaskGroup()
        self._is_open = False
        self._rooms: dict[RoomId, dict[JobId, _Job]] = {}
        """By start."""

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.aclose()
        finally:
            await self._tasks.__aexit__(kind, error, trace)

    async def aclose(self) -> None:
        """Kill all jobs and start no more; returns when their last process is dead."""
        self._is_open = False
        await self._stop_all([job for jobs in self._rooms.values() for job in jobs.values()], JobStop.SERVER)

    async def start(self, owner: JobOwner, workspace: Workspace, command: str, cwd: str, limits: Limits) -> JobView:
        """Start a job; returns when it has run for a moment, or ended in it. `workspace` stays the caller's.

        Raises `ToolRefused` for what did not run at all. Cancelling it kills the job.
        """
        check_command(command)
        if not self._is_open:
            raise ToolRefused(ToolFault.SANDBOX, "the server is stopping; no job is started")
        if self._runner.sandbox.status.mode != "strict":
            raise ToolRefused(ToolFault.SANDBOX, "this machine can keep no background jobs apart; the job did not run")
        jobs = self._rooms.setdefault(owner.room_id, {})
        if sum(job.ended_at is None for job in jobs.values()) >= self._limits.per_room:
            raise ToolRefused(
                ToolFault.QUOTA,
                f"{self._limits.per_room} jobs run in this room, and no more may: stop one with job_stop, or wait",
            )
        job = self._begin(owner, workspace, command, cwd, limits)
        jobs[job.job_id] = job
        try:
            async with asyncio.timeout(self._limits.look_s):
                await job.is_over.wait()
        except TimeoutError:
            pass  # it runs
        except asyncio.CancelledError:
            await self._stop_all([job], JobStop.ASKED)
            raise
        if job.failure is not None:
            jobs.pop(job.job_id, None)
            raise job.failure
        return job.view()

    def _begin(self, owner: JobOwner, workspace: Workspace, command: str, cwd: str, limits: Limits) -> _Job:
        job = _Job(
            job_id=JobId(secrets.token_hex(5)),
            owner=owner,
            command=command,
            cwd=cwd,
            limits=limits,
            started_at=self._now(),
            ring=_Ring(self._limits.ring_bytes),
            looked_s=asyncio.get_running_loop().time(),
        )
        # The call's own descriptor is closed with its turn.
        own = Workspace(os.dup(workspace.fd), workspace.uid, workspace.kernel_resolves)
        job.running = self._tasks.create_task(self._run(job, own))
        job.running.add_done_callback(lambda _: own.close())
        self._tasks.create_task(self._see_to_its_end(job))
        self._look_whether_idle(job)
        return job

    async def _run(self, job: _Job, workspace: Workspace) -> None:
        def keep(text: str) -> None:
            job.ring.feed(text)
            self._look(job)

        async def emit(text: str) -> None:
            if self._is_open:
                owner, index = job.owner, job.pieces
                job.pieces += 1
                piece = JobPiece(owner.room_id, owner.turn_id, owner.call_id, job.job_id, index, text)
                await self._on_output(piece)

        try:
            job.exit = await self._runner.run(workspace, job.command, job.cwd, job.limits, keep=keep, emit=emit)
        except ToolRefused as refused:
            job.failure = refused
        if job.exit is not None and job.exit.stopped_by is not None:
            job.stop = JobStop(job.exit.stopped_by.value)

    async def _see_to_its_end(self, job: _Job) -> None:
        try:
            await asyncio.wait([job.running])
        finally:
            job.ended_at = self._now()
            if job.idle is not None:
                job.idle.cancel()
            self._forget_old(job.owner.room_id)
            job.is_over.set()
        if self._is_open and job.failure is None:
            await self._on_end(job.owner.room_id, job.view())

    def _forget_old(self, room_id: RoomId) -> None:
        jobs = self._rooms.get(room_id, {})
        ended = sorted((job for job in jobs.values() if job.ended_at is not None), key=_ended_at, reverse=True)
        for number, job in enumerate(ended):
            if number >= self._limits.listed:
                del jobs[job.job_id]
            elif number >= self._limits.readable:
                job.ring.forget()

    def _look(self, job: _Job) -> None:
        job.looked_s = asyncio.get_running_loop().time()

    def _look_whether_idle(self, job: _Job) -> None:
        loop = asyncio.get_running_loop()
        left_s = job.looked_s + self._limits.idle_s - loop.time()
        if left_s > 0:
            job.idle = loop.call_later(left_s, self._look_whether_idle, job)
        else:
            _kill(job, JobStop.IDLE)

    def listing(self, room_id: RoomId) -> tuple[JobView, ...]:
        """Return the room's jobs by their start: those that run, and the last that ended."""
        return tuple(job.view() for job in self._rooms.get(room_id, {}).values())

    def rooms(self) -> tuple[RoomId, ...]:
        """Return the rooms that have jobs, running or ended."""
        return tuple(self._rooms)

    def running(self, room_id: RoomId) -> Mapping[str, JobOwner]:
        """Return whose jobs run."""
        return {job.job_id: job.owner for job in self._rooms.get(room_id, {}).values() if job.ended_at is None}

    def owner(self, room_id: RoomId, job_id: str) -> JobOwner:
        """Return whose a job is. Raises `ToolRefused`."""
        return self._job(room_id, job_id).owner

    def tail(self, room_id: RoomId, job_id: str, most_bytes: int) -> JobTail:
        """Return the end of a job's output; to look counts against its being idle. Raises `ToolRefused`."""
        job = self._job(room_id, job_id)
        self._look(job)
        text, left_out_bytes = job.ring.tail(most_bytes)
        return JobTail(job.view(), text, left_out_bytes)

    async def stop(
        self, room_id: RoomId, job_id: str, *, by: AccountId | None = None, in_call: CallId | None = None
    ) -> JobView:
        """Kill a job for a person or a call; returns when its last process is dead. One that ended stays as it was.

        Raises `ToolRefused` if the room has none of this id.
        """
        job = self._job(room_id, job_id)
        await self._stop_all([job], JobStop.ASKED, by=by, in_call=in_call)
        return job.view()

    async def stop_room(self, room_id: RoomId, why: JobStop = JobStop.ROOM) -> None:
        """Kill all jobs of a room; returns when their last process is dead."""
        await self._stop_all(list(self._rooms.get(room_id, {}).values()), why)

    def forget(self, room_id: RoomId) -> None:
        """Forget a room's jobs, if none runs."""
        if not self.running(room_id):
            self._rooms.pop(room_id, None)

    async def stop_of(self, room_id: RoomId, account_id: AccountId) -> None:
        """Kill what this person's request, alone or with others', began in the room; of an AI, what it began itself."""
        jobs = self._rooms.get(room_id, {}).values()
        theirs = [job for job in jobs if account_id in {*job.owner.askers, job.owner.ai_id}]
        await self._stop_all(theirs, JobStop.ASKER_GONE)

    def accounts(self) -> frozenset[AccountId]:
        """Return those in whose name jobs run, people and AIs."""
        running = [job.owner for jobs in self._rooms.values() for job in jobs.values() if job.ended_at is None]
        return frozenset(account for owner in running for account in (*owner.askers, owner.ai_id))

    async def _stop_all(
        self, jobs: Sequence[_Job], why: JobStop, *, by: AccountId | None = None, in_call: CallId | None = None
    ) -> None:
        for job in jobs:
            _kill(job, why, by=by, in_call=in_call)
        for job in jobs:
            await job.is_over.wait()

    def _job(self, room_id: RoomId, job_id: str) -> _Job:
        jobs = self._rooms.get(room_id, {})
        job = jobs.get(JobId(job_id))
        if job is None:
            there = f"there are: {', '.join(jobs)}" if jobs else "there are none"
            raise ToolRefused(ToolFault.NOT_FOUND, f"this room has no job of that id; {there}")
        return job


def _kill(job: _Job, why: JobStop, *, by: AccountId | None = None, in_call: CallId | None = None) -> None:
    if job.ended_at is None and job.stop is None:
        job.stop, job.stopped_by, job.stopped_in = why, by, in_call
        job.running.cancel()


def _ended_at(job: _Job) -> datetime:
    assert job.ended_at is not None, "only of those that have ended"
    return job.ended_at
