"""Finding out which dialect a site speaks: in three requests at most, by what it says and never by status alone."""

import pytest
from pydantic import JsonValue

from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_dialects import DialectMemory
from multiplayer.models.port import (
    CardsFound,
    Chunk,
    Conversation,
    Finished,
    ModelBroke,
    ModelRejected,
    ModelUnavailable,
    Tainted,
)
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.profiles import NlwebDialect, NlwebOptions
from tests.support.nlweb_sites import (
    INVALID_IN_C,
    RICE,
    RICE_CARD,
    a,
    a_answer,
    ask,
    b_answer,
    c_answer,
    c_failure,
    cards_of,
    cut_after,
    events,
    nlweb_site,
    site_of,
    told,
    whole,
)
from tests.support.provider_server import Behaviour, Provider

pytestmark = pytest.mark.slow

AUTO = NlwebDialect.AUTO
A = events(*a_answer(RICE))
B = events(*b_answer(RICE))
C = events(*c_answer(RICE))

# What is known, and what is only imaginable, of how a site meets a body that is not of its form.
MEETINGS = [
    INVALID_IN_C,
    told(400),
    told(404),
    told(405),
    told(500),
    whole({"message_type": "error", "error": "'dict' object has no attribute 'strip'"}, status=500),
    events(a("error", error="'dict' object has no attribute 'strip'")),
    events(*a_answer()),
    events(*b_answer(text="I did not understand {'text': 'rice'}")),
    events({"_meta": {"nlweb/streaming_status": "error", "error": "bad query"}}),
]


def forms(site: Provider) -> list[str]:
    return ["flat" if isinstance(request.body["query"], str) else "nested" for request in site.requests]


@pytest.mark.parametrize("known", [None, NlwebDialect.A_0_1, NlwebDialect.B_0_5])
async def test_a_site_of_the_current_dialect_is_found_at_once_or_again(known: NlwebDialect | None) -> None:
    memory = DialectMemory()
    async with nlweb_site(site_of(C, takes_nested=True, else_=INVALID_IN_C), dialect=AUTO, dialects=memory) as (
        model,
        site,
    ):
        if known is not None:
            memory.remember(site.base_url, known)
        assert cards_of(await ask(model)) == [RICE_CARD]
        assert memory.recall(site.base_url) is NlwebDialect.C_0_54
    assert forms(site) == (["nested"] if known is None else ["flat", "nested"])


@pytest.mark.parametrize("meeting", MEETINGS)
@pytest.mark.parametrize(("answer", "dialect"), [(A, NlwebDialect.A_0_1), (B, NlwebDialect.B_0_5)])
async def test_a_site_of_an_older_dialect_is_found_by_its_reply_to_a_flat_body(
    meeting: Behaviour, answer: Behaviour, dialect: NlwebDialect
) -> None:
    memory = DialectMemory()
    site_ = site_of(answer, takes_nested=False, else_=meeting)
    async with nlweb_site(site_, dialect=AUTO, dialects=memory) as (model, site):
        chunks = await ask(model)
        # Nothing of the reply to the misread body is shown.
        assert chunks == [Tainted(Taint.NLWEB), CardsFound((RICE_CARD,)), Finished("stop")]
        assert memory.recall(site.base_url) is dialect
        await ask(model)
    assert forms(site) == ["nested", "flat", "flat"]


async def test_the_remembered_dialect_is_asked_in_alone() -> None:
    memory = DialectMemory()
    async with nlweb_site(B, dialect=AUTO, dialects=memory) as (model, site):
        memory.remember(site.base_url, NlwebDialect.B_0_5)
        await ask(model)
    assert [set(request.body) for request in site.requests] == [{"query", "site", "streaming"}]


async def test_two_members_of_one_site_share_what_is_known() -> None:
    memory = DialectMemory()
    site_ = site_of(A, takes_nested=False, else_=told(400))
    async with nlweb_site(site_, dialect=AUTO, dialects=memory) as (one, site):
        await ask(one)
        other = NLWeb(f"{site.base_url}/", NlwebOptions(), dialects=memory)
        assert cards_of(await ask(other)) == [RICE_CARD]
        await other.aclose()
    assert forms(site) == ["nested", "flat", "flat"]
    assert memory.recall("http://elsewhere.example") is None


@pytest.mark.parametrize("misfit", [told(404), C, INVALID_IN_C, events({"novel": 1})])
async def test_a_dialect_is_forgotten_when_a_later_reply_does_not_fit(misfit: Behaviour) -> None:
    memory = DialectMemory()
    async with nlweb_site(misfit, C, dialect=AUTO, dialects=memory) as (model, site):
        memory.remember(site.base_url, NlwebDialect.A_0_1)
        assert cards_of(await ask(model)) == [RICE_CARD]
        assert memory.recall(site.base_url) is NlwebDialect.C_0_54
    assert forms(site) == ["flat", "nested"]


async def test_a_failure_that_says_nothing_about_the_dialect_leaves_it_known() -> None:
    memory = DialectMemory()
    for failing in (told(503), told(500), told(429), cut_after(), events(*c_failure("INTERNAL_ERROR"))):
        async with nlweb_site(failing, dialect=AUTO, dialects=memory) as (model, site):
            memory.remember(site.base_url, NlwebDialect.C_0_54)
            with pytest.raises(ModelUnavailable):
                await ask(model)
            assert memory.recall(site.base_url) is NlwebDialect.C_0_54
        assert len(site.requests) == 1


async def test_a_known_site_that_dislikes_a_question_is_not_asked_in_other_dialects() -> None:
    memory = DialectMemory()
    async with nlweb_site(C, INVALID_IN_C, dialect=AUTO, dialects=memory) as (model, site):
        await ask(model)
        with pytest.raises(ModelRejected, match="valid dictionary"):
            await ask(model)
        assert memory.recall(site.base_url) is NlwebDialect.C_0_54
    assert len(site.requests) == 2


@pytest.mark.parametrize("later", [told(500), told(404), INVALID_IN_C, events(a("error", error="later"))])
async def test_when_all_fail_the_first_error_of_a_site_of_dialect_c_is_told(later: Behaviour) -> None:
    first = events(*c_failure("INVALID_REQUEST", "query.text: too odd"))
    async with nlweb_site(first, later, dialect=AUTO) as (model, site):
        with pytest.raises((ModelRejected, ModelUnavailable)) as failure:
            await ask(model)
    if len(site.requests) == 3:
        assert "query.text: too odd" in str(failure.value)
    else:  # it turned out to speak dialect A, which failed in its own words
        assert "later" in str(failure.value)


async def test_when_all_fail_without_dialect_c_the_last_error_is_told() -> None:
    async with nlweb_site(told(404), told(404), told(405), dialect=AUTO) as (model, site):
        with pytest.raises(ModelRejected, match="status 405"):
            await ask(model)
    assert forms(site) == ["nested", "flat", "flat"]


@pytest.mark.parametrize("meeting", [told(400), told(500), INVALID_IN_C, events(), events({"novel": 1}), whole([])])
async def test_no_question_makes_more_than_three_requests(meeting: Behaviour) -> None:
    async with nlweb_site(meeting, dialect=AUTO) as (model, site):
        with pytest.raises((ModelRejected, ModelUnavailable, ModelBroke)):
            await ask(model, Conversation("it", ("rice",), "They cook."))
    assert len(site.requests) == 3


async def test_a_site_that_is_down_is_asked_once() -> None:
    for failing in (told(503), told(401), cut_after(), told(302, location="/elsewhere")):
        async with nlweb_site(failing, dialect=AUTO) as (model, site):
            with pytest.raises((ModelRejected, ModelUnavailable)):
                await ask(model)
        assert len(site.requests) == 1


async def test_a_crash_over_earlier_messages_is_told_from_another_dialect() -> None:
    memory = DialectMemory()
    async with nlweb_site(told(500), C, dialect=AUTO, dialects=memory) as (model, site):
        assert cards_of(await ask(model, Conversation("it", ("rice",)))) == [RICE_CARD]
        assert memory.recall(site.base_url) is NlwebDialect.C_0_54
    assert forms(site) == ["nested", "nested"]
    assert [set(request.body) for request in site.requests] == [{"query", "context", "prefer"}, {"query", "prefer"}]


@pytest.mark.parametrize(
    ("dialect", "other"),
    [
        (NlwebDialect.C_0_54, A),
        (NlwebDialect.C_0_54, B),
        (NlwebDialect.B_0_5, A),
        (NlwebDialect.B_0_5, C),
        (NlwebDialect.A_0_1, B),
        (NlwebDialect.A_0_1, C),
        (NlwebDialect.A_0_1, events({"novel": 1})),
        (NlwebDialect.C_0_54, events({"_meta": {"version": "0.5"}})),
    ],
)
async def test_a_set_dialect_is_the_only_one_that_is_spoken_or_understood(
    dialect: NlwebDialect, other: Behaviour
) -> None:
    heard: list[Chunk] = []
    async with nlweb_site(other, dialect=dialect) as (model, site):
        with pytest.raises(ModelBroke, match="answers"):
            await ask(model, heard=heard)
    assert heard == []
    assert len(site.requests) == 1


async def test_a_reply_that_names_only_its_version_or_only_its_type_is_recognised() -> None:
    metas: list[JsonValue] = [{"version": "0.54"}, {"response_type": "Answer"}, {"version": "0.54.1"}]
    for meta in metas:
        async with nlweb_site(events({"_meta": meta}, {"results": [RICE]}), dialect=AUTO) as (model, site):
            assert cards_of(await ask(model)) == [RICE_CARD]
        assert len(site.requests) == 1
