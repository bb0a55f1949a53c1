"""The provider adapter against a stand-in that behaves in every way providers have been seen to behave."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import pytest
from pydantic import JsonValue

from multiplayer.models.deadlines import with_progress_deadline
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible, check_address, deepseek
from multiplayer.models.openai_wire import parse_completion
from multiplayer.models.port import (
    BrokenToolCall,
    ChatRequest,
    Chunk,
    Finished,
    ModelBroke,
    ModelRejected,
    ModelStalled,
    ModelUnavailable,
    PromptMessage,
    PromptTooLong,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallGrowing,
    ToolCallsReady,
    ToolDefinition,
    Usage,
)
from multiplayer.models.retry import Retrying
from multiplayer.models.sse_reader import SseLimits
from tests.support import provider as stand_in
from tests.support import provider_oddities
from tests.support.provider import Behaviour, Provider, Reply, provider

pytestmark = pytest.mark.slow

KEY = "sk-very-secret-0123456789"
HELLO = ChatRequest((PromptMessage("user", "hello"),))
IN_TIME_S = 10


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"made_{next(numbers)}"


@asynccontextmanager
async def connected(
    *behaviours: Behaviour, returns_thinking: bool = False, extra: dict[str, JsonValue] | None = None
) -> AsyncIterator[tuple[OpenAICompatible, Provider]]:
    async with provider() as peer:
        peer.enqueue(*behaviours)
        endpoint = Endpoint(peer.base_url, "small-model", 64_000, returns_thinking=returns_thinking, extra=extra)
        now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
        model = OpenAICompatible(endpoint, KEY, now=lambda: now, make_id=numbered(), usage_wait_s=0.2)
        try:
            yield model, peer
        finally:
            await model.aclose()


async def ask(model: OpenAICompatible, request: ChatRequest = HELLO) -> list[Chunk]:
    async with asyncio.timeout(IN_TIME_S):
        return [chunk async for chunk in model.stream(request)]


async def answer_to(behaviour: Behaviour, request: ChatRequest = HELLO) -> list[Chunk]:
    async with connected(behaviour) as (model, _):
        return await ask(model, request)


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


def without_progress(chunks: list[Chunk]) -> list[Chunk]:
    return [chunk for chunk in chunks if not isinstance(chunk, ToolCallGrowing)]


async def heard_before(failure: type[Exception], behaviour: Behaviour) -> tuple[str, str]:
    """Return the words that came before the failure, and its sentence."""
    heard: list[Chunk] = []
    async with connected(behaviour) as (model, _):

        async def listen() -> None:
            async for chunk in model.stream(HELLO):
                heard.append(chunk)  # noqa: PERF401 - what came before the exception is the point

        with pytest.raises(failure) as raised:
            await asyncio.wait_for(listen(), IN_TIME_S)
    return text_of(heard), str(raised.value)


# Healthy answers


async def test_words_thinking_and_usage_come_in_order_and_finished_is_last() -> None:
    chunks = await answer_to(stand_in.answers("Hello Alice", thinking="hm, who?", usage=(12, 4, 7)))
    assert text_of(chunks) == "Hello Alice"
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, ThinkingDelta)) == "hm, who?"
    assert chunks[-2:] == [Usage(12, 4, 7), Finished("stop")]
    assert TextDelta("") not in chunks


async def test_usage_told_before_the_end_and_only_there_is_kept() -> None:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        usage: JsonValue = {"prompt_tokens": 5, "prompt_cache_hit_tokens": 3, "completion_tokens": 2}
        await reply.chunk([{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}], usage=usage)
        await reply.chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None)
        await reply.done()

    assert await answer_to(Behaviour("early_usage", play)) == [TextDelta("Hi"), Usage(5, 3, 2), Finished("stop")]


async def test_the_request_says_what_was_asked_and_the_key_is_in_one_header_only() -> None:
    request = ChatRequest(
        (
            PromptMessage("system", "Be kind."),
            PromptMessage("user", "read it"),
            PromptMessage("assistant", "", (ToolCall("c1", "read_file", '{"path":"a"}'),), thinking="let me see"),
            PromptMessage("tool", "words", tool_call_id="c1"),
        ),
        (ToolDefinition("read_file", "Reads.", {"type": "object"}),),
        max_tokens=99,
        temperature=0.5,
    )
    async with connected() as (model, peer):
        await ask(model, request)
    sent = peer.requests[0]
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.authorization == f"Bearer {KEY}"
    assert sent.headers["accept-encoding"] == "identity"
    assert KEY not in str(sent.body)
    assert KEY not in sent.path
    assert sent.body == {
        "model": "small-model",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "read it"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path":"a"}'}}
                ],
            },
            {"role": "tool", "content": "words", "tool_call_id": "c1"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": "read_file", "description": "Reads.", "parameters": {"type": "object"}},
            }
        ],
        "max_tokens": 99,
        "temperature": 0.5,
    }


async def test_no_request_asks_for_a_longer_answer_than_the_provider_gives() -> None:
    async with provider() as peer:
        model = OpenAICompatible(Endpoint(peer.base_url, "m", 64_000, max_output_tokens=500), KEY)
        for wanted in (499, 501, None):
            await ask(model, ChatRequest((PromptMessage("user", "hello"),), max_tokens=wanted))
        await model.aclose()
    assert [request.body.get("max_tokens") for request in peer.requests] == [499, 500, None]


async def test_a_provider_that_demands_it_gets_the_thinking_back_with_each_tool_call_even_if_empty() -> None:
    call = (ToolCall("c1", "f", "{}"),)
    request = ChatRequest(
        (
            PromptMessage("user", "go"),
            PromptMessage("assistant", "", call, thinking="let me see"),
            PromptMessage("assistant", "", call),
            PromptMessage("assistant", "words", thinking="never sent without a call"),
        )
    )
    async with connected(returns_thinking=True, extra={"top_k": 3}) as (model, peer):
        await ask(model, request)
    assert [message.get("reasoning_content") for message in peer.requests[0].messages] == [None, "let me see", "", None]
    assert peer.requests[0].body["top_k"] == 3


async def test_interleaved_fragments_become_whole_calls_and_count_as_progress() -> None:
    chunks = await answer_to(
        stand_in.calls(
            stand_in.call("write_file", {"path": "a", "content": "你好 🎉"}, "c1"),
            stand_in.call("read_file", {"path": "b"}, "c2"),
            text="One moment.",
            thinking="hm",
        )
    )
    assert without_progress(chunks) == [
        TextDelta("One moment."),
        ThinkingDelta("hm"),
        ToolCallsReady(
            (
                ToolCall("c1", "write_file", '{"path": "a", "content": "\\u4f60\\u597d \\ud83c\\udf89"}'),
                ToolCall("c2", "read_file", '{"path": "b"}'),
            )
        ),
        Usage(30, 0, 15),
        Finished("tool_calls"),
    ]
    assert len([chunk for chunk in chunks if isinstance(chunk, ToolCallGrowing)]) > 10


async def test_missing_ids_are_made_and_a_repeated_call_is_there_once() -> None:
    chunks = await answer_to(
        stand_in.calls(
            stand_in.call("f", {}, None), stand_in.call("g", {"x": 1}, "same"), stand_in.call("g", {"x": 1}, "same")
        )
    )
    assert ToolCallsReady((ToolCall("made_1", "f", "{}"), ToolCall("same", "g", '{"x": 1}'))) in chunks


async def test_an_answer_that_is_not_streamed_is_taken_all_the_same() -> None:
    chunks = await answer_to(stand_in.whole_json("Whole.", stand_in.call("f", {"x": 1}, "c1")))
    assert without_progress(chunks) == [
        TextDelta("Whole."),
        ToolCallsReady((ToolCall("c1", "f", '{"x": 1}'),)),
        Usage(9, 0, 3),
        Finished("tool_calls"),
    ]


async def test_a_surrogate_pair_split_over_two_deltas_is_one_character() -> None:
    chunks = await answer_to(
        stand_in.streams([{"content": "a\ud83d"}, {"content": "\ude00b\0"}, {"content": "\ude00c\ud83d"}])
    )
    assert text_of(chunks) == "a😀b\ufffd\ufffdc"


async def test_the_length_limit_is_reported_and_a_call_cut_by_it_is_broken() -> None:
    assert (await answer_to(stand_in.answers("long", finish_reason="length")))[-1] == Finished("length")
    chunks = await answer_to(stand_in.calls(stand_in.call("f", {"x": 1}), finish_reason="length"))
    assert [type(chunk) for chunk in without_progress(chunks)] == [BrokenToolCall, Usage, Finished]


@pytest.mark.parametrize("reason", ["content_filter", "insufficient_system_resource", "brand_new"])
async def test_an_end_for_another_reason_is_an_interruption(reason: str) -> None:
    chunks = await answer_to(stand_in.answers("half", finish_reason=reason))
    assert (text_of(chunks), chunks[-1]) == ("half", Finished("interrupted"))


async def test_a_finish_reason_of_stop_runs_no_tool() -> None:
    chunks = await answer_to(stand_in.calls(stand_in.call("f", {}), finish_reason="stop"))
    assert not any(isinstance(chunk, ToolCallsReady) for chunk in chunks)
    assert any(isinstance(chunk, BrokenToolCall) for chunk in chunks)


async def test_a_complete_answer_on_a_connection_left_open_ends_anyway() -> None:
    async with connected(stand_in.stays_open_after("All said.")) as (model, peer):
        chunks = await ask(model)
        await asyncio.wait_for(peer.requests[0].closed.wait(), IN_TIME_S)
    assert chunks == [TextDelta("All said."), Finished("stop")]


# Silence


@pytest.mark.parametrize(
    ("behaviour", "phase"),
    [
        (stand_in.silent_before_headers(), "first"),
        (stand_in.silent_before_first_token(), "first"),
        (stand_in.comments_forever(), "first"),
        (stand_in.stalls_after("He"), "progress"),
        (stand_in.comments_forever("He"), "progress"),
    ],
    ids=repr,
)
async def test_silence_ends_at_the_deadline_and_the_connection_is_closed(behaviour: Behaviour, phase: str) -> None:
    async with connected(behaviour) as (model, peer):
        clock = asyncio.get_running_loop().time
        with pytest.raises(ModelStalled) as stalled:
            _ = [c async for c in with_progress_deadline(model.stream(HELLO), 0.3, 0.3, clock)]
        assert stalled.value.phase == phase
        await asyncio.wait_for(peer.requests[0].closed.wait(), IN_TIME_S)


async def test_closing_the_stream_closes_the_connection_at_once() -> None:
    async with connected(stand_in.stalls_after("He")) as (model, peer):
        async with aclosing(model.stream(HELLO)) as chunks:
            assert await anext(chunks) == TextDelta("He")
            assert not peer.requests[0].closed.is_set()
        await asyncio.wait_for(peer.requests[0].closed.wait(), IN_TIME_S)


async def test_cancelling_the_reader_closes_the_connection() -> None:
    async with connected(stand_in.silent_before_headers()) as (model, peer):
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(ask(model))
            await asyncio.wait_for(peer.until_requests(1), IN_TIME_S)
            reader.cancel()
        await asyncio.wait_for(peer.requests[0].closed.wait(), IN_TIME_S)


# Cuts


@pytest.mark.parametrize(
    "behaviour", [stand_in.cut_after("He said"), stand_in.ends_without_finish("He said")], ids=repr
)
async def test_a_cut_after_the_first_word_keeps_the_words_as_interrupted(behaviour: Behaviour) -> None:
    assert await answer_to(behaviour) == [TextDelta("He said"), Finished("interrupted")]


@pytest.mark.parametrize("behaviour", [stand_in.cut_after(""), stand_in.ends_without_finish("")], ids=repr)
async def test_a_cut_before_the_first_word_is_a_provider_to_ask_again(behaviour: Behaviour) -> None:
    words, _ = await heard_before(ModelUnavailable, behaviour)
    assert words == ""


async def test_tool_calls_without_a_finish_reason_are_broken() -> None:
    chunks = await answer_to(stand_in.calls(stand_in.call("f", {"x": 1}), finish_reason=None))
    assert [type(chunk) for chunk in without_progress(chunks)] == [BrokenToolCall, Finished]
    assert chunks[-1] == Finished("interrupted")


async def test_cut_arguments_labelled_complete_are_broken() -> None:
    chunks = without_progress(await answer_to(stand_in.cut_tool_call("write_file")))
    assert chunks[0] == BrokenToolCall("write_file", "its arguments are not a JSON object")
    assert not any(isinstance(chunk, ToolCallsReady) for chunk in chunks)


async def test_a_kept_connection_that_is_closed_under_us_is_replaced_once() -> None:
    async with connected(stand_in.answers_then_hangs_up("one"), stand_in.answers("two")) as (model, peer):
        assert text_of(await ask(model)) == "one"
        assert text_of(await ask(model)) == "two"
    assert peer.hung_up == 1


async def test_one_connection_serves_one_answer_after_another() -> None:
    async with connected(*[stand_in.answers("again")] * 3) as (model, peer):
        for _ in range(3):
            await ask(model)
            assert not peer.requests[-1].closed.is_set()
    assert len({id(request.closed) for request in peer.requests}) == 1


async def test_a_new_connection_that_is_closed_without_an_answer_is_a_try_of_its_own() -> None:
    async with connected(*[stand_in.hangs_up_before_answering()] * 3) as (model, peer):
        with pytest.raises(ModelUnavailable, match="without an answer"):
            await ask(model)
    assert len(peer.requests) == 1


async def test_a_kept_connection_is_replaced_once_and_then_it_is_a_try() -> None:
    hangs_up = stand_in.hangs_up_before_answering()
    async with connected(stand_in.answers_then_hangs_up("one"), hangs_up, stand_in.answers("two")) as (model, peer):
        await ask(model)
        with pytest.raises(ModelUnavailable, match="without an answer"):
            await ask(model)
    assert (peer.hung_up, len(peer.requests)) == (1, 2)


@pytest.mark.parametrize(
    "behaviour",
    [
        stand_in.hangs_up_before_answering(),
        stand_in.cut_after(""),
        stand_in.ends_without_finish(""),
        provider_oddities.cut_in_head(),
    ],
    ids=repr,
)
async def test_a_connection_that_broke_after_the_request_had_gone_out_may_have_cost_the_prompt(
    behaviour: Behaviour,
) -> None:
    async with connected(behaviour) as (model, _):
        with pytest.raises(ModelUnavailable) as failure:
            await ask(model)
    assert failure.value.was_reached


async def test_silence_before_the_head_may_have_cost_the_prompt() -> None:
    async with provider(stand_in.silent_before_headers()) as peer:
        model = OpenAICompatible(Endpoint(peer.base_url, "m", 1000), KEY, read_timeout_s=0.2)
        with pytest.raises(ModelUnavailable, match="in time") as failure:
            await ask(model)
        assert failure.value.was_reached
        await model.aclose()


# Refusals and failures


async def test_a_refused_connection_is_unavailable() -> None:
    async with provider() as peer:
        address = peer.base_url
    model = OpenAICompatible(Endpoint(address, "m", 1000), KEY)
    with pytest.raises(ModelUnavailable, match="cannot be reached") as failure:
        await ask(model)
    assert not failure.value.was_reached
    await model.aclose()


@pytest.mark.parametrize(
    ("retry_after", "seconds", "is_worth_retrying"),
    [
        (None, None, True),
        ("3", 3.0, True),
        ("Sat, 21 Nov 2026 12:00:05 GMT", 5.0, True),
        ("86400", 86400.0, True),
        ("whenever", None, False),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
async def test_too_many_requests_and_outages_carry_what_the_provider_asked_for(
    code: int, retry_after: str | None, seconds: float | None, is_worth_retrying: bool
) -> None:
    async with connected(stand_in.status(code, retry_after=retry_after)) as (model, _):
        with pytest.raises(ModelUnavailable) as failure:
            await ask(model)
    assert (failure.value.retry_after_s, failure.value.is_worth_retrying) == (seconds, is_worth_retrying)


async def test_a_flaky_provider_is_tried_until_it_answers() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with connected(stand_in.status(500), stand_in.status(429, retry_after="2"), stand_in.answers("ok")) as (
        model,
        peer,
    ):
        retrying = Retrying(model, sleep=pause, clock=lambda: 0.0, jitter=lambda: 0.5)
        chunks = [chunk async for chunk in retrying.stream(HELLO)]
    assert text_of(chunks) == "ok"
    assert pauses == [0.5, 2.5]
    assert len(peer.requests) == 3


@pytest.mark.parametrize("retry_after", ["soon", "31"])
async def test_junk_or_a_long_wait_is_given_up_at_once(retry_after: str) -> None:
    async with connected(stand_in.status(429, retry_after=retry_after)) as (model, peer):
        retrying = Retrying(model, sleep=asyncio.sleep, clock=lambda: 0.0)
        with pytest.raises(ModelUnavailable):
            _ = [chunk async for chunk in retrying.stream(HELLO)]
    assert len(peer.requests) == 1


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 413, 422])
async def test_a_rejected_request_says_why_in_words_and_never_shows_a_key(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    message = f"Incorrect API key provided: {KEY}, or sk-other***abcd.\nBearer {KEY}"
    words, sentence = await heard_before(ModelRejected, stand_in.status(code, message=message))
    assert sentence.startswith(("The ", "This "))
    assert "very-secret" not in sentence + caplog.text
    assert "other***" not in sentence
    assert words == ""


async def test_what_the_provider_says_about_a_bad_request_is_passed_on_short_and_on_one_line() -> None:
    _, sentence = await heard_before(
        ModelRejected, stand_in.status(400, message="max_tokens\n is \x1b too\0 big" + "!" * 999)
    )
    assert "max_tokens is too" in sentence
    assert len(sentence) < 400


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens.",
        "the request exceeds the available context size, try increasing it",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
        "prompt is too long: 201000 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Please reduce the length of the messages or completion.",
    ],
)
async def test_a_prompt_that_the_provider_calls_too_long_is_told_from_other_refusals(message: str) -> None:
    await heard_before(PromptTooLong, stand_in.status(400, message=message))
    await heard_before(PromptTooLong, stand_in.error_in_stream("", message))


async def test_a_too_long_prompt_is_also_known_by_its_code_its_status_and_the_words_of_older_servers() -> None:
    for error in ({"message": "no", "code": "context_length_exceeded"}, {"type": "exceed_context_size_error"}):
        completion = parse_completion(json.dumps({"error": error}))
        assert completion.says_too_long
    older = {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400}
    assert parse_completion(json.dumps(older)).says_too_long
    assert not parse_completion(json.dumps({"error": {"message": "max_tokens is too big", "code": 400}})).says_too_long
    await heard_before(PromptTooLong, stand_in.status(413))
    async with connected(stand_in.status(429, message="too many tokens")) as (model, _):
        with pytest.raises(ModelUnavailable):
            await ask(model)


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async with provider() as elsewhere:
        _, sentence = await heard_before(ModelRejected, stand_in.redirects_to(elsewhere.base_url))
        assert elsewhere.requests == []
    assert "another address" in sentence


async def test_an_error_inside_the_stream_is_said_and_the_words_before_it_were_heard() -> None:
    words, sentence = await heard_before(ModelBroke, stand_in.error_in_stream("He said", f"overloaded {KEY}"))
    assert words == "He said"
    assert sentence == "The AI provider reports an error: overloaded [key]"
    await heard_before(ModelUnavailable, stand_in.error_in_stream("", "overloaded"))


# Garbage


async def test_lines_that_mean_nothing_are_passed_over() -> None:
    chunks = await answer_to(stand_in.garbage_lines("Still here."))
    assert (text_of(chunks), chunks[-1]) == ("Still here.", Finished("stop"))


@pytest.mark.parametrize(
    "behaviour",
    [
        stand_in.invalid_json(),
        stand_in.web_page(),
        stand_in.huge_delta(),
        stand_in.endless_line(),
        stand_in.gzip_bomb(),
        stand_in.streams([{"content": 7}]),
        stand_in.status(204),
    ],
    ids=repr,
)
async def test_garbage_ends_with_a_sentence(behaviour: Behaviour) -> None:
    words, sentence = await heard_before(ModelBroke, behaviour)
    assert words == ""
    assert sentence.startswith("The AI provider")


async def test_garbage_after_words_leaves_the_words() -> None:
    assert (await heard_before(ModelBroke, stand_in.invalid_json("He said")))[0] == "He said"


async def test_a_stream_over_the_bound_of_the_whole_is_ended() -> None:
    async with connected(stand_in.answers("word " * 500)) as (_, peer):
        model = OpenAICompatible(Endpoint(peer.base_url, "m", 1000), KEY, limits=SseLimits(total=2000))
        with pytest.raises(ModelBroke, match="more than"):
            await ask(model)
        await model.aclose()


async def test_after_every_kind_of_trouble_the_same_model_answers() -> None:
    trouble = [stand_in.cut_after("x"), stand_in.huge_delta(2_000_000), stand_in.invalid_json(), stand_in.status(400)]
    async with connected(*trouble, stand_in.answers("fine")) as (model, _):
        for _ in trouble:
            try:
                await ask(model)
            except (ModelBroke, ModelRejected):
                continue
        assert text_of(await ask(model)) == "fine"


# What an operator configures


@pytest.mark.parametrize(
    "address",
    [
        "http://models.example.com/v1",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://",
        "https://me:pw@example.com",
        "https://e.com/?k=1",
        "http://localhost.example.com",
    ],
)
def test_an_address_to_which_a_key_must_not_go_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="model provider's address"):
        check_address(address, allows_plain_http=False)


@pytest.mark.parametrize(
    "address",
    ["https://e.com/v1/", "https://e.com/v1", "http://127.0.0.1:1/v1", "http://[::1]:1/v1", "http://localhost/v1"],
)
def test_https_and_this_machine_are_fine(address: str) -> None:
    assert check_address(address, allows_plain_http=False).path == "/v1/chat/completions"


def test_plain_http_needs_the_operators_word() -> None:
    assert (
        str(check_address("http://gpu.lan:8000/v1", allows_plain_http=True))
        == "http://gpu.lan:8000/v1/chat/completions"
    )


@pytest.mark.parametrize("key", ["sk-a\nb", "sk a", "ключ"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="characters that no key has") as refused:
        OpenAICompatible(deepseek(), key)
    assert key not in str(refused.value)


async def test_without_a_key_no_authorization_is_sent() -> None:
    async with provider() as peer:
        model = OpenAICompatible(Endpoint(peer.base_url, "m", 1000), "")
        await ask(model)
        await model.aclose()
    assert peer.requests[0].authorization is None


def test_deepseek_is_known_by_address_and_takes_its_thinking_back() -> None:
    assert check_address(deepseek().base_url, allows_plain_http=False).host == "api.deepseek.com"
    assert deepseek().returns_thinking
