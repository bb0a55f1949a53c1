"""A server for a whole file of tests, and the transport that each behaviour is shown on."""

from collections.abc import AsyncIterator

import pytest

from tests.support.people import Transport
from tests.support.server import RunningServer, running_server


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path_factory.mktemp("workspaces")) as running:
        yield running


@pytest.fixture(params=["websocket", "sse"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each behaviour holds over both."""
    chosen: Transport = request.param
    return chosen
