"""What a sync asks about before it removes, which rules it decides by, what it goes on with, and whom it waits for."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.stamps import seen_in_place, stamp_of
from multiplayer.client.sync.telling import Told
from multiplayer.client.sync.wrongs import ManyRemovals
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.workspace_sync import PathChange, PathsChanged
from tests.support.followed_folder import Followed, following
from tests.support.memory_workspace import MemoryWorkspace, sha256_of

KIB = 1024


@pytest.fixture
def room() -> MemoryWorkspace:
    return MemoryWorkspace()


@pytest.fixture
def mine(room: MemoryWorkspace, tmp_path: Path) -> Iterator[Followed]:
    with following(tmp_path / "mine", room) as followed:
        yield followed


@pytest.mark.parametrize("count", [2, 20])
async def test_no_side_becomes_empty_unasked(room: MemoryWorkspace, mine: Followed, count: int) -> None:
    room.files = {f"{number}": f"{number}".encode() for number in range(count)}
    await mine.settle()
    kept = dict(room.files)
    room.files = {}
    asks = (
        f"{count} of {count} files would be removed in this folder, .* of what both had nothing would be left; nothing"
    )
    with pytest.raises(ManyRemovals, match=asks):
        await mine.settle()
    assert mine.files() == kept
    # What is new there does not stand for what is gone.
    room.files = {"new": b"new"}
    with pytest.raises(ManyRemovals, match="in this folder"):
        await mine.settle()
    room.files = dict(kept)
    for name in kept:
        (mine.path / name).unlink()
    with pytest.raises(ManyRemovals, match=r"in the room, .* nothing would be left"):
        await mine.settle()
    assert room.files == kept
    assert (await mine.settle(allows_removals=True)).is_equal
    assert room.files == mine.files() == {}


async def test_an_edit_meanwhile_hides_no_emptied_side(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b": b"2", "c": b"3"}
    await mine.settle()
    room.files = {}
    mine.write("a", "ours")
    with pytest.raises(ManyRemovals, match="2 of 3"):
        await mine.settle()
    assert mine.files() == {"a": b"ours", "b": b"2", "c": b"3"}


async def test_two_halves_that_are_gone_are_asked_about_together(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b": b"2", "c": b"3", "d": b"4"}
    await mine.settle()
    del room.files["a"], room.files["b"]
    (mine.path / "c").unlink()
    (mine.path / "d").unlink()
    with pytest.raises(ManyRemovals, match="2 of 4"):
        await mine.settle()
    assert (set(room.files), set(mine.files())) == ({"c", "d"}, {"a", "b"})


async def test_removals_that_leave_something_need_no_yes(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b": b"2", "c": b"3"}
    await mine.settle()
    del room.files["b"], room.files["c"]
    room.files["a"] = b"edited"
    assert (await mine.settle()).is_equal
    (mine.path / "a").unlink()
    assert (await mine.settle()).is_equal
    assert room.files == mine.files() == {}


async def test_a_side_that_is_emptied_is_asked_about_before_its_rules_go(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {".gitignore": b"*.log\n", "a": b"1"}
    await mine.settle()
    room.files = {}
    with pytest.raises(ManyRemovals, match="2 of 2"):
        await mine.settle()
    assert set(mine.files()) == {".gitignore", "a"}


@pytest.mark.parametrize("later", [None, b"*.tmp\n"])
async def test_rules_that_the_room_takes_away_or_changes_decide_no_more(
    room: MemoryWorkspace, mine: Followed, later: bytes | None
) -> None:
    room.files = {".gitignore": b"*.log\n", "a": b"a", "theirs.log": b"x"}
    mine.write("ours.log", "y")
    await mine.settle()
    assert "ours.log" not in room.files
    del room.files[".gitignore"]
    if later is not None:
        room.files[".gitignore"] = later
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert {"ours.log", "theirs.log"} <= set(room.files)


@pytest.mark.parametrize("later", [None, "*.tmp\n"])
async def test_rules_that_are_taken_away_or_changed_here_decide_no_more(
    room: MemoryWorkspace, mine: Followed, later: str | None
) -> None:
    room.files = {"sub/.gitignore": b"*.log\n", "a": b"a", "sub/theirs.log": b"x"}
    mine.write("sub/ours.log", "y")
    await mine.settle()
    (mine.path / "sub/.gitignore").unlink()
    if later is not None:
        mine.write("sub/.gitignore", later)
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert {"sub/ours.log", "sub/theirs.log"} <= set(room.files)


async def test_rules_come_also_where_something_else_stood(room: MemoryWorkspace, mine: Followed) -> None:
    room.files = {"a": b"1", "b/.gitignore/x": b"2", "keep": b"3"}
    await mine.settle()
    room.files = {"a/.gitignore": b"*.o\n", "b/.gitignore": b"*.o\n", "c/.gitignore": b"*.o\n", "keep": b"3"}
    mine.write("c", "a file here")
    mine.write("b/ours.o", "4")
    result = await mine.settle()
    assert (result.left_out, result.is_equal) == ({}, True)
    assert mine.files() == room.files | {"b/ours.o": b"4"}
    assert room.files["c (alice, 2026-11-22 010203)"] == b"a file here"


@pytest.mark.parametrize("with_rules", [False, True])
async def test_what_came_in_part_is_gone_on_with_whatever_comes_first(
    room: MemoryWorkspace, mine: Followed, *, with_rules: bool
) -> None:
    big, both = os.urandom(200 * KIB), os.urandom(100 * KIB)
    room.files = {"big": big, "both": both}
    mine.write("both", "ours")
    if with_rules:
        room.files[".gitignore"] = b"*.log\n"
    parts = mine.path / OWN_FOLDER / "tmp"
    for data in (big, both):
        (parts / f"{sha256_of(data)}.part").write_bytes(data[: 50 * KIB])
    (parts / f"{sha256_of(b'of nobody')}.part").write_bytes(b"of n")
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files
    assert sorted(start for start in room.fetched_from if start) == [50 * KIB, 50 * KIB]
    assert list(parts.iterdir()) == []


def not_ready(retry_after_s: float) -> Refused:
    return Refused(RefusalCode.UNAVAILABLE, "the file store is away: ask again", retry_after_s=retry_after_s)


async def test_a_server_that_is_not_ready_is_asked_again_when_it_says_so(
    room: MemoryWorkspace, mine: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, change = room.workspace_tree, room.change_paths
    trees, changes = 2, 2
    asked_at: list[float] = []

    async def tree(known: str | None = None) -> object:
        nonlocal trees
        asked_at.append(time.monotonic())
        trees -= 1
        if trees >= 0:
            raise not_ready(0.2)
        return await tell(known)

    async def made_but_not_ready(asked: Sequence[PathChange]) -> PathsChanged:
        nonlocal changes
        changed = await change(asked)
        changes -= 1
        if changes >= 0:
            raise not_ready(0.01)
        return changed

    monkeypatch.setattr(room, "workspace_tree", tree)
    monkeypatch.setattr(room, "change_paths", made_but_not_ready)
    room.files = {"theirs": b"1"}
    mine.write("ours", "2")
    assert (await mine.settle()).is_equal
    assert mine.files() == room.files == {"theirs": b"1", "ours": b"2"}
    assert asked_at[2] - asked_at[0] >= 0.4
    assert (trees, changes) == (-1, -1)
    # A removal, too, that was made and not answered.
    changes = 1
    (mine.path / "ours").unlink()
    assert (await mine.settle()).is_equal
    assert room.files == {"theirs": b"1"}


@pytest.mark.parametrize("what", ["workspace_tree", "change_paths"])
async def test_a_server_that_is_never_ready_ends_the_run_in_its_own_words(
    room: MemoryWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    asked = 0

    async def never(*_arguments: object) -> None:
        nonlocal asked
        asked += 1
        raise not_ready(0.01)

    with following(tmp_path / "mine", room, patience_s=0.5) as mine:
        mine.write("a", "1")
        with monkeypatch.context() as patched:
            patched.setattr(room, what, never)
            with pytest.raises(Refused, match="the file store is away: ask again"):
                await mine.settle()
        assert asked >= 2
        assert (await mine.settle()).is_equal
    assert room.files == {"a": b"1"}


async def test_what_came_some_time_before_it_was_placed_is_not_read_again(
    room: MemoryWorkspace, tmp_path: Path
) -> None:
    reads: list[int] = []

    def moving(what: str, done: int, _of: int | None) -> None:
        if what == "reading":
            reads.append(done)

    room.files = {"d/a": b"one", "copy": b"one"}
    room.executables = {"d/a"}
    with following(tmp_path / "mine", room, told=Told(moving=moving)) as mine:
        part = mine.path / OWN_FOLDER / "tmp" / f"{sha256_of(b'one')}.part"
        part.write_bytes(b"one")
        os.utime(part, (time.time() - 60, time.time() - 60))
        assert (await mine.settle()).is_equal
        assert mine.ledger.seen().keys() == {"d/a"}
        assert (await mine.settle()).is_equal
        # The copy was written right before it was placed.
        assert reads == [3]
        reads.clear()
        # Of the same size, and at once.
        (mine.path / "d/a").write_bytes(b"two")
        assert (await mine.settle()).is_equal
        assert room.files == {"d/a": b"two", "copy": b"one"}


def test_a_content_that_was_placed_is_known_only_if_a_later_change_would_show(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")

    def aged(by_ns: int) -> os.stat_result:
        """Its mtime so long before its ctime, none of them at a whole second."""
        while True:
            now_ns = time.time_ns()
            os.utime(file, ns=(now_ns, now_ns - by_ns))
            about = file.stat()
            if about.st_mtime_ns % 1_000_000_000 and about.st_ctime_ns % 1_000_000_000:
                return about

    before = aged(1_000_000_000)
    seen = seen_in_place(before, stamp_of(before), "sha")
    assert seen is not None
    assert seen.is_of(stamp_of(file.stat()))
    file.write_bytes(b"two")
    assert not seen.is_of(stamp_of(file.stat()))
    # It was written between the two looks.
    assert seen_in_place(before, stamp_of(file.stat()), "sha") is None
    for by_ns in (0, 50_000_000, -1_000_000_000):
        before = aged(by_ns)
        assert seen_in_place(before, stamp_of(before), "sha") is None
    # A disk that counts whole seconds.
    os.utime(file, ns=(0, file.stat().st_ctime_ns // 1_000_000_000 * 1_000_000_000))
    before = file.stat()
    assert seen_in_place(before, stamp_of(before), "sha") is None
