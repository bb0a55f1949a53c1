"""What every storage promises of money: model calls are reserved before and settled after, and no cap is passed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from multiplayer.protocol.budgets import BudgetScope, CallKind, Period, Unit, UsageGroup, UsageRow
from multiplayer.protocol.ids import AccountId, RoomId, TurnId


class Scope(NamedTuple):
    """Whose spending: `id` is a room's, an asker's, `room_asker_id`'s, or empty for the server."""

    kind: BudgetScope
    id: str


def scopes_of(room_id: RoomId | None, asker_id: AccountId | None) -> tuple[Scope, ...]:
    """Return where a call in this room by this asker counts; without an asker (a schedule), for nobody in particular."""
    found = [Scope(BudgetScope.SERVER, "")]
    if asker_id is not None:
        found.append(Scope(BudgetScope.SERVER_ASKER, asker_id))
    if room_id is not None:
        found.append(Scope(BudgetScope.ROOM, room_id))
    if room_id is not None and asker_id is not None:
        found.append(Scope(BudgetScope.ROOM_ASKER, f"{room_id}/{asker_id}"))
    return tuple(found)


def period_key(at: datetime, period: Period) -> str:
    """Name the day (`2026-11-21`) or month (`2026-11`) of UTC that `at` lies in."""
    return at.astimezone(UTC).strftime("%Y-%m-%d" if period is Period.DAY else "%Y-%m")


@dataclass(frozen=True)
class Charge:
    """One model call and what it may use at most. It counts in the day and month of `at`, whenever it is settled."""

    id: str
    room_id: RoomId
    asker_id: AccountId | None
    ai_id: AccountId
    turn_id: TurnId | None
    kind: CallKind
    at: datetime
    tokens_in: int
    tokens_out: int
    micros: int | None
    """None: nobody knows the price. It counts 0."""
    model: str
    price_version: str

    def asked(self, unit: Unit) -> int:
        return self.tokens_in + self.tokens_out if unit is Unit.TOKENS else self.micros or 0


@dataclass(frozen=True)
class Cap:
    """At most `limit` in each day or month; what is reserved counts as used."""

    scope: Scope
    period: Period
    unit: Unit
    limit: int


@dataclass(frozen=True)
class Breach:
    """A cap that would be passed: `used` of it (settled or reserved) and `asked` are more than it allows."""

    cap: Cap
    used: int
    asked: int


def check_caps(charge: Charge, caps: Sequence[Cap]) -> None:
    """Assert that each cap is one of those the charge counts for."""
    own = scopes_of(charge.room_id, charge.asker_id)
    assert all(cap.scope in own for cap in caps), f"a cap of someone else: {caps}"


def most_restrictive(breaches: Sequence[Breach]) -> Breach | None:
    """Return the breach that lasts longest (for ever, this month, today), and of those the one that is furthest off."""
    return max(breaches, key=_weight, default=None)


def _weight(breach: Breach) -> tuple[bool, bool, float]:
    limit = breach.cap.limit
    return breach.asked > limit, breach.cap.period is Period.MONTH, (breach.used + breach.asked) / max(limit, 1)


@dataclass(frozen=True)
class Spent:
    """What is settled and what is still reserved, together."""

    tokens: int = 0
    micros: int = 0

    def of(self, unit: Unit) -> int:
        return self.tokens if unit is Unit.TOKENS else self.micros


@dataclass(frozen=True)
class TurnCost:
    """What the settled calls of one turn cost together."""

    micros: int | None
    """None: nobody knows the price of one of them."""
    price_version: str
    """Of the call that was reserved last."""


class LedgerStore(Protocol):
    """One row for each model call: reserved, then settled or released, once."""

    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        """Store the charge as reserved if it fits all caps; else store nothing and return the most restrictive breach.

        Over any number of callers and processes at once, reservations never take spending past a cap. Safe to repeat
        after `OutcomeUnknown`: a charge whose id is there already is not reserved again.
        """
        ...

    async def settle(
        self,
        charge_id: str,
        *,
        tokens_in: int,
        tokens_cached: int,
        tokens_out: int,
        cost_micros: int | None,
        is_estimated: bool,
        model: str | None = None,
        price_version: str | None = None,
    ) -> bool:
        """Replace what was reserved by what was used, which may be more (see `UsageRow.tokens_over`).

        True when this call did it.

        `model` and `price_version` are given when another model answered than was reserved for.
        """
        ...

    async def release(self, charge_id: str) -> bool:
        """Give a reservation back: the call was never made. True when this call did it."""
        ...

    async def settle_left(self, turn_id: TurnId) -> int:
        """Settle the turn's open reservations, whose holder died, as `settle_as_reserved`; return how many."""
        ...

    async def settle_as_reserved(self, charge_ids: Sequence[str]) -> int:
        """Settle those still open at what was reserved, as estimated; return how many."""
        ...

    async def left_open(self, *, older_than: datetime, limit: int) -> Sequence[str]:
        """Return open charges made by `older_than` whose turn has ended, went with its room, or that have no turn."""
        ...

    async def spent(self, scopes: Sequence[Scope], at: datetime) -> Mapping[tuple[Scope, Period], Spent]:
        """Return what each scope has spent in the day and the month of `at`; every scope has both."""
        ...

    async def usage(
        self, since: datetime, until: datetime, *, room_id: RoomId | None = None, group: UsageGroup
    ) -> Sequence[UsageRow]:
        """Sum up the settled calls with `since` <= at < `until`: days in order, else the most used first.

        The key of calls that nobody asked for, in a report by asker, is empty.
        """
        ...

    async def costs_of_turns(
        self, room_id: RoomId, turn_ids: Sequence[TurnId], since: datetime, until: datetime
    ) -> Mapping[TurnId, TurnCost]:
        """Sum up what each of these turns of a room has settled of the calls with `since` <= at <= `until`.

        A turn that has settled none is left out.
        """
        ...
