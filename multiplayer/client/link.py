"""One connection to the server, whatever carries it: lines come out, requests go in, until it is lost."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

from multiplayer.protocol.codec import encode
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.requests import Join, Leave, Renew, Request
from multiplayer.protocol.signals import Cursor
from multiplayer.protocol.values import Frozen

Sendable = Join | Leave | Renew | Request


class Link(Protocol):
    async def receive(self) -> str:
        """Return the next lines, at least one. Raises `LinkLost` when there will be none."""
        ...

    async def send(self, request: Sendable) -> None:
        """Hand over a request; its answer comes by `receive`. Raises `LinkLost`."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What a connection begins with. `rooms` says what is to be open and from where, whenever it is asked."""

    token: str
    client: str
    rooms: Callable[[], Mapping[RoomId, Join]]


Dial = Callable[[Opening], AbstractAsyncContextManager[Link]]
"""Opens a link, rooms included. Raises `LinkLost`, or `NotSignedIn` when the token is refused."""


def cursor_text(room_id: RoomId, after: Cursor | None) -> str:
    """Return a room and place as they stand in an address."""
    return room_id if after is None else f"{room_id}@{after.epoch}:{after.seq}"


def line_to_send(word: Frozen) -> str:
    """Return a request as a line. A token in it is written out: this goes to the server and nowhere else."""
    if isinstance(word, Request):
        return _json({**_command(word), "id": word.id, "room_id": word.room_id})
    if isinstance(word, Renew):
        assert word.token is not None, "the client renews by token"
        return _json({"type": "renew", "id": word.id, "token": word.token.get_secret_value()})
    return encode(word).decode()


def command_body(request: Request) -> str:
    """Return a command as the body of a POST, whose address says which room."""
    return _json(_command(request))


def is_own_machine(url: str) -> bool:
    """A proxy has no business between this machine and itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _command(request: Request) -> dict[str, object]:
    keyed = {} if request.key is None else {"key": request.key}
    return {**request.command.model_dump(mode="json", exclude_none=True), **keyed}


def _json(body: Mapping[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False)
