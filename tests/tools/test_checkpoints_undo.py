"""Undoing by checkpoints: exactly, whatever was done; and never over what somebody else did."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from multiplayer.protocol.tools import ChangeKind
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.tree import raw_path
from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from tests.support.checkpoint_bench import ROOM, Bench, new_bench
from tests.support.tree_play import Act, acts, differing, do, make_socket, seen


@pytest.fixture
def bench() -> Iterator[Bench]:
    with new_bench() as bench:
        yield bench


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(acts, acts, acts, acts)
def test_a_turn_that_nobody_interfered_with_is_undone_exactly(
    first: list[Act], second: list[Act], third: list[Act], fourth: list[Act]
) -> None:
    with new_bench() as bench:
        do(bench.folder, first)
        before, there = bench.take(), seen(bench.folder)
        spans = []
        at = before
        for script in (second, third, fourth):
            do(bench.folder, script)
            spans.append((at, at := bench.take()))
        undone = bench.undo(*spans)
        assert undone.conflicts == ()
        assert seen(bench.folder) == there
        assert undone.tree == before == bench.take()
        # And undoing the undo brings back what the turn had made.
        assert bench.undo((undone.before, undone.tree)).tree == at


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(acts, acts, acts, acts)
def test_what_somebody_else_did_is_named_and_never_lost(
    first: list[Act], turn: list[Act], foreign: list[Act], later: list[Act]
) -> None:
    with new_bench() as bench:
        do(bench.folder, first)
        before, was = bench.take(), seen(bench.folder)
        do(bench.folder, turn)
        after, left = bench.take(), seen(bench.folder)
        do(bench.folder, foreign)
        theirs = seen(bench.folder)
        undone = bench.undo((before, after))
        if undone.conflicts:
            assert seen(bench.folder) == theirs
            undone = bench.undo((before, after), keep_going=True)
        now = seen(bench.folder)
        conflicts = {raw_path(path) for path in undone.conflicts}
        assert all(now.get(path) == theirs.get(path) for path in differing(left, theirs))
        for path in differing(was, left) - conflicts - differing(left, theirs):
            assert now.get(path) == was.get(path)
        assert conflicts <= differing(was, left)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(acts, acts, acts, acts)
def test_what_somebody_did_between_two_calls_of_a_turn_is_never_lost(
    first: list[Act], call_1: list[Act], foreign: list[Act], call_2: list[Act]
) -> None:
    with new_bench() as bench:
        do(bench.folder, first)
        before_1 = bench.take()
        do(bench.folder, call_1)
        after_1, left_1 = bench.take(), seen(bench.folder)
        do(bench.folder, foreign)
        before_2, theirs = bench.take(), seen(bench.folder)
        do(bench.folder, call_2)
        after_2, left_2 = bench.take(), seen(bench.folder)
        bench.undo((before_1, after_1), (before_2, after_2), keep_going=True)
        now = seen(bench.folder)
        for path in differing(left_1, theirs):
            assert now.get(path) in {theirs.get(path), left_2.get(path)}


def test_what_comes_back_belongs_to_the_room(bench: Bench) -> None:
    (bench.folder / "sub").mkdir()
    (bench.folder / "sub" / "file").write_text("one")
    (bench.folder / "link").symlink_to("/etc/passwd")
    before = bench.take()
    shutil.rmtree(bench.folder / "sub")
    (bench.folder / "link").unlink()
    undone = bench.undo((before, bench.take()))
    assert [(change.path, change.kind) for change in undone.restored] == [
        ("link", ChangeKind.ADDED),
        ("sub/file", ChangeKind.ADDED),
    ]
    for path in (bench.folder / "sub", bench.folder / "sub" / "file", bench.folder / "link"):
        assert path.lstat().st_uid == path.lstat().st_gid == bench.workspace.uid or os.geteuid() != 0
    assert (bench.folder / "link").readlink() == Path("/etc/passwd")
    assert [entry.name for entry in bench.workspaces.root.iterdir() if "undo" in entry.name] == []


def test_a_conflict_stops_all_of_it_unless_it_may_keep_going(bench: Bench) -> None:
    for name in ("mine", "theirs"):
        (bench.folder / name).write_text("old")
    before = bench.take()
    for name in ("mine", "theirs"):
        (bench.folder / name).write_text("new")
    after = bench.take()
    (bench.folder / "theirs").write_text("edited")
    undone = bench.undo((before, after))
    assert (undone.conflicts, undone.restored) == (("theirs",), ())
    assert (bench.folder / "mine").read_text() == "new"
    undone = bench.undo((before, after), keep_going=True)
    assert undone.conflicts == ("theirs",)
    assert [change.path for change in undone.restored] == ["mine"]
    assert (bench.folder / "mine").read_text() == "old"
    assert (bench.folder / "theirs").read_text() == "edited"


def test_a_folder_stays_for_what_somebody_put_into_it(bench: Bench) -> None:
    before = bench.take()
    (bench.folder / "made").mkdir()
    (bench.folder / "made" / "by the turn").write_text("x")
    after = bench.take()
    (bench.folder / "made" / "by alice").write_text("y")
    there = seen(bench.folder)
    assert bench.undo((before, after)).conflicts == ("made",)
    assert seen(bench.folder) == there
    assert bench.undo((before, after), keep_going=True).conflicts == ("made",)
    assert [path.name for path in (bench.folder / "made").iterdir()] == ["by alice"]


def test_what_somebody_changed_between_two_calls_is_not_passed_over(bench: Bench) -> None:
    file = bench.folder / "file"
    trees = []
    for text in ("old", "call 1", "alice", "call 2"):
        file.write_text(text)
        trees.append(bench.take())
    spans = ((trees[0], trees[1]), (trees[2], trees[3]))
    assert bench.undo(*spans, keep_going=True).conflicts == ("file",)
    assert file.read_text() == "call 2"
    assert bench.undo((trees[2], trees[3])).conflicts == ()
    assert file.read_text() == "alice"


def test_what_could_not_be_looked_at_is_neither_gone_nor_new() -> None:
    with new_bench(Limits(workspace_inodes=10)) as bench:
        many = bench.folder / "many"
        many.mkdir()
        for number in range(100):
            (many / str(number)).touch()
        too_many = bench.take()
        for number in range(95):
            (many / str(number)).unlink()
        few = bench.take()
        # Of what was there all the time the first tree knew nothing.
        assert bench.undo((too_many, few), keep_going=True).restored == ()
        assert len(list(many.iterdir())) == 5
        (many / "added").write_text("x")
        added = bench.take()
        for number in range(95):
            (many / str(number)).touch()
        assert bench.undo((few, added)).conflicts == ("many/added",)


def test_a_socket_cannot_come_back_and_is_a_conflict(bench: Bench) -> None:
    make_socket(bench.folder / "sock")
    before = bench.take()
    (bench.folder / "sock").unlink()
    (bench.folder / "file").write_text("x")
    after = bench.take()
    assert bench.undo((before, after)).conflicts == ("sock",)
    assert bench.undo((before, after), keep_going=True).conflicts == ("sock",)
    assert list(bench.folder.iterdir()) == []


def test_an_undo_that_would_overfill_the_workspace_changes_nothing() -> None:
    with new_bench(Limits(workspace_bytes=100_000)) as bench:
        (bench.folder / "big").write_bytes(b"x" * 60_000)
        before = bench.take()
        (bench.folder / "big").unlink()
        after = bench.take()
        (bench.folder / "other").write_bytes(b"x" * 60_000)
        with pytest.raises(ToolRefused) as refused:
            bench.undo((before, after))
        assert refused.value.code is ToolFault.QUOTA
        assert [path.name for path in bench.folder.iterdir()] == ["other"]


def test_what_is_not_kept_any_more_was_too_long_ago(bench: Bench) -> None:
    (bench.folder / "file").write_text("old")
    before = bench.take()
    (bench.folder / "file").write_text("new")
    after = bench.take()
    bench.checkpoints.keep(ROOM, [after])
    with pytest.raises(CheckpointGone, match="too long ago"):
        bench.undo((before, after))
    assert (bench.folder / "file").read_text() == "new"
