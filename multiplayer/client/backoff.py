"""How long to wait before the next try: longer each time, never the same for everyone; and when to try no more."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from multiplayer.client.errors import ConnectionLost
from multiplayer.protocol.errors import RefusalCode, Refused

PASSING: Final = frozenset({RefusalCode.UNAVAILABLE, RefusalCode.BUSY, RefusalCode.RATE_LIMITED, RefusalCode.UNKNOWN})
"""Refusals after which the same thing may well be done."""


@dataclass
class Backoff:
    """Full jitter between half and the whole of a doubling span."""

    first_s: float = 0.25
    most_s: float = 3.0
    """Whoever waits for a server that came back waits no longer than this."""
    tries: int = 0

    def next_s(self, *, at_least_s: float = 0.0) -> float:
        """Return the next wait. `at_least_s` is what the server asked for."""
        span_s: float = min(self.most_s, self.first_s * 2**self.tries)
        # The exponent is bounded: 2 to a large number is no float.
        self.tries = min(self.tries + 1, 16)
        return at_least_s + span_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        self.tries = 0


class Patience:
    """For something that may be done again: it is tried so long without getting on. Used on one event loop."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._backoff = Backoff()
        self._ends_s: float | None = None

    def got_on(self) -> None:
        """Begin anew: something was done."""
        self._backoff.reset()
        self._ends_s = None

    async def wait(self, problem: ConnectionLost | Refused) -> None:
        """Return when it is time for the next try. Raises `problem` if it will not pass, or did not in all that time."""
        asked_s = 0.0
        if isinstance(problem, Refused):
            if problem.code not in PASSING:
                raise problem
            asked_s = problem.retry_after_s or 0.0
        now_s = asyncio.get_running_loop().time()
        wait_s = self._backoff.next_s(at_least_s=asked_s)
        if self._ends_s is None:
            self._ends_s = now_s + self._patience_s
        if now_s + wait_s > self._ends_s:
            raise problem
        await asyncio.sleep(wait_s)
