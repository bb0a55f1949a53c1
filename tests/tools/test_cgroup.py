"""Limits held by cgroups: where groups are found, what they hold, that they go away, and that none is no failure."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.sandbox.cgroup import Group, Groups, find_groups
from multiplayer.tools.sandbox.processes import of_uid, tree_of
from multiplayer.tools.sandbox.sandbox import Exit, Mode, Sandbox, StoppedBy
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support.sandboxes import OWN_NUMBER, ran
from tests.support.tool_calls import fresh_workspace

BASH = Path("/bin/bash")


@pytest.fixture(scope="module", params=["strict", "landlock"])
async def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Sandbox, Workspaces]:
    workspaces = Workspaces(tmp_path_factory.mktemp("cgroup") / "workspaces")
    mode: Mode = request.param
    sandbox = Sandbox(workspaces, only=mode)
    status = await sandbox.preflight()
    if status.mode == "off":
        pytest.skip(f"not on this machine: {status.reason}")
    if status.limits_by != "cgroup":
        pytest.skip(f"no cgroup here: {status.limits_note}")
    return sandbox, workspaces


@pytest.fixture
def workspace(machine: tuple[Sandbox, Workspaces]) -> Iterator[Workspace]:
    with fresh_workspace(machine[1], OWN_NUMBER + 2) as opened:
        yield opened


@pytest.fixture
def groups() -> Groups:
    found = find_groups(BASH)
    if found is None:
        pytest.skip("no cgroup can be made here")
    return found


def left_over(groups: Groups) -> set[Path]:
    return {left for place in groups.places for left in place.folder.glob("multiplayer-*")}


@pytest.mark.slow
async def test_memory_that_no_process_has_mapped_counts(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    # Files in memory: neither RLIMIT_DATA nor a look at the processes finds them.
    code = (
        "import os, time\nfds = [os.memfd_create(str(i)) for i in range(8)]\nprint('begun', flush=True)\n"
        "for fd in fds:\n  for _ in range(30): os.write(fd, b'x' * (1 << 20))\nprint('all', flush=True); time.sleep(0.5)"
    )
    limits = Limits(wall_s=20.0, resident_bytes=100 * MIB)
    exit_, said = await ran(machine[0], workspace, f'python3 -c "{code}"', limits)
    assert (exit_, said) == (Exit(None, StoppedBy.MEMORY), "begun\n")
    assert (await ran(machine[0], workspace, f'python3 -c "{code}"', Limits(wall_s=20.0)))[1] == "begun\nall\n"


@pytest.mark.slow
@pytest.mark.parametrize("goes_on", ["echo went on", "sleep 30"])
async def test_a_command_of_which_the_kernel_killed_a_process_is_stopped_by_memory(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, goes_on: str
) -> None:
    code = f"python3 -c 'b = b\"x\" * (200 << 20)'; {goes_on}"
    exit_, _ = await ran(machine[0], workspace, code, Limits(wall_s=15.0, resident_bytes=100 * MIB))
    assert exit_ == Exit(None, StoppedBy.MEMORY)


@pytest.mark.slow
async def test_all_groups_are_gone_after_twenty_commands_at_once_ended_or_not(
    machine: tuple[Sandbox, Workspaces], groups: Groups
) -> None:
    sandbox, workspaces = machine
    with contextlib.ExitStack() as opened:
        rooms = [opened.enter_context(fresh_workspace(workspaces, OWN_NUMBER + 100 + n)) for n in range(20)]
        before = set(tree_of(os.getpid()))

        async def one(number: int, room: Workspace) -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if number % 2 else number * 0.02):
                    await ran(sandbox, room, "(sleep 83 &) ; sleep 0.2")

        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            for number, room in enumerate(rooms):
                tasks.create_task(one(number, room))
        assert [pid for room in rooms for pid in of_uid(room.uid)] == [] or os.geteuid() != 0
    assert set(tree_of(os.getpid())) <= before
    assert [path for path in left_over(groups) if f"-{os.getpid()}-" in path.name] == []


async def test_the_settings_are_those_of_the_limits(groups: Groups) -> None:
    async with groups.made(Limits(resident_bytes=64 * MIB, processes=10, cores=0.5)) as group:
        assert group is not None
        assert not group.ran_out_of_memory()
        said = {
            file.name: file.read_text().strip()
            for join in group.joins
            for file in join.parent.iterdir()
            if file.name in {"memory.limit_in_bytes", "memory.max", "pids.max", "cpu.cfs_quota_us", "cpu.max"}
        }
    assert said.get("memory.limit_in_bytes", said.get("memory.max")) == str(64 * MIB)
    if "pids" in groups.controllers:
        assert said["pids.max"] == "26"
    if "cpu" in groups.controllers:
        assert said.get("cpu.cfs_quota_us", said.get("cpu.max", "").split(" ")[0]) == "50000"
    assert not any(join.parent.exists() for join in group.joins)


async def test_a_group_that_cannot_be_removed_yet_goes_with_a_later_one(groups: Groups) -> None:
    async with groups.made(Limits()) as group:
        assert group is not None
        at = group.joins[0].parent
        (at / "inner").mkdir()
    assert at.exists()
    (at / "inner").rmdir()
    async with groups.made(Limits()):
        pass
    assert not at.exists()


def test_groups_of_a_server_that_was_killed_are_removed(groups: Groups) -> None:
    place = groups.places[0].folder
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    ours, others = place / f"multiplayer-{namespace}-4194303-x", place / f"multiplayer-{namespace + 1}-4194303-x"
    for folder in (ours, others):
        folder.mkdir()
    find_groups(BASH)
    assert (ours.exists(), others.exists()) == (False, True)
    others.rmdir()


def hierarchy(folder: Path, controllers: str) -> tuple[Path, Path]:
    """A made-up version 2 hierarchy in which we are in /service/server, and files as /proc has them."""
    (folder / "cgroup" / "service" / "server").mkdir(parents=True)
    for at in (folder / "cgroup", folder / "cgroup" / "service", folder / "cgroup" / "service" / "server"):
        (at / "cgroup.controllers").write_text(controllers)
        (at / "cgroup.subtree_control").write_text(controllers)
    own, mounts = folder / "own", folder / "mounts"
    own.write_text("0::/service/server\n")
    mounts.write_text(f"31 23 0:28 / {folder}/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n")
    return own, mounts


def test_version_two_is_found_where_it_has_the_controllers(tmp_path: Path) -> None:
    found = find_groups(BASH, *hierarchy(tmp_path, "memory pids"))
    # A plain folder takes any file, so the trial passes; what matters is the place and what it is said to hold.
    assert found is not None
    assert found.controllers == ("memory", "pids")
    assert {place.folder for place in found.places} == {tmp_path / "cgroup" / "service" / "server"}


@pytest.mark.parametrize("own", ["", "0::/\n", "0::/../outside\n", "7:memory:/x\n"])
def test_no_group_is_no_failure(tmp_path: Path, own: str) -> None:
    _, mounts = hierarchy(tmp_path, "hugetlb")
    (tmp_path / "own").write_text(own)
    assert find_groups(BASH, tmp_path / "own", mounts) is None
    assert find_groups(BASH, tmp_path / "none", mounts) is None


async def test_where_a_group_can_no_longer_be_made_the_command_goes_without(tmp_path: Path) -> None:
    found = find_groups(BASH, *hierarchy(tmp_path, "memory"))
    assert found is not None
    for place in found.places:
        place.folder.rename(tmp_path / secrets.token_hex(4))
    async with found.made(Limits()) as group:
        assert group is None


@pytest.mark.parametrize(
    ("text", "is_out"), [("oom_kill 0\n", False), ("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", True), ("", False)]
)
def test_the_kernel_s_word_decides_if_memory_ran_out(tmp_path: Path, text: str, is_out: bool) -> None:
    (tmp_path / "events").write_text(text)
    assert Group((), tmp_path / "events").ran_out_of_memory() is is_out
    assert Group((), tmp_path / "gone").ran_out_of_memory() is False
