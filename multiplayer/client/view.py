"""What a client knows of one room: a snapshot, kept true by folding in every event and signal that follows."""

from collections.abc import Mapping
from dataclasses import dataclass

from multiplayer.client.running_text import RunningText
from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import Card
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    BanLifted,
    BudgetSet,
    Event,
    FactForgotten,
    FactPinned,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessageDeleted,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    RoleChanged,
    RoomArchived,
    RoomCreated,
    RoomDeleted,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.members import Member, Presence, Role
from multiplayer.protocol.memory import Fact, Proposal, Summary
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import ReadMark, RoomView, Snapshot, ToolCallState, TurnState
from multiplayer.protocol.signals import AiCards, AiDelta, AiText, PresenceChanged, RoomSignal, Typing
from multiplayer.protocol.timeline import fold_message, message_of, summary_of, touched_message
from multiplayer.protocol.tools import ApprovalCard
from multiplayer.protocol.turn_events import ChangeProposed, ProposalDecided, TurnEnded, TurnRequested
from multiplayer.protocol.turn_fold import TurnEvent, turn_after, turn_of

MAX_MESSAGES = 1_000
"""The newest ones are kept; older ones are read with `Room.history`."""


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A tool call that runs only when people approve it. `call` says what it is, `card` who may decide and until when."""

    turn: TurnState
    call: ToolCallState
    card: ApprovalCard


class View:
    """True at `seq`. Changed only by the connection; look, do not change."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.room: RoomView = snapshot.room
        self.seq: int = snapshot.seq
        self.members: dict[AccountId, Member] = {member.account_id: member for member in snapshot.members}
        self.banned: set[AccountId] = set(snapshot.banned)
        self.messages: dict[MessageId, Message] = {message.id: message for message in snapshot.messages}
        """The last messages, oldest first, as they stand now."""
        self.pins: tuple[MessageId, ...] = snapshot.pins
        self.summary: Summary | None = snapshot.summary
        self.facts: tuple[Fact, ...] = snapshot.facts
        self.proposals: tuple[Proposal, ...] = snapshot.proposals
        self.budget: Budget = snapshot.budget
        self.online: set[AccountId] = set(snapshot.online)
        self.typing: set[AccountId] = set()
        self.is_deleted = False
        self.read_before: ReadMark = snapshot.read
        """How far this account had read when the view was made."""
        self._turns: dict[TurnId, TurnState] = {turn.turn_id: turn for turn in snapshot.turns}
        self._texts: dict[TurnId, RunningText] = {
            turn.turn_id: RunningText(turn.text, turn.cards) for turn in snapshot.turns
        }

    @property
    def turns(self) -> Mapping[TurnId, TurnState]:
        """The turns that have not ended, each with its words so far."""
        return {
            turn_id: turn.model_copy(update={"text": self.text_of(turn_id), "cards": self.cards_of(turn_id)})
            for turn_id, turn in self._turns.items()
        }

    @property
    def waiting_approvals(self) -> tuple[WaitingCall, ...]:
        """The calls that wait for people, of turns that are not being stopped. The server has the last word on time."""
        return tuple(
            WaitingCall(turn, call, call.approval)
            for turn in self._turns.values()
            if not turn.is_stop_requested
            for call in turn.calls
            if call.approval is not None and call.approval.is_open
        )

    def text_of(self, turn_id: TurnId) -> str:
        """Return the words so far of a turn that has not ended."""
        running = self._texts.get(turn_id)
        return running.text if running is not None else ""

    def cards_of(self, turn_id: TurnId) -> tuple[Card, ...]:
        """Return the cards so far of a turn that has not ended."""
        running = self._texts.get(turn_id)
        return running.cards if running is not None else ()

    def member_called(self, handle: str) -> Member:
        """Refuses `not_found`."""
        folded = handle.removeprefix("@").casefold()
        for member in self.members.values():
            if member.handle.casefold() == folded:
                return member
        raise Refused(RefusalCode.NOT_FOUND, f"there is no member {folded!r} in this room")

    def skip(self, seq: int) -> None:
        """An event of a kind that this client does not know; what it changes cannot be shown."""
        assert seq == self.seq + 1, f"gap: at {self.seq}, got {seq}"
        self.seq = seq

    def signal(self, signal: RoomSignal) -> None:
        match signal:
            case AiDelta() if signal.turn_id in self._texts:
                self._texts[signal.turn_id].add(signal.offset, signal.text)
            case AiText() if signal.turn_id in self._texts:
                self._texts[signal.turn_id].replace(signal.text, signal.cards)
            case AiCards() if signal.turn_id in self._texts:
                self._texts[signal.turn_id].add_cards(signal.offset, signal.cards)
            case Typing():
                (self.typing.add if signal.is_typing else self.typing.discard)(signal.account_id)
            case PresenceChanged():
                is_online = signal.presence is Presence.ONLINE
                (self.online.add if is_online else self.online.discard)(signal.account_id)
            case _:
                pass

    def apply(self, event: Event) -> None:
        assert event.seq == self.seq + 1, f"gap: at {self.seq}, got {event.seq}"
        self.seq = event.seq
        match event:
            case MessagePosted():
                self.messages[event.message.id] = message_of(event)
                self.typing.discard(event.actor_id)
                if len(self.messages) > MAX_MESSAGES:
                    del self.messages[next(iter(self.messages))]
            case MessagePinned():
                self.pins = (*self.pins, event.message_id)
            case MessageUnpinned():
                self._unpin(event.message_id)
            case SummaryUpdated():
                self.summary = summary_of(event)
            case ChangeProposed():
                self.proposals = (*self.proposals, event.proposal)
            case ProposalDecided():
                self.proposals = tuple(one for one in self.proposals if one.id != event.proposal_id)
            case FactPinned():
                self.facts = (*self.facts, event.fact)
            case FactForgotten():
                self.facts = tuple(fact for fact in self.facts if fact.id != event.fact_id)
            case BudgetSet():
                self.budget = event.budget
            case MemberJoined() | MemberLeft() | MemberRemoved() | BanLifted() | RoleChanged():
                self._apply_to_members(event)
            case RoomCreated() | RoomRenamed() | TopicSet() | RoomSettingsSet() | RoomArchived() | RoomDeleted():
                self._apply_to_room(event)
            case _:
                if isinstance(event, MessageDeleted):
                    self._unpin(event.message_id)
                message_id = touched_message(event)
                if message_id is not None and message_id in self.messages:
                    self.messages[message_id] = fold_message(self.messages[message_id], event)
                if isinstance(event, TurnEvent):
                    self._apply_to_turns(event)

    def _unpin(self, message_id: MessageId) -> None:
        self.pins = tuple(pin for pin in self.pins if pin != message_id)

    def _apply_to_members(self, event: MemberJoined | MemberLeft | MemberRemoved | BanLifted | RoleChanged) -> None:
        match event:
            case MemberJoined():
                self.members[event.member.account_id] = event.member
            case MemberLeft():
                self._forget(event.account_id)
            case MemberRemoved():
                self._forget(event.account_id)
                if event.is_banned:
                    self.banned.add(event.account_id)
            case BanLifted():
                self.banned.discard(event.account_id)
            case RoleChanged():
                member = self.members[event.account_id]
                until = member.until if event.role is Role.GUEST else None
                self.members[event.account_id] = member.model_copy(update={"role": event.role, "until": until})

    def _forget(self, account_id: AccountId) -> None:
        self.members.pop(account_id, None)
        self.online.discard(account_id)
        self.typing.discard(account_id)

    def _apply_to_room(
        self, event: RoomCreated | RoomRenamed | TopicSet | RoomSettingsSet | RoomArchived | RoomDeleted
    ) -> None:
        match event:
            case RoomRenamed():
                self.room = self.room.model_copy(update={"name": event.name})
            case TopicSet():
                self.room = self.room.model_copy(update={"topic": event.topic})
            case RoomSettingsSet():
                self.room = self.room.model_copy(update={"settings": event.settings})
            case RoomArchived():
                self.room = self.room.model_copy(update={"archived_at": event.at if event.is_archived else None})
            case RoomDeleted():
                self.is_deleted = True
            case RoomCreated():
                # A snapshot is never from before the room was there.
                pass

    def _apply_to_turns(self, event: TurnEvent) -> None:
        if isinstance(event, TurnRequested):
            self._turns[event.turn_id] = turn_of(event)
            self._texts[event.turn_id] = RunningText()
        elif isinstance(event, TurnEnded):
            self._turns.pop(event.turn_id, None)
            self._texts.pop(event.turn_id, None)
        elif event.turn_id in self._turns:
            self._turns[event.turn_id] = turn_after(self._turns[event.turn_id], event)
