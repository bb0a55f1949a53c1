"""Examining the machine: which of the two modes holds here, shown by running through the very launcher of commands."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.binaries import SandboxMissing, find_binaries, system_program
from multiplayer.tools.sandbox.cgroup import Groups, find_groups
from multiplayer.tools.sandbox.landlock import OLDEST_ABI, find_parts, landlock_abi
from multiplayer.tools.sandbox.landlock_probes import ask_landlock
from multiplayer.tools.sandbox.launch import BOUND_PATHS
from multiplayer.tools.sandbox.launchers import LandlockLauncher, Launcher, Mode, StrictLauncher
from multiplayer.tools.sandbox.probes import Probe, ask_strict
from multiplayer.tools.sandbox.supervise import SandboxFailed
from multiplayer.tools.workspace import UID_RANGE, Workspace, Workspaces, uid_range_conflict


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """What health and metrics show. `reason` says in a sentence why the mode is what it is."""

    mode: Literal["strict", "landlock", "off"]
    reason: str
    probes: tuple[Probe, ...] = ()
    bwrap_version: str | None = None
    duration_s: float = 0.0
    landlock_abi: int | None = None
    limits_by: Literal["cgroup", "polling"] = "polling"
    """Who holds the memory of all processes of a command together."""
    limits_note: str = ""
    """Which limits the kernel holds for all processes together, and which it does not, in a sentence."""


@dataclass(frozen=True, slots=True)
class Pretence:
    """What the machine is to be taken for, in a test: only ever for a worse one than it is."""

    has_user_namespaces: bool = True
    landlock_abi: int | None = None
    """At most this."""
    can_drop_root: bool = True
    """False: commands would have the server's own uid."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What is examined, and how."""

    workspaces: Workspaces
    private_paths: tuple[Path, ...] = ()
    runtime_dir: Path | None = None
    bwrap: Path | None = None
    only: Mode | None = None
    pretence: Pretence = Pretence()


_LIMITS = Limits(wall_s=10.0, free_bytes=0)


async def examine(machine: Machine) -> tuple[SandboxStatus, Launcher | None]:
    """Return the mode that holds, and its launcher; does not raise for what the machine lacks."""
    unfit = await asyncio.to_thread(_unfit, machine)
    if unfit is not None:
        return _off(unfit), None
    why = ""
    if machine.only != "landlock":
        lacking = await asyncio.to_thread(_lacks_user_namespaces, machine)
        if lacking is None:
            # A bwrap that is missing or fails, where it could work, ends in `off`: somebody should look.
            return await _examine_strict(machine)
        why = f"{lacking}; and "
        if machine.only == "strict":
            return _off(lacking), None
    return await _examine_landlock(machine, why)


def _off(reason: str) -> SandboxStatus:
    return SandboxStatus("off", reason)


def _unfit(machine: Machine) -> str | None:
    if sys.platform != "linux":
        return "the sandbox needs Linux"
    workspaces = machine.workspaces
    conflict = uid_range_conflict(workspaces.uid_base) if os.geteuid() == 0 else None
    if conflict is not None:
        return f"{conflict}; set another base for them"
    for path in (*machine.private_paths, workspaces.root):
        for bound in BOUND_PATHS:
            if path.resolve().is_relative_to(bound.resolve()):
                return f"{path} lies under {bound}, which commands can read"
    return None


def _lacks_user_namespaces(machine: Machine) -> str | None:
    """Say so if whoever runs the commands can make no user namespace and use it."""
    if not machine.pretence.has_user_namespaces:
        return "no user namespaces"
    line = ["--user", "--map-root-user", "--mount", "--", "true"]
    try:
        line = [str(system_program("unshare")), *line]
        if os.geteuid() == 0:
            uid = machine.workspaces.uid_of(0)
            drop = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--"]
            line = [str(system_program("setpriv")), *drop, *line]
        done = subprocess.run(line, env={}, cwd="/", capture_output=True, text=True, check=False, timeout=10)
    except SandboxMissing:
        return None  # the strict line needs that program, and says so
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"user namespaces cannot be tried: {error}"
    return None if done.returncode == 0 else f"no user namespaces ({done.stderr.strip()[:200]})"


async def _examine_strict(machine: Machine) -> tuple[SandboxStatus, Launcher | None]:
    try:
        binaries = await asyncio.to_thread(find_binaries, machine.runtime_dir, machine.bwrap)
    except (SandboxMissing, OSError) as error:
        return _off(str(error)), None
    groups = await asyncio.to_thread(find_groups, binaries.bash)
    launcher = StrictLauncher(binaries, groups)
    outcome = await _asked(machine, partial(ask_strict, launcher, _LIMITS))
    version = binaries.bwrap_version
    if isinstance(outcome, str):
        return SandboxStatus("off", outcome, (), version), None
    missed = _missed(outcome)
    if missed:
        return SandboxStatus("off", missed, tuple(outcome), version), None
    reason = f"bubblewrap {version} holds"
    by, note = _held_by(groups)
    return SandboxStatus("strict", reason, tuple(outcome), version, limits_by=by, limits_note=note), launcher


async def _examine_landlock(machine: Machine, why: str) -> tuple[SandboxStatus, Launcher | None]:
    most = machine.pretence.landlock_abi
    abi = landlock_abi() if most is None else min(landlock_abi(), most)
    if abi < OLDEST_ABI:
        found = f"Landlock ABI {abi}" if abi else "no Landlock"
        return SandboxStatus("off", f"{why}{found} ({OLDEST_ABI} is the oldest that will do)", landlock_abi=abi), None
    if os.geteuid() != 0 or not machine.pretence.can_drop_root:
        reason = f"{why}Landlock alone needs root, to give each room a uid that is not the server's"
        return SandboxStatus("off", reason, landlock_abi=abi), None
    try:
        parts = await asyncio.to_thread(find_parts, machine.runtime_dir)
    except (SandboxMissing, OSError) as error:
        return SandboxStatus("off", f"{why}{error}", landlock_abi=abi), None
    groups = await asyncio.to_thread(find_groups, parts.bash)
    base = machine.workspaces.uid_base
    launcher = LandlockLauncher(parts, groups, range(base, base + UID_RANGE))
    # A uid that nobody else looks with: all of its processes are killed.
    outcome = await _asked(machine, partial(ask_landlock, launcher, _LIMITS), machine.workspaces.uid_of(UID_RANGE - 1))
    if isinstance(outcome, str):
        return SandboxStatus("off", why + outcome, landlock_abi=abi), None
    missed = _missed(outcome)
    if missed:
        return SandboxStatus("off", why + missed, tuple(outcome), landlock_abi=abi), None
    by, note = _held_by(groups)
    reason = f"{why}Landlock ABI {abi} holds"
    return SandboxStatus("landlock", reason, tuple(outcome), landlock_abi=abi, limits_by=by, limits_note=note), launcher


async def _asked(
    machine: Machine, ask: Callable[[Workspace], Awaitable[list[Probe]]], uid: int | None = None
) -> list[Probe] | str:
    """Ask in a folder of its own beside the workspaces; returns a sentence if that did not work out."""
    root = machine.workspaces.root
    try:
        # As root others may pass through it: a room's uid must reach its workspace where nothing can be mounted.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        await asyncio.to_thread(partial(root.mkdir, mode=mode, parents=True, exist_ok=True))
        folder = Path(await asyncio.to_thread(partial(tempfile.mkdtemp, prefix=".preflight-", dir=root)))
    except OSError as error:
        return f"the workspaces cannot be used: {error}"
    try:
        if uid is not None:
            os.chown(folder, uid, uid)
        with machine.workspaces.borrow(folder) as workspace:
            return await ask(workspace)
    except SandboxFailed as failed:
        return f"the sandbox cannot be set up here: {failed}"
    except (SandboxMissing, OSError) as error:
        return str(error)
    finally:
        await asyncio.to_thread(partial(shutil.rmtree, folder, ignore_errors=True))


def _missed(probes: Sequence[Probe]) -> str:
    missed = [f"{probe.name}: {probe.finding}" for probe in probes if not probe.passed]
    return f"the sandbox does not hold here: {'; '.join(missed)}" if missed else ""


def _held_by(groups: Groups | None) -> tuple[Literal["cgroup", "polling"], str]:
    names = {"memory": "memory", "pids": "processes", "cpu": "cores"}
    held = () if groups is None else groups.controllers
    missing = [words for name, words in names.items() if name not in held]
    note = f"cgroups hold {', '.join(names[name] for name in held)}" if held else "no cgroup is ours to make"
    if missing and held:
        note += f", not {', '.join(missing)}"
    return ("cgroup" if "memory" in held else "polling"), note
