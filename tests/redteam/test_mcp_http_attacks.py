"""MCP servers behind an address that mean harm: whatever they answer is bounded, and nothing else is reached."""

import asyncio
import gc
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from multiplayer.protocol.cards import Taint
from multiplayer.tools.limits import MIB
from multiplayer.tools.mcp.config import HttpServer
from multiplayer.tools.mcp.words import McpFailed, McpLimits
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support import mcp_rogue
from tests.support.mcp_evil import (
    Answer,
    Evil,
    answered,
    answers_garbage,
    asks_without_end,
    breaks_off_again_and_again,
    listening,
    never_answers,
    one_endless_event,
    packs_a_bomb,
    redirects_always,
    redirects_calls,
    response,
    says_nothing_without_end,
    sends_without_end,
    streams_without_end,
    trickles,
)
from tests.support.mcp_places import behind, member
from tests.support.tool_calls import fresh_workspace

pytestmark = pytest.mark.slow
QUICK = McpLimits(call_s=2.0, connect_s=4.0, starts=50, offer_s=8.0)
INVISIBLE = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u200b", "\U000e0041"} - {"\n"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with fresh_workspace(Workspaces(tmp_path / "workspaces")) as opened:
        yield opened


def resident() -> int:
    """Bytes of memory that we hold."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


HTTP_ATTACKS = (
    redirects_calls,
    sends_without_end,
    streams_without_end,
    asks_without_end,
    one_endless_event,
    breaks_off_again_and_again,
    never_answers,
    trickles,
    answers_garbage,
    packs_a_bomb,
)


@pytest.mark.parametrize("attack", HTTP_ATTACKS, ids=lambda attack: attack.__name__)
async def test_whatever_an_address_answers_the_call_ends_and_the_room_goes_on(
    attack: Answer, workspace: Workspace
) -> None:
    async with listening(attack) as evil, listening(attack) as canary:
        evil.location = f"http://127.0.0.1:{canary.port}/canary"
        server = behind("evil", evil.port, protocol="legacy").model_copy(update={"key": SecretStr("Sesame-Open-42")})
        async with member([server], None, workspace, limits=QUICK) as room:
            await room.agree("evil", "target")
            registry = await room.registry()
            gc.collect()
            before = resident()
            started = time.monotonic()
            result = await room.call_in(registry, "evil__target")
            assert time.monotonic() - started < 20
            assert resident() - before < 100 * MIB
            assert (result.ok, result.taint) == (False, Taint.MCP)
            asked = len(evil.heads)
            assert asked < 100
            assert "Sesame" not in result.text
            # And the server can be asked again.
            assert await room.servers.definitions("evil", room.room)
            assert len(evil.heads) > asked
        assert canary.writers == []  # not so much as a connection


async def test_a_stream_of_nothing_ends_by_its_length_long_before_its_time(workspace: Workspace) -> None:
    async with listening(says_nothing_without_end) as evil:
        server = behind("evil", evil.port, protocol="legacy")
        limits = replace(QUICK, call_s=40.0)
        async with member([server], None, workspace, limits=limits) as room:
            await room.agree("evil", "target")
            started = time.monotonic()
            result = await room.call("evil", "target")
            assert time.monotonic() - started < 30
            assert (result.ok, result.code, result.taint) == (False, ToolFault.NET, Taint.MCP)


@pytest.mark.parametrize("protocol", ["auto", "legacy"])
async def test_a_redirect_to_a_private_canary_is_never_followed(protocol: str, workspace: Workspace) -> None:
    async with listening(redirects_always) as evil, listening(redirects_always) as canary:
        server = behind("evil", evil.port, protocol=protocol).model_copy(update={"key": SecretStr("Sesame-Open-42")})
        async with member([server], None, workspace, limits=QUICK) as room:
            for location in (
                f"http://127.0.0.1:{canary.port}/mcp",
                f"http://localhost:{canary.port}/mcp",
                f"//127.0.0.1:{canary.port}/mcp",
                f"http://127.0.0.1:{evil.port}@127.0.0.1:{canary.port}/",
                "http://169.254.169.254/latest/meta-data/",
            ):
                evil.location = location
                with pytest.raises(McpFailed):
                    await room.servers.definitions("evil", room.room)
        assert evil.heads
        assert canary.writers == []  # not so much as a connection


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_an_address_within_is_reached_only_by_the_operator_s_word(host: str, workspace: Workspace) -> None:
    async with listening(redirects_always) as canary:
        url = f"https://{host}:{canary.port}/mcp"
        server = HttpServer.model_validate({"name": "evil", "url": url})
        async with member([server], None, workspace, limits=QUICK) as room:
            with pytest.raises(McpFailed) as raised:
                await room.servers.definitions("evil", room.room)
        assert raised.value.code == ToolFault.NET
        assert canary.writers == []  # not so much as a connection


async def test_leaving_does_not_wait_for_a_server_that_holds_on(workspace: Workspace) -> None:
    async def holds(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if method == "DELETE":
            await asyncio.sleep(3_600)
        elif b'"initialize"' in body:
            asked = json.loads(body)
            reply = {"jsonrpc": "2.0", "id": asked["id"], "result": mcp_rogue.HELLO}
            writer.write(response(json.dumps(reply).encode(), more="Mcp-Session-Id: held\r\n"))
        else:
            await answered(evil, method, body, writer)

    async with listening(holds) as evil:
        async with member([behind("evil", evil.port, protocol="legacy")], None, workspace, limits=QUICK) as room:
            await room.agree("evil", "target")
            started = time.monotonic()
            await room.servers.leave(room.room.room_id)
            assert time.monotonic() - started < 10
        assert any(head.startswith("DELETE") for head in evil.heads)
