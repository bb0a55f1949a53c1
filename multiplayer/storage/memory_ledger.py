"""The ledger in memory: between two awaits nobody else is at it, which is all the locking it needs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from multiplayer.protocol.budgets import Period, Unit, UsageGroup, UsageRow
from multiplayer.protocol.ids import RoomId, TurnId
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
    scopes_of,
)


@dataclass
class _Entry:
    charge: Charge
    model: str
    price_version: str
    state: str = "reserved"
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost_micros: int | None = None
    is_estimated: bool = False

    @property
    def is_open(self) -> bool:
        return self.state == "reserved"

    @property
    def spent(self) -> Spent:
        if self.is_open:
            return Spent(self.charge.tokens_in + self.charge.tokens_out, self.charge.micros or 0)
        return Spent(self.tokens_in + self.tokens_out, self.cost_micros or 0)


class MemoryLedger:
    """`ledger_port.LedgerStore` in memory. `is_turn_open` tells whether a turn is there and has not ended."""

    def __init__(self, is_turn_open: Callable[[TurnId], bool]) -> None:
        self._is_anyone_at = is_turn_open
        self._ledger: dict[str, _Entry] = {}
        self._spending: dict[tuple[Scope, str], Spent] = {}

    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        check_caps(charge, caps)
        if charge.id in self._ledger:
            return None
        breaches = []
        for cap in caps:
            used = self._spending.get((cap.scope, period_key(charge.at, cap.period)), Spent()).of(cap.unit)
            if used + charge.asked(cap.unit) > cap.limit:
                breaches.append(Breach(cap, used, charge.asked(cap.unit)))
        if not breaches:
            entry = _Entry(charge, charge.model, charge.price_version)
            self._ledger[charge.id] = entry
            self._move(charge, Spent(), entry.spent)
        return most_restrictive(breaches)

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
        entry = self._ledger.get(charge_id)
        if entry is None or not entry.is_open:
            return False
        before = entry.spent
        entry.state = "settled"
        entry.tokens_in, entry.tokens_cached, entry.tokens_out = tokens_in, tokens_cached, tokens_out
        entry.cost_micros, entry.is_estimated = cost_micros, is_estimated
        entry.model, entry.price_version = model or entry.model, price_version or entry.price_version
        self._move(entry.charge, before, entry.spent)
        return True

    async def release(self, charge_id: str) -> bool:
        entry = self._ledger.get(charge_id)
        if entry is None or not entry.is_open:
            return False
        before = entry.spent
        entry.state = "released"
        self._move(entry.charge, before, Spent())
        return True

    async def settle_left(self, turn_id: TurnId) -> int:
        return await self.settle_as_reserved(
            [charge_id for charge_id, entry in self._ledger.items() if entry.charge.turn_id == turn_id]
        )

    async def settle_as_reserved(self, charge_ids: Sequence[str]) -> int:
        left = [self._ledger[charge_id].charge for charge_id in set(charge_ids) if charge_id in self._ledger]
        done = [
            await self.settle(
                charge.id,
                tokens_in=charge.tokens_in,
                tokens_cached=0,
                tokens_out=charge.tokens_out,
                cost_micros=charge.micros,
                is_estimated=True,
            )
            for charge in left
        ]
        return sum(done)

    async def left_open(self, *, older_than: datetime, limit: int) -> Sequence[str]:
        left = [
            (charge.at, charge.id)
            for charge in (entry.charge for entry in self._ledger.values() if entry.is_open)
            if charge.at <= older_than and (charge.turn_id is None or not self._is_anyone_at(charge.turn_id))
        ]
        return [charge_id for _, charge_id in sorted(left)[:limit]]

    async def spent(self, scopes: Sequence[Scope], at: datetime) -> Mapping[tuple[Scope, Period], Spent]:
        return {
            (scope, period): self._spending.get((scope, period_key(at, period)), Spent())
            for scope in scopes
            for period in Period
        }

    async def usage(
        self, since: datetime, until: datetime, *, room_id: RoomId | None = None, group: UsageGroup
    ) -> Sequence[UsageRow]:
        found = [
            (_heading(entry, group), entry)
            for entry in self._ledger.values()
            if entry.state == "settled"
            and since <= entry.charge.at < until
            and (room_id is None or entry.charge.room_id == room_id)
        ]
        found.sort(key=lambda pair: pair[0])
        rows = [_row(key, [entry for _, entry in pairs]) for key, pairs in groupby(found, key=lambda pair: pair[0])]
        if group is not UsageGroup.DAY:
            rows.sort(key=lambda row: -(row.tokens_in + row.tokens_out))
        return rows

    async def costs_of_turns(
        self, room_id: RoomId, turn_ids: Sequence[TurnId], since: datetime, until: datetime
    ) -> Mapping[TurnId, TurnCost]:
        found: dict[TurnId, list[_Entry]] = {}
        for entry in self._ledger.values():
            charge = entry.charge
            is_meant = charge.room_id == room_id and charge.turn_id in turn_ids and since <= charge.at <= until
            if is_meant and charge.turn_id is not None and entry.state == "settled":
                found.setdefault(charge.turn_id, []).append(entry)
        return {turn_id: _cost(entries) for turn_id, entries in found.items()}

    def _move(self, charge: Charge, before: Spent, after: Spent) -> None:
        for scope in scopes_of(charge.room_id, charge.asker_id):
            for period in Period:
                key = (scope, period_key(charge.at, period))
                now = self._spending.get(key, Spent())
                self._spending[key] = Spent(
                    now.tokens + after.tokens - before.tokens, now.micros + after.micros - before.micros
                )


def _heading(entry: _Entry, group: UsageGroup) -> str:
    match group:
        case UsageGroup.ROOM:
            return entry.charge.room_id
        case UsageGroup.ASKER:
            return entry.charge.asker_id or ""
        case UsageGroup.AI:
            return entry.charge.ai_id
        case UsageGroup.MODEL:
            return entry.model
        case UsageGroup.DAY:
            return period_key(entry.charge.at, Period.DAY)


def _cost(entries: Sequence[_Entry]) -> TurnCost:
    known = [entry.cost_micros for entry in entries if entry.cost_micros is not None]
    last = max(entries, key=lambda entry: (entry.charge.at, entry.charge.id))
    return TurnCost(sum(known) if len(known) == len(entries) else None, last.price_version)


def _row(key: str, entries: Iterable[_Entry]) -> UsageRow:
    entries = list(entries)
    return UsageRow(
        key=key,
        calls=len(entries),
        tokens_in=sum(entry.tokens_in for entry in entries),
        tokens_cached=sum(entry.tokens_cached for entry in entries),
        tokens_out=sum(entry.tokens_out for entry in entries),
        cost_micros=sum(entry.cost_micros or 0 for entry in entries),
        unpriced_calls=sum(entry.cost_micros is None for entry in entries),
        tokens_over=sum(max(0, entry.spent.tokens - entry.charge.asked(Unit.TOKENS)) for entry in entries),
    )
