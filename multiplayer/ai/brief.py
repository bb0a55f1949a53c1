"""The room as a summary's reader must picture it: who was there and what it was called when the summary ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from multiplayer.protocol.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessagePinned,
    MessageUnpinned,
    RoleChanged,
    RoomCreated,
    RoomRenamed,
    RoomSettingsSet,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.members import Account, Member
from multiplayer.rooms.state import RoomState, created

FORMER = "former member"
MOST_MEMBERS = 100
"""How many the model is told by name, those with the higher roles first."""


@dataclass(frozen=True, slots=True)
class Who:
    """Someone as the prompt names them."""

    handle: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class RoomBrief:
    """None: not known, because it was changed since and nobody gave the old value."""

    name: str | None
    topic: str | None
    persona: str | None
    members: Mapping[AccountId, Who]
    pins: frozenset[MessageId]

    def told(self) -> dict[str, JsonValue]:
        """Return what the model is told of it, always in the same order."""
        told: dict[str, JsonValue] = {
            key: value
            for key, value in (("room", self.name), ("topic", self.topic), ("persona", self.persona))
            if value
        }
        ranks = {"owner": 0, "admin": 1, "ai": 2, "member": 3, "guest": 4}
        members = sorted(self.members.items(), key=lambda item: (ranks.get(item[1].role, 5), item[0]))
        told["members"] = [
            {"handle": who.handle, "name": who.name, "role": who.role} for _, who in members[:MOST_MEMBERS]
        ]
        if len(members) > MOST_MEMBERS:
            told["further_members"] = len(members) - MOST_MEMBERS
        if self.pins:
            told["pinned"] = [*sorted(self.pins)]
        return told


def who_is(member: Member) -> Who:
    return Who(member.handle, member.display_name, member.role.value)


def brief_of(state: RoomState) -> RoomBrief:
    """Return the room as `state` has it."""
    return RoomBrief(
        name=state.room.name,
        topic=state.room.topic,
        persona=state.room.settings.persona,
        members={member.account_id: who_is(member) for member in state.members.values()},
        pins=frozenset(state.pins),
    )


def brief_before(state: RoomState, events: Sequence[Event], accounts: Mapping[AccountId, Account]) -> RoomBrief:
    """Return the room as it was before `events`, which led to `state`.

    Exact when the events begin with the room itself. Else a name, topic or persona that was changed since is left
    out, and who has left since counts as a former member.
    """
    if events and isinstance(events[0], RoomCreated):
        return brief_of(created(events[0]))
    brief = brief_of(state)
    members = dict(brief.members)
    pins = set(brief.pins)
    for event in reversed(events):
        match event:
            case RoomRenamed():
                brief = replace(brief, name=None)
            case TopicSet():
                brief = replace(brief, topic=None)
            case RoomSettingsSet():
                brief = replace(brief, persona=None)
            case MemberJoined():
                members.pop(event.member.account_id, None)
            case MemberLeft() | MemberRemoved():
                members[event.account_id] = former(event.account_id, accounts)
            case RoleChanged():
                known = members.get(event.account_id) or former(event.account_id, accounts)
                members[event.account_id] = replace(known, role=event.previous.value)
            case MessagePinned():
                pins.discard(event.message_id)
            case MessageUnpinned():
                pins.add(event.message_id)
            case _:
                pass  # says nothing about the room itself
    return replace(brief, members=members, pins=frozenset(pins))


def former(account_id: AccountId, accounts: Mapping[AccountId, Account]) -> Who:
    """Return someone who is no member now, by the account if it is known."""
    account = accounts.get(account_id)
    return Who(account.handle, account.display_name, FORMER) if account else Who("unknown", "", FORMER)
