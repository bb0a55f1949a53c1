"""Mode `landlock` for real: what a command can do, what it cannot, and that nothing of its uid is left."""

import asyncio
import contextlib
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.sandbox.launch import ENVIRONMENT
from multiplayer.tools.sandbox.processes import of_uid, tree_of
from multiplayer.tools.sandbox.sandbox import Exit, Pipes, Sandbox, SandboxFailed, StoppedBy
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support.sandboxes import COMMAND_LINE, OWN_NUMBER, QUICK, open_folder, ran
from tests.support.tool_calls import fresh_workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["open", "closed"])
async def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Sandbox, Workspaces]]:
    """Workspaces that any uid may pass to, and such that lie below a closed folder."""
    with open_folder() as folder:
        root = folder if request.param == "open" else tmp_path_factory.mktemp("landlock")
        workspaces = Workspaces(root / "workspaces")
        sandbox = Sandbox(workspaces, only="landlock")
        status = await sandbox.preflight()
        if status.mode != "landlock":
            pytest.skip(f"no Landlock sandbox on this machine: {status.reason}")
        yield sandbox, workspaces


@pytest.fixture
def sandbox(machine: tuple[Sandbox, Workspaces]) -> Sandbox:
    return machine[0]


@pytest.fixture
def workspace(machine: tuple[Sandbox, Workspaces]) -> Iterator[Workspace]:
    with fresh_workspace(machine[1], OWN_NUMBER) as opened:
        yield opened
    assert of_uid(opened.uid) == []


async def test_output_exit_status_and_folder_are_the_command_s(sandbox: Sandbox, workspace: Workspace) -> None:
    assert await ran(sandbox, workspace, "echo out; echo err >&2; exit 7") == (Exit(7), "out\nerr\n")
    assert await ran(sandbox, workspace, "kill -TERM $$") == (Exit(143), "")
    assert await ran(sandbox, workspace, "mkdir d; echo a >/dev/stdout; cat <(echo b)") == (Exit(0), "a\nb\n")
    exit_, said = await ran(sandbox, workspace, 'pwd; cd; [ "$PWD" = "$HOME" ] && echo home; id -u', cwd="d")
    at, *rest = said.splitlines()
    assert (exit_, rest) == (Exit(0), ["home", str(workspace.uid)])
    assert at.endswith("/d")


async def test_ordinary_work_works(sandbox: Sandbox, workspace: Workspace) -> None:
    code = (
        "git init -q r && cd r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --format=%s;"
        "python3 -c 'import threading, subprocess, tempfile\n"
        't = threading.Thread(target=print, args=("thread",)); t.start(); t.join(); tempfile.TemporaryFile()\n'
        'print(subprocess.run(["echo", "sub"], capture_output=True).stdout)\';'
        "seq 3 | sort -r | tr '\\n' ' '; mkfifo p; (echo piped >p &) ; cat p;"
        "f=$(mktemp) && echo in-temp >$f && cat $f; find / -maxdepth 0 -name nothing 2>/dev/null; echo $?"
    )
    exit_, said = await ran(sandbox, workspace, code)
    assert (exit_, said) == (Exit(0), "x\nthread\nb'sub\\n'\n3 2 1 piped\nin-temp\n0\n")


@pytest.mark.parametrize(
    ("program", "code", "output"),
    [
        ("node", 'node -e \'console.log(require("child_process").execSync("echo sub").toString().trim())\'', "sub\n"),
        ("gcc", "echo 'int puts(const char*);int main(){puts(\"c\");}' >a.c; gcc -o a a.c && ./a", "c\n"),
    ],
)
async def test_programs_work(sandbox: Sandbox, workspace: Workspace, program: str, code: str, output: str) -> None:
    if (await ran(sandbox, workspace, f"command -v {program}"))[0] != Exit(0):
        pytest.skip(f"{program} is not installed")
    assert await ran(sandbox, workspace, code) == (Exit(0), output)


async def test_it_reads_and_writes_nothing_of_the_host(sandbox: Sandbox, workspace: Workspace) -> None:
    with open_folder() as folder:
        folder.chmod(0o777)
        canary = folder / "canary"
        canary.write_text("host data")
        canary.chmod(0o666)
        code = (
            f"echo begin; cat {canary} /etc/passwd /proc/1/cmdline /proc/$PPID/environ /proc/{os.getpid()}/cmdline;"
            f"echo x >{canary}; echo x >{folder}/new; mkdir {folder}/d; ln {canary} linked; mv {canary} moved; rm {canary};"
            f"ln -s {canary} link; cat link; echo x >link; truncate -s 0 {canary}; ls {folder} / /tmp /proc /home;"
            f"chmod 600 {canary}; touch {canary}; cp /dev/null /dev/shm/left; echo end"
        )
        _, said = await ran(sandbox, workspace, f"{{ {code}; }} 2>/dev/null")
        assert said == "begin\nend\n"
        assert (canary.read_text(), canary.stat().st_mode & 0o777) == ("host data", 0o666)
        assert [path.name for path in folder.iterdir()] == ["canary"]


async def test_it_reaches_no_socket(sandbox: Sandbox, workspace: Workspace) -> None:
    script = (
        "import errno, socket\n"
        "for family, kind in ((1, 1), (2, 1), (2, 2), (10, 1), (16, 3), (17, 3)):\n"
        "  try: socket.socket(family, kind); print('made', family)\n"
        "  except OSError as error: print(errno.errorcode[error.errno])\n"
        "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))\n"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0multiplayer-test-" + secrets.token_hex(8))
        _, said = await ran(sandbox, workspace, f'python3 -c "{script}"')
    assert said == "EPERM\n" * 6 + "b'x'\n"


@pytest.mark.parametrize(
    "code",
    [
        *("libc.setsid()", "libc.shmget(1, 4096, 0o1600)", "libc.semget(1, 1, 0o1600)", "libc.msgget(1, 0o1600)"),
        *("libc.inotify_init()", "libc.ptrace(0, 0, 0, 0)", "libc.unshare(0x10000000)", "libc.setuid(0)"),
        *(
            "libc.shmat(1, 0, 0)",
            "libc.shmctl(1, 2, 0)",
            "libc.shmdt(4096)",
            "libc.semop(1, 0, 1)",
            "libc.semctl(1, 0, 12)",
        ),
        *("libc.semtimedop(1, 0, 1, 0)", "libc.msgsnd(1, b'12345678x', 1, 2048)", "libc.msgrcv(1, 0, 1, 0, 2048)"),
        *(
            "libc.msgctl(1, 2, 0)",
            "libc.mq_notify(1, 0)",
            "libc.syscall(181 if os.uname().machine == 'aarch64' else 241, b'x')",
        ),
        *("libc.mq_open(b'/x', 0o100, 0o600, 0)", "libc.kill(1, 0)", "libc.chroot(b'.')", "libc.syscall(175, 0, 0, 0)"),
    ],
)
async def test_what_reaches_out_or_outlives_the_command_is_denied(
    sandbox: Sandbox, workspace: Workspace, code: str
) -> None:
    script = f"import ctypes, errno, os\nlibc = ctypes.CDLL(None, use_errno=True)\nif os.fork(): os.wait()\nelse: print({code}, errno.errorcode[ctypes.get_errno()])"
    assert (await ran(sandbox, workspace, f'python3 -c "{script}"'))[1] == "-1 EPERM\n"


async def test_no_environment_of_ours_is_inside(sandbox: Sandbox, workspace: Workspace) -> None:
    os.environ["MP_TEST_SECRET"] = "hidden"
    try:
        _, said = await ran(
            sandbox, workspace, "env | cut -d= -f1 | sort | tr '\\n' ' '; ls -l /proc/$$/fd 2>&1 | wc -l"
        )
    finally:
        del os.environ["MP_TEST_SECRET"]
    names = {*ENVIRONMENT, "GIT_CEILING_DIRECTORIES", "PWD", "SHLVL", "_"}
    assert said == " ".join([*sorted(names), "1\n"])


async def test_a_fork_bomb_ends_at_the_process_limit_and_leaves_the_room_usable(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    code = "import os, time\nn = 0\ntry:\n  while n < 500:\n    if os.fork() == 0: time.sleep(60)\n    n += 1\nexcept OSError as e: print(n, e)"
    for _ in range(2):
        exit_, said = await ran(sandbox, workspace, f"python3 -c '{code}'")
        assert exit_ == Exit(0)
        assert 50 < int(said.split()[0]) < 128
    bomb = "b() { b | b & }; b; sleep 0.3; echo on"
    await ran(sandbox, workspace, bomb, Limits(wall_s=1.5))
    assert await ran(sandbox, workspace, "echo fine") == (Exit(0), "fine\n")


async def test_memory_files_and_workspace_are_limited(sandbox: Sandbox, workspace: Workspace) -> None:
    hog = "python3 -c 'bytearray(200 << 20)'"
    assert (await ran(sandbox, workspace, hog, Limits(wall_s=20.0, data_bytes=100 * MIB)))[0] == Exit(1)
    many = "for i in 1 2 3 4; do python3 -c 'import time; b = b\"x\" * (60 << 20); time.sleep(30)' & done; wait"
    exit_, _ = await ran(sandbox, workspace, many, Limits(wall_s=25.0, resident_bytes=150 * MIB))
    assert exit_ == Exit(None, StoppedBy.MEMORY)
    assert (await ran(sandbox, workspace, "truncate -s 1T f"))[0].status == 153, "128 + SIGXFSZ"
    filling = "while :; do head -c 1000000 /dev/zero >> $TMPDIR/f; sleep 0.02; done"
    exit_, _ = await ran(sandbox, workspace, filling, Limits(wall_s=20.0, workspace_bytes=4 * MIB))
    assert exit_ == Exit(None, StoppedBy.WORKSPACE)


async def test_a_limit_kills_what_ignores_signals_is_stopped_or_has_lost_its_parent(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    code = "trap '' TERM INT HUP; (sleep 77 &) ; sleep 77 & kill -STOP $!; python3 -c 'import os; os.setpgid(0, 0); os.kill(os.getpid(), 19)' & echo begin; wait; sleep 77"
    assert await ran(sandbox, workspace, code, Limits(wall_s=1.0)) == (Exit(None, StoppedBy.WALL_TIME), "begin\n")
    assert of_uid(workspace.uid) == []


async def test_what_runs_on_in_the_background_ends_with_the_command(sandbox: Sandbox, workspace: Workspace) -> None:
    assert await ran(sandbox, workspace, "(nohup sleep 78 &) ; sleep 78 & echo done") == (Exit(0), "done\n")
    assert of_uid(workspace.uid) == []


async def test_a_command_stopped_at_any_moment_leaves_no_process(sandbox: Sandbox, workspace: Workspace) -> None:
    before = set(tree_of(os.getpid()))
    for step in range(25):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(step * 0.004):
                await ran(sandbox, workspace, "(sleep 80 &) ; sleep 80")
        assert of_uid(workspace.uid) == []
    assert set(tree_of(os.getpid())) <= before


async def test_when_somebody_kills_the_keeper_the_command_ends_too(sandbox: Sandbox, workspace: Workspace) -> None:
    begun = asyncio.Event()

    async def hear(_: bytes) -> None:
        begun.set()

    with pytest.raises(ExceptionGroup) as failed:  # noqa: PT012 - the task is the subject
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(sandbox.run(workspace, "(sleep 81 &) ; echo x; sleep 81", "", QUICK, hear))
            await begun.wait()
            inside = of_uid(workspace.uid)
            keepers = [pid for pid in tree_of(os.getpid())[1:] if set(tree_of(pid)[1:]) & set(inside)]
            os.kill(keepers[0], signal.SIGKILL)
    assert failed.group_contains(SandboxFailed)
    assert of_uid(workspace.uid) == []


async def test_commands_of_one_room_take_turns_and_those_of_two_do_not(machine: tuple[Sandbox, Workspaces]) -> None:
    sandbox, workspaces = machine
    with fresh_workspace(workspaces, OWN_NUMBER) as one, fresh_workspace(workspaces, OWN_NUMBER + 1) as other:
        # Another server on the same machine waits as well.
        second = Sandbox(workspaces, only="landlock")
        assert (await second.preflight()).mode == "landlock"
        code = "[ ! -e running ] || echo both; touch running; sleep 0.2; rm running; echo ok"
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            runs = [tasks.create_task(ran(each, one, code)) for each in (sandbox, second) * 3]
            held = tasks.create_task(ran(sandbox, one, "until [ -e go ]; do sleep 0.05; done"))
            assert await ran(sandbox, other, "echo meanwhile") == (Exit(0), "meanwhile\n")
            os.close(os.open("go", os.O_CREAT | os.O_WRONLY, dir_fd=one.fd))
        assert [run.result() for run in runs] == [(Exit(0), "ok\n")] * 6
        assert held.result()[0] == Exit(0)


async def test_a_command_of_the_other_mode_is_not_killed_but_waited_for(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    sandbox, workspaces = machine
    strict = Sandbox(workspaces, only="strict")
    if (await strict.preflight()).mode != "strict":
        pytest.skip(f"no strict sandbox here: {strict.status.reason}")
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        begun = asyncio.Event()

        async def hear(_: bytes) -> None:
            begun.set()

        first = tasks.create_task(strict.run(workspace, "echo begun; sleep 0.5; touch done", "", QUICK, hear))
        await begun.wait()
        assert await ran(sandbox, workspace, "ls") == (Exit(0), "done\n")
    assert first.result() == Exit(0)


async def test_what_an_earlier_command_left_is_killed_first(machine: tuple[Sandbox, Workspaces]) -> None:
    # A uid of its own: what the other tests killed may still wait for process 1 to reap it, and counts until then.
    with fresh_workspace(machine[1], OWN_NUMBER + 3 + secrets.randbelow(50_000)) as workspace:
        become = ["setpriv", f"--reuid={workspace.uid}", f"--regid={workspace.uid}", "--clear-groups"]
        left = await asyncio.create_subprocess_exec(
            *become, "sh", "-c", "echo; exec sleep 84", stdout=asyncio.subprocess.PIPE
        )
        assert left.stdout is not None
        await left.stdout.readline()
        # Python and three more; what else has the uid would count as well.
        code = "import os, time\nn = 0\ntry:\n  while os.fork(): n += 1\n  time.sleep(60)\nexcept OSError: print(n)"
        exit_, said = await ran(machine[0], workspace, f'python3 -c "{code}"', replace(QUICK, processes=4))
        assert (exit_, said) == (Exit(0), "3\n")
        assert await asyncio.wait_for(left.wait(), 20) == -9


async def test_twenty_commands_at_once_leave_nothing(machine: tuple[Sandbox, Workspaces]) -> None:
    sandbox, workspaces = machine
    before = set(tree_of(os.getpid()))
    with contextlib.ExitStack() as opened:
        rooms = [opened.enter_context(fresh_workspace(workspaces, OWN_NUMBER + 10 + n)) for n in range(20)]
        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            runs = [tasks.create_task(ran(sandbox, room, f"(sleep 82 &) ; echo {n}")) for n, room in enumerate(rooms)]
        assert [run.result() for run in runs] == [(Exit(0), f"{n}\n") for n in range(20)]
        assert [pid for room in rooms for pid in of_uid(room.uid)] == []
    assert set(tree_of(os.getpid())) <= before


async def test_what_needs_namespaces_is_refused(sandbox: Sandbox, workspace: Workspace) -> None:
    read, write = os.pipe()
    with pytest.raises(SandboxFailed, match="neither talk"):
        await sandbox.run(workspace, "touch ran", "", QUICK, _nobody, pipes=Pipes(read, _nobody))
    with open_folder() as folder, pytest.raises(SandboxFailed, match="further folders"):
        await sandbox.run(workspace, "touch ran", "", QUICK, _nobody, read_only=[folder])
    os.close(read)
    os.close(write)
    assert os.listdir(workspace.fd) == []  # noqa: PTH208 - pathlib has no listing by descriptor


async def test_a_workspace_of_somebody_with_an_account_is_refused(machine: tuple[Sandbox, Workspaces]) -> None:
    sandbox, workspaces = machine
    folder = workspaces.root / secrets.token_hex(8)
    folder.mkdir()
    os.chown(folder, 65_534, 65_534)
    with workspaces.borrow(folder) as borrowed, pytest.raises(SandboxFailed, match="uid 65534, which is no room's"):
        await ran(sandbox, borrowed, "touch ran")
    assert list(folder.iterdir()) == []


def test_when_the_server_is_killed_nothing_of_the_command_lives_on() -> None:
    with open_folder() as folder:
        workspace = folder / "workspace"
        workspace.mkdir()
        uid = 1_100_000 + secrets.randbelow(90_000)
        os.chown(workspace, uid, uid)
        code = "(trap '' TERM; sleep 83 &) ; echo begun; sleep 83"
        line = [sys.executable, *COMMAND_LINE, "exec", "--mode", "landlock", "--workspace", str(workspace), "--", code]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"begun\n"
            inside = [os.pidfd_open(pid) for pid in of_uid(uid)]
            assert len(inside) >= 2
            server.kill()
            for pidfd in inside:
                assert select.select([pidfd], [], [], 20)[0], "a process lives on"
                os.close(pidfd)
            # One that was started after we looked ends with the others, perhaps a moment later.
            late_s = time.monotonic() + 20
            while of_uid(uid) and time.monotonic() < late_s:
                select.select([], [], [], 0.02)
        assert of_uid(uid) == []


async def _nobody(_: bytes) -> None: ...
