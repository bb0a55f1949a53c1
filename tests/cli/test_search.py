"""Searching from a shell, at a real server."""

from pathlib import Path
from typing import cast

import pytest

from multiplayer.cli.failures import USAGE
from multiplayer.client import Client
from multiplayer.protocol.codec import JsonValue
from tests.cli.shell import Shell
from tests.support.server import running_server

Object = dict[str, JsonValue]


@pytest.mark.slow
async def test_messages_are_found_by_words_and_by_what_is_asked_beside_them(tmp_path: Path) -> None:
    async with running_server(tmp_path / "w") as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        for who, text in ((alice, "a lag"), (bob, "the lag \x1b[31m\nsee https://example.org " + "x" * 300)):
            async with Client(server.url, token=who.token) as client:
                await (await client.room("demo")).send(text)
        shell = Shell(bob, server.url, tmp_path)
        shown = await shell.run("search", "lag")
        assert (shown.code, shown.err) == (0, "")
        titles, *rows = shown.out.splitlines()
        assert titles.split() == ["WHEN", "ROOM", "FROM", "MESSAGE", "TEXT"]
        assert [row.split()[3] for row in rows] == ["@bob", "@alice"]
        assert "\x1b" not in shown.out
        assert max(map(len, rows)) < 300
        one = await shell.run("search", "lag", "--from", "me", "--has", "link", "--in", "demo", "--limit", "1")
        assert [line.split()[0] for line in one.out.splitlines()][2:] == ["older"]
        assert (await shell.run("search", "--from", "alice", "--until", "1d")).out == "no message was found\n"
        answer = await shell.read("search", "--from", "alice", "--since", "1d")
        [hit] = cast("list[Object]", answer["hits"])
        assert cast("Object", hit["message"])["text"] == "a lag"
        nothing = await shell.run("search", "--in", "demo")
        assert (nothing.code, "what is searched for" in nothing.err) == (USAGE, True)
        nowhere = await shell.run("search", "x", "--in", "nowhere")
        assert (nowhere.code, "no such room" in nowhere.err) == (1, True)
