"""What tokens cost: a table of prices as data, and the cost of a call in whole micro-units of its currency."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from multiplayer.models.catalogue import MicroUnits, Price, shipped_catalogue
from multiplayer.models.port import Usage

__all__ = ["MicroUnits", "Price", "PriceTable", "cost_of", "list_prices"]

_PER_TOKENS = 1_000_000


class PriceTable(BaseModel):
    """Prices by model name. `version` is stored with each answer, so its cost can be explained later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(min_length=1, max_length=100)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    prices: Mapping[str, Price]

    def cost(self, usage: Usage, model_name: str) -> int | None:
        """Return the cost in micro-units, rounded up; `None` when the table does not know the model."""
        price = self.prices.get(model_name)
        return None if price is None else cost_of(usage, price)


def cost_of(usage: Usage, price: Price) -> int:
    """Return what `usage` costs in micro-units, rounded up."""
    # A provider's own numbers may contradict each other; a cost is never negative.
    cached = max(0, min(usage.tokens_cached, usage.tokens_in))
    fresh = max(0, usage.tokens_in) - cached
    total = fresh * price.tokens_in + cached * price.tokens_cached + max(0, usage.tokens_out) * price.tokens_out
    return -(-total // _PER_TOKENS)


def list_prices() -> PriceTable:
    """Return the prices of the shipped catalogue. The built-in demo costs nothing.

    For any other model the operator gives a price.
    """
    catalogue = shipped_catalogue()
    return PriceTable(
        version=catalogue.version,
        currency=catalogue.currency,
        prices={**catalogue.prices(), "demo": Price(tokens_in=0, tokens_cached=0, tokens_out=0)},
    )
