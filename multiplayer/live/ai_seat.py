"""An AI's seat in a room: what it hears becomes a prompt, what it does becomes commands and signals like anyone's."""

import asyncio
import hmac
from contextlib import aclosing
from dataclasses import dataclass

from multiplayer.ai.agent import (
    Ended,
    Thought,
    ToolAsked,
    ToolDone,
    ToolStarting,
    TurnLimits,
    TurnStep,
    Used,
    Wrote,
    run_turn,
)
from multiplayer.ai.context import ContextInput, Prompt, build_prompt, needs_summary
from multiplayer.ai.summary import make_summary
from multiplayer.ai.tokens import TokenCounter
from multiplayer.live.clock import Clock
from multiplayer.live.room_host import Done, RoomHost
from multiplayer.models.port import ChatModel
from multiplayer.protocol.commands import (
    CallTool,
    EndTurn,
    FinishTool,
    StartTool,
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, event_adapter
from multiplayer.protocol.ids import CallId, TurnId
from multiplayer.protocol.members import Member, Role
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import AiThinking, ToolOutput, TurnProgress
from multiplayer.protocol.turns import TokenUsage, TurnOutcome
from multiplayer.storage.port import Storage
from multiplayer.tools.policy import RoomPolicy
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.workspace import Workspace, Workspaces

PAGE = 500
MAX_EVENTS = 4_000
"""How far back a prompt looks when there is no summary yet."""
TRY_AGAIN_S = 0.5
ENDED = (RefusalCode.CONFLICT, RefusalCode.NOT_FOUND, RefusalCode.FORBIDDEN, RefusalCode.ARCHIVED)
"""Refusals after which there is nothing more to say in this turn."""


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
                prompt=prompt,
                model=self._seat.model,
                registry=self._seat.tools,
                tool_context=lambda call_id: self._tool_context(workspace, CallId(call_id)),
                limits=self._seat.limits,
                clock=self._seat.clock.monotonic_s,
                counter=self._seat.counter,
            )
            self._progress("model")
            async with aclosing(steps):
                async for step in steps:
                    if await self._take(step):
                        return
        finally:
            workspace.close()

    async def end(self, outcome: TurnOutcome, reason: str) -> None:
        """Say the last word, as often as it takes while the database is away. Nothing to do if the turn has ended."""
        command = EndTurn(
            turn_id=self._turn_id,
            fence=self._fence,
            outcome=outcome,
            reason=reason,
            text=self.so_far,
            usage=self._usage,
        )
        while True:
            try:
                await self._submit(command)
            except Refused as refused:
                if refused.code in ENDED:
                    return
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                return

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
                self._usage = step.usage
            case Ended():
                await self.end(step.outcome, step.reason)
                return True
        return False

    async def _prompt(self) -> Prompt:
        given = await self._context()
        if needs_summary(given):
            made = await make_summary(given, self._seat.model)
            if made is not None:
                await self._submit(
                    UpdateSummary(
                        turn_id=self._turn_id,
                        fence=self._fence,
                        version=made.version,
                        text=made.text,
                        up_to_seq=made.up_to_seq,
                        method=made.method,
                    )
                )
                given = await self._context()
        return build_prompt(given)

    async def _context(self) -> ContextInput:
        state = self._host.room.state
        first = state.summary.up_to_seq if state.summary else 0
        seq = max(first, self._host.room.seq - MAX_EVENTS)
        events: list[Event] = []
        while seq < self._host.room.seq:
            page = await self._seat.storage.events_after(self._host.room_id, seq, limit=PAGE)
            if not page:
                break
            events += [event_adapter.validate_json(stored.line) for stored in page]
            seq = page[-1].seq
        return ContextInput(
            state=state.copy(),
            ai=self._ai,
            turn=self._turn,
            events=tuple(events),
            summary=state.summary,
            secret=self._seat.room_secret(self._host),
            tools=tuple(self._seat.tools.definitions()),
            model_name=self._seat.model.model_name,
            budget_tokens=self._seat.model.context_tokens,
            counter=self._seat.counter,
        )

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
    def _turn(self) -> TurnState:
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        return turn

    @property
    def _ai(self) -> Member:
        return self._host.room.state.members[self._ai_id]

    def _progress(self, phase: str) -> None:
        assert phase in {"context", "model", "tool"}
        signal = TurnProgress.model_validate({"room_id": self._host.room_id, "turn_id": self._turn_id, "phase": phase})
        self._host.memory.signal(signal)

    async def _submit(self, command: TurnCommand) -> Done:
        return await self._host.ask(self._ai_id, command, origin="server")
