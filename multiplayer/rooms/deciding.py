"""What every decision starts from: who asks, when, with which new ids; and the refusals that all share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypedDict, TypeVar

from multiplayer.protocol.commands import AnyCommand
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Member, Role
from multiplayer.protocol.messages import Message
from multiplayer.rooms.facts import Facts
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.state import RoomState

C = TypeVar("C", bound=AnyCommand)


@dataclass(frozen=True)
class Stamped(Generic[C]):
    """A command with the time it was taken and a source of new ULIDs."""

    command: C
    at: datetime
    new_id: Callable[[], str]


class EventHead(TypedDict):
    room_id: RoomId
    seq: int
    id: str
    at: datetime
    actor_id: AccountId


class Deciding:
    """One decision in progress: the state it is made against, and the heads of the events it makes."""

    def __init__(
        self, state: RoomState, actor_id: AccountId, stamp: Stamped[AnyCommand], facts: Facts, limits: RoomLimits
    ) -> None:
        self.state = state
        self.actor_id = actor_id
        self.at = stamp.at
        self.new_id = stamp.new_id
        self.facts = facts
        self.limits = limits
        self._seq = state.seq

    def head(self, *, actor_id: AccountId | None = None, event_id: str | None = None) -> EventHead:
        """Return what the next event begins with; each call takes the next seq."""
        self._seq += 1
        return EventHead(
            room_id=self.state.room.id,
            seq=self._seq,
            id=event_id or self.new_id(),
            at=self.at,
            actor_id=actor_id or self.actor_id,
        )

    @property
    def actor(self) -> Member:
        """The member that asks; whoever is not one learns nothing of the room."""
        member = self.state.members.get(self.actor_id)
        if member is None or (member.until is not None and member.until <= self.at):
            raise no_such_room()
        return member

    def check(
        self, right: Right, *, towards: Role | None = None, is_own_request: bool = False, because: str = ""
    ) -> None:
        actor = self.actor
        if not may(right, actor.role, self.state.room.settings, towards=towards, is_own_request=is_own_request):
            raise Refused(
                RefusalCode.FORBIDDEN, because or f"as {actor.role.value} of this room you may not {right.value}"
            )

    def message(self, message_id: MessageId) -> Message:
        """Return a message the actor can see; a deleted one too."""
        message = self.facts.message(message_id)
        if message is None or message.seq < readable_from(self.state, self.actor):
            raise Refused(RefusalCode.NOT_FOUND, "there is no such message in this room")
        return message

    def live_message(self, message_id: MessageId) -> Message:
        message = self.message(message_id)
        if message.is_deleted:
            raise Refused(RefusalCode.CONFLICT, "this message was deleted")
        return message

    def other_member(self, account_id: AccountId) -> Member:
        member = self.state.members.get(account_id)
        if member is None:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such member in this room")
        return member


def no_such_room() -> Refused:
    """A room you are not in is indistinguishable from one that does not exist."""
    return Refused(RefusalCode.NOT_FOUND, "there is no such room")


def readable_from(state: RoomState, member: Member) -> int:
    """Return the first seq that `member` may read."""
    if member.role is Role.GUEST and not state.room.settings.guests_see_history:
        return member.joined_seq
    return 0


def checked_text(text: str, limits: RoomLimits) -> str:
    if not text.strip():
        raise Refused(RefusalCode.MALFORMED, "a message needs some text")
    if len(text) > limits.text:
        raise Refused(RefusalCode.TOO_LONG, f"a message may have at most {limits.text} characters")
    if len(text.encode()) > limits.text_bytes:
        raise Refused(RefusalCode.TOO_LONG, f"a message may have at most {limits.text_bytes} bytes of UTF-8")
    return text


def checked_name(name: str, limit: int) -> str:
    """Return a room's name on one line, without spaces around it."""
    name = name.strip()
    if not name or not name.isprintable():
        raise Refused(RefusalCode.MALFORMED, "a name is one line of visible characters")
    if len(name) > limit:
        raise Refused(RefusalCode.TOO_LONG, f"a name may have at most {limit} characters")
    return name
