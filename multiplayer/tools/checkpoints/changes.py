"""What differs between two trees, said for people: changed files with their lines, and unified diffs."""

from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff

from multiplayer.protocol.tools import MAX_CHANGES, ChangeKind, FileChange
from multiplayer.tools.checkpoints.store import Store
from multiplayer.tools.checkpoints.tree import Difference, Entry, Kind, parent_of, shown_path
from multiplayer.tools.limits import KIB, MIB

MAX_TEXT_BYTES = MIB
"""Of each side; larger files are compared as a whole only."""
MAX_COMPARED_LINES = 5_000
"""Of both sides between what is the same at the start and at the end; with more, all of them count as changed."""
MAX_LINES_AT_ONCE = 40_000
"""Of all files of one answer together; after that, files count as changed from their first to their last line."""
_LOOK_BYTES = 64 * KIB
_WORDS = {Kind.FOLDER: "folder", Kind.LINK: "link", Kind.SPECIAL: "special file", Kind.UNKEPT: "file that was not kept"}


def describe(differences: Sequence[Difference], store: Store) -> tuple[FileChange, ...]:
    """Return the changes, by path. Folders are named where they are empty or only their mode changed.

    Lines are counted for the first `MAX_CHANGES` files. Raises `CheckpointGone`, `OSError`.
    """
    has_below = {side: _folders_above(differences, side) for side in (0, 1)}
    named = [
        difference
        for difference in differences
        # A folder that came or went with what is in it is said by that.
        if not (
            (_is_folder(difference.after) and difference.before is None and difference.path in has_below[1])
            or (_is_folder(difference.before) and difference.after is None and difference.path in has_below[0])
        )
    ]
    counter = _Lines(store)
    return tuple(counter.change(difference, counts=number < MAX_CHANGES) for number, difference in enumerate(named))


def _folders_above(differences: Sequence[Difference], side: int) -> set[bytes]:
    return {
        parent_of(difference.path)
        for difference in differences
        if (difference.before, difference.after)[side] is not None
    }


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.FOLDER


class _Lines:
    """Counts lines, and less exactly when it has counted many."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = MAX_LINES_AT_ONCE

    def change(self, difference: Difference, *, counts: bool) -> FileChange:
        before, after = difference.before, difference.after
        kind = ChangeKind.ADDED if before is None else ChangeKind.REMOVED if after is None else ChangeKind.CHANGED
        added = removed = 0
        is_text = False
        if counts and {Kind.FILE} == {side.kind for side in (before, after) if side is not None}:
            old, new = text_of(before, self._store), text_of(after, self._store)
            is_text = old is not None and new is not None
            if old is not None and new is not None and _digest(before) != _digest(after):
                removed, added = self._count(lines_of(old), lines_of(new))
        return FileChange(
            path=shown_path(difference.path),
            kind=kind,
            before=_digest(before),
            after=_digest(after),
            added_lines=added,
            removed_lines=removed,
            is_text=is_text,
        )

    def _count(self, old: list[str], new: list[str]) -> tuple[int, int]:
        start, end = _common_ends(old, new)
        old, new = old[start : len(old) - end], new[start : len(new) - end]
        if not old or not new:
            return len(old), len(new)
        together = len(old) + len(new)
        if together > min(self._left, MAX_COMPARED_LINES):
            return len(old), len(new)
        self._left -= together
        same = sum(block.size for block in SequenceMatcher(None, old, new).get_matching_blocks())
        return len(old) - same, len(new) - same


def _common_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines are the same at the start and, of the rest, at the end."""
    most = min(len(old), len(new))
    start = next((at for at in range(most) if old[at] != new[at]), most)
    most -= start
    end = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    return start, end


def _digest(entry: Entry | None) -> str:
    return entry.data.hex() if entry is not None and entry.kind is Kind.FILE else ""


def text_of(entry: Entry | None, store: Store) -> str | None:
    """The text of a file, `""` of none at all; None if it is too long or not text."""
    if entry is None:
        return ""
    if entry.kind is not Kind.FILE or entry.size > MAX_TEXT_BYTES:
        return None
    data = store.read(entry.data)
    return None if b"\0" in data[:_LOOK_BYTES] else data.decode(errors="replace")


def lines_of(text: str) -> list[str]:
    """Split at line feeds alone: other separators are characters of a line."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def unified(difference: Difference, store: Store, most_bytes: int) -> str:
    """Return a unified diff of one path, in UTF-8 at most about `most_bytes`; what has no lines is said in words."""
    before, after = difference.before, difference.after
    shown = shown_path(difference.path)
    parts = [f"--- {_label('a', shown, before)}\n", f"+++ {_label('b', shown, after)}\n"]
    if before is not None and after is not None and before.mode != after.mode:
        parts.append(f"mode {before.mode:03o} -> {after.mode:03o}\n")
    if {Kind.FILE} == {side.kind for side in (before, after) if side is not None}:
        old, new = text_of(before, store), text_of(after, store)
        if old is not None and new is not None:
            parts += _hunks(lines_of(old), lines_of(new))
            return _cut("".join(parts), most_bytes)
    if before is None or after is None or before[2:] != after[2:] or before.kind is not after.kind:
        parts.append(f"{_described(before)} -> {_described(after)}; no lines are compared\n")
    return _cut("".join(parts), most_bytes)


def _label(side: str, shown: str, entry: Entry | None) -> str:
    return f"{side}/{shown}" if entry is not None else "/dev/null"


def _hunks(old: list[str], new: list[str]) -> list[str]:
    start, end = _common_ends(old, new)
    middle = len(old) + len(new) - 2 * (start + end)
    if middle > MAX_COMPARED_LINES:
        hunk = f"@@ -{start + 1},{len(old) - start - end} +{start + 1},{len(new) - start - end} @@\n"
        lines = [
            *(f"-{line}" for line in old[start : len(old) - end]),
            *(f"+{line}" for line in new[start : len(new) - end]),
        ]
        return [hunk, *map(_ended, lines)]
    # Three lines around a change are shown; what is the same beyond them need not be compared.
    skip, cut = max(0, start - 3), max(0, end - 3)
    hunks = list(unified_diff(old[skip : len(old) - cut], new[skip : len(new) - cut]))[2:]
    return [_shifted(line, skip) if line.startswith("@@") else _ended(line) for line in hunks]


def _shifted(head: str, by: int) -> str:
    """A hunk's head with its line numbers counted from the start of the file."""
    ranges = []
    for part in head.split()[1:3]:
        first, comma, count = part[1:].partition(",")
        ranges.append(f"{part[0]}{int(first) + by}{comma}{count}")
    return f"@@ {' '.join(ranges)} @@\n"


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _described(entry: Entry | None) -> str:
    if entry is None:
        return "nothing"
    if entry.kind is Kind.FILE:
        return f"a file of {entry.size} bytes"
    if entry.kind is Kind.LINK:
        return f"a link to {shown_path(entry.data)}"
    return f"a {_WORDS[entry.kind]}"


def _cut(text: str, most_bytes: int) -> str:
    data = text.encode()
    if len(data) <= most_bytes:
        return text
    kept = data[:most_bytes].decode(errors="ignore")
    return f"{kept[: kept.rfind(chr(10)) + 1]}[the rest of the diff is left out: {len(data)} bytes in all]\n"
