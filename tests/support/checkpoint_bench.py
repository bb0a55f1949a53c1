"""One room's workspace and its checkpoints, for tests that undo."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.checkpoints import Checkpoints, Undone
from multiplayer.tools.limits import Limits
from multiplayer.tools.workspace import Workspace, Workspaces

ROOM = RoomId("01J00000000000000000000000")
IN_MEMORY = next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None)
"""Where there is one: hundreds of stores are made here, and a disk takes its time to make each durable."""


class Bench:
    """One room's workspace and its checkpoints."""

    def __init__(self, data: Path, limits: Limits | None = None) -> None:
        self.workspaces = Workspaces(data / "workspaces")
        self.workspace: Workspace = self.workspaces.open(ROOM, 7)
        self.folder = data / "workspaces" / ROOM
        self.checkpoints = Checkpoints(data / "checkpoints", limits or Limits())

    def take(self) -> str:
        return self.checkpoints.take(ROOM, self.workspace).tree

    def undo(self, *spans: tuple[str, str], keep_going: bool = False) -> Undone:
        return self.checkpoints.undo(ROOM, self.workspace, spans, keep_going=keep_going)


@contextmanager
def new_bench(limits: Limits | None = None) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as data:
        bench = Bench(Path(data), limits)
        try:
            yield bench
        finally:
            bench.workspace.close()
