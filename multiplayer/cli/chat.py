"""`multiplayer chat`: a live terminal client."""

import os
import sys
from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure


def chat(
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")],
    url: Annotated[
        str, typer.Option("--url", envvar="MULTIPLAYER_URL", help="The server's address.")
    ] = "http://127.0.0.1:3002",
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="MULTIPLAYER_TOKEN", help="Your token; - reads it from the input's first line."),
    ] = None,
    once: Annotated[
        str | None,
        typer.Option("--once", metavar="TEXT", help="Send this, wait for what follows from it, and end."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event and signal as it came, one a line.")
    ] = False,
    sse: Annotated[bool, typer.Option("--sse", help="Use SSE + POST instead of a WebSocket.")] = False,
) -> None:
    """Talk in a room. What you type, or pipe in, is sent line by line; /help says more."""
    if token is None:
        raise Failure(
            "who are you? give --token, or set MULTIPLAYER_TOKEN",
            hint="make one with: multiplayer token create --account HANDLE --data-dir DIR",
            exit_code=USAGE,
        )

    import asyncio

    from multiplayer.cli.chat_session import run_chat

    if token == "-":  # noqa: S105 - says where the token is
        token = _read_token()
    try:
        code = asyncio.run(run_chat(url, token, room, once=once, as_json=as_json, uses_sse=sse))
    except KeyboardInterrupt:
        # What the shell says next begins on a line of its own.
        typer.echo(err=as_json)
        raise
    if code:
        raise typer.Exit(code)


def _read_token() -> str:
    """Read the first line and not a byte more: the rest of the input is messages."""
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True)).strip()
    read = bytearray()
    while (byte := os.read(sys.stdin.fileno(), 1)) not in {b"", b"\n"}:
        read += byte
    return read.decode("ascii", "replace").strip()
