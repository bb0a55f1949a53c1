"""One turn of an AI: asks the model, runs the tools it asks for, asks again, and ends exactly once."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import assert_never

from multiplayer.ai.context import Prompt
from multiplayer.ai.masking import KnownMarkers, Mask
from multiplayer.ai.metering import CallMeter, UsedSoFar, was_not_reached
from multiplayer.ai.prompts import UNKNOWN_OUTCOME, storable
from multiplayer.ai.steps import (
    CallNotMade,
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
from multiplayer.ai.tokens import TokenCounter
from multiplayer.ai.turn_history import TurnHistory
from multiplayer.ai.turn_setup import (
    DEFAULT_LIMITS,
    NOTHING_TAKEN_OVER,
    Shorter,
    TakenOver,
    TurnLimits,
    TurnTools,
    nothing_said,
)
from multiplayer.models.failover import Failover, stream_in_time
from multiplayer.models.port import (
    BrokenToolCall,
    CardsFound,
    ChatModel,
    ChatRequest,
    Chunk,
    Finished,
    FinishReason,
    FormAsked,
    ModelFailure,
    ModelSwitched,
    PromptMessage,
    PromptTooLong,
    StatusSaid,
    Tainted,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import ToolResult


async def run_turn(
    prompt: Prompt,
    model: ChatModel,
    tools: TurnTools | None,
    *,
    secret: bytes,
    counter: TokenCounter,
    clock: Callable[[], float],
    limits: TurnLimits = DEFAULT_LIMITS,
    taken_over: TakenOver = NOTHING_TAKEN_OVER,
    max_output_tokens: int | None = None,
    steering: Callable[[], Sequence[PromptMessage]] = nothing_said,
    shorter: Shorter | None = None,
) -> AsyncGenerator[TurnStep, None]:
    """Yield what happens, with one `Ended` last, whatever the model does. Only our own mistakes rise.

    `clock` is monotonic, in seconds. Closing the generator or cancelling its reader ends the model's connection and
    a running tool at once; then no `Ended` comes. `secret` is the room's, as in the prompt. `steering` is asked for
    what came into the turn, right after each `StepBegins`. `shorter` is asked once, when the provider says that the
    prompt is longer than its model can read; without it the turn fails then.
    """
    history = TurnHistory(
        prompt,
        secret,
        counter,
        model.context_tokens,
        offers_tools=tools is not None,
        max_output_tokens=max_output_tokens,
    )
    turn = _Turn(history, model, tools, counter, clock, limits, taken_over, steering, shorter)
    async with aclosing(turn.run()) as steps:
        async for step in steps:
            yield step


class _OutOfTime(Exception):  # noqa: N818 - says what happened
    """The whole turn's time is over."""


@dataclass(slots=True)
class _Answer:
    """One answer of the model, while it comes."""

    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: tuple[ToolCall, ...] = ()
    broken: BrokenToolCall | None = None
    reason: FinishReason | None = None


class _Turn:
    def __init__(
        self,
        history: TurnHistory,
        model: ChatModel,
        tools: TurnTools | None,
        counter: TokenCounter,
        clock: Callable[[], float],
        limits: TurnLimits,
        taken_over: TakenOver,
        steering: Callable[[], Sequence[PromptMessage]],
        shorter: Shorter | None,
    ) -> None:
        self._history = history
        # A model that failed is not asked again in the same turn.
        self._model = model.for_turn() if isinstance(model, Failover) else model
        self._tools = tools
        self._counter = counter
        self._clock = clock
        self._limits = limits
        self._steering = steering
        self._shorter = shorter
        self._results = dict(taken_over.results)
        self._steps = taken_over.steps
        self._deadline = clock() + limits.turn_s
        self._length = 0
        self._line_end = ""
        """The last characters of the words so far: what the next step's words must be set off from."""
        self._is_new_step = False
        self._markers = KnownMarkers()
        self._words, self._thoughts = Mask(self._markers), Mask(self._markers)
        self._has_more_than_words = False
        self._used = UsedSoFar()
        self._broken_in_a_row = 0

    async def run(self) -> AsyncGenerator[TurnStep, None]:
        end: Ended | None = None
        while end is None:
            answer = _Answer()
            yield StepBegins()
            for message in self._steering():
                self._history.add_said(message)
            request = self._history.request()
            yield ModelAsked(self._history.tokens())
            problem: str | None = None
            is_made, is_too_long, calls = True, False, self._used.calls
            meter = CallMeter(self._model, self._counter, tokens_in=self._history.tokens())
            try:
                async with aclosing(self._ask(request, answer, meter)) as steps:
                    async for step in steps:
                        yield step
            except ModelFailure as failure:
                problem = str(failure)
                is_made, is_too_long = not was_not_reached(failure), isinstance(failure, PromptTooLong)
            except _OutOfTime:
                problem = self._out_of_time
            for step in self._kept_back():
                yield step
            if is_too_long and self._shorter is not None:
                self._history.begin_again(await self._shorter(self._history.shorter_prompt()))
                self._shorter = None
            else:
                end = self._judge(answer) if problem is None else self._failed(problem)
            used = meter.used()
            if used is not None:
                self._used.add(used)
                yield used
            elif not is_made:
                yield CallNotMade()
            if self._used.calls > calls:
                yield Used(self._used.total(self._model.model_name))
            if end is None and answer.calls:
                try:
                    async with aclosing(self._run_calls(answer)) as steps:
                        async for step in steps:
                            yield step
                except _OutOfTime:
                    end = self._failed(self._out_of_time)
                if end is None and self._steps > self._limits.tool_steps:
                    end = self._failed(
                        f"The AI wanted to use its tools more than {self._limits.tool_steps} times in one turn; "
                        "ask it to go on if it should."
                    )
        yield end

    async def _ask(self, request: ChatRequest, answer: _Answer, meter: CallMeter) -> AsyncGenerator[TurnStep, None]:
        """Ask the model once and yield its words as they come; the rest is put into `answer`."""
        self._is_new_step = True
        self._markers.learn(request.messages)
        stream = stream_in_time(
            self._model,
            request,
            self._limits.first_token_s,
            self._limits.progress_s,
            self._clock,
        )
        async with aclosing(stream):
            while (chunk := await self._next(stream)) is not None:
                failed = meter.take(chunk)
                if failed is not None:
                    self._used.add(failed)
                    for step in (*self._kept_back(), failed):
                        yield step
                match chunk:
                    case TextDelta(text):
                        answer.text.append(text)
                        words = self._set_off(self._words.take(text))
                        if words:
                            yield Wrote(words)
                        if self._length >= self._limits.answer_characters:
                            return
                    case ThinkingDelta(text):
                        answer.thinking.append(text)
                        thought = self._thoughts.take(text)
                        if thought:
                            yield Thought(thought)
                    case ToolCallGrowing() | Usage():
                        pass  # the meter has it
                    case ToolCallsReady(calls):
                        answer.calls = tuple(map(self._markers.hide_in, calls))
                    case BrokenToolCall():
                        answer.broken = answer.broken or chunk
                    case CardsFound(cards):
                        self._has_more_than_words = True
                        yield FoundCards(cards)
                    case FormAsked(form):
                        self._has_more_than_words = True
                        yield GaveForm(form)
                    case Tainted(taint):
                        yield FoundTaint(taint)
                    case StatusSaid():
                        yield ToldStatus(chunk.text)
                    case ModelSwitched(model, previous, reason):
                        # What the one before had thought is no thought of this one's.
                        answer.thinking.clear()
                        for step in self._kept_back():
                            yield step
                        yield Switched(model, previous, reason)
                    case Finished(reason):
                        # Read on to the end: who counts the provider's failures hears of a success only there.
                        answer.reason = reason
                    case _:
                        assert_never(chunk)

    def _kept_back(self) -> Sequence[TurnStep]:
        """Return the words that might have been the beginning of a marker, and were none."""
        words, thoughts = self._set_off(self._words.rest()), self._thoughts.rest()
        return (*([Thought(thoughts)] if thoughts else []), *([Wrote(words)] if words else []))

    async def _next(self, stream: AsyncGenerator[Chunk, None]) -> Chunk | None:
        # A timeout around the whole loop would cancel the reader's code between two steps, so each wait has its own.
        timeout = asyncio.timeout(self._left_s())
        try:
            async with timeout:
                return await anext(stream, None)
        except TimeoutError:
            if timeout.expired():
                raise _OutOfTime from None
            raise

    def _left_s(self) -> float:
        left_s = self._deadline - self._clock()
        if left_s <= 0:
            raise _OutOfTime
        return left_s

    def _set_off(self, text: str) -> str:
        """Return `text` with a blank line before it if it begins a further step, and cut to the answer's limit."""
        if not text:
            return ""
        if self._is_new_step and self._length:
            text = text.lstrip("\n")
            if not text:
                return ""
            text = "\n" * (2 - (len(self._line_end) - len(self._line_end.rstrip("\n")))) + text
        self._is_new_step = False
        text = text[: self._limits.answer_characters - self._length]
        self._length += len(text)
        self._line_end = (self._line_end + text)[-2:]
        return text

    def _judge(self, answer: _Answer) -> Ended | None:
        """Return how the turn ends with this answer; None if it goes on (`answer.calls`, if any, are to be run)."""
        if self._length >= self._limits.answer_characters:
            return Ended(TurnOutcome.INTERRUPTED, "The answer was longer than a message may be and was cut.")
        if answer.reason is None or answer.reason == "interrupted":
            return Ended(
                TurnOutcome.INTERRUPTED, "The connection to the AI provider ended in the middle of the answer."
            )
        broken = answer.broken
        if broken is None and answer.calls and answer.reason != "tool_calls":
            # The provider itself does not say that the calls are complete.
            broken = BrokenToolCall(answer.calls[0].name, "the answer ended before the call was complete")
        if broken is not None:
            return self._ask_again(answer, broken)
        self._broken_in_a_row = 0
        if answer.calls:
            return None
        if answer.reason == "length":
            return self._failed("The answer reached the model's limit of length.")
        if self._length == 0 and not self._has_more_than_words:
            said = "The AI used its tools and said nothing." if self._steps else ""
            return Ended(TurnOutcome.DONE, said) if said else Ended(TurnOutcome.FAILED, "The AI gave an empty answer.")
        return Ended(TurnOutcome.DONE)

    def _ask_again(self, answer: _Answer, broken: BrokenToolCall) -> Ended | None:
        answer.calls = ()
        self._broken_in_a_row += 1
        if self._broken_in_a_row > 1:
            name = "".join(character for character in broken.name if character.isprintable())[:64]
            what = f"the tool {name}" if name else "a tool"
            return self._failed(f"The AI asked for {what}, but twice its request could not be read: {broken.reason}.")
        self._history.add_broken_call("".join(answer.text))
        return None

    async def _run_calls(self, answer: _Answer) -> AsyncGenerator[TurnStep, None]:
        """Run the calls in order; what the model asks beyond the limit, or a second time, does not run."""
        calls: list[ToolCall] = []
        fresh: list[ToolCall] = []
        for call in answer.calls:
            self._steps += 1
            if self._steps > self._limits.tool_steps:
                break
            calls.append(call)
            if call.id not in self._results and all(call.id != other.id for other in fresh):
                fresh.append(call)
        for call in fresh:
            yield ToolAsked(call)
        for call in fresh:
            self._left_s()
            yield ToolStarting(call)
            is_over = False
            try:
                result = await self._run(call)
            except _OutOfTime:
                is_over = True
                result = ToolResult(ok=False, text=UNKNOWN_OUTCOME, code=ToolFault.TIMEOUT)
            result = replace(result, text=storable(result.text))
            self._results[call.id] = result
            yield ToolDone(call, result)
            if is_over:
                raise _OutOfTime
        done = [(call, self._results[call.id]) for call in {call.id: call for call in calls}.values()]
        if done:
            # To count the tokens of a long result takes a while, and the others should not wait for it.
            await asyncio.to_thread(
                self._history.add_calls, done, said="".join(answer.text), thinking="".join(answer.thinking)
            )

    async def _run(self, call: ToolCall) -> ToolResult:
        if self._tools is None:
            return ToolResult(ok=False, text="there are no tools in this room", code=ToolFault.UNKNOWN_TOOL)
        asked_at = self._clock()
        ready = await self._tools.registry.ready(call.name, call.arguments, self._tools.context(call.id))
        # While people think about it, the turn's clock stands still.
        self._deadline += self._clock() - asked_at
        if isinstance(ready, ToolResult):
            return ready
        began_s, more_s = self._clock(), ready.more_s
        timeout = asyncio.timeout(self._left_s() + more_s)
        try:
            async with timeout:
                return await self._tools.registry.run(ready)
        except TimeoutError:
            if timeout.expired():
                raise _OutOfTime from None
            raise
        finally:
            # The time that people allowed a call beyond the usual is not the turn's.
            self._deadline += min(more_s, max(0.0, self._clock() - began_s - ready.usual_s))

    @property
    def _out_of_time(self) -> str:
        return f"The turn took longer than {self._limits.turn_s:g} seconds and was ended."

    def _failed(self, reason: str) -> Ended:
        # Words that people have read stand; then it is the rest that is missing.
        has_said = self._length > 0 or self._has_more_than_words
        return Ended(TurnOutcome.INTERRUPTED if has_said else TurnOutcome.FAILED, reason)
