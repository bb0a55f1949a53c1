"""A workspace and the file tools over it, called as a model calls them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue
from typing_extensions import override

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.limits import Limits
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.registry import BoundCall, Gate, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.workspace import Workspace, Workspaces

ROOM = RoomId("01J00000000000000000000000")
SECRET = "hunter2hunter2"


class NotingGate(OpenGate):
    """Lets pass what an open gate lets pass, and notes which calls started."""

    def __init__(self, role: Role | None = Role.OWNER, settings: RoomSettings | None = None) -> None:
        super().__init__(role, settings)
        self.started: list[BoundCall] = []

    @override
    async def start(self, call: BoundCall) -> None:
        self.started.append(call)


@dataclass
class FileRoom:
    """A room's workspace; `folder` is where it lies."""

    workspace: Workspace
    folder: Path
    limits: Limits = field(default_factory=Limits)
    tools: ToolRegistry = field(default_factory=lambda: ToolRegistry(file_tools([SECRET])))
    gate: Gate = field(default_factory=OpenGate)

    def context(self) -> ToolCallContext:
        async def emit(text: str) -> None:
            raise AssertionError(f"file tools print nothing: {text}")

        return ToolCallContext(self.workspace, self.gate, emit, "call", self.limits)

    async def call(self, name: str, **arguments: JsonValue) -> ToolResult:
        return await self.tools.call(name, json.dumps(arguments), self.context())

    async def text(self, name: str, **arguments: JsonValue) -> str:
        """The text of a call that must succeed."""
        result = await self.call(name, **arguments)
        assert result.ok, f"{name} {arguments}: {result}"
        return result.text

    async def code(self, name: str, **arguments: JsonValue) -> str | None:
        return (await self.call(name, **arguments)).code

    def names(self) -> list[str]:
        """Every path in the workspace, sorted."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def put(self, path: str, content: str | bytes) -> Path:
        """Place a file behind the tools' back."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file


@contextmanager
def file_room(parent: Path, number: int = 7) -> Iterator[FileRoom]:
    workspaces = Workspaces(parent / "workspaces")
    workspace = workspaces.open(ROOM, number)
    try:
        yield FileRoom(workspace, workspaces.root / ROOM)
    finally:
        workspace.close()


def open_descriptors() -> int:
    """Of this process."""
    return sum(1 for _ in Path("/dev/fd").iterdir())
