"""`multiplayer sync ROOM DIR`: a folder on this machine that follows a room's workspace, both ways."""

from pathlib import Path
from typing import Annotated

import typer

from multiplayer.cli.failures import FAILURE, USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of

InRoom = Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")]


def sync(
    room: InRoom,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder here; made if it is not there.")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with each change, on either side, until Ctrl-C.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    allow_deletes: Annotated[
        bool, typer.Option("--allow-deletes", help="Also if most files would be removed on one side.")
    ] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make a folder here and a room's workspace equal, both ways. What both changed is kept twice.

    Left alone: what .gitignore or .multiplayerignore files name, .git, links. What is remembered lies in DIR/.multiplayer.
    Ends with 0 when both are equal, and with 1 if something had to be left out.
    """
    known = token_of(token)
    if watch and dry_run:
        raise Failure("--watch and --dry-run do not go together", exit_code=USAGE)
    import asyncio

    from multiplayer.cli.sync_running import Syncing
    from multiplayer.client.backoff import PASSING
    from multiplayer.client.sync.wrongs import SyncStopped
    from multiplayer.protocol.errors import Refused

    syncing = Syncing(url, known, room, folder, allows_removals=allow_deletes, as_json=as_json)
    try:
        if watch:
            asyncio.run(syncing.follow())
            return
        is_equal = asyncio.run(syncing.preview() if dry_run else syncing.once())
    except SyncStopped as stopped:
        raise Failure(str(stopped), hint=stopped.hint) from None
    except Refused as refused:
        if refused.code not in PASSING:
            raise
        raise Failure(
            f"the server did not get ready in time: {refused.message}",
            hint="what was done is remembered: run it again, and it goes on",
        ) from None
    except KeyboardInterrupt:
        # What the shell says next begins on a line of its own; what was done is remembered.
        typer.echo(err=True)
        raise
    if not is_equal:
        raise typer.Exit(FAILURE)
