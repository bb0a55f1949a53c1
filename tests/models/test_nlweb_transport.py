"""What no site can do to us: wrong addresses, redirects, bombs, floods, leaks of the key, hanging connections."""

import asyncio
import gzip
import json
from contextlib import aclosing
from dataclasses import replace

import pytest
from pydantic import JsonValue

from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_answer import NlwebLimits
from multiplayer.models.port import (
    Chunk,
    Finished,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelUnavailable,
    StatusSaid,
    Tainted,
)
from multiplayer.models.sse_reader import SseLimits
from multiplayer.protocol.cards import MAX_CARDS, Card, Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebOptions
from tests.support.nlweb_sites import (
    IN_TIME_S,
    RICE,
    RICE_CARD,
    a,
    ask,
    c_answer,
    c_failure,
    c_meta,
    cards_of,
    events,
    nlweb_site,
    request_of,
    result,
    silent_after,
    statuses_of,
    text_of,
    told,
    whole,
)
from tests.support.provider_server import Behaviour, Reply

pytestmark = pytest.mark.slow

KEY = "sesame-0123456789"
SMALL = NlwebLimits(stream=SseLimits(2_000, 2_000, 5_000), whole_body=2_000, words=100, statuses=3)


async def answer_to(behaviour: Behaviour, limits: NlwebLimits | None = None) -> list[Chunk]:
    async with nlweb_site(behaviour, key=KEY, limits=limits) as (model, _):
        return await ask(model)


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "http://site.example",
        "ftp://site.example",
        "https://bob:pw@site.example",
        "https://site.example/?key=1",
        "https://site.example/#x",
        "site.example",
        "https://",
        "http://[oops",
    ],
)
def test_an_address_that_is_not_safe_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        NLWeb(address, NlwebOptions())


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_takes_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        NLWeb("https://site.example", NlwebOptions(), key=key)


@pytest.mark.parametrize(
    "address", ["https://site.example", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:1"]
)
async def test_https_and_this_machine_are_fine(address: str) -> None:
    await NLWeb(address, NlwebOptions()).aclose()


async def test_plain_http_needs_the_operators_word() -> None:
    await NLWeb("http://site.example", NlwebOptions(), allows_plain_http=True).aclose()


@pytest.mark.parametrize("suffix", ["", "/", "/ask", "/ask/", "/deep/er", "/deep/er/ask"])
async def test_ask_is_found_below_the_address(suffix: str) -> None:
    async with nlweb_site(events(*c_answer())) as (_, site):
        model = NLWeb(site.base_url + suffix, NlwebOptions(dialect=NlwebDialect.C_0_54))
        await ask(model)
        await model.aclose()
    assert site.requests[0].path == ("/deep/er/ask" if "deep" in suffix else "/ask")


# Statuses


@pytest.mark.parametrize(
    ("behaviour", "failure", "words"),
    [
        (told(301, location="http://127.0.0.1/elsewhere"), ModelRejected, "points to another address"),
        (told(307, location="http://127.0.0.1/elsewhere"), ModelRejected, "points to another address"),
        (told(401), ModelRejected, "did not let this server in"),
        (told(403), ModelRejected, "did not let this server in"),
        (told(404), ModelRejected, "status 404"),
        (told(405), ModelRejected, "status 405"),
        (told(413), ModelRejected, "status 413"),
        (whole({"detail": "Not Found"}, 404), ModelRejected, "status 404"),
        (whole({"detail": "oh"}, 500), ModelUnavailable, "status 500"),
        (told(204), ModelBroke, "status 204"),
        (told(429), ModelUnavailable, "too many requests"),
        (told(500), ModelUnavailable, "status 500"),
        (told(502), ModelUnavailable, "status 502"),
        (told(503), ModelUnavailable, "status 503"),
        (told(200, "<html>hello</html>", content_type="text/html"), ModelBroke, "web page"),
        (told(200, "hello", content_type="application/json"), ModelBroke, "not NLWeb"),
        (told(200, "7", content_type="application/json"), ModelBroke, "not NLWeb"),
        (told(200, "data: oops\n\n", content_type="text/event-stream"), ModelBroke, "not NLWeb"),
        (told(200, f"data: {'[' * 100_000}\n\n", content_type="text/event-stream"), ModelBroke, "not NLWeb"),
        (told(200, "", content_type="text/event-stream"), ModelUnavailable, "before it had begun"),
    ],
)
async def test_what_is_no_answer_is_a_failure_in_words(
    behaviour: Behaviour, failure: type[ModelFailure], words: str
) -> None:
    with pytest.raises(failure, match=words):
        await answer_to(behaviour)


@pytest.mark.parametrize(("value", "wait_s", "is_worth"), [("7", 7.0, True), ("soon", None, False)])
async def test_how_long_to_wait_is_passed_on(value: str, wait_s: float | None, is_worth: bool) -> None:
    with pytest.raises(ModelUnavailable) as failure:
        await answer_to(told(429, retry_after=value))
    assert (failure.value.retry_after_s, failure.value.is_worth_retrying) == (wait_s, is_worth)


async def test_a_site_that_is_not_there_cannot_be_reached() -> None:
    async with nlweb_site(events()) as (_, site):
        address = site.base_url
    model = NLWeb(address, NlwebOptions())
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await ask(model)
    await model.aclose()


async def test_a_site_that_does_not_speak_http_is_none() -> None:
    async def play(reply: Reply) -> None:
        reply.keeps_alive = False
        await reply.raw(b"220 ftp ready\r\n\r\n")

    with pytest.raises(ModelBroke, match="not HTTP"):
        await answer_to(Behaviour("ftp", play))


async def test_a_site_that_hangs_up_without_a_word_is_down() -> None:
    async def play(reply: Reply) -> None:
        reply.keeps_alive = False

    async with nlweb_site(Behaviour("hangs up", play)) as (model, site):
        with pytest.raises(ModelUnavailable, match="hung up"):
            await ask(model)
    assert len(site.requests) == 2  # the first time it could have been an idle connection


async def test_an_idle_connection_that_the_site_has_dropped_costs_nothing() -> None:
    async def play(reply: Reply) -> None:
        reply.hangs_up_on_next = True
        await events(*c_answer(RICE)).play(reply)

    async with nlweb_site(Behaviour("hangs up", play)) as (model, site):
        for _ in range(2):
            assert cards_of(await ask(model)) == [RICE_CARD]
        assert site.hung_up == 1


async def test_connections_are_used_again_also_after_an_end_marker() -> None:
    options = NlwebOptions(dialect=NlwebDialect.A_0_1)
    async with nlweb_site(events(a("result", content=[RICE]), a("complete")), options=options) as (model, site):
        await ask(model)
        await ask(model)
    assert site.requests[0].closed is site.requests[1].closed  # one event per connection


async def test_closing_the_stream_closes_the_connection() -> None:
    async with nlweb_site(silent_after(*c_answer(RICE))) as (model, site), asyncio.timeout(IN_TIME_S):
        async with aclosing(model.stream(request_of("rice"))) as chunks:
            assert await anext(chunks) == Tainted(Taint.NLWEB)
        await site.requests[0].closed.wait()


async def test_nothing_is_asked_before_the_first_chunk_is() -> None:
    async with nlweb_site(events(*c_answer())) as (model, site):
        stream = model.stream(request_of("rice"))
        await asyncio.sleep(0)
        await stream.aclose()
        assert site.requests == []


# Bounds


async def endless(reply: Reply) -> None:
    await reply.begin_stream()
    await reply.body(b'data: {"_meta":{"version":"0.54"}}\n\ndata: ')
    while not reply.request.closed.is_set():
        await reply.body(b"x" * 65_536)


async def flood(reply: Reply) -> None:
    await reply.begin_stream()
    while not reply.request.closed.is_set():
        await reply.body(b'data: {"_meta":{"version":"0.54"}}\n\n' * 1_000)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour("endless line", endless),
        Behaviour("flood", flood),
        whole({**c_meta("Answer"), "results": [{**RICE, "x": "y" * 2_000}]}),
        events(*c_answer({"@type": "Summary", "text": "word " * 30})),
    ],
)
async def test_more_than_an_answer_can_hold_is_cut_off(behaviour: Behaviour) -> None:
    with pytest.raises(ModelBroke, match="more than an answer can hold"):
        await answer_to(behaviour, SMALL)


async def test_a_huge_page_that_goes_with_an_error_is_not_read() -> None:
    with pytest.raises(ModelRejected, match="status 404"):
        await answer_to(told(404, json.dumps({"error": "x" * 1_000_000})))


@pytest.mark.parametrize("status", [200, 500])
async def test_a_compressed_answer_is_never_unpacked(status: int) -> None:
    async def play(reply: Reply) -> None:
        body = gzip.compress(b"data: " + b"x" * 10_000_000, compresslevel=1)
        await reply.head(status, length=len(body), content_type="text/event-stream", content_encoding="gzip")
        await reply.body(body)

    with pytest.raises(ModelBroke, match="compressed"):
        await answer_to(Behaviour("bomb", play))


async def test_cards_and_status_lines_are_bounded_in_number() -> None:
    many: list[JsonValue] = [result(str(number)) for number in range(MAX_CARDS + 50)]
    chunks = await answer_to(events(*c_answer(*many), {"results": many}))
    assert len(cards_of(chunks)) == MAX_CARDS
    noisy = events(*[c_meta("Answer", decontextualized_query=str(number)) for number in range(20)])
    assert len(statuses_of(await answer_to(noisy, SMALL))) == SMALL.statuses


async def test_a_site_that_bursts_its_bounds_after_cards_leaves_them_standing() -> None:
    heard: list[Chunk] = []
    limits = replace(SMALL, words=5)
    async with nlweb_site(events(*c_answer(RICE, {"@type": "Summary", "text": "far too long"})), limits=limits) as (
        m,
        _,
    ):
        with pytest.raises(ModelBroke):
            await ask(m, heard=heard)
    assert cards_of(heard) == [RICE_CARD]


# What is shown


@pytest.mark.parametrize(
    "behaviour",
    [
        events(*c_failure("INTERNAL_ERROR", f"bad header Bearer {KEY} \u202e\nsk-abcdefgh12345")),
        whole({**c_meta("Failure"), "error": {"message": f"{KEY} sk-abcdefgh12345"}}, 500),
    ],
)
async def test_a_failure_never_shows_a_key_nor_more_than_one_line(behaviour: Behaviour) -> None:
    with pytest.raises(ModelUnavailable) as failure:
        await answer_to(behaviour)
    assert KEY not in str(failure.value)
    assert "sk-abc" not in str(failure.value)
    assert str(failure.value).isprintable()


@pytest.mark.parametrize(
    ("link", "is_one"),
    [
        ("https://a.example/x?y=1#z", True),
        ("HTTP://a.example", True),
        ("https://日本.example/米", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("ftp://a.example", False),
        ("//a.example", False),
        ("/rice", False),
        ("https://", False),
        ("https:///x", False),
        ("https://good.example@evil.example", False),
        ("https://good.example\\@evil.example", False),
        ("https://a.example/\u202egpj.exe", False),
        ("https://a.example/a b", False),
        (' https://a.example"onclick', False),
        ("https://[oops", False),
        ("https://a.example:99999", False),
        ("https://a.example/" + "x" * 2_000, False),
        (7, False),
        (None, False),
        (["https://a.example"], False),
    ],
)
async def test_only_plain_web_links_are_links(link: JsonValue, is_one: bool) -> None:
    (card,) = cards_of(await answer_to(events(*c_answer({"name": "x", "url": link}))))
    assert card == Card(title="x", url=str(link) if is_one else "")
    (card,) = cards_of(await answer_to(events(*c_answer({"name": "x", "grounding": {"source_urls": [link]}}))))
    assert card.url == (str(link) if is_one else "")


async def test_further_sources_are_kept_each_once() -> None:
    urls: list[JsonValue] = ["not a link", *(f"https://a.example/{number % 20}" for number in range(40))]
    item: JsonValue = {"name": "x", "url": "https://b.example", "grounding": {"source_urls": urls}}
    (card,) = cards_of(await answer_to(events(*c_answer(item))))
    assert card.url == "https://a.example/0"
    assert card.sources == tuple(f"https://a.example/{number}" for number in range(1, 11))


async def test_hidden_characters_are_taken_out_and_lengths_held() -> None:
    item: JsonValue = {
        "name": "Ri\u202ece\u0000 \x1b[31m\nfor\ttwo \U000e0041\ud800 👩\u200d🍳",
        "description": "one\r\ntwo\u2029three\x07" + "x" * 5_000,
        "site": "s" * 600,
        "score": 10**400,
    }
    chunks = await answer_to(events(*c_answer(item, {"@type": "Summary", "text": "a\u202eb\nc\u200b"})))
    (card,) = cards_of(chunks)
    assert card.title == "Rice [31m for two � 👩\u200d🍳"
    assert card.text.startswith("one\ntwo\nthreexxx")
    assert (len(card.text), len(card.site), card.score) == (2_000, 500, None)
    assert text_of(chunks) == "ab\nc"


@pytest.mark.parametrize(
    ("item", "title", "text"),
    [
        ({"name": ["Rice", "Reis"], "description": {"text": "Boil."}}, "Rice", "Boil."),
        ({"headline": "News"}, "News", ""),
        ({"url": "https://a.example/x"}, "https://a.example/x", ""),
        ({"description": "Only words."}, "", "Only words."),
        ({"schema_object": [{"name": "Inner", "description": "Deep."}]}, "Inner", "Deep."),
        ({"name": "x", "score": True, "schema_object": "text", "grounding": 7}, "x", ""),
    ],
)
async def test_a_card_is_made_of_whatever_a_result_says(item: JsonValue, title: str, text: str) -> None:
    (card,) = cards_of(await answer_to(events(*c_answer(item))))
    assert (card.title, card.text, card.score) == (title, text, None)


@pytest.mark.parametrize(("score", "shown"), [(7, 7.0), (float("nan"), None), (float("inf"), None), ("7", None)])
async def test_a_score_is_a_number_that_can_be_stored(score: JsonValue, shown: float | None) -> None:
    (card,) = cards_of(await answer_to(events(*c_answer({"name": "x", "score": score}))))
    assert card.score == shown


async def test_results_that_say_nothing_are_no_cards() -> None:
    chunks = await answer_to(events(*c_answer({}, 7, None, "x", {"@type": "Item"}, {"name": "\u200b"})))
    assert cards_of(chunks) == []
    assert StatusSaid("") not in chunks
    assert chunks[-1] == Finished("stop")
