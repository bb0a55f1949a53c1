"""Rooms in memory, by the same folds: for tests that need no database."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.events import Event, MessageDeleted, RoomCreated, RoomDeleted
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.rooms import ReadMark, RoomListing
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.rooms.state import RoomState, created
from multiplayer.storage.account_port import StoredAccount
from multiplayer.storage.append_rows import check
from multiplayer.storage.audit_chain import ChainHead, ChainLink, linked
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory_attachments import MemoryAttachments
from multiplayer.storage.memory_timeline import Timeline, revision_of
from multiplayer.storage.memory_tools import forget_tools
from multiplayer.storage.memory_turns import MemoryTurns
from multiplayer.storage.message_rows import found_by
from multiplayer.storage.port import (
    ANY_MESSAGE,
    MAX_UNREAD,
    Append,
    Appended,
    KeyUse,
    ReadableRoom,
    SearchFilter,
    SearchHit,
    StoredEvent,
)
from multiplayer.storage.search_words import plan_search
from multiplayer.storage.unfit import Unfit

_EVERYONE = frozenset({"all", "here"})
_NO_FILE = {AttachmentState.FAILED, AttachmentState.REMOVED}
_LINK = re.compile(r"https?://\S", re.IGNORECASE)


@dataclass
class MemoryRoom:
    state: RoomState
    direct_key: str | None
    keys: dict[tuple[AccountId, str], KeyUse] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    audit: list[ChainLink] = field(default_factory=list)
    audit_head: ChainHead = field(default_factory=ChainHead)

    @property
    def seq(self) -> int:
        return self.state.seq

    def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        links, self.audit_head = linked(self.state.room.id, self.audit_head, entries)
        self.audit += links


class MemoryRooms(MemoryTurns, MemoryAttachments):
    """`port.RoomLog` in memory."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        MemoryTurns.__init__(self, now_s)
        MemoryAttachments.__init__(self, self._has_full_member)
        self._rooms: dict[RoomId, MemoryRoom] = {}
        self._marks: dict[tuple[RoomId, AccountId], int] = {}
        self._author: Callable[[AccountId], StoredAccount | None] = lambda _account_id: None

    async def epoch(self) -> str:
        return "memory-1"

    async def create_room(self, append: Append, *, direct_key: str | None) -> RoomId:
        check(append)
        if append.room_id in self._rooms:
            return append.room_id
        if direct_key is not None:
            for room_id, room in self._live():
                if room.direct_key == direct_key:
                    return room_id
        first = append.events[0].event
        assert isinstance(first, RoomCreated), "a room begins with its creation"
        room = MemoryRoom(created(first), direct_key)
        self._write(room, append)
        self._rooms[append.room_id] = room
        return append.room_id

    async def append(self, append: Append) -> Appended:
        check(append)
        room = self._room(append.room_id)
        if room is None or room.seq != append.expected:
            return Appended.CONFLICT
        used = [(new.event.actor_id, new.key) for new in append.events if new.key is not None]
        if len(set(used)) < len(used) or any(use in room.keys for use in used):
            return Appended.KEY_TAKEN
        self._write(room, append)
        return Appended.COMMITTED

    async def load(self, room_id: RoomId) -> RoomState | None:
        room = self._room(room_id)
        return None if room is None else room.state.copy()

    async def seqs(self, room_ids: Sequence[RoomId]) -> Mapping[RoomId, int]:
        return {room_id: room.seq for room_id in room_ids if (room := self._room(room_id)) is not None}

    async def deleted_rooms(self, room_ids: Collection[RoomId]) -> frozenset[RoomId]:
        found = {room_id: self._rooms.get(room_id) for room_id in room_ids}
        return frozenset(room_id for room_id, room in found.items() if room is not None and room.state.is_deleted)

    async def events_after(self, room_id: RoomId, seq: int, *, limit: int) -> Sequence[StoredEvent]:
        room = self._rooms.get(room_id)
        return [] if room is None else room.timeline.log[max(seq, 0) :][:limit]

    async def find_keys(
        self, room_id: RoomId, keys: Sequence[tuple[AccountId, str]]
    ) -> Mapping[tuple[AccountId, str], KeyUse]:
        room = self._rooms.get(room_id)
        return {} if room is None else {key: room.keys[key] for key in keys if key in room.keys}

    async def messages(self, room_id: RoomId, ids: Sequence[MessageId]) -> Mapping[MessageId, Message]:
        room = self._rooms.get(room_id)
        there = {} if room is None else room.timeline.messages
        return {message_id: there[message_id] for message_id in ids if message_id in there}

    async def recent_messages(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[Message]:
        room = self._rooms.get(room_id)
        found = [
            message
            for message in ([] if room is None else room.timeline.messages.values())
            if message.seq >= from_seq and (before_seq is None or message.seq < before_seq)
        ]
        return found[max(0, len(found) - limit) :]

    async def revisions(self, room_id: RoomId, message_id: MessageId) -> Sequence[Revision]:
        room = self._rooms.get(room_id)
        message = None if room is None else room.timeline.messages.get(message_id)
        if room is None or message is None or message.is_deleted:
            return []
        kept = room.timeline.revisions.get(message_id)
        return kept or [revision_of(message)]

    async def search(
        self,
        rooms: Sequence[ReadableRoom],
        query: str,
        *,
        limit: int,
        before: MessageId | None = None,
        only: SearchFilter = ANY_MESSAGE,
    ) -> Sequence[SearchHit]:
        plan = plan_search(query)
        if plan.is_empty and only == ANY_MESSAGE:
            return []
        hits = [
            SearchHit(place.room_id, message)
            for place in rooms
            if (room := self._rooms.get(place.room_id)) is not None
            for message in room.timeline.messages.values()
            if message.seq >= place.from_seq
            and (before is None or message.id < before)
            and plan.finds(found_by(message.text, message.cards, message.attachments) or message.text)
            and self._is_let_through(message, only)
        ]
        return sorted(hits, key=lambda hit: hit.message.id, reverse=True)[:limit]

    def _is_let_through(self, message: Message, only: SearchFilter) -> bool:
        author = self._author(message.author_id) if only.author is not None else None
        named = (only.author or "").lower()
        return (
            not message.is_deleted
            and only.author_id in {None, message.author_id}
            and (
                only.author is None
                or (author is not None and author.handle.casefold() == only.author.casefold())
                or (author is not None and author.display_name.lower().startswith(named))
            )
            and (not only.has_file or any(one.state not in _NO_FILE for one in message.attachments))
            and (not only.has_link or _LINK.search(message.text) is not None or any(card.url for card in message.cards))
            and (only.since is None or message.at >= only.since)
            and (only.until is None or message.at < only.until)
        )

    async def has_rooms(self) -> bool:
        return bool(self._rooms)

    async def rooms_of(self, account_id: AccountId) -> Sequence[RoomListing]:
        listings = [
            room.state.listing(account_id, await self.read_mark(room_id, account_id))
            for room_id, room in self._live()
            if account_id in room.state.members
        ]
        return sorted(listings, key=lambda listing: (listing.room.name, listing.room.id))

    async def seqs_of_members(self, account_ids: Collection[AccountId]) -> Mapping[RoomId, int]:
        wanted = set(account_ids)
        return {room_id: room.seq for room_id, room in self._live() if not wanted.isdisjoint(room.state.members)}

    async def rooms_named(self, name: str) -> Sequence[RoomId]:
        return sorted(room_id for room_id, room in self._live() if room.state.room.name == name)

    async def read_mark(self, room_id: RoomId, account_id: AccountId) -> ReadMark:
        mark = self._marks.get((room_id, account_id), 0)
        room = self._rooms.get(room_id)
        if room is None:
            return ReadMark(seq=mark)
        member = room.state.members.get(account_id)
        behind = max(mark, member.joined_seq) if member else mark
        unread = [
            message
            for message in room.timeline.messages.values()
            if message.seq > behind and message.author_id != account_id and not message.is_deleted
        ][-MAX_UNREAD:]
        groups = _EVERYONE | {member.role.value} if member else _EVERYONE
        mentions = [m for m in unread if account_id in m.mentions or not groups.isdisjoint(m.mention_groups)]
        return ReadMark(seq=mark, unread=len(unread), mentions=len(mentions))

    async def read_marks(self, room_id: RoomId, account_ids: Sequence[AccountId]) -> Mapping[AccountId, ReadMark]:
        room = self._rooms.get(room_id)
        members = {} if room is None else room.state.members
        return {key: await self.read_mark(room_id, key) for key in account_ids if key in members}

    async def room_number(self, room_id: RoomId) -> int:
        if room_id not in self._rooms:
            raise LookupError(f"there is no room {room_id}")
        return list(self._rooms).index(room_id) + 1

    async def mark_read(self, room_id: RoomId, account_id: AccountId, seq: int) -> bool:
        room = self._rooms.get(room_id)
        new = 0 if room is None else min(seq, room.seq)
        if new <= self._marks.get((room_id, account_id), 0):
            return False
        self._marks[room_id, account_id] = new
        return True

    def _room(self, room_id: RoomId) -> MemoryRoom | None:
        room = self._rooms.get(room_id)
        return None if room is None or room.state.is_deleted else room

    def _has_full_member(self, room_id: RoomId, account_id: AccountId) -> bool:
        room = self._room(room_id)
        member = None if room is None else room.state.members.get(account_id)
        return member is not None and member.role is not Role.GUEST

    def _live(self) -> list[tuple[RoomId, MemoryRoom]]:
        return [(room_id, room) for room_id, room in self._rooms.items() if not room.state.is_deleted]

    def _write(self, room: MemoryRoom, append: Append) -> None:
        """Change the room by all events of the append, or raise `Unfit` and leave it as it is."""
        events = [new.event for new in append.events]
        state, timeline = room.state.copy(), room.timeline.copy()
        timeline.log += [StoredEvent(new.event.seq, new.event.id, new.line) for new in append.events]
        try:
            for event in events:
                if not isinstance(event, RoomCreated):
                    state.apply(event)
                timeline.apply(event)
        except (KeyError, IndexError) as error:
            raise Unfit(f"events that do not follow from what is stored: {error}") from error
        self._project_attachments(append.room_id, events)
        self._project_turns(append.room_id, events)
        room.state, room.timeline = state, timeline
        for new in append.events:
            if new.key is not None and new.digest is not None:
                room.keys[new.event.actor_id, new.key] = KeyUse(new.event.seq, new.event.id, new.digest)
            if isinstance(new.event, RoomDeleted):
                room.direct_key = None
                self._drop_turns(append.room_id)
        if timeline.quotable or any(isinstance(event, MessageDeleted | TurnEnded) for event in events):
            self._forget_beside(append.room_id, timeline, events)
        room.add_audit(append.audit)

    def _forget_beside(self, room_id: RoomId, timeline: Timeline, events: Sequence[Event]) -> None:
        """Take out of turns and tool calls what goes with messages that were deleted, now or before `events`."""
        deleted = {message.id for message in timeline.messages.values() if message.is_deleted}
        self._forget_in_turns(room_id, timeline.gone_turns, deleted)
        ended = {event.turn_id: event.seq for event in events if isinstance(event, TurnEnded)}
        turns = self._turns_of_gone(room_id, timeline.gone, timeline.gone_turns, ended, deleted)
        forget_tools(timeline, turns)
        timeline.quotable.clear()
