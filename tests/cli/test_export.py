"""`multiplayer export` and `import` on a real folder: from one server to another and back, beside one that runs."""

import asyncio
import json
from pathlib import Path
from typing import cast

import httpx
import pytest

from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.client import Client
from multiplayer.protocol.codec import JsonObject
from tests.cli.test_commands import CommandLine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def talked(line: CommandLine) -> JsonObject:
    """Let alice and the AI talk in a room, with a file; return the room."""
    line.answer("user", "create", "alice")
    room = line.answer("room", "create", "demo", "--owner", "alice")
    token = str(line.answer("token", "create", "--account", "alice")["token"])
    with line.serving() as url:
        mine = ["demo", "--url", url, "--token", token]
        assert line.chat(*mine, "--once", "@ai list the files", "--json").returncode == 0
        assert line.chat(*mine, "--once", "hello <b>there</b>", "--json").returncode == 0
        asyncio.run(attach(url, token, str(room["id"])))
        beside = line.answer("export", "demo", "-o", str(line.folder.parents[1] / "beside.zip"), "--format", "zip")
        assert (beside["attachments"], beside["missing"]) == (1, [])
    return room


async def attach(url: str, token: str, room_id: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as http:
        sent = await http.post(f"/api/v1/rooms/{room_id}/files", params={"name": "a.txt"}, content=b"hello\n" * 100)
        assert sent.is_success, sent.text
    async with Client(url, token=token) as client:
        await (await client.room("demo")).send("a file", attachments=[sent.json()["attachment"]["id"]])


def test_a_room_goes_from_one_server_to_another(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = CommandLine(tmp_path / "here")
    room = talked(here)
    exported = here.answer("export", str(room["id"]), "-o", str(tmp_path / "out"))
    assert exported["format"] == "folder"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "metadata.json",
        "messages.jsonl",
        "events.jsonl",
        "accounts.jsonl",
        "transcript.md",
        "transcript.html",
        "attachments",
    }
    again = here.on_data("export", "demo", "-o", str(tmp_path / "out"))
    assert (again.returncode, again.stdout) == (FAILURE, "")
    assert "is there already" in again.stderr
    assert here.on_data("export", "demo", "-o", str(tmp_path / "out"), "--force").returncode == 0
    text = here.on_data("export", "demo", "-o", str(tmp_path / "demo.md"), "--format", "md")
    assert text.returncode == 0, text.stderr
    assert "> hello \\<b\\>there" in (tmp_path / "demo.md").read_text()

    there = CommandLine(tmp_path / "there")
    there.answer("user", "create", "bob")
    dry = there.answer("import", str(tmp_path / "out"), "--dry-run")
    assert (dry["id"], dry["attachments"], dry["keeps_ids"]) == (None, 1, True)
    done = there.answer("import", str(tmp_path / "beside.zip"), "--name", "From elsewhere")
    assert done["id"] == room["id"]
    assert [one["handle"] for one in cast("list[JsonObject]", done["people"]) if one["is_new"]] == ["alice"]
    twice = there.answer("import", str(tmp_path / "beside.zip"))
    assert twice["id"] != room["id"]
    assert twice["keeps_ids"] is False

    back = there.answer("export", str(twice["id"]), "-o", str(tmp_path / "back"))
    assert (back["messages"], back["seq"], back["attachments"]) == (exported["messages"], exported["seq"], 1)
    before, after = (
        [json.loads(line) for line in (tmp_path / out / "messages.jsonl").read_text().splitlines()]
        for out in ("out", "back")
    )
    for one, other in zip(before, after, strict=True):
        assert (one["seq"], one["at"], one["text"]) == (other["seq"], other["at"], other["text"])
        assert one["id"] != other["id"]
    verified = there.answer("audit", "verify", "--room", str(twice["id"]))
    assert verified["is_ok"] is True

    spoilt = tmp_path / "out" / "events.jsonl"
    spoilt.write_bytes(spoilt.read_bytes().replace(b"hello", b"hallo", 1))
    refused = there.on_data("import", str(tmp_path / "out"))
    assert refused.returncode == FAILURE
    assert refused.stderr.splitlines()[-1].startswith("multiplayer: events.jsonl: it was changed")
    nothing = there.on_data("import", str(tmp_path / "nothing"))
    assert nothing.returncode == USAGE
