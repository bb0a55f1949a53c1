"""Erasing a person on Postgres."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from multiplayer.protocol.events import Event, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.reports_erasure import Erasure, ErasureCounts, ErasureStage
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.turn_events import ChangeProposed
from multiplayer.rooms.erasure_rules import settings_without
from multiplayer.rooms.turn_rules import STOPPED_BY_A_MEMBER
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Connection, Database, columns
from multiplayer.storage.erased_lines import OF_THE_ROOM, OF_TURNS, STOPPED_BY, Place, closing_events, line_without
from multiplayer.storage.erased_names import namings
from multiplayer.storage.erasure_port import LEASE_S, Erased, FoundMessage, NewErasure, RoomToErase
from multiplayer.storage.forgotten_tools import Gone, forget_tools
from multiplayer.storage.handles import erased_handles
from multiplayer.storage.message_projection import project_messages
from multiplayer.storage.message_rows import message_from
from multiplayer.storage.projections import append_server_audit
from multiplayer.storage.redaction import FORGOTTEN

_LONG_S: Final = 300.0
"""A statement that looks through whole tables may take so long."""
_LOOKED_AT: Final = [*OF_TURNS, *OF_THE_ROOM]


class PostgresErasures:
    """`erasure_port.ErasureStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request_erasure(self, new: NewErasure, *, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            made = await connection.fetchrow(
                queries["request_erasure"], new.id, new.account_id, new.handle, new.at, new.by, new.messages
            )
            if made is None:
                return False
            await connection.fetchrow(queries["set_account_disabled"], new.account_id, True, new.at)
            await connection.execute(queries["move_access_version"])
            await append_server_audit(connection, queries, audit)
        return True

    async def erasure_of(self, account_id: AccountId) -> Erasure | None:
        row = await self._database.read_row("erasure", account_id)
        return None if row is None else _erasure(row)

    async def note_preview(self, audit: AuditEntry) -> None:
        async with self._database.transaction() as connection:
            await append_server_audit(connection, self._database.queries, audit)

    async def hold_erasure(
        self, pod: str, *, erasure_id: str | None = None, but: Collection[str] = ()
    ) -> Erasure | None:
        rows = await self._database.write("hold_erasure", pod, LEASE_S, erasure_id, list(but))
        return await self.erasure_of(rows[0]["account_id"]) if rows else None

    async def note_erasure(
        self, erasure_id: str, pod: str, *, messages: int = 0, files_waiting: int | None = None, problem: str = ""
    ) -> bool:
        return await self._database.did("note_erasure", erasure_id, pod, messages, files_waiting, problem, LEASE_S)

    async def release_erasure(self, erasure_id: str, pod: str) -> None:
        await self._database.write("release_erasure", erasure_id, pod)

    async def erasure_counts(self, account_id: AccountId) -> ErasureCounts:
        async with self._database.transaction() as connection:
            [row] = await self._long(connection, "erasure_counts", account_id)
        return ErasureCounts(**dict(row))

    async def rooms_with(self, account_id: AccountId) -> Sequence[RoomToErase]:
        async with self._database.transaction() as connection:
            rows = await self._long(connection, "rooms_of_person", account_id)
            closed = await self._database.read("deleted_rooms", [row["room_id"] for row in rows])
        gone = {row["id"] for row in closed}
        return [RoomToErase(RoomId(room_id), room_id in gone) for room_id in sorted(row["room_id"] for row in rows)]

    async def plan_erasure(self, erasure_id: str) -> int:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            account_id = await connection.fetchval(queries["erased_account"], erasure_id)
            rows = await self._long(connection, "rooms_of_person", account_id)
            room_ids = sorted(row["room_id"] for row in rows)
            await connection.execute(queries["plan_rooms"], erasure_id, room_ids)
            await self._long(connection, "plan_contents", erasure_id)
        return len(room_ids)

    async def rooms_to_erase(self, erasure_id: str, *, limit: int) -> Sequence[RoomToErase]:
        rows = await self._database.read("rooms_to_erase", erasure_id, limit)
        return [RoomToErase(RoomId(row["room_id"]), row["is_closed"]) for row in rows]

    async def room_erased(self, erasure_id: str, room_id: RoomId) -> None:
        await self._database.write("room_erased", erasure_id, room_id)

    async def messages_to_erase(
        self, room_id: RoomId, account_id: AccountId, *, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        return await self._found("messages_to_erase", room_id, account_id, after_seq, limit)

    async def messages_touched(
        self, room_id: RoomId, account_id: AccountId, *, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        return await self._found("messages_touched", room_id, account_id, after_seq, limit)

    async def close_messages(
        self,
        room_id: RoomId,
        account_id: AccountId,
        message_ids: Sequence[MessageId],
        *,
        at: datetime,
        by: AccountId,
    ) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            room = await connection.fetchrow(queries["lock_room_of_person"], room_id, account_id)
            if room is None or not room["is_closed"]:
                return
            rows = await connection.fetch(queries["messages_by_id"], room_id, list(message_ids))
            seq = room["seq"] + 1
            events: list[Event] = []
            for message in map(message_from, rows):
                events += closing_events(message, account_id, room_id=room_id, seq=seq, at=at, by=by)
            gone = Gone()
            await project_messages(connection, queries, events, gone)
            await forget_tools(connection, queries, events, gone)

    async def proposals_to_drop(self, room_id: RoomId, account_id: AccountId) -> Sequence[str]:
        async with self._database.transaction() as connection:
            turns = await self._turns(connection, room_id, account_id)
            rows = await self._long(connection, "proposals_of_person", room_id, list(turns)) if turns else []
        events = [event_adapter.validate_json(row["body"]) for row in rows]
        return [event.proposal.id for event in events if isinstance(event, ChangeProposed)]

    async def erase_lines(self, room_id: RoomId, erased: Erased, *, after_seq: int, limit: int) -> int | None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            room = await connection.fetchrow(queries["lock_room_of_person"], room_id, erased.account_id)
            if room is None:
                return None
            place = await self._place(connection, room_id, erased.account_id, room)
            rows = await self._long(
                connection, "lines_of_person", room_id, after_seq, limit, erased.account_id, _LOOKED_AT
            )
            changed: list[tuple[object, ...]] = []
            for row in rows:
                line = row["body"].encode()
                without = line_without(line, erased, place)
                if without is not line:
                    changed.append((room_id, row["seq"], without.decode()))
            if changed:
                await self._long(connection, "redact_lines", *columns(changed))
            last = after_seq + limit
            return last if last < room["seq"] else None

    async def erase_rows(self, room_id: RoomId, erased: Erased) -> None:
        queries, who = self._database.queries, erased.account_id
        async with self._database.transaction() as connection:
            room = await connection.fetchrow(queries["lock_room_of_person"], room_id, who)
            if room is None:
                return
            turns = await self._turns(connection, room_id, who)
            again = await self._again(connection, room_id, who)
            await self._long(connection, "erase_turns", list(turns))
            await self._long(connection, "erase_turn_notes", room_id, who, list(again))
            await self._long(connection, "erase_end_reasons", room_id, who, STOPPED_BY, STOPPED_BY_A_MEMBER)
            await self._long(connection, "erase_points", room_id, who)
            await connection.execute(queries["drop_digests_of_rooms"], [room_id])
            if room["is_closed"]:
                await self._close_rows(connection, room_id, erased, room)
        # What prompts were made of takes longest to look through, and no append waits for it.
        async with self._database.transaction() as connection:
            await self._long(connection, "erase_manifests", room_id, who, erased.handle, erased.display_name)
        async with self._database.transaction() as connection:
            named = namings(erased)
            words, patterns = [one.words for one in named], [one.pattern for one in named]
            await self._long(connection, "erase_parts", room_id, words, patterns)

    async def loose_contents(self, erasure_id: str, *, now: datetime) -> Collection[str]:
        return [row["sha256"] for row in await self._database.write("loosen_contents", erasure_id, now)]

    async def unattached_uploads(self, account_id: AccountId, *, limit: int) -> Sequence[str]:
        return [row["id"] for row in await self._database.read("unattached_uploads", account_id, limit)]

    async def finish_erasure(self, erasure_id: str, erased: Erased, *, at: datetime, audit: AuditEntry) -> bool:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(queries["take_long"], _milliseconds(_LONG_S))
            for handle in erased_handles(erased.account_id, erased.handle):
                arguments = (erased.account_id, handle, erased.display_name, at)
                if await connection.fetchrow(queries["erase_account"], *arguments) is not None:
                    break
            if await connection.fetchrow(queries["finish_erasure"], erasure_id, at, handle) is None:
                return False
            await connection.execute(
                queries["erase_secrets"], erased.account_id, handle, erased.display_name, timeout=_LONG_S
            )
            await connection.execute(queries["forget_planned_contents"], erasure_id)
            await connection.execute(queries["move_access_version"])
            await append_server_audit(connection, queries, audit)
        return True

    async def erasure_traces(self, erased: Erased) -> Mapping[str, int]:
        former = erased.former_name if erased.former_name != erased.display_name else ""
        async with self._database.transaction() as connection:
            arguments = (erased.account_id, erased.former_handle, former, STOPPED_BY, STOPPED_BY_A_MEMBER)
            rows = await self._long(connection, "erasure_traces", *arguments)
        return {row["place"]: row["n"] for row in rows}

    async def _found(
        self, name: str, room_id: RoomId, account_id: AccountId, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        async with self._database.transaction() as connection:
            rows = await self._long(connection, name, room_id, account_id, after_seq, limit)
        return [FoundMessage(MessageId(row["id"]), row["seq"]) for row in rows]

    async def _long(self, connection: Connection, name: str, *arguments: object) -> list[asyncpg.Record]:
        queries = self._database.queries
        await connection.execute(queries["take_long"], _milliseconds(_LONG_S))
        return await connection.fetch(queries[name], *arguments, timeout=_LONG_S + 5)

    async def _turns(self, connection: Connection, room_id: RoomId, account_id: AccountId) -> frozenset[TurnId]:
        rows = await self._long(connection, "turns_of_person", room_id, account_id)
        return frozenset(TurnId(row["id"]) for row in rows)

    async def _again(self, connection: Connection, room_id: RoomId, account_id: AccountId) -> frozenset[MessageId]:
        rows = await self._long(connection, "answers_asked_again", room_id, account_id)
        return frozenset(MessageId(row["message_id"]) for row in rows)

    async def _place(
        self, connection: Connection, room_id: RoomId, account_id: AccountId, room: asyncpg.Record
    ) -> Place:
        turns = await self._turns(connection, room_id, account_id)
        again = await self._again(connection, room_id, account_id)
        return Place(RoomKind(room["kind"]), turns, again, is_theirs=room["is_theirs"])

    async def _close_rows(self, connection: Connection, room_id: RoomId, erased: Erased, room: asyncpg.Record) -> None:
        queries = self._database.queries
        names = (erased.handle, erased.display_name)
        await connection.execute(queries["erase_member_names"], room_id, erased.account_id, *names)
        await connection.execute(queries["erase_notes"], room_id)
        if room["is_theirs"] or room["kind"] == RoomKind.DIRECT:
            bare = RoomSettings().model_dump_json()
            await connection.execute(queries["erase_room_names"], room_id, FORGOTTEN, bare)
            return
        text = await connection.fetchval(queries["settings_of_room"], room_id)
        settings = RoomSettings.model_validate_json(text)
        without = settings_without(settings, erased.account_id)
        if without != settings:
            await connection.execute(queries["erase_room_rules"], room_id, without.model_dump_json())


def _erasure(row: asyncpg.Record) -> Erasure:
    stage = ErasureStage.REQUESTED if row["started_at"] is None else ErasureStage.RUNNING
    return Erasure.model_validate({**dict(row), "stage": ErasureStage.DONE if row["done_at"] else stage})


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
