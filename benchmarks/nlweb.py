"""The NLWeb figure: what the whole server adds to asking a site directly, for one person and one NLWeb member."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import disk, servers
from benchmarks.disk import Fdatasync
from benchmarks.generator import RunFailed, Used, measured
from benchmarks.jobs import Asked, NlwebJob, NlwebReport, Place
from benchmarks.nlweb_load import OPTIONS
from benchmarks.report import Fact, Figure, say
from benchmarks.seed_rooms import RoomWanted
from benchmarks.servers import Cores
from benchmarks.spread import median, percentile
from benchmarks.stage import QUIET_SHARE, Size, quiet
from multiplayer.protocol.profiles import AiProfile, Provider
from tests.support.nlweb_real_server import real_nlweb

STUB_DELAY_S = 0.3
"""How long the site looks for things. Published with the figure: a site that answers at once has no ratio."""
GOAL_RATIO = 1.05
_HANDLE = "site"


@dataclass(frozen=True)
class _Round:
    report: NlwebReport
    used: Used
    fdatasync: Fdatasync

    @property
    def others_share(self) -> float:
        """What everything else on this machine used meanwhile, in CPUs; the site is a small part of it."""
        others_s = self.used.machine_s - self.used.tree_s - self.report.generator_cpu_s
        return max(0.0, others_s) / self.report.for_s

    @property
    def is_quiet(self) -> bool:
        return self.others_share <= QUIET_SHARE

    def ratio(self, part: str) -> float:
        return _p50(self.report.room, part) / _p50(self.report.direct, part)

    def facts(self, delay_s: float) -> dict[str, Fact]:
        report = self.report
        added = {part: _added_ms(report, part) for part in ("first", "last")}
        return {
            "stub delay ms": round(delay_s * 1000),
            "pairs": len(report.direct),
            "direct first p50 ms": _p50(report.direct, "first"),
            "direct last p50 ms": _p50(report.direct, "last"),
            "room first p50 ms": _p50(report.room, "first"),
            "room last p50 ms": _p50(report.room, "last"),
            "first, ratio": self.ratio("first"),
            "last, ratio": self.ratio("last"),
            "added first p50 ms": percentile(added["first"], 50),
            "added first p90 ms": percentile(added["first"], 90),
            "added last p50 ms": percentile(added["last"], 50),
            "added last p90 ms": percentile(added["last"], 90),
            "ack p50 ms": percentile(report.ack_ms, 50),
            "header p50 ms": percentile(report.header_ms, 50),
            "server CPU ms a turn": 1000 * self.used.tree_s / len(report.room),
            "others busy": f"{self.others_share:.0%}",
            "fdatasync mean ms": self.fdatasync.mean_ms,
        }


async def through_the_room(folder: Path, cores: Cores, size: Size) -> list[Figure]:
    """Two figures: with the published delay, held against the goal, and with none.

    On all cores alike: one person's question keeps none of them busy, and their database answers beside the server.
    """
    every = cores.servers | cores.generator
    everywhere = Cores(every, every)
    return [
        await _figure(folder / "nlweb-delayed", everywhere, size, size.nlweb_rounds, STUB_DELAY_S),
        await _figure(folder / "nlweb-bare", everywhere, size, max(1, size.nlweb_rounds // 2), 0.0),
    ]


async def _figure(data_dir: Path, cores: Cores, size: Size, rounds: int, delay_s: float) -> Figure:
    """Until so many rounds were quiet, or two more were made. Each has a room of its own: all are of one age."""
    found: list[_Round] = []
    async with real_nlweb(delay_s) as site:
        profile = AiProfile(handle=_HANDLE, name="Site", provider=Provider.NLWEB, base_url=site, nlweb=OPTIONS)
        wanted = [RoomWanted(name=f"nlweb {number}", members=1, ai=profile) for number in range(rounds + 2)]
        made = servers.seed(data_dir, 1, wanted)
        async with servers.multiplayer(data_dir, cores) as ours:
            for number, room_id in enumerate(made.room_ids):
                place = Place(dialect="multiplayer", port=ours.port, room_id=room_id, tokens=tuple(made.tokens))
                job = NlwebJob(place=place, run=f"nlweb{number}", site=site, handle=_HANDLE, pairs=size.nlweb_pairs)
                await quiet(size.quiet_s)
                before = disk.measure(data_dir, for_s=size.probe_s)
                report, used = await measured(job, NlwebReport, ours, cores)
                # Each question has a key, and so has what ends its turn.
                faults = [*report.faults, *await ours.check_log(room_id, 2 * (job.pairs + job.warm_up))]
                if faults:
                    raise RunFailed(f"NLWeb: {'; '.join(faults)}")
                found.append(_Round(report, used, before + disk.measure(data_dir, for_s=size.probe_s)))
                say(f"  stub delay {delay_s * 1000:.0f} ms: {_said(found[-1:])}")
                if sum(one.is_quiet for one in found) == rounds:
                    break
    return _judged(found, rounds, delay_s)


def _judged(found: Sequence[_Round], rounds: int, delay_s: float) -> Figure:
    calm = [one for one in found if one.is_quiet]
    judged = calm if len(calm) == rounds else found
    has_goal = delay_s > 0
    return Figure(
        name="one person and an NLWeb member / a direct POST /ask; nlweb 0.7.0 with a stub delay of "
        f"{delay_s * 1000:.0f} ms, {sum(len(one.report.direct) for one in judged)} pairs",
        result=_said(judged),
        goal=f"p50 ≤ {GOAL_RATIO} × for first and last" if has_goal else "",
        is_met=all(_ratio(judged, part) <= GOAL_RATIO for part in ("first", "last")) if has_goal else None,
        rounds=[one.facts(delay_s) for one in found],
        notes=[
            "first and last: of what holds a part of the answer; the header sent before the site looks holds none",
            f"mode {OPTIONS.mode.value}, {OPTIONS.previous_messages} earlier questions go along both ways",
            f"judged by {'the quiet rounds' if judged is calm else 'all rounds'}: {len(calm)} of {len(found)} were quiet",
        ],
    )


def _said(found: Sequence[_Round]) -> str:
    parts = []
    for part in ("first", "last"):
        added_ms = [value for one in found for value in _added_ms(one.report, part)]
        rounds = [one.ratio(part) for one in found]
        spread = f" ({min(rounds):.3f}–{max(rounds):.3f})" if len(rounds) > 1 else ""
        parts.append(f"{part} {_ratio(found, part):.3f}{spread} ×, added {median(added_ms):.1f} ms")
    fdatasync_ms = median([one.fdatasync.mean_ms for one in found])
    return f"{'; '.join(parts)}; mean fdatasync {fdatasync_ms:.2f} ms"


def _ratio(found: Sequence[_Round], part: str) -> float:
    """Of the p50s over all pairs."""
    through = _p50([asked for one in found for asked in one.report.room], part)
    return through / _p50([asked for one in found for asked in one.report.direct], part)


def _added_ms(report: NlwebReport, part: str) -> list[float]:
    pairs = zip(report.room, report.direct, strict=True)
    return [_of(through, part) - _of(straight, part) for through, straight in pairs]


def _p50(asked: Sequence[Asked], part: str) -> float:
    return percentile([_of(one, part) for one in asked], 50)


def _of(asked: Asked, part: str) -> float:
    return asked.first_ms if part == "first" else asked.last_ms
