"""One sandboxed command from its start to the death of its last process, under its limits."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multiplayer.tools.limits import MIB
from multiplayer.tools.sandbox.cgroup import Group
from multiplayer.tools.sandbox.endings import Ending
from multiplayer.tools.sandbox.held_files import HeldFiles
from multiplayer.tools.sandbox.launch import Command, Launch
from multiplayer.tools.sandbox.processes import resident_bytes, tree_of
from multiplayer.tools.sandbox.spawn import Spawned, chunks
from multiplayer.tools.workspace import Usage, Workspace

LOOK_S = 0.25
"""How often memory and workspace are looked at."""
END_S = 1.0
"""What the launcher has to say its last words after it ended."""

OnOutput = Callable[[bytes], Awaitable[None]]


class StoppedBy(StrEnum):
    """The limit that killed a command."""

    WALL_TIME = "wall_time"
    MEMORY = "memory"
    WORKSPACE = "workspace"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended: with its own `status` (128 + n after signal n), or killed by one of our limits."""

    status: int | None
    stopped_by: StoppedBy | None = None


@dataclass(frozen=True, slots=True)
class Pipes:
    """A command that is talked to."""

    input: int
    """Read end of a pipe that becomes its standard input. It stays the caller's, to close once the command has ended."""
    on_error: OnOutput
    """Takes its standard error, apart from its output; both count towards `output_bytes`."""


class SandboxFailed(Exception):  # noqa: N818 - it names what happened
    """The sandbox was not set up: the command did not run. The sentence has the launcher's words, for the log only."""


class DiskNearlyFull(SandboxFailed):
    """The command was not started, so that the disk which all workspaces share does not fill up."""


class _Status(BaseModel):
    model_config = ConfigDict(extra="ignore")
    child_pid: int | None = Field(None, alias="child-pid")
    exit_code: int | None = Field(None, alias="exit-code")


@dataclass(slots=True)
class _Run:
    command: Command
    before: Usage
    """What the workspace held before the command started."""
    process: Spawned
    ending: Ending
    group: Group | None
    stopped_by: StoppedBy | None = None
    exit_code: int | None = None
    first_output: bytes = b""
    seen_bytes: int = 0

    def kill(self, why: StoppedBy) -> None:
        if self.stopped_by is None and self.process.is_running:
            self.stopped_by = why
            self.ending.kill()

    async def read_output(self, fd: int, hear: OnOutput) -> None:
        most = self.command.limits.output_bytes
        async for data in chunks(fd):
            if len(self.first_output) < 512:
                self.first_output += data[:512]
            room = most - self.seen_bytes
            self.seen_bytes += len(data)
            if room > 0:
                await hear(data[:room])
            if self.seen_bytes > most:
                self.kill(StoppedBy.OUTPUT)

    async def read_status(self, fd: int) -> None:
        held = b""
        async for data in chunks(fd):
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                try:
                    status = _Status.model_validate_json(line)
                except ValidationError:
                    continue  # a document spread over lines says nothing we need
                if status.child_pid is not None:
                    self.ending.told(status.child_pid)
                if status.exit_code is not None:
                    self.exit_code = status.exit_code

    async def watch_clock(self) -> None:
        await asyncio.sleep(self.command.limits.wall_s)
        self.kill(StoppedBy.WALL_TIME)

    async def watch_memory(self) -> None:
        while self.process.is_running:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(self._is_over_memory):
                self.kill(StoppedBy.MEMORY)

    def _is_over_memory(self) -> bool:
        if self.group is not None and self.group.memory_events is not None:
            return self.group.ran_out_of_memory()
        most = self.command.limits.resident_bytes
        return resident_bytes(tree_of(self.process.pid), over=most) > most

    async def watch_workspace(self) -> None:
        limits, workspace = self.command.limits, self.command.workspace
        held = HeldFiles(workspace.fd, workspace.uid)
        clock = asyncio.get_running_loop().time
        # A workspace that is over already may be cleaned by a command, not filled further.
        was_over = self.before.is_over(limits.workspace_bytes, limits.workspace_inodes)
        most_bytes = max(limits.workspace_bytes, self.before.used_bytes if was_over else 0)
        took_s = 0.0
        while self.process.is_running:
            # Counting 20,000 files takes long: never more than a fifth of a core for it.
            await asyncio.sleep(max(LOOK_S, 4 * took_s))
            started = clock()
            now = await asyncio.to_thread(self._used, held)
            is_more = not was_over and now.is_over(limits.workspace_bytes, limits.workspace_inodes)
            is_hidden = self.before.is_whole and not now.is_whole
            if now.used_bytes > most_bytes or is_more or is_hidden:
                self.kill(StoppedBy.WORKSPACE)
            took_s = clock() - started

    def _used(self, held: HeldFiles) -> Usage:
        # In this order: what loses its name between the two is seen the next time, and never counted twice.
        nameless = held.usage(tree_of(self.process.pid)[1:])
        named = self.command.workspace.usage(most_inodes=self.command.limits.workspace_inodes)
        return Usage(
            named.used_bytes + nameless.used_bytes,
            named.inodes + nameless.inodes,
            is_whole=named.is_whole and nameless.is_whole,
        )

    async def watch_disk(self) -> None:
        """Whoever it is that fills the disk: what runs is stopped before others find it full."""
        while self.process.is_running:
            await asyncio.sleep(LOOK_S)
            if (await asyncio.to_thread(self.command.workspace.free_space, self.command.limits)).is_short:
                self.kill(StoppedBy.WORKSPACE)


async def supervise(
    build: Callable[[Command, int], Launch],
    command: Command,
    on_output: OnOutput,
    *,
    pipes: Pipes | None = None,
    group: Group | None = None,
) -> Exit:
    """Start what `build` makes and return when nothing of it lives any more; raises `SandboxFailed`.

    Must be called on the loop's own thread: the sandbox dies with the thread that started it. Cancelling kills it.
    `build` gets the command as it is to run, and the descriptor for the launcher's reports.
    """
    before = await asyncio.to_thread(_counted, command)
    if not before.is_whole:
        # What cannot be counted cannot be seen to grow: such a workspace may be cleaned, and nothing be written.
        command = replace(command, limits=replace(command.limits, file_bytes=0))
    with contextlib.ExitStack() as fds:
        status_read, status_write = os.pipe()
        fds.callback(os.close, status_read)
        with contextlib.ExitStack() as given:
            given.callback(os.close, status_write)
            launch = given.enter_context(build(command, status_write))
            os.set_blocking(status_read, False)
            output_read, output_write = _pipe(command.workspace, fds, given)
            hears = {output_read: on_output}
            error_write = output_write
            if pipes is not None:
                error_read, error_write = _pipe(command.workspace, fds, given)
                hears[error_read] = pipes.on_error
            try:
                process = Spawned(
                    launch.argv,
                    output=output_write,
                    error=error_write,
                    standard_input=None if pipes is None else pipes.input,
                    pass_fds=launch.pass_fds,
                )
            except OSError as error:
                raise SandboxFailed(f"{launch.argv[0]}: {error.strerror}") from error
        run = _Run(command, before, process, launch.ending(process), group)
        try:
            await _follow(run, hears, status_read)
        finally:
            await run.ending.end()
    if run.stopped_by is None and group is not None and group.ran_out_of_memory():
        run.stopped_by = StoppedBy.MEMORY
    if run.stopped_by is not None:
        return Exit(None, run.stopped_by)
    if run.exit_code is None:
        # The launcher's own exit status is no proof: a set-up that failed ends with 1, as a command does.
        raise SandboxFailed(run.first_output[:512].decode(errors="replace").strip() or "no word from the launcher")
    return Exit(run.exit_code)


def _counted(command: Command) -> Usage:
    """Count the workspace, before anything runs that could race with that. Raises `DiskNearlyFull`. Blocks."""
    space = command.workspace.free_space(command.limits)
    if space.is_short:
        raise DiskNearlyFull(
            f"the disk of the workspaces is nearly full: {space.free_bytes // MIB} MiB and {space.free_inodes} inodes are "
            f"free, and {space.floor_bytes // MIB} MiB and {space.floor_inodes} inodes must stay so"
        )
    return command.workspace.usage(most_inodes=command.limits.workspace_inodes, is_to_open=True)


def _pipe(workspace: Workspace, ours: contextlib.ExitStack, given: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    ours.callback(os.close, read)
    given.callback(os.close, write)
    os.set_blocking(read, False)
    if os.geteuid() == 0:
        os.fchown(write, workspace.uid, workspace.uid)  # for a command that opens /dev/stdout
    return read, write


async def _follow(run: _Run, hears: Mapping[int, OnOutput], status_read: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        each = (run.watch_clock, run.watch_memory, run.watch_workspace, run.watch_disk)
        watches = [tasks.create_task(watch()) for watch in each]
        status = tasks.create_task(run.read_status(status_read))
        outputs = [tasks.create_task(run.read_output(fd, hear)) for fd, hear in hears.items()]
        await run.process.wait()
        # A command that ended is not to be blamed for a limit looked at too late.
        for watch in watches:
            watch.cancel()
        await asyncio.wait([status], timeout=END_S)
        is_sure = run.ending.is_sure
        await run.ending.end()
        if not is_sure:
            # Never got as far as a namespace: whoever still holds the pipe is none of the command's.
            await asyncio.wait(outputs, timeout=END_S)
            for output in outputs:
                output.cancel()
        status.cancel()
        # Now no one can write: what is left in the pipe ends.
