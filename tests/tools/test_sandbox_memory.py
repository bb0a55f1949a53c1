"""Memory that no look at the processes finds: where no cgroup counts it, it is not to be had."""

from pathlib import Path

import pytest

from multiplayer.tools.sandbox.binaries import find_binaries
from multiplayer.tools.sandbox.cgroup import Groups, find_groups
from multiplayer.tools.sandbox.landlock import find_parts
from multiplayer.tools.sandbox.launch import Command
from multiplayer.tools.sandbox.launchers import LandlockLauncher, Launcher, Mode, StrictLauncher
from multiplayer.tools.sandbox.sandbox import Exit, Sandbox
from multiplayer.tools.workspace import UID_RANGE, Workspaces
from tests.support.sandboxes import OWN_NUMBER, QUICK
from tests.support.tool_calls import fresh_workspace

pytestmark = pytest.mark.slow

_TAKES = """python3 - <<'X'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, act in ("memfd", lambda: libc.memfd_create(b"held", 0)), ("shm", lambda: libc.shmget(0, 4096, 0o1600)):
    print(name, "had" if act() >= 0 else errno.errorcode[ctypes.get_errno()])
X
"""


def launcher_for(mode: Mode, workspaces: Workspaces, groups: Groups | None) -> Launcher:
    if mode == "strict":
        return StrictLauncher(find_binaries(), groups)
    return LandlockLauncher(find_parts(None), groups, range(workspaces.uid_base, workspaces.uid_base + UID_RANGE))


@pytest.mark.parametrize("mode", ["strict", "landlock"])
@pytest.mark.parametrize("has_cgroup", [False, True])
async def test_it_is_denied_unless_a_cgroup_counts_it(tmp_path: Path, mode: Mode, has_cgroup: bool) -> None:
    workspaces = Workspaces(tmp_path / "workspaces")
    status = await Sandbox(workspaces, only=mode).preflight()
    if status.mode == "off":
        pytest.skip(f"not on this machine: {status.reason}")
    groups = find_groups(Path("/bin/bash")) if has_cgroup else None
    if has_cgroup and (groups is None or "memory" not in groups.controllers):
        pytest.skip("no cgroup for memory can be made here")
    said = bytearray()

    async def hear(data: bytes) -> None:
        said.extend(data)

    with fresh_workspace(workspaces, OWN_NUMBER + 6) as workspace:
        exit_ = await launcher_for(mode, workspaces, groups).run(Command(workspace, _TAKES, QUICK), hear)
    memfd, shm = ("had" if has_cgroup else "EPERM"), ("had" if has_cgroup and mode == "strict" else "EPERM")
    assert (exit_, said.decode()) == (Exit(0), f"memfd {memfd}\nshm {shm}\n")
