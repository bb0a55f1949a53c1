"""The file tools, through the registry as a model calls them."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.tools.files import is_protected
from multiplayer.tools.limits import Limits
from multiplayer.tools.offered import build_tools
from multiplayer.tools.policy import RoomPolicy
from multiplayer.tools.registry import ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.workspace import Workspace, Workspaces, uid_range_conflict

ROOM = RoomId("01J00000000000000000000000")


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces")


@pytest.fixture
def workspace(workspaces: Workspaces) -> Iterator[Workspace]:
    opened = workspaces.open(ROOM, 7)
    yield opened
    opened.close()


@pytest.fixture
def folder(workspaces: Workspaces, workspace: Workspace) -> Path:
    return workspaces.root / ROOM


@pytest.fixture
def tools() -> ToolRegistry:
    return build_tools(None, secret_values=["hunter2hunter2"])


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def context(
    workspace: Workspace, role: Role | None = Role.MEMBER, *, limits: Limits | None = None, guests_see: bool = False
) -> ToolCallContext:
    async def authority() -> Role | None:
        return role

    async def emit(text: str) -> None:
        raise AssertionError(f"file tools print nothing: {text}")

    return ToolCallContext(workspace, authority, emit, "call", limits or Limits(), RoomPolicy(guests_see))


async def call(tools: ToolRegistry, in_: Workspace | ToolCallContext, name: str, **arguments: JsonValue) -> ToolResult:
    where = in_ if isinstance(in_, ToolCallContext) else context(in_)
    return await tools.call(name, json.dumps(arguments), where)


def test_a_workspace_belongs_to_its_room_alone(workspaces: Workspaces, workspace: Workspace, folder: Path) -> None:
    seen = folder.stat()
    assert stat.S_IMODE(seen.st_mode) == 0o700
    assert seen.st_uid == workspace.uid == (200_007 if os.geteuid() == 0 else os.geteuid())


async def test_what_is_written_is_read_and_listed(tools: ToolRegistry, workspace: Workspace, folder: Path) -> None:
    written = await call(tools, workspace, "write_file", path="src/a.py", content="one\ntwo\nthree\n")
    assert written == ToolResult(ok=True, text="wrote 14 bytes to src/a.py")
    assert (await call(tools, workspace, "read_file", path="src/a.py")).text == "one\ntwo\nthree\n"
    part = await call(tools, workspace, "read_file", path="src/a.py", offset=2, limit=1)
    assert part.text == "two\n[lines 2-2 of 3]"
    assert (await call(tools, workspace, "list_files")).text == "src/"
    assert (await call(tools, workspace, "list_files", depth=3)).text == "src/\nsrc/a.py  14"
    for made in (folder / "src", folder / "src" / "a.py"):
        assert made.stat().st_uid == workspace.uid
    assert names(folder / "src") == ["a.py"], "the temporary file is gone"


async def test_writing_replaces_the_file_in_one_step_and_keeps_its_mode(
    tools: ToolRegistry, workspace: Workspace, folder: Path
) -> None:
    await call(tools, workspace, "write_file", path="run.sh", content="old")
    (folder / "run.sh").chmod(0o755)
    with (folder / "run.sh").open() as still_open:
        await call(tools, workspace, "write_file", path="run.sh", content="new")
        assert still_open.read() == "old"
    assert (folder / "run.sh").read_text() == "new"
    assert stat.S_IMODE((folder / "run.sh").stat().st_mode) == 0o755


async def test_writing_never_goes_through_a_link(tools: ToolRegistry, workspace: Workspace, folder: Path) -> None:
    outside = folder.parent.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("canary")
    (folder / "link").symlink_to(outside / "file")
    (folder / "dir").symlink_to(outside)
    (folder / "hard").hardlink_to(outside / "file")
    results = [
        await call(tools, workspace, "write_file", path=path, content="x") for path in ("link", "dir/new", "hard")
    ]
    assert [result.code for result in results] == ["outside", "outside", "hard_link"]
    assert (outside / "file").read_text() == "canary"
    assert names(outside) == ["file"]


async def test_a_listing_follows_no_link_and_shows_odd_names_escaped(
    tools: ToolRegistry, workspace: Workspace, folder: Path
) -> None:
    (folder / "up").symlink_to("..")
    (folder / "two\nlines\x1b[31m").write_text("")
    os.mkfifo(folder / "fifo")
    listed = await call(tools, workspace, "list_files", depth=5)
    assert listed.text == "'two\\nlines\\x1b[31m'  0\nfifo  [special]\nup  [link]"


async def test_a_long_listing_is_cut_and_says_so(tools: ToolRegistry, workspace: Workspace, folder: Path) -> None:
    for number in range(1005):
        (folder / f"f{number}").touch()
    lines = (await call(tools, workspace, "list_files")).text.splitlines()
    assert len(lines) == 1001
    assert lines[-1].startswith("[more than 1000")


async def test_binary_and_huge_files_are_refused(tools: ToolRegistry, workspace: Workspace, folder: Path) -> None:
    (folder / "image").write_bytes(b"\x89PNG\0\0")
    with (folder / "huge").open("wb") as huge:
        huge.truncate(10**12)
    assert (await call(tools, workspace, "read_file", path="image")).code == "not_text"
    assert (await call(tools, workspace, "read_file", path="huge")).code == "too_big"


async def test_a_long_text_is_read_in_parts(tools: ToolRegistry, workspace: Workspace, folder: Path) -> None:
    (folder / "long").write_text("".join(f"line {number} {'x' * 100}\n" for number in range(5000)))
    first = await call(tools, workspace, "read_file", path="long")
    assert len(first.text) < 70_000
    assert first.text.splitlines()[-1].startswith("[lines 1-5")
    past = await call(tools, workspace, "read_file", path="long", offset=5001)
    assert past.code == "bad_arguments"


async def test_secrets_and_escapes_in_a_file_are_not_shown(
    tools: ToolRegistry, workspace: Workspace, folder: Path
) -> None:
    (folder / "f").write_text("password hunter2hunter2 \x1b[31mred")
    assert (await call(tools, workspace, "read_file", path="f")).text == "password [secret removed] red"


async def test_a_full_workspace_takes_no_more(tools: ToolRegistry, workspace: Workspace, folder: Path) -> None:
    (folder / "big").write_bytes(b"x" * 100_000)
    small = context(workspace, limits=Limits(workspace_bytes=100_000))
    assert (await call(tools, small, "write_file", path="f", content="x")).code == "quota"
    few = context(workspace, limits=Limits(workspace_inodes=1))
    assert (await call(tools, few, "write_file", path="f", content="x")).code == "quota"
    assert (await call(tools, workspace, "write_file", path="f", content="x" * (2**21 + 1))).code == "too_big"
    assert names(folder) == ["big"]


async def test_the_asker_s_role_decides_at_each_call(tools: ToolRegistry, workspace: Workspace) -> None:
    roles: list[Role | None] = [Role.MEMBER, Role.GUEST, None]

    async def authority() -> Role | None:
        return roles.pop(0)

    async def emit(_: str) -> None: ...

    same = ToolCallContext(workspace, authority, emit, "call")
    results = [await tools.call("list_files", "{}", same) for _ in range(3)]
    assert [result.code for result in results] == [None, "refused", "refused"]
    assert "no longer a member" in results[2].text


async def test_guests_read_only_where_the_room_lets_them_see(tools: ToolRegistry, workspace: Workspace) -> None:
    guest = context(workspace, Role.GUEST, guests_see=True)
    assert (await call(tools, guest, "list_files")).ok
    assert (await call(tools, guest, "write_file", path="f", content="x")).code == "refused"


@pytest.mark.parametrize("path", [".git/hooks/pre-commit", "sub/.GIT/config", ".git/ｈooks/x", ".git"])
async def test_protected_paths_need_an_approval_that_does_not_exist_yet(
    tools: ToolRegistry, workspace: Workspace, folder: Path, path: str
) -> None:
    assert is_protected(path)
    result = await call(tools, context(workspace, Role.OWNER), "write_file", path=path, content="x")
    assert result.code == "needs_approval"
    assert "approvals are not available" in result.text
    assert names(folder) == []


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("rm", "{}", "unknown_tool"),
        ("read_file", "{", "bad_arguments"),
        ("read_file", "[]", "bad_arguments"),
        ("read_file", "{}", "bad_arguments"),
        ("read_file", '{"path": "a", "offset": "1"}', "bad_arguments"),
        ("read_file", '{"path": "a", "extra": 1}', "bad_arguments"),
        ("read_file", '{"path": "a", "offset": 0}', "bad_arguments"),
        ("read_file", '{"path": "a\\u0000b"}', "bad_path"),
        ("read_file", '{"path": "' + "[" * 2000 + '"}', "bad_path"),
        ("write_file", '{"path": "a/", "content": "\\ud800"}', "bad_arguments"),
        ("write_file", '{"path": "", "content": "x"}', "bad_path"),
        ("write_file", '{"path": "nul\\u0000", "content": "x"}', "bad_path"),
    ],
)
async def test_a_wrong_call_is_answered_in_words(
    tools: ToolRegistry, workspace: Workspace, name: str, arguments: str, code: str
) -> None:
    result = await tools.call(name, arguments, context(workspace))
    assert (result.ok, result.code) == (False, code)
    assert result.text


def test_the_model_is_told_names_and_schemas(tools: ToolRegistry) -> None:
    definitions = {definition.name: definition for definition in tools.definitions()}
    assert list(definitions) == ["read_file", "list_files", "write_file"]
    assert definitions["write_file"].parameters["required"] == ["path", "content"]
    assert definitions["write_file"].parameters["additionalProperties"] is False


def test_a_uid_range_that_meets_an_account_is_found(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    subuid = tmp_path / "subuid"
    passwd.write_text("root:x:0:0::/:/bin/sh\nbob:x:200500:200500::/:/bin/sh\nbroken\n")
    assert "'bob'" in (uid_range_conflict(200_000, passwd, subuid) or "")
    assert uid_range_conflict(300_000, passwd, subuid) is None
    subuid.write_text("alice:165536:65536\n")
    assert "'alice'" in (uid_range_conflict(200_600, passwd, subuid) or "")
    assert uid_range_conflict(231_072, passwd, subuid) is None
