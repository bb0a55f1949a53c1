"""What the server asks of an extraction process and what it may answer: the words that both sides know."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from multiplayer.tools.limits import GIB, KIB, MIB

LINE_BYTES: Final = 16 * KIB
"""About as much of a text as is said in one line."""


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """Ceilings of one extraction."""

    max_pixels: int = 50_000_000
    max_frames: int = 1000
    thumbnail_px: int = 480
    thumbnail_bytes: int = 256 * KIB
    max_pages: int = 300
    max_characters: int = 200_000
    max_entries: int = 10_000
    max_unpacked_bytes: int = 200 * MIB
    max_ratio: int = 100
    memory_bytes: int = GIB
    """Address space of the process (RLIMIT_AS)."""
    cpu_s: int = 20
    wall_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """One line of JSON on the process's standard input."""

    content_type: str
    limits: ExtractionLimits
    uid: int | None
    """Whom to become; None to stay who we are."""
    landlock_abi: int
    parent: int

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Job":
        """Parse what `to_line` made; for the server's own words only."""
        fields = json.loads(line)
        limits = ExtractionLimits(**fields.pop("limits"))
        return cls(limits=limits, **fields)


class Problem(StrEnum):
    """Why something was not read. The process names one of these; the sentence is the server's."""

    DAMAGED = "damaged"
    MEMORY = "memory"
    PIXELS = "pixels"
    FRAMES = "frames"
    PROTECTED = "protected"
    UNPACKED = "unpacked"
    ENTRIES = "entries"
    RATIO = "ratio"
    OVERLAP = "overlap"
    NAMES = "names"
    LINKS = "links"
    SPECIAL = "special"
    PAGES = "pages"


class Stopped(Exception):  # noqa: N818 - it names what happened
    """The rest of the file is not read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem
