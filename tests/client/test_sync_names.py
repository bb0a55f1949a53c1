"""Names that somebody else wrote, and names that are one on this machine."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.client.sync.looking import look_at
from multiplayer.client.sync.names import as_known, is_below, one_here, parents, second_name, why_not
from multiplayer.client.sync.scanning import Here, Scan
from multiplayer.client.sync.stamps import Stamp
from multiplayer.protocol.folded_names import folded
from multiplayer.protocol.workspace_sync import TreeEntry, WorkspaceTree

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "path", ["", "/", "/x", "..", "a/..", "../x", ".", "a/./b", "a//b", "a/", "a\0b", "x\ud800", "x" * 256]
)
def test_a_name_that_no_file_here_may_have_is_refused_with_a_reason(path: str) -> None:
    assert why_not(path)


@pytest.mark.parametrize(
    "path",
    [
        ".multiplayer",
        ".Multiplayer/x",
        "a/.MULTIPLAYER",
        ".multi\u200bplayer/x",
        ".multi\ufe0fplayer",
        "\uff0emultiplayer/x",
    ],
)
def test_nothing_of_the_room_gets_where_this_folder_remembers(path: str) -> None:
    assert "remembers" in why_not(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.c", "...", "a/..b", ".env", "\u4f60\u597d", "a b", "-rf", "new\nline", ".multiplayerignore"]
)
def test_other_names_are_fine(path: str) -> None:
    assert why_not(path) == ""


@given(st.text(max_size=40))
def test_whatever_is_let_through_stays_below_the_folder(path: str) -> None:
    if not why_not(path):
        parts = path.split("/")
        assert all(part not in {"", ".", ".."} and "\0" not in part and len(part.encode()) <= 255 for part in parts)
        assert not any(folded(part) == ".multiplayer" for part in parts)


def test_of_two_names_that_are_one_here_the_second_is_left_out() -> None:
    assert one_here(["README", "readme", "caf\u00e9", "cafe\u0301"], []) == {
        "readme": "README",
        "caf\u00e9": "cafe\u0301",
    }
    assert one_here(["README", "readme"], ["readme"]) == {"README": "readme"}
    assert one_here(["Docs/a", "docs/b", "docs/c/d"], []) == {"docs/b": "Docs", "docs/c/d": "Docs"}


def test_a_file_that_is_spelled_otherwise_here_is_the_rooms() -> None:
    assert as_known({"cafe\u0301": 1, "new": 2}, ["caf\u00e9", "other"]) == {"caf\u00e9": 1, "new": 2}
    assert as_known({"A": 1, "a": 2}, ["a"]) == {"A": 1, "a": 2}


def test_on_a_disk_that_folds_names_the_second_one_is_said_and_left() -> None:
    one, other = "1" * 64, "2" * 64
    tree = WorkspaceTree(tree=one, entries=(TreeEntry(path="a", sha256=one), TreeEntry(path="A", sha256=other)))
    scan = Scan(files={"a": Here(Stamp(0, 0, 0, 0, is_executable=False), one)}, folders=[""])
    plan = look_at(scan, tree, {}, folds_names=True).plan({}, str)
    assert (plan.is_nothing, list(plan.equal)) == (True, ["a"])
    assert look_at(scan, tree, {}, folds_names=True).left_out == {"A": "here it would be the same as a"}
    assert [one.path for one in look_at(scan, tree, {}, folds_names=False).plan({}, str).downloads] == ["A"]


def test_a_second_version_stands_beside_the_first_with_its_ending() -> None:
    said = "alice, 2026-11-22 010203"
    assert second_name("docs/plan.tar.gz", "alice", AT, lambda _: False) == f"docs/plan.tar ({said}).gz"
    assert second_name("Makefile", "alice", AT, lambda _: False) == f"Makefile ({said})"
    assert second_name(".env", "alice", AT, lambda _: False) == f".env ({said})"
    taken = {f"a ({said}).b", f"a ({said}, 2).b"}
    assert second_name("a.b", "alice", AT, taken.__contains__) == f"a ({said}, 3).b"


def test_a_second_versions_name_is_never_more_than_a_name() -> None:
    assert second_name("a", "../e\u202ev/il", AT, lambda _: False) == "a (evil, 2026-11-22 010203)"
    assert second_name("a", "\u4f60", AT, lambda _: False) == "a (mine, 2026-11-22 010203)"
    long = second_name("d/" + "\u4f60" * 85 + ".md", "alice", AT, lambda _: False)
    assert why_not(long) == ""
    assert long.endswith(" (alice, 2026-11-22 010203).md")


def test_paths_know_what_is_above_them() -> None:
    assert list(parents("a/b/c")) == ["a", "a/b"]
    assert is_below("a/b/c", {"a/b"})
    assert is_below("a", {"a"})
    assert not is_below("ab/c", {"a"})
