"""The front of the process: ports, handshakes that never end, requests that are none, and an end in good order."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import websockets

from multiplayer.live.pod import PodLimits
from multiplayer.models.scripted import Say, ScriptedModel, Stall
from multiplayer.transports.app import build_app
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.deadlines import Deadlines
from multiplayer.transports.server import CannotListen, Server, raise_file_limit
from tests.support.people import PATIENCE_S, Transport, person, until
from tests.support.pods import memory_pod
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def raw(server: RunningServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends the connection, one way or the other."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[RunningServer]:
    deadlines = Deadlines(headers_s=0.3, body_s=0.3, reader_s=0.3, linger_s=0.3)
    async with running_server(tmp_path, deadlines=deadlines, limits=PodLimits(hello_s=0.3)) as running:
        yield running


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        HANDSHAKE[:-2],
        HANDSHAKE[:60],
        b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        b"POST /api/v1/sessions HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
async def test_what_is_begun_and_never_ended_is_dropped(impatient: RunningServer, begun: bytes) -> None:
    async with raw(impatient) as (reader, writer):
        writer.write(begun)
        assert await all_of(reader) == b""
    assert (await impatient.http.get("/healthz")).status_code == 200


async def test_bytes_that_trickle_do_not_keep_a_handshake_or_a_body_open(impatient: RunningServer) -> None:
    head = (
        b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    for begun in (b"GET / HTTP/1.1\r\nX-A: ", head, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\r\n"):
        async with raw(impatient) as (reader, writer):
            writer.write(begun)
            async with asyncio.TaskGroup() as tasks:
                trickling = tasks.create_task(_trickle(writer))
                await all_of(reader)
                trickling.cancel()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELO example\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: " + b"b" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n",
        HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"x"),
        HANDSHAKE.replace(b"Version: 13", b"Version: 7"),
        HANDSHAKE.replace(b"/ws", b"/\xff"),
        HANDSHAKE.replace(b"Host: x", b"Host: \xff"),
        HANDSHAKE.replace(b"GET", b"POST"),
        b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: multiplayer=\xff\x80\r\n\r\n",
    ],
)
async def test_nonsense_is_answered_or_dropped_and_the_server_lives(impatient: RunningServer, nonsense: bytes) -> None:
    async with raw(impatient) as (reader, writer):
        with suppress(ConnectionError):
            writer.write(nonsense)
            await writer.drain()
        answer = await all_of(reader)
        assert b"Traceback" not in answer
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 101")), answer[:200]
    assert (await impatient.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "frames",
    [
        b"\x81\x05hello",  # not masked
        b"\xf1\x80\x00\x00\x00\x00",  # reserved bits
        b"\x83\x80\x00\x00\x00\x00",  # an opcode that is none
        b"\x81\xff\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00",  # 64 MiB announced
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",  # not UTF-8
        b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + b"p" * 126,  # a ping over its limit
        b"\x80\x80\x00\x00\x00\x00",  # a continuation of nothing
        b"\x88\x81\x00\x00\x00\x00\x01",  # a close code cut short
        b"\x81\xfe\x10\x00\x00\x00\x00\x00cut",  # half a frame, then nothing
        b"\x88\x80\x00\x00\x00\x00",
        b"",
    ],
)
async def test_broken_frames_end_their_connection_only(server: RunningServer, frames: bytes) -> None:
    async with raw(server) as (reader, writer):
        writer.write(HANDSHAKE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(frames)
        writer.write_eof()
        await all_of(reader)
    alice = await server.know("alice")
    async with person(server, alice, "websocket") as someone:
        assert someone.heard[0]["type"] == "welcome"


async def test_clients_that_are_cut_leave_no_session(server: RunningServer, transport: Transport) -> None:
    alice = await server.know("alice-who-is-cut")
    room_id = await server.room(alice)
    for _ in range(5):
        async with raw(server) as (reader, writer):
            if transport == "websocket":
                writer.write(HANDSHAKE)
                await reader.readuntil(b"\r\n\r\n")
                hello = b'{"type":"hello","token":"%b"}' % alice.token.encode()
                writer.write(b"\x81" + bytes([0x80 | len(hello)]) + b"\x00" * 4 + hello)
                await reader.readuntil(b"heartbeat_s")
                # Half of a frame that will never be whole.
                writer.write(b"\x81\xfe\x01\x00\x00\x00\x00\x00{")
            else:
                writer.write(
                    b"GET /api/v1/stream?join=%b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n"
                    % (room_id.encode(), alice.token.encode())
                )
                await reader.readuntil(b"heartbeat_s")
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    await until(lambda: not server.pod.sessions.of(alice.id))


async def test_a_port_in_use_is_named(server: RunningServer) -> None:
    with pytest.raises(CannotListen, match=f"port {server.port} on 127.0.0.1 is in use.*--port.*make run PORT="):
        Server(build_app(server.pod, HttpConfig()), server.pod, host="127.0.0.1", port=server.port)
    with pytest.raises(CannotListen, match="cannot listen on"):
        Server(build_app(server.pod, HttpConfig()), server.pod, host="no.such.host.invalid", port=0)


async def test_the_end_tells_everyone_1012_with_a_hint_and_takes_no_one_new(
    tmp_path: Path, transport: Transport
) -> None:
    begun = asyncio.Event()
    model = ScriptedModel([[Say("Words so far"), Stall(begun)]])
    async with memory_pod(tmp_path, model=model) as pod:
        async with Server(build_app(pod, HttpConfig()), pod, host="127.0.0.1", port=0) as listener:
            running = RunningServer(pod, listener, _http(listener))
            async with running.http:
                alice = await running.know("alice")
                room_id = await running.room(alice)
                async with person(running, alice, transport) as someone:
                    await someone.join(room_id)
                    await someone.post(room_id, "@ai speak")
                    await someone.expect_type("ai_delta")
                    listener.stop()
                    await someone.expect_type("server_draining")
                    await someone.expect_type("turn_ended", outcome="interrupted")
                    assert await someone.closed() == 1012
                    reconnect_ms = someone.heard[-1]["reconnect_ms"]
                    assert isinstance(reconnect_ms, int)
                    assert 0 < reconnect_ms < 10_000
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection("127.0.0.1", listener.port)
        assert len(pod.sessions) == 0


def _http(listener: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=listener.url, trust_env=False)


async def test_while_draining_it_is_not_ready_and_begins_no_session(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice = await server.know("alice")
        server.pod.drain()
        ready = await server.http.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "unavailable")
        stream = await server.http.get("/api/v1/stream", headers=alice.bearer)
        assert (stream.status_code, stream.headers["retry-after"]) == (503, "1")
        async with websockets.connect(server.url.replace("http", "ws") + "/ws", proxy=None) as connection:
            await connection.send(f'{{"type":"hello","token":"{alice.token}"}}')
            lines = str(await connection.recv()).split("\n")
            assert '"code":1012' in lines[-1]


async def test_the_soft_limit_of_files_is_raised_to_the_hard_one() -> None:
    limit = raise_file_limit()
    assert limit == raise_file_limit()
    assert limit >= 256
