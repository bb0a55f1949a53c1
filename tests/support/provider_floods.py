"""The stand-in behaviours without end: silence, what only looks like life, and more than anybody could hold.

They end when the client closes its connection, and are used as those of `tests.support.provider` are.
"""

import asyncio
import json
from contextlib import suppress

from pydantic import JsonValue

from tests.support.provider_server import Behaviour, Reply

_BLOCK = 65536


def _chunk(text: str) -> bytes:
    """One event with words, as bytes."""
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


async def flood(reply: Reply, data: bytes) -> None:
    """Send `data` again and again, as fast as it is read."""
    while not reply.request.closed.is_set():
        await reply.body(data)


async def _drip(reply: Reply, data: bytes, every_s: float) -> None:
    while not reply.request.closed.is_set():
        await reply.raw(data)
        with suppress(TimeoutError):
            await asyncio.wait_for(reply.request.closed.wait(), every_s)


# Silence, and what only looks like life


def empty_chunks_forever(*, every_s: float = 0.02) -> Behaviour:
    """Chunks without choices and pings, for ever."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        data = b'event: ping\ndata: {}\n\ndata: {"choices":[]}\n\n'
        await _drip(reply, f"{len(data):x}\r\n".encode() + data + b"\r\n", every_s)

    return Behaviour("empty_chunks_forever", play)


def blank_lines_forever(*, every_s: float = 0.02) -> Behaviour:
    """A JSON answer that never comes, behind the empty lines that keep its connection alive."""

    async def play(reply: Reply) -> None:
        await reply.head(content_type="application/json")
        await _drip(reply, b"1\r\n\n\r\n", every_s)

    return Behaviour("blank_lines_forever", play)


def slow_headers(*, every_s: float = 0.02) -> Behaviour:
    """A head of which a byte comes now and then, and no end."""

    async def play(reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\nx-slow: ")
        await _drip(reply, b"x", every_s)

    return Behaviour("slow_headers", play)


def early_hints_forever(*, every_s: float = 0.02) -> Behaviour:
    """One interim response after another."""

    async def play(reply: Reply) -> None:
        await _drip(reply, b"HTTP/1.1 103 Early Hints\r\n\r\n", every_s)

    return Behaviour("early_hints_forever", play)


def error_body_never_comes(code: int) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.head(code, content_type="application/json")
        await reply.until_closed()

    return Behaviour("error_body_never_comes", play)


def drips_forever(field: str = "content", *, every_s: float = 0.02) -> Behaviour:
    """A word now and then, each in time, without end."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        while not reply.request.closed.is_set():
            await reply.delta({field: "drip "})
            with suppress(TimeoutError):
                await asyncio.wait_for(reply.request.closed.wait(), every_s)

    return Behaviour("drips_forever", play)


# Floods


def endless_arguments(name: str) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"tool_calls": [{"index": 0, "id": "c", "function": {"name": name, "arguments": '{"a":"'}}]})
        piece: JsonValue = [
            {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 4096}}]}}
        ]
        await flood(reply, f"data: {json.dumps({'choices': piece})}\n\n".encode())

    return Behaviour("endless_arguments", play)


def endless_calls(name: str) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        for index in range(100_000):
            call: JsonValue = {"index": index, "function": {"name": name, "arguments": "{}"}}
            await reply.delta({"tool_calls": [call]})

    return Behaviour("endless_calls", play)


def endless_error_body(code: int) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.head(code, content_type="application/json")
        await reply.body(b'{"error": {"message": "')
        await flood(reply, b"x" * _BLOCK)

    return Behaviour("endless_error_body", play)


def deeply_nested(depth: int = 100_000) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(b"data: " + b"[" * depth + b"]" * depth + b"\n\n")
        await reply.until_closed()

    return Behaviour("deeply_nested", play)


def whole_json_without_end() -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.head(content_type="application/json")
        await reply.body(b'{"choices":[{"message":{"content":"')
        await flood(reply, b"x" * _BLOCK)

    return Behaviour("whole_json_without_end", play)


def endless_headers() -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\n")
        while not reply.request.closed.is_set():
            await reply.raw(b"x-more: " + b"x" * 1000 + b"\r\n")

    return Behaviour("endless_headers", play)


def endless_event() -> Behaviour:
    """One event of ever more data lines."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await flood(reply, b"data: " + b"x" * 1000 + b"\n")

    return Behaviour("endless_event", play)


def endless_comments() -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await flood(reply, b": " + b"x" * 1000 + b"\n\n")

    return Behaviour("endless_comments", play)


def endless_words(word: str) -> Behaviour:
    """Words as fast as they can be read, without end."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await flood(reply, _chunk(word))

    return Behaviour("endless_words", play)
