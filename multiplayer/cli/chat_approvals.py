"""Calls that wait for people, as a terminal shows them: exactly what would run, for whom, and who decides until when."""

import json
import math
from collections.abc import Iterator
from typing import Final, assert_never

from pydantic import JsonValue
from rich.cells import cell_len
from rich.text import Text

from multiplayer.cli.chat_paper import Paper
from multiplayer.cli.chat_work import AskedCall, CallKey, Work
from multiplayer.cli.visible import exact_pieces, visible
from multiplayer.protocol.tools import ApprovalCard, CallLimits, Decider, ToolClass
from multiplayer.protocol.turn_events import ApprovalDecided, ApprovalExpired, ApprovalRequested
from multiplayer.tools.limits import GIB, MIB

CLASSES: Final = {
    ToolClass.ROOM: "says something to the room, or looks something up",
    ToolClass.READ: "reads files of the workspace",
    ToolClass.WRITE: "writes files of the workspace",
    ToolClass.SENSITIVE_WRITE: "deletes many files, or touches protected ones",
    ToolClass.TERMINAL: "runs a command in the sandbox, without network",
    ToolClass.EXTENDED: "runs in the background, or with more than the usual limits",
    ToolClass.NETWORK: "reaches the net, or a server outside the sandbox",
    ToolClass.UNSANDBOXED: "runs without a sandbox",
}
_BAR, _WRAPPED = "  │ ", "  ┆ "
_LEAST_CELLS = 20
_Arguments = dict[str, JsonValue]


class ApprovalLines:
    """`work` has noted each event before it is shown here."""

    def __init__(self, paper: Paper, work: Work) -> None:
        self._paper = paper
        self._work = work

    def open(self) -> None:
        """Show what waits."""
        for key in self._work.waiting():
            self._card(key, self._work.asked[key])

    def show(self, event: ApprovalRequested | ApprovalDecided | ApprovalExpired) -> None:
        key = (event.turn_id, event.call_id)
        asked = self._work.asked.get(key)
        if asked is None:
            # It was asked about before this chat, and decided since.
            return
        what = f"the call of {visible(asked.call.name)}"
        match event:
            case ApprovalRequested():
                self._card(key, asked)
            case ApprovalExpired():
                self._paper.note(f"nobody decided about {what} in time: it does not run")
            case ApprovalDecided():
                who = self._paper.name(event.actor_id)
                if not event.is_approved:
                    self._paper.note(f"{who} rejected {what}: it does not run")
                else:
                    yet = asked.card.needed - len(asked.card.approved_by)
                    self._paper.note(f"{who} approved {what}" + (f"; it takes {yet} more" if yet > 0 else ""))
            case _:
                assert_never(event)

    def _card(self, key: CallKey, asked: AskedCall) -> None:
        paper, card = self._paper, asked.card
        number = self._work.calls.of(key)
        title = f"  ⚠ {number}. " if number is not None else "  ⚠ "
        title += f"{paper.name(asked.ai_id)} wants to use {visible(asked.call.name)}"
        paper.line(Text(title, "bold yellow").append(f" · asked by {paper.names(asked.askers)}", "yellow"))
        width = paper.width - cell_len(_BAR) if paper.is_terminal else None
        for line in argument_lines(asked.call.arguments):
            for at, row in enumerate(_rows(line, width)):
                paper.line(Text(_WRAPPED if at else _BAR, "yellow"), row)
        paper.note(f"it {CLASSES[card.tool_class]}; {card.reason}")
        if card.limits is not None:
            paper.note(limits_in_words(card.limits))
        paper.note(f"{_who_decides(card)}, until {card.expires_at.astimezone():%H:%M}")
        paper.note(
            "a yes is for this very call, once"
            + ("; it says nothing about what is in the files that it runs" if _runs_files(card) else "")
        )
        self._what_to_do(key, asked)

    def _what_to_do(self, key: CallKey, asked: AskedCall) -> None:
        if key not in self._work.waiting():
            return
        me = self._work.my_id
        if me in asked.card.approved_by:
            self._paper.note("you have approved it; it waits for others")
        elif self._work.may_decide(asked):
            which = self._work.calls.shown(key)
            self._paper.line(Text(f"  · /approve{which} or /reject{which}", "bold yellow"))
        else:
            self._paper.note("it waits for an admin or the owner of the room")


def argument_lines(arguments: str) -> Iterator[Text]:
    """Yield all of a call's arguments: nothing cut, nothing hidden, what is not plainly seen written out."""
    if not arguments:
        yield Text("(what it is told is not shown to you)", "dim")
        return
    named = _named(arguments)
    if named is None:
        yield from map(_exact, arguments.split("\n"))
        return
    for name, value in named.items():
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *others = said.split("\n")
        label = _exact(name).append(": ")
        if not others:
            yield label.append_text(_exact(first))
            continue
        yield label
        for line in (first, *others):
            # Further in than any name: no line of a value can pass for another argument.
            yield Text("    ").append_text(_exact(line))


def _named(arguments: str) -> _Arguments | None:
    """Return the arguments by their names; None where they are no object, or say one thing twice."""

    def once(pairs: list[tuple[str, JsonValue]]) -> _Arguments:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a name stands there twice")
        return dict(pairs)

    try:
        found: JsonValue = json.loads(arguments, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _exact(line: str) -> Text:
    text = Text()
    for piece, is_written_out in exact_pieces(line):
        text.append(piece, "bold reverse red" if is_written_out else "bold")
    return text


def _rows(line: Text, width: int | None) -> Iterator[Text]:
    """Cut a line into rows of the terminal, so that no part of it begins where a line of the chat does."""
    if width is None or cell_len(line.plain) <= width:
        yield line
        return
    cuts, used = [], 0
    for at, character in enumerate(line.plain):
        cells = cell_len(character)
        if used + cells > max(width, _LEAST_CELLS):
            cuts.append(at)
            used = 0
        used += cells
    yield from line.divide(cuts)


def _who_decides(card: ApprovalCard) -> str:
    who = "an admin or the owner" if card.decider is Decider.ADMIN else "whoever asked, an admin or the owner"
    return f"{who} decides" if card.needed == 1 else f"{card.needed} of these must approve: {who}"


def limits_in_words(limits: CallLimits) -> str:
    """Say how long a call may run, and with how much."""
    bounds = ((limits.memory_bytes, "memory"), (limits.output_bytes, "output"))
    more = " and ".join(f"{_size(most)} of {what}" for most, what in bounds if most)
    return f"it may run for up to {_span(limits.wall_s)}" + (f", with up to {more}" if more else "")


def _span(seconds: float) -> str:
    whole = max(1, math.ceil(seconds))
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _size(size: int) -> str:
    return f"{size / GIB:.4g} GiB" if size >= GIB else f"{size / MIB:.4g} MiB"


def _runs_files(card: ApprovalCard) -> bool:
    return card.tool_class in {ToolClass.TERMINAL, ToolClass.EXTENDED, ToolClass.NETWORK}
