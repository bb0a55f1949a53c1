"""The contract of the ledger; each store's own file runs it with `storage` and `other` (a second door to the same) fixtures."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from multiplayer.protocol.budgets import BudgetScope, CallKind, Period, Unit, UsageGroup, UsageRow
from multiplayer.protocol.events import RoomDeleted
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.ledger_port import Breach, Cap, Charge, Scope, Spent, TurnCost, period_key, scopes_of
from multiplayer.storage.port import Storage
from tests.contracts.room_scripts import AI, ALICE, BOB, NOW, RoomScript, ulid
from tests.contracts.storage_suite import put, stored

SERVER = Scope(BudgetScope.SERVER, "")


def charge(
    room_id: str,
    tokens: int = 100,
    micros: int | None = 10,
    *,
    asker_id: AccountId | None = ALICE,
    turn_id: TurnId | None = None,
    at: datetime = NOW,
) -> Charge:
    """Return a charge of a tenth of its tokens out."""
    return Charge(
        id=ulid(),
        room_id=RoomId(room_id),
        asker_id=asker_id,
        ai_id=AI,
        turn_id=turn_id,
        kind=CallKind.TURN,
        at=at,
        tokens_in=tokens - tokens // 10,
        tokens_out=tokens // 10,
        micros=micros,
        model="m1",
        price_version="p1",
    )


def cap(scope: Scope, limit: int, period: Period = Period.DAY, unit: Unit = Unit.TOKENS) -> Cap:
    return Cap(scope, period, unit, limit)


def room(room_id: str) -> Scope:
    return Scope(BudgetScope.ROOM, room_id)


async def reserved(storage: Storage, *charges: Charge) -> None:
    for one in charges:
        assert await storage.reserve(one, []) is None


async def settle(storage: Storage, one: Charge, tokens: int, micros: int | None = 7, **more: str) -> bool:
    """Settle it with `tokens` in, half of them cached, and one out."""
    return await storage.settle(
        one.id,
        tokens_in=tokens - 1,
        tokens_cached=tokens // 2,
        tokens_out=1,
        cost_micros=micros,
        is_estimated=False,
        **more,
    )


async def spent(storage: Storage, scope: Scope, at: datetime = NOW, period: Period = Period.DAY) -> Spent:
    return (await storage.spent([scope], at))[scope, period]


@dataclass(frozen=True)
class Move:
    what: int
    which: int
    who: int
    tokens: int
    micros: int | None


moves = st.lists(
    st.builds(
        Move,
        what=st.integers(0, 5),
        which=st.integers(0, 9),
        who=st.integers(0, 2),
        tokens=st.integers(1, 400),
        micros=st.none() | st.integers(0, 400),
    ),
    max_size=25,
)


async def check_that_spending_is_the_sum_of_the_ledger(storage: Storage, script: Sequence[Move]) -> None:
    """Play any calls of three askers in two rooms within caps; spending must be what the ledger's rows add up to."""
    rooms, askers = (ulid(), ulid()), (AccountId(ulid()), AccountId(ulid()), None)
    charges: list[Charge] = []
    worth: dict[str, Spent] = {}
    open_ids: set[str] = set()
    # On both sides of the border of a day and a month.
    last, first = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    server_before = {at: await storage.spent([SERVER], at) for at in (last, first)}
    for number, move in enumerate(script):
        at = (last, first)[move.which % 2]
        if move.what <= 2 or not charges:
            one = charge(rooms[number % 2], move.tokens, move.micros, asker_id=askers[move.who], at=at)
            limit = cap(room(one.room_id), 1_000)
            used = sum(worth[c.id].tokens for c in charges if c.room_id == one.room_id and c.at == at)
            breach = await storage.reserve(one, [limit])
            assert breach == (Breach(limit, used, move.tokens) if used + move.tokens > 1_000 else None)
            if breach is None:
                charges.append(one)
                open_ids.add(one.id)
                worth[one.id] = Spent(move.tokens, move.micros or 0)
            continue
        one = charges[move.which % len(charges)]
        if move.what == 3:
            assert await storage.release(one.id) is (one.id in open_ids)
            after = Spent()
        elif move.what == 4:
            assert await settle(storage, one, move.tokens, move.micros) is (one.id in open_ids)
            after = Spent(move.tokens, move.micros or 0)
        else:
            assert await storage.settle_as_reserved([one.id, ulid()]) == (one.id in open_ids)
            after = worth[one.id]
        if one.id in open_ids:
            open_ids.remove(one.id)
            worth[one.id] = after
    for at in (last, first):
        scopes = [scope for room_id in rooms for who in askers for scope in scopes_of(RoomId(room_id), who)]
        now = await storage.spent(scopes, at)
        for scope in {*scopes}:
            for period in Period:
                counted = [
                    worth[c.id]
                    for c in charges
                    if scope in scopes_of(c.room_id, c.asker_id) and period_key(c.at, period) == period_key(at, period)
                ]
                before = server_before[at][scope, period] if scope == SERVER else Spent()
                assert now[scope, period] == Spent(
                    before.tokens + sum(one.tokens for one in counted),
                    before.micros + sum(one.micros for one in counted),
                )


class LedgerContract:
    async def test_a_reservation_counts_for_all_whose_it_is_in_its_day_and_month(self, storage: Storage) -> None:
        one = charge("room", 100, 10)
        assert await storage.reserve(one, []) is None
        scopes = scopes_of(one.room_id, ALICE)
        assert {scope.kind for scope in scopes} == {*BudgetScope}
        elsewhere = [*scopes_of(RoomId("other"), BOB)[1:], Scope(BudgetScope.ROOM_ASKER, "room/01BOB")]
        assert await storage.spent([*scopes, *elsewhere], NOW) == {
            **{(scope, period): Spent(100, 10) for scope in scopes for period in Period},
            **{(scope, period): Spent() for scope in elsewhere for period in Period},
        }

    async def test_what_nobody_asked_for_counts_for_the_room_and_the_server(self, storage: Storage) -> None:
        await reserved(storage, charge("room", asker_id=None))
        assert (await spent(storage, room("room"))).tokens == 100
        assert (await spent(storage, SERVER)).tokens == 100
        assert (await spent(storage, Scope(BudgetScope.SERVER_ASKER, ALICE))).tokens == 0

    async def test_a_cap_can_be_used_up_exactly_and_a_breach_stores_nothing(self, storage: Storage) -> None:
        caps = [cap(room("room"), 250), cap(SERVER, 1_000)]
        assert await storage.reserve(charge("room", 150), caps) is None
        over = charge("room", 101)
        assert await storage.reserve(over, caps) == Breach(caps[0], 150, 101)
        assert await spent(storage, SERVER) == Spent(150, 10)
        assert not await storage.release(over.id)
        assert await storage.reserve(charge("room", 100), caps) is None
        assert (await spent(storage, room("room"))).tokens == 250
        assert await storage.reserve(charge("room", 1), caps) == Breach(caps[0], 250, 1)
        assert await storage.reserve(charge("other", 1), [cap(room("other"), 0)]) is not None

    async def test_money_is_capped_beside_tokens_and_an_unknown_price_counts_nothing(self, storage: Storage) -> None:
        money = cap(room("room"), 15, Period.MONTH, Unit.MICROS)
        assert await storage.reserve(charge("room", micros=10), [money]) is None
        assert await storage.reserve(charge("room", micros=6), [money]) == Breach(money, 10, 6)
        assert await storage.reserve(charge("room", micros=None), [money]) is None
        assert await spent(storage, room("room")) == Spent(200, 10)

    async def test_of_several_breaches_the_one_that_lasts_longest_is_told(self, storage: Storage) -> None:
        await reserved(storage, charge("room", 100))
        day, close_day = cap(SERVER, 150), cap(room("room"), 110)
        month = cap(room("room"), 199, Period.MONTH)
        never = cap(Scope(BudgetScope.ROOM_ASKER, f"room/{ALICE}"), 99)
        one = charge("room", 100)
        assert await storage.reserve(one, [day, close_day]) == Breach(close_day, 100, 100)
        assert await storage.reserve(one, [close_day, month, day]) == Breach(month, 100, 100)
        assert await storage.reserve(one, [day, month, never]) == Breach(never, 100, 100)

    async def test_settling_replaces_what_was_reserved_and_only_once(self, storage: Storage) -> None:
        one, two = charge("room", 1_000, 500), charge("room", 10, None)
        await reserved(storage, one, two)
        assert await settle(storage, one, 300, 90)
        assert await spent(storage, room("room")) == Spent(310, 90)
        assert not await settle(storage, one, 999, 999)
        assert not await storage.release(one.id)
        assert await settle(storage, two, 50, 5)  # more than was reserved: what is used is used
        assert await spent(storage, room("room")) == Spent(350, 95)
        assert not await settle(storage, charge("room"), 1)
        assert (await spent(storage, SERVER, period=Period.MONTH)) == Spent(350, 95)

    async def test_a_released_reservation_is_free_again_and_in_no_report(self, storage: Storage) -> None:
        one, limit = charge("room"), cap(room("room"), 100)
        assert await storage.reserve(one, [limit]) is None
        assert await storage.reserve(charge("room", 1), [limit]) is not None
        assert await storage.release(one.id)
        assert not await storage.release(one.id)
        assert not await settle(storage, one, 5)
        assert await spent(storage, room("room")) == Spent()
        assert await storage.usage(NOW, NOW + timedelta(days=1), group=UsageGroup.ROOM) == []
        assert await storage.reserve(charge("room", 100), [limit]) is None

    async def test_reserving_the_same_charge_again_changes_nothing(self, storage: Storage) -> None:
        one, limit = charge("room"), cap(room("room"), 150)
        assert await storage.reserve(one, [limit]) is None
        assert await storage.reserve(one, [limit]) is None
        assert (await spent(storage, room("room"))).tokens == 100

    async def test_a_day_and_a_month_begin_at_midnight_utc(self, storage: Storage) -> None:
        last = datetime(2026, 11, 30, 23, 59, 59, 999000, tzinfo=UTC)
        first = datetime(2026, 12, 1, tzinfo=UTC)
        caps = [cap(room("room"), 100), cap(room("room"), 100, Period.MONTH)]
        assert await storage.reserve(charge("room", at=last), caps) is None
        assert await storage.reserve(charge("room", 1, at=last), caps) is not None
        # The same moment, told by a clock of another zone.
        late = charge("room", at=first.astimezone(datetime.strptime("-0500", "%z").tzinfo))
        assert late.at.month == 11
        assert await storage.reserve(late, caps) is None
        assert await settle(storage, late, 40)
        assert (await spent(storage, room("room"), last)).tokens == 100
        assert (await spent(storage, room("room"), last, Period.MONTH)).tokens == 100
        assert (await spent(storage, room("room"), first, Period.MONTH)).tokens == 40
        next_day = first + timedelta(days=1)
        assert (await spent(storage, room("room"), next_day)).tokens == 0
        breach = await storage.reserve(charge("room", 61, at=next_day), caps)
        assert breach == Breach(caps[1], 40, 61)

    async def test_a_call_settled_tomorrow_counts_for_the_day_it_was_reserved(self, storage: Storage) -> None:
        one = charge("room", 100, at=datetime(2026, 11, 21, 23, 59, tzinfo=UTC))
        await reserved(storage, one)
        assert await settle(storage, one, 30)
        assert (await spent(storage, room("room"), one.at)).tokens == 30
        assert (await spent(storage, room("room"), one.at + timedelta(days=1))).tokens == 0

    async def test_200_calls_at_once_use_the_cap_up_and_never_pass_it(self, storage: Storage, other: Storage) -> None:
        askers = [AccountId(ulid()) for _ in range(3)]
        limits = {BudgetScope.SERVER: 5_003, BudgetScope.ROOM: 3_000, BudgetScope.ROOM_ASKER: 900}

        async def ask(number: int) -> Breach | None:
            one = charge(("red", "blue")[number % 2], 50, asker_id=askers[number % 3])
            caps = [
                cap(scope, limits[scope.kind]) for scope in scopes_of(one.room_id, one.asker_id) if scope.kind in limits
            ]
            return await (storage, other)[number // 2 % 2].reserve(one, caps)

        async with asyncio.timeout(60):
            breaches = await asyncio.gather(*(ask(number) for number in range(200)))
        # Each of six pairs of room and asker may 18 times, the server 100 times in all.
        assert breaches.count(None) == 100
        assert await spent(storage, SERVER) == Spent(5_000, 1_000)
        assert await spent(storage, SERVER, period=Period.MONTH) == Spent(5_000, 1_000)
        for name in ("red", "blue"):
            assert (await spent(other, room(name))).tokens <= 3_000
        shares = [
            (await spent(storage, scopes_of(RoomId(name), who)[3])).tokens for name in ("red", "blue") for who in askers
        ]
        assert sum(shares) == 5_000
        assert max(shares) <= 900

    async def test_calls_that_reserve_settle_and_release_at_once_lose_nothing(
        self, storage: Storage, other: Storage
    ) -> None:
        async def call(number: int) -> None:
            door = (storage, other)[number % 2]
            one = charge(f"room {number % 3}", 100, turn_id=TurnId(f"turn {number % 5}"))
            assert await door.reserve(one, [cap(SERVER, 1_000_000)]) is None
            if number % 4 == 0:
                twice = await asyncio.gather(storage.release(one.id), other.release(one.id))
            else:
                twice = await asyncio.gather(settle(storage, one, 30, 3), settle(other, one, 30, 3))
            assert sorted(twice) == [False, True]

        async with asyncio.timeout(60):
            await asyncio.gather(*(call(number) for number in range(120)))
        assert await spent(storage, SERVER) == Spent(90 * 30, 90 * 3)

    async def test_what_a_dead_holder_left_is_settled_as_reserved(self, storage: Storage, other: Storage) -> None:
        turn_id = TurnId(ulid())
        mine = [charge("room", 100, 10, turn_id=turn_id), charge("room", 50, None, turn_id=turn_id)]
        done, others = charge("room", 70, turn_id=turn_id), charge("room", 30, turn_id=TurnId(ulid()))
        await reserved(storage, *mine, done, others)
        assert await settle(storage, done, 20, 2)
        counts = await asyncio.gather(*(door.settle_left(turn_id) for door in (storage, other, storage)))
        assert sorted(counts) == [0, 0, 2]
        assert await spent(storage, room("room")) == Spent(200, 22)
        [row] = await storage.usage(NOW, NOW + timedelta(1), group=UsageGroup.ROOM)
        assert (row.calls, row.tokens_in, row.tokens_out, row.cost_micros, row.unpriced_calls) == (3, 154, 16, 12, 1)
        assert not await settle(storage, mine[0], 1)

    async def test_what_was_used_beyond_what_was_reserved_counts_and_is_told(self, storage: Storage) -> None:
        low, high, given_back = charge("room", 100), charge("room", 100), charge("room", 500)
        await reserved(storage, low, high, given_back)
        assert await settle(storage, low, 40, 1)
        assert await settle(storage, high, 170, 1)
        assert await storage.release(given_back.id)
        assert await spent(storage, room("room")) == Spent(210, 2)
        [row] = await storage.usage(NOW, NOW + timedelta(1), group=UsageGroup.ROOM)
        # What one call left of its own reservation makes good for no other.
        assert (row.tokens_in + row.tokens_out, row.tokens_over) == (210, 70)
        breach = await storage.reserve(charge("room", 10), [cap(room("room"), 219)])
        assert breach == Breach(cap(room("room"), 219), 210, 10)

    async def test_what_turns_cost_is_the_sum_of_what_their_calls_have_settled(self, storage: Storage) -> None:
        ours, theirs, unpriced, free = [TurnId(ulid()) for _ in range(4)]
        calls = [charge("room", turn_id=ours, at=NOW + timedelta(seconds=second)) for second in (2, 1, 3)]
        others = [charge("room", turn_id=turn_id) for turn_id in (theirs, unpriced, unpriced, free)]
        still_open, given_back = charge("room", turn_id=ours), charge("room", turn_id=ours)
        elsewhere, late = charge("other", turn_id=ours), charge("room", turn_id=ours, at=NOW + timedelta(hours=2))
        await reserved(storage, *calls, *others, still_open, given_back, elsewhere, late)
        assert await storage.release(given_back.id)
        for one, micros, version in zip(calls, (5, 6, 7), ("p2", "p9", "p3"), strict=True):
            assert await settle(storage, one, 10, micros, model="m", price_version=version)
        for one, cost in zip(others, (1, 2, None, 0), strict=True):
            assert await settle(storage, one, 10, cost)
        assert await settle(storage, elsewhere, 10, 100)
        assert await settle(storage, late, 10, 100)
        until = NOW + timedelta(hours=1)
        everyone = [ours, theirs, unpriced, free, TurnId(ulid())]
        assert await storage.costs_of_turns(RoomId("room"), everyone, NOW, until) == {
            ours: TurnCost(18, "p3"),
            theirs: TurnCost(1, "p1"),
            unpriced: TurnCost(None, "p1"),
            free: TurnCost(0, "p1"),
        }
        assert await storage.costs_of_turns(RoomId("room"), [theirs], NOW, NOW) == {theirs: TurnCost(1, "p1")}
        assert await storage.costs_of_turns(RoomId("room"), [], NOW, until) == {}

    async def test_old_reservations_that_nobody_will_settle_are_found(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        turns = [TurnId(ulid()) for _ in range(3)]
        for turn_id in turns[:2]:
            script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED)
        script.add(TurnStarted, AI, turn_id=turns[1], fence=1, pod="a")
        script.add(TurnEnded, AI, turn_id=turns[1], ai_id=AI, outcome=TurnOutcome.DONE)
        await put(storage, script, 1)
        young, old = NOW, NOW - timedelta(minutes=11)
        running, ended, lost = [charge(script.room_id, turn_id=turn_id, at=old) for turn_id in turns]
        summary, fresh = charge(script.room_id, at=old + timedelta(seconds=1)), charge(script.room_id, at=young)
        given_back = charge(script.room_id, at=old)
        await reserved(storage, running, ended, lost, summary, fresh, given_back)
        assert await storage.release(given_back.id)
        limit = NOW - timedelta(minutes=10)
        left = await storage.left_open(older_than=limit, limit=10)
        assert left == [*sorted([ended.id, lost.id]), summary.id]
        assert await storage.left_open(older_than=limit, limit=1) == left[:1]
        assert await storage.settle_as_reserved(left) == 3
        assert await storage.left_open(older_than=limit, limit=10) == []
        script.add(RoomDeleted)
        await put(storage, script, script.seq - 1)
        assert await storage.left_open(older_than=limit, limit=10) == [running.id]

    async def test_reports_sum_up_settled_calls_under_any_heading(self, storage: Storage) -> None:
        day = timedelta(days=1)
        calls = [
            (charge("red", asker_id=ALICE), 100, 7, "m1"),
            (charge("red", asker_id=BOB, at=NOW + day), 20, None, "m2"),
            (charge("blue", asker_id=None, at=NOW + day), 50, 9, "m1"),
            (charge("blue", asker_id=ALICE, at=NOW + 2 * day), 500, 1, "m1"),
        ]
        for one, tokens, micros, model in calls:
            await reserved(storage, one)
            assert await settle(storage, one, tokens, micros, model=model, price_version="p2")
        await reserved(storage, charge("red", at=NOW + day))  # still running: in no report

        def row(key: str, number: int, tokens: int, cached: int, cost: int, unpriced: int = 0) -> UsageRow:
            return UsageRow(
                key=key,
                calls=number,
                tokens_in=tokens - number,
                tokens_cached=cached,
                tokens_out=number,
                cost_micros=cost,
                unpriced_calls=unpriced,
            )

        async def report(group: UsageGroup, room_id: str | None = None) -> list[UsageRow]:
            room_or_all = None if room_id is None else RoomId(room_id)
            return [*await storage.usage(NOW, NOW + 2 * day, room_id=room_or_all, group=group)]

        red, blue = row("red", 2, 120, 60, 7, 1), row("blue", 1, 50, 25, 9)
        assert await report(UsageGroup.ROOM) == [red, blue]
        assert await report(UsageGroup.ROOM, "blue") == [blue]
        assert await report(UsageGroup.ROOM, "nowhere") == []
        alice, bob = row(ALICE, 1, 100, 50, 7), row(BOB, 1, 20, 10, 0, 1)
        assert await report(UsageGroup.ASKER) == [alice, row("", 1, 50, 25, 9), bob]
        assert await report(UsageGroup.AI) == [row(AI, 3, 170, 85, 16, 1)]
        assert await report(UsageGroup.MODEL) == [row("m1", 2, 150, 75, 16), row("m2", 1, 20, 10, 0, 1)]
        days = [row("2026-11-21", 1, 100, 50, 7), row("2026-11-22", 2, 70, 35, 9, 1)]
        assert await report(UsageGroup.DAY) == days
        assert await report(UsageGroup.DAY, "red") == [days[0], row("2026-11-22", 1, 20, 10, 0, 1)]
