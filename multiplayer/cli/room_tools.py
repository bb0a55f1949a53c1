"""What is under `multiplayer room` about tools: what a room's AI can use and why not, and consent to outside tools."""

import sys
from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import print_done, print_json, print_rows, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of

MyRoom = Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")]


def tools(
    room: MyRoom,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
    definitions: Annotated[
        bool, typer.Option("--definitions", help="All that outside servers say of their tools.")
    ] = False,
) -> None:
    """List a room's tools at a running server: what its AI can use now, and what outside servers offer."""
    known = token_of(token)

    from multiplayer.cli.on_server import Room, json_of, on_server
    from multiplayer.cli.outside_words import definition_lines, place_line
    from multiplayer.protocol.reports_workspace import RoomTools

    async def work(opened: Room) -> RoomTools:
        return await opened.tools()

    found = on_server(url, known, room, work)
    if as_json:
        print_json(json_of(found))
        return
    sandbox = found.sandbox
    say(f"commands run: {sandbox.mode}" + (f" ({sandbox.reason})" if sandbox.reason else ""))
    print_rows(
        ("TOOL", "CLASS", "OFFERED", "WHY NOT"),
        [(tool.name, tool.tool_class.value, "yes" if tool.is_offered else "no", tool.why_not) for tool in found.tools],
    )
    if not found.servers:
        return
    say("")
    print_rows(
        ("SERVER", "TOOL", "CLASS", "STATE", "DEFINITION"),
        [
            (server.server, tool.tool, tool.tool_class.value, tool.state, tool.sha256[:12])
            for server in found.servers
            for tool in server.tools
        ],
    )
    for server in found.servers:
        say(f"{server.server} is {place_line(server)}")
        if not server.is_reachable:
            say(f"{server.server} does not answer: {server.trouble}")
        for why in server.left_out:
            say(f"{server.server}: left out: {why}")
        for tool in server.gone:
            say(f"{server.server}: {tool} is gone, and the room had agreed to it")
    if definitions:
        for server in found.servers:
            for offered in server.tools:
                say("")
                for line in definition_lines(server, offered):
                    say(line)


def consent(
    room: MyRoom,
    server: Annotated[str, typer.Argument(metavar="SERVER", help="An outside server, as `room tools` names it.")],
    tool: Annotated[str | None, typer.Argument(metavar="[TOOL]", help="One of its tools.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
    all_: Annotated[bool, typer.Option("--all", help="All tools that it offers now.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take consent back.")] = False,
    sha256: Annotated[
        list[str] | None,
        typer.Option(metavar="HASH", help="Agree to the definition with this hash, or its first 12 digits, unasked."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Agree unasked to what the room never agreed to before.")] = False,
) -> None:
    """Show what an outside tool is and where it comes from, and agree that a room's AIs use it as it is defined now.

    Asks on a terminal. What changed since the room agreed to it takes --sha256, which may be given several times.
    """
    if (tool is None) != all_:
        raise Failure("name one tool, or give --all", exit_code=USAGE)
    if revoke and (sha256 or yes):
        raise Failure("--sha256 and --yes are for agreeing, not for --revoke", exit_code=USAGE)
    known = token_of(token)

    from multiplayer.cli.consents import offered_now, read_hashes, to_be_asked, with_consents, without_consents
    from multiplayer.cli.on_server import Room, on_server
    from multiplayer.cli.outside_words import definition_lines
    from multiplayer.protocol.commands import SetRoomSettings
    from multiplayer.protocol.reports_workspace import RoomTools
    from multiplayer.protocol.tools import Consent

    async def set_to(opened: Room, consents: tuple[Consent, ...]) -> list[str]:
        settings = opened.view.room.settings.model_copy(update={"consents": consents})
        await opened.command(SetRoomSettings(settings=settings))
        return [f"{one.server}/{one.tool}" for one in consents]

    async def take_back(opened: Room) -> list[str]:
        return await set_to(opened, without_consents(opened.view.room.settings.consents, server, tool))

    async def look(opened: Room) -> tuple[str, tuple[Consent, ...], RoomTools]:
        seen = opened.view.room.settings.consents
        return opened.view.room.id, seen, await opened.tools()

    async def agree(opened: Room) -> list[str]:
        return await set_to(opened, with_consents(opened.view.room.settings.consents, server, wanted, seen))

    if revoke:
        _print_agreed(room, on_server(url, known, room, take_back), as_json)
        return
    hashes = read_hashes(sha256 or ())
    room_id, seen, found = on_server(url, known, room, look)
    there, wanted = offered_now(found.servers, server, tool)
    if not as_json:
        for one in wanted:
            for line in definition_lines(there, one):
                say(line)
    asked = to_be_asked(server, wanted, hashes)
    if asked and not yes:
        _ask(len(asked), as_json=as_json)
    # Not in one connection: people think for long.
    _print_agreed(room, on_server(url, known, room_id, agree), as_json)


def _ask(count: int, *, as_json: bool) -> None:
    """Return if whoever sits at the terminal says yes."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure(
            "nothing is agreed to: there is nobody here to ask",
            hint="--sha256 HASH agrees to the definition with this hash; --yes to whatever is new",
            exit_code=USAGE,
        )
    try:
        is_agreed = typer.confirm("Agree to this?" if count == 1 else f"Agree to these {count}?", default=False)
    except typer.Abort:
        raise typer.Exit(130) from None
    if not is_agreed:
        raise Failure("nothing is agreed to")


def _print_agreed(room: str, names: list[str], as_json: bool) -> None:
    print_done(f"{room} agrees to {', '.join(names) or 'no outside tool'}", {"consents": names}, as_json)
