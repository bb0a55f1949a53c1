"""Two servers for all journeys: one with the built-in demo, one that is linked to a provider and to Supabase."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, environment, processes_of, serving
from tests.support.provider import Provider, provider
from tests.support.server import Known
from tests.support.supabase import SupabaseStandIn, supabase_stand_in

PROVIDER_KEY = "sk-canary-of-the-provider-0123456789"


@dataclass
class Linked:
    """A server and what it is linked to; both stand-ins live in this process."""

    house: House
    provider: Provider
    supabase: SupabaseStandIn


@pytest.fixture(scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    async with serving(folder, environment(folder)) as running:
        yield running
    assert not processes_of(folder)
    log = running.log.read_text()
    assert not [secret for secret in running.secrets if secret in log]
    assert "Traceback" not in log


@pytest.fixture(scope="session")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linked]:
    folder = tmp_path_factory.mktemp("linked")
    async with provider() as stand_in, supabase_stand_in() as project:
        settings = environment(
            folder,
            OPENAI_BASE_URL=stand_in.base_url,
            OPENAI_API_KEY=PROVIDER_KEY,
            OPENAI_MODEL="stand-in-model",
            SUPABASE_URL=project.url,
            SUPABASE_JWT_SECRET=project.shared_secret,
            MULTIPLAYER_LOG_LEVEL="debug",
        )
        async with serving(folder, settings) as running:
            running.secrets += [PROVIDER_KEY, project.shared_secret]
            yield Linked(running, stand_in, project)
    assert not processes_of(folder)
    log = running.log.read_text()
    assert not [secret for secret in running.secrets if secret in log]
    assert "Traceback" not in log


@pytest.fixture
async def alice(house: House) -> Known:
    return await house.know("alice")


@pytest.fixture
async def bob(house: House) -> Known:
    return await house.know("bob")


@pytest.fixture
async def room_id(house: House, alice: Known, bob: Known) -> RoomId:
    """A room of alice's with bob and the AI in it."""
    return await house.room(alice, bob)
