"""Machines on which the sandbox cannot hold: the mode is off, no command runs, and no terminal is offered."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.limits import Limits
from multiplayer.tools.offered import build_tools
from multiplayer.tools.sandbox.binaries import SandboxMissing, find_binaries
from multiplayer.tools.sandbox.landlock import OLDEST_ABI, landlock_abi
from multiplayer.tools.sandbox.sandbox import Sandbox, SandboxFailed
from multiplayer.tools.workspace import Workspaces
from tests.redteam.forbidding import Found, Order
from tests.redteam.stage import ROOT, import_path

pytestmark = pytest.mark.slow
NOT_OFFERED = {"execute_command", "job_start", "job_list", "job_tail", "job_stop"}
PLAIN_UID = 1_999_999_999
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="room uids, and so mode landlock, need root")


def found(order: Order) -> Found:
    """Examine in a process of its own, that has done to itself what the order says."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.redteam.forbidding", order.model_dump_json()],
        cwd=ROOT,
        env={"PYTHONPATH": import_path(), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Found.model_validate_json(done.stdout)


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces")


async def assert_off(sandbox: Sandbox, workspaces: Workspaces, why: str) -> None:
    """Off, for that reason, and nothing can be made to run."""
    status = await sandbox.preflight()
    assert status.mode == "off"
    assert why in status.reason
    names = set(build_tools(sandbox).names)
    assert not names & NOT_OFFERED
    assert "read_file" in names, "files need no sandbox"
    workspace = workspaces.open(RoomId(secrets.token_hex(13)), 1)

    async def hear(_: bytes) -> None: ...

    try:
        with pytest.raises(SandboxFailed):
            await sandbox.run(workspace, "touch ran", "", Limits(wall_s=5.0), hear)
        assert os.listdir(workspace.fd) == []  # noqa: PTH208 - by descriptor
    finally:
        workspace.close()


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Order(forbids_user_namespaces=True, landlock_abi=OLDEST_ABI - 1), "Landlock ABI 5"),
        (Order(forbids_user_namespaces=True, landlock_abi=1), "Landlock ABI 1"),
        (Order(forbids_user_namespaces=True, forbids_landlock=True), "no Landlock"),
        (Order(forbids_user_namespaces=True, become=PLAIN_UID), "needs root"),
        (Order(forbids_user_namespaces=True, can_drop_root=False), "needs root"),
        (Order(has_user_namespaces=False, landlock_abi=0), "no Landlock"),
    ],
    ids=["abi-5", "abi-1", "no-landlock", "plain-user", "shared-uid", "pretended"],
)
def test_without_user_namespaces_and_without_landlock_it_is_off(order: Order, why: str) -> None:
    if order.landlock_abi and landlock_abi() < order.landlock_abi:
        why = "Landlock"
    answer = found(order)
    assert answer.mode == "off"
    assert "no user namespaces" in answer.reason
    assert why in answer.reason or (os.geteuid() != 0 and "Landlock" in answer.reason)
    assert not set(answer.tools) & NOT_OFFERED


@as_root
def test_without_user_namespaces_a_new_landlock_will_do() -> None:
    if landlock_abi() < OLDEST_ABI:
        pytest.skip(f"this kernel has Landlock ABI {landlock_abi()}")
    answer = found(Order(forbids_user_namespaces=True))
    assert answer.mode == "landlock", answer.reason
    assert "execute_command" in answer.tools


async def test_without_bwrap_it_is_off(workspaces: Workspaces, tmp_path: Path) -> None:
    await assert_off(Sandbox(workspaces, bwrap=tmp_path / "none", only="strict"), workspaces, "bwrap is missing")


@pytest.mark.parametrize("bound", ["/usr/share/data", "/etc/ssl/certs/data"])
async def test_data_that_commands_could_read_turn_it_off(workspaces: Workspaces, tmp_path: Path, bound: str) -> None:
    await assert_off(Sandbox(workspaces, private_paths=[Path(bound)]), workspaces, "which commands can read")
    (tmp_path / "link").symlink_to(Path(bound).parent)
    private = tmp_path / "link" / "settings"
    await assert_off(Sandbox(workspaces, private_paths=[private]), workspaces, "which commands can read")


Wrapper = Callable[[str], Path]


@pytest.fixture
def wrapper() -> Iterator[Wrapper]:
    """Makes a bwrap of a script, where any uid can run it; `exec_real` in it starts the real one with the array `line`."""
    try:
        real = find_binaries().bwrap
    except (SandboxMissing, OSError) as missing:
        pytest.skip(f"no bwrap to wrap: {missing}")
    made: list[Path] = []

    def make(script: str) -> Path:
        path = Path(tempfile.gettempdir(), f"rt-bwrap-{secrets.token_hex(8)}")
        path.write_text(
            f'#!/bin/bash\nexec_real() {{ exec -c {real} "${{line[@]}}"; }}\nline=("$@")\n'
            f"case $1 in --version|--help) exec_real;; esac\n{script}\n"
        )
        path.chmod(0o755)
        made.append(path)
        return path

    yield make
    for path in made:
        path.unlink()


def without(option: str, values: int = 0) -> str:
    """A script that leaves an option out of the line."""
    return (
        f'new=(); skip=0; for word in "${{line[@]}}"; do if [ $skip -gt 0 ]; then skip=$((skip-1));'
        f' elif [ "$word" = {option} ]; then skip={values}; else new+=("$word"); fi; done; line=("${{new[@]}}"); exec_real'
    )


def with_further(option: str) -> str:
    """A script that shows the folder for temporary files of the host."""
    at = tempfile.gettempdir()
    return (
        f'new=(); for word in "${{line[@]}}"; do [ "$word" != --chdir ] || new+=({option} {at} {at}); new+=("$word"); done;'
        ' line=("${new[@]}"); exec_real'
    )


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "cannot be set up here"),
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "cannot be set up here"),
        ("exit 0", "cannot be set up here"),
        ('while [ "$1" != -- ]; do shift; done; shift; exec "$@"', "cannot be set up here"),
        (without("--unshare-net"), "network_unreachable"),
        (without("--add-seccomp-fd", 1), "system_calls_filtered"),
        (without("--die-with-parent"), "dies_with_parent"),
        ('line=(--setenv LEAKED secret "${line[@]}"); ' + without("--clearenv"), "environment_ours"),
        (with_further("--ro-bind"), "outside_unreadable"),
        (with_further("--bind"), "outside_unwritable"),
    ],
    ids=[
        "eperm",
        "no-permission",
        "silent",
        "no-sandbox",
        "net",
        "seccomp",
        "orphans",
        "env",
        "root-shown",
        "root-writable",
    ],
)
async def test_a_bwrap_that_leaves_a_layer_out_is_found_out(
    workspaces: Workspaces, wrapper: Wrapper, script: str, why: str
) -> None:
    plain = Sandbox(workspaces, only="strict")
    if (await plain.preflight()).mode != "strict":
        pytest.skip(f"mode strict does not hold here: {plain.status.reason}")
    await assert_off(Sandbox(workspaces, bwrap=wrapper(script), only="strict"), workspaces, why)
