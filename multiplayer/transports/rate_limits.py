"""How often one key may come: token buckets in a dict that cannot grow without end."""

from collections.abc import Callable

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.rooms.limits import TokenBucket

MAX_BUCKETS = 20_000


class RateLimit:
    """`burst` at once and then `per_min` a minute, for each key by itself."""

    def __init__(
        self,
        what: str,
        monotonic_s: Callable[[], float],
        *,
        per_min: float,
        burst: float | None = None,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        """`what` completes the sentence `too many …`."""
        self._what = what
        self._monotonic_s = monotonic_s
        self._per_min = per_min
        self._burst = per_min if burst is None else burst
        self._max_buckets = max_buckets
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def times(self, factor: float) -> "RateLimit":
        """Return a limit of its own that lets through `factor` as much."""
        return RateLimit(
            self._what,
            self._monotonic_s,
            per_min=self._per_min * factor,
            burst=self._burst * factor,
            max_buckets=self._max_buckets,
        )

    def check(self, key: str) -> None:
        """Take one go of `key`; refuse `rate_limited` when there is none left."""
        now_s = self._monotonic_s()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._max_buckets:
                self._make_room(now_s)
            bucket = self._buckets[key] = TokenBucket(self._per_min / 60, self._burst, now_s)
        wait_s = bucket.take(now_s)
        if wait_s:
            raise Refused(RefusalCode.RATE_LIMITED, f"too many {self._what}; try again later", retry_after_s=wait_s)

    def _make_room(self, now_s: float) -> None:
        self._buckets = {key: kept for key, kept in self._buckets.items() if not kept.is_full(now_s)}
        # All of them in use: the oldest half starts anew, which costs less than a dict without an end.
        for key in list(self._buckets)[: max(0, len(self._buckets) - self._max_buckets // 2)]:
            del self._buckets[key]
