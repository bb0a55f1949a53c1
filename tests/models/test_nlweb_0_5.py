"""Dialect B, "0.5": content lists, errors inside `_meta`, streamed and whole."""

import pytest
from pydantic import JsonValue

from multiplayer.models.port import CardsFound, Chunk, Conversation, Finished, ModelUnavailable, Tainted, TextDelta
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions
from tests.support.nlweb_sites import (
    RICE,
    RICE_CARD,
    ask,
    b_answer,
    cards_of,
    cut_after,
    events,
    nlweb_site,
    result,
    text_of,
    titles_of,
    told,
    whole,
)
from tests.support.provider_server import Behaviour

pytestmark = pytest.mark.slow

META: JsonValue = {"_meta": {"version": "0.5"}}
ERROR: JsonValue = {"_meta": {"nlweb/streaming_status": "error", "error": "the index is gone"}}
TAINTED = Tainted(Taint.NLWEB)


async def answer_to(behaviour: Behaviour) -> list[Chunk]:
    async with nlweb_site(behaviour, dialect=NlwebDialect.B_0_5) as (model, _):
        return await ask(model)


@pytest.mark.parametrize("mode", list(NlwebMode))
async def test_the_question_is_one_flat_post_that_knows_no_mode(mode: NlwebMode) -> None:
    options = NlwebOptions(dialect=NlwebDialect.B_0_5, site="recipes", mode=mode, previous_messages=1)
    conversation = Conversation("beans?", ("bread", "rice, please"), "They cook.", ("vegan",), "thread-1")
    async with nlweb_site(events(*b_answer()), options=options) as (model, site):
        await ask(model, conversation)
        (request,) = site.requests
    assert (request.method, request.path) == ("POST", "/ask")
    assert request.body == {"query": "beans?", "site": "recipes", "prev": ["rice, please"], "streaming": True}


async def test_texts_become_words_and_resources_cards() -> None:
    assert await answer_to(events(*b_answer(RICE, text="Here is rice."))) == [
        TAINTED,
        TextDelta("Here is rice."),
        CardsFound((RICE_CARD,)),
        Finished("stop"),
    ]


async def test_a_resource_may_hold_several_results_and_content_may_repeat() -> None:
    several: JsonValue = {"content": [{"type": "resource", "resource": {"data": [result("one"), result("two")]}}]}
    more: JsonValue = {"content": [{"type": "resource", "resource": {"data": result("three")}}]}
    assert titles_of(await answer_to(events(META, several, more))) == ["one", "two", "three"]


async def test_a_whole_reply_is_one_merged_object() -> None:
    meta, content = b_answer(RICE, text="Here is rice.")
    chunks = await answer_to(whole({**meta, **content}))
    assert (text_of(chunks), cards_of(chunks)) == ("Here is rice.", [RICE_CARD])


async def test_a_reply_may_begin_with_its_content() -> None:
    assert cards_of(await answer_to(events(b_answer(RICE)[1]))) == [RICE_CARD]


async def test_no_content_and_an_orderly_end_mean_that_nothing_was_found() -> None:
    assert await answer_to(events(META)) == [TAINTED, TextDelta("Nothing was found."), Finished("stop")]


@pytest.mark.parametrize(
    "behaviour",
    [
        events(ERROR),
        events(META, ERROR),
        whole(ERROR),
        events(META, {"_meta": {"error": {"message": "the index is gone"}}}),
        events(META, {"error": "the index is gone"}),
    ],
)
async def test_an_error_in_meta_is_a_failure_though_the_status_is_200(behaviour: Behaviour) -> None:
    with pytest.raises(ModelUnavailable, match="the index is gone"):
        await answer_to(behaviour)


async def test_a_broken_stream_is_a_failure_and_what_came_is_kept() -> None:
    with pytest.raises(ModelUnavailable, match="was lost"):
        await answer_to(cut_after(META))
    assert await answer_to(cut_after(*b_answer(RICE))) == [TAINTED, CardsFound((RICE_CARD,)), Finished("interrupted")]


@pytest.mark.parametrize("failing", [told(500), events(META, ERROR)])
async def test_a_crash_over_earlier_questions_is_asked_again_once_without_them(failing: Behaviour) -> None:
    async with nlweb_site(failing, events(*b_answer(RICE)), dialect=NlwebDialect.B_0_5) as (model, site):
        assert cards_of(await ask(model, Conversation("it", ("rice",)))) == [RICE_CARD]
    assert [request.body.get("prev") for request in site.requests] == [["rice"], None]
