"""A WebSocket client that costs little: no library between the socket and the payloads, no compression, no unmasking.

Only for measuring: it trusts the server, and masks with zeros, which is valid and saves the sender's pass over the text.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import cast

from typing_extensions import override

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
_CONNECT_S = 30.0


class WireBroke(Exception):  # noqa: N818 - says what happened
    """The server refused the handshake, closed the connection, or sent what it should not."""


class Wire(asyncio.Protocol):
    """One connection. `take` is called with the payload of each text frame and may be replaced at any time."""

    def __init__(self, take: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """`lost` is called with the reason when the connection ends without `close` having been called."""
        self.take = take
        self._lost = lost
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._is_open = False
        self._is_closing = False
        self._why = "the server cut the connection"
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when hands are shaken."""
        self._key = base64.b64encode(secrets.token_bytes(16))

    @classmethod
    async def open(
        cls, port: int, path: str, take: Callable[[bytes], None], lost: Callable[[str], None], *, subprotocol: str = ""
    ) -> "Wire":
        """Connect to this machine. Raises `WireBroke`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, wire = await loop.create_connection(lambda: cls(take, lost), "127.0.0.1", port)
                wire.shake_hands(port, path, subprotocol)
                await wire.opened
        except TimeoutError:
            raise WireBroke(f"no connection within {_CONNECT_S:.0f} s") from None
        except OSError as error:
            raise WireBroke(str(error)) from None
        return wire

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def shake_hands(self, port: int, path: str, subprotocol: str) -> None:
        offered = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        self._write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {self._key.decode()}\r\nSec-WebSocket-Version: 13\r\n{offered}\r\n".encode()
        )

    def send(self, text: bytes) -> None:
        self._write(_frame(_TEXT, text))

    def close(self) -> None:
        if not self._is_closing and self._transport is not None:
            self._is_closing = True
            self._write(_frame(_CLOSE, (1000).to_bytes(2, "big")))
            self._transport.close()

    @override
    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at = 0 if self._is_open else self._read_handshake(data)
        end = len(data)
        while self._is_open and end - at >= 2:
            size = data[at + 1]
            start = at + 2
            if size == 126:
                start = at + 4
                size = int.from_bytes(data[at + 2 : start], "big")
            elif size == 127:
                start = at + 10
                size = int.from_bytes(data[at + 2 : start], "big")
            if end < start + size or end < start:
                break
            kind = data[at]
            payload = data[start : start + size]
            at = start + size
            if kind == _TEXT:
                self.take(payload)
            else:
                self._other(kind, payload)
        self._rest = data[at:]

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        why = self._why if exc is None else str(exc)
        if not self.opened.done():
            self.opened.set_exception(WireBroke(why))
        elif not self._is_closing:
            self._lost(why)

    def _read_handshake(self, data: bytes) -> int:
        head, found, _ = data.partition(b"\r\n\r\n")
        if not found:
            return 0
        accept = base64.b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest())
        first_line = head.split(b"\r\n", 1)[0]
        if b" 101 " not in first_line or accept not in head:
            self._why = f"handshake refused: {first_line.decode(errors='replace')}"
            self._end()
        else:
            self._is_open = True
            self.opened.set_result(None)
        return len(head) + 4

    def _other(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            self._write(_frame(_PONG, payload))
        elif kind == _CLOSE:
            code = int.from_bytes(payload[:2], "big")
            self._why = f"closed with {code} {payload[2:].decode(errors='replace')}".rstrip()
            self._end()
        elif kind != _PONG:
            self._why = f"a frame of kind {kind:#x}"
            self._end()

    def _end(self) -> None:
        self._is_open = False
        if self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _frame(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = bytes((kind, 0x80 | size))
    elif size < 65_536:
        head = bytes((kind, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((kind, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload
