"""The terminal tool: what the room sees while a command runs, what the model gets, which limit ends it, and how it stops."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.registry import ReadyCall, ToolRegistry, ToolResult
from multiplayer.tools.sandbox.processes import tree_of
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.terminal.live_output import NOT_SHOWN, LiveOutput, Pace
from multiplayer.tools.terminal.terminal import execute_command
from multiplayer.tools.workspace import Workspaces
from tests.support.tool_calls import Caller, fresh_workspace, strict_sandbox

sandboxed = pytest.mark.slow
TOOL = "execute_command"
GIT = (
    "git init -q . && git config user.email a@b && git config user.name a && echo x > f && git add f"
    " && git commit -qm one && git log --format=%s && git status --short"
)


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Sandbox, Workspaces]]:
    async with strict_sandbox(tmp_path_factory.mktemp("terminal")) as made:
        yield made


@pytest.fixture
def caller(machine: tuple[Sandbox, Workspaces]) -> Iterator[Caller]:
    sandbox, workspaces = machine
    with fresh_workspace(workspaces) as workspace:
        yield Caller(ToolRegistry([execute_command(sandbox, ["hunter2hunter2"])]), workspace)


def listed(caller: Caller) -> list[str]:
    return sorted(os.listdir(caller.workspace.fd))  # noqa: PTH208 - pathlib has no listing by descriptor


@sandboxed
async def test_the_room_sees_safe_output_live_and_the_model_gets_it_with_the_exit_status(caller: Caller) -> None:
    result = await caller.call(TOOL, command="echo -e 'a\\x1b[31m hunter2hunter2'; sleep 0.3; mkdir d; exit 3")
    assert result == ToolResult(ok=True, text="a [secret removed]\n[exit status 3]", exit_status=3)
    assert caller.pieces == ["a [secret removed]\n"]
    inside = await caller.call(TOOL, command="pwd", cwd="d")
    assert inside.text == "/workspace/d\n[exit status 0]"


@sandboxed
async def test_output_comes_while_the_command_runs(caller: Caller) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(caller.call(TOOL, command="echo first; until [ -e go ]; do sleep 0.05; done"))
        await caller.has_said.wait()
        assert not running.done()
        os.close(os.open("go", os.O_CREAT | os.O_WRONLY, dir_fd=caller.workspace.fd))
    assert caller.pieces == ["first\n"]
    assert running.result().exit_status == 0


@sandboxed
async def test_the_room_sees_the_beginning_up_to_its_limit_and_the_model_both_ends(caller: Caller) -> None:
    caller.limits = Limits(wall_s=20.0, shown_bytes=20 * KIB)
    result = await caller.call(TOOL, command="seq 100000")
    assert all(len(piece.encode()) <= 8 * KIB for piece in caller.pieces)
    shown = "".join(caller.pieces)
    assert shown.endswith(NOT_SHOWN)
    assert len(shown.removesuffix(NOT_SHOWN).encode()) == 20 * KIB
    assert result.text.startswith("1\n2\n")
    assert "bytes left out" in result.text
    assert result.text.endswith("99999\n100000\n[exit status 0]")
    assert len(result.text.encode()) < 33 * KIB


@sandboxed
async def test_the_room_is_told_that_there_is_more_even_if_what_it_saw_ended_with_a_line(caller: Caller) -> None:
    caller.limits = Limits(wall_s=20.0, shown_bytes=4)
    await caller.call(TOOL, command="echo abc; sleep 0.3; echo more; sleep 0.3; echo more")
    assert caller.pieces == ["abc\n", NOT_SHOWN]
    caller.pieces.clear()
    await caller.call(TOOL, command="echo abc")
    assert caller.pieces == ["abc\n"]


@sandboxed
async def test_a_secret_split_over_reads_and_slices_is_taken_out(caller: Caller) -> None:
    code = "printf 'x\\n%.0s' $(seq 4094); printf hunter2; sleep 0.2; echo hunter2"
    result = await caller.call(TOOL, command=code)
    for text in ("".join(caller.pieces), result.text):
        assert "[secret removed]\n" in text
        assert "hunter" not in text


@sandboxed
async def test_what_might_have_become_a_secret_is_shown_at_the_end(caller: Caller) -> None:
    result = await caller.call(TOOL, command="printf hunter2hun")
    assert (result.text, caller.pieces) == ("hunter2hun\n[exit status 0]", ["hunter2hun"])


@sandboxed
@pytest.mark.parametrize(
    ("command", "limits", "words"),
    [
        ("echo first; sleep 30", Limits(wall_s=0.5), "ran longer than 0.5 s"),
        (
            "python3 -c 'b = b\"x\" * (80 << 20); import time; time.sleep(30)'",
            Limits(resident_bytes=40 * MIB),
            "memory",
        ),
        ("while :; do head -c 1000000 /dev/zero >> f; sleep 0.02; done", Limits(workspace_bytes=4 * MIB), "workspace"),
        ("mkdir d; for i in $(seq 300); do : > d/$i; done; sleep 30", Limits(workspace_inodes=200), "200 files"),
        ("yes", Limits(output_bytes=300 * KIB), "printed more than 307200 bytes"),
    ],
)
async def test_the_limit_that_killed_is_named(caller: Caller, command: str, limits: Limits, words: str) -> None:
    caller.limits = limits
    async with asyncio.timeout(25):
        result = await caller.call(TOOL, command=command)
    assert (result.ok, result.code, result.exit_status) == (False, "stopped", None)
    said, _, killed = result.text.rpartition("\n[killed: ")
    assert words in killed
    assert said.startswith("first") or "first" not in command


@sandboxed
@pytest.mark.parametrize(
    ("command", "limits", "words"),
    [
        (
            "while :; do :; done",
            Limits(wall_s=20.0, cpu_s=1),
            "[exit status 152: a process used more than 1 s of CPU time]",
        ),
        ("truncate -s 1T f", Limits(wall_s=20.0, file_bytes=MIB), "[exit status 153: a file grew over 1048576 bytes]"),
        ("ulimit -u; ulimit -n", Limits(wall_s=20.0, processes=77, open_files=99), "77\n99\n[exit status 0]"),
    ],
)
async def test_a_limit_that_the_kernel_keeps_shows_in_the_exit_status(
    caller: Caller, command: str, limits: Limits, words: str
) -> None:
    caller.limits = limits
    result = await caller.call(TOOL, command=command)
    assert result.ok
    assert result.text.endswith(words)


@sandboxed
async def test_stopping_a_call_leaves_nothing_of_the_command(caller: Caller) -> None:
    before = set(tree_of(os.getpid()))
    code = "trap '' TERM INT; setsid sleep 81 & (sleep 81 &); echo begun; sleep 81; touch survived"
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(caller.call(TOOL, command=code))
        await caller.has_said.wait()
        assert len(set(tree_of(os.getpid())) - before) >= 4, "it runs"
        running.cancel()
    assert running.cancelled()
    assert set(tree_of(os.getpid())) <= before
    assert listed(caller) == []


@sandboxed
@pytest.mark.parametrize(
    ("role", "arguments", "code"),
    [
        (Role.MEMBER, {"command": "touch ran"}, "not_approved"),
        (Role.GUEST, {"command": "touch ran"}, "refused"),
        (Role.OWNER, {"command": "touch ran", "timeout_s": 21}, "not_approved"),
        (Role.OWNER, {"command": "touch ran", "timeout_s": 1e9}, "bad_arguments"),
        (Role.OWNER, {"command": "touch ran", "timeout_s": -1}, "bad_arguments"),
        (Role.OWNER, {"command": "touch ran", "cwd": "../x"}, "bad_path"),
        (Role.OWNER, {"command": "touch ran", "cwd": "nowhere"}, "not_found"),
        (Role.OWNER, {"command": "touch ran\0"}, "bad_arguments"),
        (Role.OWNER, {"command": "touch ran \ud800"}, "bad_arguments"),
        (Role.OWNER, {"command": "touch ran #" + "x" * 100_000}, "bad_arguments"),
    ],
)
async def test_what_is_refused_says_why_and_runs_nothing(
    caller: Caller, role: Role, arguments: dict[str, str | float], code: str
) -> None:
    caller.gate.role = role
    caller.gate.approves = False
    result = await caller.call(TOOL, **arguments)
    assert (result.ok, result.code, caller.pieces) == (False, code, [])
    assert listed(caller) == []


@sandboxed
async def test_a_longer_time_is_another_class_and_another_call_to_approve(caller: Caller) -> None:
    caller.limits = Limits()

    async def ready(arguments: str) -> ReadyCall:
        made = await caller.registry.ready(TOOL, arguments, caller.context())
        assert isinstance(made, ReadyCall)
        return made

    usual = await ready('{"command": "true"}')
    shorter = await ready('{"command": "true", "timeout_s": 5}')
    longer = await ready('{"command": "true", "timeout_s": 180}')
    again = await ready('{"timeout_s": 180, "command": "true"}')
    classes = [call.bound.tool_class for call in (usual, shorter, longer)]
    assert classes == [ToolClass.TERMINAL, ToolClass.TERMINAL, ToolClass.EXTENDED]
    assert [call.limits.wall_s for call in (usual, shorter, longer)] == [120.0, 5.0, 180.0]
    assert [call.limits.cpu_s for call in (usual, shorter, longer)] == [60, 60, 90]
    assert len({call.bound.sha256 for call in (usual, shorter, longer)}) == 3
    assert again.bound == longer.bound
    assert caller.gate.asked == [longer.bound, again.bound]
    assert caller.gate.started == []
    result = await caller.registry.run(longer)
    assert (result.exit_status, caller.gate.started) == (0, [longer.bound])


@sandboxed
async def test_running_the_tests_where_there_are_none_ends_with_its_status(caller: Caller) -> None:
    # Python 3.12 and later say 5, the earlier ones 0.
    result = await caller.call(TOOL, command="python3 -m unittest")
    assert "Ran 0 tests" in result.text
    assert result.exit_status in {0, 5}
    assert result.ok


@sandboxed
async def test_running_the_tests_tells_good_from_bad(caller: Caller) -> None:
    case = "import unittest\nclass T(unittest.TestCase):\n  def test_it(self): self.assertEqual({}, 2)"
    code = f"cat > test_it.py <<'E'\n{case}\nE\npython3 -m unittest"
    good = await caller.call(TOOL, command=code.format(2))
    bad = await caller.call(TOOL, command=code.format(33))
    assert good.text.endswith("\nOK\n[exit status 0]")
    assert "AssertionError: 33 != 2" in bad.text
    assert bad.text.endswith("[exit status 1]")


@sandboxed
@pytest.mark.parametrize(
    ("command", "output"),
    [
        (GIT, "one\n"),
        ("seq 10 | grep 1 | sort -r | tr '\\n' ' '", "10 1 \n"),
        ("(sleep 0.1; echo later) & echo now; wait", "now\nlater\n"),
        ("python3 -c 'import subprocess; print(subprocess.check_output([\"sh\", \"-c\", \"echo 7\"]).decode())'", "7\n\n"),
        ("python3 -m venv --without-pip v && v/bin/python -c 'print(1)'", "1\n"),
        ("mktemp >/dev/null && echo ok > $TMPDIR/f && cat /tmp/f; echo $HOME; (exit 4); echo $?", "ok\n/workspace\n4\n"),
        ("printf '%s\\n' 'echo from $0' > s.sh; chmod +x s.sh; ./s.sh", "from ./s.sh\n"),
    ],
)  # fmt: skip
async def test_ordinary_work_succeeds(caller: Caller, command: str, output: str) -> None:
    result = await caller.call(TOOL, command=command)
    assert result.text == f"{output}[exit status 0]"


async def test_short_pieces_are_gathered() -> None:
    pieces: list[str] = []

    async def emit(piece: str) -> None:
        pieces.append(piece)

    live = LiveOutput(emit, piece_s=30.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(live.send())
        for _ in range(100):
            await live.add("x" * 100)
        live.close()
    assert "".join(pieces) == "x" * 10_000
    assert max(map(len, pieces)) <= 8 * KIB
    assert len(pieces) < 5


async def test_while_the_room_lags_no_more_output_is_taken() -> None:
    may_go_on = asyncio.Event()
    has_sent = asyncio.Event()
    sent: list[str] = []

    async def emit(piece: str) -> None:
        sent.append(piece)
        has_sent.set()
        await may_go_on.wait()

    live = LiveOutput(emit)
    added = 0

    async def flood() -> None:
        nonlocal added
        for _ in range(40):
            await live.add("x" * KIB)
            added += 1
        live.close()

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(live.send())
        tasks.create_task(flood())
        await has_sent.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert added < 20
        may_go_on.set()
    assert "".join(sent) == "x" * 40 * KIB


async def test_work_for_output_takes_a_fifth_of_the_time_however_many_commands_there_are() -> None:
    now_s = 0.0
    pace = Pace(lambda: now_s)
    rested: list[float] = []

    async def rest(spent_s: float) -> None:
        began_s = asyncio.get_running_loop().time()
        await pace.rest(spent_s)
        rested.append(asyncio.get_running_loop().time() - began_s)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(rest(0.005))
    assert [round(at_s, 2) >= due_s for at_s, due_s in zip(sorted(rested), (0.02, 0.04, 0.06), strict=True)] == [
        True
    ] * 3
    now_s = 100.0
    await rest(0.0001)
    assert rested[-1] < 0.02, "a little after a long silence is free"
