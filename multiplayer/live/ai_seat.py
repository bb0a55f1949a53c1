"""The seats of this pod's AIs: what every turn here is made with."""

import hmac
from dataclasses import dataclass
from functools import cached_property

from multiplayer.ai.brain import Brain, Brains
from multiplayer.ai.budget import Budgets, Purse, server_budget
from multiplayer.ai.prompts import rules_for
from multiplayer.ai.turn_setup import TurnLimits, definitions_of
from multiplayer.live.clock import Clock
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_context import MAX_PROMPT_TOKENS, Manner, TurnContext
from multiplayer.models.port import ToolDefinition
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Member
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.storage.cache import EventsAfter
from multiplayer.storage.port import Storage
from multiplayer.tools.policy import RoomPolicy
from multiplayer.tools.registry import ToolRegistry
from multiplayer.tools.workspace import Workspaces


@dataclass(frozen=True)
class AiSeat:
    """`secret` keys the envelopes' markers, one derived key per room."""

    brains: Brains
    tools: ToolRegistry
    workspaces: Workspaces
    storage: Storage
    clock: Clock
    secret: bytes
    limits: TurnLimits
    purse: Purse

    def room_secret(self, room_id: RoomId) -> bytes:
        return hmac.digest(self.secret, room_id.encode(), "sha256")

    def context_of(self, room_id: RoomId, log: EventsAfter | None = None) -> TurnContext:
        """Return a room's material; `log` is where its events are read, if not in the database itself."""
        return TurnContext(self.storage, room_id, self.room_secret(room_id), log)

    def policy_of(self, settings: RoomSettings, brain: Brain) -> RoomPolicy:
        """Return what this AI may use in this room now: what both the room and its profile allow."""
        chosen = [frozenset(names) for names in (settings.tools, brain.profile.tools) if names is not None]
        allowed = frozenset.intersection(*chosen) if chosen else None
        if not brain.takes_tools:
            allowed = frozenset()
        return RoomPolicy(guests_see_workspace=settings.guests_see_workspace, tools=allowed)

    def manner_of(self, settings: RoomSettings, ai: Member, brain: Brain) -> Manner:
        """Return how this AI is asked in this room now."""
        options = brain.profile.nlweb
        policy = self.policy_of(settings, brain)
        return Manner(
            rules=rules_for(ai.handle, brain.profile.persona),
            tools=tuple(tool for tool in self._definitions if policy.allows(tool.name)),
            model_name=brain.model.model_name,
            budget_tokens=min(MAX_PROMPT_TOKENS, brain.model.context_tokens * 3 // 4),
            counter=brain.counter,
            previous_messages=options.previous_messages if options else 5,
            is_plain=not brain.takes_tools,
        )

    @cached_property
    def _definitions(self) -> tuple[ToolDefinition, ...]:
        # Made once: the schemas of the arguments take longer than all else that a short prompt needs.
        return definitions_of(self.tools)

    async def budgets_of(self, host: RoomHost) -> Budgets:
        return Budgets(room=host.room.state.notes.budget, server=await server_budget(self.storage))
