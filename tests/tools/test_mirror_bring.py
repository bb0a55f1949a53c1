"""Bringing a workspace to what another pod has: on a real disk, cut off anywhere, and done again."""

import errno
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints import transfer
from multiplayer.tools.checkpoints.checkpoints import Brought, Checkpoints
from multiplayer.tools.checkpoints.merging import Naming
from multiplayer.tools.checkpoints.restore import Restorer
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.transfer import Common
from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspaces
from tests.support.checkpoint_bench import ROOM, Bench, new_bench
from tests.support.tree_play import Act, Seen, acts, do, seen
from tests.tools.test_mirror_merging import AT

NAMING = Naming("one", "two", AT)


class Other:
    """The same room's workspace on another pod; both put their trees into one store."""

    def __init__(self, data: Path, checkpoints: Checkpoints) -> None:
        self.workspaces = Workspaces(data / "other")
        self.workspace = self.workspaces.open(ROOM, 7)
        self.folder = data / "other" / ROOM
        self._checkpoints = checkpoints

    def take(self) -> str:
        return self._checkpoints.take(ROOM, self.workspace).tree


def other_of(bench: Bench) -> Other:
    return Other(bench.workspaces.root.parent, bench.checkpoints)


def bring(bench: Bench, base: str, theirs: str) -> Brought:
    return bench.checkpoints.bring(ROOM, bench.workspace, base, theirs, NAMING)


def contents(there: Seen) -> set[tuple[str, bytes]]:
    return {(kind, data) for kind, _, data in there.values() if kind in "-l"}


def without_sockets(there: Seen) -> Seen:
    return {path: one for path, one in there.items() if one[0] != "s"}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(acts, acts, acts)
def test_two_workspaces_that_went_apart_are_one_again_and_nothing_is_lost(
    first: list[Act], here: list[Act], there: list[Act]
) -> None:
    with new_bench() as bench:
        other = other_of(bench)
        try:
            for folder in (bench.folder, other.folder):
                do(folder, first)
            base = bench.take()
            was = contents(seen(bench.folder))
            do(bench.folder, here)
            do(other.folder, there)
            ours, theirs = contents(seen(bench.folder)), contents(seen(other.folder))
            brought = bring(bench, base, other.take())
            assert brought.late == ()
            assert brought.tree == bench.take()
            assert contents(seen(bench.folder)) >= (ours | theirs) - was
            # The other one takes the outcome as it is.
            back = bench.checkpoints.bring(ROOM, other.workspace, other.take(), brought.tree, NAMING)
            assert (back.tree, back.copies) == (brought.tree, ())
            assert seen(other.folder) == seen(bench.folder)
        finally:
            other.workspace.close()


class Died(Exception):  # noqa: N818 - it names what happened
    pass


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(acts, acts, acts, st.integers(1, 12))
def test_cut_off_anywhere_and_done_again_it_comes_to_the_same_and_loses_nothing(
    first: list[Act], here: list[Act], there: list[Act], steps: int
) -> None:
    with new_bench() as bench, pytest.MonkeyPatch.context() as patched:
        other = other_of(bench)
        try:
            for folder in (bench.folder, other.folder):
                do(folder, first)
            base = bench.take()
            was = contents(seen(bench.folder))
            do(bench.folder, here)
            do(other.folder, there)
            ours, theirs = contents(seen(bench.folder)), contents(seen(other.folder))
            target = other.take()
            left = [steps]

            def dying(name: str) -> None:
                real = getattr(Restorer, name)

                def step(*args: object) -> object:
                    left[0] -= 1
                    if left[0] == 0:
                        raise Died
                    return real(*args)

                patched.setattr(Restorer, name, step)

            for name in ("_place", "_take_away", "_set_mode"):
                dying(name)
            try:
                bring(bench, base, target)
            except Died:
                assert contents(seen(bench.folder)) >= ours - was, "what was changed here lies here at each moment"
            left[0] = 0
            brought = bring(bench, base, target)
            assert brought.late == ()
            assert contents(seen(bench.folder)) >= (ours | theirs) - was
        finally:
            other.workspace.close()


@pytest.mark.parametrize("steps", range(1, 6))
def test_what_both_changed_lies_here_twice_before_either_is_replaced(steps: int) -> None:
    with new_bench() as bench, pytest.MonkeyPatch.context() as patched:
        other = other_of(bench)
        try:
            names = ("a.txt", "d/z.txt")
            for folder in (bench.folder, other.folder):
                (folder / "d").mkdir()
                for name in names:
                    (folder / name).write_text("base")
            base = bench.take()
            for name in names:
                (bench.folder / name).write_text(f"ours of {name}")
                (other.folder / name).write_text(f"theirs of {name}")
            target, place, left = other.take(), Restorer._place, [steps]

            def dying(*args: object) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise Died
                place(*args)  # type: ignore[arg-type]  # as it was called

            patched.setattr(Restorer, "_place", dying)
            ours = {("-", f"ours of {name}".encode()) for name in names}
            with suppress(Died):
                bring(bench, base, target)
            assert contents(seen(bench.folder)) >= ours
            left[0] = 0
            bring(bench, base, target)
            assert contents(seen(bench.folder)) == ours | {("-", f"theirs of {name}".encode()) for name in names}
            assert len(seen(bench.folder)) == 5, "each is there once"
        finally:
            other.workspace.close()


def test_what_is_over_the_limits_there_may_be_so_here_and_not_more() -> None:
    with new_bench(Limits(workspace_bytes=1_000)) as bench:
        other = other_of(bench)
        try:
            for name in "ab":
                (other.folder / name).write_bytes(b"x" * 700)
            theirs = other.take()
            assert bring(bench, "", theirs).tree == theirs
            for name in "ab":
                (bench.folder / name).write_bytes(b"y" * 700)
            with pytest.raises(ToolRefused) as refused:
                bring(bench, "", theirs)
            assert refused.value.code is ToolFault.QUOTA
            assert {path.name: path.read_bytes()[:1] for path in bench.folder.iterdir()} == {"a": b"y", "b": b"y"}
        finally:
            other.workspace.close()


def test_a_tree_that_is_not_kept_is_never_taken_for_an_empty_one() -> None:
    with new_bench() as bench:
        (bench.folder / "a").write_text("a")
        with pytest.raises(CheckpointGone):
            bring(bench, bench.take(), "0" * 64)
        assert (bench.folder / "a").read_text() == "a"


def test_the_tree_that_both_have_is_kept_however_full_the_store_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    try:
        bench.checkpoints._most_bytes = 300_000
        (bench.folder / "base").write_bytes(bytes(range(256)) * 400)
        base = bench.take()
        transfer.note_common(bench.checkpoints.root, ROOM, Common(7, base))
        for number in range(12):
            (bench.folder / "base").write_bytes(bytes([number]) + bytes(range(256)) * 400)
            bench.take()
        assert transfer.common(bench.checkpoints.root, ROOM) == Common(7, base)
        assert bench.checkpoints.content(ROOM, base, "base", 1_000_000) == bytes(range(256)) * 400
        assert bench.checkpoints.sweep(ROOM) <= 500_000, "others were forgotten"
    finally:
        bench.workspace.close()


def test_a_store_whose_index_is_damaged_has_forgotten_what_both_have_but_not_that_something_is_unsent(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    try:
        root = bench.checkpoints.root
        transfer.note_common(root, ROOM, Common(3, bench.take()))
        transfer.mark(root, ROOM, transfer.UNSENT)
        (root / ROOM / "index.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 100)
        assert transfer.common(root, ROOM) == Common()
        assert transfer.unsent_rooms(root, [ROOM]) == [ROOM]
        assert transfer.common(root, RoomId("01J00000000000000000000001")) == Common()
        assert not (root / "01J00000000000000000000001").exists()
    finally:
        bench.workspace.close()


@pytest.mark.parametrize("data", [b"", b"folder 1\n" + b"x" * 7, b"<html>", b"folder 1\nf"])
def test_what_is_no_folder_is_not_read_as_one(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a folder"):
        transfer.named_in(data)


def test_a_full_disk_while_it_is_brought_leaves_a_workspace_that_is_brought_later() -> None:
    with new_bench() as bench, pytest.MonkeyPatch.context() as patched:
        other = other_of(bench)
        try:
            for name in "abc":
                (other.folder / name).write_text(name)
            theirs = other.take()
            place = Restorer._place
            left = [2]

            def full(*args: object) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                place(*args)  # type: ignore[arg-type]  # as it was called

            patched.setattr(Restorer, "_place", full)
            with pytest.raises(OSError, match="No space"):
                bring(bench, "", theirs)
            left[0] = 100
            assert bring(bench, "", theirs).tree == theirs
        finally:
            other.workspace.close()
