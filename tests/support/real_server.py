"""A real server as a process of its own: started, killed and ended like an operator or an accident would."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from multiplayer.storage.runtime_dir import postgres_processes

ROOT = Path(__file__).resolve().parents[2]
START_S = 40.0
"""Python, the database's recovery and a busy machine; only a broken server takes as long."""
END_S = 25.0
# What would put another AI, database or sign-in in the place of the built-in ones.
_NOT_OURS = ("MULTIPLAYER_", "DATABASE_URL", "DEEPSEEK_", "OPENAI_", "SUPABASE_")
RAISED = {
    "MULTIPLAYER_COMMANDS_PER_S": "100000",
    "MULTIPLAYER_MESSAGES_PER_MIN": "1000000",
    "MULTIPLAYER_SESSIONS_PER_ACCOUNT": "1000",
    "MULTIPLAYER_SESSIONS_PER_ADDRESS": "1000",
    "MULTIPLAYER_LOG_LEVEL": "info",
    # Those who count rooms and events make them all.
    "MULTIPLAYER_WELCOME": "off",
}


class ServerFailed(Exception):  # noqa: N818 - says what happened
    """The server ended by itself or was not ready in time; the sentence holds its last words."""


class RealServer:
    """`python -m multiplayer serve` on `data_dir`, at one port over all its starts. Log: beside the folder."""

    def __init__(
        self,
        data_dir: Path,
        *,
        code: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        """`code`: the folder that holds the package to run, the checkout by default."""
        self.data_dir = data_dir
        self.port = _quiet_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/ws"
        self.log = log or data_dir.with_name(f"{data_dir.name}.log")
        self.starts = 0
        self._code = code
        self._environment = {**RAISED, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    @property
    def dsn(self) -> str:
        """Of its database, while it runs."""
        held = json.loads((self.data_dir / "server.json").read_text())
        return str(held["database"])

    @property
    def postmaster(self) -> int | None:
        """The pid of its Postgres, if there is one just now."""
        try:
            first = (self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]
            pid = int(first)
        except (OSError, ValueError):
            return None
        return pid if pid in self.postgres_processes() else None

    def postgres_processes(self) -> list[int]:
        """Everything of Postgres on this folder, whoever is its parent now."""
        cluster = self.data_dir / "postgres"
        return postgres_processes(cluster, "no title is needed to look into our own") if cluster.exists() else []

    def descendants(self) -> list[int]:
        """The server's process and all below it."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            stat = _stat(int(entry.name)) if entry.name.isdigit() else None
            if stat is not None:
                children.setdefault(int(stat[1]), []).append(int(entry.name))
        found = [self.pid]
        for parent in found:
            found += children.get(parent, [])
        return found

    def last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-6000:] if self.log.exists() else "(nothing)"

    def spawn(self) -> None:
        """Start the process and return at once."""
        assert not self.is_running, "it runs already"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        argv = ["-m", "multiplayer", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *argv, "--data-dir", str(self.data_dir)],
                env={**kept, **self._environment, "PYTHONPATH": str(self._code)},
                cwd=self._code,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.starts += 1

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises `ServerFailed`."""
        self.spawn()
        await self.until_ready()

    async def until_ready(self, *, within_s: float = START_S) -> None:
        try:
            async with asyncio.timeout(within_s):
                while await self.readiness() != 200:
                    if not self.is_running:
                        raise ServerFailed(f"the server ended with status {self.status}:\n{self.last_words()}")
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise ServerFailed(f"the server is not ready after {within_s:.0f} s:\n{self.last_words()}") from None

    async def readiness(self) -> int | None:
        """Return the status of /readyz; None if nobody answers."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=4.0) as http:
                return (await http.get(f"{self.url}/readyz")).status_code
        except httpx.TransportError:
            return None

    async def kill(self) -> None:
        """SIGKILL the server's own process, and nothing else."""
        assert self._process is not None, "not started"
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    def kill_postgres(self) -> bool:
        """SIGKILL the postmaster; tell whether there was one."""
        postmaster = self.postmaster
        if postmaster is None:
            return False
        try:
            os.kill(postmaster, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    async def terminate(self, *, within_s: float = END_S) -> int:
        """SIGTERM; return the exit status. Raises TimeoutError if it does not end."""
        assert self._process is not None, "not started"
        self._process.terminate()
        return await self.exited(within_s=within_s)

    async def exited(self, *, within_s: float) -> int:
        """Wait for the end of the process by itself."""
        process = self._process
        assert process is not None, "not started"
        async with asyncio.timeout(within_s):
            while (status := process.poll()) is None:  # noqa: ASYNC110 - a thread would outlive the time
                await asyncio.sleep(0.02)
        return status

    async def postgres_is_gone(self, *, within_s: float) -> list[int]:
        """Wait for the end of every Postgres process on the folder; return those that are left after the time."""
        try:
            async with asyncio.timeout(within_s):
                while self.postgres_processes():  # noqa: ASYNC110 - not our children: nothing tells us of their end
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return self.postgres_processes()
        return []

    async def end(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        if self.is_running:
            try:
                await self.terminate()
            except TimeoutError:
                await self.kill()
        for pid in await self.postgres_is_gone(within_s=END_S):
            os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def real_server(
    data_dir: Path, *, code: Path = ROOT, environment: Mapping[str, str] | None = None
) -> AsyncIterator[RealServer]:
    """A started, ready server; nothing of it is left afterwards."""
    server = RealServer(data_dir, code=code, environment=environment)
    try:
        await server.start()
        yield server
    finally:
        await server.end()


async def still_alive(pids: Sequence[int], *, within_s: float) -> list[int]:
    """Wait for the end of processes that are not our children; return those that are left after the time.

    One that has ended and that nobody has asked about (a zombie of a lazy init) is not alive.
    """
    left = list(pids)
    try:
        async with asyncio.timeout(within_s):
            while left := [pid for pid in left if (stat := _stat(pid)) is not None and stat[0] != "Z"]:  # noqa: ASYNC110 - not our children
                await asyncio.sleep(0.02)
    except TimeoutError:
        pass
    return left


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: the state, the parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _quiet_port() -> int:
    """A free port below those the kernel gives to clients: else one of ours could connect to itself meanwhile."""
    for _ in range(200):
        port = random.randint(12_000, 30_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailed("no free port")
