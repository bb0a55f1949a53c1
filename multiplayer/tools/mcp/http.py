"""An MCP server behind an address, over streamable HTTP: through the guard, to its own origin only, all of it bounded.

Needs the extra `mcp`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import httpx2
from mcp.client.streamable_http import streamable_http_client
from typing_extensions import override

from multiplayer.tools.mcp.config import HttpServer
from multiplayer.tools.mcp.wire import ReadStream, WriteStream
from multiplayer.tools.mcp.words import McpLimits
from multiplayer.tools.net.guard import OperatorHosts
from multiplayer.tools.net.guarded_origin import guarded_client

MAX_LISTENING: Final = 30
"""How often a stream of events may be asked for anew: a server can end each at once and ask for no pause."""

ClientFactory = Callable[[HttpServer, McpLimits], httpx2.AsyncClient]
"""Makes the client for a server. Raises `NetRefused` for an address that may not be reached."""


def client_for(server: HttpServer, limits: McpLimits) -> httpx2.AsyncClient:
    """A client that reaches the server's origin alone, and a private one only if the operator says so."""
    private: OperatorHosts = frozenset({server.host_and_port}) if server.is_private else frozenset()
    key = server.key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return guarded_client(server.url, private, headers, most_bytes=limits.message_bytes)


@asynccontextmanager
async def http_transport(
    server: HttpServer, limits: McpLimits, client_factory: ClientFactory = client_for
) -> AsyncIterator[AbstractAsyncContextManager[tuple[ReadStream, WriteStream]]]:
    """Hold a client for as long as the block lasts. Raises `NetRefused` for an address that may not be reached."""
    async with client_factory(server, limits) as client:
        bounds = _Bounds(2 * limits.message_bytes)
        client.event_hooks = {"request": [bounds.on_request], "response": [bounds.on_response]}
        yield streamable_http_client(server.url, http_client=client, max_sse_event_size=limits.message_bytes)


class _Bounds:
    """What the MCP client leaves open: events without end, and listening without end."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._listened = 0

    async def on_request(self, request: httpx2.Request) -> None:
        if request.method == "GET":
            self._listened += 1
            if self._listened > MAX_LISTENING:
                raise httpx2.ConnectError("the server ends its streams too often", request=request)

    async def on_response(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._most_bytes)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._inner = inner
        self._left = most_bytes

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._inner:
            self._left -= len(data)
            if self._left < 0:
                raise httpx2.RemoteProtocolError("the server's stream is too long")
            yield data

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()
