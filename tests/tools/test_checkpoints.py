"""Checkpoints: what is kept of a workspace, what it costs the second time, and what is said of the changes."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import ChangeKind
from multiplayer.tools.checkpoints.checkpoints import Checkpoints
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.tree import raw_path, shown_path
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support.tree_play import make_socket

ROOM = RoomId("01J00000000000000000000000")
LATER_NS = 10**12


class Clock:
    """The time since 1970, shifted: so that files count as having been left alone for long."""

    def __init__(self) -> None:
        self.shift_ns = LATER_NS

    def __call__(self) -> int:
        return Path("/proc/self").stat().st_ctime_ns + self.shift_ns


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
def clock() -> Clock:
    return Clock()


@pytest.fixture
def checkpoints(tmp_path: Path, clock: Clock) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", Limits(), now_ns=clock)


def test_the_same_files_have_the_same_hash_whatever_their_times_and_owners(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    (folder / "a").write_text("one")
    first = checkpoints.take(ROOM, workspace)
    (folder / "a").unlink()
    (folder / "a").write_text("one")
    os.utime(folder / "a", (1, 1))
    assert checkpoints.take(ROOM, workspace).tree == first.tree
    (folder / "a").chmod(0o600)
    assert checkpoints.take(ROOM, workspace).tree != first.tree


def test_the_store_is_closed_to_all_others(checkpoints: Checkpoints, workspace: Workspace, tmp_path: Path) -> None:
    checkpoints.take(ROOM, workspace)
    for path in (tmp_path / "checkpoints", tmp_path / "checkpoints" / ROOM):
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_uid == os.geteuid()


def test_only_what_changed_is_read_again(checkpoints: Checkpoints, workspace: Workspace, folder: Path) -> None:
    for number in range(5):
        (folder / str(number)).write_text(f"text {number}")
    assert checkpoints.take(ROOM, workspace).read_files == 5
    assert checkpoints.take(ROOM, workspace).read_files == 0
    (folder / "3").write_text("TEXT 3")
    os.utime(folder / "3", ns=(0, 0))
    taken = checkpoints.take(ROOM, workspace)
    assert (taken.read_files, taken.files, taken.is_whole) == (1, 5, True)
    assert checkpoints.content(ROOM, taken.tree, "3", 100) == b"TEXT 3"
    assert checkpoints.take(ROOM, workspace, reads_all=True).read_files == 5


def test_a_file_changed_a_moment_ago_is_read_again_because_its_time_may_not_tell(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, clock: Clock
) -> None:
    (folder / "fresh").write_text("one")
    clock.shift_ns = (folder / "fresh").stat().st_ctime_ns - Path("/proc/self").stat().st_ctime_ns + 20_000_000
    assert checkpoints.take(ROOM, workspace).read_files == 1
    assert checkpoints.take(ROOM, workspace).read_files == 1
    clock.shift_ns = LATER_NS
    assert checkpoints.take(ROOM, workspace).read_files == 1
    assert checkpoints.take(ROOM, workspace).read_files == 0


def test_a_same_sized_change_with_its_old_time_put_back_is_seen(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    (folder / "a").write_text("one")
    seen = (folder / "a").stat()
    before = checkpoints.take(ROOM, workspace)
    (folder / "a").write_text("two")
    os.utime(folder / "a", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert checkpoints.take(ROOM, workspace).tree != before.tree


def test_names_of_any_bytes_are_kept_and_shown_so_that_they_can_be_asked_for(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    names = [b"\xff\xfe", b"new\nline", b"back\\slash", b"\\x5c", "ünï".encode(), "\u202e.txt".encode()]
    before = checkpoints.take(ROOM, workspace)
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    after = checkpoints.take(ROOM, workspace)
    changes = checkpoints.changes(ROOM, before.tree, after.tree)
    assert {raw_path(change.path) for change in changes} == set(names)
    for change in changes:
        assert change.path.isprintable()
        assert checkpoints.content(ROOM, after.tree, change.path, 100) == raw_path(change.path)
    assert shown_path("ünï".encode()) == "ünï"
    checkpoints.undo(ROOM, workspace, [(before.tree, after.tree)])
    assert list(folder.iterdir()) == []


def test_links_are_kept_as_links_and_never_followed(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("canary")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to("..")
    taken = checkpoints.take(ROOM, workspace)
    assert (taken.files, taken.is_whole) == (0, True)
    with pytest.raises(ToolRefused) as refused:
        checkpoints.content(ROOM, taken.tree, "link", 100)
    assert refused.value.code is ToolFault.WRONG_KIND
    store = b"".join(path.read_bytes() for path in (tmp_path / "checkpoints" / ROOM).iterdir())
    assert b"canary" not in store


def test_fifos_and_sockets_are_listed_and_make_nobody_wait(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    os.mkfifo(folder / "fifo")
    make_socket(folder / "sock")
    taken = checkpoints.take(ROOM, workspace)
    assert (taken.special, taken.is_whole) == (("fifo", "sock"), True)


def test_a_file_with_further_names_is_kept_as_it_is_now_unless_it_is_somebody_elses(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    (folder / "own").write_text("own")
    os.chown(folder / "own", workspace.uid, -1)
    (folder / "other name").hardlink_to(folder / "own")
    taken = checkpoints.take(ROOM, workspace)
    assert checkpoints.content(ROOM, taken.tree, "other name", 10) == b"own"
    if os.geteuid() == 0:
        (tmp_path / "secret").write_text("canary")
        (folder / "planted").hardlink_to(tmp_path / "secret")
        assert checkpoints.take(ROOM, workspace).left_out == ("planted",)


def test_a_sparse_file_of_a_terabyte_is_not_read_and_is_named(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    with (folder / "huge").open("wb") as file:
        file.truncate(2**40)
    (folder / "small").write_text("x")
    taken = checkpoints.take(ROOM, workspace)
    assert (taken.left_out, taken.is_whole, taken.files) == (("huge",), False, 1)
    # What was not kept is not touched either.
    (folder / "huge").unlink()
    after = checkpoints.take(ROOM, workspace)
    assert checkpoints.undo(ROOM, workspace, [(taken.tree, after.tree)]).conflicts == ("huge",)


def test_holes_take_no_room_in_the_store_nor_when_they_come_back(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(64 * MIB)
        file.seek(32 * MIB)
        file.write(b"x")
    before = checkpoints.take(ROOM, workspace)
    (folder / "sparse").unlink()
    after = checkpoints.take(ROOM, workspace)
    undone = checkpoints.undo(ROOM, workspace, [(before.tree, after.tree)])
    assert undone.tree == before.tree
    stored = [path.stat().st_blocks * 512 for path in (tmp_path / "checkpoints" / ROOM).iterdir()]
    assert sum(stored) < 2 * MIB
    assert (folder / "sparse").stat().st_blocks * 512 < 2 * MIB


def test_too_many_names_and_too_deep_folders_are_left_out_and_never_taken_for_gone(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", Limits(workspace_inodes=20))
    (folder / "few").write_text("x")
    before = checkpoints.take(ROOM, workspace)
    (folder / "many").mkdir()
    for number in range(100):
        (folder / "many" / str(number)).touch()
    deep = folder
    for _ in range(70):
        deep /= "d"
        deep.mkdir()
    many = checkpoints.take(ROOM, workspace)
    assert many.left_out
    assert not many.is_whole
    assert len(checkpoints.undo(ROOM, workspace, [(before.tree, many.tree)]).conflicts) >= 1
    assert len(list((folder / "many").iterdir())) == 100
    for number in range(100):
        (folder / str(number)).touch()
    # Even when not one folder can be listed whole, nothing counts as removed.
    full = checkpoints.take(ROOM, workspace)
    assert not full.is_whole
    assert checkpoints.undo(ROOM, workspace, [(before.tree, full.tree)], keep_going=True).restored == ()
    assert (folder / "few").read_text() == "x"


def test_a_folder_closed_to_us_is_named_and_left_alone(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is closed to root")
    checkpoints = Checkpoints(tmp_path / "checkpoints", Limits())
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("x")
    before = checkpoints.take(ROOM, workspace)
    (folder / "closed").chmod(0)
    closed = checkpoints.take(ROOM, workspace)
    assert closed.left_out == ("closed",)
    assert "closed" in checkpoints.undo(ROOM, workspace, [(before.tree, closed.tree)]).conflicts
    (folder / "closed").chmod(0o700)


def test_changes_name_files_with_their_lines_and_folders_only_where_nothing_else_tells_of_them(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    (folder / "text").write_text("one\ntwo\nthree\n")
    (folder / "data").write_bytes(b"\0\1")
    (folder / "old").mkdir()
    (folder / "old" / "file").write_text("a\nb")
    (folder / "link").symlink_to("text")
    before = checkpoints.take(ROOM, workspace).tree
    (folder / "text").write_text("one\n2\n2.5\nthree\n")
    (folder / "data").write_bytes(b"\0\2")
    shutil.rmtree(folder / "old")
    (folder / "link").unlink()
    (folder / "link").symlink_to("data")
    (folder / "new" / "sub").mkdir(parents=True)
    after = checkpoints.take(ROOM, workspace).tree
    changes = checkpoints.changes(ROOM, before, after)
    assert [
        (change.path, change.kind, change.added_lines, change.removed_lines, change.is_text) for change in changes
    ] == [
        ("data", ChangeKind.CHANGED, 0, 0, False),
        ("link", ChangeKind.CHANGED, 0, 0, False),
        ("new/sub", ChangeKind.ADDED, 0, 0, False),
        ("old/file", ChangeKind.REMOVED, 0, 2, True),
        ("text", ChangeKind.CHANGED, 2, 1, True),
    ]
    assert changes[4].before
    assert changes[4].before != changes[4].after
    assert (changes[1].before, changes[1].after) == ("", "")


def test_one_authors_part_of_a_change_is_a_tree_of_its_own(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path
) -> None:
    (folder / "src/deep").mkdir(parents=True)
    for name in ("src/a", "src/deep/b", "old"):
        (folder / name).write_text(name)
    before = checkpoints.take(ROOM, workspace).tree
    (folder / "new/deep").mkdir(parents=True)
    for name in ("src/a", "src/deep/b", "new/deep/c", "new/d"):
        (folder / name).write_text("changed")
    shutil.move(folder / "old", folder / "moved")
    after = checkpoints.take(ROOM, workspace).tree

    def told(*paths: str) -> list[tuple[str, ChangeKind]]:
        part = checkpoints.part(ROOM, before, after, paths)
        changed = [(change.path, change.kind) for change in checkpoints.changes(ROOM, before, part)]
        rest = checkpoints.changes(ROOM, part, after)
        assert {*changed} | {(change.path, change.kind) for change in rest} == everything
        return changed

    everything = {(change.path, change.kind) for change in checkpoints.changes(ROOM, before, after)}
    added, changed, removed = ChangeKind.ADDED, ChangeKind.CHANGED, ChangeKind.REMOVED
    assert told() == []
    assert told("src/a") == [("src/a", changed)]
    assert told("new/deep") == [("new/deep/c", added)]
    assert told("old", "moved") == [("moved", added), ("old", removed)]
    assert told("no/such", "src/a/below") == []
    assert checkpoints.part(ROOM, before, after, ["src", "new", "old", "moved"]) == after
    undone = checkpoints.undo(ROOM, workspace, [(before, checkpoints.part(ROOM, before, after, ["src/a", "old"]))])
    assert undone.conflicts == ()
    assert ((folder / "src/a").read_text(), (folder / "src/deep/b").read_text()) == ("src/a", "changed")
    assert (folder / "old").exists()
    assert (folder / "moved").exists()


def test_a_diff_shows_lines_where_there_are_lines(checkpoints: Checkpoints, workspace: Workspace, folder: Path) -> None:
    lines = [f"{number}\n" for number in range(1, 21)]
    (folder / "text").write_text("".join(lines))
    (folder / "data").write_bytes(b"\0\1")
    before = checkpoints.take(ROOM, workspace).tree
    lines[9] = "ten"
    (folder / "text").write_text("".join([*lines[:9], "ten\n", *lines[10:], "end"]))
    (folder / "text").chmod(0o755)
    (folder / "data").write_bytes(b"\0\1\2")
    (folder / "added").write_text("x\n")
    after = checkpoints.take(ROOM, workspace).tree

    def diff(path: str, most_bytes: int = 10_000) -> str:
        return checkpoints.diff(ROOM, path, before, after, most_bytes)

    assert diff("text") == (
        "--- a/text\n+++ b/text\nmode 644 -> 755\n@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n"
        "@@ -18,3 +18,4 @@\n 18\n 19\n 20\n+end\n\\ No newline at end of file\n"
    )
    assert diff("added") == "--- /dev/null\n+++ b/added\n@@ -0,0 +1 @@\n+x\n"
    assert diff("data").endswith("a file of 2 bytes -> a file of 3 bytes; no lines are compared\n")
    assert diff("not there") == ""
    assert diff("text", 80).endswith("bytes in all]\n")
    assert len(diff("text", 80)) < 200


def test_what_no_tree_needs_is_freed_and_what_one_needs_stays(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    trees = []
    for number in range(6):
        (folder / "big").write_bytes(os.urandom(2 * MIB))
        (folder / "small").write_text(str(number))
        trees.append(checkpoints.take(ROOM, workspace).tree)

    def stored() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "checkpoints" / ROOM).glob("*.pack"))

    assert stored() > 12 * MIB
    checkpoints.keep(ROOM, [trees[1]])
    assert stored() < 5 * MIB
    assert checkpoints.content(ROOM, trees[1], "small", 10) == b"1"
    assert checkpoints.content(ROOM, trees[5], "small", 10) == b"5"
    with pytest.raises(CheckpointGone, match="too long ago"):
        checkpoints.changes(ROOM, trees[2], trees[5])
    assert checkpoints.undo(ROOM, workspace, [(trees[1], trees[5])]).tree == trees[1]
    assert checkpoints.take(ROOM, workspace).tree == trees[1]


def test_a_store_over_its_limit_forgets_its_oldest_trees_and_never_the_newest_two(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", Limits(), most_bytes=3 * MIB)
    trees = []
    for _ in range(5):
        (folder / "big").write_bytes(os.urandom(2 * MIB))
        trees.append(checkpoints.take(ROOM, workspace).tree)
    with pytest.raises(CheckpointGone):
        checkpoints.undo(ROOM, workspace, [(trees[0], trees[1])])
    assert checkpoints.undo(ROOM, workspace, [(trees[3], trees[4])]).tree == trees[3]
    assert checkpoints.sweep(ROOM) < 7 * MIB


def test_a_damaged_index_begins_anew_and_damaged_contents_are_never_put_back(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "checkpoints" / ROOM
    (folder / "file").write_text("precious")
    before = checkpoints.take(ROOM, workspace).tree
    (folder / "file").write_text("new")
    after = checkpoints.take(ROOM, workspace).tree
    [pack] = store.glob("*.pack")
    pack.write_bytes(pack.read_bytes().replace(b"precious", b"poisoned"))
    with pytest.raises(CheckpointGone, match="damaged"):
        checkpoints.undo(ROOM, workspace, [(before, after)])
    assert (folder / "file").read_text() == "new"
    (store / "index.sqlite").write_bytes(b"not a database at all" * 500)
    taken = checkpoints.take(ROOM, workspace)
    assert taken.tree == after
    assert checkpoints.content(ROOM, taken.tree, "file", 10) == b"new"


def test_what_a_crash_left_at_the_end_of_a_pack_does_no_harm(
    checkpoints: Checkpoints, workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    (folder / "a").write_text("a")
    checkpoints.take(ROOM, workspace)
    [pack] = (tmp_path / "checkpoints" / ROOM).glob("*.pack")
    with pack.open("ab") as file:
        file.write(b"half of an object" * 100_000)
    (folder / "b").write_bytes(bytes(MIB))
    (folder / "c").write_text("c")
    taken = checkpoints.take(ROOM, workspace)
    assert checkpoints.content(ROOM, taken.tree, "b", MIB) == bytes(MIB)
    assert [checkpoints.content(ROOM, taken.tree, name, 10) for name in "ac"] == [b"a", b"c"]
