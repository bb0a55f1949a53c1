"""The log as prompt messages: each event adds at the end, in order, and changes nothing before it.

What others say while this AI is at a turn comes after that turn: its model had not read it when it spoke. So each
prompt goes on exactly where the one before ended, and the provider's prefix cache holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from multiplayer.ai.brief import RoomBrief, Who, former, who_is
from multiplayer.ai.file_lines import file_line, voice_line, with_files
from multiplayer.ai.own_words import own_unit
from multiplayer.ai.prompts import Envelope, Note, encode_envelope, encode_note
from multiplayer.ai.tokens import TokenCounter, trim_middle
from multiplayer.ai.units import OpenCall, Unit, calls_unit, with_cards
from multiplayer.models.port import PromptMessage, ToolCall
from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
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
    RoleChanged,
    RoomArchived,
    RoomRenamed,
    RoomSettingsSet,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.members import Account, Member
from multiplayer.protocol.messages import Answer, Message, MessageBody
from multiplayer.protocol.turn_events import (
    FilesChanged,
    SteeringTaken,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnSteered,
    TurnUndone,
)
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.protocol.values import rfc3339

REPEATED_HEAD_TOKENS: Final = 1_500
REPEATED_TAIL_TOKENS: Final = 500
"""Of a request that is repeated because other words came after it."""
NAMED_FILES: Final = 20
"""So many of the files are named that a person changed by hand."""


@dataclass(slots=True)
class _Turn:
    askers: list[AccountId] = field(default_factory=list)
    asked: list[MessageId] = field(default_factory=list)
    note: str = ""
    is_by_webhook: bool = False
    is_running: bool = False
    calls: dict[CallId, OpenCall] = field(default_factory=dict)
    """Calls of one answer of the model, until all of them are finished."""


@dataclass(frozen=True, slots=True)
class _Said:
    who: Who
    text: str
    taint: tuple[Taint, ...] = ()
    files: tuple[Attachment, ...] = ()
    """As they stand, which may not be as they were told."""


class Transcript:
    """Folds events into units, as one AI member sees them. `accounts` names who is no member any more."""

    def __init__(
        self,
        brief: RoomBrief,
        ai: Member,
        secret: bytes,
        counter: TokenCounter,
        accounts: Mapping[AccountId, Account],
        older: Sequence[Message] = (),
    ) -> None:
        self.units: list[Unit] = []
        self._members = dict(brief.members)
        self._persona = brief.persona
        self._ai_id = ai.account_id
        self._secret = secret
        self._counter = counter
        self._accounts = accounts
        self._turns: dict[TurnId, _Turn] = {}
        self._held: list[Unit] = []
        """What came while this AI was at a turn, to be told after it."""
        self._said = {
            message.id: _Said(self._who(message.author_id), message.text, message.taint, message.attachments)
            for message in older
            if not message.is_deleted
        }

    def take_all(self, events: Iterable[Event]) -> None:
        """Take the log up to where the prompt is to end. What came into a turn that still runs is left for later."""
        for event in events:
            self._take(event)
        for turn_id in self._turns:
            self._close_calls(turn_id)

    def request(
        self,
        event_id: str,
        at: str,
        askers: Sequence[AccountId],
        asked: Sequence[MessageId],
        *,
        note: str = "",
        is_by_webhook: bool = False,
    ) -> Unit:
        """Return a line that says what is to be answered: the note, or the words of the last message that asks.

        `is_by_webhook`: what a webhook brought stands in the note.
        """
        said = next((self._said[message_id] for message_id in reversed(asked) if message_id in self._said), None)
        if said is not None and not note:
            who, text, taint, files = said.who, said.text, said.taint, said.files
        else:
            # Of several who asked nobody knows whose the note is: it is put into no one's mouth.
            is_ones = len(set(askers)) == 1
            who = self._who(askers[0]) if is_ones else Who("server", "", "server")
            text, taint, files = note, (Taint.WEBHOOK,) if is_by_webhook else (), ()
        text = trim_middle(text, self._counter, head=REPEATED_HEAD_TOKENS, tail=REPEATED_TAIL_TOKENS)
        envelope = Envelope(
            id=event_id,
            author=who.handle,
            role=who.role,
            at=at,
            name=who.name,
            text=with_files(text, files),
            kind="request",
            about=tuple(asked),
            taint=taint,
        )
        return replace(self.envelope_unit(envelope), taint=taint)

    def envelope_unit(self, envelope: Envelope, message_id: MessageId | None = None) -> Unit:
        content = encode_envelope(envelope, self._secret)
        return Unit((PromptMessage(role="user", content=content),), message_id=message_id, envelope=envelope)

    def _take(self, event: Event) -> None:  # noqa: PLR0915 - one or two lines for each kind of event
        match event:
            case MessagePosted():
                self._post(event)
            case MessageEdited():
                known = self._said.get(event.message_id)
                if known is not None:
                    self._said[event.message_id] = replace(known, text=event.text)
                self._note(event, about=event.message_id, text=event.text, revision=event.revision)
            case MessageDeleted():
                self._said.pop(event.message_id, None)
                self._note(event, about=event.message_id)
            case AttachmentChanged():
                self._change_file(event)
            case MessagePinned() | MessageUnpinned():
                self._note(event, about=event.message_id)
            case AnswerRegenerated() | AnswerChosen():
                self._take_answer(event)
            case FormAnswered():
                words = "" if event.is_redacted else "; ".join(", ".join(answer.values) for answer in event.answers)
                self._note(event, about=event.message_id, text=words)
            case FactPinned():
                if not event.is_redacted:
                    self._note(event, about=event.fact.id, text=event.fact.text, taint=event.fact.taint)
            case FactForgotten():
                self._note(event, about=event.fact_id)
            case MemberJoined():
                who = who_is(event.member)
                self._members[event.member.account_id] = who
                self._note(event, about=f"@{who.handle} ({who.role})", name=who.name)
            case MemberLeft() | MemberRemoved():
                who = self._who(event.account_id)
                self._note(event, about=f"@{who.handle}")
                self._members.pop(event.account_id, None)
            case RoleChanged():
                who = replace(self._who(event.account_id), role=event.role.value)
                self._members[event.account_id] = who
                self._note(event, about=f"@{who.handle} ({who.role})")
            case RoomRenamed():
                self._note(event, text=event.name)
            case TopicSet():
                self._note(event, text=event.topic)
            case RoomSettingsSet():
                if event.settings.persona != self._persona:
                    self._persona = event.settings.persona
                    self._note(event, about="persona", text=event.settings.persona)
            case RoomArchived():
                self._note(event, about="archived" if event.is_archived else "open again")
            case TurnRequested() | TurnCollected() | TurnSteered() | SteeringTaken() | TurnStarted() | TurnEnded():
                self._take_turn(event)
            case ToolCalled() | ToolStarted() | ToolFinished():
                self._take_tool(event)
            case FilesChanged(turn_id=None) | TurnUndone(is_ok=True):
                # What this AI believes of the files may not be so any more.
                self._note(event, text=", ".join(change.path for change in event.changes[:NAMED_FILES]))
            case _:
                pass  # reactions, settings of others, what the brief or the summary says already

    def _post(self, event: MessagePosted) -> None:
        body = event.message
        who = self._who(event.actor_id)
        if not event.is_redacted:
            self._said[body.id] = _Said(who, body.text, body.taint, body.attachments)
        if event.is_redacted:
            self._note(event, about="deleted later")
        elif event.actor_id == self._ai_id:
            if body.turn_id is not None:
                self._close_calls(body.turn_id)
            self.units.append(self._own(event, body))
        else:
            envelope = Envelope(
                id=event.id,
                author=who.handle,
                role=who.role,
                at=rfc3339(event.at),
                name=who.name,
                text=with_files(with_cards(body.text, body.cards, body.form), body.attachments),
                reply_to=body.reply_to,
                taint=body.taint,
            )
            self._add(replace(self.envelope_unit(envelope, body.id), taint=body.taint))

    def _change_file(self, event: AttachmentChanged) -> None:
        known = self._said.get(event.message_id)
        changed = event.attachment
        if known is not None:
            files = tuple(changed if one.id == changed.id else one for one in known.files)
            self._said[event.message_id] = replace(known, files=files)
        # A file has a transcript only once it is there: then it is that which has changed.
        text = file_line(changed) if changed.transcript is None else voice_line(changed)
        if event.is_redacted:
            self._note(event, about=event.message_id)
        elif text:
            self._note(event, about=event.message_id, text=text)

    def _take_answer(self, event: AnswerRegenerated | AnswerChosen) -> None:
        if isinstance(event, AnswerChosen):
            self._note(event, about=event.message_id, text=f"answer {event.index + 1} stands now")
            return
        text = "" if event.is_redacted else with_cards(event.answer.text, event.answer.cards, event.answer.form)
        if event.actor_id == self._ai_id and text:
            self._close_calls(event.answer.turn_id)
            own = self._own(event, event.answer)
            self.units.append(replace(own, message_id=event.message_id, revision=event.revision))
        else:
            self._note(event, about=event.message_id, text=text, revision=event.revision, taint=event.answer.taint)

    def _own(self, event: MessagePosted | AnswerRegenerated, said: MessageBody | Answer) -> Unit:
        return own_unit(said, event.id, self._who(event.actor_id).handle, rfc3339(event.at), self._secret)

    def _add(self, unit: Unit) -> None:
        """Put what someone else did: at the end, or behind the turn that this AI is at."""
        if any(turn.is_running for turn in self._turns.values()):
            self._held.append(unit)
        else:
            self.units.append(unit)

    def _take_turn(
        self, event: TurnRequested | TurnCollected | TurnSteered | SteeringTaken | TurnStarted | TurnEnded
    ) -> None:
        match event:
            case TurnRequested() | TurnCollected() | TurnSteered():
                if event.ai_id == self._ai_id:
                    turn = self._turns.setdefault(event.turn_id, _Turn())
                    turn.is_by_webhook |= event.is_by_webhook
                    turn.askers += event.askers
                    if not event.is_redacted:
                        turn.note = "\n\n".join(note for note in (turn.note, event.note) if note)
                    if event.message_id is not None:
                        turn.asked.append(event.message_id)
            case SteeringTaken():
                if event.actor_id == self._ai_id:
                    self._close_calls(event.turn_id)
                    told = [unit for unit in self._held if unit.message_id in event.messages]
                    self._held = [unit for unit in self._held if unit.message_id not in event.messages]
                    self.units += told
            case TurnStarted():
                # A takeover goes on where the turn was; only the first start says what is asked.
                if event.actor_id == self._ai_id and event.fence == 1:
                    self._start(event)
            case TurnEnded():
                if event.ai_id == self._ai_id:
                    self._close_calls(event.turn_id)
                    self._turns.pop(event.turn_id, None)
                    if event.outcome is not TurnOutcome.DONE:
                        self._note(event, about=event.outcome.value, text=event.reason)
                    self.units += self._held
                    self._held = []

    def _start(self, event: TurnStarted) -> None:
        turn = self._turns.setdefault(event.turn_id, _Turn())
        if turn.note or not self._ends_with(turn.asked):
            unit = self.request(
                event.id,
                rfc3339(event.at),
                turn.askers,
                turn.asked,
                note=turn.note,
                is_by_webhook=turn.is_by_webhook,
            )
            self.units.append(replace(unit, turn_id=event.turn_id))
        turn.is_running = True

    def _ends_with(self, asked: Sequence[MessageId]) -> bool:
        """Whether the last words are the one message that asks, so that nothing need be said about it."""
        last = self.units[-1] if self.units else None
        return last is not None and last.envelope is not None and len(asked) == 1 and last.message_id == asked[0]

    def _take_tool(self, event: ToolCalled | ToolStarted | ToolFinished) -> None:
        if event.actor_id != self._ai_id:
            return
        calls = self._turns.setdefault(event.turn_id, _Turn()).calls
        match event:
            case ToolCalled():
                # The calls of one answer are asked for before the first of them starts.
                if any(call.is_started or call.finished for call in calls.values()):
                    self._close_calls(event.turn_id)
                calls[event.call_id] = OpenCall(ToolCall(event.call_id, event.name, event.arguments))
            case ToolStarted():
                if event.call_id in calls:
                    calls[event.call_id].is_started = True
            case ToolFinished():
                if event.call_id in calls:
                    calls[event.call_id].finished = event
                if all(call.finished for call in calls.values()):
                    self._close_calls(event.turn_id)

    def _close_calls(self, turn_id: TurnId) -> None:
        """Put the calls and their results in one place: no provider takes a call without its result right after it."""
        calls = self._turns[turn_id].calls if turn_id in self._turns else {}
        if not calls:
            return
        self.units.append(calls_unit(turn_id, calls.values(), self._secret, self._counter))
        calls.clear()

    def _note(
        self,
        event: Event,
        *,
        about: str | None = None,
        name: str = "",
        text: str = "",
        revision: int = 1,
        taint: tuple[Taint, ...] = (),
    ) -> None:
        note = Note(
            id=event.id,
            event=event.type,
            by=self._who(event.actor_id).handle,
            at=rfc3339(event.at),
            about=about,
            name=name,
            text=text,
            taint=taint,
        )
        edited = event.message_id if isinstance(event, MessageEdited | AnswerRegenerated) else None
        content = encode_note(note, self._secret)
        unit = Unit((PromptMessage(role="user", content=content),), message_id=edited, revision=revision, taint=taint)
        # The end of this AI's own turn is no news from others.
        if isinstance(event, TurnEnded):
            self.units.append(unit)
        else:
            self._add(unit)

    def _who(self, account_id: AccountId) -> Who:
        return self._members.get(account_id) or former(account_id, self._accounts)
