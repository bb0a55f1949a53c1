"""One sandboxed command from its start to the death of its last process, under its limits."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multiplayer.tools.launch import Launch
from multiplayer.tools.limits import Limits
from multiplayer.tools.processes import freeze, is_first_of_a_namespace, resident_bytes, tree_of
from multiplayer.tools.spawn import Spawned, chunks, readable
from multiplayer.tools.workspace import Workspace

LOOK_S = 0.25
"""How often memory and workspace are looked at."""
END_S = 1.0
"""What bwrap has to say its last words after it ended."""

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


class SandboxFailed(Exception):  # noqa: N818 - it names what happened
    """The sandbox was not set up: the command did not run. The sentence has bwrap's words, for the log only."""


class _Status(BaseModel):
    model_config = ConfigDict(extra="ignore")
    child_pid: int | None = Field(None, alias="child-pid")
    exit_code: int | None = Field(None, alias="exit-code")


@dataclass(slots=True)
class _Run:
    workspace: Workspace
    limits: Limits
    on_output: OnOutput
    process: Spawned
    stopped_by: StoppedBy | None = None
    exit_code: int | None = None
    first_pidfd: int | None = None
    """Of process 1 inside: as long as it lives, something of the command may."""
    first_output: bytes = b""
    strays: list[int] = field(default_factory=list)
    """Pidfds of what was killed with bwrap before it told us of any process."""

    def kill(self, why: StoppedBy) -> None:
        if self.stopped_by is None and self.process.is_running:
            self.stopped_by = why
            self._kill()

    def _kill(self) -> None:
        # Killed between its fork and its first word to us, bwrap would leave a child that waits for it for ever.
        self.strays += freeze(self.process.pid) if self.first_pidfd is None else []
        self.process.kill()
        for stray in self.strays:
            _kill_by(stray)

    async def read_output(self, fd: int) -> None:
        seen = 0
        async for data in chunks(fd):
            if seen < 512:
                self.first_output += data[:512]
            room = self.limits.output_bytes - seen
            seen += len(data)
            if room > 0:
                await self.on_output(data[:room])
            if seen > self.limits.output_bytes:
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
                if status.child_pid is not None and self.first_pidfd is None:
                    with contextlib.suppress(ProcessLookupError):  # it has ended already
                        self.first_pidfd = os.pidfd_open(status.child_pid)
                    if self.first_pidfd is not None and not is_first_of_a_namespace(status.child_pid):
                        os.close(self.first_pidfd)  # a number that was given to another process meanwhile
                        self.first_pidfd = None
                if status.exit_code is not None:
                    self.exit_code = status.exit_code

    async def watch_clock(self) -> None:
        await asyncio.sleep(self.limits.wall_s)
        self.kill(StoppedBy.WALL_TIME)

    async def watch_memory(self) -> None:
        most = self.limits.resident_bytes
        while self.process.is_running:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(_resident, self.process.pid, most) > most:
                self.kill(StoppedBy.MEMORY)

    async def watch_workspace(self) -> None:
        limits = self.limits
        clock = asyncio.get_running_loop().time
        before = await asyncio.to_thread(self.workspace.usage, most_inodes=limits.workspace_inodes)
        # A workspace that is over already may be cleaned by a command, not filled further.
        was_over = before.is_over(limits.workspace_bytes, limits.workspace_inodes)
        most_bytes = max(limits.workspace_bytes, before.used_bytes if was_over else 0)
        while self.process.is_running:
            started = clock()
            now = await asyncio.to_thread(self.workspace.usage, most_inodes=limits.workspace_inodes)
            if now.used_bytes > most_bytes or (
                not was_over and now.is_over(limits.workspace_bytes, limits.workspace_inodes)
            ):
                self.kill(StoppedBy.WORKSPACE)
            # Counting 20,000 files takes long: never more than a fifth of a core for it.
            await asyncio.sleep(max(LOOK_S, 4 * (clock() - started)))

    async def end(self) -> None:
        """Kill what is left; returns when the last process of the command is dead."""
        if self.process.is_running:
            self._kill()
        await self.process.end()
        while self.strays:
            await readable(self.strays[-1])
            os.close(self.strays.pop())
        if self.first_pidfd is None:
            return
        # bwrap's end kills it as well, but not in the moments before the child has asked for that.
        _kill_by(self.first_pidfd)
        try:
            await readable(self.first_pidfd)
        finally:
            os.close(self.first_pidfd)
            self.first_pidfd = None


def _kill_by(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _resident(pid: int, most: int) -> int:
    return resident_bytes(tree_of(pid), over=most)


async def supervise(
    launch: Launch, workspace: Workspace, limits: Limits, on_output: OnOutput, status: tuple[int, int]
) -> Exit:
    """Start `launch` and return when nothing of it lives any more; raises `SandboxFailed`.

    Must be called on the loop's own thread: the sandbox dies with the thread that started it. Cancelling kills it.
    `status` is the pipe bwrap reports to; both ends and `launch` are closed here.
    """
    status_read, status_write = status
    output_read, output_write = os.pipe()
    with contextlib.ExitStack() as fds:
        fds.callback(os.close, status_read)
        fds.callback(os.close, output_read)
        with contextlib.ExitStack() as given:
            given.callback(os.close, status_write)
            given.callback(os.close, output_write)
            given.enter_context(launch)
            if os.geteuid() == 0:
                os.fchown(output_write, workspace.uid, workspace.uid)  # for a command that opens /dev/stdout
            os.set_blocking(status_read, False)
            os.set_blocking(output_read, False)
            try:
                process = Spawned(launch.argv, output=output_write, pass_fds=launch.pass_fds)
            except OSError as error:
                raise SandboxFailed(f"{launch.argv[0]}: {error.strerror}") from error
        run = _Run(workspace, limits, on_output, process)
        try:
            await _follow(run, output_read, status_read)
        finally:
            await run.end()
    if run.stopped_by is not None:
        return Exit(None, run.stopped_by)
    if run.exit_code is None:
        # bwrap's own exit status is no proof: a set-up that failed ends with 1, as a command does.
        raise SandboxFailed(run.first_output[:512].decode(errors="replace").strip() or "no word from bwrap")
    return Exit(run.exit_code)


async def _follow(run: _Run, output_read: int, status_read: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        watches = [tasks.create_task(watch()) for watch in (run.watch_clock, run.watch_memory, run.watch_workspace)]
        status = tasks.create_task(run.read_status(status_read))
        output = tasks.create_task(run.read_output(output_read))
        await run.process.wait()
        # A command that ended is not to be blamed for a limit looked at too late.
        for watch in watches:
            watch.cancel()
        await asyncio.wait([status], timeout=END_S)
        has_first = run.first_pidfd is not None
        await run.end()
        if not has_first:
            # Never got as far as a namespace: whoever still holds the pipe is none of the command's.
            await asyncio.wait([output], timeout=END_S)
            output.cancel()
        status.cancel()
        # Now no one can write: what is left in the pipe ends.
