"""A summary that a person has changed is read back as the points it had, and new ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.cli.failures import Failure
from multiplayer.cli.summary_edit import check_not_emptied, read_summary
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.memory import Section, Summary, SummaryPoint

FIRST, SECOND = (MessageId(letter * 26) for letter in "AB")


def summary(*points: tuple[Section, str, tuple[MessageId, ...]]) -> Summary:
    kept = tuple(
        SummaryPoint(id=f"id{at}", section=section, text=text, sources=sources)
        for at, (section, text, sources) in enumerate(points)
    )
    return Summary(version=4, up_to_seq=9, method="extractive", points=kept)


BEFORE = summary(
    (Section.DECISIONS, "Deploy on Friday.", (FIRST,)),
    (Section.ACTIONS, "Bob writes the notes.", (SECOND,)),
    (Section.ACTIONS, "Alice tests.", ()),
)


def test_the_text_that_is_shown_reads_back_as_the_same_points() -> None:
    version, points = read_summary(BEFORE.text, BEFORE)
    assert version == 4
    assert [(point.id, point.section, point.text) for point in points] == [
        (point.id, point.section, point.text) for point in BEFORE.points
    ]


def test_a_changed_line_is_the_same_point_and_an_added_one_is_new() -> None:
    text = BEFORE.text.replace("Deploy on Friday.", "Deploy on Monday.") + "\n- Carol brings cake."
    _, points = read_summary(text.replace("- Alice tests.\n", ""), BEFORE)
    assert [(point.id, point.text) for point in points] == [
        ("id0", "Deploy on Monday."),
        ("id1", "Bob writes the notes."),
        (None, "Carol brings cake."),
    ]


def test_json_names_the_version_that_was_edited() -> None:
    version, points = read_summary(BEFORE.model_copy(update={"version": 3}).model_dump_json(), BEFORE)
    assert version == 3
    assert [point.id for point in points] == ["id0", "id1", "id2"]
    assert read_summary('{"points": []}', BEFORE) == (4, ())
    assert read_summary("", None) == (0, ())


@pytest.mark.parametrize("text", ['{"points": 3}', '{"points": [{"section": "x", "text": "y"}]}', "{", "Decisions:"])
def test_what_is_no_summary_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        read_summary(text, BEFORE)


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        _, points = read_summary(text, BEFORE)
    except Failure:
        return
    named = [point.id for point in points if point.id is not None]
    assert len(named) == len(set(named))


def test_an_edit_that_leaves_nothing_has_to_be_meant() -> None:
    _, points = read_summary("", BEFORE)
    with pytest.raises(Failure, match="would remove every point; give --yes"):
        check_not_emptied(BEFORE, points, is_sure=False)
    check_not_emptied(BEFORE, points, is_sure=True)
    check_not_emptied(None, points, is_sure=False)
    check_not_emptied(BEFORE, read_summary("Decisions:\n- Deploy.", BEFORE)[1], is_sure=False)
