"""Numbers under which a chat shows what waits for a yes or no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.cli.chat_numbers import Numbers
from multiplayer.client import RefusalCode, Refused


def numbers(*keys: str) -> Numbers[str]:
    made = Numbers[str]("call")
    for key in keys:
        made.add(key)
    return made


def test_the_only_one_needs_no_number() -> None:
    assert numbers("a").meant("", "/approve", ["a"]) == "a"
    assert numbers("a").shown("a") == ""


def test_what_is_shown_twice_keeps_its_number() -> None:
    two = numbers("a", "b", "a")
    assert (two.of("a"), two.of("b")) == (1, 2)
    assert two.shown("a") == " 1"


def test_what_waits_no_longer_cannot_be_meant() -> None:
    for text in ("", "1"):
        with pytest.raises(Refused, match=r"no call( 1)? waits") as raised:
            numbers("a").meant(text, "/approve", [])
        assert raised.value.code is RefusalCode.NOT_FOUND


@pytest.mark.parametrize("text", ["a", "-1", "1 2", "٣", "99999", "0x1"])
def test_what_is_no_number_is_typed_wrong(text: str) -> None:
    with pytest.raises(Refused, match="/approve N") as raised:
        numbers("a").meant(text, "/approve", ["a"])
    assert raised.value.code is RefusalCode.MALFORMED


def test_after_a_fresh_start_of_the_room_an_answer_names_its_number() -> None:
    fresh = numbers("a")
    fresh.clear()
    fresh.add("a")
    assert fresh.shown("a") == " 2"
    with pytest.raises(Refused, match="/approve 2"):
        fresh.meant("", "/approve", ["a"])


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.booleans()), max_size=30))
def test_no_two_ever_have_the_same_number(steps: list[tuple[str, bool, bool]]) -> None:
    made = Numbers[str]("call")
    given_to: dict[int, int] = {}
    for lives, (key, is_added, by_me) in enumerate(steps):
        if is_added:
            known = made.of(key)
            made.add(key)
            number = made.of(key)
            assert number is not None
            assert known in {None, number}
            assert known == number or number not in given_to
            given_to[number] = lives
        else:
            made.close(key, by_me=by_me)
            assert made.of(key) is None
