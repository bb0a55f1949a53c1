"""How a chat says that a line could not be carried out: what was typed wrong, what is not there, what was refused."""

from multiplayer.protocol.errors import RefusalCode, Refused

_PLAIN = frozenset({RefusalCode.MALFORMED, RefusalCode.NOT_FOUND})


def in_words(refused: Refused) -> str:
    """Say why something was not done. What was typed wrong, or is not there, needs no word on who refused it."""
    if refused.code in _PLAIN:
        return refused.message
    return f"refused ({refused.code.value}): {refused.message}"


def typed_wrong(sentence: str) -> Refused:
    return Refused(RefusalCode.MALFORMED, sentence)


def not_there(sentence: str) -> Refused:
    return Refused(RefusalCode.NOT_FOUND, sentence)


def number_in(text: str) -> int | None:
    """Read a number of at most four digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def number_of(text: str, most: int, what: str) -> int:
    """Read a number from 1 to `most`. Raises `Refused`, in the words of `what`."""
    number = number_in(text)
    if number is not None and 1 <= number <= most:
        return number
    raise typed_wrong(f"{what} are numbered 1 to {most}" if most else "there is none")
