"""Archiving an idle workspace: all of it comes back, at whatever moment the server died, and nobody's is taken away."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.idle import archive, idle_rooms
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.workspace import Workspaces
from tests.support.tree_play import make_socket, seen

ROOM = RoomId("01J00000000000000000000000")
OTHER = RoomId("01J00000000000000000000001")
_STEPS = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "open"})


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces")


def opened(workspaces: Workspaces) -> Path:
    """Open and close it; returns its folder."""
    workspaces.open(ROOM, 7).close()
    return workspaces.root / ROOM


def fill(folder: Path) -> None:
    (folder / "sub" / "below").mkdir(parents=True)
    (folder / "sub" / "file").write_bytes(os.urandom(3 * MIB))
    (folder / "sub" / "second name").hardlink_to(folder / "sub" / "file")
    (folder / "sub").chmod(0o555)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o751)
    os.utime(folder / "run.sh", (1_000_000, 1_000_000))
    os.mkfifo(folder / "fifo")
    odd = os.fsencode(folder) + b"/\xff\n\\" + b"n" * 150
    Path(os.fsdecode(odd)).write_text("odd")


def entries(workspaces: Workspaces) -> set[str]:
    return {
        path.name for path in workspaces.root.iterdir() if not path.name.startswith((".used", ".naming", ".archiving"))
    }


def test_an_archived_workspace_is_there_again_when_it_is_opened(workspaces: Workspaces) -> None:
    folder = opened(workspaces)
    fill(folder)
    before = seen(folder)
    assert archive(workspaces, ROOM)
    assert entries(workspaces) == {f"{ROOM}.tar.gz"}
    assert (workspaces.root / f"{ROOM}.tar.gz").stat().st_mode & 0o777 == 0o600
    with closing(workspaces.open(ROOM, 7)) as workspace:
        assert entries(workspaces) == {ROOM}
        assert seen(folder) == before
        assert (folder / "sub" / "file").samefile(folder / "sub" / "second name")
        assert (folder / "run.sh").stat().st_mtime == 1_000_000
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                assert path.lstat().st_uid == path.lstat().st_gid == workspace.uid


def test_what_anybody_has_open_is_not_archived(workspaces: Workspaces) -> None:
    with closing(workspaces.open(ROOM, 7)) as workspace:
        copy = os.dup(workspace.fd)
        assert not archive(workspaces, ROOM)
    assert not archive(workspaces, ROOM), "a background job holds a copy of the descriptor"
    os.close(copy)
    assert archive(workspaces, ROOM)
    assert not archive(workspaces, ROOM), "it is archived already"


@pytest.mark.parametrize("what", ["a huge sparse file", "too deep folders", "too many files"])
def test_what_cannot_be_packed_whole_stays_as_it_is(workspaces: Workspaces, what: str) -> None:
    folder = opened(workspaces)
    limits = Limits(workspace_inodes=100)
    match what:
        case "a huge sparse file":
            with (folder / "huge").open("wb") as file:
                file.truncate(2**40)
        case "too deep folders":
            (folder / "/".join("d" * 70)).mkdir(parents=True)
        case _:
            for number in range(300):
                (folder / str(number)).touch()
    before = len(seen(folder)) if what != "a huge sparse file" else 1
    assert not archive(workspaces, ROOM, limits)
    assert entries(workspaces) == {ROOM}
    assert len(list(folder.rglob("*"))) == before


def test_a_socket_that_nobody_listens_on_is_all_that_is_left_out(workspaces: Workspaces) -> None:
    folder = opened(workspaces)
    make_socket(folder / "sock")
    (folder / "file").write_text("x")
    assert archive(workspaces, ROOM)
    assert [path.name for path in opened(workspaces).iterdir()] == ["file"]


def test_a_damaged_archive_is_said_and_kept(workspaces: Workspaces) -> None:
    fill(opened(workspaces))
    assert archive(workspaces, ROOM)
    packed = workspaces.root / f"{ROOM}.tar.gz"
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(OSError, match="damaged"):
            workspaces.open(ROOM, 7)
    packed.write_bytes(whole)
    assert (opened(workspaces) / "run.sh").exists()


def test_rooms_are_idle_by_when_they_were_last_opened_not_by_what_a_command_can_set(workspaces: Workspaces) -> None:
    assert idle_rooms(workspaces, 60, 0) == []
    folder = opened(workspaces)
    workspaces.open(OTHER, 8).close()
    os.utime(folder, (2**31, 2**31))
    now = (workspaces.root / ".used" / ROOM).stat().st_mtime
    os.utime(workspaces.root / ".used" / OTHER, (now - 100, now - 100))
    assert idle_rooms(workspaces, 60, now) == [OTHER]
    assert idle_rooms(workspaces, 60, now + 61) == [ROOM, OTHER]
    assert archive(workspaces, OTHER)
    assert idle_rooms(workspaces, 60, now + 61) == [ROOM]


@pytest.mark.slow
def test_many_who_open_while_it_is_archived_all_get_the_whole_of_it(workspaces: Workspaces) -> None:
    folder = opened(workspaces)
    for number in range(50):
        (folder / str(number)).write_text(str(number))
    done = threading.Event()
    archived = 0

    def keep_archiving() -> None:
        nonlocal archived
        while not done.is_set():
            archived += archive(workspaces, ROOM)

    def use(user: int) -> int:
        for turn in range(6):
            with closing(workspaces.open(ROOM, 7)):
                assert len(list(folder.glob("[0-9]*"))) == 50
                (folder / f"by {user} in {turn}").write_text("x")
        return user

    archiving = threading.Thread(target=keep_archiving)
    archiving.start()
    try:
        with ThreadPoolExecutor(3) as users:
            assert list(users.map(use, range(3))) == [0, 1, 2]
    finally:
        done.set()
        archiving.join(timeout=30)
    assert archived > 0
    assert len(list(opened(workspaces).glob("by *"))) == 18


_CHILD = """
import os, sys
from pathlib import Path
from multiplayer.tools.checkpoints.idle import archive
from multiplayer.tools.workspace import Workspaces
steps, room, root = frozenset(sys.argv[3].split()), sys.argv[2], Path(sys.argv[1])
left = 0
def count(event, _):
    global left
    if event in steps:
        left -= 1
        if left == 0:
            os._exit(9)
sys.addaudithook(count)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        verb, left = line.split()[0], int(line.split()[1])
        if verb == "archive":
            archive(Workspaces(root), room)
        else:
            Workspaces(root).open(room, 7).close()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["archive", "open"])
def test_a_server_killed_at_any_step_of_it_loses_nothing(workspaces: Workspaces, verb: str) -> None:
    folder = opened(workspaces)
    (folder / "sub").mkdir()
    for path in (folder / "a", folder / "sub" / "b"):
        path.write_text(path.name)
    before = seen(folder)
    argv = [sys.executable, "-c", _CHILD, str(workspaces.root), ROOM, " ".join(_STEPS)]
    step, status = 0, "9"
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        while status == "9" and step < 200:
            step += 1
            if verb == "open":
                assert archive(workspaces, ROOM)
            server.stdin.write(f"{verb} {step}\n")
            server.stdin.flush()
            status = server.stdout.readline().strip()
            opened(workspaces)
            assert seen(folder) == before, f"killed at step {step}"
        server.stdin.close()
    assert step > 15
    assert status == "0"
    assert archive(workspaces, ROOM)
    opened(workspaces)
    assert entries(workspaces) == {ROOM}


def test_an_old_archive_beside_a_folder_is_the_one_that_does_not_count(workspaces: Workspaces) -> None:
    folder = opened(workspaces)
    (folder / "file").write_text("old")
    assert archive(workspaces, ROOM)
    kept = (workspaces.root / f"{ROOM}.tar.gz").read_bytes()
    (opened(workspaces) / "file").write_text("new")
    (workspaces.root / f"{ROOM}.tar.gz").write_bytes(kept)
    assert (opened(workspaces) / "file").read_text() == "new"
    shutil.rmtree(folder)
    assert list(opened(workspaces).iterdir()) == []
