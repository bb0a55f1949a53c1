"""`multiplayer files ROOM`: a room's workspace at a running server, from a shell."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from multiplayer.cli.failures import FAILURE, USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import Json, print_json, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of

app = typer.Typer(
    help="A room's workspace at a running server. Files of messages: multiplayer attach, attachments, download.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
InRoom = Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")]
Where = Annotated[str, typer.Argument(metavar="PATH", help="A path in the workspace.")]


@dataclass(frozen=True)
class Place:
    """The room that is meant, and who is there."""

    room: str
    url: str
    token: str | None


@app.callback(subcommand_metavar="COMMAND …")
def place(ctx: typer.Context, room: InRoom, url: Url = LOCAL, token: Token = None) -> None:
    """Look at a room's files and change them by hand; everybody in the room is told of each change."""
    ctx.obj = Place(room, url, token)


@app.command()
def ls(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A folder; the workspace itself if left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """List a folder."""
    where, token = _place(ctx)
    from multiplayer.cli.on_server import Room, on_server, print_found
    from multiplayer.cli.work_words import listing_lines
    from multiplayer.protocol.reports_workspace import WorkspaceListing

    async def work(room: Room) -> WorkspaceListing:
        return await room.files(path)

    found = on_server(where.url, token, where.room, work)
    print_found(found, listing_lines(found), as_json=as_json)


@app.command()
def get(
    ctx: typer.Context,
    path: Where,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here, else it is printed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a file as it is."""
    where, token = _place(ctx)
    import hashlib

    from multiplayer.cli.on_server import Room, on_server

    async def work(room: Room) -> bytes:
        return await room.read_file(path)

    data = on_server(where.url, token, where.room, work)
    if output is not None:
        output.write_bytes(data)
    if as_json:
        about: dict[str, Json] = {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        print_json(about if output is not None else {**about, **_content(data)})
    elif output is not None:
        say(f"{path} is in {output} ({len(data):,} bytes)")
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@app.command()
def put(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file here; - is the input.")],
    path: Where,
    replace: Annotated[bool, typer.Option("--replace", help="Also over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a file into the workspace, whole or not at all."""
    where, token = _place(ctx)
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    from multiplayer.cli.on_server import Room, on_server, print_found
    from multiplayer.cli.work_words import change_lines
    from multiplayer.client.room_files import ANY_VERSION
    from multiplayer.protocol.reports_workspace import WorkspaceChange

    async def work(room: Room) -> WorkspaceChange:
        return await room.write_file(path, data, ANY_VERSION if replace else None)

    made = on_server(where.url, token, where.room, work)
    print_found(made, change_lines(made), as_json=as_json)


@app.command()
def mv(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM")],
    destination: Annotated[str, typer.Argument(metavar="TO", help="A name that is free.")],
    as_json: AsJson = False,
) -> None:
    """Move a file or folder."""
    where, token = _place(ctx)
    from multiplayer.cli.on_server import Room, on_server, print_found
    from multiplayer.cli.work_words import change_lines
    from multiplayer.protocol.reports_workspace import WorkspaceChange

    async def work(room: Room) -> WorkspaceChange:
        return await room.move_file(source, destination)

    made = on_server(where.url, token, where.room, work)
    print_found(made, change_lines(made), as_json=as_json)


@app.command()
def rm(
    ctx: typer.Context,
    path: Where,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="A folder with all that is in it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a file or folder."""
    where, token = _place(ctx)
    from multiplayer.cli.on_server import Room, on_server, print_found
    from multiplayer.cli.work_words import change_lines
    from multiplayer.protocol.reports_workspace import WorkspaceChange

    async def work(room: Room) -> WorkspaceChange:
        return await room.delete_file(path, is_recursive=recursive)

    made = on_server(where.url, token, where.room, work)
    print_found(made, change_lines(made), as_json=as_json)


@app.command()
def diff(
    ctx: typer.Context,
    nth: Annotated[
        int, typer.Argument(metavar="[N]", min=1, help="1: the last turn that changed files; 2: the one before …")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Show what a turn of an AI changed, line by line."""
    where, token = _place(ctx)
    from multiplayer.cli.changed_turns import nth_changed
    from multiplayer.cli.on_server import Room, json_of, on_server
    from multiplayer.cli.work_words import changed_line, spans_of
    from multiplayer.protocol.reports_workspace import TurnChanges, WorkspaceDiff

    async def work(room: Room) -> tuple[TurnChanges, str, list[WorkspaceDiff]]:
        turn = await nth_changed(room, nth)
        members = room.view.members
        line = changed_line(turn, lambda one: members[one].handle if one in members else one)
        return turn, line, [await room.diff(before, after) for before, after in spans_of(turn)]

    turn, line, diffs = on_server(where.url, token, where.room, work)
    if as_json:
        print_json({"turn": json_of(turn), "diffs": [json_of(one) for one in diffs]})
        return
    say(line)
    for one in diffs:
        say(one.diff.removesuffix("\n"))
        if one.left_out:
            say(f"{one.left_out} more changes are not shown")


@app.command()
def undo(
    ctx: typer.Context,
    turn: Annotated[str | None, typer.Argument(metavar="[TURN]", help="A turn's id; else the last one.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave what others changed since.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a turn of an AI changed."""
    where, token = _place(ctx)
    from multiplayer.cli.changed_turns import turn_to_undo
    from multiplayer.cli.changed_turns import undo as undo_turn
    from multiplayer.cli.on_server import Room, on_server, print_found
    from multiplayer.cli.work_words import undone_lines
    from multiplayer.protocol.ids import TurnId
    from multiplayer.protocol.turn_events import TurnUndone

    async def work(room: Room) -> TurnUndone | None:
        turn_id = TurnId(turn) if turn is not None else (await turn_to_undo(room)).turn_id
        return await undo_turn(room, turn_id, keeps_others=keep)

    undone = on_server(where.url, token, where.room, work)
    if undone is None:
        raise Failure("it takes its time", hint="the room is told when it is done")
    print_found(undone, undone_lines(undone), as_json=as_json)
    if not undone.is_ok:
        raise typer.Exit(FAILURE)


def _place(ctx: typer.Context) -> tuple[Place, str]:
    found: object = ctx.obj
    if not isinstance(found, Place):
        raise Failure("name a room first: multiplayer files ROOM COMMAND", exit_code=USAGE)
    return found, token_of(found.token)


def _content(data: bytes) -> dict[str, Json]:
    """Return a file's content for JSON: as text if it is text."""
    import base64

    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}
