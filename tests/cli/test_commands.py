"""The commands end to end on a data folder, first alone and then beside a running server."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest

from multiplayer.compose import database_address
from multiplayer.protocol.codec import JsonObject, parse_object
from multiplayer.settings import load_settings
from multiplayer.storage.database import connect, parse_dsn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


class CommandLine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self._cwd = folder
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MULTIPLAYER_", "DEEPSEEK_", "OPENAI_", "SUPABASE_", "DATABASE_"))
        }
        self.environment = {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "multiplayer", *arguments],
            cwd=self._cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def raw(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "multiplayer", *arguments],
            cwd=self._cwd,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def on_data(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return self.raw(*arguments, "--data-dir", str(self.folder), given=given)

    def answer(self, *arguments: str, given: str = "") -> JsonObject:
        done = self.on_data(*arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return parse_object(done.stdout)

    def chat(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return self.raw("chat", *arguments, given=given)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run a server beside; yield its address; it must end cleanly on Ctrl-C."""
        process = self.start("serve", "--port", "0", "--data-dir", str(self.folder))
        assert process.stdout is not None
        try:
            url = ""
            for line in process.stdout:
                found = re.search(r"is at (http://\S+)", line)
                if found:
                    url = found[1]
                if "Ctrl-C" in line:
                    break
            assert url, process.communicate(timeout=30)[1]
            yield url
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def test_accounts_rooms_tokens_and_invites_from_nothing_to_a_talk_with_the_ai(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    alice = line.answer("user", "create", "alice")
    assert set(alice) == {"id", "handle"}
    room = line.answer("room", "create", "demo", "--owner", "alice")
    assert set(room) == {"id", "name"}

    taken = line.on_data("user", "create", "Alice")
    assert taken.returncode == 1
    assert len(taken.stderr.splitlines()) == 2
    assert line.on_data("migrate", "--check").returncode == 0

    with line.serving() as url:
        # Beside the running server now.
        token = line.answer("token", "create", "--account", "alice", "--ttl", "90d", "--label", "laptop")
        line.answer("user", "create", "bob", "--password", given="correct horse battery\n")
        line.answer("room", "add", "demo", "bob", "--role", "member")
        line.answer("room", "role", str(room["id"]), "bob", "admin")
        members = line.on_data("room", "members", "demo", "--json")
        roles = {member["handle"]: member["role"] for member in json.loads(members.stdout)}
        assert roles == {"alice": "owner", "ai": "ai", "bob": "admin"}

        mine = ["demo", "--url", url, "--token", str(token["token"])]
        said = line.chat(*mine, "--once", "@ai list the files", "--json")
        assert said.returncode == 0, said.stderr
        kinds = [parse_object(text)["type"] for text in said.stdout.splitlines()]
        assert kinds[0] == "message_posted"
        assert kinds[-1] == "turn_ended"
        assert {"turn_requested", "tool_called", "tool_finished", "ai_delta"} <= set(kinds)

        quiet = line.chat(*mine, "--once", "nobody is asked", "--json")
        assert [parse_object(text)["type"] for text in quiet.stdout.splitlines()] == ["message_posted"]

        piped = line.chat(*mine[:3], "--token", "-", given=f"{token['token']}\n/members\nhello\n@ai what can you do?")
        assert piped.returncode == 0, piped.stderr
        assert "bob [admin]" in piped.stdout
        assert piped.stdout.index("alice [owner]: hello") < piped.stdout.index("AI [AI]: Hello, I am the built-in demo")

        shown = line.on_data("invite", "create", "--room", "demo").stdout.splitlines()
        assert shown[1] == "code: " + shown[0].split("#")[1]
        assert "guests read" in shown[2]
        invite = line.answer("invite", "create", "--room", "demo", "--uses", "5", "--expires", "7d")
        assert str(invite["url"]).startswith(f"{url}/join#mi_")
        line.answer("invite", "revoke", "demo", str(invite["id"]))
        assert str(line.answer("user", "reset", "bob")["link"]).startswith(f"{url}/sign-in#ml_")

        twice = line.on_data("room", "create", "demo", "--owner", "alice")
        assert twice.returncode == 1
        assert str(room["id"]) in twice.stderr
        assert "--again" in twice.stderr

        # A second room of this name makes the name useless, an id still works.
        second = line.answer("room", "create", "demo", "--owner", "alice", "--again")
        ambiguous = line.on_data("room", "members", "demo")
        assert ambiguous.returncode == 2
        assert str(room["id"]) in ambiguous.stderr
        assert str(second["id"]) in ambiguous.stderr
        assert line.chat(*mine, "--once", "which?").returncode == 2
        line.answer("room", "archive", str(second["id"]))
        # An archived one is not in the way.
        assert line.on_data("room", "members", "demo").returncode == 0
        assert line.chat(*mine, "--once", "this one").returncode == 0
        third = line.answer("room", "create", "other", "--owner", "alice")
        assert line.answer("room", "rename", "other", "demo") == {"id": third["id"], "name": "demo"}
        assert line.on_data("room", "members", "demo").returncode == 2
        assert line.on_data("room", "delete", str(third["id"])).returncode == 2
        assert line.answer("room", "delete", str(third["id"]), "--yes") == {"id": third["id"], "is_deleted": True}
        assert line.on_data("room", "members", str(third["id"])).returncode == 1
        assert line.on_data("room", "members", "demo").returncode == 0

        line.answer("room", "role", str(room["id"]), "bob", "member")
        piped = line.chat(*mine, given="/stop\n/help\n")
        assert piped.returncode == 0
        assert "nothing is running" in piped.stdout
        assert "end what the AI is at" in piped.stdout
        _gone_reader_is_no_traceback(line, mine)

        line.answer("token", "revoke", str(token["id"]))
        assert line.chat(str(room["id"]), *mine[1:], "--once", "let me in").returncode == 1
        line.answer("user", "disable", "bob")
        checks = line.on_data("doctor", "--json")
        assert checks.returncode == 0, checks.stdout
        found = {check["name"]: check["state"] for check in json.loads(checks.stdout)["checks"]}
        assert found["database"] == found["server"] == found["data folder"] == "ok"

    accounts = json.loads(line.on_data("user", "list", "--json").stdout)
    assert {account["handle"]: account["is_disabled"] for account in accounts} == {
        "host": False,
        "ai": False,
        "alice": False,
        "bob": True,
    }
    rooms = cast("list[JsonObject]", json.loads(line.on_data("room", "list", "--json").stdout))
    assert [(each["name"], each["is_archived"]) for each in rooms] == [("demo", False), ("demo", True)]


def test_a_password_is_set_and_every_act_of_the_command_line_is_in_a_trail_that_shows_changes(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    alice = line.answer("user", "create", "alice")
    room = line.answer("room", "create", "demo", "--owner", "alice")
    short = line.on_data("user", "password", "alice", given="short\n")
    assert short.returncode == 1
    assert line.on_data("user", "password", "ai", given="correct horse battery\n").returncode == 1
    assert line.answer("user", "password", "alice", given="correct horse battery\n") == {
        "id": alice["id"],
        "is_set": True,
    }
    with line.serving() as url:
        made = httpx.post(
            f"{url}/api/v1/sessions",
            json={"handle": "alice", "password": "correct horse battery"},
            trust_env=False,
            timeout=30,
        )
        assert made.status_code == 201
        token = line.answer("token", "create", "--account", "alice")
        line.answer("user", "reset", "alice")
        line.answer("token", "revoke", str(token["id"]))

        listed = cast("list[JsonObject]", json.loads(line.on_data("audit", "list", "--json").stdout))
        told = [(entry["action"], entry["subject"]) for entry in listed if entry["origin"] == "cli"]
        assert told == [
            ("account_created", alice["id"]),
            ("password_set", alice["id"]),
            ("token_created", token["id"]),
            ("login_link_created", alice["id"]),
            ("token_revoked", token["id"]),
        ]
        assert [entry["number"] for entry in listed] == list(range(1, len(listed) + 1))
        shown = line.on_data("audit", "list", "--room", "demo")
        assert shown.stdout.splitlines()[0].split() == [
            "NUMBER",
            "AT",
            "WHO",
            "FROM",
            "ACT",
            "SUBJECT",
            "BEFORE",
            "AFTER",
        ]
        assert " alice " in shown.stdout.splitlines()[1]

        assert line.answer("audit", "verify") == {"is_ok": True, "fault": None}
        assert line.answer("audit", "verify", "--room", str(room["id"])) == {"is_ok": True, "fault": None}
        asyncio.run(rewrite_audit(line.folder))
        broken = line.on_data("audit", "verify")
        assert (broken.returncode, broken.stdout) == (3, "audit chain server: row 2 is not what was written\n")
        assert line.on_data("audit", "verify", "--room", "demo").returncode == 0
        assert line.on_data("audit", "list", "--room", "nowhere").returncode == 1


async def rewrite_audit(folder: Path) -> None:
    """Change the second row of the server's chain, as someone with the database could."""
    async with database_address(load_settings(folder)) as dsn:
        connection = await connect(parse_dsn(dsn))
        try:
            await connection.execute("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
            await connection.execute("UPDATE audit SET subject = 'x' WHERE chain = 'server' AND number = 2")
        finally:
            await connection.close()


def _gone_reader_is_no_traceback(line: CommandLine, mine: list[str]) -> None:
    process = line.start("chat", *mine, "--once", "@ai run `seq 1 100`")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == ""
    process.stderr.close()
