"""The models known by name, read from `catalogue.toml`: addresses, sizes, prices, and what older names mean now."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

MicroUnits = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Tokens = Annotated[int, Field(ge=1, le=100_000_000, strict=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Entry):
    """Micro-units (millionths of one unit of the currency) per million tokens."""

    tokens_in: MicroUnits
    tokens_cached: MicroUnits
    tokens_out: MicroUnits


class ListedModel(_Entry):
    """One model. `max_output_tokens` is the provider's own limit of one answer, thinking included."""

    context_tokens: Tokens
    max_output_tokens: Tokens
    returns_thinking: bool = False
    """The provider demands a model's thinking back inside a tool loop."""
    price: Price


class Alias(_Entry):
    """Another name of a listed model. `parameters` go into each request, for what the name alone used to say."""

    means: Name
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict)
    is_sent: bool = False
    """The provider still knows this name and means more by it than the other: it is sent as it is written."""


class Unlisted(_Entry):
    """What a model of a provider is taken for that is not listed."""

    context_tokens: Tokens
    returns_thinking: bool


class ListedProvider(_Entry):
    base_url: Name
    default_model: Name
    unlisted: Unlisted
    models: Mapping[Name, ListedModel]
    aliases: Mapping[Name, Alias] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if self.default_model not in self.models:
            raise ValueError(f"the default model {self.default_model} is not listed")
        for name, alias in self.aliases.items():
            if name in self.models or alias.means not in self.models:
                raise ValueError(f"the alias {name} must be no model's name and mean a listed one")
        return self


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known about a model. `name` is the one to send, with `parameters` in each request.

    None: not known, because the model is not listed.
    """

    name: str
    context_tokens: int
    returns_thinking: bool
    max_output_tokens: int | None
    price: Price | None
    parameters: Mapping[str, JsonValue]


class Catalogue(_Entry):
    """All providers and models. `version` and `currency` belong to the prices."""

    version: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    providers: Mapping[Name, ListedProvider]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [name for provider in self.providers.values() for name in (*provider.models, *provider.aliases)]
        if len(names) != len(set(names)):
            raise ValueError("a model name stands under two providers, so its price is not clear")
        return self

    def facts(self, provider: str, model_name: str = "") -> ModelFacts:
        """Return what is known of a model; without a name, of the provider's default. Raises `KeyError`: no such provider.

        A model that is not listed has the provider's `unlisted` facts under the name as given.
        """
        listed = self.providers[provider]
        wanted = model_name or listed.default_model
        alias = listed.aliases.get(wanted)
        model = listed.models.get(alias.means if alias else wanted)
        if model is None:
            unlisted = listed.unlisted
            return ModelFacts(wanted, unlisted.context_tokens, unlisted.returns_thinking, None, None, {})
        return ModelFacts(
            name=alias.means if alias and not alias.is_sent else wanted,
            context_tokens=model.context_tokens,
            returns_thinking=model.returns_thinking,
            max_output_tokens=model.max_output_tokens,
            price=model.price,
            parameters=alias.parameters if alias else {},
        )

    def prices(self) -> dict[str, Price]:
        """Return the price of every model under each of its names."""
        return {
            name: model.price
            for provider in self.providers.values()
            for meant, model in provider.models.items()
            for name in (meant, *(other for other, alias in provider.aliases.items() if alias.means == meant))
        }


def read_catalogue(text: str) -> Catalogue:
    """Parse a catalogue. Raises `ValueError` for what is no TOML, has unknown fields or does not fit together."""
    return Catalogue.model_validate(tomllib.loads(text))


def shipped_catalogue() -> Catalogue:
    """Read the catalogue that ships with this version."""
    return read_catalogue((resources.files("multiplayer.models") / "catalogue.toml").read_text(encoding="utf-8"))
