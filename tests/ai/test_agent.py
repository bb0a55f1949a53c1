"""A turn ends exactly once, whatever the model does; tools run once, and broken calls never."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from multiplayer.ai.agent import run_turn
from multiplayer.ai.context import Prompt
from multiplayer.ai.plain_results import PlainResults
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
from multiplayer.ai.turn_setup import Shorter, TakenOver, TurnLimits, TurnTools, definitions_of
from multiplayer.models.failover import Failover
from multiplayer.models.port import (
    AskedInVain,
    CardsFound,
    ChatModel,
    ChatRequest,
    Chunk,
    Finished,
    FormAsked,
    ModelBroke,
    ModelRejected,
    ModelStalled,
    ModelUnavailable,
    PromptMessage,
    PromptTooLong,
    StatusSaid,
    Tainted,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallsReady,
    Usage,
)
from multiplayer.models.scripted import (
    Call,
    CutOff,
    DemoModel,
    Fail,
    RawToolCall,
    Say,
    ScriptedModel,
    Stall,
    Step,
    Think,
)
from multiplayer.protocol.cards import Card, Form, Question, Taint
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.tools.offered import build_tools
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.ai.scene import (
    COUNTER,
    SECRET,
    asked,
    calls,
    check_sequence,
    ends,
    finishes,
    prompt_of,
    scene,
    starts,
)
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.playbook import Playbook

LIMITS = TurnLimits()
NOT_TAKEN_OVER = TakenOver()
DONE, FAILED, INTERRUPTED = TurnOutcome.DONE, TurnOutcome.FAILED, TurnOutcome.INTERRUPTED


class Note(Arguments):
    text: str = ""


@dataclass
class Bench:
    """One tool, `note`, that keeps what it was called with; the fakes of the world around it are real parts."""

    workspace: Workspace
    ran: list[tuple[str, str]] = field(default_factory=list)
    hangs: asyncio.Event | None = None
    answer: str = "noted"

    @property
    def tools(self) -> TurnTools:
        return TurnTools(ToolRegistry([Tool("note", "Notes a text.", Note, ToolClass.WRITE, self._run)]), self.context)

    def context(self, call_id: str) -> ToolCallContext:
        async def emit(text: str) -> None:
            raise AssertionError(f"nothing prints here: {text}")

        return ToolCallContext(self.workspace, OpenGate(Role.MEMBER), emit, call_id)

    async def _run(self, arguments: Note, context: ToolCallContext) -> ToolResult:
        self.ran.append((context.call_id, arguments.text))
        if self.hangs is not None:
            await self.hangs.wait()
        return ToolResult(ok=True, text=self.answer)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    workspace = Workspaces(tmp_path / "workspaces").open(RoomId("room"), 1)
    return Bench(workspace)


def a_prompt(tools: TurnTools | None = None, text: str = "please") -> Prompt:
    book = scene()
    asked(book, text)
    return prompt_of(book, tools=definitions_of(tools.registry) if tools else ())


def turn(
    model: ChatModel,
    tools: TurnTools | None = None,
    *,
    prompt: Prompt | None = None,
    limits: TurnLimits = LIMITS,
    clock: Callable[[], float] = time.monotonic,
    taken_over: TakenOver = NOT_TAKEN_OVER,
    steering: Callable[[], Sequence[PromptMessage]] = tuple,
    shorter: Shorter | None = None,
    max_output_tokens: int | None = None,
) -> AsyncGenerator[TurnStep, None]:
    return run_turn(
        prompt or a_prompt(tools),
        model,
        tools,
        secret=SECRET,
        counter=COUNTER,
        clock=clock,
        limits=limits,
        taken_over=taken_over,
        steering=steering,
        shorter=shorter,
        max_output_tokens=max_output_tokens,
    )


async def steps_of(steps: AsyncGenerator[TurnStep, None]) -> list[TurnStep]:
    """Read the turn to its end; fail unless it ends exactly once, at last."""
    async with asyncio.timeout(20), aclosing(steps):
        seen: list[TurnStep] = [
            step async for step in steps if not isinstance(step, StepBegins | ModelAsked | CallUsed | CallNotMade)
        ]
    assert [step for step in seen if isinstance(step, Ended)] == seen[-1:]
    return seen


def words(steps: Sequence[TurnStep]) -> str:
    return "".join(step.text for step in steps if isinstance(step, Wrote))


def end_of(steps: Sequence[TurnStep]) -> Ended:
    end = steps[-1]
    assert isinstance(end, Ended)
    return end


async def test_words_come_as_they_are_written_and_the_turn_is_done() -> None:
    model = ScriptedModel([[Think("hm"), Say("Hello there.", pieces=4), Usage(100, 90, 4)]])
    steps = await steps_of(turn(model))
    assert words(steps) == "Hello there."
    assert len([step for step in steps if isinstance(step, Wrote)]) == 4
    assert Thought("hm") in steps
    used = next(step.usage for step in steps if isinstance(step, Used))
    assert (used.tokens_in, used.tokens_cached, used.tokens_out, used.calls) == (100, 90, 4, 1)
    assert (used.model, used.is_estimated) == ("scripted", False)
    assert end_of(steps) == Ended(DONE)
    assert model.open_streams == 0


async def test_a_tool_runs_only_when_the_reader_comes_back_after_its_start(bench: Bench) -> None:
    model = ScriptedModel([[Say("Let me see."), Call("note", {"text": "x"})], [Say("\nIt is noted.")]])
    seen: list[TurnStep] = []
    async with aclosing(turn(model, bench.tools)) as steps:
        async for step in steps:
            seen.append(step)
            if isinstance(step, ToolAsked | ToolStarting):
                assert bench.ran == []
    asking, used = [StepBegins, ModelAsked], [CallUsed, Used]
    assert [type(step) for step in seen] == [
        *(*asking, Wrote, *used, ToolAsked, ToolStarting, ToolDone),
        *(*asking, Wrote, *used, Ended),
    ]
    assert words(seen) == "Let me see.\n\nIt is noted."
    assert [text for _, text in bench.ran] == ["x"]
    check_sequence(model.requests[1].messages)
    assert "noted" in model.requests[1].messages[-1].content
    assert end_of(seen) == Ended(DONE)


async def test_closing_the_turn_at_a_start_keeps_the_tool_from_running(bench: Bench) -> None:
    model = ScriptedModel([[Call("note", {"text": "x"})]])
    async with aclosing(turn(model, bench.tools)) as steps:
        async for step in steps:
            if isinstance(step, ToolStarting):
                break
    assert bench.ran == []
    assert model.open_streams == 0


async def test_several_calls_are_all_asked_before_the_first_starts_and_answered_in_order(bench: Bench) -> None:
    model = ScriptedModel([[Call("note", {"text": "a"}), Call("note", {"text": "b"})], [Say("ok")]])
    seen = await steps_of(turn(model, bench.tools))
    kinds = [type(step) for step in seen if isinstance(step, ToolAsked | ToolStarting | ToolDone)]
    assert kinds == [ToolAsked, ToolAsked, ToolStarting, ToolDone, ToolStarting, ToolDone]
    assert [text for _, text in bench.ran] == ["a", "b"]
    check_sequence(model.requests[1].messages)


class RepeatingModel:
    """Asks for the same call, with the same id, in every answer, up to a number of times."""

    model_name = "repeating"
    context_tokens = 100_000

    def __init__(self, times: int) -> None:
        self.left = times

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        check_sequence(request.messages)
        if self.left == 0:
            yield TextDelta("enough")
            yield Finished("stop")
            return
        self.left -= 1
        call = ToolCall("call_0", "note", '{"text":"once"}')
        yield ToolCallsReady((call, call))
        yield Finished("tool_calls")


async def test_a_repeated_call_id_runs_once(bench: Bench) -> None:
    seen = await steps_of(turn(RepeatingModel(3), bench.tools))
    assert bench.ran == [("call_0", "once")]
    assert len([step for step in seen if isinstance(step, ToolAsked)]) == 1
    assert end_of(seen) == Ended(DONE)


async def test_a_model_that_repeats_a_call_for_ever_is_ended(bench: Bench) -> None:
    seen = await steps_of(turn(RepeatingModel(10_000), bench.tools))
    assert bench.ran == [("call_0", "once")]
    assert end_of(seen).outcome is FAILED


async def test_a_call_that_ran_before_a_takeover_does_not_run_again(bench: Bench) -> None:
    before = TakenOver(steps=1, results={"call_0": ToolResult(ok=True, text="noted before")})
    seen = await steps_of(turn(RepeatingModel(1), bench.tools, taken_over=before))
    assert bench.ran == []
    assert end_of(seen) == Ended(DONE)


async def test_sixteen_tool_calls_run_and_the_next_ends_the_turn_with_a_reason(bench: Bench) -> None:
    model = ScriptedModel([[Call("note", {"text": str(number)})] for number in range(20)])
    seen = await steps_of(turn(model, bench.tools))
    assert len(bench.ran) == 16
    assert end_of(seen).outcome is FAILED
    assert "16" in end_of(seen).reason
    assert len(model.requests) == 17


async def test_calls_of_one_answer_beyond_the_limit_do_not_run(bench: Bench) -> None:
    model = ScriptedModel([[Say("all of them"), *(Call("note", {"text": str(number)}) for number in range(5))]])
    seen = await steps_of(turn(model, bench.tools, limits=TurnLimits(tool_steps=3)))
    assert len(bench.ran) == 3
    assert end_of(seen).outcome is INTERRUPTED


async def test_an_unknown_tool_and_bad_arguments_are_told_to_the_model(bench: Bench) -> None:
    model = ScriptedModel([[Call("no such tool", {})], [Call("note", {"text": 5})], [Say("sorry")]])
    seen = await steps_of(turn(model, bench.tools))
    results = [step.result for step in seen if isinstance(step, ToolDone)]
    assert [result.code for result in results] == ["unknown_tool", "bad_arguments"]
    assert bench.ran == []
    assert model.requests[1].messages[-1].has_failed
    assert model.requests[1].messages[-2].tool_calls[0].name == "no_such_tool"
    assert end_of(seen) == Ended(DONE)


async def test_a_room_without_tools_answers_a_call_in_words() -> None:
    model = ScriptedModel([[Call("note", {})], [Say("oh")]])
    seen = await steps_of(turn(model))
    assert [step.result.code for step in seen if isinstance(step, ToolDone)] == ["unknown_tool"]
    assert end_of(seen) == Ended(DONE)


async def test_a_broken_call_never_runs_never_enters_the_history_and_is_asked_for_once_more(bench: Bench) -> None:
    model = ScriptedModel(
        [
            [Say("I note it."), RawToolCall("note", '{"text": "POISON')],
            [Call("note", {"text": "whole"})],
            [Say("Done.")],
        ]
    )
    seen = await steps_of(turn(model, bench.tools))
    assert [text for _, text in bench.ran] == ["whole"]
    for request in model.requests:
        check_sequence(request.messages)
        assert "POISON" not in repr(request)
    assert words(seen) == "I note it.\n\nDone."
    assert end_of(seen) == Ended(DONE)


async def test_a_call_broken_twice_is_said_in_the_room(bench: Bench) -> None:
    model = ScriptedModel([[RawToolCall("note", "{")], [RawToolCall("note", "[]")]])
    seen = await steps_of(turn(model, bench.tools))
    assert bench.ran == []
    assert end_of(seen).outcome is FAILED
    assert "note" in end_of(seen).reason
    assert "not a JSON object" in end_of(seen).reason


class UnfinishedCalls:
    """Names whole calls, but does not say that it finished by calling tools."""

    model_name = "unfinished"
    context_tokens = 100_000

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        check_sequence(request.messages)
        yield ToolCallsReady((ToolCall("1", "note", "{}"),))
        yield Finished("length")


async def test_a_call_runs_only_if_the_provider_says_that_it_finished_with_calls(bench: Bench) -> None:
    seen = await steps_of(turn(UnfinishedCalls(), bench.tools))
    assert bench.ran == []
    assert end_of(seen).outcome is FAILED


@pytest.mark.parametrize(
    ("script", "outcome", "kept"),
    [
        ([Fail("unavailable")], FAILED, ""),
        ([Fail("rejected")], FAILED, ""),
        ([Fail("broke")], FAILED, ""),
        ([Fail("stalled")], FAILED, ""),
        ([Say("half an"), Fail("unavailable")], INTERRUPTED, "half an"),
        ([Say("half an"), Fail("broke")], INTERRUPTED, "half an"),
        ([Say("half an"), Fail("stalled")], INTERRUPTED, "half an"),
        ([Say("half an"), CutOff()], INTERRUPTED, "half an"),
        ([Say("half an"), CutOff("length")], INTERRUPTED, "half an"),
        ([CutOff()], INTERRUPTED, ""),
        ([], FAILED, ""),
        ([Think("only thoughts")], FAILED, ""),
        ([RawToolCall("note", "{"), CutOff()], INTERRUPTED, ""),
    ],
)
async def test_every_way_to_fail_ends_once_with_a_reason_and_keeps_the_words(
    bench: Bench, script: list[Step], outcome: TurnOutcome, kept: str
) -> None:
    model = ScriptedModel([script])
    seen = await steps_of(turn(model, bench.tools))
    assert words(seen) == kept
    assert end_of(seen).outcome is outcome
    assert end_of(seen).reason.endswith(".")
    assert model.open_streams == 0
    assert bench.ran == []


async def test_a_failure_after_a_tool_ends_the_turn_with_what_it_had_said(bench: Bench) -> None:
    model = ScriptedModel([[Say("First."), Call("note", {"text": "x"})], [Fail("unavailable")]])
    seen = await steps_of(turn(model, bench.tools))
    assert end_of(seen).outcome is INTERRUPTED
    assert words(seen) == "First."
    assert len(bench.ran) == 1


@pytest.mark.parametrize(
    ("script", "limits", "outcome"),
    [
        ([Stall(60)], TurnLimits(first_token_s=0.02), FAILED),
        ([Say("a"), Stall(60)], TurnLimits(progress_s=0.02), INTERRUPTED),
        ([Stall(60)], TurnLimits(turn_s=0.02), FAILED),
        ([Say("a"), Stall(60)], TurnLimits(turn_s=0.02), INTERRUPTED),
    ],
)
async def test_silence_ends_the_turn_by_its_deadline(
    script: list[Step], limits: TurnLimits, outcome: TurnOutcome
) -> None:
    model = ScriptedModel([script])
    seen = await steps_of(turn(model, limits=limits))
    assert end_of(seen).outcome is outcome
    assert "seconds" in end_of(seen).reason
    assert model.open_streams == 0


async def test_a_tool_that_outlasts_the_turn_is_ended_and_told_as_unknown(bench: Bench) -> None:
    bench.hangs = asyncio.Event()
    model = ScriptedModel([[Call("note", {"text": "x"})]])
    seen = await steps_of(turn(model, bench.tools, limits=TurnLimits(turn_s=0.05)))
    done = [step for step in seen if isinstance(step, ToolDone)]
    assert [step.result.ok for step in done] == [False]
    assert "unknown" in done[0].result.text
    assert end_of(seen).outcome is FAILED


async def test_the_deadline_holds_for_a_model_that_never_stops_calling(bench: Bench) -> None:
    now = 0.0

    def clock() -> float:
        return now

    model = ScriptedModel([[Call("note", {"text": str(number)})] for number in range(20)])
    seen: list[TurnStep] = []
    async with aclosing(turn(model, bench.tools, clock=clock)) as steps:
        async for step in steps:
            seen.append(step)
            now += 40  # a slow reader's time counts for the turn
    assert end_of(seen).outcome is FAILED
    assert "300 seconds" in end_of(seen).reason
    assert len(bench.ran) < 5


async def test_an_endless_answer_is_cut_at_the_rooms_limit() -> None:
    model = ScriptedModel([[Say("x" * 500, pieces=100)]])
    seen = await steps_of(turn(model, limits=TurnLimits(answer_characters=42)))
    assert words(seen) == "x" * 42
    assert end_of(seen).outcome is INTERRUPTED
    assert model.open_streams == 0


async def test_stopping_closes_the_providers_connection_and_the_tool(bench: Bench) -> None:
    model = ScriptedModel([[Say("a"), Stall(asyncio.Event())]])
    async with aclosing(turn(model)) as steps:
        assert [await anext(steps) for _ in range(3)][2] == Wrote("a")
        assert model.open_streams == 1
    assert model.open_streams == 0

    bench.hangs = asyncio.Event()
    model = ScriptedModel([[Call("note", {"text": "x"})]])
    seen: list[TurnStep] = []

    async def read() -> None:
        async with aclosing(turn(model, bench.tools)) as steps:
            async for step in steps:
                seen.append(step)  # noqa: PERF401 - what came before the cancellation is what is looked at

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await read()
    assert bench.ran
    assert not [step for step in seen if isinstance(step, Ended | ToolDone)]


async def test_usage_is_added_up_and_estimated_when_the_provider_gives_none(bench: Bench) -> None:
    model = ScriptedModel([[Call("note", {}), Usage(100, 0, 10)], [Say("some words here")]])
    seen = await steps_of(turn(model, bench.tools))
    used = [step.usage for step in seen if isinstance(step, Used)]
    assert [(usage.tokens_in > 100, usage.is_estimated) for usage in used] == [(False, False), (True, True)]
    assert used[-1].tokens_out == 10 + COUNTER.count("some words here")
    seen = await steps_of(turn(ScriptedModel([[Fail("rejected")]])))
    assert [step for step in seen if isinstance(step, Used)] == []


async def test_results_that_overflow_the_models_context_are_left_out_oldest_first(bench: Bench) -> None:
    bench.answer = "word " * 3000
    prompt = a_prompt(bench.tools)
    model = ScriptedModel(
        [*([Call("note", {"text": str(number)})] for number in range(5)), [Say("ok")]],
        context_tokens=prompt.tokens + 12_000,
    )
    assert end_of(await steps_of(turn(model, bench.tools, prompt=prompt))) == Ended(DONE)
    results = [message.content for message in model.requests[-1].messages if message.role == "tool"]
    assert results[0].startswith("[left out")
    assert "word" in results[-1]
    for request in model.requests:
        check_sequence(request.messages)


async def play(book: Playbook, model: ScriptedModel, bench: Bench, text: str) -> Ended:
    """Run a whole turn as the seat does: the room's own log gets each step, and the prompt comes from that log."""
    turn_id = asked(book, text)
    prompt = prompt_of(book, tools=definitions_of(bench.tools.registry))
    seen: list[TurnStep] = []
    async with aclosing(turn(model, bench.tools, prompt=prompt)) as steps:
        async for step in steps:
            seen.append(step)
            match step:
                case ToolAsked(call):
                    calls(book, turn_id, call.id, name=call.name, arguments=call.arguments)
                case ToolStarting(call):
                    starts(book, turn_id, call.id)
                case ToolDone(call, result):
                    finishes(book, turn_id, call.id, result.text, is_ok=result.ok, code=result.code)
                case Ended(outcome):
                    ends(book, turn_id, words(seen), outcome)
                case _:
                    pass  # signals
    return end_of(seen)


POISONS: list[list[list[Step]]] = [
    [[RawToolCall("note", '{"text": "POISON')], [RawToolCall("note", "POISON")]],
    [[Say("half"), RawToolCall("note", '{"text": "POISON'), CutOff()]],
    [[Call("a bad name! POISON" * 9, {})], [Fail("broke")]],
    [
        [Call("note", {"text": "x"}, id="same")],
        [Call("note", {"text": "x"}, id="same")],
        [Say("half"), CutOff("length")],
    ],
]


@pytest.mark.parametrize("poison", POISONS)
async def test_a_poisoned_turn_does_not_poison_the_next(bench: Bench, poison: list[list[Step]]) -> None:
    book = scene()
    sick = ScriptedModel(poison)
    assert (await play(book, sick, bench, "first")).outcome in {FAILED, INTERRUPTED}
    healthy = ScriptedModel([[Call("note", {"text": "well"}, id="same")], [Say("well")]])
    assert await play(book, healthy, bench, "second") == Ended(DONE)
    for request in (*sick.requests, *healthy.requests):
        check_sequence(request.messages)
        for message in request.messages:
            for call in message.tool_calls:
                assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call.name)
                assert isinstance(json.loads(call.arguments), dict)
                assert "POISON" not in call.arguments


async def test_what_the_model_was_asked_last_begins_what_it_is_asked_in_the_next_turn(bench: Bench) -> None:
    book = scene()
    model = ScriptedModel(
        [
            [Call("note", {"text": "a"}), Call("note", {"text": "b"})],
            [Call("note", {"text": "c" * 9000})],
            [Say("Noted.")],
            [Say("Gladly.")],
        ]
    )
    bench.answer = "long output \n" * 6000
    await play(book, model, bench, "note it")
    await play(book, model, bench, "thank you")
    before, after = model.requests[2].messages, model.requests[3].messages
    assert after[: len(before)] == before
    assert after[len(before)].content == "Noted."


async def test_what_is_said_to_a_running_turn_is_told_at_its_next_step_once(bench: Bench) -> None:
    model = ScriptedModel([[Call("note", {})], [Call("note", {})], [Say("Well.")]])
    waiting = [PromptMessage(role="user", content="rather in French")]

    def steering() -> Sequence[PromptMessage]:
        if len(model.requests) != 1:
            return ()
        return [waiting.pop()]

    await steps_of(turn(model, bench.tools, steering=steering))
    assert [request.messages[-1].content == "rather in French" for request in model.requests] == [False, True, False]
    assert sum(message.content == "rather in French" for message in model.requests[2].messages) == 1


async def test_cards_and_a_form_are_an_answer_without_words() -> None:
    card = Card(title="Rice", url="https://example.com/rice")
    form = Form(questions=(Question(id="q", text="For how many?"),))

    class Site:
        model_name = "site"
        context_tokens = 8_000

        async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
            assert request.conversation is not None
            yield Tainted(Taint.NLWEB)
            yield StatusSaid("searching")
            yield CardsFound((card,))
            yield FormAsked(form)
            yield Finished("stop")

    seen = await steps_of(turn(Site()))
    assert [step for step in seen if not isinstance(step, Used)] == [
        FoundTaint(Taint.NLWEB),
        ToldStatus("searching"),
        FoundCards((card,)),
        GaveForm(form),
        Ended(DONE),
    ]


async def test_a_model_that_failed_is_not_asked_again_in_the_same_turn(bench: Bench) -> None:
    dead = ScriptedModel([[Fail("rejected")]], model_name="dead")
    alive = ScriptedModel([[Call("note", {})], [Say("Here.")]], model_name="alive")
    chain = Failover([dead, alive], first_token_s=5, progress_s=5, clock=time.monotonic)
    seen = await steps_of(turn(chain, bench.tools))
    assert [(step.previous, step.model) for step in seen if isinstance(step, Switched)] == [("dead", "alive")]
    assert (words(seen), end_of(seen).outcome, len(dead.requests)) == ("Here.", DONE, 1)


async def test_what_a_model_that_failed_had_used_and_thought_is_its_own(bench: Bench) -> None:
    dead = ChunkModel([ThinkingDelta("a wrong thought"), Usage(50, 0, 7), ModelBroke("garbage")], model_name="dead")
    asks = ToolCallsReady((ToolCall("call_1", "note", "{}"),))
    alive = ChunkModel(
        [ThinkingDelta("a right one"), asks, Usage(60, 0, 8), Finished("tool_calls")],
        [TextDelta("Here."), Usage(70, 0, 9), Finished("stop")],
        model_name="alive",
    )
    chain = Failover([dead, alive], first_token_s=5, progress_s=5, clock=time.monotonic)
    async with aclosing(turn(chain, bench.tools)) as steps:
        seen = [step async for step in steps]
    assert [step for step in seen if isinstance(step, CallUsed)] == [
        CallUsed(Usage(50, 0, 7), "dead", is_estimated=False, is_last=False),
        CallUsed(Usage(60, 0, 8), "alive", is_estimated=False),
        CallUsed(Usage(70, 0, 9), "alive", is_estimated=False),
    ]
    total = [step.usage for step in seen if isinstance(step, Used)][-1]
    assert (total.tokens_in, total.tokens_out, total.calls, total.is_estimated) == (180, 24, 3, False)
    assert [message.thinking for message in alive.requests[1].messages if message.tool_calls] == ["a right one"]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([ModelUnavailable("away")], [CallNotMade()]),
        ([ModelRejected("wrong key")], [CallNotMade()]),
        ([PromptTooLong("too long")], [CallNotMade()]),
        ([ModelUnavailable("lost", was_read=True)], []),
        ([ModelStalled("first", 5)], []),
        ([Usage(50, 0, 0), ModelUnavailable("away")], [CallUsed(Usage(50, 0, 0), "chunks", is_estimated=False)]),
    ],
)
async def test_a_call_that_was_never_made_is_told_from_one_that_was(
    moments: list[Moment], expected: list[TurnStep]
) -> None:
    async with aclosing(turn(ChunkModel(moments))) as steps:
        seen = [step async for step in steps]
    assert [step for step in seen if isinstance(step, CallUsed | CallNotMade)] == expected


@pytest.mark.parametrize("usage", [Usage(10**25, 0, 5), Usage(32_769, 0, 5), Usage(5, 0, 32_769), Usage(-1, 0, 5)])
async def test_figures_that_cannot_be_are_replaced_by_our_own(usage: Usage) -> None:
    prompt = a_prompt()
    async with aclosing(turn(ChunkModel([TextDelta("Well."), usage, Finished("stop")]), prompt=prompt)) as steps:
        [used] = [step async for step in steps if isinstance(step, CallUsed)]
    assert used == CallUsed(Usage(prompt.tokens, 0, COUNTER.count("Well.")), "chunks", is_estimated=True)


async def test_each_try_that_may_have_cost_the_prompt_is_counted() -> None:
    prompt = a_prompt()
    model = ChunkModel([AskedInVain("again"), AskedInVain("again"), TextDelta("Well."), Usage(50, 0, 2)])
    async with aclosing(turn(model, prompt=prompt)) as steps:
        seen = [step async for step in steps]
    in_vain = CallUsed(Usage(prompt.tokens, 0, 0), "chunks", is_estimated=True, is_last=False)
    last = CallUsed(Usage(50, 0, 2), "chunks", is_estimated=False)
    assert [step for step in seen if isinstance(step, CallUsed)] == [in_vain, in_vain, last]
    [total] = [step.usage for step in seen if isinstance(step, Used)]
    assert (total.tokens_in, total.calls, total.is_estimated) == (2 * prompt.tokens + 50, 3, True)


async def test_a_model_of_a_chain_that_read_the_prompt_and_failed_is_counted_when_another_takes_over() -> None:
    prompt = a_prompt()
    dead = ChunkModel([ModelUnavailable("lost", was_read=True)], model_name="dead")
    refused = ChunkModel([ModelUnavailable("refused")], model_name="refused")
    alive = ChunkModel([TextDelta("Well."), Usage(50, 0, 2)], model_name="alive")
    chain = Failover([dead, refused, alive], first_token_s=5, progress_s=5, clock=time.monotonic)
    async with aclosing(turn(chain, prompt=prompt)) as steps:
        used = [step async for step in steps if isinstance(step, CallUsed)]
    assert [(step.model, step.usage.tokens_in, step.is_last) for step in used] == [
        ("dead", prompt.tokens, False),
        ("alive", 50, True),
    ]


async def test_a_prompt_that_the_provider_calls_too_long_is_asked_once_more_at_three_fifths(bench: Bench) -> None:
    asks = ToolCallsReady((ToolCall("call_1", "note", "{}"),))
    too_long = PromptTooLong("The conversation is too long.")
    model = ChunkModel([asks, Finished("tool_calls")], [too_long], [TextDelta("Well.")])
    long, short, wanted = a_prompt(bench.tools, "please " * 400), a_prompt(bench.tools), list[int]()

    async def shorter(tokens: int) -> Prompt:
        wanted.append(tokens)
        return short

    async with aclosing(turn(model, bench.tools, prompt=long, shorter=shorter)) as steps:
        seen = [step async for step in steps]
    assert end_of(seen) == Ended(DONE)
    assert wanted == [int(long.tokens * 0.6)]
    assert model.requests[2].messages[: len(short.messages)] == short.messages
    # What the turn's tools have said stays.
    assert model.requests[2].messages[len(short.messages) :] == model.requests[1].messages[len(long.messages) :]
    asked = [step.tokens_in for step in seen if isinstance(step, ModelAsked)]
    assert asked[1] - asked[2] == long.tokens - short.tokens
    assert [type(step) for step in seen if isinstance(step, CallUsed | CallNotMade)] == [
        CallUsed,
        CallNotMade,
        CallUsed,
    ]


async def test_a_prompt_that_is_too_long_twice_ends_the_turn_and_the_sentence_is_the_providers() -> None:
    model = ChunkModel([PromptTooLong("The conversation is too long.")])

    async def shorter(_: int) -> Prompt:
        return a_prompt()

    seen = await steps_of(turn(model, shorter=shorter))
    assert end_of(seen) == Ended(TurnOutcome.FAILED, "The conversation is too long.")
    assert len(model.requests) == 2


async def test_results_of_a_turn_that_was_too_long_are_left_out_until_it_fits(bench: Bench) -> None:
    bench.answer = "a long result " * 2_000
    asks = [ToolCallsReady((ToolCall(f"call_{number}", "note", "{}"),)) for number in range(2)]
    scripts: list[list[Moment]] = [[ask, Finished("tool_calls")] for ask in asks]
    model = ChunkModel(*scripts, [PromptTooLong("too long")], [TextDelta("Well.")], context_tokens=100_000)

    async def shorter(_: int) -> Prompt:
        return a_prompt(bench.tools)

    async with aclosing(turn(model, bench.tools, shorter=shorter)) as steps:
        asked = [step.tokens_in async for step in steps if isinstance(step, ModelAsked)]
    assert asked[3] <= 0.6 * asked[2]
    assert model.told("a long result", request=2) == 2
    assert model.told("a long result", request=3) == 1


async def test_an_answer_is_limited_to_what_the_model_can_hold_beside_the_prompt() -> None:
    prompt = a_prompt(text="word " * 400)
    model = ChunkModel([TextDelta("Well.")], context_tokens=prompt.tokens + 700)
    await steps_of(turn(model, prompt=prompt, max_output_tokens=4_096))
    assert model.requests[0].max_tokens == 700


async def test_our_own_mistakes_rise(bench: Bench) -> None:
    async def breaks(_: Note, __: ToolCallContext) -> ToolResult:
        raise AssertionError("ours")

    registry = ToolRegistry([Tool("note", "", Note, ToolClass.WRITE, breaks)])
    model = ScriptedModel([[Call("note", {})]])
    with pytest.raises(AssertionError, match="ours"):
        await steps_of(turn(model, replace(bench.tools, registry=registry)))
    assert model.open_streams == 0


async def no_delay(_: float) -> None:
    return


async def test_the_demo_lists_reads_and_writes_files_with_the_real_tools(bench: Bench) -> None:
    tools = TurnTools(build_tools(None), bench.context)
    model = PlainResults(DemoModel(sleep=no_delay))

    async def ask(text: str) -> str:
        seen = await steps_of(turn(model, tools, prompt=a_prompt(tools, text)))
        assert end_of(seen) == Ended(DONE)
        assert [step.result.ok for step in seen if isinstance(step, ToolDone)] == [True]
        return words(seen)

    await ask("write notes.md: remember the milk")
    listed = await ask("list the files")
    assert "notes.md" in listed
    assert "[result" not in listed
    assert "remember the milk" in await ask("read notes.md")
    assert "notes.md" in await ask("列出文件")
