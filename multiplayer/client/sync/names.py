"""Names of files in both worlds: which of the room's may lie here, which two are one here, and how a second version is called."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from multiplayer.protocol.folded_names import SYNC_FOLDER, folded

OWN_FOLDER: Final = SYNC_FOLDER
"""Where a followed folder keeps what it remembers. Never sent, never fetched over."""
_REPOSITORY: Final = ".git"
_NAME_BYTES: Final = 255
_PATH_BYTES: Final = 4_000
_MAX_FOLDERS: Final = 100
_MOST_SUFFIX_BYTES: Final = 20
_PLAIN: Final = re.compile(r"\w[\w .-]*(?:/\w[\w .-]*)*", re.ASCII).fullmatch
"""Names in which nothing has to be looked for, as nearly all are."""
T = TypeVar("T")


def why_not(path: str) -> str:
    """Say why a file of this name cannot lie here; "": it can. `path` is what somebody else wrote."""
    if len(path) <= _NAME_BYTES and path.count("/") < _MAX_FOLDERS and _PLAIN(path):
        return ""
    if not path or "\0" in path:
        return "it has no name that a file could have"
    parts = path.split("/")
    if path.startswith("/") or not {"", ".", ".."}.isdisjoint(parts):
        return "it would lie outside of the folder"
    if any(folded(part) == OWN_FOLDER for part in parts):
        return f"{OWN_FOLDER} is what this folder remembers"
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "its name is not text"
    if max(sizes) > _NAME_BYTES or sum(sizes) + len(sizes) > _PATH_BYTES or len(parts) > _MAX_FOLDERS:
        return "its name is too long for this machine"
    return ""


def is_repository(name: str) -> bool:
    """Whether some file system could take this name for git's own folder."""
    return folded(name) == _REPOSITORY


def parents(path: str) -> Iterable[str]:
    """Yield the folders above a path, the outermost first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def is_below(path: str, tops: Iterable[str]) -> bool:
    """Whether a path is one of `tops` or lies below one. `tops` is best a set."""
    return path in tops or any(parent in tops for parent in parents(path))


def one_here(theirs: Iterable[str], here: Iterable[str]) -> Mapping[str, str]:
    """Return those of the room's names that another one stands for here, where names that fold alike are one.

    The spelling that is here already goes before, then the first one by name. A folder's spelling goes for all below it.
    """
    spelled: dict[str, str] = {}
    for path in sorted(here):
        for prefix in (*parents(path), path):
            spelled.setdefault(folded(prefix), prefix)
    clashing: dict[str, str] = {}
    for path in sorted(theirs):
        for prefix in (*parents(path), path):
            other = spelled.setdefault(folded(prefix), prefix)
            if other != prefix:
                clashing[path] = other
                break
    return clashing


def as_known(here: Mapping[str, T], known: Iterable[str]) -> dict[str, T]:
    """Return what is here by the names that are known, where this machine spells them otherwise."""
    exact = set(known)
    spelled = {folded(path): path for path in sorted(exact, reverse=True)}
    named: dict[str, T] = {}
    for path, what in here.items():
        name = path if path in exact else spelled.get(folded(path), path)
        named[name if name not in here else path] = what
    return named


def second_name(path: str, handle: str, at: datetime, is_taken: Callable[[str], bool]) -> str:
    """Return where this machine's version of a file goes that is another one in the room: beside it, free."""
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > _MOST_SUFFIX_BYTES:
        stem, dot, ending = name, "", ""
    who = "".join(
        character for character in handle if character.isascii() and (character.isalnum() or character in "-_")
    )
    said = f"{who or 'mine'}, {at:%Y-%m-%d %H%M%S}"
    number = 1
    while True:
        mark = f" ({said})" if number == 1 else f" ({said}, {number})"
        most = _NAME_BYTES - len((mark + dot + ending).encode())
        cut = stem.encode()[:most].decode(errors="ignore")
        found = f"{folder}{slash}{cut}{mark}{dot}{ending}"
        if not is_taken(found):
            return found
        number += 1
