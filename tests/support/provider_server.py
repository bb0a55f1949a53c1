"""The server under the provider stand-in: reads requests, records them, lets a behaviour answer each."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import JsonValue
from typing_extensions import override

Delta = Mapping[str, JsonValue]


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it came in. `closed` is set when the client has closed, or lost, its connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, JsonValue]
    closed: asyncio.Event = field(compare=False)

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")

    @property
    def messages(self) -> list[Mapping[str, JsonValue]]:
        """The prompt, as the provider got it."""
        messages = self.body["messages"]
        assert isinstance(messages, list)
        return [message for message in messages if isinstance(message, dict)]


class Reply:
    """What a behaviour writes its answer with."""

    def __init__(self, request: RecordedRequest, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self._writer = writer
        self.keeps_alive = True
        self.hangs_up_on_next = False
        self._is_chunked = False

    async def head(self, status: int = 200, *, length: int | None = None, **headers: str) -> None:
        """Send status and headers (`_` in a name means `-`); without `length` the body is chunked."""
        lines = [f"HTTP/1.1 {status} Stand-In"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._is_chunked = length is None
        lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def body(self, data: bytes) -> None:
        if self._is_chunked:
            data = f"{len(data):x}\r\n".encode() + data + b"\r\n"
        await self.raw(data)

    async def end(self) -> None:
        if self._is_chunked:
            await self.raw(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def begin_stream(self) -> None:
        await self.head(content_type="text/event-stream")

    async def data(self, value: JsonValue) -> None:
        """Send one SSE event whose data is `value` as JSON."""
        await self.body(f"data: {json.dumps(value)}\n\n".encode())

    async def delta(self, delta: Delta, finish_reason: str | None = None) -> None:
        await self.chunk([{"index": 0, "delta": dict(delta), "finish_reason": finish_reason}])

    async def chunk(self, choices: list[JsonValue], **more: JsonValue) -> None:
        await self.data({"id": "stand-in", "object": "chat.completion.chunk", "choices": choices, **more})

    async def done(self) -> None:
        await self.body(b"data: [DONE]\n\n")
        await self.end()

    async def until_closed(self) -> None:
        """Keep silent until the client goes away."""
        await self.request.closed.wait()

    def reset(self) -> None:
        """Cut the connection off as a crash does: no end of the body, nothing flushed."""
        self.keeps_alive = False
        self._writer.transport.abort()


@dataclass(frozen=True)
class Behaviour:
    """How the stand-in answers one request."""

    name: str
    play: Callable[[Reply], Awaitable[None]]

    @override
    def __repr__(self) -> str:
        return self.name


@dataclass
class Provider:
    """A running stand-in. `base_url` is what an operator would configure."""

    base_url: str
    default: Behaviour
    requests: list[RecordedRequest] = field(default_factory=list)
    hung_up: int = 0
    """How many requests were dropped unanswered and unrecorded (`answers_then_hangs_up`)."""
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _queue: deque[Behaviour] = field(default_factory=deque)

    def enqueue(self, *behaviours: Behaviour) -> None:
        """Play these for the next requests, one each, before falling back to `default`."""
        self._queue.extend(behaviours)

    async def until_requests(self, count: int) -> RecordedRequest:
        """Wait until `count` requests have come; returns the last of them."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def record(self, request: RecordedRequest) -> Behaviour:
        async with self.arrived:
            self.requests.append(request)
            self.arrived.notify_all()
        return self._queue.popleft() if self._queue else self.default


class Connection(asyncio.StreamReaderProtocol):
    """One connection of a client, served until either side closes it."""

    def __init__(self, stand_in: Provider, open_connections: set["Connection"]) -> None:
        super().__init__(asyncio.StreamReader(), self._serve)
        self._stand_in = stand_in
        self._open_connections = open_connections
        self._gone = asyncio.Event()
        self._served = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def cut(self) -> None:
        """Reset the connection and wait for the behaviour that plays on it to end."""
        if self._writer is not None:
            self._writer.transport.abort()
        await self._served.wait()

    @override
    def eof_received(self) -> bool | None:
        self._gone.set()
        return super().eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        super().connection_lost(exc)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._open_connections.add(self)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer_requests(reader, writer)
        finally:
            self._open_connections.discard(self)
            self._served.set()
            writer.close()

    async def _answer_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hangs_up = False
        while True:
            request = await _read_request(reader, self._gone)
            if hangs_up:
                self._stand_in.hung_up += 1
                return
            behaviour = await self._stand_in.record(request)
            reply = Reply(request, writer)
            await behaviour.play(reply)
            if not reply.keeps_alive or writer.is_closing():
                return
            hangs_up = reply.hangs_up_on_next


async def _read_request(reader: asyncio.StreamReader, closed: asyncio.Event) -> RecordedRequest:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parsed = json.loads(body) if body else {}
    assert isinstance(parsed, dict)
    return RecordedRequest(method, path, headers, parsed, closed)
