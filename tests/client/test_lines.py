"""A reader's way through a room: live lines, the log, and slowness."""

import asyncio
from collections.abc import Sequence

import pytest

from multiplayer.client import Line, Lines
from multiplayer.client.lines import MAX_WAITING, UnknownLine, parse_line
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.signals import Reset

PAGE = 500


class Room:
    """A log of numbered lines and one reader of it."""

    def __init__(self) -> None:
        self.seq = 0
        self.readers: list[Lines] = []
        self.pages = 0

    def read(self, after: int) -> Lines:
        lines = Lines(after, live_seq=lambda: self.seq, read_log=self._page)
        self.readers.append(lines)
        return lines

    def append(self, count: int = 1) -> None:
        for _ in range(count):
            self.seq += 1
            for reader in self.readers:
                reader.offer(Line(str(self.seq), None, self.seq))

    def signal(self) -> None:
        for reader in self.readers:
            reader.offer(Line("signal", None, None))

    async def _page(self, after: int) -> Sequence[Line]:
        self.pages += 1
        return [Line(str(seq), None, seq) for seq in range(after + 1, min(after + PAGE, self.seq) + 1)]


async def take(lines: Lines, count: int) -> list[int | None]:
    return [(await anext(lines)).seq for _ in range(count)]


async def test_a_reader_with_much_to_read_lets_others_run_and_takes_what_is_there_at_once() -> None:
    room = Room()
    lines = room.read(0)
    room.append(250)
    others = 0

    async def count() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        other = tasks.create_task(count())
        assert await take(lines, 50) == list(range(1, 51))
        assert others >= 50
        assert [line.seq for line in await lines.batch(100)] == list(range(51, 151))
        assert len(await lines.batch(1_000)) == 100
        other.cancel()


async def test_a_reader_from_an_old_place_gets_the_log_and_then_what_is_live() -> None:
    room = Room()
    room.append(1_200)
    lines = room.read(3)
    assert await take(lines, 10) == list(range(4, 14))
    room.append(5)
    assert await take(lines, 1_192) == list(range(14, 1_206))
    room.signal()
    room.append()
    assert await take(lines, 2) == [None, 1_206]


async def test_a_reader_that_is_too_slow_misses_signals_but_no_event() -> None:
    room = Room()
    lines = room.read(0)
    room.append(MAX_WAITING + 700)
    room.signal()
    assert await take(lines, MAX_WAITING + 700) == list(range(1, MAX_WAITING + 701))
    assert room.pages == 2
    room.append()
    assert await take(lines, 1) == [MAX_WAITING + 701]


async def test_a_reader_ahead_of_what_has_arrived_here_gets_no_event_twice() -> None:
    room = Room()
    room.append(2)
    lines = room.read(3)
    room.append(2)
    assert await take(lines, 1) == [4]


async def test_a_reset_voids_what_waits_and_reading_goes_on_from_the_snapshot() -> None:
    room = Room()
    lines = room.read(0)
    room.append(3)
    lines.offer(Line("reset", Reset(room_id=RoomId("r"), reason="restored"), None))
    lines.restart(1)
    room.seq = 1
    room.append()
    assert await take(lines, 2) == [None, 2]


async def test_what_came_before_the_end_is_read_before_the_end() -> None:
    room = Room()
    lines = room.read(0)
    room.append(2)
    lines.end(StopAsyncIteration())
    assert [line.seq async for line in lines] == [1, 2]


def test_a_line_of_an_unknown_kind_keeps_its_place_in_the_log() -> None:
    assert parse_line('{"type":"new_kind","room_id":"r","seq":7}') == UnknownLine(RoomId("r"), 7)
    assert parse_line('{"type":"accepted","re":"1","seq":7,"new_field":1}') == UnknownLine(None, None)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', "7"])
def test_what_is_no_object_is_no_line(text: str) -> None:
    assert parse_line(text) is None
