"""Tool calls as a turn makes them: a strict sandbox on a folder of its own, a workspace, and a gate that keeps what it saw."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import ToolClass
from multiplayer.rooms.tool_policy import Decision, NeedsApproval
from multiplayer.tools.limits import Limits
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import BoundCall, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.workspace import Workspace, Workspaces

QUICK = Limits(wall_s=20.0)


@dataclass
class WatchedGate:
    """Decides as a room does, for somebody of this role; people approve everything, or nothing."""

    role: Role
    approves: bool = True
    asked: list[BoundCall] = field(default_factory=list)
    started: list[BoundCall] = field(default_factory=list)

    async def decide(self, tool_class: ToolClass) -> Decision:
        return await OpenGate(self.role).decide(tool_class)

    async def approve(self, call: BoundCall, needs: NeedsApproval) -> None:
        self.asked.append(call)
        if not self.approves:
            raise ToolRefused(ToolFault.NOT_APPROVED, needs.reason)

    async def start(self, call: BoundCall) -> None:
        self.started.append(call)


@dataclass
class Caller:
    """Makes calls in one workspace, and keeps the live output of all of them."""

    registry: ToolRegistry
    workspace: Workspace
    role: Role = Role.OWNER
    limits: Limits = QUICK
    pieces: list[str] = field(default_factory=list)
    has_said: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0
    gate: WatchedGate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = WatchedGate(self.role)

    def context(self) -> ToolCallContext:
        async def emit(piece: str) -> None:
            self.pieces.append(piece)
            self.has_said.set()

        self.calls += 1
        return ToolCallContext(self.workspace, self.gate, emit, f"call{self.calls}", self.limits)

    async def call(self, name: str, **arguments: str | float) -> ToolResult:
        return await self.registry.call(name, json.dumps(arguments), self.context())


@contextmanager
def fresh_workspace(workspaces: Workspaces, room_number: int = 1) -> Iterator[Workspace]:
    workspace = workspaces.open(RoomId(secrets.token_hex(13)), room_number)
    yield workspace
    workspace.close()


@asynccontextmanager
async def strict_sandbox(folder: Path) -> AsyncIterator[tuple[Sandbox, Workspaces]]:
    """Skips the test, with the reason, where the machine cannot enforce one."""
    workspaces = Workspaces(folder / "workspaces")
    sandbox = Sandbox(workspaces)
    status = await sandbox.preflight()
    if status.mode != "strict":
        pytest.skip(f"no strict sandbox on this machine: {status.reason}")
    yield sandbox, workspaces
