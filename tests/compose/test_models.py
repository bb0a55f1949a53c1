"""What the profiles become: whose model, with which key, shared or apart, and closed when nobody needs it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.ai.tokens import DeepSeekTokens, EstimatedTokens, OtherTokens
from multiplayer.models.port import (
    ChatRequest,
    Chunk,
    Conversation,
    Finished,
    ModelRejected,
    ModelSwitched,
    ModelUnavailable,
    PromptMessage,
    TextDelta,
    Usage,
)
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import ProfilePrice
from multiplayer.settings import BadSettings
from tests.support.provider import Provider, answers, provider, status, stays_open_after
from tests.support.workshop import Workshop, workshop

KEY = "sk-canary-0123456789abcdef"
DEEPSEEK = "https://api.deepseek.com"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path / "secrets") as shop:
        await shop.built_in()
        yield shop


@pytest.fixture
async def stand_in() -> AsyncIterator[Provider]:
    async with provider() as stand_in:
        yield stand_in


async def brain_of(shop: Workshop, handle: str) -> Brain:
    return shop.brains.of((await shop.profiles.called(handle)).account_id)


async def asked(brain: Brain, question: str = "hi") -> Sequence[Chunk]:
    request = ChatRequest((PromptMessage("user", question),), conversation=Conversation(question))
    async with aclosing(brain.model.stream(request)) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


def chat(stand_in: Provider, **fields: object) -> dict[str, object]:
    return {"provider": "openai_compatible", "model": "m", "base_url": stand_in.base_url, **fields}


async def test_auto_is_deepseek_if_its_key_is_set_else_what_openai_names_else_the_demo(tmp_path: Path) -> None:
    openai = {"openai_base_url": "https://a.example/v1", "openai_api_key": KEY, "openai_model": "m"}
    nothing: dict[str, str] = {}
    found = []
    for settings in (nothing, openai, {**openai, "deepseek_api_key": KEY}):
        async with workshop(tmp_path / "secrets", settings) as shop:
            view = await shop.profiles.view(await shop.built_in())
            brain = await brain_of(shop, "ai")
            assert (view.problem, view.has_key) == ("", bool(settings))
            found.append((view.answers_with, brain.model.model_name))
    assert found == [
        ("the built-in demo (no key is set)", "demo"),
        ("m at a.example", "m"),
        ("DeepSeek (deepseek-flash)", "deepseek-flash"),
    ]


async def test_tokens_are_counted_for_whichever_model_of_a_chain_counts_the_most(
    shop: Workshop, stand_in: Provider
) -> None:
    await shop.add("deep", **chat(stand_in, model="deepseek-chat", fallbacks=("ai",)))
    await shop.add("other", **chat(stand_in, model="gpt-4o", fallbacks=("deep",)))
    await shop.add("mixed", **chat(stand_in, model="deepseek-chat", fallbacks=("other",)))
    counters = [type((await brain_of(shop, handle)).counter) for handle in ("ai", "deep", "other", "mixed")]
    # Without a key "ai" is the demo, which nobody pays.
    assert counters == [EstimatedTokens, DeepSeekTokens, OtherTokens, OtherTokens]


async def test_a_provider_of_the_environment_that_cannot_be_is_told_at_the_start(tmp_path: Path) -> None:
    settings = {"openai_base_url": "http://a.example/v1", "openai_api_key": KEY, "openai_model": "m"}
    async with workshop(tmp_path / "secrets", settings) as shop:
        with pytest.raises(BadSettings, match=r"the AI provider: .* must be https") as bad:
            shop.brains.check_environment()
        assert KEY not in str(bad.value)
        view = await shop.profiles.view(await shop.built_in())
        assert "must be https" in view.problem


async def test_the_environments_key_goes_only_to_the_address_it_was_given_for(
    tmp_path: Path, stand_in: Provider
) -> None:
    openai = {"openai_base_url": f"{stand_in.base_url}/", "openai_api_key": KEY, "openai_model": "m"}
    async with (
        provider() as other,
        workshop(tmp_path / "secrets", {**openai, "deepseek_api_key": "sk-deep"}) as shop,
    ):
        await shop.add("same", **chat(stand_in))
        await shop.add("elsewhere", **chat(other))
        await shop.add("deep", provider="deepseek", base_url=other.base_url)
        for handle in ("same", "elsewhere"):
            await asked(await brain_of(shop, handle))
        assert [request.authorization for request in stand_in.requests] == [f"Bearer {KEY}"]
        assert [request.authorization for request in other.requests] == [None]
        deep = await shop.profiles.called("deep")
        assert (deep.has_key, deep.problem[:13]) == (False, "it has no key")
        await shop.set("deep", base_url=DEEPSEEK)
        assert (await shop.profiles.called("deep")).has_key


async def test_a_profiles_own_key_goes_before_the_environments(tmp_path: Path, stand_in: Provider) -> None:
    settings = {"openai_base_url": stand_in.base_url, "openai_api_key": "sk-environment", "openai_model": "m"}
    async with workshop(tmp_path / "secrets", settings) as shop:
        await shop.add("helper", **chat(stand_in))
        await shop.give_key("helper", KEY)
        await asked(await brain_of(shop, "helper"))
        assert stand_in.requests[0].authorization == f"Bearer {KEY}"


@pytest.mark.parametrize("is_by_hand", [False, True])
async def test_who_changes_an_ais_address_does_not_get_its_key_sent_there(
    shop: Workshop, stand_in: Provider, *, is_by_hand: bool
) -> None:
    await shop.add("helper", **chat(stand_in))
    await shop.give_key("helper", KEY)
    if is_by_hand:
        shop.key_file("helper").write_text(f"{KEY}\n")
    async with provider() as thief:
        view = await shop.set("helper", base_url=thief.base_url)
        assert "goes nowhere else" in view.problem
        assert not view.has_key
        with pytest.raises(NoBrain):
            await brain_of(shop, "helper")
        assert thief.requests == []
        view = await shop.set("helper", base_url=stand_in.base_url)
        assert (view.problem, view.has_key) == ("", True)


async def test_a_key_file_that_others_can_read_is_a_problem_and_not_used(shop: Workshop, stand_in: Provider) -> None:
    view = await shop.add("helper", **chat(stand_in))
    await shop.give_key("helper", KEY)
    shop.key_file("helper").chmod(0o644)
    view = await shop.profiles.called("helper")
    assert "give it the mode 0600" in view.problem
    with pytest.raises(NoBrain, match="Helper cannot answer: others may read or change the key file"):
        shop.brains.of(view.account_id)


async def test_what_has_no_profile_or_is_disabled_does_not_answer(shop: Workshop) -> None:
    made = await shop.add("helper", provider="demo")
    with pytest.raises(NoBrain, match="no profile"):
        shop.brains.of(AccountId("01NOBODY"))
    await shop.profiles.disable(made.account_id, disabled=True, by=None, origin="cli")
    with pytest.raises(NoBrain, match="Helper is disabled"):
        shop.brains.of(made.account_id)
    await shop.profiles.disable(made.account_id, disabled=False, by=None, origin="cli")
    assert shop.brains.of(made.account_id).profile == made.profile


async def test_profiles_of_one_provider_model_and_key_share_a_circuit_and_others_do_not(
    shop: Workshop, stand_in: Provider
) -> None:
    for handle in ("one", "two", "other"):
        await shop.add(handle, **chat(stand_in, persona=handle))
        await shop.give_key(handle, "other-key" if handle == "other" else KEY)
    one, two, other = [await brain_of(shop, handle) for handle in ("one", "two", "other")]
    assert one.model is two.model
    assert one.model is not other.model
    assert len(shop.brains) == 2
    stand_in.enqueue(*[status(503, retry_after="never") for _ in range(5)])
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await asked(one)
    with pytest.raises(ModelUnavailable, match="failed several times in a row"):
        await asked(two)
    assert len(stand_in.requests) == 5
    assert text_of(await asked(other)) == "Hello from the stand-in."


async def test_a_context_of_its_own_does_not_cost_a_profile_the_shared_circuit(
    shop: Workshop, stand_in: Provider
) -> None:
    await shop.add("one", **chat(stand_in))
    await shop.add("two", **chat(stand_in, context_tokens=5_000))
    sizes = [(await brain_of(shop, handle)).model.context_tokens for handle in ("one", "two")]
    assert sizes == [32_000, 5_000]
    assert len(shop.brains) == 1
    assert text_of(await asked(await brain_of(shop, "two"))) == "Hello from the stand-in."


async def test_a_change_reaches_the_next_turn_and_breaks_none_that_runs(shop: Workshop, stand_in: Provider) -> None:
    async with provider() as other:
        await shop.add("helper", **chat(stand_in))
        old = await brain_of(shop, "helper")
        stand_in.enqueue(stays_open_after("Half a"), answers("to the end"))
        async with aclosing(old.model.stream(ChatRequest((PromptMessage("user", "hi"),)))) as chunks:
            words = await anext(chunks)
            await shop.set("helper", base_url=other.base_url)
            await shop.brains.close_retired()
            assert not stand_in.requests[0].closed.is_set()
            assert isinstance(words, TextDelta)
        # The next call of the same turn, as after a tool.
        assert text_of(await asked(old)) == "to the end"
        assert text_of(await asked(await brain_of(shop, "helper"))) == "Hello from the stand-in."
        assert len(shop.brains) == 2
        shop.now.at_s += 361
        await shop.brains.close_retired()
        assert len(shop.brains) == 1
        with pytest.raises(RuntimeError, match="closed"):
            await asked(old)
        assert text_of(await asked(await brain_of(shop, "helper"))) == "Hello from the stand-in."


async def test_a_model_that_is_meant_again_in_time_is_not_closed(shop: Workshop, stand_in: Provider) -> None:
    await shop.add("helper", **chat(stand_in))
    old = await brain_of(shop, "helper")
    await shop.set("helper", model="other")
    shop.now.at_s += 200
    await shop.set("helper", model="m")
    shop.now.at_s += 361
    await shop.brains.close_retired()
    assert (await brain_of(shop, "helper")).model is old.model
    assert text_of(await asked(old)) == "Hello from the stand-in."


async def test_fallbacks_answer_in_their_order_and_the_room_is_told(shop: Workshop, stand_in: Provider) -> None:
    async with provider(default=status(401)) as broken:
        await shop.add("second", **chat(broken, model="m-2"))
        await shop.add("third", **chat(stand_in, model="m-3"))
        await shop.add("off", **chat(stand_in, model="m-4"))
        await shop.add("helper", **chat(broken, model="m-1", fallbacks=("second", "off", "third")))
        off = await shop.profiles.called("off")
        await shop.profiles.disable(off.account_id, disabled=True, by=None, origin="cli")
        chunks = await asked(await brain_of(shop, "helper"))
        switches = [(chunk.previous, chunk.model) for chunk in chunks if isinstance(chunk, ModelSwitched)]
        assert switches == [("m-1", "m-2"), ("m-2", "m-3")]
        assert text_of(chunks) == "Hello from the stand-in."


async def test_an_ai_without_a_key_answers_by_its_fallback_and_says_why(shop: Workshop) -> None:
    view = await shop.add("deep", provider="deepseek", fallbacks=("ai",))
    assert view.answers_with == "the built-in demo (no key is set)"
    assert view.problem.startswith("it has no key: set one with `multiplayer ai key deep`")
    chunks = await asked(await brain_of(shop, "deep"))
    switch = next(chunk for chunk in chunks if isinstance(chunk, ModelSwitched))
    assert (switch.model, "it has no key" in switch.reason) == ("demo", True)
    assert isinstance(chunks[-1], Finished)


async def test_every_model_of_a_chain_has_its_own_price(shop: Workshop, stand_in: Provider) -> None:
    price = ProfilePrice(tokens_in=1_000_000, tokens_cached=0, tokens_out=2_000_000)
    await shop.add("dear", **chat(stand_in, model="dear", price=price))
    await shop.add("known", **chat(stand_in, model="gpt-4o-mini"))
    await shop.add("helper", **chat(stand_in, model="unknown", fallbacks=("dear", "known", "ai")))
    brain = await brain_of(shop, "helper")
    costs = {name: tariff.price(Usage(10, 0, 10)) for name, tariff in brain.tariffs.items()}
    assert costs == {"unknown": None, "dear": 30, "gpt-4o-mini": 8, "demo": 0}
    assert brain.tariffs["dear"].price_version == "profile-dear-1"
    await shop.set("dear", persona="another")
    assert (await brain_of(shop, "dear")).tariffs["dear"].price_version == "profile-dear-2"


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [({"model": "m"}, 4_096), ({"model": "gpt-4o-mini"}, 16_384), ({"model": "m", "max_output_tokens": 77}, 77)],
)
async def test_an_answer_has_at_most_what_the_profile_or_the_catalogue_says(
    shop: Workshop, stand_in: Provider, fields: dict[str, object], tokens: int
) -> None:
    await shop.add("helper", **{**chat(stand_in), **fields})
    assert (await brain_of(shop, "helper")).max_output_tokens == tokens


async def test_an_nlweb_site_takes_no_tools_costs_nothing_and_needs_a_writer_only_to_generate(shop: Workshop) -> None:
    fields: dict[str, object] = {"provider": "nlweb", "base_url": "http://127.0.0.1:1"}
    await shop.add("site", **fields)
    brain = await brain_of(shop, "site")
    assert (brain.takes_tools, brain.model.model_name) == (False, "nlweb:127.0.0.1")
    assert brain.tariffs["nlweb:127.0.0.1"].price(Usage(1_000, 0, 1_000)) == 0
    view = await shop.set("site", nlweb={"mode": "generate"})
    assert "its first fallback writes the answers" in view.problem
    with pytest.raises(NoBrain, match="first fallback writes the answers"):
        await brain_of(shop, "site")
    price = ProfilePrice(tokens_in=1_000_000, tokens_cached=0, tokens_out=1_000_000)
    await shop.add("writer", provider="openai_compatible", model="w", base_url="http://127.0.0.1:1/v1", price=price)
    view = await shop.set("site", fallbacks=("writer",))
    assert view.problem == ""
    brain = await brain_of(shop, "site")
    # What writes an answer is paid for; it does not stand in for a site that is away.
    assert {name: tariff.price(Usage(1, 0, 1)) for name, tariff in brain.tariffs.items()} == {
        "nlweb:127.0.0.1": 2,
        "w": 2,
    }
    with pytest.raises(ModelUnavailable):
        await asked(brain, "what is there?")
    writer = await shop.profiles.called("writer")
    await shop.profiles.disable(writer.account_id, disabled=True, by=None, origin="cli")
    assert "there is none that can" in (await shop.profiles.called("site")).problem


async def test_refreshing_at_once_from_many_sides_is_one_picture(shop: Workshop, stand_in: Provider) -> None:
    await shop.add("helper", **chat(stand_in))
    brain = await brain_of(shop, "helper")
    await asyncio.gather(*(shop.brains.refresh() for _ in range(10)))
    assert (await brain_of(shop, "helper")).model is brain.model
    stand_in.enqueue(status(400))
    with pytest.raises(ModelRejected):
        await asked(brain)
