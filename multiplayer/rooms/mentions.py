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

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\1).|\1`+)*?(?<!`)\1(?!`)", re.DOTALL)
_QUOTE: Final = re.compile(r"^ {0,3}>")
# Before the @ no letter, digit or sign that would make it an address or a path; ASCII only, so no look-alike matches.
_MENTION: Final = re.compile(r"(?<![\w@./\\+-])@([A-Za-z0-9][A-Za-z0-9_.-]{0,31})(?![\w@])")


@dataclass(frozen=True)
class Mentions:
    """Accounts in the order of their first mention, and the groups named."""

    accounts: tuple[AccountId, ...] = ()
    groups: tuple[MentionGroup, ...] = ()


def find_mentions(text: str, handles: Mapping[str, AccountId], default_ai: AccountId | None) -> Mentions:
    """Return whom `text` mentions. `handles` maps the members' case-folded handles; `@ai` is `default_ai`."""
    accounts: dict[AccountId, None] = {}
    groups: dict[MentionGroup, None] = {}
    for name in _names(text):
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
    for found in _MENTION.finditer(_without_code_and_quotes(text)):
        # A full stop or dash that ends a sentence is not part of the name.
        yield found.group(1).rstrip(".-").casefold()


def _without_code_and_quotes(text: str) -> str:
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
    return _CODE_SPAN.sub(" ", "\n".join(kept))
