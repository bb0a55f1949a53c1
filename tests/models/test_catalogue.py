"""The catalogue is data: what ships is whole, older names mean something now, and a wrong file is refused."""

import pytest

from multiplayer.models.catalogue import Catalogue, read_catalogue, shipped_catalogue
from multiplayer.models.openai_compatible import check_address, deepseek, known_endpoint
from multiplayer.models.port import Usage
from multiplayer.models.pricing import list_prices

SMALL = """
version = "1"
currency = "EUR"
[providers.here]
base_url = "http://127.0.0.1/v1"
default_model = "m"
unlisted = { context_tokens = 9, returns_thinking = true }
[providers.here.models.m]
context_tokens = 100
max_output_tokens = 10
price = { tokens_in = 1, tokens_cached = 1, tokens_out = 1 }
[providers.here.aliases.old]
means = "m"
"""


def test_a_catalogue_is_read_from_text_alone() -> None:
    facts = read_catalogue(SMALL).facts("here", "old")
    assert (facts.name, facts.context_tokens, facts.max_output_tokens) == ("m", 100, 10)


@pytest.mark.parametrize(
    ("cut", "instead"),
    [
        ('version = "1"', 'version = ""'),
        ('"EUR"', '"euros"'),
        ('default_model = "m"', 'default_model = "n"'),
        ('means = "m"', 'means = "n"'),
        ("aliases.old", "aliases.m"),
        ("tokens_in = 1,", "tokens_in = -1,"),
        ("tokens_in = 1,", "tokens_in = 0.5,"),
        ("context_tokens = 100", "context_tokens = 0"),
        ("context_tokens = 100", "context_tokens = 100\nsurprise = 1"),
        ("[providers.here]", "[providers.here"),
    ],
)
def test_a_catalogue_that_does_not_fit_together_is_refused(cut: str, instead: str) -> None:
    assert cut in SMALL
    with pytest.raises(ValueError):
        read_catalogue(SMALL.replace(cut, instead))


def test_a_name_under_two_providers_is_refused_because_its_price_would_not_be_clear() -> None:
    other = SMALL[SMALL.index("[providers") :].replace("here", "there")
    with pytest.raises(ValueError, match="two providers"):
        read_catalogue(SMALL + other)


def each_name(catalogue: Catalogue) -> list[tuple[str, str]]:
    return [
        (provider, name)
        for provider, listed in catalogue.providers.items()
        for name in (*listed.models, *listed.aliases)
    ]


@pytest.mark.parametrize(("provider", "name"), each_name(shipped_catalogue()))
def test_every_shipped_name_has_a_safe_address_a_size_and_a_price(provider: str, name: str) -> None:
    endpoint = known_endpoint(provider, name)
    assert check_address(endpoint.base_url, allows_plain_http=False).scheme == "https"
    assert endpoint.max_output_tokens is not None
    assert 4_000 <= endpoint.max_output_tokens < endpoint.context_tokens
    for spelled in (name, endpoint.model_name):
        price = list_prices().prices[spelled]
        assert 0 < price.tokens_cached <= price.tokens_in <= price.tokens_out


@pytest.mark.parametrize(
    ("old", "sent", "extra"),
    [
        ("deepseek-chat", "deepseek-flash", {"thinking": {"type": "disabled"}}),
        ("deepseek-reasoner", "deepseek-flash", {"thinking": {"type": "enabled"}}),
        ("deepseek-v4-flash", "deepseek-flash", None),
        ("deepseek-v4-pro", "deepseek-v4-pro", None),
        ("", "deepseek-flash", None),
    ],
)
def test_an_older_deepseek_name_is_sent_as_what_it_means_now(old: str, sent: str, extra: object) -> None:
    endpoint = deepseek(old)
    assert (endpoint.model_name, endpoint.extra, endpoint.context_tokens) == (sent, extra, 1_000_000)
    assert endpoint.returns_thinking


def test_a_fixed_build_is_asked_for_by_its_own_name_at_the_price_of_the_plain_one() -> None:
    assert known_endpoint("openai", "gpt-4.1-2025-04-14").model_name == "gpt-4.1-2025-04-14"
    usage = Usage(1_000_000, 0, 0)
    assert list_prices().cost(usage, "gpt-4.1-2025-04-14") == list_prices().cost(usage, "gpt-4.1") == 2_000_000


def test_a_model_that_is_not_listed_works_with_the_context_that_is_given() -> None:
    endpoint = known_endpoint("openai", "qwen-local", base_url="http://127.0.0.1:1/v1", context_tokens=12_345)
    assert (endpoint.base_url, endpoint.model_name) == ("http://127.0.0.1:1/v1", "qwen-local")
    assert (endpoint.context_tokens, endpoint.max_output_tokens) == (12_345, None)
    assert known_endpoint("openai", "qwen-local").context_tokens == 32_000
    assert deepseek("deepseek-v9").returns_thinking
    assert list_prices().cost(Usage(1, 0, 1), "qwen-local") is None


def test_what_is_given_goes_before_what_the_catalogue_says() -> None:
    endpoint = known_endpoint("openai", "gpt-4o", context_tokens=16_000, allows_plain_http=True)
    assert (endpoint.context_tokens, endpoint.allows_plain_http) == (16_000, True)


def test_a_provider_that_is_not_listed_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        shipped_catalogue().facts("nobody")
