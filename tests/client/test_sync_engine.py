"""A folder and a workspace made equal: both ways, over conflicts, breaks, refusals and changes in the middle; nothing is lost."""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.client.errors import ConnectionLost
from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.telling import Did, Done, Result
from multiplayer.client.sync.wrongs import ManyRemovals, SyncStopped
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.reports_workspace import WorkspaceChange
from multiplayer.protocol.workspace_sync import PathChange, PathOutcome, PathsChanged, TreeEntry
from tests.support.followed_folder import Followed, files_in, following
from tests.support.memory_workspace import MemoryWorkspace, sha256_of

KIB = 1024


@pytest.fixture
def room() -> MemoryWorkspace:
    return MemoryWorkspace()


@pytest.fixture
def mine(room: MemoryWorkspace, tmp_path: Path) -> Iterator[Followed]:
    with following(tmp_path / "mine", room) as followed:
        yield followed


def names_in(folder: Path) -> set[str]:
    return {found.name for found in folder.iterdir()}


def did(result: Result) -> list[tuple[Did, str]]:
    return [(done.did, done.path) for done in result.done]


async def test_a_first_pass_brings_both_sides_together(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"docs/theirs.md": b"from the room", "run.sh": b"#!/bin/sh\n", "both": b"alike"}
    room.executables = {"run.sh"}
    mine.write("ours/deep/a.txt", "from here")
    mine.write("both", b"alike")
    mine.write("tool", "x", is_executable=True)
    result = await mine.settle()
    assert result.is_equal
    assert mine.files() == room.files
    assert set(room.files) == {"docs/theirs.md", "run.sh", "both", "ours/deep/a.txt", "tool"}
    assert room.executables == {"run.sh", "tool"}
    assert os.access(mine.path / "run.sh", os.X_OK)
    assert not os.access(mine.path / "docs/theirs.md", os.X_OK)
    assert set(did(result)) == {
        (Did.FETCHED, "docs/theirs.md"),
        (Did.FETCHED, "run.sh"),
        (Did.SENT, "ours/deep/a.txt"),
        (Did.SENT, "tool"),
    }
    assert result.files == 5


async def test_a_second_pass_has_nothing_to_do_and_asks_for_no_file(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1"}
    mine.write("b", "2")
    await mine.settle()
    room.calls.clear()
    assert (await mine.settle()).done == []
    assert room.calls == ["same tree"]


async def test_edits_removals_and_executable_bits_go_both_ways(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = dict.fromkeys(("theirs", "gone/there", "ours", "gone/here", "bit"), b"old")
    await mine.settle()
    room.files |= {"theirs": b"new"}
    del room.files["gone/there"]
    mine.write("ours", "newer")
    (mine.path / "gone/here").unlink()
    (mine.path / "bit").chmod(0o755)
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files == {"theirs": b"new", "ours": b"newer", "bit": b"old"}
    assert room.executables == {"bit"}
    assert not (mine.path / "gone").exists()
    room.executables = set()
    await mine.settle()
    assert not os.access(mine.path / "bit", os.X_OK)


async def test_of_two_versions_the_room_keeps_the_name_and_ours_stands_beside_it(
    room: MemoryWorkspace, mine: Followed
) -> None:
    room.files = {"docs/plan.md": b"one"}
    await mine.settle()
    room.files["docs/plan.md"] = b"theirs"
    mine.write("docs/plan.md", "ours")
    result = await mine.settle()
    second = "docs/plan (alice, 2026-11-22 010203).md"
    assert result.is_equal
    assert mine.files() == room.files == {"docs/plan.md": b"theirs", second: b"ours"}
    assert Done(Did.MOVED_ASIDE, "docs/plan.md", second) in result.done
    mine.write("docs/plan.md", "ours again")
    room.files["docs/plan.md"] = b"theirs again"
    await mine.settle()
    assert room.files["docs/plan (alice, 2026-11-22 010203, 2).md"] == b"ours again"
    assert mine.files() == room.files


async def test_files_and_folders_of_one_name_stand_beside_each_other(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"a file there", "b/inside": b"a folder there"}
    mine.write("a/inside", "a folder here")
    mine.write("b", "a file here")
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert room.files == {
        "a": b"a file there",
        "a (alice, 2026-11-22 010203)/inside": b"a folder here",
        "b/inside": b"a folder there",
        "b (alice, 2026-11-22 010203)": b"a file here",
    }


async def test_a_file_becomes_a_folder_and_a_folder_a_file(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b/x": b"2"}
    await mine.settle()
    (mine.path / "a").unlink()
    mine.write("a/x", "3")
    room.files = {"a": b"1", "b": b"4"}
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files == {"a/x": b"3", "b": b"4"}


async def test_what_is_ignored_is_neither_sent_nor_fetched_nor_removed(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"build/theirs.o": b"1", "keep": b"2", "sub/x.log": b"3", ".git/config": b"evil"}
    mine.write(".gitignore", "build/\n")
    mine.write("sub/.multiplayerignore", "*.log\n")
    mine.write("build/ours.o", "4")
    mine.write(".git/HEAD", "ref")
    assert (await mine.settle()).is_equal
    assert set(room.files) == {
        "build/theirs.o",
        "keep",
        "sub/x.log",
        ".git/config",
        ".gitignore",
        "sub/.multiplayerignore",
    }
    assert set(mine.files()) == {"build/ours.o", "keep", ".gitignore", "sub/.multiplayerignore", ".git/HEAD"}


async def test_the_rooms_rules_are_here_before_the_first_file_is(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {".gitignore": b"*.o\n", "a.o": b"1", "a.c": b"2", "sub/.gitignore": b"*.c\n", "sub/b.c": b"3"}
    mine.write("mine.o", "4")
    assert (await mine.settle()).is_equal
    assert set(mine.files()) == {".gitignore", "a.c", "sub/.gitignore", "mine.o"}
    assert "mine.o" not in room.files


async def test_what_becomes_ignored_stays_on_both_sides(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a.o": b"1", "b": b"2"}
    await mine.settle()
    mine.write(".gitignore", "*.o\n")
    await mine.settle()
    (mine.path / "a.o").unlink()
    await mine.settle()
    assert room.files["a.o"] == b"1"
    mine.write(".gitignore", "\n")
    await mine.settle()
    assert mine.files()["a.o"] == b"1"


async def test_links_are_neither_followed_nor_sent_nor_replaced(
    room: MemoryWorkspace, mine: Followed, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (mine.path / "out").symlink_to(outside)
    (mine.path / "file").symlink_to(outside / "secret")
    os.mkfifo(mine.path / "pipe")
    room.files = {"out/planted": b"1", "file": b"2", "out/secret": b"3", "fine": b"4"}
    room.links = {"there"}
    result = await mine.settle()
    assert files_in(outside) == {"secret": b"secret"}
    assert (mine.path / "file").is_symlink()
    assert mine.files() == {"fine": b"4"}
    assert set(room.files) == {"out/planted", "file", "out/secret", "fine"}
    assert result.links == 4
    mine.write("there/x", "5")
    assert (await mine.settle()).is_equal
    assert "there/x" not in room.files


async def test_a_folder_that_became_a_link_in_the_room_stays_here(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"d/a": b"1", "b": b"2"}
    await mine.settle()
    del room.files["d/a"]
    room.links = {"d"}
    result = await mine.settle()
    assert (mine.files(), result.is_equal) == ({"d/a": b"1", "b": b"2"}, True)
    assert "d/a" not in room.files


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/x",
        "a/../../x",
        "a//b",
        "./x",
        "x/",
        "nul\0x",
        ".multiplayer/sync.sqlite",
        "a/.Multiplayer/x",
        "a" * 256,
        "b/" * 120 + "c",
    ],
)
async def test_a_name_that_leads_elsewhere_is_refused_and_the_rest_goes_on(
    room: MemoryWorkspace, mine: Followed, tmp_path: Path, path: str
) -> None:
    room.files = {"fine": b"1"}
    room.extra = [TreeEntry(path=path, sha256=sha256_of(b"1"), size=1)]
    before = names_in(tmp_path)
    result = await mine.settle()
    assert mine.files() == {"fine": b"1"}
    assert names_in(tmp_path) == before
    assert list(result.left_out) == [path]
    assert not result.is_equal


@pytest.mark.parametrize(("sha256", "size"), [("../../x", 1), ("", 1), (sha256_of(b"1"), -1), ("A" * 64, 1)])
async def test_a_checksum_that_is_none_leads_nowhere(
    room: MemoryWorkspace, mine: Followed, sha256: str, size: int
) -> None:
    room.files = {"fine": b"1"}
    room.extra = [TreeEntry(path="odd", sha256=sha256, size=size)]
    result = await mine.settle()
    assert mine.files() == {"fine": b"1"}
    assert list(result.left_out) == ["odd"]


async def test_gits_own_folder_is_never_fetched_however_it_is_spelled(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {
        ".git/hooks/pre-commit": b"evil",
        ".GIT/config": b"evil",
        "sub/.gi\u200ct/config": b"evil",
        "ok": b"1",
    }
    assert (await mine.settle()).is_equal
    assert mine.files() == {"ok": b"1"}


async def test_a_folder_swapped_for_a_link_in_the_middle_leads_nobody_out(
    room: MemoryWorkspace, mine: Followed, tmp_path: Path
) -> None:
    room.files = {"d/a": b"1"}
    await mine.settle()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("not yours")
    room.files = {"d/a": b"2", "d/b": b"3"}

    def swap() -> None:
        (mine.path / "d").rename(mine.path / "d2")
        (mine.path / "d").symlink_to(outside)

    room.before_fetch = swap
    await mine.settle()
    assert files_in(outside) == {"a": b"not yours"}
    assert (mine.path / "d").is_symlink()
    # What was there under another name now is new, and sent.
    assert room.files["d2/a"] == b"1"


async def test_a_file_written_while_its_new_version_came_is_not_overwritten(
    room: MemoryWorkspace, mine: Followed
) -> None:
    room.files = {"a": b"1", "new": b"x"}
    del room.files["new"]
    await mine.settle()
    room.files |= {"a": b"2", "new": b"theirs"}

    def write() -> None:
        mine.write("a", "ours")
        mine.write("new", "ours, too")

    room.before_fetch = write
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert sorted(room.files.values()) == [b"2", b"ours", b"ours, too", b"theirs"]


async def test_a_file_written_before_it_is_removed_here_is_kept(
    room: MemoryWorkspace, mine: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.files = {"a": b"1", "b": b"2"}
    await mine.settle()
    del room.files["a"]
    tree = room.workspace_tree

    async def then_write(known: str | None = None) -> object:
        told = await tree(known)
        monkeypatch.undo()
        mine.write("a", "ours")
        return told

    monkeypatch.setattr(room, "workspace_tree", then_write)
    await mine.settle()
    assert mine.files()["a"] == b"ours"
    assert room.files["a"] == b"ours"


async def test_a_room_that_changes_in_the_middle_loses_nothing(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b": b"1"}
    await mine.settle()
    mine.write("a", "ours")
    (mine.path / "b").unlink()

    def others() -> None:
        room.files |= {"a": b"theirs", "b": b"theirs, too"}

    room.before_change = others
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert sorted(room.files.values()) == [b"ours", b"theirs", b"theirs, too"]


async def test_a_file_written_before_it_is_sent_is_sent_as_it_is_then(
    room: MemoryWorkspace, mine: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = room.missing_contents

    async def then_write(sha256s: Sequence[str]) -> Sequence[str]:
        missing = await ask(sha256s)
        monkeypatch.undo()
        mine.write("a", "two")
        return missing

    monkeypatch.setattr(room, "missing_contents", then_write)
    mine.write("a", "one")
    assert (await mine.settle()).is_equal
    assert room.files == {"a": b"two"}


async def test_breaks_are_gone_on_from_and_contents_come_once(room: MemoryWorkspace, mine: Followed) -> None:
    big = os.urandom(300 * KIB)
    room.files = {"big": big, "copy/of/it": big}
    mine.write("ours", os.urandom(300 * KIB))
    room.breaks = 2
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert room.fetched_from[0] == 0
    assert room.fetched_from[1:] == [64 * KIB, 128 * KIB]


async def test_a_server_that_stays_away_ends_the_run_and_the_next_one_goes_on(
    room: MemoryWorkspace, tmp_path: Path
) -> None:
    room.files = {"a": os.urandom(300 * KIB)}
    room.breaks = 1_000
    room.piece_bytes = 300 * KIB
    room.files["b"] = b""
    with following(tmp_path / "mine", room, patience_s=0.0) as followed:
        room.piece_bytes = 100 * KIB
        with pytest.raises(ConnectionLost):
            await followed.settle()
    room.breaks = 0
    room.fetched_from.clear()
    with following(tmp_path / "mine", room) as followed:
        assert (await followed.settle()).is_equal
        assert followed.files() == room.files
    assert room.fetched_from == [100 * KIB]


async def test_what_comes_with_another_checksum_is_not_put_in_its_place(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"fine": b"1"}
    room.sent[sha256_of(b"right")] = b"wrong"
    room.extra = [TreeEntry(path="a", sha256=sha256_of(b"right"), size=5)]
    result = await mine.settle()
    assert mine.files() == {"fine": b"1"}
    assert result.left_out == {"a": "what came has another checksum"}
    room.sent[sha256_of(b"right")] = b"right"
    await mine.settle()
    assert mine.files()["a"] == b"right"


async def test_whoever_may_only_look_still_gets_what_is_there(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b": b"1"}
    await mine.settle()
    room.may_change = False
    room.files["a"] = b"2"
    mine.write("mine", "3")
    (mine.path / "b").unlink()
    result = await mine.settle()
    assert mine.files() == {"a": b"2", "mine": b"3"}
    assert room.files == {"a": b"2", "b": b"1"}
    assert result.may_not_change == "guests may not change workspace files by hand"
    assert (result.left_out, result.is_equal) == ({}, False)
    room.may_change = True
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files == {"a": b"2", "mine": b"3"}


async def test_a_path_that_the_room_refuses_is_named_and_the_rest_goes_on(
    room: MemoryWorkspace, mine: Followed
) -> None:
    room.refuses = {"bad": "the workspace is full"}
    mine.write("bad", "1")
    mine.write("good", "2")
    result = await mine.settle()
    assert room.files == {"good": b"2"}
    assert result.left_out == {"bad": "the workspace is full"}


async def test_most_files_are_not_removed_unasked_on_either_side(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {f"{number}": f"{number}".encode() for number in range(30)}
    await mine.settle()
    kept = dict(room.files)
    for number in range(25):
        (mine.path / f"{number}").unlink()
    with pytest.raises(ManyRemovals, match="25 of 30 files would be removed in the room"):
        await mine.settle()
    assert room.files == kept
    await mine.settle(allows_removals=True)
    assert len(room.files) == 5

    room.files |= kept
    await mine.settle()
    room.files = {"0": b"0"}
    with pytest.raises(ManyRemovals, match="in this folder"):
        await mine.settle()
    assert mine.files() == kept


async def test_what_only_moves_needs_no_yes(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {f"old/{number}": f"{number}".encode() for number in range(30)}
    await mine.settle()
    (mine.path / "old").rename(mine.path / "new")
    assert (await mine.settle()).is_equal
    assert set(room.files) == {f"new/{number}" for number in range(30)}
    assert "put" not in room.calls


async def test_what_the_room_cannot_say_is_not_taken_for_gone(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b": b"2", "c": b"3"}
    await mine.settle()
    del room.files["a"], room.files["b"]
    room.unsaid = {"a"}
    result = await mine.settle()
    assert mine.files() == {"a": b"1", "c": b"3"}
    assert list(result.left_out) == ["a"]
    assert result.unsaid == 1


async def test_an_unreadable_folder_is_not_taken_for_gone(
    room: MemoryWorkspace, mine: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.files = {"d/a": b"1", "b": b"2"}
    await mine.settle()
    opens = os.open

    def denied(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "d":
            raise PermissionError(13, "Permission denied")
        return opens(path, flags, mode, dir_fd=dir_fd)

    # The account that runs tests may read everything.
    monkeypatch.setattr(os, "open", denied)
    result = await mine.settle()
    assert room.files["d/a"] == b"1"
    assert result.left_out == {"d": "Permission denied"}


async def test_a_file_that_is_being_written_is_sent_when_it_is_quiet(room: MemoryWorkspace, mine: Followed) -> None:
    mine.write("log", b"x" * (8 * 1024 * KIB))
    stop = threading.Event()

    def keep_writing() -> None:
        with (mine.path / "log").open("ab", buffering=0) as log:
            while not stop.is_set():
                log.write(b"y")

    writer = threading.Thread(target=keep_writing)
    told = mine.sync._told
    looks = []

    def moving(what: str, done: int, _of: int | None) -> None:
        if what == "reading" and done <= 1024 * KIB:
            looks.append(done)
        if len(looks) == 2:
            stop.set()

    object.__setattr__(told, "moving", moving)
    writer.start()
    try:
        result = await mine.settle()
    finally:
        stop.set()
        writer.join()
    assert result.is_equal
    assert len(looks) >= 2
    assert mine.files() == room.files


async def test_a_preview_changes_nothing(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "both": b"theirs"}
    mine.write("b", "2")
    mine.write("both", "ours")
    result = await mine.sync.preview()
    assert {did for did, _ in did(result)} == {Did.MOVED_ASIDE, Did.FETCHED, Did.SENT}
    assert room.files == {"a": b"1", "both": b"theirs"}
    assert mine.files() == {"b": b"2", "both": b"ours"}
    assert set(room.calls) == {"tree"}


def test_one_sync_at_a_time_is_at_work_in_a_folder(room: MemoryWorkspace, mine: Followed) -> None:
    with pytest.raises(SyncStopped, match="another sync is at work"), following(mine.path, room):
        pytest.fail("two at once")


def test_a_folder_follows_one_room_only(mine: Followed) -> None:
    mine.ledger.bind("http://127.0.0.1:1", "ROOM")
    with pytest.raises(SyncStopped, match=r"follows room ROOM at http://127\.0\.0\.1:1"):
        mine.ledger.bind("http://127.0.0.1:1", "OTHER")
    with pytest.raises(SyncStopped, match="follows room"):
        mine.ledger.bind("http://elsewhere", "ROOM")


def test_what_it_remembers_lies_behind_no_link(room: MemoryWorkspace, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / OWN_FOLDER).symlink_to(tmp_path / "outside")
    with pytest.raises(SyncStopped, match="is not a folder"), following(tmp_path / "mine", room):
        pytest.fail("opened")
    assert list((tmp_path / "outside").iterdir()) == []


async def test_without_the_right_to_see_it_ends_with_the_servers_words(
    room: MemoryWorkspace, mine: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no(_known: str | None = None) -> None:
        room.may_change = False
        room._check_right()

    monkeypatch.setattr(room, "workspace_tree", no)
    with pytest.raises(Refused, match="may not"):
        await mine.settle()


class Killed(BaseException):
    """As a kill, it is caught by nobody."""


async def test_killed_between_placing_and_remembering_the_next_run_knows_what_came(
    room: MemoryWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.files = {"a": b"1"}
    with following(tmp_path / "mine", room) as mine:
        await mine.settle()
        room.files["a"] = b"2"

        def kill(_equal: object) -> None:
            if mine.files() == {"a": b"2"}:
                raise Killed

        monkeypatch.setattr(mine.ledger, "remember", kill)
        with pytest.raises(Killed):
            await mine.settle()
    room.files["a"] = b"3"
    with following(tmp_path / "mine", room) as mine:
        assert (await mine.settle()).is_equal
        assert mine.files() == room.files == {"a": b"3"}


async def test_killed_between_sending_and_remembering_nothing_is_doubled(
    room: MemoryWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with following(tmp_path / "mine", room) as mine:
        mine.write("a", "1")

        def kill(equal: dict[str, object]) -> None:
            if equal:
                raise Killed

        monkeypatch.setattr(mine.ledger, "remember", kill)
        with pytest.raises(Killed):
            await mine.settle()
    assert room.files == {"a": b"1"}
    with following(tmp_path / "mine", room) as mine:
        assert (await mine.settle()).done == []
        assert mine.files() == room.files == {"a": b"1"}


async def test_killed_between_a_conflicts_two_steps_nothing_is_lost(
    room: MemoryWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.files = {"a": b"1", "b": b"1"}
    with following(tmp_path / "mine", room) as mine:
        await mine.settle()
        room.files["a"] = b"theirs"
        mine.write("a", "ours")

        def kill(*_arguments: object, **_named: object) -> None:
            raise Killed

        monkeypatch.setattr("multiplayer.client.sync.carrying_out.CarryingOut._done", kill)
        with pytest.raises(Killed):
            await mine.settle()
        monkeypatch.undo()
    # Somebody took theirs back: what is missing here was not removed by anybody.
    room.files["a"] = b"1"
    with following(tmp_path / "mine", room) as mine:
        assert (await mine.settle()).is_equal
        assert mine.files() == room.files
        assert sorted(room.files.values()) == [b"1", b"1", b"ours"]


async def test_an_answer_about_other_paths_is_not_believed(
    room: MemoryWorkspace, mine: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lie(changes: Sequence[PathChange]) -> PathsChanged:
        outcomes = tuple(PathOutcome(path=f"{change.path}x", state="done") for change in changes)
        return PathsChanged(outcomes=outcomes, change=WorkspaceChange(), tree="0" * 64)

    monkeypatch.setattr(room, "change_paths", lie)
    mine.sync._patience_s = 0.0
    mine.write("a", "1")
    with pytest.raises(ConnectionLost, match="other paths"):
        await mine.settle()
    assert mine.ledger.base() == {}


@pytest.mark.slow
async def test_many_conflicts_take_no_time(room: MemoryWorkspace, mine: Followed) -> None:
    for number in range(500):
        mine.write(f"{number}", "ours")
        room.files[f"{number}"] = b"theirs"
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert len(room.files) == 1_000


NAMES = ["a", "b.txt", "d", "d/x", "d/e/y", "D"]
act = st.one_of(
    st.tuples(st.sampled_from(["here", "there"]), st.sampled_from(NAMES), st.sampled_from(["write", "remove", "bit"])),
    st.just(("sync", "", "")),
    st.just(("other", "", "")),
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(act, max_size=10))
async def test_two_people_and_the_room_end_equal_and_nothing_vanishes(acts: list[tuple[str, str, str]]) -> None:
    room = MemoryWorkspace()
    meant: set[bytes] = set()
    written: set[bytes] = set()

    def clear(path: Path) -> None:
        """What somebody writes over or removes, they mean to."""
        for found in [*path.parents, path]:
            if found.is_file():
                meant.add(found.read_bytes())
                found.unlink()
        for name, data in files_in(path).items() if path.is_dir() else ():
            meant.add(data)
            (path / name).unlink()
        if path.is_dir():
            for folder in sorted((one for one in path.rglob("*") if one.is_dir()), reverse=True):
                folder.rmdir()
            path.rmdir()

    with (
        tempfile.TemporaryDirectory() as place,
        following(Path(place) / "alice", room) as alice,
        following(Path(place) / "bob", room, handle="bob") as bob,
    ):
        for number, (where, name, what) in enumerate(acts):
            data = f"content {number}".encode()
            match where, what:
                case "sync", _:
                    await alice.settle(allows_removals=True)
                case "other", _:
                    await bob.settle(allows_removals=True)
                case "here", "bit":
                    if (alice.path / name).is_file():
                        (alice.path / name).chmod(0o755)
                case "here", _:
                    clear(alice.path / name)
                    if what == "write":
                        alice.write(name, data)
                        written.add(data)
                case _, "bit":
                    if name in room.files:
                        room.executables.add(name)
                case _:
                    for other in [one for one in room.files if one == name or one.startswith(f"{name}/")]:
                        meant.add(room.files.pop(other))
                        room.executables.discard(other)
                    if what == "write":
                        for other in [one for one in room.files if name.startswith(f"{one}/")]:
                            meant.add(room.files.pop(other))
                        room.files[name] = data
                        written.add(data)
        for followed in (alice, bob, alice):
            assert (await followed.settle(allows_removals=True)).is_equal
        assert alice.files() == bob.files() == room.files
        assert written - set(room.files.values()) <= meant
        runs = {name for name in room.files if os.access(bob.path / name, os.X_OK)}
        assert runs == room.executables & set(room.files)
        alice.results.clear()
        assert (await alice.settle()).done == (await bob.settle()).done == []
