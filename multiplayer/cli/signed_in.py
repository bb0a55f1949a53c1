"""Whose token a command uses at a running server: an option, the environment, or the first line of the input."""

import os
import sys
from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure

Url = Annotated[str, typer.Option("--url", envvar="MULTIPLAYER_URL", help="The server's address.")]
Token = Annotated[
    str | None,
    typer.Option("--token", envvar="MULTIPLAYER_TOKEN", help="Your token; - reads it from the input's first line."),
]
LOCAL = "http://127.0.0.1:3002"


def token_of(token: str | None) -> str:
    """Return the token itself. Raises `Failure` if there is none."""
    if token is None:
        raise Failure(
            "who are you? give --token, or set MULTIPLAYER_TOKEN",
            hint="make one with: multiplayer token create --account HANDLE --data-dir DIR",
            exit_code=USAGE,
        )
    return _read_token() if token == "-" else token  # noqa: S105 - says where the token is


def _read_token() -> str:
    """Read the first line and not a byte more: the rest of the input is messages."""
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True)).strip()
    read = bytearray()
    while (byte := os.read(sys.stdin.fileno(), 1)) not in {b"", b"\n"}:
        read += byte
    return read.decode("ascii", "replace").strip()
