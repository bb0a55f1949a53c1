"""One way to run the corpus: a server stand-in, canaries, victims, and a verdict for each attack."""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.sandbox.launchers import Mode
from tests.redteam.attack import Attack, Kind
from tests.redteam.machine import Unavailable, free_uids, machine_can, reachable_bwrap
from tests.redteam.verdict import Verdict, judged
from tests.redteam.victim import Victim, ipc_of, until_gone
from tests.redteam.worker import Ready, Reply, Request, Settings
from tests.support.canaries import Canaries

ROOT: Final = Path(__file__).parents[2]
LANES: Final = 6
_PATIENCE_S: Final = 90.0
_TRIES: Final = 3
_ANOTHER_ROOM: Final = 1_000


@dataclass
class _Lane:
    """Runs one attack at a time, as one room with its own uid (as root; else None: ours) and a victim of that uid."""

    number: int
    uid: int | None
    victim: Victim


@dataclass
class Stage:
    kind: Kind
    uids: int
    """Room uids lie above this number, as root."""
    plain_uid: int | None
    """The uid of all, where rooms share one; None: ours."""
    canaries: Canaries
    process: asyncio.subprocess.Process
    ready: Ready
    rooms: Path
    is_root: bool
    """Whether the tests are; then the plain uid is one that nobody has."""
    lanes: list[_Lane] = field(default_factory=list)
    _waiting: dict[str, asyncio.Future[Reply]] = field(default_factory=dict)

    @property
    def shares_a_uid(self) -> bool:
        return self.kind in {Kind.STRICT_PLAIN, Kind.BARE}

    def uid_of(self, lane: int) -> int | None:
        """None: the uid is shared with others, and tells nothing."""
        return None if self.shares_a_uid else self.uids + lane

    async def ask(self, verb: str, code: str, limits: Limits, lane: int) -> Reply:
        name = secrets.token_hex(13)
        request = Request(id=name, verb=verb, room_id=name, room_number=lane, code=code, limits=limits)
        assert self.process.stdin is not None
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        self.process.stdin.write(request.model_dump_json().encode() + b"\n")
        async with asyncio.timeout(_PATIENCE_S):
            return await answer

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            reply = Reply.model_validate_json(line)
            self._waiting.pop(reply.id).set_result(reply)
        for lost in self._waiting.values():
            lost.set_exception(ConnectionError("the server died"))

    def left_out(self, attack: Attack) -> str | None:
        """Which accepted weakness makes the attack pointless here."""
        if attack.needs_cgroup and self.ready.limits_by != "cgroup":
            return "without cgroup or container, memory is bounded per process only"
        return attack.accepted.get(self.kind)

    async def run_all(self, attacks: Iterable[Attack]) -> dict[str, Verdict]:
        """Run them, some at a time. The slow ones first, so that they overlap with others."""
        attacks = [attack for attack in attacks if self.left_out(attack) is None]
        waiting = deque(sorted(attacks, key=lambda attack: attack.stopped_by is None))
        verdicts: dict[str, Verdict] = {}

        async def work(lane: _Lane) -> None:
            while waiting:
                attack = waiting.popleft()
                verdicts[attack.name] = await self.run(attack, lane)

        async with asyncio.TaskGroup() as tasks:
            for lane in self.lanes:
                tasks.create_task(work(lane))
        return verdicts

    async def run(self, attack: Attack, lane: _Lane) -> Verdict:
        """Run one. If a slow machine did not let it come to its deed before the limit struck, run it again."""
        verdict = await self._run_once(attack, lane)
        for number in range(1, _TRIES):
            if verdict.did_run or attack.stopped_by is None:
                break
            wall_s = attack.limits.wall_s * 3**number
            verdict = await self._run_once(replace(attack, limits=replace(attack.limits, wall_s=wall_s)), lane)
        return verdict

    async def _run_once(self, attack: Attack, lane: _Lane) -> Verdict:
        nonce = secrets.token_hex(8)
        # The backslash: bash repeats a script when it tells of a killed process, and that must not count.
        code = f"echo begin\\-{nonce}; export RT_MARK={nonce}\n{self._filled(attack.code, lane, nonce)}"
        verb = "bare" if self.kind == Kind.BARE else "tool" if attack.by_tool else "run"
        async with self._dialled(attack) as reached:
            reply = await self.ask(verb, code, attack.limits, lane.number)
        trips = [*reached, *self.canaries.trips(), *lane.victim.trips()]
        if reply.socket_was_written:
            trips.append("the socket that was left open was written to")
        if self.kind != Kind.BARE:
            trips += await self._left_over(nonce, lane)
        verdict = judged(attack, nonce, reply, trips, self.canaries.tokens)
        if self.kind == Kind.BARE:
            self.replant()
        elif trips:
            self.canaries.repair()
            lane.victim.end()
            lane.victim = _victim(self.canaries, lane.number, lane.uid)
        return verdict

    def plant(self) -> None:
        """Plant canaries, data and victims."""
        self.canaries = Canaries.plant(self.canaries.tokens)
        _plant_data(self.rooms, self.canaries, self.plain_uid if self.shares_a_uid and self.is_root else None)
        for lane in self.lanes:
            lane.victim = _victim(self.canaries, lane.number, lane.uid)

    def replant(self) -> None:
        """A control has succeeded: nothing is as it was planted."""
        self.take_away()
        self.plant()

    def take_away(self) -> None:
        self.canaries.close()
        for lane in self.lanes:
            lane.victim.end()

    async def _left_over(self, nonce: str, lane: _Lane) -> list[str]:
        uid = self.uid_of(lane.number)
        left = await asyncio.to_thread(until_gone, uid, nonce, {lane.victim.pid})
        return left if uid is None else [*left, *ipc_of(uid)]

    def _filled(self, code: str, lane: _Lane, nonce: str) -> str:
        values = self.canaries.values | {
            "NONCE": nonce,
            "VICTIM": str(lane.victim.pid),
            "SERVER": str(self.process.pid),
            "ROOMS": str(self.rooms),
            "CODE": str(ROOT),
        }
        for name, value in values.items():
            code = code.replace(f"@{name}@", value)
        unknown = re.search(r"@[A-Z_0-9]+@", code)
        assert unknown is None, f"nothing is planted as {unknown}"
        return code

    @asynccontextmanager
    async def _dialled(self, attack: Attack) -> AsyncIterator[list[str]]:
        reached: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            dial = tasks.create_task(_dial(int(self.canaries.values["FREE"]), reached)) if attack.is_dialled else None
            yield reached
            if dial is not None:
                dial.cancel()

    async def at_rest(self) -> list[str]:
        """What is wrong when all attacks are over and nothing of them may live."""
        reply = await self.ask("idle", "", Limits(), 0)
        found = [f"{reply.children} processes hang on the server"] if reply.children else []
        if self.plain_uid is not None and self.shares_a_uid and self.is_root:  # else it is everything of ours
            spared = {self.process.pid, *(lane.victim.pid for lane in self.lanes)}
            found += await asyncio.to_thread(until_gone, self.plain_uid, "", spared)
            found += [left for left in ipc_of(self.plain_uid) if str(self.rooms.parent) not in left]
        if self.process.returncode is not None:
            found.append(f"the server died: {self.process.returncode}")
        return found


async def _dial(port: int, reached: list[str]) -> None:
    """Try to connect from the host, again and again, until cancelled."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        reached.append("the host could connect to what listens inside")
        return


@asynccontextmanager
async def staged(kind: Kind, *, lanes: int = LANES) -> AsyncIterator[Stage]:
    """Plant, start, and afterwards take away everything. Raises `Unavailable`."""
    if sys.platform != "linux":
        raise Unavailable("the sandbox needs Linux")
    is_root = os.geteuid() == 0
    mode: Mode | None = None if kind == Kind.BARE else "landlock" if kind == Kind.LANDLOCK else "strict"
    if kind in {Kind.STRICT_ROOT, Kind.LANDLOCK} and not is_root:
        raise Unavailable("the tests do not run as root, and room uids need that")
    uids = free_uids() if is_root else 0
    plain_uid = (uids + 5_000 if kind in {Kind.STRICT_PLAIN, Kind.BARE} else None) if is_root else os.geteuid()
    async with AsyncExitStack() as held:
        base = Path(tempfile.mkdtemp(prefix="rt-data-"))
        held.callback(_removed, base)
        canaries = Canaries()
        leaked = base / "leaked"
        leaked.write_text(canaries.token("leaked") + "\n")
        drop_to = plain_uid if is_root else None
        settings = Settings(
            workspaces=base / "workspaces",
            uid_base=uids or 200_000,
            drop_to=drop_to,
            mode=mode,
            bwrap=reachable_bwrap() if drop_to is not None else None,
            leaked_file=leaked,
        )
        _make_data(base, drop_to, kind)
        process = await _started(canaries, held)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(settings.model_dump_json().encode() + b"\n")
        async with asyncio.timeout(_PATIENCE_S):
            first = await process.stdout.readline()
        assert first, "the server did not start"
        ready = Ready.model_validate_json(first)
        if ready.mode != (mode or "none"):
            # A sandbox that broke must not look like a machine without one.
            assert not machine_can(mode), f"this machine can do it, but the sandbox is {ready.mode}: {ready.reason}"
            raise Unavailable(f"the sandbox is {ready.mode} here: {ready.reason}")
        stage = Stage(kind, uids, plain_uid, canaries, process, ready, settings.workspaces, is_root=is_root)
        for number in range(1, lanes + 1):
            uid = (plain_uid if stage.shares_a_uid else stage.uid_of(number)) if is_root else None
            if uid is not None and kind == Kind.LANDLOCK:
                uid += _ANOTHER_ROOM  # all processes of the room's own uid are killed with its command
            stage.lanes.append(_Lane(number, uid, _victim(canaries, number, uid)))
        held.callback(stage.take_away)
        stage.replant()
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(stage.listen())
            try:
                yield stage
            finally:
                listening.cancel()


def _victim(canaries: Canaries, number: int, uid: int | None) -> Victim:
    held, environ, argument = (canaries.token(f"{what}{number}") for what in ("memory", "environ", "argument"))
    return Victim.start(uid, held, environ, argument)


def import_path() -> str:
    """Where a process of ours finds what we have found."""
    return os.pathsep.join([str(ROOT), *filter(None, sys.path)])


async def _started(canaries: Canaries, held: AsyncExitStack) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.redteam.worker", f"--token={canaries.token('server-argument')}"),
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": import_path(), "SERVER_TOKEN": canaries.token("server-environ")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=16 * MIB,
    )

    async def ended() -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await process.stdin.wait_closed()

    held.push_async_callback(ended)
    return process


def _make_data(base: Path, owner: int | None, kind: Kind) -> None:
    """A data folder, open to others so that plain permissions prove nothing; but for strict as root, where a data folder
    that is closed to all others must do as well.
    """
    (base / "workspaces" / "other").mkdir(parents=True)
    for path in (base / "workspaces" / "other", base / "workspaces", base, base / "leaked"):
        if owner is not None:
            os.chown(path, owner, owner)
        path.chmod(0o777 if path.is_dir() else 0o666)
    if kind == Kind.STRICT_ROOT:
        base.chmod(0o700)


def _plant_data(rooms: Path, canaries: Canaries, owner: int | None) -> None:
    """Settings and another room's file, in the data folder."""
    settings, other = rooms.parent / "settings", rooms / "other" / "secret"
    for path, kind in ((settings, "settings"), (other, "other-room")):
        path.write_text(f"KEY={canaries.token(kind)}\n")
        if owner is not None:
            os.chown(path, owner, owner)
        path.chmod(0o666)
        canaries.watch(path)
    canaries.values |= {"SETTINGS": str(settings), "OTHER_ROOM": str(other)}


def _removed(base: Path) -> None:
    # Trees too deep for shutil, and folders closed against their own owner.
    subprocess.run(["chmod", "-R", "u+rwX", base], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", base], check=False)
    shutil.rmtree(base, ignore_errors=True)
