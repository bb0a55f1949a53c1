"""The documented commands, in their order, with the server running and not."""

import asyncio
import json
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from multiplayer.protocol.signals import server_line_adapter
from tests.journeys.house import House, environment, multiplayer, processes_of, serving
from tests.support.people import Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def chat(house: House, token: str, text: str, *options: str, room: str = "demo") -> tuple[int, list[Line], str]:
    ran = await house.cli(
        "chat", room, "--url", house.url, "--token", token, "--once", text, "--json", *options, needs_data_dir=False
    )
    return ran.code, ran.lines, ran.err


async def test_the_commands_of_the_readme_work_before_and_while_the_server_runs(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    data_dir = str(tmp_path / "data")

    async def run(*arguments: str) -> dict[str, object]:
        ran = await multiplayer(*arguments, "--data-dir", data_dir, "--json", environment=settings)
        return dict(ran.json)

    # Nothing runs yet: each command starts the database for itself, and leaves nothing behind.
    alice = await run("user", "create", "alice")
    assert alice["handle"] == "alice"
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", str(alice["id"]))
    token = str((await run("token", "create", "--account", "alice"))["token"])
    assert token.startswith("mp_")
    room = await run("room", "create", "demo", "--owner", "alice")
    assert not processes_of(tmp_path)

    async with serving(tmp_path, settings, port=free_port()) as house:
        # With the server running: the same commands, beside it.
        bob = await run("user", "create", "bob")
        await run("room", "add", "demo", "bob", "--role", "member")
        members = await multiplayer("room", "members", "demo", "--data-dir", data_dir, "--json", environment=settings)
        roles = {member["handle"]: member["role"] for member in json.loads(members.out)}
        assert roles == {"alice": "owner", "bob": "member", "ai": "ai"}

        code, lines, complaints = await chat(house, token, "@ai list the files")
        assert (code, complaints) == (0, "")
        for line in lines:
            server_line_adapter.validate_python(json.loads(json.dumps(line)))
        kinds = [str(line["type"]) for line in lines]
        assert kinds[0] == "message_posted"
        assert kinds[-1] == "turn_ended"
        for kind in ("turn_requested", "turn_started", "tool_called", "tool_started", "tool_finished", "ai_delta"):
            assert kind in kinds
        assert lines[-1]["outcome"] == "done"
        posted = [line for line in lines if line["type"] == "message_posted"]
        deltas = "".join(str(line["text"]) for line in lines if line["type"] == "ai_delta")
        message = posted[-1]["message"]
        assert isinstance(message, dict)
        assert deltas == message["text"]
        assert all(line["room_id"] == room["id"] for line in lines)

        # The same in Chinese, over SSE and POST, and by the room's id.
        code, lines, _ = await chat(house, token, "@ai 列出文件", "--sse", room=str(room["id"]))
        assert (code, lines[-1]["type"]) == (0, "turn_ended")
        # What asks for no turn ends when it is stored.
        code, lines, _ = await chat(house, token, "good morning")
        assert code == 0
        assert [line["type"] for line in lines if "seq" in line] == ["message_posted"]
        assert bob["handle"] == "bob"
    assert house.process.returncode == 0
    assert not processes_of(tmp_path)
    for secret in (token, *house.secrets):
        assert secret not in house.log.read_text()

    # And after it: everything is still there.
    rooms = await multiplayer("room", "list", "--data-dir", data_dir, "--json", environment=settings)
    assert [listed["name"] for listed in json.loads(rooms.out)] == ["demo"]


async def test_commands_that_cannot_be_carried_out_say_why_and_with_which_code(house: House) -> None:
    token = (await house.know("alice")).token
    taken = await house.cli("user", "create", "alice")
    assert (taken.code, taken.out) == (1, "")
    reserved = await house.cli("user", "create", "ai")
    assert reserved.code == 1
    nobody = await house.cli("token", "create", "--account", "nobody")
    assert nobody.code == 1
    assert "nobody" in nobody.err
    no_room = await house.cli("room", "add", "no such room", "alice")
    assert no_room.code == 1
    usage = await house.cli("room", "create", "--json")
    assert usage.code == 2
    code, lines, complaint = await chat(house, token, "hello", room="no such room")
    assert (code, lines) == (1, [])
    assert "there is no such room" in complaint
    code, lines, complaint = await chat(house, "mp_wrong", "hello")
    assert (code, lines) == (1, [])
    assert "mp_wrong" not in complaint
    nowhere = await house.cli(
        *("chat", "demo", "--url", f"http://127.0.0.1:{free_port()}", "--token", token, "--once", "hi"),
        needs_data_dir=False,
    )
    assert nowhere.code == 1
    assert "cannot be reached" in nowhere.err
    for ran in (taken, reserved, nobody, no_room, nowhere):
        assert "Traceback" not in ran.err
        assert token not in ran.err


async def test_a_second_server_on_the_same_folder_or_port_says_so_and_ends(house: House, tmp_path: Path) -> None:
    settings = environment(tmp_path)
    port = house.url.rsplit(":", 1)[1]
    same_port = await multiplayer("serve", "--port", port, "--data-dir", str(tmp_path / "data"), environment=settings)
    assert same_port.code == 1
    assert "in use" in same_port.err
    same_folder = await multiplayer("serve", "--port", "0", "--data-dir", str(house.data_dir), environment=settings)
    assert same_folder.code == 1
    assert "Traceback" not in same_port.err + same_folder.err
    assert (await house.get("/healthz"))["status"] == "ok"
    assert not processes_of(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_ephemeral_server_ends_on_a_signal_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    settings = {**environment(tmp_path), "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "multiplayer", "serve", "--port", "0", "--ephemeral"),
        env=settings,
        cwd=settings["HOME"],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(60):
        while "Ctrl-C ends it" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
        match = re.search(r"data\s+(\S+)", said)
        assert match
        folder = Path(match[1])
        assert processes_of(folder)
        process.send_signal(number)
        assert await process.wait() == 0
    assert not processes_of(folder)
    assert [path for path in (folder,) if path.exists()] == []
