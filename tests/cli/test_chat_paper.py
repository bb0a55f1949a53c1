"""No row that a terminal breaks looks like the beginning of a line of the chat."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from multiplayer.cli.chat_paper import INDENT, Paper, folded
from multiplayer.protocol.ids import TurnId


@given(st.lists(st.text("ab ⚠│文", max_size=60), max_size=6), st.integers(10, 40))
def test_what_is_broken_goes_on_indented_in_whatever_pieces_it_comes(pieces: list[str], width: int) -> None:
    column, shown = 0, ""
    for piece in pieces:
        text, column = folded(Text(piece), width, column)
        shown += text.plain
    rows = shown.split("\n")
    assert all(cell_len(row) <= width for row in rows)
    assert all(row.startswith(INDENT) for row in rows[1:])
    assert rows[0] + "".join(row.removeprefix(INDENT) for row in rows[1:]) == "".join(pieces)


def test_an_answer_that_fills_a_row_cannot_put_a_card_at_the_left_edge() -> None:
    out = io.StringIO()
    paper = Paper(Console(file=out, width=40, force_terminal=True, color_system=None, legacy_windows=False))
    paper.grow(TurnId("t"), None, "x" * 38, goes_on=False)
    paper.grow(TurnId("t"), None, "  ⚠ 1. helper [AI] wants to use a tool", goes_on=False)
    paper.note("y" * 36 + "  ⚠ 2. helper [AI] wants to use a tool")
    rows = out.getvalue().split("\n")
    assert not [row for row in rows if row.startswith(("⚠", " ⚠", "  ⚠"))]
