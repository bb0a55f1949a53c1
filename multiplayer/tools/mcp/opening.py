"""The way to MCP servers for whoever may lack the extra: `mcp` is imported when there are servers, and not before."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.mcp.config import McpServer
from multiplayer.tools.mcp.words import McpCalls, McpLimits
from multiplayer.tools.sandbox.sandbox import Sandbox

_EXTRA: Final = frozenset({"mcp", "mcp_types", "anyio", "httpcore2", "httpx2", "jsonschema", "referencing"})


class McpMissing(Exception):  # noqa: N818 - a sentence for whoever starts the server
    """MCP servers are configured, and the package that talks to them is not installed."""


class McpServing(McpCalls, Protocol):
    """Servers in use, as `mcp_servers.McpServers` has them."""

    async def leave(self, room_id: RoomId) -> None:
        """End what runs in a room: before its workspace is archived, moved or removed."""

    async def aclose(self) -> None:
        """End all connections and begin no others."""


def open_mcp_servers(
    servers: Sequence[McpServer],
    sandbox: Sandbox | None,
    *,
    secret_values: Sequence[str] = (),
    limits: McpLimits | None = None,
) -> AbstractAsyncContextManager[McpServing]:
    """Make the context in which servers are used; nothing is started yet. Needs a running loop. Raises `McpMissing`."""
    try:
        from multiplayer.tools.mcp.servers import McpServers
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise McpMissing(
            f"MCP servers are configured, but {error.name} is not installed: pip install 'multiplayer[mcp]'"
        ) from None
    return McpServers(servers, sandbox, secret_values=secret_values, limits=limits)
