"""Connections to MCP servers: begun when needed, ended when not, alive again after whatever ended them."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import Consent
from multiplayer.tools.mcp.words import McpLimits, McpRoom
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support import mcp_server
from tests.support.mcp_places import (
    PROTOCOLS,
    TRANSPORTS,
    Member,
    Transport,
    behind,
    member,
    on_loopback,
    own_member,
    own_server,
    until_gone,
)
from tests.support.tool_calls import fresh_workspace

pytestmark = pytest.mark.slow


async def test_a_process_works_in_the_room_s_workspace_and_ends_with_the_room(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member("stdio", sandbox, workspace) as room:
        await room.agree("own", "write_file")
        result = await room.call("own", "write_file", name="note", text="from the server")
        assert result.text == "/workspace 1000"
        seen = os.stat("note", dir_fd=workspace.fd)
        assert seen.st_uid == workspace.uid
        async with asyncio.timeout(10):
            await room.servers.leave(room.room.room_id)
        assert await until_gone(workspace) == []
        assert (await room.call("own", "write_file", name="note2", text="again")).ok


async def test_a_server_goes_on_when_the_descriptor_it_was_started_with_is_closed(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member("stdio", sandbox, workspace) as room:
        first = replace(workspace, fd=os.dup(workspace.fd))
        room.room = McpRoom(room.room.room_id, first)
        await room.agree("own", "write_file")
        first.close()
        room.room = McpRoom(room.room.room_id, workspace)
        assert (await room.call("own", "write_file", name="late", text="x")).ok
        os.stat("late", dir_fd=workspace.fd)


async def test_rooms_have_processes_of_their_own(
    sandbox: Sandbox, workspaces: Workspaces, workspace: Workspace
) -> None:
    with fresh_workspace(workspaces, 8_001) as other:
        async with own_member("stdio", sandbox, workspace) as room:
            await room.agree("own", "shifty", "change")
            neighbour = Member(room.servers, McpRoom(RoomId("ROOM2"), other), consents=room.consents)
            assert (await room.call("own", "change")).ok
            # What one room's process became is nothing to the other's.
            assert (await neighbour.call("own", "shifty", text="a")).text == "old a"
            assert (await room.call("own", "shifty", text="a")).code == ToolFault.REFUSED
            await room.servers.leave(room.room.room_id)
            assert (await neighbour.call("own", "shifty", text="b")).text == "old b"


async def test_a_process_ends_when_the_sandbox_is_not_trusted_any_more(workspace: Workspace, tmp_path: Path) -> None:
    own = Sandbox(Workspaces(tmp_path / "workspaces"))
    await own.preflight()
    async with own_member("stdio", own, workspace) as room:
        await room.agree("own", "echo")
        registry = await room.registry()
        assert (await room.call_in(registry, "own__echo", text="a")).ok
        (connection,) = room.servers._connections.values()
        own.distrust()
        refused = await room.call_in(registry, "own__echo", text="a")
        assert (refused.ok, refused.code) == (False, ToolFault.SANDBOX)
        async with asyncio.timeout(10):
            await connection.ended.wait()


async def test_a_process_that_crashed_is_started_anew_but_not_without_end(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member("stdio", sandbox, workspace, limits=McpLimits(starts=3)) as room:
        await room.agree("own", "crash", "echo")
        registry = await room.registry()
        for _ in range(2):
            crashed = await room.call_in(registry, "own__crash")
            assert (crashed.ok, crashed.code, crashed.taint) == (False, ToolFault.IO, Taint.MCP)
            assert (await room.call_in(registry, "own__echo", text="alive")).text == "alive"
        assert not (await room.call_in(registry, "own__crash")).ok
        given_up = await room.call_in(registry, "own__echo", text="alive")
        assert "ends again and again" in given_up.text


@TRANSPORTS
async def test_a_connection_that_nobody_uses_ends_and_the_next_call_makes_another(
    transport: Transport, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace, limits=McpLimits(idle_s=0.3)) as room:
        await room.agree("own", "echo")
        registry = await room.registry()
        connection = room.servers._connections["own", room.room.room_id]
        async with asyncio.timeout(20):
            await connection.ended.wait()
        assert not room.servers._connections
        assert (await room.call_in(registry, "own__echo", text="a")).text == "a"


@TRANSPORTS
@PROTOCOLS
async def test_a_call_without_an_answer_is_given_up_and_the_room_goes_on(
    transport: Transport, protocol: str, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace, protocol, McpLimits(call_s=2.0)) as room:
        await room.agree("own", "slow", "echo")
        registry = await room.registry()
        late = await room.call_in(registry, "own__slow")
        assert (late.ok, late.code, late.taint) == (False, ToolFault.TIMEOUT, Taint.MCP)
        assert (await room.call_in(registry, "own__echo", text="a")).text == "a"


@TRANSPORTS
async def test_a_stopped_call_ends_at_once_and_spares_the_next(
    transport: Transport, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace) as room:
        await room.agree("own", "slow", "echo")
        registry = await room.registry()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await room.call_in(registry, "own__slow")
        assert (await room.call_in(registry, "own__echo", text="a")).text == "a"


async def test_many_calls_at_once_have_one_connection(sandbox: Sandbox, workspace: Workspace) -> None:
    async with own_member("http", sandbox, workspace) as room:
        await room.agree("own", "echo")
        registry = await room.registry()
        await room.servers.leave(room.room.room_id)
        answers = await asyncio.gather(*(room.call_in(registry, "own__echo", text=str(number)) for number in range(20)))
        assert [answer.text for answer in answers] == [str(number) for number in range(20)]
        assert len(room.servers._connections) == 1


async def test_the_connection_idle_longest_makes_room_for_another(sandbox: Sandbox, workspace: Workspace) -> None:
    async with own_member("http", sandbox, workspace, limits=McpLimits(connections=2)) as room:
        await room.agree("own", "echo")
        for name in ("ROOM2", "ROOM3", "ROOM4"):
            other = Member(room.servers, McpRoom(RoomId(name), workspace), consents=room.consents)
            assert (await other.call("own", "echo", text=name)).text == name
            assert sum(each.is_open for each in room.servers._connections.values()) <= 2


async def test_a_server_that_forgot_its_sessions_is_connected_to_anew(workspace: Workspace) -> None:
    own = mcp_server.built()
    async with (
        on_loopback(own.streamable_http_app(session_idle_timeout=None)) as port,
        member([behind("own", port, protocol="legacy")], None, workspace) as room,
    ):
        await room.agree("own", "echo")
        registry = await room.registry()
        sessions = own.session_manager._server_instances
        assert sessions
        sessions.clear()
        assert (await room.call_in(registry, "own__echo", text="a")).text == "a"


async def test_an_offer_does_not_wait_long_for_a_server_that_hangs(workspace: Workspace) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hung.append(writer)

    hung: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    limits = McpLimits(offer_s=0.5, connect_s=60)
    async with listener, own_server("http") as own:
        hanging = behind("hanging", listener.sockets[0].getsockname()[1])
        async with member([own, hanging], None, workspace, limits=limits) as room:
            await room.agree("own", "echo")
            room.consents.append(Consent(server="hanging", tool="x", sha256="0" * 64))
            async with asyncio.timeout(10):
                assert (await room.registry()).names == ("own__echo",)
                assert hung
                assert (await room.registry()).names == ("own__echo",)
        for writer in hung:
            writer.close()
