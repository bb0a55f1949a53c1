"""A sandbox that has been looked at, and a workspace in it, for tests that do not set up their own."""

import secrets
from collections.abc import Iterator

import pytest

from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support.tool_calls import fresh_workspace


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> Workspaces:
    return Workspaces(tmp_path_factory.mktemp("data") / "workspaces")


@pytest.fixture(scope="module")
async def sandbox(workspaces: Workspaces) -> Sandbox:
    made = Sandbox(workspaces)
    await made.preflight()
    return made


@pytest.fixture
def workspace(workspaces: Workspaces) -> Iterator[Workspace]:
    # Others test with the first numbers, perhaps now.
    with fresh_workspace(workspaces, 7_000 + secrets.randbelow(1_000)) as opened:
        yield opened
