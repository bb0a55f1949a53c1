"""Retries: at most three tries, never after a word; the circuit keeps a failing provider from being hammered."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from multiplayer.models.deadlines import PauseSaid, with_progress_deadline
from multiplayer.models.port import (
    AskedInVain,
    ChatRequest,
    Chunk,
    Finished,
    ModelBroke,
    ModelFailure,
    ModelUnavailable,
    PromptMessage,
    TextDelta,
)
from multiplayer.models.retry import OPEN_S, Retrying, parse_retry_after
from multiplayer.models.scripted import Fail, Say, ScriptedModel, Stall, Step
from tests.support.chunk_model import ChunkModel

HELLO = ChatRequest((PromptMessage("user", "hello"),))
DOWN = [Fail("unavailable")]


class Bench:
    """A retrying model over scripts; its pauses are kept, and move its clock instead of waiting."""

    def __init__(self, *scripts: Sequence[Step], jitter: float = 0.5) -> None:
        self.pauses: list[float] = []
        self.now_s = 1000.0
        self.model = ScriptedModel(scripts, sleep=self.pause)
        self.retrying = Retrying(self.model, sleep=self.pause, clock=lambda: self.now_s, jitter=lambda: jitter)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds

    async def ask(self) -> list[Chunk]:
        return [chunk async for chunk in self.retrying.stream(HELLO)]

    async def fails(self) -> ModelFailure:
        with pytest.raises(ModelFailure) as failure:
            await self.ask()
        return failure.value

    @property
    def tries(self) -> int:
        return len(self.model.requests)


async def test_two_failures_then_an_answer_is_an_answer_after_growing_pauses() -> None:
    bench = Bench(DOWN, DOWN, [Say("hi")])
    assert await bench.ask() == [TextDelta("hi"), Finished("stop")]
    assert bench.pauses == [0.5, 1.0]


async def test_three_tries_are_all() -> None:
    bench = Bench(DOWN, DOWN, DOWN)
    assert isinstance(await bench.fails(), ModelUnavailable)
    assert bench.tries == 3


async def test_pauses_are_spread_by_jitter() -> None:
    assert [Bench(jitter=jitter).retrying._pause_s(ModelUnavailable("x"), 1) for jitter in (0.0, 0.99)] == [0.25, 0.745]


async def test_after_the_first_word_a_failure_rises_and_nothing_is_said_twice() -> None:
    bench = Bench([Say("half"), Fail("unavailable")])
    heard: list[Chunk] = []

    async def listen() -> None:
        async for chunk in bench.retrying.stream(HELLO):
            heard.append(chunk)  # noqa: PERF401 - what came before the exception is the point

    with pytest.raises(ModelUnavailable):
        await listen()
    assert heard == [TextDelta("half")]
    assert bench.tries == 1


async def test_what_a_provider_asks_for_is_honoured_up_to_thirty_seconds() -> None:
    bench = Bench([Fail("unavailable", retry_after_s=7)], [Fail("unavailable", retry_after_s=30)], [Say("hi")])
    await bench.ask()
    assert bench.pauses == [7.5, 30]


async def test_a_pause_that_the_provider_asks_for_is_announced_and_our_own_short_ones_are_not() -> None:
    bench = Bench([Fail("unavailable", retry_after_s=7)], DOWN, [Say("hi")])
    assert await bench.ask() == [
        PauseSaid("The AI provider is busy; it asks to wait 8 s.", 7.5),
        TextDelta("hi"),
        Finished("stop"),
    ]
    assert bench.pauses == [7.5, 1.0]


async def test_a_long_wait_that_is_honoured_does_not_end_as_a_stalled_answer() -> None:
    bench = Bench(
        [Fail("unavailable", retry_after_s=29)],
        [Stall(5), Fail("unavailable", retry_after_s=29)],
        [Stall(20), Say("hi")],
    )
    stream = with_progress_deadline(bench.retrying.stream(HELLO), 30, 20, lambda: bench.now_s)
    chunks = [chunk async for chunk in stream]
    assert [type(chunk) for chunk in chunks] == [PauseSaid, PauseSaid, TextDelta, Finished]
    assert bench.now_s == 1000 + 29.5 + 5 + 29.5 + 20


async def test_a_longer_wait_is_not_waited_for() -> None:
    bench = Bench([Fail("unavailable", retry_after_s=31)])
    failure = await bench.fails()
    assert isinstance(failure, ModelUnavailable)
    assert failure.retry_after_s == 31
    assert (bench.tries, bench.pauses) == (1, [])


@pytest.mark.parametrize("failure", [Fail("rejected"), Fail("broke"), Fail("stalled")], ids=lambda fail: fail.kind)
async def test_only_an_unavailable_provider_is_asked_again(failure: Fail) -> None:
    bench = Bench([failure])
    assert not isinstance(await bench.fails(), ModelUnavailable)
    assert bench.tries == 1


async def test_after_five_failures_in_a_row_nobody_asks_for_thirty_seconds_then_one_does() -> None:
    bench = Bench(*[DOWN] * 5, [Stall(0), Say("hi")], [Say("again")])
    await bench.fails()
    await bench.fails()
    assert bench.tries == 5  # the second call's third try found the circuit open
    refused = await bench.fails()
    assert "several times" in str(refused)
    assert bench.tries == 5
    bench.now_s += OPEN_S
    async with aclosing(bench.retrying.stream(HELLO)) as probe:
        assert await anext(probe) == TextDelta("hi")
        await bench.fails()  # only one probe at a time
        assert [chunk async for chunk in probe] == [Finished("stop")]
    assert await bench.ask() == [TextDelta("again"), Finished("stop")]


async def test_a_failed_probe_opens_the_circuit_again() -> None:
    bench = Bench(*[[Fail("broke")]] * 6)
    for _ in range(5):
        await bench.fails()
    bench.now_s += OPEN_S
    assert isinstance(await bench.fails(), ModelBroke)
    assert isinstance(await bench.fails(), ModelUnavailable)
    assert bench.tries == 6


async def test_a_probe_that_is_called_off_leaves_the_way_to_the_next() -> None:
    bench = Bench(*[[Fail("broke")]] * 5, [Say("a"), Say("b")], [Say("c")])
    for _ in range(5):
        await bench.fails()
    bench.now_s += OPEN_S
    async with aclosing(bench.retrying.stream(HELLO)) as probe:
        await anext(probe)
    assert await bench.ask() == [TextDelta("c"), Finished("stop")]


async def test_refusals_and_answers_end_a_row_of_failures() -> None:
    four = [[Fail("broke")]] * 4
    bench = Bench(*four, [Fail("rejected")], *four, [Say("hi")])
    for _ in range(9):
        await bench.fails()
    assert await bench.ask() == [TextDelta("hi"), Finished("stop")]


async def test_a_long_silence_that_somebody_ended_counts_as_a_failure() -> None:
    bench = Bench()

    class ImpatientError(Exception):
        pass

    async def silence(_seconds: float) -> None:
        bench.now_s += 21
        raise ImpatientError

    model = ScriptedModel([[Stall(60)]] * 5 + [[Say("hi")]], sleep=silence)
    bench.retrying = Retrying(model, sleep=bench.pause, clock=lambda: bench.now_s)
    for _ in range(5):
        with pytest.raises(ImpatientError):
            await bench.ask()
    assert isinstance(await bench.fails(), ModelUnavailable)
    assert len(model.requests) == 5


@pytest.mark.parametrize(("first_s", "progress_s", "says"), [(5.0, 20.0, ""), (30.0, 4.0, "Well.")])
async def test_a_stream_that_a_short_deadline_closed_counts_as_a_failure(
    first_s: float, progress_s: float, says: str
) -> None:
    now_s = 1000.0

    class ClosedError(Exception):
        pass

    async def silence(_seconds: float) -> None:
        nonlocal now_s
        now_s += progress_s if says else first_s
        raise ClosedError

    script: list[Step] = [Say(says), Stall(60)] if says else [Stall(60)]
    model = ScriptedModel([script] * 6, sleep=silence)
    retrying = Retrying(model, silence, lambda: now_s, first_token_s=first_s, progress_s=progress_s)
    for _ in range(5):
        with pytest.raises(ClosedError):
            _ = [chunk async for chunk in retrying.stream(HELLO)]
    with pytest.raises(ModelUnavailable):
        _ = [chunk async for chunk in retrying.stream(HELLO)]
    assert len(model.requests) == 5


async def test_a_try_that_may_have_cost_the_prompt_is_told_before_the_next() -> None:
    lost = ModelUnavailable("lost", was_read=True)
    model = ChunkModel([lost], [ModelUnavailable("refused")], [TextDelta("hi")])

    async def no_pause(_: float) -> None:
        return

    retrying = Retrying(model, no_pause, lambda: 0.0)
    chunks = [chunk async for chunk in retrying.stream(HELLO)]
    assert [type(chunk) for chunk in chunks] == [AskedInVain, TextDelta, Finished]


async def test_closing_early_closes_the_model_and_is_no_failure() -> None:
    bench = Bench(*[[Say("a"), Say("b")]] * 6)
    for _ in range(6):
        async with aclosing(bench.retrying.stream(HELLO)) as chunks:
            await anext(chunks)
    assert (bench.tries, bench.model.open_streams) == (6, 0)


async def test_a_reader_that_holds_a_chunk_for_long_is_no_failure_of_the_provider() -> None:
    bench = Bench(*[[Say("a"), Say("b")]] * 6)
    for _ in range(6):
        async with aclosing(bench.retrying.stream(HELLO)) as chunks:
            assert await anext(chunks) == TextDelta("a")
            bench.now_s += 60


async def test_name_and_size_are_those_of_the_model_below() -> None:
    bench = Bench()
    assert (bench.retrying.model_name, bench.retrying.context_tokens) == ("scripted", 32_768)


NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Sat, 21 Nov 2026 12:00:09 GMT", 9.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 14:00:01 +0200", 1.0),
        ("99999", 99999.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
        ("Sat, 99 Nov 2026 12:00:09 GMT", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_anything_else_is_junk(header: str, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds
