"""The terminal tool: one foreground command in the sandbox, its output shown live in pieces."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import Field

from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.terminal.live_output import LiveRunner, limit_in_words, running_for, status_in_words
from multiplayer.tools.terminal.output import HeadAndTail

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
    """The tool, for a sandbox that runs commands on this machine."""
    return Tool(
        name="execute_command",
        description="Run a shell command in the workspace: no network, limited time and memory. Returns its output.",
        arguments=ExecuteCommand,
        tool_class=ToolClass.TERMINAL,
        run=partial(_run, LiveRunner(sandbox, secret_values)),
        classify=_class_of,
        limits=_limits_of,
    )


def _class_of(arguments: ExecuteCommand, context: ToolCallContext) -> ToolClass:
    is_longer = arguments.timeout_s is not None and arguments.timeout_s > context.limits.wall_s
    return ToolClass.EXTENDED if is_longer else ToolClass.TERMINAL


def _limits_of(arguments: ExecuteCommand, limits: Limits) -> Limits:
    return limits if arguments.timeout_s is None else running_for(limits, arguments.timeout_s)


async def _run(runner: LiveRunner, arguments: ExecuteCommand, context: ToolCallContext) -> ToolResult:
    limits = context.limits
    for_model = HeadAndTail()
    exit_ = await runner.run(
        context.workspace, arguments.command, arguments.cwd, limits, keep=for_model.feed, emit=context.emit
    )
    output = for_model.text()
    if exit_.stopped_by is not None:
        text = f"{output}\n[killed: {limit_in_words(exit_.stopped_by, limits)}]"
        return ToolResult(ok=False, text=text, code=ToolFault.STOPPED)
    assert exit_.status is not None, "neither ended nor stopped"
    if output and not output.endswith("\n"):
        output += "\n"
    return ToolResult(ok=True, text=f"{output}[{status_in_words(exit_.status, limits)}]", exit_status=exit_.status)
