"""One member's connection in the load generator: it joins, sends, and keeps just enough to prove what it received."""

import asyncio
import json
import time
import zlib
from collections.abc import Callable

from benchmarks.jobs import Place
from benchmarks.wire import Wire, WireBroke

ACCEPTED = b'{"type":"accepted"'
REFUSED = b'{"type":"refused"'
_JOIN_S = 60.0


class Member:
    """While joining, lines are parsed; while measuring, they are only counted and summed.

    All members of a room are sent the same lines, cut into frames differently: so the checksum runs over the lines,
    with the answers to the member's own commands taken out. Equal count and checksum mean the same lines in one order.
    """

    def __init__(self, place: Place, number: int, *, keeps_lines: bool = False) -> None:
        self.number = number
        self.lines = 0
        self.checksum = 0
        self.marks: list[tuple[int, float]] = []
        """After each frame: lines so far, and when."""
        self.kept: list[bytes] = []
        self.faults: list[str] = []
        self.answered: Callable[[bytes, float], None] = _ignore
        self.heard: Callable[[bytes, float], None] = _ignore
        """Every line, while not measuring."""
        self.last_heard_s = 0.0
        self._place = place
        self._keeps_lines = keeps_lines
        self._wire: Wire | None = None
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def join(self) -> None:
        """Connect, sign in and join the room. Raises `WireBroke`."""
        place = self._place
        token = place.tokens[self.number]
        if place.dialect == "naive":
            path, subprotocol, first = f"/ws/{place.room_id}/{token}", "", []
        else:
            path, subprotocol = "/ws", "multiplayer.v1"
            first = [
                {"type": "hello", "token": token, "client": "benchmarks"},
                {"type": "join", "id": "join", "room_id": place.room_id},
            ]
        wire = await Wire.open(place.port, path, self._take_unmeasured, self._lost, subprotocol=subprotocol)
        self._wire = wire
        for line in first:
            wire.send(json.dumps(line).encode())
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._joined
        except TimeoutError:
            raise WireBroke(f"member {self.number} was not let in within {_JOIN_S:.0f} s") from None

    def start_measuring(self) -> None:
        self.lines = self.checksum = 0
        self.marks.clear()
        self.kept.clear()
        assert self._wire is not None, "joined"
        self._wire.take = self._take_measured

    def stop_measuring(self) -> None:
        assert self._wire is not None, "joined"
        self._wire.take = self._take_unmeasured

    def post(self, key: str, text: str) -> None:
        body = {"type": "post_message", "id": key, "key": key, "room_id": self._place.room_id, "text": text}
        assert self._wire is not None, "joined"
        self._wire.send(json.dumps(body, separators=(",", ":")).encode())

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    def _take_measured(self, frame: bytes) -> None:
        now_s = time.perf_counter()
        if ACCEPTED in frame or REFUSED in frame:
            lines = []
            for line in frame.split(b"\n"):
                if line.startswith((ACCEPTED, REFUSED)):
                    self.answered(line, now_s)
                else:
                    lines.append(line)
            if not lines:
                return
            frame = b"\n".join(lines)
        self.lines += frame.count(b"\n") + 1
        self.checksum = zlib.crc32(b"\n", zlib.crc32(frame, self.checksum))
        self.marks.append((self.lines, now_s))
        if self._keeps_lines:
            self.kept.append(frame)

    def _take_unmeasured(self, frame: bytes) -> None:
        now_s = self.last_heard_s = time.perf_counter()
        for line in frame.split(b"\n"):
            if line.startswith((ACCEPTED, REFUSED)):
                if not self._joined.done():
                    self._joined.set_exception(WireBroke(f"member {self.number}: {line.decode()[:200]}"))
                self.answered(line, now_s)
            elif not self._joined.done() and line.startswith(b'{"type":"joined"'):
                self._joined.set_result(None)
            else:
                self.heard(line, now_s)

    def _lost(self, why: str) -> None:
        if not self._joined.done():
            self._joined.set_exception(WireBroke(f"member {self.number}: {why}"))
        self.faults.append(f"member {self.number} lost its connection: {why}")


def _ignore(_line: bytes, _at_s: float) -> None:
    """Nobody asked."""
