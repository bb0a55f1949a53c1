"""Money and tokens as people write them. Money is integers inside, millionths of one unit of a currency."""

import re
from decimal import Decimal
from typing import Final

_MICROS: Final = 1_000_000
_DIGITS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimals that a currency is written with, by ISO 4217, where they are not two."""
_NUMBER: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?")
_TOKENS: Final = re.compile(r"([0-9]{1,15})([kKmM]?)")


def money(micros: int, currency: str) -> str:
    """Write an amount exactly: with the decimals of its currency, and with more where it has more."""
    units, rest = divmod(abs(micros), _MICROS)
    decimals = f"{rest:06}".rstrip("0").ljust(_DIGITS.get(currency, 2), "0")
    sign = "-" if micros < 0 else ""
    return f"{sign}{units:,}{'.' if decimals else ''}{decimals} {currency}".rstrip()


def read_money(text: str) -> int:
    """Read `12.50` as millionths. Raises `ValueError` with a sentence."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError("an amount of money is written like 5 or 12.50, with at most six decimals")
    return int(Decimal(match[0]) * _MICROS)


def read_tokens(text: str) -> int:
    """Read `50000`, `50k` or `2m`. Raises `ValueError` with a sentence."""
    match = _TOKENS.fullmatch(text.strip().replace(",", ""))
    if match is None:
        raise ValueError("a number of tokens is written like 50000, 50k or 2m")
    return int(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()]
