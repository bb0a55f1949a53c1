"""A script for one room, as a test reads it: who asks what, and exactly which events follow.

    assert (
        Playbook(room_of(alice="owner", bot="ai"))
        >> ("alice", PostMessage(text="@bot hello"))
        << such(MessagePosted, seq=2, actor_id="alice", text="@bot hello")
        << such(TurnRequested, seq=3, ai_id="bot")
    )

Accounts are called by their handle; ids and times are the same in every run. Each command gets exactly the facts that
`Room.needs` names, so a need forgotten there shows up here.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import AnyCommand, AskAi, PostMessage
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    AttachmentChanged,
    Event,
    MessageDeleted,
    MessagePosted,
    RoomCreated,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId, TurnId
from multiplayer.protocol.inner_commands import StartTurn
from multiplayer.protocol.members import Account, AccountKind, Role
from multiplayer.protocol.memory import Section, SummaryPoint
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.rooms.deciding import Stamped
from multiplayer.rooms.facts import Facts, ThreadFacts, Uploaded
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.member_rules import member_of
from multiplayer.rooms.room import Room
from multiplayer.rooms.state import created

START = datetime(2026, 1, 1, tzinfo=UTC)
ROOM_ID = RoomId("room")


def account(handle: str, kind: AccountKind = AccountKind.HUMAN) -> Account:
    return Account(id=AccountId(handle), kind=kind, handle=handle, display_name=handle.capitalize())


def room_of(
    *, kind: RoomKind = RoomKind.ROOM, settings: RoomSettings | None = None, room_id: str = ROOM_ID, **roles: str
) -> RoomCreated:
    """Return the first event of a room with these members; who has the role "ai" is an AI account."""
    members = (
        member_of(
            account(handle, AccountKind.AI if role == Role.AI else AccountKind.HUMAN),
            Role(role),
            joined_at=START,
            joined_seq=1,
            until=None,
        )
        for handle, role in roles.items()
    )
    return RoomCreated(
        room_id=RoomId(room_id),
        seq=1,
        id="e1",
        at=START,
        actor_id=AccountId(next(iter(roles))),
        kind=kind,
        name="demo",
        settings=settings or RoomSettings(),
        members=tuple(members),
    )


def points(*texts: str, sources: Sequence[str] = ()) -> tuple[SummaryPoint, ...]:
    """Return points of a summary as an AI makes them, with the ids p1, p2 …"""
    from_messages = tuple(MessageId(source) for source in sources)
    return tuple(
        SummaryPoint(id=f"p{number}", section=Section.TOPIC, text=text, sources=from_messages)
        for number, text in enumerate(texts, 1)
    )


@dataclass(frozen=True)
class Such:
    """An expected event, of which only these fields are compared."""

    kind: type[Event]
    fields: dict[str, object]

    def check(self, event: Event) -> None:
        assert isinstance(event, self.kind), f"expected {self.kind.__name__}, got {event!r}"
        for name, value in self.fields.items():
            seen = _field(event, name)
            assert seen == value, f"expected {name}={value!r}, got {seen!r} in {event!r}"


def such(kind: type[Event], /, **fields: object) -> Such:
    """Expect an event of `kind`. A field of its message or member may be named as if it were its own."""
    return Such(kind, fields)


def _field(event: Event, name: str) -> object:
    for holder in (event, getattr(event, "message", None), getattr(event, "member", None)):
        if holder is not None and name in type(holder).model_fields:
            value: object = getattr(holder, name)
            return value
    raise AssertionError(f"{event.type} has no field {name}")


def counted_ids(form: str = "id{}") -> Callable[[], str]:
    """Return a source of ids: id1, id2, id3 …"""
    count = 0

    def new_id() -> str:
        nonlocal count
        count += 1
        return form.format(count)

    return new_id


class Playbook:
    """One room with its whole log, driven command by command; the clock moves a second with each."""

    def __init__(
        self,
        first: RoomCreated,
        *,
        limits: RoomLimits | None = None,
        accounts: Sequence[Account] = (),
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self.room = Room(created(first), limits or RoomLimits())
        self.log: list[Event] = [first]
        self.at = first.at
        self.messages: dict[MessageId, Message] = {}
        self.accounts = {account.id: account for account in accounts}
        for member in first.members:
            self.accounts[member.account_id] = account(member.handle, member.kind)
        self.uploaded: dict[AttachmentId, Uploaded] = {}
        """The uploads to this room, as a database would have them."""
        self._new_id = new_id or counted_ids()
        self._unexpected: list[Event] = []
        self._refusal: Refused | None = None

    def __rshift__(self, asked: tuple[str, AnyCommand]) -> "Playbook":
        """Let someone ask. What followed from the ask before must have been expected by now."""
        self._check_settled()
        actor, command = asked
        self.at += timedelta(seconds=1)
        try:
            self._unexpected = self.decide(actor, command)
        except Refused as refusal:
            self._refusal = refusal
        for event in self._unexpected:
            self.take(event)
        return self

    def __lshift__(self, expected: Such) -> "Playbook":
        """Expect the next event."""
        assert self._refusal is None, f"expected {expected}, but it was refused: {self._refusal!r}"
        assert self._unexpected, f"expected {expected}, but nothing more happened"
        expected.check(self._unexpected.pop(0))
        return self

    def refuses(self, code: RefusalCode, saying: str = "") -> "Playbook":
        """Expect a refusal, and that nothing happened."""
        assert self._refusal is not None, f"expected {code}, but it was accepted: {self._unexpected}"
        refusal, self._refusal = self._refusal, None
        assert refusal.code is code, f"expected {code}, got {refusal.code}: {refusal.message}"
        assert saying in refusal.message, f"expected {saying!r} in {refusal.message!r}"
        return self

    def __bool__(self) -> bool:
        self._check_settled()
        return True

    def given(self, actor: str, command: AnyCommand) -> list[Event]:
        """Set the scene: carry it out, and return what it caused without expecting it one by one."""
        self >> (actor, command)
        if self._refusal is not None:
            raise AssertionError(f"the scene cannot be set: {self._refusal!r}")
        events, self._unexpected = self._unexpected, []
        return events

    def posts(
        self, actor: str, text: str, *, reply_to: str | None = None, files: Sequence[AttachmentId] = ()
    ) -> MessageId:
        """Set the scene: let someone post, and return the message's id."""
        to = MessageId(reply_to) if reply_to else None
        events = self.given(actor, PostMessage(text=text, reply_to=to, attachments=tuple(files)))
        return MessageId(events[0].id)

    def uploads(
        self, who: str, name: str, *, state: AttachmentState = AttachmentState.READY, size: int = 1000
    ) -> AttachmentId:
        """Set the scene: let someone upload a file to this room, so far as `state` says; return its id."""
        attachment = Attachment(id=AttachmentId(self._new_id()), name=name, size=size, state=state)
        self.uploaded[attachment.id] = Uploaded(attachment, AccountId(who))
        return attachment.id

    def becomes(self, attachment_id: AttachmentId, state: AttachmentState, **found: object) -> Attachment:
        """Set the scene: an upload is `state` now, with what was `found` of it. The room is not told of it here."""
        upload = self.uploaded[attachment_id]
        attachment = Attachment.model_validate({**upload.attachment.model_dump(), **found, "state": state})
        self.uploaded[attachment_id] = replace(upload, attachment=attachment)
        return attachment

    def asks(self, actor: str, ai: str) -> TurnId:
        """Set the scene: let someone ask for a turn of its own, and return the turn's id."""
        events = self.given(actor, AskAi(ai_id=AccountId(ai)))
        assert isinstance(events[0], TurnRequested)
        return events[0].turn_id

    def asks_again(self, actor: str, turn_id: TurnId) -> None:
        """Set the scene: let someone join a turn that still waits."""
        ai_id = self.room.state.turns[turn_id].ai_id
        assert isinstance(self.given(actor, AskAi(ai_id=ai_id))[0], TurnCollected)

    def runs(self, actor: str, ai: str) -> TurnId:
        """Set the scene: let someone ask, and the AI start; return the turn's id."""
        turn_id = self.asks(actor, ai)
        self.given(ai, StartTurn(turn_id=turn_id, fence=1, pod="pod"))
        return turn_id

    def later(self, seconds: float) -> "Playbook":
        self.at += timedelta(seconds=seconds)
        return self

    def decide(self, actor: str, command: AnyCommand) -> list[Event]:
        """Decide with the facts that are needed, without taking what comes of it; raise `Refused`."""
        actor_id = AccountId(actor)
        needs = self.room.needs(actor_id, command)
        facts = Facts.of(
            {message_id: self.messages[message_id] for message_id in needs.messages if message_id in self.messages},
            (
                account
                for account in self.accounts.values()
                if account.id in needs.accounts or account.handle.casefold() in needs.handles
            ),
            threads_of(
                (self.messages[one] for one in needs.threads_of if one in self.messages), self.messages.values()
            ),
            uploads={one: self.uploaded[one] for one in needs.attachments if one in self.uploaded},
        )
        return list(self.room.handle(actor_id, Stamped(command, self.at, self._new_id), facts))

    def replayed(self) -> list[Event]:
        """Return the log as another pod or client reads it: decoded from its encoded lines."""
        return [event_adapter.validate_json(encode(event)) for event in self.log]

    def take(self, event: Event) -> None:
        """Let an event become part of the room, its log and its messages."""
        self.room.apply(event)
        self.log.append(event)
        fold_into(self.messages, event)
        self._project_uploads(event)

    def _project_uploads(self, event: Event) -> None:
        """Bind uploads to the message that has them, and remove them with it, as the append of an event does."""
        match event:
            case MessagePosted():
                for one in event.message.attachments:
                    if one.id in self.uploaded:
                        self.uploaded[one.id] = replace(self.uploaded[one.id], message_id=event.message.id)
            case AttachmentChanged() if event.attachment.state is AttachmentState.REMOVED:
                self._remove_upload(event.attachment.id)
            case MessageDeleted():
                for attachment_id, upload in list(self.uploaded.items()):
                    if upload.message_id == event.message_id:
                        self._remove_upload(attachment_id)
            case _:
                pass

    def _remove_upload(self, attachment_id: AttachmentId) -> None:
        upload = self.uploaded.get(attachment_id)
        if upload is not None:
            self.uploaded[attachment_id] = replace(upload, attachment=without_content(upload.attachment))

    def _check_settled(self) -> None:
        assert self._refusal is None, f"not expected to be refused: {self._refusal!r}"
        assert not self._unexpected, f"not expected: {self._unexpected}"


def threads_of(named: Iterable[Message], messages: Collection[Message]) -> dict[MessageId, ThreadFacts]:
    """Return what is to be known of the threads in which `named` stand, as a database would tell it."""
    threads: dict[MessageId, ThreadFacts] = {}
    for root in {message.thread_root or message.id for message in named}:
        said = [message for message in messages if root in (message.id, message.thread_root)]
        ais = frozenset(message.author_id for message in said if message.turn_id is not None)
        threads[root] = ThreadFacts(ais, said[-1].at)
    return threads


def fold_into(messages: dict[MessageId, Message], event: Event) -> None:
    """Bring messages by id up to date with the next event."""
    message_id = touched_message(event)
    if message_id is None:
        return
    if event.type == "message_posted":
        messages[message_id] = message_of(event)
    else:
        messages[message_id] = fold_message(messages[message_id], event)
