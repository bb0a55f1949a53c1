"""Server-sent events: the same session and the same lines as over a WebSocket; what a client says comes by POST."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from multiplayer.live.hiding import as_readable
from multiplayer.live.outbox import Chunk
from multiplayer.live.pod import Pod
from multiplayer.live.session import Session
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import JsonObject, Malformed, encode, explain
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import SessionId
from multiplayer.protocol.requests import Hello, Join, Leave, Ping, Renew, session_request_adapter
from multiplayer.protocol.signals import Cursor
from multiplayer.protocol.values import Frozen
from multiplayer.transports.problems import RefusedWithStatus
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route, validated

MAX_JOINS = 50
MAX_PAGE = 500
EVENT_STREAM = "text/event-stream"
LineOfSession = Join | Leave | Ping | Renew


class StreamQuery(Frozen):
    join: Annotated[str, StringConstraints(max_length=8_000)] = ""
    """`ROOM` or `ROOM@EPOCH:SEQ`, up to 50 of them with commas between."""


class EventsQuery(Frozen):
    after: Annotated[str, StringConstraints(max_length=120)] | None = None
    """`EPOCH:SEQ`; the header `Last-Event-ID` goes before it."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    """Of the JSON page."""


class LineOfStream(Frozen):
    line: LineOfSession


class Taken(Frozen):
    """The line was handed to the session; its answer comes over the stream."""

    session_id: SessionId


class StreamResponse(Response):
    """Plain ASGI: one task writes, one opens the rooms that were asked for, one waits for the client to go away."""

    def __init__(
        self, pod: Pod, session: Session, *, joins: Sequence[Join], comment_s: float, epoch: str | None
    ) -> None:
        """`epoch` is set on a stream of one room: what stored something then has an id to resume from.

        No content yet, so the base class, which would say how long it is, makes no headers.
        """
        self.status_code = 200
        self.background = None
        self._pod = pod
        self._session = session
        self._joins = joins
        self._comment_s = comment_s
        self._epoch = epoch

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run to the end of the session or of the connection."""
        try:
            start: Message = {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    # Proxies that gather answers before passing them on would hold back every line.
                    (b"x-accel-buffering", b"no"),
                ],
            }
            await send(start)
            async with asyncio.TaskGroup() as tasks:
                beside = (tasks.create_task(self._listen(receive)), tasks.create_task(self._join()))
                await self._write(send)
                for task in beside:
                    task.cancel()
        finally:
            self._pod.close_session(self._session)

    async def _write(self, send: Send) -> None:
        outbox = self._session.outbox
        while True:
            try:
                async with asyncio.timeout(self._comment_s):
                    chunks = await outbox.take()
            except TimeoutError:
                await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
                continue
            if not chunks:
                break
            body = b"".join(_event(chunk, self._epoch) for chunk in chunks)
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _join(self) -> None:
        """Open one room after another, as fast as the client reads: what waits for it may not pile up."""
        outbox = self._session.outbox
        try:
            for join in self._joins:
                if outbox.is_full:
                    async with asyncio.timeout(self._pod.limits.session.too_slow_s):
                        await outbox.drained()
                if outbox.is_closed:
                    return
                await self._session.carry_out(join)
        except TimeoutError:
            self._session.close(CloseCode.TOO_SLOW, "this connection reads too slowly; reconnect and resume")

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._session.end()


def _event(chunk: Chunk, epoch: str | None) -> bytes:
    head = b"" if epoch is None or chunk.seq is None else f"id: {epoch}:{chunk.seq}\n".encode()
    return head + b"data: " + chunk.data.replace(b"\n", b"\ndata: ") + b"\n\n"


async def _stream(call: Call[Nothing, StreamQuery]) -> Response:
    joins = _joins(call.query.join)
    call.check_reads()
    session = await _opened(call)
    return _streaming(call, session, joins, None)


async def _room_events(call: Call[Nothing, EventsQuery]) -> Response:
    call.check_reads()
    pod, host = call.pod, call.host
    place = call.request.headers.get("last-event-id") or call.query.after
    after = _cursor(place) if place is not None else None
    if EVENT_STREAM in call.request.headers.get("accept", ""):
        session = await _opened(call)
        join = Join(id=host.room_id, room_id=host.room_id, after=after)
        return _streaming(call, session, [join], pod.epoch)
    first = host.room.readable_from(call.member)
    if after is not None and (after.epoch != pod.epoch or after.seq + 1 < first):
        raise Refused(RefusalCode.CONFLICT, "this place is in another history: read again without `after`")
    seq = after.seq if after is not None else max(0, first - 1)
    events = await pod.cache.events_after(host.room_id, seq, limit=call.query.limit, up_to=host.room.seq)
    events = await as_readable(pod.storage, host.room_id, events, host.room.sight_of(call.account_id))
    following = events[-1].seq if events else seq
    # The lines are JSON as they are stored: nothing is read or written anew.
    body = b'{"epoch":%b,"events":[%b],"next":%b}' % (
        _quoted(pod.epoch),
        b",".join(event.line for event in events),
        _quoted(f"{pod.epoch}:{following}"),
    )
    return Response(body, media_type="application/json")


async def _say(call: Call[LineOfStream, Nothing]) -> Taken:
    session_id = call.place("session_id")
    session = next((mine for mine in call.pod.sessions.of(call.account_id) if mine.id == session_id), None)
    if session is None or session.closing is not None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such stream of yours on this server")
    if session.outbox.is_full:
        raise Refused(RefusalCode.BUSY, "this stream is not being read", retry_after_s=1.0)
    await session.handle(call.body.line)
    return Taken(session_id=session.id)


async def _opened(call: Call[object, object]) -> Session:
    try:
        return await call.pod.open_session(call.caller.identity, address=call.peer.address, origin="sse")
    except Refused as refused:
        if refused.code is RefusalCode.LIMIT_REACHED:
            raise RefusedWithStatus(refused, 429) from None
        if refused.code is RefusalCode.EXPIRED:
            raise RefusedWithStatus(refused, 401) from None
        raise


def _streaming(
    call: Call[object, object], session: Session, joins: Sequence[Join], epoch: str | None
) -> StreamResponse:
    session.outbox.line(encode(call.pod.welcome(session)))
    return StreamResponse(call.pod, session, joins=joins, comment_s=call.site.config.sse_comment_s, epoch=epoch)


def _joins(text: str) -> list[Join]:
    if not text:
        return []
    parts = text.split(",")
    if len(parts) > MAX_JOINS:
        raise Malformed(f"a stream may join at most {MAX_JOINS} rooms")
    joins: dict[str, Join] = {}
    for part in parts:
        room_id, has_place, place = part.partition("@")
        if not room_id or room_id in joins:
            raise Malformed("`join` is ROOM or ROOM@EPOCH:SEQ, with commas between, each room once")
        after = _cursor(place) if has_place else None
        joins[room_id] = validated(Join, {"id": room_id[:64], "room_id": room_id, "after": after})
    return list(joins.values())


def _cursor(text: str) -> Cursor:
    epoch, _, seq = text.rpartition(":")
    if not (epoch and seq.isascii() and seq.isdigit() and len(seq) <= 15):
        raise Malformed("a place in the log is written EPOCH:SEQ")
    return validated(Cursor, {"epoch": epoch, "seq": int(seq)})


def _quoted(text: str) -> bytes:
    return TypeAdapter(str).dump_json(text)


def _read_line(body: JsonObject) -> LineOfStream:
    kind = body.get("type")
    if kind not in {"join", "leave", "ping", "renew"}:
        raise Malformed("`type` is join, leave, ping or renew; commands go to /api/v1/rooms/{room_id}/commands")
    try:
        line = session_request_adapter.validate_python(body)
    except ValidationError as error:
        raise Malformed(explain(error)) from None
    assert not isinstance(line, Hello), "its type was looked at"
    return LineOfStream(line=line)


STREAM_API: tuple[Operation, ...] = (
    Route(
        "GET",
        "/api/v1/stream",
        Access.SIGNED_IN,
        "All lines of up to 50 rooms and of the account, as server-sent events",
        _stream,
        Nothing,
        StreamQuery,
        answers_with=EVENT_STREAM,
    ),
    Route(
        "POST",
        "/api/v1/stream/{session_id}",
        Access.SIGNED_IN,
        "Say join, leave, ping or renew to an open stream; the answer comes over it",
        _say,
        LineOfStream,
        Nothing,
        Taken,
        202,
        parse=_read_line,
        described_as=TypeAdapter[object](Annotated[LineOfSession, Field(discriminator="type")]),
    ),
    Route(
        "GET",
        "/api/v1/rooms/{room_id}/events",
        Access.MEMBER,
        "The log: a JSON page, or a stream from a place on (Accept: text/event-stream)",
        _room_events,
        Nothing,
        EventsQuery,
        answers_with="application/json, text/event-stream",
    ),
)
