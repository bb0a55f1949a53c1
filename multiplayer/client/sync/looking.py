"""Puts together what a pass decides from: what is here, what the room says, what is remembered; and what stays left out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from multiplayer.client.sync.ignoring import RULE_FILES
from multiplayer.client.sync.names import as_known, is_below, one_here, parents, why_not
from multiplayer.client.sync.reconcile import Plan, Version, reconcile
from multiplayer.client.sync.scanning import Here, Scan
from multiplayer.protocol.workspace_sync import WorkspaceTree

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_SIZE: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class There:
    """A file of the room."""

    version: Version
    size: int


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of both sides."""

    here: Mapping[str, Here]
    there: Mapping[str, There]
    base: Mapping[str, Version]
    """Of what is not ignored."""
    ignored: tuple[str, ...]
    """Paths that were remembered and are ignored now."""
    left_out: Mapping[str, str]
    """Paths that cannot be made equal, and why."""
    untouched: frozenset[str]
    """Nothing at or below these is touched on any side: links, what changes just now, what cannot be."""
    is_ignored: Callable[[str], bool]
    folders_there: frozenset[str]
    links: int
    is_changing: bool
    """Files were written while they were read."""

    def plan(self, tried: Mapping[str, object], second_name: Callable[[str], str]) -> Plan:
        """Decide what to do. `tried`: paths that did not work out before, and are left alone."""

        def is_left_out(path: str) -> bool:
            return path in tried or is_below(path, self.untouched) or (path not in self.here and self.is_ignored(path))

        return reconcile(
            self.base,
            {path: version_of(found) for path, found in self.here.items()},
            {path: found.version for path, found in self.there.items()},
            is_left_out=is_left_out,
            second_name=second_name,
            folders_there=self.folders_there,
        )

    def names(self) -> set[str]:
        """Return all names that are in use on any side, of files and folders."""
        paths = {*self.here, *self.there, *self.base, *self.untouched}
        return paths | {parent for path in paths for parent in parents(path)}


def look_at(scan: Scan, tree: WorkspaceTree, remembered: Mapping[str, Version], *, folds_names: bool) -> Look:
    """Put together one moment. What the room says is believed of nothing but its own files."""
    here: Mapping[str, Here] = scan.files
    is_ignored = scan.ignoring.is_ignored
    left_out = dict(scan.left_out)
    untouched = set(scan.left_out) | scan.links | scan.changing
    there: dict[str, There] = {}
    links = 0
    for entry in tree.entries:
        if reason := why_not(entry.path):
            left_out[entry.path] = reason
        elif entry.kind == "link":
            links += 1
            untouched.add(entry.path)
        elif not _SHA256.fullmatch(entry.sha256) or not 0 <= entry.size <= _MOST_SIZE:
            left_out[entry.path] = "what the server says of it cannot be understood"
            untouched.add(entry.path)
        else:
            there[entry.path] = There(Version(entry.sha256, entry.is_executable), entry.size)
    if folds_names:
        here = as_known(here, [*there, *remembered])
        for path, other in one_here([path for path in there if not is_ignored(path)], here).items():
            left_out[path] = f"here it would be the same as {other}"
            untouched.add(path)
    folders_there = frozenset(
        parent for entry in tree.entries if entry.path not in there for parent in parents(entry.path)
    )
    ignored = tuple(path for path in remembered if path not in here and is_ignored(path))
    base = {path: version for path, version in remembered.items() if path not in ignored} if ignored else remembered
    return Look(
        here=here,
        there=there,
        base=base,
        ignored=ignored,
        left_out=left_out,
        untouched=frozenset(untouched),
        is_ignored=is_ignored,
        folders_there=folders_there,
        links=links + len(scan.links),
        is_changing=bool(scan.changing),
    )


def version_of(found: Here) -> Version:
    return Version(found.sha256, found.stamp.is_executable)


def is_rule_file(path: str) -> bool:
    """Whether a file says what is ignored: it has to be here before anything else is decided."""
    return path.rpartition("/")[2] in RULE_FILES
