"""Definitions of outside tools as a terminal shows them: whole, and so that no word of a server passes for one of ours."""

import json
import shutil
from collections.abc import Iterator
from typing import Final

from rich.cells import chop_cells

from multiplayer.cli.consents import OTHER_DEFINITION
from multiplayer.cli.visible import exact_pieces
from multiplayer.protocol.reports_workspace import OutsideServer, OutsideTool

MARGIN: Final = "  │ "
_SPARE: Final = len(MARGIN) + 1
_STATES: Final = {
    "consented": "the room agrees to this definition",
    "changed": OTHER_DEFINITION,
    "new": "the room has not agreed to it",
}


def place_line(server: OutsideServer) -> str:
    """Say where a server's tools come from."""
    where = "a program in the room's sandbox: " if server.kind == "stdio" else ""
    return f"{where}{_exact(server.address)}"


def definition_lines(server: OutsideServer, tool: OutsideTool) -> Iterator[str]:
    """Yield all that is known of a tool; lines of the server's words begin with a bar, also where a long one is broken."""
    yield f"{_exact(tool.tool)} of {server.server}, class {tool.tool_class.value}: {_STATES.get(tool.state, tool.state)}"
    yield f"  from: {place_line(server)}"
    yield f"  sha256: {tool.sha256}"
    for name, text in (
        ("title", tool.title),
        ("description", tool.description or "(nothing)"),
        ("arguments", _unfolded(tool.input_schema)),
        ("result", _unfolded(tool.output_schema)),
        ("annotations", _unfolded(tool.annotations)),
    ):
        if text:
            yield f"  {name}, in the server's words:"
            yield from _quoted(text)
    for left_out in tool.left_out:
        yield f"  NOT SHOWN: {_exact(left_out)}"


def _quoted(text: str) -> Iterator[str]:
    width = max(20, shutil.get_terminal_size().columns - _SPARE)
    for line in text.split("\n"):
        # A terminal would break a long line itself, and let what follows begin where our own lines do.
        for piece in chop_cells(_exact(line.expandtabs(4)), width) or [""]:
            yield f"{MARGIN}{piece}"


def _exact(text: str) -> str:
    return "".join(piece for piece, _ in exact_pieces(text))


def _unfolded(text: str) -> str:
    """JSON with a line for each part; as it is where it was cut."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if text else ""
    except (ValueError, RecursionError):
        return text
