"""The WebSocket link."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from multiplayer.client.errors import LinkLost
from multiplayer.client.link import Link, Opening, Sendable, is_own_machine, line_to_send
from multiplayer.protocol.codec import SUBPROTOCOL

MAX_FRAME = 64 * 1024 * 1024
"""A frame from the server: a snapshot of 50 long messages and running texts fits many times."""
OPEN_S = 10.0
CLOSE_S = 2.0


class WebSocketLink:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def receive(self) -> str:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as closed:
            raise _lost(closed) from None
        return frame if isinstance(frame, str) else frame.decode()

    async def send(self, request: Sendable) -> None:
        await self.send_text(line_to_send(request))

    async def send_text(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise _lost(closed) from None


def websocket_url(url: str) -> str:
    """`http://host:3002` becomes `ws://host:3002/ws`."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}[parts.scheme]
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))


@asynccontextmanager
async def open_websocket(url: str, opening: Opening) -> AsyncIterator[Link]:
    """Connect, say hello and join the rooms; the answers come by `receive`. Raises `LinkLost`."""
    connecting = connect(
        websocket_url(url),
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        max_size=MAX_FRAME,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        proxy=None if is_own_machine(url) else True,
        user_agent_header=opening.client,
    )
    try:
        connection = await connecting
    except InvalidStatus as refused:
        raise LinkLost(f"the server answered HTTP {refused.response.status_code}, not a WebSocket") from None
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise LinkLost(str(error) or "the server did not answer in time") from None
    async with connection:
        link = WebSocketLink(connection)
        # Written by hand: a credential's own form hides it.
        await link.send_text(_hello(opening))
        for join in opening.rooms().values():
            await link.send(join)
        yield link


def _hello(opening: Opening) -> str:
    return json.dumps({"type": "hello", "token": opening.token, "client": opening.client})


def _lost(closed: ConnectionClosed) -> LinkLost:
    received = closed.rcvd
    if received is None:
        return LinkLost("the connection broke")
    return LinkLost(received.reason or f"the server closed the connection ({received.code})", code=received.code)
