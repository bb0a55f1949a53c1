"""Who is mentioned in a text: `@handle`, but not in code, quotes, e-mail addresses or after a backslash."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.messages import MentionGroup

HANDLE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{1,31}")
RESERVED_HANDLES: Final = frozenset({"ai", *(group.value for group in MentionGroup)})
"""Names that mean someone by role; no account may have one."""

# After a fence of backticks comes no further one on its line; otherwise it is code inside the line.
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_BLANK_LINE: Final = re.compile(r"\n[ \t\r]*\n")
_BACKTICKS: Final = re.compile(r"`+")
_QUOTE: Final = re.compile(r"^ {0,3}>")
# Chinese, Japanese and Korean are written without blanks: their letters may touch a mention on either side.
LETTER: Final = r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
# Before the @ no letter, digit or sign that would make it an address or a path; ASCII only, so no look-alike matches.
_MENTION: Final = re.compile(rf"(?<!{LETTER})(?<![@./\\+-])@([A-Za-z0-9][A-Za-z0-9_.-]{{0,31}}+)(?!{LETTER})(?!@)")


@dataclass(frozen=True)
class Mentions:
    """Accounts in the order of their first mention, and the groups named."""

    accounts: tuple[AccountId, ...] = ()
    groups: tuple[MentionGroup, ...] = ()


def find_mentions(text: str, handles: Mapping[str, AccountId], default_ai: AccountId | None) -> Mentions:
    """Return whom `text` mentions. `handles` maps the members' case-folded handles; `@ai` is `default_ai`."""
    accounts: dict[AccountId, None] = {}
    groups: dict[MentionGroup, None] = {}
    for found in _names(text):
        # A full stop or dash that ends a sentence is not part of the name.
        name = found if found in handles else found.rstrip(".-")
        if name == "ai":
            if default_ai is not None:
                accounts[default_ai] = None
        elif name in RESERVED_HANDLES:
            groups[MentionGroup(name)] = None
        elif name in handles:
            accounts[handles[name]] = None
    return Mentions(tuple(accounts), tuple(groups))


def _names(text: str) -> Iterable[str]:
    if "@" not in text:
        return
    for found in _MENTION.finditer(plain_text(text)):
        yield found.group(1).casefold()


def plain_text(text: str) -> str:
    """Return `text` without its code and its quotes."""
    kept: list[str] = []
    fence: str | None = None
    for line in text.split("\n"):
        opened = _FENCE.match(line)
        if fence is not None:
            if opened and opened.group(1).startswith(fence) and not line.strip(" `~"):
                fence = None
        elif opened:
            fence = opened.group(1)
        elif not _QUOTE.match(line):
            kept.append(line)
    return "\n\n".join(_without_code_spans(paragraph) for paragraph in _BLANK_LINE.split("\n".join(kept)))


def _without_code_spans(paragraph: str) -> str:
    """Blank out what stands between two runs of equally many backticks; in one pass, as any text may come."""
    runs = [run.span() for run in _BACKTICKS.finditer(paragraph)]
    closed_by: dict[int, int] = {}
    next_of_length: dict[int, int] = {}
    for i in range(len(runs) - 1, -1, -1):
        length = runs[i][1] - runs[i][0]
        if length in next_of_length:
            closed_by[i] = next_of_length[length]
        next_of_length[length] = i
    kept: list[str] = []
    position = i = 0
    while i < len(runs):
        if i in closed_by:
            kept.append(paragraph[position : runs[i][0]])
            i = closed_by[i]
            position = runs[i][1]
        i += 1
    kept.append(paragraph[position:])
    return " ".join(kept)
