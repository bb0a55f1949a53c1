"""Starts the servers to be measured, each with its own Postgres in its own folder, and ends them by their pid."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
from pydantic import BaseModel

from benchmarks import processes
from benchmarks.jobs import Dialect
from benchmarks.naive_server import DATABASE_FILE
from benchmarks.seed_rooms import Made, RoomWanted, Wanted

ROOT = Path(__file__).resolve().parent.parent
_START_S = 90.0
_END_S = 30.0
_SEED_S = 180.0

# Nothing is switched off: one machine with one person at it only exceeds the numbers.
RAISED = {
    "MULTIPLAYER_SESSIONS_PER_ACCOUNT": "100000",
    "MULTIPLAYER_SESSIONS_PER_ADDRESS": "100000",
    "MULTIPLAYER_COMMANDS_PER_S": "100000",
    "MULTIPLAYER_MESSAGES_PER_MIN": "10000000",
    "MULTIPLAYER_ROOM_MEMBERS": "1000",
    "MULTIPLAYER_LOG_LEVEL": "warning",
}
# What would put another AI, database or sign-in in the place of the one that is measured.
_NOT_OURS = ("MULTIPLAYER_", "DATABASE_URL", "DEEPSEEK_", "OPENAI_", "SUPABASE_")


class ServerFailed(Exception):  # noqa: N818 - says what happened
    """A server did not start or ended on its own; the sentence holds its last words."""


class _ServerFile(BaseModel):
    database: str


@dataclass(frozen=True)
class Server:
    dialect: Dialect
    pid: int
    port: int
    data_dir: Path
    started_in_s: float
    """From the start of the process to the first good answer of /readyz."""

    def cpu_s(self) -> float:
        """CPU seconds so far of the server and its Postgres."""
        return processes.cpu_s(self.pid)

    async def check_log(self, room_id: str, posted: int) -> list[str]:
        """What is wrong with the room in the database: no gap, no double, and exactly `posted` messages with a key."""
        connection = await asyncpg.connect(self._database())
        try:
            row = await connection.fetchrow(
                "SELECT count(*) AS rows, min(seq) AS first, max(seq) AS last, count(DISTINCT event_id) AS ids,"
                " count(DISTINCT (actor_id, key)) FILTER (WHERE key IS NOT NULL) AS keys"
                " FROM events WHERE room_id = $1",
                room_id,
            )
        finally:
            await connection.close()
        assert row is not None, "an aggregate has a row"
        faults = []
        if not row["rows"] == row["last"] == row["ids"] or row["first"] != 1:
            faults.append(f"the log has {row['rows']} rows, {row['ids']} ids, seq {row['first']} to {row['last']}")
        if row["keys"] != posted:
            faults.append(f"{posted} messages were accepted, the log has {row['keys']} keys")
        return faults

    async def postgres_version(self) -> str:
        connection = await asyncpg.connect(self._database())
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()

    def _database(self) -> str:
        if self.dialect == "naive":
            return (self.data_dir / DATABASE_FILE).read_text()
        return _ServerFile.model_validate_json((self.data_dir / "server.json").read_text()).database


@dataclass(frozen=True)
class Cores:
    """Which the servers run on, and which the generator; the same for both when the machine has only one."""

    servers: frozenset[int]
    generator: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        found = sorted(os.sched_getaffinity(0))
        if len(found) < 2:
            return cls(frozenset(found), frozenset(found))
        return cls(frozenset(found[:-1]), frozenset(found[-1:]))


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """What is started in the block runs there, with all that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without anybody's settings, with the repository importable from any folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    return kept | {"PYTHONPATH": str(ROOT)} | dict(extra or {})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def seed(data_dir: Path, accounts: int, rooms: Sequence[RoomWanted], *, links: int = 0) -> Made:
    """Fill a data folder that no server uses yet."""
    wanted = Wanted(data_dir=data_dir, accounts=accounts, rooms=list(rooms), links=links)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.seed_rooms"],
        input=wanted.model_dump_json() + "\n",
        env=environment(),
        cwd=data_dir,
        capture_output=True,
        text=True,
        timeout=_SEED_S,
        check=False,
    )
    if done.returncode != 0:
        raise ServerFailed(f"the rooms could not be made:\n{done.stderr[-2000:]}")
    return Made.model_validate_json(done.stdout.splitlines()[-1])


@asynccontextmanager
async def multiplayer(
    data_dir: Path,
    cores: Cores,
    port: int | None = None,
    *,
    module: str = "multiplayer",
    extra: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """Run ours, as its command line starts it, with the numbers of its limits raised; `extra` settings beside them."""
    at = port or free_port()
    argv = ["-m", module, "serve", "--host", "127.0.0.1", "--port", str(at), "--data-dir", str(data_dir)]
    async with _running("multiplayer", argv, at, data_dir, cores, RAISED | dict(extra or {})) as server:
        yield server


@asynccontextmanager
async def naive(data_dir: Path, cores: Cores, port: int | None = None) -> AsyncIterator[Server]:
    at = port or free_port()
    argv = ["-m", "benchmarks.naive_server", "--port", str(at), "--data-dir", str(data_dir)]
    async with _running("naive", argv, at, data_dir, cores, {}) as server:
        yield server


@asynccontextmanager
async def _running(
    dialect: Dialect, argv: Sequence[str], port: int, data_dir: Path, cores: Cores, extra: Mapping[str, str]
) -> AsyncIterator[Server]:
    _prepare(port, data_dir)
    said = data_dir.parent / f"{data_dir.name}.log"
    began_s = time.perf_counter()
    with said.open("ab") as log, on_cores(cores.servers):
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, *argv],
            env=environment(extra),
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await _until_ready(process, port, said)
        yield Server(dialect, process.pid, port, data_dir, time.perf_counter() - began_s)
        if process.poll() is not None:
            raise ServerFailed(f"{dialect} ended with status {process.returncode}:\n{_tail(said)}")
    finally:
        await _end(process)


async def _until_ready(process: "subprocess.Popen[bytes]", port: int, said: Path) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as http:
        until_s = time.perf_counter() + _START_S
        while time.perf_counter() < until_s:
            if process.poll() is not None:
                raise ServerFailed(f"{said.stem} ended with status {process.returncode}:\n{_tail(said)}")
            try:
                answer = await http.get(f"http://127.0.0.1:{port}/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            if answer.is_success:
                return
            await asyncio.sleep(0.02)
    raise ServerFailed(f"{said.stem} was not ready within {_START_S:.0f} s:\n{_tail(said)}")


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end, and see to it that neither it nor its Postgres is left."""
    left = processes.tree(process.pid) if process.poll() is None else []
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
        try:
            await asyncio.to_thread(process.wait, _END_S)
            break
        except subprocess.TimeoutExpired:
            continue
    until_s = time.perf_counter() + _END_S
    while time.perf_counter() < until_s:
        if not any(processes.is_there(pid) for pid in left):
            return
        await asyncio.sleep(0.05)


def _prepare(port: int, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ServerFailed(f"port {port} is in use: an orphan would be measured; end it first") from None


def _tail(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-2000:]
