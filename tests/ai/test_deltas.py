"""Pieces of a text put together give the text, for those who were there and those who came late."""

from hypothesis import given
from hypothesis import strategies as st

from multiplayer.ai.deltas import DeltaStream, Piece

ADDED = st.lists(st.one_of(st.none(), st.text(max_size=5)))


@given(ADDED, st.integers(0, 20))
def test_who_joins_at_any_moment_gets_the_same_text(steps: list[str | None], joins_at: int) -> None:
    stream = DeltaStream()
    whole = late = ""
    next_index = 0
    for place, step in enumerate([*steps, None]):
        if place == joins_at:
            late, next_index = stream.so_far
        if step is not None:
            stream.add(step)
        elif piece := stream.flush():
            assert piece.offset == len(whole)
            whole += piece.text
            if place >= joins_at:
                assert piece.index == next_index
                next_index += 1
                late += piece.text
    assert whole == stream.text == "".join(step for step in steps if step)
    if joins_at <= len(steps):
        assert late == whole


def test_pieces_between_two_ticks_become_one_delta_and_a_quiet_tick_none() -> None:
    stream = DeltaStream()
    for text in ("你", "好", "", " 😀"):
        stream.add(text)
    assert stream.so_far == ("", 0)
    assert stream.flush() == Piece(0, 0, "你好 😀")
    assert stream.flush() is None
    stream.add("!")
    assert stream.text == "你好 😀!"
    assert stream.flush() == Piece(1, 4, "!")
    assert stream.so_far == ("你好 😀!", 2)


def test_a_stream_goes_on_where_a_takeover_found_it() -> None:
    stream = DeltaStream("so far", 7)
    stream.add(" and on")
    assert stream.flush() == Piece(7, 6, " and on")
    assert stream.so_far == ("so far and on", 8)
