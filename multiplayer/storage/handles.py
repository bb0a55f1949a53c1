"""The handles to try for someone whose wished one may be taken: `name`, `name-2`, `name-3`, …"""

from typing import Final

MAX_HANDLE: Final = 32
CANDIDATES: Final = 100


def numbered_handles(handle: str, first: int) -> list[str]:
    """Return `CANDIDATES` handles from number `first` on, each within 32 characters."""
    return [_numbered(handle, number) for number in range(first, first + CANDIDATES)]


def _numbered(handle: str, number: int) -> str:
    suffix = "" if number == 1 else f"-{number}"
    return handle[: MAX_HANDLE - len(suffix)] + suffix
