"""Fires the schedule rules of all rooms of the database when they are due: each time once, whichever pods look."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import structlog

from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.unattended import fire
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.inner_commands import FireRule
from multiplayer.protocol.trigger_rules import ScheduleRule
from multiplayer.protocol.values import rfc3339
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable

LATE: Final = timedelta(seconds=60)
"""What is longer ago than this was missed, and is not made up."""
LOOK_S: Final = 20.0
"""How often the rules are read again, at the least."""
_SOON_S: Final = 0.2
_AGAIN: Final = (RefusalCode.BUSY, RefusalCode.UNAVAILABLE, RefusalCode.UNKNOWN)
_DAY: Final = timedelta(days=1)

_log = structlog.get_logger(__name__)


class Schedules:
    """Every pod looks; one key for each due time makes all of them one request."""

    def __init__(self, storage: Storage, directory: Directory, clock: Clock) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._settled: dict[tuple[RoomId, str], datetime] = {}
        """Asked for, or refused for good, while they are still due."""
        self._unknown: set[tuple[RoomId, str, str]] = set()
        """Rules that are never due here, with their zones."""

    async def run(self) -> None:
        """For ever. A database that is away is looked for again at the next round."""
        while True:
            try:
                wait_s = await self.fire_due()
            except (StorageUnavailable, OutcomeUnknown):
                wait_s = 1.0
            await asyncio.sleep(wait_s)

    async def fire_due(self) -> float:
        """Fire what is due now; return after how many seconds to look again."""
        now = self._clock.now()
        self._settled = {key: due for key, due in self._settled.items() if now - due < LATE}
        wait_s = LOOK_S
        unknown: set[tuple[RoomId, str, str]] = set()
        for room_id, settings in await self._storage.scheduled_rooms():
            for rule in settings.triggers:
                if not isinstance(rule, ScheduleRule) or not rule.is_on or rule.set_by is None:
                    continue
                if _zone_of(rule) is None:
                    unknown.add((room_id, rule.id, rule.zone))
                    continue
                due = last_due(rule, now)
                if due is not None and not await self._fire(room_id, rule, rule.set_by, due):
                    wait_s = min(wait_s, 1.0)
                following = next_due(rule, now)
                if following is not None:
                    wait_s = min(wait_s, (following - now).total_seconds())
        for room_id, rule_id, zone in unknown - self._unknown:
            _log.warning("schedule_zone_unknown", room=room_id, rule=rule_id, zone=zone)
        self._unknown = unknown
        return max(_SOON_S, wait_s)

    async def _fire(self, room_id: RoomId, rule: ScheduleRule, set_by: AccountId, due: datetime) -> bool:
        """Ask for it in the name of who set the rule; return whether that is settled."""
        key = f"schedule:{rule.id}:{rfc3339(due)}"
        if (room_id, key) in self._settled:
            return True
        try:
            host = await self._directory.host(room_id)
            await fire(self._storage, host, set_by, FireRule(rule_id=rule.id), key=key, origin="server")
        except Refused as refused:
            if refused.code in _AGAIN:
                return False
            _log.info("schedule_refused", room=room_id, rule=rule.id, code=refused.code.value)
        self._settled[room_id, key] = due
        return True


def known_zones() -> frozenset[str]:
    """Return the time zones that a rule may name on this machine. Reads the zones' folder: takes some milliseconds.

    The machine's own zone is none of them: it is another one on each machine.
    """
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def last_due(rule: ScheduleRule, now: datetime) -> datetime | None:
    """Return when the rule was due within the last minute; None if it was not, or its zone is not known here."""
    return next((due for due in reversed([*_times(rule, now)]) if timedelta(0) <= now - due < LATE), None)


def next_due(rule: ScheduleRule, now: datetime) -> datetime | None:
    """Return when it is due next, if that is within a day or so."""
    return next((due for due in _times(rule, now) if due > now), None)


def _times(rule: ScheduleRule, now: datetime) -> Iterator[datetime]:
    """Yield the due times around `now`, in order.

    A time that the clocks jump over comes as much later as they jump; one that they show twice comes the first time.
    """
    zone = _zone_of(rule)
    if zone is None:
        return
    today = now.astimezone(zone).date()
    for date in (today - _DAY, today, today + _DAY):
        if not rule.days or date.isoweekday() in rule.days:
            yield datetime.combine(date, rule.at.replace(tzinfo=None, fold=0), zone).astimezone(UTC)


def _zone_of(rule: ScheduleRule) -> ZoneInfo | None:
    try:
        return ZoneInfo(rule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
