"""What a room agrees to of outside servers: which definitions are meant, what takes a yes or their hash, and the result."""

import re
from collections.abc import Sequence
from typing import Final

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.protocol.reports_workspace import OutsideServer, OutsideTool
from multiplayer.protocol.tools import MAX_CONSENTS, Consent

OTHER_DEFINITION: Final = "this is not the definition that the room agreed to"
_HASH: Final = re.compile(r"[0-9a-f]{12,64}")


def read_hashes(words: Sequence[str]) -> tuple[str, ...]:
    """Read hashes of definitions, or their beginnings. Raises `Failure`."""
    hashes = tuple(word.strip().lower() for word in words)
    for given in hashes:
        if _HASH.fullmatch(given) is None:
            raise Failure(
                f"--sha256: {given!r} is no hash: give all of its 64 digits, or the first 12 or more", exit_code=USAGE
            )
    return hashes


def offered_now(
    servers: Sequence[OutsideServer], server: str, tool: str | None
) -> tuple[OutsideServer, tuple[OutsideTool, ...]]:
    """Return a server with one of its tools, or (None) with all of them. Raises `Failure`."""
    there = next((one for one in servers if one.server == server), None)
    if there is None:
        names = ", ".join(one.server for one in servers) or "none"
        raise Failure(f"there is no outside server {server!r}", hint=f"configured: {names}")
    if not there.is_reachable:
        raise Failure(f"{server} does not answer: {there.trouble}", hint="what it defines cannot be looked at now")
    tools = tuple(one for one in there.tools if tool in {None, one.tool})
    if not tools:
        raise Failure(f"{server} offers no {'tool' if tool is None else f'tool {tool!r}'}")
    return there, tools


def to_be_asked(server: str, tools: Sequence[OutsideTool], hashes: Sequence[str]) -> tuple[OutsideTool, ...]:
    """Return the tools that a plain yes is enough for; not those that are named by their hash or agreed to already.

    Raises `Failure` for a hash of nothing here, and for what takes its hash: a definition that is not the one that the
    room agreed to, and one that cannot be shown whole.
    """
    for given in hashes:
        if not any(one.sha256.startswith(given) for one in tools):
            raise Failure(
                f"what {server} defines now has not the hash {given}",
                hint="nothing is agreed to: look at the definition again",
            )
    unnamed = [one for one in tools if not one.sha256.startswith(tuple(hashes)) and one.state != "consented"]
    for one in unnamed:
        name = f"{one.tool} of {server}"
        hint = f"if it is to be this one: --sha256 {one.sha256}"
        if one.state != "new":
            raise Failure(f"{name}: {OTHER_DEFINITION}", hint=hint)
        if one.left_out:
            raise Failure(f"{name}: its definition is too long to be shown whole", hint=hint)
    return tuple(unnamed)


def with_consents(
    before: Sequence[Consent], server: str, tools: Sequence[OutsideTool], seen: Sequence[Consent]
) -> tuple[Consent, ...]:
    """Return all consents with these; `seen` is what the room agreed to when they were looked at. Raises `Failure`."""
    new = tuple(Consent(server=server, tool=one.tool, sha256=one.sha256) for one in tools)
    names = {one.tool for one in new}
    for one in before:
        if one.server == server and one.tool in names and one not in (*seen, *new):
            raise Failure(
                f"somebody else agreed to another definition of {one.tool} of {server} meanwhile",
                hint="nothing is changed: look at it again",
            )
    others = tuple(one for one in before if one.server != server or one.tool not in names)
    if len(others) + len(new) > MAX_CONSENTS:
        raise Failure(f"a room agrees to at most {MAX_CONSENTS} outside tools")
    return (*others, *new)


def without_consents(before: Sequence[Consent], server: str, tool: str | None) -> tuple[Consent, ...]:
    """Return all consents but that to one tool of a server, or (None) to all of them. Raises `Failure`."""
    kept = tuple(one for one in before if one.server != server or tool not in {None, one.tool})
    if len(kept) == len(before):
        what = server if tool is None else f"{tool} of {server}"
        raise Failure(f"the room has not agreed to {what}", hint="multiplayer room tools ROOM shows what it has")
    return kept
