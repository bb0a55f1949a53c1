"""What the people in a room are told when a budget does not let a model be asked."""

from datetime import UTC, datetime, timedelta
from typing import Final

from multiplayer.protocol.budgets import BudgetScope, CallKind, Period, Unit
from multiplayer.storage.ledger_port import Breach, Cap

_WHOSE: Final = {
    BudgetScope.SERVER: ("This server", "its", ""),
    BudgetScope.SERVER_ASKER: ("The person who asked", "their", " on this server"),
    BudgetScope.ROOM: ("This room", "its", ""),
    BudgetScope.ROOM_ASKER: ("The person who asked", "their", " in this room"),
}
"""Who may use so much, whose it is, and where."""
_CALLS: Final = {
    CallKind.TURN: "this answer",
    CallKind.SUMMARY: "this summary",
    CallKind.CATCH_UP: "this catch-up",
}
_COUNTED: Final = {Unit.TOKENS: "of tokens", Unit.MICROS: "of money"}
_OF_EVERYWHERE: Final = frozenset({BudgetScope.SERVER, BudgetScope.SERVER_ASKER})
"""What is used of these tells what happens in other rooms."""
_NOW: Final = {Period.DAY: "today", Period.MONTH: "this month"}


def breach_sentence(
    breach: Breach, kind: CallKind, at: datetime, currency: str, *, is_to_asker: bool = False
) -> tuple[str, datetime | None]:
    """Say whose budget is used up and how far, and when it is free again; None: it never is for a call so large.

    The sums of what holds on the whole server are not for a room: only the asker is told their own (`is_to_asker`).
    """
    cap = breach.cap
    who, their, where = _WHOSE[cap.scope.kind]
    is_own = is_to_asker and cap.scope.kind is BudgetScope.SERVER_ASKER
    if cap.scope.kind in _OF_EVERYWHERE and not is_own:
        counted = _COUNTED[cap.unit]
        if breach.asked > cap.limit:
            sentence = f"{_CALLS[kind].capitalize()} may need more than the budget {counted}"
            whose = "this server" if cap.scope.kind is BudgetScope.SERVER else f"the person who asked{where}"
            return f"{sentence} of {whose} for a {cap.period.value}: it needs a larger budget.", None
        free_at = _end_of(cap.period, at)
        sentence = f"{who} has used {their} budget {counted}{where} for {_NOW[cap.period]}."
        return f"{sentence} {_free_again(cap, free_at)}", free_at
    limit, asked = _figure(cap.limit, cap.unit, currency), _figure(breach.asked, cap.unit, currency)
    if cap.unit is Unit.TOKENS:
        limit += " tokens"
    if breach.asked > cap.limit:
        sentence = f"{who} may use {limit} a {cap.period.value}{where}, and {_CALLS[kind]} may need {asked}"
        return f"{sentence}: it needs a larger budget.", None
    free_at = _end_of(cap.period, at)
    sentence = (
        f"{who} has used {their} budget of {limit}{where} for {_NOW[cap.period]} "
        f"({_figure(breach.used, cap.unit, currency)} are used or reserved, {_CALLS[kind]} may need {asked}). "
        f"{_free_again(cap, free_at)}"
    )
    return sentence, free_at


def price_unknown_sentence(cap: Cap, model: str) -> str:
    """Say that a cap in money cannot be kept for this model."""
    who, _, where = _WHOSE[cap.scope.kind]
    return (
        f"{who} has a budget in money{where}, and nobody knows the price of the model {model}, so it may not be "
        "asked: an operator can set a price in the AI's profile, or the budget can be set in tokens."
    )


def _free_again(cap: Cap, free_at: datetime) -> str:
    when = "" if cap.period is Period.DAY else f"on {free_at.day} {free_at:%B} "
    return f"It is free again {when}at 00:00 UTC."


def _figure(number: int, unit: Unit, currency: str) -> str:
    if unit is Unit.TOKENS:
        return f"{number:,}"
    units, micros = divmod(number, 1_000_000)
    decimals = f"{micros:06}".rstrip("0")
    return f"{units:,}.{decimals:0<2} {currency}"


def _end_of(period: Period, at: datetime) -> datetime:
    """Return the midnight of UTC at which the period ends."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return midnight + timedelta(days=1)
    # From any day 1, 32 days on lie in the next month.
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
