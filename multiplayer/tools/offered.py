"""Which tools this server offers."""

from collections.abc import Sequence
from typing import Final

from multiplayer.tools.attachment_tools import attachment_tools
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.net.fetch_url import fetch_url
from multiplayer.tools.net.guarded_http import GuardedHttp
from multiplayer.tools.registry import AnyTool, ToolRegistry
from multiplayer.tools.room_tools import room_tools
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.terminal.job_tools import OwnerOf, job_tools
from multiplayer.tools.terminal.jobs import Jobs
from multiplayer.tools.terminal.terminal import execute_command

RUNS_COMMANDS: Final = ("strict", "landlock")
"""Modes of the sandbox in which a terminal is offered."""


def build_tools(
    sandbox: Sandbox | None,
    secret_values: Sequence[str] = (),
    *,
    jobs: Jobs | None = None,
    owner_of: OwnerOf | None = None,
    http: GuardedHttp | None = None,
    mode: str | None = None,
) -> ToolRegistry:
    """File and room tools always; the terminal only where preflight has found a sandbox that holds, jobs only in `strict`.

    `secret_values` (keys from the settings) are taken out of whatever tools show. `http`: pages may be fetched, in
    rooms that switch it on. `mode`: the sandbox's as another process has found it; what is offered by it runs there only.
    """
    tools: list[AnyTool] = [*file_tools(secret_values), *room_tools(), *attachment_tools()]
    if sandbox is not None and (mode or sandbox.status.mode) in RUNS_COMMANDS:
        tools.append(execute_command(sandbox, secret_values))
        if (mode or sandbox.status.mode) == "strict" and jobs is not None and owner_of is not None:
            tools += job_tools(jobs, owner_of)
    if http is not None:
        tools.append(fetch_url(http, secret_values))
    return ToolRegistry(tools)
