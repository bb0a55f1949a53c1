"""What a program can ask about a room over HTTP: its history, turns, prompts, rules, memory, usage and cost."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter

from multiplayer.client.rest import Rest
from multiplayer.protocol.budgets import Estimate, UsageGroup, UsageReport
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.memory import Fact, SummaryVersion
from multiplayer.protocol.messages import Message
from multiplayer.protocol.reports_memory import CatchUp, FactList, SummaryHistory
from multiplayer.protocol.reports_prompts import ContextPreview, Replay
from multiplayer.protocol.reports_rules import DryRun, Explanation
from multiplayer.protocol.reports_turns import TurnDetail, TurnPage
from multiplayer.protocol.trigger_rules import TriggerRule

B = TypeVar("B", bound=BaseModel)
_rules: TypeAdapter[list[TriggerRule]] = TypeAdapter(list[TriggerRule])


class RoomReads:
    """Every method raises `Refused`, `NotSignedIn` or `ConnectionLost`; nothing is tried twice."""

    def __init__(self, rest: Rest, room_id: RoomId) -> None:
        self._rest = rest
        self._room_id = room_id

    async def history(self, *, before: MessageId | None = None, limit: int = 50) -> Sequence[Message]:
        """Return the last messages before one, oldest first."""
        return await self._rest.messages(self._room_id, before=before, limit=limit)

    async def turns(self, *, limit: int = 20, before: int | None = None) -> TurnPage:
        """Return the queue of turns and the latest that have ended; `before` as the last page said."""
        return await self._read("turns", TurnPage, limit=str(limit), before=None if before is None else str(before))

    async def turn(self, turn_id: TurnId) -> TurnDetail:
        """Return what a turn was asked, knew, did, used and cost."""
        return await self._read(f"turns/{turn_id}", TurnDetail)

    async def replay(self, message_id: MessageId) -> Replay:
        """Let the server build the prompt of an AI's answer again, and say whether it is the same."""
        return await self._read(f"messages/{message_id}/replay", Replay)

    async def context(self, ai_id: AccountId | None = None) -> ContextPreview:
        """Return what an AI (else the room's default one) would be told if you asked it now."""
        return await self._read("context", ContextPreview, ai=ai_id)

    async def estimate(self, text: str, *, ai_id: AccountId | None = None) -> Estimate:
        """Say what asking this would cost at most, and which cap it would break. Nothing is sent to a model."""
        body: dict[str, JsonValue] = {"text": text}
        return await self._ask("estimate", Estimate, body if ai_id is None else {**body, "ai_id": ai_id})

    async def explain(self, message_id: MessageId) -> Explanation:
        """Say of each rule why it fired on this message or not, and what became of the turns that followed."""
        return await self._read(f"messages/{message_id}/explain", Explanation)

    async def dry_run(self, triggers: Sequence[TriggerRule], *, since: int | None = None) -> DryRun:
        """Say what these rules would have done to the messages from event `since` on."""
        body: dict[str, JsonValue] = {"triggers": _rules.dump_python(list(triggers), mode="json")}
        return await self._ask("triggers/dry-run", DryRun, body if since is None else {**body, "since": since})

    async def usage(
        self, by: UsageGroup = UsageGroup.ASKER, *, since: datetime | None = None, until: datetime | None = None
    ) -> UsageReport:
        """Return what the room's AIs used and cost, this month unless times are given."""
        return await self._rest.usage(f"/rooms/{self._room_id}/usage", by, since=since, until=until)

    async def summaries(self) -> Sequence[SummaryVersion]:
        """Return every version of the summary, newest first."""
        return (await self._read("summaries", SummaryHistory)).versions

    async def facts(self) -> Sequence[Fact]:
        """Return what the room's AIs always know."""
        return (await self._read("facts", FactList)).facts

    async def catch_up(self, *, after: int | None = None) -> CatchUp:
        """Return what happened since event `after`, or since you last read. Nobody else sees it."""
        return await self._read("catch-up", CatchUp, after_seq=None if after is None else str(after))

    async def _read(self, what: str, shape: type[B], **params: str | None) -> B:
        return await self._rest.read(f"/rooms/{self._room_id}/{what}", shape, params)

    async def _ask(self, what: str, shape: type[B], body: JsonValue) -> B:
        return await self._rest.write("POST", f"/rooms/{self._room_id}/{what}", shape, body)
