"""Where figures are measured: the servers that are up, the rooms on them, and how one verified run is made."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import disk, processes
from benchmarks.disk import Fdatasync
from benchmarks.generator import RunFailed, Used, measured
from benchmarks.jobs import Place, RoomJob, RoomReport
from benchmarks.report import Fact, settle
from benchmarks.servers import Cores, Server

_SETTLE_S = 0.4
QUIET_SHARE = 0.25
"""What everything else may use during a quiet run, in CPUs."""


@dataclass(frozen=True)
class Size:
    """How much is done: the whole suite, or its small form."""

    rounds: int
    for_s: float
    members: int
    idle_rooms: int
    idle_members: int
    turns: int
    bursts: tuple[int, ...]
    """Messages in flight, one figure each."""
    probe_s: float
    """How long the disk is probed before and after each run."""
    steady_s: float
    quiet_s: float
    """How long each run may wait for a moment in which the machine has nothing else to do."""
    nlweb_rounds: int
    nlweb_pairs: int
    """In each of these rounds."""
    long_turns: int
    """Of the room in which prefixes are counted."""
    starts: int
    """Pairs of a sandboxed and a bare start, in each of at least three rounds."""
    reads: int
    """Calls of the file tool, in each of three rounds."""
    flood_rounds: int
    flood_s: float
    """How long another room is looked at while one is flooded."""
    upload_bytes: int
    upload_rounds: int
    compares_all: bool
    """Whether the naive peer is measured where there is no goal against it, and starting up is."""


FULL = Size(
    rounds=5,
    for_s=4.0,
    members=100,
    idle_rooms=50,
    idle_members=100,
    turns=20,
    bursts=(64,),
    probe_s=0.7,
    steady_s=3.0,
    quiet_s=8.0,
    nlweb_rounds=5,
    nlweb_pairs=40,
    long_turns=50,
    starts=100,
    reads=1_000,
    flood_rounds=3,
    flood_s=8.0,
    upload_bytes=1_000_000_000,
    upload_rounds=5,
    compares_all=True,
)
SMOKE = Size(
    rounds=1,
    for_s=1.0,
    members=50,
    idle_rooms=4,
    idle_members=50,
    turns=3,
    bursts=(1, 32),
    probe_s=0.15,
    steady_s=0.7,
    quiet_s=0.5,
    nlweb_rounds=1,
    nlweb_pairs=5,
    long_turns=16,
    starts=20,
    reads=200,
    flood_rounds=1,
    flood_s=4.0,
    upload_bytes=20_000_000,
    upload_rounds=1,
    compares_all=False,
)


@dataclass(frozen=True)
class Load:
    """A run's shape: closed loop with `senders` in flight, or open loop at a rate."""

    room: str
    senders: int
    for_s: float
    rate_per_s: float | None = None
    at_most: int = 200_000


@dataclass(frozen=True)
class RunResult:
    """A run without a fault."""

    report: RoomReport
    used: Used
    fdatasync: Fdatasync

    @property
    def deliveries_per_cpu_s(self) -> float:
        return self.report.deliveries / max(0.01, self.used.tree_s)

    @property
    def others_share(self) -> float:
        """What everything else on this machine used meanwhile, in CPUs."""
        others_s = self.used.machine_s - self.used.tree_s - self.report.generator_cpu_s
        return max(0.0, others_s) / self.report.for_s

    @property
    def is_quiet(self) -> bool:
        return self.others_share <= QUIET_SHARE

    def facts(self, who: str) -> dict[str, Fact]:
        report = self.report
        return {
            "server": who,
            "deliveries/CPU-s": round(self.deliveries_per_cpu_s),
            "messages/s": round(report.sent / report.for_s),
            "ack p50 ms": report.ack_ms[0],
            "ack p99 ms": report.ack_ms[1],
            "delivery p50 ms": report.delivery_ms[0],
            "delivery p99 ms": report.delivery_ms[1],
            "lines/frame": report.lines_per_frame,
            "CPU s": self.used.tree_s,
            "of it Postgres": f"{1 - self.used.own_s / max(0.01, self.used.tree_s):.0%}",
            "run s": report.for_s,
            "generator busy": f"{report.generator_cpu_s / report.for_s:.0%}",
            "others busy": f"{self.others_share:.0%}",
            "fdatasync mean ms": self.fdatasync.mean_ms,
        }


@dataclass
class Stage:
    folder: Path
    cores: Cores
    seed: int
    size: Size
    places: dict[tuple[str, str], Place]
    """By server and room."""
    fdatasync: list[Fdatasync] = field(default_factory=list)
    _posted: Counter[tuple[str, str]] = field(default_factory=Counter)
    _runs: int = 0

    async def run(self, server: Server, load: Load) -> RunResult:
        """One run with its verification, between two probes of the disk. Raises `RunFailed` when anything was wrong."""
        self._runs += 1
        place = self.places[server.dialect, load.room]
        job = RoomJob(
            place=place,
            run=f"run{self._runs}",
            senders=load.senders,
            for_s=load.for_s,
            at_most=load.at_most,
            seed=self.seed + self._runs,
            rate_per_s=load.rate_per_s,
        )
        await quiet(self.size.quiet_s)
        before = disk.measure(self.folder, for_s=self.size.probe_s)
        report, used = await measured(job, RoomReport, server, self.cores)
        probe = before + disk.measure(self.folder, for_s=self.size.probe_s)
        self.fdatasync.append(probe)
        self._posted[server.dialect, load.room] += report.posted
        faults = [
            *report.faults,
            *await server.check_log(place.room_id, self._posted[server.dialect, load.room]),
        ]
        if faults:
            raise RunFailed(f"{server.dialect}, {load}: {'; '.join(faults)}")
        return RunResult(report, used, probe)

    def probe(self) -> Fdatasync:
        found = disk.measure(self.folder, for_s=self.size.probe_s)
        self.fdatasync.append(found)
        return found


async def quiet(at_most_s: float) -> None:
    """Wait for a moment in which this machine has nothing else to do, but not longer."""
    until_s = time.perf_counter() + at_most_s
    while True:
        before_s = processes.machine_cpu_s()
        await settle(_SETTLE_S)
        if processes.machine_cpu_s() - before_s <= QUIET_SHARE * _SETTLE_S or time.perf_counter() > until_s:
            return
