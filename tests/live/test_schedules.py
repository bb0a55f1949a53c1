"""Schedules: each due time once over all pods, in its own time zone, and nothing made up for what was missed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.live.clock import Clock
from multiplayer.live.pod import Pod
from multiplayer.live.schedules import LATE, LOOK_S, Schedules, known_zones, last_due, next_due
from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.protocol.events import event_adapter
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.trigger_rules import ScheduleRule
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turns import TurnReason
from multiplayer.storage.memory import MemoryStorage
from tests.support.pods import Guest, memory_pod, system_clock

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""A Saturday."""
EVERY_DAY = ScheduleRule(id="daily", at=time(12, 0), prompt="Sum up the day.")


class Moved:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        real = system_clock()
        self.at = at
        self.clock = Clock(now=lambda: self.at, monotonic_s=real.monotonic_s, new_id=real.new_id)


@asynccontextmanager
async def pod_at(tmp_path: Path, moved: Moved, storage: MemoryStorage, name: str = "one") -> AsyncIterator[Pod]:
    # Its own loop looks at the same clock; what counts here is that a due time is asked for once, whoever looks.
    async with memory_pod(
        tmp_path / name, model=ScriptedModel([[Say("Done.")]] * 9), storage=storage, clock=moved.clock, name=name
    ) as pod:
        yield pod


def looker(pod: Pod) -> Schedules:
    """One that remembers nothing, like that of a pod that just came up."""
    return Schedules(pod.storage, pod.directory, pod.clock)


async def room_with(alice: Guest, *rules: ScheduleRule) -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    settings = {"triggers": [rule.model_dump(mode="json") for rule in rules]}
    assert (await alice.ask(type="set_room_settings", room_id=room_id, settings=settings))["type"] == "accepted"
    return room_id


async def requests(pod: Pod, room_id: RoomId) -> Sequence[TurnRequested]:
    events = [event_adapter.validate_json(one.line) for one in await pod.storage.events_after(room_id, 0, limit=500)]
    return [event for event in events if isinstance(event, TurnRequested)]


async def test_a_rule_fires_when_it_is_due_in_the_name_of_who_set_it(tmp_path: Path) -> None:
    moved = Moved(NOON - timedelta(minutes=5))
    async with pod_at(tmp_path, moved, MemoryStorage()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_with(alice, EVERY_DAY, ScheduleRule(id="off", at=time(12, 0), is_on=False))
        schedules = looker(pod)
        assert await schedules.fire_due() == LOOK_S
        assert await requests(pod, room_id) == []
        moved.at = NOON - timedelta(seconds=7)
        assert await schedules.fire_due() == 7
        moved.at = NOON
        await schedules.fire_due()
        [asked] = await requests(pod, room_id)
        assert (asked.actor_id, asked.reason, asked.rule_id) == (alice.id, TurnReason.SCHEDULE, "daily")
        assert asked.note == "Sum up the day."


async def test_a_due_time_is_asked_for_once_however_many_pods_look_how_often(tmp_path: Path) -> None:
    moved, storage = Moved(NOON - timedelta(minutes=5)), MemoryStorage()
    async with pod_at(tmp_path, moved, storage) as one, pod_at(tmp_path, moved, storage, "two") as two:
        alice = await Guest.enter(one, "alice")
        room_id = await room_with(alice, EVERY_DAY)
        kept = looker(one)
        for seconds in (0, 1, 20, 40, 59):
            moved.at = NOON + timedelta(seconds=seconds)
            for schedules in (kept, looker(one), looker(two)):
                await schedules.fire_due()
        assert len(await requests(one, room_id)) == 1
        moved.at = NOON + timedelta(days=1)
        await looker(two).fire_due()
        await kept.fire_due()
        assert len(await requests(one, room_id)) == 2


async def test_what_was_missed_is_not_made_up(tmp_path: Path) -> None:
    moved = Moved(NOON - timedelta(minutes=5))
    async with pod_at(tmp_path, moved, MemoryStorage()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_with(alice, EVERY_DAY)
        moved.at = NOON + LATE
        await looker(pod).fire_due()
        assert await requests(pod, room_id) == []


async def test_a_rule_whose_setter_left_is_refused_and_the_others_fire(tmp_path: Path) -> None:
    moved = Moved(NOON - timedelta(minutes=5))
    async with pod_at(tmp_path, moved, MemoryStorage()) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        left = await room_with(alice, EVERY_DAY)
        for change in (
            {"type": "invite_member", "handle": "bob"},
            {"type": "set_role", "account_id": bob.id, "role": "owner"},
            {"type": "leave_room"},
        ):
            assert (await alice.ask(room_id=left, **change))["type"] == "accepted", change
        other = await room_with(alice, EVERY_DAY)
        moved.at = NOON
        await looker(pod).fire_due()
        assert await requests(pod, left) == []
        assert len(await requests(pod, other)) == 1


async def test_a_pod_looks_by_itself(tmp_path: Path) -> None:
    moved, storage = Moved(NOON - timedelta(minutes=5)), MemoryStorage()
    async with pod_at(tmp_path, moved, storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_with(alice, EVERY_DAY)
    moved.at = NOON
    async with pod_at(tmp_path, moved, storage, "two") as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id)
        if not await requests(pod, room_id):
            await alice.expect_type("turn_requested", rule_id="daily")


async def test_a_rule_whose_zone_is_not_known_here_is_never_due_and_holds_no_other_up(tmp_path: Path) -> None:
    moved = Moved(NOON)
    async with pod_at(tmp_path, moved, MemoryStorage()) as pod:
        alice = await Guest.enter(pod, "alice")
        lost = ScheduleRule(id="lost", at=time(12, 0), zone="Mars/Olympus")
        room_id = await room_with(alice, lost, EVERY_DAY)
        schedules = looker(pod)
        with structlog.testing.capture_logs() as logs:
            await schedules.fire_due()
            await schedules.fire_due()
        assert [request.rule_id for request in await requests(pod, room_id)] == ["daily"]
        assert [log["zone"] for log in logs if log["event"] == "schedule_zone_unknown"] == ["Mars/Olympus"]
        assert (last_due(lost, NOON), next_due(lost, NOON)) == (None, None)


def test_the_machines_own_zone_is_none_that_a_rule_may_name() -> None:
    zones = known_zones()
    assert {"UTC", "Europe/Berlin", "Asia/Shanghai"} <= zones
    assert zones.isdisjoint({"localtime", "posixrules"})


@pytest.mark.parametrize(
    ("zone", "at", "days", "now", "due"),
    [
        ("UTC", time(12, 0), (), NOON, NOON),
        ("UTC", time(12, 0), (6,), NOON, NOON),
        ("UTC", time(12, 0), (7,), NOON, None),
        ("Asia/Shanghai", time(20, 0), (), NOON, NOON),
        ("Asia/Shanghai", time(12, 0), (), NOON, None),
        # It is Sunday already in Auckland when Saturday's noon comes in London.
        ("Pacific/Auckland", time(1, 0), (7,), NOON, NOON),
        # A minute after midnight, yesterday's last minute may still be due.
        ("UTC", time(23, 59, 30), (5,), datetime(2026, 11, 21, 0, 0, 15, tzinfo=UTC), "2026-11-20T23:59:30+00:00"),
        # In Berlin the clocks go from 2:00 to 3:00 on 2026-03-29, so that 2:30 comes as 3:30.
        ("Europe/Berlin", time(2, 30), (), datetime(2026, 3, 29, 1, 30, 10, tzinfo=UTC), "2026-03-29T01:30:00+00:00"),
        ("Europe/Berlin", time(2, 30), (), datetime(2026, 3, 29, 0, 30, 10, tzinfo=UTC), None),
        # And 2:30 comes twice on 2026-10-25: the first one counts.
        ("Europe/Berlin", time(2, 30), (), datetime(2026, 10, 25, 0, 30, 10, tzinfo=UTC), "2026-10-25T00:30:00+00:00"),
        ("Europe/Berlin", time(2, 30), (), datetime(2026, 10, 25, 1, 30, 10, tzinfo=UTC), None),
    ],
)
def test_a_due_time_is_that_of_the_rules_own_zone(
    zone: str, at: time, days: tuple[int, ...], now: datetime, due: datetime | str | None
) -> None:
    rule = ScheduleRule(id="rule", at=at, zone=zone, days=days)
    assert last_due(rule, now) == (datetime.fromisoformat(due) if isinstance(due, str) else due)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_every_day_has_one_due_time_and_it_is_met_by_who_looks_every_twenty_seconds(
    now: datetime, at: time, zone: str
) -> None:
    rule = ScheduleRule(id="rule", at=at, zone=zone)
    following = next_due(rule, now)
    assert following is not None
    # A day is 25 hours at the longest, and a gap moves a due time by one more.
    assert timedelta(0) < following - now <= timedelta(hours=26)
    for late_s in (0, 20, 40):
        assert last_due(rule, following + timedelta(seconds=late_s)) == following
    assert last_due(rule, following - timedelta(microseconds=1)) != following
    local = following.astimezone(ZoneInfo(zone))
    shift = (datetime.combine(local.date(), at) - local.replace(tzinfo=None)) % timedelta(days=1)
    assert shift in {timedelta(0), timedelta(hours=23), timedelta(hours=23, minutes=30)}, "on time, or in a gap"
