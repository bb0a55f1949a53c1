"""`multiplayer chat`: a live terminal client."""

from typing import Annotated

import typer

from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of


def chat(
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")],
    url: Url = LOCAL,
    token: Token = None,
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
    known = token_of(token)

    import asyncio

    from multiplayer.cli.chat_session import run_chat

    try:
        code = asyncio.run(run_chat(url, known, room, once=once, as_json=as_json, uses_sse=sse))
    except KeyboardInterrupt:
        # What the shell says next begins on a line of its own.
        typer.echo(err=as_json)
        raise
    if code:
        raise typer.Exit(code)
