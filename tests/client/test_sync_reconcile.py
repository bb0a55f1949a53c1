"""What a pass decides, path by path; and that no order of edits and passes loses what nobody meant to lose."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.client.sync.names import parents
from multiplayer.client.sync.reconcile import Aside, Download, Plan, Upload, Version, reconcile

A, B, C = Version("a"), Version("b"), Version("c")
RUN_A, RUN_B = Version("a", is_executable=True), Version("b", is_executable=True)


def decide(
    base: Mapping[str, Version], here: Mapping[str, Version], there: Mapping[str, Version], *left_out: str
) -> Plan:
    return reconcile(
        base, here, there, is_left_out=lambda path: path in left_out, second_name=lambda path: f"{path} (mine)"
    )


def one(base: Version | None, here: Version | None, there: Version | None) -> Plan:
    def side(version: Version | None) -> dict[str, Version]:
        return {"f": version} if version is not None else {}

    return decide(side(base), side(here), side(there))


def test_what_is_alike_is_left_alone_or_only_remembered() -> None:
    assert one(A, A, A) == Plan()
    assert one(None, A, A) == Plan(equal={"f": A})
    assert one(A, B, B) == Plan(equal={"f": B})
    assert one(A, None, None) == Plan(gone=["f"])


def test_what_changed_on_one_side_goes_to_the_other() -> None:
    assert one(A, B, A) == Plan(uploads=[Upload("f", B, "a")])
    assert one(A, A, B) == Plan(downloads=[Download("f", B, A)])
    assert one(None, A, None) == Plan(uploads=[Upload("f", A, None)])
    assert one(None, None, A) == Plan(downloads=[Download("f", A, None)])
    assert one(A, None, A) == Plan(removals_there={"f": A})
    assert one(A, A, None) == Plan(removals_here={"f": A})


def test_an_edit_goes_before_a_removal() -> None:
    assert one(A, B, None) == Plan(uploads=[Upload("f", B, None)])
    assert one(A, None, B) == Plan(downloads=[Download("f", B, None)])


def test_of_two_different_edits_ours_moves_aside() -> None:
    assert one(A, B, C) == Plan(asides=[Aside("f", "f (mine)")])
    assert one(None, B, C) == Plan(asides=[Aside("f", "f (mine)")])


def test_content_and_executable_bit_each_come_from_who_changed_them() -> None:
    assert one(A, RUN_A, A) == Plan(uploads=[Upload("f", RUN_A, "a")])
    assert one(A, A, RUN_A) == Plan(downloads=[Download("f", RUN_A, A)])
    assert one(A, RUN_A, B) == Plan(uploads=[Upload("f", RUN_B, "b")])
    assert one(A, B, RUN_A) == Plan(uploads=[Upload("f", RUN_B, "a")])
    assert one(None, A, RUN_A) == Plan(downloads=[Download("f", RUN_A, A)])


def test_what_is_left_out_is_touched_on_no_side() -> None:
    assert decide({"f": A}, {}, {"f": A}, "f") == Plan()
    assert decide({"f": A}, {"f": B}, {"f": C}, "f") == Plan()


def test_a_new_file_where_the_room_has_a_folder_moves_aside() -> None:
    plan = decide({}, {"d": A}, {"d/f": B})
    assert plan.asides == [Aside("d", "d (mine)")]
    assert plan.uploads == []


def test_a_new_folder_where_the_room_has_a_file_moves_aside_whole() -> None:
    plan = decide({}, {"d/f": A, "d/e/g": B}, {"d": C})
    assert plan.asides == [Aside("d", "d (mine)")]
    assert plan.uploads == []


def test_a_file_that_became_a_folder_here_becomes_one_there() -> None:
    plan = decide({"d": A}, {"d/f": B}, {"d": A})
    assert (plan.removals_there, plan.uploads, plan.asides) == ({"d": A}, [Upload("d/f", B, None)], [])


# A model of both sides, as the engine carries plans out.

Tree = dict[str, str]
PATHS = ["a", "b", "d", "d/x", "d/y", "d/x/z"]


@dataclass
class Sides:
    here: Tree = field(default_factory=dict)
    there: Tree = field(default_factory=dict)
    base: Tree = field(default_factory=dict)
    number: int = 0
    seen_here: set[str] = field(default_factory=set)
    """Contents that somebody here has replaced or removed with their own hands."""
    seen_there: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)

    def write(self, side: Tree, seen: set[str], path: str, *, copies: bool) -> None:
        for other in [name for name in side if name.startswith(f"{path}/") or path.startswith(f"{name}/")]:
            seen.add(side.pop(other))
        if path in side:
            seen.add(side[path])
        self.number += 1
        side[path] = "same" if copies else f"content {self.number}"
        self.written.add(side[path])

    def remove(self, side: Tree, seen: set[str], path: str) -> None:
        for other in [name for name in side if name == path or name.startswith(f"{path}/")]:
            seen.add(side.pop(other))

    def sync(self) -> bool:
        """One pass; tell whether there was nothing to do."""
        plan = self._plan()
        for path in plan.gone:
            del self.base[path]
        self.base.update({path: version.sha256 for path, version in plan.equal.items()})
        for path, version in plan.removals_here.items():
            assert self.here.pop(path) == version.sha256
            del self.base[path]
        for aside in plan.asides:
            for path in [name for name in self.here if name == aside.path or name.startswith(f"{aside.path}/")]:
                self.here[aside.to + path[len(aside.path) :]] = self.here.pop(path)
            for path in [name for name in self.base if name == aside.path or name.startswith(f"{aside.path}/")]:
                del self.base[path]
        if plan.asides:
            return False
        for download in plan.downloads:
            self._put(self.here, download.path, download.version)
        for path, version in plan.removals_there.items():
            assert self.there.pop(path) == version.sha256
            del self.base[path]
        for upload in plan.uploads:
            assert self.there.get(upload.path) == upload.expected
            self._put(self.there, upload.path, upload.version)
        return plan.is_nothing

    def _put(self, side: Tree, path: str, version: Version) -> None:
        assert not [name for name in side if name.startswith(f"{path}/") or name in parents(path)], (path, side)
        side[path] = self.base[path] = version.sha256

    def _plan(self) -> Plan:
        def second(path: str) -> str:
            number = 1
            while any(name == (to := f"{path} ({number})") or name.startswith(f"{to}/") for name in self.all_names()):
                number += 1
            return f"{path} ({number})"

        sides = [{path: Version(text) for path, text in side.items()} for side in (self.base, self.here, self.there)]
        return reconcile(*sides, is_left_out=lambda _path: False, second_name=second)

    def all_names(self) -> set[str]:
        return {*self.here, *self.there, *self.base}


step = st.one_of(
    st.tuples(st.sampled_from(["write here", "write there", "copy here", "copy there"]), st.sampled_from(PATHS)),
    st.tuples(st.sampled_from(["remove here", "remove there"]), st.sampled_from(PATHS)),
    st.just(("sync", "")),
)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(st.lists(step, max_size=14))
def test_no_content_vanishes_that_nobody_replaced_and_quiet_passes_make_both_sides_equal(
    steps: list[tuple[str, str]],
) -> None:
    sides = Sides()
    for what, path in steps:
        match what.split():
            case ["sync"]:
                sides.sync()
            case ["remove", "here"]:
                sides.remove(sides.here, sides.seen_here, path)
            case ["remove", _]:
                sides.remove(sides.there, sides.seen_there, path)
            case [verb, "here"]:
                sides.write(sides.here, sides.seen_here, path, copies=verb == "copy")
            case [verb, _]:
                sides.write(sides.there, sides.seen_there, path, copies=verb == "copy")
    # Names that clash in turns may take one pass each.
    for _ in range(6):
        sides.sync()
    assert sides.sync()
    assert sides.here == sides.there == sides.base
    meant = sides.seen_here | sides.seen_there | {"same"}
    assert sides.written - set(sides.here.values()) <= meant
