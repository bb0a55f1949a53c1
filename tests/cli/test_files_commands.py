"""The commands about a room's files, tools and approvals, at a real server with the demo AI."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.client import Client
from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.turn_events import TurnEnded
from tests.journeys.house import House, Ran, environment, multiplayer, serving
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Object = dict[str, JsonValue]


@dataclass(frozen=True)
class Shell:
    """Somebody at a shell with their token in the environment."""

    house: House
    known: Known

    async def run(self, *arguments: str, given: str = "") -> Ran:
        here = {**self.house.environment, "MULTIPLAYER_URL": self.house.url, "MULTIPLAYER_TOKEN": self.known.token}
        return await multiplayer(*arguments, environment=here, stdin=given)

    async def read(self, *arguments: str, given: str = "") -> Object:
        ran = await self.run(*arguments, "--json", given=given)
        assert (ran.code, ran.err) == (0, ""), ran
        return cast("Object", json.loads(ran.out))

    async def asks(self, text: str) -> None:
        async with Client(self.house.url, token=self.known.token) as client:
            room = await client.room("demo")
            sent = await room.send(text)
            for _ in await room.turns_of(sent):
                await room.wait_for(lambda word: isinstance(word, TurnEnded), 30, after=sent.seq)


@pytest.fixture(scope="module")
async def shells(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Shell, Shell]]:
    where = tmp_path_factory.mktemp("files")
    async with serving(where, environment(where)) as house:
        alice, bob = await house.know("alice"), await house.know("bob")
        await house.room(alice, bob)
        yield Shell(house, alice), Shell(house, bob)


async def test_files_are_put_listed_fetched_moved_and_removed(shells: tuple[Shell, Shell], tmp_path: Path) -> None:
    alice, _ = shells
    (tmp_path / "here.txt").write_text("hello\n")
    made = await alice.read("files", "demo", "put", str(tmp_path / "here.txt"), "docs/a.txt")
    assert [change["path"] for change in cast("list[Object]", made["changes"])][-1] == "docs/a.txt"
    # What is there is not written over unless that is wanted.
    again = await alice.run("files", "demo", "put", "-", "docs/a.txt", given="other\n")
    assert (again.code, again.out) == (FAILURE, "")
    assert again.err.splitlines()[-1] == "  refused: conflict"
    over = await alice.run("files", "demo", "put", "-", "docs/a.txt", "--replace", given="other\n")
    assert over.out == "docs/a.txt +1 \N{MINUS SIGN}1\n"

    listed = await alice.run("files", "demo", "ls", "docs")
    assert listed.out.splitlines()[0] == "a.txt  6 bytes"
    assert [entry["name"] for entry in cast("list[Object]", (await alice.read("files", "demo", "ls"))["entries"])] == [
        "docs"
    ]
    assert (await alice.run("files", "demo", "get", "docs/a.txt")).out == "other\n"
    assert (await alice.read("files", "demo", "get", "docs/a.txt"))["text"] == "other\n"
    fetched = await alice.run("files", "demo", "get", "docs/a.txt", "-o", str(tmp_path / "there.txt"))
    assert (fetched.code, (tmp_path / "there.txt").read_text()) == (0, "other\n")

    assert (await alice.run("files", "demo", "mv", "docs/a.txt", "b.txt")).code == 0
    assert (await alice.run("files", "demo", "rm", "docs")).code == 0
    assert (await alice.run("files", "demo", "rm", "b.txt")).out.startswith("b.txt removed")
    gone = await alice.run("files", "demo", "get", "b.txt")
    assert (gone.code, len(gone.err.splitlines())) == (FAILURE, 2)


async def test_what_an_ai_changed_is_shown_and_put_back(shells: tuple[Shell, Shell]) -> None:
    alice, bob = shells
    nothing = await bob.run("files", "demo", "undo")
    assert nothing.err.splitlines()[0] == "multiplayer: none of the last turns changed files that could be put back"
    await alice.asks("@ai write a test file")
    diff = await bob.run("files", "demo", "diff")
    assert diff.out.startswith("1 file changed by ai, asked by alice\n")
    assert "\n+class DemoTest(unittest.TestCase):\n" in diff.out
    assert set(await bob.read("files", "demo", "diff", "1")) == {"turn", "diffs"}
    # It was done for alice.
    refused = await bob.run("files", "demo", "undo")
    assert (refused.code, refused.err.splitlines()[-1]) == (FAILURE, "  refused: forbidden")
    undone = await alice.run("files", "demo", "undo")
    assert (undone.code, undone.out) == (0, "put back: test_demo.py removed \N{MINUS SIGN}6\n")
    await alice.asks("@ai write a test file")
    assert (await alice.read("files", "demo", "undo"))["is_ok"] is True


async def test_what_is_typed_wrong_is_told_in_one_line_and_a_hint(shells: tuple[Shell, Shell]) -> None:
    alice, _ = shells
    stranger = await alice.run("files", "nowhere", "ls")
    assert (stranger.code, stranger.err.splitlines()[-1]) == (FAILURE, "  refused: not_found")
    nobody = await multiplayer("files", "demo", "ls", environment=alice.house.environment)
    assert (nobody.code, nobody.err.splitlines()[0]) == (
        USAGE,
        "multiplayer: who are you? give --token, or set MULTIPLAYER_TOKEN",
    )
    assert (await alice.run("files", "demo", "ls", "../..")).code == FAILURE
    assert (await alice.run("files", "demo", "ls", "--help")).code == 0


async def test_tools_are_listed_with_their_class_and_why_one_is_not_offered(shells: tuple[Shell, Shell]) -> None:
    alice, bob = shells
    found = await alice.read("room", "tools", "demo")
    tools = {str(tool["name"]): tool for tool in cast("list[Object]", found["tools"])}
    assert (tools["write_file"]["tool_class"], tools["write_file"]["is_offered"]) == ("write", True)
    shown = await bob.run("room", "tools", "demo")
    assert (shown.code, shown.err) == (0, "")
    first, title, *rows = shown.out.splitlines()
    assert first.startswith("commands run: ")
    assert title.split() == ["TOOL", "CLASS", "OFFERED", "WHY", "NOT"]
    assert {row.split()[0] for row in rows} == set(tools)


async def test_consent_names_a_server_that_is_there(shells: tuple[Shell, Shell]) -> None:
    alice, _ = shells
    for arguments, says in (
        (("time", "now"), "multiplayer: there is no outside server 'time'"),
        (("time", "--all", "--revoke"), "multiplayer: the room has not agreed to time"),
        (("time",), "multiplayer: name one tool, or give --all"),
        (("time", "now", "--all"), "multiplayer: name one tool, or give --all"),
    ):
        ran = await alice.run("room", "consent", "demo", *arguments)
        assert (ran.code != 0, ran.err.splitlines()[0]) == (True, says)


async def test_the_approval_policy_is_set_shown_and_taken_back(shells: tuple[Shell, Shell]) -> None:
    house = shells[0].house
    before = (await house.cli("room", "settings", "demo", "--json")).json
    changes = (
        "--approvers 2 --not-asker --ask-before-writes --admins-confirm --members-confirm --expires 5m --fetch-urls"
    )
    standing = ("--standing", "terminal=8h", "--standing", "write=1h")
    now = (await house.cli("room", "settings", "demo", *changes.split(), *standing, "--json")).json
    approvals = cast("Object", now["approvals"])
    rules = cast("list[Object]", approvals["standing"])
    assert now["fetches_urls"] is True
    assert (approvals["approvers"], approvals["not_asker"], approvals["expires_s"]) == (2, True, 300)
    assert [rule["tool_class"] for rule in rules] == ["terminal", "write"]
    assert all(rule["set_by"] == shells[0].known.id for rule in rules)
    shown = (await house.cli("room", "settings", "demo", "--standing", "write=none")).out
    assert "demo is changed: approvals\n" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("standing ")]
    assert line.split()[1].startswith("terminal=")
    assert "," not in line
    back = "--approvers 1 --asker-too --no-ask-before-writes --no-admins-confirm --no-members-confirm --expires 10m"
    ended = await house.cli("room", "settings", "demo", *back.split(), "--no-fetch-urls", "--clear-standing", "--json")
    assert ended.json == before
    for wrong in ("--standing=read=8h", "--standing=terminal=40d", "--expires=5s"):
        assert (await house.cli("room", "settings", "demo", wrong)).code != 0
