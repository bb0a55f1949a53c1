"""`multiplayer transcript`: what is said in a recording, shown, written anew, or listened to once more."""

from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import print_json, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of


def transcript(
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")],
    file: Annotated[str, typer.Argument(metavar="FILE_ID", help="As `multiplayer attachments ROOM` names it.")],
    edit: Annotated[
        str | None, typer.Option("--edit", metavar="WORDS", help="Write what is said: the message's author.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Have it written down, where that failed or stopped.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Have nobody listen to it.")] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show what is said in a voice note of a room, or change it; everybody in the room is told."""
    known = token_of(token)
    from multiplayer.cli.on_server import Room, json_of, on_server
    from multiplayer.cli.recordings import file_of, said_in
    from multiplayer.cli.visible import visible
    from multiplayer.protocol.attachments import RoomFile

    if (edit is not None) + again + stop > 1:
        raise Failure("--edit, --again and --stop are three different things", exit_code=USAGE)

    async def work(opened: Room) -> RoomFile:
        found = await file_of(opened, file)
        place = found.message_id, found.attachment.id
        if edit is not None:
            await opened.edit_transcript(*place, edit)
        elif again:
            await opened.ask_transcript(*place)
        elif stop:
            await opened.stop_transcript(*place)
        else:
            return found
        return await file_of(opened, file)

    found = on_server(url, known, room, work)
    if as_json:
        spoken = found.attachment.transcript
        print_json({"file_id": found.attachment.id, "transcript": json_of(spoken) if spoken is not None else None})
    else:
        say(visible(said_in(found.attachment)))
