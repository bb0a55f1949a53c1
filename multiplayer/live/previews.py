"""What an AI would know, and what asking it would cost at most, if this person asked it now. Nothing is stored."""

import asyncio
from dataclasses import replace
from typing import Final

from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.ai.budget import Spender
from multiplayer.ai.context import SUMMARISE_AT, ContextInput, Prompt, build_prompt
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.directory import Directory
from multiplayer.live.rolling_summary import tokens_of_due
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.budgets import CallKind, Estimate
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.members import AccountKind, Member
from multiplayer.protocol.reports_prompts import ContextPreview
from multiplayer.protocol.rooms import TurnState
from multiplayer.rooms.mentions import find_mentions
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.triggers import is_ai

ENVELOPE_TOKENS: Final = 80
"""What a message's own line adds to its text."""


class Previews:
    def __init__(self, seat: AiSeat, directory: Directory) -> None:
        self._seat = seat
        self._directory = directory

    async def context(self, room_id: RoomId, reader_id: AccountId, ai_id: AccountId | None = None) -> ContextPreview:
        """Return what this AI (else the room's default one) would be told if the reader asked it now."""
        host = await self._directory.host(room_id)
        host.room.check(reader_id, Right.READ)
        ai, brain = self._ai(host, ai_id)
        _, prompt = await self._prompt(host, reader_id, ai, brain)
        manifest = prompt.manifest
        is_plain = manifest.conversation is not None
        return ContextPreview(
            ai_id=ai.account_id,
            model=brain.model.model_name,
            persona=host.room.state.room.settings.persona,
            budget_tokens=manifest.budget_tokens,
            model_tokens=brain.model.context_tokens,
            tokens=0 if is_plain else prompt.tokens,
            share=manifest.share,
            recent_tokens=0 if is_plain else prompt.recent_tokens,
            summarise_at=0 if is_plain else int(SUMMARISE_AT * prompt.recent_budget),
            summary_version=manifest.summary_version,
            from_seq=manifest.from_seq,
            up_to_seq=manifest.up_to_seq,
            messages=manifest.messages,
            left_out=manifest.left_out,
            facts=manifest.facts,
            pins=manifest.pins,
            tools=manifest.tools,
            taint=manifest.taint,
            conversation=manifest.conversation,
        )

    async def estimate(
        self, room_id: RoomId, asker_id: AccountId, text: str, ai_id: AccountId | None = None
    ) -> Estimate:
        """Say what one call for this text would use at most, and which cap it would break. Reserves nothing.

        Asked is `ai_id`, else the first AI that the text names, else the room's default one.
        A summary that is due is counted with it, unless it would break a cap alone: then it is made without a model.
        Who may not see the room's usage is told no caps, only whether one stands in the way.
        """
        host = await self._directory.host(room_id)
        asker = host.room.check(asker_id, Right.ASK_AI)
        ai, brain = self._ai(host, ai_id or _addressed(host, text))
        given, prompt = await self._prompt(host, asker_id, ai, brain)
        said = await asyncio.to_thread(brain.counter.count, text) if text else 0
        spender = Spender(room_id=room_id, asker_id=asker_id, ai_id=ai.account_id, turn_id=None, kind=CallKind.TURN)
        tokens_in = prompt.tokens + said + (ENVELOPE_TOKENS if text else 0)
        budgets = await self._seat.budgets_of(host)
        tokens_out = brain.max_output_tokens
        if not brain.counts_tokens:
            tokens_in = tokens_out = 0
        summary_in, summary_out = await asyncio.to_thread(tokens_of_due, host, brain, given, prompt)
        if summary_in and brain.counts_tokens:
            summary = await self._seat.purse.estimate(
                replace(spender, kind=CallKind.SUMMARY),
                budgets,
                brain.dearest,
                tokens_in=summary_in,
                tokens_out_at_most=summary_out,
            )
            if not summary.breach:
                tokens_in, tokens_out = tokens_in + summary_in, tokens_out + summary_out
        made = await self._seat.purse.estimate(
            spender, budgets, brain.dearest, tokens_in=tokens_in, tokens_out_at_most=tokens_out
        )
        if may(Right.SEE_USAGE, asker.role, host.room.state.room.settings):
            return made
        return made.model_copy(update={"caps": ()})

    def _ai(self, host: RoomHost, ai_id: AccountId | None) -> tuple[Member, Brain]:
        wanted = ai_id or host.room.state.default_ai
        member = host.room.state.members.get(wanted) if wanted is not None else None
        if member is None or member.kind is not AccountKind.AI:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
        try:
            return member, self._seat.brains.of(member.account_id)
        except NoBrain as problem:
            raise Refused(RefusalCode.CONFLICT, str(problem)) from None

    async def _prompt(
        self, host: RoomHost, asker_id: AccountId, ai: Member, brain: Brain
    ) -> tuple[ContextInput, Prompt]:
        turn = TurnState(
            turn_id=TurnId(self._seat.clock.new_id()),
            ai_id=ai.account_id,
            askers=(asker_id,),
            messages=(),
            requested_at=self._seat.clock.now(),
            requested_seq=host.room.seq,
        )
        tools = await self._seat.toolbox.of(host.room_id, lambda: host.room.state.room.settings)
        manner = self._seat.manner_of(host.room.state.room.settings, ai, brain, tools)
        given = await self._seat.context_of(host.room_id).gather(lambda: host.room, lambda: turn, ai, manner)
        return given, await asyncio.to_thread(build_prompt, given)


def _addressed(host: RoomHost, text: str) -> AccountId | None:
    state = host.room.state
    named = find_mentions(text, state.handles, state.default_ai).accounts
    return next((account_id for account_id in named if is_ai(state, account_id)), None)
