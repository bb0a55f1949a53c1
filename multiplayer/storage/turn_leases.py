"""Leases, running texts and manifests of turns in Postgres; every time here is the database's."""

from collections.abc import Sequence

from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.storage.database import Database
from multiplayer.storage.port import OpenTurn, TurnRecord


class PostgresTurns:
    """`port.TurnStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        return await self._database.did("hold_turn", turn_id, fence, pod, lease_s)

    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str) -> bool:
        return await self._database.did("checkpoint_turn", turn_id, fence, text)

    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool:
        return await self._database.did("save_manifest", turn_id, fence, manifest)

    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        rows = await self._database.read("waiting_turns", unclaimed_for_s, limit)
        return [
            OpenTurn(
                room_id=row["room_id"], turn_id=row["id"], ai_id=row["ai_id"], fence=row["fence"], text=row["text"]
            )
            for row in rows
        ]

    async def turn(self, room_id: RoomId, turn_id: TurnId) -> TurnRecord | None:
        row = await self._database.read_row("turn", room_id, turn_id)
        if row is None:
            return None
        return TurnRecord(
            room_id=row["room_id"],
            turn_id=row["id"],
            ai_id=row["ai_id"],
            state=row["state"],
            fence=row["fence"],
            text=row["text"],
            manifest=row["manifest"],
            requested_at=row["requested_at"],
            ended_at=row["ended_at"],
        )
