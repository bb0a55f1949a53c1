"""The scripted model: each step does what it says, in the words of the port."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from multiplayer.models.port import (
    BrokenToolCall,
    ChatRequest,
    Chunk,
    Finished,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelStalled,
    ModelUnavailable,
    PromptMessage,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)
from multiplayer.models.scripted import Call, CutOff, Fail, RawToolCall, Say, ScriptedModel, Stall, Step, Think

HELLO = ChatRequest((PromptMessage("user", "hello"),))


async def play(*steps: Step) -> list[Chunk]:
    chunks = [chunk async for chunk in ScriptedModel([steps]).stream(HELLO)]
    return [chunk for chunk in chunks if not isinstance(chunk, ToolCallGrowing)]


async def test_words_come_in_pieces_and_then_the_answer_stops() -> None:
    assert await play(Think("hm"), Say("abcdef", pieces=3), Usage(3, 1, 2)) == [
        ThinkingDelta("hm"),
        TextDelta("ab"),
        TextDelta("cd"),
        TextDelta("ef"),
        Usage(3, 1, 2),
        Finished("stop"),
    ]


async def test_calls_come_together_at_the_end_and_finish_as_tool_calls() -> None:
    assert await play(Call("f", {"x": 1}), Say("wait"), Call("g", {}, id="mine")) == [
        TextDelta("wait"),
        ToolCallsReady((ToolCall("scripted_1", "f", '{"x": 1}'), ToolCall("mine", "g", "{}"))),
        Finished("tool_calls"),
    ]


async def test_broken_arguments_are_a_broken_call() -> None:
    assert await play(RawToolCall("f", '{"x": ')) == [
        BrokenToolCall("f", "its arguments are not a JSON object"),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize("reason", ["interrupted", "length"])
async def test_a_cut_keeps_the_words_and_breaks_the_calls(reason: str) -> None:
    cut = CutOff() if reason == "interrupted" else CutOff("length")
    chunks = await play(Say("half"), Call("f", {}), cut, Say("never said"))
    assert [type(chunk) for chunk in chunks] == [TextDelta, BrokenToolCall, Finished]
    assert chunks[-1] == Finished(cut.reason)


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        (Fail("unavailable", retry_after_s=3), ModelUnavailable),
        (Fail("rejected"), ModelRejected),
        (Fail("broke"), ModelBroke),
        (Fail("stalled"), ModelStalled),
    ],
)
async def test_it_fails_as_told(step: Fail, failure: type[ModelFailure]) -> None:
    with pytest.raises(failure) as raised:
        await play(step)
    assert str(raised.value).endswith(".")
    assert not isinstance(raised.value, ModelUnavailable) or raised.value.retry_after_s == 3


async def test_a_stall_ends_when_the_test_says_so() -> None:
    event = asyncio.Event()
    async with aclosing(ScriptedModel([[Say("a"), Stall(event), Say("b")]]).stream(HELLO)) as chunks:
        assert await anext(chunks) == TextDelta("a")
        async with asyncio.TaskGroup() as group:
            following = group.create_task(anext(chunks))
            await asyncio.sleep(0)
            assert not following.done()
            event.set()
        assert following.result() == TextDelta("b")


async def test_a_stall_of_seconds_sleeps_with_the_given_sleep() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    model = ScriptedModel([[Stall(2.5), Stall(7)]], sleep=sleep)
    assert [chunk async for chunk in model.stream(HELLO)] == [Finished("stop")]
    assert slept == [2.5, 7]


async def test_each_request_plays_the_next_script_and_is_kept() -> None:
    scripts: Sequence[Sequence[Step]] = [[Say("one")], [Say("two")]]
    model = ScriptedModel(scripts)
    again = ChatRequest((PromptMessage("user", "again"),))
    for request in (HELLO, again):
        _ = [chunk async for chunk in model.stream(request)]
    assert model.requests == [HELLO, again]
    with pytest.raises(AssertionError, match="request 3, but only 2 scripts"):
        await anext(model.stream(HELLO))


async def test_a_reader_that_leaves_is_noticed() -> None:
    model = ScriptedModel([[Say("a"), Stall(asyncio.Event())]])
    async with aclosing(model.stream(HELLO)) as chunks:
        await anext(chunks)
        assert model.open_streams == 1
    assert model.open_streams == 0
