"""When a room's summary is due, and its next version."""

from collections.abc import Mapping
from dataclasses import replace

from multiplayer.ai.brain import Brain
from multiplayer.ai.brief import brief_after
from multiplayer.ai.budget import OverBudget
from multiplayer.ai.context import ContextInput, Prompt, needs_summary
from multiplayer.ai.summary import (
    SummaryDraft,
    SummaryPlan,
    extractive,
    has_more_messages,
    plan,
    question_of,
    summarise_with_model,
)
from multiplayer.ai.summary_call import SummaryLimits
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_money import TurnMoney
from multiplayer.models.port import ModelSwitched
from multiplayer.protocol.budgets import CallKind
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.inner_commands import UpdateSummary


def due_cut(host: RoomHost, brain: Brain, given: ContextInput, prompt: Prompt) -> SummaryPlan | None:
    """Return what is folded when the part after the last version has outgrown its share, or the room's own count.

    None, too, when someone who asks may not read everything: what they may know is not the whole room's.
    """
    after = host.room.state.room.settings.summarise_after
    is_due = needs_summary(prompt) or (after is not None and has_more_messages(given.events, after))
    if not is_due or given.hidden_before:
        return None
    return plan(given.events, brain.counter, keep_tokens=prompt.recent_budget // 3, after_messages=after)


def tokens_of_due(host: RoomHost, brain: Brain, given: ContextInput, prompt: Prompt) -> tuple[int, int]:
    """Return what the model's call for a summary would take now: tokens in, and at most out. 0, 0: there is none."""
    cut = due_cut(host, brain, given, prompt) if brain.takes_tools else None
    if cut is None:
        return 0, 0
    limits = _limits_of(brain)
    names = _names(host, given)
    question = question_of(
        brain.model, given.summary, cut.events, names, secret=given.secret, counter=brain.counter, limits=limits
    )
    return (0, 0) if question is None else (question.tokens_in, limits.max_tokens)


class RollingSummary:
    """Made at the beginning of a turn, from what its prompt would hold."""

    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId, money: TurnMoney) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._money = money
        self.switches: tuple[ModelSwitched, ...] = ()
        """Which models took over from which while it was made: the turn goes on with the last."""

    async def due(self, brain: Brain, given: ContextInput, prompt: Prompt, *, left_s: float) -> UpdateSummary | None:
        """Return the next version if one is due; see `due_cut`."""
        cut = due_cut(self._host, brain, given, prompt)
        if cut is None:
            return None
        current = self._host.room.state.summary
        draft = await self._draft(brain, given, cut, left_s=left_s)
        self.switches = draft.switches
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

    async def _draft(self, brain: Brain, given: ContextInput, cut: SummaryPlan, *, left_s: float) -> SummaryDraft:
        names = _names(self._host, given)
        new_id = self._seat.clock.new_id
        if not brain.takes_tools:
            return extractive(given.summary, cut.events, names, new_id=new_id)
        self._money.open(brain)
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
            limits=replace(
                _limits_of(brain),
                first_token_s=limits.first_token_s,
                progress_s=limits.progress_s,
                whole_s=min(SummaryLimits().whole_s, left_s / 2),
            ),
            reserve=self._reserve,
        )
        await self._money.settle_aside(draft.used)
        return draft

    async def _reserve(self, tokens_in: int, tokens_out_at_most: int) -> bool:
        try:
            await self._money.reserve(tokens_in, CallKind.SUMMARY, tokens_out_at_most=tokens_out_at_most)
        except OverBudget:
            # The room remembers all the same, without paying for it.
            return False
        return True


def _limits_of(brain: Brain) -> SummaryLimits:
    whole = SummaryLimits()
    return replace(whole, max_tokens=min(whole.max_tokens, brain.max_output_tokens))


def _names(host: RoomHost, given: ContextInput) -> Mapping[AccountId, str]:
    names = {account_id: account.handle for account_id, account in given.accounts.items()}
    return names | {member.account_id: member.handle for member in host.room.state.members.values()}
