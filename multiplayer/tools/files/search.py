"""Searching the files of a workspace for a text or a pattern: linear in time, and bounded in files, bytes, time, matches."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.tools.files.kinds import kind_if_binary
from multiplayer.tools.files.names import shown_name
from multiplayer.tools.files.paths import Root, check_path
from multiplayer.tools.files.reads import read_all
from multiplayer.tools.files.walk import Walk
from multiplayer.tools.limits import KIB, MIB
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.terminal.output import clean_text

MAX_QUERY_CHARACTERS: Final = 1000
MAX_ENTRIES: Final = 50_000
MAX_FILE_BYTES: Final = 8 * MIB
MAX_BYTES: Final = 256 * MIB
MAX_MATCHES: Final = 200
MAX_SHOWN: Final = 300
"""Characters of a matching line."""
SEARCH_S: Final = 10.0
_HEAD: Final = 8 * KIB
_PATTERN_PIECE: Final = 32 * KIB
"""The worst pattern takes under a second for it."""
_OVERLAP: Final = KIB
_PATTERN_BYTES: Final = MIB
"""Memory of a compiled pattern."""
_AROUND: Final = 2 * KIB
"""Of a long line, on either side of the match: cleaning cuts what is longer."""
_WITHOUT: Final = frozenset({".git"})


@dataclass(frozen=True, slots=True)
class _Finder:
    find: Callable[[bytes, int], int]
    """Where in these bytes, from there on, the next match begins, or -1."""
    piece_bytes: int
    """How much it is given at once."""


@dataclass(slots=True)
class _Skipped:
    binary: int = 0
    big: int = 0
    closed: int = 0


class _Enough(Exception):  # noqa: N818 - the search ends, nothing is wrong
    """A bound was reached; the sentence says which."""


def search_files(
    root: Root,
    query: str,
    path: str,
    *,
    is_regex: bool,
    within_s: float = SEARCH_S,
    secret_values: Sequence[str] = (),
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """One `path:line: text` for each matching line, cleaned and cut, then what was left out; raises `ToolRefused`.

    Case counts; a match lies within one line; binary files, links and `.git` are not searched. Blocks for at most
    `within_s` and a second.
    """
    top = check_path(path)
    finder = _pattern(query) if is_regex else _literal(query)
    search = _Search(finder, clock() + min(within_s, SEARCH_S), clock, secret_values)
    why = None
    try:
        search.run(root, top)
    except _Enough as enough:
        why = str(enough)
    return search.told(why)


class _Search:
    def __init__(self, finder: _Finder, end: float, clock: Callable[[], float], secret_values: Sequence[str]) -> None:
        self._finder = finder
        self._end = end
        self._clock = clock
        self._secret_values = secret_values
        self._lines: list[str] = []
        self._skipped = _Skipped()
        self._files = 0
        self._left = MAX_BYTES
        self._is_whole = True

    def run(self, root: Root, top: tuple[str, ...]) -> None:
        walk = Walk(root, top, most=MAX_ENTRIES, without=_WITHOUT)
        try:
            for seen in walk:
                if self._clock() > self._end:
                    raise _Enough("it took too long")
                if not seen.is_file:
                    continue
                if seen.status.st_size > MAX_FILE_BYTES:
                    self._skipped.big += 1
                    continue
                folder = Root(seen.folder, root.kernel_resolves)
                try:
                    fd, status = folder.open_file_for_change(seen.parts[-1:])
                except ToolRefused:
                    self._skipped.closed += 1  # a link by now, closed against its own user, or with further names
                    continue
                self._one(fd, status, "/".join((*top, *seen.parts)))
        except ToolRefused as refused:
            if refused.code is not ToolFault.WRONG_KIND or not top:
                raise
            fd, status = root.open_file(top)
            self._one(fd, status, "/".join(top))
        self._is_whole = walk.is_whole

    def _one(self, fd: int, status: os.stat_result, path: str) -> None:
        with os.fdopen(fd, "rb", buffering=0) as file:
            try:
                data = read_all(file, path, status.st_size, MAX_FILE_BYTES)
            except ToolRefused:
                self._skipped.big += 1  # it has grown
                return
        if kind_if_binary(data[:_HEAD]) is not None:
            self._skipped.binary += 1
            return
        self._left -= len(data)
        if self._left < 0:
            raise _Enough(f"more than {MAX_BYTES // MIB} MiB were to be searched")
        self._files += 1
        data = data.replace(b"\r\n", b"\n")  # so that $ is where people see the end of a line
        for line, start, end, at in self._matches(data):
            self._lines.append(f"{shown_name(path)}:{line}: {self._shown(data, start, end, at)}")
            if len(self._lines) >= MAX_MATCHES:
                raise _Enough(f"there are {MAX_MATCHES} matching lines already")

    def _matches(self, data: bytes) -> Iterator[tuple[int, int, int, int]]:
        """Each matching line: its number, its bytes from and to, where in them the match is."""
        line = 1
        counted_to = 0
        for piece_start, piece_end in _pieces(data, self._finder.piece_bytes):
            if self._clock() > self._end:
                raise _Enough("it took too long")
            piece = data[piece_start:piece_end]
            at = 0
            while at < len(piece) and (at := self._finder.find(piece, at)) >= 0:
                if at == len(piece) and piece.endswith(b"\n"):
                    break  # what follows is no line of this piece
                place = piece_start + at
                start = max(data.rfind(b"\n", 0, place) + 1, counted_to)
                end = data.find(b"\n", place)
                end = len(data) if end < 0 else end
                line += data.count(b"\n", counted_to, start)
                counted_to = start
                yield line, start, end, place
                at = end + 1 - piece_start

    def _shown(self, data: bytes, start: int, end: int, at: int) -> str:
        # Cleaned first and cut then: a cut through a secret would hide it from the filter.
        start = max(start, at - _AROUND)
        whole = self._cleaned(data[start : min(end, at + _AROUND)])
        if len(whole) <= MAX_SHOWN:
            return whole
        before = len(self._cleaned(data[start:at]))
        first = max(0, min(before - MAX_SHOWN // 4, len(whole) - MAX_SHOWN))
        last = first + MAX_SHOWN
        return f"{'…' if first else ''}{whole[first:last]}{'…' if last < len(whole) else ''}"

    def _cleaned(self, data: bytes) -> str:
        return " ".join(clean_text(data, self._secret_values).split("\n"))

    def told(self, why: str | None) -> str:
        notes = []
        if not self._lines:
            notes.append(f"no match in {self._files} file{'' if self._files == 1 else 's'}")
        if why is not None:
            notes.append(f"stopped: {why}; search for something narrower, or in one folder")
        skipped = (
            (self._skipped.binary, "binary"),
            (self._skipped.big, f"over {MAX_FILE_BYTES // MIB} MiB"),
            (self._skipped.closed, "not readable or with further names"),
        )
        if any(count for count, _ in skipped):
            notes.append(f"not searched: {', '.join(f'{count} {what}' for count, what in skipped if count)}")
        if not self._is_whole:
            notes.append("some folders were not searched")
        return "\n".join([*self._lines, *(f"[{note}]" for note in notes)])


def _pieces(data: bytes, size: int) -> Iterator[tuple[int, int]]:
    """From where to where each goes: whole lines; of a line longer than a piece, parts that overlap."""
    start = 0
    while start + size < len(data):
        cut = data.rfind(b"\n", start, start + size) + 1
        yield start, cut or start + size
        start = cut or start + size - _OVERLAP
    yield start, len(data)


def _checked(query: str) -> bytes:
    if not query or len(query) > MAX_QUERY_CHARACTERS:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, f"the query has 1 to {MAX_QUERY_CHARACTERS} characters")
    if "\n" in query or "\r" in query:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the query has a line end in it; a match lies within one line")
    try:
        return query.encode()
    except UnicodeEncodeError as error:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the query is not valid Unicode") from error


def _literal(query: str) -> _Finder:
    wanted = _checked(query)
    return _Finder(lambda piece, at: piece.find(wanted, at), MAX_FILE_BYTES)


def _pattern(query: str) -> _Finder:
    wanted = _checked(query)
    try:
        import re2  # type: ignore[import-not-found, import-untyped, unused-ignore]  # it ships no types
    except ImportError as error:
        raise ToolRefused(
            ToolFault.BAD_ARGUMENTS, "this server cannot search for patterns; search for a literal text"
        ) from error
    options = re2.Options()
    options.max_mem = _PATTERN_BYTES
    options.log_errors = False
    options.never_nl = True
    options.never_capture = True
    try:
        # Memory and time are bounded by the engine: no pattern takes longer than its size times that of the text.
        re2.compile(wanted, options)  # by itself first, so that an error speaks of what was asked
        pattern = re2.compile(b"(?m)" + wanted, options)
    except re2.error as error:
        words = error.args[0] if error.args else ""
        said = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
        raise ToolRefused(
            ToolFault.BAD_ARGUMENTS,
            f"the pattern is not one of RE2 (no look-around, no back-references): {said[:200]!r}",
        ) from error

    def find(piece: bytes, at: int) -> int:
        found = pattern.search(piece, at)
        return -1 if found is None else int(found.start())

    return _Finder(find, _PATTERN_PIECE)
