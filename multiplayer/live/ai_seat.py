"""The seats of this pod's AIs: what every turn here is made with."""

import hmac
from dataclasses import dataclass

from multiplayer.ai.brain import Brain, Brains
from multiplayer.ai.budget import Budgets, Purse, server_budget
from multiplayer.ai.prompts import rules_for
from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.live.clock import Clock
from multiplayer.live.file_services import FileServices
from multiplayer.live.room_host import RoomHost
from multiplayer.live.toolbox import FETCH_URL, Toolbox
from multiplayer.live.turn_context import MAX_PROMPT_TOKENS, Manner, TurnContext
from multiplayer.live.workbench import Workbench
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Member
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.storage.cache import EventsAfter
from multiplayer.storage.port import Storage
from multiplayer.tools.registry import ToolRegistry


@dataclass(frozen=True)
class AiSeat:
    """`secret` keys the envelopes' markers, one derived key per room."""

    brains: Brains
    toolbox: Toolbox
    workbench: Workbench
    storage: Storage
    files: FileServices
    clock: Clock
    secret: bytes
    limits: TurnLimits
    purse: Purse

    def room_secret(self, room_id: RoomId) -> bytes:
        return hmac.digest(self.secret, room_id.encode(), "sha256")

    def context_of(self, room_id: RoomId, log: EventsAfter | None = None) -> TurnContext:
        """Return a room's material; `log` is where its events are read, if not in the database itself."""
        return TurnContext(self.storage, room_id, self.room_secret(room_id), log)

    def is_allowed(self, name: str, settings: RoomSettings, brain: Brain) -> bool:
        """Tell whether this AI may use the tool of this name in this room now: room, profile and server must allow it."""
        return (
            brain.takes_tools
            and self.toolbox.works(name)
            and all(names is None or name in names for names in (settings.tools, brain.profile.tools))
            and (name != FETCH_URL or settings.fetches_urls)
        )

    def manner_of(self, settings: RoomSettings, ai: Member, brain: Brain, tools: ToolRegistry) -> Manner:
        """Return how this AI is asked in this room now, with what it may use of `tools`."""
        options = brain.profile.nlweb
        return Manner(
            rules=rules_for(ai.handle, brain.profile.persona),
            tools=tuple(
                tool for tool in self.toolbox.definitions(tools) if self.is_allowed(tool.name, settings, brain)
            ),
            model_name=brain.model.model_name,
            budget_tokens=min(MAX_PROMPT_TOKENS, brain.model.context_tokens * 3 // 4),
            counter=brain.counter,
            previous_messages=options.previous_messages if options else 5,
            is_plain=not brain.takes_tools,
        )

    async def budgets_of(self, host: RoomHost) -> Budgets:
        return Budgets(room=host.room.state.notes.budget, server=await server_budget(self.storage))
