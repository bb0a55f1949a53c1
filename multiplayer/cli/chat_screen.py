"""A room on a terminal: who says what, AI words as they come, tools at work. Nothing printed is trusted."""

from collections.abc import Callable, Iterable
from typing import assert_never

from rich.console import Console
from rich.text import Text

from multiplayer.cli.chat_approvals import ApprovalLines
from multiplayer.cli.chat_attachments import AttachmentLines
from multiplayer.cli.chat_cards import answer_lines
from multiplayer.cli.chat_files import FileLines
from multiplayer.cli.chat_forgetting import ForgettingLines, text_of
from multiplayer.cli.chat_paper import SHORT, Paper
from multiplayer.cli.chat_tools import ToolLines
from multiplayer.cli.chat_turns import TurnLines
from multiplayer.cli.chat_work import Work
from multiplayer.cli.usage_words import budget_line
from multiplayer.cli.visible import shortened
from multiplayer.client import RoomWord
from multiplayer.client.view import View
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    BanLifted,
    BudgetSet,
    Event,
    FactForgotten,
    FactPinned,
    FormAnswered,
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
    TopicSet,
)
from multiplayer.protocol.ids import MessageId, TurnId
from multiplayer.protocol.members import Presence
from multiplayer.protocol.memory import Proposal
from multiplayer.protocol.messages import Message
from multiplayer.protocol.signals import (
    AiCards,
    AiDelta,
    AiText,
    AiThinking,
    JobOutput,
    PresenceChanged,
    Reset,
    ToolOutput,
    TranscriptProgress,
    TurnProgress,
    Typing,
)
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ChangeProposed,
    FilesChanged,
    ModelChanged,
    ProposalDecided,
    SteeringTaken,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnSteered,
    TurnStopRequested,
    TurnUndone,
    UndoRequested,
)
from multiplayer.protocol.turns import TokenUsage

_Membership = MemberJoined | MemberLeft | MemberRemoved | BanLifted | RoleChanged
_Room = RoomCreated | RoomRenamed | TopicSet | RoomSettingsSet | RoomArchived | RoomDeleted
_Answer = AnswerRegenerated | AnswerChosen | FormAnswered
_Memory = SummaryUpdated | FactPinned | FactForgotten | BudgetSet | ChangeProposed | ProposalDecided


class Screen:
    """Prints to its console; use `Console.capture` to get what it prints as text instead."""

    def __init__(
        self, console: Console, view: Callable[[], View], monotonic_s: Callable[[], float], work: Work
    ) -> None:
        """`work` learns here what was shown."""
        self._paper = Paper(console)
        self._view = view
        self._work = work
        self._turns = TurnLines(self._paper, monotonic_s)
        self._tools = ToolLines(self._paper)
        self._approvals = ApprovalLines(self._paper, work)
        self._files = FileLines(self._paper, work)
        self._attachments = AttachmentLines(self._paper)
        self._forgetting = ForgettingLines(self._paper)
        self.begin()

    def open(self) -> None:
        """Show where we are and what was said last."""
        view = self._view()
        self.note(f"{view.room.name}" + (f" · {view.room.topic}" if view.room.topic else "") + " · /help for help")
        for message in view.messages.values():
            self.message(message)
        self._turns.open(view)
        self._tools.open(view)
        self._approvals.open()
        for proposal in view.proposals:
            self._proposal(proposal)

    def message(self, message: Message) -> None:
        text = text_of(message)
        after = " (edited)" if message.edited_at else ""
        if message.alternatives:
            after += f" (answer {message.chosen + 1} of {len(message.alternatives)})"
        self._paper.said(message.author_id, message.at, text, after)
        self._attachments.of(message.attachments)
        self._turns.cards_and_form(message.cards, message.form)

    def note(self, text: str) -> None:
        self._paper.note(text)

    def write(self, lines: Iterable[Text | str]) -> None:
        """Write what a command says: a text as it is made, a string as a note."""
        for line in lines:
            if isinstance(line, str):
                self.note(line)
            else:
                self._paper.line(line)

    def know_currency(self, currency: str) -> None:
        """Say in which currency costs are told; before, they are not told at all."""
        self._paper.currency = currency

    @property
    def tells_costs(self) -> bool:
        return bool(self._paper.currency)

    def cost(self, usage: TokenUsage) -> None:
        """Say what a turn cost that has just ended."""
        self._turns.cost(usage)

    def close(self) -> None:
        self._paper.end_line()

    def show(self, word: RoomWord) -> None:
        # What was waiting comes before what is new, and after what was said of the turn before.
        self._turns.go_on()
        self._work.note(word)
        match word:
            case AiDelta() | AiText():
                self._turns.words(word)
            case AiCards():
                self._turns.cards(word)
            case TurnProgress():
                self._turns.progress(word)
            case TranscriptProgress():
                self._attachments.progress(word)
            case ToolOutput():
                self._tools.output(word)
            case JobOutput():
                self._tools.job_output(word)
            case Typing():
                if word.is_typing and self._paper.is_terminal:
                    self.note(f"{self._paper.name(word.account_id)} is typing …")
            case PresenceChanged():
                if self._paper.is_terminal:
                    is_here = word.presence is Presence.ONLINE
                    self.note(f"{self._paper.name(word.account_id)} is {'here' if is_here else 'away'}")
            case Reset():
                self.note("what came before is void: this is the room as it is now")
                self.begin()
                self.open()
            case AiThinking():
                self._turns.thinks(word)
            case _:
                self._event(word)

    def begin(self) -> None:
        """Take the room as it is now as what the next lines go on from."""
        view = self._view()
        self._paper.known = dict(view.members)
        self._turns.begin(view)
        self._tools.begin(view)

    def _event(self, event: Event) -> None:
        if self._forgetting.show(event):
            return
        who = self._paper.name(event.actor_id)
        match event:
            case MessagePosted():
                self._posted(event)
            case MessageEdited():
                self.note(f"{who} edited a message: {shortened(event.text, SHORT)}")
            case MessageDeleted():
                self.note(f"{who} deleted a message")
            case AttachmentChanged():
                self._attachments.changed(event)
            case ReactionAdded() | ReactionRemoved():
                verb = "reacted with" if isinstance(event, ReactionAdded) else "took back"
                self.note(f"{who} {verb} {event.emoji}")
            case MessagePinned() | MessageUnpinned():
                self.note(f"{who} {'pinned' if isinstance(event, MessagePinned) else 'unpinned'} a message")
            case (
                TurnRequested()
                | TurnCollected()
                | TurnSteered()
                | TurnStarted()
                | SteeringTaken()
                | ModelChanged()
                | TurnStopRequested()
                | TurnEnded()
            ):
                self._turns.show(event)
            case ToolCalled() | ToolStarted() | ToolFinished():
                self._turns.pauses(event.turn_id)
                self._tools.show(event)
            case ApprovalRequested() | ApprovalDecided() | ApprovalExpired():
                self._turns.pauses(event.turn_id)
                self._approvals.show(event)
            case FilesChanged() | UndoRequested() | TurnUndone():
                self._files.show(event)
            case AnswerRegenerated() | AnswerChosen() | FormAnswered():
                self._answer(event, who)
            case SummaryUpdated() | FactPinned() | FactForgotten() | BudgetSet() | ChangeProposed() | ProposalDecided():
                self._memory(event, who)
            case MemberJoined() | MemberLeft() | MemberRemoved() | BanLifted() | RoleChanged():
                self._membership(event, who)
            case RoomCreated() | RoomRenamed() | TopicSet() | RoomSettingsSet() | RoomArchived() | RoomDeleted():
                self._room(event, who)
            case _:
                assert_never(event)

    def _room(self, event: _Room, who: str) -> None:
        match event:
            case RoomRenamed():
                self.note(f"{who} renamed the room to {event.name}")
            case TopicSet():
                self.note(f"{who} set the topic: {event.topic}")
            case RoomSettingsSet():
                self.note(f"{who} changed the room's settings")
            case RoomArchived():
                self.note(f"{who} {'archived the room' if event.is_archived else 'opened the room again'}")
            case RoomDeleted():
                self.note(f"{who} deleted the room")
            case RoomCreated():
                pass

    def _membership(self, event: _Membership, who: str) -> None:
        known = self._paper.known
        match event:
            case MemberJoined():
                known[event.member.account_id] = event.member
                name = self._paper.name(event.member.account_id)
                self.note(
                    f"all that one member said was erased; they are {name} now" if event.is_erased else f"{name} joined"
                )
            case MemberLeft():
                self.note(f"{who} left")
            case MemberRemoved():
                how = "banned" if event.is_banned else "removed"
                whom = self._paper.name(event.account_id)
                if event.is_erased:
                    self.note(f"all that {whom} said was erased")
                else:
                    self.note(f"the membership of {whom} is over" if event.is_expired else f"{who} {how} {whom}")
            case BanLifted():
                self.note(f"{who} lifted a ban")
            case RoleChanged():
                member = known.get(event.account_id)
                if member is not None:
                    known[event.account_id] = member.model_copy(update={"role": event.role})
                self.note(f"{who} made {self._paper.handle(event.account_id)} {event.role.value}")

    def _memory(self, event: _Memory, who: str) -> None:
        match event:
            case SummaryUpdated():
                points = f"{len(event.points)} point{'' if len(event.points) == 1 else 's'}"
                by = f", edited by {who}" if event.edited_by is not None else f", {event.method}"
                self.note(f"summary version {event.version}: {points} up to event {event.up_to_seq}{by}")
            case FactPinned():
                is_gone = event.is_redacted
                self.note(f"{who} pinned a fact" + (" (forgotten since)" if is_gone else f": {event.fact.text}"))
            case FactForgotten():
                self.note(f"{who} let a fact be forgotten")
            case BudgetSet():
                self.note(f"{who} set the room's budget: {budget_line(event.budget, self._paper.currency)}")
            case ChangeProposed():
                if event.is_redacted:
                    self.note(f"{who} proposed something (forgotten since)")
                else:
                    self._proposal(event.proposal)
            case ProposalDecided():
                self.note(f"{who} {'accepted' if event.is_accepted else 'dropped'} what was proposed")

    def _proposal(self, proposal: Proposal) -> None:
        number = self._work.proposals.of(proposal.id)
        facts = {fact.id: fact.text for fact in self._view().facts}
        said = (
            f"remember: {proposal.text}" if proposal.fact_id is None else f"forget: {facts.get(proposal.fact_id, '')}"
        )
        who = self._paper.name(proposal.by)
        count = f"{number}. " if number is not None else ""
        self._paper.line(Text(f"  ⚑ {count}{who} would like to {shortened(said, 600)}", "yellow"))
        if proposal.taint:
            self.note(f"words from outside the room were in its turn: {', '.join(proposal.taint)}")
        if number is not None and self._work.may_remember():
            which = self._work.proposals.shown(proposal.id)
            self.note(f"/accept{which} or /drop{which}")

    def _posted(self, event: MessagePosted) -> None:
        message = event.message
        if not event.is_redacted and self._turns.has_shown(message):
            self._attachments.of(message.attachments)
            return
        self._paper.said(event.actor_id, event.at, "(deleted)" if event.is_redacted else message.text)
        self._attachments.of(message.attachments)
        if not event.is_redacted:
            self._turns.cards_and_form(message.cards, message.form)

    def _answer(self, event: _Answer, who: str) -> None:
        match event:
            case AnswerRegenerated():
                self._regenerated(event)
            case AnswerChosen():
                self.note(f"{who} chose answer {event.index + 1}{self._of_all(event.message_id)}")
                message = self._view().messages.get(event.message_id)
                if message is not None and event.index < len(message.alternatives):
                    chosen = message.alternatives[event.index]
                    self._paper.said(message.author_id, chosen.at, chosen.text)
                    self._turns.cards_and_form(chosen.cards, chosen.form)
            case FormAnswered():
                message = self._view().messages.get(event.message_id)
                self.note(f"{who} filled in the form" + (" (deleted since)" if event.is_redacted else ":"))
                if not event.is_redacted:
                    for line in answer_lines(message.form if message else None, event.answers):
                        self._paper.line(line)

    def _regenerated(self, event: AnswerRegenerated) -> None:
        answer = event.answer
        if event.is_redacted:
            self.note(f"{self._paper.name(event.actor_id)} answered again (deleted since)")
            return
        if not self._turns.answered_again(answer.turn_id, answer.text, answer.cards, answer.form):
            self._paper.said(event.actor_id, answer.at, answer.text)
            self._turns.cards_and_form(answer.cards, answer.form)
        number = self._number_of(event.message_id, answer.turn_id)
        self.note(f"this is answer {number}; the ones before stay: /choose N" if number else "this answer stands now")

    def _number_of(self, message_id: MessageId, turn_id: TurnId) -> int:
        """Return the number of an answer among its alternatives, counted from 1; 0 if the message is not at hand."""
        message = self._view().messages.get(message_id)
        answers = message.alternatives if message is not None else ()
        return next((number for number, answer in enumerate(answers, 1) if answer.turn_id == turn_id), 0)

    def _of_all(self, message_id: MessageId) -> str:
        message = self._view().messages.get(message_id)
        return f" of {len(message.alternatives)}" if message is not None and message.alternatives else ""
