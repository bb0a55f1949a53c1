"""The one door for commands, whichever transport they came by: per-account limits, then the room."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from multiplayer.live.audit import Origin
from multiplayer.live.batch import Done, Outcome
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.protocol.commands import MarkRead, PostMessage, SetTyping
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.requests import Request
from multiplayer.protocol.signals import ReadMarked
from multiplayer.rooms.limits import TokenBucket
from multiplayer.rooms.permissions import Right
from multiplayer.storage.port import Storage

MAX_BUCKETS = 20_000


@dataclass(frozen=True)
class DoorLimits:
    messages_per_min: float = 60
    """Per account and room."""


class Door:
    def __init__(
        self,
        directory: Directory,
        storage: Storage,
        clock: Clock,
        limits: DoorLimits,
        tell: Callable[[AccountId, ReadMarked], None],
    ) -> None:
        """`tell` reaches the other sessions of an account."""
        self._directory = directory
        self._storage = storage
        self._clock = clock
        self._limits = limits
        self._tell = tell
        self._buckets: dict[tuple[AccountId, RoomId], TokenBucket] = {}

    async def submit(
        self, account_id: AccountId, request: Request, origin: Origin, done: Callable[[Outcome], None]
    ) -> None:
        """Take a command; `done` hears the outcome. Returns as soon as it is in the room's inbox. Raises `Refused`."""
        command = request.command
        host = await self._directory.host(request.room_id)
        match command:
            case MarkRead():
                host.room.check(account_id, Right.MARK_READ)
                seq = min(command.seq, host.room.seq)
                if await self._storage.mark_read(request.room_id, account_id, seq):
                    self._tell(account_id, ReadMarked(room_id=request.room_id, seq=seq))
                done(Done())
            case SetTyping():
                host.room.check(account_id, Right.MARK_READ)
                host.memory.type(account_id, is_typing=command.is_typing)
                done(Done())
            case _:
                # Membership first: a stranger learns nothing, not even by being slowed down.
                if isinstance(command, PostMessage) and account_id in host.room.state.members:
                    self._check_rate(account_id, request.room_id)
                host.submit(account_id, command, key=request.key, origin=origin, done=done)

    async def perform(self, account_id: AccountId, request: Request, origin: Origin) -> Done:
        """Submit and wait for the outcome; raise `Refused`."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not answered.done():
                answered.set_result(outcome)

        await self.submit(account_id, request, origin, done)
        outcome = await answered
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    def _check_rate(self, account_id: AccountId, room_id: RoomId) -> None:
        now_s = self._clock.monotonic_s()
        bucket = self._buckets.get((account_id, room_id))
        if bucket is None:
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets = {key: kept for key, kept in self._buckets.items() if not kept.is_full(now_s)}
            per_min = self._limits.messages_per_min
            bucket = self._buckets[account_id, room_id] = TokenBucket(per_min / 60, per_min, now_s)
        wait_s = bucket.take(now_s)
        if wait_s:
            raise Refused(
                RefusalCode.RATE_LIMITED,
                f"at most {self._limits.messages_per_min:.0f} messages a minute in one room",
                retry_after_s=wait_s,
            )
