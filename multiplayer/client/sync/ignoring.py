"""Which files are none of a sync's business, as git decides it: rules beside the files, the nearest and last one wins."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from multiplayer.client.sync.names import OWN_FOLDER, is_repository
from multiplayer.protocol.folded_names import folded

RULE_FILES: Final = (".gitignore", ".multiplayerignore")
"""In one folder the later one wins."""
MOST_BYTES: Final = 1024 * 1024
"""Of a file of rules; what is behind is not read."""
_MOST_CHARACTERS: Final = 4_096
"""Of one rule."""
_STAND_IN: Final = 0xF0000
"""The first of many characters that no alphabet uses."""
_CLASSES: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \t",
    "cntrl": "\x01-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@[-`{-~",
    "space": " \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a file of rules."""

    matches: Callable[[str], re.Match[str] | None]
    """Given a path from the folder of the file, without a slash at its end, each of its bytes as a character."""
    is_ignored: bool
    only_folders: bool


def rules_of(data: bytes) -> tuple[Rule, ...]:
    """Read a file of rules. Lines that are none, git passes over, and so does this."""
    # To git a character is a byte, so here each byte is one.
    lines = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").split("\n")
    return tuple(rule for line in lines if (rule := _rule(line.removesuffix("\r"))) is not None)


class Ignoring:
    """The rules of a whole folder, by the folders that hold them ("" is the top one)."""

    def __init__(self) -> None:
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._folders: dict[str, bool] = {"": False}

    def learn(self, folder: str, rules: Sequence[Rule]) -> None:
        """Take in the rules that a folder holds, before anything below it is asked about."""
        if rules:
            self._rules[folder] = tuple(reversed(rules))

    def is_ignored(self, path: str, *, is_folder: bool = False) -> bool:
        """Tell of a path from the top. What lies below an ignored folder cannot come back."""
        folder, _, name = path.rpartition("/")
        if self._is_ignored_folder(folder):
            return True
        if is_repository(name) or folded(name) == OWN_FOLDER:
            return True
        return self._decides(path, is_folder=is_folder)

    def _is_ignored_folder(self, path: str) -> bool:
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self.is_ignored(path, is_folder=True)
        return known

    def _decides(self, path: str, *, is_folder: bool) -> bool:
        if not self._rules:
            return False
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            found = self._rules.get(folder)
            if found is not None:
                below = path[len(folder) + 1 :] if folder else path
                if not below.isascii():
                    below = below.encode(errors="surrogateescape").decode("latin-1")
                for rule in found:
                    if (is_folder or not rule.only_folders) and rule.matches(below):
                        return rule.is_ignored
        return False


def _rule(line: str) -> Rule | None:
    if line.startswith("#") or len(line) > _MOST_CHARACTERS:
        return None
    line = _without_spaces(line)
    is_ignored = not line.startswith("!")
    pattern = line if is_ignored else line[1:]
    only_folders = pattern.endswith("/")
    read = _shape(pattern.removesuffix("/"))
    if read is None:
        return None
    shape, classes = read
    if not shape or shape.endswith("/") or "//" in shape:
        # Nothing, or what no path is like.
        return None
    if "/" in pattern.removesuffix("/") and "/" not in shape:
        # One in a class stands for nothing, and still says that the rule is of this folder only.
        shape = f"/{shape}"
    try:
        made = GitIgnoreSpecPattern(shape)
    except GitIgnorePatternError:
        return None
    if made.regex is None:
        return None
    return Rule(_exactly(made.regex.pattern, shape, classes), is_ignored, only_folders)


def _exactly(regex: str, shape: str, classes: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    """Return what matches a path itself, where pathspec's expression also matches what lies below it.

    What lies below is not asked about: with its folder it is ignored already, or judged by itself.
    """
    end = ".*" if regex == "." else ".+" if shape.endswith("/**") else ""
    for number, one in enumerate(classes):
        regex = regex.replace(chr(_STAND_IN + number), one)
    return re.compile(f"(?:{regex}){end}\\Z", re.DOTALL).search


def _without_spaces(line: str) -> str:
    """Return a line without spaces at its end, but for those behind a backslash."""
    end = len(line)
    while end and line[end - 1] == " ":
        behind = line[: end - 1]
        if (len(behind) - len(behind.rstrip("\\"))) % 2:
            break
        end -= 1
    return line[:end]


def _shape(pattern: str) -> tuple[str, Sequence[str]] | None:
    """Write a pattern so that pathspec reads it as git does; None if git lets it match nothing.

    Only stars, question marks and slashes mean something in it; the rest are classes, as regular expressions, and a
    character stands in for each.
    """
    shape, at = "", 0
    classes: list[str] = []

    def put(expression: str) -> str:
        classes.append(expression)
        return chr(_STAND_IN + len(classes) - 1)

    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            if at + 1 == len(pattern) or (pattern[at + 1] == "/" and not shape):
                return None
            shape += "/" if pattern[at + 1] == "/" else put(re.escape(pattern[at + 1]))
            at += 2
        elif character == "[":
            read = _class(pattern, at + 1)
            if read is None:
                return None
            expression, at = read
            shape += put(expression)
        else:
            is_plain = character in "*?/" or (character.isascii() and character.isalnum())
            shape += character if is_plain else put(re.escape(character))
            at += 1
    return shape, classes


def _class(pattern: str, at: int) -> tuple[str, int] | None:
    """Read what stands in brackets, from behind the first one, as git's wildmatch does; None: it matches nothing."""
    is_negated = pattern[at : at + 1] in {"!", "^"}
    at += is_negated
    ranges: list[tuple[int, int]] = []
    is_first, previous = True, -1
    while is_first or pattern[at : at + 1] != "]":
        is_first = False
        if at >= len(pattern):
            return None
        character = pattern[at]
        if character == "-" and previous >= 0 and pattern[at + 1 : at + 2] not in {"", "]"}:
            at += 1
            if pattern[at] == "\\":
                at += 1
                if at >= len(pattern):
                    return None
            if ord(pattern[at]) >= previous:
                ranges.append((previous, ord(pattern[at])))
            previous = -1
        elif character == "[" and pattern[at + 1 : at + 2] == ":":
            end = pattern.find("]", at + 2)
            if end < 0:
                return None
            name = pattern[at + 2 : end]
            if name.endswith(":"):
                if name[:-1] not in _CLASSES:
                    return None
                shape = _CLASSES[name[:-1]]
                ranges += [(ord(a), ord(b)) for a, b in _pairs(shape)]
                at, previous = end, -1
            else:
                ranges.append((ord("["), ord("[")))
                previous = ord("[")
        else:
            if character == "\\":
                at += 1
                if at >= len(pattern):
                    return None
                character = pattern[at]
            ranges.append((ord(character), ord(character)))
            previous = ord(character)
        at += 1
    return _expression(ranges, is_negated=is_negated), at + 1


def _pairs(shape: str) -> list[tuple[str, str]]:
    """Split `a-z_` into its ranges."""
    found, at = [], 0
    while at < len(shape):
        is_range = shape[at + 1 : at + 2] == "-" and at + 2 < len(shape)
        found.append((shape[at], shape[at + 2] if is_range else shape[at]))
        at += 3 if is_range else 1
    return found


def _expression(ranges: Sequence[tuple[int, int]], *, is_negated: bool) -> str:
    """Return a class as a regular expression. A slash is in none."""
    text = "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)
    if not text:
        return "[^/]" if is_negated else "(?!)"
    return f"(?!/)[{'^' if is_negated else ''}{text}]"
