"""How a folder is looked through and changed: read only where something changed, never out of it, never over what is new."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multiplayer.client.sync import opened_folder
from multiplayer.client.sync.ledger import opened_ledger
from multiplayer.client.sync.opened_folder import OpenedFolder, open_folder
from multiplayer.client.sync.placing import Part, Placing
from multiplayer.client.sync.reconcile import Version
from multiplayer.client.sync.scanning import Scan, Scanner
from multiplayer.client.sync.stamps import Seen, Stamp, stamp_of
from multiplayer.client.sync.wrongs import PathLeft, PathMoved, SyncStopped
from tests.support.memory_workspace import sha256_of

ONE = sha256_of(b"one")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OpenedFolder]:
    opened = open_folder(tmp_path / "mine")
    yield opened
    opened.close()


@pytest.fixture
def placing(folder: OpenedFolder) -> Placing:
    return Placing(folder)


def look(folder: OpenedFolder, seen: dict[str, Seen] | None = None) -> Scan:
    return Scanner(folder, seen or {}, on_read=lambda _: None, keep=lambda _: None).run()


def part_of(folder: OpenedFolder, data: bytes) -> str:
    part = Part(folder, sha256_of(data), len(data))
    if part.size < len(data):
        part.write([data])
    part.finish()
    part.close()
    return part.name


def place(placing: Placing, part: str, path: str, replaces: Stamp | None = None, *, keeps_part: bool = False) -> None:
    placing.place(part, path, is_executable=False, replaces=replaces, keeps_part=keeps_part, told=lambda: None)


def temporary_in(folder: OpenedFolder) -> list[str]:
    return [found.name for found in (folder.own_path / "tmp").iterdir()]


def aged(scan: Scan) -> dict[str, Seen]:
    """As if it had been read some seconds later."""
    return {path: seen._replace(at_ns=seen.at_ns + 5_000_000_000) for path, seen in scan.read.items()}


def test_a_file_is_read_once_and_again_only_when_its_stamp_changes(folder: OpenedFolder) -> None:
    for name in ("a", "b", "c", "d"):
        (folder.path / name).write_bytes(b"one")
    seen = aged(look(folder))
    assert look(folder, seen).read == {}
    (folder.path / "a").write_bytes(b"two")
    (folder.path / "b").chmod(0o755)
    other = folder.path / "other"
    other.write_bytes(b"six")
    about = (folder.path / "c").stat()
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.rename(folder.path / "c")
    scan = look(folder, seen)
    assert set(scan.read) == {"a", "b", "c"}
    assert scan.files["c"].sha256 == sha256_of(b"six")


def test_a_file_that_was_read_right_after_it_was_written_is_read_once_more(folder: OpenedFolder) -> None:
    (folder.path / "a").write_bytes(b"one")
    assert set(look(folder, look(folder).read).read) == {"a"}


@pytest.mark.slow
def test_ten_thousand_unchanged_files_are_looked_through_in_well_under_a_second(folder: OpenedFolder) -> None:
    for number in range(10_000):
        if number % 100 == 0:
            (folder.path / f"d{number // 100}").mkdir()
        (folder.path / f"d{number // 100}" / f"{number}").write_bytes(b"x")
    (folder.path / ".gitignore").write_text("*.o\nbuild/\n")
    seen = aged(look(folder))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        scan = look(folder, seen)
        times.append(time.perf_counter() - began)
        assert (len(scan.files), scan.read) == (10_001, {})
    assert min(times) < 1.0


def test_links_and_special_files_are_counted_and_not_followed(folder: OpenedFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (folder.path / "folder").symlink_to(outside)
    (folder.path / "file").symlink_to(outside / "secret")
    (folder.path / "dangling").symlink_to("nowhere")
    os.mkfifo(folder.path / "pipe")
    scan = look(folder)
    assert (scan.files, scan.links) == ({}, {"folder", "file", "dangling", "pipe"})


def test_a_rule_file_that_is_a_link_says_nothing(folder: OpenedFolder, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("*\n")
    (folder.path / ".gitignore").symlink_to(tmp_path / "rules")
    (folder.path / "a").write_bytes(b"one")
    assert set(look(folder).files) == {"a"}


def test_a_name_that_is_not_text_is_left_out(folder: OpenedFolder) -> None:
    (folder.path / os.fsdecode(b"\xff")).write_bytes(b"one")
    (folder.path / "a").write_bytes(b"one")
    scan = look(folder)
    assert set(scan.files) == {"a"}
    assert list(scan.left_out.values()) == ["its name is not text"]


def test_what_is_placed_is_whole_has_its_mode_and_leaves_nothing_behind(folder: OpenedFolder, placing: Placing) -> None:
    umask = os.umask(0o027)
    try:
        strict = Placing(folder)
    finally:
        os.umask(umask)
    strict.place(
        part_of(folder, b"one"), "d/e/run", is_executable=True, replaces=None, keeps_part=False, told=lambda: None
    )
    found = folder.path / "d/e/run"
    assert (found.read_bytes(), found.stat().st_mode & 0o777) == (b"one", 0o750)
    place(placing, part_of(folder, b"two"), "d/e/run", stamp_of(found.stat()))
    assert (found.read_bytes(), found.stat().st_mode & 0o777) == (b"two", 0o640)
    assert temporary_in(folder) == []


def test_nothing_is_placed_over_what_came_or_changed_meanwhile(folder: OpenedFolder, placing: Placing) -> None:
    mine = folder.path / "a"
    mine.write_bytes(b"mine")
    with pytest.raises(PathMoved):
        place(placing, part_of(folder, b"one"), "a")
    stamp = stamp_of(mine.stat())
    mine.write_bytes(b"more")
    acts: list[Callable[[], None]] = [
        lambda: place(placing, part_of(folder, b"one"), "a", stamp),
        lambda: placing.remove("a", stamp),
        lambda: placing.set_executable("a", stamp, is_executable=True),
    ]
    for act in acts:
        with pytest.raises(PathMoved):
            act()
    assert mine.read_bytes() == b"more"


def test_a_file_that_comes_while_one_is_placed_is_kept(folder: OpenedFolder, placing: Placing) -> None:
    def come() -> None:
        (folder.path / "a").write_bytes(b"mine")

    with pytest.raises(PathMoved):
        placing.place(part_of(folder, b"one"), "a", is_executable=False, replaces=None, keeps_part=False, told=come)
    assert (folder.path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "d/../../x", "..", ".multiplayer/x", "d/.Multiplayer/x"])
def test_no_path_leads_out(folder: OpenedFolder, placing: Placing, path: str) -> None:
    (folder.path / "d").mkdir()
    with pytest.raises(PathLeft):
        place(placing, part_of(folder, b"one"), path)
    assert not (folder.path.parent / "x").exists()


def test_a_link_on_the_way_or_at_the_end_is_not_followed(
    folder: OpenedFolder, placing: Placing, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"not yours")
    stamp = stamp_of((outside / "a").stat())
    (folder.path / "d").symlink_to(outside)
    (folder.path / "a").symlink_to(outside / "a")
    acts: list[Callable[[], None]] = [
        lambda: place(placing, part_of(folder, b"one"), "d/new"),
        lambda: place(placing, part_of(folder, b"one"), "d/a", stamp),
        lambda: place(placing, part_of(folder, b"one"), "a", stamp),
        lambda: placing.remove("d/a", stamp),
        lambda: placing.remove("a", stamp),
        lambda: placing.set_executable("d/a", stamp, is_executable=True),
        lambda: placing.set_executable("a", stamp, is_executable=True),
        lambda: placing.move_aside("d/a", "d/b"),
    ]
    for act in acts:
        with pytest.raises((PathLeft, PathMoved)):
            act()
    assert {found.name: found.read_bytes() for found in outside.iterdir()} == {"a": b"not yours"}


def test_a_part_goes_on_where_it_broke_off_and_never_writes_into_somebodys_file(
    folder: OpenedFolder, placing: Placing
) -> None:
    part = Part(folder, sha256_of(b"one two"), 7)
    part.write([b"one "])
    part.close()
    again = Part(folder, sha256_of(b"one two"), 7)
    assert again.size == 4
    again.write([b"two"])
    again.finish()
    again.close()
    # As a kill between the two names of a file leaves it.
    os.link(again.name, "placed", src_dir_fd=folder.temporary, dst_dir_fd=folder.descriptor)
    third = Part(folder, sha256_of(b"one two"), 7)
    assert third.size == 0
    third.write([b"xxx"])
    third.drop()
    third.close()
    assert (folder.path / "placed").read_bytes() == b"one two"


@pytest.mark.parametrize("data", [b"two", b"on", b"onetoo"])
def test_what_is_not_what_was_asked_for_is_not_finished(folder: OpenedFolder, data: bytes) -> None:
    part = Part(folder, ONE, 3)

    def take() -> None:
        part.write([data])
        part.finish()

    with pytest.raises(PathLeft):
        take()
    assert part.size == 0
    part.write([b"one"])
    part.finish()
    part.close()


def test_folders_that_hold_nothing_go_and_the_followed_one_stays(folder: OpenedFolder, placing: Placing) -> None:
    (folder.path / "a/b/c").mkdir(parents=True)
    (folder.path / "a/b/c/f").write_bytes(b"one")
    (folder.path / "a/kept").write_bytes(b"one")
    placing.remove("a/b/c/f", stamp_of((folder.path / "a/b/c/f").stat()))
    assert [found.name for found in (folder.path / "a").iterdir()] == ["kept"]
    placing.remove("a/kept", stamp_of((folder.path / "a/kept").stat()))
    assert [found.name for found in folder.path.iterdir()] == [".multiplayer"]


def test_an_empty_folder_gives_way_and_a_full_one_does_not(folder: OpenedFolder, placing: Placing) -> None:
    (folder.path / "a").mkdir()
    place(placing, part_of(folder, b"one"), "a")
    assert (folder.path / "a").read_bytes() == b"one"
    (folder.path / "b").mkdir()
    (folder.path / "b/ignored").write_bytes(b"mine")
    with pytest.raises(PathLeft, match="a folder stands here"):
        place(placing, part_of(folder, b"two"), "b")


def test_a_full_disk_ends_the_run_and_a_name_the_disk_does_not_take_only_that_path(
    folder: OpenedFolder, placing: Placing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(number: int) -> Callable[..., None]:
        def link(*_arguments: object, **_named: object) -> None:
            raise OSError(number, os.strerror(number))

        return link

    monkeypatch.setattr(os, "link", failing(errno.EILSEQ))
    with pytest.raises(PathLeft):
        place(placing, part_of(folder, b"one"), "a")
    monkeypatch.setattr(os, "link", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        place(placing, part_of(folder, b"one"), "a")
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    # A disk that knows no second names.
    place(placing, part_of(folder, b"one"), "a")
    assert (folder.path / "a").read_bytes() == b"one"


def test_what_is_written_while_it_is_read_is_not_believed(folder: OpenedFolder) -> None:
    mine = folder.path / "a"
    mine.write_bytes(b"1" * 3_000_000)
    mine.with_name("b").write_bytes(b"one")

    def write(_bytes: int) -> None:
        if mine.stat().st_size == 3_000_000:
            with mine.open("r+b") as file:
                file.write(b"2")
                file.seek(0, os.SEEK_END)
                file.write(b"3")

    scan = Scanner(folder, {}, on_read=write, keep=lambda _: None).run()
    assert (set(scan.files), scan.changing) == ({"b"}, {"a"})


def test_a_scan_that_is_stopped_ends_soon(folder: OpenedFolder) -> None:
    with (folder.path / "big").open("wb") as big:
        big.truncate(8 * 1024 * 1024 * 1024)
    begun = threading.Event()
    scanner = Scanner(folder, {}, on_read=lambda _: begun.set(), keep=lambda _: None)
    running = threading.Thread(target=scanner.run)
    running.start()
    assert begun.wait(10)
    scanner.stop()
    running.join(10)
    assert not running.is_alive()


def test_a_disk_that_tells_names_apart_is_known_as_one(folder: OpenedFolder) -> None:
    assert not folder.folds_names()
    assert temporary_in(folder) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SyncStopped, match="is not a folder"):
        open_folder(tmp_path / "file")


def test_what_is_remembered_is_there_after_it_is_opened_again(folder: OpenedFolder) -> None:
    seen = Seen(Stamp(3, 4, 5, 2**64 - 1, is_executable=True), ONE, 6)
    with opened_ledger(folder) as ledger:
        ledger.expect("a", Version(ONE))
        ledger.expect("b", Version(ONE))
        ledger.remember({"a": Version(ONE, is_executable=True), "c": Version(ONE)})
        ledger.see({"a": seen})
        ledger.forget(["c"])
    with opened_ledger(folder) as ledger:
        assert ledger.base() == {"a": Version(ONE, is_executable=True)}
        assert ledger.coming() == {"b": Version(ONE)}
        assert ledger.seen() == {"a": seen}
        ledger.unsee(["a"])
        assert ledger.seen() == {}


def test_a_ledger_that_is_damaged_is_said_with_what_to_do(folder: OpenedFolder) -> None:
    (folder.own_path / "sync.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(SyncStopped) as stopped, opened_ledger(folder) as ledger:
        ledger.base()
    assert "begin anew" in stopped.value.hint


def test_git_does_not_see_what_is_remembered(folder: OpenedFolder) -> None:
    assert (folder.own_path / ".gitignore").read_bytes() == b"*\n"


def test_fatal_troubles_are_those_of_the_whole_disk() -> None:
    assert errno.ENOSPC in opened_folder.FATAL
    assert errno.EACCES not in opened_folder.FATAL
