"""The figures of a workspace that a folder elsewhere follows: what it costs to find that nothing has changed."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks import servers
from benchmarks.generator import RunFailed
from benchmarks.report import Figure
from benchmarks.seed_rooms import RoomWanted
from benchmarks.servers import Cores
from benchmarks.spread import median, percentile
from benchmarks.stage import Size, quiet
from multiplayer.client import Client, Room
from multiplayer.client.sync.engine import Sync
from multiplayer.client.sync.ledger import opened_ledger
from multiplayer.client.sync.opened_folder import open_folder

FILES, SMOKE_FILES = 10_000, 1_000
ROUNDS = 12
"""Of each kind: the server lets an account look so often at once."""
_PER_FOLDER = 100
_SETTLE_S = 3.0
"""A file that was written less than this ago is read again: no stamp of it can be trusted yet."""


@dataclass(frozen=True)
class Followed:
    """A server with a room whose workspace holds this many small files, and has been looked at once."""

    url: str
    token: str
    room_id: str
    workspace: Path
    files: int
    first_s: float
    """What the first look took, in which all of them are read."""


async def of_a_followed_workspace(folder: Path, cores: Cores, size: Size) -> list[Figure]:
    files = FILES if size.compares_all else SMOKE_FILES
    async with followed_workspace(folder / "sync", cores, files) as followed:
        await quiet(size.quiet_s)
        return [await _of_the_server(followed), await _of_a_pass(followed, folder / "elsewhere")]


@asynccontextmanager
async def followed_workspace(data_dir: Path, cores: Cores, files: int) -> AsyncIterator[Followed]:
    """Start a server on a new folder, fill a workspace beside it, and look at it once."""
    made = servers.seed(data_dir, 1, [RoomWanted(name="sync", members=1)])
    [room_id], [token] = made.room_ids, made.tokens
    workspace = data_dir / "workspaces" / room_id
    async with servers.multiplayer(data_dir, cores) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with _client(url, token) as http:
            await _tree(http, room_id)
            await asyncio.to_thread(_fill, workspace, files)
            await asyncio.sleep(_SETTLE_S)
            began_s = time.perf_counter()
            await _tree(http, room_id)
            first_s = time.perf_counter() - began_s
        yield Followed(url, token, room_id, workspace, files, first_s)


async def _of_the_server(followed: Followed) -> Figure:
    known_ms: list[float] = []
    whole_ms: list[float] = []
    size = 0
    async with _client(followed.url, followed.token) as http:
        etag = (await _tree(http, followed.room_id)).headers["etag"]
        for _ in range(ROUNDS):
            for known, took_ms in ((etag, known_ms), (None, whole_ms)):
                began_s = time.perf_counter()
                answer = await _tree(http, followed.room_id, known)
                took_ms.append((time.perf_counter() - began_s) * 1000)
                if answer.status_code != (200 if known is None else 304):
                    raise RunFailed(f"a workspace in which nothing changed was told as HTTP {answer.status_code}")
                size = max(size, len(answer.content))
    return Figure(
        name=f"a look at a workspace of {followed.files:,} unchanged files, at the server",
        result=f"304 in {median(known_ms):.0f} ms (p50; p95 {percentile(known_ms, 95):.0f}), all of it in "
        f"{median(whole_ms):.0f} ms (p95 {percentile(whole_ms, 95):.0f})",
        rounds=[
            {"304 ms": known, "whole ms": whole, "first ms": followed.first_s * 1000}
            for known, whole in zip(known_ms, whole_ms, strict=True)
        ],
        notes=[
            "every look stats every file: the server trusts no watcher",
            f"the first look, which reads and keeps them all, took {followed.first_s:.2f} s",
            f"the whole tree is {size / 1e6:.1f} MB of JSON",
        ],
    )


async def _of_a_pass(followed: Followed, folder: Path) -> Figure:
    """A whole pass of `multiplayer sync`, from opening the folder to its end, with a connection that is there."""
    await asyncio.to_thread(shutil.copytree, followed.workspace, folder)
    async with Client(followed.url, token=followed.token) as client:
        room = await client.room(followed.room_id)
        first_s = await _pass(room, folder)
        await asyncio.sleep(_SETTLE_S)
        await _pass(room, folder)
        took_s = [await _pass(room, folder) for _ in range(ROUNDS)]
    return Figure(
        name=f"a pass of sync over {followed.files:,} unchanged files, here and at the server",
        result=f"{median(took_s):.2f} s (p50; p95 {percentile(took_s, 95):.2f})",
        rounds=[{"pass ms": one * 1000, "first ms": first_s * 1000} for one in took_s],
        notes=[f"the first pass, which reads every file here, took {first_s:.2f} s"],
    )


async def _pass(room: Room, folder: Path) -> float:
    began_s = time.perf_counter()
    with closing(open_folder(folder)) as opened, opened_ledger(opened) as ledger:
        ledger.bind("the server of this run", room.id)
        result = await Sync(room, opened, ledger, handle="bench", now=lambda: datetime.now(UTC)).settle()
    if result.done or not result.is_equal:
        raise RunFailed(f"a pass over what is alike did something: {result}")
    return time.perf_counter() - began_s


def _client(url: str, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=120.0)


async def _tree(http: httpx.AsyncClient, room_id: str, known: str | None = None) -> httpx.Response:
    headers = {} if known is None else {"If-None-Match": known}
    answer = await http.get(f"/api/v1/rooms/{room_id}/workspace/tree", headers=headers)
    if answer.status_code not in {httpx.codes.OK, httpx.codes.NOT_MODIFIED}:
        raise RunFailed(f"the tree is not told: {answer.text[:200]}")
    return answer


def _fill(workspace: Path, files: int) -> None:
    for number in range(files):
        folder = workspace / f"folder{number // _PER_FOLDER:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"file{number:05}.txt").write_text(f"the file number {number}\n" * 20)
