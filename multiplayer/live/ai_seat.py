"""An AI's seat in a room: what it hears becomes a prompt, what it does becomes commands and signals like anyone's."""

import asyncio
import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Literal

from multiplayer.ai.agent import (
    Ended,
    TakenOver,
    Thought,
    ToolAsked,
    ToolDone,
    ToolStarting,
    TurnLimits,
    TurnStep,
    TurnTools,
    Used,
    Wrote,
    definitions_of,
    run_turn,
)
from multiplayer.ai.context import ContextInput, Prompt, build_prompt, needs_summary
from multiplayer.ai.summary import SummaryLimits, plan, summarise_with_model
from multiplayer.ai.tokens import TokenCounter
from multiplayer.live.batch import Done
from multiplayer.live.clock import Clock
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_material import results_of, with_summary, without_what_was_before
from multiplayer.models.port import ChatModel, Usage
from multiplayer.protocol.commands import (
    CallTool,
    EndTurn,
    FinishTool,
    StartTool,
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    Event,
    MessagePosted,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, CallId, TurnId
from multiplayer.protocol.members import Account, Member, Role
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import AiThinking, ToolOutput, TurnProgress
from multiplayer.protocol.turns import TokenUsage, TurnOutcome
from multiplayer.storage.port import Storage
from multiplayer.tools.policy import RoomPolicy
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.workspace import Workspace, Workspaces

PAGE = 500
MAX_PROMPT_TOKENS = 100_000
"""Models hold far more; what is older than this is better told by the summary, and cheaper."""
MAX_EVENTS = 4_000
"""How far back a prompt looks when there is no summary yet."""
TRY_AGAIN_S = 0.5
PASSING = (RefusalCode.UNAVAILABLE, RefusalCode.UNKNOWN, RefusalCode.BUSY)
"""Refusals that say: try again with the same key."""


@dataclass(frozen=True)
class AiSeat:
    """What every turn on this pod is made with. `secret` keys the envelopes' markers, one derived key per room."""

    model: ChatModel
    tools: ToolRegistry
    workspaces: Workspaces
    counter: TokenCounter
    storage: Storage
    clock: Clock
    secret: bytes
    limits: TurnLimits
    price: Callable[[Usage], int | None]
    shows_thinking: bool = True

    def speech(self, host: RoomHost, turn_id: TurnId, fence: int, text: str) -> "Speech":
        """Begin to speak in a turn that was just claimed; `text`: the words another pod had checkpointed."""
        return Speech(self, host, turn_id, fence, text)

    def room_secret(self, host: RoomHost) -> bytes:
        return hmac.digest(self.secret, host.room_id.encode(), "sha256")


class Speech:
    """One go of one AI, as the holder of one fence."""

    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId, fence: int, text: str) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._fence = fence
        self._inherited = text
        self._pieces: list[str] = [text] if text else []
        self._usage: TokenUsage | None = None
        self._ai_id = host.room.state.turns[turn_id].ai_id
        self._outputs = 0
        self._spent: Usage | None = None
        self._taken_over = TakenOver()
        self._is_kept_short = False
        # Set when someone who asks may not read everything: what is made of that prompt is not the whole room's.
        self._deadline_s = seat.clock.monotonic_s() + seat.limits.turn_s

    @property
    def so_far(self) -> str:
        return "".join(self._pieces)

    async def run(self) -> None:
        """Speak to the end; the turn has then ended. Raises `Refused` when the turn is no longer ours to end."""
        if self._inherited:
            # Words were out already: asking again would say them twice, differently.
            self._host.memory.restore_text(self._turn_id, self._inherited)
            await self.end(TurnOutcome.INTERRUPTED, "the server that was writing this went away")
            return
        await self._close_open_calls()
        self._progress("context")
        workspace = await self._open_workspace()
        try:
            prompt = await self._prompt()
            await self._seat.storage.save_manifest(
                self._turn_id, fence=self._fence, manifest=prompt.manifest.model_dump_json()
            )
            steps = run_turn(
                prompt,
                self._seat.model,
                TurnTools(self._seat.tools, lambda call_id: self._tool_context(workspace, CallId(call_id))),
                secret=self._seat.room_secret(self._host),
                counter=self._seat.counter,
                clock=self._seat.clock.monotonic_s,
                # In whole seconds, because people read them when they are over.
                limits=replace(self._seat.limits, turn_s=math.ceil(max(self._left_s, 1.0))),
                price=self._seat.price,
                taken_over=self._taken_over,
            )
            self._progress("model")
            async with aclosing(steps):
                async for step in steps:
                    if await self._take(step):
                        return
        except Refused as refused:
            if refused.code is not RefusalCode.FORBIDDEN:
                raise
            # Whoever asked has lost the right in the meantime: nothing more is done in their name.
            await self.end(TurnOutcome.REFUSED, refused.message)
        finally:
            workspace.close()

    async def end(self, outcome: TurnOutcome, reason: str) -> None:
        """Say the last word. Nothing to do if the turn has ended."""
        command = EndTurn(
            turn_id=self._turn_id,
            fence=self._fence,
            outcome=outcome,
            reason=reason,
            text=self.so_far,
            usage=self._usage,
        )
        # Refused: the turn has ended, or another pod holds it.
        with suppress(Refused):
            await self._submit(command)

    async def _take(self, step: TurnStep) -> bool:
        """Turn one step into what the room hears; return whether it was the last."""
        match step:
            case Wrote():
                self._pieces.append(step.text)
                self._host.memory.write(self._turn_id, step.text)
            case Thought():
                if self._seat.shows_thinking:
                    self._host.memory.signal(
                        AiThinking(room_id=self._host.room_id, turn_id=self._turn_id, text=step.text)
                    )
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
                # Durable before the tool runs: what was started is never started again, here or elsewhere.
                await self._submit(StartTool(turn_id=self._turn_id, fence=self._fence, call_id=CallId(step.call.id)))
                self._progress("tool")
                self._outputs = 0
            case ToolDone():
                await self._submit(
                    FinishTool(
                        turn_id=self._turn_id,
                        fence=self._fence,
                        call_id=CallId(step.call.id),
                        is_ok=step.result.ok,
                        text=step.result.text,
                        code=step.result.code,
                        exit_status=step.result.exit_status,
                    )
                )
                self._progress("model")
            case Used():
                self._usage = with_summary(step.usage, self._spent)
            case Ended():
                await self.end(step.outcome, step.reason)
                return True
        return False

    async def _prompt(self) -> Prompt:
        """Build the prompt; when the recent part has outgrown its share, fold its oldest part into the summary first."""
        given = await self._context()
        # Counting tokens takes a while in a long room, and the others should not wait for it.
        prompt = await asyncio.to_thread(build_prompt, given)
        if not needs_summary(prompt) or self._is_kept_short:
            return prompt
        cut = plan(given.events, self._seat.counter, keep_tokens=prompt.recent_budget // 3)
        if cut is None:
            return prompt
        names = {account_id: account.handle for account_id, account in given.accounts.items()}
        names |= {member.account_id: member.handle for member in given.state.members.values()}
        made = await summarise_with_model(
            self._seat.model,
            given.summary.text if given.summary else "",
            cut.events,
            names,
            secret=given.secret,
            counter=self._seat.counter,
            clock=self._seat.clock.monotonic_s,
            limits=self._summary_limits,
        )
        self._spent = made.usage
        if not made.text:
            # An empty summary is how one is taken back (rooms/message_rules.py): it must never come from here.
            return prompt
        await self._submit(
            UpdateSummary(
                turn_id=self._turn_id,
                fence=self._fence,
                version=(given.state.summary.version if given.state.summary else 0) + 1,
                text=made.text,
                up_to_seq=cut.up_to_seq,
                method=made.method,
            )
        )
        return await asyncio.to_thread(build_prompt, await self._context())

    async def _context(self) -> ContextInput:
        state = self._host.room.state
        # Nobody learns through the AI what they may not read themselves: not even in what others ask along with them.
        hidden = max((self._host.room.hidden_before(asker) for asker in self._turn.askers), default=0)
        summary = state.summary if state.summary and state.summary.text and not hidden else None
        first = max(summary.up_to_seq if summary else 0, hidden - 1)
        # In large steps, so that the prompt's beginning stays the same for many turns.
        seq = max(first, (self._host.room.seq - MAX_EVENTS) // MAX_EVENTS * MAX_EVENTS)
        events: list[Event] = []
        while seq < self._host.room.seq:
            page = await self._seat.storage.events_after(self._host.room_id, seq, limit=PAGE)
            if not page:
                break
            events += [event_adapter.validate_json(stored.line) for stored in page]
            seq = page[-1].seq
        self._is_kept_short = hidden > 0
        if hidden:
            events = without_what_was_before(events)
        self._taken_over = TakenOver(steps=self._turn.steps, results=results_of(self._turn_id, events))
        return ContextInput(
            state=state.copy(),
            ai=self._ai,
            turn=self._turn,
            events=tuple(events),
            summary=summary,
            secret=self._seat.room_secret(self._host),
            tools=definitions_of(self._seat.tools),
            model_name=self._seat.model.model_name,
            budget_tokens=min(MAX_PROMPT_TOKENS, self._seat.model.context_tokens * 3 // 4),
            counter=self._seat.counter,
            older=() if hidden else await self._older(events),
            accounts=await self._accounts(events),
        )

    async def _accounts(self, events: Sequence[Event]) -> Mapping[AccountId, Account]:
        """Return those who spoke and are members no more, so that their old words keep their names."""
        gone = {event.actor_id for event in events} - self._host.room.state.members.keys()
        return await self._seat.storage.accounts(list(gone)) if gone else {}

    async def _older(self, events: Sequence[Event]) -> Sequence[Message]:
        """Return the messages to be answered that lie before `events`."""
        here = {event.message.id for event in events if isinstance(event, MessagePosted)}
        asked = [message_id for message_id in self._turn.messages if message_id not in here]
        return list((await self._seat.storage.messages(self._host.room_id, asked)).values()) if asked else ()

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

    def _tool_context(self, workspace: Workspace, call_id: CallId) -> ToolCallContext:
        async def authority() -> Role | None:
            turn = self._host.room.state.turns.get(self._turn_id)
            return self._host.room.state.authority_of(turn) if turn else None

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

        policy = RoomPolicy(guests_see_workspace=self._host.room.state.room.settings.guests_see_workspace)
        return ToolCallContext(workspace=workspace, authority=authority, emit=emit, call_id=call_id, policy=policy)

    @property
    def _left_s(self) -> float:
        return self._deadline_s - self._seat.clock.monotonic_s()

    @property
    def _summary_limits(self) -> SummaryLimits:
        """The turn's own patience, and at most half of its time: the answer is what people wait for."""
        limits = self._seat.limits
        whole_s = min(SummaryLimits().whole_s, self._left_s / 2)
        return SummaryLimits(first_token_s=limits.first_token_s, progress_s=limits.progress_s, whole_s=whole_s)

    @property
    def _turn(self) -> TurnState:
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        return turn

    @property
    def _ai(self) -> Member:
        return self._host.room.state.members[self._ai_id]

    def _progress(self, phase: Literal["context", "model", "tool"]) -> None:
        self._host.memory.signal(TurnProgress(room_id=self._host.room_id, turn_id=self._turn_id, phase=phase))

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
