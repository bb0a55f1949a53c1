"""Keeps one session alive: dials, says hello, rejoins, resends what was not answered, until closed or shut out."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from pydantic import SecretStr

from multiplayer.client.backoff import Backoff
from multiplayer.client.errors import ConnectionLost, LinkLost, NotSignedIn
from multiplayer.client.lines import UnknownLine, parse_line
from multiplayer.client.link import Dial, Link, Opening, line_to_send
from multiplayer.client.room_feed import RoomFeed
from multiplayer.client.status import Connectivity, StatusBoard
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import MAX_FRAME_BYTES
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Account
from multiplayer.protocol.requests import Join, Leave, Renew, Request
from multiplayer.protocol.signals import (
    Accepted,
    Closing,
    Joined,
    Pong,
    ReadMarked,
    RefusedLine,
    RoomActivity,
    RoomAdded,
    RoomRemoved,
    ServerDraining,
    ServerLine,
    SessionExpiring,
    Welcome,
)

SHUT_OUT = frozenset({CloseCode.UNAUTHENTICATED, CloseCode.DISABLED})
AGAIN = frozenset({RefusalCode.UNKNOWN, RefusalCode.BUSY, RefusalCode.UNAVAILABLE})
"""Refusals after which the same command with the same key may well be accepted."""
LINES_AT_ONCE = 100
STEADY_S = 5.0
"""A connection that held this long begins the waits anew."""

TokenProvider = Callable[[], Awaitable[str]]


class Connection:
    """`run` is its one task; everything else is called on the same loop."""

    def __init__(self, dial: Dial, token: TokenProvider, *, client: str, patience_s: float) -> None:
        self.status = StatusBoard()
        self.welcome: Welcome | None = None
        self._dial = dial
        self._token = token
        self._client = client
        self._patience_s = patience_s
        self._feeds: dict[RoomId, RoomFeed] = {}
        self._link: Link | None = None
        self._is_up = asyncio.Event()
        """Set while there is a link, and for good when there will be none any more."""
        self._end: Exception | None = None
        self._waiting: dict[str, asyncio.Future[Accepted]] = {}
        self._closing: Closing | None = None
        self._reconnect_ms: int | None = None
        self._tasks = asyncio.TaskGroup()

    @property
    def account(self) -> Account:
        assert self.welcome is not None, "the client is used inside `async with`"
        return self.welcome.account

    async def run(self) -> None:
        """Stay connected until cancelled, or until the server shuts this token out."""
        backoff = Backoff()
        try:
            async with self._tasks:
                while True:
                    wait_s = await self._stay_on(backoff)
                    await asyncio.sleep(wait_s)
        except* NotSignedIn as shut_out:
            self._finish(_first(shut_out, NotSignedIn))
        finally:
            self._finish(ConnectionLost("the client is closed"))

    async def online(self, timeout_s: float) -> None:
        """Wait for the first welcome. Raises `NotSignedIn`, or `ConnectionLost` with the reason of the last try."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up()
        except TimeoutError:
            raise ConnectionLost(self.status.now.reason or "the server did not answer in time") from None

    async def open(self, feed: RoomFeed) -> None:
        """Join the room and keep it joined. Raises `Refused`."""
        self._feeds[feed.room_id] = feed
        try:
            async with asyncio.timeout(self._patience_s):
                await self._join(feed)
                await feed.opened()
        except TimeoutError:
            raise ConnectionLost("the room did not open in time") from None
        finally:
            if not feed.is_open:
                self._feeds.pop(feed.room_id, None)

    async def leave(self, feed: RoomFeed) -> None:
        """Close the room on this connection; the membership stays."""
        self._feeds.pop(feed.room_id, None)
        feed.end(StopAsyncIteration())
        if self._link is not None:
            try:
                await self._link.send(Leave(id=f"leave {feed.room_id}", room_id=feed.room_id))
            except LinkLost:
                self._lose(self._link)

    def feed(self, room_id: RoomId) -> RoomFeed | None:
        return self._feeds.get(room_id)

    async def submit(self, request: Request) -> Accepted:
        """Return the acceptance. With a key, resend over lost connections and passing refusals; else one try.

        Raises `Refused`, `NotSignedIn`, `ConnectionLost`. May be cancelled: it may then be stored or not.
        """
        self._check_size(request)
        backoff = Backoff()
        last: Exception | None = None
        attempts = 0
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    link = await self._up()
                    attempts += 1
                    try:
                        return await self._ask(link, request)
                    except LinkLost as lost:
                        last = lost
                        self._lose(link)
                        if request.key is None:
                            raise ConnectionLost(lost.reason) from None
                    except Refused as refused:
                        last = refused
                        # The first time too fast is the caller's pace; later it is our own resending.
                        is_passing = refused.code in AGAIN or (
                            refused.code is RefusalCode.RATE_LIMITED and attempts > 1
                        )
                        if request.key is None or not is_passing:
                            raise
                        await asyncio.sleep(backoff.next_s(at_least_s=refused.retry_after_s or 0.0))
        except TimeoutError:
            reason = str(last) if last is not None else self.status.now.reason or "no answer in time"
            raise ConnectionLost(f"not answered: {reason}", key=request.key) from last

    async def _ask(self, link: Link, request: Request) -> Accepted:
        answered: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answered
        try:
            await link.send(request)
            return await answered
        finally:
            del self._waiting[request.id]
            if answered.done() and not answered.cancelled():
                answered.exception()

    def _check_size(self, request: Request) -> None:
        most = self.welcome.limits.get("frame_bytes", MAX_FRAME_BYTES) if self.welcome else MAX_FRAME_BYTES
        if len(line_to_send(request).encode()) > most:
            raise Refused(RefusalCode.TOO_BIG, f"a command may have at most {most} bytes")

    async def _stay_on(self, backoff: Backoff) -> float:
        """Hold one connection as long as it lasts; return how long to wait before the next."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        lost = LinkLost("the server ended the connection")
        try:
            token = await self._token()
            async with self._dial(Opening(token, self._client, self._joins)) as link:
                while True:
                    await self._take_all(link, await link.receive())
        except LinkLost as error:
            lost = self._explained(error)
        except ConnectionLost as error:
            # From the token provider: it could not ask.
            lost = LinkLost(str(error))
        if lost.code in SHUT_OUT:
            raise NotSignedIn(lost.reason)
        self._lose(self._link, lost.reason)
        if loop.time() - began_s >= STEADY_S:
            backoff.reset()
        return backoff.next_s(at_least_s=(lost.reconnect_ms or 0) / 1000)

    async def _take_all(self, link: Link, texts: str) -> None:
        """Take the lines of one frame, and let others run in between: a flood must not keep the link's own answers."""
        for number, text in enumerate(texts.split("\n"), start=1):
            if text:
                self._take(link, text)
            if number % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
        # Frames that wait already are received without giving way.
        await asyncio.sleep(0)

    def _explained(self, lost: LinkLost) -> LinkLost:
        """Put together how the connection ended and what the server had said about it before."""
        closing, draining_ms = self._closing, self._reconnect_ms
        self._closing = self._reconnect_ms = None
        if closing is not None:
            return LinkLost(closing.hint, code=closing.code, reconnect_ms=closing.reconnect_ms or draining_ms)
        return LinkLost(lost.reason, code=lost.code, reconnect_ms=lost.reconnect_ms or draining_ms)

    def _joins(self) -> dict[RoomId, Join]:
        return {room_id: feed.join_request() for room_id, feed in self._feeds.items()}

    async def _join(self, feed: RoomFeed) -> None:
        """Join on the present connection; without one, the next begins with it."""
        link = self._link
        if link is None or feed.is_joining:
            return
        try:
            await link.send(feed.join_request())
        except LinkLost:
            self._lose(link)

    async def _up(self) -> Link:
        while self._link is None:
            if self._end is not None:
                raise self._end
            await self._is_up.wait()
        return self._link

    def _lose(self, link: Link | None, reason: str = "the connection broke") -> None:
        if link is not self._link:
            return
        self._link = None
        if self._end is None:
            self._is_up.clear()
            state = Connectivity.RECONNECTING if self.welcome is not None else Connectivity.CONNECTING
            self.status.set(state, reason)
        for feed in self._feeds.values():
            feed.is_joining = False
        self._fail_waiting(LinkLost(reason))

    def _finish(self, reason: Exception) -> None:
        if self._end is not None:
            return
        self._end = reason
        self._link = None
        self._is_up.set()
        self.status.set(Connectivity.CLOSED, str(reason))
        self._fail_waiting(reason)
        for feed in self._feeds.values():
            feed.end(reason if isinstance(reason, NotSignedIn) else StopAsyncIteration())

    def _fail_waiting(self, reason: Exception) -> None:
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(reason)

    def _take(self, link: Link, text: str) -> None:
        word = parse_line(text)
        match word:
            case None:
                pass
            case UnknownLine():
                feed = self._feeds.get(word.room_id) if word.room_id is not None else None
                if feed is not None:
                    feed.take(text, word, self.account.id)
            case (
                Welcome()
                | Closing()
                | ServerDraining()
                | SessionExpiring()
                | Pong()
                | ReadMarked()
                | RoomAdded()
                | RoomRemoved()
                | RoomActivity()
            ):
                self._take_of_session(link, word)
            case Accepted() | RefusedLine() | Joined():
                self._take_answer(text, word)
            case _:
                feed = self._feeds.get(word.room_id)
                if feed is not None:
                    feed.take(text, word, self.account.id)
                    if feed.has_ended:
                        del self._feeds[word.room_id]

    def _take_of_session(self, link: Link, word: ServerLine) -> None:
        match word:
            case Welcome():
                self.welcome = word
                self._link = link
                self._is_up.set()
                self.status.set(Connectivity.ONLINE)
                for feed in self._feeds.values():
                    # Opened after this connection had said which rooms it wants.
                    if not feed.is_joining:
                        self._tasks.create_task(self._join(feed))
            case Closing():
                self._closing = word
            case ServerDraining():
                self._reconnect_ms = word.reconnect_ms
            case SessionExpiring():
                self._tasks.create_task(self._renew(link))
            case _:
                pass

    def _take_answer(self, text: str, answer: Accepted | RefusedLine | Joined) -> None:
        if isinstance(answer, Joined):
            feed = self._feeds.get(answer.room_id)
            if feed is not None and self.welcome is not None:
                feed.joined(answer, text, self.welcome.epoch)
            return
        answered = self._waiting.get(answer.re) if answer.re is not None else None
        if isinstance(answer, Accepted):
            if answered is not None and not answered.done():
                answered.set_result(answer)
            return
        refused = Refused(answer.code, answer.message, retry_after_s=answer.retry_after_s)
        if answered is not None:
            if not answered.done():
                answered.set_exception(refused)
            return
        for feed in tuple(self._feeds.values()):
            if feed.join_id == answer.re:
                self._tasks.create_task(self._join_refused(feed, refused))

    async def _join_refused(self, feed: RoomFeed, refused: Refused) -> None:
        feed.is_joining = False
        if refused.code in AGAIN or refused.code is RefusalCode.RATE_LIMITED:
            await asyncio.sleep(Backoff().next_s(at_least_s=refused.retry_after_s or 0.0))
            if self._feeds.get(feed.room_id) is feed:
                await self._join(feed)
        else:
            self._feeds.pop(feed.room_id, None)
            feed.end(refused)

    async def _renew(self, link: Link) -> None:
        try:
            token = await self._token()
            await link.send(Renew(id=f"renew {uuid4().hex}", token=SecretStr(token)))
        except (LinkLost, ConnectionLost):
            # The session ends at its time; the next one begins with a fresh token.
            return


def _first(group: BaseExceptionGroup[NotSignedIn], kind: type[NotSignedIn]) -> NotSignedIn:
    for error in group.exceptions:
        if isinstance(error, kind):
            return error
        if isinstance(error, BaseExceptionGroup):
            return _first(error, kind)
    raise AssertionError("a group holds what it was matched by")
