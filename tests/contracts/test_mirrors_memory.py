"""The contract of mirrored workspaces' heads on the in-memory store."""

import pytest

from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from tests.contracts.mirror_suite import MirrorContract


@pytest.fixture
def storage() -> Storage:
    return MemoryStorage()


@pytest.fixture
def other(storage: Storage) -> Storage:
    return storage


class TestMirrors(MirrorContract):
    pass
