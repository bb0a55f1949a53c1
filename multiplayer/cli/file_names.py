"""Names under which files of others may lie on this machine: no path, nothing hidden, nothing that a shell takes for more."""

import errno
from pathlib import Path
from typing import Final

from multiplayer.cli.visible import visible

MOST_BYTES: Final = 200
"""Of a name: disks take 255, and something may have to stand beside it."""
_MOST_SUFFIX: Final = 20


def safe_name(name: str) -> str:
    r"""Return a name for a file in the current folder. Control and direction characters are written out: `\x1b` as `_x1b`.

    Only what stands behind the last slash counts. It begins with neither `.` nor `-`, and keeps its ending.
    """
    last = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2].strip()
    shown = visible(last).replace("\\", "_").replace("\0", "_")
    if not shown.strip("."):
        return "file"
    if shown[0] in ".-~":
        shown = "_" + shown[1:]
    path = Path(shown)
    suffix = path.suffix if len(path.suffix) <= _MOST_SUFFIX else ""
    stem = shown.removesuffix(suffix)
    return _cut(stem, MOST_BYTES - len(suffix.encode())) + suffix


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


def place_for(output: Path | str | None, name: str) -> Path:
    """Return where a file of this name goes: `output` itself, into it if it is a folder, else into the current folder.

    What ends with a slash is meant as a folder, and made if it is not there. Raises `FileNotFoundError` for a path in a
    folder that is not there, other `OSError`.
    """
    if output is None:
        return Path(safe_name(name))
    path = Path(output)
    if isinstance(output, str) and output.endswith("/"):
        path.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        return path / safe_name(name)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    return path


def path_and_words(text: str) -> tuple[Path, str]:
    r"""Split a typed line into the path that it begins with and the rest. Spaces in the path: in quotes, or behind `\`."""
    first, rest = "", text.lstrip()
    if rest[:1] in {'"', "'"} and rest.find(rest[0], 1) > 0:
        first, _, rest = rest[1:].partition(rest[0])
    else:
        while rest and not rest[0].isspace():
            is_escaped = rest[0] == "\\" and len(rest) > 1
            first += rest[1] if is_escaped else rest[0]
            rest = rest[2 if is_escaped else 1 :]
    return Path(first).expanduser() if first else Path(), rest.strip()
