"""The sandbox for real: what a command can do, what it cannot, and that nothing of it is left."""

import asyncio
import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.offered import build_tools
from multiplayer.tools.sandbox import seccomp
from multiplayer.tools.sandbox.launch import ENVIRONMENT
from multiplayer.tools.sandbox.processes import tree_of
from multiplayer.tools.sandbox.sandbox import Exit, Sandbox, SandboxFailed, StoppedBy
from multiplayer.tools.workspace import UID_BASE, Workspace, Workspaces
from tests.support.sandboxes import OWN_NUMBER, QUICK, ran

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> Workspaces:
    # pytest's folders are closed to other users, as a data directory is.
    return Workspaces(tmp_path_factory.mktemp("data") / "workspaces")


@pytest.fixture(scope="module")
async def sandbox(workspaces: Workspaces) -> Sandbox:
    made = Sandbox(workspaces)
    status = await made.preflight()
    if status.mode != "strict":
        pytest.skip(f"no sandbox on this machine: {status.reason}")
    return made


@pytest.fixture
def workspace(workspaces: Workspaces) -> Iterator[Workspace]:
    opened = workspaces.open(RoomId(secrets.token_hex(13)), OWN_NUMBER)
    yield opened
    opened.close()


def listed(workspace: Workspace) -> list[str]:
    return os.listdir(workspace.fd)  # noqa: PTH208 - pathlib has no listing by descriptor


def of_uid(uid: int) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                found.append((entry / "cmdline").read_text())
    return [command for command in found if command]


def test_this_machine_holds_every_probe(sandbox: Sandbox) -> None:
    assert sandbox.status.mode == "strict"
    assert len(sandbox.status.probes) > 15
    assert all(probe.passed for probe in sandbox.status.probes)
    assert sandbox.status.bwrap_version


async def test_output_and_exit_status_are_the_command_s(sandbox: Sandbox, workspace: Workspace) -> None:
    assert await ran(sandbox, workspace, "echo out; echo err >&2; exit 7") == (Exit(7), "out\nerr\n")
    assert await ran(sandbox, workspace, "kill -TERM $$") == (Exit(143), "")


async def test_files_stay_and_belong_to_the_room(sandbox: Sandbox, workspace: Workspace) -> None:
    await ran(sandbox, workspace, "mkdir d && echo hello > d/f")
    exit_, said = await ran(sandbox, workspace, "cat d/f; pwd; id -u")
    assert (exit_, said) == (Exit(0), "hello\n/workspace\n1000\n")
    assert os.stat("d/f", dir_fd=workspace.fd).st_uid == workspace.uid
    if os.geteuid() == 0:
        assert workspace.uid == UID_BASE + OWN_NUMBER


async def test_it_sees_no_file_of_the_host(sandbox: Sandbox, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("host data")
    looked = f"for f in {tmp_path}/canary {__file__} /root /home /var /run /opt /etc/shadow /proc/1/root/etc/shadow"
    _, said = await ran(sandbox, workspace, f"echo begin; {looked}; do [ -e $f ] && echo $f; done; echo end")
    assert said == "begin\nend\n"


async def test_no_environment_of_ours_is_inside(sandbox: Sandbox, workspace: Workspace) -> None:
    code = "tr '\\0' '\\n' </proc/1/environ; echo --; env | cut -d= -f1 | sort | tr '\\n' ' '"
    os.environ["MP_TEST_SECRET"] = "hidden"
    try:
        exit_, said = await ran(sandbox, workspace, code + "; cat /proc/*/environ | grep -c hidden")
    finally:
        del os.environ["MP_TEST_SECRET"]
    assert exit_ == Exit(1)
    names = sorted({*ENVIRONMENT, "PWD", "SHLVL", "_"})
    assert said == f"--\n{' '.join(names)} 0\n"


async def test_it_reaches_no_network(sandbox: Sandbox, workspace: Workspace) -> None:
    reached = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        exit_, said = await ran(sandbox, workspace, f"exec 3<>/dev/tcp/127.0.0.1/{port}")
    assert exit_.status == 1
    assert "refused" in said
    assert not reached.is_set()


async def test_a_fork_bomb_ends_at_the_process_limit(sandbox: Sandbox, workspace: Workspace) -> None:
    code = "import os, time\nn = 0\ntry:\n  while n < 500:\n    if os.fork() == 0: time.sleep(60)\n    n += 1\nexcept OSError as e: print(n, e)"
    exit_, said = await ran(sandbox, workspace, f"python3 -c '{code}'")
    assert exit_ == Exit(0)
    assert 50 < int(said.split()[0]) < 128
    assert "temporarily unavailable" in said
    if os.geteuid() == 0:
        assert of_uid(workspace.uid) == []


async def test_one_process_gets_no_more_memory_than_its_limit(sandbox: Sandbox, workspace: Workspace) -> None:
    code = "python3 -c 'bytearray(200 << 20)'"
    exit_, said = await ran(sandbox, workspace, code, Limits(wall_s=20.0, data_bytes=100 * MIB))
    assert exit_ == Exit(1)
    assert "MemoryError" in said
    assert (await ran(sandbox, workspace, code))[0] == Exit(0), "with the usual limit it works"


async def test_many_processes_together_are_killed_over_the_memory_limit(sandbox: Sandbox, workspace: Workspace) -> None:
    code = "for i in 1 2 3 4; do python3 -c 'import time; b = b\"x\" * (60 << 20); time.sleep(30)' & done; wait"
    exit_, _ = await ran(sandbox, workspace, code, Limits(wall_s=25.0, resident_bytes=150 * MIB))
    assert exit_ == Exit(None, StoppedBy.MEMORY)


async def test_memory_that_processes_share_counts_once(sandbox: Sandbox, workspace: Workspace) -> None:
    code = (
        "import os, time\nb = b'x' * (60 << 20)\nfor i in range(6):\n  if os.fork() == 0:\n    time.sleep(1.5); os._exit(0)\n"
        "for i in range(6): os.wait()"
    )
    exit_, said = await ran(sandbox, workspace, f'python3 -c "{code}"', Limits(wall_s=25.0, resident_bytes=150 * MIB))
    assert (exit_, said) == (Exit(0), "")


async def test_the_wall_time_kills_everything_it_started(sandbox: Sandbox, workspace: Workspace) -> None:
    code = "trap '' TERM INT; for i in 1 2 3; do setsid sleep 77 & done; echo begin; wait"
    exit_, said = await ran(sandbox, workspace, code, Limits(wall_s=0.7))
    assert (exit_, said) == (Exit(None, StoppedBy.WALL_TIME), "begin\n")
    assert not [command for command in of_uid(workspace.uid) if "sleep\x0077" in command]


async def test_what_runs_on_in_the_background_ends_with_the_command(sandbox: Sandbox, workspace: Workspace) -> None:
    exit_, said = await ran(sandbox, workspace, "setsid sleep 78 & echo done")
    assert (exit_, said) == (Exit(0), "done\n")
    assert not [command for command in of_uid(workspace.uid) if "sleep\x0078" in command]


async def test_stopping_a_command_leaves_no_process(sandbox: Sandbox, workspace: Workspace) -> None:
    before = set(tree_of(os.getpid()))
    begun = asyncio.Event()

    async def hear(_: bytes) -> None:
        begun.set()

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(sandbox.run(workspace, "echo x; setsid sleep 79 & sleep 79", "", QUICK, hear))
        await asyncio.wait_for(begun.wait(), 20)
        running.cancel()
    assert not [command for command in of_uid(workspace.uid) if "sleep\x0079" in command]
    assert set(tree_of(os.getpid())) <= before


async def test_a_command_stopped_at_any_moment_of_its_start_leaves_no_process(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    before = set(tree_of(os.getpid()))

    async def hear(_: bytes) -> None: ...

    for step in range(30):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(step * 0.001):
                await sandbox.run(workspace, "sleep 80", "", QUICK, hear)
    assert set(tree_of(os.getpid())) <= before
    assert not [command for command in of_uid(workspace.uid) if "sleep\x0080" in command or "bwrap" in command]


async def test_a_flood_of_output_is_cut_and_killed(sandbox: Sandbox, workspace: Workspace) -> None:
    exit_, said = await ran(sandbox, workspace, "yes", Limits(wall_s=20.0, output_bytes=300 * KIB))
    assert exit_ == Exit(None, StoppedBy.OUTPUT)
    assert len(said) == 300 * KIB


async def test_while_the_room_does_not_read_the_command_waits(sandbox: Sandbox, workspace: Workspace) -> None:
    may_go_on = asyncio.Event()
    heard = 0

    async def hear(data: bytes) -> None:
        nonlocal heard
        heard += len(data)
        await may_go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        code = "head -c 400000 /dev/zero; touch written"
        running = tasks.create_task(sandbox.run(workspace, code, "", QUICK, hear))
        _, said = await ran(sandbox, workspace, "sleep 0.5; ls")
        assert said == ""
        assert heard <= 64 * KIB
        may_go_on.set()
        assert await running == Exit(0)
    assert heard == 400_000


async def test_filling_the_workspace_is_stopped_and_cleaning_it_is_not(sandbox: Sandbox, workspace: Workspace) -> None:
    limits = Limits(wall_s=20.0, workspace_bytes=4 * MIB)
    exit_, _ = await ran(sandbox, workspace, "while :; do head -c 1000000 /dev/zero >> f; sleep 0.02; done", limits)
    assert exit_ == Exit(None, StoppedBy.WORKSPACE)
    assert (await ran(sandbox, workspace, "sleep 0.6; rm f; ls -A", limits)) == (Exit(0), "")


async def test_a_file_cannot_grow_over_its_limit(sandbox: Sandbox, workspace: Workspace) -> None:
    exit_, _ = await ran(sandbox, workspace, "truncate -s 1T f", Limits(wall_s=20.0))
    assert exit_.status == 153, "128 + SIGXFSZ"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("libc.ptrace(0, 0, 0, 0)", "EPERM"),
        ("libc.unshare(0x10000000)", "EPERM"),
        ("libc.syscall(435, 0, 0)", "ENOSYS"),
        ("libc.syscall(463, 0)", "ENOSYS"),
        ("libc.socket(16, 3, 0)", "EAFNOSUPPORT"),
        ("libc.socket(40, 1, 0)", "EAFNOSUPPORT"),
        ("libc.ioctl(0, ctypes.c_ulong(0x5412), b'x')", "EPERM"),
        ("libc.ioctl(0, ctypes.c_ulong(0xFFFFFFFF00005412), b'x')", "EPERM"),
        ("libc.personality(0x0040000)", "EPERM"),
        ("libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0)", "EPERM"),
    ],
)
async def test_the_filter_denies_by_its_own_error(
    sandbox: Sandbox, workspace: Workspace, code: str, error: str
) -> None:
    script = f"import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\nprint({code}, errno.errorcode[ctypes.get_errno()])"
    assert (await ran(sandbox, workspace, f'python3 -c "{script}"'))[1] == f"-1 {error}\n"


async def test_ordinary_work_works(sandbox: Sandbox, workspace: Workspace) -> None:
    code = (
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --format=%s;"
        "python3 -c 'import threading, subprocess, multiprocessing as m\n"
        'print(subprocess.run(["echo", "sub"], capture_output=True).stdout, m.Pool(2).map(abs, [-1, -2]))\';'
        "seq 3 | sort -r | tr '\\n' ' '; mkfifo p; (echo piped >p &) ; cat p"
    )
    exit_, said = await ran(sandbox, workspace, code)
    assert (exit_, said) == (Exit(0), "x\nb'sub\\n' [1, 2]\n3 2 1 piped\n")


@pytest.fixture
def left_open() -> Iterator[int]:
    """A descriptor of the host's root that some library left open to be inherited."""
    fd = os.open("/", os.O_RDONLY)
    os.set_inheritable(fd, True)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("has_uvloop", [False, True])
def test_it_works_under_both_event_loops(workspaces: Workspaces, has_uvloop: bool, left_open: int) -> None:
    async def once() -> tuple[str, Exit, str]:
        sandbox = Sandbox(workspaces)
        status = await sandbox.preflight()
        workspace = workspaces.open(RoomId(secrets.token_hex(13)), 3)
        try:
            code = f"echo to-stdout >/dev/stdout; [ -e /proc/$$/fd/{left_open} ]"
            return status.mode, *(await ran(sandbox, workspace, code))
        finally:
            workspace.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if has_uvloop else None) as runner:
        assert runner.run(once()) == ("strict", Exit(1), "to-stdout\n")


async def test_without_bwrap_the_mode_is_off_and_the_terminal_is_not_offered(
    workspaces: Workspaces, workspace: Workspace, tmp_path: Path
) -> None:
    sandbox = Sandbox(workspaces, bwrap=tmp_path / "none")
    status = await sandbox.preflight()
    assert status.mode == "off"
    assert "bwrap is missing" in status.reason
    assert "execute_command" not in build_tools(sandbox).names
    with pytest.raises(SandboxFailed, match="bwrap is missing"):
        await ran(sandbox, workspace, "touch ran")
    assert listed(workspace) == []


@pytest.fixture
def fake_bwrap() -> Iterator[Path]:
    """A launcher that runs the command unsandboxed; it lies where a room's uid can read it."""
    options = "--bind-fd --disable-userns --add-seccomp-fd --json-status-fd --size"
    fake = Path(tempfile.gettempdir(), f"bwrap-{secrets.token_hex(8)}")
    fake.write_text(
        f'#!/bin/bash\ncase $1 in --version) echo bubblewrap 0.11.0;; --help) echo "{options}";;\n'
        '*) while [ "$1" != -- ]; do shift; done; shift; exec "$@";; esac\n'
    )
    fake.chmod(0o755)
    yield fake
    fake.unlink()


async def test_a_bwrap_that_sets_nothing_up_is_found_out(workspaces: Workspaces, fake_bwrap: Path) -> None:
    status = await Sandbox(workspaces, bwrap=fake_bwrap).preflight()
    assert status.mode == "off"
    assert "cannot be set up here" in status.reason


async def test_data_under_a_path_that_commands_can_read_turns_it_off(workspaces: Workspaces) -> None:
    status = await Sandbox(workspaces, private_paths=[Path("/usr/share/settings")]).preflight()
    assert (status.mode, "lies under /usr" in status.reason) == ("off", True)


async def test_a_later_look_never_raises_the_mode(workspaces: Workspaces, tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.symlink_to("/usr/share")
    sandbox = Sandbox(workspaces, private_paths=[path])
    first = await sandbox.preflight()
    path.rename(tmp_path / "away")
    assert (first.mode, (await sandbox.preflight()).mode) == ("off", "off")


def test_a_machine_nobody_reviewed_has_no_filter() -> None:
    assert seccomp.filter_for("riscv64") is None
    assert len(seccomp.filter_for("x86_64") or b"") % 8 == 0
    assert len(seccomp.filter_for("aarch64") or b"") > 400
