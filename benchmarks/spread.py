"""Percentiles and medians of what was measured."""

import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all values do not exceed."""
    assert values, "nothing was measured"
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def median_and_range(values: Sequence[float], digits: int) -> str:
    """`12.3 (11.0–14.2)`."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
