"""One go of one AI in a room: what it hears becomes a prompt, what it does becomes commands and signals like anyone's."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Literal

import structlog

from multiplayer.ai.agent import run_turn
from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.ai.budget import OverBudget
from multiplayer.ai.context import ContextInput, Prompt, build_prompt
from multiplayer.ai.steps import (
    CallNotMade,
    CallUsed,
    Ended,
    FoundCards,
    FoundTaint,
    GaveForm,
    ModelAsked,
    StepBegins,
    Switched,
    Thought,
    ToldStatus,
    ToolAsked,
    ToolDone,
    ToolStarting,
    TurnStep,
    Used,
    Wrote,
)
from multiplayer.ai.tokens import EstimatedTokens
from multiplayer.ai.turn_setup import TakenOver, TurnTools
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.batch import Done
from multiplayer.live.left_taint import left_taint
from multiplayer.live.rolling_summary import RollingSummary
from multiplayer.live.room_host import RoomHost
from multiplayer.live.steering import Steering
from multiplayer.live.tool_bench import ToolBench
from multiplayer.live.turn_door import TurnDoor
from multiplayer.live.turn_lease import TurnLease
from multiplayer.live.turn_manifest import TurnManifest
from multiplayer.live.turn_material import results_of
from multiplayer.live.turn_money import TurnMoney
from multiplayer.live.turn_words import TurnWords
from multiplayer.models.failover import Failover
from multiplayer.models.port import ModelSwitched
from multiplayer.protocol.attachments import MAX_ATTACHMENTS
from multiplayer.protocol.cards import Card, Form, Taint
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AttachmentId, CallId, TurnId
from multiplayer.protocol.inner_commands import ChangeModel, EndTurn, TurnCommand, UpdateSummary
from multiplayer.protocol.members import Member
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import AiThinking, TurnProgress
from multiplayer.protocol.turns import TokenUsage, TurnOutcome

_log = structlog.get_logger(__name__)

FEW_EVENTS = 200
"""A prompt of so many is built in a millisecond or two, which is what it takes to hand it to a thread and back."""


class Speech:
    """Speaks as the holder of one fence. `text` and `cards`: what another pod had checkpointed."""

    def __init__(
        self,
        seat: AiSeat,
        host: RoomHost,
        turn_id: TurnId,
        fence: int,
        lease: TurnLease,
        text: str = "",
        cards: Sequence[Card] = (),
    ) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._fence = fence
        self._lease = lease
        self._inherited = bool(text or cards)
        self.words = TurnWords(seat.storage, host.memory, turn_id, fence, self._may_speak, text, cards)
        self.is_ending = False
        """It has nothing more to say but how it ends."""
        self._form: Form | None = None
        self._files: list[AttachmentId] = []
        self._taint: dict[Taint, None] = {}
        self._usage: TokenUsage | None = None
        self._tools = seat.toolbox.own
        self._of_this_call: list[str] = []
        """What the model has written, thoughts too, since it was asked last: only counted if the call is cut short."""
        self._ai_id = host.room.state.turns[turn_id].ai_id
        self._money = TurnMoney(seat, host, turn_id)
        self._manifest = TurnManifest(seat, host, turn_id, fence)
        self._steering = Steering(seat, host, turn_id)
        self._deadline_s = seat.clock.monotonic_s() + seat.limits.turn_s
        self._door = TurnDoor(seat, host, self._ai_id, self._deadline_s)
        self._bench = ToolBench(
            seat, host, self._door, turn_id, fence, taint=self._taint.keys, give=self._take_form, carry=self._take_file
        )

    async def run(self) -> None:
        """Speak to the end; the turn has then ended. Raises `Refused` when the turn is no longer ours to end."""
        await self.take_over()
        if self._inherited:
            # Words were out already: asking again would say them twice, differently.
            await self.end(TurnOutcome.INTERRUPTED, "the server that was writing this went away")
            return
        if self._fence > 1:
            await self._bench.close_left(self._turn.calls)
        self._progress("context")
        try:
            brain = self._seat.brains.of(self._ai_id)
        except NoBrain as problem:
            await self.end(TurnOutcome.FAILED, str(problem))
            return
        try:
            await self._speak(brain)
        except OverBudget as over:
            await self.end(TurnOutcome.INTERRUPTED if any(self.words.said) else TurnOutcome.REFUSED, str(over))
        except Refused as refused:
            if refused.code is RefusalCode.UNKNOWN and not self._host.is_stopped:
                outcome = TurnOutcome.INTERRUPTED if any(self.words.said) else TurnOutcome.FAILED
                await self.end(outcome, "the server could not store what the AI did")
                return
            if refused.code is not RefusalCode.FORBIDDEN:
                raise
            # Whoever asked has lost the right in the meantime: nothing more is done in their name.
            await self.end(TurnOutcome.REFUSED, refused.message)
        finally:
            await self._bench.close()

    def wake(self) -> None:
        """Somebody has decided about a call that waits to be approved."""
        self._bench.wake()

    async def take_over(self) -> None:
        """Put in order what an earlier holder left: its reservations, and the words that people have read."""
        if self._fence > 1:
            await self._money.settle_left()
        if self._inherited:
            self.words.restore()
            left = await left_taint(self._seat, self._host, self._turn_id, has_cards=bool(self.words.shown[1]))
            self._taint |= dict.fromkeys(sorted(left))

    async def settle(self) -> None:
        """Settle the call that was cut short, if one was."""
        self._usage = await self._money.settle_cut(self._usage, "".join(self._of_this_call))

    async def end(self, outcome: TurnOutcome, reason: str) -> None:
        """Say the last word, with all that was said. Nothing to do if the turn has ended."""
        self.is_ending = True
        await self.settle()
        await self._manifest.save_at_last()
        text, cards = self.words.said
        usage = self._money.total(self._usage)
        command = EndTurn(
            turn_id=self._turn_id,
            fence=self._fence,
            outcome=outcome,
            reason=reason,
            text=text,
            usage=usage,
            cards=cards,
            form=self._form if outcome is TurnOutcome.DONE else None,
            taint=tuple(sorted(self._taint)),
            attachments=tuple(self._files),
        )
        # Refused: the turn has ended, or another pod holds it.
        with suppress(Refused):
            try:
                await self._submit(command)
            except Refused as refused:
                if refused.code is not RefusalCode.UNKNOWN or self._host.is_stopped:
                    raise
                # Something in it cannot be stored: an end that says less is better than none.
                _log.error("turn_end_not_stored", room=self._host.room_id, turn=self._turn_id)
                await self._submit(command.model_copy(update={"usage": None, "cards": (), "form": None}))

    async def _speak(self, brain: Brain) -> None:
        if isinstance(brain.model, Failover):
            # One view for all calls of the turn: a model that failed at the summary is not waited for again.
            brain = replace(brain, model=brain.model.for_turn())
        prompt = await self._prompt(brain)
        for taint in (*prompt.manifest.taint, *self._turn.taint):
            self._taint[taint] = None
        self._money.open(brain)
        self._steering.listen(brain)
        steps = run_turn(
            prompt,
            brain.model,
            TurnTools(
                self._tools,
                lambda call_id: self._bench.context(brain, CallId(call_id)),
            ),
            secret=self._seat.room_secret(self._host.room_id),
            counter=brain.counter,
            clock=self._seat.clock.monotonic_s,
            # In whole seconds, because people read them when they are over.
            limits=replace(self._seat.limits, turn_s=math.ceil(max(self._left_s, 1.0))),
            taken_over=self._taken_over,
            max_output_tokens=brain.max_output_tokens,
            steering=self._steering.told,
            shorter=self._shorter_prompt,
        )
        self._progress("model")
        try:
            async with asyncio.TaskGroup() as tasks, aclosing(steps):
                saving = tasks.create_task(self._manifest.save_meanwhile())
                async for step in steps:
                    if not await self._may_speak() or await self._take(step):
                        break
                saving.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _take(self, step: TurnStep) -> bool:
        """Turn one step into what the room hears; return whether it was the last."""
        match step:
            case Wrote():
                self._of_this_call.append(step.text)
                self.words.write(step.text)
            case Thought():
                self._of_this_call.append(step.text)
                if self._host.room.state.room.settings.shows_thinking:
                    self._host.memory.signal(
                        AiThinking(room_id=self._host.room_id, turn_id=self._turn_id, text=step.text)
                    )
            case FoundCards():
                self.words.write_cards(step.cards)
            case GaveForm():
                self._form = step.form
            case FoundTaint():
                self._taint[step.taint] = None
            case ToldStatus():
                self._progress("waiting", step.text)
            case StepBegins():
                messages = await self._steering.take()
                if messages is not None:
                    self._taint |= dict.fromkeys(sorted(self._steering.taint))
                    await self._submit(messages.model_copy(update={"fence": self._fence}))
            case ModelAsked():
                self._of_this_call.clear()
                await self._money.reserve(step.tokens_in)
            case CallUsed():
                await self._money.settle(step)
            case CallNotMade():
                await self._money.release()
            case Used():
                self._usage = step.usage
            case Ended():
                # The last words need not wait for a tick, nor for the commit of the end.
                self._host.fanout.flush()
                await self.end(step.outcome, step.reason)
                return True
            case Switched():
                # What the one before had thought is counted by now.
                self._of_this_call.clear()
                await self._change_model(step)
            case ToolAsked() | ToolStarting():
                await self._bench.take(step)
            case ToolDone():
                if step.result.taint is not None:
                    self._taint[step.result.taint] = None
                await self._bench.take(step)
                for taint in self._turn.taint:
                    self._taint[taint] = None
                self._progress("model")
        return False

    async def _prompt(self, brain: Brain) -> Prompt:
        """Build the prompt; when the recent part has outgrown its share, fold its oldest part into the summary first."""
        context = self._seat.context_of(self._host.room_id, self._host.log)
        self._tools = await self._seat.toolbox.of(self._host.room_id, lambda: self._host.room.state.room.settings)
        manner = self._seat.manner_of(self._host.room.state.room.settings, self._ai, brain, self._tools)
        given = await context.gather(lambda: self._host.room, lambda: self._turn, self._ai, manner)
        prompt = await _built(given)
        rolling = RollingSummary(self._seat, self._host, self._turn_id, self._money)
        # An answer that is given again is told a log with gaps, which no summary may be made of.
        is_whole = self._turn.replaces is None
        update = await rolling.due(brain, given, prompt, left_s=self._left_s) if is_whole else None
        for switch in rolling.switches:
            await self._change_model(switch)
        if update is not None:
            await self._keep_summary(update)
            given = await context.gather(lambda: self._host.room, lambda: self._turn, self._ai, manner)
            prompt = await _built(given)
        self._taken_over = TakenOver(steps=self._turn.steps, results=results_of(self._turn_id, given.events))
        self._given = given
        self._manifest.take(given, prompt)
        return prompt

    async def _shorter_prompt(self, budget_tokens: int) -> Prompt:
        """Build the prompt once more, from the same, for a provider that cannot read all of it."""
        given = replace(self._given, budget_tokens=budget_tokens)
        prompt = await _built(given)
        self._manifest.take(given, prompt)
        return prompt

    async def _keep_summary(self, update: UpdateSummary) -> None:
        try:
            await self._submit(update.model_copy(update={"fence": self._fence}))
        except Refused as refused:
            # Another AI or a person was first: theirs stands, and the prompt is built on it.
            if refused.code is not RefusalCode.CONFLICT or self._turn.fence != self._fence:
                raise

    async def _change_model(self, switch: Switched | ModelSwitched) -> None:
        await self._submit(
            ChangeModel(
                turn_id=self._turn_id,
                fence=self._fence,
                model=switch.model,
                previous=switch.previous,
                reason=switch.reason,
            )
        )

    async def _may_speak(self) -> bool:
        """Whether nobody was told that this turn stops, and no other pod can hold it: no word after that."""
        is_ours = await self._lease.confirm()
        turn = self._host.room.state.turns.get(self._turn_id)
        return is_ours and turn is not None and not turn.is_stop_requested and turn.fence == self._fence

    @property
    def _left_s(self) -> float:
        return self._deadline_s - self._seat.clock.monotonic_s()

    @property
    def _turn(self) -> TurnState:
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        return turn

    @property
    def _ai(self) -> Member:
        return self._host.room.state.members[self._ai_id]

    def _take_form(self, form: Form) -> bool:
        """Keep what stands under the answer; one form a turn."""
        if self._form is not None:
            return False
        self._form = form
        return True

    def _take_file(self, attachment_id: AttachmentId) -> bool:
        """Keep what the answer carries. One that is given again carries nothing: it stands for another."""
        if len(self._files) >= MAX_ATTACHMENTS or self._turn.replaces is not None:
            return False
        self._files.append(attachment_id)
        return True

    def _progress(self, phase: Literal["context", "model", "tool", "waiting"], said: str = "") -> None:
        self._host.memory.signal(
            TurnProgress(room_id=self._host.room_id, turn_id=self._turn_id, phase=phase, said=said)
        )

    async def _submit(self, command: TurnCommand) -> Done:
        return await self._door.submit(command)


async def _built(given: ContextInput) -> Prompt:
    """Build the prompt. Counting tokens takes a while in a long room, and the others should not wait for it."""
    if isinstance(given.counter, EstimatedTokens) and len(given.events) <= FEW_EVENTS:
        return build_prompt(given)
    return await asyncio.to_thread(build_prompt, given)
