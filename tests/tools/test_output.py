"""Output made safe: escapes, tricks and secrets are gone, however the bytes are split over reads."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.tools.terminal.output import MAX_LINE, REMOVED, HeadAndTail, OutputCleaner, clean_text, take_bytes

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"
VALUES = ("correct horse battery", "hunter2hunter2")
PIECES = st.sampled_from(
    [
        *(
            b"\x1b",
            b"\x1b[31m",
            b"\x1b]0;title\x07",
            b"\x1bP",
            b"\x1b\\",
            b"\xc2\x9b",
            b"\xc2\x9d",
            b"[",
            b"]",
            b"\x07",
        ),
        *(b"\r", b"\n", b"\r\n", b"a", b"words ", b".", b"-", b"_", b"\xff", b"\xe4\xb8", "世界".encode(), b"\0"),
        *("\u202e".encode(), "\u200b".encode(), "\u0301".encode(), "\U000e0041".encode(), "e\u0301\u0301".encode()),
        *(b"eyJ", b"eyJhbGci.", JWT.encode(), b"sk-", b"sk-abcdefghijklmnopqrst", b"g", b"gh", b"ghp_" + b"a" * 30),
        *(b"correct horse", b" battery", b"hunter2", b"x" * 3990),
    ]
)
OUTPUTS = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=25).map(b"".join))


@given(OUTPUTS, st.lists(st.integers(0, 10_000), max_size=12))
def test_splitting_the_bytes_anywhere_gives_the_same_text(data: bytes, cuts: list[int]) -> None:
    cleaner = OutputCleaner(VALUES)
    at = 0
    text = ""
    for cut in sorted(cut % (len(data) + 1) for cut in cuts):
        text += cleaner.feed(data[at:cut])
        at = cut
    text += cleaner.feed(data[at:]) + cleaner.finish()
    assert text == clean_text(data, VALUES)


def test_splitting_at_any_single_byte_gives_the_same_text() -> None:
    data = (
        b"a\r\nb\rc\x1b[31md\x1b]0;t\x07e\xe4\xb8\x96\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81 sk-" + b"k" * 20 + b" z\r"
    )
    for cut in range(len(data) + 1):
        cleaner = OutputCleaner(VALUES)
        assert cleaner.feed(data[:cut]) + cleaner.feed(data[cut:]) + cleaner.finish() == clean_text(data, VALUES)


@given(OUTPUTS)
def test_no_control_character_and_no_secret_comes_through(data: bytes) -> None:
    text = clean_text(data, VALUES)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", text
    )
    assert not any(value in text for value in VALUES)
    assert all(len(line) <= MAX_LINE + 1 for line in text.split("\n"))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x07", "link"),
        (b"\x1bP1$r\x1b\\x", "x"),
        (b"\x1b(Bx\x1b7y", "xy"),
        (b"10%\r20%\r\n", "10%␍\n20%\n"),
        (b"end\r", "end␍\n"),
        ("pay\u202etxt.exe".encode(), "paytxt.exe"),
        ("部署 ok".encode(), "部署 ok"),
        (b"\xff\xfe", "��"),
        (b"unfinished \x1b[3", "unfinished "),
        (b"\x1b]" + b"t" * 5000, "t" * (5002 - 4096)),
    ],
)
def test_what_a_terminal_would_obey_is_dropped_and_the_rest_kept(data: bytes, text: str) -> None:
    assert clean_text(data) == text


def test_at_most_four_combining_marks_stay_on_a_letter() -> None:
    assert clean_text(("e" + "\u0301" * 50 + "x").encode()) == "e" + "\u0301" * 4 + "x"


@pytest.mark.parametrize(
    "secret",
    [JWT, "sk-proj-abcdefghijklmnop1234", "ghp_" + "A1" * 18, "AKIAIOSFODNN7EXAMPLE", "mp_" + "k" * 32, *VALUES],
)
def test_a_secret_is_taken_out_wherever_it_is_split(secret: str) -> None:
    data = f"the key={secret}; and more".encode()
    for cut in range(len(data)):
        cleaner = OutputCleaner(VALUES)
        assert cleaner.feed(data[:cut]) + cleaner.feed(data[cut:]) + cleaner.finish() == f"the key={REMOVED}; and more"


def test_ordinary_words_are_not_taken_for_keys_and_are_not_held_back() -> None:
    cleaner = OutputCleaner(VALUES)
    assert cleaner.feed(b"task-runner-for-all-things ....F....") == "task-runner-for-all-things ....F...."


def test_the_model_gets_the_beginning_and_the_end() -> None:
    kept = HeadAndTail(head_bytes=10, tail_bytes=5)
    for _ in range(10):
        kept.feed("0123456789")
    assert kept.text() == "0123456789\n[… 85 bytes left out …]\n56789"
    whole = HeadAndTail(head_bytes=10, tail_bytes=5)
    whole.feed("界" * 5)
    assert whole.text() == "界" * 5


@given(st.text(max_size=50), st.integers(0, 100))
def test_a_piece_never_breaks_a_character(text: str, most: int) -> None:
    text = text.encode(errors="ignore").decode()
    taken = take_bytes(text, most)
    assert text.startswith(taken)
    assert len(taken.encode()) <= most
