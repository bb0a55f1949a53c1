"""What commands print: JSON for programs, plain aligned columns for people."""

import json
import sys
from collections.abc import Sequence
from typing import TypeAlias

from multiplayer.cli.visible import visible

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | dict[str, Json] | None"


def print_json(value: Json) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, never cut: piped output is the same as on a terminal."""
    shown = [list(titles), *([visible(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(titles))]
    for row in shown:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def say(text: str) -> None:
    sys.stdout.write(visible(text, keeps_lines=True) + "\n")


def print_done(sentence: str, value: Json, as_json: bool) -> None:
    """Say that something was done, in the form that was asked for."""
    if as_json:
        print_json(value)
    else:
        say(sentence)
