"""Dialect A, "0.1": what every kind of message does, streamed and whole, as servers of 2025-08 to 2025-11 send them."""

import logging
from collections.abc import Callable, Mapping, Sequence

import pytest
from pydantic import JsonValue

from multiplayer.models.port import (
    CardsFound,
    Chunk,
    Conversation,
    Finished,
    FormAsked,
    ModelBroke,
    ModelRejected,
    ModelUnavailable,
    StatusSaid,
    Tainted,
    TextDelta,
)
from multiplayer.protocol.cards import Card, Form, Question, Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions
from tests.support.nlweb_sites import (
    a,
    a_answer,
    ask,
    broken_after,
    cards_of,
    cut_after,
    events,
    forms_of,
    nlweb_site,
    result,
    silent_after,
    statuses_of,
    text_of,
    titles_of,
    told,
    whole,
)
from tests.support.provider_server import Behaviour

pytestmark = pytest.mark.slow

ITEM: dict[str, JsonValue] = {
    "@type": "Item",
    "url": "https://recipes.example/rice",
    "name": "Rice",
    "site": "recipes",
    "siteUrl": "https://recipes.example",
    "score": 82.5,
    "description": "Boil it.",
    "schema_object": {"@type": "Recipe", "name": "Rice", "cookTime": "PT20M"},
}
ITEM_CARD = Card(title="Rice", url="https://recipes.example/rice", site="recipes", text="Boil it.", score=82.5)
BEGIN = a("begin-nlweb-response", conversation_id="c-1", query="rice", sender_info={"id": "nlweb", "name": "NLWeb"})
END = a("end-nlweb-response", conversation_id="c-1")
TAINTED = Tainted(Taint.NLWEB)


async def answer_to(behaviour: Behaviour, mode: NlwebMode = NlwebMode.LIST) -> list[Chunk]:
    async with nlweb_site(behaviour, dialect=NlwebDialect.A_0_1, mode=mode) as (model, _):
        return await ask(model)


async def answer_of(*messages: Mapping[str, JsonValue]) -> list[Chunk]:
    return await answer_to(events(BEGIN, *messages, END))


# What is sent


@pytest.mark.parametrize("mode", list(NlwebMode))
async def test_the_question_is_one_flat_post_with_both_keys_of_the_mode(mode: NlwebMode) -> None:
    options = NlwebOptions(dialect=NlwebDialect.A_0_1, site="recipes,wine", mode=mode, max_results=7)
    conversation = Conversation("and beans?", ("rice, please", "[brown]"), "They cook.", ("vegan",), "thread-1")
    async with nlweb_site(events(*a_answer()), options=options) as (model, site):
        await ask(model, conversation)
        (request,) = site.requests
    assert (request.method, request.path) == ("POST", "/ask")
    assert request.headers["accept"] == "text/event-stream"
    assert request.body == {
        "query": "and beans?",
        "site": "recipes,wine",
        "prev": ["rice, please", "[brown]"],  # a real list: a text would be split at its commas
        "conversation_id": "thread-1",
        "mode": mode.value,
        "generate_mode": mode.value,
        "max_results": 7,
    }


async def test_who_asks_is_never_sent() -> None:
    async with nlweb_site(events(*a_answer()), dialect=NlwebDialect.A_0_1) as (model, site):
        await ask(model, Conversation("rice"))
    assert set(site.requests[0].body) == {"query", "site", "mode", "generate_mode", "max_results"}


# Messages, one row of the table each


@pytest.mark.parametrize(
    "messages",
    [
        [BEGIN, a("result", content=[ITEM]), END],  # from 2025-09
        [a("result_batch", results=[ITEM]), a("complete")],  # to 2025-08
        [a("result_batch", results=[ITEM])],  # a plain end of the stream
        [a("result", content=ITEM), END],  # begin is missing on early exits
    ],
)
async def test_results_become_cards_whichever_way_the_stream_begins_and_ends(
    messages: list[Mapping[str, JsonValue]],
) -> None:
    assert await answer_to(events(*messages)) == [TAINTED, CardsFound((ITEM_CARD,)), Finished("stop")]


async def test_batches_add_up() -> None:
    chunks = await answer_of(a("result", content=[result("one")]), a("result_batch", results=[result("two")]))
    assert titles_of(chunks) == ["one", "two"]


@pytest.mark.parametrize("end", ["end-nlweb-response", "complete"])
async def test_nothing_after_the_end_is_read(end: str) -> None:
    messages = a("result", content=[result("one")]), a(end), a("result", content=[result("two")])
    assert titles_of(await answer_to(silent_after(*messages))) == ["one"]


@pytest.mark.parametrize("end", ["end-nlweb-response", "complete"])
async def test_an_end_without_results_means_that_nothing_was_found(end: str) -> None:
    assert await answer_to(events(BEGIN, a(end))) == [TAINTED, TextDelta("Nothing was found."), Finished("stop")]


async def test_an_end_that_reports_an_error_is_a_failure() -> None:
    with pytest.raises(ModelUnavailable, match="reports an error"):
        await answer_to(events(BEGIN, a("end-nlweb-response", error=True)))


@pytest.mark.parametrize(
    "message",
    [a("result", **{"@type": "Summary", "content": "Rice is boiled."}), a("summary", message="Rice is boiled.")],
)
async def test_a_summary_becomes_words(message: Mapping[str, JsonValue]) -> None:
    chunks = await answer_of(a("result", content=[ITEM]), message)
    assert chunks[1:] == [CardsFound((ITEM_CARD,)), TextDelta("Rice is boiled."), Finished("stop")]


async def test_ask_user_becomes_a_form_with_one_text_field() -> None:
    chunks = await answer_of(a("ask_user", message="Where are you?"))
    form = Form(questions=(Question(id="answer", text="Where are you?"),))
    assert chunks == [TAINTED, FormAsked(form), Finished("stop")]
    assert len(forms_of(await answer_of(a("ask_user")))) == 1


async def test_a_key_of_the_server_is_dropped_unread(caplog: pytest.LogCaptureFixture) -> None:
    secret = a("api_key", key_name="bing", key_value="sk-planted-secret-42")
    with caplog.at_level(logging.DEBUG):
        chunks = await answer_of(secret, a("result", content=[ITEM]))
        merged = await answer_to(
            whole({"query_id": "q", "results": [ITEM], "api_key": {"key_value": "sk-planted-secret-42"}})
        )
        with pytest.raises(ModelUnavailable) as failure:
            await answer_of(secret, a("error", error="no"))
    assert chunks == merged == [TAINTED, CardsFound((ITEM_CARD,)), Finished("stop")]
    assert "planted" not in repr(failure.value.args) + caplog.text


@pytest.mark.parametrize(
    "kind", ["api_version", "header", "license", "data_retention", "ui_component", "begin-nlweb-response"]
)
async def test_metadata_stays_out_of_the_answer(kind: str) -> None:
    chunks = await answer_of(
        a(kind, content="CC0", header_name="x", header_value="y", api_version="0.1"), a("result", content=[ITEM])
    )
    assert chunks == [TAINTED, CardsFound((ITEM_CARD,)), Finished("stop")]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (
            a("decontextualized_query", decontextualized_query="brown rice", original_query="it"),
            "Searching for: brown rice",
        ),
        (a("query_rewrite", content="rice OR paddy"), "rice OR paddy"),
        (a("tool_selection", content="search"), "search"),
        (a("tool_routing", message="routed"), "routed"),
        (a("retrieval_count", count=42), "Looking through 42 results"),
        (a("asking_sites", content="Asking 3 sites"), "Asking 3 sites"),
        (a("asking_sites", message="Asking 3 sites"), "Asking 3 sites"),
        (a("intermediate_message", content="Just a\nmoment"), "Just a moment"),
        (a("results_map", locations=[{"title": "x", "address": "y"}]), None),
        (a("tool_selection", tool={"name": "x"}), None),
    ],
)
async def test_progress_is_a_status_line_at_most(message: Mapping[str, JsonValue], status: str | None) -> None:
    chunks = await answer_of(message, a("result", content=[ITEM]))
    assert statuses_of(chunks) == ([status] if status else [])
    assert text_of(chunks) == ""
    assert StatusSaid(status) in chunks if status else True


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (a("remember", item_to_remember="vegan"), "vegan"),
        (a("site_is_irrelevant_to_query", message="We sell shoes."), "We sell shoes."),
        (a("no_results", message="No rice here."), "No rice here."),
        (a("item_details", content="It is rice."), "It is rice."),
        (a("compare_items", message="Both are rice."), "Both are rice."),
        (a("ensemble_result", content={"text": "A menu."}), "A menu."),
        (a("substitution_suggestions", content="Try barley."), "Try barley."),
        (a("statistics_result", content="3 in 4."), "3 in 4."),
        (a("site_querying", message="Asking a."), "Asking a."),
        (a("site_querying_complete", message="Asked a."), "Asked a."),
        (a("site_querying_error", message="a is down."), "a is down."),
        (a("multi_site_complete", message="All asked."), "All asked."),
        (a("multi_site_error", message="None answered."), "None answered."),
        (a("chart_result", data_points=[1, 2]), ""),
        (a("item_details", details={"steps": ["boil"]}), ""),
    ],
)
async def test_what_special_tools_say_is_plain_text_if_it_is_text(message: Mapping[str, JsonValue], words: str) -> None:
    chunks = await answer_of(message)
    assert text_of(chunks) == (words or "Nothing was found.")


async def test_paragraphs_do_not_run_into_each_other() -> None:
    assert text_of(await answer_of(a("summary", message="One."), a("no_results", message="Two."))) == "One.\n\nTwo."


async def test_an_unknown_message_is_ignored_and_counted() -> None:
    behaviour = events(BEGIN, a("novelty", content="?"), a("fashion"), a("result", content=[ITEM]), END)
    async with nlweb_site(behaviour, dialect=NlwebDialect.A_0_1) as (model, _):
        assert cards_of(await ask(model)) == [ITEM_CARD]
        assert model.unknown_messages == 2


@pytest.mark.parametrize(
    "kind",
    [
        "api_key",
        "api_version",
        "header",
        "license",
        "data_retention",
        "ui_component",
        "begin-nlweb-response",
        "remember",
        "results_map",
        "chart_result",
        "complete",
        "end-nlweb-response",
    ],
)
async def test_a_known_message_is_not_counted_as_unknown(kind: str) -> None:
    async with nlweb_site(events(a(kind)), dialect=NlwebDialect.A_0_1) as (model, _):
        await ask(model)
        assert model.unknown_messages == 0


@pytest.mark.parametrize("timestamp", [1_760_000_000_000, "2025-10-09T08:53:20Z"])
@pytest.mark.parametrize("sender", ["sender_info", "senderInfo"])
async def test_both_spellings_of_the_common_fields_are_taken(timestamp: JsonValue, sender: str) -> None:
    fields: dict[str, JsonValue] = {"timestamp": timestamp, sender: {"id": "alice", "name": "Alice"}, "novel": None}
    message: dict[str, JsonValue] = {"message_type": "result", "content": [{**ITEM, "novel": {}}], **fields}
    assert cards_of(await answer_of(message)) == [ITEM_CARD]


async def test_comment_lines_keep_the_stream_alive_and_say_nothing() -> None:
    assert cards_of(await answer_to(events(*a_answer(ITEM), raw=b": keepalive\n\n"))) == [ITEM_CARD]


# Failures


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({"error": "the index is gone"}, ModelUnavailable),
        ({"error": "the index is gone", "status": 500}, ModelUnavailable),
        ({"error": "the index is gone", "status": 429}, ModelUnavailable),
        ({"error": "the index is gone", "status": 400}, ModelRejected),
        ({"message": "the index is gone"}, ModelUnavailable),
    ],
)
async def test_an_error_is_a_failure_though_the_status_is_200(
    fields: Mapping[str, JsonValue], failure: type[Exception]
) -> None:
    with pytest.raises(failure, match="the index is gone"):
        await answer_of(a("error", **fields))


async def test_an_error_after_results_fails_the_turn_and_keeps_them() -> None:
    heard: list[Chunk] = []
    behaviour = events(BEGIN, a("result", content=[ITEM]), a("error", error="oh"), END)
    async with nlweb_site(behaviour, dialect=NlwebDialect.A_0_1) as (model, _):
        with pytest.raises(ModelBroke, match="in the middle of its answer: oh"):
            await ask(model, heard=heard)
    assert cards_of(heard) == [ITEM_CARD]


@pytest.mark.parametrize("breaking", [cut_after, broken_after])
async def test_a_broken_stream_is_a_failure_even_without_end_markers(breaking: Callable[..., Behaviour]) -> None:
    with pytest.raises(ModelUnavailable, match="was lost"):
        await answer_to(breaking(BEGIN))
    kept = await answer_to(breaking(BEGIN, a("result", content=[ITEM])))
    assert kept == [TAINTED, CardsFound((ITEM_CARD,)), Finished("interrupted")]


@pytest.mark.parametrize(
    "failing",
    [
        told(500),
        whole({"message_type": "error", "error": "AttributeError"}, status=500),
        events(a("error", error="too slow")),
    ],
)
async def test_a_crash_over_earlier_questions_is_asked_again_once_without_them(failing: Behaviour) -> None:
    async with nlweb_site(failing, events(*a_answer(ITEM)), dialect=NlwebDialect.A_0_1) as (model, site):
        assert cards_of(await ask(model, Conversation("it", ("rice",)))) == [ITEM_CARD]
    assert [request.body.get("prev") for request in site.requests] == [["rice"], None]


# Generated answers


def generated(answer: str, *items: JsonValue) -> Mapping[str, JsonValue]:
    return {**a("nlws", answer=answer, items=list(items)), "@type": "GeneratedAnswer"}


@pytest.mark.parametrize(
    "ending",
    [[END], [], [a("complete")], [a("error", error="AttributeError")], [a("end-nlweb-response", error=True)]],
)
async def test_a_generated_answer_comes_twice_and_is_said_once(ending: Sequence[Mapping[str, JsonValue]]) -> None:
    behaviour = events(generated("Boil rice."), generated("Boil rice.", ITEM), *ending)
    chunks = await answer_to(behaviour, NlwebMode.GENERATE)
    assert text_of(chunks) == "Boil rice."
    assert cards_of(chunks) == [ITEM_CARD]
    assert chunks[-1] == Finished("stop")


async def test_the_later_generated_answer_replaces_the_earlier() -> None:
    chunks = await answer_to(events(generated("Boil."), generated("Steam it.", ITEM)), NlwebMode.GENERATE)
    assert text_of(chunks) == "Steam it."


async def test_a_generated_answer_survives_that_the_stream_breaks_before_its_items() -> None:
    chunks = await answer_to(cut_after(generated("Boil rice.")), NlwebMode.GENERATE)
    assert text_of(chunks) == "Boil rice."
    assert chunks[-1] == Finished("interrupted")


async def test_an_error_before_any_generated_answer_is_a_failure() -> None:
    with pytest.raises(ModelUnavailable, match="AttributeError"):
        await answer_to(events(a("error", error="AttributeError")), NlwebMode.GENERATE)


# Not streamed


async def test_a_whole_reply_of_2025_08_is_one_object_with_message_types_as_keys() -> None:
    reply: JsonValue = {
        "query_id": "q-1",
        "results": [ITEM],
        "summary": {"message": "Rice is boiled."},
        "decontextualized_query": {"decontextualized_query": "brown rice"},
        "license": {"content": "CC0"},
        "api_version": "0.1",
    }
    chunks = await answer_to(whole(reply))
    assert cards_of(chunks) == [ITEM_CARD]
    assert text_of(chunks) == "Rice is boiled."
    assert statuses_of(chunks) == ["Searching for: brown rice"]


async def test_a_whole_reply_of_2025_09_is_a_list_that_begins_with_the_question() -> None:
    own: dict[str, JsonValue] = {"message_type": "user", "content": {"query": "rice"}, "sender_info": {"id": "alice"}}
    chunks = await answer_to(whole([own, a("result", content=[ITEM]), END]))
    assert chunks == [TAINTED, CardsFound((ITEM_CARD,)), Finished("stop")]


async def test_a_whole_reply_that_is_an_error_is_a_failure() -> None:
    with pytest.raises(ModelUnavailable, match="AttributeError"):
        await answer_to(whole({"message_type": "error", "error": "AttributeError"}, status=500))
    with pytest.raises(ModelUnavailable, match="gone"):
        await answer_to(whole({"query_id": "q", "error": "gone"}))


async def test_a_list_of_sites_is_no_answer() -> None:
    chunks = await answer_to(whole({"message-type": "sites", "sites": ["recipes"]}))
    assert text_of(chunks) == "Nothing was found."
