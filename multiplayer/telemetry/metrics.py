"""What is counted, under the names that Prometheus sees."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One registry per pod, so that two pods in one process do not share their counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        events = Counter("multiplayer_events", "Events committed by this pod, by type.", ["type"], registry=registry)
        # Looking a label up costs more than counting, and this is counted for every message.
        self._event_counts: dict[str, Counter] = {}
        self._events = events
        self.refusals = Counter("multiplayer_refusals", "Commands refused, by code.", ["code"], registry=registry)
        self.conflicts = Counter(
            "multiplayer_append_conflicts", "Appends that another pod was faster than.", registry=registry
        )
        self.append_s = Histogram(
            "multiplayer_append_seconds", "From a decided batch to its commit.", registry=registry,
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
        )  # fmt: skip
        self.batch = Histogram(
            "multiplayer_batch_commands", "Commands decided in one batch.", registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        )  # fmt: skip
        self.skipped = Counter(
            "multiplayer_skipped_lines", "Lines not queued for a slow session; replayed later.", registry=registry
        )
        self.closed = Counter(
            "multiplayer_sessions_closed", "Sessions closed, by close code.", ["code"], registry=registry
        )
        self.turns = Counter("multiplayer_turns_ended", "Turns ended here, by outcome.", ["outcome"], registry=registry)
        self.room_restarts = Counter(
            "multiplayer_room_restarts", "Rooms reloaded from their log after an unexpected error.", registry=registry
        )
        self.mirror = Counter(
            "multiplayer_workspace_pushes",
            "Workspaces put into the file store, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.http = Counter("multiplayer_http_responses", "HTTP answers, by status.", ["status"], registry=registry)

    def count_event(self, kind: str) -> None:
        count = self._event_counts.get(kind)
        if count is None:
            count = self._event_counts[kind] = self._events.labels(kind)
        count.inc()

    def gauge(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """Show `value()` at each scrape."""
        Gauge(name, documentation, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self._registry)
