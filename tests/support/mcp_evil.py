"""An MCP server behind an address that means harm: each answer is one attack, and what came is kept."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support import mcp_rogue

Answer = Callable[["Evil", str, bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Evil:
    """An HTTP server that answers each request as it is told, and keeps what came."""

    answer: Answer
    port: int = 0
    heads: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    location: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.heads.append(head)
                length = next(
                    (int(each[15:]) for each in head.lower().split("\r\n") if each.startswith("content-length")), 0
                )
                await self.answer(self, head.split(" ")[0], await reader.readexactly(length), writer)


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[Evil]:
    evil = Evil(answer)
    server = await asyncio.start_server(evil.serve, "127.0.0.1", 0)
    evil.port = server.sockets[0].getsockname()[1]
    async with server:
        yield evil
        for writer in evil.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def response(body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


async def answered(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> dict[str, object] | None:
    """Answer as a server of 2025-11-25 does; return a call, which is not answered."""
    if method != "POST":
        writer.write(response(b"", "405 Method Not Allowed"))
        return None
    asked: dict[str, object] = json.loads(body)
    wire = mcp_rogue.Wire()
    results: dict[object, object] = {"initialize": mcp_rogue.HELLO, "tools/list": mcp_rogue.listed("", asked, wire)}
    if asked.get("method") == "tools/call":
        return asked
    if "id" not in asked:
        writer.write(response(b"", "202 Accepted"))
    elif asked["method"] in results:
        reply = {"jsonrpc": "2.0", "id": asked["id"], "result": results[asked["method"]]}
        writer.write(response(json.dumps(reply).encode()))
    else:
        reply = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}}
        writer.write(response(json.dumps(reply).encode()))
    await writer.drain()
    return None


async def redirects_always(evil: Evil, _: str, __: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(response(b"", "307 Temporary Redirect", more=f"Location: {evil.location}\r\n"))
    await writer.drain()


async def redirects_calls(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        await redirects_always(evil, method, body, writer)


async def sends_without_end(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            writer.write(b'"' + b"x" * 65_536)
            await writer.drain()


async def streams_without_end(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(STREAM)
        event = b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}\n\n'
        while True:
            writer.write(event * 100 + b": nothing\n" * 1_000)
            await writer.drain()


async def says_nothing_without_end(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(STREAM)
        while True:
            writer.write(b": nothing\n" * 5_000)
            await writer.drain()


async def asks_without_end(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(STREAM)
        for number in range(100_000):
            ask = {"jsonrpc": "2.0", "id": number, "method": "sampling/createMessage", "params": {}}
            writer.write(b"event: message\ndata: " + json.dumps(ask).encode() + b"\n\n")
            await writer.drain()


async def one_endless_event(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(STREAM + b"data: ")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()


async def breaks_off_again_and_again(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if method == "GET" or await answered(evil, method, body, writer):
        writer.write(STREAM + b"id: 1\nretry: 0\ndata: \n\n")
        await writer.drain()
        writer.close()


async def never_answers(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        await asyncio.sleep(3_600)


async def trickles(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(STREAM)
        while True:
            writer.write(b":\n")
            await writer.drain()
            await asyncio.sleep(0.2)


async def answers_garbage(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if await answered(evil, method, body, writer):
        writer.write(response(b"\xff\xfe not json"))


async def packs_a_bomb(evil: Evil, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:

    if await answered(evil, method, body, writer):
        packed = gzip.compress(b" " * 50_000_000)
        writer.write(response(packed, more="Content-Encoding: gzip\r\n"))
