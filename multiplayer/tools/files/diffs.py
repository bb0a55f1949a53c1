"""The unified diff of one replacement in a text, bounded in length and in work: only what is near the places is compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain
from typing import Final

from multiplayer.tools.limits import KIB

CONTEXT_LINES: Final = 3
MAX_DIFF_BYTES: Final = 32 * KIB
MAX_COMPARED_LINES: Final = 400
"""Of one stretch: in a longer one all lines between the first and the last change are shown as replaced."""
_MAX_LINE_BYTES: Final = 20 * KIB
"""More than is left of a line when it is cleaned to be shown."""
_MAX_LINES_MET: Final = 2000
"""Lines with a place in them; a diff of so many is longer than what is shown of it."""
_REST: Final = b"[the rest of the diff is not shown]\n"


@dataclass(slots=True)
class _Stretch:
    """Whole lines of the old text around places that lie close together."""

    start: int
    end: int
    line_end: int
    """Where the line ends in which the last place ends."""
    first_line: int
    """Counted from 0."""
    places: int


def replacement_diff(shown: str, data: bytes, old: bytes, new: bytes, most_places: int) -> bytes:
    """What replacing the first `most_places` places of `old` in `data` changes; `shown` names the file in its head."""
    parts = [f"--- {shown}\n+++ {shown}\n".encode()]
    room = MAX_DIFF_BYTES
    lines_more = told = 0
    for stretch in _stretches(data, old, most_places):
        before = _split(data[stretch.start : stretch.end])
        after = _split(data[stretch.start : stretch.end].replace(old, new, stretch.places))
        for line in _hunks(before, after, stretch.first_line, stretch.first_line + lines_more):
            parts.append(line)
            room -= len(line)
            if room < 0:
                return b"".join((*parts, _REST))
        lines_more += len(after) - len(before)
        told += stretch.places
    if told < most_places:
        parts.append(_REST)
    return b"".join(parts)


def _split(data: bytes) -> list[bytes]:
    *whole, last = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([last] if last else [])


def _stretches(data: bytes, old: bytes, most_places: int) -> Iterator[_Stretch]:
    stretch: _Stretch | None = None
    counted_to = line = told = 0
    at = data.find(old)
    for _ in range(_MAX_LINES_MET):
        if at < 0 or told >= most_places:
            break
        end = at + len(old)
        start = None if stretch is not None and at < stretch.end else _back(data, at)
        if stretch is None or (start is not None and start >= stretch.end):
            assert start is not None
            if stretch is not None:
                yield stretch
            line += data.count(b"\n", counted_to, start)
            counted_to = start
            stretch = _Stretch(start, 0, 0, line, 0)
        stretch.line_end = _line_ends(data, end - 1, 1)
        stretch.end = _line_ends(data, stretch.line_end, CONTEXT_LINES)
        # Those on the same line in one go, however long it is. There are none if `old` has a line end in it.
        same_line = min(data.count(old, end, stretch.line_end), most_places - told - 1)
        stretch.places += 1 + same_line
        told += 1 + same_line
        at = data.find(old, stretch.line_end if same_line else end)
    else:
        if stretch is not None:
            stretch.end = stretch.line_end  # what follows is changed, too, and must not be shown as it was
    if stretch is not None:
        yield stretch


def _back(data: bytes, at: int) -> int:
    """Where the line begins that is `CONTEXT_LINES` above the one of `at`."""
    for _ in range(CONTEXT_LINES + 1):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return 0
    return at + 1


def _line_ends(data: bytes, at: int, lines: int) -> int:
    for _ in range(lines):
        at = data.find(b"\n", at) + 1
        if at == 0:
            return len(data)
    return at


def _hunks(before: list[bytes], after: list[bytes], line_before: int, line_after: int) -> Iterator[bytes]:
    if max(len(before), len(after)) <= MAX_COMPARED_LINES:
        groups = list(SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT_LINES))
    else:
        groups = [_replaced(before, after)]
    for group in groups:
        _, a_start, _, b_start, _ = group[0]
        _, _, a_end, _, b_end = group[-1]
        a = _range(line_before + a_start, a_end - a_start)
        b = _range(line_after + b_start, b_end - b_start)
        yield f"@@ -{a} +{b} @@\n".encode()
        for tag, a_from, a_to, b_from, b_to in group:
            if tag == "equal":
                yield from (_shown(b" ", line) for line in before[a_from:a_to])
            else:
                gone = (_shown(b"-", line) for line in before[a_from:a_to])
                yield from chain(gone, (_shown(b"+", line) for line in after[b_from:b_to]))


def _replaced(before: list[bytes], after: list[bytes]) -> list[tuple[str, int, int, int, int]]:
    most = min(len(before), len(after))
    first = next((at for at in range(most) if before[at] != after[at]), most)
    last = next((at for at in range(most - first) if before[-1 - at] != after[-1 - at]), most - first)
    lead = max(0, first - CONTEXT_LINES)
    trail = min(last, CONTEXT_LINES)
    a_end, b_end = len(before) - last, len(after) - last
    return [
        ("equal", lead, first, lead, first),
        ("replace", first, a_end, first, b_end),
        ("equal", a_end, a_end + trail, b_end, b_end + trail),
    ]


def _range(start: int, length: int) -> str:
    first = start + 1 if length else start
    return str(first) if length == 1 else f"{first},{length}"


def _shown(mark: bytes, line: bytes) -> bytes:
    if len(line) > _MAX_LINE_BYTES:
        return mark + line[:_MAX_LINE_BYTES] + b"\n"
    return mark + line if line.endswith(b"\n") else mark + line + b"\n\\ No newline at end of file\n"
