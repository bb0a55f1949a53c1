"""The contract of attached files on the in-memory store."""

import pytest

from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from tests.contracts.attachment_message_suite import ReferenceContract
from tests.contracts.attachment_suite import QuotaContract, UploadContract
from tests.contracts.attachment_sweep_suite import SweepContract


@pytest.fixture
def storage() -> Storage:
    return MemoryStorage()


@pytest.fixture
def other(storage: Storage) -> Storage:
    return storage


class TestUploads(UploadContract):
    pass


class TestQuotas(QuotaContract):
    pass


class TestSweeps(SweepContract):
    pass


class TestReferences(ReferenceContract):
    pass
