"""Why an AI did or did not answer a message, and what other rules would have made of the room's history."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.handles_of import handles_of
from multiplayer.live.log_pages import events_between
from multiplayer.live.room_host import RoomHost
from multiplayer.live.rule_rehearsal import rehearse
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.reports_rules import CausedTurn, DryRun, Explanation, Firing, RuleCount, RuleVerdict
from multiplayer.protocol.trigger_rules import MAX_RULES, TriggerRule, Why
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested, TurnSteered
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.rehearsal import Judged, why_text
from multiplayer.rooms.triggers import Verdict, is_ai
from multiplayer.storage.port import Storage

USUAL: Final = 10_000
MOST: Final = 100_000
"""How many events a dry run looks back at: without a word about it, and at most."""
MOST_TOLD: Final = 1_000
AT_ONCE: Final = 2
"""Rehearsals on this pod; further ones wait, so that rooms go on being quick."""
_WARM_UP: Final = 1_000
"""What was shortly before counts for cooldowns and rates, though it is not told."""
_LATER: Final = 2_000
"""How many events after a message may hold a request that names it."""


class RuleReports:
    def __init__(self, storage: Storage, directory: Directory, clock: Clock, *, most_s: float = 15.0) -> None:
        """A dry run ends after `most_s`, with what it has found until then."""
        self._most_s = most_s
        self._storage = storage
        self._directory = directory
        self._monotonic_s = clock.monotonic_s
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def explain(self, room_id: RoomId, reader_id: AccountId, message_id: MessageId) -> Explanation:
        """Say of each rule and AI why it fired on this message or not, and what became of the turns it caused."""
        host = await self._directory.host(room_id)
        member = host.room.check(reader_id, Right.READ)
        message = (await self._storage.messages(room_id, [message_id])).get(message_id)
        if message is None or message.seq < host.room.readable_from(member):
            raise Refused(RefusalCode.NOT_FOUND, "there is no such message in this room")
        after = _beginning(message.seq - USUAL)
        if after and host.room.seq - after > MOST:
            if message.seq > MOST:
                raise Refused(RefusalCode.LIMIT_REACHED, "this message is too far back in a long room to be explained")
            after = 0
        after = max(after, _hidden_before(host, member))
        judged: list[Judged] = []
        # One event more tells whether the message was said into a turn.
        up_to = min(message.seq + 1, host.room.seq)
        async with self._slots:
            await rehearse(
                self._storage,
                host,
                after=after,
                since=message.seq,
                up_to=up_to,
                triggers=None,
                tell=judged.append,
                goes_on=lambda: True,
            )
        turns = await self._caused(host, message_id, message.seq)
        verdicts = next((one.verdicts for one in judged if one.message_id == message_id), ())
        named = {verdict.ai_id for verdict in verdicts if verdict.ai_id is not None}
        names = await handles_of(self._storage, host, named)
        by_rule = {(turn.rule_id, turn.ai_id): turn.turn_id for turn in turns}
        return Explanation(
            message_id=message_id,
            verdicts=tuple(
                RuleVerdict(
                    rule_id=verdict.rule_id,
                    ai_id=verdict.ai_id,
                    fires=verdict.fires,
                    why=verdict.why,
                    reason=verdict.reason,
                    text=why_text(verdict, names),
                    turn_id=by_rule.get((verdict.rule_id, verdict.ai_id)) if verdict.ai_id is not None else None,
                )
                for verdict in verdicts
            ),
            turns=turns,
            is_exact=after == 0,
        )

    async def dry_run(
        self, room_id: RoomId, reader_id: AccountId, triggers: Sequence[TriggerRule], *, since: int | None = None
    ) -> DryRun:
        """Say what `triggers` would have done to the messages from seq `since` on that the reader may read."""
        host = await self._directory.host(room_id)
        member = host.room.check(reader_id, Right.READ)
        _check(host, triggers)
        up_to = host.room.seq
        wanted = up_to - USUAL + 1 if since is None else max(since, up_to - MOST + 1)
        first = max(1, wanted, host.room.readable_from(member))
        after = max(_beginning(first - 1 - _WARM_UP), _hidden_before(host, member))
        tally = _Tally()
        async with self._slots:
            ends_s = self._monotonic_s() + self._most_s
            reached = await rehearse(
                self._storage,
                host,
                after=after,
                since=first,
                up_to=up_to,
                triggers=tuple(triggers),
                tell=tally.take,
                goes_on=lambda: self._monotonic_s() < ends_s,
            )
        return DryRun(
            from_seq=first,
            up_to_seq=reached,
            messages=tally.messages,
            rules=tuple(tally.of(rule.id) for rule in triggers),
            firings=tuple(tally.firings[-MOST_TOLD:]),
            was_cut=reached < up_to or len(tally.firings) > MOST_TOLD,
            is_exact=after == 0,
        )

    async def _caused(self, host: RoomHost, message_id: MessageId, seq: int) -> tuple[CausedTurn, ...]:
        last = min(host.room.seq, seq + _LATER)
        events = await events_between(self._storage, host.room_id, seq, last, marks=(message_id.encode(),))
        found: dict[tuple[TurnId, str | None], CausedTurn] = {}
        for event in events:
            if not isinstance(event, TurnRequested | TurnCollected | TurnSteered) or event.message_id != message_id:
                continue
            record = await self._storage.turn(host.room_id, event.turn_id)
            if record is not None:
                found[event.turn_id, event.rule_id] = CausedTurn(
                    turn_id=event.turn_id,
                    ai_id=event.ai_id,
                    how=event.type.removeprefix("turn_"),
                    reason=event.reason,
                    rule_id=event.rule_id,
                    state=record.state,
                    ended_because=record.reason,
                    message_id=record.message_id,
                )
        return tuple(found.values())


@dataclass
class _Tally:
    """Adds up verdicts; heard in a thread, one at a time."""

    messages: int = 0
    firings: list[Firing] = field(default_factory=list)
    _counts: Counter[tuple[str, Why]] = field(default_factory=Counter)

    def take(self, judged: Judged) -> None:
        self.messages += 1
        for verdict in judged.verdicts:
            self._counts[verdict.rule_id, verdict.why] += 1
            if verdict.fires and verdict.ai_id is not None:
                self.firings.append(_firing(judged, verdict, verdict.ai_id))

    def of(self, rule_id: str) -> RuleCount:
        whys = {why: count for (rule, why), count in self._counts.items() if rule == rule_id}
        fired = whys.pop(Why.FIRES, 0)
        return RuleCount(rule_id=rule_id, fired=fired, held_back=whys)


def _firing(judged: Judged, verdict: Verdict, ai_id: AccountId) -> Firing:
    return Firing(
        message_id=judged.message_id, seq=judged.seq, rule_id=verdict.rule_id, ai_id=ai_id, reason=verdict.reason
    )


def _hidden_before(host: RoomHost, member: Member) -> int:
    """Return the last seq that is kept from `member`: by what cooldowns and counts say of it, they would read it."""
    return max(0, host.room.readable_from(member) - 1)


def _beginning(after: int) -> int:
    """Return where to begin: with the room's first event if that is not far, for then it is exact."""
    return 0 if after <= USUAL else after


def _check(host: RoomHost, triggers: Sequence[TriggerRule]) -> None:
    if len(triggers) > MAX_RULES:
        raise Refused(RefusalCode.MALFORMED, f"a room may have at most {MAX_RULES} rules")
    twice = [rule_id for rule_id, count in Counter(rule.id for rule in triggers).items() if count > 1]
    if twice:
        raise Refused(RefusalCode.MALFORMED, f"two rules have the id {twice[0]}")
    for rule in triggers:
        if rule.ai_id is not None and not is_ai(host.room.state, rule.ai_id):
            raise Refused(RefusalCode.NOT_FOUND, f"rule {rule.id} names an AI that is not in this room")
