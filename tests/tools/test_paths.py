"""Ways out of a workspace: each is refused, and for its own reason."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiplayer.tools.files.paths import Root, check_path, knows_openat2
from multiplayer.tools.refusal import ToolFault, ToolRefused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("canary")
    inside = tmp_path / "ws"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "file").write_text("inside")
    (tmp_path / "ws-evil").mkdir()
    return inside


@pytest.fixture(params=["openat2", "walk"])
def root(folder: Path, request: pytest.FixtureRequest) -> Iterator[Root]:
    if request.param == "openat2" and not knows_openat2():
        pytest.skip("this kernel has no openat2")
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    yield Root(fd, kernel_resolves=request.param == "openat2")
    os.close(fd)


def read(root: Root, path: str) -> str:
    fd, _ = root.open_file(check_path(path))
    with os.fdopen(fd) as file:
        return file.read()


def refused(root: Root, path: str) -> ToolFault:
    with pytest.raises(ToolRefused) as caught:
        read(root, path)
    return caught.value.code


def test_a_file_inside_is_read(root: Root) -> None:
    assert read(root, "sub/file") == "inside"
    assert read(root, "./sub//file") == "inside"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../outside/secret", ".."),
        ("sub/../../outside/secret", ".."),
        ("/etc/passwd", "relative"),
        ("sub/file\0.txt", "NUL"),
        ("sub\\file", "backslash"),
        ("\ud800", "Unicode"),
        ("x" * 1025, "1024 characters"),
        ("é" * 128, "255 bytes"),
    ],
)
def test_a_bad_name_is_refused_before_anything_is_looked_up(path: str, words: str) -> None:
    with pytest.raises(ToolRefused) as caught:
        check_path(path)
    assert caught.value.code is ToolFault.BAD_PATH
    assert words in caught.value.text


@pytest.mark.parametrize("name", ["~", "$HOME", "%2e%2e", "..."])
def test_nothing_is_expanded(root: Root, name: str) -> None:
    assert refused(root, f"{name}/secret") is ToolFault.NOT_FOUND


def test_links_that_lead_out_are_refused(root: Root, folder: Path) -> None:
    (folder / "absolute").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../outside")
    (folder / "sibling").symlink_to("../ws-evil")
    (folder / "magic").symlink_to("/proc/self/root")
    assert refused(root, "absolute") is ToolFault.OUTSIDE
    assert refused(root, "up/secret") is ToolFault.OUTSIDE
    assert refused(root, "sibling") is ToolFault.OUTSIDE
    assert refused(root, "magic/etc/passwd") is ToolFault.OUTSIDE


def test_a_link_inside_may_be_read_but_nothing_is_changed_over_it(root: Root, folder: Path) -> None:
    (folder / "link").symlink_to("sub")
    if root.kernel_resolves:
        assert read(root, "link/file") == "inside"
    else:
        assert refused(root, "link/file") is ToolFault.OUTSIDE
    with pytest.raises(ToolRefused) as caught:
        root.open_folder_for_change(("link",))
    assert caught.value.code is ToolFault.OUTSIDE


def test_a_hard_link_to_a_file_outside_is_refused(root: Root, folder: Path) -> None:
    (folder / "hard").hardlink_to(folder.parent / "outside" / "secret")
    assert refused(root, "hard") is ToolFault.HARD_LINK


def test_a_fifo_is_refused_and_does_not_hang(root: Root, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    assert refused(root, "fifo") is ToolFault.WRONG_KIND


def test_folders_and_missing_names_have_their_own_reasons(root: Root) -> None:
    assert refused(root, "sub") is ToolFault.WRONG_KIND
    assert refused(root, "sub/file/x") is ToolFault.WRONG_KIND
    assert refused(root, "nothing") is ToolFault.NOT_FOUND
    assert refused(root, "") is ToolFault.WRONG_KIND


@pytest.mark.slow
def test_renames_that_race_with_the_opening_never_let_it_out(root: Root, folder: Path) -> None:
    (folder / "swap").mkdir()
    (folder / "swap" / "secret").write_text("inside")
    (folder / "evil").symlink_to("../outside")
    end = time.monotonic() + 1.0

    def exchange() -> None:
        while time.monotonic() < end:
            (folder / "swap").rename(folder / "kept")
            (folder / "evil").rename(folder / "swap")
            (folder / "swap").rename(folder / "evil")
            (folder / "kept").rename(folder / "swap")

    racer = threading.Thread(target=exchange)
    racer.start()
    seen: dict[str, int] = {}
    while racer.is_alive():
        try:
            found = read(root, "swap/secret")
        except ToolRefused as refusal:
            found = refusal.code
        seen[found] = seen.get(found, 0) + 1
    racer.join()
    assert "canary" not in seen
    assert seen.keys() <= {"inside", ToolFault.OUTSIDE, ToolFault.NOT_FOUND, ToolFault.RACE, ToolFault.WRONG_KIND}
    assert seen["inside"], "the race never let a good opening through, so it proves little"
    assert seen.keys() & {ToolFault.OUTSIDE, ToolFault.NOT_FOUND}, "nothing raced"
