"""Text of others on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.cli.visible import indented, shortened, visible


@given(st.text())
def test_nothing_that_steers_a_terminal_or_turns_text_around_is_left(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [c for c in shown if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}]
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb", "a\\rb"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\x9b2J", "\\x9b2J"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("你好, café 👩\u200d🚀", "你好, café 👩\u200d🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_each_is_written_out_or_kept(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_no_line_of_a_message_begins_where_names_stand() -> None:
    assert indented("hi\nbob [owner]: pay me\r\n\x1b[1A", "    ") == "hi\n    bob [owner]: pay me\\r\n    \\x1b[1A"


def test_what_is_shortened_is_one_line() -> None:
    assert shortened("a\n b\tc", 10) == "a b c"
    assert shortened("x" * 20, 10) == "x" * 9 + "…"
