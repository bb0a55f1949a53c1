"""What was used, what may be used and what it costs, in a line for people."""

from collections.abc import Iterator

from multiplayer.cli.money import money
from multiplayer.protocol.budgets import Budget, BudgetScope, Caps, CapState, Unit, UsageRow
from multiplayer.protocol.turns import TokenUsage

_WHOSE = {
    BudgetScope.SERVER: "the server",
    BudgetScope.SERVER_ASKER: "the one who asks, on this server",
    BudgetScope.ROOM: "the room",
    BudgetScope.ROOM_ASKER: "the one who asks, in this room",
}


def tokens_line(usage: TokenUsage) -> str:
    cached = f" ({100 * usage.tokens_cached // usage.tokens_in} % from the cache)" if _has_cached(usage) else ""
    estimated = ", counted by us" if usage.is_estimated else ""
    return f"{usage.model}: {usage.tokens_in:,} tokens in{cached}, {usage.tokens_out:,} out{estimated}"


def beside(row: UsageRow) -> str:
    """Say what of a row's figures is not as sure as it looks: unknown prices, and what caps did not hold back."""
    said = [f"{row.unpriced_calls} calls of unknown price"] if row.unpriced_calls else []
    said += [f"{row.tokens_over:,} tokens more than were reserved"] if row.tokens_over else []
    return ", ".join(said)


def budget_line(budget: Budget, currency: str) -> str:
    parts = [*_caps(budget.total, currency), *(f"{cap} for each asker" for cap in _caps(budget.per_asker, currency))]
    return ", ".join(parts) or "no caps"


def cap_line(state: CapState, currency: str) -> str:
    """Say whose cap it is, how much it is and what is left of it."""
    if state.unit is Unit.TOKENS:
        used, cap, left = f"{state.used:,}", f"{state.cap:,} tokens", f"{state.left:,}"
    else:
        used, cap, left = money(state.used, ""), money(state.cap, currency), money(state.left, "")
    return f"{_WHOSE[state.scope]}, each {state.period.value}: {used} of {cap} used, {left} left"


def _caps(caps: Caps, currency: str) -> Iterator[str]:
    if caps.tokens_per_day is not None:
        yield f"{caps.tokens_per_day:,} tokens a day"
    if caps.tokens_per_month is not None:
        yield f"{caps.tokens_per_month:,} tokens a month"
    if caps.micros_per_day is not None:
        yield f"{money(caps.micros_per_day, currency)} a day"
    if caps.micros_per_month is not None:
        yield f"{money(caps.micros_per_month, currency)} a month"


def _has_cached(usage: TokenUsage) -> bool:
    return usage.tokens_in > 0 and usage.tokens_cached > 0
