"""Two trees of one workspace that have gone apart, made one again: nobody's change is lost, and nothing is read or written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from multiplayer.tools.checkpoints.tree import (
    UNKEPT,
    Entry,
    Kind,
    ancestors,
    depth_of,
    is_unknown,
    join,
)

Flat = Mapping[bytes, Entry]
"""A tree as `tree.flatten` returns it."""
_MAX_NAME = 255
_FOLDER = Entry(Kind.FOLDER, 0o755)


@dataclass(frozen=True, slots=True)
class Naming:
    """What the copies are called that are put beside: `plan (from pod-2, 2026-11-22 010203).txt`."""

    ours: str
    """The pod whose version is put beside."""
    theirs: str
    """The pod of the other version. That one is put beside only where nobody can look at ours, so that it must stay."""
    at: datetime
    """Of the other version: the same merge again finds the same names."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to stand there. First `beside` (ours with the copies, where nothing is replaced yet), then `tree`."""

    beside: dict[bytes, Entry]
    tree: dict[bytes, Entry]
    copies: tuple[bytes, ...]


@dataclass(slots=True)
class _Displaced:
    """What loses its place, by the path at which the other version stands."""

    ours: dict[bytes, Entry] = field(default_factory=dict)
    theirs: dict[bytes, Entry] = field(default_factory=dict)


def merge(base: Flat, ours: Flat, theirs: Flat, naming: Naming) -> Merged:
    """Bring together what was changed since `base`, which may be empty: then all of both counts as changed.

    What one side changed is taken, of a file its mode and its content apart; what was changed on one side and deleted on
    the other is kept; what both changed stands there as theirs, and ours beside it. Where `ours` holds what could not be looked at, that stays as it is.
    """
    lost = _Displaced()
    chosen: dict[bytes, Entry] = {}
    unknown = {path for path, entry in ours.items() if entry == UNKEPT}
    for path in {*base, *ours, *theirs}:
        entry = _choose(path, base, ours, theirs, lost)
        if entry is not None:
            chosen[path] = entry
    _keep_way_to(unknown, chosen, ours, theirs, lost)
    _make_way(chosen, ours, theirs, lost)
    copies: dict[bytes, Entry] = {}
    tops = [
        *_put_beside(lost.ours, chosen, (base, ours, theirs), naming.ours, naming.at, ours, copies),
        *_put_beside(lost.theirs, chosen, (base, ours, theirs), naming.theirs, naming.at, theirs, copies),
    ]
    tree = {**chosen, **copies}
    for path in list(tree):
        for above in ancestors(path):
            if above and above not in tree:
                tree[above] = next(
                    (side[above] for side in (ours, theirs, base) if _is_folder(side.get(above))), _FOLDER
                )
    return Merged({**ours, **copies}, tree, tuple(sorted(tops)))


def _choose(path: bytes, base: Flat, ours: Flat, theirs: Flat, lost: _Displaced) -> Entry | None:
    before, here, there = (UNKEPT if is_unknown(side, path) else side.get(path) for side in (base, ours, theirs))
    if here == UNKEPT:
        if there is not None and there != before and _has_content(there):
            lost.theirs[path] = there
        return ours.get(path)
    if there == UNKEPT or (there is not None and not _can_be_made(there)):
        return here
    if here == there or there in {before, None}:
        # Of what they deleted only that goes which nobody has changed here.
        return None if there is None and here == before else here
    if here in {before, None}:
        return there
    # Both have changed it.
    kept = _content(before)
    if _content(here) in {kept, _content(there)} or here.kind is Kind.SPECIAL:
        return _with_mode(there, before, here, there)
    if _content(there) == kept or there.kind is Kind.SPECIAL:
        return _with_mode(here, before, here, there)
    lost.ours[path] = here
    return there


def _with_mode(chosen: Entry, before: Entry | None, here: Entry, there: Entry) -> Entry:
    """Return one of them with the mode of who has changed that; where both have, theirs counts."""
    if before is None or not before.kind == here.kind == there.kind:
        return chosen
    return chosen._replace(mode=here.mode if there.mode == before.mode else there.mode)


def _keep_way_to(
    unknown: Iterable[bytes], chosen: dict[bytes, Entry], ours: Flat, theirs: Flat, lost: _Displaced
) -> None:
    """What cannot be looked at cannot be moved: the folders above it stay, and what should come there goes beside."""
    for path in unknown:
        for above in ancestors(path):
            if above and not _is_folder(chosen.get(above)):
                there = theirs.get(above)
                if there is not None and there == chosen.get(above) and _has_content(there):
                    lost.theirs[above] = there
                lost.ours.pop(above, None)
                chosen[above] = ours[above]


def _make_way(chosen: dict[bytes, Entry], ours: Flat, theirs: Flat, lost: _Displaced) -> None:
    """Let nothing be chosen below what is no folder: theirs has the name."""
    for path in sorted(chosen, key=depth_of):
        if chosen[path] == ours.get(path):
            continue
        for above in ancestors(path):
            if above in chosen and not _is_folder(chosen[above]):
                # Ours stands where they have a folder with something new in it.
                if _has_content(chosen[above]):
                    lost.ours[above] = chosen[above]
                chosen[above] = theirs[above]
    for path in sorted(chosen):
        if any(above in chosen and not _is_folder(chosen[above]) for above in ancestors(path)):
            entry = chosen.pop(path)
            if _has_content(entry) or _is_folder(entry):
                lost.ours[path] = entry


def _put_beside(
    lost: Flat,
    chosen: Flat,
    trees: tuple[Flat, Flat, Flat],
    pod: str,
    at: datetime,
    side: Flat,
    copies: dict[bytes, Entry],
) -> list[bytes]:
    """Find names for what lost its place, whole folders together; return them."""
    base, ours, theirs = trees
    groups: dict[bytes, dict[bytes, Entry]] = {}
    for path, entry in lost.items():
        # The uppermost name that is the other one's, or that nobody can look into.
        top = next(
            (
                above
                for above in reversed([path, *ancestors(path)])
                if above and not _is_folder(chosen.get(above, _FOLDER))
            ),
            path,
        )
        group = groups.setdefault(top, {})
        group[path[len(top) :]] = entry
        for above in ancestors(path):
            if depth_of(above) < depth_of(top) or not above:
                break
            if _is_folder(side.get(above)):
                group.setdefault(above[len(top) :], side[above])
    tops = []
    for top, group in sorted(groups.items()):
        above, _, name = top.rpartition(b"/")
        number = 1
        while True:
            place = join(above, name_beside(name, pod, at, number, has_ending=not _is_folder(group.get(b""))))
            made = {place + rest: entry for rest, entry in group.items()}
            # From the same merge, which was cut off.
            is_there = all(ours.get(path) == entry for path, entry in made.items())
            if not any(place in taken for taken in (base, theirs, copies)) and (is_there or place not in ours):
                break
            number += 1
        copies.update(made)
        tops.append(place)
    return tops


def name_beside(name: bytes, pod: str, at: datetime, number: int = 1, *, has_ending: bool = True) -> bytes:
    """Return the name of a copy: of at most 255 bytes, and with the ending of `name`."""
    again = f" {number}" if number > 1 else ""
    mark = f" (from {pod}, {at:%Y-%m-%d %H%M%S}{again})".encode()
    dot = name.rfind(b".") if has_ending else -1
    stem, ending = (name[:dot], name[dot:]) if dot > 0 and len(name) - dot <= 32 else (name, b"")
    room = _MAX_NAME - len(mark) - len(ending)
    if len(stem) > room:
        # Not in the middle of a character.
        stem = stem[:room].decode("utf-8", "ignore").encode() if _is_text(stem) else stem[:room]
    return stem + mark + ending


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _content(entry: Entry | None) -> tuple[Kind, bytes] | None:
    return None if entry is None else (entry.kind, entry.data)


def _has_content(entry: Entry) -> bool:
    return entry.kind in {Kind.FILE, Kind.LINK}


def _can_be_made(entry: Entry) -> bool:
    return entry.kind is not Kind.SPECIAL or entry.data == b"fifo"


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.FOLDER
