"""Rooms in which an AI's turn stands just where a test wants it: a real server, its database, and a held provider."""

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from multiplayer.compose import command_line
from multiplayer.live.pod import Pod
from multiplayer.protocol.codec import SUBPROTOCOL
from multiplayer.protocol.commands import InviteMember, SetRoomSettings
from multiplayer.protocol.events import AnswerChosen, AnswerRegenerated, Event, MessagePosted, event_adapter
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.turn_events import ApprovalRequested, ToolCalled, ToolStarted, TurnEnded, TurnRequested
from multiplayer.settings import Settings
from multiplayer.storage.embedded import DataDirLock, EmbeddedPostgres
from tests.support.people import WebSocketPerson
from tests.support.provider import Behaviour, Provider, Reply, answers, provider
from tests.support.provider_server import RecordedRequest
from tests.support.real_server import RealServer
from tests.support.server import Known

ANSWER: Final = "The answer."
IN_TIME_S: Final = 60.0
"""How long a test waits for what must come on a busy machine."""
_CASE: Final = re.compile(r"case:([a-z_]+)")
_REQUEST: Final = re.compile(r'"kind": ?"request"')
_HELD: Final = 4711
_HOLDS: Final = f"""
CREATE TABLE held (room_id text, type text);
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM held h WHERE h.room_id = NEW.room_id AND h.type = NEW.type) THEN
        PERFORM set_config('lock_timeout', '0', true);
        PERFORM pg_advisory_xact_lock({_HELD});
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold_events BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION hold();
"""


class Director:
    """Says how the stand-in answers: each case (a word in the room's messages) has its plays, one a request, in order.

    After them comes `ANSWER`. Sites of NLWeb are asked here too.
    """

    def __init__(self) -> None:
        self.plays: dict[str, Sequence[Behaviour]] = {}
        self.asked: defaultdict[str, list[RecordedRequest]] = defaultdict(list)
        self._news = asyncio.Condition()

    @property
    def behaviour(self) -> Behaviour:
        return Behaviour("as the director says", self._play)

    async def until_asked(self, case: str, count: int) -> RecordedRequest:
        async with asyncio.timeout(IN_TIME_S), self._news:
            await self._news.wait_for(lambda: len(self.asked[case]) >= count)
        return self.asked[case][count - 1]

    def told(self, case: str, text: str, *, request: int = -1) -> int:
        """Count the messages of one request that hold `text`, but for a line that repeats what is to be answered."""
        lines = [str(message["content"]) for message in self.asked[case][request].messages]
        return sum(text in line and _REQUEST.search(line) is None for line in lines)

    async def _play(self, reply: Reply) -> None:
        found = _CASE.search(json.dumps(reply.request.body))
        assert found is not None, f"a request of no case: {reply.request.body}"
        case = found[1]
        async with self._news:
            self.asked[case].append(reply.request)
            number = len(self.asked[case])
            self._news.notify_all()
        plays = self.plays.get(case, ())
        await (plays[number - 1] if number <= len(plays) else answers(ANSWER)).play(reply)


def when(gate: asyncio.Event, behaviour: Behaviour) -> Behaviour:
    """Play `behaviour` when the gate opens."""

    async def play(reply: Reply) -> None:
        await _open(gate, reply)
        await behaviour.play(reply)

    return Behaviour(f"{behaviour} when told", play)


def words_then(gate: asyncio.Event, words: str, more: str = "") -> Behaviour:
    """Words; when the gate opens, more of them and the end of a good answer."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": words})
        await _open(gate, reply)
        if more:
            await reply.delta({"content": more})
        await reply.delta({}, "stop")
        await reply.done()

    return Behaviour("words_then", play)


async def _open(gate: asyncio.Event, reply: Reply) -> None:
    """Wait until the gate is open, or the client has gone."""
    async with asyncio.TaskGroup() as tasks:
        waits = [tasks.create_task(gate.wait()), tasks.create_task(reply.request.closed.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


class Stage:
    """One server and alice, who owns a room for each case."""

    def __init__(self, server: RealServer, director: Director, settings: Settings) -> None:
        self.server = server
        self.director = director
        self.rooms: dict[str, RoomId] = {}
        self.gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.alice: WebSocketPerson | None = None
        self._settings = settings
        self._known: Known | None = None

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[Pod]:
        """A command line's pod: on the running server's database, or alone on the folder."""
        async with command_line(self._settings) as pod:
            yield pod

    async def has_terminal(self) -> bool:
        """Whether this machine allows AIs to run commands."""
        async with httpx.AsyncClient(trust_env=False) as http:
            services = (await http.get(f"{self.server.url}/api/v1/health")).json()["services"]
        return next(str(service["status"]) == "up" for service in services if service["name"] == "sandbox")

    async def know(self, pod: Pod, name: str = "alice") -> Known:
        if self._known is None:
            account = await pod.lobby.create_account(name, origin="cli")
            token = await pod.doors.access_tokens.create(account.id, "trial", None)
            self._known = Known(account, token.text, token.row.id)
        return self._known

    async def make_room(
        self,
        pod: Pod,
        case: str,
        *,
        handles: Sequence[str] = (),
        settings: RoomSettings | None = None,
        fits: Callable[[RoomId], bool] = lambda _: True,
    ) -> RoomId:
        """Make the room of a case with the built-in AI and these others; one that `fits`."""
        alice = await self.know(pod)
        room_id = await pod.lobby.create_room(alice.id, case, origin="cli")
        while not fits(room_id):
            room_id = await pod.lobby.create_room(alice.id, case, origin="cli")
        self.rooms[case] = room_id
        host = await pod.directory.host(room_id)
        for handle in handles:
            await host.ask(alice.id, InviteMember(handle=handle), origin="cli")
        if settings is not None:
            await host.ask(alice.id, SetRoomSettings(settings=settings), origin="cli")
        return room_id

    @asynccontextmanager
    async def alice_comes(self, rooms: Sequence[RoomId]) -> AsyncIterator[WebSocketPerson]:
        """Let alice in, and into these rooms. She goes when the server does."""
        async with self.beside() as pod:
            known = await self.know(pod)
        async with person_at(self.server, known) as alice:
            for room_id in rooms:
                assert (await alice.join(room_id))["type"] == "joined"
            self.alice = alice
            try:
                yield alice
            finally:
                self.alice = None

    async def say(self, case: str, text: str = "please") -> None:
        """Let alice post a message that names the case."""
        assert self.alice is not None, "she is here"
        answered = await self.alice.post(self.rooms[case], f"{text} case:{case}")
        assert answered["type"] == "accepted", answered

    async def act(self, case: str, kind: str, **fields: object) -> None:
        assert self.alice is not None, "she is here"
        answered = await self.alice.ask(self.rooms[case], kind, key=None, **fields)
        assert answered["type"] == "accepted", answered

    async def tell(self, case: str, kind: str, **fields: object) -> None:
        """Let alice ask for something that nobody will answer."""
        assert self.alice is not None, "she is here"
        line = {"type": kind, "id": "unanswered", "room_id": self.rooms[case], **fields}
        await self.alice.connection.send(json.dumps(line))

    async def card(self, case: str) -> ApprovalRequested:
        """The call of the case that was put before people last."""
        return [event for event in await self.events(case) if isinstance(event, ApprovalRequested)][-1]

    async def until_phase(self, case: str, phase: str) -> None:
        """Wait until this is what alice was told last that the case's turn is doing."""
        assert self.alice is not None, "she is here"
        room_id, told = self.rooms[case], [""]
        async with asyncio.timeout(IN_TIME_S):
            while told[-1] != phase:
                await asyncio.sleep(0.01)
                lines = [line for line in self.alice.heard if line["type"] == "turn_progress"]
                told = ["", *(str(line["phase"]) for line in lines if line["room_id"] == room_id)]

    def log_file(self, case: str) -> list[str]:
        """The lines that the case's tools have appended."""
        path = self.server.data_dir / "workspaces" / self.rooms[case] / "log.txt"
        return path.read_text().splitlines() if path.exists() else []

    @asynccontextmanager
    async def database(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.server.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def events(self, case: str) -> list[Event]:
        async with self.database() as database:
            rows = await database.fetch("SELECT body FROM events WHERE room_id = $1 ORDER BY seq", self.rooms[case])
        return [event_adapter.validate_json(row["body"]) for row in rows]

    async def turn_id(self, case: str) -> TurnId:
        """The turn that was asked for last."""
        return [event.turn_id for event in await self.events(case) if isinstance(event, TurnRequested)][-1]

    async def until(self, query: str, *arguments: object) -> None:
        """Wait until the database answers true."""
        async with asyncio.timeout(IN_TIME_S), self.database() as database:
            while not await database.fetchval(query, *arguments):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.02)

    async def until_logged(self, case: str, kind: str) -> None:
        await self.until("SELECT count(*) > 0 FROM events WHERE room_id = $1 AND type = $2", self.rooms[case], kind)

    async def until_saved(self, case: str, text: str) -> None:
        """Wait until the words of the case's turn are checkpointed."""
        await self.until(
            "SELECT count(*) > 0 FROM turns WHERE room_id = $1 AND ended_at IS NULL AND text = $2",
            self.rooms[case],
            text,
        )

    async def install_holds(self) -> None:
        async with self.database() as database:
            await database.execute(_HOLDS)

    @asynccontextmanager
    async def held(self, *held: tuple[str, str]) -> AsyncIterator[None]:
        """Keep appends with an event of this type from coming to an end, in the rooms of these cases.

        Nothing is held once the server's database has died.
        """
        connection = await asyncpg.connect(self.server.dsn)
        try:
            await connection.execute(f"SELECT pg_advisory_lock({_HELD})")
            await connection.executemany(
                "INSERT INTO held VALUES ($1, $2)", [(self.rooms[c], kind) for c, kind in held]
            )
            yield
        finally:
            connection.terminate()

    async def until_held(self, count: int) -> None:
        """Wait until so many appends are held."""
        await self.until("SELECT count(*) >= $1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", count)

    @asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Let nobody read a table: for a second, as nobody waits longer than two for a lock."""
        connection = await asyncpg.connect(self.server.dsn)
        try:
            await connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
        finally:
            connection.terminate()

    async def until_reading(self, table: str) -> None:
        """Wait until someone waits for a locked table."""
        await self.until(
            "SELECT count(*) > 0 FROM pg_locks WHERE relation = $1::regclass AND mode = 'AccessShareLock' AND NOT granted",
            table,
        )

    async def let_leases_run_out(self) -> None:
        """What ten seconds do. How long a lease lasts is looked at elsewhere."""
        async with self.database() as database:
            await database.execute("DELETE FROM held")
            await database.execute(
                "UPDATE turns SET lease_until = now() WHERE ended_at IS NULL AND lease_until IS NOT NULL"
            )

    async def until_all_ended(self) -> None:
        await self.until("SELECT count(*) = 0 FROM turns WHERE ended_at IS NULL")

    async def check_money(self) -> None:
        """Fail if a reservation is open, or spending is not what the ledger's calls add up to."""
        async with self.database() as database:
            assert await database.fetchval("SELECT count(*) FROM ledger WHERE state = 'reserved'") == 0
            assert await database.fetchval("SELECT count(*) FROM ledger WHERE state = 'settled'") > 0
            wrong = await database.fetch(
                """
                SELECT scope, scope_id, period, s.tokens, l.tokens AS summed
                FROM (SELECT k.scope, k.scope_id, k.period, sum(c.tokens_in + c.tokens_out) AS tokens,
                             sum(coalesce(c.cost_micros, 0)) AS micros
                      FROM ledger c CROSS JOIN LATERAL spending_keys(c.room_id, c.asker_id, c.day, c.month) k
                      WHERE c.state = 'settled' GROUP BY k.scope, k.scope_id, k.period) l
                    FULL JOIN spending s USING (scope, scope_id, period)
                WHERE coalesce(l.tokens, 0) <> coalesce(s.tokens, 0) OR coalesce(l.micros, 0) <> coalesce(s.micros, 0)
                """
            )
            assert wrong == []


def check_turns(events: Sequence[Event]) -> None:
    """Fail unless every turn of a room has one end, at most one answer right before it, and no tool call started twice."""
    asked = [event.turn_id for event in events if isinstance(event, TurnRequested)]
    ends = {event.turn_id: event for event in events if isinstance(event, TurnEnded)}
    assert Counter(event.turn_id for event in events if isinstance(event, TurnEnded)) == Counter(asked)
    said = {event.seq: turn_id for event in events if (turn_id := _answers(event)) is not None}
    assert all(times == 1 for times in Counter(said.values()).values()), said
    given_back = {event.seq for event in events if isinstance(event, AnswerChosen)}
    for turn_id, end in ends.items():
        # Half an answer that was to stand for another one gives its place back, in the same append.
        before = end.seq - (2 if end.seq - 1 in given_back else 1)
        assert (said.get(before) == turn_id) == (turn_id in said.values()), "an answer and its end are one append"
        assert (end.message_id is not None) == (turn_id in said.values())
    starts = Counter((event.turn_id, event.call_id) for event in events if isinstance(event, ToolStarted))
    assert all(times == 1 for times in starts.values()), starts
    calls = Counter((event.turn_id, event.call_id) for event in events if isinstance(event, ToolCalled))
    assert all(times == 1 for times in calls.values()), calls


def _answers(event: Event) -> TurnId | None:
    """Name the turn whose answer `event` is."""
    if isinstance(event, MessagePosted):
        return event.message.turn_id
    return event.answer.turn_id if isinstance(event, AnswerRegenerated) else None


@asynccontextmanager
async def person_at(server: RealServer, known: Known) -> AsyncIterator[WebSocketPerson]:
    """Someone with a WebSocket at a server; the end of the server is the end of it."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            connect(
                server.ws_url, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=None, close_timeout=0.2, proxy=None,
                ping_interval=None,
            )
        )  # fmt: skip
        person = WebSocketPerson(known, connection)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        reading = tasks.create_task(person.run())
        stack.callback(reading.cancel)
        await connection.send(json.dumps({"type": "hello", "token": known.token}))
        await person.expect_type("welcome", within_s=IN_TIME_S)
        yield person


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """A started server whose AIs (`ai`; `pair` with `spare` behind it; `site`, of NLWeb) are the director's."""
    director = Director()
    async with provider(director.behaviour) as stand_in:
        server = RealServer(folder / "data", environment=_environment(folder, stand_in))
        try:
            await server.start()
            yield Stage(server, director, Settings(data_dir=server.data_dir))
        finally:
            await server.end()


@asynccontextmanager
async def two_stages(folder: Path) -> AsyncIterator[tuple[Stage, Stage]]:
    """Two started servers on one database, with the same rooms and the same director."""
    director = Director()
    async with provider(director.behaviour) as stand_in, _database(_folder(folder, "database")) as dsn:
        environment = {**_environment(folder, stand_in), "DATABASE_URL": dsn}
        servers = [RealServer(folder / name, environment=environment) for name in ("first", "second")]
        try:
            for server in servers:
                await server.start()
            address = SecretStr(dsn)
            first, second = (
                Stage(server, director, Settings(data_dir=server.data_dir, database_url=address)) for server in servers
            )
            second.rooms = first.rooms
            yield first, second
        finally:
            for server in servers:
                await server.end()


@asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[str]:
    lock = await DataDirLock.acquire(folder)
    postgres = EmbeddedPostgres(folder)
    try:
        yield (await postgres.start(lock)).dsn
    finally:
        await postgres.stop()
        lock.release()


def _folder(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _environment(folder: Path, stand_in: Provider) -> dict[str, str]:
    ai_file = folder / "ai.toml"
    ai_file.write_text(_profiles(stand_in))
    return {
        "OPENAI_BASE_URL": stand_in.base_url,
        "OPENAI_API_KEY": "sk-of-the-stand-in",
        "OPENAI_MODEL": "stand-in",
        "MULTIPLAYER_AI_FILE": str(ai_file),
    }


def _profiles(stand_in: Provider) -> str:
    def chat(handle: str, model: str, more: str = "") -> str:
        return (
            f'[[ai]]\nhandle = "{handle}"\nname = "{handle}"\nprovider = "openai_compatible"\nmodel = "{model}"\n'
            f'base_url = "{stand_in.base_url}"\n{more}\n'
        )

    site = stand_in.base_url.removesuffix("/v1")
    return (
        chat("pair", "first", 'fallbacks = ["spare"]')
        + chat("spare", "second")
        + f'[[ai]]\nhandle = "site"\nname = "site"\nprovider = "nlweb"\nbase_url = "{site}"\n'
        + '[ai.nlweb]\ndialect = "0.54"\n'
    )
