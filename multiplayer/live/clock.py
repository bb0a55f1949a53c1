"""The two clocks and the source of new ids that everything live is handed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Clock:
    """`now` for what is stored (aware, UTC), `monotonic_s` for what is waited for."""

    now: Callable[[], datetime]
    monotonic_s: Callable[[], float]
    new_id: Callable[[], str]
    """A new ULID."""
