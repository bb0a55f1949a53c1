"""Rooms for the storage contract: a script makes events that follow from each other, and knows what they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from ulid import ULID

from multiplayer.protocol.codec import encode
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
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.messages import MentionGroup, Message, MessageBody
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.rooms.state import folded
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Append, NewEvent
from multiplayer.storage.redaction import redacted

NOW = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)
ALICE, BOB, AI = AccountId("01ALICE"), AccountId("01BOB"), AccountId("01AI")


def ulid() -> str:
    return str(ULID())


def new_event(event: Event, key: str | None = None) -> NewEvent:
    line = encode(event)
    return NewEvent(event, line, key, None if key is None else sha256(key.encode()).digest())


def audit(action: str, actor_id: AccountId | None = ALICE) -> AuditEntry:
    return AuditEntry(at=NOW, actor_id=actor_id, origin="http", action=action, subject="x", before="a", after="b")


def member(account_id: AccountId, seq: int, role: Role = Role.MEMBER, until: datetime | None = None) -> Member:
    return Member(
        account_id=account_id,
        kind=AccountKind.AI if role is Role.AI else AccountKind.HUMAN,
        handle=account_id.lower(),
        display_name=account_id,
        role=role,
        joined_at=NOW,
        joined_seq=seq,
        until=until,
    )


class RoomScript:
    """One room's log, written event by event and taken in appends."""

    def __init__(self, *, name: str = "room", kind: RoomKind = RoomKind.ROOM) -> None:
        self.room_id = RoomId(ulid())
        self.events: list[Event] = []
        members = (member(ALICE, 1, Role.OWNER), member(BOB, 1), member(AI, 1, Role.AI))
        self.add(RoomCreated, ALICE, kind=kind, name=name, members=members)

    @property
    def seq(self) -> int:
        return len(self.events)

    def add(self, made: type[Any], actor_id: AccountId = ALICE, /, **fields: object) -> Any:
        at = NOW + timedelta(milliseconds=self.seq)
        frame = {"room_id": self.room_id, "seq": self.seq + 1, "id": ulid(), "at": at, "actor_id": actor_id}
        event = made(**frame, **fields)
        self.events.append(event)
        return event

    def post(self, text: str, actor_id: AccountId = ALICE, **fields: Any) -> MessageId:
        message_id = MessageId(ulid())
        turn_id = fields.pop("turn_id", None)
        body = MessageBody(id=message_id, text=text, turn_id=turn_id)
        self.add(MessagePosted, actor_id, message=body, **fields)
        return message_id

    def edit(self, message_id: MessageId, text: str, revision: int = 2, actor_id: AccountId = ALICE) -> None:
        self.add(MessageEdited, actor_id, message_id=message_id, text=text, revision=revision, mentions=(BOB,))

    def append(
        self, since: int, *, until: int | None = None, key: str | None = None, audits: Sequence[AuditEntry] = ()
    ) -> Append:
        """Take the events after seq `since` as one append; the first carries `key`."""
        events = self.events[since:until]
        new = (new_event(events[0], key), *(new_event(event) for event in events[1:]))
        return Append(self.room_id, since, new, tuple(audits))

    def messages(self) -> list[Message]:
        """Return what the protocol's own fold makes of the log."""
        found: dict[MessageId, Message] = {}
        for event in self.events:
            message_id = touched_message(event)
            if isinstance(event, MessagePosted):
                found[event.message.id] = message_of(event)
            elif message_id is not None:
                found[message_id] = fold_message(found[message_id], event)
        return list(found.values())

    def lines(self) -> list[bytes]:
        """Return the log as everyone may read it now: deleted texts taken out."""
        deleted = {event.message_id for event in self.events if isinstance(event, MessageDeleted)}
        lines = []
        for event in self.events:
            bears_text = isinstance(event, MessagePosted | MessageEdited) and touched_message(event) in deleted
            lines.append(redacted(encode(event)) if bears_text else encode(event))
        return lines


def post_at(room_id: RoomId, expected: int, text: str, key: str | None = None) -> Append:
    """Return an append of one message by alice, right after seq `expected`."""
    body = MessageBody(id=MessageId(ulid()), text=text)
    event = MessagePosted(room_id=room_id, seq=expected + 1, id=body.id, at=NOW, actor_id=ALICE, message=body)
    return Append(room_id, expected, (new_event(event, key),))


@dataclass(frozen=True)
class Step:
    what: int
    which: int
    text: str


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
steps = st.lists(st.builds(Step, what=st.integers(0, 23), which=st.integers(0, 5), text=texts), min_size=1, max_size=40)


def play(script: RoomScript, step: Step) -> None:
    """Add the step's event if it is possible now."""
    state = folded(script.events)
    messages = [message for message in script.messages() if not message.is_deleted]
    message = messages[-1 - step.which % len(messages)] if messages else None
    turns = list(state.turns.values())
    turn = turns[step.which % len(turns)] if turns else None
    guest = AccountId(f"01GUEST{step.which}")
    emoji = "👍🎉"[step.which % 2]
    match step.what:
        case 0 | 1:
            script.post(step.text, (ALICE, BOB)[step.which % 2], mentions=(BOB,), mention_groups=(MentionGroup.ALL,))
        case 2 if message:
            script.edit(message.id, step.text, message.revision + 1, message.author_id)
        case 3 if message:
            script.add(MessageDeleted, BOB, message_id=message.id)
        case 4 if message and not any(r.emoji == emoji and BOB in r.account_ids for r in message.reactions):
            script.add(ReactionAdded, BOB, message_id=message.id, emoji=emoji)
        case 5 if message and message.reactions:
            first = message.reactions[0]
            script.add(ReactionRemoved, first.account_ids[0], message_id=message.id, emoji=first.emoji)
        case 6 if message and message.id not in state.pins:
            script.add(MessagePinned, message_id=message.id)
        case 7 if state.pins:
            script.add(MessageUnpinned, message_id=state.pins[step.which % len(state.pins)])
        case 8 | 9 if guest not in state.members:
            until = NOW + timedelta(hours=1) if step.which % 2 else None
            script.add(MemberJoined, guest, member=member(guest, script.seq + 1, Role.GUEST, until))
        case 10 if guest in state.members:
            script.add(MemberLeft, guest, account_id=guest)
        case 11 if guest in state.members:
            script.add(MemberRemoved, account_id=guest, is_banned=step.which % 2 == 0)
        case 12 if state.banned:
            script.add(BanLifted, account_id=min(state.banned))
        case 13 if guest in state.members:
            role = (Role.GUEST, Role.MEMBER, Role.ADMIN)[len(step.text) % 3]
            script.add(RoleChanged, account_id=guest, role=role, previous=state.members[guest].role)
        case 14:
            script.add(RoomRenamed, name=step.text)
        case 15:
            script.add(TopicSet, topic=step.text)
        case 16:
            script.add(RoomSettingsSet, settings=RoomSettings(guests_post=step.which % 2 == 0, persona=step.text))
        case 17:
            script.add(RoomArchived, is_archived=step.which % 2 == 0)
        case 18:
            script.add(TurnRequested, BOB, turn_id=TurnId(ulid()), ai_id=AI, reason=TurnReason.ASKED)
        case 19 if turn:
            script.add(
                TurnCollected, ALICE, turn_id=turn.turn_id, ai_id=AI, message_id=ulid(), reason=TurnReason.MENTION
            )
        case 20 if turn:
            script.add(TurnStarted, AI, turn_id=turn.turn_id, fence=turn.fence + 1, pod="pod-1")
        case 21 if turn:
            if turn.calls and step.which % 2:
                call_id = turn.calls[0].call_id
                made = ToolStarted if not turn.calls[0].is_started else ToolFinished
                more = {} if made is ToolStarted else {"is_ok": True, "text": step.text}
                script.add(made, AI, turn_id=turn.turn_id, call_id=call_id, **more)
            else:
                call_id = CallId(ulid())
                script.add(ToolCalled, AI, turn_id=turn.turn_id, call_id=call_id, name="run", arguments=step.text)
        case 22 if turn:
            script.add(TurnStopRequested, turn_id=turn.turn_id)
        case 23:
            if turn:
                usage = TokenUsage(model="m", tokens_in=3, tokens_cached=2, tokens_out=1, cost_micros=step.which)
                script.add(TurnEnded, AI, turn_id=turn.turn_id, ai_id=AI, outcome=TurnOutcome.DONE, usage=usage)
            else:
                script.add(
                    SummaryUpdated, AI, version=step.which, text=step.text, up_to_seq=script.seq, method="extractive"
                )
        case _:
            pass


def read_back(line: bytes) -> Event:
    return event_adapter.validate_json(line)
