"""The room as a prompt's beginning pictures it: who was there and what it was called when the last summary ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue, TypeAdapter

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import (
    Event,
    FactForgotten,
    FactPinned,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessageDeleted,
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
from multiplayer.protocol.memory import Fact
from multiplayer.rooms.state import RoomState, created

FORMER = "former member"
MOST_MEMBERS = 100
"""How many the model is told by name, those with the higher roles first."""
MOST_PINS = 20
"""How many pinned messages it is told, the newest."""


@dataclass(frozen=True, slots=True)
class Who:
    """Someone as the prompt names them."""

    handle: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pinned message from before the prompt's first line, as it stood then."""

    author: str
    text: str
    taint: tuple[Taint, ...] = ()


@dataclass(frozen=True, slots=True)
class RoomBrief:
    """None: not known, because it was changed since and nobody gave the old value. `facts` are ids."""

    name: str | None
    topic: str | None
    persona: str | None
    members: Mapping[AccountId, Who]
    pins: tuple[MessageId, ...]
    facts: tuple[str, ...] = ()
    at: datetime | None = field(default=None, compare=False)
    """When it was so."""

    def told(self, facts: Mapping[str, Fact], pinned: Mapping[MessageId, Pinned]) -> dict[str, JsonValue]:
        """Return what the model is told of it, always in the same order.

        `facts` gives those that still are; `pinned` the pinned messages that are to be shown.
        """
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
            told["pinned"] = [_pin(message_id, pinned.get(message_id)) for message_id in self.pins[-MOST_PINS:]]
        known: list[JsonValue] = [_fact(facts[fact_id]) for fact_id in self.facts if fact_id in facts]
        if known:
            told["facts"] = known
        return told

    def dump(self) -> str:
        """Return it as a text that `load` reads back; equal briefs give equal texts."""
        return _ADAPTER.dump_json(self).decode()


_ADAPTER = TypeAdapter(RoomBrief)


def load_brief(text: str) -> RoomBrief:
    return _ADAPTER.validate_json(text)


def who_is(member: Member) -> Who:
    return Who(member.handle, member.display_name, member.role.value)


def brief_of(state: RoomState) -> RoomBrief:
    """Return the room as `state` has it."""
    return RoomBrief(
        name=state.room.name,
        topic=state.room.topic,
        persona=state.room.settings.persona,
        members={member.account_id: who_is(member) for member in state.members.values()},
        pins=state.pins,
        facts=tuple(fact.id for fact in state.notes.facts),
    )


def brief_after(brief: RoomBrief, events: Iterable[Event], accounts: Mapping[AccountId, Account]) -> RoomBrief:
    """Return the room as it is after `events`, which follow `brief` without a gap."""
    for event in events:
        brief = _after(brief, event, accounts)
    return brief


def brief_before(state: RoomState, events: Sequence[Event], accounts: Mapping[AccountId, Account]) -> RoomBrief:
    """Return the room as it was before `events`, which led to `state`.

    Exact when the events begin with the room itself. Else a name, topic or persona that was changed since is left
    out, and who has left since counts as a former member.
    """
    if events and isinstance(events[0], RoomCreated):
        return replace(brief_of(created(events[0])), at=events[0].at)
    brief = brief_of(state)
    members = dict(brief.members)
    pins = list(brief.pins)
    facts = set(brief.facts)
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
                pins = [pin for pin in pins if pin != event.message_id]
            case MessageUnpinned():
                pins.append(event.message_id)
            case FactPinned():
                facts.discard(event.fact.id)
            case _:
                pass  # says nothing about the room itself
    kept = tuple(fact_id for fact_id in brief.facts if fact_id in facts)
    at = events[0].at if events else None
    return replace(brief, members=members, pins=tuple(pins), facts=kept, at=at)


def _after(brief: RoomBrief, event: Event, accounts: Mapping[AccountId, Account]) -> RoomBrief:
    brief = replace(brief, at=event.at)
    match event:
        case RoomRenamed():
            return replace(brief, name=event.name)
        case TopicSet():
            return replace(brief, topic=event.topic)
        case RoomSettingsSet():
            return replace(brief, persona=event.settings.persona)
        case MemberJoined():
            return replace(brief, members={**brief.members, event.member.account_id: who_is(event.member)})
        case MemberLeft() | MemberRemoved():
            left = {account_id: who for account_id, who in brief.members.items() if account_id != event.account_id}
            return replace(brief, members=left)
        case RoleChanged():
            known = brief.members.get(event.account_id) or former(event.account_id, accounts)
            return replace(brief, members={**brief.members, event.account_id: replace(known, role=event.role.value)})
        case MessagePinned():
            return replace(brief, pins=(*brief.pins, event.message_id))
        case MessageUnpinned() | MessageDeleted():
            return replace(brief, pins=tuple(pin for pin in brief.pins if pin != event.message_id))
        case FactPinned():
            return replace(brief, facts=(*brief.facts, event.fact.id))
        case FactForgotten():
            return replace(brief, facts=tuple(fact_id for fact_id in brief.facts if fact_id != event.fact_id))
        case _:
            return brief


def former(account_id: AccountId, accounts: Mapping[AccountId, Account]) -> Who:
    """Return someone who is no member now, by the account if it is known."""
    account = accounts.get(account_id)
    return Who(account.handle, account.display_name, FORMER) if account else Who("unknown", "", FORMER)


def _pin(message_id: MessageId, pinned: Pinned | None) -> JsonValue:
    if pinned is None:
        return message_id
    return {"id": message_id, "author": pinned.author, **_from(pinned.taint), "text": pinned.text}


def _fact(fact: Fact) -> JsonValue:
    return {**_from(fact.taint), "text": fact.text} if fact.taint else fact.text


def _from(taint: Sequence[Taint]) -> dict[str, JsonValue]:
    return {"from": [one.value for one in taint]} if taint else {}
