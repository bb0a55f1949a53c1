"""The storage contract on the in-memory store."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings

from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from tests.contracts.account_suite import AccountContract
from tests.contracts.ai_suite import AiContract
from tests.contracts.erasure_suite import ErasureContract
from tests.contracts.forgetting_suite import ForgettingContract
from tests.contracts.forgotten_tools_suite import ForgottenToolsContract
from tests.contracts.profile_suite import ProfileContract
from tests.contracts.reading_suite import AuditContract, ReadingContract, SearchContract, TurnContract, searched_room
from tests.contracts.room_scripts import ASKED_AGAIN, RoomScript, Step, steps
from tests.contracts.search_filter_suite import SearchFilterContract
from tests.contracts.storage_suite import (
    LogContract,
    check_that_a_room_is_what_its_log_amounts_to,
)


@pytest.fixture(scope="module")
def storage() -> Storage:
    return MemoryStorage()


@pytest.fixture(scope="module")
async def searched(storage: Storage) -> RoomScript:
    return await searched_room(storage)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script_steps=steps)
@example(script_steps=ASKED_AGAIN)
async def test_a_room_is_what_its_log_amounts_to(storage: Storage, script_steps: Sequence[Step]) -> None:
    await check_that_a_room_is_what_its_log_amounts_to(storage, script_steps)


class TestLog(LogContract):
    pass


class TestSearch(SearchContract):
    pass


class TestSearchFilter(SearchFilterContract):
    pass


class TestReading(ReadingContract):
    pass


class TestTurns(TurnContract):
    pass


class TestAudit(AuditContract):
    pass


class TestAccounts(AccountContract):
    pass


class TestProfiles(ProfileContract):
    pass


class TestAi(AiContract):
    pass


class TestForgetting(ForgettingContract):
    pass


class TestForgottenTools(ForgottenToolsContract):
    pass


class TestErasure(ErasureContract):
    pass
