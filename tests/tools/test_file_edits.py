"""Editing a file: exact, once, with the diff as result, and never over what somebody else wrote meanwhile."""

import fcntl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.tools.files.diffs import MAX_DIFF_BYTES, replacement_diff
from multiplayer.tools.files.edits import edit_file
from multiplayer.tools.files.writes import put, read_for_change, write_file
from multiplayer.tools.limits import Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from tests.support.file_room import FileRoom, file_room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[FileRoom]:
    with file_room(tmp_path) as made:
        yield made


async def test_a_text_is_replaced_and_the_diff_is_the_result(room: FileRoom) -> None:
    file = room.put("a.py", "".join(f"line {number}\n" for number in range(1, 21)))
    diff = await room.text("edit_file", path="a.py", old="line 10\nline 11", new="ten\neleven\nand more")
    assert diff.splitlines() == [
        "--- a.py",
        "+++ a.py",
        "@@ -7,8 +7,9 @@",
        " line 7",
        " line 8",
        " line 9",
        "-line 10",
        "-line 11",
        "+ten",
        "+eleven",
        "+and more",
        " line 12",
        " line 13",
        " line 14",
    ]
    assert file.read_text().splitlines()[9:12] == ["ten", "eleven", "and more"]
    assert room.names() == ["a.py"]


async def test_a_text_that_is_there_more_than_once_is_not_guessed_at(room: FileRoom) -> None:
    file = room.put("f", "x = 1\ny = 2\nx = 1\n")
    result = await room.call("edit_file", path="f", old="x = 1", new="x = 3")
    assert result.code == "not_unique"
    assert "2 times" in result.text
    assert "lines 1, 3" in result.text
    assert file.read_text() == "x = 1\ny = 2\nx = 1\n"
    diff = await room.text("edit_file", path="f", old="x = 1", new="x = 3", replace_all=True)
    assert diff.count("+x = 3") == 2
    assert file.read_text() == "x = 3\ny = 2\nx = 3\n"


async def test_places_that_overlap_are_not_unique(room: FileRoom) -> None:
    room.put("f", "aaa\n")
    assert await room.code("edit_file", path="f", old="aa", new="b") == "not_unique"


async def test_a_text_that_is_not_there_is_answered_with_the_lines_most_like_it(room: FileRoom) -> None:
    room.put("f", "import os\n\ndef compute_total(items):\n    return sum(items)\n")
    result = await room.call("edit_file", path="f", old="def compute_totals(item):\n    pass", new="x")
    assert result.code == "not_found"
    assert "3: def compute_total(items):" in result.text
    indented = await room.call("edit_file", path="f", old="  return sum(items)\n  pass", new="x")
    assert "line 4 is like its first line" in indented.text
    unlike = await room.call("edit_file", path="f", old="§§§§§", new="x")
    assert "nor anything like it" in unlike.text
    assert await room.code("edit_file", path="none", old="a", new="b") == "not_found"


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "a\nb", "x\ny", b"x\r\ny\r\nc\r\n"),
        (b"a\r\nb\r\nc", "c", "d\ne", b"a\r\nb\r\nd\r\ne"),
        (b"a\r\nb\nc\n", "a\nb", "x\ny", b"x\r\ny\nc\n"),
        (b"a\nb", "b", "c", b"a\nc"),
        (b"a\nb\n", "b\n", "c", b"a\nc"),
        (b"\xff\xfe is no BOM here\nb\n", "b", "c", b"\xff\xfe is no BOM here\nc\n"),
        ("é\n".encode(), "é", "e\u0301", "e\u0301\n".encode()),
        (b"a\r\nb\r\n", "a\r\nb", "x", b"x\r\n"),
    ],
)
async def test_line_ends_and_other_bytes_stay_as_they_are(
    room: FileRoom, before: bytes, old: str, new: str, after: bytes
) -> None:
    file = room.put("f", before)
    assert await room.text("edit_file", path="f", old=old, new=new)
    assert file.read_bytes() == after


async def test_the_diff_says_where_a_final_line_end_is_missing(room: FileRoom) -> None:
    room.put("f", "a\nb")
    diff = await room.text("edit_file", path="f", old="b", new="c")
    assert diff.splitlines()[3:] == [
        " a",
        "-b",
        "\\ No newline at end of file",
        "+c",
        "\\ No newline at end of file",
    ]


async def test_a_diff_is_bounded_however_much_is_replaced(room: FileRoom) -> None:
    for content in ("a\n" * 1_000_000, "a" * 2_000_000, "a b\n" * 500_000):
        file = room.put("f", content)
        diff = await room.text("edit_file", path="f", old="a", new="c", replace_all=True)
        assert len(diff) < MAX_DIFF_BYTES + 1000
        assert diff.endswith("[the rest of the diff is not shown]\n")
        assert " a" not in diff.splitlines(), "no line is shown as kept that was changed"
        assert file.read_text() == content.replace("a", "c")


async def test_an_edit_that_makes_the_file_too_big_is_refused_before_it_is_made(room: FileRoom) -> None:
    file = room.put("f", "a" * 1000)
    assert await room.code("edit_file", path="f", old="a", new="b" * 100_000, replace_all=True) == "too_big"
    assert file.read_text() == "a" * 1000


async def test_escapes_and_hidden_characters_do_not_come_through_the_diff(room: FileRoom) -> None:
    room.put("f", "a\x1b]0;title\x07b\u202e\nsecond\n")
    diff = await room.text("edit_file", path="f", old="second", new="2nd\x1b[2J")
    assert "\x1b" not in diff
    assert "\u202e" not in diff
    assert " ab\n" in diff


def test_a_file_that_was_changed_after_it_was_read_is_not_overwritten(room: FileRoom) -> None:
    file = room.put("f", "one")
    _, seen = read_for_change(room.workspace, ("f",), 100)
    for change in (lambda: file.write_text("two"), lambda: file.write_text("longer"), file.unlink):
        change()
        left = file.read_text() if file.exists() else None
        with pytest.raises(ToolRefused) as caught:
            put(room.workspace.fd, "f", b"mine", uid=room.workspace.uid, over=seen, shown="f")
        assert caught.value.code is ToolFault.RACE
        assert (file.read_text() if file.exists() else None) == left
        assert room.names() == (["f"] if left else [])


@pytest.mark.slow
def test_of_edits_at_the_same_time_none_is_lost(room: FileRoom) -> None:
    file = room.put("count", "0")
    start = threading.Barrier(3)

    def count_up() -> tuple[int, int]:
        start.wait()
        done = raced = 0
        for _ in range(150):
            now = file.read_text()
            try:
                edit_file(room.workspace, "count", now, str(int(now) + 1), Limits())
                done += 1
            except ToolRefused as refused:
                if refused.code not in {ToolFault.RACE, ToolFault.NOT_FOUND}:
                    raise
                raced += 1
        return done, raced

    with ThreadPoolExecutor(3) as threads:
        counts = [future.result() for future in [threads.submit(count_up) for _ in range(3)]]
    assert sum(raced for _, raced in counts) > 0, "nothing raced, so it proves little"
    assert int(file.read_text()) == sum(done for done, _ in counts)
    assert room.names() == ["count"]


def test_a_command_that_keeps_a_file_locked_does_not_keep_us_waiting(room: FileRoom) -> None:
    file = room.put("f", "one")
    with file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ToolRefused) as caught:
            edit_file(room.workspace, "f", "one", "two", Limits())
        assert caught.value.code is ToolFault.RACE
        assert write_file(room.workspace, "f", "three", Limits())
    assert file.read_text() == "three"


_LINES = st.lists(st.sampled_from(["a", "b", "ab", "ba", "", "aa b", "\r"]), max_size=30).map("\n".join)


@given(
    _LINES,
    st.sampled_from(["a", "b", "ab", "a\n", "\na", "b\nb", "\n"]),
    st.sampled_from(["", "x", "a", "\n", "x\ny\n"]),
)
def test_a_diff_applied_by_patch_s_rules_gives_the_new_text(text: str, old: str, new: str) -> None:
    data = text.encode()
    places = data.count(old.encode())
    if places and old != new:
        diff = replacement_diff("f", data, old.encode(), new.encode(), places)
        assert _patched(data, diff) == data.replace(old.encode(), new.encode())


def _patched(data: bytes, diff: bytes) -> bytes:
    """Apply a unified diff strictly: every context and removed line must be where the diff says."""
    *old, last = data.split(b"\n")
    lines = [line + b"\n" for line in old] + ([last] if last else [])
    made: list[bytes] = []
    at = 0
    rows = diff.split(b"\n")[2:-1]
    for number, row in enumerate(rows):
        if row.startswith(b"@@"):
            first, _, length = row.split()[1][1:].partition(b",")
            start = int(first) - (length != b"0")
            made += lines[at:start]
            at = start
            assert int(row.split()[2][1:].partition(b",")[0]) - (b",0 " not in row[row.index(b"+") :]) == len(made)
            continue
        if row.startswith(b"\\"):
            continue
        is_open = number + 1 < len(rows) and rows[number + 1].startswith(b"\\")
        line = row[1:] + (b"" if is_open else b"\n")
        if row[:1] in {b" ", b"-"}:
            assert lines[at] == line
            at += 1
        if row[:1] in {b" ", b"+"}:
            made.append(line)
    return b"".join(made + lines[at:])


def test_the_usual_patch_program_agrees(tmp_path: Path) -> None:
    try:
        subprocess.run(["patch", "--version"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no patch program here")
    before = "".join(f"line {number % 7}\n" for number in range(200)).encode()
    (tmp_path / "f").write_bytes(before)
    diff = replacement_diff("f", before, b"line 3\n", b"three\nand a half\n", before.count(b"line 3\n"))
    subprocess.run(["patch", "-s", "-p0"], input=diff, cwd=tmp_path, check=True)
    assert (tmp_path / "f").read_bytes() == before.replace(b"line 3\n", b"three\nand a half\n")
