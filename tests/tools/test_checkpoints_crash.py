"""Undoing while others swap what is there, and after the server died at any step of it."""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.checkpoint_bench import IN_MEMORY, ROOM, Bench, new_bench
from tests.support.tree_play import seen


@pytest.fixture
def bench() -> Iterator[Bench]:
    with new_bench() as bench:
        yield bench


# Races: others swap what is there while it is scanned and put back.


@pytest.mark.slow
def test_names_swapped_for_links_and_fifos_lead_nowhere(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    # Outside it looks as the turn left it inside: over a link it would be put back, and removed, all the same.
    (outside / "file").write_text("new")
    (outside / "more").write_text("more")
    (outside / "secret").write_text("canary")
    there = seen(outside)
    for name in ("a", "b"):
        (bench.folder / name).mkdir()
        (bench.folder / name / "file").write_text("old")
    before = bench.take()
    for name in ("a", "b"):
        (bench.folder / name / "file").write_text("new")
        (bench.folder / name / "more").write_text("more")
    after = bench.take()
    spare = bench.folder / "spare"
    done, rounds = threading.Event(), 0
    a, file = bench.folder / "a", bench.folder / "b" / "file"
    swaps: list[Callable[[], object]] = [
        partial(a.rename, spare),
        partial(a.symlink_to, outside),
        a.unlink,
        partial(spare.rename, a),
        file.unlink,
        partial(os.mkfifo, file),
        file.unlink,
        partial(file.symlink_to, outside / "file"),
        file.unlink,
        partial(file.write_text, "new"),
    ]

    def swap() -> None:
        nonlocal rounds
        while not done.is_set():
            rounds += 1
            for act in swaps:
                with suppress(OSError):
                    act()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        taken = set()
        for _ in range(150):
            taken.add(bench.take())
            bench.undo((before, after), keep_going=True)
            assert seen(outside) == there
            (bench.folder / "b" / "more").write_text("more")
    finally:
        done.set()
        swapper.join(timeout=10)
    assert rounds > 20
    assert len(taken) > 5, "the race never showed: this proves nothing"
    for tree in taken:
        for change in bench.checkpoints.changes(ROOM, before, tree):
            assert b"canary" not in bench.checkpoints.diff(ROOM, change.path, before, tree, 10_000).encode()
    assert [entry.name for entry in bench.workspaces.root.iterdir() if "undo" in entry.name] == []


# Crashes: a child process ends, as if killed, at each step of an undo in turn.

_STEPS = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.truncate", "open"})


def _in_a_child(work: Callable[[], None], uid: int | None) -> int:
    """Run `work` in a forked process, as `uid`; returns its exit status."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it was: it must not go on as a second test run
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _at_step(step: int, act: Callable[[], object]) -> Callable[[], bool]:
    """Do `act` right before a step; returns what tells whether it was done. Only in a child: hooks stay for ever."""
    left = step

    def count(event: str, _: tuple[object, ...]) -> None:
        nonlocal left
        if event in _STEPS:
            left -= 1
            if left == -1:
                act()

    sys.addaudithook(count)
    return lambda: left < 0


def _before(folder: Path) -> None:
    (folder / "becomes a folder").write_text("file")
    (folder / "becomes a file").mkdir()
    (folder / "becomes a file" / "x").write_text("x")
    (folder / "closed").mkdir()
    (folder / "closed" / "kept").write_text("kept")
    (folder / "closed" / "changed").write_text("old")
    (folder / "closed").chmod(0o555)
    (folder / "gone").mkdir()
    (folder / "gone" / "y").write_text("y")
    (folder / "gone").chmod(0o500)


def _turn(folder: Path) -> None:
    (folder / "becomes a folder").unlink()
    (folder / "becomes a folder").mkdir()
    (folder / "becomes a folder" / "z").write_text("z")
    shutil.rmtree(folder / "becomes a file")
    (folder / "becomes a file").write_text("file")
    (folder / "closed").chmod(0o755)
    (folder / "closed" / "changed").write_text("new")
    (folder / "closed" / "added").write_text("added")
    (folder / "closed").chmod(0o555)
    (folder / "gone").chmod(0o700)
    shutil.rmtree(folder / "gone")


@pytest.mark.slow
@pytest.mark.parametrize("who", ["the server's user", "a plain user"])
def test_an_undo_killed_at_any_step_goes_on_to_the_same_end(who: str) -> None:
    uid = None
    if who == "a plain user":
        if os.geteuid() != 0:
            pytest.skip("we are a plain user: the other case is this one")
        uid = 54_321
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as above:
        Path(above).chmod(0o711)
        data = Path(above) / "data"
        data.mkdir()
        if uid is not None:
            os.chown(data, uid, uid)
        trees = data / "trees"

        def prepare() -> None:
            for folder in data.iterdir():
                for path in (folder, *folder.rglob("*")):
                    if path.is_dir():
                        path.chmod(0o700)
                if folder.is_dir():
                    shutil.rmtree(folder)
            bench = Bench(data)
            _before(bench.folder)
            before = bench.take()
            _turn(bench.folder)
            trees.write_text(f"{before} {bench.take()}")

        def undo(step: int | None) -> None:
            bench = Bench(data)
            before, after = trees.read_text().split()
            if step is not None:
                _at_step(step, lambda: os._exit(9))
            undone = bench.undo((before, after))
            assert (undone.tree, undone.conflicts) == (before, ())

        there = None
        killed = 0
        for step in range(500):
            assert _in_a_child(prepare, uid) == 0
            status = _in_a_child(lambda step=step: undo(step), uid)  # type: ignore[misc]  # the default binds the step
            assert status in {0, 9}
            if status == 0:
                break
            killed += 1
            assert _in_a_child(lambda: undo(None), uid) == 0, f"killed at step {step}"
            found = seen(data / "workspaces" / ROOM)
            assert there is None or found == there
            there = found
            assert found[b"closed"][1] == 0o555
            assert found[b"gone/y"][2] == b"y"
            assert not list((data / "workspaces").glob(".undo-*"))
        assert killed > 30


@pytest.mark.slow
@pytest.mark.parametrize("swapped", ["a folder for a link", "a file for a link", "a file for a FIFO"])
def test_whatever_is_swapped_at_any_step_nothing_outside_is_read_or_touched(swapped: str) -> None:
    with new_bench() as bench:
        outside = bench.workspaces.root.parent / "outside"
        outside.mkdir()
        # It looks as the turn left it inside: over a link it would be put back, and removed, all the same.
        for name, text in (("file", "new"), ("more", "more"), ("secret", "canary")):
            (outside / name).write_text(text)
        there = seen(outside)
        inside = bench.folder / "a"
        inside.mkdir()
        (inside / "file").write_text("old")
        before = bench.take()
        (inside / "file").write_text("new")
        (inside / "more").write_text("more")
        after = bench.take()

        def swap() -> None:
            if swapped == "a folder for a link":
                inside.rename(bench.folder / "spare")
                inside.symlink_to(outside)
                return
            (inside / "file").unlink(missing_ok=True)
            if swapped == "a file for a link":
                (inside / "file").symlink_to(outside / "secret")
            else:
                os.mkfifo(inside / "file")

        def turn_and_undo(step: int) -> None:
            is_swapped = _at_step(step, swap)
            tree = bench.checkpoints.take(ROOM, bench.workspace, reads_all=True).tree
            undone = bench.undo((before, after), keep_going=True)
            for found in (tree, undone.before, undone.tree):
                for change in bench.checkpoints.changes(ROOM, before, found):
                    assert "canary" not in bench.checkpoints.diff(ROOM, change.path, before, found, 10_000)
            os._exit(0 if is_swapped() else 3)

        steps = 0
        while True:
            shutil.rmtree(bench.folder)
            bench.folder.mkdir(0o700)
            bench.workspace.close()
            bench.workspace = bench.workspaces.open(ROOM, 7)
            inside.mkdir()
            (inside / "file").write_text("new")
            (inside / "more").write_text("more")
            status = _in_a_child(partial(turn_and_undo, steps), None)
            assert status in {0, 3}, f"swapped at step {steps}"
            assert seen(outside) == there, f"swapped at step {steps}"
            if status == 3:
                break
            steps += 1
        assert steps > 25
