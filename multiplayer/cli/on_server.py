"""Acting at a running server as whoever has the token, with the rights of that member and no more."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pydantic import BaseModel

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.output import Json, print_json, say
from multiplayer.cli.visible import visible
from multiplayer.client import Client, RefusalCode, Refused, Room

__all__ = ["Room", "client_at", "json_of", "on_server", "print_found", "room_of"]

CONNECT_S = 5.0
T = TypeVar("T")


def client_at(url: str, token: str, *, uses_sse: bool = False) -> Client:
    """Raises `Failure` for what is no address."""
    try:
        return Client(url, token=token, transport="sse" if uses_sse else "ws", connect_timeout_s=CONNECT_S)
    except ValueError as error:
        raise Failure(str(error), exit_code=USAGE) from None


async def room_of(client: Client, name_or_id: str) -> Room:
    """Raises `Failure` where several rooms have the name, else as `Client.room`."""
    try:
        return await client.room(name_or_id)
    except Refused as refused:
        if refused.code is RefusalCode.CONFLICT:
            raise Failure(refused.message, hint="give the id", exit_code=USAGE) from None
        raise


def on_server(url: str, token: str, room_name: str, work: Callable[[Room], Awaitable[T]]) -> T:
    """Run `work` in a room and return what it returns."""

    async def run() -> T:
        async with client_at(url, token) as client:
            return await work(await room_of(client, room_name))

    return asyncio.run(run())


def json_of(found: BaseModel) -> Json:
    value: Json = json.loads(found.model_dump_json())
    return value


def print_found(found: BaseModel, lines: Iterable[str], *, as_json: bool) -> None:
    """Print all of an answer as JSON, or its lines, each on one line whatever it holds."""
    if as_json:
        print_json(json_of(found))
        return
    for line in lines:
        say(visible(line))
