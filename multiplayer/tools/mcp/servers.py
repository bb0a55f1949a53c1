"""The MCP servers that the operator configured, as rooms use them: connections made, kept, ended. Needs the extra `mcp`."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import mcp_types as types
from pydantic import JsonValue

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import Consent
from multiplayer.tools.mcp.config import HttpServer, McpServer, StdioServer
from multiplayer.tools.mcp.connection import Connection, Means, SaidNo
from multiplayer.tools.mcp.definitions import raw, read_listing
from multiplayer.tools.mcp.http import ClientFactory, client_for
from multiplayer.tools.mcp.places import bound_place, shown_place
from multiplayer.tools.mcp.results import read_answer, read_refusal
from multiplayer.tools.mcp.schema import misfit
from multiplayer.tools.mcp.words import (
    McpChanged,
    McpDefinition,
    McpFailed,
    McpLimits,
    McpListing,
    McpPlace,
    McpRoom,
    digest,
)
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import ToolResult
from multiplayer.tools.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class _Known:
    definitions: Mapping[str, McpDefinition]
    until_s: float


_Key = tuple[str, RoomId]
_KnownKey = tuple[str, RoomId | None]
"""What a room's own process says is known of this room only."""


class McpServers:
    """A context: connections live in its tasks, and leaving it ends them all.

    Each room has connections of its own, to a server behind an address too: nothing that a server keeps for a
    connection is shared between rooms.
    """

    def __init__(
        self,
        servers: Iterable[McpServer],
        sandbox: Sandbox | None,
        *,
        secret_values: Sequence[str] = (),
        limits: McpLimits | None = None,
        client_factory: ClientFactory = client_for,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secret_values` are taken out of what servers say, as are the servers' own keys."""
        self._servers = {server.name: server for server in servers}
        self._limits = limits or McpLimits()
        self._means = Means(sandbox, client_factory, self._limits)
        keys = (each.key.get_secret_value() for each in self._servers.values() if isinstance(each, HttpServer))
        self.secret_values = (*secret_values, *filter(None, keys))
        self._clock = clock
        self._tasks = asyncio.TaskGroup()
        self._connections: dict[_Key, Connection] = {}
        self._starts: dict[_Key, deque[float]] = {}
        self._known: dict[_KnownKey, _Known] = {}
        self._is_closed = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.aclose()
        except BaseException as stopped:  # whoever waits here is cancelled: so are the connections
            await self._tasks.__aexit__(type(stopped), stopped, stopped.__traceback__)
            raise
        # What the block raised is its own affair, and goes on as it is, not as one of a group.
        await self._tasks.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """End all connections and begin no others."""
        self._is_closed = True
        await self._end(list(self._connections.values()))

    async def leave(self, room_id: RoomId) -> None:
        """End what runs in a room: before its workspace is archived, moved or removed."""
        await self._end([each for (_, room), each in self._connections.items() if room == room_id])
        self._starts = {key: starts for key, starts in self._starts.items() if key[1] != room_id}
        self._known = {key: known for key, known in self._known.items() if key[1] != room_id}

    async def _end(self, connections: Sequence[Connection]) -> None:
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.ended.wait()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._servers)

    def place(self, server: str) -> McpPlace:
        return shown_place(self._servers[server], self.secret_values)

    async def definitions(self, server: str, room: McpRoom) -> tuple[McpDefinition, ...]:
        """Ask a server now for its tools, as far as they can be used. Raises `McpFailed`."""
        return (await self.listing(server, room)).definitions

    async def listing(self, server: str, room: McpRoom) -> McpListing:
        """As `definitions`, with what is left out."""
        configured = self._configured(server)
        _, tools = await self._asked(configured, room)
        listing = await asyncio.to_thread(read_listing, configured, tools, self._limits, self.secret_values)
        self._known[_known_key(configured, room)] = _Known(
            {each.tool: each for each in listing.definitions}, self._clock() + self._limits.known_s
        )
        return listing

    async def known_for(self, consents: Sequence[Consent], room: McpRoom) -> Mapping[tuple[str, str], McpDefinition]:
        """Return definitions, by server and tool, of the servers that the consents name; what fails is not there.

        They are read anew after some minutes, or when the server said that they changed: good enough for an offer, as
        each call looks again. Takes `offer_s` at most.
        """
        named = {consent.server for consent in consents}
        wanted = [server for name, server in self._servers.items() if name in named]
        try:
            async with asyncio.timeout(self._limits.offer_s), asyncio.TaskGroup() as tasks:
                for server in wanted:
                    if self._is_stale(server, room):
                        tasks.create_task(self._learn(server, room))
        except TimeoutError:
            pass  # what is not known by now is not offered this time
        return {
            (server.name, tool): definition
            for server in wanted
            if (known := self._known.get(_known_key(server, room))) is not None
            for tool, definition in known.definitions.items()
        }

    async def _learn(self, server: McpServer, room: McpRoom) -> None:
        # Until it answers: a server that hangs delays one offer, not all.
        key = _known_key(server, room)
        before = self._known.get(key)
        until_s = self._clock() + self._limits.unknown_s
        self._known[key] = _Known({}, until_s) if before is None else replace(before, until_s=until_s)
        with suppress(McpFailed):
            await self.listing(server.name, room)

    def _is_stale(self, server: McpServer, room: McpRoom) -> bool:
        known = self._known.get(_known_key(server, room))
        if known is None or self._clock() > known.until_s:
            return True
        connection = self._connections.get((server.name, room.room_id))
        return connection is not None and connection.is_open and connection.has_changed

    def check(self, definition: McpDefinition, arguments: Mapping[str, JsonValue]) -> str | None:
        """Say what of the arguments does not fit the tool's schema, in bounded time. None: nothing."""
        return misfit(definition.checked, arguments)

    async def call(self, definition: McpDefinition, arguments: Mapping[str, JsonValue], room: McpRoom) -> ToolResult:
        """Call the tool, if its server defines it as here. The result is always tainted.

        Raises `McpChanged`, and `McpFailed` when there was no answer: whether the call had an effect is not known then.
        """
        server = self._configured(definition.server)
        connection, tools = await self._asked(server, room)
        named = [tool for tool in tools if tool.name == definition.tool]
        if len(named) != 1 or digest(raw(named[0]), bound_place(server)) != definition.sha256:
            self._known.pop(_known_key(server, room), None)
            raise McpChanged
        try:
            answer = await connection.call(definition.tool, arguments)
        except SaidNo as refused:
            return read_refusal(refused.text, self._limits, self.secret_values)
        return await asyncio.to_thread(read_answer, answer, self._limits, self.secret_values)

    def _configured(self, server: str) -> McpServer:
        found = self._servers.get(server)
        if found is None:
            raise McpFailed(ToolFault.NET, f"no server {server} is configured any more")
        return found

    async def _asked(self, server: McpServer, room: McpRoom) -> tuple[Connection, list[types.Tool]]:
        """Return a connection and what it offers now. One that has gone stale is made anew once."""
        before = self._connections.get((server.name, room.room_id))
        connection = await self._connected(server, room)
        try:
            return connection, await connection.tools()
        except (SaidNo, McpFailed) as failed:
            if connection is not before or (isinstance(failed, McpFailed) and failed.code is ToolFault.TIMEOUT):
                raise _unlisted(failed) from None
        # A session that the server has forgotten meanwhile.
        connection.close()
        await connection.ended.wait()
        connection = await self._connected(server, room)
        try:
            return connection, await connection.tools()
        except (SaidNo, McpFailed) as failed:
            raise _unlisted(failed) from None

    async def _connected(self, server: McpServer, room: McpRoom) -> Connection:
        key = (server.name, room.room_id)
        connection = self._connections.get(key)
        sandbox = self._means.sandbox
        if isinstance(server, StdioServer) and (sandbox is None or sandbox.status.mode != "strict"):
            if connection is not None:
                connection.close("the sandbox is not to be trusted any more")
            raise McpFailed(
                ToolFault.SANDBOX, f"{server.name} runs in the sandbox, and there is none on this machine now"
            )
        if connection is not None and not connection.is_open:
            await connection.ended.wait()
            connection = self._connections.get(key)
        if connection is None or not connection.is_open:
            connection = self._begun(key, server, room)
        await connection.ready()
        return connection

    def _begun(self, key: _Key, server: McpServer, room: McpRoom) -> Connection:
        if self._is_closed:
            raise McpFailed(ToolFault.IO, "the server is stopping")
        now = self._clock()
        self._forget(now)
        starts = self._starts.setdefault(key, deque(maxlen=self._limits.starts))
        if len(starts) == self._limits.starts and now - starts[0] < self._limits.starts_s:
            raise McpFailed(ToolFault.IO, f"the server {server.name} ends again and again; wait some minutes")
        self._make_room()
        starts.append(now)
        connection = Connection(server, room, self._means)
        self._connections[key] = connection
        self._tasks.create_task(self._run(key, connection), name=f"mcp {server.name}")
        return connection

    def _forget(self, now: float) -> None:
        """Let go of what rooms left behind that are quiet since."""
        self._known = {key: known for key, known in self._known.items() if known.until_s > now}
        recent = now - self._limits.starts_s
        self._starts = {key: starts for key, starts in self._starts.items() if starts and starts[-1] > recent}

    def _make_room(self) -> None:
        open_ones = [each for each in self._connections.values() if each.is_open]
        if len(self._connections) < self._limits.connections:
            return
        idle = [each for each in open_ones if each.is_idle]
        if not idle:
            raise McpFailed(ToolFault.IO, "too many connections to servers are in use; try again later")
        min(idle, key=lambda each: each.used_at_s).close("another room needed its place")

    async def _run(self, key: _Key, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            if self._connections.get(key) is connection:
                del self._connections[key]


def _known_key(server: McpServer, room: McpRoom) -> _KnownKey:
    return server.name, None if isinstance(server, HttpServer) else room.room_id


def _unlisted(failed: SaidNo | McpFailed) -> McpFailed:
    if isinstance(failed, McpFailed):
        return failed
    return McpFailed(ToolFault.NET, "the server does not say which tools it has")
