"""Each limit at its last good value and one past it: the refusal has a name, over a WebSocket and over SSE with POST."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from multiplayer.live.clock import Clock
from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.protocol.codec import MAX_FRAME_BYTES
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.ids import RoomId
from multiplayer.rooms.limits import RoomLimits
from multiplayer.transports.deadlines import Deadlines
from multiplayer.transports.routes import READS_BURST, TABS
from tests.support.people import PATIENCE_S, Line, Transport, person, until
from tests.support.pods import system_clock
from tests.support.server import Known, RunningServer, running_server

ROOMY = SessionLimits(commands_per_s=10_000, commands_burst=10_000)
BIG = "字" * 20_000


@dataclass
class Stopped:
    """A monotonic clock that goes on only when a test says so."""

    s: float = 1_000.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = replace(system_clock(), monotonic_s=lambda: self.s)


def said(text: str) -> str:
    """`text` as a command whose characters are sent as they are: escaped, Chinese would be twice as long."""
    return json.dumps({"type": "post_message", "text": text}, ensure_ascii=False)


def verdict(line: Line) -> object:
    return line.get("code", line["type"])


async def test_sixty_messages_a_minute_in_one_room_and_not_one_more(tmp_path: Path, transport: Transport) -> None:
    time = Stopped()
    limits = PodLimits(session=ROOMY)
    async with running_server(tmp_path, clock=time.clock, limits=limits, door_limits=DoorLimits()) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        room_id, other = await server.room(alice, bob), await server.room(alice)
        async with person(server, alice, transport) as one, person(server, bob, transport) as two:
            assert {verdict(await one.post(room_id, "x")) for _ in range(60)} == {"accepted"}
            assert verdict(await one.post(room_id, "x")) == "rate_limited"
            assert verdict(await one.post(other, "x")) == "accepted"
            assert verdict(await two.post(room_id, "x")) == "accepted"
            time.s += 1.0
            assert [verdict(await one.post(room_id, "x")) for _ in range(2)] == ["accepted", "rate_limited"]


async def test_a_session_opens_so_many_rooms_and_not_one_more(tmp_path: Path, transport: Transport) -> None:
    limits = PodLimits(session=replace(ROOMY, rooms_per_session=2))
    async with running_server(tmp_path, limits=limits) as server:
        alice = await server.know("alice")
        rooms = [await server.room(alice) for _ in range(3)]
        async with person(server, alice, transport) as someone:
            answers = [verdict(await someone.join(room_id)) for room_id in rooms]
            assert answers == ["joined", "joined", "limit_reached"]
            assert verdict(await someone.join(rooms[0])) == "joined"


@pytest.mark.parametrize(
    ("fits", "is_over"),
    [("x" * 32_000, "x" * 32_001), ("字" * 20_480, "字" * 20_480 + "x")],
    ids=["32,000 characters", "60 KiB of UTF-8"],
)
async def test_a_text_is_as_long_as_it_may_be(
    server: RunningServer, transport: Transport, fits: str, is_over: str
) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        assert verdict(await someone.ask_raw(room_id, said(fits))) == "accepted"
        assert verdict(await someone.ask_raw(room_id, said(is_over))) == "too_long"


async def test_a_key_has_at_most_sixty_four_characters(server: RunningServer, transport: Transport) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        assert verdict(await someone.post(room_id, "x", key="k" * 64)) == "accepted"
        refused = await someone.post(room_id, "x", key="k" * 65)
        assert verdict(refused) == "malformed"
        assert "`key`" in str(refused["message"])


async def test_what_is_sent_is_nested_at_most_thirty_two_deep(server: RunningServer, transport: Transport) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    async with person(server, alice, transport) as someone:
        for depth, why in ((32, "unknown field x"), (33, "nested deeper than 32")):
            # The command itself is the first level. No field of it takes lists: at 32 that is what is wrong.
            lists = "[" * (depth - 1) + "]" * (depth - 1)
            refused = await someone.ask_raw(room_id, f'{{"type":"post_message","text":"a","x":{lists}}}')
            assert (verdict(refused), refused["message"]) == ("malformed", why)


async def test_a_frame_has_at_most_64_kib(server: RunningServer) -> None:
    alice = await server.know("alice")
    ping = '{"type":"ping","id":"1"}'
    async with dialled(server, alice) as connection:
        await connection.send(ping.ljust(MAX_FRAME_BYTES))
        assert json.loads(await connection.recv())["type"] == "pong"
        await connection.send(ping.ljust(MAX_FRAME_BYTES + 1))
        assert (await to_the_end(connection))[1] == 1009


async def test_a_body_has_at_most_64_kib(server: RunningServer) -> None:
    alice = await server.know("alice")
    room_id = await server.room(alice)
    answers = [
        await server.http.post(
            f"/api/v1/rooms/{room_id}/commands",
            content=said("x").ljust(size),
            headers={**alice.bearer, "Content-Type": "application/json"},
        )
        for size in (MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1)
    ]
    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [(200, None), (413, "too_big")]


@pytest.mark.parametrize(
    ("limits", "same_account"),
    [(SessionLimits(sessions_per_account=2), True), (SessionLimits(sessions_per_address=2), False)],
    ids=["of an account", "from an address"],
)
async def test_so_many_sessions_and_not_one_more(
    tmp_path: Path, transport: Transport, limits: SessionLimits, *, same_account: bool
) -> None:
    async with running_server(tmp_path, limits=PodLimits(session=limits)) as server, AsyncExitStack() as stack:
        known = [await server.know("alice" if same_account else f"alice-{n}") for n in range(3)]
        for someone in known[:2]:
            await stack.enter_async_context(person(server, someone, transport))
        assert await turned_away(server, known[2], transport) == "limit_reached"
        if same_account:
            await stack.enter_async_context(person(server, await server.know("bob"), transport))


async def turned_away(server: RunningServer, known: Known, transport: Transport) -> object:
    """Return the code of the refusal, after checking how the transport says it."""
    if transport == "sse":
        answer = await server.http.get("/api/v1/stream", headers=known.bearer)
        assert answer.status_code == 429
        assert answer.headers["retry-after"]
        return answer.json()["code"]
    async with connect(f"ws://127.0.0.1:{server.port}/ws", proxy=None, open_timeout=PATIENCE_S) as connection:
        with suppress(ConnectionClosed):
            # A full address is told so before anyone has said who they are.
            await connection.send(json.dumps({"type": "hello", "token": known.token}))
        lines, code = await to_the_end(connection)
    assert code == 4029
    return lines[0]["code"]


async def test_a_room_takes_so_many_members_and_not_one_more(tmp_path: Path, transport: Transport) -> None:
    async with running_server(tmp_path, limits=PodLimits(room=RoomLimits(members=3))) as server:
        alice = await server.know("alice")
        for handle in ("bob", "carol"):
            await server.know(handle)
        # Alice and the AI are two.
        room_id = await server.room(alice)
        async with person(server, alice, transport) as someone:
            answers = [verdict(await someone.ask(room_id, "invite_member", handle=name)) for name in ("bob", "carol")]
        assert answers == ["accepted", "limit_reached"]


async def test_an_account_makes_so_many_rooms_and_not_one_more(tmp_path: Path) -> None:
    async with running_server(tmp_path, limits=PodLimits(room=RoomLimits(rooms_per_account=2))) as server:
        alice = await server.know("alice")
        answers = [
            await server.http.post("/api/v1/rooms", json={"name": "demo"}, headers=alice.bearer) for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[-1].json()["code"] == "limit_reached"


async def test_a_direct_room_has_at_most_twenty_members(server: RunningServer) -> None:
    alice = await server.know("alice")
    handles = [(await server.know(f"friend-{n}")).account.handle for n in range(20)]
    answers = [
        await server.http.post("/api/v1/rooms/direct", json={"handles": some}, headers=alice.bearer)
        for some in (handles[:19], handles)
    ]
    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [
        (200, None),
        (422, "limit_reached"),
    ]


async def test_commands_by_post_are_counted_by_account_whatever_token_they_come_with(tmp_path: Path) -> None:
    time = Stopped()
    limits = PodLimits(session=SessionLimits(commands_per_s=1, commands_burst=4))
    async with running_server(tmp_path, clock=time.clock, limits=limits) as server:
        alice, again, bob = await server.know("alice"), await server.know("alice"), await server.know("bob")
        room_id = await server.pod.lobby.create_room(alice.id, "demo", origin="cli")

        async def types(known: Known) -> httpx.Response:
            return await server.http.post(
                f"/api/v1/rooms/{room_id}/commands", json={"type": "set_typing"}, headers=known.bearer
            )

        burst = 4 * TABS
        answers = [await types(alice if n % 2 else again) for n in range(burst)]
        assert {answer.status_code for answer in answers} == {200}
        for known in (alice, again, await server.know("alice")):
            check_slowed(await types(known))
        assert (await types(bob)).status_code == 404
        time.s += 1.0
        assert [(await types(again)).status_code for _ in range(TABS + 1)] == [200] * TABS + [429]


async def test_expensive_reads_are_counted_by_account(tmp_path: Path) -> None:
    time = Stopped()
    async with running_server(tmp_path, clock=time.clock) as server:
        alice, again, bob = await server.know("alice"), await server.know("alice"), await server.know("bob")
        room_id = await server.room(alice, bob)
        paths = ["/api/v1/search?q=x", f"/api/v1/rooms/{room_id}/messages", f"/api/v1/rooms/{room_id}/events"]

        async def read(known: Known, path: str) -> httpx.Response:
            # A stream that begins although it should not would have no end.
            async with asyncio.timeout(PATIENCE_S):
                return await server.http.get(path, headers=known.bearer)

        for n in range(int(READS_BURST)):
            assert (await read(again if n % 2 else alice, paths[n % 3])).status_code == 200
        for path in [*paths, "/api/v1/stream"]:
            check_slowed(await read(alice, path))
            if path != "/api/v1/stream":
                assert (await read(bob, path)).status_code == 200
        # What is cheap goes on.
        assert (await read(alice, f"/api/v1/rooms/{room_id}")).status_code == 200
        time.s += 1.0
        assert (await read(again, paths[0])).status_code == 200


def check_slowed(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_peer_that_answers_no_ping_is_dropped_and_one_that_does_stays(tmp_path: Path) -> None:
    deadlines = Deadlines(ping_s=0.1, pong_s=0.4, linger_s=0.2)
    async with running_server(tmp_path, deadlines=deadlines) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        async with person(server, bob, "websocket") as lively, dialled(server, alice) as silent:
            assert len(server.pod.sessions) == 2
            # It answers pings by itself, as soon as it reads them.
            silent.transport.pause_reading()
            await until(lambda: not server.pod.sessions.of(alice.id))
            room_id = await server.room(bob)
            assert verdict(await lively.join(room_id)) == "joined"
            silent.transport.abort()


@asynccontextmanager
async def many_big_rooms(tmp_path: Path, limits: SessionLimits) -> AsyncIterator[tuple[RunningServer, list[RoomId]]]:
    """About twice as much to tell as fits into the buffers of the kernel and of both ends, in forty rooms."""
    async with running_server(tmp_path, limits=PodLimits(session=limits)) as server:
        alice = await server.know("alice")
        rooms = []
        for _ in range(40):
            rooms.append(await server.pod.lobby.create_room(alice.id, "demo", with_ai=False, origin="cli"))
            host = await server.pod.directory.host(rooms[-1])
            for _ in range(10):
                await host.ask(alice.id, PostMessage(text=BIG), origin="cli")
        yield server, rooms


def joined_in(lines: list[Line]) -> list[object]:
    return [line["room_id"] for line in lines if line["type"] == "joined"]


@pytest.mark.slow
async def test_a_stream_that_is_not_read_is_not_joined_on_and_closed_with_4008(tmp_path: Path) -> None:
    async with many_big_rooms(tmp_path, replace(ROOMY, too_slow_s=0.5)) as (server, rooms):
        alice = await server.know("alice")
        async with person(server, alice, "sse", path=f"/api/v1/stream?join={','.join(rooms)}") as slow:
            slow.stop_reading()
            [session] = server.pod.sessions.of(alice.id)
            await until(lambda: session.closing is not None)
            slow.read_on()
            assert await slow.closed() == 4008
            assert 0 < len(joined_in(slow.heard)) < len(rooms)


@pytest.mark.slow
async def test_a_stream_that_is_read_on_has_joined_every_room(tmp_path: Path) -> None:
    async with many_big_rooms(tmp_path, ROOMY) as (server, rooms):
        alice = await server.know("alice")
        async with person(server, alice, "sse", path=f"/api/v1/stream?join={','.join(rooms)}") as slow:
            slow.stop_reading()
            [session] = server.pod.sessions.of(alice.id)
            await until(lambda: session.has_joined(rooms[1]))
            assert not session.has_joined(rooms[-1])
            slow.read_on()
            await slow.expect_type("joined", room_id=rooms[-1])
            assert joined_in(slow.heard) == rooms


@asynccontextmanager
async def dialled(server: RunningServer, known: Known) -> AsyncIterator[ClientConnection]:
    """A bare WebSocket after its `hello` and `welcome`."""
    async with connect(
        f"ws://127.0.0.1:{server.port}/ws",
        proxy=None,
        compression=None,
        ping_interval=None,
        open_timeout=PATIENCE_S,
        close_timeout=0.5,
    ) as connection:
        await connection.send(json.dumps({"type": "hello", "token": known.token}))
        assert json.loads(await connection.recv())["type"] == "welcome"
        yield connection


async def to_the_end(connection: ClientConnection) -> tuple[list[Line], int | None]:
    """Return what came, and the close code."""
    lines: list[Line] = []
    read: Callable[[str], Line] = json.loads
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                lines += [read(line) for line in str(await connection.recv()).split("\n")]
        except ConnectionClosed:
            pass
    return lines, connection.close_code
