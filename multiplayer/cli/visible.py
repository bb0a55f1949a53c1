"""Text of others made safe to print: nothing in it can move the cursor, recolour, or turn the reading direction."""

import unicodedata
from collections.abc import Iterator
from itertools import groupby

_KEPT = "\n\t"
# Cc control, Cf format (bidi marks and overrides, invisible tags), Cs surrogates, Zl and Zp line ends.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Needed to write Persian, Hindi and many emoji; they cannot reorder or hide anything."""
_NO_INK = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
"""Letters and marks that look like nothing or like a space; two commands can differ in them alone."""


def visible(text: str, *, keeps_lines: bool = False) -> str:
    r"""Return `text` with control and direction characters written out as `\x1b`; line ends too, unless kept."""
    if text.isascii() and text.isprintable():
        return text
    kept = _KEPT if keeps_lines else ""
    return "".join(
        character if character in kept or character in _JOINERS or not _is_hidden(character) else _written(character)
        for character in text
    )


def exact_pieces(line: str) -> Iterator[tuple[str, bool]]:
    r"""Yield a line in pieces, each with whether it is written out as `\x1b`: also what only looks like a space.

    For what somebody decides about: nothing that is not plainly seen stays as it is, not even between letters.
    """
    for is_plain, characters in groupby(line, _is_plain):
        piece = "".join(characters)
        yield (piece, False) if is_plain else ("".join(_written(character) for character in piece), True)


def indented(text: str, indent: str) -> str:
    """Return visible text whose further lines are indented, so that no line of it can pass for a speaker's name."""
    return visible(text, keeps_lines=True).replace("\n", f"\n{indent}")


def shortened(text: str, most: int) -> str:
    """Return one visible line of at most about `most` characters."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _is_plain(character: str) -> bool:
    return character.isprintable() and ord(character) not in _NO_INK


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
