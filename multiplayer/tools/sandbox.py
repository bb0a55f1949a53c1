"""The sandbox as the server knows it: whether it can be trusted on this machine, and one door to run a command in it."""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from multiplayer.tools import launch as launching
from multiplayer.tools.launch import BOUND_PATHS, Binaries, Launch, SandboxMissing
from multiplayer.tools.limits import Limits
from multiplayer.tools.paths import check_path
from multiplayer.tools.probes import Probe, ask_inside, ask_whether_it_dies_with_its_parent
from multiplayer.tools.supervise import Exit, OnOutput, SandboxFailed, StoppedBy, supervise
from multiplayer.tools.workspace import Workspace, Workspaces, uid_range_conflict

__all__ = ["Exit", "Sandbox", "SandboxFailed", "SandboxStatus", "StoppedBy"]


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """What health and metrics show. `reason` says in a sentence why the mode is what it is."""

    mode: Literal["strict", "off"]
    reason: str
    probes: tuple[Probe, ...] = ()
    bwrap_version: str | None = None
    duration_s: float = 0.0


class Sandbox:
    """Runs commands, once `preflight` has found the machine fit for it. There is no unsandboxed way."""

    def __init__(
        self,
        workspaces: Workspaces,
        *,
        private_paths: Sequence[Path] = (),
        runtime_dir: Path | None = None,
        bwrap: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`private_paths` are data and settings: none may lie where a command can read. `bwrap` overrides the search."""
        self._workspaces = workspaces
        self._private_paths = tuple(private_paths)
        self._runtime_dir = runtime_dir
        self._bwrap = bwrap
        self._clock = clock
        self._binaries: Binaries | None = None
        self._status = SandboxStatus("off", "not examined yet")
        self._has_been_examined = False

    @property
    def status(self) -> SandboxStatus:
        return self._status

    async def preflight(self) -> SandboxStatus:
        """Examine the machine through the real launcher, in a folder of its own beside the workspaces.

        A later call, to look again, can only lower the mode to `off`. Does not raise for what the machine lacks.
        """
        started = self._clock()
        was_off = self._has_been_examined and self._status.mode == "off"
        found = await self._examined()
        if not was_off:
            self._status = SandboxStatus(
                found.mode, found.reason, found.probes, found.bwrap_version, self._clock() - started
            )
        self._has_been_examined = True
        return self._status

    def distrust(self) -> None:
        """Switch off for good: nobody can tell any more whether it holds."""
        self._status = SandboxStatus("off", "the check of the sandbox broke")

    async def _examined(self) -> SandboxStatus:
        if sys.platform != "linux":
            return SandboxStatus("off", "the sandbox needs Linux")
        conflict = uid_range_conflict(self._workspaces.uid_base) if os.geteuid() == 0 else None
        if conflict is not None:
            return SandboxStatus("off", f"{conflict}; set another base for them")
        for path in (*self._private_paths, self._workspaces.root):
            for bound in BOUND_PATHS:
                if path.resolve().is_relative_to(bound.resolve()):
                    return SandboxStatus("off", f"{path} lies under {bound}, which commands can read")
        try:
            binaries = await asyncio.to_thread(launching.find_binaries, self._runtime_dir, self._bwrap)
        except (SandboxMissing, OSError) as error:
            return SandboxStatus("off", str(error))
        version = binaries.bwrap_version
        try:
            probes = await self._probed(binaries)
        except SandboxFailed as failed:
            return SandboxStatus("off", f"the sandbox cannot be set up here: {failed}", (), version)
        except (SandboxMissing, OSError) as error:
            return SandboxStatus("off", str(error), (), version)
        missed = [probe for probe in probes if not probe.passed]
        if missed:
            reason = "; ".join(f"{probe.name}: {probe.finding}" for probe in missed)
            return SandboxStatus("off", f"the sandbox does not hold here: {reason}", tuple(probes), version)
        self._binaries = binaries
        return SandboxStatus("strict", f"bubblewrap {version} holds", tuple(probes), version)

    async def _probed(self, binaries: Binaries) -> list[Probe]:
        root = self._workspaces.root
        await asyncio.to_thread(partial(root.mkdir, mode=0o700, parents=True, exist_ok=True))
        folder = Path(await asyncio.to_thread(partial(tempfile.mkdtemp, prefix=".preflight-", dir=root)))
        limits = Limits(wall_s=10.0)
        try:
            with self._workspaces.borrow(folder) as workspace:
                probes = await ask_inside(
                    workspace,
                    lambda where, code, hear: self._launched(binaries, where, code, (), limits, hear),
                    limits.processes,
                )
                if all(probe.passed for probe in probes):
                    build = partial(_built, binaries, limits)
                    probes.append(await ask_whether_it_dies_with_its_parent(workspace, build, binaries.bash))
                return probes
        finally:
            await asyncio.to_thread(partial(shutil.rmtree, folder, ignore_errors=True))

    async def run(self, workspace: Workspace, code: str, cwd: str, limits: Limits, on_output: OnOutput) -> Exit:
        """Run `code` with bash in `cwd` (relative to the workspace) and return when its last process is dead.

        Output comes in raw pieces of at most 64 KiB; while `on_output` waits, the command waits. Cancelling kills all.
        Raises `ToolRefused` for a bad `cwd`, `SandboxFailed` if the command did not run. Only in mode `strict`.
        """
        if self._status.mode != "strict" or self._binaries is None:
            raise SandboxFailed(f"the sandbox is off: {self._status.reason}")
        folders = check_path(cwd)
        if folders:
            os.close(await asyncio.to_thread(workspace.root.open_folder, folders))
        try:
            return await self._launched(self._binaries, workspace, code, folders, limits, on_output)
        except (SandboxMissing, OSError) as error:
            raise SandboxFailed(str(error)) from error

    async def _launched(
        self,
        binaries: Binaries,
        workspace: Workspace,
        code: str,
        folders: Sequence[str],
        limits: Limits,
        on_output: OnOutput,
    ) -> Exit:
        status_read, status_write = os.pipe()
        try:
            launch = launching.build_launch(binaries, workspace, code, folders, limits, status_write)
        except BaseException:
            os.close(status_read)
            os.close(status_write)
            raise
        return await supervise(launch, workspace, limits, on_output, (status_read, status_write))


def _built(binaries: Binaries, limits: Limits, workspace: Workspace, code: str, status_fd: int) -> Launch:
    return launching.build_launch(binaries, workspace, code, (), limits, status_fd)


async def _preflight_once(root: Path) -> SandboxStatus:
    return await Sandbox(Workspaces(root)).preflight()


async def _exec_once(folder: Path, code: str, limits: Limits) -> int:
    # The preflight's own folder lies beside the workspace, so that the same way to it is examined.
    workspaces = Workspaces(folder.parent)
    sandbox = Sandbox(workspaces)
    status = await sandbox.preflight()
    if status.mode != "strict":
        print(f"multiplayer: the sandbox is off: {status.reason}", file=sys.stderr)  # noqa: T201 - a command line
        return 125

    async def show(data: bytes) -> None:
        await asyncio.to_thread(_write_out, data)

    with workspaces.borrow(folder) as workspace:
        try:
            exit_ = await sandbox.run(workspace, code, "", limits, show)
        except SandboxFailed as failed:
            print(f"multiplayer: the command did not run: {failed}", file=sys.stderr)  # noqa: T201
            return 125
    if exit_.status is None:
        print(f"multiplayer: killed by the limit on {exit_.stopped_by}", file=sys.stderr)  # noqa: T201
        return 124
    return exit_.status


def _write_out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main(arguments: Sequence[str]) -> int:
    """`exec --workspace DIR -- CODE` (exit status and output are the command's; 124 limit, 125 did not run), `preflight`."""
    parser = argparse.ArgumentParser(prog="multiplayer.tools.sandbox")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("exec", help="run CODE with bash in the sandbox")
    run.add_argument("--workspace", type=Path, required=True)
    run.add_argument("--timeout", type=float, default=Limits().wall_s, metavar="SECONDS")
    run.add_argument("code")
    look = verbs.add_parser("preflight", help="examine this machine")
    look.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if given.verb == "exec":
        return asyncio.run(_exec_once(given.workspace.resolve(), given.code, Limits(wall_s=given.timeout)))
    with tempfile.TemporaryDirectory(prefix="multiplayer-preflight-") as folder:
        status = asyncio.run(_preflight_once(Path(folder)))
    shown = json.dumps(asdict(status)) if given.json else f"{status.mode}: {status.reason}"
    print(shown)  # noqa: T201 - a command line
    return 0 if status.mode == "strict" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
