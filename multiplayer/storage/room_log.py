"""Reads and writes the rooms' log in Postgres, and the views of rooms, messages and read marks."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg
from pydantic import TypeAdapter

from multiplayer.protocol.events import RoomCreated
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Member
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.rooms import ReadMark, RoomListing, RoomSettings, RoomView, TurnState
from multiplayer.rooms.notes import RoomNotes
from multiplayer.rooms.state import RoomState
from multiplayer.storage.append_rows import check, pages_of, statement_arguments
from multiplayer.storage.database import Database
from multiplayer.storage.group_commit import GroupCommit
from multiplayer.storage.message_rows import message_from
from multiplayer.storage.port import (
    ANY_MESSAGE,
    MAX_UNREAD,
    Append,
    Appended,
    KeyUse,
    ReadableRoom,
    SearchFilter,
    SearchHit,
    StorageUnavailable,
    StoredEvent,
)
from multiplayer.storage.projections import project
from multiplayer.storage.search_words import like_pattern, like_prefix, plan_search, tsquery
from multiplayer.storage.summary_rows import summary_from

_members_adapter: TypeAdapter[tuple[Member, ...]] = TypeAdapter(tuple[Member, ...])
_counts_adapter: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


PAGE = 2_000
"""Events of a new room that are written in one statement."""


class PostgresRoomLog:
    """`port.RoomLog` on Postgres."""

    def __init__(self, database: Database, log: GroupCommit) -> None:
        self._database = database
        self._log = log

    async def epoch(self) -> str:
        row = (await self._database.read("epoch"))[0]
        mark = f"-{row['restore_mark']}" if row["restore_mark"] else ""
        return f"{row['system']}-{int(row['timeline'], 16)}{mark}"

    async def create_room(self, append: Append, *, direct_key: str | None) -> RoomId:
        check(append)
        first = append.events[0].event
        assert isinstance(first, RoomCreated), "a room begins with its creation"
        queries = self._database.queries
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                queries["insert_room"],
                append.room_id,
                first.kind,
                first.name,
                first.topic,
                first.settings.model_dump_json(),
                first.at,
                direct_key,
            )
            if row is not None:
                # A room that is imported comes with its whole log: too much for one statement.
                for page in pages_of(append, PAGE):
                    await connection.fetch(queries["append_events"], *statement_arguments([[page]]))
                    await project(connection, queries, [page])
                return append.room_id
            there = await connection.fetch(queries["room_of_direct_key"], direct_key, append.room_id)
        if not there:
            raise StorageUnavailable("the direct room was deleted at this moment: try again")
        return RoomId(there[0]["id"])

    async def append(self, append: Append) -> Appended:
        return await self._log.append(append)

    async def load(self, room_id: RoomId) -> RoomState | None:
        row = await self._database.read_row("load_room", room_id)
        if row is None:
            return None
        members = _members_adapter.validate_json(row["members"] or "[]")
        turns = [TurnState.model_validate_json(turn) for turn in row["turns"]]
        return RoomState(
            room=_room_view(row),
            seq=row["seq"],
            members={member.account_id: member for member in members},
            banned=frozenset(row["banned"]),
            pins=tuple(row["pins"]),
            turns={turn.turn_id: turn for turn in turns},
            summary=None if row["summary"] is None else summary_from(row["summary"]),
            notes=RoomNotes() if row["notes"] is None else RoomNotes.model_validate_json(row["notes"]),
            said_since=_counts_adapter.validate_json(row["said_since"] or "{}"),
        )

    async def seqs(self, room_ids: Sequence[RoomId]) -> Mapping[RoomId, int]:
        return {row["id"]: row["seq"] for row in await self._database.read("room_seqs", list(room_ids))}

    async def deleted_rooms(self, room_ids: Collection[RoomId]) -> frozenset[RoomId]:
        return frozenset(row["id"] for row in await self._database.read("deleted_rooms", list(room_ids)))

    async def events_after(self, room_id: RoomId, seq: int, *, limit: int) -> Sequence[StoredEvent]:
        rows = await self._database.read("events_after", room_id, seq, limit)
        return [StoredEvent(row["seq"], row["event_id"], row["body"].encode()) for row in rows]

    async def find_keys(
        self, room_id: RoomId, keys: Sequence[tuple[AccountId, str]]
    ) -> Mapping[tuple[AccountId, str], KeyUse]:
        actors, words = [actor for actor, _ in keys], [key for _, key in keys]
        rows = await self._database.read("find_keys", room_id, actors, words)
        return {
            (row["actor_id"], row["key"]): KeyUse(seq=row["seq"], event_id=row["event_id"], digest=row["digest"])
            for row in rows
        }

    async def messages(self, room_id: RoomId, ids: Sequence[MessageId]) -> Mapping[MessageId, Message]:
        rows = await self._database.read("messages_by_id", room_id, list(ids))
        return {row["id"]: message_from(row) for row in rows}

    async def recent_messages(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[Message]:
        rows = await self._database.read("recent_messages", room_id, from_seq, before_seq, limit)
        return [message_from(row) for row in reversed(rows)]

    async def revisions(self, room_id: RoomId, message_id: MessageId) -> Sequence[Revision]:
        rows = await self._database.read("revisions", room_id, message_id)
        return [Revision(revision=row["revision"], at=row["at"], text=row["text"]) for row in rows]

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
        if (plan.is_empty and only == ANY_MESSAGE) or not rooms:
            return []
        places = [room.room_id for room in rooms], [room.from_seq for room in rooms]
        patterns = [like_pattern(piece) for piece in plan.pieces]
        best = plan.indexed_piece
        rest = patterns, before, limit, *_asked(only)
        if plan.words:
            found = await self._database.read("search_by_index", *places, tsquery(plan.words), *rest)
        elif best is not None:
            found = await self._database.read("search_by_trigrams", *places, like_pattern(best), *rest)
        else:
            found = await self._database.read("search_by_reading", *places, *rest)
        return [SearchHit(row["room_id"], message_from(row)) for row in found]

    async def has_rooms(self) -> bool:
        return bool((await self._database.read("has_rooms"))[0]["has_rooms"])

    async def rooms_of(self, account_id: AccountId) -> Sequence[RoomListing]:
        rows = await self._database.read("rooms_of", account_id, MAX_UNREAD)
        return [_listing(row) for row in rows]

    async def seqs_of_members(self, account_ids: Collection[AccountId]) -> Mapping[RoomId, int]:
        rows = await self._database.read("seqs_of_members", list(account_ids))
        return {row["id"]: row["seq"] for row in rows}

    async def rooms_named(self, name: str) -> Sequence[RoomId]:
        return [RoomId(row["id"]) for row in await self._database.read("rooms_named", name)]

    async def read_mark(self, room_id: RoomId, account_id: AccountId) -> ReadMark:
        return _read_mark((await self._database.read("read_mark", room_id, account_id, MAX_UNREAD))[0])

    async def read_marks(self, room_id: RoomId, account_ids: Sequence[AccountId]) -> Mapping[AccountId, ReadMark]:
        rows = await self._database.read("read_marks", room_id, list(account_ids), MAX_UNREAD)
        return {row["account_id"]: _read_mark(row) for row in rows}

    async def room_number(self, room_id: RoomId) -> int:
        row = await self._database.read_row("room_number", room_id)
        if row is None:
            raise LookupError(f"there is no room {room_id}")
        return int(row["number"])

    async def mark_read(self, room_id: RoomId, account_id: AccountId, seq: int) -> bool:
        return await self._database.did("mark_read", room_id, account_id, seq)


def _asked(only: SearchFilter) -> tuple[object, ...]:
    """Return a filter as the last arguments of each search."""
    handle = None if only.author is None else only.author.casefold()
    begins = None if only.author is None else like_prefix(only.author)
    return only.author_id, handle, begins, only.has_file, only.has_link, only.since, only.until


def _listing(row: asyncpg.Record) -> RoomListing:
    turns = [TurnState.model_validate_json(turn) for turn in row["turns"]]
    return RoomListing(
        room=_room_view(row),
        seq=row["seq"],
        role=row["role"],
        read=_read_mark(row),
        has_ai=row["has_ai"],
        facing=row["facing"],
        is_ai_working=any(turn.is_running for turn in turns),
        needs_approval=any(turn.needs_approval for turn in turns),
    )


def _room_view(row: asyncpg.Record) -> RoomView:
    return RoomView(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        topic=row["topic"],
        settings=RoomSettings.model_validate_json(row["settings"]),
        created_at=row["created_at"],
        archived_at=row["archived_at"],
    )


def _read_mark(row: asyncpg.Record) -> ReadMark:
    return ReadMark(seq=row["read_seq"], unread=row["unread"], mentions=row["mentions"])
