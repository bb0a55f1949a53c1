"""The terminal tool: one foreground command in the sandbox, its output shown live in pieces."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

from pydantic import Field

from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.output import HeadAndTail, OutputCleaner, take_bytes
from multiplayer.tools.policy import ToolClass
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult
from multiplayer.tools.sandbox import Exit, Sandbox, SandboxFailed, StoppedBy

PIECE_S = 0.08
PIECE_BYTES = 8 * KIB
MAX_COMMAND_BYTES = 96 * KIB
"""One argument of a program may have 128 KiB."""
LONGEST_S = 3600


class ExecuteCommand(Arguments):
    command: Annotated[
        str, Field(min_length=1, description="run with bash; nothing of an earlier command is kept but files")
    ]
    timeout_s: Annotated[
        float | None,
        Field(gt=0, le=LONGEST_S, allow_inf_nan=False, description="the default is the most without approval"),
    ] = None
    cwd: Annotated[str, Field(description="folder to run in, relative to the workspace")] = ""


def execute_command(sandbox: Sandbox, secret_values: Sequence[str] = ()) -> Tool[ExecuteCommand]:
    """The tool, for a sandbox in mode `strict`."""
    return Tool(
        name="execute_command",
        description="Run a shell command in the workspace: no network, limited time and memory. Returns its output.",
        arguments=ExecuteCommand,
        tool_class=ToolClass.TERMINAL,
        run=partial(_run, sandbox, tuple(secret_values)),
        classify=lambda arguments, context: (
            ToolClass.EXTENDED if (arguments.timeout_s or 0) > context.limits.wall_s else ToolClass.TERMINAL
        ),
    )


class LiveOutput:
    """Sends text in pieces, each after 80 ms or 8 KiB. `add` waits while more than one piece is unsent."""

    def __init__(self, emit: Callable[[str], Awaitable[None]], piece_s: float = PIECE_S) -> None:
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


class _Shown:
    """Cleans raw output and parts it between the room (live, up to a limit) and the model (head and tail)."""

    def __init__(self, live: LiveOutput, most_bytes: int, secret_values: Sequence[str]) -> None:
        self._live = live
        self._cleaner = OutputCleaner(secret_values)
        self._room = most_bytes
        self.for_model = HeadAndTail()

    async def take(self, data: bytes) -> None:
        await self._show(self._cleaner.feed(data))

    async def finish(self) -> None:
        await self._show(self._cleaner.finish())

    async def _show(self, text: str) -> None:
        self.for_model.feed(text)
        if self._room <= 0 or not text:
            return
        shown = take_bytes(text, self._room)
        self._room -= len(shown.encode())
        if len(shown) < len(text):
            self._room = 0
            shown += "\n[further output is not shown here]\n"
        await self._live.add(shown)


async def _run(
    sandbox: Sandbox, secret_values: Sequence[str], arguments: ExecuteCommand, context: ToolCallContext
) -> ToolResult:
    if "\0" in arguments.command:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the command has a NUL character in it")
    try:
        size = len(arguments.command.encode())
    except UnicodeEncodeError as error:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the command is not valid Unicode") from error
    if size > MAX_COMMAND_BYTES:
        raise ToolRefused(
            ToolFault.BAD_ARGUMENTS, f"the command has more than {MAX_COMMAND_BYTES} bytes; write it to a file first"
        )
    limits = context.limits
    if arguments.timeout_s is not None:
        limits = replace(limits, wall_s=arguments.timeout_s)
    live = LiveOutput(context.emit)
    shown = _Shown(live, limits.shown_bytes, secret_values)
    exit_: Exit | None = None
    failure: SandboxFailed | ToolRefused | None = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(live.send())
        try:
            exit_ = await sandbox.run(context.workspace, arguments.command, arguments.cwd, limits, shown.take)
        except (SandboxFailed, ToolRefused) as error:
            failure = error  # raised below: out of a task group it would come as a group
        await shown.finish()
        live.close()
    if isinstance(failure, ToolRefused):
        raise failure
    if failure is not None:
        raise ToolRefused(ToolFault.SANDBOX, "the sandbox could not be set up; the command did not run") from failure
    assert exit_ is not None, "neither run nor failed"
    output = shown.for_model.text()
    if exit_.stopped_by is not None:
        text = f"{output}\n[killed: {_in_words(exit_.stopped_by, limits)}]"
        return ToolResult(ok=False, text=text, code=ToolFault.STOPPED)
    assert exit_.status is not None, "neither ended nor stopped"
    note = f"[exit status {exit_.status}]"
    if output and not output.endswith("\n"):
        output += "\n"
    return ToolResult(ok=True, text=f"{output}{note}", exit_status=exit_.status)


def _in_words(stopped_by: StoppedBy, limits: Limits) -> str:
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
