"""How much: the numbers of a room, and token buckets on a given clock value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RoomLimits:
    """Sizes in characters unless a name says otherwise."""

    text: int = 32_000
    text_bytes: int = 60 * 1024
    """Chinese would not fit into a frame otherwise."""
    name: int = 80
    topic: int = 500
    persona: int = 4_000
    emoji: int = 32
    emojis_per_message: int = 50
    pins: int = 100
    facts: int = 100
    members: int = 500
    rooms_per_account: int = 1_000
    answer: int = 200_000
    """An AI's answer; what is longer is cut, and says so."""
    retention_days: int | None = None
    """The longest that any room keeps what is said in it; None: for good."""
    zones: frozenset[str] | None = None
    """The time zones that a schedule may name; None: any."""


class TokenBucket:
    """`rate` tokens a second, at most `burst` at once. The caller brings the clock (monotonic seconds)."""

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at_s = now_s

    def take(self, now_s: float) -> float:
        """Take one token and return 0, or return the seconds until there will be one."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate

    def is_full(self, now_s: float) -> bool:
        """Tell whether the bucket would be as good as new."""
        return self._tokens + max(0.0, now_s - self._at_s) * self._rate >= self._burst
