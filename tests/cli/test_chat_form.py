"""Filling in a form, line by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.cli.chat_form import BadAnswer, FormFilling
from multiplayer.protocol.cards import Form, FormAnswer, Question, QuestionKind
from multiplayer.protocol.ids import MessageId
from multiplayer.rooms.forms import check_answers

FORM = Form(
    questions=(
        Question(id="how many", text="For how many?"),
        Question(id="diet", text="Which diet?", kind=QuestionKind.ONE_OF, choices=("Vegan", "10", "any")),
        Question(id="extras", text="What else?", kind=QuestionKind.ANY_OF, choices=("bread", "soup, hot", "tea")),
    )
)


def filled(*lines: str) -> dict[str, tuple[str, ...]]:
    filling = FormFilling(MessageId("M"), FORM)
    for line in lines:
        assert not filling.is_done
        filling.take(line)
    assert filling.is_done
    return filling.answers


def test_choices_are_given_by_number_or_by_their_words() -> None:
    assert filled(" four ", "1", "1, 3") == {"how many": ("four",), "diet": ("Vegan",), "extras": ("bread", "tea")}
    assert filled("4", "vegan", "soup, hot") == {"how many": ("4",), "diet": ("Vegan",), "extras": ("soup, hot",)}
    # A choice that is itself a number is meant by its words.
    assert filled("4", "10", "2，2")["diet"] == ("10",)
    assert filled("4", "10", "2，2")["extras"] == ("soup, hot",)


def test_an_empty_line_leaves_a_question_out() -> None:
    assert filled("", "  ", "3") == {"extras": ("tea",)}


@pytest.mark.parametrize("line", ["0", "4", "-1", "x", "²", "1 2"])
def test_a_choice_that_is_none_is_asked_for_again(line: str) -> None:
    filling = FormFilling(MessageId("M"), FORM)
    filling.take("4")
    with pytest.raises(BadAnswer, match="a number from 1 to 3"):
        filling.take(line)
    filling.take("3")
    with pytest.raises(BadAnswer, match="1 to 3"):
        filling.take(",")
    filling.take("3")
    assert filling.answers["diet"] == ("any",)


def test_one_step_back_asks_the_last_question_again() -> None:
    filling = FormFilling(MessageId("M"), FORM)
    filling.take("4")
    filling.take("1")
    filling.go_back()
    filling.take("3")
    filling.take("")
    assert filling.answers == {"how many": ("4",), "diet": ("any",)}


@given(st.lists(st.text(max_size=20), min_size=3, max_size=30))
def test_whatever_is_typed_the_answers_that_come_out_are_ones_the_room_takes(lines: list[str]) -> None:
    filling = FormFilling(MessageId("M"), FORM)
    for line in (*lines, "", "", ""):
        if filling.is_done:
            break
        try:
            filling.take(line)
        except BadAnswer:
            continue
    assert filling.is_done
    check_answers(FORM, [FormAnswer(question_id=asked, values=said) for asked, said in filling.answers.items()])
