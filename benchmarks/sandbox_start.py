"""The sandbox figure: what it costs to start a command in it, over starting the same command bare."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.generator import RunFailed
from benchmarks.report import Fact, Figure, say
from benchmarks.spread import median, median_and_range, percentile
from benchmarks.stage import QUIET_SHARE, Size, quiet
from multiplayer.protocol.ids import RoomId
from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.sandbox import Exit, Sandbox
from multiplayer.tools.sandbox.spawn import Spawned
from multiplayer.tools.workspace import Workspace, Workspaces

GOAL_MS = 15.0
ROUNDS = 3
_WARM_UP = 10
_BASH = "/bin/bash"


@dataclass(frozen=True)
class _Measured:
    """One round: the n-th of both lists are a pair."""

    bare_ms: list[float]
    boxed_ms: list[float]
    others_share: float
    """What everything else on this machine used meanwhile, in CPUs."""

    @property
    def over_ms(self) -> list[float]:
        return [boxed - bare for boxed, bare in zip(self.boxed_ms, self.bare_ms, strict=True)]

    @property
    def is_quiet(self) -> bool:
        return self.others_share <= QUIET_SHARE

    def facts(self) -> dict[str, Fact]:
        return {
            "pairs": len(self.bare_ms),
            "bare p50 ms": percentile(self.bare_ms, 50),
            "bare p95 ms": percentile(self.bare_ms, 95),
            "sandboxed p50 ms": percentile(self.boxed_ms, 50),
            "sandboxed p95 ms": percentile(self.boxed_ms, 95),
            "over p50 ms": percentile(self.over_ms, 50),
            "over p95 ms": percentile(self.over_ms, 95),
            "ratio of p50s": percentile(self.boxed_ms, 50) / percentile(self.bare_ms, 50),
            "others busy": f"{self.others_share:.0%}",
        }


async def start_overhead(folder: Path, size: Size) -> Figure:
    """Turn about: `true` in the sandbox and the same bare, both by the server's own way to start a process."""
    sandbox = Sandbox(Workspaces(folder / "sandbox-start" / "workspaces"))
    status = await sandbox.preflight()
    name = "start of a sandboxed `true`, over a bare one"
    if status.mode != "strict":
        return Figure(name=name, result="not measured", notes=[f"no strict sandbox on this machine: {status.reason}"])
    workspace = await asyncio.to_thread(_opened, folder / "sandbox-start" / "workspaces")
    found: list[_Measured] = []
    try:
        await _round(sandbox, workspace, _WARM_UP)
        # Until so many rounds were quiet, or two more were made.
        while len(found) < ROUNDS + 2 and sum(one.is_quiet for one in found) < ROUNDS:
            await quiet(size.quiet_s)
            found.append(await _measured(sandbox, workspace, size.starts))
    finally:
        workspace.close()
    calm = [one for one in found if one.is_quiet]
    judged = calm or found
    p50s = [percentile(one.over_ms, 50) for one in judged]
    every = [value for one in judged for value in one.over_ms]
    way = "root, with a mount namespace before it, as under a closed folder" if os.geteuid() == 0 else "a plain user"
    return Figure(
        name=f"{name}, {len(every)} pairs, turn about",
        result=f"p50 {median_and_range(p50s, 1)} ms, p95 {percentile(every, 95):.1f} ms",
        goal=f"p50 ≤ {GOAL_MS:.0f} ms",
        is_met=median(p50s) <= GOAL_MS,
        rounds=[one.facts() for one in found],
        notes=[
            f"bubblewrap {status.bwrap_version}; as {way}",
            f"judged by {'the quiet rounds' if calm else 'all rounds, none was quiet'}: {len(calm)} of {len(found)}",
            f"the preflight took {status.duration_s * 1000:.0f} ms for {len(status.probes)} probes",
        ],
    )


def _opened(root: Path) -> Workspace:
    return Workspaces(root).open(RoomId("0" * 26), 1)


async def _measured(sandbox: Sandbox, workspace: Workspace, pairs: int) -> _Measured:
    machine_s, own_s, began_s = processes.machine_cpu_s(), processes.cpu_s(os.getpid()), time.perf_counter()
    bare_ms, boxed_ms = await _round(sandbox, workspace, pairs)
    for_s = time.perf_counter() - began_s
    others_s = processes.machine_cpu_s() - machine_s - (processes.cpu_s(os.getpid()) - own_s)
    found = _Measured(bare_ms, boxed_ms, max(0.0, others_s) / for_s)
    say(f"  {percentile(found.over_ms, 50):.1f} ms over {percentile(bare_ms, 50):.1f} ms")
    return found


async def _round(sandbox: Sandbox, workspace: Workspace, pairs: int) -> tuple[list[float], list[float]]:
    bare_ms: list[float] = []
    boxed_ms: list[float] = []
    for number in range(pairs):
        # Who was first is second in the next pair.
        if number % 2:
            boxed_ms.append(await _boxed_ms(sandbox, workspace))
            bare_ms.append(await _bare_ms())
        else:
            bare_ms.append(await _bare_ms())
            boxed_ms.append(await _boxed_ms(sandbox, workspace))
    return bare_ms, boxed_ms


async def _boxed_ms(sandbox: Sandbox, workspace: Workspace) -> float:
    began_s = time.perf_counter()
    exit_ = await sandbox.run(workspace, "true", "", Limits(), _hear)
    took_ms = (time.perf_counter() - began_s) * 1000
    if exit_ != Exit(0):
        raise RunFailed(f"a sandboxed `true` ended with {exit_}")
    return took_ms


async def _bare_ms() -> float:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        began_s = time.perf_counter()
        child = Spawned([_BASH, "-c", "true"], output=nowhere, pass_fds=())
        await child.wait()
        took_ms = (time.perf_counter() - began_s) * 1000
        await child.end()
    finally:
        os.close(nowhere)
    return took_ms


async def _hear(_data: bytes) -> None:
    """It says nothing."""
