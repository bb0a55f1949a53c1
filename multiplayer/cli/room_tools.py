"""What is under `multiplayer room` about tools: what a room's AI can use and why not, and consent to outside tools."""

from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import print_done, print_json, print_rows, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of

MyRoom = Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")]


def tools(room: MyRoom, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List a room's tools at a running server: what its AI can use now, and what outside servers offer."""
    known = token_of(token)

    from multiplayer.cli.on_server import Room, json_of, on_server
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
        if not server.is_reachable:
            say(f"{server.server} does not answer: {server.trouble}")
        for why in server.left_out:
            say(f"{server.server}: left out: {why}")
        for tool in server.gone:
            say(f"{server.server}: {tool} is gone, and the room had agreed to it")


def consent(
    room: MyRoom,
    server: Annotated[str, typer.Argument(metavar="SERVER", help="An outside server, as `room tools` names it.")],
    tool: Annotated[str | None, typer.Argument(metavar="[TOOL]", help="One of its tools.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
    all_: Annotated[bool, typer.Option("--all", help="All tools that it offers now.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take consent back.")] = False,
) -> None:
    """Agree that a room's AIs use an outside tool, as it is defined now; a changed one needs new consent."""
    if (tool is None) != all_:
        raise Failure("name one tool, or give --all", exit_code=USAGE)
    known = token_of(token)

    from multiplayer.cli.consents import with_consents
    from multiplayer.cli.on_server import Room, on_server
    from multiplayer.protocol.commands import SetRoomSettings
    from multiplayer.protocol.tools import Consent

    async def work(opened: Room) -> tuple[Consent, ...]:
        offered = () if revoke else (await opened.tools()).servers
        settings = opened.view.room.settings
        wanted = with_consents(settings.consents, offered, server, tool, is_revoked=revoke)
        await opened.command(SetRoomSettings(settings=settings.model_copy(update={"consents": wanted})))
        return wanted

    agreed = on_server(url, known, room, work)
    names = [f"{one.server}/{one.tool}" for one in agreed]
    print_done(f"{room} agrees to {', '.join(names) or 'no outside tool'}", {"consents": names}, as_json)
