"""What a room is written on in a terminal: lines, notes, names with their badges, and one line that grows."""

from collections.abc import Iterable
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from multiplayer.cli.money import money
from multiplayer.cli.visible import indented, visible
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.members import AccountKind, Member

INDENT = "    "
SHORT = 160


class Paper:
    """Nothing that is written is trusted. `currency`: that of the server's prices, empty while it is not known."""

    def __init__(self, console: Console) -> None:
        self.known: dict[AccountId, Member] = {}
        """Also those who have left: their words stay."""
        self.currency = ""
        self._console = console
        self._growing: TurnId | None = None
        """Whose words the unfinished last line holds."""
        self._row: TurnId | None = None
        """Whose passing row stands there, to be written over."""
        self._column = 0
        """Where on its row the next character comes."""

    @property
    def is_terminal(self) -> bool:
        return self._console.is_terminal

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return self._console.width

    def said(self, author_id: AccountId, at: datetime, text: str, after: str = "") -> None:
        self.line(self.heading(author_id, at), Text(indented(text, INDENT)), Text(after, "dim"))

    def note(self, text: str) -> None:
        self.line(Text(f"  · {visible(text)}", "dim"))

    def line(self, *parts: Text) -> None:
        self.end_line()
        self._write(*parts, Text("\n"))

    def grow(self, turn_id: TurnId, author_id: AccountId | None, text: str, *, goes_on: bool) -> None:
        """Add words to the line of this turn, or begin one. `goes_on`: some of its words stand further up."""
        if self._growing != turn_id:
            self.end_line()
            self._write(self.heading(author_id, None), Text("… " if goes_on else ""))
            self._growing = turn_id
        self._write(Text(indented(text, INDENT)))

    def pass_by(self, turn_id: TurnId, label: str, text: str) -> None:
        """Show the end of what grows in one dim row, which whatever comes next is written over. Only on a terminal.

        Not while a line is unfinished, or another turn's row stands there.
        """
        if not self.is_terminal or self._growing is not None or self._row not in {None, turn_id}:
            return
        self._wipe()
        row = f"  · {visible(label)} "
        most = max(0, self._console.width - 1 - cell_len(row))
        end = visible(" ".join(text.split()))[-most:] if most else ""
        while cell_len(end) > most:
            end = end[1:]
        self._write(Text(row + end, "dim"))
        self._row = turn_id

    def end_line(self) -> None:
        self._wipe()
        if self._growing is not None:
            self._growing = None
            self._write(Text("\n"))

    def heading(self, author_id: AccountId | None, at: datetime | None) -> Text:
        heading = Text()
        if at is not None:
            heading.append(f"{at.astimezone():%H:%M} ", "dim")
        if author_id is not None:
            member = self.known.get(author_id)
            is_ai = member is not None and member.kind is AccountKind.AI
            heading.append(self.name(author_id), "bold magenta" if is_ai else "bold")
        return heading.append(": ", "bold")

    def handle(self, account_id: AccountId) -> str:
        member = self.known.get(account_id)
        return member.handle if member is not None else "someone"

    def name(self, account_id: AccountId) -> str:
        """Return name, handle and standing. The badge comes from the account, whatever its name says."""
        member = self.known.get(account_id)
        if member is None:
            return f"someone ({account_id})"
        badge = {AccountKind.AI: "AI", AccountKind.BOT: "bot"}.get(member.kind)
        name = visible(member.display_name)
        handle = "" if name.casefold() == member.handle else f" @{member.handle}"
        roles = " ".join(part for part in (badge, None if badge == "AI" else member.role.value) if part)
        return f"{name}{handle} [{roles}]"

    def money(self, micros: int) -> str:
        return money(micros, self.currency)

    def names(self, account_ids: Iterable[AccountId]) -> str:
        return ", ".join(self.handle(account_id) for account_id in account_ids) or "nobody in particular"

    def _wipe(self) -> None:
        if self._row is not None:
            self._row = None
            self._column = 0
            self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))

    def _write(self, *parts: Text) -> None:
        shown = [part for part in parts if part.plain]
        text = Text.assemble(*shown)
        if self.is_terminal:
            text, self._column = folded(text, self.width, self._column)
        self._console.print(text, end="", soft_wrap=True, highlight=False)


def folded(text: Text, width: int, column: int) -> tuple[Text, int]:
    """Break a text that begins in `column` so that no row of a terminal but a line's first begins at its edge.

    What a terminal breaks by itself goes on at the very left, where a card or a speaker's name would stand.
    """
    out, start = Text(), 0
    plain = text.plain
    for place, character in enumerate(plain):
        if character == "\n":
            column = 0
            continue
        cells = cell_len(character)
        if column + cells > width > len(INDENT) + cells:
            out.append_text(text[start:place])
            out.append(f"\n{INDENT}")
            start, column = place, len(INDENT)
        column += cells
    out.append_text(text[start:])
    return out, column
