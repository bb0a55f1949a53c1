"""Hostile file calls: each must have run, must have failed for its own reason, and must have changed and shown nothing."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.protocol.members import Role
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.limits import Limits
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.registry import ToolRegistry, ToolResult
from tests.redteam.file_attacks import ATTACKS, FileAttack
from tests.redteam.file_ground import Ground, RefusingGate, arguments_of, ground, problems_of

LONGEST_S = 30.0
"""No hostile call may keep a thread for longer, on however busy a machine."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def tools() -> ToolRegistry:
    return ToolRegistry(file_tools())


def plant_all(made: Ground, attack: FileAttack) -> None:
    for plant in attack.plants:
        try:
            made.plant(plant)
        except PermissionError:
            pytest.skip(f"this user may not make a {plant.kind}")


def served(made: Ground, lines: Sequence[bytes]) -> list[dict[str, str]]:
    """What the command line answers to these lines; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "multiplayer.tools.files", "call", "--workspace", str(made.folder)],
        input=b"".join(lines),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


async def call(tools: ToolRegistry, made: Ground, name: str, **arguments: JsonValue) -> ToolResult:
    return await tools.call(name, json.dumps(arguments), made.context(OpenGate()))


def test_the_corpus_is_large_and_no_two_attacks_are_alike() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 150
    assert {attack.area for attack in ATTACKS} == {
        "traversal",
        "links",
        "special files",
        "huge",
        "names",
        "type confusion",
        "patterns",
        "protected paths",
    }


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.area}-{attack.name}")
async def test_an_attack_fails_for_its_own_reason(made: Ground, tools: ToolRegistry, attack: FileAttack) -> None:
    plant_all(made, attack)
    if attack.naive:
        assert isinstance(attack.arguments, dict)
        assert made.read_carelessly(str(attack.arguments["path"]), attack.naive) == made.secret
    outside, inside = made.outside_now(), made.inside_now()
    gate = OpenGate() if attack.role == "owner" else RefusingGate(Role.MEMBER)
    arguments = arguments_of(made, attack.arguments)
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    started = time.monotonic()

    result = await tools.call(attack.tool, text, made.context(gate))

    assert time.monotonic() - started < LONGEST_S
    assert (result.ok, result.code) == (attack.code is None, attack.code), result.text[:500]
    assert problems_of(result.text, made.secret) == []
    assert len(result.text) < 100_000
    assert made.outside_now() == outside
    assert made.temporaries() == []
    if attack.code is not None:
        assert made.inside_now() == inside


@pytest.mark.slow
async def test_the_same_attacks_fail_at_the_command_line(tmp_path: Path) -> None:
    with ground(tmp_path) as made:
        sent: list[tuple[FileAttack, bytes]] = []
        for attack in ATTACKS:
            if attack.role == "member" or attack.area in {"huge", "patterns", "special files"}:
                continue
            arguments = arguments_of(made, attack.arguments)
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            if "\n" not in text:
                sent.append(
                    (attack, f'{{"id":{len(sent)},"name":{json.dumps(attack.tool)},"arguments":{text}}}\n'.encode())
                )
        for plant in {plant.path: plant for attack, _ in sent for plant in attack.plants}.values():
            made.plant(plant)
        outside = made.outside_now()

        end = b'{"id":"end","name":"read_file","arguments":{"path":"plain.txt"}}'
        answers = served(made, [*(line for _, line in sent), end])

        assert answers[-1] == {"id": "end", "ok": True, "text": "nothing special\n"}
        assert len(answers) == len(sent) + 1 > 120
        for (attack, _), answer in zip(sent, answers, strict=False):
            assert (attack.name, answer.get("code")) == (attack.name, attack.code)
            assert problems_of(answer["text"], made.secret) == []
        assert made.outside_now() == outside
        assert made.temporaries() == []


@pytest.mark.slow
def test_bytes_that_are_no_text_are_refused_at_the_command_line(tmp_path: Path) -> None:
    with ground(tmp_path) as made:
        paths = [
            b"\xc0\xae\xc0\xae/outside/secret",
            b"\xe0\x80\xae\xe0\x80\xae/outside/secret",
            b"..\xff/outside",
            b"\xed\xb0\xae",
        ]
        lines = [b'{"id":1,"name":"read_file","arguments":{"path":"' + path + b'"}}\n' for path in paths]
        answers = served(made, lines)
        assert [answer["code"] for answer in answers] == ["bad_arguments"] * len(paths)
        assert made.secret not in str(answers)


async def test_whether_something_is_there_outside_is_not_told(made: Ground, tools: ToolRegistry) -> None:
    for number, target in enumerate(("../outside/{}", "{{outside}}/{}", "/proc/self/root{{outside}}/{}")):
        told = set()
        for name in ("secret", "absent"):
            link = made.folder / f"link{number}"
            link.unlink(missing_ok=True)
            link.symlink_to(made.filled(target.format(name)))
            assert link.exists() == (name == "secret")
            for tool in ("read_file", "list_files", "search_files"):
                result = await call(
                    tools, made, tool, path=link.name, **({"query": "c"} if tool == "search_files" else {})
                )
                told.add((result.code, result.text))
        assert len(told) == 1
        assert {code for code, _ in told} == {"outside"}


async def test_harmless_calls_do_their_work(made: Ground, tools: ToolRegistry) -> None:
    if made.workspace.kernel_resolves:  # else no link is followed, wherever it leads
        (made.folder / "inner").symlink_to("sub/file")
        (made.folder / "folder").symlink_to("sub")
    else:
        (made.folder / "inner").write_text("inside\n")
        (made.folder / "folder").mkdir()
        (made.folder / "folder" / "file").write_text("inside\n")
    for name, arguments, text in (
        ("read_file", {"path": "./sub//file"}, "inside\n"),
        ("read_file", {"path": "inner"}, "inside\n"),
        ("read_file", {"path": "folder/file"}, "inside\n"),
        ("write_file", {"path": "new/%2e%2e/~/$HOME", "content": "x"}, "wrote 1 bytes to new/%2e%2e/~/$HOME"),
        ("write_file", {"path": "...", "content": "x"}, "wrote 1 bytes to ..."),
        ("write_file", {"path": "日本/é", "content": "é"}, "wrote 2 bytes to 日本/é"),
        ("edit_file", {"path": "...", "old": "x", "new": "y"}, "--- ...\n+++ ...\n@@ -1 +1 @@\n"),
        ("list_files", {"path": "folder"}, "file  7"),
        ("search_files", {"query": "ins.de$", "is_regex": True, "path": "sub"}, "sub/file:1: inside"),
        ("move_file", {"source": "sub", "destination": "moved/sub"}, "moved sub to moved/sub"),
        ("delete_file", {"path": "moved"}, "deleted moved: 1 file in 2 folders"),
        ("write_file", {"path": ".gitignore", "content": "*.tmp\n"}, "wrote 6 bytes to .gitignore"),
    ):
        result = await tools.call(name, json.dumps(arguments), made.context(RefusingGate(Role.MEMBER)))
        assert result.ok, (name, arguments, result)
        assert result.text.startswith(text)


async def test_writes_in_any_number_stay_within_the_quota(made: Ground, tools: ToolRegistry) -> None:
    limits = Limits(workspace_bytes=2_000_000, workspace_inodes=60)

    async def attempt(name: str, **arguments: JsonValue) -> str | None:
        return (await tools.call(name, json.dumps(arguments), made.context(OpenGate(), limits))).code

    codes = [await attempt("write_file", path=f"big{number}", content="x" * 300_000) for number in range(10)]
    assert codes.count("quota") == 4
    assert await attempt("edit_file", path="big1", old="x", new="xx", replace_all=True) == "quota"
    assert await attempt("delete_file", path="big0") is None
    codes = [await attempt("write_file", path=f"flood/{number}", content="") for number in range(100)]
    assert {*codes} == {None, "quota"}
    assert await attempt("move_file", source="plain.txt", destination="a/b/c/d/plain.txt") == "quota"
    assert await attempt("write_file", path="deep/" * 60 + "f", content="") == "quota"
    usage = made.workspace.usage(most_inodes=1000)
    assert usage.is_whole
    assert usage.inodes <= 60
    assert usage.used_bytes <= 2_000_000


async def test_a_write_over_and_over_leaves_nothing_behind(made: Ground, tools: ToolRegistry) -> None:
    (made.folder / "taken").mkdir()
    (made.folder / "link").symlink_to(made.outside)
    before = made.inside_now()
    for path in ("taken", "link", "link/x", "sub/file/x", "plain.txt/x"):
        for _ in range(20):
            assert not (await call(tools, made, "write_file", path=path, content="x")).ok
    assert made.inside_now() == before
