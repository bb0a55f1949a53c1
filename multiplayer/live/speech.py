"""One go of one AI in a room: what it hears becomes a prompt, what it does becomes commands and signals like anyone's."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Literal

from multiplayer.ai.agent import run_turn
from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.ai.budget import OverBudget
from multiplayer.ai.context import Prompt, build_prompt
from multiplayer.ai.steps import (
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
from multiplayer.ai.turn_setup import TakenOver, TurnTools
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.batch import Done
from multiplayer.live.rolling_summary import RollingSummary
from multiplayer.live.room_host import RoomHost
from multiplayer.live.steering import Steering
from multiplayer.live.turn_manifest import TurnManifest
from multiplayer.live.turn_material import results_of
from multiplayer.live.turn_money import TurnMoney
from multiplayer.live.turn_reports import manifest_of
from multiplayer.live.turn_wishes import is_nobodys_wish
from multiplayer.protocol.cards import MAX_CARDS, Card, Form, Taint
from multiplayer.protocol.commands import (
    CallTool,
    ChangeModel,
    EndTurn,
    FinishTool,
    StartTool,
    TurnCommand,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import CallId, TurnId
from multiplayer.protocol.members import Member, Role
from multiplayer.protocol.profiles import Provider
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import AiThinking, ToolOutput, TurnProgress
from multiplayer.protocol.turns import TokenUsage, TurnOutcome
from multiplayer.tools.registry import ToolCallContext
from multiplayer.tools.workspace import Workspace

TRY_AGAIN_S = 0.5
PASSING = (RefusalCode.UNAVAILABLE, RefusalCode.UNKNOWN, RefusalCode.BUSY)
"""Refusals that say: try again with the same key."""


class Speech:
    """Speaks as the holder of one fence. `text` and `cards`: what another pod had checkpointed."""

    def __init__(
        self, seat: AiSeat, host: RoomHost, turn_id: TurnId, fence: int, text: str = "", cards: Sequence[Card] = ()
    ) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._fence = fence
        self._inherited = bool(text or cards)
        self._pieces: list[str] = [text] if text else []
        self._cards: tuple[Card, ...] = tuple(cards)
        self._form: Form | None = None
        self._taint: dict[Taint, None] = {}
        self._usage: TokenUsage | None = None
        self._of_this_call: list[str] = []
        """What the model has written, thoughts too, since it was asked last: only counted if the call is cut short."""
        self._ai_id = host.room.state.turns[turn_id].ai_id
        self._outputs = 0
        self._money = TurnMoney(seat, host, turn_id)
        self._manifest = TurnManifest(seat, host, turn_id, fence)
        self._workspace: Workspace | None = None
        self._is_nobodys_wish = False
        self._steering = Steering(seat, host, turn_id)
        self._deadline_s = seat.clock.monotonic_s() + seat.limits.turn_s

    @property
    def so_far(self) -> tuple[str, tuple[Card, ...]]:
        return "".join(self._pieces), self._cards

    async def run(self) -> None:
        """Speak to the end; the turn has then ended. Raises `Refused` when the turn is no longer ours to end."""
        await self.take_over()
        if self._inherited:
            # Words were out already: asking again would say them twice, differently.
            await self.end(TurnOutcome.INTERRUPTED, "the server that was writing this went away")
            return
        await self._close_open_calls()
        self._progress("context")
        try:
            brain = self._seat.brains.of(self._ai_id)
        except NoBrain as problem:
            await self.end(TurnOutcome.FAILED, str(problem))
            return
        try:
            await self._speak(brain)
        except OverBudget as over:
            text, cards = self.so_far
            await self.end(TurnOutcome.INTERRUPTED if text or cards else TurnOutcome.REFUSED, str(over))
        except Refused as refused:
            if refused.code is not RefusalCode.FORBIDDEN:
                raise
            # Whoever asked has lost the right in the meantime: nothing more is done in their name.
            await self.end(TurnOutcome.REFUSED, refused.message)
        finally:
            if self._workspace is not None:
                self._workspace.close()

    async def take_over(self) -> None:
        """Put in order what an earlier holder left: its reservations, and the words that people have read."""
        if self._fence > 1:
            await self._money.settle_left()
        if self._inherited:
            self._host.memory.restore_text(self._turn_id, *self.so_far)
            await self._find_taint()

    async def _find_taint(self) -> None:
        """Find again from where words may have come into what an earlier holder had said."""
        record = await self._seat.storage.turn(self._host.room_id, self._turn_id)
        manifest = manifest_of(record) if record is not None else None
        turn = self._host.room.state.turns.get(self._turn_id)
        found = {*(manifest.taint if manifest is not None else ()), *(turn.taint if turn is not None else ())}
        with suppress(NoBrain):
            # What such a site says is never kept before the end, but all it can say comes from outside.
            if self._cards or self._seat.brains.of(self._ai_id).profile.provider is Provider.NLWEB:
                found.add(Taint.NLWEB)
        self._taint |= dict.fromkeys(found)

    async def settle(self) -> None:
        """Settle the call that was cut short, if one was."""
        self._usage = await self._money.settle_cut(self._usage, "".join(self._of_this_call))

    async def end(self, outcome: TurnOutcome, reason: str) -> None:
        """Say the last word. Nothing to do if the turn has ended."""
        await self.settle()
        await self._manifest.save()
        text, cards = self.so_far
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
        )
        # Refused: the turn has ended, or another pod holds it.
        with suppress(Refused):
            await self._submit(command)

    async def _speak(self, brain: Brain) -> None:
        prompt = await self._prompt(brain)
        self._is_nobodys_wish = await is_nobodys_wish(self._seat.storage, self._host.room_id, self._turn)
        for taint in (*prompt.manifest.taint, *self._turn.taint):
            self._taint[taint] = None
        self._money.open(brain)
        self._steering.listen(brain)
        steps = run_turn(
            prompt,
            brain.model,
            TurnTools(self._seat.tools, lambda call_id: self._tool_context(brain, CallId(call_id))),
            secret=self._seat.room_secret(self._host.room_id),
            counter=brain.counter,
            clock=self._seat.clock.monotonic_s,
            # In whole seconds, because people read them when they are over.
            limits=replace(self._seat.limits, turn_s=math.ceil(max(self._left_s, 1.0))),
            taken_over=self._taken_over,
            max_output_tokens=brain.max_output_tokens,
            steering=self._steering.told,
        )
        self._progress("model")
        try:
            async with asyncio.TaskGroup() as tasks, aclosing(steps):
                saving = tasks.create_task(self._manifest.save_meanwhile())
                async for step in steps:
                    if self._is_silenced or await self._take(step):
                        break
                saving.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _take(self, step: TurnStep) -> bool:
        """Turn one step into what the room hears; return whether it was the last."""
        match step:
            case Wrote():
                self._pieces.append(step.text)
                self._of_this_call.append(step.text)
                self._host.memory.write(self._turn_id, step.text)
            case Thought():
                self._of_this_call.append(step.text)
                if self._host.room.state.room.settings.shows_thinking:
                    self._host.memory.signal(
                        AiThinking(room_id=self._host.room_id, turn_id=self._turn_id, text=step.text)
                    )
            case FoundCards():
                fresh = step.cards[: MAX_CARDS - len(self._cards)]
                self._cards = (*self._cards, *fresh)
                self._host.memory.write_cards(self._turn_id, fresh)
            case GaveForm():
                self._form = step.form
            case FoundTaint():
                self._taint[step.taint] = None
            case ToldStatus():
                self._progress("waiting", step.text)
            case StepBegins():
                messages = await self._steering.take()
                if messages is not None:
                    await self._submit(messages.model_copy(update={"fence": self._fence}))
            case ModelAsked():
                self._of_this_call.clear()
                await self._money.reserve(step.tokens_in)
            case CallUsed():
                await self._money.settle(step)
            case Used():
                self._usage = step.usage
            case Ended():
                # The last words need not wait for a tick, nor for the commit of the end.
                self._host.fanout.flush()
                await self.end(step.outcome, step.reason)
                return True
            case Switched():
                await self._submit(
                    ChangeModel(
                        turn_id=self._turn_id,
                        fence=self._fence,
                        model=step.model,
                        previous=step.previous,
                        reason=step.reason,
                    )
                )
            case ToolAsked() | ToolStarting() | ToolDone():
                await self._take_tool(step)
        return False

    async def _take_tool(self, step: ToolAsked | ToolStarting | ToolDone) -> None:
        match step:
            case ToolAsked():
                await self._submit(
                    CallTool(
                        turn_id=self._turn_id,
                        fence=self._fence,
                        call_id=CallId(step.call.id),
                        name=step.call.name,
                        arguments=step.call.arguments,
                    )
                )
            case ToolStarting():
                if self._workspace is None:
                    self._workspace = await self._open_workspace()
                # Durable before the tool runs: what was started is never started again, here or elsewhere.
                await self._submit(StartTool(turn_id=self._turn_id, fence=self._fence, call_id=CallId(step.call.id)))
                self._progress("tool")
                self._outputs = 0
            case ToolDone():
                if step.result.taint is not None:
                    self._taint[step.result.taint] = None
                await self._submit(
                    FinishTool(
                        turn_id=self._turn_id,
                        fence=self._fence,
                        call_id=CallId(step.call.id),
                        is_ok=step.result.ok,
                        text=step.result.text,
                        code=step.result.code,
                        exit_status=step.result.exit_status,
                        taint=step.result.taint,
                    )
                )
                self._progress("model")

    async def _prompt(self, brain: Brain) -> Prompt:
        """Build the prompt; when the recent part has outgrown its share, fold its oldest part into the summary first."""
        context = self._seat.context_of(self._host.room_id, self._host.log)
        manner = self._seat.manner_of(self._host.room.state.room.settings, self._ai, brain)
        given = await context.gather(lambda: self._host.room, lambda: self._turn, self._ai, manner)
        # Counting tokens takes a while in a long room, and the others should not wait for it.
        prompt = await asyncio.to_thread(build_prompt, given)
        rolling = RollingSummary(self._seat, self._host, self._turn_id, self._money)
        update = await rolling.due(brain, given, prompt, left_s=self._left_s)
        if update is not None:
            await self._submit(update.model_copy(update={"fence": self._fence}))
            given = await context.gather(lambda: self._host.room, lambda: self._turn, self._ai, manner)
            prompt = await asyncio.to_thread(build_prompt, given)
        self._taken_over = TakenOver(steps=self._turn.steps, results=results_of(self._turn_id, given.events))
        self._manifest.take(given, prompt)
        return prompt

    async def _close_open_calls(self) -> None:
        """A call that another pod had begun is never run again: the model is told that nobody knows."""
        for call in self._turn.calls:
            text = (
                "The outcome of this call is unknown: the server went away while it ran. It was not run again."
                if call.is_started
                else "This call was not run: the server went away before it began."
            )
            await self._submit(
                FinishTool(
                    turn_id=self._turn_id,
                    fence=self._fence,
                    call_id=call.call_id,
                    is_ok=False,
                    text=text,
                    code="unknown" if call.is_started else "not_run",
                )
            )

    async def _open_workspace(self) -> Workspace:
        number = await self._seat.storage.room_number(self._host.room_id)
        return await asyncio.to_thread(self._seat.workspaces.open, self._host.room_id, number)

    def _tool_context(self, brain: Brain, call_id: CallId) -> ToolCallContext:
        assert self._workspace is not None, "a tool that starts has opened it"

        async def authority() -> Role | None:
            turn = self._host.room.state.turns.get(self._turn_id)
            role = self._host.room.state.authority_of(turn) if turn else None
            return Role.GUEST if role is not None and self._is_nobodys_wish else role

        async def emit(text: str) -> None:
            self._host.memory.signal(
                ToolOutput(
                    room_id=self._host.room_id,
                    turn_id=self._turn_id,
                    call_id=call_id,
                    index=self._outputs,
                    text=text,
                )
            )
            self._outputs += 1

        policy = self._seat.policy_of(self._host.room.state.room.settings, brain)
        return ToolCallContext(
            workspace=self._workspace, authority=authority, emit=emit, call_id=call_id, policy=policy
        )

    @property
    def _is_silenced(self) -> bool:
        """Whether the room has told everyone that this turn stops, or that another pod holds it: no word after that."""
        turn = self._host.room.state.turns.get(self._turn_id)
        return turn is None or turn.is_stop_requested or turn.fence != self._fence

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

    def _progress(self, phase: Literal["context", "model", "tool", "waiting"], said: str = "") -> None:
        self._host.memory.signal(
            TurnProgress(room_id=self._host.room_id, turn_id=self._turn_id, phase=phase, said=said)
        )

    async def _submit(self, command: TurnCommand) -> Done:
        """Submit, again under the same key while the database is away. Raises `Refused` for what stays refused."""
        key = self._seat.clock.new_id()
        while True:
            try:
                return await self._host.ask(self._ai_id, command, key=key, origin="server")
            except Refused as refused:
                if refused.code not in PASSING or self._host.is_stopped:
                    raise
                await asyncio.sleep(TRY_AGAIN_S)
