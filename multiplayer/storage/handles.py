"""The handles to try: for someone whose wished one may be taken `name-2`, `name-3`, …; for someone who was erased."""

from collections.abc import Iterator
from typing import Final

from multiplayer.protocol.ids import AccountId

MAX_HANDLE: Final = 32
CANDIDATES: Final = 100


def numbered_handles(handle: str, first: int) -> list[str]:
    """Return `CANDIDATES` handles from number `first` on, each within 32 characters."""
    return [_numbered(handle, number) for number in range(first, first + CANDIDATES)]


def erased_handles(account_id: AccountId, first: str = "") -> Iterator[str]:
    """Yield handles for an erased account, the shortest first; one of them is free."""
    if first:
        yield first
    for length in range(6, MAX_HANDLE - len("erased-") + 1):
        yield f"erased-{account_id[-length:].lower()}"


def _numbered(handle: str, number: int) -> str:
    suffix = "" if number == 1 else f"-{number}"
    return handle[: MAX_HANDLE - len(suffix)] + suffix
