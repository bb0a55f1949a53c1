"""Runs a rehearsal of rules over a stretch of a room's log, aside, page by page, with nothing held but the rules' state."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from multiplayer.live.log_pages import PAGE, events_between
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    ReactionAdded,
    RoleChanged,
    RoomCreated,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.members import Account, AccountKind, Member, Role
from multiplayer.protocol.trigger_rules import TriggerRule
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turn_fold import TurnEvent
from multiplayer.rooms.rehearsal import Judged, Rehearsal
from multiplayer.storage.port import Storage, StoredEvent

_MEMBERSHIP: Final = tuple(
    f'"type":"{kind}"'.encode() for kind in ("member_joined", "member_left", "member_removed", "role_changed")
)
_Triggers = tuple[TriggerRule, ...]


async def rehearse(
    storage: Storage,
    host: RoomHost,
    *,
    after: int,
    since: int,
    up_to: int,
    triggers: _Triggers | None,
    tell: Callable[[Judged], None],
    goes_on: Callable[[], bool],
) -> int:
    """Judge the messages with `since` <= seq <= `up_to` by the events after `after`; `tell` is called in a thread.

    Return the seq of the last event that was looked at: `goes_on` is asked after each page.

    With `after` 0 it is exact. Else who was a member then follows from what changed since, the room's settings are
    those of now until they change, and cooldowns, rates and counts of messages begin there.
    """
    first = await _beginning(storage, host, after) if after else None
    walk = _Walk(first, triggers, since=since, tell=tell)
    seq = after
    while seq < up_to and (seq == after or goes_on()):
        page = await storage.events_after(host.room_id, seq, limit=min(PAGE, up_to - seq))
        if not page:
            break
        await asyncio.to_thread(walk.take, page)
        seq = page[-1].seq
    await asyncio.to_thread(walk.end)
    return seq


class _Walk:
    def __init__(
        self, first: RoomCreated | None, triggers: _Triggers | None, *, since: int, tell: Callable[[Judged], None]
    ) -> None:
        self._triggers = triggers
        self._since = since
        self._tell = tell
        self._is_whole = first is None
        self._known: set[TurnId] = set()
        self._rehearsal = Rehearsal(first, triggers) if first is not None else None

    def take(self, page: Sequence[StoredEvent]) -> None:
        for stored in page:
            event = event_adapter.validate_json(stored.line)
            if self._rehearsal is None:
                assert isinstance(event, RoomCreated), "a log begins with its room"
                self._rehearsal = Rehearsal(event, self._triggers)
            else:
                self._hear(self._rehearsal.take(self._fitting(event)))

    def end(self) -> None:
        if self._rehearsal is not None:
            self._hear(self._rehearsal.end())

    def _hear(self, judged: Judged | None) -> None:
        if judged is not None and judged.seq >= self._since:
            self._tell(judged)

    def _fitting(self, event: Event) -> Event:
        """Put something that changes nothing in the place of what belongs to a turn from before the stretch."""
        if self._is_whole or not isinstance(event, TurnEvent):
            return event
        if isinstance(event, TurnRequested):
            self._known.add(event.turn_id)
        elif event.turn_id not in self._known:
            return ReactionAdded(
                room_id=event.room_id,
                seq=event.seq,
                id=event.id,
                at=event.at,
                actor_id=event.actor_id,
                message_id=MessageId(""),
                emoji="",
            )
        return event


async def _beginning(storage: Storage, host: RoomHost, after: int) -> RoomCreated:
    """Return the room as it was at seq `after`, as if it had been made there."""
    state = host.room.state
    changes = await events_between(storage, host.room_id, after, state.seq, marks=_MEMBERSHIP)
    accounts = await storage.accounts(list({_subject(event) for event in changes}))
    return RoomCreated(
        room_id=host.room_id,
        seq=after,
        id=host.room_id,
        at=state.room.created_at,
        actor_id=AccountId(""),
        kind=state.room.kind,
        name=state.room.name,
        settings=state.room.settings,
        members=tuple(_members_before(state.members, changes, accounts).values()),
    )


def _members_before(
    members: Mapping[AccountId, Member], changes: Sequence[Event], accounts: Mapping[AccountId, Account]
) -> Mapping[AccountId, Member]:
    before = dict(members)
    for event in reversed(changes):
        subject = _subject(event)
        match event:
            case MemberJoined():
                before.pop(subject, None)
            case MemberLeft() | MemberRemoved():
                account = accounts.get(subject)
                if account is not None:
                    before[subject] = _member(account, event)
            case RoleChanged() if subject in before:
                before[subject] = before[subject].model_copy(update={"role": event.previous})
            case _:
                pass  # about someone whose account is gone
    return before


def _member(account: Account, left: Event) -> Member:
    # Of who has left, only the role is not known; most are members.
    return Member(
        account_id=account.id,
        kind=account.kind,
        handle=account.handle,
        display_name=account.display_name,
        role=Role.AI if account.kind is AccountKind.AI else Role.MEMBER,
        joined_at=left.at,
        joined_seq=1,
    )


def _subject(event: Event) -> AccountId:
    match event:
        case MemberJoined():
            return event.member.account_id
        case MemberLeft() | MemberRemoved() | RoleChanged():
            return event.account_id
        case _:
            return event.actor_id
