"""An AI's answer: given again, chosen among several, deleted; and forms that people fill in."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.protocol.cards import Card, Form, FormAnswer, Question, QuestionKind, Taint
from multiplayer.protocol.commands import (
    AnswerForm,
    ChooseAnswer,
    DeleteMessage,
    PostMessage,
    RegenerateAnswer,
    RemoveMember,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AnswerChosen, AnswerRegenerated, FormAnswered, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.inner_commands import EndTurn
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.turn_events import TurnCollected, TurnEnded, TurnRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.forms import answers_text, check_answers
from multiplayer.rooms.turn_requests import MAX_ALTERNATIVES
from tests.rooms.asking import answers, room, starts
from tests.support.playbook import Playbook, such

BOT = AccountId("bot")
CARD = Card(title="Found", url="https://found.example/")
FORM = Form(
    text="Please say",
    questions=(
        Question(id="name", text="What is it called?"),
        Question(id="day", text="Which day?", kind=QuestionKind.ONE_OF, choices=("Monday", "Friday")),
        Question(id="who", text="Who comes?", kind=QuestionKind.ANY_OF, choices=("Alice", "Bob")),
    ),
)


def answered(book: Playbook, *, by: str = "bob", text: str = "first", form: Form | None = None) -> MessageId:
    """Let someone ask the AI, and it answer; return the answer."""
    book.given(by, PostMessage(text="@bot go"))
    turn_id = next(turn.turn_id for turn in book.room.state.turns.values() if turn.replaces is None)
    starts(book, turn_id)
    end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text=text, cards=(CARD,), form=form)
    return MessageId(book.given("bot", end)[0].id)


def again(book: Playbook, message_id: MessageId, text: str, *, by: str = "bob") -> None:
    """Let the AI answer again."""
    request = book.given(by, RegenerateAnswer(message_id=message_id))[0]
    assert isinstance(request, TurnRequested)
    answers(book, request.turn_id, text)


def test_an_answer_knows_who_asked_and_what_it_answers() -> None:
    book = room()
    message = book.messages[answered(book)]
    assert message.asked_by == ("bob",)
    assert message.answers == (next(iter(book.messages)),)
    assert message.cards == (CARD,)


def test_cards_or_a_form_without_words_are_an_answer() -> None:
    book = room()
    turn_id = book.runs("bob", "bot")
    end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, cards=(CARD,), taint=(Taint.NLWEB,))
    assert book >> ("bot", end) << such(MessagePosted, text="", cards=(CARD,), taint=(Taint.NLWEB,)) << such(TurnEnded)


def test_an_answer_is_given_again_and_the_one_before_stays() -> None:
    book = room()
    message_id = answered(book)
    book >> ("bob", RegenerateAnswer(message_id=message_id))
    turn = next(iter(book.room.state.turns.values()))
    asked = next(iter(book.messages))
    assert book << such(TurnRequested, reason=TurnReason.REGENERATE, replaces=message_id, message_id=asked)
    assert (book >> ("bob", RegenerateAnswer(message_id=message_id))).refuses(RefusalCode.NO_CHANGE)
    starts(book, turn.turn_id)
    end = EndTurn(turn_id=turn.turn_id, fence=1, outcome=TurnOutcome.DONE, text="second @alice @robot")
    assert (
        book
        >> ("bot", end)
        << such(AnswerRegenerated, message_id=message_id, revision=2, mentions=("alice", "robot"))
        << such(TurnEnded, message_id=message_id)
    )
    message = book.messages[message_id]
    assert [one.text for one in message.alternatives] == ["first", "second @alice @robot"]
    assert (message.text, message.cards, message.chosen, message.turn_id) == (end.text, (), 1, turn.turn_id)


def test_who_may_chooses_which_answer_stands() -> None:
    book = room()
    message_id = answered(book)
    again(book, message_id, "second")
    assert (book >> ("bob", ChooseAnswer(message_id=message_id, index=1))).refuses(RefusalCode.NO_CHANGE)
    assert (book >> ("bob", ChooseAnswer(message_id=message_id, index=2))).refuses(RefusalCode.NOT_FOUND)
    assert (
        book
        >> ("bob", ChooseAnswer(message_id=message_id, index=0))
        << such(AnswerChosen, message_id=message_id, index=0, revision=3)
    )
    message = book.messages[message_id]
    assert (message.text, message.cards, message.chosen) == ("first", (CARD,), 0)


def test_an_answer_with_one_version_has_nothing_to_choose() -> None:
    book = room()
    assert (book >> ("bob", ChooseAnswer(message_id=answered(book), index=0))).refuses(RefusalCode.NOT_FOUND)


def test_an_answer_is_given_again_so_often_and_no_more() -> None:
    book = room()
    message_id = answered(book)
    for number in range(MAX_ALTERNATIVES - 1):
        again(book, message_id, f"again {number}")
    assert len(book.messages[message_id].alternatives) == MAX_ALTERNATIVES
    assert (book >> ("bob", RegenerateAnswer(message_id=message_id))).refuses(RefusalCode.LIMIT_REACHED)


def test_only_an_answer_of_an_ai_that_is_there_is_given_again() -> None:
    book = room()
    own = book.posts("bob", "mine")
    assert (book >> ("bob", RegenerateAnswer(message_id=own))).refuses(RefusalCode.CONFLICT)
    message_id = answered(book)
    book.given("alice", RemoveMember(account_id=BOT))
    assert (book >> ("bob", RegenerateAnswer(message_id=message_id))).refuses(RefusalCode.CONFLICT)


def test_an_answer_that_stayed_without_words_leaves_the_one_before() -> None:
    book = room()
    message_id = answered(book)
    again(book, message_id, "  ")
    assert book.messages[message_id].text == "first"
    assert book.messages[message_id].alternatives == ()


def test_a_deleted_answer_takes_all_its_versions_along() -> None:
    book = room()
    message_id = answered(book)
    again(book, message_id, "second")
    book.given("alice", RegenerateAnswer(message_id=message_id))
    book.given("alice", DeleteMessage(message_id=message_id))
    message = book.messages[message_id]
    assert (message.text, message.alternatives, message.cards) == ("", (), ())
    # What is on its way is not put in the place of what was taken away.
    events = answers(book, next(iter(book.room.state.turns)), "third")
    assert not any(isinstance(event, AnswerRegenerated) for event in events)
    for command in (RegenerateAnswer(message_id=message_id), ChooseAnswer(message_id=message_id, index=0)):
        assert (book >> ("alice", command)).refuses(RefusalCode.CONFLICT, "deleted")


def test_answering_again_calls_no_other_ai() -> None:
    book = room(settings=RoomSettings(ai_to_ai=True))
    message_id = answered(book)
    request = book.given("bob", RegenerateAnswer(message_id=message_id))[0]
    assert isinstance(request, TurnRequested)
    assert [event.type for event in answers(book, request.turn_id, "@robot go")] == ["answer_regenerated", "turn_ended"]


def filled(**values: Sequence[str]) -> tuple[FormAnswer, ...]:
    return tuple(FormAnswer(question_id=name, values=tuple(found)) for name, found in values.items())


def test_a_form_is_filled_in_once_by_whoever_may_ask_and_its_ai_goes_on() -> None:
    book = room()
    message_id = answered(book, form=FORM)
    given_ = filled(name=["demo"], who=["Bob", "Alice"])
    assert (book >> ("gina", AnswerForm(message_id=message_id, answers=given_))).refuses(RefusalCode.FORBIDDEN)
    note = "What is it called? demo\nWho comes? Bob, Alice"
    assert (
        book
        >> ("alice", AnswerForm(message_id=message_id, answers=given_))
        << such(FormAnswered, message_id=message_id, answers=given_, actor_id="alice")
        << such(TurnRequested, ai_id="bot", reason=TurnReason.FORM, message_id=message_id, note=note)
    )
    form = book.messages[message_id].form
    assert form is not None
    assert (form.answers, form.answered_by, form.answered_at) == (given_, "alice", book.at)
    late = AnswerForm(message_id=message_id, answers=given_)
    assert (book >> ("bob", late)).refuses(RefusalCode.CONFLICT, "filled in already")


def test_what_is_said_in_a_form_joins_the_turn_that_waits() -> None:
    book = room()
    message_id = answered(book, form=FORM)
    turn_id = book.asks("bob", "bot")
    assert (
        book
        >> ("bob", AnswerForm(message_id=message_id, answers=filled(name=["demo"])))
        << such(FormAnswered)
        << such(TurnCollected, turn_id=turn_id, reason=TurnReason.FORM)
    )
    assert book.room.state.turns[turn_id].note == "What is it called? demo"


def test_the_form_of_an_ai_that_left_is_filled_in_and_nobody_is_asked() -> None:
    book = room()
    message_id = answered(book, form=FORM)
    book.given("alice", RemoveMember(account_id=BOT))
    assert book >> ("bob", AnswerForm(message_id=message_id, answers=filled(name=["demo"]))) << such(FormAnswered)


def test_a_message_without_a_form_asks_nothing() -> None:
    book = room()
    message_id = answered(book)
    asked = AnswerForm(message_id=message_id, answers=filled(name=["demo"]))
    assert (book >> ("bob", asked)).refuses(RefusalCode.CONFLICT, "asks nothing")


@pytest.mark.parametrize(
    "given_",
    [
        filled(other=["x"]),
        filled(name=["x", "y"]),
        filled(name=[" "]),
        filled(day=["Sunday"]),
        filled(day=["Monday", "Friday"]),
        filled(who=["Alice", "Mallory"]),
        (*filled(name=["x"]), *filled(name=["y"])),
    ],
    ids=["no such question", "two texts", "blank", "no such choice", "two of one", "one wrong of many", "twice"],
)
def test_a_form_takes_only_what_fits_its_questions(given_: tuple[FormAnswer, ...]) -> None:
    book = room()
    message_id = answered(book, form=FORM)
    assert (book >> ("bob", AnswerForm(message_id=message_id, answers=given_))).refuses(RefusalCode.MALFORMED)


@given(
    given_=st.lists(
        st.builds(
            FormAnswer,
            question_id=st.sampled_from(["name", "day", "who", "other"]),
            values=st.lists(st.sampled_from(["Monday", "Alice", "Bob", "x", " "]), min_size=1, max_size=2).map(tuple),
        ),
        max_size=3,
    )
)
def test_what_a_form_takes_reads_as_words(given_: list[FormAnswer]) -> None:
    try:
        check_answers(FORM, given_)
    except Refused as refused:
        assert refused.code is RefusalCode.MALFORMED  # noqa: PT017 - both ends of the rule are checked
    else:
        text = answers_text(FORM, given_)
        assert len(text.splitlines()) == len(given_) == len({one.question_id for one in given_})
        assert all(value in text for one in given_ for value in one.values)


def test_the_only_answer_to_the_only_question_stands_alone() -> None:
    form = Form(questions=(Question(id="q", text="Which?"),))
    assert answers_text(form, filled(q=["this one"])) == "this one"


def test_an_answer_that_was_deleted_while_it_was_given_again_stays_gone() -> None:
    book = room()
    message_id = answered(book)
    request = book.given("bob", RegenerateAnswer(message_id=message_id))[0]
    assert isinstance(request, TurnRequested)
    starts(book, request.turn_id)
    book.given("alice", DeleteMessage(message_id=message_id))
    assert [type(event) for event in answers(book, request.turn_id, "anew")] == [TurnEnded]


def test_a_form_that_was_filled_in_is_so_after_another_answer_stood_in_between() -> None:
    book = room()
    message_id = answered(book, form=FORM)
    book.given("bob", AnswerForm(message_id=message_id, answers=(FormAnswer(question_id="name", values=("Rice",)),)))
    answers(book, next(iter(book.room.state.turns)), "thanks")
    again(book, message_id, "second")
    book.given("bob", ChooseAnswer(message_id=message_id, index=0))
    form = book.messages[message_id].form
    assert form is not None
    assert form.answered_by == "bob"


@pytest.mark.parametrize("outcome", [TurnOutcome.STOPPED, TurnOutcome.INTERRUPTED, TurnOutcome.FAILED])
def test_half_an_answer_is_kept_and_does_not_take_the_place_of_a_whole_one(outcome: TurnOutcome) -> None:
    book = room()
    message_id = answered(book)
    request = book.given("bob", RegenerateAnswer(message_id=message_id))[0]
    assert isinstance(request, TurnRequested)
    starts(book, request.turn_id)
    book.given("bot", EndTurn(turn_id=request.turn_id, fence=1, outcome=outcome, text="The ha"))
    message = book.messages[message_id]
    assert (message.text, message.chosen) == ("first", 0)
    assert [answer.text for answer in message.alternatives] == ["first", "The ha"]
