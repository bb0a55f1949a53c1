"""The log as prompt messages: each event adds at the end, in order, and changes nothing before it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from multiplayer.ai.brief import RoomBrief, Who, former, who_is
from multiplayer.ai.prompts import (
    NEVER_STARTED,
    UNKNOWN_OUTCOME,
    Envelope,
    Note,
    call_message,
    encode_envelope,
    encode_note,
    tool_message,
)
from multiplayer.ai.tokens import TokenCounter, trim_middle
from multiplayer.models.port import PromptMessage, ToolCall
from multiplayer.protocol.events import (
    Event,
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
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TopicSet,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
)
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.members import Account, Member
from multiplayer.protocol.messages import Message
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.protocol.values import rfc3339

REPEATED_HEAD_TOKENS: Final = 1_500
REPEATED_TAIL_TOKENS: Final = 500
"""Of a request that is repeated because other words came after it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands or falls together in a prompt: a message, a server's line, or tool calls with all their results."""

    messages: tuple[PromptMessage, ...]
    message_id: MessageId | None = None
    revision: int = 1
    envelope: Envelope | None = None
    turn_id: TurnId | None = None
    results: tuple[tuple[CallId, str], ...] = ()
    """Each call with the text it came to."""

    @property
    def is_request(self) -> bool:
        return self.envelope is not None and self.envelope.kind == "request"


@dataclass(slots=True)
class _Call:
    call: ToolCall
    is_started: bool = False
    finished: ToolFinished | None = None


@dataclass(slots=True)
class _Turn:
    askers: list[AccountId] = field(default_factory=list)
    asked: list[MessageId] = field(default_factory=list)
    calls: dict[CallId, _Call] = field(default_factory=dict)
    """Calls of one answer of the model, until all of them are finished."""


@dataclass(frozen=True, slots=True)
class _Said:
    who: Who
    text: str


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
        self._said = {
            message.id: _Said(self._who(message.author_id), message.text) for message in older if not message.is_deleted
        }

    def take_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self._take(event)
        for turn_id in self._turns:
            self._close_calls(turn_id)

    def request(self, event_id: str, at: str, askers: Sequence[AccountId], asked: Sequence[MessageId]) -> Unit:
        """Return a line that says what is to be answered, with the words of the last message that asks."""
        said = next((self._said[message_id] for message_id in reversed(asked) if message_id in self._said), None)
        who = said.who if said else self._who(askers[-1]) if askers else Who("server", "", "server")
        text = said.text if said else ""
        envelope = Envelope(
            id=event_id,
            author=who.handle,
            role=who.role,
            at=at,
            name=who.name,
            text=trim_middle(text, self._counter, head=REPEATED_HEAD_TOKENS, tail=REPEATED_TAIL_TOKENS),
            kind="request",
            about=tuple(asked),
        )
        return self.envelope_unit(envelope)

    def envelope_unit(self, envelope: Envelope, message_id: MessageId | None = None) -> Unit:
        content = encode_envelope(envelope, self._secret)
        return Unit((PromptMessage(role="user", content=content),), message_id=message_id, envelope=envelope)

    def _take(self, event: Event) -> None:
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
            case MessagePinned() | MessageUnpinned():
                self._note(event, about=event.message_id)
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
            case TurnRequested() | TurnCollected() | TurnStarted() | TurnEnded():
                self._take_turn(event)
            case ToolCalled() | ToolStarted() | ToolFinished():
                self._take_tool(event)
            case _:
                pass  # reactions, settings of others, what the brief or the summary says already

    def _post(self, event: MessagePosted) -> None:
        body = event.message
        who = self._who(event.actor_id)
        if not event.is_redacted:
            self._said[body.id] = _Said(who, body.text)
        if event.is_redacted:
            self._note(event, about="deleted later")
        elif event.actor_id == self._ai_id:
            if body.turn_id is not None:
                self._close_calls(body.turn_id)
            self.units.append(Unit((PromptMessage(role="assistant", content=body.text),), message_id=body.id))
        else:
            envelope = Envelope(
                id=event.id,
                author=who.handle,
                role=who.role,
                at=rfc3339(event.at),
                name=who.name,
                text=body.text,
                reply_to=body.reply_to,
            )
            self.units.append(self.envelope_unit(envelope, body.id))

    def _take_turn(self, event: TurnRequested | TurnCollected | TurnStarted | TurnEnded) -> None:
        match event:
            case TurnRequested() | TurnCollected():
                if event.ai_id == self._ai_id:
                    turn = self._turns.setdefault(event.turn_id, _Turn())
                    turn.askers.append(event.actor_id)
                    if event.message_id is not None:
                        turn.asked.append(event.message_id)
            case TurnStarted():
                # A takeover goes on where the turn was; only the first start says what is asked.
                if event.actor_id == self._ai_id and event.fence == 1:
                    turn = self._turns.setdefault(event.turn_id, _Turn())
                    if not self._ends_with(turn.asked):
                        unit = self.request(event.id, rfc3339(event.at), turn.askers, turn.asked)
                        self.units.append(replace(unit, turn_id=event.turn_id))
            case TurnEnded():
                if event.ai_id == self._ai_id:
                    self._close_calls(event.turn_id)
                    self._turns.pop(event.turn_id, None)
                    if event.outcome is not TurnOutcome.DONE:
                        self._note(event, about=event.outcome.value, text=event.reason)

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
                calls[event.call_id] = _Call(ToolCall(event.call_id, event.name, event.arguments))
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
        messages = [call_message(tuple(call.call for call in calls.values()))]
        results: list[tuple[CallId, str]] = []
        for call_id, call in calls.items():
            done = call.finished
            text = done.text if done else UNKNOWN_OUTCOME if call.is_started else NEVER_STARTED
            results.append((call_id, text))
            messages.append(
                tool_message(
                    call_id,
                    turn_id=turn_id,
                    text=text,
                    is_ok=done.is_ok if done else False,
                    code=done.code if done else "unknown" if call.is_started else "not_run",
                    exit_status=done.exit_status if done else None,
                    secret=self._secret,
                    counter=self._counter,
                )
            )
        self.units.append(Unit(tuple(messages), turn_id=turn_id, results=tuple(results)))
        calls.clear()

    def _note(
        self, event: Event, *, about: str | None = None, name: str = "", text: str = "", revision: int = 1
    ) -> None:
        note = Note(
            id=event.id,
            event=event.type,
            by=self._who(event.actor_id).handle,
            at=rfc3339(event.at),
            about=about,
            name=name,
            text=text,
        )
        edited = event.message_id if isinstance(event, MessageEdited) else None
        content = encode_note(note, self._secret)
        self.units.append(Unit((PromptMessage(role="user", content=content),), message_id=edited, revision=revision))

    def _who(self, account_id: AccountId) -> Who:
        return self._members.get(account_id) or former(account_id, self._accounts)
