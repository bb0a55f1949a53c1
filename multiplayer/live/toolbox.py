"""Which tools a room has: the server's own, and those of outside servers (MCP) that the room has agreed to."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from multiplayer.ai.turn_setup import definitions_of
from multiplayer.live.workbench import Workbench
from multiplayer.models.port import ToolDefinition
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import Consent, ToolClass
from multiplayer.tools.mcp.opening import McpServing
from multiplayer.tools.mcp.tools import SurveyedServer, mcp_tools, survey
from multiplayer.tools.mcp.words import McpRoom
from multiplayer.tools.registry import ToolRegistry

FETCH_URL: Final = "fetch_url"
"""The one tool that a room has to switch on."""


NEED_SANDBOX: Final = frozenset({ToolClass.TERMINAL, ToolClass.EXTENDED})


class Toolbox:
    """`outside`: the outside servers, where any are configured. `runs_commands` tells whether the sandbox still holds."""

    def __init__(
        self,
        own: ToolRegistry,
        workbench: Workbench,
        outside: McpServing | None = None,
        runs_commands: Callable[[], bool] = lambda: True,
    ) -> None:
        self.own = own
        self._runs_commands = runs_commands
        self._workbench = workbench
        self._outside = outside

    def works(self, name: str) -> bool:
        """Tell whether the server can do what a tool of its own needs: what the machine no longer enforces is off."""
        return self.own.classes.get(name) not in NEED_SANDBOX or self._runs_commands()

    @cached_property
    def own_definitions(self) -> tuple[ToolDefinition, ...]:
        # Made once: the schemas of the arguments take longer than all else that a short prompt needs.
        return definitions_of(self.own)

    async def of(self, room_id: RoomId, settings: Callable[[], RoomSettings]) -> ToolRegistry:
        """Return what a room has now. Asks outside servers that were not heard lately, and waits for them only shortly."""
        consents = settings().consents
        if self._outside is None or not consents:
            return self.own
        async with self._workbench.opened(room_id, needs_files=False) as workspace:
            known = await self._outside.known_for(consents, McpRoom(room_id, workspace))
        return self.own.beside(
            mcp_tools(
                self._outside,
                consents,
                known,
                room_id,
                taken=self.own.names,
                consents_now=lambda: settings().consents,
            )
        )

    def definitions(self, registry: ToolRegistry) -> tuple[ToolDefinition, ...]:
        return self.own_definitions if registry is self.own else definitions_of(registry)

    async def outside_servers(self, room_id: RoomId, consents: Sequence[Consent]) -> tuple[SurveyedServer, ...]:
        """Ask all outside servers what they offer, and say what this room has agreed to of it."""
        if self._outside is None:
            return ()
        async with self._workbench.opened(room_id, needs_files=False) as workspace:
            return await survey(self._outside, consents, McpRoom(room_id, workspace))

    async def leave(self, room_id: RoomId) -> None:
        """End what outside servers run in the room's workspace."""
        if self._outside is not None:
            await self._outside.leave(room_id)
