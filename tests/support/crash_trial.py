"""The crash trial: many clients on a real server that is killed again and again; then everything is compared."""

import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import asyncpg
from typing_extensions import override

from multiplayer.compose import command_line
from multiplayer.protocol.commands import InviteMember
from multiplayer.protocol.messages import Message
from multiplayer.settings import Settings
from multiplayer.storage.message_rows import message_from
from tests.crash.checker import Fault, History, Row, View, faults_in
from tests.crash.clients import Person, Viewer, Writer, freeze
from tests.support.real_server import ROOT, RealServer

SETTLE_S = 40.0
"""The lease of a turn whose server died runs 10 s; the rest is room for a busy machine."""


class Blow(StrEnum):
    SERVER = "kill -9 of the server"
    POSTGRES = "kill -9 of Postgres"
    BOTH = "kill -9 of both"
    STARTING = "kill -9 of the server, and again while it starts"
    DRAIN = "SIGTERM and start"


KILLS = {Blow.SERVER: 1, Blow.POSTGRES: 1, Blow.BOTH: 1, Blow.STARTING: 2, Blow.DRAIN: 0}


@dataclass(frozen=True)
class Strike:
    after_s: float
    blow: Blow
    again_after_s: float
    """When the start is struck too."""


@dataclass
class Report:
    faults: list[Fault]
    kills: int = 0
    acks: int = 0
    deliveries: int = 0
    turns: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    said: str = ""

    @override
    def __str__(self) -> str:
        named = "\n".join(f"  {fault}" for fault in self.faults[:30])
        counted = dict(Counter(str(fault.wrong) for fault in self.faults))
        return f"{self.said}\n{len(self.faults)} faults {counted}\n{named}"


def schedule(seed: int, blows: Sequence[Blow]) -> list[Strike]:
    """The blows in an order and at moments that `seed` decides."""
    dice = random.Random(seed)
    order = list(blows)
    dice.shuffle(order)
    return [Strike(dice.uniform(0.1, 1.0), blow, dice.uniform(0.05, 2.0)) for blow in order]


async def make_rooms(
    data_dir: Path, names: Sequence[str], rooms: int, *, with_ai: bool = False
) -> tuple[list[Person], list[str]]:
    """Make accounts, and rooms with all of them in, beside the running server, as its command line does."""
    people: list[Person] = []
    made: list[str] = []
    async with command_line(Settings(data_dir=data_dir)) as pod:
        for name in names:
            account = await pod.lobby.create_account(name, origin="cli")
            token = await pod.doors.access_tokens.create(account.id, "trial", None)
            people.append(Person(account.id, token.text))
        owner = await pod.lobby.create_account("alice", origin="cli")
        for number in range(rooms):
            room_id = await pod.lobby.create_room(owner.id, f"room {number}", with_ai=with_ai, origin="cli")
            host = await pod.directory.host(room_id)
            async with asyncio.TaskGroup() as tasks:
                for name in names:
                    tasks.create_task(host.ask(owner.id, InviteMember(handle=name), origin="cli"))
            made.append(room_id)
    return people, made


class CrashTrial:
    """One trial on a new data folder. `seed` decides the schedule and what the clients do; it is printed."""

    def __init__(
        self,
        seed: int,
        data_dir: Path,
        blows: Sequence[Blow],
        *,
        rooms: int = 3,
        writers: int = 6,
        viewers: int = 4,
        with_ai: bool = False,
        code: Path = ROOT,
    ) -> None:
        self.seed = seed
        self.strikes = schedule(seed, blows)
        self._server = RealServer(data_dir, code=code)
        self._counts = (rooms, writers, viewers)
        self._with_ai = with_ai
        self._rooms: list[str] = []
        self._writers: list[Writer] = []
        self._viewers: list[Viewer] = []
        self._frozen: Person | None = None

    async def run(self) -> Report:
        """Strike, settle, compare. Raises `ServerFailed` when the server does not come back by itself."""
        sys.stdout.write(f"\ncrash trial, seed {self.seed}: {', '.join(s.blow.name for s in self.strikes)}\n")
        started_s = time.monotonic()
        try:
            await self._server.start()
            await self._seed()
            async with asyncio.TaskGroup() as tasks:
                following = [tasks.create_task(viewer.run()) for viewer in self._viewers]
                assert self._frozen is not None, "seeded"
                following.append(tasks.create_task(freeze(self._frozen, self._rooms, self._server.ws_url)))
                writing = [tasks.create_task(writer.run()) for writer in self._writers]
                for strike in self.strikes:
                    await asyncio.sleep(strike.after_s)
                    await self._strike(strike)
                # Something is always said after the last blow too.
                await asyncio.sleep(0.5)
                struck_s = time.monotonic()
                await self._settle(writing)
                for task in (*following, *writing):
                    task.cancel()
            history = await self._history()
        finally:
            await self._server.end()
        report = Report(faults_in(history), kills=sum(KILLS[strike.blow] for strike in self.strikes))
        report.acks = sum(len(send.accepted) for send in history.sends)
        report.deliveries = sum(len(stretch.seen) for view in history.views for stretch in view.stretches)
        report.turns = sum('"turn_requested"' in row.line for row in history.rows)
        report.refusals = Counter(a.refused for send in history.sends for a in send.answers if a.refused is not None)
        report.said = (
            f"seed {self.seed}: {report.kills} kills, {report.acks} acks, {len(history.rows)} events, "
            f"{report.deliveries} deliveries, {report.turns} turns, {dict(report.refusals)}; "
            f"{struck_s - started_s:.1f} s, settled in {time.monotonic() - struck_s:.1f} s"
        )
        sys.stdout.write(f"{report.said}\n")
        return report

    async def _strike(self, strike: Strike) -> None:
        server = self._server
        match strike.blow:
            case Blow.SERVER:
                await server.kill()
                await server.start()
            case Blow.POSTGRES:
                assert server.kill_postgres(), "there was no Postgres to kill"
                await asyncio.sleep(0.05)
                await server.until_ready()
            case Blow.BOTH:
                server.kill_postgres()
                await server.kill()
                await server.start()
            case Blow.STARTING:
                await server.kill()
                server.spawn()
                await asyncio.sleep(strike.again_after_s)
                await server.kill()
                await server.start()
            case Blow.DRAIN:
                status = await server.terminate()
                assert status == 0, f"SIGTERM ended the server with {status}:\n{server.last_words()}"
                await server.start()

    async def _seed(self) -> None:
        rooms, writers, viewers = self._counts
        names = [f"writer{n}" for n in range(writers)] + [f"viewer{n}" for n in range(viewers + 2)]
        people, self._rooms = await make_rooms(self._server.data_dir, names, rooms, with_ai=self._with_ai)
        url, dice = self._server.ws_url, random.Random(self.seed)
        for number, person in enumerate(people[:writers]):
            writer = Writer(f"w{number}", person, self._rooms, url, dice.getrandbits(32))
            writer.is_cut = number == 0
            writer.asks_ai = self._with_ai and number == 1
            self._writers.append(writer)
        for number, person in enumerate(people[writers:-1]):
            # The last one but one leaves a room unopened, and so hears of it in the room list instead.
            rooms_seen = self._rooms[:-1] if number == viewers - 1 else self._rooms
            self._viewers.append(
                Viewer(f"v{number}", person, rooms_seen, url, dice.getrandbits(32), from_start=number == viewers)
            )
        self._frozen = people[-1]

    async def _settle(self, writing: Sequence["asyncio.Task[None]"]) -> None:
        """Let all writers end, all turns end, all viewers arrive; what does not is named by the checker."""
        for writer in self._writers:
            writer.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await asyncio.wait(writing)
                connection = await asyncpg.connect(self._server.dsn)
                try:
                    while await connection.fetchval("SELECT count(*) FROM turns WHERE ended_at IS NULL"):  # noqa: ASYNC110 - the database tells nobody
                        await asyncio.sleep(0.1)
                    while True:
                        rows = await connection.fetch("SELECT id, seq FROM rooms")
                        heads = {row["id"]: row["seq"] for row in rows}
                        if all(viewer.has_reached(heads.__getitem__) for viewer in self._viewers):
                            return
                        await asyncio.sleep(0.05)
                finally:
                    await connection.close()

    async def _history(self) -> History:
        """Read everything once more: the database, and each room from its first event as a new client would."""
        connection = await asyncpg.connect(self._server.dsn)
        try:
            events = await connection.fetch("SELECT room_id, seq, event_id, actor_id, key, body FROM events")
            heads = await connection.fetch("SELECT id, seq FROM rooms")
            messages: defaultdict[str, list[Message]] = defaultdict(list)
            for row in await connection.fetch("SELECT * FROM messages ORDER BY room_id, seq"):
                messages[row["room_id"]].append(message_from(row))
        finally:
            await connection.close()
        return History(
            rows=[Row(r["room_id"], r["seq"], r["event_id"], r["actor_id"], r["key"], r["body"]) for r in events],
            heads={row["id"]: row["seq"] for row in heads},
            messages=messages,
            sends=[send for writer in self._writers for send in writer.sends],
            views=list(self._views()),
        )

    def _views(self) -> Iterator[View]:
        for viewer in self._viewers:
            yield from viewer.views
