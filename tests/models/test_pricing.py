"""What tokens cost: whole micro-units, never a guess."""

import pytest
from pydantic import ValidationError

from multiplayer.models.port import Usage
from multiplayer.models.pricing import PriceTable, list_prices

TABLE = """
{"version": "ours-1", "currency": "CNY",
 "prices": {"small": {"tokens_in": 2000000, "tokens_cached": 40000, "tokens_out": 8000000}}}
"""


def test_cached_and_fresh_input_and_output_are_priced_apart() -> None:
    # 600 fresh * 2 + 400 cached * 0.04 + 100 out * 8, in micro-units
    assert PriceTable.model_validate_json(TABLE).cost(Usage(1000, 400, 100), "small") == 1200 + 16 + 800


def test_a_part_of_a_micro_unit_is_rounded_up() -> None:
    assert PriceTable.model_validate_json(TABLE).cost(Usage(1, 1, 0), "small") == 1
    assert PriceTable.model_validate_json(TABLE).cost(Usage(0, 0, 0), "small") == 0


def test_an_unknown_model_has_no_cost_rather_than_a_wrong_one() -> None:
    assert PriceTable.model_validate_json(TABLE).cost(Usage(1, 0, 1), "large") is None


def test_numbers_of_a_provider_that_contradict_each_other_never_cost_less_than_nothing() -> None:
    assert PriceTable.model_validate_json(TABLE).cost(Usage(10, 500, -3), "small") == 1  # 10 cached tokens, rounded up


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"version": "", "currency": "USD", "prices": {}}',
        '{"version": "1", "currency": "dollars", "prices": {}}',
        '{"version": "1", "currency": "USD", "prices": {"m": {"tokens_in": 0.5, "tokens_cached": 0, "tokens_out": 0}}}',
        '{"version": "1", "currency": "USD", "prices": {"m": {"tokens_in": -1, "tokens_cached": 0, "tokens_out": 0}}}',
        '{"version": "1", "currency": "USD", "prices": {"m": {"tokens_in": 1, "tokens_out": 0}}}',
    ],
)
def test_a_table_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PriceTable.model_validate_json(text)


def test_the_built_in_table_knows_deepseek_and_the_free_demo() -> None:
    table = list_prices()
    million = Usage(1_000_000, 0, 1_000_000)
    assert table.cost(million, "deepseek-flash") == 1_500_000
    assert table.cost(Usage(1_000_000, 1_000_000, 0), "deepseek-v4-pro") == 44_000
    assert table.cost(million, "demo") == 0
    assert table.cost(million, "gpt-unheard-of") is None
    assert PriceTable.model_validate_json(table.model_dump_json()) == table
