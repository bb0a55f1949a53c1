"""What an AI account thinks with: its model, how its tokens are counted and what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from multiplayer.ai.budget import Tariff
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.port import ChatModel, Usage
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import AiProfile


@dataclass(frozen=True)
class Brain:
    """One profile, resolved. `model` may be a chain that fails over.

    `tariffs` are those of every model of the chain, by its name; `max_output_tokens` is what one call may write,
    thinking included. `takes_tools` is false for providers that only answer questions (NLWeb).
    """

    profile: AiProfile
    model: ChatModel
    counter: TokenCounter
    tariffs: Mapping[str, Tariff]
    max_output_tokens: int
    takes_tools: bool = True
    counts_tokens: bool = True
    """False: nobody pays by tokens here (a site that answers by itself)."""

    def tariff_of(self, model_name: str) -> Tariff:
        """Return what a model of this chain costs."""
        return self.tariffs.get(model_name) or Tariff(model_name, lambda _: None, "")

    @property
    def dearest(self) -> Tariff:
        """What is reserved before a call: the most that any model of the chain costs; no price if one has none."""

        def most(usage: Usage) -> int | None:
            prices = [tariff.price(usage) for tariff in self.tariffs.values()]
            known = [price for price in prices if price is not None]
            return max(known) if known and len(known) == len(prices) else None

        first = self.tariff_of(self.model.model_name)
        return Tariff(first.model, most, first.price_version)


class Brains(Protocol):
    """The brains of this server's AI accounts, as the profiles are now."""

    def of(self, ai_id: AccountId) -> Brain:
        """Return the brain of an AI account. Raises `NoBrain`."""
        ...


class NoBrain(Exception):  # noqa: N818 - says what is so
    """This AI cannot answer; `str()` of it tells the people in the room why."""
