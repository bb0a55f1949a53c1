"""The fallback link: lines by Server-Sent Events, requests by POST, where a WebSocket does not get through."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from multiplayer.client.errors import ConnectionLost, LinkLost, NotSignedIn
from multiplayer.client.link import Link, Opening, Sendable, command_body, cursor_text
from multiplayer.client.rest import http_client, problem_of
from multiplayer.protocol.codec import encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.requests import Join, Leave, Renew, Request
from multiplayer.protocol.signals import Accepted, RefusedLine

SILENT_S = 45.0
"""The server writes a comment every 15 seconds; after three missing ones the stream is dead."""


class _Committed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    seq: int | None = None
    event_id: str | None = None


class SseLink:
    """The rooms of a stream are fixed when it is opened, so a change of rooms opens it anew from where it was."""

    def __init__(self, http: httpx.AsyncClient, opening: Opening, tasks: asyncio.TaskGroup) -> None:
        self._http = http
        self._opening = opening
        self._tasks = tasks
        self._token = opening.token
        self._incoming: asyncio.Queue[str | LinkLost] = asyncio.Queue()
        self._is_stale = asyncio.Event()
        self._lost: LinkLost | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._run(self._pump())

    def stop(self) -> None:
        for task in self._running:
            task.cancel()

    async def receive(self) -> str:
        if self._lost is not None and self._incoming.empty():
            raise self._lost
        item = await self._incoming.get()
        if isinstance(item, LinkLost):
            raise item
        return item

    async def send(self, request: Sendable) -> None:
        if self._lost is not None:
            raise self._lost
        match request:
            case Join() | Leave():
                self._is_stale.set()
            case Renew():
                assert request.token is not None, "the client renews by token"
                self._token = request.token.get_secret_value()
                self._is_stale.set()
            case Request():
                self._run(self._post(request))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _pump(self) -> None:
        """Read streams, one after another, until one breaks."""
        try:
            while True:
                self._is_stale.clear()
                async with asyncio.TaskGroup() as watched:
                    reading = watched.create_task(self._read())
                    await self._is_stale.wait()
                    reading.cancel()
        except* LinkLost as lost:
            first = lost.exceptions[0]
            self._lose(first if isinstance(first, LinkLost) else LinkLost("the stream broke"))

    def _lose(self, lost: LinkLost) -> None:
        self._lost = self._lost or lost
        self._incoming.put_nowait(lost)

    async def _read(self) -> None:
        joins = self._opening.rooms().values()
        params = {"join": ",".join(cursor_text(join.room_id, join.after) for join in joins)} if joins else {}
        headers = {**self._headers(), "Accept": "text/event-stream"}
        timeout = httpx.Timeout(SILENT_S, connect=10.0)
        try:
            async with self._http.stream("GET", "/stream", params=params, headers=headers, timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    self._refused(problem_of(answer))
                    return
                data: list[str] = []
                async for line in answer.aiter_lines():
                    if line.startswith("data:"):
                        data.append(line.removeprefix("data:").removeprefix(" "))
                    elif not line and data:
                        self._incoming.put_nowait("\n".join(data))
                        data.clear()
        except httpx.HTTPError as error:
            raise LinkLost(str(error) or type(error).__name__) from None
        raise LinkLost("the server ended the stream")

    def _refused(self, problem: Refused | NotSignedIn | ConnectionLost) -> None:
        if isinstance(problem, NotSignedIn):
            raise LinkLost(str(problem), code=4001)
        if isinstance(problem, Refused) and problem.retry_after_s is not None:
            raise LinkLost(problem.message, reconnect_ms=int(problem.retry_after_s * 1000))
        raise LinkLost(str(problem))

    async def _post(self, request: Request) -> None:
        try:
            answer = await self._http.post(
                f"/rooms/{request.room_id}/commands",
                content=command_body(request),
                headers={**self._headers(), "Content-Type": "application/json"},
            )
        except httpx.HTTPError as error:
            # The stream may live on; this one command is asked again, under its key.
            self._answer(_unknown(request, str(error) or type(error).__name__))
            return
        if answer.is_success:
            try:
                done = _Committed.model_validate_json(answer.content)
                self._answer(Accepted(re=request.id, seq=done.seq, event_id=done.event_id))
            except ValidationError:
                self._answer(_unknown(request, "the server's answer cannot be understood"))
            return
        problem = problem_of(answer)
        if isinstance(problem, Refused):
            self._answer(
                RefusedLine(
                    re=request.id, code=problem.code, message=problem.message, retry_after_s=problem.retry_after_s
                )
            )
        elif isinstance(problem, NotSignedIn):
            self._answer(RefusedLine(re=request.id, code=RefusalCode.UNAUTHENTICATED, message=str(problem)))
        else:
            self._answer(_unknown(request, str(problem)))

    def _answer(self, answer: Accepted | RefusedLine) -> None:
        self._incoming.put_nowait(encode(answer).decode())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _unknown(request: Request, reason: str) -> RefusedLine:
    return RefusedLine(re=request.id, code=RefusalCode.UNKNOWN, message=reason)


@asynccontextmanager
async def open_sse(url: str, opening: Opening) -> AsyncIterator[Link]:
    """Open the stream; `welcome` and the rooms come by `receive`."""
    lost: LinkLost | None = None
    async with http_client(url, opening.client) as http, asyncio.TaskGroup() as tasks:
        link = SseLink(http, opening, tasks)
        try:
            link.start()
            yield link
        except LinkLost as error:
            # Raised below, so that the group does not wrap it.
            lost = error
        finally:
            link.stop()
    if lost is not None:
        raise lost
