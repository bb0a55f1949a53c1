"""What a sync did and is doing, for whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Did(StrEnum):
    SENT = "sent"
    FETCHED = "fetched"
    REMOVED_HERE = "removed_here"
    REMOVED_THERE = "removed_there"
    MOVED_ASIDE = "moved_aside"
    """Both had changed it: what was here has another name now, `to`."""


@dataclass(frozen=True, slots=True)
class Done:
    """One path that was changed, or in a preview would be."""

    did: Did
    path: str
    to: str = ""


@dataclass(slots=True)
class Result:
    """What one run came to."""

    done: list[Done] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Paths that could not be made equal, and why."""
    may_not_change: str = ""
    """Why nothing can be changed in the room, in the server's words; changes from here are left out then."""
    links: int = 0
    """Links and special files on either side."""
    unsaid: int = 0
    """Files of the room whose names cannot be said here."""
    files: int = 0
    """What both sides have alike now."""
    is_settled: bool = True
    """False: files changed so often meanwhile that it was given up for now."""

    @property
    def is_equal(self) -> bool:
        return self.is_settled and not self.left_out and not self.may_not_change


def _nothing(_done: Done) -> None:
    pass


def _no_progress(_what: str, _at: int, _of: int | None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Told:
    """Is told on the event loop, but for `moving`: from any thread.

    `moving` is told of what is done (`reading`, `fetching`, `sending`) the bytes so far, and of how many if known.
    """

    done: Callable[[Done], None] = _nothing
    moving: Callable[[str, int, int | None], None] = _no_progress
