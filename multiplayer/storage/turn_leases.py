"""Leases, running texts and manifests of turns in Postgres; every time here is the database's."""

from collections.abc import Sequence

import asyncpg

from multiplayer.protocol.cards import Card
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turns import TokenUsage
from multiplayer.storage.database import Database
from multiplayer.storage.message_rows import cards_adapter
from multiplayer.storage.port import OpenTurn, TurnRecord


class PostgresTurns:
    """`port.TurnStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        return await self._database.did("hold_turn", turn_id, fence, pod, lease_s)

    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str, cards: Sequence[Card] = ()) -> bool:
        kept = cards_adapter.dump_json(tuple(cards)).decode() if cards else None
        return await self._database.did("checkpoint_turn", turn_id, fence, text, kept)

    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool:
        return await self._database.did("save_manifest", turn_id, fence, manifest)

    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        rows = await self._database.read("waiting_turns", unclaimed_for_s, limit)
        return [
            OpenTurn(
                room_id=row["room_id"],
                turn_id=row["id"],
                ai_id=row["ai_id"],
                fence=row["fence"],
                text=row["text"],
                cards=_cards(row),
            )
            for row in rows
        ]

    async def turn(self, room_id: RoomId, turn_id: TurnId) -> TurnRecord | None:
        row = await self._database.read_row("turn", room_id, turn_id)
        return None if row is None else _record(row)

    async def turns_of_room(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None
    ) -> Sequence[TurnRecord]:
        return [_record(row) for row in await self._database.read("turns_of_room", room_id, before_seq, limit)]


def _record(row: asyncpg.Record) -> TurnRecord:
    return TurnRecord(
        room_id=row["room_id"],
        turn_id=row["id"],
        ai_id=row["ai_id"],
        state=row["state"],
        fence=row["fence"],
        text=row["text"],
        cards=_cards(row),
        manifest=row["manifest"],
        turn=None if row["turn"] is None else TurnState.model_validate_json(row["turn"]),
        requested_at=row["requested_at"],
        requested_seq=row["requested_seq"],
        ended_at=row["ended_at"],
        ended_seq=row["ended_seq"],
        reason=row["end_reason"],
        message_id=row["message_id"],
        usage=_usage(row),
    )


def _cards(row: asyncpg.Record) -> tuple[Card, ...]:
    return () if row["cards"] is None else cards_adapter.validate_json(row["cards"])


def _usage(row: asyncpg.Record) -> TokenUsage | None:
    if row["model"] is None:
        return None
    return TokenUsage(
        model=row["model"],
        tokens_in=row["tokens_in"],
        tokens_cached=row["tokens_cached"],
        tokens_out=row["tokens_out"],
        cost_micros=row["cost_micros"],
        is_estimated=row["is_estimated"],
        price_version=row["price_version"],
        calls=row["calls"],
    )
