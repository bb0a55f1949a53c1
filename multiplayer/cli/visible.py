"""Text of others made safe to print: nothing in it can move the cursor, recolour, or turn the reading direction."""

import unicodedata

_KEPT = "\n\t"
# Cc control, Cf format (bidi marks and overrides, invisible tags), Cs surrogates, Zl and Zp line ends.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Needed to write Persian, Hindi and many emoji; they cannot reorder or hide anything."""


def visible(text: str, *, keeps_lines: bool = False) -> str:
    r"""Return `text` with control and direction characters written out as `\x1b`; line ends too, unless kept."""
    if text.isascii() and text.isprintable():
        return text
    kept = _KEPT if keeps_lines else ""
    return "".join(
        character if character in kept or character in _JOINERS or not _is_hidden(character) else _written(character)
        for character in text
    )


def indented(text: str, indent: str) -> str:
    """Return visible text whose further lines are indented, so that no line of it can pass for a speaker's name."""
    return visible(text, keeps_lines=True).replace("\n", f"\n{indent}")


def shortened(text: str, most: int) -> str:
    """Return one visible line of at most about `most` characters."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
