"""What a room remembers, and how each event changes it: the fold of the log, without the messages' texts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.rooms import RoomView, Summary, ToolCallState, TurnState


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
    is_deleted: bool = False

    def copy(self) -> "RoomState":
        return replace(self, members=dict(self.members), turns=dict(self.turns))

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

    def owners(self) -> list[Member]:
        return [member for member in self.members.values() if member.role is Role.OWNER]

    def turns_of(self, ai_id: AccountId) -> list[TurnState]:
        return [turn for turn in self.turns.values() if turn.ai_id == ai_id]

    def authority_of(self, turn: TurnState) -> Role | None:
        """Return the lowest role among those who asked for `turn`, as it is now; None if one is gone."""
        roles = [self.members[asker].role if asker in self.members else None for asker in turn.askers]
        present = [role for role in roles if role is not None]
        if len(present) < len(roles):
            return None
        return min(present, key=lambda role: role.rank, default=Role.GUEST)

    def apply(self, event: Event) -> None:
        """Take `event`, which must be the next one."""
        assert event.seq == self.seq + 1, f"gap in {self.room.id}: at {self.seq}, got {event.seq}"
        self.seq = event.seq
        if isinstance(event, MessagePosted):
            # By far the most frequent, and messages are facts, not part of the room's own state.
            return
        match event:
            case RoomRenamed():
                self.room = self.room.model_copy(update={"name": event.name})
            case TopicSet():
                self.room = self.room.model_copy(update={"topic": event.topic})
            case RoomSettingsSet():
                self.room = self.room.model_copy(update={"settings": event.settings})
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
                self.summary = Summary(
                    version=event.version, text=event.text, up_to_seq=event.up_to_seq, method=event.method
                )
            case TurnRequested() | TurnCollected() | TurnStarted() | TurnStopRequested() | TurnEnded():
                self._apply_turn(event)
            case ToolCalled() | ToolStarted() | ToolFinished():
                self._apply_tool(event)
            case RoomCreated():
                raise AssertionError("a room is created once, by its first event")
            case MessageEdited() | ReactionAdded() | ReactionRemoved():
                pass  # facts, too

    def _apply_turn(self, event: TurnRequested | TurnCollected | TurnStarted | TurnStopRequested | TurnEnded) -> None:
        match event:
            case TurnRequested():
                self.turns[event.turn_id] = TurnState(
                    turn_id=event.turn_id,
                    ai_id=event.ai_id,
                    askers=(event.actor_id,),
                    messages=(event.message_id,) if event.message_id else (),
                    requested_at=event.at,
                    requested_seq=event.seq,
                )
            case TurnCollected():
                turn = self.turns[event.turn_id]
                askers = turn.askers if event.actor_id in turn.askers else (*turn.askers, event.actor_id)
                messages = (*turn.messages, event.message_id) if event.message_id else turn.messages
                self.turns[event.turn_id] = turn.model_copy(update={"askers": askers, "messages": messages})
            case TurnStarted():
                turn = self.turns[event.turn_id]
                self.turns[event.turn_id] = turn.model_copy(update={"fence": event.fence})
            case TurnStopRequested():
                turn = self.turns[event.turn_id]
                self.turns[event.turn_id] = turn.model_copy(update={"is_stop_requested": True})
            case TurnEnded():
                del self.turns[event.turn_id]

    def _apply_tool(self, event: ToolCalled | ToolStarted | ToolFinished) -> None:
        turn = self.turns[event.turn_id]
        changed: dict[str, object]
        match event:
            case ToolCalled():
                call = ToolCallState(call_id=event.call_id, name=event.name, arguments=event.arguments)
                changed = {"calls": (*turn.calls, call), "steps": turn.steps + 1}
            case ToolStarted():
                changed = {
                    "calls": tuple(
                        call.model_copy(update={"is_started": True}) if call.call_id == event.call_id else call
                        for call in turn.calls
                    )
                }
            case _:
                changed = {"calls": tuple(call for call in turn.calls if call.call_id != event.call_id)}
        self.turns[event.turn_id] = turn.model_copy(update=changed)


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
    return RoomState(room=room, seq=event.seq, members={member.account_id: member for member in event.members})


def folded(events: Iterable[Event]) -> RoomState:
    """Return the room that a whole log, from seq 1 on, amounts to."""
    log = iter(events)
    first = next(log)
    assert isinstance(first, RoomCreated)
    state = created(first)
    for event in log:
        state.apply(event)
    return state
