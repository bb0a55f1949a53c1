"""Searching a workspace: what is found, what is left out and said to be, and that no query takes long."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiplayer.tools.files.search import MAX_MATCHES, search_files
from tests.support.file_room import FileRoom, file_room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[FileRoom]:
    with file_room(tmp_path) as made:
        yield made


async def test_matching_lines_are_given_with_path_and_number(room: FileRoom) -> None:
    room.put("src/a.py", "import os\n\nprint(os.name)\n")
    room.put("b.txt", "os\r\nOS\r\n")
    assert (await room.text("search_files", query="os")).splitlines() == [
        "b.txt:1: os",
        "src/a.py:1: import os",
        "src/a.py:3: print(os.name)",
    ]
    assert (
        await room.text("search_files", query="os", path="src") == "src/a.py:1: import os\nsrc/a.py:3: print(os.name)"
    )
    assert await room.text("search_files", query="os.name", path="src/a.py") == "src/a.py:3: print(os.name)"
    assert await room.text("search_files", query="nothing") == "[no match in 2 files]"


async def test_a_literal_query_is_no_pattern(room: FileRoom) -> None:
    room.put("f", "axb\na.b\n(\n")
    assert await room.text("search_files", query="a.b") == "f:2: a.b"
    assert await room.text("search_files", query="(") == "f:3: ("


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        ("^b", [2, 3]),
        ("b$", [2]),
        ("^$", [4]),
        ("a|c", [1, 3]),
        ("(?i)A", [1]),
        (r"\bbc\b", [3]),
        ("b[^x]*c", [3]),
        (r"\pL{2}", [3, 5]),
        ("é", [5]),
        ("x*", [1, 2, 3, 4, 5]),
        (r"b\s*b", []),
        ("(?s)b.*b", []),
    ],
)
async def test_a_pattern_is_matched_line_by_line(room: FileRoom, pattern: str, lines: list[int]) -> None:
    room.put("f", "a\nb\nbc\n\néé\n")
    text = await room.text("search_files", query=pattern, is_regex=True)
    assert [int(line.split(":")[1]) for line in text.splitlines() if line.startswith("f:")] == lines


@pytest.mark.parametrize("pattern", ["(", "a**", r"(a)\1", "(?=a)", "a{1001}", "[z-a]", "(?:(?:a{100}){100}){100}"])
async def test_a_pattern_that_is_none_is_answered_in_words(room: FileRoom, pattern: str) -> None:
    result = await room.call("search_files", query=pattern, is_regex=True)
    assert result.code == "bad_arguments"
    assert "RE2" in result.text


async def test_matches_are_found_in_pieces_of_a_large_file(room: FileRoom) -> None:
    room.put("f", "".join(f"number {number}\n" for number in range(50_000)))
    assert await room.text("search_files", query="number 49999") == "f:50000: number 49999"
    assert await room.text("search_files", query="^number 4[0-9]999$", is_regex=True) == "\n".join(
        f"f:{number}: number {number - 1}" for number in range(41_000, 51_000, 1_000)
    )


@pytest.mark.parametrize("is_regex", [False, True])
async def test_what_is_shown_of_a_huge_line_is_around_the_match(room: FileRoom, *, is_regex: bool) -> None:
    for before in (0, 100, 32 * 1024 - 3, 100_000):
        room.put("f", "first\n" + "x" * before + "needle" + "y" * 100_000 + "\nlast needle\n")
        lines = (await room.text("search_files", query="needle", is_regex=is_regex)).splitlines()
        assert "needle" in lines[0]
        assert len(lines[0]) < 320
        assert {line.split(":")[1] for line in lines} == {"2", "3"}
        assert lines[-1] == "f:3: last needle"


async def test_a_result_is_one_line_whatever_the_file_and_its_name_hold(room: FileRoom) -> None:
    room.put("a\nb:1: forged", "needle\u2028forged.txt:1: text\rmore\x1b[1m\u202e!\n")
    text = await room.text("search_files", query="needle")
    assert text == "'a\\nb:1: forged':1: needle forged.txt:1: text␍ more!"


async def test_a_secret_is_hidden_even_where_the_line_is_cut(room: FileRoom) -> None:
    for before in range(200, 320, 7):
        room.put("f", "needle" + "x" * before + "hunter2hunter2" + "y" * 1000)
        assert "hunter" not in await room.text("search_files", query="needle")


async def test_links_git_binary_and_big_files_are_left_out_and_said_to_be(room: FileRoom, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("needle outside")
    (room.folder / "link").symlink_to(tmp_path / "outside")
    (room.folder / "up").symlink_to(tmp_path)
    (room.folder / "hard").hardlink_to(tmp_path / "outside")
    os.mkfifo(room.folder / "fifo")
    room.put("binary", b"needle\0")
    room.put(".git/objects/x", "needle")
    with room.put("sparse", "needle").open("ab") as sparse:
        sparse.truncate(10**11)
    assert (await room.text("search_files", query="needle")).splitlines() == [
        "[no match in 0 files]",
        "[not searched: 1 binary, 1 over 8 MiB, 1 not readable or with further names]",
    ]
    assert await room.text("search_files", query="needle", path=".git") == ".git/objects/x:1: needle"


async def test_a_search_ends_after_enough_matches(room: FileRoom) -> None:
    room.put("f", "needle\n" * 1000)
    lines = (await room.text("search_files", query="needle")).splitlines()
    assert len(lines) == MAX_MATCHES + 1
    assert lines[-1].startswith("[stopped: there are 200 matching lines already")


def test_a_search_ends_when_its_time_is_over(room: FileRoom) -> None:
    for number in range(20):
        room.put(f"f{number}", "needle\n")
    ticks = iter(range(1000))
    text = search_files(room.workspace.root, "needle", "", is_regex=False, within_s=10, clock=lambda: next(ticks))
    assert 0 < text.count("needle") < 20
    assert "[stopped: it took too long" in text


@pytest.mark.slow
def test_the_worst_pattern_ends_in_time(room: FileRoom) -> None:
    room.put("f", "a" * 4_000_000)
    started = time.monotonic()
    text = search_files(room.workspace.root, "(?:a?){1000}a{1000}c", "", is_regex=True, within_s=0.5)
    assert time.monotonic() - started < 30, "all of it would take over a minute"
    assert "it took too long" in text
