"""The sandbox as the server knows it: whether it can be trusted on this machine, and one door to run a command in it."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from multiplayer.tools.files.paths import check_path
from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.binaries import SandboxMissing
from multiplayer.tools.sandbox.extra_folders import checked
from multiplayer.tools.sandbox.launch import Command
from multiplayer.tools.sandbox.launchers import Launcher, Mode
from multiplayer.tools.sandbox.preflight import Machine, Pretence, SandboxStatus, examine
from multiplayer.tools.sandbox.supervise import DiskNearlyFull, Exit, OnOutput, Pipes, SandboxFailed, StoppedBy
from multiplayer.tools.workspace import Workspace, Workspaces

__all__ = [
    "DiskNearlyFull",
    "Exit",
    "Mode",
    "Pipes",
    "Pretence",
    "Sandbox",
    "SandboxFailed",
    "SandboxStatus",
    "StoppedBy",
]


class Sandbox:
    """Runs commands, once `preflight` has found the machine fit for it. There is no unsandboxed way."""

    def __init__(
        self,
        workspaces: Workspaces,
        *,
        private_paths: Sequence[Path] = (),
        runtime_dir: Path | None = None,
        bwrap: Path | None = None,
        only: Mode | None = None,
        pretence: Pretence | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`private_paths` are data and settings: none may lie where a command can read. `bwrap` overrides the search.

        `only` is the one mode to examine, whichever would be chosen. `pretence` is for tests: a worse machine.
        """
        self._machine = Machine(workspaces, tuple(private_paths), runtime_dir, bwrap, only, pretence or Pretence())
        self._clock = clock
        self._launcher: Launcher | None = None
        self._status = SandboxStatus("off", "not examined yet")
        self._has_been_examined = False

    @property
    def status(self) -> SandboxStatus:
        return self._status

    async def preflight(self) -> SandboxStatus:
        """Examine the machine through the real launcher, in a folder of its own beside the workspaces.

        A later call, to look again, can only lower the mode to `off`. Does not raise for what the machine lacks.
        """
        if self._has_been_examined and self._launcher is None:
            return self._status
        machine = self._machine if self._launcher is None else replace(self._machine, only=self._launcher.mode)
        started = self._clock()
        found, launcher = await examine(machine)
        if self._has_been_examined and self._launcher is None:
            return self._status  # somebody has distrusted it meanwhile
        self._status, self._launcher = replace(found, duration_s=self._clock() - started), launcher
        self._has_been_examined = True
        return self._status

    def distrust(self) -> None:
        """Switch off for good: nobody can tell any more whether it holds."""
        self._status = SandboxStatus("off", "the check of the sandbox broke")
        self._launcher = None
        self._has_been_examined = True

    async def run(
        self,
        workspace: Workspace,
        code: str,
        cwd: str,
        limits: Limits,
        on_output: OnOutput,
        *,
        pipes: Pipes | None = None,
        read_only: Sequence[Path] = (),
    ) -> Exit:
        """Run `code` with bash in `cwd` (relative to the workspace) and return when its last process is dead.

        Output comes in raw pieces of at most 64 KiB; while `on_output` waits, the command waits. Cancelling kills all.
        `read_only` are further folders of the host, by the operator's word alone: it sees them at the same paths.
        Raises `ToolRefused` for a bad `cwd`, `SandboxFailed` if the command did not run. `pipes` and `read_only` are
        for mode `strict` only. In mode `landlock` a command waits for the one before it in the same room.
        """
        launcher = self._launcher
        if launcher is None:
            raise SandboxFailed(f"the sandbox is off: {self._status.reason}")
        folders = check_path(cwd)
        if folders:
            os.close(await asyncio.to_thread(workspace.root.open_folder, folders))
        shown: tuple[Path, ...] = ()
        if read_only:
            private = (*self._machine.private_paths, self._machine.workspaces.root)
            shown = await asyncio.to_thread(checked, read_only, private)
        try:
            return await launcher.run(Command(workspace, code, limits, folders, shown), on_output, pipes)
        except (SandboxMissing, OSError) as error:
            raise SandboxFailed(str(error)) from error
