"""How pieces of prompts are known that name a person: by the id, and by names where they stand as words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from typing import Final
from unicodedata import category

from multiplayer.storage.erasure_port import Erased

_BEFORE: Final = r"(^|\W|\\[bfnrt]|\\u[0-9a-fA-F]{4})"
"""What stands in front of a word; in JSON it may be an escape, which ends with a letter itself."""
_AFTER: Final = r"($|\W)"


@dataclass(frozen=True)
class Naming:
    """`pattern` is read alike by Python and by Postgres; it finds nothing where `words` are not."""

    words: str
    pattern: str

    def is_in(self, body: str) -> bool:
        return self.words in body and re.search(self.pattern, body) is not None


def namings(erased: Erased) -> Sequence[Naming]:
    """Return how the former names are known, plain and within JSON, and the id."""
    names = dict.fromkeys((erased.former_handle, erased.former_name))
    found = {Naming(erased.account_id, re.escape(erased.account_id)): None}
    for name in names:
        before = _BEFORE if _is_bounded(name[:1]) else ""
        after = _AFTER if _is_bounded(name[-1:]) else ""
        for words in (name, dumps(name, ensure_ascii=False)[1:-1], dumps(name)[1:-1]):
            if words:
                found[Naming(words, f"{before}{re.escape(words)}{after}")] = None
    return list(found)


def _is_bounded(character: str) -> bool:
    """Whether words of its script stand apart from each other: of others (Chinese, Thai, ...) any place may be a name."""
    return character == "_" or category(character or " ") in {"Lu", "Ll", "Lt", "Nd"}
