"""What this machine offers to the red team, asked without any code of the sandbox."""

import ctypes
import os
import secrets
import subprocess
from pathlib import Path

from multiplayer.tools.sandbox.binaries import SandboxMissing, find_binaries
from multiplayer.tools.sandbox.launchers import Mode
from multiplayer.tools.workspace import uid_range_conflict

_LANDLOCK_CREATE, _OLDEST_ABI, _NOBODY = 444, 6, 65534


class Unavailable(Exception):  # noqa: N818 - it names what this machine is
    """This machine cannot offer the stage; the sentence says why."""


def machine_can(mode: Mode | None) -> bool:
    """Whether the kernel offers what the mode is built on, asked without any code of the sandbox."""
    if mode == "landlock":
        libc = ctypes.CDLL(None, use_errno=True)
        return int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)) >= _OLDEST_ABI
    line = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    as_plain = {"user": _NOBODY, "group": _NOBODY, "extra_groups": list[int]()} if os.geteuid() == 0 else {}
    done = subprocess.run(line, check=False, capture_output=True, cwd="/", **as_plain)  # type: ignore[call-overload]  # the same keywords, with or without
    return bool(done.returncode == 0)


def free_uids() -> int:
    """A range of uids that nobody uses: not the default one either, which other tests and servers here may."""
    for _ in range(100):
        base = 2_000_000 + secrets.randbelow(1_000) * 1_000_000
        if uid_range_conflict(base) is None:
            return base
    raise Unavailable("no range of uids is free")


def reachable_bwrap() -> Path | None:
    """One that a plain user can run, wherever the checkout lies."""
    try:
        return find_binaries().bwrap
    except (SandboxMissing, OSError):
        return None
