"""What goes from a summary with the messages that it came from."""

from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Section, SummaryPoint
from multiplayer.rooms.derived import without

MESSAGES = [MessageId(f"m{number}") for number in range(5)]
points = st.builds(
    SummaryPoint,
    id=st.text("abc", min_size=1, max_size=3),
    section=st.sampled_from(Section),
    text=st.just("said"),
    sources=st.lists(st.sampled_from(MESSAGES), max_size=3).map(tuple),
    by=st.sampled_from([None, AccountId("alice")]),
)


@settings(deadline=None)
@given(st.lists(points), st.sets(st.sampled_from(MESSAGES)))
def test_nothing_stays_that_came_or_may_have_come_from_what_was_deleted(
    before: list[SummaryPoint], deleted: set[MessageId]
) -> None:
    after = without(before, deleted)
    assert [point for point in before if point in after] == list(after)
    for point in after:
        assert not deleted.intersection(point.sources)
        assert not deleted or point.sources or point.by
    for point in before:
        is_clean = not deleted.intersection(point.sources)
        assert (point in after) == (is_clean and bool(not deleted or point.sources or point.by))
