"""Connections that are there but have not said who they are: counted by address, so that waiting costs little."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from multiplayer.live.pod import Pod
from multiplayer.protocol.errors import RefusalCode, Refused


class Arrivals:
    """One for all WebSockets of a pod."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def wait(self, address: str) -> Iterator[None]:
        """Hold a place until the session begins; refuses an address whose waiting and open connections are too many."""
        self._pod.sessions.check_address(address)
        if self._waiting[address] >= self._pod.limits.session.sessions_per_address:
            raise Refused(RefusalCode.LIMIT_REACHED, "too many connections from this address")
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
