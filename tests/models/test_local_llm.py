"""The provider adapter and a whole turn against a real language model on this machine (opt-in: `-m llm`)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from multiplayer.ai.agent import run_turn
from multiplayer.ai.steps import Ended, Used, Wrote
from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.models.failover import Failover
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible
from multiplayer.models.port import (
    ChatModel,
    ChatRequest,
    Chunk,
    Finished,
    ModelSwitched,
    PromptMessage,
    TextDelta,
    ToolCall,
    Usage,
)
from multiplayer.models.retry import Retrying
from multiplayer.protocol.turns import TurnOutcome
from tests.ai.scene import COUNTER, SECRET, asked, prompt_of, scene
from tests.support.local_llm import CONTEXT_TOKENS, local_llm, missing

pytestmark = [
    pytest.mark.llm,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing), reason=f"a real local model needs {' and '.join(missing)}: see `make test-llm`"),
]

IN_TIME_S = 120
HELLO = ChatRequest((PromptMessage("user", "Tell me a short story about a lighthouse."),))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with local_llm() as base_url:
        yield base_url


@pytest_asyncio.fixture
async def model(address: str) -> AsyncIterator[Retrying]:
    provider = OpenAICompatible(
        Endpoint(address, "smollm2", CONTEXT_TOKENS, extra={"temperature": 0, "max_tokens": 12}), ""
    )
    yield Retrying(provider, asyncio.sleep, time.monotonic, random.random)
    await provider.aclose()


async def ask(model: ChatModel, request: ChatRequest = HELLO) -> list[Chunk]:
    async with asyncio.timeout(IN_TIME_S):
        return [chunk async for chunk in model.stream(request)]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


def usage_of(chunks: list[Chunk]) -> Usage:
    (usage,) = [chunk for chunk in chunks if isinstance(chunk, Usage)]
    return usage


async def test_words_come_piece_by_piece_and_usage_before_the_end(model: Retrying) -> None:
    chunks = await ask(model)
    assert len([chunk for chunk in chunks if isinstance(chunk, TextDelta)]) > 5
    assert chunks[-1] in {Finished("stop"), Finished("length")}
    usage = usage_of(chunks)
    assert 5 < usage.tokens_in < 100
    assert 5 < usage.tokens_out <= 12


async def test_the_same_client_asks_again_and_again_though_the_server_closes_its_connections(model: Retrying) -> None:
    for _ in range(3):
        assert text_of(await ask(model))


async def test_the_prefix_of_the_last_prompt_is_cached_and_reported(model: Retrying) -> None:
    first = ChatRequest((PromptMessage("user", "Here is a list of words: " + "apple pear plum " * 60),))
    await ask(model, first)
    longer = ChatRequest((*first.messages, PromptMessage("assistant", "Thanks."), PromptMessage("user", "And now?")))
    usage = usage_of(await ask(model, longer))
    assert usage.tokens_in / 2 < usage.tokens_cached <= usage.tokens_in


async def test_an_answer_that_is_called_off_leaves_the_model_to_the_next(address: str) -> None:
    provider = OpenAICompatible(Endpoint(address, "smollm2", CONTEXT_TOKENS, extra={"max_tokens": 1200}), "")
    try:
        for _ in range(3):  # one more than the server has slots
            async with aclosing(provider.stream(HELLO)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextDelta):
                        break
        short = OpenAICompatible(Endpoint(address, "smollm2", CONTEXT_TOKENS, extra={"max_tokens": 5}), "")
        assert text_of(await ask(short))
        await short.aclose()
    finally:
        await provider.aclose()


async def test_a_reader_that_takes_its_time_holds_up_nobody_and_misses_nothing(model: Retrying) -> None:
    whole = text_of(await ask(model))
    async with aclosing(model.stream(HELLO)) as chunks:
        held = [await anext(chunks)]
        assert text_of(await ask(model)) == whole
        held += [chunk async for chunk in chunks]
    assert text_of(held) == whole


async def test_a_history_with_calls_and_their_results_is_taken(model: Retrying) -> None:
    def history(result: str) -> ChatRequest:
        call = ToolCall("c1", "read_file", '{"path": "colours.txt"}')
        return ChatRequest(
            (
                PromptMessage("system", "Answer in one sentence."),
                PromptMessage("user", "What does colours.txt say?"),
                PromptMessage("assistant", "", (call,)),
                PromptMessage("tool", result, tool_call_id="c1"),
            )
        )

    short, long = await ask(model, history("red")), await ask(model, history("red and blue " * 40))
    assert text_of(long)
    assert usage_of(long).tokens_in > usage_of(short).tokens_in + 80  # so the result is in the prompt


async def test_a_whole_turn_is_answered_by_a_real_model(model: Retrying) -> None:
    book = scene()
    asked(book, "say hello to bob")
    turn = run_turn(
        prompt_of(book, budget=4_000),
        model,
        None,
        secret=SECRET,
        counter=COUNTER,
        clock=time.monotonic,
        limits=TurnLimits(first_token_s=IN_TIME_S, progress_s=IN_TIME_S),
    )
    async with asyncio.timeout(2 * IN_TIME_S), aclosing(turn):
        steps = [step async for step in turn]
    (end,) = [step for step in steps if isinstance(step, Ended)]
    assert steps[-1] is end
    # A model this small rambles: it may be cut at the length that was asked for.
    assert end.outcome is TurnOutcome.DONE or "limit of length" in end.reason, end
    assert "".join(step.text for step in steps if isinstance(step, Wrote))
    used = [step.usage for step in steps if isinstance(step, Used)][-1]
    assert used.tokens_in > 100
    assert used.tokens_out > 0
    assert not used.is_estimated


async def test_a_real_model_answers_for_one_that_cannot_be_reached(model: Retrying) -> None:
    dead = OpenAICompatible(Endpoint("http://127.0.0.1:9/v1", "nobody", CONTEXT_TOKENS), "")
    chain = Failover([dead, model], first_token_s=IN_TIME_S, progress_s=IN_TIME_S, clock=time.monotonic)
    chunks = await ask(chain)
    assert chunks[0] == ModelSwitched("smollm2", "nobody", "The AI provider cannot be reached.")
    assert text_of(chunks)
    await dead.aclose()
