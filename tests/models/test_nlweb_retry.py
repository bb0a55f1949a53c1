"""An NLWeb site that fails is asked again as any provider is: three requests a question, pauses, a circuit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.models.deadlines import PauseSaid
from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_dialects import DialectMemory
from multiplayer.models.port import (
    CardsFound,
    ChatModel,
    Chunk,
    Conversation,
    Finished,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelUnavailable,
    Tainted,
    TextDelta,
)
from multiplayer.models.retry import OPEN_S, Retrying
from multiplayer.models.scripted import Fail, Say, ScriptedModel
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions
from tests.support.nlweb_sites import (
    INVALID_IN_C,
    RICE,
    RICE_CARD,
    a_answer,
    ask,
    broken_after,
    by_route,
    c_answer,
    c_failure,
    c_meta,
    c_promise,
    cards_of,
    cut_after,
    events,
    nlweb_site,
    site_of,
    text_of,
    told,
)
from tests.support.provider_server import Behaviour, Provider, Reply
from tests.support.workshop import workshop

C = events(*c_answer(RICE))
SUMMARY: JsonValue = {"results": [{"@type": "Summary", "text": "Boil it."}]}


class Clock:
    """Moved by the pauses, which are kept."""

    def __init__(self) -> None:
        self.at_s = 1_000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.at_s

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.at_s += seconds

    def again(self, site: ChatModel) -> ChatModel:
        return Retrying(site, self.pause, self, lambda: 0.5)


@asynccontextmanager
async def patient_site(
    *behaviours: Behaviour,
    dialect: NlwebDialect = NlwebDialect.C_0_54,
    mode: NlwebMode = NlwebMode.LIST,
    composer: ChatModel | None = None,
    dialects: DialectMemory | None = None,
) -> AsyncIterator[tuple[NLWeb, Provider, Clock]]:
    clock = Clock()
    async with nlweb_site(*behaviours) as (_, site):
        model = NLWeb(
            site.base_url,
            NlwebOptions(dialect=dialect, mode=mode),
            composer=composer,
            dialects=dialects,
            clock=clock,
            sleep=clock.pause,
            again=clock.again,
        )
        try:
            yield model, site, clock
        finally:
            await model.aclose()


async def failure_of(model: NLWeb, told_: str | Conversation = "rice") -> tuple[ModelFailure, list[Chunk]]:
    heard: list[Chunk] = []
    with pytest.raises(ModelFailure) as failed:
        await ask(model, told_, heard)
    return failed.value, heard


async def test_a_site_that_asks_for_patience_is_asked_again_when_it_said() -> None:
    busy = told(503, retry_after="7")
    async with patient_site(busy, busy, C) as (model, site, clock):
        chunks = await ask(model)
        assert cards_of(chunks) == [RICE_CARD]
        assert [chunk.pause_s for chunk in chunks if isinstance(chunk, PauseSaid)] == [7.5, 7.5]
        assert (len(site.requests), clock.pauses) == (3, [7.5, 7.5])


@pytest.mark.parametrize("value", ["31", "soon"])
async def test_a_site_that_asks_for_too_much_or_for_junk_is_not_asked_again(value: str) -> None:
    async with patient_site(told(429, retry_after=value), C) as (model, site, clock):
        assert isinstance((await failure_of(model))[0], ModelUnavailable)
        assert (len(site.requests), clock.pauses) == (1, [])


@pytest.mark.parametrize(
    "failing",
    [
        told(503),
        cut_after(),
        events(*c_failure("INTERNAL_ERROR")),
        told(500),
    ],
)
@pytest.mark.parametrize("dialect", [NlwebDialect.C_0_54, NlwebDialect.AUTO])
@pytest.mark.parametrize("told_", ["rice", Conversation("it", ("rice",), "They cook.")])
async def test_a_question_makes_three_requests_at_most_whatever_fails(
    failing: Behaviour, dialect: NlwebDialect, told_: str | Conversation
) -> None:
    async with patient_site(failing, dialect=dialect) as (model, site, _):
        await failure_of(model, told_)
        assert len(site.requests) == 3


async def hang_up(reply: Reply) -> None:
    reply.keeps_alive = False


async def test_what_is_sent_again_over_a_fresh_connection_counts_too() -> None:
    async with patient_site(Behaviour("hangs up", hang_up)) as (model, site, _):
        assert "hung up" in str((await failure_of(model))[0])
        assert len(site.requests) == 3


async def test_finding_the_dialect_is_part_of_the_three_and_is_not_begun_anew() -> None:
    busy_once = [told(503), events(*a_answer(RICE))]

    async def play(reply: Reply) -> None:
        await (busy_once.pop(0) if len(busy_once) > 1 else busy_once[0]).play(reply)

    site_a = site_of(Behaviour("busy once", play), takes_nested=False, else_=told(404))
    memory = DialectMemory()
    async with patient_site(site_a, dialect=NlwebDialect.AUTO, dialects=memory) as (model, site, _):
        assert [card.title for card in cards_of(await ask(model))] == ["Rice"]
        assert [isinstance(request.body["query"], dict) for request in site.requests] == [True, False, False]
        assert memory.recall(site.base_url) is NlwebDialect.A_0_1


async def test_earlier_messages_that_the_site_failed_over_are_not_sent_again() -> None:
    async with patient_site(told(500), told(503), C) as (model, site, _):
        assert cards_of(await ask(model, Conversation("it", ("rice",)))) == [RICE_CARD]
        assert ["context" in request.body for request in site.requests] == [True, False, False]


@pytest.mark.parametrize("failing", [told(401), INVALID_IN_C, events({"novel": 1})])
async def test_a_site_that_refuses_or_says_nonsense_is_not_asked_again(failing: Behaviour) -> None:
    async with patient_site(failing, C) as (model, site, clock):
        assert isinstance((await failure_of(model))[0], ModelRejected | ModelBroke)
        assert (len(site.requests), clock.pauses) == (1, [])


@pytest.mark.parametrize("shown", [{"results": [RICE]}, SUMMARY])
async def test_after_cards_or_words_a_site_is_not_asked_again(shown: JsonValue) -> None:
    async with patient_site(broken_after(c_meta("Answer"), shown), C) as (model, site, clock):
        chunks = await ask(model)
        assert chunks[-1] == Finished("interrupted")
        assert bool(cards_of(chunks)) is (shown != SUMMARY)
        assert (len(site.requests), clock.pauses) == (1, [])


async def test_a_promise_that_is_not_kept_is_not_asked_for_again() -> None:
    broken = by_route(ask=events(c_promise()), later=[told(503)])
    async with patient_site(broken) as (model, site, _):
        _, heard = await failure_of(model)
        assert [type(chunk) for chunk in heard] == [Tainted, PauseSaid]
        assert [request.path for request in site.requests] == ["/ask", "/await"]


async def test_words_that_were_kept_back_for_our_own_model_are_not_kept_twice() -> None:
    half, whole = broken_after(c_meta("Answer"), SUMMARY), events(*c_answer(RICE), SUMMARY)
    composer = ScriptedModel([[Say("Boil rice.")]])
    async with patient_site(half, whole, mode=NlwebMode.GENERATE, composer=composer) as (model, site, _):
        assert text_of(await ask(model)) == "Boil rice."
        assert composer.requests[0].messages[1].content.count("Summary by the site: Boil it.\n\n1. Rice") == 1
        assert len(site.requests) == 2


async def test_the_circuit_is_the_sites_and_not_that_of_who_writes_its_answers() -> None:
    composer = ScriptedModel([[Fail("unavailable")]] * 6)
    async with patient_site(C, mode=NlwebMode.GENERATE, composer=composer) as (model, site, _):
        for _ in range(6):
            await failure_of(model)
        assert len(site.requests) == 6


async def test_a_dead_site_is_left_alone_after_five_failures_and_tried_once_when_it_has_rested() -> None:
    async with patient_site(*[told(503)] * 5, C) as (model, site, clock):
        failed = [await failure_of(model) for _ in range(12)]
        assert len(site.requests) == 5
        assert {tuple(heard) for _, heard in failed} == {()}
        assert "several times in a row" in str(failed[-1][0])
        clock.at_s += OPEN_S
        assert (await ask(model))[:2] == [Tainted(Taint.NLWEB), CardsFound((RICE_CARD,))]
        assert len(site.requests) == 6


async def test_nothing_found_is_an_answer() -> None:
    async with patient_site(events(*c_answer())) as (model, site, _):
        assert TextDelta("Nothing was found.") in await ask(model)
        assert len(site.requests) == 1


@pytest.mark.slow
async def test_the_members_of_a_server_have_this_patience(tmp_path: Path) -> None:
    async with patient_site(told(503), told(503), C) as (_, site, _), workshop(tmp_path) as shop:
        await shop.built_in()
        await shop.add("recipes", provider="nlweb", base_url=site.base_url, nlweb={"dialect": "0.54"})
        brain = shop.brains.of((await shop.profiles.called("recipes")).account_id)
        assert cards_of(await ask(brain.model)) == [RICE_CARD]
        assert (brain.model.model_name, len(site.requests)) == ("nlweb:127.0.0.1", 3)
