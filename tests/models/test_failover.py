"""A chain of models: another one answers as long as nobody has read a word, and each has its own patience."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import pytest

from multiplayer.models.deadlines import PauseSaid
from multiplayer.models.failover import MOST_PAUSE_S, Failover, FailoverTurn, stream_in_time
from multiplayer.models.port import (
    BrokenToolCall,
    CardsFound,
    ChatModel,
    ChatRequest,
    Chunk,
    Finished,
    FormAsked,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelStalled,
    ModelSwitched,
    ModelUnavailable,
    PromptMessage,
    StatusSaid,
    Tainted,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)
from multiplayer.models.retry import Retrying
from multiplayer.models.scripted import Call, CutOff, Fail, RawToolCall, Say, ScriptedModel, Stall, Step, Think
from multiplayer.protocol.cards import Card, Form, Question, Taint

HELLO = ChatRequest((PromptMessage("user", "hello"),))
DOWN = [Fail("unavailable")]
HI = [Say("hi")]


def scripted(name: str, *scripts: Sequence[Step], context_tokens: int = 32_000) -> ScriptedModel:
    return ScriptedModel(scripts, model_name=name, context_tokens=context_tokens)


def chain(
    *models: ChatModel, first_token_s: float = 30, progress_s: float = 20, clock: Callable[[], float] | None = None
) -> Failover:
    clock = clock or asyncio.get_running_loop().time
    return Failover(models, first_token_s=first_token_s, progress_s=progress_s, clock=clock)


async def ask(model: ChatModel) -> list[Chunk]:
    async with asyncio.timeout(10):
        return [chunk async for chunk in model.stream(HELLO)]


async def fails(model: ChatModel) -> tuple[list[Chunk], ModelFailure]:
    heard: list[Chunk] = []

    async def listen() -> None:
        async for chunk in model.stream(HELLO):
            heard.append(chunk)  # noqa: PERF401 - what came before the exception is the point

    with pytest.raises(ModelFailure) as failure:
        await asyncio.wait_for(listen(), 10)
    return heard, failure.value


class Replays:
    """A model that yields the chunks it is given and then fails."""

    def __init__(self, *chunks: Chunk) -> None:
        self._chunks = chunks
        self.requests: list[ChatRequest] = []

    @property
    def model_name(self) -> str:
        return "replay"

    @property
    def context_tokens(self) -> int:
        return 1000

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        for chunk in self._chunks:
            yield chunk
        raise ModelUnavailable("It went away.")


async def test_the_first_answers_and_the_others_are_not_asked() -> None:
    first, second = scripted("a", HI), scripted("b")
    assert await ask(chain(first, second)) == [TextDelta("hi"), Finished("stop")]
    assert second.requests == []


@pytest.mark.parametrize(
    "failure", [Fail("unavailable"), Fail("rejected"), Fail("broke"), Fail("stalled")], ids=lambda fail: fail.kind
)
async def test_when_one_cannot_the_next_answers_the_same_request_and_the_switch_is_said(failure: Fail) -> None:
    second = scripted("b", HI)
    chunks = await ask(chain(scripted("a", [failure]), second))
    (switched, *rest) = chunks
    assert isinstance(switched, ModelSwitched)
    assert (switched.model, switched.previous) == ("b", "a")
    assert switched.reason.startswith("The AI provider")
    assert rest == [TextDelta("hi"), Finished("stop")]
    assert second.requests == [HELLO]


async def test_a_chain_of_three_says_each_switch() -> None:
    chunks = await ask(chain(scripted("a", DOWN), scripted("b", [Fail("rejected")]), scripted("c", HI)))
    switches = [(chunk.previous, chunk.model) for chunk in chunks if isinstance(chunk, ModelSwitched)]
    assert switches == [("a", "b"), ("b", "c")]
    assert chunks[-1] == Finished("stop")


async def test_thinking_that_was_shown_does_not_keep_another_from_answering() -> None:
    chunks = await ask(chain(scripted("a", [Think("hm"), Fail("unavailable")]), scripted("b", HI)))
    assert [type(chunk) for chunk in chunks] == [ThinkingDelta, ModelSwitched, TextDelta, Finished]


async def test_a_call_that_was_growing_is_forgotten_and_another_answers() -> None:
    chunks = await ask(chain(Replays(ToolCallGrowing(5)), scripted("b", HI)))
    assert [type(chunk) for chunk in chunks] == [ToolCallGrowing, ModelSwitched, TextDelta, Finished]


async def test_an_answer_that_ends_before_its_first_word_is_given_by_another() -> None:
    chunks = await ask(chain(scripted("a", [Think("hm"), CutOff()]), scripted("b", HI)))
    assert [type(chunk) for chunk in chunks] == [ThinkingDelta, ModelSwitched, TextDelta, Finished]
    alone = await ask(chain(scripted("a", [Think("hm"), CutOff()])))
    assert alone[-1] == Finished("interrupted")


FORM = Form(questions=(Question(id="q", text="Which?"),))


@pytest.mark.parametrize(
    "visible",
    [
        TextDelta("half"),
        CardsFound((Card(title="A card"),)),
        FormAsked(FORM),
        ToolCallsReady((ToolCall("c", "f", "{}"),)),
        BrokenToolCall("f", "cut"),
    ],
    ids=lambda chunk: type(chunk).__name__,
)
async def test_after_anything_visible_a_failure_rises_and_nobody_else_is_asked(visible: Chunk) -> None:
    second = scripted("b")
    heard, failure = await fails(chain(Replays(visible), second))
    assert heard == [visible]
    assert isinstance(failure, ModelUnavailable)
    assert str(failure) == "It went away."
    assert second.requests == []


@pytest.mark.parametrize(
    "unseen", [StatusSaid("searching"), Tainted(Taint.WEB), Usage(1, 0, 0)], ids=lambda c: type(c).__name__
)
async def test_what_is_no_part_of_the_answer_does_not_hold_the_switch(unseen: Chunk) -> None:
    chunks = await ask(chain(Replays(unseen), scripted("b", HI)))
    assert [type(chunk) for chunk in chunks] == [type(unseen), ModelSwitched, TextDelta, Finished]


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (Fail("unavailable", retry_after_s=9), ModelUnavailable),
        (Fail("rejected"), ModelRejected),
        (Fail("broke"), ModelBroke),
        (Fail("stalled"), ModelStalled),
    ],
    ids=lambda value: value.kind if isinstance(value, Fail) else "",
)
async def test_when_all_fail_the_last_failure_rises_and_names_who_was_asked(
    last: Fail, kind: type[ModelFailure]
) -> None:
    _, failure = await fails(chain(scripted("a", DOWN), scripted("b", DOWN), scripted("c", [last])))
    assert type(failure) is kind
    assert str(failure).startswith("The AI provider")
    assert "a, b had failed before c" in str(failure)
    if isinstance(failure, ModelUnavailable):
        assert failure.retry_after_s == 9


async def test_a_chain_of_one_fails_as_its_model_does() -> None:
    _, failure = await fails(chain(scripted("a", DOWN)))
    assert str(failure) == "The AI provider cannot be reached."
    with pytest.raises(ValueError, match="at least one"):
        chain()


async def test_each_model_has_its_own_patience_and_a_silent_one_is_closed() -> None:
    first = scripted("a", [Stall(asyncio.Event())])
    second = scripted("b", HI)
    chunks = await ask(chain(first, second, first_token_s=0.05))
    assert [type(chunk) for chunk in chunks] == [ModelSwitched, TextDelta, Finished]
    assert isinstance(chunks[0], ModelSwitched)
    assert "did not begin to answer" in chunks[0].reason
    assert first.open_streams == 0


async def test_silence_after_words_stalls_the_whole_chain() -> None:
    first, second = scripted("a", [Say("half"), Stall(asyncio.Event())]), scripted("b")
    heard, failure = await fails(chain(first, second, progress_s=0.05))
    assert heard == [TextDelta("half")]
    assert isinstance(failure, ModelStalled)
    assert second.requests == []


async def test_name_is_the_firsts_and_context_the_smallest() -> None:
    models = chain(scripted("a", context_tokens=64_000), scripted("b", context_tokens=8_000))
    assert (models.model_name, models.context_tokens) == ("a", 8_000)
    assert (models.for_turn().model_name, models.for_turn().context_tokens) == ("a", 8_000)


async def test_within_a_turn_the_next_call_begins_at_the_model_that_answered_and_the_next_turn_at_the_first() -> None:
    first, second = scripted("a", DOWN, HI), scripted("b", [Call("f", {})], HI)
    models = chain(first, second)
    turn = models.for_turn()
    assert isinstance((await ask(turn))[0], ModelSwitched)
    assert (turn.model_name, turn.answering) == ("b", second)
    assert await ask(turn) == [TextDelta("hi"), Finished("stop")]
    assert (len(first.requests), len(second.requests)) == (1, 2)
    assert await ask(models.for_turn()) == [TextDelta("hi"), Finished("stop")]
    assert (len(first.requests), len(second.requests)) == (2, 2)


async def test_a_later_call_of_a_turn_goes_on_down_the_chain_and_never_back() -> None:
    first, second, third = scripted("a", DOWN), scripted("b", HI, DOWN), scripted("c", DOWN)
    turn = chain(first, second, third).for_turn()
    await ask(turn)
    heard, failure = await fails(turn)
    assert [(chunk.previous, chunk.model) for chunk in heard if isinstance(chunk, ModelSwitched)] == [("b", "c")]
    assert "a, b had failed before c" in str(failure)
    assert len(first.requests) == 1


async def test_closing_the_chain_closes_the_model_that_answers() -> None:
    second = scripted("b", [Say("abcd", pieces=4)])
    async with aclosing(chain(scripted("a", DOWN), second).stream(HELLO)) as chunks:
        assert isinstance(await anext(chunks), ModelSwitched)
        assert await anext(chunks) == TextDelta("a")
        assert second.open_streams == 1
    assert second.open_streams == 0


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def pause(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize(("asked_s", "switches"), [(MOST_PAUSE_S - 2, False), (MOST_PAUSE_S + 2, True)])
async def test_a_model_that_asks_for_a_long_pause_is_passed_over_unless_it_is_the_last(
    asked_s: float, switches: bool
) -> None:
    clock = Clock()
    busy = [Fail("unavailable", retry_after_s=asked_s)]
    first = Retrying(scripted("a", busy, HI), clock.pause, clock)
    chunks = await ask(chain(first, scripted("b", HI), clock=clock))
    assert any(isinstance(chunk, ModelSwitched) for chunk in chunks) == switches
    last = Retrying(scripted("a", busy, HI), clock.pause, clock)
    chunks = await ask(chain(last, clock=clock))
    assert [type(chunk) for chunk in chunks] == [PauseSaid, TextDelta, Finished]


async def test_a_broken_call_of_the_first_is_not_mixed_with_the_answer_of_another() -> None:
    chunks = await ask(chain(scripted("a", [RawToolCall("f", "{")]), scripted("b", HI)))
    assert [type(chunk) for chunk in chunks] == [ToolCallGrowing, BrokenToolCall, Finished]


async def test_a_deadline_is_put_around_a_single_model_and_not_around_a_chain_a_second_time() -> None:
    clock = asyncio.get_running_loop().time
    silent = scripted("a", [Stall(asyncio.Event())])
    with pytest.raises(ModelStalled):
        _ = [chunk async for chunk in stream_in_time(silent, HELLO, 0.05, 0.05, clock)]

    def models() -> Failover:
        return chain(scripted("a", [Stall(asyncio.Event())]), scripted("b", HI), first_token_s=0.2)

    for model in (models(), models().for_turn()):
        assert isinstance(model, Failover | FailoverTurn)
        chunks = [chunk async for chunk in stream_in_time(model, HELLO, 0.05, 0.05, clock)]
        assert [type(chunk) for chunk in chunks] == [ModelSwitched, TextDelta, Finished]
