"""Every behaviour of the provider stand-in, one after another, through the whole stack: adapter, retries, deadlines.

Each ends in exactly the way that its row says, in time and in little memory, and the next request on the same client
is answered. The last test fails when the stand-in learns something that has no row here.
"""

import asyncio
import inspect
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from types import ModuleType
from typing import ParamSpec, get_type_hints

import pytest

from multiplayer.models.deadlines import PauseSaid, with_progress_deadline
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible
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
    PromptTooLong,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallsReady,
    Usage,
)
from multiplayer.models.retry import Retrying
from multiplayer.models.sse_reader import SseLimits
from tests.support import provider as plain
from tests.support import provider_floods as floods
from tests.support import provider_oddities as odd
from tests.support.provider import Behaviour, Provider, call, provider

pytestmark = pytest.mark.slow

KEY = "sk-very-secret-0123456789"
HELLO = ChatRequest((PromptMessage("user", "hello"),))
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
WELL = "I am well again."
SHORT_S = 0.3
LONG_S = 20.0
LIMITS = SseLimits(total=4 * 1024 * 1024)
MOST_MEMORY = 12 * 1024 * 1024
"""Twice what the largest thing that is kept, an answer of 4 MiB, was seen to take; what is sent has no end."""

P = ParamSpec("P")


@dataclass(frozen=True)
class Row:
    """What the stand-in does, how often it does it, and what must come of it.

    `ends` is the last chunk's reason, or the failure that rises. A row that `hangs` ends at a short deadline, and the
    connection is closed then.
    """

    factory: str
    behaviour: Behaviour
    ends: str | type[ModelFailure]
    text: str = ""
    says: str = ""
    plays: int = 1
    requests: int = 1
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    broken: tuple[str, ...] = ()
    usage: Usage | None = None
    pauses: tuple[float, ...] = ()
    hangs: bool = False
    hung_up: int = 0

    @property
    def patience_s(self) -> float:
        return SHORT_S if self.hangs else LONG_S


def row(make: Callable[P, Behaviour], *args: P.args, **kwargs: P.kwargs) -> Callable[..., Row]:
    """Begin a row: the behaviour first, then what must come of it."""
    behaviour = make(*args, **kwargs)

    def ends(reason: str | type[ModelFailure], text: str = "", **more: object) -> Row:
        return Row(make.__name__, behaviour, reason, text, **more)  # type: ignore[arg-type]  # the fields of a Row

    return ends


def again(make: Callable[P, Behaviour], *args: P.args, **kwargs: P.kwargs) -> Callable[..., Row]:
    """Begin the row of a behaviour that is played for all three tries, and fails with the pauses between them."""
    begin = row(make, *args, **kwargs)
    return lambda reason, **more: begin(reason, **{"plays": 3, "requests": 3, "pauses": (0.5, 1.0), **more})


TOO_MUCH = "more than an answer can hold"
BOTH = (ToolCall("c1", "f", '{"x": 1}'), ToolCall("c2", "g", '{"y": 2}'))
ONE, TWO = call("f", {"x": 1}, "c1"), call("g", {"y": 2}, "c2")
NOT_JSON = "its arguments are not a JSON object"
NOT_ENDED = "the answer ended before the call was complete"

ABSURD = (
    "1" + "0" * 25,
    "9" * 5_000,
    "100000001",
    "-1",
    "1.5",
    "1e300",
    "1e999",
    "NaN",
    "true",
    "null",
    "[]",
    "{}",
    '"-7"',
    '"a lot"',
    '"' + "9" * 30 + '"',
)

ROWS = [
    # Healthy, or healthy enough.
    row(plain.answers, "你好 👍🏽", thinking="hm", piece=1)("stop", "你好 👍🏽", thinking="hm", usage=Usage(12, 4, 7)),
    row(plain.answers, "long", finish_reason="length")("length", "long", usage=Usage(12, 4, 7)),
    row(plain.answers, "half", finish_reason="content_filter")("interrupted", "half", usage=Usage(12, 4, 7)),
    row(plain.streams, [{"role": "assistant"}, {"content": "a"}, {}, {"content": "b"}])("stop", "ab"),
    row(plain.whole_json, "Whole.", ONE)("tool_calls", "Whole.", calls=BOTH[:1], usage=Usage(9, 0, 3)),
    row(plain.stays_open_after, "All said.")("stop", "All said."),
    row(plain.garbage_lines, "Still here.")("stop", "Still here."),
    row(odd.finish_without_done, "Said.")("stop", "Said."),
    row(odd.nulls_everywhere, "Said.")("stop", "Said."),
    row(odd.usage_in_every_chunk, "abc")("stop", "abc", usage=Usage(5, 0, 3)),
    row(odd.usage_with_cache_hits, "Hi", hit=9, miss=3, tokens_out=2)("stop", "Hi", usage=Usage(12, 9, 2)),
    # Figures of usage that cannot be: they are no figures, and the answer stands.
    *[
        row(odd.odd_usage, "Hi", f'{{"prompt_tokens": {figure}, "completion_tokens": 2}}')("stop", "Hi.")
        for figure in ABSURD
    ],
    *[
        row(odd.odd_usage, "Hi", f'{{"prompt_tokens": 12, "completion_tokens": {figure}}}')("stop", "Hi.")
        for figure in ABSURD
    ],
    *[
        row(
            odd.odd_usage,
            "Hi",
            f'{{"prompt_tokens": 12, "completion_tokens": 2, "prompt_tokens_details": {{"cached_tokens": {figure}}}}}',
        )("stop", "Hi.", usage=Usage(12, 0, 2))
        for figure in ABSURD
    ],
    row(odd.odd_usage, "Hi", '{"prompt_tokens": "12", "completion_tokens": 2.0, "prompt_tokens_details": []}')(
        "stop", "Hi.", usage=Usage(12, 0, 2)
    ),
    row(odd.odd_usage, "Hi", '{"prompt_tokens": 12, "completion_tokens": 2, "prompt_cache_hit_tokens": 13}')(
        "stop", "Hi.", usage=Usage(12, 12, 2)
    ),
    row(odd.odd_usage, "Hi", '"a lot"')("stop", "Hi."),
    row(odd.odd_usage, "Hi", "[12, 2]")("stop", "Hi."),
    row(odd.odd_usage, "Hi", "{}")("stop", "Hi."),
    row(odd.byte_by_byte, "Slowly 你.")("stop", "Slowly 你."),
    row(odd.odd_line_ends, "Lines.")("stop", "Lines."),
    row(odd.words_after_finish, "One", " more")("stop", "One more"),
    row(odd.talks_after_done, "Done.")("stop", "Done."),
    row(odd.wrong_content_type, "Called text.", "text/plain")("stop", "Called text."),
    row(odd.wrong_content_type, "Called bytes.", "application/octet-stream")("stop", "Called bytes."),
    row(odd.wrong_content_type, "Called JSON.", "application/json")(ModelBroke, says="not a chat answer"),
    row(odd.json_after_blanks, "After blanks.")("stop", "After blanks."),
    row(odd.invalid_utf8, "a", "b")("stop", "a\ufffd\ufffd\ufffdb"),
    row(odd.lone_surrogates, ["a\ud83d", "\ude00b\0", "\ude00c\ud83d"])("stop", "a😀b\ufffd\ufffdc"),
    # Silence, and what only looks like life: nothing of it puts the deadline off.
    row(plain.silent_before_headers)(ModelStalled, says="did not begin", hangs=True),
    row(plain.silent_before_first_token)(ModelStalled, says="did not begin", hangs=True),
    row(plain.stalls_after, "So far")(ModelStalled, "So far", says="stopped in the middle", hangs=True),
    row(plain.comments_forever)(ModelStalled, says="did not begin", hangs=True),
    row(plain.comments_forever, "So far")(ModelStalled, "So far", says="stopped in the middle", hangs=True),
    row(floods.empty_chunks_forever)(ModelStalled, says="did not begin", hangs=True),
    row(floods.blank_lines_forever)(ModelStalled, says="did not begin", hangs=True),
    row(floods.slow_headers)(ModelStalled, says="did not begin", hangs=True),
    row(floods.early_hints_forever)(ModelStalled, says="did not begin", hangs=True),
    # Cuts: before a word the provider is asked again, after it never.
    row(plain.cut_after, "He said")("interrupted", "He said"),
    row(plain.cut_after, "")("stop", WELL, requests=2, pauses=(0.5,), usage=Usage(12, 4, 7)),
    again(plain.cut_after, "")(ModelUnavailable, says="connection to the AI provider was lost"),
    row(plain.ends_without_finish, "He said")("interrupted", "He said"),
    again(plain.ends_without_finish, "")(ModelUnavailable, says="before it had begun"),
    row(odd.done_without_finish, "He said")("interrupted", "He said"),
    again(odd.done_without_finish, "")(ModelUnavailable, says="before it had begun"),
    again(odd.json_as_event_stream, "Called a stream.")(ModelUnavailable, says="before it had begun"),
    row(odd.broken_chunk_size, "He said")("interrupted", "He said"),
    again(odd.broken_chunk_size, "")(ModelUnavailable, says="was lost"),
    again(odd.shorter_than_said, "cut")(ModelUnavailable, says="was lost"),
    row(plain.hangs_up_before_answering)("stop", WELL, requests=2, pauses=(0.5,), usage=Usage(12, 4, 7)),
    again(plain.hangs_up_before_answering)(ModelUnavailable, says="without an answer"),
    row(odd.cut_in_head)("stop", WELL, requests=2, pauses=(0.5,), usage=Usage(12, 4, 7)),
    again(odd.cut_in_head)(ModelUnavailable, says="without an answer"),
    # A connection that was kept open and is closed under us costs one more request, and no try.
    row(plain.answers_then_hangs_up, "one")("stop", "one", usage=Usage(12, 4, 7), hung_up=1),
    row(odd.closes_after, "one")("stop", "one"),
    # Tool calls: only whole ones get through, each once.
    row(plain.calls, ONE, TWO)("tool_calls", calls=BOTH, usage=Usage(30, 0, 15)),
    row(plain.calls, call("f", {"x": 1}, None), TWO)(
        "tool_calls", calls=(ToolCall("made_1", "f", '{"x": 1}'), BOTH[1]), usage=Usage(30, 0, 15)
    ),
    row(plain.calls, ONE, call("g", {"y": 2}, "c1"))("tool_calls", calls=BOTH[:1], usage=Usage(30, 0, 15)),
    row(plain.calls, ONE, TWO, finish_reason=None)("interrupted", broken=(NOT_ENDED, NOT_ENDED)),
    row(plain.calls, ONE, finish_reason="stop")("stop", broken=(NOT_ENDED,), usage=Usage(30, 0, 15)),
    row(plain.calls, ONE, finish_reason="length")("length", broken=(NOT_ENDED,), usage=Usage(30, 0, 15)),
    row(plain.calls, call("f", "[1, 2]"))("tool_calls", broken=(NOT_JSON,), usage=Usage(30, 0, 15)),
    row(plain.calls, call("f", '{"x": NaN}'), TWO)("tool_calls", broken=(NOT_JSON,), usage=Usage(30, 0, 15)),
    row(plain.cut_tool_call)("tool_calls", broken=(NOT_JSON,), usage=Usage(30, 0, 15)),
    row(odd.calls_numbered_alike, ONE, TWO)("tool_calls", calls=BOTH),
    row(odd.calls_numbered_alike, ONE, TWO, ONE, index=None)("tool_calls", calls=BOTH),
    row(odd.arguments_as_objects, "c1", "f", {"x": 1})("tool_calls", calls=BOTH[:1]),
    row(floods.endless_arguments, "f")(ModelBroke, says=TOO_MUCH),
    row(floods.endless_calls, "f")(ModelBroke, says=TOO_MUCH),
    # Refusals: a provider that is busy or broken is asked again as it wishes, within reason.
    row(plain.status, 429, retry_after="7")("stop", WELL, requests=2, pauses=(7.5,), usage=Usage(12, 4, 7)),
    row(plain.status, 503, retry_after="Sat, 21 Nov 2026 12:00:05 GMT")(
        "stop", WELL, requests=2, pauses=(5.5,), usage=Usage(12, 4, 7)
    ),
    row(plain.status, 429, retry_after="31")(ModelUnavailable, says="too many requests"),
    row(plain.status, 503, retry_after="Sat, 21 Nov 2026 13:00:00 GMT")(ModelUnavailable, says="status 503"),
    row(plain.status, 429, retry_after="9" * 400)(ModelUnavailable, says="too many requests"),
    row(plain.status, 503, retry_after="Fri, 31 Dec 9999 23:59:59 GMT")(ModelUnavailable, says="status 503"),
    row(plain.status, 429, retry_after="Sat, 99 Nov 99999 99:99:99 GMT")(ModelUnavailable, says="too many requests"),
    row(plain.status, 429, retry_after="soon")(ModelUnavailable, says="too many requests"),
    row(plain.status, 429, retry_after="-1")(ModelUnavailable, says="too many requests"),
    again(plain.status, 500)(ModelUnavailable, says="status 500"),
    again(odd.error_page, 502)(ModelUnavailable, says="status 502"),
    row(plain.status, 400, message=f"bad\n{KEY}")(ModelRejected, says="bad [key]"),
    row(plain.status, 401)(ModelRejected, says="did not accept this server's key"),
    row(plain.status, 402)(ModelRejected, says="no credit left"),
    row(plain.status, 404)(ModelRejected, says="does not know this model"),
    row(plain.status, 413)(PromptTooLong, says="too long"),
    row(plain.status, 400, message="maximum context length is 9 tokens")(PromptTooLong, says="9 tokens"),
    row(plain.status, 204)(ModelBroke, says="status 204"),
    row(odd.error_page, 403)(ModelRejected, says="key"),
    row(odd.packed_error, 400)(ModelRejected, says="status 400"),
    row(floods.error_body_never_comes, 400)(ModelRejected, says="status 400"),
    row(floods.endless_error_body, 422)(ModelRejected, says="status 422"),
    *[
        row(plain.redirects_to, "http://127.0.0.1:9/v1", code)(ModelRejected, says="another address")
        for code in (301, 302, 303, 307, 308)
    ],
    # Errors inside an answer.
    again(odd.error_object, f"overloaded {KEY}")(ModelUnavailable, says="overloaded [key]"),
    again(odd.error_object, None)(ModelUnavailable, says="no reason given"),
    row(plain.error_in_stream, "Then", f"out of order, {KEY}")(ModelBroke, "Then", says="out of order, [key]"),
    again(plain.error_in_stream, "", "out of order")(ModelUnavailable, says="out of order"),
    # Garbage, and more than anybody could hold.
    row(plain.invalid_json)(ModelBroke, says="not a chat answer"),
    row(plain.invalid_json, "A word")(ModelBroke, "A word", says="not a chat answer"),
    row(plain.web_page)(ModelBroke, says="web page"),
    row(odd.not_http)(ModelBroke, says="not HTTP"),
    row(floods.deeply_nested)(ModelBroke, says="not a chat answer"),
    row(plain.huge_delta)(ModelBroke, says=TOO_MUCH),
    row(plain.endless_line)(ModelBroke, says=TOO_MUCH),
    row(plain.gzip_bomb)(ModelBroke, says="compressed"),
    row(floods.endless_event)(ModelBroke, says=TOO_MUCH),
    row(floods.endless_comments)(ModelBroke, says=TOO_MUCH),
    row(floods.endless_headers)(ModelBroke, says="not HTTP"),
    row(floods.whole_json_without_end)(ModelBroke, says=TOO_MUCH),
]


@dataclass(frozen=True)
class Heard:
    """All that came of one request."""

    chunks: list[Chunk]
    failure: ModelFailure | None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks if isinstance(chunk, TextDelta))

    @property
    def thinking(self) -> str:
        return "".join(chunk.text for chunk in self.chunks if isinstance(chunk, ThinkingDelta))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(call for chunk in self.chunks if isinstance(chunk, ToolCallsReady) for call in chunk.calls)

    @property
    def broken(self) -> tuple[str, ...]:
        return tuple(chunk.reason for chunk in self.chunks if isinstance(chunk, BrokenToolCall))

    @property
    def usage(self) -> Usage | None:
        return next((chunk for chunk in self.chunks if isinstance(chunk, Usage)), None)

    @property
    def end(self) -> str | type[ModelFailure]:
        if self.failure is not None:
            return type(self.failure)
        (finished,) = [chunk for chunk in self.chunks if isinstance(chunk, Finished)]
        assert self.chunks[-1] is finished
        return finished.reason


class Stack:
    """The client as compose builds it, with pauses that take no time. They are kept in `pauses`."""

    def __init__(self, peer: Provider, address: str) -> None:
        self.peer = peer
        numbers = count(1)
        self.model = OpenAICompatible(
            Endpoint(address, "stand-in", 64_000),
            KEY,
            now=lambda: NOW,
            make_id=lambda: f"made_{next(numbers)}",
            limits=LIMITS,
            usage_wait_s=0.2,
        )
        self.pauses: list[float] = []
        self._clock = asyncio.get_running_loop().time
        self._retrying = Retrying(self.model, self._pause, self._clock, jitter=lambda: 0.5)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def ask(self, patience_s: float = LONG_S) -> Heard:
        """Ask once; the deadlines are part of the stack, and the one on the whole is the test's own."""
        chunks: list[Chunk] = []
        stream = with_progress_deadline(self._retrying.stream(HELLO), patience_s, patience_s, self._clock)
        try:
            async with asyncio.timeout(patience_s + 10):
                async for chunk in stream:
                    chunks.append(chunk)  # noqa: PERF401 - what came before a failure counts
        except ModelFailure as failure:
            return Heard(chunks, failure)
        return Heard(chunks, None)


@asynccontextmanager
async def connected(suffix: str = "") -> AsyncIterator[Stack]:
    async with provider(plain.answers(WELL)) as peer:
        stack = Stack(peer, peer.base_url + suffix)
        try:
            yield stack
        finally:
            await stack.model.aclose()


def name_of(row: Row) -> str:
    end = row.ends if isinstance(row.ends, str) else row.ends.__name__
    return f"{row.behaviour.name}-{end}"


@pytest.mark.parametrize("row", ROWS, ids=name_of)
async def test_whatever_the_provider_does_ends_as_its_row_says_and_the_next_request_is_answered(row: Row) -> None:
    async with connected() as stack:
        stack.peer.enqueue(*[row.behaviour] * row.plays)
        tracemalloc.start()
        try:
            heard = await stack.ask(row.patience_s)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        said = str(heard.failure or "")
        assert (heard.end, heard.text, heard.thinking) == (row.ends, row.text, row.thinking), said
        assert (heard.calls, heard.broken, heard.usage) == (row.calls, row.broken, row.usage)
        assert row.says in said
        assert KEY not in said
        assert len(stack.peer.requests) == row.requests
        assert tuple(stack.pauses) == row.pauses
        announced = [chunk.pause_s for chunk in heard.chunks if isinstance(chunk, PauseSaid)]
        assert announced == [pause_s for pause_s in row.pauses if pause_s > 1]
        assert peak < MOST_MEMORY
        if row.hangs:
            async with asyncio.timeout(10):
                await stack.peer.requests[-1].closed.wait()
        well = await stack.ask()
        assert (well.end, well.text) == ("stop", WELL)
        assert stack.peer.hung_up == row.hung_up


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
async def test_words_that_are_all_in_time_and_never_end_stop_when_the_reader_does(field: str) -> None:
    async with connected() as stack:
        stack.peer.enqueue(floods.drips_forever(field))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stack.ask(), 0.5)
        async with asyncio.timeout(10):
            await stack.peer.requests[0].closed.wait()
        assert (await stack.ask()).text == WELL


async def test_words_without_end_are_cut_at_the_bound_of_the_whole_and_those_read_were_handed_on() -> None:
    async with connected() as stack:
        stack.peer.enqueue(floods.endless_words("x" * 4000))
        heard = await stack.ask()
        assert heard.end is ModelBroke
        assert TOO_MUCH in str(heard.failure)
        assert LIMITS.total * 0.9 < len(heard.text) < LIMITS.total
        assert set(heard.text) == {"x"}
        assert (await stack.ask()).text == WELL


@pytest.mark.parametrize("suffix", ["", "/"])
async def test_an_address_may_end_with_a_slash(suffix: str) -> None:
    async with connected(suffix) as stack:
        assert (await stack.ask()).text == WELL
        assert stack.peer.requests[0].path == "/v1/chat/completions"


IN_TESTS_OF_THEIR_OWN = {"drips_forever", "endless_words"}


def behaviours_of(module: ModuleType) -> set[str]:
    return {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and get_type_hints(function).get("return") is Behaviour
    }


def test_every_behaviour_of_the_stand_in_has_a_row() -> None:
    known = behaviours_of(plain) | behaviours_of(odd) | behaviours_of(floods)
    assert len(known) > 40
    assert {row.factory for row in ROWS} | IN_TESTS_OF_THEIR_OWN == known
