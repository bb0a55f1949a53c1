"""AI profiles: the server's AI accounts, as operators describe them. A key is never a part of one."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StrictInt, StringConstraints, model_validator

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.values import Frozen

Handle = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")]
MicroUnits = Annotated[StrictInt, Field(ge=0, le=10**12)]


class Provider(StrEnum):
    AUTO = "auto"
    """Resolved at each start: DeepSeek if its key is set, else OPENAI_*, else the demo."""
    DEEPSEEK = "deepseek"
    OPENAI_COMPATIBLE = "openai_compatible"
    NLWEB = "nlweb"
    DEMO = "demo"


class NlwebDialect(StrEnum):
    AUTO = "auto"
    A_0_1 = "0.1"
    B_0_5 = "0.5"
    C_0_54 = "0.54"


class NlwebMode(StrEnum):
    LIST = "list"
    SUMMARIZE = "summarize"
    GENERATE = "generate"


class ProfilePrice(Frozen):
    """Micro-units (millionths of the currency) per million tokens."""

    tokens_in: MicroUnits
    tokens_cached: MicroUnits
    tokens_out: MicroUnits


class NlwebOptions(Frozen):
    dialect: NlwebDialect = NlwebDialect.AUTO
    site: Annotated[str, StringConstraints(min_length=1, max_length=500)] = "all"
    mode: NlwebMode = NlwebMode.LIST
    max_results: Annotated[StrictInt, Field(ge=1, le=100)] = 9
    previous_messages: Annotated[StrictInt, Field(ge=0, le=50)] = 5
    """How many earlier human messages go along."""


class AiProfile(Frozen):
    """What makes an AI account. Empty fields mean: what the provider's own defaults are."""

    handle: Handle
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    provider: Provider = Provider.AUTO
    model: Annotated[str, StringConstraints(max_length=200)] = ""
    base_url: Annotated[str, StringConstraints(max_length=500)] = ""
    """For `openai_compatible` up to and with /v1; for `nlweb` the site's address, without /ask."""
    context_tokens: Annotated[StrictInt, Field(ge=2_000, le=10_000_000)] | None = None
    max_output_tokens: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    persona: Annotated[str, StringConstraints(max_length=4_000)] = ""
    tools: Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=64)] | None = None
    """Names of the tools it may use. None: all that the server offers."""
    price: ProfilePrice | None = None
    """None: that of the price list, if the model stands there."""
    fallbacks: Annotated[tuple[Handle, ...], Field(max_length=5)] = ()
    """Whose model answers in its place when its own cannot, in this order."""
    nlweb: NlwebOptions | None = None
    allows_plain_http: bool = False
    """The operator's word that the key may cross the network in the clear."""

    @model_validator(mode="after")
    def _fits_its_provider(self) -> Self:
        needs_url = self.provider in {Provider.OPENAI_COMPATIBLE, Provider.NLWEB}
        if needs_url and not self.base_url:
            raise ValueError(f"a profile of provider {self.provider.value} needs a base_url")
        if self.provider is Provider.OPENAI_COMPATIBLE and not self.model:
            raise ValueError("a profile of provider openai_compatible needs a model")
        if self.nlweb is not None and self.provider is not Provider.NLWEB:
            raise ValueError("nlweb options belong to a profile of provider nlweb")
        if self.handle in self.fallbacks:
            raise ValueError("a profile cannot fall back on itself")
        return self


class ProfileView(Frozen):
    """A profile as operators see it."""

    account_id: AccountId
    profile: AiProfile
    version: int
    is_from_file: bool = False
    """It stands in the file of profiles, and is changed there."""
    is_disabled: bool = False
    has_key: bool = False
    answers_with: str = ""
    """The model that answers now, after `auto` is resolved."""
    is_demo: bool = False
    """No model answers, but the built-in script."""
    problem: str = ""
    """Why it cannot answer, if so."""
