"""The figures of files: a large one through the server against a plain endpoint, and one that need not be sent again."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel

from benchmarks import processes, servers
from benchmarks.generator import RunFailed
from benchmarks.report import Figure, say
from benchmarks.seed_rooms import RoomWanted
from benchmarks.servers import Cores, environment, free_port, on_cores
from benchmarks.spread import median, median_and_range
from benchmarks.stage import Size, quiet

GOAL_GROWTH_MIB = 64.0
GOAL_RATIO = 0.7
_MIB = 1024 * 1024
_LOOK_S = 0.02
_START_S = 30.0
_SEND_S = 300.0


class _Answer(BaseModel):
    state: str


class _Upload(BaseModel):
    attachment: _Answer


@dataclass(frozen=True)
class _Sent:
    took_s: float
    grew_kib: int


async def of_large_files(folder: Path, cores: Cores, size: Size, *, file_bytes: int, rounds: int) -> list[Figure]:
    """Turn about, each time other bytes: what is there already would not be looked at again."""
    data_dir, peer_dir = folder / "uploads", folder / "plain"
    peer_dir.mkdir()
    made = servers.seed(data_dir, 1, [RoomWanted(name="files", members=1)])
    [room_id], [token] = made.room_ids, made.tokens
    file = folder / "large"
    ours, plain = [], []
    async with servers.multiplayer(data_dir, cores) as server, _plain_peer(peer_dir, cores) as peer:
        head = f"POST /api/v1/rooms/{room_id}/files?name=large HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
        for number in range(rounds):
            await asyncio.to_thread(_fill, file, file_bytes, number)
            for is_ours in (True, False) if number % 2 else (False, True):
                await quiet(size.quiet_s)
                if is_ours:
                    said, sent = await _send(server.port, server.pid, head, file, cores)
                    if _Upload.model_validate_json(said).attachment.state != "ready":
                        raise RunFailed(f"the upload is not ready: {said[:200]!r}")
                    ours.append(sent)
                else:
                    said, sent = await _send(*peer, "POST /files HTTP/1.1\r\n", file, cores)
                    if said != str(file_bytes).encode():
                        raise RunFailed(f"the peer took {said[:100]!r} bytes")
                    plain.append(sent)
            say(f"  ours {ours[-1].took_s:.2f} s, +{ours[-1].grew_kib / 1024:.0f} MiB; plain {plain[-1].took_s:.2f} s")
        dedupe = await _known(server.port, room_id, token, file, file_bytes)
    return [_large(ours, plain, file_bytes), dedupe]


def _large(ours: list[_Sent], plain: list[_Sent], file_bytes: int) -> Figure:
    ratios = [theirs.took_s / mine.took_s for mine, theirs in zip(ours, plain, strict=True)]
    grown_mib = max(sent.grew_kib for sent in ours) / 1024
    return Figure(
        name=f"upload of {file_bytes / 1e9:g} GB through the server / a plain Starlette endpoint that writes it to a file",
        result=f"{median_and_range(ratios, 2)} of its throughput "
        f"({file_bytes / 1e6 / median([sent.took_s for sent in ours]):.0f} MB/s); the server grew by {grown_mib:.0f} MiB at most",
        goal=f"≥ {GOAL_RATIO} ×; ≤ {GOAL_GROWTH_MIB:.0f} MiB",
        is_met=median(ratios) >= GOAL_RATIO and grown_mib <= GOAL_GROWTH_MIB,
        rounds=[
            {
                "ours s": mine.took_s,
                "plain s": theirs.took_s,
                "throughput, ratio": theirs.took_s / mine.took_s,
                "grew MiB": mine.grew_kib / 1024,
                "plain grew MiB": theirs.grew_kib / 1024,
            }
            for mine, theirs in zip(ours, plain, strict=True)
        ],
        notes=[
            "ours hashes, makes it durable (fsync), looks at its type and writes it into the database; the plain one does not",
            "from the first byte to the answer, over one connection on loopback; the file lies in the page cache",
            f"memory of the server's process alone, looked at every {_LOOK_S * 1000:.0f} ms",
        ],
    )


async def _known(port: int, room_id: str, token: str, file: Path, file_bytes: int) -> Figure:
    """What it takes to say a checksum whose bytes are there, against sending them."""
    sha256 = await asyncio.to_thread(_sha256, file)
    body = {"name": "again", "size": file_bytes, "sha256": sha256}
    took_ms = []
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as http:
        for _ in range(10):
            began_s = time.perf_counter()
            answer = await http.post(f"/api/v1/rooms/{room_id}/uploads", json=body)
            took_ms.append((time.perf_counter() - began_s) * 1000)
            if answer.status_code != httpx.codes.CREATED or answer.json()["attachment"]["state"] != "ready":
                raise RunFailed(f"it had to be sent again: {answer.text[:200]}")
            forgotten = await http.delete(f"/api/v1/uploads/{answer.json()['attachment']['id']}")
            if forgotten.status_code != httpx.codes.NO_CONTENT:
                raise RunFailed(f"it could not be forgotten: {forgotten.text[:200]}")
    return Figure(
        name=f"a file of {file_bytes / 1e6:.0f} MB that is there already, attached again by its checksum",
        result=f"ready in {median_and_range(took_ms, 1)} ms, no byte of it sent",
        goal="no upload",
        is_met=True,
        notes=["ten times over one connection; hashing it first, at the sender, is not in it"],
    )


async def _send(port: int, pid: int, head: str, file: Path, cores: Cores) -> tuple[bytes, _Sent]:
    """Send a file as the body, and look at the server's memory meanwhile."""
    before_kib = highest_kib = processes.rss_kib(pid)
    began_s = time.perf_counter()
    job = json.dumps({"port": port, "head": head, "file": str(file)})
    with on_cores(cores.generator):
        sending = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SENDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    async with asyncio.timeout(_SEND_S), asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(sending.communicate(job.encode()))
        while not talking.done():
            highest_kib = max(highest_kib, processes.rss_kib(pid))
            await asyncio.sleep(_LOOK_S)
    out, _ = talking.result()
    took, _, body = out.partition(b"\n")
    if not took:
        raise RunFailed(f"the sender ended with {sending.returncode} after {time.perf_counter() - began_s:.0f} s")
    return body, _Sent(float(took), highest_kib - before_kib)


# In a process of its own, so that its work is not on the loop that looks at the memory. The key comes by stdin.
_SENDER = """
import json, os, socket, sys, time
job = json.loads(sys.stdin.read())
size = os.path.getsize(job["file"])
with open(job["file"], "rb") as file, socket.create_connection(("127.0.0.1", job["port"])) as to:
    began = time.perf_counter()
    to.sendall((job["head"] + f"Host: bench\\r\\nContent-Length: {size}\\r\\nConnection: close\\r\\n\\r\\n").encode())
    to.sendfile(file)
    answer = b""
    while piece := to.recv(65536):
        answer += piece
    took = time.perf_counter() - began
sys.stdout.buffer.write(f"{took}\\n".encode() + answer.partition(b"\\r\\n\\r\\n")[2])
"""


@asynccontextmanager
async def _plain_peer(folder: Path, cores: Cores) -> AsyncIterator[tuple[int, int]]:
    """The peer's port and pid."""
    port = free_port()
    with on_cores(cores.servers):
        line = [sys.executable, "-m", "benchmarks.plain_upload", str(port), str(folder)]
        process = subprocess.Popen(line, env=environment())  # noqa: ASYNC220 - it is only started
    try:
        until_s = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > until_s or process.poll() is not None:
                    raise RunFailed("the plain peer does not start") from None
                await asyncio.sleep(0.1)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


def _fill(file: Path, size: int, seed: int) -> None:
    piece = hashlib.shake_128(str(seed).encode()).digest(_MIB)
    with file.open("wb") as out:
        out.write(f"{seed:08d}".encode())
        for _ in range(size // _MIB):
            out.write(piece)
        out.truncate(size)
        out.flush()
        os.fsync(out.fileno())


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
