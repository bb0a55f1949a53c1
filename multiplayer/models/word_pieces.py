"""Cuts a text into the pieces in which a model would speak it."""

import re

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_CJK}]{{1,2}}|[^\s{_CJK}]+\s*|\s+")


def split_into_pieces(text: str) -> list[str]:
    """Return words, or one or two Chinese characters, with the space after them; joined they are `text` again."""
    return _PIECE.findall(text)


def has_chinese(text: str) -> bool:
    return re.search(f"[{_CJK}]", text) is not None
