"""Dialect C, the current one: every kind of reply, and what of it the room is shown."""

from collections.abc import Callable
from contextlib import aclosing

import pytest
from pydantic import JsonValue

from multiplayer.models.port import (
    CardsFound,
    ChatRequest,
    Chunk,
    Conversation,
    Finished,
    FormAsked,
    ModelBroke,
    ModelRejected,
    ModelUnavailable,
    PromptMessage,
    StatusSaid,
    Tainted,
    TextDelta,
    Usage,
)
from multiplayer.protocol.cards import Form, Question, QuestionKind, Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions
from tests.support.nlweb_sites import (
    NO_TOKENS,
    RICE,
    RICE_CARD,
    ask,
    broken_after,
    c_answer,
    c_failure,
    c_meta,
    cards_of,
    cut_after,
    events,
    forms_of,
    nlweb_site,
    request_of,
    result,
    silent_after,
    text_of,
    titles_of,
    told,
    whole,
)
from tests.support.provider_server import Behaviour

pytestmark = pytest.mark.slow

FULL = Conversation(
    "and with beans?", ("rice, please", "brown, ideally"), "They cook.", ("Alice is vegan",), "thread-1"
)
TAINTED = Tainted(Taint.NLWEB)


async def answer_to(behaviour: Behaviour, mode: NlwebMode = NlwebMode.LIST) -> list[Chunk]:
    async with nlweb_site(behaviour, mode=mode) as (model, _):
        return await ask(model)


async def test_a_site_says_that_it_counts_no_tokens() -> None:
    async with nlweb_site(events(*c_answer())) as (model, _), aclosing(model.stream(request_of("rice"))) as chunks:
        assert [chunk async for chunk in chunks if isinstance(chunk, Usage)] == [NO_TOKENS]


# What is sent


async def test_the_question_is_one_nested_post_with_known_keys_only() -> None:
    options = NlwebOptions(dialect=NlwebDialect.C_0_54, site="recipes.example", max_results=7)
    async with nlweb_site(events(*c_answer()), options=options, key="sesame-123") as (model, site):
        await ask(model, FULL)
        (request,) = site.requests
    assert (request.method, request.path) == ("POST", "/ask")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.authorization == "Bearer sesame-123"
    assert request.body == {
        "query": {"text": "and with beans?", "site": "recipes.example", "max_results": 7},
        "context": {
            "@type": "ConversationalContext",
            "prev": ["rice, please", "brown, ideally"],
            "text": "They cook.",
            "memory": ["Alice is vegan"],
        },
        "prefer": {"streaming": True, "mode": "list"},
        "meta": {"session_context": {"conversation_id": "thread-1"}},
    }


async def test_a_bare_question_sends_no_context_no_meta_and_no_key() -> None:
    async with nlweb_site(events(*c_answer())) as (model, site):
        await ask(model)
        (request,) = site.requests
    assert set(request.body) == {"query", "prefer"}
    assert request.authorization is None


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        (NlwebMode.LIST, "list"),
        (NlwebMode.SUMMARIZE, "summarize"),
        (NlwebMode.GENERATE, "list,summarize"),  # `generate` would silently be a list
    ],
)
async def test_the_mode_is_one_the_server_knows(mode: NlwebMode, sent: str) -> None:
    async with nlweb_site(events(*c_answer()), mode=mode) as (model, site):
        await ask(model)
    prefer = site.requests[0].body["prefer"]
    assert isinstance(prefer, dict)
    assert prefer["mode"] == sent


@pytest.mark.parametrize(("count", "sent"), [(0, None), (1, ["brown, ideally"]), (5, list(FULL.previous))])
async def test_only_the_last_earlier_messages_go_along(count: int, sent: list[JsonValue] | None) -> None:
    options = NlwebOptions(dialect=NlwebDialect.C_0_54, previous_messages=count)
    async with nlweb_site(events(*c_answer()), options=options) as (model, site):
        await ask(model, FULL)
    context = site.requests[0].body["context"]
    assert isinstance(context, dict)
    assert context.get("prev") == sent


async def test_asking_for_many_results_lets_the_server_look_through_as_many() -> None:
    options = NlwebOptions(dialect=NlwebDialect.C_0_54, max_results=80)
    async with nlweb_site(events(*c_answer()), options=options) as (model, site):
        await ask(model)
    assert site.requests[0].body["query"] == {"text": "rice", "site": "all", "max_results": 80, "num_results": 80}


@pytest.mark.parametrize("conversation", [None, Conversation(" \n")])
async def test_without_a_question_nothing_is_sent(conversation: Conversation | None) -> None:
    request = ChatRequest((PromptMessage("user", "a prompt"),), conversation=conversation)
    async with nlweb_site(events(*c_answer())) as (model, site):
        with pytest.raises(ModelRejected, match="can only be asked a question"):
            await ask(model, request)
    assert site.requests == []


async def test_the_model_is_named_after_its_host() -> None:
    async with nlweb_site(events(*c_answer())) as (model, _):
        assert model.model_name == "nlweb:127.0.0.1"
        assert model.context_tokens == 32_000


# Answers


async def test_results_become_cards_in_one_chunk_after_the_taint() -> None:
    assert await answer_to(events(*c_answer(RICE, result("beans")))) == [
        TAINTED,
        CardsFound((RICE_CARD, *cards_of(await answer_to(events(*c_answer(result("beans"))))))),
        Finished("stop"),
    ]


async def test_results_that_come_in_several_objects_are_all_kept_and_none_twice() -> None:
    chunks = await answer_to(
        events(*c_answer(result("one")), {"results": [result("two"), result("one")]}, {"results": [result("three")]})
    )
    assert titles_of(chunks) == ["one", "two", "three"]


async def test_a_summary_becomes_words_not_a_card() -> None:
    summary: JsonValue = {"@type": "Summary", "text": "Rice is boiled."}
    chunks = await answer_to(events(*c_answer(RICE), {"results": [summary]}), NlwebMode.SUMMARIZE)
    assert chunks == [TAINTED, CardsFound((RICE_CARD,)), TextDelta("Rice is boiled."), Finished("stop")]


async def test_zero_results_and_an_orderly_end_mean_that_nothing_was_found() -> None:
    assert await answer_to(events(*c_answer())) == [TAINTED, TextDelta("Nothing was found."), Finished("stop")]
    assert text_of(await answer_to(events(c_meta("Answer")))) == "Nothing was found."


async def test_the_question_as_the_site_understood_it_is_a_status_line() -> None:
    chunks = await answer_to(events(c_meta("Answer", decontextualized_query="brown rice"), {"results": [RICE]}))
    assert chunks[:2] == [TAINTED, StatusSaid("Searching for: brown rice")]


@pytest.mark.parametrize(("type_", "text"), [("Type", "Text"), ("type", "text")])
@pytest.mark.parametrize("data", ["structuredData", "structured_data"])
async def test_the_other_body_form_of_the_specification_is_read_too(type_: str, text: str, data: str) -> None:
    content: JsonValue = [{type_: "text", text: "Here is rice."}]
    chunks = await answer_to(
        events(c_meta("Answer", response_format="chatgpt_app"), {"content": content, data: [RICE]})
    )
    assert text_of(chunks) == "Here is rice."
    assert cards_of(chunks) == [RICE_CARD]


async def test_an_answer_that_is_not_streamed_is_read_whole() -> None:
    chunks = await answer_to(whole({**c_meta("Answer"), "results": [RICE]}))
    assert chunks == [TAINTED, CardsFound((RICE_CARD,)), Finished("stop")]


async def test_comment_lines_and_unknown_objects_are_skipped() -> None:
    behaviour = events(*c_answer(RICE), {"novelty": 1}, raw=b": keepalive\n\n: keepalive\n\n")
    assert cards_of(await answer_to(behaviour)) == [RICE_CARD]


# Elicitation


async def test_an_elicitation_becomes_a_form_that_ends_the_answer() -> None:
    elicitation: JsonValue = {
        "text": "Tell me more.",
        "questions": [
            {"id": "where", "text": "Where are you?", "type": "text"},
            {"id": "diet", "text": "Which diet?", "type": "single_select", "options": ["vegan", "none"]},
            {"id": "tools", "text": "What have you got?", "type": "multi_select", "options": ["pot", "pan", "pot"]},
            {"id": "where", "text": "And where to?", "type": "novel"},
        ],
    }
    chunks = await answer_to(events(c_meta("Elicitation"), {"elicitation": elicitation}))
    form = Form(
        text="Tell me more.",
        questions=(
            Question(id="where", text="Where are you?"),
            Question(id="diet", text="Which diet?", kind=QuestionKind.ONE_OF, choices=("vegan", "none")),
            Question(id="tools", text="What have you got?", kind=QuestionKind.ANY_OF, choices=("pot", "pan")),
            Question(id="question_4", text="And where to?"),
        ),
    )
    assert chunks == [TAINTED, FormAsked(form), Finished("stop")]


async def test_a_choice_without_options_is_a_text_field() -> None:
    question: JsonValue = {"id": "q", "text": "Which?", "type": "single_select"}
    chunks = await answer_to(whole({**c_meta("Elicitation"), "elicitation": {"questions": [question]}}))
    assert forms_of(chunks) == [Form(questions=(Question(id="q", text="Which?"),))]


async def test_an_elicitation_without_questions_asks_its_text() -> None:
    chunks = await answer_to(events(c_meta("Elicitation"), {"elicitation": {"text": "Where are you?"}}))
    assert forms_of(chunks) == [Form(questions=(Question(id="answer", text="Where are you?"),))]


@pytest.mark.parametrize("messages", [(c_meta("Elicitation"),), (c_meta("Elicitation"), {"elicitation": {}})])
async def test_an_elicitation_that_asks_nothing_is_a_failure(messages: tuple[JsonValue, ...]) -> None:
    with pytest.raises(ModelBroke, match="asks nothing"):
        await answer_to(events(*messages))


# Failures


@pytest.mark.parametrize("code", ["INVALID_REQUEST", "MISSING_FIELD", "INVALID_ACTION"])
@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_refusal_is_one_though_the_status_is_200(code: str, is_streamed: bool) -> None:
    meta, error = c_failure(code, "query.extra: not permitted")
    behaviour = events(meta, error) if is_streamed else whole({**meta, **error}, status=400)
    with pytest.raises(ModelRejected, match=r"refused the question: query\.extra: not permitted"):
        await answer_to(behaviour)


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_an_internal_error_is_the_sites_problem_of_the_moment(is_streamed: bool) -> None:
    meta, error = c_failure("INTERNAL_ERROR", "the index is gone")
    behaviour = events(meta, error) if is_streamed else whole({**meta, **error}, status=500)
    with pytest.raises(ModelUnavailable, match="reports an error: the index is gone"):
        await answer_to(behaviour)


@pytest.mark.parametrize("status", [404, 500])
async def test_results_that_come_with_an_error_status_are_not_shown(status: int) -> None:
    heard: list[Chunk] = []
    async with nlweb_site(whole({**c_meta("Answer"), "results": [RICE]}, status)) as (model, _):
        with pytest.raises((ModelRejected, ModelUnavailable), match=f"status {status}"):
            await ask(model, heard=heard)
    assert heard == []
    both: JsonValue = {**c_meta("Failure"), "results": [RICE], "error": {"code": "INTERNAL_ERROR", "message": "x"}}
    async with nlweb_site(whole(both, status), events(*c_answer(RICE))) as (model, site):
        assert cards_of(await ask(model, FULL)) == [RICE_CARD]  # nothing was shown, so it may be asked again
    assert len(site.requests) == 2


async def test_a_failure_without_its_error_is_still_one() -> None:
    with pytest.raises(ModelUnavailable, match="no reason given"):
        await answer_to(events(c_meta("Failure")))


async def test_a_reported_error_after_results_fails_the_turn_and_keeps_them() -> None:
    heard: list[Chunk] = []
    async with nlweb_site(events(*c_answer(RICE), {"error": {"code": "INTERNAL_ERROR", "message": "oh"}})) as (m, _):
        with pytest.raises(ModelBroke, match="in the middle of its answer: oh"):
            await ask(m, heard=heard)
    assert cards_of(heard) == [RICE_CARD]


async def test_a_body_the_server_could_not_read_is_reported() -> None:
    with pytest.raises(ModelUnavailable, match="status 500"):
        await answer_to(told(500))


@pytest.mark.parametrize("breaking", [cut_after, broken_after])
async def test_answer_and_no_results_and_a_broken_stream_is_a_crash(breaking: Callable[..., Behaviour]) -> None:
    for messages in ((c_meta("Answer"),), c_answer()):
        with pytest.raises(ModelUnavailable, match="connection to the NLWeb site was lost"):
            await answer_to(breaking(*messages))


@pytest.mark.parametrize("breaking", [cut_after, broken_after])
async def test_results_before_the_stream_broke_stay_and_are_marked(breaking: Callable[..., Behaviour]) -> None:
    assert await answer_to(breaking(*c_answer(RICE))) == [TAINTED, CardsFound((RICE_CARD,)), Finished("interrupted")]


async def test_a_stream_that_ends_in_the_middle_of_a_line_was_cut() -> None:
    half = b'data: {"_meta":{"version":"0.54","response_type":"Answer"}}\n\ndata: {"results":['
    with pytest.raises(ModelUnavailable, match="was lost"):
        await answer_to(events(raw=half))


async def test_a_site_that_falls_silent_has_gone_away() -> None:
    async with nlweb_site(silent_after(*c_answer(RICE)), read_timeout_s=0.2) as (model, _):
        assert (await ask(model))[-1] == Finished("interrupted")
    async with nlweb_site(silent_after(c_meta("Answer")), read_timeout_s=0.2) as (model, _):
        with pytest.raises(ModelUnavailable, match="was lost"):
            await ask(model)


# Earlier messages that a site cannot digest


@pytest.mark.parametrize(
    "failing",
    [
        told(500),
        whole({"detail": "Internal Server Error"}, status=500),
        whole({**c_meta("Failure"), "error": {"code": "INTERNAL_ERROR", "message": "LLM timed out"}}, status=500),
        events(*c_failure("INTERNAL_ERROR", "LLM timed out")),
        broken_after(),  # what 0.7.0 does when it streams
    ],
)
async def test_a_crash_over_earlier_messages_is_asked_again_once_without_them(failing: Behaviour) -> None:
    async with nlweb_site(failing, events(*c_answer(RICE))) as (model, site):
        assert cards_of(await ask(model, FULL)) == [RICE_CARD]
        again = site.requests[1].body
    assert len(site.requests) == 2
    assert again["context"] == {"@type": "ConversationalContext", "memory": ["Alice is vegan"]}


async def test_it_is_not_asked_a_third_time() -> None:
    async with nlweb_site(told(500)) as (model, site):
        with pytest.raises(ModelUnavailable, match="status 500"):
            await ask(model, FULL)
    assert len(site.requests) == 2


async def test_without_earlier_messages_a_crash_is_not_asked_again() -> None:
    async with nlweb_site(told(500)) as (model, site):
        with pytest.raises(ModelUnavailable):
            await ask(model)
    assert len(site.requests) == 1


async def test_after_something_was_shown_a_crash_is_not_asked_again() -> None:
    async with nlweb_site(broken_after(*c_answer(RICE))) as (model, site):
        assert (await ask(model, FULL))[-1] == Finished("interrupted")
    async with nlweb_site(events(*c_answer(RICE), *c_failure("INTERNAL_ERROR"))) as (model, other):
        with pytest.raises(ModelBroke):
            await ask(model, FULL)
    assert [len(site.requests), len(other.requests)] == [1, 1]


async def test_a_refusal_is_not_asked_again() -> None:
    async with nlweb_site(events(*c_failure("MISSING_FIELD"))) as (model, site):
        with pytest.raises(ModelRejected):
            await ask(model, FULL)
    assert len(site.requests) == 1
