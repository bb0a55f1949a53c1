"""The waits between tries."""

from hypothesis import given
from hypothesis import strategies as st

from multiplayer.client.backoff import Backoff


@given(st.integers(1, 40), st.floats(0, 60))
def test_however_long_a_server_was_away_nobody_waits_over_three_seconds_more_than_it_asked(
    tries: int, asked_s: float
) -> None:
    backoff = Backoff()
    waits = [backoff.next_s() for _ in range(tries)]
    assert all(0 < wait_s <= 3 for wait_s in waits)
    assert asked_s < backoff.next_s(at_least_s=asked_s) <= asked_s + 3
