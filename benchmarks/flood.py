"""The flood figure: a command prints 300 MB into one room; what becomes of the server's memory and of another room."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from benchmarks import disk, processes, servers
from benchmarks.disk import Fdatasync
from benchmarks.generator import RunFailed, connected
from benchmarks.jobs import Place, RoomJob, RoomReport
from benchmarks.member import Member
from benchmarks.report import Fact, Figure, say
from benchmarks.room_load import join_all
from benchmarks.seed_rooms import RoomWanted
from benchmarks.servers import Cores, Server
from benchmarks.spread import median, median_and_range
from benchmarks.stage import QUIET_SHARE, Size, quiet
from benchmarks.wire import WireBroke
from multiplayer.protocol.profiles import AiProfile, Provider

GOAL_GROWTH_MIB = 32.0
GOAL_RATIO = 1.5
_COMMAND = "yes | head -c 300M"
_HANDLE = "flood"
_MEMBERS = 10
_RATE_PER_S = 100.0
_SENDERS = 4
_LOOK_S = 0.05
_TURN_S = 320.0
_MIB = 1024 * 1024


class _Line(BaseModel):
    type: str
    text: str = ""
    code: str | None = None
    exit_status: int | None = None


@dataclass(frozen=True)
class _Flood:
    """One command's run, as a member of its room saw it."""

    shown_bytes: int
    """Of output, to each member."""
    took_s: float
    end: str


@dataclass
class _Loud:
    """The room with the AI that runs the command. Everyone in it listens; the owner asks."""

    place: Place
    floods: list[_Flood] = field(default_factory=list)

    async def join(self) -> None:
        self._members = [Member(self.place, number) for number in range(len(self.place.tokens))]
        await join_all(self._members)

    def close(self) -> None:
        for member in self._members:
            member.close()

    async def ask(self, command: str, key: str, has_begun: asyncio.Event) -> _Flood:
        """Have the AI run it; returns when the turn has ended. `has_begun` is set with the first output."""
        over: asyncio.Future[_Line] = asyncio.get_running_loop().create_future()
        shown_bytes = 0
        end = _Line(type="")

        def hear(line: bytes, _now_s: float) -> None:
            nonlocal shown_bytes, end
            if b'"tool_' not in line and b'"turn_ended"' not in line:
                return
            heard = _Line.model_validate_json(line)
            if heard.type == "tool_output":
                shown_bytes += len(heard.text.encode())
                has_begun.set()
            elif heard.type == "tool_finished":
                end = heard
            elif heard.type == "turn_ended" and not over.done():
                over.set_result(heard)

        def answered(line: bytes, _now_s: float) -> None:
            if b'"refused"' in line and not over.done():
                over.set_exception(WireBroke(line.decode()[:200]))

        owner = self._members[0]
        owner.heard, owner.answered = hear, answered
        began_s = time.perf_counter()
        owner.post(key, f"@{_HANDLE} run `{command}`")
        try:
            async with asyncio.timeout(_TURN_S):
                await over
        except TimeoutError:
            raise RunFailed(f"`{command}` had no end within {_TURN_S:.0f} s") from None
        if end.type != "tool_finished":
            raise RunFailed(f"`{command}` was not run")
        said = f"exit status {end.exit_status}" if end.exit_status is not None else end.text.rpartition("\n")[2][:200]
        return _Flood(shown_bytes, time.perf_counter() - began_s, said)

    async def ask_until(self, enough: asyncio.Event, run: str, has_begun: asyncio.Event) -> list[_Flood]:
        """One command after the other, until nobody measures any more; the last is let end."""
        found: list[_Flood] = []
        while not enough.is_set():
            found.append(await self.ask(_COMMAND, f"{run}-{len(found)}", has_begun))
        self.floods += found
        return found


@dataclass(frozen=True)
class _Run:
    report: RoomReport
    others_share: float
    grown_kib: int
    floods: Sequence[_Flood]


@dataclass
class _Sitting:
    server: Server
    cores: Cores
    size: Size
    seed: int
    loud: _Loud
    calm: Place
    posted: int = 0
    runs: int = 0

    async def round(self, number: int) -> tuple[_Run, _Run]:
        """The calm room with nothing else to do, and beside the flood; who was first is second in the next round."""
        if number % 2:
            flooded = await self.run(is_flooded=True)
            return await self.run(is_flooded=False), flooded
        calm = await self.run(is_flooded=False)
        return calm, await self.run(is_flooded=True)

    async def run(self, *, is_flooded: bool) -> _Run:
        self.runs += 1
        name = f"{'flooded' if is_flooded else 'calm'}{self.runs}"
        job = RoomJob(
            place=self.calm,
            run=name,
            senders=_SENDERS,
            for_s=self.size.flood_s,
            at_most=100_000,
            seed=self.seed + self.runs,
            rate_per_s=_RATE_PER_S,
        )
        await quiet(self.size.quiet_s)
        floods: list[_Flood] = []
        async with connected(job, self.cores) as run, asyncio.TaskGroup() as tasks:
            enough, has_begun = asyncio.Event(), asyncio.Event()
            before_kib = processes.rss_kib(self.server.pid)
            watching = tasks.create_task(_most_kib(self.server.pid, enough))
            flooding = None
            if is_flooded:
                flooding = tasks.create_task(self.loud.ask_until(enough, name, has_begun))
                await has_begun.wait()
            machine_s, tree_s, own_s = self._used()
            report = await run.go(RoomReport)
            machine_s, tree_s, own_s = (
                after - b for after, b in zip(self._used(), (machine_s, tree_s, own_s), strict=True)
            )
            enough.set()
            if flooding is not None:
                floods = await flooding
            grown_kib = await watching - before_kib
        self.posted += report.posted
        faults = [*report.faults, *await self.server.check_log(self.calm.room_id, self.posted)]
        if faults:
            raise RunFailed(f"flood: {'; '.join(faults)}")
        others_s = machine_s - tree_s - own_s - report.generator_cpu_s
        say(f"  {name}: delivery p99 {report.delivery_ms[1]:.1f} ms, server grew by {grown_kib / 1024:.1f} MiB")
        return _Run(report, max(0.0, others_s) / report.for_s, grown_kib, floods)

    def _used(self) -> tuple[float, float, float]:
        """CPU seconds of the machine, the server's tree, and this process, in which the loud room listens."""
        return processes.machine_cpu_s(), self.server.cpu_s(), time.process_time()


async def _most_kib(pid: int, enough: asyncio.Event) -> int:
    """The most resident memory of the server until then, and for a moment after."""
    most = processes.rss_kib(pid)
    while not enough.is_set():
        most = max(most, processes.rss_kib(pid))
        await asyncio.sleep(_LOOK_S)
    return max(most, processes.rss_kib(pid))


async def live_output(folder: Path, cores: Cores, size: Size, seed: int) -> list[Figure]:
    """As the server is, which kills the command after 10 MiB; in the whole suite also with all 300 MB passing through."""
    whole, killed = folder / "flood-whole", folder / "flood-killed"
    found = []
    if size.compares_all:
        found.append(await _figure(whole, cores, size, seed, size.flood_rounds, module="benchmarks.flood_server"))
    rounds = max(1, size.flood_rounds // 2)
    return [*found, await _figure(killed, cores, size, seed, rounds, module="multiplayer")]


async def _figure(data_dir: Path, cores: Cores, size: Size, seed: int, rounds: int, *, module: str) -> Figure:
    profile = AiProfile(handle=_HANDLE, name="Flood", provider=Provider.DEMO)
    wanted = [
        RoomWanted(name="loud", members=_MEMBERS, ai=profile),
        RoomWanted(name="calm", members=_MEMBERS, first=_MEMBERS),
    ]
    made = servers.seed(data_dir, 2 * _MEMBERS, wanted)
    async with servers.multiplayer(data_dir, cores, module=module) as server:
        loud, calm = (
            Place(
                dialect="multiplayer",
                port=server.port,
                room_id=room_id,
                tokens=tuple(made.tokens[room.first : room.first + room.members]),
            )
            for room, room_id in zip(wanted, made.room_ids, strict=True)
        )
        sitting = _Sitting(server, cores, size, seed, _Loud(loud), calm)
        probe = disk.measure(data_dir, for_s=size.probe_s)
        try:
            await sitting.loud.join()
            # Every path once: what the first turn, the first command and the first load leave in memory is no flood's.
            await sitting.loud.ask("seq 20000", "warm-up", asyncio.Event())
            await sitting.run(is_flooded=False)
            found = [await sitting.round(number) for number in range(rounds)]
        finally:
            sitting.loud.close()
        probe += disk.measure(data_dir, for_s=size.probe_s)
    return _judged(found, probe, is_whole=module != "multiplayer")


def _judged(rounds: Sequence[tuple[_Run, _Run]], probe: Fdatasync, *, is_whole: bool) -> Figure:
    calm_enough = [both for both in rounds if max(run.others_share for run in both) <= QUIET_SHARE]
    judged = calm_enough or rounds
    ratios = [flooded.report.delivery_ms[1] / calm.report.delivery_ms[1] for calm, flooded in judged]
    grown_mib = [flooded.grown_kib / 1024 for _, flooded in rounds]
    floods = [flood for _, flooded in rounds for flood in flooded.floods]
    ends = sorted({flood.end for flood in floods})
    has_passed = not is_whole or ends == ["exit status 0"]
    how = "all of it passes through" if is_whole else "as the server is: killed after 10 MiB, and asked for again"
    return Figure(
        name=f"live output of a flood of 300 MiB, {how}; another room of {_MEMBERS} members at {_RATE_PER_S:.0f} messages/s",
        result=f"server grew by {max(grown_mib):.1f} MiB at most; the other room's delivery p99 "
        f"{median_and_range(ratios, 2)} × quiet",
        goal=f"≤ {GOAL_GROWTH_MIB:.0f} MiB; p99 ≤ {GOAL_RATIO} × quiet",
        is_met=has_passed and max(grown_mib) <= GOAL_GROWTH_MIB and median(ratios) <= GOAL_RATIO,
        rounds=[_facts(calm, flooded, probe) for calm, flooded in rounds],
        notes=[
            f"`{_COMMAND}`: {len(floods)} times, each ended with: {'; '.join(ends)}",
            f"each of {_MEMBERS} members saw at most {max(flood.shown_bytes for flood in floods) / _MIB:.2f} MiB of one",
            f"p99 by {'the quiet rounds' if calm_enough else 'all rounds, none was quiet'}: {len(calm_enough)} of {len(rounds)}",
            f"memory by all rounds, looked at every {_LOOK_S * 1000:.0f} ms",
        ],
    )


def _facts(calm: _Run, flooded: _Run, probe: Fdatasync) -> dict[str, Fact]:
    return {
        "quiet p50 ms": calm.report.delivery_ms[0],
        "quiet p99 ms": calm.report.delivery_ms[1],
        "flooded p50 ms": flooded.report.delivery_ms[0],
        "flooded p99 ms": flooded.report.delivery_ms[1],
        "p99, ratio": flooded.report.delivery_ms[1] / calm.report.delivery_ms[1],
        "commands": len(flooded.floods),
        "command s": [flood.took_s for flood in flooded.floods[:3]],
        "grew MiB": flooded.grown_kib / 1024,
        "grew MiB while quiet": calm.grown_kib / 1024,
        "others busy": f"{max(calm.others_share, flooded.others_share):.0%}",
        "fdatasync mean ms": probe.mean_ms,
    }
