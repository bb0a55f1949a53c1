"""The two ways to run a command: `strict` in namespaces, `landlock` behind Landlock with one command of a room at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Literal, Protocol

from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.binaries import Binaries
from multiplayer.tools.sandbox.cgroup import Group, Groups
from multiplayer.tools.sandbox.endings import UnkillableProcess
from multiplayer.tools.sandbox.landlock import LandlockParts, build_landlock_launch
from multiplayer.tools.sandbox.launch import Command, build_launch
from multiplayer.tools.sandbox.processes import kill_all_of
from multiplayer.tools.sandbox.seccomp import UNCOUNTED_MEMORY
from multiplayer.tools.sandbox.supervise import Exit, OnOutput, Pipes, SandboxFailed, supervise
from multiplayer.tools.sandbox.uid_locks import UidLocks

Mode = Literal["strict", "landlock"]


class Launcher(Protocol):
    """Raises `SandboxFailed` if a command did not run, `SandboxMissing` and `OSError` likewise."""

    @property
    def mode(self) -> Mode: ...
    async def run(self, command: Command, on_output: OnOutput, pipes: Pipes | None = None) -> Exit: ...


class StrictLauncher:
    mode: Mode = "strict"

    def __init__(self, binaries: Binaries, groups: Groups | None) -> None:
        self.binaries = binaries
        self._groups = groups
        self._locks = UidLocks(binaries.runtime) if binaries.runtime is not None else None

    async def run(self, command: Command, on_output: OnOutput, pipes: Pipes | None = None) -> Exit:
        beside = nullcontext() if self._locks is None else self._locks.beside_others(command.workspace.uid)
        async with beside, _made(self._groups, command.limits) as group:
            joins = () if group is None else group.joins
            build = partial(build_launch, self.binaries, joins=joins, also_denied=_uncounted(group))
            return await supervise(build, command, on_output, pipes=pipes, group=group)


class LandlockLauncher:
    mode: Mode = "landlock"

    def __init__(self, parts: LandlockParts, groups: Groups | None, room_uids: range) -> None:
        """`room_uids` belong to nobody else on this machine: all processes of one of them are killed with its command."""
        self.parts = parts
        self._groups = groups
        self._room_uids = room_uids
        self._locks = UidLocks(parts.runtime)

    async def run(
        self,
        command: Command,
        on_output: OnOutput,
        pipes: Pipes | None = None,
        probe: tuple[int, str] | None = None,
    ) -> Exit:
        """Wait until no other command of the room's uid runs on this machine, then run. That wait is no run time."""
        if pipes is not None or command.read_only:
            raise SandboxFailed("the sandbox can neither talk to a command nor show it further folders on this machine")
        uid = command.workspace.uid
        if uid not in self._room_uids:
            raise SandboxFailed(
                f"the workspace belongs to uid {uid}, which is no room's: others may have processes of it"
            )
        async with self.turn(uid) as lock_fd, _made(self._groups, command.limits) as group:
            joins = () if group is None else group.joins
            build = partial(
                build_landlock_launch,
                self.parts,
                lock_fd=lock_fd,
                joins=joins,
                also_denied=_uncounted(group),
                probe=probe,
            )
            try:
                return await supervise(build, command, on_output, group=group)
            except UnkillableProcess as error:
                raise SandboxFailed(str(error)) from error

    @asynccontextmanager
    async def turn(self, uid: int) -> AsyncIterator[int]:
        """Have `uid` for oneself, with nothing left of earlier. Yields the lock's descriptor."""
        async with self._locks.alone(uid) as fd:
            # The trampoline of an earlier command may have been killed.
            if not await asyncio.to_thread(kill_all_of, uid):
                raise SandboxFailed(f"an earlier process of uid {uid} does not end")
            yield fd


def _made(groups: Groups | None, limits: Limits) -> AbstractAsyncContextManager[Group | None]:
    return nullcontext() if groups is None else groups.made(limits)


def _uncounted(group: Group | None) -> Sequence[str]:
    return UNCOUNTED_MEMORY if group is None or group.memory_events is None else ()
