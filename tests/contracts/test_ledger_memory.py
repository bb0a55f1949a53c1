"""The ledger's contract on the in-memory store."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from tests.contracts.ledger_suite import (
    LedgerContract,
    Move,
    check_that_spending_is_the_sum_of_the_ledger,
    moves,
)


@pytest.fixture
def storage() -> Storage:
    return MemoryStorage()


@pytest.fixture
def other(storage: Storage) -> Storage:
    return storage


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=moves)
async def test_spending_is_the_sum_of_the_ledger(storage: Storage, script: Sequence[Move]) -> None:
    await check_that_spending_is_the_sum_of_the_ledger(storage, script)


class TestLedger(LedgerContract):
    pass
