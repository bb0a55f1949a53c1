"""What a room remembers, and how each event changes it: the fold of the log, without the messages' texts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
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
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.memory import Summary
from multiplayer.protocol.rooms import ReadMark, RoomKind, RoomListing, RoomView, TurnState
from multiplayer.protocol.timeline import summary_of
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
from multiplayer.protocol.turn_fold import turn_after, turn_of
from multiplayer.rooms.notes import RoomNotes


@dataclass
class RoomState:
    """One room at `seq`. Changed by `apply` only; `copy` is cheap, the values in it are frozen."""

    room: RoomView
    seq: int
    members: dict[AccountId, Member] = field(default_factory=dict)
    banned: frozenset[AccountId] = frozenset()
    pins: tuple[MessageId, ...] = ()
    turns: dict[TurnId, TurnState] = field(default_factory=dict)
    """Turns that have not ended, oldest first."""
    summary: Summary | None = None
    notes: RoomNotes = field(default_factory=RoomNotes)
    said_since: dict[str, int] = field(default_factory=dict)
    """For each rule that fires after so many messages: what people have said since `notes.marks`."""
    is_deleted: bool = False

    def copy(self) -> "RoomState":
        return replace(self, members=dict(self.members), turns=dict(self.turns), said_since=dict(self.said_since))

    @property
    def handles(self) -> dict[str, AccountId]:
        return {member.handle.casefold(): member.account_id for member in self.members.values()}

    @property
    def default_ai(self) -> AccountId | None:
        """Whom `@ai` means: the one chosen in the settings, else the AI that joined first."""
        chosen = self.room.settings.default_ai
        if chosen is not None and chosen in self.members:
            return chosen
        ais = (member for member in self.members.values() if member.kind is AccountKind.AI)
        first = min(ais, key=lambda member: member.joined_seq, default=None)
        return first.account_id if first else None

    def listing(self, account_id: AccountId, read: ReadMark) -> RoomListing:
        """Return the row of the room in the list of `account_id`, which must be a member."""
        is_direct = self.room.kind is RoomKind.DIRECT
        others = [member for key, member in self.members.items() if key != account_id]
        return RoomListing(
            room=self.room,
            seq=self.seq,
            role=self.members[account_id].role,
            read=read,
            has_ai=is_direct and any(member.kind is AccountKind.AI for member in self.members.values()),
            facing=others[0].account_id if is_direct and len(others) == 1 else None,
            is_ai_working=self.is_ai_working,
            needs_approval=self.needs_approval,
        )

    @property
    def is_ai_working(self) -> bool:
        return any(turn.is_running for turn in self.turns.values())

    @property
    def needs_approval(self) -> bool:
        return any(turn.needs_approval for turn in self.turns.values())

    def owners(self) -> list[Member]:
        return [member for member in self.members.values() if member.role is Role.OWNER]

    def turns_of(self, ai_id: AccountId) -> list[TurnState]:
        return [turn for turn in self.turns.values() if turn.ai_id == ai_id]

    def authority_of(self, turn: TurnState) -> Role | None:
        """Return the lowest role among those who asked for `turn`, as it is now; None if one is gone.

        What the clock or a webhook asks has a guest's authority at most: nobody is there who means it.
        """
        roles = [self.members[asker].role if asker in self.members else None for asker in turn.askers]
        present = [role for role in roles if role is not None]
        if len(present) < len(roles):
            return None
        if turn.is_unattended:
            return Role.GUEST
        return min(present, key=lambda role: role.rank, default=Role.GUEST)

    def apply(self, event: Event) -> None:  # noqa: PLR0915 - one line or two for each kind of event
        """Take `event`, which must be the next one."""
        assert event.seq == self.seq + 1, f"gap in {self.room.id}: at {self.seq}, got {event.seq}"
        self.seq = event.seq
        if isinstance(event, MessagePosted):
            # By far the most frequent, and messages are facts, not part of the room's own state.
            if self.said_since and event.message.turn_id is None:
                self.said_since = {rule_id: said + 1 for rule_id, said in self.said_since.items()}
            return
        match event:
            case RoomRenamed():
                self.room = self.room.model_copy(update={"name": event.name})
            case TopicSet():
                self.room = self.room.model_copy(update={"topic": event.topic})
            case RoomSettingsSet():
                self.room = self.room.model_copy(update={"settings": event.settings})
                self.note(event)
            case RoomArchived():
                archived_at = event.at if event.is_archived else None
                self.room = self.room.model_copy(update={"archived_at": archived_at})
            case RoomDeleted():
                self.is_deleted = True
            case MemberJoined():
                self.members[event.member.account_id] = event.member
            case MemberLeft():
                del self.members[event.account_id]
            case MemberRemoved():
                self.members.pop(event.account_id, None)
                if event.is_banned:
                    self.banned |= {event.account_id}
            case BanLifted():
                self.banned -= {event.account_id}
            case RoleChanged():
                member = self.members[event.account_id]
                until = member.until if event.role is Role.GUEST else None
                self.members[event.account_id] = member.model_copy(update={"role": event.role, "until": until})
            case MessagePinned():
                self.pins = (*self.pins, event.message_id)
            case MessageUnpinned():
                self.pins = tuple(pin for pin in self.pins if pin != event.message_id)
            case MessageDeleted():
                self.pins = tuple(pin for pin in self.pins if pin != event.message_id)
            case SummaryUpdated():
                self.summary = summary_of(event)
            case FactPinned() | FactForgotten() | BudgetSet() | ChangeProposed() | ProposalDecided():
                self.note(event)
            case FilesChanged() | UndoRequested() | TurnUndone():
                self.note(event)
            case TurnRequested():
                self.turns[event.turn_id] = turn_of(event)
                self.note(event)
            case TurnCollected() | TurnSteered():
                self.turns[event.turn_id] = turn_after(self.turns[event.turn_id], event)
                self.note(event)
            case TurnStarted() | TurnStopRequested() | SteeringTaken() | ModelChanged():
                self.turns[event.turn_id] = turn_after(self.turns[event.turn_id], event)
            case ToolCalled() | ToolStarted() | ToolFinished():
                self.turns[event.turn_id] = turn_after(self.turns[event.turn_id], event)
            case ApprovalRequested() | ApprovalDecided() | ApprovalExpired():
                self.turns[event.turn_id] = turn_after(self.turns[event.turn_id], event)
            case TurnEnded():
                del self.turns[event.turn_id]
            case RoomCreated():
                raise AssertionError("a room is created once, by its first event")
            case MessageEdited() | ReactionAdded() | ReactionRemoved():
                pass  # facts, too
            case AnswerRegenerated() | AnswerChosen() | FormAnswered():
                pass  # the same

    def note(self, event: Event) -> None:
        """Take what `event` means for the rules, and nothing else of it."""
        before = self.notes.marks
        self.notes = self.notes.after(event)
        if self.notes.marks != before:
            self.said_since = {
                rule_id: self.said_since.get(rule_id, 0) if before.get(rule_id) == mark else 0
                for rule_id, mark in self.notes.marks.items()
            }


def created(event: RoomCreated) -> RoomState:
    """Return the room right after its first event."""
    room = RoomView(
        id=event.room_id,
        kind=event.kind,
        name=event.name,
        topic=event.topic,
        settings=event.settings,
        created_at=event.at,
    )
    notes = RoomNotes().after(event)
    return RoomState(
        room=room,
        seq=event.seq,
        members={member.account_id: member for member in event.members},
        notes=notes,
        said_since=dict.fromkeys(notes.marks, 0),
    )


def folded(events: Iterable[Event]) -> RoomState:
    """Return the room that a whole log, from seq 1 on, amounts to."""
    log = iter(events)
    first = next(log)
    assert isinstance(first, RoomCreated)
    state = created(first)
    for event in log:
        state.apply(event)
    return state
