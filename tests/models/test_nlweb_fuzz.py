"""Whatever bytes a site sends: the only thing that rises is a `ModelFailure`, and what is shown stays in its bounds."""

import json
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_answer import NlwebLimits
from multiplayer.models.nlweb_cards import card_of, form_of, link_in, plain_text, question_form
from multiplayer.models.port import CardsFound, Chunk, Finished, FormAsked, ModelFailure, StatusSaid, Tainted, TextDelta
from multiplayer.protocol.cards import MAX_CARDS, Card, Form, Taint
from multiplayer.protocol.profiles import NlwebDialect
from tests.support.nlweb_sites import ask, c_meta, events, nlweb_site
from tests.support.provider_server import Behaviour, Provider, Reply

pytestmark = pytest.mark.slow

KEYS = [
    "_meta", "version", "response_type", "results", "content", "structuredData", "elicitation", "promise", "token",
    "questions", "id", "text", "type", "options", "error", "code", "message", "message_type", "answer", "items",
    "@type", "name", "url", "grounding", "source_urls", "score", "description", "schema_object", "site", "query_id",
    "resource", "data", "nlweb/streaming_status", "decontextualized_query", "status", "count",
]  # fmt: skip
WORDS = [
    "0.54", "0.5", "Answer", "Elicitation", "Promise", "Failure", "Summary", "INVALID_REQUEST", "INTERNAL_ERROR",
    "result", "result_batch", "nlws", "ask_user", "api_key", "error", "complete", "end-nlweb-response", "remember",
    "single_select", "multi_select", "https://a.example", "https://a@b", "javascript:x", "\u202e", "\ud800", "",
]  # fmt: skip
texts = st.sampled_from(WORDS) | st.text(max_size=8) | st.characters().map(lambda character: character * 4_100)
scalars = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | texts
values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=5),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=6)
questions = st.fixed_dictionaries(
    {}, optional={"id": texts, "text": values, "type": texts, "options": st.lists(texts, max_size=3) | values}
)
firsts = st.sampled_from([c_meta("Answer"), {"_meta": {"version": "0.5"}}, {"message_type": "begin-nlweb-response"}])
PIECES = [
    b"data: ", b"\n", b"\r", b"\n\n", b": keepalive\n\n", b"{", b"}", b"[", b"]", b'"', b"[DONE]", b"\xff\xfe", b"\xf0\x9f",
    b'{"_meta":{"version":"0.54","response_type":"Answer"}}', b'{"results":[{"name":"x"}]}', b'{"message_type":"result"}',
    b"NaN", b"1e999", b'"\\ud800"', b"event: x\n", b"[" * 5_000,
]  # fmt: skip
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
LIMITS = NlwebLimits(first_pause_s=0.0, longest_pause_s=0.0, polls=2, words=5_000, statuses=5)


def check(chunks: Sequence[Chunk], *, is_whole: bool) -> None:
    assert not chunks or chunks[0] == Tainted(Taint.NLWEB)
    assert [chunk for chunk in chunks if isinstance(chunk, Finished)] == ([chunks[-1]] if is_whole else [])
    cards = [card for chunk in chunks if isinstance(chunk, CardsFound) for card in chunk.cards]
    assert len(cards) <= MAX_CARDS
    for card in cards:
        check_card(card)
    for chunk in chunks:
        match chunk:
            case TextDelta(text) | StatusSaid(text):
                assert text
                check_text(text)
            case FormAsked(form):
                check_form(form)
            case _:
                assert isinstance(chunk, CardsFound | Finished | Tainted)


def check_card(card: Card) -> None:
    assert Card.model_validate_json(card.model_dump_json()) == card  # within the model's bounds, and can be stored
    assert all(link.lower().startswith(("http://", "https://")) for link in (card.url, *card.sources) if link)
    check_text(card.title + card.text + card.site)
    assert "\n" not in card.title + card.site


def check_form(form: Form) -> None:
    assert Form.model_validate_json(form.model_dump_json()) == form
    assert len({question.id for question in form.questions}) == len(form.questions)


def check_text(text: str) -> None:
    text.encode()
    assert not {"\0", "\x1b", "\u202e", "\u2066", "\u200b", "\r", "\u2028"} & set(text)


async def try_on(model: NLWeb) -> None:
    heard: list[Chunk] = []
    try:
        await ask(model, heard=heard)
    except ModelFailure as failure:
        assert str(failure)  # noqa: PT017 - a failure is one of two fine outcomes
        check(heard, is_whole=False)
    else:
        check(heard, is_whole=True)


def raw_reply(data: bytes, content_type: str, status: int) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.head(status, length=len(data), content_type=content_type)
        await reply.body(data)

    return Behaviour("raw", play)


Asked = tuple[NLWeb, Provider]


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=list(NlwebDialect))
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[Asked]:
    async with nlweb_site(events(), dialect=request.param, limits=LIMITS) as model_and_site:
        yield model_and_site


@SETTINGS
@given(st.lists(firsts, max_size=1), st.lists(objects | values, max_size=5), st.booleans())
async def test_any_json_is_an_answer_or_a_failure(
    asked: Asked, first: list[JsonValue], messages: list[JsonValue], is_streamed: bool
) -> None:
    model, site = asked
    every = first + messages
    site.default = events(*every) if is_streamed else raw_reply(json.dumps(every).encode(), "application/json", 200)
    await try_on(model)


@SETTINGS
@given(
    st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join),
    st.sampled_from(["text/event-stream", "application/json", "text/html", ""]),
    st.sampled_from([200, 200, 200, 400, 404, 500]),
)
async def test_any_bytes_are_an_answer_or_a_failure(asked: Asked, data: bytes, content_type: str, status: int) -> None:
    model, site = asked
    site.default = raw_reply(data, content_type, status)
    await try_on(model)


@SETTINGS
@given(values)
def test_any_result_makes_a_card_within_its_bounds_or_none(value: JsonValue) -> None:
    item: dict[str, JsonValue] = value if isinstance(value, dict) else {"name": value, "url": value}
    card = card_of(item)
    if card is not None:
        check_card(card)


@SETTINGS
@given(objects, st.lists(questions, max_size=25))
def test_any_elicitation_makes_a_form_within_its_bounds_or_none(
    value: dict[str, JsonValue], asked_: list[JsonValue]
) -> None:
    form = form_of({**value, "questions": [*asked_]})
    if form is not None:
        check_form(form)


@given(st.text())
def test_any_text_becomes_plain_and_stays_so(text: str) -> None:
    plain = plain_text(text)
    check_text(plain)
    assert plain_text(plain) == plain
    check_form(question_form(text))


@given(st.text() | st.builds("https://{}".format, st.text()))
def test_any_link_is_a_web_link_or_empty(text: str) -> None:
    link = link_in(text)
    assert link in {"", text}
    assert not link or link.lower().startswith(("http://", "https://"))
