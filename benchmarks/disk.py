"""How fast the disk below a folder makes a write durable: fdatasync of a page, as Postgres does at each commit."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.spread import percentile

_PAGE = b"\x5a" * 8192
_FILE_PAGES = 512


@dataclass(frozen=True)
class Fdatasync:
    """Milliseconds of the single calls, in the order they were made."""

    calls_ms: tuple[float, ...]

    def __add__(self, other: "Fdatasync") -> "Fdatasync":
        return Fdatasync(self.calls_ms + other.calls_ms)

    @property
    def mean_ms(self) -> float:
        return sum(self.calls_ms) / len(self.calls_ms)

    def facts(self) -> dict[str, float]:
        return {
            "calls": len(self.calls_ms),
            "mean_ms": round(self.mean_ms, 3),
            "p50_ms": round(percentile(self.calls_ms, 50), 3),
            "p99_ms": round(percentile(self.calls_ms, 99), 3),
            "per_s": round(1000 / self.mean_ms),
        }


def measure(folder: Path, *, for_s: float = 0.7, at_most: int = 1_000) -> Fdatasync:
    """Overwrite pages of a file that is there already, as a recycled WAL segment is, and wait for each."""
    path = folder / "fdatasync-probe"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, _PAGE * _FILE_PAGES)
        os.fsync(handle)
        calls_ms: list[float] = []
        until_s = time.perf_counter() + for_s
        while len(calls_ms) < at_most and (time.perf_counter() < until_s or not calls_ms):
            os.pwrite(handle, _PAGE, len(calls_ms) % _FILE_PAGES * len(_PAGE))
            began_s = time.perf_counter()
            os.fdatasync(handle)
            calls_ms.append((time.perf_counter() - began_s) * 1000)
        return Fdatasync(tuple(calls_ms))
    finally:
        os.close(handle)
        path.unlink()
