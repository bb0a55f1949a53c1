"""What a search looks for, and the words a message is indexed under: the same for every store."""

import re
from dataclasses import dataclass
from typing import Final

_MAX_QUERY_WORDS: Final = 16
_MAX_WORD: Final = 255
# Pairs of characters may double the text, and a tsvector holds at most 1 MiB. What is further behind is found by
# pieces of it only.
_MAX_INDEXED: Final = 50_000
# Thai to Khmer, Chinese, Japanese, Korean: written without spaces, or with words that grow endings.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u3131-\u318e"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_PLAIN: Final = re.compile(f"[^\\W_{_UNSPACED}]+")
_RUN: Final = re.compile(f"[{_UNSPACED}]{{2,}}")
_INDEXABLE: Final = re.compile(r"[^\W_]{3}")
_EDGES: Final = ",;!?。，！？；：、“”‘’「」『』《》\"'"


def words_of(text: str) -> set[str]:
    """Return the words to index: runs of letters and digits, and each pair of characters of scripts without spaces."""
    folded = text[:_MAX_INDEXED].lower()
    words = {word for word in _PLAIN.findall(folded) if len(word) <= _MAX_WORD}
    if not folded.isascii():
        for run in _RUN.findall(folded):
            words.update(_pairs(run))
    return words


@dataclass(frozen=True)
class SearchPlan:
    """A message is found if it has all `words` (as whole ones) and contains all `pieces`."""

    words: frozenset[str]
    pieces: tuple[str, ...]
    """In lower case."""

    @property
    def is_empty(self) -> bool:
        return not self.words and not self.pieces

    @property
    def indexed_piece(self) -> str | None:
        """The piece that trigrams find best; None if all are too short for them."""
        return max((piece for piece in self.pieces if _INDEXABLE.search(piece)), key=len, default=None)

    def finds(self, text: str) -> bool:
        folded = text.lower()
        return all(piece in folded for piece in self.pieces) and self.words <= words_of(text)


def plan_search(query: str) -> SearchPlan:
    """Read a query: a plain word is looked for as a whole word, one of Chinese or with signs in it (code) anywhere."""
    words: set[str] = set()
    pieces: dict[str, None] = {}
    for word in query.lower().split()[:_MAX_QUERY_WORDS]:
        bare = word.strip(_EDGES) or word
        if _PLAIN.fullmatch(bare) and len(bare) <= _MAX_WORD:
            words.add(bare)
            continue
        pairs = [pair for run in _RUN.findall(bare) for pair in _pairs(run)]
        words.update(pairs)
        if pairs != [bare]:
            pieces[bare] = None
    return SearchPlan(frozenset(words), tuple(pieces))


def like_pattern(piece: str) -> str:
    """Return the LIKE pattern of texts that contain `piece` as it is."""
    return f"%{_escaped(piece)}%"


def like_prefix(piece: str) -> str:
    """Return the LIKE pattern of texts that begin with `piece` as it is."""
    return f"{_escaped(piece)}%"


def tsquery(words: frozenset[str]) -> str:
    """Return the text of a tsquery for all of `words`, which hold letters and digits only."""
    return " & ".join(f"'{word}'" for word in sorted(words))


def _escaped(piece: str) -> str:
    return piece.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]
