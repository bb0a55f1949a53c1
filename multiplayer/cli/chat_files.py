"""Files that AIs and people changed, as a terminal shows them: which, by how much, for whom, and what was put back."""

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from rich.text import Text

from multiplayer.cli.chat_paper import Paper
from multiplayer.cli.chat_work import Work
from multiplayer.cli.visible import shortened, visible
from multiplayer.cli.work_words import KINDS
from multiplayer.protocol.tools import FileChange
from multiplayer.protocol.turn_events import FilesChanged, TurnUndone, UndoRequested

SHOWN: Final = 20
"""Files that are named in a chat; the others are counted."""
DIFF_LINES: Final = 2_000
LINE_CHARACTERS: Final = 2_000


class FileLines:
    """`work` has noted each event before it is shown here."""

    def __init__(self, paper: Paper, work: Work) -> None:
        self._paper = paper
        self._work = work

    def show(self, event: FilesChanged | UndoRequested | TurnUndone) -> None:
        match event:
            case FilesChanged():
                self._changed(event)
            case UndoRequested():
                whose = self._work.turns.get(event.turn_id)
                of_whom = self._paper.name(whose.ai_id) if whose is not None else "a turn"
                kept = "; what others changed since stays" if event.keeps_others else ""
                self._paper.note(f"{self._paper.name(event.actor_id)} undoes what {of_whom} changed{kept}")
            case TurnUndone():
                self._undone(event)
            case _:
                assert_never(event)

    def _changed(self, event: FilesChanged) -> None:
        paper = self._paper
        by = f" by {paper.name(event.actor_id)}"
        asked = f", asked by {paper.names(event.asked_by)}" if event.asked_by else ""
        approved = f", approved by {paper.names(event.approved_by)}" if event.approved_by else ""
        changed = f"{_count(len(event.changes) + event.more)} changed{by}{asked}{approved}"
        paper.line(Text("  ± ", "bold cyan").append(changed, "cyan"))
        self._stat(event.changes, event.more)
        if event.taint:
            paper.note(f"words from outside the room were in this turn: {', '.join(event.taint)}")
        if event.turn_id is not None and event.changes:
            undo = ", /undo puts it back" if self._work.may_undo(event.asked_by) else ""
            paper.note(f"/diff shows it line by line{undo}")

    def _undone(self, event: TurnUndone) -> None:
        paper = self._paper
        if event.is_ok:
            back = Text("  ↶ ", "bold cyan").append(f"{_count(len(event.changes) + event.more)} put back", "cyan")
            paper.line(back)
            self._stat(event.changes, event.more)
            if event.conflicts:
                paper.note(f"left as others changed it since: {_names(event.conflicts)}")
            return
        paper.line(Text(f"  ✗ nothing was put back: {shortened(event.reason, 400)}", "red"))
        if event.conflicts:
            paper.note(f"changed by others since: {_names(event.conflicts)}")
            paper.note("/undo keep leaves that alone and puts back the rest")

    def _stat(self, changes: tuple[FileChange, ...], more: int) -> None:
        for line in stat_lines(changes, more):
            self._paper.line(line)


def stat_lines(changes: Iterable[FileChange], more: int = 0) -> Iterator[Text]:
    """Yield a line for each file: its path, what happened to it, and how many lines."""
    named = list(changes)
    for change in named[:SHOWN]:
        line = Text(f"    {visible(change.path)}").append(KINDS[change.kind], "dim")
        if change.is_text:
            line.append(f" +{change.added_lines}" if change.added_lines else "", "green")
            line.append(f" \N{MINUS SIGN}{change.removed_lines}" if change.removed_lines else "", "red")
        elif change.before or change.after:
            line.append(" (not text)", "dim")
        yield line
    left = len(named[SHOWN:]) + more
    if left:
        yield Text(f"    … and {left} more", "dim")


def diff_lines(diff: str) -> Iterator[Text]:
    """Yield a unified diff, coloured, with nothing in it that a terminal would obey."""
    lines = diff.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for line in lines[:DIFF_LINES]:
        shown = line if len(line) <= LINE_CHARACTERS else line[:LINE_CHARACTERS] + "…"
        yield Text(f"  {visible(shown.expandtabs(8))}", _style_of(line))
    if len(lines) > DIFF_LINES:
        yield Text(f"  … {len(lines) - DIFF_LINES} more lines", "dim")


def _style_of(line: str) -> str:
    if line.startswith(("---", "+++", "diff ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _count(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


def _names(paths: tuple[str, ...]) -> str:
    named = ", ".join(paths[:SHOWN])
    return named + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
