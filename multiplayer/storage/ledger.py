"""The ledger in Postgres: each promise is one statement, so a lock on spending is never held across a round trip."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from multiplayer.protocol.budgets import BudgetScope, Period, UsageGroup, UsageRow
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.storage.database import Database
from multiplayer.storage.ledger_port import (
    Breach,
    Cap,
    Charge,
    Scope,
    Spent,
    TurnCost,
    check_caps,
    most_restrictive,
    period_key,
)


class PostgresLedger:
    """`ledger_port.LedgerStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        check_caps(charge, caps)
        day, month = period_key(charge.at, Period.DAY), period_key(charge.at, Period.MONTH)
        arguments = (
            charge.id,
            charge.room_id,
            charge.asker_id,
            charge.ai_id,
            charge.turn_id,
            charge.kind,
            charge.at,
            day,
            month,
            charge.tokens_in,
            charge.tokens_out,
            charge.micros,
            charge.model,
            charge.price_version,
            [cap.scope.kind for cap in caps],
            [cap.scope.id for cap in caps],
            [period_key(charge.at, cap.period) for cap in caps],
            [cap.unit for cap in caps],
            [cap.limit for cap in caps],
        )
        [answer] = await self._database.write("reserve_charge", *arguments)
        if not answer["is_open"]:
            await self._database.write("open_spending", charge.room_id, charge.asker_id, day, month)
            [answer] = await self._database.write("reserve_charge", *arguments)
            assert answer["is_open"], "rows of spending are never taken away"
        if answer["is_known"]:
            return None
        broken = [caps[number - 1] for number in answer["broken"]]
        return most_restrictive(
            [Breach(cap, used, charge.asked(cap.unit)) for cap, used in zip(broken, answer["used"], strict=True)]
        )

    async def settle(
        self,
        charge_id: str,
        *,
        tokens_in: int,
        tokens_cached: int,
        tokens_out: int,
        cost_micros: int | None,
        is_estimated: bool,
        model: str | None = None,
        price_version: str | None = None,
    ) -> bool:
        used = (tokens_in, tokens_cached, tokens_out, cost_micros, is_estimated, model, price_version)
        return await self._database.did("close_charge", charge_id, "settled", *used)

    async def release(self, charge_id: str) -> bool:
        return await self._database.did("close_charge", charge_id, "released", 0, 0, 0, None, False, None, None)

    async def settle_left(self, turn_id: TurnId) -> int:
        return len(await self._database.write("settle_as_reserved", turn_id, []))

    async def settle_as_reserved(self, charge_ids: Sequence[str]) -> int:
        return len(await self._database.write("settle_as_reserved", None, list(charge_ids)))

    async def left_open(self, *, older_than: datetime, limit: int) -> Sequence[str]:
        return [row["id"] for row in await self._database.read("charges_left_open", older_than, limit)]

    async def spent(self, scopes: Sequence[Scope], at: datetime) -> Mapping[tuple[Scope, Period], Spent]:
        periods = {period_key(at, period): period for period in Period}
        kinds, ids = [scope.kind for scope in scopes], [scope.id for scope in scopes]
        rows = await self._database.read("spent", kinds, ids, list(periods))
        none = {(scope, period): Spent() for scope in scopes for period in Period}
        return none | {
            (Scope(BudgetScope(row["scope"]), row["scope_id"]), periods[row["period"]]): Spent(
                row["tokens"], row["micros"]
            )
            for row in rows
        }

    async def usage(
        self, since: datetime, until: datetime, *, room_id: RoomId | None = None, group: UsageGroup
    ) -> Sequence[UsageRow]:
        rows = await self._database.read("usage_report", since, until, room_id, group)
        return [UsageRow.model_validate(dict(row)) for row in rows]

    async def costs_of_turns(
        self, room_id: RoomId, turn_ids: Sequence[TurnId], since: datetime, until: datetime
    ) -> Mapping[TurnId, TurnCost]:
        rows = await self._database.read("costs_of_turns", room_id, list(turn_ids), since, until)
        return {TurnId(row["turn_id"]): TurnCost(row["micros"], row["price_version"]) for row in rows}
