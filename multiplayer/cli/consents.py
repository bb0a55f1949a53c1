"""What a room has agreed to of outside servers, with one more consent or less."""

from collections.abc import Sequence

from multiplayer.cli.failures import Failure
from multiplayer.protocol.reports_workspace import OutsideServer
from multiplayer.protocol.tools import MAX_CONSENTS, Consent


def with_consents(
    before: Sequence[Consent], offered: Sequence[OutsideServer], server: str, tool: str | None, *, is_revoked: bool
) -> tuple[Consent, ...]:
    """Return all consents after a change: to one tool of a server, or (None) to all of them. Raises `Failure`."""
    named = [one for one in before if one.server == server and tool in {None, one.tool}]
    others = [one for one in before if one not in named]
    what = server if tool is None else f"{tool} of {server}"
    if is_revoked:
        if not named:
            raise Failure(f"the room has not agreed to {what}", hint="multiplayer room tools ROOM shows what it has")
        return tuple(others)
    there = next((one for one in offered if one.server == server), None)
    if there is None:
        names = ", ".join(one.server for one in offered) or "none"
        raise Failure(f"there is no outside server {server!r}", hint=f"configured: {names}")
    if not there.is_reachable:
        raise Failure(f"{server} does not answer: {there.trouble}", hint="what it defines cannot be looked at now")
    new = [Consent(server=server, tool=one.tool, sha256=one.sha256) for one in there.tools if tool in {None, one.tool}]
    if not new:
        raise Failure(f"{server} offers no {'tool' if tool is None else f'tool {tool!r}'}")
    if len(others) + len(new) > MAX_CONSENTS:
        raise Failure(f"a room agrees to at most {MAX_CONSENTS} outside tools")
    return (*others, *new)
