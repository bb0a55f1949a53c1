"""One connection of one room to one MCP server, from its start to its end, in a task of its own. Needs the extra `mcp`."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import anyio
import httpx2
import mcp_types as types
import structlog
from mcp import Client
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from pydantic import JsonValue, TypeAdapter, ValidationError

from multiplayer.tools.mcp.config import HttpServer, McpServer
from multiplayer.tools.mcp.http import ClientFactory, http_transport
from multiplayer.tools.mcp.stdio import StdioProcess, stdio_process
from multiplayer.tools.mcp.wire import ReadStream, WriteStream, screened
from multiplayer.tools.mcp.words import McpFailed, McpLimits, McpRoom
from multiplayer.tools.net.guard import NetRefused
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.sandbox.sandbox import Sandbox

END_S: Final = 3.0
"""What a server has to take note of our leaving."""
_log = structlog.get_logger(__name__)
_ANSWER: Final[TypeAdapter[types.CallToolResult | types.InputRequiredResult]] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)
Answer = TypeVar("Answer")
Wire = AbstractAsyncContextManager[tuple[ReadStream, WriteStream]]


class SaidNo(Exception):  # noqa: N818 - the world's state
    """The server answered a question with an error. `text` is the server's."""

    def __init__(self, text: str) -> None:
        super().__init__("the server answered with an error")
        self.text = text


@dataclass(frozen=True, slots=True)
class Means:
    """What connections are made with."""

    sandbox: Sandbox | None
    client_factory: ClientFactory
    limits: McpLimits


class Connection:
    """`run` is its whole life and belongs to one task; questions may come from any."""

    def __init__(self, server: McpServer, room: McpRoom, means: Means) -> None:
        self._server = server
        self._room = room
        self._means = means
        self._session: ClientSession | None = None
        self._process: StdioProcess | None = None
        self._scope: anyio.CancelScope | None = None
        self._settled = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble = ""
        self._asking = 0
        self.ended = asyncio.Event()
        self.has_changed = False
        """The server said that its tools are others now."""
        self.used_at_s = asyncio.get_running_loop().time()

    @property
    def is_open(self) -> bool:
        return not (self._closing.is_set() or self.ended.is_set())

    @property
    def is_idle(self) -> bool:
        return self._asking == 0 and self._session is not None

    def close(self, why: str = "it was closed") -> None:
        """Begin to end; `ended` is set when nothing of it is left."""
        self._trouble = self._trouble or why
        self._closing.set()
        if self._session is None and self._scope is not None:
            self._scope.cancel()

    async def run(self) -> None:
        """Connect, stay until closed, idle for long or given up by the server. Raises nothing for what a server does."""
        try:
            async with self._opened() as wire:
                await self._serve(wire)
        except Exception as error:  # noqa: BLE001 - the connection's door: whatever a stranger sends, only this ends
            self._end_by(_leaves(error))
        finally:
            self._session = None
            self._closing.set()
            self._settled.set()
            self.ended.set()
            # What a process writes to its standard error is for the operator, made visible and short.
            said = self._process.last_words if self._process is not None else ""
            _log.info(
                "mcp_connection_ended",
                server=self._server.name,
                room_id=self._room.room_id,
                why=self._trouble,
                last_words=said,
            )

    def _end_by(self, errors: Sequence[BaseException]) -> None:
        # Only the kinds: the words can be the server's.
        kinds = sorted({type(error).__name__ for error in errors})
        _log.info("mcp_connection_broke", server=self._server.name, room_id=self._room.room_id, kinds=kinds)
        why = "it could not be connected to, or broke off"
        for error in errors:
            match error:
                case NetRefused() | McpFailed():
                    why = error.text
                case httpx2.ConnectError():
                    why = "its address cannot or may not be reached"
                case TimeoutError() | httpx2.TimeoutException():
                    why = "it did not answer in time"
                case MCPError() | ValidationError():
                    why = "it does not agree on a protocol"
                case _:
                    continue
            break
        if self._process is not None and self._process.ended_because:
            why = self._process.ended_because
        self.close(why)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Wire]:
        limits = self._means.limits
        if isinstance(self._server, HttpServer):
            async with http_transport(self._server, limits, self._means.client_factory) as wire:
                yield wire
            return
        assert self._means.sandbox is not None, "a process is begun only where there is a sandbox"
        async with stdio_process(self._means.sandbox, self._server, self._room.workspace, limits) as process:
            self._process = process
            yield process.transport()

    async def _serve(self, wire: Wire) -> None:
        wire = screened(wire, self._note_change, self._hear_end)
        with anyio.fail_after(self._means.limits.connect_s) as connecting:
            self._scope = connecting
            async with Client(wire, mode=self._server.protocol, cache=None) as client:
                connecting.deadline = math.inf
                self._session = client.session
                self.used_at_s = asyncio.get_running_loop().time()
                self._settled.set()
                try:
                    await self._until_done()
                finally:
                    self._session = None
                    connecting.deadline = anyio.current_time() + END_S

    async def _until_done(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._closing.is_set():
            left = self.used_at_s + self._means.limits.idle_s - clock()
            if left <= 0 and not self._asking:
                return self.close("it was idle")
            with anyio.move_on_after(max(left, 1.0) if self._asking else left):
                await self._closing.wait()
        return None

    def _note_change(self) -> None:
        self.has_changed = True

    def _hear_end(self, why: str) -> None:
        ended = self._process.ended_because if self._process is not None else ""
        self.close(ended or why)

    async def ready(self) -> None:
        """Return once it can be asked. Raises `McpFailed`."""
        await self._settled.wait()
        if self._session is None:
            raise self._failed()

    async def tools(self) -> list[types.Tool]:
        """Read the definitions, as many as may be. Raises `McpFailed`, `SaidNo`."""
        limits = self._means.limits
        self.has_changed = False
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(limits.pages):
            page = await self._ask(partial(_listed, cursor))
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) > limits.tools:
                break
        return found[: 2 * limits.tools]

    async def call(
        self, tool: str, arguments: Mapping[str, JsonValue]
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Call a tool. Raises `McpFailed`, `SaidNo`."""
        # Not the client's own call: it would run a stranger's schema over the answer, and call again by itself.
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=dict(arguments)))
        return await self._ask(lambda session: session.send_request(request, _ANSWER))

    async def _ask(self, question: Callable[[ClientSession], Awaitable[Answer]]) -> Answer:
        session = self._session
        if session is None or not self.is_open:
            raise self._failed()
        most_s = self._means.limits.call_s
        loop = asyncio.get_running_loop()
        late = f"it did not answer within {most_s:g} s"
        self._asking += 1
        # Late, it is ended, not only left alone: a server that hangs may not even take note that we wait no longer.
        timer = loop.call_later(most_s, self.close, late)
        try:
            return await question(session)
        except MCPError as error:
            if error.error.code == types.CONNECTION_CLOSED:
                self.close("it broke off")
                raise self._failed(ToolFault.TIMEOUT if self._trouble == late else None) from None
            raise SaidNo(error.error.message) from None
        except (ValidationError, RuntimeError, RecursionError):
            raise McpFailed(ToolFault.NET, "the server's answer is not proper MCP") from None
        finally:
            timer.cancel()
            self._asking -= 1
            self.used_at_s = loop.time()

    def _failed(self, code: ToolFault | None = None) -> McpFailed:
        usual = ToolFault.NET if isinstance(self._server, HttpServer) else ToolFault.IO
        return McpFailed(code or usual, f"the server {self._server.name} is not there: {self._trouble or 'it ended'}")


async def _listed(cursor: str | None, session: ClientSession) -> types.ListToolsResult:
    return await session.list_tools(params=None if cursor is None else types.PaginatedRequestParams(cursor=cursor))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
