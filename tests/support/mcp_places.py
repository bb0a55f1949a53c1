"""Where MCP servers of the tests run: in a real sandbox with the packages of this one, or on a loopback port."""

import asyncio
import json
import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import uvicorn
from pydantic import JsonValue
from starlette.types import ASGIApp

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import Consent
from multiplayer.tools.mcp.config import HttpServer, McpServer, StdioServer
from multiplayer.tools.mcp.servers import McpServers
from multiplayer.tools.mcp.tools import mcp_tools, tool_name
from multiplayer.tools.mcp.words import McpDefinition, McpLimits, McpRoom
from multiplayer.tools.registry import ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.sandbox.binaries import is_reachable_by_all
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.workspace import Workspace
from tests.support import mcp_server
from tests.support.tool_calls import WatchedGate

HERE = Path(__file__).parent
Transport = Literal["stdio", "http"]
PROTOCOLS = pytest.mark.parametrize("protocol", ["auto", "legacy"])
TRANSPORTS = pytest.mark.parametrize("transport", ["stdio", "http"])


def inner_python() -> tuple[str, tuple[str, ...]]:
    """An interpreter that a sandboxed command can start and the folders it needs; skips where there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = sysconfig.get_path("purelib")
    shown = [packages, str(HERE)]
    unreachable = [folder for folder in shown if not is_reachable_by_all(Path(folder) / "x")]
    if unreachable:
        pytest.skip(f"other accounts cannot reach {unreachable[0]}, so no room could")
    system = shutil.which(version, path="/usr/local/bin:/usr/bin:/bin")
    if system is not None:
        return system, tuple(shown)
    base = Path(sys.base_prefix)
    if (base / "bin" / version).exists() and is_reachable_by_all(base / "x"):
        return str(base / "bin" / version), (*shown, str(base))
    pytest.skip(f"no {version} here that a sandboxed command could start")


def in_sandbox(name: str, arguments: Sequence[str], *, protocol: str = "auto") -> StdioServer:
    """A server that is started as `python ARGUMENTS`."""
    python, folders = inner_python()
    packages = sysconfig.get_path("purelib")
    command = ("/usr/bin/env", f"PYTHONPATH={packages}", "PYTHONDONTWRITEBYTECODE=1", python, *arguments)
    return StdioServer.model_validate(
        {"name": name, "command": command, "read_only": folders, "protocol": protocol}, strict=False
    )


def behind(name: str, port: int, *, path: str = "/mcp", protocol: str = "auto") -> HttpServer:
    url = f"http://127.0.0.1:{port}{path}"
    return HttpServer.model_validate({"name": name, "url": url, "is_private": True, "protocol": protocol})


@asynccontextmanager
async def on_loopback(app: ASGIApp) -> AsyncIterator[int]:
    """Serve an application on a free port, in this loop."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            while not server.started:
                assert not serving.done(), "the server did not start"
                await asyncio.sleep(0.01)
            try:
                yield listener.getsockname()[1]
            finally:
                server.should_exit = True


async def until_gone(workspace: Workspace) -> list[str]:
    """Wait until no process of the room's own uid is left; return what is still there after some seconds."""
    if os.geteuid() != 0:
        return []  # rooms share our uid, which tells nothing
    left: list[str] = []
    for _ in range(100):
        left = _processes_of(workspace.uid)
        if not left:
            break
        await asyncio.sleep(0.05)
    return left


def _processes_of(uid: int) -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_of(entry, uid)]


def _is_of(process: Path, uid: int) -> bool:
    try:
        return process.stat().st_uid == uid
    except OSError:
        return False


@dataclass
class Member:
    """A room that agrees to tools of servers, and somebody in it who has them called."""

    servers: McpServers
    room: McpRoom
    role: Role = Role.OWNER
    consents: list[Consent] = field(default_factory=list)
    gate: WatchedGate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = WatchedGate(self.role)

    async def agree(self, server: str, *tools: str) -> dict[str, McpDefinition]:
        """Consent to these tools as they are defined now; to all if none is named."""
        definitions = {each.tool: each for each in await self.servers.definitions(server, self.room)}
        for tool in tools or definitions:
            self.consents.append(Consent(server=server, tool=tool, sha256=definitions[tool].sha256))
        return definitions

    async def registry(self) -> ToolRegistry:
        """The room's tools as a turn gets them at its start."""
        known = await self.servers.known_for(self.consents, self.room)
        return ToolRegistry(mcp_tools(self.servers, self.consents, known, self.room.room_id))

    async def call(self, server: str, tool: str, /, **arguments: JsonValue) -> ToolResult:
        return await self.call_in(await self.registry(), tool_name(server, tool), **arguments)

    async def call_in(self, registry: ToolRegistry, name: str, /, **arguments: JsonValue) -> ToolResult:
        async def emit(_: str) -> None:
            raise AssertionError("an MCP tool has no live output")

        context = ToolCallContext(self.room.workspace, self.gate, emit, "call1")
        return await registry.call(name, json.dumps(arguments), context)


@asynccontextmanager
async def member(
    servers: Sequence[McpServer],
    sandbox: Sandbox | None,
    workspace: Workspace,
    *,
    limits: McpLimits | None = None,
    secret_values: Sequence[str] = (),
) -> AsyncIterator[Member]:
    """Leaves no connection behind."""
    async with McpServers(servers, sandbox, limits=limits, secret_values=secret_values) as connected:
        yield Member(connected, McpRoom(RoomId("ROOM1"), workspace))
        async with asyncio.timeout(15):
            await connected.aclose()


@asynccontextmanager
async def own_server(transport: Transport, protocol: str = "auto", name: str = "own") -> AsyncIterator[McpServer]:
    """Our own server (`mcp_server`), started in the sandbox or served on a free port."""
    if transport == "stdio":
        yield in_sandbox(name, [str(HERE / "mcp_server.py")], protocol=protocol)
        return
    async with on_loopback(mcp_server.built().streamable_http_app(session_idle_timeout=None)) as port:
        yield behind(name, port, protocol=protocol)


@asynccontextmanager
async def own_member(
    transport: Transport,
    sandbox: Sandbox,
    workspace: Workspace,
    protocol: str = "auto",
    limits: McpLimits | None = None,
) -> AsyncIterator[Member]:
    """A room with our own server; skips where a process cannot be started in a sandbox."""
    if transport == "stdio" and sandbox.status.mode != "strict":
        pytest.skip(f"no strict sandbox on this machine: {sandbox.status.reason}")
    async with own_server(transport, protocol) as server, member([server], sandbox, workspace, limits=limits) as made:
        yield made
