"""Runs one command for people to watch: its output made safe, sent to the room in pieces, and kept for the model."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.sandbox.sandbox import DiskNearlyFull, Exit, Sandbox, SandboxFailed, StoppedBy
from multiplayer.tools.terminal.output import OutputCleaner, take_bytes
from multiplayer.tools.workspace import Workspace

PIECE_S = 0.08
PIECE_BYTES = 8 * KIB
MAX_COMMAND_BYTES = 96 * KIB
"""One argument of a program may have 128 KiB."""
NOT_SHOWN = "\n[further output is not shown here]\n"
_SLICE_BYTES = 8 * KIB
_REST = 4.0
"""Times as long as was worked."""
_REST_UNSEEN = 9.0
"""… for output that the room does not see any more: nobody waits for it."""
_FREE_S = 0.002
_CPU_LIMIT_STATUS = 128 + signal.SIGXCPU
_FILE_LIMIT_STATUS = 128 + signal.SIGXFSZ

Emit = Callable[[str], Awaitable[None]]


class LiveOutput:
    """Sends text in pieces, each after 80 ms or 8 KiB. `add` waits while more than one piece is unsent."""

    def __init__(self, emit: Emit, piece_s: float = PIECE_S) -> None:
        self._emit = emit
        self._piece_s = piece_s
        self._held = ""
        self._is_closed = False
        self._has_text = asyncio.Event()
        self._is_full = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def add(self, text: str) -> None:
        if not text:
            return
        self._held += text
        self._has_text.set()
        if len(self._held) >= PIECE_BYTES:
            self._is_full.set()
            self._has_room.clear()
            await self._has_room.wait()

    def close(self) -> None:
        """No more text: `send` ends when what is held is sent."""
        self._is_closed = True
        self._has_text.set()
        self._is_full.set()

    async def send(self) -> None:
        """Emit until closed and empty. What `emit` raises ends it."""
        while True:
            await self._has_text.wait()
            if not self._is_full.is_set():
                try:
                    async with asyncio.timeout(self._piece_s):
                        await self._is_full.wait()
                except TimeoutError:
                    pass  # a short piece, then
            while self._held:
                piece = take_bytes(self._held, PIECE_BYTES)
                self._held = self._held[len(piece) :]
                await self._emit(piece)
            self._has_room.set()
            if self._is_closed:
                return
            self._has_text.clear()
            self._is_full.clear()


class Pace:
    """Sees to it that making output safe takes a fifth of the loop at most, of however many commands together.

    While it rests nothing is read, so the commands wait, and the other rooms do not.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._free_at_s = 0.0

    async def rest(self, spent_s: float, times: float = _REST) -> None:
        now_s = self.clock()
        self._free_at_s = max(now_s, self._free_at_s) + times * spent_s
        if self._free_at_s - now_s > _FREE_S:
            await asyncio.sleep(self._free_at_s - now_s)


class _Shown:
    """Cleans raw output and parts it between the room (live, up to a limit) and whoever keeps it."""

    def __init__(
        self,
        live: LiveOutput,
        most_bytes: int,
        keep: Callable[[str], None],
        secret_values: Sequence[str],
        pace: Pace,
    ) -> None:
        self._live = live
        self._cleaner = OutputCleaner(secret_values)
        self._room = most_bytes
        self._is_cut = False
        self._keep = keep
        self._pace = pace

    async def take(self, data: bytes) -> None:
        # In slices: others get their turn after a millisecond or two, however slow the text is to clean.
        for at in range(0, len(data), _SLICE_BYTES):
            began_s = self._pace.clock()
            shown = self._parted(self._cleaner.feed(data[at : at + _SLICE_BYTES]))
            spent_s = self._pace.clock() - began_s
            await self._live.add(shown)
            await self._pace.rest(spent_s, _REST_UNSEEN if self._is_cut else _REST)

    def finish(self) -> str:
        """Keep what was held back, and return what of it the room sees."""
        return self._parted(self._cleaner.finish())

    def _parted(self, text: str) -> str:
        self._keep(text)
        if self._is_cut:
            return ""
        shown = take_bytes(text, self._room)
        self._room -= len(shown.encode())
        if len(shown) < len(text):
            self._is_cut = True
            shown += NOT_SHOWN
        return shown


class LiveRunner:
    """Runs commands in the sandbox; all that one of these runs keeps one pace."""

    def __init__(self, sandbox: Sandbox, secret_values: Sequence[str] = ()) -> None:
        self.sandbox = sandbox
        self._secret_values = tuple(secret_values)
        self._pace = Pace()

    async def run(
        self, workspace: Workspace, command: str, cwd: str, limits: Limits, *, keep: Callable[[str], None], emit: Emit
    ) -> Exit:
        """Run `command` to its end. `keep` has all cleaned output, `emit` the room's part, in order and in pieces.

        While `emit` waits, the command waits. Cancelling kills it; then `keep` has had all that was read, `emit` perhaps
        not. Raises `ToolRefused`, also if the sandbox could not be set up or the disk is nearly full.
        """
        check_command(command)
        live = LiveOutput(emit)
        shown = _Shown(live, limits.shown_bytes, keep, self._secret_values, self._pace)
        exit_: Exit | None = None
        failure: SandboxFailed | ToolRefused | None = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(live.send())
            try:
                exit_ = await self.sandbox.run(workspace, command, cwd, limits, shown.take)
            except (SandboxFailed, ToolRefused) as error:
                failure = error  # raised below: out of a task group it would come as a group
            finally:
                rest = shown.finish()
            await live.add(rest)
            live.close()
        if isinstance(failure, ToolRefused):
            raise failure
        if isinstance(failure, DiskNearlyFull):
            # Ours, and what helps: unlike a launcher's words it may be read by everyone.
            raise ToolRefused(ToolFault.QUOTA, f"{failure}; the command did not run") from failure
        if failure is not None:
            raise ToolRefused(
                ToolFault.SANDBOX, "the sandbox could not be set up; the command did not run"
            ) from failure
        assert exit_ is not None, "neither run nor failed"
        return exit_


def check_command(command: str) -> None:
    """Raises `ToolRefused` for what bash cannot be given."""
    if "\0" in command:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the command has a NUL character in it")
    try:
        size = len(command.encode())
    except UnicodeEncodeError as error:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the command is not valid Unicode") from error
    if size > MAX_COMMAND_BYTES:
        raise ToolRefused(
            ToolFault.BAD_ARGUMENTS, f"the command has more than {MAX_COMMAND_BYTES} bytes; write it to a file first"
        )


def running_for(limits: Limits, wall_s: float) -> Limits:
    """Return `limits` for a command that may run so long. The CPU time of each process grows along, and never shrinks."""
    cpu_s = max(limits.cpu_s, round(limits.cpu_s * wall_s / limits.wall_s))
    return replace(limits, wall_s=wall_s, cpu_s=cpu_s)


def status_in_words(status: int, limits: Limits) -> str:
    """`exit status 3`, with the limit that the kernel enforced where the status tells it."""
    if status == _CPU_LIMIT_STATUS:
        return f"exit status {status}: a process used more than {limits.cpu_s} s of CPU time"
    if status == _FILE_LIMIT_STATUS:
        return f"exit status {status}: a file grew over {limits.file_bytes} bytes"
    return f"exit status {status}"


def limit_in_words(stopped_by: StoppedBy, limits: Limits) -> str:
    """Say which limit killed a command, and what it is."""
    match stopped_by:
        case StoppedBy.WALL_TIME:
            return f"it ran longer than {limits.wall_s:g} s"
        case StoppedBy.MEMORY:
            return f"it used more than {limits.resident_bytes} bytes of memory"
        case StoppedBy.WORKSPACE:
            return (
                f"the workspace grew over {limits.workspace_bytes} bytes or {limits.workspace_inodes} files; "
                "nothing can be written until files are removed"
            )
        case StoppedBy.OUTPUT:
            return f"it printed more than {limits.output_bytes} bytes"
