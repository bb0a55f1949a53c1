"""A room on a terminal: who says what, AI words as they come, tools at work. Nothing printed is trusted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from rich.console import Console
from rich.text import Text

from multiplayer.cli.visible import indented, shortened, visible
from multiplayer.client import RoomWord
from multiplayer.client.running_text import RunningText
from multiplayer.client.view import View
from multiplayer.protocol.events import (
    BanLifted,
    Event,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
    RoleChanged,
    RoomArchived,
    RoomCreated,
    RoomDeleted,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TopicSet,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnStopRequested,
)
from multiplayer.protocol.ids import AccountId, CallId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Presence
from multiplayer.protocol.messages import Message
from multiplayer.protocol.signals import (
    AiDelta,
    AiText,
    AiThinking,
    PresenceChanged,
    Reset,
    ToolOutput,
    TurnProgress,
    Typing,
)
from multiplayer.protocol.turns import TurnOutcome

INDENT = "    "
SHORT = 160
LIVE_LINES = 40
"""Shown of a tool's output while it comes."""
RESULT_LINES = 30
"""Shown of a result; of a longer one its beginning and its end."""
LINE_CHARACTERS = 500


@dataclass
class _Output:
    """How far the live output of one tool call was shown."""

    lines: int = 0
    rest: str = ""
    """The beginning of the unfinished last line."""
    is_cut: bool = False


class Screen:
    """Prints to its console; use `Console.capture` to get what it prints as text instead."""

    def __init__(self, console: Console, view: Callable[[], View]) -> None:
        self._console = console
        self._view = view
        self._begin()

    def open(self) -> None:
        """Show where we are and what was said last."""
        view = self._view()
        self._note(f"{view.room.name}" + (f" · {view.room.topic}" if view.room.topic else "") + " · /help for help")
        for message in view.messages.values():
            self.message(message)
        for turn_id in self._running:
            self._speak(turn_id)

    def message(self, message: Message) -> None:
        text = "(deleted)" if message.is_deleted else message.text
        self._said(message.author_id, message.at, text, " (edited)" if message.edited_at else "")

    def members(self) -> None:
        view = self._view()
        for member in sorted(view.members.values(), key=lambda member: (-member.role.rank, member.handle)):
            self._note(self._name(member.account_id) + (" · online" if member.account_id in view.online else ""))

    def note(self, text: str) -> None:
        self._note(text)

    def close(self) -> None:
        self._end_line()

    def show(self, word: RoomWord) -> None:
        match word:
            case AiDelta():
                if word.turn_id in self._running:
                    self._running[word.turn_id].add(word.offset, word.text)
                    self._speak(word.turn_id)
            case AiText():
                if word.turn_id in self._running:
                    self._running[word.turn_id].replace(word.text)
                    self._speak(word.turn_id)
            case ToolOutput():
                self._tool_output(word)
            case Typing():
                if word.is_typing and self._console.is_terminal:
                    self._note(f"{self._name(word.account_id)} is typing …")
            case PresenceChanged():
                if self._console.is_terminal:
                    is_here = word.presence is Presence.ONLINE
                    self._note(f"{self._name(word.account_id)} is {'here' if is_here else 'away'}")
            case Reset():
                self._note("what came before is void: this is the room as it is now")
                self._begin()
                self.open()
            case AiThinking() | TurnProgress():
                pass
            case _:
                self._event(word)

    def _begin(self) -> None:
        view = self._view()
        self._known: dict[AccountId, Member] = dict(view.members)
        """Also those who have left: their words stay."""
        self._ais: dict[TurnId, AccountId] = {turn_id: turn.ai_id for turn_id, turn in view.turns.items()}
        self._running: dict[TurnId, RunningText] = {
            turn_id: RunningText(turn.text) for turn_id, turn in view.turns.items()
        }
        self._printed: dict[TurnId, str] = {}
        self._speaking: TurnId | None = None
        """Whose words the unfinished last line holds."""
        self._outputs: dict[CallId, _Output] = {}
        self._tools: dict[CallId, str] = {}

    def _event(self, event: Event) -> None:
        who = self._name(event.actor_id)
        match event:
            case MessagePosted():
                self._posted(event)
            case MessageEdited():
                self._note(f"{who} edited a message: {shortened(event.text, SHORT)}")
            case MessageDeleted():
                self._note(f"{who} deleted a message")
            case ReactionAdded() | ReactionRemoved():
                verb = "reacted with" if isinstance(event, ReactionAdded) else "took back"
                self._note(f"{who} {verb} {event.emoji}")
            case MessagePinned() | MessageUnpinned():
                self._note(f"{who} {'pinned' if isinstance(event, MessagePinned) else 'unpinned'} a message")
            case TurnRequested() | TurnStarted() | TurnCollected() | TurnStopRequested() | TurnEnded():
                self._turn(event, who)
            case ToolCalled() | ToolStarted() | ToolFinished():
                self._tool(event)
            case MemberJoined() | MemberLeft() | MemberRemoved() | BanLifted() | RoleChanged():
                self._membership(event, who)
            case RoomRenamed():
                self._note(f"{who} renamed the room to {event.name}")
            case TopicSet():
                self._note(f"{who} set the topic: {event.topic}")
            case RoomSettingsSet():
                self._note(f"{who} changed the room's settings")
            case RoomArchived():
                self._note(f"{who} {'archived the room' if event.is_archived else 'opened the room again'}")
            case RoomDeleted():
                self._note(f"{who} deleted the room")
            case SummaryUpdated() | RoomCreated():
                pass
            case _:
                assert_never(event)

    def _membership(self, event: MemberJoined | MemberLeft | MemberRemoved | BanLifted | RoleChanged, who: str) -> None:
        match event:
            case MemberJoined():
                self._known[event.member.account_id] = event.member
                self._note(f"{self._name(event.member.account_id)} joined")
            case MemberLeft():
                self._note(f"{who} left")
            case MemberRemoved():
                how = "banned" if event.is_banned else "removed"
                self._note(
                    f"the membership of {self._name(event.account_id)} is over"
                    if event.is_expired
                    else f"{who} {how} {self._name(event.account_id)}"
                )
            case BanLifted():
                self._note(f"{who} lifted a ban")
            case RoleChanged():
                member = self._known.get(event.account_id)
                if member is not None:
                    self._known[event.account_id] = member.model_copy(update={"role": event.role})
                self._note(f"{who} made {self._handle(event.account_id)} {event.role.value}")

    def _turn(
        self, event: TurnRequested | TurnStarted | TurnCollected | TurnStopRequested | TurnEnded, who: str
    ) -> None:
        match event:
            case TurnRequested():
                self._ais[event.turn_id] = event.ai_id
                self._running[event.turn_id] = RunningText()
            case TurnStopRequested():
                self._note(f"{who} asked to stop")
            case TurnEnded():
                self._running.pop(event.turn_id, None)
                self._printed.pop(event.turn_id, None)
                self._end_line()
                if event.outcome is not TurnOutcome.DONE:
                    reason = f": {event.reason}" if event.reason else ""
                    self._note(f"{self._name(event.ai_id)} {event.outcome.value}{reason}")
            case TurnStarted() | TurnCollected():
                pass

    def _tool(self, event: ToolCalled | ToolStarted | ToolFinished) -> None:
        match event:
            case ToolCalled():
                self._tools[event.call_id] = event.name
                self._line(Text(f"  ⚙ {visible(event.name)} ", "cyan"), Text(shortened(event.arguments, SHORT), "dim"))
            case ToolStarted():
                pass
            case ToolFinished():
                output = self._outputs.pop(event.call_id, None)
                if output is not None and output.rest:
                    self._output_line(output.rest)
                name = self._tools.pop(event.call_id, "tool")
                status = "" if event.exit_status is None else f" (exit {event.exit_status})"
                code = f" [{event.code}]" if event.code else ""
                is_well = event.is_ok and not event.exit_status
                sign, style = ("✓", "green") if is_well else ("✗", "red")
                self._line(Text(f"  {sign} {visible(name)}{status}{visible(code)}", style))
                if output is None or output.is_cut:
                    self._result(event.text)

    def _result(self, text: str) -> None:
        lines = text.splitlines()
        head = tail = len(lines)
        if len(lines) > RESULT_LINES:
            head, tail = RESULT_LINES // 2, len(lines) - RESULT_LINES // 2
        between = [f"… {tail - head} more lines"] if head < tail else []
        for line in (*lines[:head], *between, *lines[tail:]):
            self._output_line(line)

    def _tool_output(self, piece: ToolOutput) -> None:
        """Show the next lines while there are few: however much comes, a piece costs a bounded amount of work."""
        output = self._outputs.setdefault(piece.call_id, _Output())
        if output.is_cut:
            return
        lines = (output.rest + piece.text).split("\n", LIVE_LINES - output.lines + 1)
        output.rest = lines.pop()[: LINE_CHARACTERS + 1]
        for line in lines[: LIVE_LINES - output.lines]:
            self._output_line(line)
        output.lines += len(lines)
        if output.lines >= LIVE_LINES and (output.lines > LIVE_LINES or output.rest):
            output.is_cut, output.rest = True, ""
            self._output_line("… more output; the result follows")

    def _output_line(self, line: str) -> None:
        shown = line if len(line) <= LINE_CHARACTERS else line[:LINE_CHARACTERS] + "…"
        self._line(Text(f"  │ {visible(shown)}", "dim"))

    def _posted(self, event: MessagePosted) -> None:
        turn_id = event.message.turn_id
        printed = self._printed.get(turn_id, "") if turn_id is not None else ""
        text = "(deleted)" if event.is_redacted else event.message.text
        if turn_id is None or not printed or not text.startswith(printed):
            self._said(event.actor_id, event.at, text)
            return
        self._running[turn_id] = RunningText(text)
        self._speak(turn_id)
        self._end_line()

    def _speak(self, turn_id: TurnId) -> None:
        """Print what has come of a turn's words since the last time, at the end of their line if it is still open."""
        text = self._running[turn_id].text
        printed = self._printed.get(turn_id, "")
        new = text[len(printed) :]
        if not new:
            return
        if self._speaking != turn_id:
            self._end_line()
            self._write(self._heading(self._ais.get(turn_id), None), Text("… " if printed else ""))
            self._speaking = turn_id
        self._write(Text(indented(new, INDENT)))
        self._printed[turn_id] = text

    def _said(self, author_id: AccountId, at: datetime, text: str, after: str = "") -> None:
        self._line(self._heading(author_id, at), Text(indented(text, INDENT)), Text(after, "dim"))

    def _heading(self, author_id: AccountId | None, at: datetime | None) -> Text:
        heading = Text()
        if at is not None:
            heading.append(f"{at.astimezone():%H:%M} ", "dim")
        if author_id is not None:
            style = "bold magenta" if self._is_ai(author_id) else "bold"
            heading.append(self._name(author_id), style)
        return heading.append(": ", "bold")

    def _is_ai(self, account_id: AccountId) -> bool:
        member = self._known.get(account_id)
        return member is not None and member.kind is AccountKind.AI

    def _handle(self, account_id: AccountId) -> str:
        member = self._known.get(account_id)
        return member.handle if member is not None else "someone"

    def _name(self, account_id: AccountId) -> str:
        """Return name, handle and standing. The badge comes from the account, whatever its name says."""
        member = self._known.get(account_id)
        if member is None:
            return f"someone ({account_id})"
        badge = {AccountKind.AI: "AI", AccountKind.BOT: "bot"}.get(member.kind)
        name = visible(member.display_name)
        handle = "" if name.casefold() == member.handle else f" @{member.handle}"
        roles = " ".join(part for part in (badge, None if badge == "AI" else member.role.value) if part)
        return f"{name}{handle} [{roles}]"

    def _note(self, text: str) -> None:
        self._line(Text(f"  · {visible(text)}", "dim"))

    def _line(self, *parts: Text) -> None:
        self._end_line()
        self._write(*parts, Text("\n"))

    def _end_line(self) -> None:
        if self._speaking is not None:
            self._speaking = None
            self._write(Text("\n"))

    def _write(self, *parts: Text) -> None:
        self._console.print(Text.assemble(*_filled(parts)), end="", soft_wrap=True, highlight=False)


def _filled(parts: Iterable[Text]) -> list[Text]:
    return [part for part in parts if part.plain]
