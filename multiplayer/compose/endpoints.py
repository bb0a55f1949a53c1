"""Which model a profile means: the provider's address, the model's name, and which key may go there."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, TypeAlias, assert_never

import httpx

from multiplayer.live.ai_keys import KeptKey, deepseek_url, key_address
from multiplayer.models.catalogue import Catalogue, shipped_catalogue
from multiplayer.models.openai_compatible import Endpoint, check_address, deepseek, known_endpoint
from multiplayer.protocol.profiles import AiProfile, NlwebOptions, Provider
from multiplayer.settings import BadSettings, Settings

UNLISTED_CONTEXT: Final = 32_000


class CannotBuild(Exception):  # noqa: N818 - a sentence about a profile
    """No model can be made of a profile as things are; the sentence says why and what to do."""


@dataclass(frozen=True)
class ChatPlan:
    """A model behind an OpenAI-compatible address."""

    endpoint: Endpoint
    key: str = field(repr=False)
    shown: str

    @property
    def identity(self) -> tuple[object, ...]:
        """What two profiles must have in common to share one connection and one circuit."""
        extra = tuple(sorted((name, repr(value)) for name, value in (self.endpoint.extra or {}).items()))
        return ("chat", self.endpoint.base_url, self.endpoint.model_name, self.key, extra)


@dataclass(frozen=True)
class NlwebPlan:
    """A site that answers questions."""

    base_url: str
    options: NlwebOptions
    key: str = field(repr=False)
    shown: str
    allows_plain_http: bool

    @property
    def identity(self) -> tuple[object, ...]:
        return ("nlweb", self.base_url, self.options, self.key)


@dataclass(frozen=True)
class DemoPlan:
    """The built-in demo."""

    shown: str

    @property
    def key(self) -> str:
        return ""

    @property
    def identity(self) -> tuple[object, ...]:
        return ("demo",)


Plan: TypeAlias = ChatPlan | NlwebPlan | DemoPlan


class Planner:
    """Knows the environment's keys, and to which addresses they belong."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def catalogue(self) -> Catalogue:
        return shipped_catalogue()

    def check_environment(self) -> None:
        """Raises `BadSettings` when the model that the environment names cannot be."""
        try:
            plan = self._auto()
            if isinstance(plan, ChatPlan):
                _check(plan)
        except (CannotBuild, ValueError) as error:
            raise BadSettings(f"the AI provider: {error}") from None

    def check(self, profile: AiProfile) -> None:
        """Raises `ValueError` if no key and no environment could make this profile work."""
        if profile.base_url:
            check_address(profile.base_url, allows_plain_http=profile.allows_plain_http)

    def plan(self, profile: AiProfile, kept: KeptKey | None) -> Plan:
        """Return what to build. `kept` is the profile's own key, if it has one. Raises `CannotBuild`."""
        try:
            plan = self._plan(profile, kept)
            if isinstance(plan, ChatPlan):
                _check(plan)
        except ValueError as error:
            raise CannotBuild(str(error)) from None
        if isinstance(plan, ChatPlan) and profile.context_tokens is not None:
            plan = replace(plan, endpoint=replace(plan.endpoint, context_tokens=profile.context_tokens))
        return plan

    def _plan(self, profile: AiProfile, kept: KeptKey | None) -> Plan:
        match profile.provider:
            case Provider.AUTO:
                return self._auto()
            case Provider.DEMO:
                return DemoPlan("the built-in demo")
            case Provider.DEEPSEEK:
                return self._deepseek(profile, kept)
            case Provider.OPENAI_COMPATIBLE:
                return self._openai(profile, kept)
            case Provider.NLWEB:
                check_address(profile.base_url, allows_plain_http=profile.allows_plain_http)
                return NlwebPlan(
                    base_url=profile.base_url,
                    options=profile.nlweb or NlwebOptions(),
                    key=_own_key(profile, kept),
                    shown=f"NLWeb at {httpx.URL(profile.base_url).host}",
                    allows_plain_http=profile.allows_plain_http,
                )
            case _:
                assert_never(profile.provider)

    def _auto(self) -> Plan:
        """DeepSeek if its key is set, else OPENAI_*, else the demo."""
        settings = self._settings
        if settings.deepseek_api_key is not None:
            endpoint = deepseek(settings.deepseek_model)
            key = settings.deepseek_api_key.get_secret_value()
            return ChatPlan(endpoint, key, f"DeepSeek ({endpoint.model_name})")
        if settings.openai_base_url is not None and settings.openai_api_key is not None:
            facts = self.catalogue.facts("openai", settings.openai_model)
            endpoint = Endpoint(
                settings.openai_base_url,
                settings.openai_model,
                settings.openai_context_tokens,
                allows_plain_http=settings.openai_allow_http,
                max_output_tokens=facts.max_output_tokens,
            )
            shown = f"{settings.openai_model} at {httpx.URL(settings.openai_base_url).host}"
            return ChatPlan(endpoint, settings.openai_api_key.get_secret_value(), shown)
        return DemoPlan("the built-in demo (no key is set)")

    def _deepseek(self, profile: AiProfile, kept: KeptKey | None) -> ChatPlan:
        endpoint = known_endpoint(
            "deepseek", profile.model, base_url=profile.base_url, allows_plain_http=profile.allows_plain_http
        )
        key = _own_key(profile, kept)
        environment = self._settings.deepseek_api_key
        if not key and environment is not None and _is_same(endpoint.base_url, deepseek_url()):
            key = environment.get_secret_value()
        if not key:
            raise CannotBuild(f"it has no key: set one with `multiplayer ai key {profile.handle}`, or DEEPSEEK_API_KEY")
        return ChatPlan(endpoint, key, f"DeepSeek ({endpoint.model_name})")

    def _openai(self, profile: AiProfile, kept: KeptKey | None) -> ChatPlan:
        settings = self._settings
        key = _own_key(profile, kept)
        is_environments = settings.openai_base_url is not None and _is_same(profile.base_url, settings.openai_base_url)
        allows_plain_http = profile.allows_plain_http
        if not key and is_environments and settings.openai_api_key is not None:
            key = settings.openai_api_key.get_secret_value()
            allows_plain_http = allows_plain_http or settings.openai_allow_http
        facts = self.catalogue.facts("openai", profile.model)
        is_listed = facts.max_output_tokens is not None
        unlisted = settings.openai_context_tokens if is_environments else UNLISTED_CONTEXT
        endpoint = Endpoint(
            profile.base_url,
            profile.model,
            facts.context_tokens if is_listed else unlisted,
            allows_plain_http=allows_plain_http,
            max_output_tokens=facts.max_output_tokens,
        )
        # Without a key too: a model on one's own machine asks for none.
        return ChatPlan(endpoint, key, f"{profile.model} at {httpx.URL(profile.base_url).host}")


def _own_key(profile: AiProfile, kept: KeptKey | None) -> str:
    if kept is None:
        return ""
    if not kept.is_for(key_address(profile)):
        raise CannotBuild(
            f"its key was given for {kept.address} and goes nowhere else: set one for the new address with "
            f"`multiplayer ai key {profile.handle}`"
        )
    return kept.text


def _check(plan: ChatPlan) -> None:
    check_address(plan.endpoint.base_url, allows_plain_http=plan.endpoint.allows_plain_http)
    if not all("!" <= character <= "~" for character in plan.key):
        raise CannotBuild("its key holds characters that no key has")


def _is_same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")
