"""Which mode the preflight finds, on this machine and on worse ones, and that what does not hold ends in `off`."""

import inspect
import os
from pathlib import Path

import pytest

from multiplayer.tools.offered import build_tools
from multiplayer.tools.sandbox import trampoline
from multiplayer.tools.sandbox.binaries import SandboxMissing, find_binaries
from multiplayer.tools.sandbox.landlock import OLDEST_ABI, landlock_abi
from multiplayer.tools.sandbox.sandbox import Mode, Pretence, Sandbox, SandboxFailed, SandboxStatus
from multiplayer.tools.workspace import Workspaces
from tests.support.sandboxes import (
    DOCKER_CAPABILITIES,
    OWN_NUMBER,
    commanded,
    commanded_without_user_namespaces,
    open_folder,
    plain_user,
    ran,
)
from tests.support.tool_calls import fresh_workspace

pytestmark = pytest.mark.slow
NO_NAMESPACES = Pretence(has_user_namespaces=False)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="Landlock alone needs root")


async def looked(
    folder: Path, pretence: Pretence | None = None, only: Mode | None = None, bwrap: Path | None = None
) -> SandboxStatus:
    sandbox = Sandbox(Workspaces(folder / "workspaces"), pretence=pretence, only=only, bwrap=bwrap)
    return await sandbox.preflight()


@root_only
@pytest.mark.skipif(landlock_abi() < OLDEST_ABI, reason="this kernel's Landlock is too old")
async def test_without_user_namespaces_root_gets_landlock(tmp_path: Path) -> None:
    status = await looked(tmp_path, NO_NAMESPACES)
    assert (status.mode, status.landlock_abi, status.bwrap_version) == ("landlock", landlock_abi(), None)
    assert status.reason.startswith("no user namespaces; and Landlock ABI")
    names = {probe.name for probe in status.probes}
    assert all(probe.passed for probe in status.probes)
    asked_in_both = (
        *("command_runs", "outside_unreadable", "outside_unwritable", "network_unreachable", "signals_stay_inside"),
        *("no_new_namespaces", "no_new_privileges", "system_calls_filtered", "no_capabilities", "environment_ours"),
        *("launcher_environment_empty", "no_inherited_descriptors", "process_limit", "canary_whole", "listener_alone"),
        *("host_uid", "dies_with_parent"),
    )
    assert names >= {*asked_in_both, "abstract_sockets_unreachable", "signals_scoped", "tcp_scoped", "nothing_survives"}
    strict = await looked(tmp_path)
    assert strict.mode != "strict" or {probe.name for probe in strict.probes} >= set(asked_in_both)


@pytest.mark.parametrize(
    ("pretence", "why"),
    [
        (Pretence(has_user_namespaces=False, landlock_abi=1), "Landlock ABI 1 (6 is the oldest"),
        (Pretence(has_user_namespaces=False, landlock_abi=5), "Landlock ABI 5 (6 is the oldest"),
        (Pretence(has_user_namespaces=False, landlock_abi=0), "no Landlock"),
        (Pretence(has_user_namespaces=False, can_drop_root=False), "needs root"),
    ],
)
async def test_with_neither_it_is_off_and_there_is_no_terminal(tmp_path: Path, pretence: Pretence, why: str) -> None:
    workspaces = Workspaces(tmp_path / "workspaces")
    sandbox = Sandbox(workspaces, pretence=pretence)
    status = await sandbox.preflight()
    assert status.mode == "off"
    assert why in status.reason
    assert "execute_command" not in build_tools(sandbox).names
    with fresh_workspace(workspaces, OWN_NUMBER) as workspace, pytest.raises(SandboxFailed, match="off"):
        await ran(sandbox, workspace, "touch ran")


async def test_a_missing_bwrap_is_off_even_where_landlock_would_hold(tmp_path: Path) -> None:
    status = await looked(tmp_path, bwrap=tmp_path / "none")
    assert (status.mode, "bwrap is missing" in status.reason) == ("off", True)


async def test_a_later_look_can_only_lower_the_mode_to_off(tmp_path: Path) -> None:
    with open_folder() as folder:
        bwrap = folder / "bwrap"
        try:
            bwrap.symlink_to(find_binaries().bwrap)
        except SandboxMissing as missing:
            pytest.skip(str(missing))
        sandbox = Sandbox(Workspaces(tmp_path / "workspaces"), bwrap=bwrap)
        if (await sandbox.preflight()).mode != "strict":
            pytest.skip(f"no strict sandbox here: {sandbox.status.reason}")
        away = bwrap.rename(folder / "away")
        assert (await sandbox.preflight()).mode == "off"
        away.rename(bwrap)
        assert (await sandbox.preflight()).mode == "off"


@root_only
@pytest.mark.parametrize(
    ("line", "missed"),
    [
        ('_checked("landlock", _libc.syscall(ctypes.c_long(_LANDLOCK_RESTRICT), ruleset, 0))', "outside_unreadable"),
        (
            '_prctl("system call filter", _SET_SECCOMP, 2, ctypes.create_string_buffer(fprog, len(fprog)))',
            "no_new_sessions",
        ),
    ],
)
async def test_a_layer_that_is_not_there_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, missed: str
) -> None:
    source = inspect.getsource(trampoline)
    assert source.count(line) == 1
    broken = tmp_path / "trampoline.py"
    broken.write_text(source.replace(line, "pass"))
    monkeypatch.setattr(trampoline, "__file__", str(broken))
    status = await looked(tmp_path, only="landlock")
    assert status.mode == "off"
    assert missed in status.reason


@root_only
def test_where_the_kernel_makes_no_user_namespace_landlock_is_chosen_for_real() -> None:
    status = commanded_without_user_namespaces("preflight")
    assert status.returncode == 0, status.stderr
    assert status.stdout.startswith("landlock: no user namespaces (unshare: ")
    assert commanded_without_user_namespaces("preflight", "--mode", "strict").returncode == 1


@root_only
def test_as_in_a_container_commands_run_where_the_workspace_can_be_reached() -> None:
    def as_in_a_container(*arguments: str | Path) -> tuple[int, str, str]:
        done = commanded_without_user_namespaces(*arguments, capabilities=DOCKER_CAPABILITIES)
        return done.returncode, done.stdout, done.stderr

    with open_folder() as folder:
        (folder / "workspace").mkdir()
        line = ("exec", "--workspace", folder / "workspace", "--", "echo a >f; cat f; cat /etc/passwd || echo refused")
        status, out, err = as_in_a_container(*line)
        assert (status, out.splitlines()[0], out.splitlines()[-1]) == (0, "a", "refused"), err
        # Nothing can be mounted there, so below a closed folder there is no way.
        folder.chmod(0o700)
        status, out, err = as_in_a_container(*line)
        assert (status, out) == (125, "")
        assert f"{folder} is closed to others" in err


def test_a_plain_user_has_the_strict_mode_and_never_the_other() -> None:
    with plain_user() as (home, run):
        (home / "workspace").mkdir()
        os.chown(home / "workspace", home.stat().st_uid, home.stat().st_gid)
        looked = run("preflight")
        if not looked.stdout.startswith("strict"):
            pytest.skip(f"plain users have no strict sandbox here: {looked.stdout}{looked.stderr}")
        done = run("exec", "--workspace", home / "workspace", "--", "id -u; touch f; cat /etc/shadow || echo refused")
        assert (done.returncode, done.stdout.splitlines()[0], done.stdout.splitlines()[-1]) == (0, "1000", "refused")
        assert (home / "workspace" / "f").stat().st_uid == home.stat().st_uid
        other = run("preflight", "--mode", "landlock")
        assert (other.returncode, other.stdout[:4]) == (1, "off:")
        assert "needs root" in other.stdout


def test_commanded_refuses_a_mode_that_does_not_hold(tmp_path: Path) -> None:
    assert commanded("preflight", "--mode", "neither").returncode == 2
