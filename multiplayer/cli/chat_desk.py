"""What the commands of a chat work with besides the room: where they write, where they complain, how they wait."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from rich.text import Text


@dataclass(frozen=True)
class Desk:
    """`until_shown` waits for event `seq` to be shown."""

    write: Callable[[Iterable[Text | str]], Awaitable[None]]
    """Text as it is made; a string as a note."""
    complain: Callable[[str], None]
    until_shown: Callable[[int], Awaitable[None]]
