"""Background jobs as rooms have them: their output told live, listed and stopped by right, ended with the right to them."""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from typing import Self

from multiplayer.live.directory import Directory
from multiplayer.live.job_files import JobFiles
from multiplayer.live.room_host import RoomHost
from multiplayer.live.toolbox import Toolbox
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    Event,
    MemberLeft,
    MemberRemoved,
    RoleChanged,
    RoomArchived,
    RoomDeleted,
    RoomSettingsSet,
)
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.signals import JobOutput
from multiplayer.rooms.permissions import Right, may
from multiplayer.tools.refusal import ToolRefused
from multiplayer.tools.terminal.job_view import JobPiece, JobStop, JobTail, JobView
from multiplayer.tools.terminal.jobs import Jobs

JOB_START = "job_start"


class JobNews:
    """Tells rooms what their jobs print. Given the directory once there is one; before that nothing runs."""

    def __init__(self) -> None:
        self.directory: Directory | None = None
        self.files: JobFiles | None = None

    async def tell(self, piece: JobPiece) -> None:
        if self.directory is None:
            return
        host = self.directory.running(piece.room_id)
        if host is not None:
            host.memory.signal(
                JobOutput(room_id=piece.room_id, job_id=piece.job_id, index=piece.index, text=piece.text)
            )

    async def ended(self, room_id: RoomId, _job: JobView) -> None:
        if self.files is not None:
            await self.files.settle(room_id)


class RoomJobs:
    """Owns the tasks of ending jobs. `jobs` and `files`: None where there are none (a command line)."""

    def __init__(self, jobs: Jobs | None, files: JobFiles | None, toolbox: Toolbox, directory: Directory) -> None:
        self._jobs = jobs
        self._files = files
        self._toolbox = toolbox
        self._directory = directory
        self._tasks = asyncio.TaskGroup()
        self._is_open = False
        if jobs is not None:
            # Else nobody would hear here that an asker has lost the right to it.
            directory.keep_while(lambda room_id: bool(jobs.running(room_id)))

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """End the rooms' jobs, and tell what they have written."""
        self._is_open = False
        for room_id in self._jobs.rooms() if self._jobs is not None else ():
            self._spawn(self._end_all(room_id, JobStop.SERVER))
        await self._tasks.__aexit__(None, None, None)

    def hear(self, host: RoomHost, events: Sequence[Event]) -> None:
        """Who may no longer have such things run has them ended; so has a room that is closed."""
        if self._jobs is None or not self._is_open:
            return
        for event in events:
            match event:
                case MemberLeft() | MemberRemoved():
                    self._spawn(self._jobs.stop_of(host.room_id, event.account_id))
                case RoleChanged(role=Role.GUEST):
                    self._spawn(self._jobs.stop_of(host.room_id, event.account_id))
                case RoomSettingsSet() if event.settings.tools is not None and JOB_START not in event.settings.tools:
                    self._spawn(self._end_all(host.room_id, JobStop.ASKER_GONE))
                case RoomArchived(is_archived=True) | RoomDeleted():
                    self._spawn(self._end_all(host.room_id, JobStop.ROOM))
                    self._spawn(self._toolbox.leave(host.room_id))
                case _:
                    pass

    def accounts(self) -> frozenset[AccountId]:
        """Return those in whose name jobs run, people and AIs."""
        return self._jobs.accounts() if self._jobs is not None else frozenset()

    def end_of(self, account_ids: Collection[str]) -> None:
        """End what runs in the name of these accounts, in all rooms: they are disabled."""
        if self._jobs is not None and self._is_open:
            for account_id in account_ids:
                for room_id in self._jobs.rooms():
                    self._spawn(self._jobs.stop_of(room_id, AccountId(account_id)))

    def end_all(self) -> None:
        """End all jobs: the database has another history, and nobody would hear whose right has ended."""
        for room_id in self._jobs.rooms() if self._jobs is not None and self._is_open else ():
            self._spawn(self._end_all(room_id, JobStop.SERVER))

    async def listing(self, room_id: RoomId, reader_id: AccountId) -> tuple[JobView, ...]:
        """Return the room's jobs, by their start. Refuses who may not see the workspace."""
        (await self._directory.host(room_id)).room.check(reader_id, Right.SEE_WORKSPACE)
        return self._jobs.listing(room_id) if self._jobs is not None else ()

    async def tail(self, room_id: RoomId, reader_id: AccountId, job_id: str, most_bytes: int) -> JobTail:
        (await self._directory.host(room_id)).room.check(reader_id, Right.SEE_WORKSPACE)
        if self._jobs is None:
            raise _no_such_job()
        try:
            return self._jobs.tail(room_id, job_id, most_bytes)
        except ToolRefused:
            raise _no_such_job() from None

    async def stop(self, room_id: RoomId, actor_id: AccountId, job_id: str) -> JobView:
        """Kill a job, with the right to stop a turn of those who asked for it."""
        room = (await self._directory.host(room_id)).room
        member = room.check(actor_id, Right.READ)
        job = next((one for one in self._jobs.listing(room_id) if one.job_id == job_id), None) if self._jobs else None
        if job is None or self._jobs is None:
            raise _no_such_job()
        is_own = actor_id in job.askers
        if not may(Right.STOP_TURN, member.role, room.state.room.settings, is_own_request=is_own):
            raise Refused(RefusalCode.FORBIDDEN, f"as {member.role.value} of this room you may not stop this job")
        return await self._jobs.stop(room_id, job_id, by=actor_id)

    async def _end_all(self, room_id: RoomId, why: JobStop) -> None:
        assert self._jobs is not None, "somebody has heard of jobs"
        await self._jobs.stop_room(room_id, why)
        if self._files is not None:
            await self._files.settle(room_id)
        self._jobs.forget(room_id)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.create_task(work)


def _no_such_job() -> Refused:
    return Refused(RefusalCode.NOT_FOUND, "there is no such job in this room, or it is forgotten")
