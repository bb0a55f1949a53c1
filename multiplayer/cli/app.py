"""The tree of commands, and the door at which every error becomes one line, a hint and an exit code."""

import io
import os
import sys
from typing import Annotated

import typer

from multiplayer.cli import (
    ai,
    archives,
    attachments,
    audit,
    config,
    erasing,
    files,
    insight,
    invites,
    migrations,
    retention,
    room_ai,
    room_settings,
    room_tools,
    rooms,
    search,
    sync,
    tokens,
    transcripts,
    usage,
    users,
)
from multiplayer.cli.chat import chat as chat_command
from multiplayer.cli.doctor import doctor
from multiplayer.cli.options import DataDir

app = typer.Typer(
    name="multiplayer",
    help="The room where a team and its AI work together.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("multiplayer"))
        raise typer.Exit


@app.callback()
def _options(
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (3002); 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Keep everything in a temporary folder, removed at the end.")
    ] = False,
) -> None:
    """Start the server: rooms, AI and database, from this one command."""
    from multiplayer.cli.serve import run

    run(host=host, port=port, data_dir=data_dir, ephemeral=ephemeral)


app.add_typer(users.app, name="user")
users.app.command(name="erase")(erasing.erase)
app.add_typer(rooms.app, name="room")
rooms.app.command(name="turns")(room_ai.turns)
rooms.app.command(name="context")(room_ai.context)
rooms.app.command(name="summary")(room_ai.summary)
rooms.app.command(name="facts")(room_ai.facts)
rooms.app.command(name="settings")(room_settings.settings)
rooms.app.command(name="tools")(room_tools.tools)
rooms.app.command(name="consent")(room_tools.consent)
rooms.app.add_typer(room_ai.triggers, name="triggers")
rooms.app.add_typer(room_ai.hooks, name="hook")
app.add_typer(files.app, name="files")
app.command(name="attach")(attachments.attach)
app.command(name="attachments")(attachments.attachments)
app.command(name="download")(attachments.download)
app.command(name="search")(search.search)
app.command(name="sync")(sync.sync)
app.command(name="transcript")(transcripts.transcript)
app.add_typer(ai.app, name="ai")
app.command(name="usage")(usage.usage)
app.add_typer(usage.app, name="budget")
app.command(name="explain")(insight.explain)
app.command(name="replay")(insight.replay)
app.command(name="catch-up")(insight.catch_up)
app.add_typer(tokens.app, name="token")
app.add_typer(invites.app, name="invite")
app.add_typer(audit.app, name="audit")
app.command(name="retention")(retention.retention)
app.command(name="export")(archives.export)
app.command(name="import")(archives.import_)
app.command(name="chat")(chat_command)
app.command(name="migrate")(migrations.migrate)
app.command(name="doctor")(doctor)
app.add_typer(config.app, name="config")


def main() -> None:
    """Run the command that was typed. Ends the process: 0 ok, 1 failure, 2 usage, 3 check failed, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a terminal's encoding lacks is written out instead of being an error.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if "--debug" in sys.argv[1:]:
            raise
        from multiplayer.cli.failures import explain, is_broken_pipe

        if is_broken_pipe(error):
            # Whoever read our output has gone; nobody is left to tell, at the end of the process neither.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        said = explain(error)
        sys.stderr.write(f"multiplayer: {said.message}\n")
        if said.hint:
            sys.stderr.write(f"  {said.hint}\n")
        sys.exit(said.exit_code)
