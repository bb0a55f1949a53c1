"""Between a server's messages and the MCP client: only answers to our own questions pass, and only so many others.

A server asks nothing of us (sampling, elicitation, roots: not offered), its log and progress are dropped, and that its
tools changed is noted. So nothing a server sends on its own takes memory or starts a task. Needs the extra `mcp`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Final, Protocol, Self

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

Item = SessionMessage | Exception
MAX_UNASKED: Final = 10_000
"""Messages that answer nothing, over the life of a connection; as many lines that are no messages."""
_REPLY_S: Final = 2.0


class ReadStream(Protocol):
    async def receive(self) -> Item: ...
    async def aclose(self) -> None: ...


class WriteStream(Protocol):
    async def send(self, item: SessionMessage, /) -> None: ...
    async def aclose(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


class Screened:
    """A stream of incoming messages as the MCP client reads it."""

    def __init__(
        self,
        incoming: ReadStream,
        outgoing: WriteStream,
        on_changed: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        """`on_end` hears once, in words, why nothing will come any more."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._on_changed = on_changed
        self._on_end = on_end
        self._unasked = 0

    async def receive(self) -> Item:
        while True:
            try:
                item = await self._incoming.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
                self._on_end("it ended")
                raise anyio.EndOfStream from None
            if isinstance(item, SessionMessage) and isinstance(
                item.message, types.JSONRPCResponse | types.JSONRPCError
            ):
                return item
            self._unasked += 1
            if self._unasked > MAX_UNASKED:
                self._on_end("it sent too much that nobody asked for")
                raise anyio.EndOfStream
            if isinstance(item, SessionMessage):
                await self._drop(item.message)

    async def _drop(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCNotification):
            if message.method == "notifications/tools/list_changed":
                self._on_changed()
        elif isinstance(message, types.JSONRPCRequest):
            reply: types.JSONRPCMessage
            if message.method == "ping":
                reply = types.JSONRPCResponse(jsonrpc="2.0", id=message.id, result={})
            else:
                refusal = types.ErrorData(code=types.METHOD_NOT_FOUND, message="this client offers nothing to servers")
                reply = types.JSONRPCError(jsonrpc="2.0", id=message.id, error=refusal)
            # One at a time, here, and not for ever: a server that does not read must not have us collect replies.
            with anyio.move_on_after(_REPLY_S):
                await self._outgoing.send(SessionMessage(reply))

    async def aclose(self) -> None:
        await self._incoming.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@asynccontextmanager
async def screened(
    transport: AbstractAsyncContextManager[tuple[ReadStream, WriteStream]],
    on_changed: Callable[[], None],
    on_end: Callable[[str], None],
) -> AsyncIterator[tuple[Screened, WriteStream]]:
    async with transport as (incoming, outgoing):
        yield Screened(incoming, outgoing, on_changed, on_end), outgoing


class TooLong(Exception):  # noqa: N818 - the world's state
    """A server wrote a line without end."""


class Lines:
    """Takes a process's output apart into messages, in bounded memory. What is no message counts as an exception."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Item]:
        """Return the messages that are whole now. Raises `TooLong`."""
        *ends, rest = data.split(b"\n")
        found: list[Item] = []
        for end in ends:
            self._held += end
            self._check()
            if self._held.strip():
                found.append(_parsed(bytes(self._held)))
            self._held.clear()
        self._held += rest
        self._check()
        return found

    def _check(self) -> None:
        if len(self._held) > self._most_bytes:
            raise TooLong


def _parsed(line: bytes) -> Item:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValidationError as error:
        return error
