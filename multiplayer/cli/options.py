"""Options that many commands share, and how their values are read."""

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where the server keeps everything. Works while it runs and when it does not.", metavar="DIR"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Room = Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one has it.")]
Handle = Annotated[str, typer.Argument(metavar="HANDLE")]

_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class RoleName(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


def read_span(text: str) -> timedelta:
    """Read `90d`, `12h`, `30m`, `45s` or `2w`."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter("a time is written like 90d, 12h, 30m, 45s or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
