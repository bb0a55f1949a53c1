"""Money and tokens as they are written and read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.cli.money import money, read_money, read_tokens
from multiplayer.cli.usage_words import budget_line, cap_line
from multiplayer.protocol.budgets import Budget, BudgetScope, Caps, CapState, Period, Unit


@pytest.mark.parametrize(
    ("micros", "currency", "written"),
    [
        (0, "USD", "0.00 USD"),
        (1_500_000, "CNY", "1.50 CNY"),
        (423, "USD", "0.000423 USD"),
        (1_234_567_890_000, "USD", "1,234,567.89 USD"),
        (12_000_000, "JPY", "12 JPY"),
        (12_500_000, "JPY", "12.5 JPY"),
        (1_000_000, "KWD", "1.000 KWD"),
        (-1, "USD", "-0.000001 USD"),
        (5_000_000, "", "5.00"),
    ],
)
def test_an_amount_is_exact_and_has_the_decimals_of_its_currency(micros: int, currency: str, written: str) -> None:
    assert money(micros, currency) == written


@given(st.integers(min_value=0, max_value=10**15 - 1), st.sampled_from(["USD", "JPY", "KWD"]))
def test_what_is_written_reads_back_as_the_same_amount(micros: int, currency: str) -> None:
    assert read_money(money(micros, currency).replace(",", "").split()[0]) == micros


@pytest.mark.parametrize("text", ["", "-1", "1e3", "nan", "0.0000001", "1,5", "1.", ".5", "١", "9" * 10])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape("written like 5 or 12.50")):
        read_money(text)


def test_tokens_may_be_counted_in_thousands_and_millions() -> None:
    assert [read_tokens(text) for text in ("0", "50,000", "50k", "2M")] == [0, 50_000, 50_000, 2_000_000]
    with pytest.raises(ValueError, match="written like 50000"):
        read_tokens("1.5k")


def test_a_budget_and_what_is_left_of_it_are_lines() -> None:
    budget = Budget(total=Caps(micros_per_day=2_000_000), per_asker=Caps(tokens_per_month=10_000))
    assert budget_line(budget, "USD") == "2.00 USD a day, 10,000 tokens a month for each asker"
    assert budget_line(Budget(), "USD") == "no caps"
    state = CapState(scope=BudgetScope.ROOM, period=Period.DAY, unit=Unit.MICROS, cap=2_000_000, used=2_500_000)
    assert cap_line(state, "USD") == "the room, each day: 2.50 of 2.00 USD used, 0.00 left"
    tokens = CapState(scope=BudgetScope.SERVER, period=Period.MONTH, unit=Unit.TOKENS, cap=10_000, used=1)
    assert cap_line(tokens, "USD") == "the server, each month: 1 of 10,000 tokens used, 9,999 left"
