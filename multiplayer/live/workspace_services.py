"""A room's workspace and tools for its members, in one place: looked into, changed by hand, and explained."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.directory import Directory
from multiplayer.live.tool_reports import ToolReports
from multiplayer.live.turn_reports import TurnReports
from multiplayer.live.workspace_door import WorkspaceDoor
from multiplayer.live.workspace_incoming import IncomingContents
from multiplayer.live.workspace_reports import WorkspaceReports
from multiplayer.live.workspace_sync import WorkspaceSync
from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.preflight import SandboxStatus


@dataclass(frozen=True)
class WorkspaceServices:
    """The services behind REST. Each method checks the rights of whoever asks.

    `door`: `write`, `move`, `delete`. `reports`: `listing`, `read`, `diff`, `of_turn`. `sync`: for folders elsewhere
    that follow it. `tools`: `of_room`.
    """

    door: WorkspaceDoor
    reports: WorkspaceReports
    sync: WorkspaceSync
    tools: ToolReports


def workspace_on(
    seat: AiSeat, directory: Directory, turns: TurnReports, sandbox: Callable[[], SandboxStatus], incoming: Path
) -> WorkspaceServices:
    """Build them on a seat; nobody need speak from it. `sandbox`: what the last preflight found.

    `incoming`: a folder for contents that wait for a change that names them.
    """
    limits = Limits()
    waiting = IncomingContents(incoming, seat.storage, seat.clock, limits)
    return WorkspaceServices(
        door=WorkspaceDoor(seat.workbench, directory, seat.clock.new_id, limits),
        reports=WorkspaceReports(seat.workbench, directory, turns, limits),
        sync=WorkspaceSync(seat.workbench, directory, waiting, seat.clock, limits),
        tools=ToolReports(seat, directory, sandbox),
    )
