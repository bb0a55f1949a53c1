"""uvicorn's two protocols with what they lack: an end to handshakes, headers, bodies and readers that never come."""

import asyncio
from asyncio.transports import BaseTransport
from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from multiplayer.protocol.close_codes import CloseCode
from multiplayer.transports.problems import MEDIA_TYPE

_DISCARD_S = 0.5
_UNREADABLE = (
    b'{"type":"about:blank","title":"Bad Request","status":400,"code":"malformed",'
    b'"detail":"this is not an HTTP request that can be read"}'
)


@dataclass(frozen=True)
class Deadlines:
    """Seconds and bytes. A window in which less than `progress_bytes` moved counts as no progress."""

    headers_s: float = 10.0
    body_s: float = 10.0
    reader_s: float = 10.0
    progress_bytes: int = 4_096
    header_bytes: int = 64 * 1024
    body_bytes: int = 4 * 1024 * 1024
    """What is read of a body at most, refused or not: a refusal is only seen by who has finished sending."""
    linger_s: float = 5.0
    """How long a closed connection may take to read its last words."""
    ping_s: float = 25.0
    """Between two pings to a WebSocket."""
    pong_s: float = 50.0
    """How long the answer to one may take before the peer counts as gone."""


class WriteStall:
    """Looks, while a transport holds too much, whether it gets less; calls `end` when it does not."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        deadlines: Deadlines,
        end: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._deadlines = deadlines
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self.stop()
        self._timer = self._loop.call_later(self._deadlines.reader_s, self._look, self._size())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, before: int) -> None:
        self._timer = None
        if before - self._size() >= self._deadlines.progress_bytes:
            self.start()
        else:
            self._end()

    def _size(self) -> int:
        return self._transport.get_write_buffer_size()


class Unstalled(asyncio.Protocol):
    """What both protocols share: while writing is paused, somebody looks whether the reader gets on."""

    _stall: WriteStall | None = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._stall is not None:
            self._stall.stop()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is not None:
            self._stall.start()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.stop()


class DeadlineHttp(Unstalled, HttpToolsProtocol):
    """One timer a connection, for whatever is being waited for: the headers, or more of the body."""

    deadlines = Deadlines()
    _timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _body_bytes = 0
    _body_total = 0
    _is_in_headers = True

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self._stall = WriteStall(transport, self.loop, self.deadlines, self._end)
        self._wait(self.deadlines.headers_s, self._end)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_in_headers:
            if self._timer is None:
                # A further request on a kept connection, or blank lines before it, which uvicorn would take for one.
                self._wait(self.deadlines.headers_s, self._end)
            self._header_bytes += len(data)
            if self._header_bytes > self.deadlines.header_bytes + len(data):
                self._end()
                return
        try:
            super().data_received(data)
        except (ValueError, UnicodeError):
            # The WebSocket library reads the request once more, and may not like what the first parser let pass.
            self._end()

    @override
    def on_headers_complete(self) -> None:
        self._is_in_headers = False
        self._body_bytes = self._body_total = 0
        self._stop_waiting()
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > self.deadlines.header_bytes:
            raise ValueError("the headers are too long")
        super().on_headers_complete()
        self._wait(self.deadlines.body_s, self._check_body)

    @override
    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_total += len(body)
        if self._body_total > self.deadlines.body_bytes and self.cycle.response_started:
            # Answered already, and far more still coming. Before the answer, nothing is read that nobody takes.
            self._end()
            return
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._is_in_headers = True
        self._header_bytes = 0
        super().on_message_complete()

    @override
    def handle_websocket_upgrade(self) -> None:
        self._stop_waiting()
        if self._stall is not None:
            self._stall.stop()
        super().handle_websocket_upgrade()

    @override
    def send_400_response(self, msg: str) -> None:
        self._stop_waiting()
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head % (MEDIA_TYPE.encode(), len(_UNREADABLE)) + _UNREADABLE)
        self.transport.close()

    def _check_body(self) -> None:
        self._timer = None
        # While the application has not taken what came, it is us who is slow.
        if self._body_bytes >= self.deadlines.progress_bytes or self.flow.read_paused:
            self._body_bytes = 0
            self._wait(self.deadlines.body_s, self._check_body)
        else:
            self._end()

    def _end(self) -> None:
        self._timer = None
        self.transport.abort()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LastingWebSocket(Unstalled, WebSocketsSansIOProtocol):
    """Ends also when the client does not read what it is sent, and lets a client that is told off hear why."""

    deadlines = Deadlines()
    _last_timer: asyncio.TimerHandle | None = None
    _is_discarding = False

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self._stall = WriteStall(self.transport, self.loop, self.deadlines, self._too_slow)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._last_timer is not None:
            self._last_timer.cancel()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if not self._is_discarding:
            super().data_received(data)

    @override
    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._linger()

    @override
    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self._linger()

    @override
    def handle_parser_exception(self) -> None:
        """Say why, then read on without looking: a socket closed over unread bytes takes the reason with it."""
        assert self.conn.close_sent is not None, "a parser that fails has said so"
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self._is_discarding = True
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_DISCARD_S, self.transport.close)

    def _too_slow(self) -> None:
        """Put the last words behind what waits already; who wakes up in time still reads them."""
        if not self.close_sent and self.handshake_complete:
            self.close_sent = True
            code = int(CloseCode.TOO_SLOW)
            self.conn.send_close(code, "this connection reads too slowly; reconnect and resume")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
            # The application waits for room to write; there will be none.
            self.disconnected = True
            self.writable.set()
        self.transport.close()
        self._linger()

    def _linger(self) -> None:
        if self._last_timer is None:
            self._last_timer = self.loop.call_later(self.deadlines.linger_s, self.transport.abort)
