"""What only a WebSocket has: hello, subprotocols, frames, close codes, Origins."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from multiplayer.live.outbox import MAX_LINES
from multiplayer.live.pod import PodLimits
from multiplayer.live.session import Session, SessionLimits
from multiplayer.protocol.codec import JsonObject, parse_object
from multiplayer.transports.config import HttpConfig
from tests.support.people import PATIENCE_S, Line, WebSocketPerson, person, until
from tests.support.server import RunningServer, running_server


@asynccontextmanager
async def dialled(
    server: RunningServer,
    *,
    subprotocols: Sequence[str] | None = None,
    origin: str | None = None,
    headers: dict[str, str] | None = None,
    path: str = "/ws",
) -> AsyncIterator[ClientConnection]:
    async with connect(
        f"ws://127.0.0.1:{server.port}{path}",
        subprotocols=None if subprotocols is None else [Subprotocol(name) for name in subprotocols],
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
        proxy=None,
        compression=None,
        max_size=None,
        open_timeout=PATIENCE_S,
    ) as connection:
        yield connection


async def lines_to_the_end(connection: ClientConnection) -> tuple[list[JsonObject], int]:
    """Return all lines that came, and the close code."""
    lines: list[JsonObject] = []
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                text = await connection.recv()
                assert isinstance(text, str)
                lines += [parse_object(line) for line in text.split("\n")]
        except ConnectionClosed:
            pass
    assert connection.close_code is not None
    return lines, connection.close_code


async def refusal_of(server: RunningServer, **how: str | Sequence[str] | None) -> tuple[int, JsonObject]:
    subprotocols, origin = how.get("subprotocols"), how.get("origin")
    with pytest.raises(InvalidStatus) as refused:
        async with dialled(
            server,
            subprotocols=None if subprotocols is None else list(subprotocols),
            origin=origin if isinstance(origin, str) else None,
        ):
            pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.body is not None
    return response.status_code, parse_object(response.body.decode())


async def hello(server: RunningServer, connection: ClientConnection, handle: str) -> Line:
    known = await server.know(handle)
    await connection.send(json.dumps({"type": "hello", "token": known.token, "client": "tests/1"}))
    return parse_object(str(await connection.recv()).split("\n")[0])


async def test_the_known_subprotocol_is_chosen_and_none_is_accepted_too(server: RunningServer) -> None:
    async with dialled(server, subprotocols=["other", "multiplayer.v1"]) as connection:
        assert connection.subprotocol == "multiplayer.v1"
        assert (await hello(server, connection, "alice"))["type"] == "welcome"
    async with dialled(server) as connection:
        assert connection.subprotocol is None
        assert (await hello(server, connection, "alice"))["type"] == "welcome"


async def test_unknown_subprotocols_are_refused_with_the_known_ones(server: RunningServer) -> None:
    status, problem = await refusal_of(server, subprotocols=["multiplayer.v9"])
    assert (status, problem["known"]) == (400, ["multiplayer.v1"])


async def test_the_welcome_says_who_i_am_and_what_the_limits_are(server: RunningServer) -> None:
    async with dialled(server) as connection:
        welcome = await hello(server, connection, "alice")
    account, limits = welcome["account"], welcome["limits"]
    assert isinstance(account, dict)
    assert isinstance(limits, dict)
    assert account["handle"] == "alice"
    assert limits["frame_bytes"] == 65_536
    assert limits["file_bytes"] == server.pod.files.uploads.file_bytes == 2 * 1024**3
    assert limits["workspace_file_bytes"] == 3 * 1024**2
    assert welcome["epoch"] == server.pod.epoch


async def test_a_ticket_opens_one_websocket(server: RunningServer) -> None:
    alice = await server.know("alice")
    made = await server.http.post("/api/v1/tickets", headers=alice.bearer)
    assert made.status_code == 201
    first = json.dumps({"type": "hello", "ticket": made.json()["ticket"]})
    async with dialled(server) as connection:
        await connection.send(first)
        assert parse_object(str(await connection.recv()))["type"] == "welcome"
    async with dialled(server) as connection:
        await connection.send(first)
        lines, code = await lines_to_the_end(connection)
        assert [line["type"] for line in lines] == ["refused", "closing"]
        assert (lines[0]["code"], code) == ("unauthenticated", 4001)


async def test_what_comes_with_hello_in_one_frame_is_carried_out(server: RunningServer) -> None:
    alice = await server.know("alice")
    async with dialled(server) as connection:
        greeting = json.dumps({"type": "hello", "token": alice.token})
        await connection.send(greeting + '\n{"type":"ping","id":"1"}\n{"type":"ping","id":"2"}\n')
        lines: list[JsonObject] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(lines) < 3:
                lines += [parse_object(line) for line in str(await connection.recv()).split("\n")]
        assert [line["type"] for line in lines] == ["welcome", "pong", "pong"]


@pytest.mark.parametrize(
    ("first", "code", "refusal"),
    [
        ('{"type":"ping","id":"1"}', 4000, "unauthenticated"),
        ("not json", 4004, "malformed"),
        ("[1]", 4004, "malformed"),
        ("", 4004, "malformed"),
        ('{"type":"hello","token":"mp_wrong"}', 4001, "unauthenticated"),
        ('{"type":"hello","token":"' + "x" * 60_000 + '"}', 4001, "unauthenticated"),
        ('{"type":"hello","ticket":"mt_' + "x" * 43 + '"}', 4001, "unauthenticated"),
    ],
)
async def test_a_wrong_first_line_is_refused_and_closed_by_its_code(
    server: RunningServer, first: str, code: int, refusal: str
) -> None:
    async with dialled(server) as connection:
        await connection.send(first)
        lines, closed = await lines_to_the_end(connection)
        assert [line["type"] for line in lines] == ["refused", "closing"]
        assert (lines[0]["code"], lines[1]["code"], closed) == (refusal, code, code)


async def test_a_malformed_hello_may_be_said_again(server: RunningServer) -> None:
    async with dialled(server) as connection:
        await connection.send('{"type":"hello","token":"a","ticket":"b"}')
        assert parse_object(str(await connection.recv()))["code"] == "malformed"
        assert (await hello(server, connection, "alice"))["type"] == "welcome"


async def test_a_binary_frame_and_a_line_that_is_not_json_end_the_session_with_4004(server: RunningServer) -> None:
    for frame in (b"\x00\x01", "{", "null", '{"type":"ping","id":"1"}\n\n'):
        async with dialled(server) as connection:
            await hello(server, connection, "alice")
            await connection.send(frame)
            lines, code = await lines_to_the_end(connection)
            assert [line["type"] for line in lines][-2:] == ["refused", "closing"]
            assert (lines[-2]["code"], code) == ("malformed", 4004)


async def test_a_frame_may_have_64_kib_and_not_a_byte_more(server: RunningServer) -> None:
    async with dialled(server) as connection:
        await hello(server, connection, "alice")
        line = '{"type":"ping","id":"1","pad":"' + "x" * 64 * 1024
        await connection.send(line[: 65_536 - 2] + '"}')
        assert parse_object(str(await connection.recv()))["code"] == "malformed"
        await connection.send("x" * 65_537)
        _, code = await lines_to_the_end(connection)
        assert code == 1009


async def test_a_fragmented_message_over_the_limit_is_too_big(server: RunningServer) -> None:
    async with dialled(server) as connection:
        await hello(server, connection, "alice")
        with suppress(ConnectionClosed):
            await connection.send(["x" * 16_000] * 40)
        _, code = await lines_to_the_end(connection)
        assert code == 1009


async def test_malformed_lines_carry_the_id_they_answer(server: RunningServer) -> None:
    async with dialled(server) as connection:
        await hello(server, connection, "alice")
        await connection.send('{"type":"ping","id":"7","more":1}')
        refused = parse_object(str(await connection.recv()))
        assert (refused["type"], refused["re"], refused["code"]) == ("refused", "7", "malformed")
        await connection.send('{"type":"hello","token":"x"}')
        assert parse_object(str(await connection.recv()))["code"] == "conflict"


async def test_a_flood_is_slowed_and_the_session_lives(server: RunningServer) -> None:
    async with dialled(server) as connection:
        await hello(server, connection, "alice")
        await connection.send("\n".join(f'{{"type":"ping","id":"{number}"}}' for number in range(200)))
        lines: list[JsonObject] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(lines) < 200:
                lines += [parse_object(line) for line in str(await connection.recv()).split("\n")]
        pongs = [line for line in lines if line["type"] == "pong"]
        refused = [line for line in lines if line["type"] == "refused"]
        assert 40 <= len(pongs) < 60
        assert {line["code"] for line in refused} == {"rate_limited"}
        assert all("retry_after_s" in line for line in refused)


async def test_a_flood_far_over_the_limit_is_read_ever_more_slowly(tmp_path: Path) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=1, commands_burst=1))
    async with (
        running_server(tmp_path, limits=limits) as server,
        person(server, await server.know("alice"), "websocket") as someone,
    ):
        assert isinstance(someone, WebSocketPerson)
        await someone.connection.send("\n".join("{}" for _ in range(5_000)))
        await until(lambda: len(someone.heard) > 12)
        assert len(someone.heard) < 100


@pytest.mark.slow
async def test_a_flood_that_is_not_read_does_not_pile_up_answers(tmp_path: Path) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=1e9, commands_burst=1e9))
    async with running_server(tmp_path, limits=limits) as server:
        alice = await server.know("alice")
        async with person(server, alice, "websocket") as someone:
            assert isinstance(someone, WebSocketPerson)
            [session] = server.pod.sessions.of(alice.id)
            someone.stop_reading()
            await _check_stalls(someone, session)
            someone.connection.transport.abort()
            await until(lambda: not server.pod.sessions.of(alice.id))


async def _check_stalls(someone: WebSocketPerson, session: Session) -> None:
    """Send until the server takes no more; one frame alone asks for twenty times the limit in answers."""
    frame = "\n".join("{}" for _ in range(20_000))
    sent: list[int] = []
    seen: list[int] = []

    async def send_for_ever() -> None:
        while True:
            await someone.connection.send(frame)
            sent.append(1)

    def has_stalled() -> bool:
        seen.append(len(sent))
        return len(seen) > 30 and seen[-30] == seen[-1]

    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(send_for_ever())
        await until(has_stalled, within_s=30)
        assert session.outbox._lines <= MAX_LINES
        sending.cancel()


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}@evil.example",
        "http://evil.example@127.0.0.1:{port}",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1:{port}/path",
        "file://",
        "chat.example",
    ],
)
async def test_a_foreign_origin_is_403(server: RunningServer, origin: str) -> None:
    status, problem = await refusal_of(server, origin=origin.format(port=server.port))
    assert (status, problem["code"]) == (403, "forbidden")
    answer = await server.http.post(
        "/api/v1/sessions",
        json={"handle": "alice", "password": "wrong password"},
        headers={"Origin": origin.format(port=server.port)},
    )
    assert answer.status_code == 403


async def test_our_own_origin_and_a_configured_one_may_come_in(tmp_path: Path) -> None:
    config = HttpConfig.of(public_url="https://chat.example/", trusted_proxies=[])
    async with running_server(tmp_path, config=config) as server:
        for origin in (f"http://127.0.0.1:{server.port}", "https://chat.example", "https://chat.example:443"):
            async with dialled(server, origin=origin) as connection:
                assert (await hello(server, connection, "alice"))["type"] == "welcome"


async def test_a_cookie_does_not_open_a_websocket(server: RunningServer) -> None:
    await server.know("alice", password="a long password")
    login = await server.http.post(
        "/api/v1/sessions", json={"handle": "alice", "password": "a long password", "cookie": True}
    )
    cookie = login.headers["set-cookie"].partition(";")[0]
    origin = f"http://127.0.0.1:{server.port}"
    async with dialled(server, headers={"Cookie": cookie}, origin=origin) as connection:
        await connection.send('{"type":"ping","id":"1"}')
        _, code = await lines_to_the_end(connection)
        assert code == 4000


async def test_other_paths_have_no_websocket(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus):
        async with dialled(server, path="/elsewhere"):
            pass


async def test_a_connection_that_says_no_hello_is_closed_with_4000(tmp_path: Path) -> None:
    async with running_server(tmp_path, limits=PodLimits(hello_s=0.2)) as server, dialled(server) as connection:
        lines, code = await lines_to_the_end(connection)
        assert [line["type"] for line in lines] == ["closing"]
        assert code == 4000


async def test_too_many_connections_of_an_address_or_account_are_4029(tmp_path: Path) -> None:
    limits = PodLimits(session=SessionLimits(sessions_per_account=1, sessions_per_address=3))
    async with running_server(tmp_path, limits=limits) as server:
        async with dialled(server) as first, dialled(server) as second, dialled(server) as third:
            assert (await hello(server, first, "alice"))["type"] == "welcome"
            assert (await hello(server, second, "alice"))["code"] == "limit_reached"
            assert (await lines_to_the_end(second))[1] == 4029
            assert (await hello(server, third, "bob"))["type"] == "welcome"
            async with dialled(server) as fourth:
                assert (await hello(server, fourth, "carol"))["type"] == "welcome"
            answer = await server.http.get("/api/v1/stream", headers=(await server.know("alice")).bearer)
            assert (answer.status_code, answer.json()["code"]) == (429, "limit_reached")
        await until(lambda: len(server.pod.sessions) == 0)
        async with dialled(server) as a, dialled(server) as b, dialled(server) as c, dialled(server) as d:
            # Three wait for their hello; the fourth is one too many.
            _, code = await lines_to_the_end(d)
            assert code == 4029
            for open_one in (a, b, c):
                assert open_one.close_code is None
