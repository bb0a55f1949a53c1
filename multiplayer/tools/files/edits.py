"""Replacing a piece of a text file exactly: once, or everywhere if so asked, and never over someone else's change."""

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from multiplayer.tools.files.diffs import replacement_diff
from multiplayer.tools.files.kinds import kind_if_binary
from multiplayer.tools.files.names import check_change_path, shown_name
from multiplayer.tools.files.writes import check_quota, open_parent, put, read_for_change
from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.terminal.output import clean_text
from multiplayer.tools.workspace import Workspace

MAX_EDIT_BYTES: Final = 8 * MIB
_HEAD: Final = 64 * KIB
_TOLD_PLACES: Final = 20
_LINES_LOOKED_AT: Final = 20_000
_COMPARED: Final = 40
"""Of those with the most words in common, the letters are compared: that is slow."""
_COMPARED_CHARACTERS: Final = 160
_WORD: Final = re.compile(r"\w+")
_ONLY_LF: Final = re.compile(rb"(?<!\r)\n")


def edit_file(
    workspace: Workspace,
    path: str,
    old: str,
    new: str,
    limits: Limits,
    *,
    replace_all: bool = False,
    secret_values: Sequence[str] = (),
) -> str:
    """Replace `old` by `new` and return the unified diff, cleaned as command output is.

    Line ends stay those of the file. Raises `ToolRefused` (NOT_UNIQUE; NOT_FOUND if `old` is not there; RACE if the
    file was changed meanwhile), `OSError`. Blocks.
    """
    parts = check_change_path(path)
    try:
        old_bytes, new_bytes = old.encode(), new.encode()
    except UnicodeEncodeError as error:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "old or new is not valid Unicode") from error
    if not old_bytes or old_bytes == new_bytes:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "old must not be empty, and new must differ from it")
    data, status = read_for_change(workspace, parts, min(MAX_EDIT_BYTES, limits.file_bytes))
    kind = kind_if_binary(data[:_HEAD])
    if kind is not None:
        raise ToolRefused(ToolFault.NOT_TEXT, f"{path!r} is {kind} of {len(data)} bytes, not text")
    old_bytes, new_bytes = _with_line_ends(data, old_bytes, new_bytes)
    count = data.count(old_bytes)
    if count == 0:
        raise ToolRefused(ToolFault.NOT_FOUND, _nowhere(path, data, old, secret_values))
    if not replace_all and data.find(old_bytes, data.find(old_bytes) + 1) >= 0:
        raise ToolRefused(ToolFault.NOT_UNIQUE, _not_once(path, data, old_bytes))
    grown = count * (len(new_bytes) - len(old_bytes))
    most = min(MAX_EDIT_BYTES, limits.file_bytes)
    if len(data) + grown > most:
        raise ToolRefused(
            ToolFault.TOO_BIG, f"{path!r} would have {len(data) + grown} bytes; at most {most} are edited"
        )
    check_quota(workspace, limits, more_bytes=grown, more_inodes=0)
    diff = replacement_diff(shown_name("/".join(parts)), data, old_bytes, new_bytes, count)
    parent = open_parent(workspace, parts[:-1])
    try:
        put(parent, parts[-1], data.replace(old_bytes, new_bytes), uid=workspace.uid, over=status, shown=path)
    finally:
        os.close(parent)
    return clean_text(diff, secret_values)


def _with_line_ends(data: bytes, old: bytes, new: bytes) -> tuple[bytes, bytes]:
    # Whoever read the file was shown LF: where the file has CRLF, that is meant.
    if b"\r\n" not in data:
        return old, new
    in_crlf = _ONLY_LF.sub(b"\r\n", old), _ONLY_LF.sub(b"\r\n", new)
    if data.count(b"\r\n") == data.count(b"\n"):
        return in_crlf
    return in_crlf if old not in data else (old, new)


def _not_once(path: str, data: bytes, old: bytes) -> str:
    lines: list[int] = []
    count = line = 0
    counted_to = 0
    at = data.find(old)
    while at >= 0:
        count += 1
        if len(lines) < _TOLD_PLACES:
            line += data.count(b"\n", counted_to, at)
            counted_to = at
            lines.append(line + 1)
        at = data.find(old, at + 1) if count < _TOLD_PLACES else -1
    more = count >= _TOLD_PLACES
    total = max(count, data.count(old)) if more else count
    where = ", ".join(map(str, lines))
    return (
        f"the text is {total} times in {path!r} (lines {where}{', …' if more else ''}); "
        "put more of the lines around it into old, or set replace_all"
    )


def _nowhere(path: str, data: bytes, old: str, secret_values: Sequence[str]) -> str:
    told = f"the text to replace is not in {path!r}"
    wanted = next((line.strip() for line in old.splitlines() if line.strip()), "")[:_COMPARED_CHARACTERS]
    if not wanted:
        return told
    words = frozenset(_WORD.findall(wanted))
    candidates: dict[str, tuple[int, int]] = {}
    for number, raw in enumerate(data.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT], start=1):
        line = raw[: 2 * _COMPARED_CHARACTERS].decode(errors="replace").strip()[:_COMPARED_CHARACTERS]
        if line == wanted:
            return f"{told}; line {number} is like its first line, so what differs is space around it or what follows"
        if line:
            candidates.setdefault(line, (-len(words.intersection(_WORD.findall(line))), number))
    lines = sorted(candidates, key=candidates.__getitem__)[:_COMPARED]
    near = get_close_matches(wanted, lines, n=3)
    if not near:
        return f"{told}, nor anything like it; read the file first"
    shown = "\n".join(f"{candidates[text][1]}: {text}" for text in near)
    return f"{told}; the lines most like its first one:\n{clean_text(shown.encode(), secret_values)}"
