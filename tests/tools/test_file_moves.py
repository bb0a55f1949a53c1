"""Moving and deleting: never over something, over no link, whole trees, and no more than what was allowed."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.files.moves import delete
from multiplayer.tools.files.renames import rename_no_replace, rename_no_replace_in_steps
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import ReadyCall
from tests.support.file_room import FileRoom, NotingGate, file_room, open_descriptors


@pytest.fixture
def room(tmp_path: Path) -> Iterator[FileRoom]:
    with file_room(tmp_path) as made:
        yield made


async def test_files_and_folders_move_and_their_new_folders_are_made(room: FileRoom) -> None:
    room.put("a/f", "text")
    assert await room.text("move_file", source="a/f", destination="b/c/g") == "moved a/f to b/c/g"
    assert await room.text("move_file", source="b", destination="a/d") == "moved b to a/d"
    assert room.names() == ["a", "a/d", "a/d/c", "a/d/c/g"]
    assert (room.folder / "a/d/c/g").read_text() == "text"


async def test_nothing_is_moved_over_something(room: FileRoom) -> None:
    for name in ("f", "g", "d/x", "e/y"):
        room.put(name, name)
    (room.folder / "empty").mkdir()
    (room.folder / "dangling").symlink_to("nowhere")
    for source, destination in (
        ("f", "g"),
        ("f", "d"),
        ("d", "e"),
        ("d", "empty"),
        ("d", "f"),
        ("f", "dangling"),
        ("f", "f"),
    ):
        assert await room.code("move_file", source=source, destination=destination) == "exists", (source, destination)
    assert [room.put(name, (room.folder / name).read_bytes()).read_text() for name in ("f", "g", "d/x", "e/y")] == [
        "f",
        "g",
        "d/x",
        "e/y",
    ]


async def test_what_cannot_be_moved_says_why(room: FileRoom, tmp_path: Path) -> None:
    room.put("d/f", "x")
    (tmp_path / "outside").mkdir()
    (room.folder / "link").symlink_to(tmp_path / "outside")
    room.put("one", "x").chmod(0o644)
    (room.folder / "two").hardlink_to(room.folder / "one")
    os.mkfifo(room.folder / "fifo")
    for source, destination, code in (
        ("d", "d/e/f", "bad_arguments"),
        ("none", "x", "not_found"),
        ("link", "x", "outside"),
        ("d/f", "link/f", "outside"),
        ("link/f", "x", "outside"),
        ("two", "x", "hard_link"),
        ("fifo", "x", "wrong_kind"),
        ("d/f", "one/f", "wrong_kind"),
    ):
        assert await room.code("move_file", source=source, destination=destination) == code, (source, destination)
    assert not any((tmp_path / "outside").iterdir())
    assert room.names() == ["d", "d/f", "fifo", "link", "one", "two"], "no folder was made for a move that failed"


@pytest.mark.parametrize("rename", [rename_no_replace, rename_no_replace_in_steps])
def test_a_rename_without_replacing_works_with_and_without_the_kernel_s_help(room: FileRoom, rename: object) -> None:
    assert rename in {rename_no_replace, rename_no_replace_in_steps}
    call = rename_no_replace if rename is rename_no_replace else rename_no_replace_in_steps
    fd = room.workspace.fd
    room.put("f", "f")
    room.put("d/x", "x")
    (room.folder / "empty").mkdir()
    for source, destination in (("f", "d"), ("d", "f"), ("d", "empty")):
        with pytest.raises(FileExistsError):
            call(fd, source, fd, destination)
    call(fd, "f", fd, "g")
    call(fd, "d", fd, "e")
    assert room.names() == ["e", "e/x", "empty", "g"]
    with pytest.raises(FileNotFoundError):
        call(fd, "none", fd, "h")
    assert room.names() == ["e", "e/x", "empty", "g"]


async def test_files_links_and_trees_are_deleted_and_nothing_behind_a_link(room: FileRoom, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("canary")
    room.put("f", "x")
    room.put("tree/a/b", "x")
    (room.folder / "tree/link").symlink_to(outside)
    (room.folder / "tree/a/hard").hardlink_to(outside / "canary")
    os.mkfifo(room.folder / "tree/fifo")
    (room.folder / "link").symlink_to(outside)
    assert await room.text("delete_file", path="f") == "deleted f"
    assert await room.code("delete_file", path="link/canary") == "outside"
    assert await room.text("delete_file", path="link") == "deleted link"
    assert await room.text("delete_file", path="tree") == "deleted tree: 4 files in 2 folders"
    assert room.names() == []
    assert (outside / "canary").read_text() == "canary"
    assert (outside / "canary").stat().st_nlink == 1


async def test_a_socket_is_deleted_as_a_file_is(room: FileRoom) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"/proc/self/fd/{room.workspace.fd}/s")  # the whole path may be too long for an address
        assert await room.text("delete_file", path="s") == "deleted s"


@pytest.mark.parametrize(
    ("files", "tool_class"), [(1, ToolClass.WRITE), (20, ToolClass.WRITE), (21, ToolClass.SENSITIVE_WRITE)]
)
async def test_to_delete_more_than_twenty_files_is_a_sensitive_write(
    room: FileRoom, files: int, tool_class: ToolClass
) -> None:
    gate = room.gate = NotingGate()
    for number in range(files):
        room.put(f"d/{number % 3}/{number}", "")
    assert (await room.text("delete_file", path="d")).startswith(f"deleted d: {files} file")
    assert [call.tool_class for call in gate.started] == [tool_class]


async def test_what_cannot_be_counted_or_holds_a_repository_is_a_sensitive_write(room: FileRoom) -> None:
    gate = room.gate = NotingGate()
    for number in range(250):
        (room.folder / "folders" / str(number)).mkdir(parents=True)
    (room.folder / ("d/" * 70)).mkdir(parents=True)
    room.put("project/.GIT/x", "")
    for name in ("folders", "d", "project"):
        assert await room.text("delete_file", path=name)
    room.put("project/.git/x", "")
    assert await room.text("move_file", source="project", destination="other")
    assert [call.tool_class for call in gate.started] == [ToolClass.SENSITIVE_WRITE] * 4


@pytest.mark.parametrize("comes", ["more files", "a repository", "a deep tree"])
async def test_what_came_after_a_delete_was_allowed_is_not_deleted_with_it(room: FileRoom, comes: str) -> None:
    room.put("d/one", "")
    ready = await room.tools.ready("delete_file", '{"path": "d"}', room.context())
    assert isinstance(ready, ReadyCall)
    assert ready.bound.tool_class is ToolClass.WRITE
    match comes:
        case "more files":
            for number in range(25):
                room.put(f"d/{number}", "")
        case "a repository":
            room.put("d/.git/hooks/x", "")
        case _:
            (room.folder / "d" / ("d/" * 70)).mkdir(parents=True)
    there = room.names()
    result = await room.tools.run(ready)
    assert result.code == "race"
    assert room.names() == there


def test_a_delete_stops_at_what_it_may_delete(room: FileRoom) -> None:
    for number in range(5):
        room.put(f"d/{number}", "")
    with pytest.raises(ToolRefused) as caught:
        delete(room.workspace, "d", most_files=4)
    assert caught.value.code is ToolFault.RACE
    assert len(room.names()) == 6


def test_a_tree_of_any_depth_is_deleted_with_few_descriptors(room: FileRoom) -> None:
    made = os.dup(room.workspace.fd)
    for level in range(200):
        os.mkdir("d" * 200, dir_fd=made)
        below = os.open("d" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=made)
        os.close(os.open(f"file{level}", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(made)
        made = below
    os.close(made)
    before = open_descriptors()
    deleted = delete(room.workspace, "d" * 200)
    assert (deleted.files, deleted.folders) == (200, 200)
    assert open_descriptors() == before
    assert not any(room.folder.iterdir())


def test_a_folder_closed_to_its_user_is_answered_not_raised_over(room: FileRoom) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may open every folder")
    room.put("d/f", "").parent.chmod(0)
    try:
        with pytest.raises(ToolRefused) as caught:
            delete(room.workspace, "d")
        assert caught.value.code is ToolFault.IO
    finally:
        (room.folder / "d").chmod(0o700)
        shutil.rmtree(room.folder / "d")
