"""What a provider of plain questions is asked after forms: their answers, in whatever turn, and among what was said."""

import pytest

from multiplayer.ai.conversation import Asked, conversation_of
from multiplayer.protocol.cards import Form, FormAnswer, Question, QuestionKind
from multiplayer.protocol.commands import AnswerForm, DeleteMessage, PostMessage, RegenerateAnswer
from multiplayer.protocol.events import Event, FormAnswered, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.inner_commands import EndTurn, StartTurn
from multiplayer.protocol.rooms import RoomSettings, TurnState
from multiplayer.protocol.turns import TurnOutcome, WhileBusy
from multiplayer.storage.redaction import redacted
from tests.ai.scene import NO_TURN, asked, scene
from tests.support.playbook import Playbook, room_of

HANDLES = ("alice", "bob", "bot", "other")
AI_IDS = (AccountId("bot"), AccountId("other"))
TWO_QUESTIONS = Form(
    text="One moment.",
    questions=(
        Question(id="a", text="Which cuisine?", kind=QuestionKind.ONE_OF, choices=("Italian", "Thai")),
        Question(id="b", text="For how many?"),
    ),
)


def form(text: str) -> Form:
    return Form(questions=(Question(id="q1", text=text),))


def gives(book: Playbook, turn_id: TurnId, given: Form, *, ai: str = "bot", fence: int = 1) -> MessageId:
    """End a turn with a form."""
    end = EndTurn(turn_id=turn_id, fence=fence, outcome=TurnOutcome.DONE, form=given)
    book.given(ai, end)
    return list(book.messages)[-1]


def fills_in(book: Playbook, message_id: MessageId, *values: str, by: str = "alice") -> None:
    form_ = book.messages[message_id].form
    assert form_ is not None
    answers = tuple(
        FormAnswer(question_id=question.id, values=(value,))
        for question, value in zip(form_.questions, values, strict=True)
    )
    book.given(by, AnswerForm(message_id=message_id, answers=answers))


def begins(book: Playbook) -> TurnState:
    """Let the turn that waits start; return it."""
    turn = next(turn for turn in book.room.state.turns.values() if not turn.is_running)
    book.given(turn.ai_id, StartTurn(turn_id=turn.turn_id, fence=1, pod="pod"))
    return book.room.state.turns[turn.turn_id]


def ends(book: Playbook, turn_id: TurnId, text: str = "Rice.") -> None:
    ai_id = book.room.state.turns[turn_id].ai_id
    book.given(ai_id, EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text=text))


def told(book: Playbook, turn: TurnState, *, from_seq: int = 1, previous: int = 5) -> Asked:
    events = [event for event in book.log if event.seq >= from_seq]
    here = {event.message.id for event in events if isinstance(event, MessagePosted)}
    return conversation_of(
        events,
        turn,
        handles=HANDLES,
        ai_ids=AI_IDS,
        summary=None,
        facts=(),
        older=[book.messages[one] for one in turn.messages if one not in here],
        previous=previous,
    )


def shown(asked_: Asked) -> tuple[str, tuple[str, ...]]:
    return asked_.conversation.question, asked_.conversation.previous


def test_what_was_answered_in_earlier_rounds_is_known_in_the_next_with_what_was_asked() -> None:
    book = scene()
    first = gives(book, asked(book, "a recipe for tonight"), form("Which cuisine?"))
    book.posts("bob", "we are four")
    fills_in(book, first, "Italian")
    turn = begins(book)
    assert shown(told(book, turn)) == ("Italian", ("a recipe for tonight", "we are four"))
    second = gives(book, turn.turn_id, TWO_QUESTIONS)
    fills_in(book, second, "Thai", "four, @bob too", by="bob")
    turn = begins(book)
    question, previous = shown(told(book, turn))
    assert question == "Which cuisine? Thai For how many? four, too"
    assert previous == ("a recipe for tonight", "we are four", "Which cuisine? Italian")
    ends(book, turn.turn_id)
    asked(book, "and a dessert")
    answer = told(book, list(book.room.state.turns.values())[-1])
    assert shown(answer) == (
        "and a dessert",
        (
            "a recipe for tonight",
            "we are four",
            "Which cuisine? Italian",
            "Which cuisine? Thai; For how many? four, too",
        ),
    )
    assert answer.previous[-2:] == (first, second)


def test_an_answer_to_a_form_without_words_of_its_own_has_those_of_the_form_before_it() -> None:
    book = scene()
    choices = Question(id="q", text="", kind=QuestionKind.ONE_OF, choices=("Italian", "Thai"))
    fills_in(book, gives(book, asked(book, "rice"), Form(text="Which one?", questions=(choices,))), "Thai")
    ends(book, begins(book).turn_id)
    asked(book, "more")
    assert told(book, list(book.room.state.turns.values())[-1]).conversation.previous == ("rice", "Which one? Thai")


def test_a_form_that_lies_before_what_is_read_leaves_its_answers() -> None:
    book = scene()
    message_id = gives(book, asked(book, "a recipe for tonight"), form("Which cuisine?"))
    since = book.room.seq + 1
    fills_in(book, message_id, "Italian")
    turn = begins(book)
    assert shown(told(book, turn, from_seq=since)) == ("Italian", ())
    ends(book, turn.turn_id)
    asked(book, "and a dessert")
    turn = list(book.room.state.turns.values())[-1]
    assert shown(told(book, turn, from_seq=since)) == ("and a dessert", ("Italian",))


def test_what_another_ai_has_asked_is_not_passed_on() -> None:
    book = scene()
    fills_in(book, gives(book, asked(book, "look", ai="other"), form("Which secret file?"), ai="other"), "notes.md")
    ends(book, begins(book).turn_id)
    asked(book, "a recipe")
    assert shown(told(book, list(book.room.state.turns.values())[-1])) == ("a recipe", ("look",))


def test_an_answer_that_is_erased_keeps_its_place_and_nothing_older_moves_up() -> None:
    book = scene()
    message_id = gives(book, asked(book, "rice"), form("Which cuisine?"))
    fills_in(book, message_id, "Italian")
    ends(book, begins(book).turn_id)
    asked(book, "more")
    turn = list(book.room.state.turns.values())[-1]
    up_to = book.room.seq
    assert told(book, turn, previous=1).conversation.previous == ("Which cuisine? Italian",)
    book.given("alice", DeleteMessage(message_id=message_id))
    assert told(book, turn, previous=1).conversation.previous == ("rice",)
    # A replay reads the log up to the turn, as it is since.
    book.log[:] = [_without_words(event, message_id) for event in book.log if event.seq <= up_to]
    replay = told(book, turn, previous=1)
    assert (replay.conversation.previous, replay.conversation.question) == ((), "more")


def _without_words(event: Event, message_id: MessageId) -> Event:
    is_meant = (isinstance(event, MessagePosted) and event.message.id == message_id) or (
        isinstance(event, FormAnswered) and event.message_id == message_id
    )
    return type(event).model_validate_json(redacted(event.model_dump_json().encode())) if is_meant else event


@pytest.mark.parametrize("policy", list(WhileBusy))
@pytest.mark.parametrize("is_form_first", [True, False])
def test_nothing_that_is_asked_while_the_ai_is_busy_is_lost(policy: WhileBusy, is_form_first: bool) -> None:
    book = Playbook(room_of(settings=RoomSettings(while_busy=policy), alice="owner", bot="ai"))
    message_id = gives(book, asked(book, "a recipe"), form("Which cuisine?"))
    running = asked(book, "something else")
    if is_form_first:
        fills_in(book, message_id, "Italian")
    book.given("alice", PostMessage(text="@bot and a dessert"))
    if not is_form_first:
        fills_in(book, message_id, "Italian")
    ended = TurnOutcome.INTERRUPTED if policy is WhileBusy.INTERRUPT else TurnOutcome.DONE
    book.given("bot", EndTurn(turn_id=running, fence=1, outcome=ended, text="busy"))
    turn = begins(book)
    asked_ = told(book, turn)
    words = ["Italian", "and a dessert"] if is_form_first else ["and a dessert", "Italian"]
    assert sorted(asked_.conversation.question.split()) == sorted(" ".join(words).split())
    if policy is not WhileBusy.STEER:
        assert asked_.conversation.question == " ".join(words)
    ends(book, turn.turn_id)
    assert book.room.state.turns == {}


def test_a_note_of_a_program_stands_behind_what_people_ask_in_the_same_turn() -> None:
    book = scene()
    message_id = gives(book, asked(book, "a recipe"), form("Which cuisine?"))
    fills_in(book, message_id, "Italian")
    turn = next(iter(book.room.state.turns.values()))
    said = book.posts("bob", "for two")
    both = turn.model_copy(update={"messages": (message_id, said), "note": "Italian\n\nthe words of a program"})
    answer = told(book, both)
    assert answer.conversation.question == "Italian for two the words of a program"
    assert answer.question == (said,)
    late = turn.model_copy(update={"note": ""})
    assert (told(book, late).conversation.question, told(book, late).question) == ("Italian", (message_id,))


def test_an_answer_to_a_form_that_is_given_again_is_asked_as_before() -> None:
    book = scene()
    message_id = gives(book, asked(book, "a recipe"), form("Which cuisine?"))
    fills_in(book, message_id, "Italian")
    turn = begins(book)
    before = shown(told(book, turn))
    ends(book, turn.turn_id)
    answer = list(book.messages)[-1]
    book.given("alice", RegenerateAnswer(message_id=answer))
    again = begins(book).model_copy(update={"note": turn.note})
    assert shown(told(book, again)) == before
    assert before == ("Italian", ("a recipe",))


def test_a_turn_that_nobodys_words_asked_for_has_no_question() -> None:
    assert told(scene(), NO_TURN).conversation.question == "?"
