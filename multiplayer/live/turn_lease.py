"""The lease of one turn: renewed while the database confirms it, and given up before another pod could take the turn."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from multiplayer.protocol.ids import TurnId
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable

LEASE_S: Final = 10.0
RENEW_S: Final = 0.9
MARGIN_S: Final = 1.5
"""So long before the lease is over its holder falls silent, however slowly the clocks here and there may run."""
_LAST_TRY_S: Final = 1.0


class TurnLease:
    """Of one holder. `monotonic_s` is this pod's clock; the lease itself runs by the database's."""

    def __init__(
        self, storage: Storage, monotonic_s: Callable[[], float], turn_id: TurnId, *, fence: int, pod: str
    ) -> None:
        self._storage = storage
        self._monotonic_s = monotonic_s
        self._turn_id = turn_id
        self._fence = fence
        self._pod = pod
        # Whoever has just written the start of the turn holds it.
        self._until_s = monotonic_s() + LEASE_S - MARGIN_S

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have taken the turn by now."""
        return self._left_s > 0

    async def confirm(self) -> bool:
        """Tell whether the turn is ours; after a pause that was too long the database is asked first."""
        if self.is_held:
            return True
        with suppress(StorageUnavailable, OutcomeUnknown):
            return await self._renew()
        return False

    async def keep(self) -> None:
        """Renew it until another pod holds the turn, or until nobody has said in time that we still do."""
        while True:
            # After a pause (the pod was frozen) there is nothing left, but it may be ours all the same.
            with suppress(StorageUnavailable, OutcomeUnknown, TimeoutError):
                async with asyncio.timeout(max(self._left_s, _LAST_TRY_S)):
                    if not await self._renew():
                        return
            if not self.is_held:
                return
            await asyncio.sleep(min(RENEW_S, self._left_s))

    async def _renew(self) -> bool:
        # From before we ask: the database counts from when it hears of it, which is later.
        asked_s = self._monotonic_s()
        is_ours = await self._storage.hold(self._turn_id, fence=self._fence, pod=self._pod, lease_s=LEASE_S)
        self._until_s = asked_s + LEASE_S - MARGIN_S if is_ours else asked_s
        return is_ours

    @property
    def _left_s(self) -> float:
        return self._until_s - self._monotonic_s()
