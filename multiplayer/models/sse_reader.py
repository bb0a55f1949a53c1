"""Reads server-sent events from a byte stream, within bounds that no sender can pass."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class StreamTooBig(Exception):  # noqa: N818 - says what the stream is
    """A line, an event or the whole stream passed its bound."""


@dataclass(frozen=True, slots=True)
class SseLimits:
    """Bounds in bytes: one line, the data of one event, everything that is read."""

    line: int = 1024 * 1024
    event: int = 4 * 1024 * 1024
    total: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One dispatched event. `name` is `message` when the sender gave none."""

    name: str
    data: str


class SseReader:
    """Turns chunks of bytes, split anywhere, into events (HTML Living Standard §9.2.6).

    It differs from the standard in one thing: an event whose lines are all complete counts at the end of the
    stream even without the empty line after it, because model providers end so. A line cut in the middle does not.
    """

    def __init__(self, limits: SseLimits) -> None:
        self._limits = limits
        self._total = 0
        self._line = bytearray()
        self._is_after_return = False
        self._is_first_line = True
        self._data: list[bytes] = []
        self._data_size = 0
        self._name = b""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events that `chunk` completes; raises `StreamTooBig`."""
        self._total += len(chunk)
        if self._total > self._limits.total:
            raise StreamTooBig(f"the stream has more than {self._limits.total} bytes")
        if not chunk:
            return []
        # A line ended at the return already: waiting for its line feed would hold a complete event back.
        body = chunk[1:] if self._is_after_return and chunk.startswith(b"\n") else chunk
        self._is_after_return = chunk.endswith(b"\r")
        first, *rest = _LINE_END.split(body)
        events: list[SseEvent] = []
        self._extend_line(first)
        for piece in rest:
            line = bytes(self._line)
            self._line.clear()
            self._extend_line(piece)
            event = self._take_line(line)
            if event is not None:
                events.append(event)
        return events

    def finish(self) -> list[SseEvent]:
        """Return the event that the end of the stream completes, if any."""
        event = self._dispatch()
        return [] if event is None else [event]

    def _extend_line(self, piece: bytes) -> None:
        if len(self._line) + len(piece) > self._limits.line:
            raise StreamTooBig(f"a line has more than {self._limits.line} bytes")
        self._line += piece

    def _take_line(self, line: bytes) -> SseEvent | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data_size += len(value) + 1
            if self._data_size > self._limits.event:
                raise StreamTooBig(f"an event has more than {self._limits.event} bytes")
            self._data.append(value)
        elif field == b"event":
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        data, name = self._data, self._name
        self._data, self._data_size, self._name = [], 0, b""
        if not data:
            return None
        return SseEvent(name.decode(errors="replace") or "message", b"\n".join(data).decode(errors="replace"))


async def read_events(chunks: AsyncIterator[bytes], limits: SseLimits) -> AsyncGenerator[SseEvent, None]:
    """Yield the events of `chunks` as they come. `chunks` is the caller's to close."""
    reader = SseReader(limits)
    async for chunk in chunks:
        for event in reader.feed(chunk):
            yield event
    for event in reader.finish():
        yield event
