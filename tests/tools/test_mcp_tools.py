"""MCP servers as a room has them: over both transports and in both modes of the protocol, against two real servers."""

import asyncio
import json
from dataclasses import replace

import pytest
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import Consent, ToolClass
from multiplayer.tools.mcp.config import HttpServer, StdioServer
from multiplayer.tools.mcp.tools import mcp_tools, survey, tool_name
from multiplayer.tools.mcp.words import McpChanged, McpFailed
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.workspace import Workspace
from tests.support import mcp_server
from tests.support.mcp_places import (
    PROTOCOLS,
    TRANSPORTS,
    Transport,
    behind,
    in_sandbox,
    member,
    on_loopback,
    own_member,
    own_server,
)

pytestmark = pytest.mark.slow


@TRANSPORTS
@PROTOCOLS
async def test_tools_that_the_room_agreed_to_are_called_and_their_results_are_tainted(
    transport: Transport, protocol: str, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace, protocol) as room:
        definitions = await room.agree("own")
        assert definitions["echo"].tool_class is (ToolClass.TERMINAL if transport == "stdio" else ToolClass.NETWORK)
        echoed = await room.call("own", "echo", text="hello ", times=2)
        assert (echoed.ok, echoed.text, echoed.code, echoed.taint) == (True, "hello hello ", None, Taint.MCP)
        pair = await room.call("own", "pair")
        assert json.loads(pair.text) == {"left": 1, "right": "two"}
        picture = await room.call("own", "picture")
        assert picture.text == "look:\n[an image (image/png), 6 bytes, not passed on]"
        failed = await room.call("own", "fail")
        assert (failed.ok, failed.code, failed.taint) == (False, ToolFault.IO, Taint.MCP)
        assert "it failed" in failed.text
        assert not {"\x1b", "\u202e"} & set(failed.text)
        for result in (pair, picture, await room.call("own", "garbage")):
            assert (result.ok, result.taint) == (True, Taint.MCP)


@TRANSPORTS
@PROTOCOLS
async def test_a_long_result_comes_as_its_beginning_and_end(
    transport: Transport, protocol: str, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace, protocol) as room:
        await room.agree("own", "big")
        result = await room.call("own", "big", characters=1_500_000)
    assert result.ok
    assert result.text.startswith("<begin>xxx")
    assert result.text.endswith("xxx<end>")
    assert "left out" in result.text
    assert 250_000 < len(result.text) < 270_000


@TRANSPORTS
@PROTOCOLS
async def test_a_definition_that_changed_needs_new_consent(
    transport: Transport, protocol: str, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace, protocol) as room:
        await room.agree("own", "shifty", "change", "echo")
        before = await room.registry()
        assert (await room.call_in(before, "own__shifty", text="a")).text == "old a"
        assert (await room.call("own", "change")).ok
        # A turn that began before still has the tool as it was.
        refused = await room.call_in(before, "own__shifty", text="a")
        assert (refused.ok, refused.code) == (False, ToolFault.REFUSED)
        assert "has changed since this room agreed to it; an admin must agree anew" in refused.text
        assert (await room.registry()).names == ("own__change", "own__echo")
        (seen,) = await survey(room.servers, room.consents, room.room)
        assert {tool.tool: tool.state for tool in seen.tools if tool.state != "new"} == {
            "change": "consented",
            "echo": "consented",
            "shifty": "changed",
        }
        room.consents.clear()
        await room.agree("own", "shifty")
        assert (await room.call("own", "shifty", text="a", secret="b")).text == "new a b"


@TRANSPORTS
async def test_an_announced_change_is_seen_by_the_next_turn(
    transport: Transport, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace, "legacy") as room:
        await room.agree("own", "shifty", "change")
        assert (await room.registry()).names == ("own__shifty", "own__change")
        assert (await room.call("own", "change")).ok
        async with asyncio.timeout(10):
            # Over HTTP the announcement comes by a stream of its own, some time later.
            while "own__shifty" in (await room.registry()).names:  # noqa: ASYNC110 - the connection alone is told
                await asyncio.sleep(0.01)


@TRANSPORTS
async def test_arguments_that_do_not_fit_never_reach_an_approval(
    transport: Transport, sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_member(transport, sandbox, workspace) as room:
        room.gate.role = Role.MEMBER
        await room.agree("own", "echo")
        wrong = await room.call("own", "echo", text=5)
        assert (wrong.code, room.gate.asked) == (ToolFault.BAD_ARGUMENTS, [])
        assert "text: this does not fit type: string" in wrong.text
        missing = await room.call("own", "echo")
        assert missing.code == ToolFault.BAD_ARGUMENTS
        long = await room.call("own", "echo", text="x" * 300_000)
        assert long.code == ToolFault.BAD_ARGUMENTS
        assert (await room.call("own", "echo", text="hi")).text == "hi"
        (asked,) = room.gate.asked
        assert (asked.name, room.gate.started) == ("own__echo", [asked])


async def test_what_needs_approval_is_not_called_without(sandbox: Sandbox, workspace: Workspace) -> None:
    async with own_member("http", sandbox, workspace) as room:
        room.gate.role, room.gate.approves = Role.MEMBER, False
        await room.agree("own", "change", "shifty")
        assert (await room.call("own", "change")).code == ToolFault.NOT_APPROVED
        room.gate.role = Role.GUEST
        assert (await room.call("own", "change")).code == ToolFault.REFUSED
        room.gate.role = Role.OWNER
        room.gate.approves = True
        assert (await room.call("own", "shifty", text="a")).text == "old a"


async def test_consent_taken_back_counts_for_a_turn_that_runs(sandbox: Sandbox, workspace: Workspace) -> None:
    async with own_member("http", sandbox, workspace) as room:
        await room.agree("own", "echo")
        known = await room.servers.known_for(room.consents, room.room)
        now = list(room.consents)
        (tool,) = mcp_tools(room.servers, room.consents, known, room.room.room_id, consents_now=lambda: now)
        registry = (await room.registry()).__class__([tool])
        assert (await room.call_in(registry, "own__echo", text="a")).ok
        now.clear()
        refused = await room.call_in(registry, "own__echo", text="a")
        assert (refused.ok, refused.code) == (False, ToolFault.REFUSED)


@PROTOCOLS
async def test_the_time_server_tells_the_time_from_inside_the_sandbox(
    protocol: str, sandbox: Sandbox, workspace: Workspace
) -> None:
    if sandbox.status.mode != "strict":
        pytest.skip(f"no strict sandbox on this machine: {sandbox.status.reason}")
    server = in_sandbox("time", ["-m", "mcp_server_time"], protocol=protocol)
    async with member([server], sandbox, workspace) as room:
        await room.agree("time")
        told = await room.call("time", "get_current_time", timezone="Asia/Tokyo")
        assert told.ok
        assert json.loads(told.text)["timezone"] == "Asia/Tokyo"
        wrong = await room.call("time", "get_current_time", timezone="Nowhere/At_All")
        assert (wrong.ok, wrong.code, wrong.taint) == (False, ToolFault.IO, Taint.MCP)
        listed = {each.tool: each for each in await room.servers.definitions("time", room.room)}
        assert (await room.servers.definitions("time", room.room))[0].sha256 == listed["get_current_time"].sha256


@PROTOCOLS
async def test_the_time_server_tells_the_time_over_http(protocol: str, workspace: Workspace) -> None:
    from mcp_server_time.server import create_server  # type: ignore[import-untyped]  # the package has no types

    app = create_server("UTC").streamable_http_app()
    async with on_loopback(app) as port, member([behind("time", port, protocol=protocol)], None, workspace) as room:
        await room.agree("time", "convert_time")
        told = await room.call(
            "time", "convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"
        )
        assert "21:00" in told.text


@TRANSPORTS
async def test_a_definition_has_one_digest_in_both_modes_of_the_protocol(
    transport: Transport, sandbox: Sandbox, workspace: Workspace
) -> None:
    if transport == "stdio" and sandbox.status.mode != "strict":
        pytest.skip(f"no strict sandbox on this machine: {sandbox.status.reason}")
    seen = set()
    async with own_server(transport) as server:
        for protocol in ("auto", "legacy"):
            async with member([server.model_copy(update={"protocol": protocol})], sandbox, workspace) as room:
                found = await room.servers.definitions("own", room.room)
                seen.add(tuple((each.tool, each.sha256) for each in found))
    assert len(seen) == 1


async def test_a_server_that_was_re_pointed_needs_new_consent(workspace: Workspace) -> None:
    async with own_server("http") as first, own_server("http") as second:
        async with member([first], None, workspace) as room:
            await room.agree("own", "echo", "pair")
            agreed = list(room.consents)
            before = await room.registry()
            assert (await room.call("own", "echo", text="a")).ok
        async with member([second], None, workspace) as room:
            room.consents = agreed
            (seen,) = await survey(room.servers, agreed, room.room)
            assert {tool.tool for tool in seen.tools if tool.state == "changed"} == {"echo", "pair"}
            assert (await room.registry()).names == ()
            # Nor does a definition that was known of the first place let a call through to the second.
            known = (await room.servers.known_for(agreed, room.room))["own", "echo"]
            old = replace(known, sha256=agreed[0].sha256)
            with pytest.raises(McpChanged):
                await room.servers.call(old, {"text": "a"}, room.room)
            room.consents.clear()
            await room.agree("own", "echo")
            assert (await room.call("own", "echo", text="a")).text == "a"
    assert before.names == ("own__echo", "own__pair")


async def test_a_survey_shows_what_is_reachable_and_what_the_room_agreed_to(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    async with own_server("http") as own:
        assert isinstance(own, HttpServer)
        nothing = behind("nothing", 9)
        inside = StdioServer.model_validate({"name": "inside", "command": ("true",)})
        async with member([own, nothing, inside], None, workspace) as room:
            await room.agree("own", "echo")
            room.consents.append(Consent(server="own", tool="gone", sha256="0" * 64))
            seen, unreachable, unsandboxed = await survey(room.servers, room.consents, room.room)
    assert (seen.server, seen.is_reachable, seen.gone) == ("own", True, ("gone",))
    states = {tool.tool: tool.state for tool in seen.tools}
    assert (states["echo"], states["big"]) == ("consented", "new")
    echo = next(tool for tool in seen.tools if tool.tool == "echo")
    assert (echo.description, echo.left_out) == ("Say the text again.", ())
    assert json.loads(echo.input_schema)["required"] == ["text"]
    assert (seen.kind, seen.address) == ("http", own.url)
    assert (unsandboxed.kind, unsandboxed.address) == ("stdio", "true")
    assert (unreachable.is_reachable, unreachable.tools) == (False, ())
    assert "cannot or may not be reached" in unreachable.trouble
    assert "there is none on this machine" in unsandboxed.trouble


async def test_the_server_s_own_key_reaches_it_and_nothing_it_says_shows_it(workspace: Workspace) -> None:
    heads: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            heads.append(dict(scope["headers"])[b"authorization"])
        await inner(scope, receive, send)

    inner = mcp_server.built().streamable_http_app(session_idle_timeout=None)
    async with on_loopback(app) as port:
        server = behind("own", port).model_copy(update={"key": SecretStr("sesame-open-42")})
        async with member([server], None, workspace) as room:
            await room.agree("own", "echo")
            echoed = await room.call("own", "echo", text="it is sesame-open-42!")
    assert set(heads) == {b"Bearer sesame-open-42"}
    assert echoed.text == "it is [secret removed]!"


async def test_a_server_that_is_not_configured_any_more_is_said_so(workspace: Workspace) -> None:
    async with member([], None, workspace) as room:
        room.consents.append(Consent(server="old", tool="x", sha256="0" * 64))
        assert (await room.registry()).names == ()
        with pytest.raises(McpFailed, match="no server old is configured"):
            await room.servers.definitions("old", room.room)


def test_names_of_tools_are_plain_short_and_told_apart() -> None:
    assert tool_name("time", "get_current_time") == "time__get_current_time"
    marked = {tool_name("a", name) for name in ("getTime", "gettime_", "get.time", "get/time", "GETTIME", "get_time")}
    assert len(marked) == 6
    long = [tool_name("s" * 32, "t" * 100 + str(number)) for number in range(3)]
    assert len(set(long)) == 3
    for name in (*marked, *long):
        assert len(name) <= 64
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert tool_name("a", "b", {"a__b"}) != "a__b"
    assert tool_name("s" * 32, "t" * 100) == tool_name("s" * 32, "t" * 100)
