"""The purse of AI calls: reserves before a model is asked, settles after, and says when a budget is used up.

What cannot be enforced is off, not weaker: a cap in money without a known price lets no call through.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog

from multiplayer.ai.budget_words import breach_sentence, price_unknown_sentence
from multiplayer.ai.metering import is_believable
from multiplayer.models.port import Usage
from multiplayer.protocol.budgets import Budget, BudgetScope, CallKind, Caps, CapState, Estimate, Period, Unit, UsageRow
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.storage.account_port import AccountStore
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.ledger_port import Breach, Cap, Charge, LedgerStore, most_restrictive, scopes_of
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_SETTING: Final = "server_budget"
_SWEEP_AFTER: Final = timedelta(minutes=10)
"""Longer than any turn may last."""


@dataclass(frozen=True, slots=True)
class Spender:
    """For whom a model is asked. `asker_id` is None where no person asked (a schedule, a webhook)."""

    room_id: RoomId
    asker_id: AccountId | None
    ai_id: AccountId
    turn_id: TurnId | None
    kind: CallKind


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets that hold for a call; all of their caps do."""

    room: Budget = field(default_factory=Budget)
    server: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a model's tokens cost. `price` gives micro-units, or None where nobody knows the price."""

    model: str
    price: Callable[[Usage], int | None]
    price_version: str


class OverBudget(Exception):  # noqa: N818 - says what is so
    """The model may not be asked. `str()` of it is a sentence for the people in the room.

    `free_at` is when it fits again at the latest; None: not before someone changes the budget.
    """

    def __init__(self, sentence: str, free_at: datetime | None) -> None:
        super().__init__(sentence)
        self.free_at = free_at


def caps_of(budgets: Budgets, *, room_id: RoomId | None, asker_id: AccountId | None) -> tuple[Cap, ...]:
    """Return every cap that is set: the server's, the asker's, the room's, the asker's in this room."""
    caps_by_kind = {
        BudgetScope.SERVER: budgets.server.total,
        BudgetScope.SERVER_ASKER: budgets.server.per_asker,
        BudgetScope.ROOM: budgets.room.total,
        BudgetScope.ROOM_ASKER: budgets.room.per_asker,
    }
    return tuple(
        Cap(scope, period, unit, limit)
        for scope in scopes_of(room_id, asker_id)
        for period, unit, limit in _limits(caps_by_kind[scope.kind])
    )


def seen_by_members(states: Sequence[CapState]) -> tuple[CapState, ...]:
    """Return what a member may know of the caps of their own calls: what all use together is the operators'."""
    return tuple(state for state in states if state.scope is not BudgetScope.SERVER)


def total_of(rows: Sequence[UsageRow], key: str = "") -> UsageRow:
    """Return the sum of a report's rows."""
    return UsageRow(
        key=key,
        calls=sum(row.calls for row in rows),
        tokens_in=sum(row.tokens_in for row in rows),
        tokens_cached=sum(row.tokens_cached for row in rows),
        tokens_out=sum(row.tokens_out for row in rows),
        cost_micros=sum(row.cost_micros for row in rows),
        unpriced_calls=sum(row.unpriced_calls for row in rows),
        tokens_over=sum(row.tokens_over for row in rows),
    )


async def server_budget(store: AccountStore) -> Budget:
    """Return the budget of the whole server: without any cap until one is put."""
    text = await store.setting(_SETTING)
    return Budget() if text is None else Budget.model_validate_json(text)


async def put_server_budget(store: AccountStore, budget: Budget, *, audit: AuditEntry | None = None) -> None:
    await store.put_setting(_SETTING, budget.model_dump_json(), audit=audit)


class Reservation:
    """What one model call may use, until it is settled or released; the first of these counts.

    `context_tokens` is what the model can read; None: not known, then it is bounded by our own count.
    """

    def __init__(self, ledger: LedgerStore, charge: Charge, tariff: Tariff, context_tokens: int | None = None) -> None:
        self._ledger = ledger
        self._tariff = tariff
        self._most_in = _most_believed(charge.tokens_in, context_tokens)
        self._most_out = _most_believed(charge.tokens_out, context_tokens)
        self._is_over = False
        self.charge = charge

    async def settle(
        self,
        usage: Usage,
        *,
        is_estimated: bool = False,
        answered_by: Tariff | None = None,
    ) -> int | None:
        """Replace the reservation by what was used; return its cost in micro-units, None where nobody knows the price.

        `answered_by` is given when another model answered than was reserved for: its name and prices count. A report
        of more than was reserved is settled as it is, which the next reservation sees, and stands in reports as
        `tokens_over`; one of more than the model can hold is not believed: what was reserved counts then. A database
        that fails now raises nothing: the row stays reserved, which counts, until `settle_left` or `sweep` finds it.
        """
        used, tariff = _added_up(usage), answered_by or self._tariff
        if not is_estimated and not is_believable(
            usage, tokens_in_at_most=self._most_in, tokens_out_at_most=self._most_out
        ):
            _log.warning("usage_not_believed", charge=self.charge.id, model=tariff.model, reported=str(usage)[:200])
            used, is_estimated = Usage(self.charge.tokens_in, 0, self.charge.tokens_out), True
        over = used.tokens_in + used.tokens_out - self.charge.asked(Unit.TOKENS)
        if over > 0 and not self._is_over:
            _log.warning("used_more_than_reserved", charge=self.charge.id, model=tariff.model, tokens_over=over)
        cost_micros = tariff.price(used)
        if self._is_over:
            return cost_micros
        # Before the await: what may have been used must not be released, whatever becomes of the write.
        self._is_over = True

        async def settle() -> bool:
            return await self._ledger.settle(
                self.charge.id,
                tokens_in=used.tokens_in,
                tokens_cached=used.tokens_cached,
                tokens_out=used.tokens_out,
                cost_micros=cost_micros,
                is_estimated=is_estimated,
                model=tariff.model,
                price_version=tariff.price_version,
            )

        await self._close("settle", settle)
        return cost_micros

    async def release(self) -> None:
        """Give it back: the model was not asked. Nothing happens after `settle`; fails as little as that."""
        if not self._is_over:
            self._is_over = True
            await self._close("release", lambda: self._ledger.release(self.charge.id))

    async def _close(self, act: str, write: Callable[[], Awaitable[bool]]) -> None:
        try:
            is_done = await _again_if_unknown(write)
        except (StorageUnavailable, OutcomeUnknown) as error:
            _log.warning("charge_left_reserved", act=act, charge=self.charge.id, reason=str(error))
            return
        if not is_done:
            # A repeated write, or someone took this holder for dead.
            _log.info("charge_was_closed_before", act=act, charge=self.charge.id)


class Purse:
    """The one way to spend: whoever asks a model holds a `Reservation`. `currency` is what budgets in money are in."""

    def __init__(
        self,
        ledger: LedgerStore,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        *,
        currency: str = "USD",
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._new_id = new_id
        self._currency = currency

    @property
    def currency(self) -> str:
        return self._currency

    async def reserve(
        self,
        spender: Spender,
        budgets: Budgets,
        tariff: Tariff,
        *,
        tokens_in: int,
        tokens_out_at_most: int,
        context_tokens: int | None = None,
    ) -> Reservation:
        """Reserve what the call may use at most. Raises `OverBudget`, `StorageUnavailable`, `OutcomeUnknown`.

        Whoever gets a reservation settles it when the model was asked, and releases it otherwise. A call that takes
        nothing of what a cap is in is let through by it, even one that is passed. For `context_tokens` see
        `Reservation`.
        """
        caps = caps_of(budgets, room_id=spender.room_id, asker_id=spender.asker_id)
        micros = _most_micros(tariff, tokens_in, tokens_out_at_most)
        problem = _price_problem(tariff.model, micros, caps)
        if problem:
            raise OverBudget(problem, None)
        charge = self._charge(spender, tariff, micros, tokens_in, tokens_out_at_most)
        touched = [cap for cap in caps if charge.asked(cap.unit)]
        breach = await _again_if_unknown(lambda: self._ledger.reserve(charge, touched))
        if breach is not None:
            raise OverBudget(*breach_sentence(breach, spender.kind, charge.at, self._currency))
        return Reservation(self._ledger, charge, tariff, context_tokens)

    async def book(self, spender: Spender, tariff: Tariff, usage: Usage, *, is_estimated: bool) -> int | None:
        """Write down a call that was made without a reservation of its own, whatever the caps; return its cost.

        All of it stands in reports as `tokens_over`. Raises `StorageUnavailable`, `OutcomeUnknown`.
        """
        used = _added_up(usage)
        charge = self._charge(spender, tariff, 0, 0, 0)
        await _again_if_unknown(lambda: self._ledger.reserve(charge, ()))
        most = used.tokens_in + used.tokens_out
        return await Reservation(self._ledger, charge, tariff, most).settle(used, is_estimated=is_estimated)

    def _charge(self, spender: Spender, tariff: Tariff, micros: int | None, tokens_in: int, tokens_out: int) -> Charge:
        return Charge(
            id=self._new_id(),
            room_id=spender.room_id,
            asker_id=spender.asker_id,
            ai_id=spender.ai_id,
            turn_id=spender.turn_id,
            kind=spender.kind,
            at=self._now(),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            micros=micros,
            model=tariff.model,
            price_version=tariff.price_version,
        )

    async def cap_states(
        self, budgets: Budgets, *, room_id: RoomId | None, asker_id: AccountId | None
    ) -> tuple[CapState, ...]:
        """Return every cap of `caps_of` with what is used of it now; see `seen_by_members` before telling it."""
        return await self._states(caps_of(budgets, room_id=room_id, asker_id=asker_id), self._now())

    async def estimate(
        self, spender: Spender, budgets: Budgets, tariff: Tariff, *, tokens_in: int, tokens_out_at_most: int
    ) -> Estimate:
        """Say, to the asker, what the call would cost at most and whether it would be let through now.

        Reserves nothing. The caps are those of `cap_states` that the asker may see: all but the server's.
        """
        caps = caps_of(budgets, room_id=spender.room_id, asker_id=spender.asker_id)
        micros, now = _most_micros(tariff, tokens_in, tokens_out_at_most), self._now()
        states = await self._states(caps, now)
        sentence = _price_problem(tariff.model, micros, caps)
        asked = {Unit.TOKENS: tokens_in + tokens_out_at_most, Unit.MICROS: micros or 0}
        breaches = [
            Breach(cap, state.used, asked[cap.unit])
            for cap, state in zip(caps, states, strict=True)
            if asked[cap.unit] and state.used + asked[cap.unit] > cap.limit
        ]
        breach = most_restrictive(breaches)
        if breach is not None and not sentence:
            sentence, _ = breach_sentence(breach, spender.kind, now, self._currency, is_to_asker=True)
        return Estimate(
            ai_id=spender.ai_id,
            model=tariff.model,
            tokens_in=tokens_in,
            tokens_out_at_most=tokens_out_at_most,
            cost_micros_at_most=micros,
            currency=self._currency,
            breach=sentence,
            caps=seen_by_members(states),
        )

    async def settle_left(self, turn_id: TurnId) -> int:
        """Settle, at what was reserved, the calls of a turn whose holder died; return how many there were.

        For whoever takes a turn over, before its own first call. Raises `StorageUnavailable`, `OutcomeUnknown`.
        """
        return await self._ledger.settle_left(turn_id)

    async def sweep(self, *, limit: int = 100) -> int:
        """Settle, at what was reserved, old calls that nobody will settle any more; return how many.

        Every pod may do it at any time. Raises `StorageUnavailable`, `OutcomeUnknown`.
        """
        left = await self._ledger.left_open(older_than=self._now() - _SWEEP_AFTER, limit=limit)
        return await self._ledger.settle_as_reserved(left) if left else 0

    async def _states(self, caps: Sequence[Cap], at: datetime) -> tuple[CapState, ...]:
        if not caps:
            return ()
        spent = await self._ledger.spent(list({cap.scope for cap in caps}), at)
        return tuple(
            CapState(
                scope=cap.scope.kind,
                period=cap.period,
                unit=cap.unit,
                cap=cap.limit,
                used=spent[cap.scope, cap.period].of(cap.unit),
            )
            for cap in caps
        )


def _limits(caps: Caps) -> list[tuple[Period, Unit, int]]:
    found = [
        (Period.DAY, Unit.TOKENS, caps.tokens_per_day),
        (Period.MONTH, Unit.TOKENS, caps.tokens_per_month),
        (Period.DAY, Unit.MICROS, caps.micros_per_day),
        (Period.MONTH, Unit.MICROS, caps.micros_per_month),
    ]
    return [(period, unit, limit) for period, unit, limit in found if limit is not None]


def _price_problem(model: str, micros: int | None, caps: Sequence[Cap]) -> str:
    """Say that a cap in money holds for a model whose price nobody knows; empty if it is not so."""
    capped = next((cap for cap in caps if cap.unit is Unit.MICROS), None)
    return "" if micros is not None or capped is None else price_unknown_sentence(capped, model)


def _most_micros(tariff: Tariff, tokens_in: int, tokens_out: int) -> int | None:
    micros = tariff.price(Usage(tokens_in, 0, tokens_out))
    return 0 if micros is None and not tokens_in and not tokens_out else micros


def _most_believed(reserved: int, context_tokens: int | None) -> int:
    if context_tokens is None:
        return max(2 * reserved, reserved + 10_000)
    return max(context_tokens, reserved)


def _added_up(usage: Usage) -> Usage:
    """Return numbers that can be added up."""
    tokens_in = max(0, usage.tokens_in)
    return Usage(tokens_in, min(max(0, usage.tokens_cached), tokens_in), max(0, usage.tokens_out))


async def _again_if_unknown(write: Callable[[], Awaitable[_T]]) -> _T:
    """Write once more if a lost connection hid the outcome, as each first write after a database's restart does."""
    try:
        return await write()
    except OutcomeUnknown:
        return await write()
