"""The contract of what is due by rooms' rules, on the in-memory store."""

import pytest

from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from tests.contracts.retention_suite import RetentionContract


@pytest.fixture
def storage() -> Storage:
    return MemoryStorage()


class TestRetention(RetentionContract):
    pass
