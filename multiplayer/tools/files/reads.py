"""Reading files of a workspace: a range of lines as text for the model, or all bytes for a person's editor."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from io import FileIO
from typing import Final

from multiplayer.tools.files.kinds import kind_if_binary
from multiplayer.tools.files.names import shown_name
from multiplayer.tools.files.paths import Root, check_path
from multiplayer.tools.files.walk import Seen, Walk
from multiplayer.tools.limits import KIB, MIB
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.terminal.output import MAX_LINE, clean_text

LATEST_S: Final = 253_402_300_799.0
"""The end of the year 9999, as far as times can be told: a command can set any."""
MAX_READ_FILE_BYTES = 32 * MIB
MAX_READ_TEXT_BYTES = 64 * KIB
MAX_READ_LINES = 2000
MAX_AT_ONCE_BYTES = 16 * KIB
"""A larger file is not cleaned on the event loop, even if it need not be waited for."""
MAX_LISTED = 1000
MAX_ENTRIES = 10_000
_PIECE: Final = 256 * KIB
_HEAD: Final = 64 * KIB


class EntryKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder, for a list that people see."""

    name: str
    """Bytes that are not UTF-8 stand as backslash escapes: such a name cannot be opened by this text."""
    kind: EntryKind
    size: int
    """Bytes of a file; 0 for anything else."""
    modified_at: datetime


def read_file(root: Root, path: str, offset: int, limit: int, secret_values: Sequence[str] = ()) -> str:
    """`limit` lines from line `offset` on as text for the model, cleaned as command output is.

    Raises `ToolRefused`, `OSError`. Blocks; memory stays flat however long lines are.
    """
    fd, status = root.open_file(check_path(path))
    with os.fdopen(fd, "rb", buffering=0) as file:
        _check_size(path, status.st_size, MAX_READ_FILE_BYTES)
        lines = _Lines(path, status.st_size, offset, limit)
        left = MAX_READ_FILE_BYTES
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            lines.feed(piece)
    return lines.text(secret_values)


def read_cached_file(root: Root, path: str, offset: int, limit: int, secret_values: Sequence[str] = ()) -> str | None:
    """As `read_file`, if that needs no disk and little work: fit for the event loop. None: use `read_file`.

    The way to a thread and back takes as long as reading a small file, and longer when every thread waits for a disk.
    """
    try:
        fd, status = root.open_cached_file(check_path(path))
    except BlockingIOError:
        return None
    with os.fdopen(fd, "rb", buffering=0):
        if status.st_size > MAX_AT_ONCE_BYTES or not hasattr(os, "RWF_NOWAIT"):
            return None
        data = bytearray(MAX_AT_ONCE_BYTES + 1)
        try:
            count = os.preadv(fd, [data], 0, os.RWF_NOWAIT)
        except OSError:  # not in memory, or a file system that cannot tell
            return None
        if count != status.st_size:
            return None
    lines = _Lines(path, status.st_size, offset, limit)
    lines.feed(bytes(data[:count]))
    return lines.text(secret_values)


class _Lines:
    """Takes a file piece by piece; keeps the wanted lines, counts the others."""

    def __init__(self, path: str, size: int, offset: int, limit: int) -> None:
        self._path = path
        self._size = size
        self._first = offset - 1
        self._end = offset - 1 + limit
        self._kept: list[bytes] = []
        self._room = MAX_READ_TEXT_BYTES
        self._is_full = False
        self._begun = bytearray()
        """The wanted line whose end has not come yet, as far as there is room for it."""
        self._line = 0
        """Line ends seen so far."""
        self._is_in_line = False
        self._has_begun = False

    def feed(self, piece: bytes) -> None:
        if not piece:
            return
        if not self._has_begun:
            self._has_begun = True
            kind = kind_if_binary(piece[:_HEAD])
            if kind is not None:
                raise ToolRefused(ToolFault.NOT_TEXT, f"{self._path!r} is {kind} of {self._size} bytes, not text")
        self._is_in_line = not piece.endswith(b"\n")
        at = 0
        if self._line + piece.count(b"\n") >= self._first:
            while at < len(piece) and self._line < self._end and not self._is_full:
                end = piece.find(b"\n", at) + 1
                if self._line >= self._first:
                    self._begun += piece[at : min(end or len(piece), at + self._room + 1)]
                self._line += end > 0
                at = end or len(piece)
                if end:
                    self._keep()
        self._line += piece.count(b"\n", at)

    def _keep(self) -> None:
        line, self._begun = bytes(self._begun), bytearray()
        if len(line) <= self._room:
            if line:
                self._kept.append(line)
                self._room -= len(line)
            return
        if not self._kept:
            self._kept.append(line[: self._room])
        self._is_full = True

    def text(self, secret_values: Sequence[str]) -> str:
        """The wanted lines and, if they are not all, which they are; once, at the end. Raises `ToolRefused`."""
        total = self._line + self._is_in_line
        if total == 0:
            return "[the file is empty]"
        if self._first >= total:
            raise ToolRefused(
                ToolFault.BAD_ARGUMENTS, f"{self._path!r} has {total} lines; line {self._first + 1} is past its end"
            )
        if not self._is_full:
            self._keep()
        text = clean_text(b"".join(self._kept), secret_values)
        end = self._first + len(self._kept)
        notes: list[str] = []
        if self._first > 0 or end < total:
            notes.append(f"[lines {self._first + 1}-{end} of {total}]")
        long = [self._first + 1 + at for at, line in enumerate(self._kept) if len(line) > MAX_LINE]
        if long:
            which = ", ".join(map(str, long[:5]))
            notes.append(f"[cut, as longer than {MAX_LINE} characters: line {which}{', …' if len(long) > 5 else ''}]")
        if not notes:
            return text
        return f"{text}{'' if text.endswith(chr(10)) else chr(10)}{chr(10).join(notes)}"


def _check_size(path: str, size: int, most: int) -> None:
    if size > most:
        raise ToolRefused(ToolFault.TOO_BIG, f"{path!r} has {size} bytes; files over {most} are not read")


def read_bytes(root: Root, path: str, most_bytes: int) -> bytes:
    """All of a file, as it is. Raises `ToolRefused` (TOO_BIG above `most_bytes`), `OSError`. Blocks."""
    fd, status = root.open_file(check_path(path))
    with os.fdopen(fd, "rb", buffering=0) as file:
        return read_all(file, path, status.st_size, most_bytes)


def read_all(file: FileIO, shown: str, size: int, most_bytes: int) -> bytes:
    """What an open file holds, if its `size` was and is at most `most_bytes`; raises `ToolRefused`, `OSError`."""
    _check_size(shown, size, most_bytes)
    data = bytearray()
    while len(data) <= most_bytes and (piece := file.read(min(MIB, most_bytes + 1 - len(data)))):
        data += piece
    _check_size(shown, len(data), most_bytes)  # it may have grown
    return bytes(data)


def entries(root: Root, path: str, most: int = MAX_ENTRIES) -> list[Entry]:
    """What a folder holds, sorted by name, `most` at most; raises `ToolRefused`. Blocks.

    A folder of more than `most` gives any `most` of them.
    """
    return [
        Entry(
            name=os.fsencode(seen.parts[-1]).decode(errors="backslashreplace"),
            kind=_kind(seen.status),
            size=seen.status.st_size if seen.is_file else 0,
            modified_at=datetime.fromtimestamp(min(max(seen.status.st_mtime, 0.0), LATEST_S), UTC),
        )
        for seen in Walk(root, check_path(path), most=most, depth=1)
    ]


def list_files(root: Root, path: str, depth: int, secret_values: Sequence[str] = ()) -> str:
    """One entry a line, sorted, at most `MAX_LISTED`; follows no link below `path`; raises `ToolRefused`. Blocks."""
    walk = Walk(root, check_path(path), most=MAX_LISTED, depth=depth)
    lines = sorted(_described(seen) for seen in walk)
    if not lines:
        return "[the folder is empty]" if walk.is_whole else "[the folder cannot be read]"
    if len(lines) == MAX_LISTED and not walk.is_whole:
        lines.append(f"[more than {MAX_LISTED} entries; list a folder of it]")
    elif not walk.is_whole:
        lines.append("[some folders could not be read]")
    return clean_text("\n".join(lines).encode(), secret_values)


def _described(seen: Seen) -> str:
    # A name may hold line ends, escapes or bytes that are not UTF-8: what is odd is shown escaped.
    name = shown_name("/".join(seen.parts))
    match _kind(seen.status):
        case EntryKind.FOLDER:
            return f"{name}/"
        case EntryKind.FILE:
            return f"{name}  {seen.status.st_size}"
        case kind:
            return f"{name}  [{kind.value}]"


def _kind(status: os.stat_result) -> EntryKind:
    if stat.S_ISDIR(status.st_mode):
        return EntryKind.FOLDER
    if stat.S_ISREG(status.st_mode):
        return EntryKind.FILE
    return EntryKind.LINK if stat.S_ISLNK(status.st_mode) else EntryKind.SPECIAL
