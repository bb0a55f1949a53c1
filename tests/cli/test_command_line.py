"""The command line without a server: what it imports, how it refuses, what it prints."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from multiplayer.cli.failures import CHECK_FAILED, USAGE, Failure, Said, explain
from multiplayer.cli.options import read_span
from multiplayer.cli.output import print_json, print_rows
from multiplayer.client import ConnectionLost, NotSignedIn, RefusalCode, Refused
from multiplayer.settings import default_data_dir

pytestmark = pytest.mark.slow


def run(*arguments: str, folder: Path, given: str = "", home: Path | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MULTIPLAYER_")}
    if home is not None:
        environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "share")}
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "multiplayer", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(root), "NO_COLOR": "1"},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_imports_no_server_and_no_client() -> None:
    code = """
import sys
from multiplayer.cli.app import app
try:
    app(["--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {"asyncpg", "starlette", "pydantic", "uvicorn", "httpx", "websockets", "structlog", "multiplayer.protocol"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("loaded: []\n")
    names = (
        "serve",
        "chat",
        "migrate",
        "doctor",
        "user",
        "room",
        "token",
        "invite",
        "config",
        "usage",
        "budget",
        "replay",
        "explain",
        "files",
    )
    for name in names:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["user", "create"],
        ["room", "create", "x"],
        ["room", "add", "x", "bob", "--role", "king"],
        ["token", "create", "--account", "a", "--ttl", "soon"],
        ["migrate", "sideways"],
        ["chat", "demo"],
        ["chat", "demo", "--token", "mp_x", "--url", "nowhere"],
        ["invite", "create", "--room", "x", "--uses", "0"],
    ],
)
def test_what_is_typed_wrong_ends_with_2_and_a_sentence(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == USAGE
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_one_line_and_a_hint(tmp_path: Path) -> None:
    arguments = ["chat", "demo", "--url", "http://127.0.0.1:1", "--token", "-", "--once", "hi"]
    done = run(*arguments, folder=tmp_path, given="mp_secret\n")
    assert done.returncode == 1
    first, hint = done.stderr.splitlines()
    assert first.startswith("multiplayer: the server cannot be reached")
    assert hint.startswith("  ")
    assert "mp_secret" not in done.stderr


def test_a_bad_setting_is_named_and_debug_shows_where(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MULTIPLAYER_PORT=many\n")
    done = run("config", "show", folder=tmp_path)
    assert done.returncode == USAGE
    assert "MULTIPLAYER_PORT comes from .env" in done.stderr
    assert "Traceback" in run("--debug", "config", "show", folder=tmp_path).stderr


def test_a_folder_that_nobody_named_is_not_made(tmp_path: Path) -> None:
    if os.geteuid() == 0 and (default_data_dir() / "postgres").exists():
        pytest.skip(f"a server of this machine keeps its data in {default_data_dir()}")
    done = run("user", "list", folder=tmp_path, home=tmp_path)
    assert done.returncode == 1
    assert "there is no server data in " in done.stderr
    assert "--data-dir" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_what_cannot_be_made_or_asked(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=foo\nOPENAI_API_KEY=sk-x\n")
    done = run("doctor", "--json", "--data-dir", "/proc/x", folder=tmp_path)
    assert done.returncode == CHECK_FAILED
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["data folder"]["state"] == checks["ai"]["state"] == "failed"
    assert "OPENAI_BASE_URL" in checks["ai"]["finding"]


def test_config_shows_sources_and_keeps_secrets_and_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DEEPSEEK_API_KEY=sk-verysecret\n")
    done = run("config", "show", "--json", "--data-dir", str(tmp_path / "d"), folder=tmp_path)
    lines = {line["name"]: line for line in json.loads(done.stdout)}
    assert lines["MULTIPLAYER_DATA_DIR"]["source"] == "argument"
    assert lines["DEEPSEEK_API_KEY"]["source"] == ".env"
    assert "verysecret" not in done.stdout
    assert run("config", "init", folder=tmp_path).returncode == 1
    assert run("config", "init", "new.env", folder=tmp_path).returncode == 0
    assert "MULTIPLAYER_PORT" in (tmp_path / "new.env").read_text()
    assert (tmp_path / "new.env").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (Refused(RefusalCode.CONFLICT, "taken\x1b[2J"), 1),
        (ConnectionLost("gone"), 1),
        (NotSignedIn("expired"), 1),
        (Failure("several", exit_code=USAGE), USAGE),
        (PermissionError(13, "Permission denied", "/x"), 1),
        (ExceptionGroup("unhandled errors in a TaskGroup", [Failure("inside", exit_code=CHECK_FAILED)]), CHECK_FAILED),
        (KeyError("ours"), 1),
    ],
)
def test_every_error_is_a_line_and_a_code(error: Exception, exit_code: int) -> None:
    said = explain(error)
    assert isinstance(said, Said)
    assert said.exit_code == exit_code
    assert said.message
    assert "\x1b" not in said.message
    assert "TaskGroup" not in said.message


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        (" 30M ", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert read_span(text) == span


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1.5h", "d", "90", "9999999d", "1y", "１d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_span(text)


def test_rows_are_aligned_and_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("NAME", "ID"), [("a\x1b[2J", "1"), ("longer name", "2")])
    assert capsys.readouterr().out == "NAME         ID\na\\x1b[2J     1\nlonger name  2\n"
    print_json({"name": "你好\x1b", "none": None})
    assert capsys.readouterr().out == '{"name": "你好\\u001b", "none": null}\n'
