"""Heads of mirrored workspaces in Postgres."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.database import Database
from multiplayer.storage.mirror_port import MirrorHead, NewHead


class PostgresMirrors:
    """`mirror_port.MirrorStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mirror_head(self, room_id: RoomId) -> MirrorHead | None:
        row = await self._database.read_row("mirror_head", room_id)
        return None if row is None else _head(row)

    async def open_mirror(self, room_id: RoomId, pod: str, at: datetime) -> MirrorHead | None:
        await self._database.write("open_mirror", room_id, pod, at)
        row = await self._database.read_row("head_of_room_that_is_there", room_id)
        return None if row is None else _head(row)

    async def put_mirror_head(self, head: NewHead, *, expected: int, sweep: int) -> bool:
        return await self._database.did(
            "put_mirror_head",
            head.room_id,
            head.tree,
            head.pod,
            head.at,
            head.files,
            head.bytes,
            list(head.conflicts),
            expected,
            sweep,
        )

    async def begin_mirror_sweep(
        self, room_id: RoomId, *, now: datetime, until: datetime, before: datetime
    ) -> MirrorHead | None:
        rows = await self._database.write("begin_mirror_sweep", room_id, now, until, before)
        return _head(rows[0]) if rows else None

    async def end_mirror_sweep(self, room_id: RoomId, sweep: int, *, counts_as: datetime | None = None) -> None:
        await self._database.write("end_mirror_sweep", room_id, sweep, counts_as)

    async def mirrors_to_sweep(self, *, before: datetime, limit: int) -> Sequence[RoomId]:
        return [RoomId(row["room_id"]) for row in await self._database.read("mirrors_to_sweep", before, limit)]

    async def mirrors_of_deleted_rooms(self, *, limit: int) -> Sequence[RoomId]:
        return [RoomId(row["room_id"]) for row in await self._database.read("mirrors_of_deleted_rooms", limit)]

    async def drop_mirror(self, room_id: RoomId) -> bool:
        return await self._database.did("drop_mirror", room_id)


def _head(row: asyncpg.Record) -> MirrorHead:
    return MirrorHead(
        room_id=RoomId(row["room_id"]),
        version=row["version"],
        tree=row["tree"],
        pod=row["pod"],
        at=row["at"],
        files=row["files"],
        bytes=row["bytes"],
        conflicts=tuple(row["conflicts"]),
        sweep=row["sweep"],
        sweeping_until=row["sweeping_until"],
    )
