"""What a person's editor does with a workspace: bytes read and written whole, over a known version only, folders listed."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.tools.files.reads import Entry, EntryKind, entries, read_bytes
from multiplayer.tools.files.writes import NEW_FILE, Written, sha256_of, write_bytes
from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from tests.support.file_room import FileRoom, file_room

LIMITS = Limits()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[FileRoom]:
    with file_room(tmp_path) as made:
        yield made


def test_bytes_come_back_as_they_were_written(room: FileRoom) -> None:
    data = bytes(range(256)) * 10_000
    assert write_bytes(room.workspace, "a/b.bin", data, LIMITS) == Written(len(data), sha256_of(data), is_new=True)
    assert not write_bytes(room.workspace, "a/b.bin", data, LIMITS).is_new
    assert read_bytes(room.workspace.root, "a/b.bin", len(data)) == data
    with pytest.raises(ToolRefused) as caught:
        read_bytes(room.workspace.root, "a/b.bin", len(data) - 1)
    assert caught.value.code is ToolFault.TOO_BIG


def test_a_version_that_is_not_the_expected_one_is_not_overwritten(room: FileRoom) -> None:
    file = room.put("f", "theirs")
    for expected, code in ((sha256_of(b"older"), ToolFault.RACE), (NEW_FILE, ToolFault.EXISTS)):
        with pytest.raises(ToolRefused) as caught:
            write_bytes(room.workspace, "f", b"mine", LIMITS, expected)
        assert caught.value.code is code
        assert file.read_text() == "theirs"
    write_bytes(room.workspace, "f", b"mine", LIMITS, sha256_of(b"theirs"))
    assert file.read_text() == "mine"
    with pytest.raises(ToolRefused) as caught:
        write_bytes(room.workspace, "none", b"mine", LIMITS, sha256_of(b"theirs"))
    assert caught.value.code is ToolFault.NOT_FOUND
    assert write_bytes(room.workspace, "new", b"mine", LIMITS, NEW_FILE).is_new
    assert room.names() == ["f", "new"]


def test_what_is_larger_than_a_file_may_be_is_refused(room: FileRoom) -> None:
    with pytest.raises(ToolRefused) as caught:
        write_bytes(room.workspace, "f", b"12345", Limits(file_bytes=4))
    assert caught.value.code is ToolFault.TOO_BIG
    assert room.names() == []


def test_a_folder_is_listed_typed_and_sorted(room: FileRoom) -> None:
    room.put("b.txt", "12345")
    os.utime(room.folder / "b.txt", (1_000_000_000, 1_000_000_000))
    room.put("a/x", "")
    (room.folder / "l").symlink_to("/etc")
    os.mkfifo(room.folder / "p")
    (room.folder / os.fsdecode(b"z\xff")).touch()
    found = entries(room.workspace.root, "")
    assert [(entry.name, entry.kind, entry.size) for entry in found] == [
        ("a", EntryKind.FOLDER, 0),
        ("b.txt", EntryKind.FILE, 5),
        ("l", EntryKind.LINK, 0),
        ("p", EntryKind.SPECIAL, 0),
        ("z\\xff", EntryKind.FILE, 0),
    ]
    assert found[1] == Entry("b.txt", EntryKind.FILE, 5, datetime.fromtimestamp(1_000_000_000, UTC))
    assert [entry.name for entry in entries(room.workspace.root, "a")] == ["x"]
    assert len(entries(room.workspace.root, "", most=2)) == 2
    for path, code in (("none", ToolFault.NOT_FOUND), ("b.txt", ToolFault.WRONG_KIND), ("l", ToolFault.OUTSIDE)):
        with pytest.raises(ToolRefused) as caught:
            entries(room.workspace.root, path)
        assert caught.value.code is code
