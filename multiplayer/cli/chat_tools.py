"""Tools at work, as a terminal shows them: what was called, its output as it comes, and how it ended."""

from dataclasses import dataclass

from rich.text import Text

from multiplayer.cli.chat_paper import SHORT, Paper
from multiplayer.cli.visible import shortened, visible
from multiplayer.client.view import View
from multiplayer.protocol.ids import CallId
from multiplayer.protocol.signals import JobOutput, ToolOutput
from multiplayer.protocol.turn_events import ToolCalled, ToolFinished, ToolStarted

LIVE_LINES = 40
"""Shown of a tool's output while it comes."""
RESULT_LINES = 30
"""Shown of a result; of a longer one its beginning and its end."""
LINE_CHARACTERS = 500
_GONE = "(deleted since)"


@dataclass
class _Output:
    """How far the live output of one tool call was shown."""

    lines: int = 0
    rest: str = ""
    """The beginning of the unfinished last line."""
    is_cut: bool = False


class ToolLines:
    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._outputs: dict[CallId, _Output] = {}
        self._names: dict[CallId, str] = {}
        self._jobs: dict[str, _Output] = {}

    def begin(self, view: View) -> None:
        self._outputs.clear()
        self._jobs.clear()
        self._names = {call.call_id: call.name for turn in view.turns.values() for call in turn.calls}

    def open(self, view: View) -> None:
        """Show the calls that have not come back, and which of them run or wait for people."""
        for turn, call in [(one, call) for one in view.turns.values() for call in one.calls]:
            waits = call.approval is not None and call.approval.is_open and not turn.is_stop_requested
            state = "at work" if call.is_started else "waits for approval" if waits else ""
            self._called(call.name, call.arguments, state)

    def show(self, event: ToolCalled | ToolStarted | ToolFinished) -> None:
        match event:
            case ToolCalled():
                self._names[event.call_id] = event.name
                self._called(event.name, _GONE if event.is_redacted else event.arguments)
            case ToolStarted():
                pass
            case ToolFinished():
                self._finished(event)

    def output(self, piece: ToolOutput) -> None:
        """Show the next lines while there are few: however much comes, a piece costs a bounded amount of work."""
        self._grow(self._outputs.setdefault(piece.call_id, _Output()), piece.text, "", "the result follows")

    def job_output(self, piece: JobOutput) -> None:
        """Show the first lines of what a background job prints, each with the job's id."""
        label = f"job {visible(piece.job_id)}: "
        self._grow(self._jobs.setdefault(piece.job_id, _Output()), piece.text, label, "/jobs tells how it goes")

    def _grow(self, output: _Output, text: str, label: str, then: str) -> None:
        if output.is_cut:
            return
        lines = (output.rest + text).split("\n", LIVE_LINES - output.lines + 1)
        output.rest = lines.pop()[: LINE_CHARACTERS + 1]
        for line in lines[: LIVE_LINES - output.lines]:
            self._line(label + line)
        output.lines += len(lines)
        if output.lines >= LIVE_LINES and (output.lines > LIVE_LINES or output.rest):
            output.is_cut, output.rest = True, ""
            self._line(f"{label}… more output; {then}")

    def _called(self, name: str, arguments: str, state: str = "") -> None:
        text = Text(f"  ⚙ {visible(name)} ", "cyan").append(f"({state}) " if state else "")
        self._paper.line(text, Text(shortened(arguments, SHORT), "dim"))

    def _finished(self, event: ToolFinished) -> None:
        output = self._outputs.pop(event.call_id, None)
        if output is not None and output.rest:
            self._line(output.rest)
        name = self._names.pop(event.call_id, "tool")
        status = "" if event.exit_status is None else f" (exit {event.exit_status})"
        code = f" [{event.code}]" if event.code else ""
        is_well = event.is_ok and not event.exit_status
        sign, style = ("✓", "green") if is_well else ("✗", "red")
        self._paper.line(Text(f"  {sign} {visible(name)}{status}{visible(code)}", style))
        if output is None or output.is_cut:
            self._result(_GONE if event.is_redacted else event.text)

    def _result(self, text: str) -> None:
        lines = text.splitlines()
        head = tail = len(lines)
        if len(lines) > RESULT_LINES:
            head, tail = RESULT_LINES // 2, len(lines) - RESULT_LINES // 2
        between = [f"… {tail - head} more lines"] if head < tail else []
        for line in (*lines[:head], *between, *lines[tail:]):
            self._line(line)

    def _line(self, line: str) -> None:
        shown = line if len(line) <= LINE_CHARACTERS else line[:LINE_CHARACTERS] + "…"
        self._paper.line(Text(f"  │ {visible(shown)}", "dim"))
