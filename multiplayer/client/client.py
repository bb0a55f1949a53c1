"""The SDK's front door: one account's connection to one server, and the rooms it opens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from functools import partial
from importlib.metadata import version
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from multiplayer.client.backoff import Backoff
from multiplayer.client.connection import Connection
from multiplayer.client.errors import ConnectionLost
from multiplayer.client.lines import Line
from multiplayer.client.rest import Rest, http_client
from multiplayer.client.room import Room
from multiplayer.client.room_feed import RoomFeed
from multiplayer.client.sse import open_sse
from multiplayer.client.status import StatusBoard
from multiplayer.client.websocket import open_websocket
from multiplayer.protocol.budgets import Budget, UsageGroup, UsageReport
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.members import Account
from multiplayer.protocol.rooms import RoomListing
from multiplayer.protocol.search import SearchAnswer
from multiplayer.protocol.signals import Cursor

PATIENCE_S = 60.0


class Client:
    """Use inside `async with`. It reconnects and catches up by itself; `status` tells how it stands."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        token_provider: Callable[[], Awaitable[str]] | None = None,
        transport: Literal["ws", "sse"] = "ws",
        patience_s: float = PATIENCE_S,
        connect_timeout_s: float = 10.0,
    ) -> None:
        """`url` is the server's address, like `http://localhost:3002`.

        `token_provider` is asked for each connection and before the sign-in ends; it may raise `NotSignedIn` to give
        up, or `ConnectionLost` to be asked again later. `patience_s`: how long a command is tried over lost
        connections; `connect_timeout_s`: how long entering the client tries before it raises `ConnectionLost`.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the server's address begins with http:// or https://")
        if (token is None) == (token_provider is None):
            raise ValueError("give either a token or a token_provider")

        async def fixed() -> str:
            assert token is not None, "one of the two was given"
            return token

        self._provider = token_provider or fixed
        self._name = f"multiplayer-python/{version('multiplayer')}"
        self._connect_timeout_s = connect_timeout_s
        dial = partial(open_websocket if transport == "ws" else open_sse, url)
        self._url = url
        self._connection = Connection(dial, self._provider, client=self._name, patience_s=patience_s)
        self._stack = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._running: asyncio.Task[None] | None = None
        self._rest: Rest | None = None

    @property
    def status(self) -> StatusBoard:
        """Look at `status.now`, or follow `async for status in client.status.subscribe()`."""
        return self._connection.status

    @property
    def account(self) -> Account:
        """Whose token this is."""
        return self._connection.account

    async def __aenter__(self) -> Self:
        http = await self._stack.enter_async_context(http_client(self._url, self._name))
        self._rest = Rest(http, self._provider)
        await self._tasks.__aenter__()
        self._running = self._tasks.create_task(self._connection.run())
        try:
            await self._connection.online(self._connect_timeout_s)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._running is not None, "it was entered"
        self._running.cancel()
        try:
            # The group hears of a cancellation only: anything else is the caller's and stays as it is.
            if kind is not None and issubclass(kind, asyncio.CancelledError):
                await self._tasks.__aexit__(kind, error, traceback)
            else:
                await self._tasks.__aexit__(None, None, None)
        finally:
            await self._stack.aclose()

    async def rooms(self) -> Sequence[RoomListing]:
        """Return this account's rooms."""
        return await self._http.rooms()

    async def room(self, name_or_id: str) -> Room:
        """Open a room and return it up to date.

        Refuses `not_found`, also for what is not yours to see, and `conflict` when several rooms have the name
        (archived ones count only where no open one has it).
        """
        room_id = await self._find(name_or_id)
        feed = self._connection.feed(room_id)
        if feed is None:
            feed = RoomFeed(room_id, partial(self._read_log, room_id))
            await self._connection.open(feed)
        else:
            await feed.opened()
        return Room(feed, self._connection, self._http)

    async def search(
        self,
        words: str = "",
        *,
        room: str | None = None,
        author: str | None = None,
        has_file: bool = False,
        has_link: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        before: MessageId | None = None,
        limit: int = 50,
    ) -> SearchAnswer:
        """Return messages of your rooms that have every word and all that is asked beside them, newest first.

        `room` is a name or an id, `author` a handle, how a display name begins, or `me`; `before` asks for older ones
        than that message. Times need a zone.
        """
        at = {name: time.isoformat() for name, time in (("since", since), ("until", until)) if time is not None}
        params = {
            "q": words,
            "room": None if room is None else await self._find(room),
            "author": author,
            "has_file": "true" if has_file else None,
            "has_link": "true" if has_link else None,
            "before": before,
            "limit": str(limit),
            **at,
        }
        return await self._http.read("/search", SearchAnswer, params)

    async def usage(
        self, by: UsageGroup = UsageGroup.ROOM, *, since: datetime | None = None, until: datetime | None = None
    ) -> UsageReport:
        """Return what all AIs of the server used and cost, for operators; this month unless times are given."""
        return await self._http.usage("/admin/usage", by, since=since, until=until)

    async def server_budget(self) -> Budget:
        """Return the caps of the whole server, for operators."""
        return await self._http.read("/admin/budget", Budget)

    async def set_server_budget(self, budget: Budget) -> Budget:
        """Replace the caps of the whole server, for operators."""
        return await self._http.write("PUT", "/admin/budget", Budget, budget.model_dump(mode="json"))

    @property
    def _http(self) -> Rest:
        assert self._rest is not None, "the client is used inside `async with`"
        return self._rest

    async def _find(self, name_or_id: str) -> RoomId:
        listings = await self._http.rooms()
        named = [listing.room for listing in listings if listing.room.name == name_or_id.removeprefix("#")]
        # An archived room does not stand in the way of an open one.
        named = [room for room in named if room.archived_at is None] or named
        for listing in listings:
            if listing.room.id == name_or_id:
                return listing.room.id
        if len(named) > 1:
            raise Refused(
                RefusalCode.CONFLICT, f"{len(named)} rooms have this name: {', '.join(room.id for room in named)}"
            )
        if not named:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such room, or you are not in it")
        return named[0].id

    async def _read_log(self, room_id: RoomId, after: Cursor) -> Sequence[Line]:
        backoff = Backoff()
        while True:
            with suppress(ConnectionLost):
                return await self._http.events(room_id, after)
            await asyncio.sleep(backoff.next_s())
