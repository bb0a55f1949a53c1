"""When a room's summary is due, and its next version."""

from multiplayer.ai.brain import Brain
from multiplayer.ai.brief import brief_after
from multiplayer.ai.budget import OverBudget
from multiplayer.ai.context import ContextInput, Prompt, needs_summary
from multiplayer.ai.steps import CallUsed
from multiplayer.ai.summary import (
    SummaryDraft,
    SummaryLimits,
    SummaryPlan,
    extractive,
    has_more_messages,
    plan,
    summarise_with_model,
)
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_money import TurnMoney
from multiplayer.protocol.budgets import CallKind
from multiplayer.protocol.commands import UpdateSummary
from multiplayer.protocol.ids import TurnId


class RollingSummary:
    """Made at the beginning of a turn, from what its prompt would hold."""

    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId, money: TurnMoney) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._money = money

    async def due(self, brain: Brain, given: ContextInput, prompt: Prompt, *, left_s: float) -> UpdateSummary | None:
        """Return the next version if the part after the last one has outgrown its share, or the room's own count.

        None, too, when someone who asks may not read everything: what they may know is not the whole room's.
        """
        after = self._host.room.state.room.settings.summarise_after
        is_due = needs_summary(prompt) or (after is not None and has_more_messages(given.events, after))
        if not is_due or given.hidden_before:
            return None
        cut = plan(given.events, brain.counter, keep_tokens=prompt.recent_budget // 3, after_messages=after)
        if cut is None:
            return None
        current = self._host.room.state.summary
        draft = await self._draft(brain, given, cut, tokens_in=prompt.tokens, left_s=left_s)
        if not draft.points:
            return None
        brief = brief_after(given.brief, cut.events, given.accounts)
        return UpdateSummary(
            turn_id=self._turn_id,
            fence=0,
            version=(current.version if current else 0) + 1,
            points=draft.points,
            up_to_seq=cut.up_to_seq,
            method=draft.method,
            taint=draft.taint,
            brief=await self._seat.storage.put_part(self._host.room_id, brief.dump()),
        )

    async def _draft(
        self, brain: Brain, given: ContextInput, cut: SummaryPlan, *, tokens_in: int, left_s: float
    ) -> SummaryDraft:
        names = {account_id: account.handle for account_id, account in given.accounts.items()}
        names |= {member.account_id: member.handle for member in self._host.room.state.members.values()}
        new_id = self._seat.clock.new_id
        if not brain.takes_tools:
            return extractive(given.summary, cut.events, names, new_id=new_id)
        self._money.open(brain)
        try:
            # What is folded is a part of what the prompt holds.
            await self._money.reserve(tokens_in, CallKind.SUMMARY)
        except OverBudget:
            # The room remembers all the same, without paying for it.
            return extractive(given.summary, cut.events, names, new_id=new_id)
        limits = self._seat.limits
        draft = await summarise_with_model(
            brain.model,
            given.summary,
            cut.events,
            names,
            new_id=new_id,
            secret=given.secret,
            counter=brain.counter,
            clock=self._seat.clock.monotonic_s,
            # The turn's own patience, and at most half of its time: the answer is what people wait for.
            limits=SummaryLimits(
                first_token_s=limits.first_token_s,
                progress_s=limits.progress_s,
                whole_s=min(SummaryLimits().whole_s, left_s / 2),
            ),
        )
        if draft.usage is None:
            await self._money.release()
        else:
            await self._money.settle_aside(CallUsed(draft.usage, brain.model.model_name, is_estimated=False))
        return draft
