"""Reading, listing and writing through the registry, as a model calls the tools; rights and wrong calls for all seven."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.files.tools import is_protected
from multiplayer.tools.limits import Limits
from multiplayer.tools.registry import ToolResult
from multiplayer.tools.workspace import uid_range_conflict
from tests.support.file_room import FileRoom, NotingGate, file_room, open_descriptors


@pytest.fixture
def room(tmp_path: Path) -> Iterator[FileRoom]:
    with file_room(tmp_path) as made:
        yield made


def test_a_workspace_belongs_to_its_room_alone(room: FileRoom) -> None:
    seen = room.folder.stat()
    assert stat.S_IMODE(seen.st_mode) == 0o700
    assert seen.st_uid == room.workspace.uid == (200_007 if os.geteuid() == 0 else os.geteuid())


async def test_what_is_written_is_read_and_listed(room: FileRoom) -> None:
    written = await room.call("write_file", path="src/a.py", content="one\ntwo\nthree\n")
    assert written == ToolResult(ok=True, text="wrote 14 bytes to src/a.py")
    assert await room.text("read_file", path="src/a.py") == "one\ntwo\nthree\n"
    assert await room.text("read_file", path="src/a.py", offset=2, limit=1) == "two\n[lines 2-2 of 3]"
    assert await room.text("list_files") == "src/"
    assert await room.text("list_files", depth=3) == "src/\nsrc/a.py  14"
    assert room.names() == ["src", "src/a.py"], "the temporary file is gone"


async def test_whatever_the_tools_make_belongs_to_the_room(room: FileRoom) -> None:
    await room.text("write_file", path="a/b/one", content="x")
    await room.text("move_file", source="a/b/one", destination="c/d/two")
    await room.text("edit_file", path="c/d/two", old="x", new="y")
    for name in ("a", "a/b", "c", "c/d", "c/d/two"):
        seen = (room.folder / name).stat()
        assert (seen.st_uid, seen.st_gid if os.geteuid() == 0 else seen.st_uid) == (room.workspace.uid,) * 2


async def test_writing_replaces_the_file_in_one_step_and_keeps_its_mode(room: FileRoom) -> None:
    await room.text("write_file", path="run.sh", content="old")
    (room.folder / "run.sh").chmod(0o755)
    with (room.folder / "run.sh").open() as still_open:
        await room.text("write_file", path="run.sh", content="new")
        assert still_open.read() == "old"
    assert (room.folder / "run.sh").read_text() == "new"
    assert stat.S_IMODE((room.folder / "run.sh").stat().st_mode) == 0o755


async def test_a_listing_follows_no_link_and_shows_odd_names_escaped(room: FileRoom) -> None:
    (room.folder / "up").symlink_to("..")
    (room.folder / "two\nlines\x1b[31m").write_text("")
    (room.folder / "a  [link]").write_text("")
    (room.folder / "gnp.\u202etxt").write_text("")
    os.mkfifo(room.folder / "fifo")
    listed = await room.text("list_files", depth=5)
    assert listed.splitlines() == [
        "'a  [link]'  0",
        "'gnp.\\u202etxt'  0",
        "'two\\nlines\\x1b[31m'  0",
        "fifo  [special]",
        "up  [link]",
    ]


async def test_a_long_listing_is_cut_and_says_so(room: FileRoom) -> None:
    for number in range(1005):
        (room.folder / f"f{number}").touch()
    lines = (await room.text("list_files")).splitlines()
    assert len(lines) == 1001
    assert lines[-1].startswith("[more than 1000")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"PK\x03\x04\0\0", "a ZIP archive"),
        (b"%PDF-1.7\nall ASCII", "a PDF document"),
        (b"\x7fELF\x02\0", "a Linux program"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"x" * 257 + b"ustar\0", "a tar archive"),
        (b"\xff\xfeh\0i\0", "UTF-16"),
        (b"some\0thing", "a binary file"),
    ],
)
async def test_a_binary_file_is_refused_with_its_kind_and_size(room: FileRoom, content: bytes, words: str) -> None:
    room.put("f", content)
    result = await room.call("read_file", path="f")
    assert result.code == "not_text"
    assert words in result.text
    assert f"{len(content)} bytes" in result.text
    assert (await room.code("edit_file", path="f", old="x", new="y")) == "not_text"


async def test_a_huge_file_is_refused_by_its_size_alone(room: FileRoom) -> None:
    with room.put("huge", "").open("wb") as huge:
        huge.truncate(10**12)
    assert await room.code("read_file", path="huge") == "too_big"


async def test_a_long_text_is_read_in_parts(room: FileRoom) -> None:
    lines = [f"line {number} {'x' * 100}" for number in range(1, 5001)]
    room.put("long", "\n".join(lines))
    read: list[str] = []
    while len(read) < len(lines):
        text = await room.text("read_file", path="long", offset=len(read) + 1)
        assert len(text) < 70_000
        *some, note = text.splitlines()
        first = len(read) + 1
        read += some
        assert note == f"[lines {first}-{len(read)} of 5000]"
    assert read == lines
    assert await room.code("read_file", path="long", offset=5001) == "bad_arguments"


@pytest.mark.parametrize("size", [5000, 60_000, 300_000, 3_000_000])
async def test_a_huge_line_is_cut_and_the_lines_around_it_are_still_read(room: FileRoom, size: int) -> None:
    room.put("f", f"first\n{'x' * size}\nlast")
    middle = await room.text("read_file", path="f", offset=2, limit=1)
    assert middle.startswith("x" * 4000 + "…\n")
    assert middle.endswith("[lines 2-2 of 3]\n[cut, as longer than 4000 characters: line 2]")
    assert (await room.text("read_file", path="f", offset=3)) == "last\n[lines 3-3 of 3]"
    assert (await room.text("read_file", path="f")).startswith("first\n")


async def test_a_small_file_is_read_the_same_from_memory_and_from_the_disk(room: FileRoom) -> None:
    from multiplayer.tools.files.reads import read_cached_file, read_file

    for content in (b"", b"\n", b"one", b"a\r\nb\r\n", b"x\n" * 3000, b"\xff\xfa\n"):
        room.put("f", content)
        from_disk = read_file(room.workspace.root, "f", 1, 2000)
        assert read_cached_file(room.workspace.root, "f", 1, 2000) in {from_disk, None}
        assert await room.text("read_file", path="f") == from_disk
    assert await room.text("read_file", path="f") != "[the file is empty]"


async def test_secrets_and_escapes_in_a_file_are_not_shown(room: FileRoom) -> None:
    room.put("f", "password hunter2hunter2 \x1b[31mred")
    assert await room.text("read_file", path="f") == "password [secret removed] red"
    assert await room.text("search_files", query="pass") == "f:1: password [secret removed] red"
    diff = await room.text("edit_file", path="f", old="password", new="word")
    assert "hunter2" not in diff
    assert "+word [secret removed] red" in diff


async def test_a_full_workspace_takes_no_more(room: FileRoom) -> None:
    room.put("big", b"x" * 100_000)
    room.limits = Limits(workspace_bytes=100_000)
    assert await room.code("write_file", path="f", content="x") == "quota"
    assert await room.code("edit_file", path="big", old="x", new="yy", replace_all=True) == "quota"
    room.limits = Limits(workspace_inodes=1)
    assert await room.code("write_file", path="f", content="x") == "quota"
    assert await room.code("move_file", source="big", destination="a/b/big") == "quota"
    assert await room.code("write_file", path="f", content="x" * (2**21 + 1)) == "too_big"
    assert room.names() == ["big"]
    assert (room.folder / "big").stat().st_size == 100_000


async def test_a_file_is_replaced_by_a_smaller_one_where_there_is_no_room_for_both(room: FileRoom) -> None:
    room.put("big", b"x" * 100_000)
    room.limits = Limits(workspace_bytes=110_000)
    assert await room.code("write_file", path="more", content="x" * 90_000) == "quota"
    assert await room.text("write_file", path="big", content="x" * 90_000) == "wrote 90000 bytes to big"


async def test_folders_are_not_made_deeper_than_a_workspace_is_measured(room: FileRoom) -> None:
    assert await room.code("write_file", path="d/" * 64 + "f", content="x") == "bad_path"
    assert await room.code("move_file", source="x", destination="d/" * 64 + "f") == "bad_path"
    assert await room.text("write_file", path="d/" * 63 + "f", content="x")
    assert room.workspace.usage(most_inodes=1000).is_whole


async def test_the_asker_s_role_decides_at_each_call(room: FileRoom) -> None:
    room.put("f", "text")
    room.gate = NotingGate(Role.MEMBER)
    assert await room.text("list_files")
    room.gate = NotingGate(Role.GUEST)
    assert await room.code("list_files") == "refused"
    assert await room.code("search_files", query="x") == "refused"
    room.gate = NotingGate(Role.GUEST, RoomSettings(guests_see_workspace=True))
    assert await room.text("list_files")
    assert await room.code("write_file", path="f", content="x") == "refused"
    assert await room.code("delete_file", path="f") == "refused"
    room.gate = NotingGate(None)
    result = await room.call("list_files")
    assert result.code == "refused"
    assert "no longer a member" in result.text
    assert room.put("f", "text").exists()


@pytest.mark.parametrize(
    "path",
    [
        ".git",
        ".git/hooks/pre-commit",
        ".git/config",
        "sub/.GIT/config",
        ".git/ｈooks/x",
        ".g\u200dit/hooks/x",
        "./.git//hooks",
        ".git/modules/sub/hooks/x",
        ".git/worktrees/x/config.worktree",
    ],
)
async def test_protected_paths_are_a_sensitive_write_for_every_tool(room: FileRoom, path: str) -> None:
    assert is_protected(path)
    gate = room.gate = NotingGate()
    room.put("plain", "x")
    await room.call("write_file", path=path, content="x")
    await room.call("edit_file", path=path, old="x", new="y")
    await room.call("move_file", source=path, destination="away")
    await room.call("move_file", source="plain", destination=path)
    await room.call("delete_file", path=path)
    assert [call.tool_class for call in gate.started] == [ToolClass.SENSITIVE_WRITE] * 5


@pytest.mark.parametrize("path", ["hooks/pre-commit", "git/config", ".gitignore", ".git/description", "x.git/y"])
def test_other_paths_are_not_protected(path: str) -> None:
    assert not is_protected(path)


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
        ("edit_file", '{"path": "a", "old": "", "new": "x"}', "bad_arguments"),
        ("edit_file", '{"path": "a", "old": "x", "new": "x"}', "bad_arguments"),
        ("edit_file", '{"path": "a", "old": "x", "new": "y", "replace_all": "yes"}', "bad_arguments"),
        ("search_files", '{"query": ""}', "bad_arguments"),
        ("search_files", '{"query": "a\\nb"}', "bad_arguments"),
        ("search_files", '{"query": "a", "path": "nowhere"}', "not_found"),
        ("move_file", '{"source": "a"}', "bad_arguments"),
        ("move_file", '{"source": "a", "destination": "."}', "bad_path"),
        ("delete_file", '{"path": "."}', "bad_path"),
        ("delete_file", '{"path": "a", "_class": "write"}', "bad_arguments"),
    ],
)
async def test_a_wrong_call_is_answered_in_words(room: FileRoom, name: str, arguments: str, code: str) -> None:
    result = await room.tools.call(name, arguments, room.context())
    assert (result.ok, result.code) == (False, code)
    assert result.text


async def test_no_descriptor_is_left_open_whatever_a_call_comes_to(room: FileRoom) -> None:
    room.put("d/f", "text")
    (room.folder / "link").symlink_to("/")

    async def some() -> None:
        for path in ("d/f", "d", "link", "none", "../x", "link/etc", ""):
            await room.call("read_file", path=path)
            await room.call("list_files", path=path)
            await room.call("search_files", query="t", path=path)
            await room.call("write_file", path=path, content="text")
            await room.call("edit_file", path=path, old="text", new="text2")
            await room.call("move_file", source=path, destination="d/f")
            await room.call("delete_file", path=f"{path}/x")

    await some()
    before = open_descriptors()
    await some()
    assert open_descriptors() == before


def test_the_model_is_told_names_and_schemas(room: FileRoom) -> None:
    told = {
        definition.name: (sorted(definition.parameters["properties"] or ()), definition.parameters["required"])
        if "required" in definition.parameters
        else (sorted(definition.parameters["properties"] or ()), [])
        for definition in room.tools.definitions()
        if isinstance(definition.parameters["properties"], dict)
    }
    assert told == {
        "read_file": (["limit", "offset", "path"], ["path"]),
        "write_file": (["content", "path"], ["path", "content"]),
        "edit_file": (["new", "old", "path", "replace_all"], ["path", "old", "new"]),
        "list_files": (["depth", "path"], []),
        "search_files": (["is_regex", "path", "query"], ["query"]),
        "move_file": (["destination", "source"], ["source", "destination"]),
        "delete_file": (["path"], ["path"]),
    }
    assert all(definition.parameters["additionalProperties"] is False for definition in room.tools.definitions())


def test_a_uid_range_that_meets_an_account_is_found(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    subuid = tmp_path / "subuid"
    passwd.write_text("root:x:0:0::/:/bin/sh\nbob:x:200500:200500::/:/bin/sh\nbroken\n")
    assert "'bob'" in (uid_range_conflict(200_000, passwd, subuid) or "")
    assert uid_range_conflict(300_000, passwd, subuid) is None
    subuid.write_text("alice:165536:65536\n")
    assert "'alice'" in (uid_range_conflict(200_600, passwd, subuid) or "")
    assert uid_range_conflict(231_072, passwd, subuid) is None
