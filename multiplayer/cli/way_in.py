"""What the banner of a server says about signing in as its operator: a one-time link, or how to get one."""

import asyncio
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from rich.markup import escape

from multiplayer.live.lobby import OPERATOR_HANDLE
from multiplayer.live.pod import Pod
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

_LOOK_AGAIN_S = 0.5


async def way_in(pod: Pod, url: str, data_dir: Path, stop: asyncio.Event) -> list[str]:
    """Return lines in rich's markup. A database that is away is waited for, until `stop`: then nothing is said.

    A link stands in them as long as the operator has no password; where nobody is at a terminal, what is printed is kept
    in a log, and only until one has been used.
    """
    while not stop.is_set():
        try:
            return await _lines(pod, url, data_dir)
        except (StorageUnavailable, OutcomeUnknown):
            # Everything else runs already. Of a link whose making nobody knows of, nobody knows the words either.
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_AGAIN_S)
    return []


async def _lines(pod: Pod, url: str, data_dir: Path) -> list[str]:
    operator = await pod.storage.find_account_by_handle(OPERATOR_HANDLE)
    assert operator is not None, "compose made it"
    if operator.disabled:
        return []
    host = f"[bold]{OPERATOR_HANDLE}[/bold]"
    another = f"    {escape(_command())} user reset {OPERATOR_HANDLE} --data-dir {escape(shlex.quote(str(data_dir)))}"
    if await pod.doors.local.has_password(operator.id):
        return [f"\n  Sign in as the operator {host} with its password. A one-time link instead:", another]
    is_at_terminal = sys.stdout.isatty()
    if not is_at_terminal and await pod.storage.has_used_login_link(operator.id):
        return [f"\n  The operator {host} has no password. A one-time link to sign in:", another]
    link = (await pod.doors.local.create_login_link(operator.id)).text
    until = f"{OPERATOR_HANDLE} has a password" if is_at_terminal else "one has been used"
    return [
        f"\n  Open this link to sign in as the operator {host} (once, within 24 hours):",
        # Without the pages the address says how to use the link from a terminal.
        f"[cyan]  {escape(f'{url}/sign-in#{link}')}[/cyan]",
        f"  Until {until}, each start makes a new one, and the one before ends.",
    ]


def _command() -> str:
    """Return how the command line was called here, as far as it can be typed again."""
    called = sys.argv[0]
    if Path(called).name != "multiplayer" or shutil.which("multiplayer") == str(Path(called).absolute()):
        return "multiplayer"
    return shlex.quote(called)
