"""The NLWeb member against the real nlweb-core and nlweb-network 0.7.0, in a process of its own on stub providers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
import pytest_asyncio
from pydantic import JsonValue

from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_dialects import DialectMemory
from multiplayer.models.nlweb_requests import encode_question
from multiplayer.models.port import (
    CardsFound,
    Chunk,
    Conversation,
    Finished,
    FormAsked,
    ModelRejected,
    ModelUnavailable,
    StatusSaid,
    Tainted,
    TextDelta,
)
from multiplayer.protocol.cards import Card, Form, Question, Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions
from tests.support.nlweb_real_server import real_nlweb
from tests.support.nlweb_sites import ask, cards_of, text_of, titles_of

pytestmark = pytest.mark.slow

TAINTED = Tainted(Taint.NLWEB)
RICE_CARDS = tuple(
    Card(
        title=f"Rice {number}",
        url=f"https://recipes.example/rice/{number}",
        site="recipes.example",
        text=f"Boil it {number} times.",
        score=77.0,
    )
    for number in (1, 2, 3)
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url() -> AsyncIterator[str]:
    async with real_nlweb() as base_url:
        yield base_url


async def answer_of(
    url: str,
    told: str | Conversation = "rice",
    options: NlwebOptions | None = None,
    dialects: DialectMemory | None = None,
) -> list[Chunk]:
    model = NLWeb(url, options or NlwebOptions(), dialects=dialects)
    try:
        return await ask(model, told)
    finally:
        await model.aclose()


async def post(url: str, body: JsonValue, route: str = "/ask") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as client:
        content = body if isinstance(body, str) else json.dumps(body)
        return await client.post(url + route, content=content, headers={"content-type": "application/json"})


def events_in(response: httpx.Response) -> list[Mapping[str, JsonValue]]:
    return [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line]


# What the member makes of it


async def test_a_question_brings_cards_and_the_dialect_is_found_in_one_request(url: str) -> None:
    memory = DialectMemory()
    assert await answer_of(url, dialects=memory) == [TAINTED, CardsFound(RICE_CARDS), Finished("stop")]
    assert memory.recall(url) is NlwebDialect.C_0_54


async def test_a_summary_comes_as_words_after_the_cards(url: str) -> None:
    for mode in (NlwebMode.SUMMARIZE, NlwebMode.GENERATE):
        assert await answer_of(url, options=NlwebOptions(mode=mode)) == [
            TAINTED,
            CardsFound(RICE_CARDS),
            TextDelta("Rice is boiled in water."),
            Finished("stop"),
        ]


async def test_everything_we_can_send_is_accepted(url: str) -> None:
    everything = Conversation("and beans?", ("rice, please", "brown"), "They cook.", ("Alice is vegan",), "thread-1")
    options = NlwebOptions(max_results=100, mode=NlwebMode.GENERATE)
    body = json.loads(encode_question(NlwebDialect.C_0_54, everything, options))
    assert set(body) == {"query", "context", "prefer", "meta"}
    chunks = await answer_of(url, everything, options)
    assert StatusSaid("Searching for: rice, as asked before") in chunks
    assert cards_of(chunks) == list(RICE_CARDS)


async def test_the_number_of_results_is_ours_to_choose(url: str) -> None:
    assert titles_of(await answer_of(url, options=NlwebOptions(max_results=2))) == ["Rice 1", "Rice 2"]
    assert len(titles_of(await answer_of(url, "many", NlwebOptions(max_results=100)))) == 100


async def test_zero_results_mean_that_nothing_was_found(url: str) -> None:
    assert text_of(await answer_of(url, "nothing")) == "Nothing was found."


async def test_a_crash_of_retrieval_after_the_headers_is_a_failure(url: str) -> None:
    with pytest.raises(ModelUnavailable, match="connection to the NLWeb site was lost"):
        await answer_of(url, "crash")
    assert cards_of(await answer_of(url)) == list(RICE_CARDS)  # and the server lives on


async def test_the_server_asks_back_and_the_room_gets_a_form(url: str) -> None:
    form = Form(text="Where are you?", questions=(Question(id="location", text="Where are you located?"),))
    chunks = await answer_of(url, options=NlwebOptions(site="asks.example"))
    assert chunks == [TAINTED, FormAsked(form), Finished("stop")]


@pytest.mark.parametrize("dialect", [NlwebDialect.A_0_1, NlwebDialect.B_0_5])
async def test_a_member_that_was_wrong_about_the_dialect_finds_its_way(url: str, dialect: NlwebDialect) -> None:
    memory = DialectMemory()
    memory.remember(url, dialect)
    assert cards_of(await answer_of(url, dialects=memory)) == list(RICE_CARDS)
    assert memory.recall(url) is NlwebDialect.C_0_54


async def test_a_question_that_the_server_dislikes_is_refused_in_its_words(url: str) -> None:
    options = NlwebOptions().model_copy(update={"max_results": 1_000})  # more than a profile may say
    with pytest.raises(ModelRejected, match="less than or equal to 100"):
        await answer_of(url, options=options)


async def test_a_connection_is_used_again(url: str) -> None:
    model = NLWeb(url, NlwebOptions())
    for _ in range(20):
        assert cards_of(await ask(model)) == list(RICE_CARDS)
    await model.aclose()


async def test_a_promise_stays_one_until_we_give_up(url: str) -> None:
    reply = (await post(url, {"promise_token": "t", "action": "checkin"}, "/await")).json()
    assert reply["_meta"] == {"response_type": "Promise", "version": "0.54"}
    assert reply["promise"]["token"] == "t"
    assert (await post(url, {"promise_token": "t", "action": "cancel"}, "/await")).json()["promise"]["token"] == "t"


async def test_a_server_that_goes_away_in_the_middle_is_a_failure() -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as group, real_nlweb(delay_s=30.0) as base_url:
        model = NLWeb(base_url, NlwebOptions())
        turn = group.create_task(_failure_of(model))
        await _until_meta(base_url)
    assert "lost" in turn.result()
    await model.aclose()


async def _failure_of(model: NLWeb) -> str:
    with pytest.raises(ModelUnavailable) as failure:
        await ask(model)
    return str(failure.value)


async def _until_meta(url: str) -> None:
    """Wait until the server has begun an answer: by then it has got every earlier question."""
    body = encode_question(NlwebDialect.C_0_54, Conversation("rice"), NlwebOptions())
    async with httpx.AsyncClient(trust_env=False) as client, client.stream("POST", f"{url}/ask", content=body) as reply:
        async for _ in reply.aiter_raw():
            return


# Why it has to be so: what the server itself says


async def test_the_server_answers_an_ask_by_post_alone(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{url}/ask")).status_code == 405
        assert (await client.get(f"{url}/health")).json() == {"status": "ok"}


async def test_the_server_reports_a_flat_body_with_status_200(url: str) -> None:
    reply = await post(url, {"query": "rice"})
    meta, error = events_in(reply)
    assert reply.status_code == 200
    assert meta == {"_meta": {"response_type": "Failure", "version": "0.54"}}
    assert isinstance(error["error"], dict)
    assert error["error"]["code"] == "INVALID_REQUEST"
    whole = await post(url, {"query": "rice", "prefer": {"streaming": False}})
    assert (whole.status_code, whole.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_the_server_fails_on_what_is_not_json_without_a_word(url: str) -> None:
    reply = await post(url, "oops")
    assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (500, "text/plain")


async def test_the_server_forbids_an_extra_key_in_the_query(url: str) -> None:
    meta, _ = events_in(await post(url, {"query": {"text": "rice", "novel": 1}}))
    assert meta == {"_meta": {"response_type": "Failure", "version": "0.54"}}


async def test_the_server_takes_generate_for_list_and_ignores_the_format(url: str) -> None:
    prefer: JsonValue = {"mode": "generate", "response_format": "conv_search"}
    meta, results = events_in(await post(url, {"query": {"text": "rice"}, "prefer": prefer}))
    assert set(results) == {"results"}
    assert isinstance(meta["_meta"], dict)
    assert meta["_meta"]["response_type"] == "Answer"


async def test_the_server_still_cannot_be_asked_over_mcp(url: str) -> None:
    call: JsonValue = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"query": "rice"}},
    }
    assert "Rice 1" not in (await post(url, call, "/mcp")).text


async def test_a_rewrite_slower_than_the_servers_limit_is_asked_again_without_earlier_messages() -> None:
    """Takes the 8 seconds that are built into the server."""
    told = Conversation("and now?", ("rice",), "They cook.")
    async with real_nlweb(llm_delay_s=20.0) as base_url:
        assert cards_of(await answer_of(base_url, told)) == list(RICE_CARDS)


async def test_a_slow_server_is_waited_for() -> None:
    async with real_nlweb(delay_s=0.3) as base_url:
        clock = asyncio.get_running_loop().time
        began_at = clock()
        assert cards_of(await answer_of(base_url)) == list(RICE_CARDS)
        assert clock() - began_at >= 0.3
