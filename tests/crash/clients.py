"""Clients of a crash trial, on the bare protocol: writers that retry, viewers that resume, one cut, one frozen."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from multiplayer.protocol.codec import SUBPROTOCOL
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import Snapshot
from tests.crash.checker import NEVER_STORED, UNSURE, Answer, Attempt, Seen, Send, Stretch, View

ANSWER_S: Final = 20.0
"""Nothing may take longer than this on a link that is up: then the client gives the link up and comes back."""
WINDOW: Final = 4
BACK_S: Final = 0.05
FROZEN_S: Final = 6.0


class LinkLost(Exception):  # noqa: N818 - the state of a link
    """The connection is over, or the server turned us away: come back."""


@dataclass(frozen=True)
class Person:
    id: str
    token: str


Line = dict[str, object]


@asynccontextmanager
async def _link(ws_url: str, person: Person) -> AsyncIterator[tuple[ClientConnection, str]]:
    """A connection after `hello`, with the epoch. Every end of it becomes `LinkLost`."""
    try:
        async with connect(
            ws_url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            max_size=None,
            open_timeout=ANSWER_S,
            close_timeout=0.2,
            ping_interval=None,
            proxy=None,
        ) as connection:
            await connection.send(json.dumps({"type": "hello", "token": person.token}))
            first = json.loads(str(await asyncio.wait_for(connection.recv(), ANSWER_S)).split("\n", 1)[0])
            if first["type"] != "welcome":
                raise LinkLost(str(first))
            yield connection, first["epoch"]
    except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError, EOFError) as error:
        raise LinkLost(repr(error)) from None


class Writer:
    """Posts, edits, reacts and deletes for ever; what has no sure answer is sent again under the same key."""

    def __init__(self, name: str, person: Person, rooms: Sequence[str], ws_url: str, seed: int) -> None:
        self.name = name
        self.sends: list[Send] = []
        self.asks_ai = False
        self.is_cut = False
        """Now and then its link is cut in the middle of a frame, or right after one."""
        self._person = person
        self._rooms = rooms
        self._ws_url = ws_url
        self._random = random.Random(seed)
        self._numbers = count(1)
        self._open: dict[str, tuple[Send, Line]] = {}
        self._mine: list[tuple[str, str]] = []
        self._lines: dict[str, Line] = {}
        self._waiting: dict[str, tuple[Send, Attempt]] = {}
        self._free = asyncio.Semaphore(WINDOW)
        self._stop = asyncio.Event()
        self._accepted: set[str] = set()
        self._hears = asyncio.Event()

    @property
    def is_done(self) -> bool:
        return self._stop.is_set() and not self._open

    async def until_accepted(self, more: int) -> None:
        """Return when so many further commands were acknowledged. May wait for ever: the caller bounds it."""
        wanted = len(self._accepted) + more
        while len(self._accepted) < wanted:
            self._hears.clear()
            await self._hears.wait()

    def stop(self) -> None:
        """Begin nothing new; what is open is still brought to its end."""
        self._stop.set()

    async def run(self) -> None:
        while not self.is_done:
            try:
                async with _link(self._ws_url, self._person) as (connection, _):
                    await self._speak(connection)
            except LinkLost:
                await asyncio.sleep(BACK_S)

    async def _speak(self, connection: ClientConnection) -> None:
        self._waiting.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(self._hear(connection))
                for send, line in list(self._open.values()):
                    await self._say(connection, send, line)
                while not self._stop.is_set():
                    await self._free.acquire()
                    send, line = self._next()
                    self._open[send.key] = (send, line)
                    await self._say(connection, send, line)
                    await asyncio.sleep(self._random.uniform(0.002, 0.02))
                while self._open:  # noqa: ASYNC110 - emptied by what is heard; the trial bounds it
                    await asyncio.sleep(0.02)
                hearing.cancel()
        except* (LinkLost, ConnectionClosed, TimeoutError) as group:
            raise LinkLost(str(group.exceptions[0])) from None

    async def _say(self, connection: ClientConnection, send: Send, line: Line) -> None:
        request_id = str(next(self._numbers))
        attempt = Attempt(time.monotonic())
        send.attempts.append(attempt)
        self._waiting[request_id] = (send, attempt)
        text = json.dumps({**line, "id": request_id, "room_id": send.room_id, "key": send.key})
        if self.is_cut and self._random.random() < 0.04:
            frame = Frame(Opcode.TEXT, text.encode()).serialize(mask=True, extensions=[])
            length = self._random.choice([1, len(frame) // 2, len(frame) - 1, len(frame)])
            connection.transport.write(frame[:length])
            if self._random.random() < 0.5:
                await asyncio.sleep(0)
            connection.transport.abort()
            raise LinkLost(f"cut after {length} of {len(frame)} bytes")
        await connection.send(text)

    async def _hear(self, connection: ClientConnection) -> None:
        while True:
            for text in str(await asyncio.wait_for(connection.recv(), ANSWER_S + 10)).split("\n"):
                line = json.loads(text)
                if line["type"] == "closing":
                    raise LinkLost(text)
                if line["type"] in {"accepted", "refused"} and line.get("re") in self._waiting:
                    send, attempt = self._waiting.pop(line["re"])
                    attempt.answer = Answer(time.monotonic(), line.get("seq"), line.get("event_id"), line.get("code"))
                    await self._answered(connection, send, attempt.answer)

    async def _answered(self, connection: ClientConnection, send: Send, answer: Answer) -> None:
        held = self._open.get(send.key)
        if held is None:
            return
        if answer.refused in NEVER_STORED or answer.refused == UNSURE:
            await asyncio.sleep(BACK_S)
            await self._say(connection, *held)
            return
        del self._open[send.key]
        self._free.release()
        if answer.refused is None:
            self._accepted.add(send.key)
            self._hears.set()
        if answer.refused is None and held[1]["type"] == "post_message" and answer.event_id is not None:
            self._mine.append((send.room_id, answer.event_id))

    def _next(self) -> tuple[Send, Line]:
        dice = self._random.random()
        if dice < 0.05 and self.sends:
            # Long answered and asked again: the answer must be the same for ever.
            again = self._random.choice(self.sends)
            if again.key not in self._open:
                return again, self._lines[again.key]
        number = len(self.sends)
        room_id = self._random.choice(self._rooms)
        line: Line
        text = None
        if self.asks_ai and number % 12 == 5:
            text = f"@ai write {self.name}-{number}.txt: {self.name} wrote this, number {number}"
            line = {"type": "post_message", "text": text}
        elif dice < 0.30 and self._mine:
            room_id, message_id = self._random.choice(self._mine[-20:])
            line = {**self._change(number), "message_id": message_id}
        else:
            padding = "字" * self._random.choice([0, 0, 10, 400])
            text = f"{self.name} says {number} {padding}".strip()
            line = {"type": "post_message", "text": text}
        key = f"{self.name}-{number}"
        send = Send(room_id, self._person.id, key, text)
        self.sends.append(send)
        self._lines[key] = line
        return send, line

    def _change(self, number: int) -> Line:
        dice = self._random.random()
        if dice < 0.4:
            return {"type": "edit_message", "text": f"{self.name} means {number}"}
        if dice < 0.6:
            return {"type": "delete_message"}
        kind = "add_reaction" if dice < 0.85 else "remove_reaction"
        return {"type": kind, "emoji": self._random.choice("👍🎉")}


@dataclass
class _Place:
    view: View
    epoch: str = ""
    seq: int = -1


@dataclass
class Viewer:
    """Follows rooms by (epoch, seq); drops its link and comes back, sometimes as if for the first time."""

    name: str
    person: Person
    rooms: Sequence[str]
    ws_url: str
    seed: int
    from_start: bool = False
    """Begin with the first event instead of a snapshot, and keep the link as long as it holds."""
    views: list[View] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._places = {room_id: _Place(View(self.name, room_id)) for room_id in self.rooms}
        self.views = [place.view for place in self._places.values()]
        self._moved = asyncio.Event()

    def has_reached(self, heads: Callable[[str], int]) -> bool:
        return all(place.seq >= heads(room_id) for room_id, place in self._places.items())

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            stays_s = 1e9 if self.from_start else self._random.expovariate(0.4)
            try:
                async with _link(self.ws_url, self.person) as (connection, epoch), asyncio.timeout(stays_s):
                    await self._follow(connection, epoch)
            except LinkLost:
                await asyncio.sleep(BACK_S)

    async def _follow(self, connection: ClientConnection, epoch: str) -> None:
        joining: set[str] = set()
        for number, (room_id, place) in enumerate(self._places.items()):
            line: Line = {"type": "join", "id": str(number), "room_id": room_id}
            is_fresh = place.seq < 0 or self._random.random() < 0.15
            if self.from_start and place.seq < 0:
                place.view.stretches.append(Stretch(0))
                place.epoch, place.seq = epoch, 0
                is_fresh = False
            if not is_fresh or self.from_start:
                line["after"] = {"epoch": place.epoch, "seq": place.seq}
            joining.add(str(number))
            await connection.send(json.dumps(line))
        while True:
            receiving = connection.recv()
            frame = await (asyncio.wait_for(receiving, ANSWER_S) if joining else receiving)
            for text in str(frame).split("\n"):
                self._take(text, epoch, joining)

    def _take(self, text: str, epoch: str, joining: set[str]) -> None:
        line = json.loads(text)
        match line["type"]:
            case "joined":
                joining.discard(line["re"])
                place = self._places[line["room_id"]]
                if "snapshot" in line:
                    snapshot = Snapshot.model_validate(line["snapshot"])
                    messages: Sequence[Message] = snapshot.messages
                    place.view.stretches.append(Stretch(snapshot.seq, messages=messages))
                    place.epoch, place.seq = epoch, snapshot.seq
            case "reset":
                self._places[line["room_id"]].view.resets += 1
            case "closing":
                raise LinkLost(text)
            case "refused":
                # The room could not be opened just now; come back for it.
                raise LinkLost(text)
            case _ if "seq" in line and "actor_id" in line:
                place = self._places[line["room_id"]]
                place.view.stretches[-1].seen.append(Seen(line["seq"], line["id"], text))
                place.seq = max(place.seq, line["seq"])
            case _:
                pass


async def freeze(person: Person, rooms: Sequence[str], ws_url: str) -> None:
    """For ever: join, then read no byte for a while, and begin again."""
    while True:
        try:
            async with _link(ws_url, person) as (connection, _):
                for number, room_id in enumerate(rooms):
                    await connection.send(json.dumps({"type": "join", "id": str(number), "room_id": room_id}))
                connection.transport.pause_reading()
                # Who reads nothing does not hear that the server went away either, so it comes anew by the clock.
                await asyncio.sleep(FROZEN_S)
                connection.transport.abort()
        except LinkLost:
            await asyncio.sleep(BACK_S)
