"""A whole server as a process of its own, started by its documented command, and the command line beside it."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from multiplayer.compose import command_line
from multiplayer.protocol.codec import SUBPROTOCOL, JsonValue
from multiplayer.protocol.ids import RoomId
from multiplayer.settings import load_settings
from tests.support.people import Line, Person, SsePerson, WebSocketPerson
from tests.support.server import Known

Transport = Literal["websocket", "sse"]
START_S = 60.0
"""How long a server or a command may take on a busy machine; only a broken one takes as long."""
WITHIN_A_SECOND = 2.0
"""The bound for what must happen within a second, with a second for a busy machine."""
_LINK = re.compile(r"(http://\S+)/sign-in#(\S+)")


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, JsonValue]:
        assert self.code == 0, f"exit {self.code}: {self.err}"
        return cast("dict[str, JsonValue]", json.loads(self.out))

    @property
    def lines(self) -> list[Line]:
        return [cast("Line", json.loads(line)) for line in self.out.splitlines()]


@dataclass
class House:
    """A running server. `secrets`: every secret that came out of it, none of which may stand in its log."""

    data_dir: Path
    environment: Mapping[str, str]
    process: asyncio.subprocess.Process
    http: httpx.AsyncClient
    url: str
    banner: str
    log: Path
    secrets: list[str] = field(default_factory=list)

    @property
    def login_secret(self) -> str:
        """The operator's one-time link, as printed at the start, without what stands before the #."""
        match = _LINK.search(self.banner)
        assert match, self.banner
        return match[2]

    async def cli(self, *arguments: str, stdin: str = "", needs_data_dir: bool = True) -> Ran:
        """Run one command to its end, as another process."""
        folder = ["--data-dir", str(self.data_dir)] if needs_data_dir else []
        return await multiplayer(*arguments, *folder, environment=self.environment, stdin=stdin)

    async def know(self, handle: str, *, ttl: timedelta | None = None, is_operator: bool = False) -> Known:
        """Return the account of this name with a new token, made beside the server as the command line makes them."""
        async with command_line(load_settings(self.data_dir)) as pod:
            found = await pod.storage.find_account_by_handle(handle)
            account = (
                found.account
                if found is not None
                else await pod.lobby.create_account(handle, is_operator=is_operator, origin="cli")
            )
            made = await pod.doors.access_tokens.create(account.id, "journey", ttl)
        self.secrets.append(made.text)
        return Known(account, made.text, made.row.id)

    async def room(self, owner: Known, *members: Known, role: str = "member", name: str = "demo") -> RoomId:
        """Make a room with its AI over HTTP; everyone else is added with `role`."""
        made = await self.post("/api/v1/rooms", {"name": name}, owner)
        room = made["room"]
        assert isinstance(room, dict)
        room_id = RoomId(str(room["id"]))
        for member in members:
            await self.post(f"/api/v1/rooms/{room_id}/members", {"handle": member.account.handle, "role": role}, owner)
        return room_id

    async def get(self, path: str, by: Known | None = None) -> dict[str, JsonValue]:
        answer = await self.http.get(path, headers=by.bearer if by else {})
        assert answer.status_code == 200, answer.text
        return cast("dict[str, JsonValue]", answer.json())

    async def post(self, path: str, body: object, by: Known | None = None) -> dict[str, JsonValue]:
        answer = await self.http.post(path, json=body, headers=by.bearer if by else {})
        assert answer.is_success, answer.text
        return cast("dict[str, JsonValue]", answer.json())

    async def service(self, name: str) -> Mapping[str, JsonValue]:
        """Return one line of the health page."""
        services = (await self.get("/api/v1/health"))["services"]
        assert isinstance(services, list)
        return next(line for line in services if isinstance(line, dict) and line["name"] == name)

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask the server to end; return its exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(START_S):
            return await self.process.wait()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return what a server is started with: nothing of the developer's own settings, limits out of the way, no room yet."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MULTIPLAYER_COMMANDS_PER_S": "1000",
        "MULTIPLAYER_MESSAGES_PER_MIN": "10000",
        "MULTIPLAYER_WELCOME": "off",
        **settings,
    }


async def multiplayer(*arguments: str, environment: Mapping[str, str], stdin: str = "") -> Ran:
    """Run one command where no settings file lies, to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "multiplayer",
        *arguments,
        env=dict(environment),
        cwd=environment["HOME"],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(START_S):
            out, err = await process.communicate(stdin.encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def serving(
    folder: Path, environment: Mapping[str, str], *, data_dir: Path | None = None, port: int = 0
) -> AsyncIterator[House]:
    """Serve from `folder/data` (or `data_dir`) until the block ends. `folder/server.log` gets what it logs."""
    where = data_dir or folder / "data"
    log = folder / "server.log"
    with log.open("ab") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "multiplayer", "serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(where)),
            env=dict(environment),
            cwd=environment["HOME"],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
        )
    try:
        banner = await _banner(process, log)
        url = re.search(r"is at (http://\S+)", banner)
        assert url, banner
        async with httpx.AsyncClient(base_url=url[1], trust_env=False, timeout=30) as http:
            house = House(where, environment, process, http, url[1], banner, log)
            house.secrets += [match[2] for match in _LINK.finditer(banner)]
            yield house
        if process.returncode is None:
            assert await house.stop() == 0, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _banner(process: asyncio.subprocess.Process, log: Path) -> str:
    """Read what the server prints until it has said that it is ready."""
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(START_S):
        while "Ctrl-C ends it" not in said:
            line = await process.stdout.readline()
            if not line:
                await process.wait()
            assert line, f"the server did not start: {said}\n{_text_of(log)}"
            said += line.decode()
    return said


def _text_of(log: Path) -> str:
    return log.read_text()


@asynccontextmanager
async def entered(
    url: str, known: Known, transport: Transport = "websocket", *, hello: Mapping[str, str] | None = None
) -> AsyncIterator[Person]:
    """Someone who is connected and welcomed, until the block is left. `hello` instead of the token: a ticket."""
    async with asyncio.TaskGroup() as tasks:
        if transport == "websocket":
            async with connect(
                url.replace("http", "ws") + "/ws",
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                max_size=None,
                proxy=None,
                compression=None,
            ) as connection:
                someone = WebSocketPerson(known, connection)
                await connection.send(json.dumps({"type": "hello", **(hello or {"token": known.token})}))
                reading = tasks.create_task(someone.run())
                try:
                    await someone.expect_type("welcome")
                    yield someone
                finally:
                    reading.cancel()
            return
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http,
            http.stream("GET", "/api/v1/stream", headers=known.bearer) as stream,
        ):
            assert stream.status_code == 200, await stream.aread()
            other = SsePerson(known, http, stream)
            reading = tasks.create_task(other.run())
            try:
                await other.expect_type("welcome")
                yield other
            finally:
                reading.cancel()


async def turn_of(person: Person, room_id: RoomId, text: str, *, outcome: str = "done") -> Sequence[Line]:
    """Let somebody who has joined ask the AI, and return all they heard of the turn, its end last."""
    start = len(person.heard)
    accepted = await person.post(room_id, text)
    assert accepted["type"] == "accepted", accepted
    requested = await person.expect_type("turn_requested", start=start, room_id=room_id)
    turn_id = requested["turn_id"]
    ended = await person.expect_type("turn_ended", start=start, within_s=30, turn_id=turn_id)
    assert ended["outcome"] == outcome, ended
    return [line for line in person.heard[start:] if line.get("turn_id") == turn_id or _is_of(line, turn_id)]


async def decided_turn_of(
    person: Person, decider: Person, room_id: RoomId, text: str, *, is_approved: bool
) -> Sequence[Line]:
    """As `turn_of`, with a call in it that waits until `decider` has said yes or no."""
    start = len(decider.heard)
    async with asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(turn_of(person, room_id, text))
        card = await decider.expect_type("approval_requested", start=start, within_s=30, room_id=room_id)
        answer = await decider.ask(
            room_id,
            "decide_approval",
            turn_id=card["turn_id"],
            call_id=card["call_id"],
            sha256=card["sha256"],
            is_approved=is_approved,
        )
        assert answer["type"] == "accepted", answer
    return turn.result()


def words(lines: Sequence[Line]) -> str:
    """Put a turn's deltas together as a client does; fail if one is missing or out of place."""
    text, index = "", 0
    for line in lines:
        if line["type"] == "ai_text":
            text, index = str(line["text"]), cast("int", line["index"])
        elif line["type"] == "ai_delta":
            assert (line["index"], line["offset"]) == (index, len(text)), line
            text, index = text + str(line["text"]), index + 1
    return text


def answer(lines: Sequence[Line]) -> str:
    """Return the text of the message that a turn left."""
    (posted,) = [line for line in lines if line["type"] == "message_posted"]
    message = posted["message"]
    assert isinstance(message, dict)
    return str(message["text"])


def _is_of(line: Line, turn_id: JsonValue) -> bool:
    message = line.get("message")
    return line["type"] == "message_posted" and isinstance(message, dict) and message.get("turn_id") == turn_id


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes that name this folder or stand in it; on Linux only."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = str((entry / "cwd").readlink())
        except OSError:
            # It ended while we looked, or is somebody else's.
            continue
        if str(folder) in line or str(folder) in where:
            found.append(line)
    return found
