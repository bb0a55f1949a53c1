"""How long to wait before the next try: longer each time, never the same for everyone."""

import random
from dataclasses import dataclass


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
