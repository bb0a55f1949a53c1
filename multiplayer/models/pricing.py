"""What tokens cost: a table of prices as data, and the cost of a call in whole micro-units of its currency."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from multiplayer.models.port import Usage

_PER_TOKENS = 1_000_000

MicroUnits = Annotated[int, Field(ge=0, le=10**12, strict=True)]


class Price(BaseModel):
    """Micro-units (millionths of one unit of the currency) per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens_in: MicroUnits
    tokens_cached: MicroUnits
    tokens_out: MicroUnits


class PriceTable(BaseModel):
    """Prices by model name. `version` is stored with each answer, so its cost can be explained later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(min_length=1, max_length=100)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    prices: Mapping[str, Price]

    def cost(self, usage: Usage, model_name: str) -> int | None:
        """Return the cost in micro-units, rounded up; `None` when the table does not know the model."""
        price = self.prices.get(model_name)
        if price is None:
            return None
        # A provider's own numbers may contradict each other; a cost is never negative.
        cached = max(0, min(usage.tokens_cached, usage.tokens_in))
        fresh = max(0, usage.tokens_in) - cached
        total = fresh * price.tokens_in + cached * price.tokens_cached + max(0, usage.tokens_out) * price.tokens_out
        return -(-total // _PER_TOKENS)


def list_prices() -> PriceTable:
    """Return the prices known when this version was written.

    DeepSeek: https://api-docs.deepseek.com/quick_start/pricing as of autumn 2026, the peak rate. Off-peak it bills
    half, so a cost from this table is an upper bound and a budget stops early, not late. The older Flash name is
    billed as Flash. The built-in demo costs nothing. For any other model the operator gives a table.
    """
    flash = Price(tokens_in=300_000, tokens_cached=6_000, tokens_out=1_200_000)
    return PriceTable(
        version="2026-11-deepseek-peak",
        currency="USD",
        prices={
            "deepseek-flash": flash,
            "deepseek-v4-flash": flash,
            "deepseek-v4-pro": Price(tokens_in=1_320_000, tokens_cached=44_000, tokens_out=3_960_000),
            "demo": Price(tokens_in=0, tokens_cached=0, tokens_out=0),
        },
    )
