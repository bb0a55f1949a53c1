"""Everything that AIs work with on this server: workspaces, sandbox, jobs, the net, outside servers, and the tools."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from multiplayer.compose.database import SERVER_FILE
from multiplayer.live.clock import Clock
from multiplayer.live.room_jobs import JobNews
from multiplayer.live.toolbox import Toolbox
from multiplayer.live.workbench import Workbench
from multiplayer.protocol.ids import CallId
from multiplayer.settings import BadSettings, Settings
from multiplayer.storage.port import Storage
from multiplayer.tools.checkpoints.checkpoints import Checkpoints
from multiplayer.tools.limits import Limits
from multiplayer.tools.mcp.config import BadMcpFile, read_mcp_file
from multiplayer.tools.mcp.opening import McpMissing, open_mcp_servers
from multiplayer.tools.net.guarded_http import GuardedHttp
from multiplayer.tools.offered import RUNS_COMMANDS, build_tools
from multiplayer.tools.registry import ToolCallContext
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.terminal.job_view import JobOwner
from multiplayer.tools.terminal.jobs import Jobs
from multiplayer.tools.workspace import Workspaces


@dataclass(frozen=True)
class Toolshed:
    sandbox: Sandbox
    workbench: Workbench
    toolbox: Toolbox
    jobs: Jobs | None
    news: JobNews


async def open_toolshed(
    settings: Settings, storage: Storage, clock: Clock, stack: AsyncExitStack, secret_values: Sequence[str]
) -> Toolshed:
    """Look what this machine can enforce, and offer that. What runs ends with `stack`. Raises `BadSettings`."""
    folder = settings.folder
    workspaces = Workspaces(folder / "workspaces", settings.room_uid_base)
    sandbox = Sandbox(workspaces, private_paths=[folder])
    if settings.terminal:
        await sandbox.preflight()
    news = JobNews()
    jobs = await stack.enter_async_context(
        Jobs(sandbox, secret_values, now=clock.now, on_output=news.tell, on_end=news.ended)
    )

    workbench = Workbench(workspaces, Checkpoints(folder / "checkpoints", Limits()), storage, jobs.running)
    outside = None
    if settings.mcp_file is not None:
        try:
            servers = read_mcp_file(settings.mcp_file)
            outside = await stack.enter_async_context(open_mcp_servers(servers, sandbox, secret_values=secret_values))
        except (BadMcpFile, McpMissing) as bad:
            raise BadSettings(f"MULTIPLAYER_MCP_FILE: {bad}") from None
    tools = build_tools(
        sandbox, secret_values, jobs=jobs, owner_of=owner_of, http=GuardedHttp() if settings.fetch_urls else None
    )
    return Toolshed(
        sandbox, workbench, Toolbox(tools, workbench, outside, lambda: sandbox.status.mode in RUNS_COMMANDS), jobs, news
    )


def bare_toolshed(settings: Settings, storage: Storage, clock: Clock) -> Toolshed:
    """For a command line, to look at what the server beside it offers its AIs: nothing runs from here."""
    workspaces = Workspaces(settings.folder / "workspaces", settings.room_uid_base)
    workbench = Workbench(workspaces, Checkpoints(settings.folder / "checkpoints", Limits()), storage)
    sandbox = Sandbox(workspaces)
    tools = build_tools(
        sandbox,
        jobs=Jobs(sandbox, now=clock.now),
        owner_of=owner_of,
        http=GuardedHttp() if settings.fetch_urls else None,
        mode=_mode_beside(settings.folder),
    )
    return Toolshed(sandbox, workbench, Toolbox(tools, workbench), None, JobNews())


def _mode_beside(folder: Path) -> str:
    """Return how commands run on the server that runs on this folder; `off` if none does."""
    try:
        held = json.loads((folder / SERVER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "off"
    mode = held.get("sandbox") if isinstance(held, dict) else None
    return mode if isinstance(mode, str) else "off"


def owner_of(context: ToolCallContext) -> JobOwner:
    assert context.desk is not None, "a job is started in a turn"
    desk = context.desk
    call_id = CallId(context.call_id)
    return JobOwner(desk.room_id, desk.turn_id, desk.ai_id, desk.askers, call_id, desk.approved_by(call_id), desk.taint)
