"""Decides what a pass does with each path, from what both sides had at the last one and what each has now. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from multiplayer.client.sync.names import is_below, parents


class Version(NamedTuple):
    """A file as both sides compare it."""

    sha256: str
    is_executable: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """Make `version`'s content what the room has. `expected`: what it replaces there; None: nothing."""

    path: str
    version: Version
    expected: str | None


@dataclass(frozen=True, slots=True)
class Download:
    """Make `version` what is here. `replaces`: what it replaces; None: nothing."""

    path: str
    version: Version
    replaces: Version | None


@dataclass(frozen=True, slots=True)
class Aside:
    """Both changed: what is here moves to `to`, and the room's version gets the name."""

    path: str
    to: str


@dataclass(slots=True)
class Plan:
    """What there is to do, by path in order.

    While there are `asides` they are done first, and all is decided anew. Removals go before uploads and downloads: what
    was a file may be a folder now.
    """

    asides: list[Aside] = field(default_factory=list)
    removals_here: dict[str, Version] = field(default_factory=dict)
    removals_there: dict[str, Version] = field(default_factory=dict)
    downloads: list[Download] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    equal: dict[str, Version] = field(default_factory=dict)
    """Alike on both sides, and not yet remembered as that."""
    gone: list[str] = field(default_factory=list)
    """On neither side any more."""
    is_whole: bool = True
    """False: it is only what has to be done before the rest is decided."""

    @property
    def is_nothing(self) -> bool:
        """Whether no file has to be changed on either side."""
        return not (self.asides or self.removals_here or self.removals_there or self.downloads or self.uploads)


def reconcile(
    base: Mapping[str, Version],
    here: Mapping[str, Version],
    there: Mapping[str, Version],
    *,
    is_left_out: Callable[[str], bool],
    second_name: Callable[[str], str],
    folders_there: frozenset[str] = frozenset(),
) -> Plan:
    """Decide. `is_left_out`: such a path is not touched on any side. `folders_there`: hold what `there` does not name.

    An edit goes before a removal. Where both changed the same file, both are kept (`second_name` says where ours goes).
    """
    plan = Plan()
    aside: set[str] = set()
    for path in sorted(base.keys() | here.keys() | there.keys()):
        known, ours, theirs = base.get(path), here.get(path), there.get(path)
        if known == ours == theirs or is_left_out(path):
            continue
        if ours == theirs:
            if ours is None:
                plan.gone.append(path)
            else:
                plan.equal[path] = ours
        elif ours is None:
            assert theirs is not None, "one of them differs"
            if theirs == known:
                plan.removals_there[path] = theirs
            else:
                plan.downloads.append(Download(path, theirs, None))
        elif theirs is None:
            if ours == known:
                plan.removals_here[path] = ours
            else:
                plan.uploads.append(Upload(path, ours, None))
        else:
            _both(plan, aside, path, known, ours, theirs)
    _clashes(plan, aside, there, folders_there)
    plan.asides = [Aside(path, second_name(path)) for path in sorted(aside)]
    return plan


def _both(plan: Plan, aside: set[str], path: str, known: Version | None, ours: Version, theirs: Version) -> None:
    """Decide about a file that stands on both sides and differs."""
    if ours.sha256 != theirs.sha256 and (known is None or known.sha256 not in {ours.sha256, theirs.sha256}):
        aside.add(path)
        return
    # Content and executable bit are each taken from who changed them. Without knowing, the room is right.
    sha256 = ours.sha256 if known is not None and theirs.sha256 == known.sha256 else theirs.sha256
    is_ours = known is not None and theirs.is_executable == known.is_executable
    wanted = Version(sha256, ours.is_executable if is_ours else theirs.is_executable)
    if wanted != theirs:
        # If only a part of it is ours, the next pass fetches the rest.
        plan.uploads.append(Upload(path, wanted, theirs.sha256))
    else:
        plan.downloads.append(Download(path, wanted, ours))


def _clashes(plan: Plan, aside: set[str], there: Mapping[str, Version], folders_there: frozenset[str]) -> None:
    """Find files that are to go where the room has a folder, or below what is a file there: the room's keep the name."""
    fresh = [upload for upload in plan.uploads if upload.expected is None]
    if not fresh:
        return
    files = there.keys() - plan.removals_there.keys()
    folders = {parent for path in files for parent in parents(path)} | folders_there
    for upload in fresh:
        top = next((parent for parent in parents(upload.path) if parent in files), None)
        if top is not None:
            aside.add(top)
        elif upload.path in folders:
            aside.add(upload.path)
    if aside:
        plan.uploads = [upload for upload in plan.uploads if not is_below(upload.path, aside)]
