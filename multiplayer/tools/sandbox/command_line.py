"""`python -m multiplayer.tools.sandbox`: run one command in the sandbox, or examine this machine."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolRefused
from multiplayer.tools.sandbox.launchers import Mode
from multiplayer.tools.sandbox.sandbox import Sandbox, SandboxFailed, SandboxStatus
from multiplayer.tools.terminal.live_output import check_command, running_for
from multiplayer.tools.workspace import Workspaces, not_to_be_lent

_LIMIT, _DID_NOT_RUN = 124, 125


async def _preflight_once(root: Path, mode: Mode | None) -> SandboxStatus:
    return await Sandbox(Workspaces(root), only=mode).preflight()


async def _exec_once(folder: Path, code: str, limits: Limits, mode: Mode | None) -> int:
    why_not = not_to_be_lent(folder)
    if why_not is not None:
        return _failed(why_not)
    # The preflight's own folder lies beside the workspace, so that the same way to it is examined.
    workspaces = Workspaces(folder.parent)
    sandbox = Sandbox(workspaces, only=mode)
    status = await sandbox.preflight()
    if status.mode == "off":
        return _failed(f"the sandbox is off: {status.reason}")

    async def show(data: bytes) -> None:
        await asyncio.to_thread(_write_out, data)

    with workspaces.borrow(folder) as workspace:
        try:
            exit_ = await sandbox.run(workspace, code, "", limits, show)
        except SandboxFailed as failed:
            return _failed(f"the command did not run: {failed}")
    if exit_.status is None:
        _say(f"killed by the limit on {exit_.stopped_by}")
        return _LIMIT
    return exit_.status


def _failed(why: str) -> int:
    _say(why)
    return _DID_NOT_RUN


def _say(text: str) -> None:
    print(f"multiplayer: {text}", file=sys.stderr)  # noqa: T201 - a command line


def _write_out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise ValueError(text)
    return seconds


def main(arguments: Sequence[str]) -> int:
    """`exec --workspace DIR -- CODE` (exit status and output are the command's; 124 limit, 125 did not run), `preflight`."""
    parser = argparse.ArgumentParser(prog="multiplayer.tools.sandbox")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("exec", help="run CODE with bash in the sandbox")
    run.add_argument("--workspace", type=Path, required=True, metavar="DIR")
    run.add_argument("--timeout", type=_seconds, default=Limits().wall_s, metavar="SECONDS")
    run.add_argument("code", nargs="*", metavar="CODE", help="one word: quote it")
    look = verbs.add_parser("preflight", help="examine this machine")
    look.add_argument("--json", action="store_true")
    for verb in (run, look):
        verb.add_argument("--mode", choices=("strict", "landlock"), help="refuse unless this very mode holds here")
    given = parser.parse_args(arguments)
    if given.verb == "exec":
        if len(given.code) != 1:
            run.error(f"{len(given.code)} words instead of one CODE: quote the command, as in -- 'echo a; echo b'")
        try:
            check_command(given.code[0])
        except ToolRefused as refused:
            return _failed(f"the command did not run: {refused.text}")
        if not given.workspace.is_dir():
            return _failed(f"the command did not run: {given.workspace} is no folder")
        limits = running_for(Limits(), given.timeout)
        return asyncio.run(_exec_once(given.workspace.resolve(), given.code[0], limits, given.mode))
    with tempfile.TemporaryDirectory(prefix="multiplayer-preflight-") as folder:
        if os.geteuid() == 0:
            Path(folder).chmod(0o711)  # as a server's folder must be where nothing can be mounted
        status = asyncio.run(_preflight_once(Path(folder), given.mode))
    shown = json.dumps(asdict(status)) if given.json else f"{status.mode}: {status.reason}"
    print(shown)  # noqa: T201 - a command line
    return 0 if status.mode != "off" else 1
