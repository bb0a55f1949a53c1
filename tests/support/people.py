"""People at a real server: one interface, one person with a WebSocket, one with server-sent events and POST."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal, cast

import httpx
from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from multiplayer.protocol.codec import SUBPROTOCOL, JsonValue
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.transports.problems import Problem
from tests.support.server import Known, RunningServer

Line = Mapping[str, JsonValue]
Transport = Literal["websocket", "sse"]
PATIENCE_S = 30.0
"""How long a test waits for what must come; only a broken server takes as long."""


class Person(ABC):
    """Says lines and hears lines. `heard` is all that came, in order."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.heard: list[Line] = []
        self._is_over = False
        self._news = asyncio.Condition()
        self._next_id = 0

    @property
    def id(self) -> AccountId:
        return self.known.id

    @abstractmethod
    async def join(self, room_id: RoomId, *, after: int | None = None, epoch: str | None = None) -> Line:
        """Open the room on this session; return the `joined` or `refused` line."""

    @abstractmethod
    async def ask(self, room_id: RoomId, kind: str, *, key: str | None = None, **fields: object) -> Line:
        """Send a command and return its answer as an `accepted` or `refused` line."""

    @abstractmethod
    async def ask_raw(self, room_id: RoomId, text: str) -> Line:
        """Send a command as any text with the room's id for `ROOM`; return the answer as above."""

    @abstractmethod
    async def renew(self, token: str) -> Line:
        """Keep the session with a new token; return the answer."""

    @abstractmethod
    def stop_reading(self) -> None:
        """Freeze: nothing more is taken from the network."""

    @abstractmethod
    def read_on(self) -> None:
        """Thaw."""

    async def post(self, room_id: RoomId, text: str, *, key: str | None = None, **fields: object) -> Line:
        return await self.ask(room_id, "post_message", key=key, text=text, **fields)

    async def expect(self, is_it: Callable[[Line], bool], *, start: int = 0, within_s: float = PATIENCE_S) -> Line:
        """Return the first line from `start` on for which `is_it` holds; wait for it, with a bound."""
        seen = start
        async with asyncio.timeout(within_s), self._news:
            while True:
                for line in self.heard[seen:]:
                    if is_it(line):
                        return line
                seen = len(self.heard)
                assert not self._is_over, f"the session ended before it came; heard {self.heard[-5:]}"
                await self._news.wait()

    async def expect_type(self, kind: str, *, start: int = 0, within_s: float = PATIENCE_S, **fields: object) -> Line:
        return await self.expect(
            lambda line: line["type"] == kind and all(line.get(name) == value for name, value in fields.items()),
            start=start,
            within_s=within_s,
        )

    async def closed(self, *, within_s: float = PATIENCE_S) -> int:
        """Wait for the end; return the code of the `closing` line."""
        async with asyncio.timeout(within_s), self._news:
            while not self._is_over:
                await self._news.wait()
        closing = self.heard[-1]
        assert closing["type"] == "closing", f"the last line should say why: {closing}"
        return cast("int", closing["code"])

    def events(self, room_id: RoomId) -> Sequence[Line]:
        """The stored events heard of a room, in the order they came."""
        return [line for line in self.heard if line.get("room_id") == room_id and "actor_id" in line]

    def texts(self, room_id: RoomId) -> Sequence[str]:
        """What was said, in the order it came."""
        posted = [line for line in self.events(room_id) if line["type"] == "message_posted"]
        return [cast("str", cast("Line", line["message"])["text"]) for line in posted]

    def _new_id(self) -> str:
        self._next_id += 1
        return str(self._next_id)

    async def _hear(self, lines: Sequence[str]) -> None:
        async with self._news:
            self.heard += [cast("Line", json.loads(line)) for line in lines]
            self._news.notify_all()

    async def _end(self) -> None:
        async with self._news:
            self._is_over = True
            self._news.notify_all()


class WebSocketPerson(Person):
    def __init__(self, known: Known, connection: ClientConnection) -> None:
        super().__init__(known)
        self.connection = connection
        self._may_read = asyncio.Event()
        self._may_read.set()

    @override
    async def join(self, room_id: RoomId, *, after: int | None = None, epoch: str | None = None) -> Line:
        start = len(self.heard)
        request: dict[str, object] = {"type": "join", "id": self._new_id(), "room_id": room_id}
        if after is not None:
            request["after"] = {"epoch": epoch or self.heard[0]["epoch"], "seq": after}
        return await self._answer(request, start)

    @override
    async def ask(self, room_id: RoomId, kind: str, *, key: str | None = None, **fields: object) -> Line:
        request: dict[str, object] = {"type": kind, "id": self._new_id(), "room_id": room_id, **fields}
        if key is not None:
            request["key"] = key
        return await self._answer(request, len(self.heard))

    @override
    async def ask_raw(self, room_id: RoomId, text: str) -> Line:
        start = len(self.heard)
        stamped = text.replace("{", f'{{"id":"{self._new_id()}","room_id":"{room_id}",', 1)
        await self.connection.send(stamped)
        return await self.expect(lambda line: line["type"] in {"refused", "accepted"}, start=start)

    @override
    async def renew(self, token: str) -> Line:
        return await self._answer({"type": "renew", "id": self._new_id(), "token": token}, len(self.heard))

    @override
    def stop_reading(self) -> None:
        self._may_read.clear()
        self.connection.transport.pause_reading()

    @override
    def read_on(self) -> None:
        self.connection.transport.resume_reading()
        self._may_read.set()

    async def run(self) -> None:
        """Read to the end."""
        try:
            while True:
                text = await self.connection.recv()
                assert isinstance(text, str), "frames are text"
                await self._hear(text.split("\n"))
                await self._may_read.wait()
        except ConnectionClosed:
            await self._end()

    async def _answer(self, request: dict[str, object], start: int) -> Line:
        await self.connection.send(json.dumps(request))
        return await self.expect(lambda line: line.get("re") == request["id"], start=start)


class SsePerson(Person):
    def __init__(self, known: Known, http: httpx.AsyncClient, stream: httpx.Response) -> None:
        super().__init__(known)
        self._http = http
        self.stream = stream
        self._may_read = asyncio.Event()
        self._may_read.set()

    @override
    async def join(self, room_id: RoomId, *, after: int | None = None, epoch: str | None = None) -> Line:
        start = len(self.heard)
        request: dict[str, object] = {"type": "join", "id": self._new_id(), "room_id": room_id}
        if after is not None:
            request["after"] = {"epoch": epoch or self.heard[0]["epoch"], "seq": after}
        return await self._say(request, start)

    @override
    async def ask(self, room_id: RoomId, kind: str, *, key: str | None = None, **fields: object) -> Line:
        command: dict[str, object] = {"type": kind, **fields}
        if key is not None:
            command["key"] = key
        return await self.ask_raw(room_id, json.dumps(command))

    @override
    async def ask_raw(self, room_id: RoomId, text: str) -> Line:
        answer = await self._http.post(
            f"/api/v1/rooms/{room_id}/commands",
            content=text.encode("utf-8", "surrogatepass"),
            headers={**self.known.bearer, "Content-Type": "application/json"},
        )
        return answer_line(answer)

    @override
    async def renew(self, token: str) -> Line:
        return await self._say({"type": "renew", "id": self._new_id(), "token": token}, len(self.heard))

    @override
    def stop_reading(self) -> None:
        self._may_read.clear()

    @override
    def read_on(self) -> None:
        self._may_read.set()

    async def run(self) -> None:
        """Read to the end."""
        rest = ""
        try:
            async for piece in self.stream.aiter_text():
                rest += piece
                *events, rest = rest.split("\n\n")
                for event in events:
                    await self._hear([line[6:] for line in event.split("\n") if line.startswith("data: ")])
                await self._may_read.wait()
        except httpx.HTTPError:
            # Cut: what was heard stands.
            pass
        finally:
            await self._end()

    async def _say(self, request: dict[str, object], start: int) -> Line:
        session_id = self.heard[0]["session_id"]
        answer = await self._http.post(f"/api/v1/stream/{session_id}", json=request, headers=self.known.bearer)
        assert answer.status_code == 202, answer.text
        return await self.expect(lambda line: line.get("re") == request["id"], start=start)


def answer_line(answer: httpx.Response) -> Line:
    """Read an answer to a POST as the line a WebSocket would have had."""
    if answer.is_success:
        return {"type": "accepted", **answer.json()}
    problem = Problem.model_validate_json(answer.content)
    return {"type": "refused", "code": problem.code, "message": problem.detail, "status": problem.status}


@asynccontextmanager
async def person(
    server: RunningServer, known: Known, transport: Transport, *, path: str = "/api/v1/stream"
) -> AsyncIterator[Person]:
    """Someone who is connected and welcomed, until the block is left."""
    if transport == "websocket":
        async with (
            connect(
                server.url.replace("http", "ws") + "/ws",
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                max_size=None,
                proxy=None,
                compression=None,
                open_timeout=PATIENCE_S,
                close_timeout=0.5,
            ) as connection,
            asyncio.TaskGroup() as tasks,
        ):
            someone: Person = WebSocketPerson(known, connection)
            await connection.send(json.dumps({"type": "hello", "token": known.token}))
            reading = tasks.create_task(cast("WebSocketPerson", someone).run())
            try:
                await someone.expect_type("welcome")
                yield someone
            finally:
                reading.cancel()
        return
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as http:
        headers = {**known.bearer, "Accept": "text/event-stream"}
        async with http.stream("GET", path, headers=headers) as stream, asyncio.TaskGroup() as tasks:
            assert stream.status_code == 200, await stream.aread()
            someone = SsePerson(known, http, stream)
            reading = tasks.create_task(someone.run())
            try:
                await someone.expect_type("welcome")
                yield someone
            finally:
                reading.cancel()


async def until(is_so: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Wait for what the server does by itself and tells nobody."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - the server announces it to nobody
            await asyncio.sleep(0.01)
