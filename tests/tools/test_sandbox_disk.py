"""What a command may take of the disk, by whatever way: preallocation, files without a name, closed folders, a full disk."""

import os
import re
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.sandbox.held_files import MOST_DESCRIPTORS, HeldFiles
from multiplayer.tools.sandbox.sandbox import DiskNearlyFull, Exit, Mode, Sandbox, StoppedBy
from multiplayer.tools.terminal.job_tools import job_tools
from multiplayer.tools.terminal.job_view import JobOwner
from multiplayer.tools.terminal.jobs import Jobs
from multiplayer.tools.terminal.terminal import execute_command
from multiplayer.tools.workspace import FreeSpace, Workspace, Workspaces
from tests.support.sandboxes import OWN_NUMBER, open_folder, ran
from tests.support.tool_calls import Caller, fresh_workspace

_SMALL = Limits(wall_s=10.0, file_bytes=16 * MIB, workspace_bytes=32 * MIB)
_PLAIN_UID = 61_234
_FALLOCATE = "47 if os.uname().machine == 'aarch64' else 285"


async def sandbox_for(mode: Mode, workspaces: Workspaces) -> Sandbox:
    sandbox = Sandbox(workspaces, only=mode)
    status = await sandbox.preflight()
    if status.mode == "off":
        pytest.skip(f"not on this machine: {status.reason}")
    return sandbox


@pytest.fixture(scope="module", params=["strict", "landlock"])
async def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Sandbox, Workspaces]:
    workspaces = Workspaces(tmp_path_factory.mktemp("disk") / "workspaces")
    return await sandbox_for(request.param, workspaces), workspaces


@pytest.fixture
def workspace(machine: tuple[Sandbox, Workspaces]) -> Iterator[Workspace]:
    with fresh_workspace(machine[1], OWN_NUMBER + 4) as opened:
        yield opened


def python(body: str) -> str:
    return f"python3 - <<'X'\nimport ctypes, errno, os, signal, sys, threading, time\n{body}\nX\n"


@pytest.mark.slow
async def test_space_is_not_preallocated_but_holes_are_punched(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    code = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "fd = os.open('f', os.O_CREAT | os.O_RDWR)\nos.write(fd, bytes(range(256)) * 4096)\n"
        f"for mode in 0, 1, 2, 0x10, 0x11, 0x20, 3:\n    got = libc.syscall(*map(ctypes.c_long, ({_FALLOCATE}, fd, mode, 0, 1 << 20)))\n"
        "    print(mode, got, errno.errorcode[ctypes.get_errno()] if got else '')\n"
        "print(os.fstat(fd).st_blocks)\nos.posix_fallocate(fd, 0, 2 << 20); print(os.fstat(fd).st_size)\n"
        "try: os.posix_fallocate(fd, 0, 64 << 20)\nexcept OSError as error: print(errno.errorcode[error.errno])"
    )
    _, said = await ran(machine[0], workspace, python(code), _SMALL)
    refused = "".join(f"{mode} -1 ENOTSUP\n" for mode in (0, 1, 2, 16, 17, 32))  # another name of EOPNOTSUPP
    assert said == f"{refused}3 0 \n0\n{2 * MIB}\nEFBIG\n"


_FILLS = {
    "deleted": "for i in range(60):\n    f = open('f', 'wb', 0); held.append(f); os.unlink('f'); f.write(block)",
    "never named": "for i in range(60):\n    fd = os.open('.', os.O_TMPFILE | os.O_WRONLY); held.append(fd); os.write(fd, block)",
    "of a thread": (
        "def fill():\n    ctypes.CDLL(None).syscall(436, 1000, 1000, 2)\n"
        "    for i in range(60):\n        f = open('f', 'wb', 0); held.append(f); os.unlink('f'); f.write(block)\n    time.sleep(30)\n"
        "threading.Thread(target=fill).start()"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", _FILLS)
async def test_files_that_no_folder_names_count(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, kind: str
) -> None:
    code = f"block, held = bytes(range(256)) * 4096, []\n{_FILLS[kind]}\nprint('full', flush=True); time.sleep(30)"
    exit_, _ = await ran(machine[0], workspace, python(code), _SMALL)
    assert exit_ == Exit(None, StoppedBy.WORKSPACE)
    # All of it is given back with the processes.
    assert (await ran(machine[0], workspace, "rm -f f; echo fine", _SMALL)) == (Exit(0), "fine\n")


@pytest.mark.slow
async def test_a_deleted_file_that_many_hold_counts_once(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    code = (
        "f = open('f', 'wb', 0); f.write(bytes(range(256)) * 40960); os.unlink('f')\nheld = [os.dup(f.fileno()) for _ in range(20)]\n"
        "for _ in range(3):\n    if os.fork() == 0: time.sleep(1.2); os._exit(0)\ntime.sleep(1.2); print('done')"
    )
    assert await ran(machine[0], workspace, python(code), _SMALL) == (Exit(0), "done\n")


@pytest.mark.slow
async def test_a_workspace_that_cannot_be_counted_is_cleaned_and_not_written(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    for number in range(40):
        os.close(os.open(f"f{number}", os.O_CREAT | os.O_WRONLY, 0o666, dir_fd=workspace.fd))
    limits = Limits(wall_s=10.0, workspace_inodes=30)
    code = "(trap '' XFSZ; echo x >written) 2>/dev/null; echo $?; cat written; rm f*; echo y | cat"
    assert await ran(machine[0], workspace, code, limits) == (Exit(0), "1\ny\n")
    assert await ran(machine[0], workspace, "echo z >written; cat written", limits) == (Exit(0), "z\n")


@pytest.mark.slow
async def test_whoever_cleans_a_workspace_over_its_quota_hides_nothing_in_it(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    limits = Limits(wall_s=10.0, workspace_bytes=MIB, workspace_inodes=100)
    assert await ran(machine[0], workspace, "head -c 2000000 /dev/zero >a; cp a b") == (Exit(0), "")
    assert await ran(machine[0], workspace, "rm a; sleep 0.6; echo fine", limits) == (Exit(0), "fine\n")
    more = "rm -f b; head -c 1500000 /dev/zero >c; mkdir d; cd d; touch $(seq 300); sleep 30"
    assert await ran(machine[0], workspace, more, limits) == (Exit(None, StoppedBy.WORKSPACE), "")


def test_each_file_without_a_name_counts_once_and_too_many_descriptors_as_too_much(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    held = HeldFiles(fd, os.geteuid())
    before = held.usage([os.getpid()])  # pytest has some as well
    assert before.is_whole
    in_memory = os.memfd_create("no file of a disk")
    os.write(in_memory, b"x" * 8192)
    with (tmp_path / "f").open("wb") as file:
        file.write(b"x" * 8192)
        file.flush()
        (tmp_path / "f").unlink()
        now = held.usage([os.getpid()] * 3)
        assert (now.used_bytes - before.used_bytes, now.inodes - before.inodes) == (8192, 1)
        many = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers only
        assert not held.usage([os.getpid()] * (MOST_DESCRIPTORS // many + 2)).is_whole
    assert held.usage([2**22 + 1]).is_whole, "a process that has ended hides nothing"
    os.close(in_memory)
    os.close(fd)


@pytest.mark.slow
def test_root_without_the_right_to_trace_counts_them_as_the_room() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with open_folder() as folder:
        folder.chmod(0o777)
        script = (
            "import os, subprocess, sys\nfrom multiplayer.tools.sandbox.held_files import HeldFiles\n"
            f'code = \'f = open("{folder}/f", "wb", 0); f.write(b"x" * 65536); import os; os.unlink(f.name); print(1, flush=True); input()\'\n'
            f"child = subprocess.Popen(['/usr/bin/python3', '-c', code], user={_PLAIN_UID}, group={_PLAIN_UID}, extra_groups=[], stdin=-1, stdout=-1)\n"
            "child.stdout.readline()\n"
            f"held = HeldFiles(os.open('{folder}', os.O_RDONLY), {_PLAIN_UID})\nseen = held.usage([child.pid])\n"
            "child.communicate(b'x')\nprint(seen.used_bytes, seen.is_whole, os.stat('/proc/thread-self').st_uid, os.access('/etc/shadow', os.R_OK))"
        )
        line = ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", script]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("65536 True 0 True\n", "")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", tmp_path], check=False, capture_output=True
    )
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted: {done.stderr.decode()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["strict", "landlock"])
async def test_on_a_disk_that_is_nearly_full_what_runs_is_killed_and_nothing_starts(
    small_disk: Path, mode: Mode
) -> None:
    workspaces = Workspaces(small_disk / "workspaces")
    sandbox = await sandbox_for(mode, workspaces)
    with fresh_workspace(workspaces, OWN_NUMBER + 5) as workspace:
        # Half of its quota: others have taken the rest.
        (small_disk / "of-others").write_bytes(bytes(40 * MIB))
        code = "head -c 22000000 /dev/zero >f; echo full; sleep 30"
        assert await ran(sandbox, workspace, code, Limits(wall_s=20.0)) == (Exit(None, StoppedBy.WORKSPACE), "full\n")
        with pytest.raises(DiskNearlyFull, match=r"[0-3] MiB and \d+ inodes are free, and 3 MiB and"):
            await ran(sandbox, workspace, "touch ran")
        assert (await Sandbox(workspaces, only=mode).preflight()).mode == mode, "that is not the sandbox's fault"
        (small_disk / "of-others").unlink()
        assert await ran(sandbox, workspace, "ls") == (Exit(0), "f\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "tool"), [("strict", "execute_command"), ("landlock", "execute_command"), ("strict", "job_start")]
)
async def test_on_a_disk_that_is_nearly_full_a_tools_result_says_so(small_disk: Path, mode: Mode, tool: str) -> None:
    workspaces = Workspaces(small_disk / "workspaces")
    sandbox = await sandbox_for(mode, workspaces)

    def owner_of(_context: ToolCallContext) -> JobOwner:
        return JobOwner(RoomId("room"), TurnId("turn"), AccountId("ai"), (AccountId("bob"),), CallId("call"))

    with fresh_workspace(workspaces, OWN_NUMBER + 6) as workspace:
        (small_disk / "of-others").write_bytes(bytes(62 * MIB))
        async with Jobs(sandbox, now=lambda: datetime.now(UTC)) as jobs:
            tools = ToolRegistry([execute_command(sandbox), *job_tools(jobs, owner_of)])
            result = await Caller(tools, workspace).call(tool, command="touch ran")
        assert (result.ok, result.code) == (False, "quota")
        assert re.fullmatch(
            r"the disk of the workspaces is nearly full: \d MiB and \d+ inodes are free, and 3 MiB and \d+ inodes must "
            r"stay so; the command did not run",
            result.text,
        )
        assert os.listdir(workspace.fd) == []  # noqa: PTH208 - pathlib has no listing by descriptor


def test_a_twentieth_of_a_small_disk_stays_free_and_two_gib_of_a_large_one(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    whole = os.fstatvfs(fd).f_blocks * os.fstatvfs(fd).f_frsize
    workspace = Workspace(fd, os.geteuid(), kernel_resolves=False)
    assert workspace.free_space(Limits(free_bytes=2**60)).floor_bytes == whole // 20
    assert workspace.free_space(Limits()).floor_bytes == min(2 * 1024 * MIB, whole // 20)
    assert not workspace.free_space(Limits(free_bytes=0)).is_short
    assert [FreeSpace(*free, 5).is_short for free in ((4, 5, 5), (5, 5, 4), (5, 5, 5))] == [True, True, False]
    workspace.close()


def as_a_plain_user(act: Callable[[Path], None]) -> None:
    """Do it in a process of its own, in a folder that belongs to a plain user."""
    with open_folder() as folder:
        uid = _PLAIN_UID if os.geteuid() == 0 else os.geteuid()
        os.chown(folder, uid, -1)
        pid = os.fork()
        if pid == 0:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setresgid(uid, uid, uid)
                    os.setresuid(uid, uid, uid)
                act(folder)
            except BaseException:  # noqa: BLE001 - a child of the test's must not go on as a second test run
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0


def _closes_and_opens(folder: Path) -> None:
    workspaces, room_id = Workspaces(folder / "workspaces"), RoomId(secrets.token_hex(13))
    workspace = workspaces.open(room_id, 1)
    os.mkdir("d", dir_fd=workspace.fd)
    os.fchmod(workspace.fd, 0)
    assert not workspace.usage(most_inodes=10).is_whole, "what cannot be counted is too much"
    workspace.close()
    with_all_closed = workspaces.open(room_id, 1)
    assert os.fstat(with_all_closed.fd).st_mode & 0o777 == 0o700
    assert with_all_closed.usage(most_inodes=10).is_whole
    hidden = os.open("d/f", os.O_CREAT | os.O_WRONLY, dir_fd=with_all_closed.fd)
    for mode in (0, 0o300, 0o400):
        os.chmod("d", mode, dir_fd=with_all_closed.fd)
        assert not with_all_closed.usage(most_inodes=10).is_whole
    os.write(hidden, b"x" * 8192)
    assert with_all_closed.usage(most_inodes=10, is_to_open=True).used_bytes >= 8192
    assert with_all_closed.usage(most_inodes=10).is_whole
    os.chmod("d", 0, dir_fd=with_all_closed.fd)
    assert with_all_closed.usage(most_inodes=10, is_to_open=True).is_whole
    os.close(hidden)
    os.fchmod(with_all_closed.fd, 0o400)
    with_all_closed.close()
    again = workspaces.open(room_id, 1)
    os.mkdir("e", dir_fd=again.fd)
    again.close()


def _keeps_what_is_borrowed(folder: Path) -> None:
    folder.chmod(0o755)
    with Workspaces(folder / "workspaces").borrow(folder) as borrowed:
        assert os.fstat(borrowed.fd).st_mode & 0o777 == 0o755


@pytest.mark.parametrize("act", [_closes_and_opens, _keeps_what_is_borrowed])
def test_a_workspace_closed_by_its_command_counts_as_full_and_is_opened_again_for_the_next(
    act: Callable[[Path], None],
) -> None:
    as_a_plain_user(act)
