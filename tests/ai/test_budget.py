"""What AI calls may use: reserved before, settled after, refused in words that people understand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs
from typing_extensions import override

from multiplayer.ai.budget import (
    Budgets,
    OverBudget,
    Purse,
    Reservation,
    Spender,
    Tariff,
    caps_of,
    put_server_budget,
    server_budget,
    total_of,
)
from multiplayer.models.port import Usage
from multiplayer.models.pricing import list_prices
from multiplayer.protocol.budgets import (
    Budget,
    BudgetScope,
    CallKind,
    Caps,
    CapState,
    Period,
    Unit,
    UsageGroup,
    UsageRow,
)
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.storage.ledger_port import Breach, Cap, Charge
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

ALICE, BOB, AI = AccountId("alice"), AccountId("bob"), AccountId("ai")
SPENDER = Spender(RoomId("room"), ALICE, AI, TurnId("turn"), CallKind.TURN)
# 2 micros a token in, 1 a cached one, 10 a token out.
PRICED = Tariff(
    "m", lambda used: 2 * (used.tokens_in - used.tokens_cached) + used.tokens_cached + 10 * used.tokens_out, "p"
)
UNPRICED = Tariff("mystery", lambda _: None, "p")


@dataclass
class Till:
    """A purse on a store in memory, with a clock that the test moves."""

    storage: MemoryStorage = field(default_factory=MemoryStorage)
    now: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    purse: Purse = field(init=False)

    def __post_init__(self) -> None:
        numbers = count()
        self.purse = Purse(self.storage, lambda: self.now, lambda: f"charge {next(numbers)}")

    async def reserve(
        self,
        budgets: Budgets,
        tokens_in: int = 900,
        tokens_out: int = 100,
        *,
        spender: Spender = SPENDER,
        tariff: Tariff = PRICED,
    ) -> Reservation:
        return await self.purse.reserve(spender, budgets, tariff, tokens_in=tokens_in, tokens_out_at_most=tokens_out)

    async def refusal(
        self, budgets: Budgets, tokens_in: int = 900, tokens_out: int = 100, *, spender: Spender = SPENDER
    ) -> OverBudget:
        with pytest.raises(OverBudget) as refused:
            await self.reserve(budgets, tokens_in, tokens_out, spender=spender)
        return refused.value

    async def used(self, unit: Unit = Unit.TOKENS) -> int:
        everything = Budgets(server=Budget(total=Caps(tokens_per_day=10**9, micros_per_day=10**9)))
        states = await self.purse.cap_states(everything, room_id=None, asker_id=None)
        return next(state.used for state in states if state.unit is unit)


def room(**caps: int) -> Budgets:
    return Budgets(room=Budget(total=Caps(**caps)))


def room_asker(**caps: int) -> Budgets:
    return Budgets(room=Budget(per_asker=Caps(**caps)))


def server(**caps: int) -> Budgets:
    return Budgets(server=Budget(total=Caps(**caps)))


def server_asker(**caps: int) -> Budgets:
    return Budgets(server=Budget(per_asker=Caps(**caps)))


@pytest.fixture
def till() -> Till:
    return Till()


async def test_a_call_is_reserved_at_its_most_and_settled_at_what_it_used(till: Till) -> None:
    reservation = await till.reserve(Budgets())
    assert (await till.used(), await till.used(Unit.MICROS)) == (1_000, 2 * 900 + 10 * 100)
    assert await reservation.settle(Usage(900, 800, 20)) == 2 * 100 + 800 + 10 * 20
    assert (await till.used(), await till.used(Unit.MICROS)) == (920, 1_200)
    await reservation.release()
    assert await reservation.settle(Usage(1, 0, 1)) == 12
    assert await till.used() == 920
    [row] = await till.storage.usage(till.now, till.now + timedelta(days=1), group=UsageGroup.MODEL)
    expected = UsageRow(key="m", calls=1, tokens_in=900, tokens_cached=800, tokens_out=20, cost_micros=1_200)
    assert row == expected


async def test_a_call_that_was_not_made_is_given_back(till: Till) -> None:
    budgets = room(tokens_per_day=1_000)
    reservation = await till.reserve(budgets)
    await till.refusal(budgets)
    await reservation.release()
    assert await till.used() == 0
    await till.reserve(budgets)
    await reservation.release()
    assert await till.used() == 1_000


async def test_another_model_that_answered_is_named_and_paid_as_itself(till: Till) -> None:
    reservation = await till.reserve(Budgets())
    assert await reservation.settle(Usage(10, 0, 1), answered_by=UNPRICED) is None
    [row] = await till.storage.usage(till.now, till.now + timedelta(days=1), group=UsageGroup.MODEL)
    assert (row.key, row.cost_micros, row.unpriced_calls) == ("mystery", 0, 1)


@pytest.mark.parametrize(
    "reported",
    [
        Usage(-5, 10**30, 10**30),
        Usage(10**25, 0, 0),
        Usage(32_001, 0, 5),
        Usage(900, 0, 32_001),
        Usage(900, 0, -1),
        Usage(-1, 0, 5),
    ],
)
async def test_more_than_a_model_can_hold_is_not_believed_and_what_was_reserved_counts(
    till: Till, reported: Usage
) -> None:
    reservation = await till.purse.reserve(
        SPENDER, Budgets(), PRICED, tokens_in=900, tokens_out_at_most=100, context_tokens=32_000
    )
    assert await reservation.settle(reported) == 2 * 900 + 10 * 100
    [row] = await till.storage.usage(till.now, till.now + timedelta(days=1), group=UsageGroup.MODEL)
    assert (row.tokens_in, row.tokens_cached, row.tokens_out) == (900, 0, 100)


async def test_a_report_of_more_than_our_own_count_is_believed_within_the_models_context(till: Till) -> None:
    known = await till.purse.reserve(
        SPENDER, Budgets(), PRICED, tokens_in=900, tokens_out_at_most=100, context_tokens=32_000
    )
    await known.settle(Usage(32_000, 40_000, 100))
    unknown = await till.reserve(Budgets())
    await unknown.settle(Usage(10_900, 0, 100))
    beyond = await till.reserve(Budgets())
    await beyond.settle(Usage(10_901, 0, 100))
    [row] = await till.storage.usage(till.now, till.now + timedelta(days=1), group=UsageGroup.MODEL)
    assert (row.tokens_in, row.tokens_cached) == (32_000 + 10_900 + 900, 32_000)
    assert row.tokens_over == (32_000 - 900) + (10_900 - 900)


async def test_more_than_was_reserved_is_settled_said_and_seen_by_the_next_reservation(till: Till) -> None:
    budgets = room(tokens_per_day=5_000)
    first = await till.purse.reserve(
        SPENDER, budgets, PRICED, tokens_in=900, tokens_out_at_most=100, context_tokens=32_000
    )
    second = await till.reserve(budgets)
    with capture_logs() as said:
        assert await first.settle(Usage(3_900, 0, 400)) == 2 * 3_900 + 10 * 400
        await second.settle(Usage(900, 0, 100))
    assert [line["tokens_over"] for line in said if line["event"] == "used_more_than_reserved"] == [3_300]
    assert await till.used() == 5_300
    [row] = await till.storage.usage(till.now, till.now + timedelta(days=1), group=UsageGroup.MODEL)
    assert row.tokens_over == 3_300
    await till.refusal(budgets, 1, 0)


async def test_a_call_that_takes_and_costs_nothing_is_let_through_by_caps_that_are_passed(till: Till) -> None:
    await till.reserve(Budgets())
    nothing = Caps(tokens_per_day=0, tokens_per_month=5, micros_per_day=0)
    budgets = Budgets(room=Budget(total=nothing, per_asker=nothing), server=Budget(total=nothing, per_asker=nothing))
    await till.refusal(budgets)
    for tariff in (PRICED, UNPRICED):
        await (await till.reserve(budgets, 0, 0, tariff=tariff)).settle(Usage(0, 0, 0))
        estimate = await till.purse.estimate(SPENDER, budgets, tariff, tokens_in=0, tokens_out_at_most=0)
        assert estimate.breach == ""


async def test_what_was_used_without_a_reservation_is_booked_whatever_the_caps(till: Till) -> None:
    assert await till.purse.book(SPENDER, PRICED, Usage(900, 800, 20), is_estimated=False) == 1_200
    assert (await till.used(), await till.used(Unit.MICROS)) == (920, 1_200)
    [row] = await till.storage.usage(till.now, till.now + timedelta(days=1), group=UsageGroup.MODEL)
    assert row.tokens_over == 920


TOKENS_IN_ALL = "(199,100 are used or reserved, this answer may need 4,300)"


@pytest.mark.parametrize(
    ("budgets", "sentence"),
    [
        (room(tokens_per_day=200_000), f"This room has used its budget of 200,000 tokens for today {TOKENS_IN_ALL}."),
        (
            server(tokens_per_day=200_000),
            "This server has used its budget of tokens for today.",
        ),
        (
            room_asker(tokens_per_day=200_000),
            f"The person who asked has used their budget of 200,000 tokens in this room for today {TOKENS_IN_ALL}.",
        ),
        (
            server_asker(tokens_per_day=200_000),
            "The person who asked has used their budget of tokens on this server for today.",
        ),
    ],
)
async def test_a_refusal_says_whose_budget_is_used_up_and_when_it_is_free_again(
    till: Till, budgets: Budgets, sentence: str
) -> None:
    await till.reserve(budgets, 199_000)
    refusal = await till.refusal(budgets, 4_200)
    assert str(refusal) == f"{sentence} It is free again at 00:00 UTC."
    assert refusal.free_at == datetime(2026, 11, 22, tzinfo=UTC)


async def test_a_refusal_for_money_is_in_money_and_for_a_month_names_its_end(till: Till) -> None:
    budgets = room(micros_per_month=5_000)
    await till.reserve(budgets)
    refusal = await till.refusal(budgets, spender=replace(SPENDER, kind=CallKind.SUMMARY))
    assert str(refusal) == (
        "This room has used its budget of 0.005 USD for this month (0.0028 USD are used or reserved, "
        "this summary may need 0.0028 USD). It is free again on 1 December at 00:00 UTC."
    )
    till.now = datetime(2026, 12, 31, 23, tzinfo=UTC)
    await till.reserve(budgets)
    assert (await till.refusal(budgets)).free_at == datetime(2027, 1, 1, tzinfo=UTC)


async def test_whole_amounts_of_money_are_written_with_cents(till: Till) -> None:
    budgets = room(micros_per_day=1_500_000_000)
    await till.reserve(budgets, 700_000_000)
    assert "its budget of 1,500.00 USD for today (1,400.001 USD are" in str(await till.refusal(budgets, 50_000_000))


async def test_what_is_larger_than_the_whole_budget_is_told_so_and_never_free(till: Till) -> None:
    refusal = await till.refusal(room_asker(tokens_per_month=500))
    assert str(refusal) == (
        "The person who asked may use 500 tokens a month in this room, and this answer may need 1,000: "
        "it needs a larger budget."
    )
    assert refusal.free_at is None


async def test_a_budget_is_free_again_when_its_day_and_month_are_over(till: Till) -> None:
    budgets = room(tokens_per_day=1_000, tokens_per_month=2_000)
    till.now = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC)
    await till.reserve(budgets)
    assert "for today" in str(await till.refusal(budgets))
    till.now += timedelta(seconds=1)
    await till.reserve(budgets)
    assert "for this month" in str(await till.refusal(budgets))
    till.now += timedelta(days=1)
    await till.reserve(budgets)


async def test_each_asker_has_a_budget_of_their_own(till: Till) -> None:
    budgets = room_asker(tokens_per_day=1_000)
    await till.reserve(budgets)
    await till.refusal(budgets)
    await till.reserve(budgets, spender=replace(SPENDER, asker_id=BOB))
    await till.reserve(budgets, spender=replace(SPENDER, room_id=RoomId("other")))
    for _ in range(3):
        await till.reserve(budgets, spender=replace(SPENDER, asker_id=None))


@pytest.mark.parametrize(
    ("budgets", "start"),
    [
        (room(micros_per_day=10**9), "This room has a budget in money, and"),
        (server(micros_per_month=10**9), "This server has a budget in money, and"),
        (room_asker(micros_per_day=10**9), "The person who asked has a budget in money in this room, and"),
        (server_asker(micros_per_day=10**9), "The person who asked has a budget in money on this server, and"),
    ],
)
async def test_a_model_of_unknown_price_is_not_asked_under_a_cap_in_money(
    till: Till, budgets: Budgets, start: str
) -> None:
    with pytest.raises(OverBudget, match="nobody knows the price of the model mystery") as refused:
        await till.reserve(budgets, tariff=UNPRICED)
    assert str(refused.value).startswith(start)
    assert await till.used() == 0
    estimate = await till.purse.estimate(SPENDER, budgets, UNPRICED, tokens_in=1, tokens_out_at_most=1)
    assert estimate.breach == str(refused.value)
    reservation = await till.reserve(room(tokens_per_day=1_000), tariff=UNPRICED)
    assert await reservation.settle(Usage(10, 0, 1)) is None


async def test_a_model_that_costs_nothing_may_be_asked_when_all_money_is_spent(till: Till) -> None:
    free = Tariff("demo", lambda used: list_prices().cost(used, "demo"), list_prices().version)
    budgets = room(micros_per_day=0)
    await till.refusal(budgets)
    await (await till.reserve(budgets, tariff=free)).settle(Usage(5, 0, 5))


async def test_200_calls_at_once_stay_within_every_cap(till: Till) -> None:
    budgets = Budgets(
        room=Budget(total=Caps(tokens_per_day=50_000), per_asker=Caps(tokens_per_day=8_000)),
        server=Budget(total=Caps(tokens_per_month=20_500)),
    )
    askers = [AccountId(f"asker {number}") for number in range(4)]

    async def ask(number: int) -> bool:
        try:
            await till.reserve(budgets, spender=replace(SPENDER, asker_id=askers[number % 4]))
        except OverBudget:
            return False
        return True

    assert sum(await asyncio.gather(*(ask(number) for number in range(200)))) == 20
    assert await till.used() == 20_000


async def test_an_estimate_tells_cost_and_breach_and_reserves_nothing(till: Till) -> None:
    budgets = Budgets(
        room=Budget(per_asker=Caps(micros_per_day=5_000)), server=Budget(total=Caps(tokens_per_month=2_500))
    )
    await till.reserve(budgets)

    estimate = await till.purse.estimate(SPENDER, budgets, PRICED, tokens_in=400, tokens_out_at_most=100)
    assert (estimate.ai_id, estimate.model, estimate.currency) == (AI, "m", "USD")
    assert (estimate.tokens_in, estimate.tokens_out_at_most, estimate.cost_micros_at_most) == (400, 100, 1_800)
    assert estimate.breach == ""
    asker = CapState(scope=BudgetScope.ROOM_ASKER, period=Period.DAY, unit=Unit.MICROS, cap=5_000, used=2_800)
    whole = CapState(scope=BudgetScope.SERVER, period=Period.MONTH, unit=Unit.TOKENS, cap=2_500, used=1_000)
    assert estimate.caps == (asker,)
    states = await till.purse.cap_states(budgets, room_id=SPENDER.room_id, asker_id=SPENDER.asker_id)
    assert {*states} == {asker, whole}
    assert await till.used() == 1_000

    both = await till.purse.estimate(SPENDER, budgets, PRICED, tokens_in=1_400, tokens_out_at_most=101)
    assert both.breach == str(await till.refusal(budgets, 1_400, 101))
    assert both.breach == (
        "This server has used its budget of tokens for this month. It is free again on 1 December at 00:00 UTC."
    )


async def test_only_the_asker_is_told_how_much_they_used_on_the_server(till: Till) -> None:
    budgets = server_asker(tokens_per_day=2_000)
    await till.reserve(budgets)
    estimate = await till.purse.estimate(SPENDER, budgets, PRICED, tokens_in=1_100, tokens_out_at_most=0)
    assert "2,000 tokens on this server for today (1,000 are used or reserved" in estimate.breach
    assert [state.used for state in estimate.caps] == [1_000]
    assert "000" not in str(await till.refusal(budgets, 1_100))


@pytest.mark.parametrize(
    ("budgets", "sentence"),
    [
        (
            server(micros_per_month=500),
            "This answer may need more than the budget of money of this server for a month: it needs a larger budget.",
        ),
        (
            server_asker(tokens_per_day=500),
            (
                "This answer may need more than the budget of tokens of the person who asked on this server "
                "for a day: it needs a larger budget."
            ),
        ),
    ],
)
async def test_what_is_larger_than_a_budget_of_the_server_is_told_without_its_sum(
    till: Till, budgets: Budgets, sentence: str
) -> None:
    assert str(await till.refusal(budgets)) == sentence


def test_every_cap_that_is_set_is_one_to_keep() -> None:
    caps = Caps(tokens_per_day=1, tokens_per_month=2, micros_per_day=3, micros_per_month=4)
    full = Budgets(room=Budget(total=caps, per_asker=caps), server=Budget(total=caps, per_asker=caps))
    assert len(set(caps_of(full, room_id=RoomId("r"), asker_id=ALICE))) == 16
    kinds = {cap.scope.kind for cap in caps_of(full, room_id=None, asker_id=None)}
    assert kinds == {BudgetScope.SERVER}
    assert {cap.scope.kind for cap in caps_of(full, room_id=RoomId("r"), asker_id=None)} == {
        BudgetScope.SERVER,
        BudgetScope.ROOM,
    }
    found = caps_of(Budgets(room=Budget(total=caps)), room_id=RoomId("r"), asker_id=ALICE)
    assert {(cap.period, cap.unit, cap.limit) for cap in found} == {
        (Period.DAY, Unit.TOKENS, 1),
        (Period.MONTH, Unit.TOKENS, 2),
        (Period.DAY, Unit.MICROS, 3),
        (Period.MONTH, Unit.MICROS, 4),
    }
    assert caps_of(Budgets(), room_id=RoomId("r"), asker_id=ALICE) == ()


async def test_calls_left_by_a_dead_holder_are_settled_by_who_takes_the_turn_over(till: Till) -> None:
    left = await till.reserve(Budgets())
    other = await till.reserve(Budgets(), spender=replace(SPENDER, turn_id=TurnId("another")))
    assert await till.purse.settle_left(TurnId("turn")) == 1
    await left.settle(Usage(1, 0, 1))  # it was alive after all, and comes too late
    await other.settle(Usage(1, 0, 1))
    assert await till.used() == 1_002


async def test_old_calls_of_no_turn_are_swept_after_ten_minutes(till: Till) -> None:
    await till.reserve(Budgets(), spender=replace(SPENDER, turn_id=None, kind=CallKind.CATCH_UP))
    till.now += timedelta(minutes=9)
    assert await till.purse.sweep() == 0
    till.now += timedelta(minutes=1)
    assert await till.purse.sweep() == 1
    assert await till.purse.sweep() == 0
    assert await till.used() == 1_000


class FailingStorage(MemoryStorage):
    """Loses its connection at the next writes to the ledger: `lost` after they were stored, `away` before."""

    def __init__(self, *, lost: int = 0, away: int = 0) -> None:
        super().__init__()
        self.lost, self.away = lost, away

    @override
    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        self._go_away()
        answer = await super().reserve(charge, caps)
        self._lose()
        return answer

    @override
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
        self._go_away()
        answer = await super().settle(
            charge_id,
            tokens_in=tokens_in,
            tokens_cached=tokens_cached,
            tokens_out=tokens_out,
            cost_micros=cost_micros,
            is_estimated=is_estimated,
            model=model,
            price_version=price_version,
        )
        self._lose()
        return answer

    @override
    async def release(self, charge_id: str) -> bool:
        self._go_away()
        answer = await super().release(charge_id)
        self._lose()
        return answer

    def _go_away(self) -> None:
        if self.away:
            self.away -= 1
            raise StorageUnavailable("gone")

    def _lose(self) -> None:
        if self.lost:
            self.lost -= 1
            raise OutcomeUnknown("lost")


async def test_a_reservation_whose_outcome_was_lost_is_made_once() -> None:
    till = Till(FailingStorage(lost=1))
    await (await till.reserve(room(tokens_per_day=1_000))).settle(Usage(10, 0, 5))
    assert await till.used() == 15


@pytest.mark.parametrize(("lost", "away"), [(2, 0), (0, 1)])
async def test_without_a_database_no_call_is_let_through(lost: int, away: int) -> None:
    till = Till(FailingStorage(lost=lost, away=away))
    with pytest.raises((StorageUnavailable, OutcomeUnknown)):
        await till.reserve(Budgets())
    assert await till.used() == (1_000 if lost else 0)


async def test_settling_during_a_passing_failure_breaks_nothing_and_is_swept_later() -> None:
    storage = FailingStorage()
    till = Till(storage)
    spender = replace(SPENDER, turn_id=None)
    settled, swept, given_back = [await till.reserve(Budgets(), spender=spender) for _ in range(3)]
    storage.lost = 1
    assert await settled.settle(Usage(10, 0, 5)) == 70
    assert await till.used() == 2_015
    storage.away = 2
    assert await swept.settle(Usage(10, 0, 5)) == 70
    await swept.release()  # what may have been used is not given back
    await given_back.release()
    assert await till.used() == 2_015
    till.now += timedelta(minutes=10)
    assert await till.purse.sweep() == 2
    assert await till.used() == 2_015


@pytest.mark.parametrize("text", ["", "{", '{"total": {"tokens_per_day": -1}}', '{"unknown": 1}'])
async def test_a_stored_server_budget_that_is_none_is_our_mistake(till: Till, text: str) -> None:
    await till.storage.put_setting("server_budget", text)
    with pytest.raises(ValidationError):
        await server_budget(till.storage)


async def test_the_server_budget_is_none_until_it_is_put(till: Till) -> None:
    assert await server_budget(till.storage) == Budget()
    budget = Budget(total=Caps(tokens_per_day=5), per_asker=Caps(micros_per_month=7))
    await put_server_budget(till.storage, budget)
    assert await server_budget(till.storage) == budget


def test_the_total_of_a_report_adds_up_its_rows() -> None:
    fields = ("calls", "tokens_in", "tokens_cached", "tokens_out", "cost_micros", "unpriced_calls", "tokens_over")
    assert UsageRow.model_fields.keys() == {"key", *fields}
    row = UsageRow.model_validate({"key": "a", **{name: at for at, name in enumerate(fields, 1)}})
    doubled = UsageRow.model_validate({"key": "", **{name: 2 * at for at, name in enumerate(fields, 1)}})
    assert total_of([row, row]) == doubled
    assert total_of([]).calls == 0
