"""Token buckets and typing notes, on a clock that the test turns."""

from hypothesis import given
from hypothesis import strategies as st

from multiplayer.protocol.ids import AccountId
from multiplayer.rooms.limits import TokenBucket
from multiplayer.rooms.typing_state import TYPING_S, TypingState

ALICE, BOB = AccountId("alice"), AccountId("bob")


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait() -> None:
    bucket = TokenBucket(rate=2, burst=3, now_s=100)
    assert [bucket.take(100) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(100) == 0.5
    assert bucket.take(100.25) == 0.25
    assert bucket.take(100.5) == 0


def test_a_refused_take_costs_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1, now_s=0)
    bucket.take(0)
    assert all(bucket.take(0.5) > 0 for _ in range(10))
    assert bucket.take(1) == 0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now_s=0)
    assert [bucket.take(1000) == 0 for _ in range(3)] == [True, True, False]


def test_a_bucket_is_as_good_as_new_when_it_has_filled_up() -> None:
    bucket = TokenBucket(rate=1, burst=2, now_s=0)
    assert bucket.is_full(0)
    bucket.take(0)
    assert not bucket.is_full(0.5)
    assert bucket.is_full(1)


def test_a_clock_that_stands_still_or_goes_back_gives_no_tokens() -> None:
    bucket = TokenBucket(rate=1, burst=1, now_s=10)
    bucket.take(10)
    assert bucket.take(5) > 0
    assert not bucket.is_full(5)


@given(waits=st.lists(st.floats(min_value=0, max_value=3), max_size=40))
def test_in_any_time_no_more_passes_than_burst_and_rate_allow(waits: list[float]) -> None:
    bucket = TokenBucket(rate=2, burst=5, now_s=0)
    now_s = 0.0
    passed = 0
    for wait_s in waits:
        now_s += wait_s
        passed += bucket.take(now_s) == 0
    assert passed <= 5 + 2 * now_s + 1e-6


def test_typing_is_news_once_and_ends_by_itself() -> None:
    typing = TypingState()
    assert typing.is_quiet
    assert typing.set(ALICE, is_typing=True, now_s=0)
    assert not typing.set(ALICE, is_typing=True, now_s=1)
    assert typing.expired(1 + TYPING_S - 0.1) == []
    assert typing.expired(1 + TYPING_S) == [ALICE]
    assert typing.is_quiet


def test_who_stops_typing_is_not_told_twice() -> None:
    typing = TypingState()
    assert not typing.set(ALICE, is_typing=False, now_s=0)
    typing.set(ALICE, is_typing=True, now_s=0)
    typing.set(BOB, is_typing=True, now_s=3)
    assert typing.set(ALICE, is_typing=False, now_s=1)
    assert typing.expired(TYPING_S) == []
    assert typing.expired(3 + TYPING_S) == [BOB]
