"""What the browser found, as figures that are held against their goals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.report import Fact, Figure
from benchmarks.spread import median, percentile
from benchmarks.web_found import (
    Audit,
    ColdAndWarm,
    FoundAudits,
    FoundLoads,
    FoundLong,
    FoundOwn,
    Frames,
    Load,
    Loads,
    Long,
    Own,
    OwnTimes,
    Part,
    Switches,
)

GOAL_OWN_MS = 50.0
GOAL_FPS_RATIO = 0.95
GOAL_LOAD_MS = 1_000.0
GOAL_SWITCH_MS = 150.0
GOAL_SCORES = {"performance": 0.9, "accessibility": 1.0, "best-practices": 1.0}
SLOW_FRAME_MS = 25.0
_DRIFT_PX = 1.0


@dataclass(frozen=True)
class Measured:
    part: Part
    others_share: float
    """What everything else on this machine used meanwhile, in CPUs."""


def judged(found: Sequence[Measured], *, messages: int, browser: str) -> list[Figure]:
    figures: list[Figure] = []
    for one in found:
        for figure in _figures(one.part, messages, browser):
            figure.notes.append(f"others used {one.others_share:.2f} of the CPUs meanwhile")
            figures.append(figure)
    return figures


def _figures(part: Part, messages: int, browser: str) -> list[Figure]:
    if isinstance(part, FoundOwn):
        return [_own(part.facts, messages, browser)]
    if isinstance(part, FoundLong):
        return [_scrolling(part.facts, messages), _writing(part.facts, messages)]
    if isinstance(part, FoundLoads):
        return [_loads(part.facts)]
    if isinstance(part, FoundAudits):
        return _audits(part.facts)
    return [_switches(part.facts)]


def _own(own: Own, messages: int, browser: str) -> Figure:
    pages = {"a bare page": own.bare, "an empty room": own.empty, f"a room of {messages:,}": own.long}
    rooms = (own.empty, own.long)
    ratios = [median(room.screen) / median(own.bare.screen) for room in rooms]
    return Figure(
        name="own message, from Enter to the screen",
        result="; ".join(f"{name} {_p50_p95(times.screen)} ms" for name, times in pages.items())
        + f"; {ratios[0]:.2f} and {ratios[1]:.2f} × the bare page",
        goal=f"p95 < {GOAL_OWN_MS:.0f} ms",
        is_met=all(percentile(room.screen, 95) < GOAL_OWN_MS for room in rooms),
        rounds=[_own_facts(name, times) for name, times in pages.items()],
        notes=[
            f"Chromium {browser}, headless, without a GPU; {len(own.empty.screen)} messages on each page, turn about",
            "from the keydown event's own time; on the screen: the render time of the message's text (element timing)",
            "on the screen also: the presentation of the key's own frame (event timing), if it had the words in sight",
            "in the page: when the article is inserted; frame: the end of the first frame in which it is in sight",
            "the bare page only appends an element at the same key",
            "all messages of the long room are loaded in the page",
        ],
    )


def _own_facts(name: str, times: OwnTimes) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"page": name}
    for what, values in (("in page", times.in_page), ("frame", times.frame), ("screen", times.screen)):
        facts[f"{what} p50 ms"] = percentile(values, 50)
        facts[f"{what} p95 ms"] = percentile(values, 95)
    return facts


def _scrolling(long: Long, messages: int) -> Figure:
    bare = [frame for one in long.bare_scroll for frame in one.frames]
    ways = {
        "backwards, older ones loading": long.backwards.scroll,
        "all of them loaded": long.held.scroll,
        "while an AI writes": long.writing.scroll,
    }
    ratios = {name: _fps(frames.frames) / _fps(bare) for name, frames in ways.items()}
    return Figure(
        name=f"scrolling in a room of {messages:,} messages: frames a second / a bare page's",
        result=", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
        + f"; first article after {long.backwards.first_article_ms:.0f} ms, "
        f"{long.backwards.nodes:,} elements in the page ({long.held.nodes:,} with all messages loaded)",
        goal=f"≥ {GOAL_FPS_RATIO}",
        is_met=min(ratios.values()) >= GOAL_FPS_RATIO,
        rounds=[
            *(_scroll_facts(f"bare {place}", one) for place, one in enumerate(long.bare_scroll, 1)),
            *(_scroll_facts(name, frames) for name, frames in ways.items()),
        ],
        notes=[
            f"a wheel turned by 50 px 60 times a second, three screens; slow: longer than {SLOW_FRAME_MS:.0f} ms",
            "the bare page: 10,000 elements of a line each, without a script; the main thread's CPU: of one processor",
            f"by a link to the first message: all {messages:,} in the page after {long.held.loaded_ms:,.0f} ms",
            f"heap with all of them {long.held.heap_mb:.0f} MB",
        ],
    )


def _scroll_facts(name: str, one: Frames) -> dict[str, Fact]:
    return {
        "scroll": name,
        "frames": len(one.frames),
        "fps": _fps(one.frames),
        "p50 ms": percentile(one.frames, 50),
        "p95 ms": percentile(one.frames, 95),
        "max ms": max(one.frames),
        "slow": f"{sum(frame > SLOW_FRAME_MS for frame in one.frames) / len(one.frames):.1%}",
        "main thread's CPU": f"{one.busy:.0%}",
        "of it script": f"{one.script:.0%}",
        "of it layout": f"{one.layout:.0%}",
    }


def _writing(long: Long, messages: int) -> Figure:
    """The most often in any frame; and what moves while one reads further up."""
    writing = long.writing
    most, drift = max(writing.written.changes, default=0), writing.reading.drift
    is_still = writing.reading.shift == 0 and drift is not None and drift < _DRIFT_PX
    return Figure(
        name=f"an AI writes {writing.words_per_s:.0f} words a second in a room of {messages:,} messages",
        result=f"painted {most} times a frame at most; main thread {writing.at_end.busy:.0%} busy, p95 frame "
        f"{percentile(writing.at_end.frames, 95):.1f} ms; whoever reads further up: layout shift "
        f"{writing.reading.shift:.4f}, moved by {'?' if drift is None else f'{drift:.1f}'} px, "
        f"{writing.reading.busy:.0%} busy",
        goal="≤ 1 paint a frame; layout shift 0",
        is_met=most == 1 and is_still,
        rounds=[
            _scroll_facts("at the end", writing.at_end)
            | {
                "frames written in": len(writing.written.changes),
                "of them more than once": sum(count > 1 for count in writing.written.changes),
                "elements": writing.nodes,
            }
        ],
        notes=[
            "painted: how often the answer's words are changed in a frame, all changes of one run of script as one",
            "busy: what the main thread used of a processor",
        ],
    )


def _loads(loads: Loads) -> Figure:
    cold = loads.room.cold
    ready_ms = median([one.ready_ms for one in cold])
    return Figure(
        name="first look at a room, signed in: until one can write",
        result=f"{ready_ms:.0f} ms cold, {median([one.ready_ms for one in loads.room.warm]):.0f} ms warm; "
        f"{_of(cold, _script_kb):.0f} KB of script, {_of(cold, _kb):.0f} KB in all; the way in: "
        f"{_of(loads.sign_in.cold, _script_kb):.0f} KB of script, {_of(loads.sign_in.cold, _kb):.0f} KB in all, "
        f"{_of(loads.sign_in.cold, _ready_ms):.0f} ms",
        goal=f"cold < {GOAL_LOAD_MS:.0f} ms",
        is_met=ready_ms < GOAL_LOAD_MS,
        rounds=[
            *_load_facts("sign-in", loads.sign_in),
            *_load_facts("room", loads.room),
        ],
        notes=[
            "over loopback, compressed as the server sends it (brotli); medians",
            "until it can be used: sent before that; in all: with what came in the next 1.5 s",
        ],
    )


def _load_facts(page: str, found: ColdAndWarm) -> list[dict[str, Fact]]:
    return [
        {
            "page": f"{page}, {how}",
            "ready ms": [round(one.ready_ms) for one in loads],
            "KB": _of(loads, _kb),
            "script KB": _of(loads, _script_kb),
            "scripts": _of(loads, lambda one: one.scripts),
            "KB in all": _of(loads, lambda one: one.later.kb),
            "script KB in all": _of(loads, lambda one: one.later.script_kb),
            "scripts in all": _of(loads, lambda one: one.later.scripts),
        }
        for how, loads in (("cold", found.cold), ("warm", found.warm))
    ]


def _switches(switches: Switches) -> Figure:
    opened, again = switches.opened, switches.again
    return Figure(
        name="changing the room, from the click to its messages in sight",
        result=f"{_p50_p95(again)} ms; for the first time {_p50_p95(opened)} ms",
        goal=f"p50 < {GOAL_SWITCH_MS:.0f} ms, both",
        is_met=max(median(again), median(opened)) < GOAL_SWITCH_MS,
        rounds=[
            {"rooms": "seen before", "times": len(again), "ms": [round(one) for one in again]},
            {"rooms": "for the first time", "times": len(opened), "ms": [round(one) for one in opened]},
        ],
    )


def _audits(audits: Sequence[Audit]) -> list[Figure]:
    by_page: dict[tuple[str, str], list[Audit]] = {}
    for audit in audits:
        by_page.setdefault((audit.page, audit.form), []).append(audit)
    return [_audited(page, form, runs) for (page, form), runs in by_page.items()]


def _audited(page: str, form: str, runs: Sequence[Audit]) -> Figure:
    best = max(runs, key=lambda run: sum(score or 0.0 for score in run.scores.values()))
    missed = [name for name, goal in GOAL_SCORES.items() if (best.scores[name] or 0.0) < goal]
    return Figure(
        name=f"Lighthouse {best.version}, {page}, {form}, best of {len(runs)}",
        result=f"{_scores(best.scores)}; LCP {_or_none(best.lcp_ms)} ms, TBT {_or_none(best.tbt_ms)} ms",
        goal=_scores(GOAL_SCORES),
        is_met=not missed,
        rounds=[
            {
                **{name: _or_none(score, 2) for name, score in run.scores.items()},
                "FCP ms": _or_none(run.fcp_ms),
                "LCP ms": _or_none(run.lcp_ms),
                "TBT ms": _or_none(run.tbt_ms),
                "shift": _or_none(run.shift, 3),
            }
            for run in runs
        ],
        notes=[
            f"{name}: {failed.id} {_or_none(failed.score, 2)} {failed.shown}".rstrip()
            for name in missed
            for failed in best.failed[name]
        ],
    )


def _scores(scores: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {_or_none(score, 2)}" for name, score in scores.items())


def _or_none(value: float | None, digits: int = 0) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _fps(frames: Sequence[float]) -> float:
    return 1000 * len(frames) / sum(frames)


def _p50_p95(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 50):.0f}, p95 {percentile(values, 95):.0f}"


def _of(loads: Sequence[Load], what: Callable[[Load], float]) -> float:
    return median([what(one) for one in loads])


def _ready_ms(one: Load) -> float:
    return one.ready_ms


def _kb(one: Load) -> float:
    return one.kb


def _script_kb(one: Load) -> float:
    return one.script_kb
