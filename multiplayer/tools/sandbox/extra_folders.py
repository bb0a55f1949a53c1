"""Folders of the host that the operator shows to a command, beside its workspace: which can be, and which never."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from multiplayer.tools.sandbox.launch import BOUND_PATHS
from multiplayer.tools.sandbox.supervise import SandboxFailed

_NEVER_UNDER: Final = tuple(Path(name) for name in ("/proc", "/sys", "/dev", "/run", "/workspace"))
"""The sandbox has its own there, or sockets of the host's services lie there."""
_MOST: Final = 16


def checked(folders: Sequence[Path], private: Sequence[Path]) -> tuple[Path, ...]:
    """Return what there is to bind; raises `SandboxFailed` for a folder that must not be shown. Blocks on the disk.

    `private` is ours: nothing in it, and nothing that holds it, is shown. A socket in a shown folder can be talked to.
    """
    if len(folders) > _MOST:
        raise SandboxFailed(f"more than {_MOST} folders to show")
    found = []
    for folder in folders:
        if not folder.is_absolute() or ".." in folder.parts:
            raise SandboxFailed(f"{folder} cannot be shown to a command: it is no absolute path")
        real = folder.resolve()
        if not real.is_dir():
            raise SandboxFailed(f"{folder} cannot be shown to a command: it is no folder")
        for path in (folder, real):
            # /home, /var or /tmp as a whole hold what is nobody's to show.
            if len(path.parts) < 3 and path not in BOUND_PATHS:
                raise SandboxFailed(f"{folder} cannot be shown to a command: name a folder below it")
            if any(path.is_relative_to(never) for never in _NEVER_UNDER):
                raise SandboxFailed(f"{folder} cannot be shown to a command: it lies where the system's own are")
        for ours in (path.resolve() for path in private):
            if real.is_relative_to(ours) or ours.is_relative_to(real):
                raise SandboxFailed(f"{folder} cannot be shown to a command: {ours} is the server's own")
        if not any(folder.is_relative_to(bound) for bound in BOUND_PATHS):
            found.append(folder)
    return tuple(dict.fromkeys(found))
