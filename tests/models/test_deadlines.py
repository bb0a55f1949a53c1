"""Deadlines on token progress: only tokens count, and a late stream is closed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from multiplayer.models.deadlines import PauseSaid, with_progress_deadline
from multiplayer.models.port import (
    CardsFound,
    Chunk,
    Finished,
    FormAsked,
    ModelStalled,
    StatusSaid,
    TextDelta,
    ThinkingDelta,
    ToolCallGrowing,
    Usage,
)
from multiplayer.protocol.cards import Card, Form, Question


class Source:
    """A stream that yields what it is given, moves a clock on before each chunk, and then hangs if asked to."""

    def __init__(self, *steps: tuple[float, Chunk], then_hangs: bool = False) -> None:
        self._steps = steps
        self._then_hangs = then_hangs
        self.now_s = 0.0
        self.is_closed = False

    async def stream(self) -> AsyncGenerator[Chunk, None]:
        try:
            for takes_s, chunk in self._steps:
                self.now_s += takes_s
                yield chunk
            if self._then_hangs:
                await asyncio.Event().wait()
        finally:
            self.is_closed = True

    def guarded(self, first_s: float = 30, progress_s: float = 20) -> AsyncGenerator[Chunk, None]:
        return with_progress_deadline(self.stream(), first_s, progress_s, lambda: self.now_s)


async def test_a_stream_in_time_passes_unchanged() -> None:
    chunks: list[Chunk] = [TextDelta("a"), ThinkingDelta("b"), ToolCallGrowing(3), Usage(1, 0, 1), Finished("stop")]
    source = Source(*[(1.0 if isinstance(chunk, Usage) else 18.0, chunk) for chunk in chunks])
    assert [chunk async for chunk in source.guarded()] == chunks
    assert source.is_closed


async def test_silence_before_the_first_token_stalls_and_closes_the_stream() -> None:
    source = Source(then_hangs=True)
    with pytest.raises(ModelStalled, match="did not begin") as stalled:
        await anext(source.guarded(first_s=0.01))
    assert (stalled.value.phase, stalled.value.waited_s) == ("first", 0.01)
    assert source.is_closed


async def test_silence_in_the_middle_stalls_after_the_words_so_far() -> None:
    source = Source((0, TextDelta("a")), then_hangs=True)
    guarded = source.guarded(progress_s=0.01)
    heard = [await anext(guarded)]
    with pytest.raises(ModelStalled) as stalled:
        await anext(guarded)
    assert heard == [TextDelta("a")]
    assert stalled.value.phase == "progress"
    assert source.is_closed


async def test_the_same_length_for_both_deadlines_still_names_the_right_phase() -> None:
    source = Source((0, TextDelta("a")), (21, TextDelta("")), then_hangs=True)
    with pytest.raises(ModelStalled) as stalled:
        _ = [chunk async for chunk in source.guarded(first_s=20, progress_s=20)]
    assert stalled.value.phase == "progress"


@pytest.mark.parametrize(
    "idle",
    [TextDelta(""), ThinkingDelta(""), ToolCallGrowing(0), Usage(1, 0, 1), StatusSaid("still here"), CardsFound(())],
    ids=repr,
)
async def test_chunks_without_tokens_do_not_put_the_deadline_off(idle: Chunk) -> None:
    source = Source(*[(5.0, idle)] * 100)
    with pytest.raises(ModelStalled):
        _ = [chunk async for chunk in source.guarded(first_s=30)]
    assert source.now_s == 30


async def test_long_tool_arguments_are_progress() -> None:
    source = Source(*[(15.0, ToolCallGrowing(4))] * 10, (1.0, Finished("tool_calls")))
    assert len([chunk async for chunk in source.guarded()]) == 11


@pytest.mark.parametrize(
    "found", [CardsFound((Card(title="A"),)), FormAsked(Form(questions=(Question(id="q", text="?"),)))], ids=repr
)
async def test_cards_and_forms_are_progress(found: Chunk) -> None:
    source = Source(*[(15.0, found)] * 5, (1.0, Finished("stop")))
    assert len([chunk async for chunk in source.guarded()]) == 6


async def test_an_announced_pause_is_not_silence_but_what_comes_after_it_still_counts() -> None:
    pause = PauseSaid("It asks to wait 25 s.", 25)
    source = Source((10, pause), (25 + 19, TextDelta("a")), (1, Finished("stop")))
    assert [chunk async for chunk in source.guarded(first_s=30)][1:] == [TextDelta("a"), Finished("stop")]
    late = Source((10, pause), (25 + 19, TextDelta("")), (2, TextDelta("")), then_hangs=True)
    with pytest.raises(ModelStalled):
        _ = [chunk async for chunk in late.guarded(first_s=30)]
    assert late.now_s == 10 + 25 + 19 + 2


async def test_time_the_reader_takes_is_not_held_against_the_model() -> None:
    source = Source((1, TextDelta("a")), (1, TextDelta("b")))
    async with aclosing(source.guarded()) as chunks:
        assert await anext(chunks) == TextDelta("a")
        source.now_s += 1000
        assert await anext(chunks) == TextDelta("b")


async def test_closing_the_guarded_stream_closes_the_one_below() -> None:
    source = Source((0, TextDelta("a")), then_hangs=True)
    async with aclosing(source.guarded()) as chunks:
        await anext(chunks)
    assert source.is_closed
