"""Merging two trees of one workspace: whatever was changed on either side is there afterwards."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from multiplayer.tools.checkpoints.merging import Flat, Merged, Naming, merge, name_beside
from multiplayer.tools.checkpoints.tree import (
    EMPTY,
    UNKEPT,
    Entry,
    Kind,
    ancestors,
    digest_of,
    flatten,
    is_unknown,
    parent_of,
    unflatten,
)

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
NAMING = Naming(ours="pod-1", theirs="pod-2", at=AT)


def file(words: str, mode: int = 0o644) -> Entry:
    return Entry(Kind.FILE, mode, digest_of(words.encode()), len(words))


FOLDER = Entry(Kind.FOLDER, 0o755)
LINK = Entry(Kind.LINK, 0, b"../elsewhere")
FIFO = Entry(Kind.SPECIAL, 0o600, b"fifo")
SOCKET = Entry(Kind.SPECIAL, 0o600, b"socket")

ENTRIES = st.sampled_from([
    *(file(words, mode) for words in ("one", "two", "three", "") for mode in (0o644, 0o755)),
    FOLDER, FOLDER, FOLDER, FOLDER._replace(mode=0o700), LINK, LINK._replace(data=b"two"), FIFO, SOCKET,
])  # fmt: skip
NAMES = st.sampled_from([b"a", b"b.txt", b"a (from pod-1, 2026-11-22 010203)", b"\xff"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)


def grown(given: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    """What can lie on a disk: everything in a folder, nothing below anything else."""
    tree: dict[bytes, Entry] = {}
    for path in sorted(given, key=lambda one: one.count(b"/")):
        if all(tree.get(above, FOLDER).kind is Kind.FOLDER for above in ancestors(path)):
            for above in ancestors(path):
                if above:
                    tree.setdefault(above, FOLDER)
            tree[path] = given[path]
    return tree


TREES = st.dictionaries(PATHS, ENTRIES, max_size=7).map(grown)
WITH_CLOSED = st.dictionaries(PATHS, st.one_of(ENTRIES, ENTRIES, ENTRIES, st.just(UNKEPT)), max_size=7).map(grown)


@st.composite
def versions(draw: st.DrawFn, ours: st.SearchStrategy[dict[bytes, Entry]] = TREES) -> tuple[Flat, Flat, Flat]:
    """A base, and two that may have much in common with it."""
    base = draw(TREES)

    def changed(tree: Flat) -> dict[bytes, Entry]:
        gone = draw(st.sets(st.sampled_from(sorted(base)))) if base else set()
        left = {path: entry for path, entry in base.items() if not gone & {path, *ancestors(path)}}
        return grown({**left, **tree})

    return base, changed(draw(ours)), changed(draw(TREES))


def contents(tree: Flat) -> set[tuple[Kind, bytes]]:
    return {(entry.kind, entry.data) for entry in tree.values() if entry.kind in {Kind.FILE, Kind.LINK}}


def check_is_a_tree(tree: Flat) -> None:
    for path in tree:
        above = parent_of(path)
        assert not above or tree[above].kind is Kind.FOLDER, path
        assert len(path.rpartition(b"/")[2]) <= 255


def check_nothing_is_lost(base: Flat, ours: Flat, theirs: Flat, merged: Merged) -> None:
    there = contents(merged.tree)
    for side in (ours, theirs):
        for path, entry in side.items():
            if entry.kind in {Kind.FILE, Kind.LINK} and not is_unknown(base, path):
                before = base.get(path)
                if before is None or (before.kind, before.data) != (entry.kind, entry.data):
                    assert (entry.kind, entry.data) in there, path


PLACE = b"a (from pod-1, 2026-11-22 010203)"


@settings(max_examples=400, deadline=None)
@given(versions())
@example(({}, {b"a": file("two"), PLACE: file("two")}, {b"a": file("one"), PLACE: FOLDER, PLACE + b"/a": file("one")}))
@example(({}, {b"a": FOLDER, PLACE: FOLDER}, {b"a": file("one"), PLACE: FOLDER, PLACE + b"/a": file("one")}))
def test_no_content_that_either_side_has_and_the_base_had_not_ever_vanishes(trees: tuple[Flat, Flat, Flat]) -> None:
    base, ours, theirs = trees
    merged = merge(base, ours, theirs, NAMING)
    for tree in (merged.beside, merged.tree):
        check_is_a_tree(tree)
    check_nothing_is_lost(base, ours, theirs, merged)
    # A crash between the two steps: what is to be replaced is there twice by then.
    assert all(merged.beside[path] == entry for path, entry in ours.items())
    for path, entry in merged.tree.items():
        place = next((top for top in merged.copies if top in {path, *ancestors(path)}), None)
        if place is not None:
            assert merged.beside[path] == entry


@settings(max_examples=300, deadline=None)
@given(versions(WITH_CLOSED))
def test_what_cannot_be_looked_at_stays_where_it_is_and_nothing_of_the_others_vanishes(
    trees: tuple[Flat, Flat, Flat],
) -> None:
    base, ours, theirs = trees
    merged = merge(base, ours, theirs, NAMING)
    check_is_a_tree(merged.tree)
    check_nothing_is_lost(base, ours, theirs, merged)
    assert all(merged.tree.get(path) == UNKEPT for path, entry in ours.items() if entry == UNKEPT)


@settings(max_examples=300, deadline=None)
@given(versions(WITH_CLOSED))
@example(({PLACE: file("one")}, {PLACE: file("one"), b"a": file("one")}, {b"a": FOLDER}))
@example(({PLACE: FOLDER, PLACE + b"/a": file("one")}, {b"a": FOLDER, b"a/a": file("one")}, {b"a": file("one")}))
def test_merging_what_came_of_a_merge_again_changes_nothing_more(trees: tuple[Flat, Flat, Flat]) -> None:
    base, ours, theirs = trees
    merged = merge(base, ours, theirs, NAMING)
    again = merge(base, merged.tree, theirs, NAMING)
    assert again.tree == merged.tree
    # As after a crash between the two steps.
    assert merge(base, merged.beside, theirs, NAMING).tree == merged.tree
    assert merge(theirs, merged.tree, theirs, NAMING).tree == merged.tree


@settings(max_examples=200, deadline=None)
@given(TREES, TREES)
def test_where_only_one_side_has_changed_anything_the_outcome_is_that_side(base: Flat, changed: Flat) -> None:
    assert merge(base, changed, base, NAMING) == Merged(dict(changed), dict(changed), ())
    without_sockets = grown({path: entry for path, entry in changed.items() if entry != SOCKET})
    base = {path: entry for path, entry in base.items() if entry != SOCKET}
    assert merge(base, base, without_sockets, NAMING).tree == without_sockets
    assert merge(base, changed, changed, NAMING).tree == changed
    assert merge({}, {}, without_sockets, NAMING).tree == without_sockets


@settings(max_examples=200, deadline=None)
@given(versions())
@example(({b"a": file("base")}, {b"a": file("ours")}, {b"a": FOLDER, b"a/b.txt": file("theirs")}))
def test_both_pods_come_to_the_same_once_each_has_merged_what_the_other_has(trees: tuple[Flat, Flat, Flat]) -> None:
    base, ours, theirs = trees
    first = merge(base, ours, theirs, NAMING).tree  # pod 1 takes theirs, and puts the outcome there
    sockets = {path for path, entry in first.items() if entry == SOCKET}
    second = merge(theirs, theirs, first, NAMING).tree  # pod 2, unchanged since, takes that
    assert {path: entry for path, entry in second.items() if path not in sockets and entry != SOCKET} == {
        path: entry for path, entry in first.items() if path not in sockets
    }


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "outcome"),
    [
        pytest.param("one", "one", "two", {b"p.txt": file("two")}, id="changed there"),
        pytest.param("one", "two", "one", {b"p.txt": file("two")}, id="changed here"),
        pytest.param("one", "two", "two", {b"p.txt": file("two")}, id="changed alike"),
        pytest.param("one", None, "one", {}, id="removed here"),
        pytest.param("one", "one", None, {}, id="removed there"),
        pytest.param("one", None, "two", {b"p.txt": file("two")}, id="removed here, changed there"),
        pytest.param("one", "two", None, {b"p.txt": file("two")}, id="changed here, removed there"),
        pytest.param(
            "one", "two", "three",
            {b"p.txt": file("three"), b"p (from pod-1, 2026-11-22 010203).txt": file("two")}, id="both changed",
        ),
        pytest.param(
            None, "two", "three",
            {b"p.txt": file("three"), b"p (from pod-1, 2026-11-22 010203).txt": file("two")}, id="both new",
        ),
    ],
)  # fmt: skip
def test_each_way_a_file_can_have_changed(
    base: str | None, ours: str | None, theirs: str | None, outcome: dict[bytes, Entry]
) -> None:
    sides = [{} if words is None else {b"p.txt": file(words)} for words in (base, ours, theirs)]
    assert merge(sides[0], sides[1], sides[2], NAMING).tree == outcome


def test_what_was_changed_in_a_folder_that_became_a_file_elsewhere_lies_in_a_folder_beside() -> None:
    base = {b"d": FOLDER, b"d/kept": file("one"), b"d/changed": file("one")}
    ours = {**base, b"d/changed": file("two")}
    merged = merge(base, ours, {b"d": file("three")}, NAMING)
    beside = b"d (from pod-1, 2026-11-22 010203)"
    assert merged.tree == {b"d": file("three"), beside: FOLDER, beside + b"/changed": file("two")}
    assert merged.copies == (beside,)


def test_a_mode_changed_on_one_side_and_words_changed_on_the_other_are_no_conflict_and_both_stay() -> None:
    base, changed, written = {b"a": file("one")}, {b"a": file("one", 0o755)}, {b"a": file("two")}
    for ours, theirs in ((changed, written), (written, changed)):
        merged = merge(base, ours, theirs, NAMING)
        assert (merged.tree, merged.copies) == ({b"a": file("two", 0o755)}, ())


@settings(max_examples=300, deadline=None)
@given(versions())
@example(({b"a": file("one")}, {b"a": file("one", 0o755)}, {b"a": file("two")}))
@example(({b"a": file("one")}, {b"a": file("two")}, {b"a": file("one", 0o755)}))
def test_a_mode_that_one_side_alone_has_changed_is_never_lost(trees: tuple[Flat, Flat, Flat]) -> None:
    base, ours, theirs = trees
    merged = merge(base, ours, theirs, NAMING)
    for path, before in base.items():
        here, there, now = ours.get(path), theirs.get(path), merged.tree.get(path)
        if here is None or there is None or not before.kind == here.kind == there.kind or before.kind is Kind.SPECIAL:
            continue
        if before.data not in {here.data, there.data} and here.data != there.data:
            continue  # two versions: each keeps its own
        assert now is not None
        assert now.mode == (here.mode if there.mode == before.mode else there.mode), path
        assert now.data == (here.data if there.data == before.data else there.data), path


def test_a_name_that_is_taken_by_something_else_gets_a_number() -> None:
    taken = b"p (from pod-1, 2026-11-22 010203).txt"
    ours = {b"p.txt": file("two"), taken: file("mine")}
    merged = merge({}, ours, {b"p.txt": file("three")}, NAMING)
    assert merged.tree[b"p (from pod-1, 2026-11-22 010203 2).txt"] == file("two")
    assert merged.tree[taken] == file("mine")


@given(st.binary(min_size=1, max_size=255).filter(lambda name: b"/" not in name and b"\0" not in name), st.booleans())
@example("ä".encode() * 127 + b".txt", True)
def test_the_name_of_a_copy_is_one_that_a_disk_can_have(name: bytes, has_ending: bool) -> None:
    made = name_beside(name, "pod-12345678", AT, 12, has_ending=has_ending)
    assert 0 < len(made) <= 255
    assert made != name
    assert b"/" not in made
    try:
        name.decode()
    except UnicodeDecodeError:
        return
    made.decode()


@settings(max_examples=200, deadline=None)
@given(WITH_CLOSED)
def test_a_tree_that_is_built_from_its_paths_is_the_tree_that_was_read(tree: Flat) -> None:
    kept: dict[bytes, bytes] = {}

    def put(data: bytes) -> bytes:
        return kept.setdefault(digest_of(data), data) and digest_of(data)

    root = unflatten(put, tree)
    assert flatten(kept.__getitem__, root) == tree
    assert unflatten(put, flatten(kept.__getitem__, root)) == root
    assert (root == EMPTY) == (not tree)
