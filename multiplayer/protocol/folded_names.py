"""When two names of files are one: what all spellings share that some file system takes for the same."""

import unicodedata
from typing import Final

SYNC_FOLDER: Final = ".multiplayer"
"""Where a folder that follows a room keeps what it remembers. Nothing of that name goes to or fro."""
_IGNORABLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}
)
"""Of Unicode's Default_Ignorable_Code_Point what is not of the category Cf."""


def folded(name: str) -> str:
    """Return what all spellings of a name share that some file system takes for one."""
    if name.isascii():
        return name.lower()
    # Twice, as folding can undo the normal form; characters without a shape are ignored by some file systems.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _shaped(name)).casefold())
    return _shaped(text)


def _shaped(text: str) -> str:
    return "".join(
        character for character in text if unicodedata.category(character) != "Cf" and ord(character) not in _IGNORABLE
    )
