"""The checkpoint's figure: a workspace of 2,000 files and 50 MB, into an empty store and into one that knows it."""

import asyncio
import os
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import disk, processes
from benchmarks.generator import RunFailed
from benchmarks.report import Fact, Figure, say
from benchmarks.spread import median, median_and_range
from benchmarks.stage import QUIET_SHARE, Size, quiet
from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.checkpoints import Checkpoint, Checkpoints
from multiplayer.tools.limits import Limits
from multiplayer.tools.workspace import Workspace, Workspaces

GOAL_MS = 150.0
FILES = 2_000
BYTES = 50_000_000
FOLDERS = 240
CHANGED = 10
MORE_ROUNDS = 4
"""At most so many more than asked for, until there are enough quiet ones."""
_ROOM = RoomId("0" * 26)
_PROBE_S = 0.3


@dataclass(frozen=True)
class _Round:
    first_ms: float
    same_ms: float
    changed_ms: float
    undo_ms: float
    fdatasync_ms: float
    others_share: float

    @property
    def is_quiet(self) -> bool:
        return self.others_share <= QUIET_SHARE

    def facts(self) -> dict[str, Fact]:
        return {
            "first ms": self.first_ms,
            "nothing changed ms": self.same_ms,
            f"{CHANGED} files changed ms": self.changed_ms,
            "undo of these ms": self.undo_ms,
            "mean fdatasync ms": self.fdatasync_ms,
            "others busy": f"{self.others_share:.0%}",
        }


async def of_a_workspace(folder: Path, size: Size, seed: int) -> list[Figure]:
    root = folder / "checkpoint"
    workspace = await asyncio.to_thread(_filled, root, seed)
    found: list[_Round] = []
    try:
        while len(found) < size.rounds + MORE_ROUNDS and sum(one.is_quiet for one in found) < size.rounds:
            await quiet(size.quiet_s)
            one = await asyncio.to_thread(_round, root, workspace, seed + len(found))
            say(f"  first {one.first_ms:.0f} ms, nothing changed {one.same_ms:.0f} ms, others {one.others_share:.0%}")
            found.append(one)
    finally:
        workspace.close()
    judged = [one for one in found if one.is_quiet] or found
    notes = [
        f"judged by {len(judged)} rounds of {len(found)}, "
        + ("the quiet ones" if judged[0].is_quiet else "all of them: none was quiet"),
        "the files were written before and lie in the page cache; what is stored is on the disk when the call returns",
    ]
    firsts, sames, changeds, undos = (
        [getattr(one, name) for one in judged] for name in ("first_ms", "same_ms", "changed_ms", "undo_ms")
    )
    what = f"{FILES:,} files, {BYTES // 1_000_000} MB"
    return [
        Figure(
            name=f"checkpoint of a workspace of {what}: before and after a call",
            result=f"nothing changed {median_and_range(sames, 0)} ms, {CHANGED} files changed "
            f"{median_and_range(changeds, 0)} ms; undo of these {median_and_range(undos, 0)} ms",
            goal=f"≤ {GOAL_MS:.0f} ms",
            is_met=max(median(sames), median(changeds)) <= GOAL_MS,
            rounds=[one.facts() for one in found],
            notes=notes,
        ),
        Figure(
            name=f"checkpoint of a workspace of {what}: the very first, into an empty store",
            result=f"{median_and_range(firsts, 0)} ms",
            goal=f"≤ {GOAL_MS:.0f} ms",
            is_met=median(firsts) <= GOAL_MS,
            notes=notes,
        ),
    ]


def _filled(root: Path, seed: int) -> Workspace:
    """Sizes as of a source tree: many small files, a few big ones."""
    workspace = Workspaces(root / "workspaces").open(_ROOM, 1)
    dice = random.Random(seed)
    weights = [dice.lognormvariate(0, 1.2) for _ in range(FILES)]
    scale = BYTES / sum(weights)
    for number, weight in enumerate(weights):
        file = _file(root, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(dice.randbytes(round(weight * scale)))
    os.sync()
    return workspace


def _file(root: Path, number: int) -> Path:
    within = number % FOLDERS
    return root / "workspaces" / _ROOM / f"part{within % 80}" / f"below{within // 80}" / f"file{number}.txt"


def _round(root: Path, workspace: Workspace, seed: int) -> _Round:
    store = root / "checkpoints"
    shutil.rmtree(store, ignore_errors=True)
    checkpoints = Checkpoints(store, Limits())
    probe = disk.measure(root, for_s=_PROBE_S)
    began_s, machine_s, own_s = time.perf_counter(), processes.machine_cpu_s(), processes.cpu_s(os.getpid())
    first = checkpoints.take(_ROOM, workspace)
    same = checkpoints.take(_ROOM, workspace)
    dice = random.Random(seed)
    for number in dice.sample(range(FILES), CHANGED):
        file = _file(root, number)
        file.write_bytes(dice.randbytes(file.stat().st_size))
    changed = checkpoints.take(_ROOM, workspace)
    undo_s = time.perf_counter()
    undone = checkpoints.undo(_ROOM, workspace, [(same.tree, changed.tree)])
    ended_s = time.perf_counter()
    others_s = processes.machine_cpu_s() - machine_s - (processes.cpu_s(os.getpid()) - own_s)
    _check(first, same, changed)
    if undone.tree != first.tree or len(undone.restored) != CHANGED:
        raise RunFailed(f"undo: {len(undone.restored)} restored, conflicts {undone.conflicts}")
    return _Round(
        first_ms=first.took_s * 1000,
        same_ms=same.took_s * 1000,
        changed_ms=changed.took_s * 1000,
        undo_ms=(ended_s - undo_s) * 1000,
        fdatasync_ms=probe.mean_ms,
        others_share=max(0.0, others_s) / (ended_s - began_s),
    )


def _check(first: Checkpoint, same: Checkpoint, changed: Checkpoint) -> None:
    if not (first.is_whole and first.files == FILES and first.read_files == FILES):
        raise RunFailed(f"the first checkpoint has {first.files} files, {first.read_files} of them read")
    if (same.tree, same.read_files) != (first.tree, 0) or changed.tree == first.tree or changed.read_files != CHANGED:
        raise RunFailed(f"later checkpoints read {same.read_files} and {changed.read_files} files")
