"""A room's workspace for folders that follow it: what stands there is never lost, what is done is told once."""

import asyncio
import fcntl
import gc
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.clock import Clock
from multiplayer.live.workbench import Workbench
from multiplayer.live.workspace_incoming import IncomingContents
from multiplayer.live.workspace_sync import WorkspaceSync
from multiplayer.models.scripted import ScriptedModel
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.workspace_sync import (
    ChangePaths,
    PathChange,
    PathsChanged,
    RemovePath,
    TreeEntry,
    WritePath,
)
from multiplayer.storage.memory import MemoryStorage
from multiplayer.tools.checkpoints.checkpoints import Checkpoint, Checkpoints
from multiplayer.tools.checkpoints.store import open_store
from multiplayer.tools.files.writes import sha256_of, write_bytes
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.workspace import FreeSpace, Workspace, Workspaces
from tests.live.test_storage_faults import FailingStorage
from tests.live.test_workspace_door import Scene, code_of_refusal, scene

OLDER = sha256_of(b"older")


@dataclass
class Follower:
    """Bob's folder elsewhere, as far as the server sees it."""

    at: Scene
    sync: WorkspaceSync

    async def send(self, data: bytes) -> str:
        sha256 = sha256_of(data)
        taken = await self.sync.take(self.at.room_id, self.at.bob.id, sha256, len(data), pieces(data))
        assert (taken.sha256, taken.size) == (sha256, len(data))
        return sha256

    async def change(self, *changes: PathChange) -> PathsChanged:
        return await self.sync.change(self.at.room_id, self.at.bob.id, ChangePaths(changes=changes))

    async def write(self, path: str, data: bytes, expected: bytes | None = None) -> PathsChanged:
        sha256 = await self.send(data)
        return await self.change(
            WritePath(path=path, sha256=sha256, expected=None if expected is None else sha256_of(expected))
        )

    async def entries(self) -> dict[str, TreeEntry]:
        tree = await self.sync.tree(self.at.room_id, self.at.bob.id, None)
        assert tree is not None
        return {entry.path: entry for entry in tree.entries}

    async def read(self, sha256: str, start: int = 0) -> bytes:
        _, stream = await self.sync.content(self.at.room_id, self.at.bob.id, sha256, start)
        return b"".join([piece async for piece in stream])

    async def missing(self, *sha256s: str) -> Sequence[str]:
        return (await self.sync.missing(self.at.room_id, self.at.bob.id, sha256s)).sha256s


def remove(path: str, expected: bytes) -> RemovePath:
    return RemovePath(path=path, expected=sha256_of(expected))


async def pieces(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for begins in range(0, len(data), size):
        yield data[begins : begins + size]


def states(done: PathsChanged) -> list[str]:
    return [outcome.state for outcome in done.outcomes]


@asynccontextmanager
async def following(
    tmp_path: Path, *, storage: MemoryStorage | None = None, model: ScriptedModel | None = None
) -> AsyncIterator[Follower]:
    async with scene(tmp_path, storage=storage, model=model) as at:
        at.folder.mkdir(mode=0o700, parents=True)
        yield Follower(at, at.pod.workspace.sync)


def beside(
    at: Scene,
    root: Path,
    *,
    limits: Limits | None = None,
    checkpoints: Checkpoints | None = None,
    lock_wait_s: float = 10.0,
    clock: Clock | None = None,
) -> Follower:
    """A server's side of its own on the same room."""
    limits = limits or Limits()
    workbench = Workbench(
        Workspaces(at.folder.parent), checkpoints or Checkpoints(root / "c", Limits()), at.pod.storage
    )
    incoming = IncomingContents(root / "i", at.pod.storage, clock or at.pod.clock, limits)
    clock = clock or at.pod.clock
    return Follower(at, WorkspaceSync(workbench, at.pod.directory, incoming, clock, limits, lock_wait_s=lock_wait_s))


def staged(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "workspaces-incoming").rglob("*") if path.is_file())


async def test_a_tree_names_every_file_with_its_checksum_and_says_when_it_is_still_the_same(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        folder = bob.at.folder
        (folder / "docs").mkdir()
        (folder / "docs" / "ä\n.txt").write_bytes(b"hello")
        (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        (folder / "link").symlink_to("/etc/passwd")
        (folder / "empty").mkdir()
        tree = await bob.sync.tree(bob.at.room_id, bob.at.bob.id, None)
        assert tree is not None
        assert tree.entries == (
            TreeEntry(path="docs/ä\n.txt", sha256=sha256_of(b"hello"), size=5),
            TreeEntry(path="link", kind="link"),
            TreeEntry(path="run.sh", sha256=sha256_of(b"#!/bin/sh\n"), size=10, is_executable=True),
        )
        assert tree.left_out == 0
        assert await bob.sync.tree(bob.at.room_id, bob.at.bob.id, tree.tree) is None
        (folder / "run.sh").chmod(0o644)
        again = await bob.sync.tree(bob.at.room_id, bob.at.bob.id, tree.tree)
        assert again is not None
        assert again.tree != tree.tree


async def test_what_cannot_be_said_in_a_tree_is_counted(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        os.mkfifo(bob.at.folder / "fifo")
        (bob.at.folder / "plain").write_bytes(b"x")
        odd = bob.at.folder / os.fsdecode(b"\xff")
        odd.mkdir()
        (odd / "in it").write_bytes(b"x")
        tree = await bob.sync.tree(bob.at.room_id, bob.at.bob.id, None)
        assert tree is not None
        assert [entry.path for entry in tree.entries] == ["plain"]
        assert tree.left_out == 2


async def test_many_paths_are_one_change_of_their_author_with_the_tree_that_is_there_then(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.at.put("old/a.txt", "one\n")
        new = await bob.send(b"two\n")
        done = await bob.change(
            remove("old/a.txt", b"one\n"),
            WritePath(path="new/b.txt", sha256=new),
            WritePath(path="new/copy of a.txt", sha256=sha256_of(b"one\n"), is_executable=True),
        )
        assert states(done) == ["done", "done", "done"]
        assert [outcome.path for outcome in done.outcomes] == ["old/a.txt", "new/b.txt", "new/copy of a.txt"]
        told = await bob.at.alice.expect_type("files_changed", seq=done.change.seq)
        assert (told["actor_id"], told["after"]) == (bob.at.bob.id, done.tree)
        assert {change.path for change in done.change.changes} == {"old/a.txt", "new/b.txt", "new/copy of a.txt"}
        assert bob.at.files() == {"new": "", "new/b.txt": "two\n", "new/copy of a.txt": "one\n"}
        assert await bob.sync.tree(bob.at.room_id, bob.at.alice.id, done.tree) is None
        assert staged(tmp_path) == []
        assert len(bob.at.told()) == 2


async def test_the_same_again_as_when_an_answer_was_lost_is_so_already_and_tells_nobody(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.at.put("gone.txt", "x")
        await bob.send(b"1")
        changes: list[PathChange] = [
            WritePath(path="a", sha256=sha256_of(b"1"), is_executable=True),
            WritePath(path="b/c", sha256=sha256_of(b"1")),
            remove("gone.txt", b"x"),
        ]
        first = await bob.change(*changes)
        again = await bob.change(*changes)
        assert (states(first), states(again)) == (["done"] * 3, ["same"] * 3)
        assert (again.change.seq, again.change.changes, again.tree) == (None, (), first.tree)
        await bob.at.alice.expect_type("files_changed", seq=first.change.seq)
        assert len(bob.at.told()) == 2


def a_file(folder: Path) -> None:
    (folder / "x").write_bytes(b"theirs")


def a_folder(folder: Path) -> None:
    (folder / "x").mkdir()
    (folder / "x" / "in it").write_bytes(b"theirs")


def a_link(folder: Path) -> None:
    (folder / "target").write_bytes(b"mine")
    (folder / "x").symlink_to("target")


def a_link_to_a_folder(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "y").write_bytes(b"mine")
    (folder / "x").symlink_to("real")


def a_link_out(folder: Path) -> None:
    (folder.parent.parent / "outside").mkdir()
    (folder.parent.parent / "outside" / "y").write_bytes(b"mine")
    (folder / "x").symlink_to(folder.parent.parent / "outside")


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "x")


def nothing(_folder: Path) -> None: ...


def two_names(folder: Path) -> None:
    (folder / "x").write_bytes(b"mine")
    (folder / "other name").hardlink_to(folder / "x")


MINE, THEIRS = sha256_of(b"mine"), sha256_of(b"theirs")
NEW = sha256_of(b"new")
IN_THE_WAY: dict[str, tuple[Callable[[Path], None], PathChange, str, str]] = {
    "a new file where one is": (a_file, WritePath(path="x", sha256=NEW), "conflict", THEIRS),
    "over a newer version": (a_file, WritePath(path="x", sha256=NEW, expected=MINE), "conflict", THEIRS),
    "over what was removed": (nothing, WritePath(path="x", sha256=NEW, expected=MINE), "conflict", ""),
    "over a folder": (a_folder, WritePath(path="x", sha256=NEW), "conflict", ""),
    "over a folder that was a file": (a_folder, WritePath(path="x", sha256=NEW, expected=MINE), "conflict", ""),
    "over a link": (a_link, WritePath(path="x", sha256=NEW, expected=MINE), "conflict", ""),
    "over a pipe": (a_pipe, WritePath(path="x", sha256=NEW, expected=MINE), "conflict", ""),
    "below a file": (a_file, WritePath(path="x/y", sha256=NEW), "conflict", ""),
    "through a link": (a_link_to_a_folder, WritePath(path="x/y", sha256=NEW, expected=MINE), "conflict", ""),
    "through a link, new": (a_link_to_a_folder, WritePath(path="x/z/new", sha256=NEW), "conflict", ""),
    "through a link that leads out": (a_link_out, WritePath(path="x/y", sha256=NEW, expected=MINE), "conflict", ""),
    "new through a link that leads out": (a_link_out, WritePath(path="x/z", sha256=NEW), "conflict", ""),
    "remove a newer version": (a_file, RemovePath(path="x", expected=MINE), "conflict", THEIRS),
    "remove a folder": (a_folder, RemovePath(path="x", expected=MINE), "conflict", ""),
    "remove a link": (a_link, RemovePath(path="x", expected=MINE), "conflict", ""),
    "remove through a link": (a_link_to_a_folder, RemovePath(path="x/y", expected=MINE), "conflict", ""),
    "remove through a link that leads out": (a_link_out, RemovePath(path="x/y", expected=MINE), "conflict", ""),
    "remove below a file": (a_file, RemovePath(path="x/y", expected=MINE), "conflict", ""),
    "what has two names": (two_names, WritePath(path="x", sha256=NEW, expected=MINE), "refused", ""),
    "remove what has two names": (two_names, RemovePath(path="x", expected=MINE), "refused", ""),
}


@pytest.mark.parametrize("row", IN_THE_WAY)
async def test_what_else_stands_there_stays_and_is_named_while_the_others_are_done(row: str, tmp_path: Path) -> None:
    prepare, change, state, sha256 = IN_THE_WAY[row]
    async with following(tmp_path) as bob:
        await bob.send(b"new")
        prepare(bob.at.folder)
        before = snapshot(tmp_path)
        done = await bob.change(change, WritePath(path="beside", sha256=NEW))
        assert [(one.path, one.state, one.sha256) for one in done.outcomes] == [
            (change.path, state, sha256),
            ("beside", "done", NEW),
        ]
        assert [one.path for one in done.change.changes] == ["beside"]
        (bob.at.folder / "beside").unlink()
        assert snapshot(tmp_path) == before


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All that lies in the workspaces and beside them, not what the server keeps for itself."""
    found = {}
    for top in (folder / "workspaces", folder / "outside"):
        for path in top.rglob("*"):
            if not {".used", ".naming"} & set(path.parts):
                seen = path.lstat()
                data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                found[str(path.relative_to(folder))] = (seen.st_mode, data)
    return found


@pytest.mark.parametrize(
    "path",
    [
        "../outside", "a/../../outside", "/etc/outside", "a/..", "..", ".", "a//b", "./a", "a/", "a/./b", "nul\0l",
        "back\\slash", ".multiplayer/sync.sqlite", "a/.multiplayer/b", ".Multiplayer/x",
        ".multi\u200bplayer/x", "\uff0emultiplayer/x", "a/.multi\ufe0fplayer", "deep/" * 65 + "x", "n" * 256,
        "ä" * 128, "d/" * 40 + "n" * 1000,
    ],
)  # fmt: skip
async def test_a_path_that_is_none_of_a_workspace_is_refused_by_itself(path: str, tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        sha256 = await bob.send(b"new")
        before = snapshot(tmp_path)
        done = await bob.change(
            WritePath(path=path, sha256=sha256),
            RemovePath(path=path, expected=sha256),
            WritePath(path="fine", sha256=NEW),
        )
        assert states(done) == ["refused", "refused", "done"]
        assert done.outcomes[0].reason
        assert done.outcomes[0].path == path
        (bob.at.folder / "fine").unlink()
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["line\nend", "\x1b[31mred", "ümläut", "%2e%2e", "~", "-rf", "a b", "\u202eback", "\ufeff"]
)
async def test_odd_names_are_names_like_any_other(name: str, tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        assert states(await bob.write(f"{name}/{name}", b"x")) == ["done"]
        assert (await bob.entries())[f"{name}/{name}"].sha256 == sha256_of(b"x")
        assert states(await bob.change(remove(f"{name}/{name}", b"x"))) == ["done"]
        assert bob.at.files() == {}


async def test_removing_the_last_file_removes_the_folders_above_it_but_none_that_holds_something(
    tmp_path: Path,
) -> None:
    async with following(tmp_path) as bob:
        for path in ("a/b/c/1", "a/b/c/2", "a/kept/x"):
            await bob.at.put(path, path)
        (bob.at.folder / "a" / "empty").mkdir()
        done = await bob.change(*(remove(f"a/b/c/{n}", f"a/b/c/{n}".encode()) for n in (1, 2)))
        assert sorted(bob.at.files()) == ["a", "a/empty", "a/kept", "a/kept/x"]
        assert {change.path for change in done.change.changes} == {"a/b/c/1", "a/b/c/2"}
        assert await bob.sync.tree(bob.at.room_id, bob.at.bob.id, done.tree) is None


async def test_a_file_gives_way_to_a_folder_and_a_folder_to_a_file_in_one_request(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.at.put("file", "f")
        await bob.at.put("folder/sub/in", "i")
        sha256 = await bob.send(b"new")
        done = await bob.change(
            WritePath(path="file/now/below", sha256=sha256),
            WritePath(path="folder", sha256=sha256),
            remove("folder/sub/in", b"i"),
            remove("file", b"f"),
        )
        assert states(done) == ["done"] * 4
        assert bob.at.files() == {"file": "", "file/now": "", "file/now/below": "new", "folder": "new"}
        assert await bob.sync.tree(bob.at.room_id, bob.at.bob.id, done.tree) is None


async def test_a_folder_into_which_something_comes_is_not_made_anew(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.at.put("private/old", "o")
        (bob.at.folder / "private").chmod(0o700)
        sha256 = await bob.send(b"new")
        await bob.change(remove("private/old", b"o"), WritePath(path="private/new", sha256=sha256))
        assert (bob.at.folder / "private").stat().st_mode & 0o777 == 0o700
        # What was to come did not: then it is empty.
        left = await bob.change(remove("private/new", b"new"), WritePath(path="private/x", sha256=OLDER))
        assert states(left) == ["done", "missing"]
        assert bob.at.files() == {}


async def test_an_empty_folder_of_which_no_tree_tells_gives_way_to_a_new_file_and_no_other_does(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        for folder in ("build", "other", "outer/inner"):
            (bob.at.folder / folder).mkdir(parents=True)
        assert await bob.entries() == {}
        sha256 = await bob.send(b"x")
        done = await bob.change(
            WritePath(path="build", sha256=sha256),
            WritePath(path="other", sha256=sha256, expected=OLDER),
            WritePath(path="outer", sha256=sha256),
        )
        assert states(done) == ["done", "conflict", "conflict"]
        assert bob.at.files() == {"build": "x", "other": "", "outer": "", "outer/inner": ""}
        assert {change.path for change in done.change.changes} == {"build"}
        # What cannot come leaves the folder where it is.
        assert states(await bob.change(WritePath(path="other", sha256=OLDER))) == ["missing"]
        assert (bob.at.folder / "other").is_dir()


async def test_the_same_content_is_never_a_conflict_and_only_its_bit_is_set(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.write("a", b"x")
        for expected, state in ((None, "done"), (OLDER, "same")):
            wanted = WritePath(path="a", sha256=sha256_of(b"x"), is_executable=True, expected=expected)
            assert states(await bob.change(wanted)) == [state]
        assert (bob.at.folder / "a").stat().st_mode & 0o100


async def test_the_executable_bit_comes_and_goes_with_and_without_new_content(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        one, two = await bob.send(b"1"), await bob.send(b"2")
        file = bob.at.folder / "run"

        async def written(change: WritePath) -> tuple[str, int]:
            return states(await bob.change(change))[0], file.stat().st_mode & 0o777

        assert await written(WritePath(path="run", sha256=one, is_executable=True)) == ("done", 0o755)
        assert await written(WritePath(path="run", sha256=one, expected=one)) == ("done", 0o644)
        assert await written(WritePath(path="run", sha256=one, expected=one)) == ("same", 0o644)
        file.chmod(0o640)
        assert await written(WritePath(path="run", sha256=two, expected=one, is_executable=True)) == ("done", 0o750)
        assert await written(WritePath(path="run", sha256=one, expected=two)) == ("done", 0o640)


async def test_only_what_the_room_does_not_have_is_missing_and_has_to_be_sent(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.at.put("there", "in the room")
        await bob.at.put("there", "newer", "*")
        sent = await bob.send(b"sent")
        there, earlier = sha256_of(b"newer"), sha256_of(b"in the room")
        assert await bob.missing(OLDER, there, sent, earlier, OLDER) == (OLDER,)
        done = await bob.change(
            WritePath(path="a", sha256=OLDER), WritePath(path="b", sha256=earlier), WritePath(path="c", sha256=sent)
        )
        assert states(done) == ["missing", "done", "done"]
        assert bob.at.files() == {"there": "newer", "b": "in the room", "c": "sent"}
        await bob.send(b"older")
        assert states(await bob.change(WritePath(path="a", sha256=OLDER))) == ["done"]


async def test_only_contents_of_files_are_contents_and_folders_as_they_are_kept_are_none(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.write("deep/a", b"x")
        tree = await bob.sync.tree(bob.at.room_id, bob.at.bob.id, None)
        assert tree is not None
        with open_store(bob.sync._root, bob.at.room_id) as store:
            folder = store.read(bytes.fromhex(tree.tree))
        assert await bob.missing(tree.tree, sha256_of(b"x")) == (tree.tree,)
        assert await code_of_refusal(bob.read(tree.tree)) is RefusalCode.NOT_FOUND
        assert states(await bob.change(WritePath(path="b", sha256=tree.tree))) == ["missing"]
        # A file may well be written so, or begin so.
        for number, data in enumerate((folder, folder[: len("folder 1\n")], b"folder 1\nand more")):
            assert states(await bob.write(f"file-{number}", data)) == ["done"]
            assert await bob.read(sha256_of(data)) == data
            assert await bob.missing(sha256_of(data)) == ()
            again = WritePath(path=f"again-{number}", sha256=sha256_of(data))
            assert states(await bob.change(again)) == ["done"]


async def test_those_who_read_in_a_busy_room_leave_threads_for_all_others(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.write("a", b"x")
        sha256, at = sha256_of(b"x"), bob.at
        other = await at.pod.lobby.create_room(at.bob.id, "other", origin="cli")
        lock = os.open(bob.sync._root / at.room_id / "lock", os.O_RDWR)
        # As while a checkpoint of many files is taken.
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with asyncio.TaskGroup() as tasks:
            try:
                reading = [tasks.create_task(bob.read(sha256)) for _ in range(40)]
                asking = [tasks.create_task(bob.missing(sha256)) for _ in range(40)]
                for _ in range(200):
                    await asyncio.sleep(0)  # all of them have come as far as they can
                async with asyncio.timeout(10):
                    missing = await bob.sync.missing(other, at.bob.id, [sha256])
                assert missing.sha256s == (sha256,)
                assert not any(one.done() for one in (*reading, *asking))
            finally:
                os.close(lock)
        assert [one.result() for one in reading] == [b"x"] * 40
        assert [one.result() for one in asking] == [()] * 40
        gc.collect()
        assert not bob.sync._gates, "rooms that nobody reads in are forgotten"


async def test_contents_of_one_room_are_neither_there_nor_told_in_another(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.at.put("secret", "of this room")
        sent = await bob.send(b"sent")
        secret = sha256_of(b"of this room")
        other = await bob.at.pod.lobby.create_room(bob.at.bob.id, "other", origin="cli")
        here = Follower(Scene(bob.at.pod, bob.at.alice, bob.at.bob, other, bob.at.folder.parent / other), bob.sync)
        assert await here.missing(secret, sent) == (secret, sent)
        assert await code_of_refusal(here.read(secret)) is RefusalCode.NOT_FOUND
        assert states(await here.change(WritePath(path="a", sha256=secret))) == ["missing"]
        assert await bob.read(secret) == b"of this room"


@pytest.mark.parametrize("come", [b"", b"other", b"longer than was said", b"lo"], ids=["none", "other", "more", "less"])
async def test_what_comes_and_is_not_what_was_said_is_not_kept(come: bytes, tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        taking = bob.sync.take(bob.at.room_id, bob.at.bob.id, sha256_of(b"local"), 5, pieces(come))
        with pytest.raises(Refused) as refused:
            await taking
        assert refused.value.code is RefusalCode.MALFORMED
        assert staged(tmp_path) == []
        assert await bob.missing(sha256_of(b"local")) == (sha256_of(b"local"),)


async def test_of_what_is_longer_than_was_said_no_more_is_taken(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"xx"
        raise AssertionError("what comes is asked for although it is too long already")

    async with following(tmp_path) as bob:
        with pytest.raises(Refused) as refused:
            await bob.sync.take(bob.at.room_id, bob.at.bob.id, OLDER, 5, endless())
        assert refused.value.code is RefusalCode.MALFORMED
        assert staged(tmp_path) == []


async def test_a_content_that_breaks_off_leaves_nothing_and_no_room_is_lost_to_it(tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        raise ConnectionResetError

    async with following(tmp_path) as at_pod:
        bob = beside(at_pod.at, tmp_path, limits=Limits(workspace_bytes=5 * MIB))
        for _ in range(5):
            with pytest.raises(ConnectionResetError):
                await bob.sync.take(bob.at.room_id, bob.at.bob.id, OLDER, 4 * MIB, breaking())
        assert list((tmp_path / "i").rglob("*.part")) == []
        await bob.send(b"y" * 4 * MIB)


async def test_too_large_a_content_and_more_than_may_wait_are_refused_by_name(tmp_path: Path) -> None:
    limits = Limits(file_bytes=1000, workspace_bytes=2500, workspace_inodes=4)
    async with following(tmp_path) as at_pod:
        bob = beside(at_pod.at, tmp_path, limits=limits)
        assert await code_of_refusal(bob.send(b"x" * 1001)) is RefusalCode.TOO_BIG
        for n in (1, 2):
            await bob.send(bytes([n]) * 1000)
        with pytest.raises(Refused, match="name them in a change first") as refused:
            await bob.send(b"3" * 1000)
        assert refused.value.code is RefusalCode.LIMIT_REACHED
        # The same again takes no more room; and after a restart it is counted all the same.
        await bob.send(b"\1" * 1000)
        bob = beside(at_pod.at, tmp_path, limits=limits)
        assert await code_of_refusal(bob.send(b"3" * 1000)) is RefusalCode.LIMIT_REACHED
        await bob.send(b"4")
        await bob.send(b"5")
        assert await code_of_refusal(bob.send(b"6")) is RefusalCode.LIMIT_REACHED, "four files wait"


async def test_what_waits_is_bounded_for_an_account_and_for_the_server_over_all_rooms(tmp_path: Path) -> None:
    limits = Limits(workspace_bytes=1000, workspace_inodes=10)
    async with following(tmp_path) as at_pod:
        at = at_pod.at
        bob = beside(at, tmp_path, limits=limits)

        async def room() -> RoomId:
            return await at.pod.lobby.create_room(at.bob.id, "another", origin="cli")

        async def send(by: Follower, room_id: RoomId, account_id: AccountId, size: int) -> str:
            data = os.urandom(size)
            await by.sync.incoming.take(room_id, account_id, sha256_of(data), size, pieces(data))
            return sha256_of(data)

        mine, other = await room(), await room()
        first = await send(bob, mine, at.bob.id, 600)
        with pytest.raises(Refused, match="600 bytes in 1 files wait that you sent") as refused:
            await send(bob, other, at.bob.id, 401)
        assert refused.value.code is RefusalCode.LIMIT_REACHED
        # What comes to where it belongs, goes or breaks off leaves room; what it was for does not matter.
        await bob.sync.incoming.remove(mine, [first])
        with pytest.raises(Refused, match="another checksum"):
            await bob.sync.incoming.take(mine, at.bob.id, OLDER, 900, pieces(bytes(900)))
        await send(bob, other, at.bob.id, 1000)
        others = [AccountId(letter * 26) for letter in "XYZW"]
        for account_id in others[:3]:
            await send(bob, await room(), account_id, 1000)
        for by in (bob, beside(at, tmp_path, limits=limits)):
            with pytest.raises(Refused, match="4000 bytes in 4 files wait on this server") as refused:
                await send(by, await room(), others[3], 1)
            assert refused.value.code is RefusalCode.BUSY, "also right after a start"
        left = [path.stat().st_size for path in (tmp_path / "i").rglob("*") if path.is_file()]
        assert left == [1000] * 4, "what was refused has left nothing"


async def test_contents_come_no_more_when_the_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(tmp_path) as bob:
        space = FreeSpace(free_bytes=1000, floor_bytes=500, free_inodes=9, floor_inodes=1)
        monkeypatch.setattr("multiplayer.tools.files.incoming.free_space", lambda _at, _limits: space)
        await bob.send(b"a" * 500)
        with pytest.raises(Refused, match="nearly full") as refused:
            await bob.send(b"b" * 501)
        assert refused.value.code is RefusalCode.UNAVAILABLE
        space = replace(space, free_inodes=0)
        assert await code_of_refusal(bob.send(b"c")) is RefusalCode.UNAVAILABLE
        assert staged(tmp_path) == [sha256_of(b"a" * 500)]
        space = replace(space, free_inodes=1)
        await bob.send(b"c")


async def test_what_a_workspace_cannot_hold_is_refused_and_what_goes_makes_room_for_what_comes(tmp_path: Path) -> None:
    async with following(tmp_path) as at_pod:
        at = at_pod.at
        bob = beside(at, tmp_path, limits=Limits(workspace_bytes=60_000, workspace_inodes=6))
        big, small = b"b" * 30_000, b"s"
        assert states(await bob.write("big", big)) == ["done"]
        other = await bob.send(b"c" * 30_000)
        tiny = await bob.send(small)
        done = await bob.change(WritePath(path="deep/down/big2", sha256=other), WritePath(path="tiny", sha256=tiny))
        assert states(done) == ["refused", "done"]
        assert "the workspace is full" in done.outcomes[0].reason
        assert sorted(at.files()) == ["big", "tiny"], "no folder is left of what did not come"
        done = await bob.change(WritePath(path="big2", sha256=other), remove("big", big))
        assert states(done) == ["done", "done"]
        done = await bob.change(*(WritePath(path=f"{n}", sha256=tiny) for n in range(6)))
        assert states(done) == ["done"] * 4 + ["refused"] * 2, "six names are all there may be"


async def test_files_that_claim_far_more_than_a_workspace_holds_are_not_read(tmp_path: Path) -> None:
    async with following(tmp_path) as at_pod:
        bob = beside(at_pod.at, tmp_path, limits=Limits(workspace_bytes=MIB))
        for name, size in (("a", MIB), ("b", MIB), ("c", MIB), ("d", MIB + 1), ("e", 2**40)):
            (bob.at.folder / name).touch()
            os.truncate(bob.at.folder / name, size)
        zeros = sha256_of(bytes(MIB))
        named = [RemovePath(path=name, expected=OLDER) for name in "aaaabbcde"]
        done = await bob.change(*named)
        assert [one.sha256 for one in done.outcomes] == [zeros] * 6 + [""] * 3
        assert set(states(done)) == {"conflict"}


@pytest.mark.slow
async def test_a_thousand_changes_are_one_event_with_as_many_names_as_an_event_holds(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        contents = [b"%d" % n for n in range(1000)]
        for data in contents:
            await bob.send(data)
        done = await bob.change(
            *(WritePath(path=f"d{n % 10}/{n}", sha256=sha256_of(data)) for n, data in enumerate(contents))
        )
        assert set(states(done)) == {"done"}
        assert (len(done.change.changes), done.change.more) == (200, 800)
        await bob.at.alice.expect_type("files_changed", seq=done.change.seq)
        assert len(bob.at.told()) == 1
        assert {path: entry.sha256 for path, entry in (await bob.entries()).items()} == {
            f"d{n % 10}/{n}": sha256_of(data) for n, data in enumerate(contents)
        }


async def test_each_right_is_that_of_looking_or_of_changing_and_a_guest_has_neither(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        at = bob.at
        sha256 = await bob.send(b"x")
        await bob.change(WritePath(path="a", sha256=sha256))

        async def refusals() -> list[RefusalCode | None]:
            found: list[RefusalCode | None] = []
            for ask in (bob.entries, lambda: bob.read(sha256), lambda: bob.missing(sha256), lambda: bob.send(b"y"),
                        lambda: bob.change(WritePath(path="b", sha256=sha256))):  # fmt: skip
                try:
                    await ask()
                    found.append(None)
                except Refused as refused:
                    found.append(refused.code)
            return found

        forbidden, gone = RefusalCode.FORBIDDEN, RefusalCode.NOT_FOUND
        await at.alice.ask(type="set_role", room_id=at.room_id, account_id=at.bob.id, role="guest")
        assert await refusals() == [forbidden] * 5
        await at.alice.ask(type="set_room_settings", room_id=at.room_id, settings={"guests_see_workspace": True})
        assert await refusals() == [None, None, forbidden, forbidden, forbidden]
        await at.alice.ask(type="set_role", room_id=at.room_id, account_id=at.bob.id, role="member")
        await at.alice.ask(type="archive_room", room_id=at.room_id)
        assert await refusals() == [None, None] + [RefusalCode.ARCHIVED] * 3
        await at.alice.ask(type="archive_room", room_id=at.room_id, is_archived=False)
        await at.alice.ask(type="remove_member", room_id=at.room_id, account_id=at.bob.id)
        assert await refusals() == [gone] * 5
        assert at.files() == {"a": "x"}


async def test_while_a_command_changes_files_nobody_follows_half_of_it_nor_comes_in_between(tmp_path: Path) -> None:
    async with following(tmp_path) as at_pod, asyncio.TaskGroup() as tasks:
        at = at_pod.at
        workbench = Workbench(Workspaces(at.folder.parent), Checkpoints(tmp_path / "c", Limits()), at.pod.storage)
        incoming = IncomingContents(tmp_path / "i", at.pod.storage, at.pod.clock, Limits())
        bob = Follower(at, WorkspaceSync(workbench, at.pod.directory, incoming, at.pod.clock, Limits()))
        hasty = Follower(
            at, WorkspaceSync(workbench, at.pod.directory, incoming, at.pod.clock, Limits(), lock_wait_s=0.01)
        )
        sha256 = await bob.send(b"bob's")
        async with workbench.lock(at.room_id):
            changing = tasks.create_task(bob.change(WritePath(path="x", sha256=sha256)))
            looking = tasks.create_task(bob.entries())
            assert await code_of_refusal(hasty.entries()) is RefusalCode.BUSY
            assert await code_of_refusal(hasty.change(WritePath(path="y", sha256=sha256))) is RefusalCode.BUSY
            (at.folder / "x").write_bytes(b"of the command")
            assert not changing.done()
            assert not looking.done()
        assert states(await changing) == ["conflict"]
        assert (await looking)["x"].sha256 == sha256_of(b"of the command")
        assert at.files() == {"x": "of the command"}


async def test_who_loses_the_right_while_waiting_changes_and_sees_nothing(tmp_path: Path) -> None:
    async with following(tmp_path) as at_pod, asyncio.TaskGroup() as tasks:
        at = at_pod.at
        bob = beside(at, tmp_path)
        sha256 = await bob.send(b"x")
        async with bob.sync._workbench.lock(at.room_id):
            changing = tasks.create_task(code_of_refusal(bob.change(WritePath(path="a", sha256=sha256))))
            looking = tasks.create_task(code_of_refusal(bob.entries()))
            await asyncio.sleep(0)
            await at.alice.ask(type="set_role", room_id=at.room_id, account_id=at.bob.id, role="guest")
        assert (await changing, await looking) == (RefusalCode.FORBIDDEN, RefusalCode.FORBIDDEN)
        assert at.files() == {}


async def test_of_many_who_change_one_path_at_once_one_does_and_the_others_are_told(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        done = await asyncio.gather(*(bob.write("x", b"%d" % n) for n in range(6)))
        winner = next(n for n, one in enumerate(done) if states(one) == ["done"])
        assert bob.at.files() == {"x": str(winner)}
        others = [one.outcomes[0] for n, one in enumerate(done) if n != winner]
        assert {(one.state, one.sha256) for one in others} == {("conflict", sha256_of(b"%d" % winner))}


@pytest.mark.parametrize("fault", ["unavailable", "unknown"])
async def test_what_the_log_does_not_take_is_put_back_and_can_be_asked_again_without_sending(
    fault: str, tmp_path: Path
) -> None:
    storage = FailingStorage()
    async with following(tmp_path, storage=storage) as bob:
        await bob.at.put("folder/kept", "kept")
        await bob.at.alice.expect_type("files_changed")
        sha256 = await bob.send(b"new")
        before = snapshot(tmp_path)
        changes: list[PathChange] = [
            remove("folder/kept", b"kept"),
            WritePath(path="new/file", sha256=sha256),
            WritePath(path="folder/x", sha256=sha256),
        ]
        storage.faults = [fault]
        if fault == "unavailable":
            assert await code_of_refusal(bob.change(*changes)) is RefusalCode.UNAVAILABLE
            assert snapshot(tmp_path) == before
            assert len(bob.at.told()) == 1
        assert states(await bob.change(*changes)) == ["done"] * 3
        assert not storage.faults
        assert bob.at.files() == {"new": "", "new/file": "new", "folder": "", "folder/x": "new"}
        await bob.at.alice.post(bob.at.room_id, "and on")
        await bob.at.alice.expect_type("message_posted")
        assert len(bob.at.told()) == 2


class BesideAJob(Checkpoints):
    """A background job writes a file after each checkpoint."""

    @override
    def take(self, *args: object, **more: object) -> Checkpoint:
        taken = super().take(*args, **more)  # type: ignore[arg-type]  # passed on as it came
        workspace = args[1]
        assert isinstance(workspace, Workspace)
        write_bytes(workspace, f"of-the-job/{taken.tree}", b"x", Limits())
        return taken


async def test_what_a_job_writes_meanwhile_is_not_said_to_be_of_who_synced(tmp_path: Path) -> None:
    async with following(tmp_path) as at_pod:
        bob = beside(at_pod.at, tmp_path, checkpoints=BesideAJob(tmp_path / "jobs", Limits()))
        sha256 = await bob.send(b"x")
        done = await bob.change(WritePath(path="mine/a", sha256=sha256), WritePath(path="mine/b", sha256=sha256))
        assert [change.path for change in done.change.changes] == ["mine/a", "mine/b"]
        # Its tree is what bob knows of: what the job did is not in it, so that he hears of that the next time.
        tree = await bob.sync.tree(bob.at.room_id, bob.at.bob.id, done.tree)
        assert tree is not None
        assert sum(entry.path.startswith("of-the-job/") for entry in tree.entries) == 2


async def test_a_change_that_is_cut_off_by_the_end_of_the_server_is_put_back(tmp_path: Path) -> None:
    async with following(tmp_path) as at_pod:
        at = at_pod.at
        await at.put("old", "old")
        is_done, may_go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        class Telling(Checkpoints):
            """Waits after the checkpoint that sees what was done."""

            @override
            def take(self, *args: object, **more: object) -> Checkpoint:
                taken = super().take(*args, **more)  # type: ignore[arg-type]  # passed on as it came
                if (at.folder / "new").exists() and not may_go_on.is_set():
                    loop.call_soon_threadsafe(is_done.set)
                    assert may_go_on.wait(10)
                return taken

        bob = beside(at, tmp_path, checkpoints=Telling(tmp_path / "c2", Limits()))
        sha256 = await bob.send(b"new")
        async with asyncio.TaskGroup() as tasks:
            changing = tasks.create_task(bob.change(WritePath(path="new", sha256=sha256), remove("old", b"old")))
            await asyncio.wait_for(is_done.wait(), 10)
            changing.cancel()
            may_go_on.set()
        assert changing.cancelled()
        assert at.files() == {"old": "old"}
        assert states(await bob.change(WritePath(path="new", sha256=sha256))) == ["done"]


async def test_what_nobody_names_for_a_day_goes_and_so_does_what_waits_for_a_deleted_room(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    async with following(tmp_path) as at_pod:
        at = at_pod.at
        clock = Clock(now=lambda: now, monotonic_s=at.pod.clock.monotonic_s, new_id=at.pod.clock.new_id)
        bob = beside(at, tmp_path, clock=clock)
        incoming = bob.sync.incoming
        one = await bob.send(b"1")
        now += timedelta(hours=20)
        two = await bob.send(b"2")
        (tmp_path / "i" / at.room_id / ".0123.part").write_bytes(b"broken off")
        await incoming.look()
        assert await bob.missing(one, two) == ()
        now += timedelta(hours=5)
        await incoming.look()
        assert await bob.missing(one, two) == (one,)
        # Whoever comes after a crash finds what waits, and nothing of what was on its way.
        bob = beside(at, tmp_path, clock=clock)
        assert await bob.missing(one, two) == (one,)
        assert [path.name for path in (tmp_path / "i" / at.room_id).iterdir()] == [two]
        await at.alice.ask(type="archive_room", room_id=at.room_id)
        deleted = await at.alice.ask(type="delete_room", room_id=at.room_id)
        assert deleted["type"] == "accepted", deleted
        await bob.sync.incoming.look()
        assert list((tmp_path / "i").iterdir()) == []
        assert bob.sync.incoming._waits._all.files == 0


async def test_a_server_that_runs_clears_up_after_a_room_as_soon_as_it_is_deleted(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        await bob.send(b"1")
        waiting = tmp_path / "workspaces-incoming" / bob.at.room_id
        assert waiting.is_dir()
        await bob.at.alice.ask(type="archive_room", room_id=bob.at.room_id)
        await bob.at.alice.ask(type="delete_room", room_id=bob.at.room_id)
        async with asyncio.timeout(10):
            while waiting.exists():  # noqa: ASYNC110 - a folder tells nobody that it is gone
                await asyncio.sleep(0.01)


async def test_a_content_comes_from_any_place_on_and_of_former_versions_too(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        large = os.urandom(3 * MIB + 17)
        await bob.write("x", large)
        await bob.write("x", b"newer", large)
        for start in (0, 1, MIB, 3 * MIB + 16):
            assert await bob.read(sha256_of(large), start) == large[start:]
        assert await bob.read(sha256_of(b"newer"), 2) == b"wer"
        assert await bob.read((await bob.entries())["x"].sha256) == b"newer"
        for start in (5, 6, 10**15):
            assert await code_of_refusal(bob.read(sha256_of(b"newer"), start)) is RefusalCode.MALFORMED
        await bob.write("empty", b"")
        assert await bob.read(sha256_of(b"")) == b""
        assert await code_of_refusal(bob.read(OLDER)) is RefusalCode.NOT_FOUND


async def test_a_content_that_is_being_read_stays_readable_whatever_is_forgotten_meanwhile(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        large = os.urandom(3 * MIB)
        await bob.write("x", large)
        _, stream = await bob.sync.content(bob.at.room_id, bob.at.bob.id, sha256_of(large))
        first = await anext(aiter(stream))
        await bob.change(remove("x", large))
        checkpoints = bob.sync._workbench.checkpoints
        await asyncio.to_thread(checkpoints.keep, bob.at.room_id, [])
        assert await code_of_refusal(bob.read(sha256_of(large))) is RefusalCode.NOT_FOUND
        assert first + b"".join([piece async for piece in stream]) == large


async def test_bytes_that_the_disk_has_damaged_are_neither_handed_out_nor_written(tmp_path: Path) -> None:
    async with following(tmp_path) as bob:
        small, large = b"s" * 1000, b"l" * 2 * MIB
        await bob.write("small", small)
        await bob.write("large", large)
        await bob.change(remove("small", small), remove("large", large))
        [pack] = (tmp_path / "workspaces-checkpoints" / bob.at.room_id).glob("*.pack")
        data = pack.read_bytes()
        pack.write_bytes(data.replace(small, b"S" + small[1:]).replace(large, large[:-1] + b"L"))
        assert await code_of_refusal(bob.read(sha256_of(small))) is RefusalCode.NOT_FOUND
        with pytest.raises(ConnectionAbortedError):
            await bob.read(sha256_of(large))
        wanted = [WritePath(path=path, sha256=sha256_of(data)) for path, data in (("small", small), ("d/large", large))]
        assert states(await bob.change(*wanted)) == ["missing", "missing"]
        assert bob.at.files() == {}
        # Sent again, what was sent counts.
        await bob.send(large)
        assert states(await bob.change(*wanted[1:])) == ["done"]
        assert (bob.at.folder / "d" / "large").read_bytes() == large
        # What cannot be compared with itself any more cannot be told, and is put back.
        await bob.send(small)
        before = snapshot(tmp_path)
        assert await code_of_refusal(bob.change(*wanted[:1])) is RefusalCode.NOT_FOUND
        assert snapshot(tmp_path) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(line, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"f" * 4096)


@pytest.mark.slow
async def test_on_a_full_disk_a_change_is_refused_before_it_begins_and_nothing_is_lost(small_disk: Path) -> None:
    old, new = os.urandom(MIB), os.urandom(2 * MIB)
    async with following(small_disk) as bob:
        assert states(await bob.write("kept", old)) == ["done"]
        assert await code_of_refusal(bob.send(os.urandom(7 * MIB))) is RefusalCode.UNAVAILABLE
        assert staged(small_disk) == []
        sha256 = await bob.send(new)
        # For it there would be room, but not for its checkpoint.
        done = await bob.change(
            WritePath(path="d/new", sha256=sha256), WritePath(path="kept", sha256=sha256, expected=sha256_of(old))
        )
        assert states(done) == ["refused", "refused"]
        assert "disk" in done.outcomes[0].reason
        assert (bob.at.folder / "kept").read_bytes() == old
        assert [path.name for path in bob.at.folder.iterdir()] == ["kept"]
        tiny = await bob.write("tiny", b"t")
        assert states(tiny) == ["done"]
        assert await bob.missing(sha256) == (), "it waits for another try"


@pytest.mark.slow
async def test_a_disk_that_is_filled_by_others_in_the_middle_costs_no_content(small_disk: Path) -> None:
    old, new = os.urandom(MIB), os.urandom(MIB)

    class Filled(Checkpoints):
        @override
        def take(self, *args: object, **more: object) -> Checkpoint:
            if (bob.at.folder / "new").exists():
                fill(small_disk)
            return super().take(*args, **more)  # type: ignore[arg-type]  # passed on as it came

    async with following(small_disk) as at_pod:
        bob = beside(at_pod.at, small_disk, checkpoints=Filled(small_disk / "c", Limits()))
        await bob.write("kept", old)
        sha256 = await bob.send(new)
        changing = bob.change(
            WritePath(path="new", sha256=sha256), WritePath(path="kept", sha256=sha256, expected=sha256_of(old))
        )
        assert await code_of_refusal(changing) is RefusalCode.UNAVAILABLE
        (small_disk / "filler").unlink()
        (bob.at.folder / "new").unlink(missing_ok=True)
        assert await bob.read(sha256_of(old)) == old
        assert await bob.missing(sha256) == ()
