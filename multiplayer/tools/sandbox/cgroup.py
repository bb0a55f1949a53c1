"""Control groups: memory, processes and cores of all of a command together, held by the kernel where we may set them."""

import asyncio
import contextlib
import os
import re
import secrets
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from multiplayer.tools.limits import Limits

CONTROLLERS: Final = ("memory", "pids", "cpu")
_PREFIX: Final = "multiplayer-"
_OWN_PROCESSES: Final = 16
"""Of the launcher, beside those that the command may have."""
_PERIOD_US: Final = 100_000
_REMOVE_TRIES, _REMOVE_S = 40, 0.025


@dataclass(frozen=True, slots=True)
class _Place:
    """A group of ours, with room for one of each command below it."""

    folder: Path
    version: int
    controllers: tuple[str, ...]

    def settings(self, limits: Limits) -> list[tuple[str, str]]:
        quota_us = max(1000, round(limits.cores * _PERIOD_US))
        of: dict[tuple[str, int], list[tuple[str, int | str]]] = {
            ("memory", 1): [("memory.limit_in_bytes", limits.resident_bytes)],
            ("memory", 2): [("memory.max", limits.resident_bytes)],
            ("pids", 1): [("pids.max", limits.processes + _OWN_PROCESSES)],
            ("pids", 2): [("pids.max", limits.processes + _OWN_PROCESSES)],
            ("cpu", 1): [("cpu.cfs_period_us", _PERIOD_US), ("cpu.cfs_quota_us", quota_us)],
            ("cpu", 2): [("cpu.max", f"{quota_us} {_PERIOD_US}")],
        }
        return [(file, str(value)) for name in self.controllers for file, value in of[name, self.version]]

    def wishes(self, limits: Limits) -> list[tuple[str, str]]:
        """What not every kernel has: without it the limits still hold, but less strictly."""
        if "memory" not in self.controllers:
            return []
        if self.version == 1:
            return [("memory.memsw.limit_in_bytes", str(limits.resident_bytes))]
        return [("memory.swap.max", "0"), ("memory.oom.group", "1")]


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one command."""

    joins: tuple[Path, ...]
    """`cgroup.procs` files: who writes its number there, or 0, belongs to them."""
    memory_events: Path | None

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of it for want of memory."""
        if self.memory_events is None:
            return False
        try:
            found = re.search(r"^oom_kill (\d+)$", self.memory_events.read_text(), re.MULTILINE)
        except OSError:
            return False
        return found is not None and int(found[1]) > 0


@dataclass(frozen=True, slots=True)
class Groups:
    """Where groups can be made on this machine."""

    places: tuple[_Place, ...]
    _left: set[Path] = field(default_factory=set)
    """Groups that could not be removed yet."""

    @property
    def controllers(self) -> tuple[str, ...]:
        return tuple(name for name in CONTROLLERS if any(name in place.controllers for place in self.places))

    @asynccontextmanager
    async def made(self, limits: Limits) -> AsyncIterator[Group | None]:
        """Groups for one command, removed afterwards. None if they cannot be made: that is no reason not to run."""
        name = _fresh_name()
        try:
            yield self._make(name, limits)
        finally:
            await self._removed(name)

    def _make(self, name: str, limits: Limits) -> Group | None:
        joins = []
        memory_events = None
        try:
            for place in self.places:
                folder = place.folder / name
                folder.mkdir()
                for file, value in place.settings(limits):
                    (folder / file).write_text(value)
                for file, value in place.wishes(limits):
                    with contextlib.suppress(OSError):
                        (folder / file).write_text(value)
                joins.append(folder / "cgroup.procs")
                if "memory" in place.controllers:
                    memory_events = folder / ("memory.events" if place.version == 2 else "memory.oom_control")
        except OSError:
            return None
        return Group(tuple(joins), memory_events)

    async def _removed(self, name: str) -> None:
        self._left.update(place.folder / name for place in self.places)
        for _ in range(_REMOVE_TRIES):
            self._left.difference_update([folder for folder in self._left if _is_gone(folder)])
            if not any(folder.name == name for folder in self._left):
                return
            await asyncio.sleep(_REMOVE_S)  # the last process is dead, but not yet counted so


def _is_gone(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _fresh_name() -> str:
    return f"{_own_prefix()}{os.getpid()}-{secrets.token_hex(4)}"


def _own_prefix() -> str:
    # Process numbers of another pid namespace say nothing here.
    return f"{_PREFIX}{Path('/proc/self/ns/pid').stat().st_ino}-"


def find_groups(
    bash: Path, own: Path = Path("/proc/self/cgroup"), mounts: Path = Path("/proc/self/mountinfo")
) -> Groups | None:
    """Find where groups can be made, by making one and starting a process in it. None if nowhere. Blocks."""
    try:
        folders = _own_folders(own.read_text(), mounts.read_text())
    except OSError:
        return None
    found: dict[tuple[Path, int], list[str]] = defaultdict(list)
    for name in CONTROLLERS:
        for folder, version in folders.get(name, ()):
            if _is_usable(_Place(folder, version, (name,)), bash):
                found[folder, version].append(name)
                break
    places = tuple(_Place(folder, version, tuple(names)) for (folder, version), names in found.items())
    for place in places:
        _remove_left_over(place.folder)
    return Groups(places) if places else None


def _own_folders(own: str, mounts: str) -> Mapping[str, list[tuple[Path, int]]]:
    """For each controller the folders, best first, in which groups of ours may be made, with their version."""
    paths: dict[str, PurePosixPath] = {}  # "" for version 2
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), PurePosixPath(path)))
    found: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for line in mounts.splitlines():
        fields, _, options = line.partition(" - ")
        kind, _, superblock = options.split()[:3]
        root, mount_point = fields.split()[3:5]
        version = {"cgroup": 1, "cgroup2": 2}.get(kind)
        for name in CONTROLLERS:
            group = paths.get("" if version == 2 else name)
            if version is None or group is None or not group.is_relative_to(root):
                continue
            if version == 1 and name not in superblock.split(","):
                continue
            folder = Path(mount_point, group.relative_to(root))
            found[name].append((folder, version))
            # In version 2 a group with processes can have no limited groups below it: then beside our own.
            if version == 2 and folder != Path(mount_point) and _is_delegated(folder.parent):
                found[name].append((folder.parent, version))
    return found


def _is_delegated(folder: Path) -> bool:
    """Whether systemd has given `folder` away. What only root may write may still be systemd's own."""
    if os.geteuid() != 0:
        return os.access(folder, os.W_OK)
    for mark in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return True
    return False


def _is_usable(place: _Place, bash: Path) -> bool:
    trial = place.folder / _fresh_name()
    try:
        if place.version == 2 and not _is_passed_on(place):
            return False
        trial.mkdir()
    except OSError:
        return False
    try:
        for file, value in place.settings(Limits()):
            (trial / file).write_text(value)
        line = [str(bash), "-p", "-c", 'echo $$ 2>/dev/null >"$1"', "join", str(trial / "cgroup.procs")]
        return subprocess.run(line, env={}, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        with contextlib.suppress(OSError):
            trial.rmdir()


def _is_passed_on(place: _Place) -> bool:
    (name,) = place.controllers
    if name not in (place.folder / "cgroup.controllers").read_text().split():
        return False
    passed_on = place.folder / "cgroup.subtree_control"
    if name not in passed_on.read_text().split():
        passed_on.write_text(f"+{name}")
    return True


def _remove_left_over(folder: Path) -> None:
    """Remove the groups of servers that were killed."""
    for left in folder.glob(f"{_own_prefix()}*"):
        pid = left.name.removeprefix(_own_prefix()).partition("-")[0]
        if not Path("/proc", pid).exists():
            _is_gone(left)
