"""Money and tokens: caps, what was used, what is left. Money is integers, millionths of the price table's currency."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.values import Frozen, UtcTime

Amount = Annotated[StrictInt, Field(ge=0, le=10**15)]


class Caps(Frozen):
    """None: no cap of this kind. A day and a month are those of UTC."""

    tokens_per_day: Amount | None = None
    tokens_per_month: Amount | None = None
    micros_per_day: Amount | None = None
    micros_per_month: Amount | None = None


class Budget(Frozen):
    """What may be used in all, and by each person who asks. Of several caps the most restrictive wins."""

    total: Caps = Caps()
    per_asker: Caps = Caps()


class BudgetScope(StrEnum):
    """Whose cap it is."""

    SERVER = "server"
    SERVER_ASKER = "asker"
    ROOM = "room"
    ROOM_ASKER = "room_asker"


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"


class Unit(StrEnum):
    TOKENS = "tokens"
    MICROS = "micros"


class CapState(Frozen):
    """One cap with what of it is used; `used` counts what is reserved by calls that still run."""

    scope: BudgetScope
    period: Period
    unit: Unit
    cap: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.cap - self.used)


class CallKind(StrEnum):
    """What a model was asked for."""

    TURN = "turn"
    SUMMARY = "summary"
    CATCH_UP = "catch_up"


class UsageRow(Frozen):
    """What was used under one heading of a report: by a room, a person, an AI, a model, or a day."""

    key: str
    calls: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_micros: int
    unpriced_calls: int = 0
    """Calls whose price nobody knows; they are not in `cost_micros`."""
    tokens_over: int = 0
    """Tokens that calls used beyond what was reserved for them: caps may be passed by so many, and by no more."""


class UsageGroup(StrEnum):
    ROOM = "room"
    ASKER = "asker"
    AI = "ai"
    MODEL = "model"
    DAY = "day"


class UsageReport(Frozen):
    since: UtcTime
    until: UtcTime
    currency: str
    room_id: RoomId | None = None
    group: UsageGroup
    rows: tuple[UsageRow, ...]
    total: UsageRow
    caps: tuple[CapState, ...] = ()


class Estimate(Frozen):
    """What a request would cost at most, before it is sent. `breach` says which cap it would break, if one."""

    ai_id: AccountId
    model: str
    tokens_in: int
    tokens_out_at_most: int
    cost_micros_at_most: int | None = None
    currency: str
    breach: str = ""
    caps: tuple[CapState, ...] = ()
