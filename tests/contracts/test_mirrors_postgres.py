"""The contract of mirrored workspaces' heads on a real Postgres with two storages."""

from collections.abc import AsyncIterator

import pytest

from multiplayer.storage.port import Storage
from multiplayer.storage.postgres import PostgresStorage
from tests.contracts.databases import migrated_database
from tests.contracts.mirror_suite import MirrorContract
from tests.support.postgres import ephemeral_postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def dsn() -> AsyncIterator[str]:
    async with ephemeral_postgres() as address:
        yield await migrated_database(address)


@pytest.fixture(scope="module")
async def storage(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


@pytest.fixture(scope="module")
async def other(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


class TestMirrors(MirrorContract):
    pass
