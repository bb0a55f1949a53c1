"""`/ws`: a WebSocket as a session. Frames of lines in, frames of lines out, one task beside the connection's own."""

import asyncio

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from multiplayer.live.pod import Pod
from multiplayer.live.session import Session
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import SUBPROTOCOL, Malformed, Unreadable, decode_line, encode, frame
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.requests import Hello
from multiplayer.protocol.signals import Closing, RefusedLine
from multiplayer.rooms.limits import TokenBucket
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.transports.arrivals import Arrivals
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.peers import Peer, is_own_origin, peer_of
from multiplayer.transports.problems import problem

BROKEN = 1011
MAX_REASON_BYTES = 123
MAX_HELLOS = 5
"""Lines that may go wrong before the right `hello`."""

PATIENCE = 10
"""How many times its limit of commands a session may send before it is read more slowly."""

_log = structlog.get_logger(__name__)


class Gone(Exception):  # noqa: N818 - the state of a connection, not an error of ours
    """The client has closed or was cut."""


class TurnedAway(Exception):  # noqa: N818 - an answer
    """No session comes of this connection."""

    def __init__(self, code: CloseCode, hint: str, refused: Refused | None = None) -> None:
        super().__init__(hint)
        self.code = code
        self.hint = hint
        self.refused = refused


class WebSocketDoor:
    """An ASGI application for one path."""

    def __init__(self, pod: Pod, config: HttpConfig) -> None:
        self._pod = pod
        self._config = config
        self._arrivals = Arrivals(pod)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the connection to its end. Nothing that a client does is an error here."""
        try:
            if (await receive())["type"] != "websocket.connect":
                return
            connection = HTTPConnection(scope)
            peer = peer_of(connection, self._config.trusted_proxies)
            origins = connection.headers.getlist("origin")
            if any(not is_own_origin(origin, peer, self._config.public_origins) for origin in origins):
                refusal = problem(403, RefusalCode.FORBIDDEN.value, "this page may not use this server")
                await refusal(scope, receive, send)
                return
            offered = scope["subprotocols"]
            if offered and SUBPROTOCOL not in offered:
                known = (SUBPROTOCOL,)
                refusal = problem(400, RefusalCode.MALFORMED.value, "none of these subprotocols is known", known=known)
                await refusal(scope, receive, send)
                return
            accept: Message = {"type": "websocket.accept"}
            if offered:
                accept["subprotocol"] = SUBPROTOCOL
            await send(accept)
            await self._attend(peer, receive, send)
        except (OSError, Gone):
            # The client went away, cleanly or not, in the middle of whatever it was.
            return
        except Exception:
            _log.exception("connection_broke")
            await _close(send, BROKEN, "something broke in the server; reconnect and resume")

    async def _attend(self, peer: Peer, receive: Receive, send: Send) -> None:
        try:
            with self._arrivals.wait(peer.address):
                session, rest = await self._welcome(peer, receive, send)
        except TurnedAway as turned:
            await self._turn_away(send, turned)
            return
        except Refused as refused:
            await self._turn_away(send, TurnedAway(CloseCode.TOO_MANY, refused.message, refused))
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_write(session, send))
                try:
                    await self._read(session, receive, rest)
                except Gone:
                    session.end()
                except Exception:
                    _log.exception("connection_broke", session=session.id)
                    session.end()
        finally:
            self._pod.close_session(session)

    async def _welcome(self, peer: Peer, receive: Receive, send: Send) -> tuple[Session, list[str]]:
        """Wait for `hello`, begin the session and greet it; return also what came after `hello` in its frame."""
        hello_s = self._pod.limits.hello_s
        try:
            async with asyncio.timeout(hello_s):
                hello, rest = await _hello(receive, send)
        except TimeoutError:
            raise TurnedAway(CloseCode.NO_HELLO, f"`hello` did not come within {hello_s:g} seconds") from None
        try:
            identity = await self._pod.doors.of_credential(hello)
            session = await self._pod.open_session(identity, address=peer.address, origin="ws")
        except Refused as refused:
            raise TurnedAway(_close_code_of(refused), refused.message, refused) from None
        except (StorageUnavailable, OutcomeUnknown):
            away = Refused(RefusalCode.UNAVAILABLE, "the database cannot be reached; try again", retry_after_s=1.0)
            raise TurnedAway(CloseCode.RESTARTING, away.message, away) from None
        session.outbox.line(encode(self._pod.welcome(session)))
        return session, rest

    async def _read(self, session: Session, receive: Receive, lines: list[str]) -> None:
        """Hand line after line to the session, until the session is closing. Raises `Gone`."""
        limits, monotonic_s = self._pod.limits.session, self._pod.clock.monotonic_s
        # What is over the session's limit is refused line by line; far over it, it is also read more slowly.
        pace = TokenBucket(PATIENCE * limits.commands_per_s, PATIENCE * limits.commands_burst, monotonic_s())
        while not _is_closing(session):
            for line in lines:
                while wait_s := pace.take(monotonic_s()):  # noqa: ASYNC110 - a pace is kept by the clock
                    await asyncio.sleep(wait_s)
                if session.outbox.is_full:
                    # Who sends without reading is read no further: answers may not pile up.
                    await session.outbox.drained()
                if _is_closing(session):
                    return
                try:
                    request = decode_line(line)
                except Unreadable as unreadable:
                    session.refuse(None, Malformed(str(unreadable)))
                    session.close(CloseCode.UNREADABLE, str(unreadable))
                    return
                except Malformed as malformed:
                    session.refuse(malformed.re, malformed)
                    continue
                if isinstance(request, Hello):
                    session.refuse(
                        None, Refused(RefusalCode.CONFLICT, "this session has begun; `renew` keeps it going")
                    )
                    continue
                await session.handle(request)
            try:
                lines = await _lines(receive)
            except TurnedAway as turned:
                session.refuse(None, Malformed(turned.hint))
                session.close(turned.code, turned.hint)

    async def _turn_away(self, send: Send, turned: TurnedAway) -> None:
        lines: list[bytes] = []
        refused = turned.refused
        if refused is not None:
            lines.append(
                encode(RefusedLine(code=refused.code, message=refused.message, retry_after_s=refused.retry_after_s))
            )
        reconnect_ms = 1_000 if turned.code is CloseCode.RESTARTING else None
        lines.append(encode(Closing(code=turned.code, hint=turned.hint, reconnect_ms=reconnect_ms)))
        self._pod.metrics.closed.labels(str(int(turned.code))).inc()
        await send({"type": "websocket.send", "text": frame(lines).decode()})
        await _close(send, turned.code, turned.hint)


async def _hello(receive: Receive, send: Send) -> tuple[Hello, list[str]]:
    for _ in range(MAX_HELLOS):
        first, *rest = await _lines(receive)
        try:
            request = decode_line(first)
        except Unreadable as unreadable:
            raise TurnedAway(CloseCode.UNREADABLE, str(unreadable), Malformed(str(unreadable))) from None
        except Malformed as malformed:
            line = encode(RefusedLine(re=malformed.re, code=malformed.code, message=malformed.message))
            await send({"type": "websocket.send", "text": line.decode()})
            continue
        if isinstance(request, Hello):
            return request, rest
        early = Refused(RefusalCode.UNAUTHENTICATED, "the first line must be `hello`")
        raise TurnedAway(CloseCode.NO_HELLO, early.message, early)
    raise TurnedAway(CloseCode.NO_HELLO, "no `hello` could be read")


async def _lines(receive: Receive) -> list[str]:
    """Return the lines of the next frame. Raises `Gone`, and `TurnedAway` for a binary frame."""
    message = await receive()
    if message["type"] == "websocket.disconnect":
        raise Gone
    text: str | None = message.get("text")
    if text is None:
        hint = "frames are text, not binary"
        raise TurnedAway(CloseCode.UNREADABLE, hint, Malformed(hint))
    return text.removesuffix("\n").split("\n")


def _is_closing(session: Session) -> bool:
    return session.closing is not None or session.outbox.is_closed


async def _write(session: Session, send: Send) -> None:
    """Send what is ready, one frame at a time, to the end; then close. A client that is gone ends it too."""
    try:
        while chunks := await session.outbox.take():
            await send({"type": "websocket.send", "text": "\n".join(chunk.text for chunk in chunks)})
    except OSError:
        # The reading side hears of it by itself.
        session.end()
        return
    closing = session.closing
    if closing is not None:
        await _close(send, closing.code, closing.hint)
    else:
        await _close(send, BROKEN, "")


async def _close(send: Send, code: int, hint: str) -> None:
    reason = hint.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    try:
        await send({"type": "websocket.close", "code": int(code), "reason": reason})
    except (OSError, RuntimeError):
        # It is closed already, by the client or because a frame of it was over the limit.
        return


def _close_code_of(refused: Refused) -> CloseCode:
    match refused.code:
        case RefusalCode.LIMIT_REACHED:
            return CloseCode.TOO_MANY
        case RefusalCode.UNAVAILABLE | RefusalCode.BUSY:
            return CloseCode.RESTARTING
        case _:
            return CloseCode.UNAUTHENTICATED
