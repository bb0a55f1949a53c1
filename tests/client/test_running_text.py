"""Pieces of a text put together, however they come."""

from hypothesis import given
from hypothesis import strategies as st

from multiplayer.client.running_text import RunningText


@given(st.lists(st.text(min_size=1, max_size=5), max_size=20), st.randoms())
def test_pieces_in_any_order_and_twice_make_the_text(pieces: list[str], random: object) -> None:
    placed: list[tuple[int, str]] = []
    offset = 0
    for piece in pieces:
        placed.append((offset, piece))
        offset += len(piece)
    shuffled = [*placed, *placed]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    running = RunningText()
    for at, piece in shuffled:
        running.add(at, piece)
    assert running.text == "".join(pieces)


def test_a_whole_text_takes_the_place_of_what_is_missing_and_late_pieces_follow_it() -> None:
    running = RunningText()
    running.add(0, "ab")
    running.add(6, "gh")
    running.add(9, "x")
    assert running.text == "ab"
    running.replace("abcde")
    assert running.text == "abcde"
    running.add(4, "ef")
    assert running.text == "abcdefgh"


def test_offsets_count_code_points() -> None:
    running = RunningText()
    running.add(0, "你好😀")
    running.add(3, "é")
    assert running.text == "你好😀é"
