"""The gate of whoever sits at the machine itself: with an owner's rights, and everything they start is confirmed by that."""

from datetime import UTC, datetime

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ToolClass
from multiplayer.rooms.tool_policy import Decision, NeedsApproval, decide
from multiplayer.tools.registry import BoundCall


class OpenGate:
    """For the command line of the tools; `role` and `settings` say whose rights are looked at."""

    def __init__(self, role: Role | None = Role.OWNER, settings: RoomSettings | None = None) -> None:
        self._role = role
        self._settings = settings or RoomSettings()

    async def decide(self, tool_class: ToolClass) -> Decision:
        return decide(tool_class, self._role, self._settings, at=datetime.now(UTC))

    async def approve(self, call: BoundCall, needs: NeedsApproval) -> None:
        """Whoever typed the call has confirmed it."""

    async def start(self, call: BoundCall) -> None:
        """There is no log to write it to."""
