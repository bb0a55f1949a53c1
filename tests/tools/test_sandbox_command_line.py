"""`python -m multiplayer.tools.sandbox`: what it prints, how it ends, and that it runs as the terminal tool does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from multiplayer.tools.sandbox.sandbox import Mode
from tests.support.sandboxes import commanded, open_folder

pytestmark = pytest.mark.slow


@pytest.fixture(params=["strict", "landlock"])
def mode(request: pytest.FixtureRequest) -> Mode:
    mode: Mode = request.param
    looked = commanded("preflight", "--mode", mode)
    if looked.returncode != 0:
        pytest.skip(f"not on this machine: {looked.stdout}")
    return mode


def test_preflight_tells_everything_in_json(mode: Mode) -> None:
    done = commanded("preflight", "--json", "--mode", mode)
    status = json.loads(done.stdout)
    assert status["mode"] == mode
    assert status["limits_by"] in {"cgroup", "polling"}
    assert status["limits_note"]
    assert all(not probe["finding"] for probe in status["probes"])
    assert 0 < status["duration_s"] < 30


def test_output_and_status_are_the_command_s(mode: Mode, tmp_path: Path) -> None:
    done = commanded(
        "exec", "--mode", mode, "--workspace", tmp_path, "--", "echo hello; echo oops >&2; echo a >f; exit 9"
    )
    assert (done.returncode, done.stdout, done.stderr) == (9, "hello\noops\n", "")
    assert (tmp_path / "f").read_text() == "a\n"
    if os.geteuid() == 0:
        assert (tmp_path / "f").stat().st_uid != 0


def test_the_limit_that_killed_is_named(mode: Mode, tmp_path: Path) -> None:
    line = ("exec", "--mode", mode, "--workspace", tmp_path, "--timeout", "0.7", "--", "echo begun; sleep 30")
    done = commanded(*line)
    assert (done.returncode, done.stdout) == (124, "begun\n")
    assert done.stderr == "multiplayer: killed by the limit on wall_time\n"


def test_code_is_one_word(tmp_path: Path) -> None:
    for words in (("touch", "ran"), ()):
        done = commanded("exec", "--workspace", tmp_path, "--", *words)
        assert done.returncode == 2
        assert "instead of one CODE: quote the command" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, seconds: str) -> None:
    done = commanded("exec", "--workspace", tmp_path, f"--timeout={seconds}", "--", "touch ran")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])


def test_what_the_terminal_tool_refuses_does_not_run(tmp_path: Path) -> None:
    done = commanded("exec", "--workspace", tmp_path, "--", "touch ran #" + "x" * 100_000)
    assert (done.returncode, list(tmp_path.iterdir())) == (125, [])
    assert "write it to a file first" in done.stderr


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = commanded("exec", "--workspace", tmp_path / "none", "--", "touch ran")
    assert (done.returncode, done.stderr) == (
        125,
        f"multiplayer: the command did not run: {tmp_path / 'none'} is no folder\n",
    )


def test_a_workspace_that_commands_could_read_anyway_turns_it_off() -> None:
    done = commanded("exec", "--workspace", "/usr/share", "--", "touch ran")
    assert done.returncode == 125
    assert "lies under /usr" in done.stderr


def test_two_modes_have_one_room_between_them_in_turns(mode: Mode) -> None:
    if mode != "landlock":
        pytest.skip("asked once, from the side of Landlock")
    with open_folder() as folder:
        (folder / "workspace").mkdir()
        line = ("--workspace", folder / "workspace", "--")
        first = commanded("exec", "--mode", "strict", *line, "echo one >f")
        second = commanded("exec", "--mode", "landlock", *line, "cat f")
    if first.returncode == 125:
        pytest.skip(f"no strict sandbox here: {first.stderr}")
    assert (second.returncode, second.stdout) == (0, "one\n")


@pytest.mark.parametrize("verb", ["exec", "call"])
def test_a_folder_that_others_share_is_not_taken_as_a_workspace(verb: str) -> None:
    shared = Path("/tmp")
    before = shared.stat()
    if verb == "exec":
        done = commanded("exec", "--workspace", shared, "--", "touch ran")
    else:
        line = [sys.executable, "-m", "multiplayer.tools.files", "call", "--workspace", str(shared)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    assert "not a folder of its own" in done.stderr
    assert (shared.stat().st_uid, shared.stat().st_mode) == (before.st_uid, before.st_mode)
