"""What a request does to an AI that is busy: it waits, it goes into the running turn, or it takes its place."""

import pytest

from multiplayer.protocol.cards import Form, FormAnswer, Question
from multiplayer.protocol.commands import AnswerForm, PostMessage, RegenerateAnswer, SteerTurn, StopTurn
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import FormAnswered, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.inner_commands import EndTurn, TakeSteering
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import MentionRule
from multiplayer.protocol.turn_events import (
    SteeringTaken,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnSteered,
    TurnStopRequested,
)
from multiplayer.protocol.turns import TurnOutcome, TurnReason, WhileBusy
from tests.rooms.asking import answers, ends, last_message, room, set_rules, starts
from tests.support.playbook import Playbook, such

BOT = AccountId("bot")


def busy(policy: WhileBusy, *, asker: str = "bob") -> tuple[Playbook, TurnId]:
    """Return a room of this policy, with a running turn that `asker` asked for."""
    book = room(settings=RoomSettings(while_busy=policy))
    return book, book.runs(asker, "bot")


def waiting(book: Playbook) -> TurnId:
    return next(turn.turn_id for turn in book.room.state.turns.values() if not turn.is_running)


def test_by_default_a_request_waits_for_the_next_turn() -> None:
    book, turn_id = busy(WhileBusy.COLLECT)
    assert book >> ("bob", PostMessage(text="@bot more")) << such(MessagePosted) << such(TurnRequested, ai_id="bot")
    assert book.room.state.turns[turn_id].messages == ()
    assert (
        book
        >> ("alice", PostMessage(text="@bot and this"))
        << such(MessagePosted)
        << such(TurnCollected, turn_id=waiting(book))
    )


def test_a_request_goes_into_the_running_turn_where_the_room_steers() -> None:
    book, turn_id = busy(WhileBusy.STEER)
    assert (
        book
        >> ("bob", PostMessage(text="@bot shorter"))
        << such(MessagePosted)
        << such(TurnSteered, turn_id=turn_id, reason=TurnReason.MENTION, rule_id="mention")
    )
    said = last_message(book)
    assert book.room.state.turns[turn_id].steering == (said,)
    assert (
        book
        >> ("bot", TakeSteering(turn_id=turn_id, fence=1, messages=(said,)))
        << such(SteeringTaken, messages=(said,))
    )
    assert book.room.state.turns[turn_id].steering == ()
    assert book.room.state.turns[turn_id].messages == (said,)
    assert (book >> ("bot", TakeSteering(turn_id=turn_id, fence=1, messages=(said,)))).refuses(RefusalCode.CONFLICT)
    assert (book >> ("bot", TakeSteering(turn_id=turn_id, fence=1, messages=()))).refuses(RefusalCode.CONFLICT)


def test_a_request_takes_the_place_of_the_running_turn_where_the_room_interrupts() -> None:
    book, turn_id = busy(WhileBusy.INTERRUPT)
    book >> ("bob", PostMessage(text="@bot rather this"))
    new_id = waiting(book)
    assert (
        book
        << such(MessagePosted)
        << such(TurnStopRequested, turn_id=turn_id, superseded_by=new_id)
        << such(TurnRequested, turn_id=new_id)
    )
    assert book.room.state.turns[turn_id].superseded_by == new_id
    assert (
        book >> ("bob", PostMessage(text="@bot or this")) << such(MessagePosted) << such(TurnCollected, turn_id=new_id)
    )
    ends(book, turn_id, "so far", outcome=TurnOutcome.INTERRUPTED)
    starts(book, new_id)
    assert [turn.is_running for turn in book.room.state.turns.values()] == [True]


@pytest.mark.parametrize("policy", [WhileBusy.STEER, WhileBusy.INTERRUPT])
@pytest.mark.parametrize(
    ("asker", "who", "touches"), [("bob", "alice", True), ("bob", "bob", True), ("alice", "bob", False)]
)
def test_only_who_asked_or_an_admin_touches_a_running_turn(
    policy: WhileBusy, asker: str, who: str, touches: bool
) -> None:
    book, turn_id = busy(policy, asker=asker)
    book.given(who, PostMessage(text="@bot shorter"))
    turn = book.room.state.turns[turn_id]
    assert (bool(turn.steering) or turn.is_stop_requested) is touches
    assert (len(book.room.state.turns) == 1) is (touches and policy is WhileBusy.STEER)


def test_a_turn_that_others_asked_for_too_is_not_ones_own_to_touch() -> None:
    book = room(settings=RoomSettings(while_busy=WhileBusy.STEER))
    turn_id = book.asks("bob", "bot")
    book.asks_again("alice", turn_id)
    starts(book, turn_id)
    assert book >> ("bob", PostMessage(text="@bot shorter")) << such(MessagePosted) << such(TurnRequested)
    assert (book >> ("bob", SteerTurn(turn_id=turn_id, text="shorter"))).refuses(RefusalCode.FORBIDDEN)


def test_who_may_interrupt_does_so_though_someone_elses_request_waits_already() -> None:
    book, turn_id = busy(WhileBusy.INTERRUPT, asker="alice")
    book.given("bob", PostMessage(text="@bot next"))
    next_id = waiting(book)
    assert (
        book
        >> ("alice", PostMessage(text="@bot stop that"))
        << such(MessagePosted)
        << such(TurnStopRequested, turn_id=turn_id, superseded_by=next_id)
        << such(TurnCollected, turn_id=next_id)
    )


def test_what_one_ai_asks_of_another_waits_whatever_the_room_does() -> None:
    for policy in WhileBusy:
        book = room(settings=RoomSettings(while_busy=policy, ai_to_ai=True))
        running = book.runs("alice", "robot")
        answers(book, book.asks("alice", "bot"), "@robot go")
        turn = book.room.state.turns[running]
        assert (turn.steering, turn.is_stop_requested) == ((), False)
        assert book.room.state.turns[waiting(book)].hops == 1


def test_steering_that_came_too_late_is_answered_in_a_turn_of_its_own() -> None:
    book, turn_id = busy(WhileBusy.STEER)
    first, second = book.posts("bob", "@bot one"), book.posts("alice", "@bot two")
    book >> ("bot", end_of(turn_id))
    next_id = waiting(book)
    assert (
        book
        << such(MessagePosted)
        << such(TurnEnded, turn_id=turn_id)
        << such(TurnRequested, turn_id=next_id, message_id=first, reason=TurnReason.STEERED)
        << such(TurnCollected, turn_id=next_id, message_id=second, reason=TurnReason.STEERED)
    )
    turn = book.room.state.turns[next_id]
    assert (turn.askers, turn.messages, turn.steering) == (("bob", "alice"), (first, second), ())


def end_of(turn_id: TurnId, outcome: TurnOutcome = TurnOutcome.DONE) -> EndTurn:
    return EndTurn(turn_id=turn_id, fence=1, outcome=outcome, text="an answer")


def test_steering_that_came_too_late_joins_the_turn_that_waits() -> None:
    book, turn_id = busy(WhileBusy.STEER)
    late = book.posts("bob", "@bot one")
    set_rules(book, while_busy=WhileBusy.INTERRUPT)
    book.given("bob", PostMessage(text="@bot two"))
    next_id = waiting(book)
    assert (
        book
        >> ("bot", end_of(turn_id, TurnOutcome.INTERRUPTED))
        << such(MessagePosted)
        << such(TurnEnded)
        << such(TurnCollected, turn_id=next_id, message_id=late, reason=TurnReason.STEERED)
    )


def test_a_stop_means_silence_for_what_was_steered_too() -> None:
    book, turn_id = busy(WhileBusy.STEER)
    book.posts("bob", "@bot one")
    book.given("bob", StopTurn(turn_id=turn_id))
    assert book >> ("bot", end_of(turn_id, TurnOutcome.STOPPED)) << such(MessagePosted) << such(TurnEnded)
    assert book.room.state.turns == {}


@pytest.mark.parametrize("policy", list(WhileBusy))
def test_nothing_goes_into_a_turn_that_is_being_stopped(policy: WhileBusy) -> None:
    book, turn_id = busy(policy)
    book.given("bob", StopTurn(turn_id=turn_id))
    assert book >> ("bob", PostMessage(text="@bot again")) << such(MessagePosted) << such(TurnRequested)
    assert (book >> ("bob", SteerTurn(turn_id=turn_id, text="no"))).refuses(RefusalCode.CONFLICT, "being stopped")


def test_a_member_steers_by_command_whatever_the_room_does_with_mentions() -> None:
    book, turn_id = busy(WhileBusy.COLLECT)
    assert (
        book
        >> ("bob", SteerTurn(turn_id=turn_id, text="shorter, @alice"))
        << such(MessagePosted, text="shorter, @alice", mentions=("alice",))
        << such(TurnSteered, turn_id=turn_id, reason=TurnReason.STEERED, rule_id=None)
    )
    next_id = book.asks("bob", "bot")
    assert (
        book
        >> ("bob", SteerTurn(turn_id=next_id, text="in verse"))
        << such(MessagePosted)
        << such(TurnCollected, turn_id=next_id, reason=TurnReason.STEERED)
    )
    assert (book >> ("bob", SteerTurn(turn_id=next_id, text=" "))).refuses(RefusalCode.MALFORMED)
    assert (book >> ("bob", SteerTurn(turn_id=TurnId("none"), text="x"))).refuses(RefusalCode.NOT_FOUND)


def test_a_turn_that_answers_again_is_neither_steered_nor_interrupted_by_requests() -> None:
    for policy in WhileBusy:
        book = room(settings=RoomSettings(while_busy=policy))
        answer = MessageId(answers(book, book.runs("alice", "bot"))[0].id)
        book.given("alice", RegenerateAnswer(message_id=answer))
        again = next(iter(book.room.state.turns))
        assert book >> ("alice", PostMessage(text="@bot and")) << such(MessagePosted) << such(TurnRequested)
        starts(book, again)
        assert book >> ("alice", PostMessage(text="@bot or")) << such(MessagePosted) << such(TurnCollected)
        assert not book.room.state.turns[again].is_stop_requested


def test_a_rate_that_is_spent_lets_steer_only_who_may_steer() -> None:
    book = room(MentionRule(id="mention", per_min=1), settings=RoomSettings(while_busy=WhileBusy.STEER))
    book.given("alice", PostMessage(text="@bot go"))
    starts(book, next(iter(book.room.state.turns)))
    assert book >> ("alice", PostMessage(text="@bot on")) << such(MessagePosted) << such(TurnSteered)
    assert (
        book
        >> ("bob", PostMessage(text="@bot me too"))
        << such(MessagePosted)
        << such(TurnRequested, rule_id=None)
        << such(TurnEnded, outcome=TurnOutcome.REFUSED)
    )


@pytest.mark.parametrize("policy", list(WhileBusy))
def test_a_forms_answer_asks_for_a_turn_that_has_it_as_its_note_whatever_the_ai_is_at(policy: WhileBusy) -> None:
    book, first = busy(policy)
    form = Form(questions=(Question(id="q", text="Which cuisine?"),))
    book.given("bot", EndTurn(turn_id=first, fence=1, outcome=TurnOutcome.DONE, form=form))
    message_id = last_message(book)
    running = book.runs("bob", "bot")
    answer = FormAnswer(question_id="q", values=("Italian",))
    book >> ("bob", AnswerForm(message_id=message_id, answers=(answer,)))
    book = book << such(FormAnswered, message_id=message_id)
    if policy is WhileBusy.INTERRUPT:
        book = book << such(TurnStopRequested, turn_id=running, superseded_by=waiting(book))
    assert book << such(TurnRequested, reason=TurnReason.FORM, message_id=message_id, note="Italian")
    book.given("bob", PostMessage(text="@bot and quickly"))
    ends(book, running, "so far")
    turn = book.room.state.turns[waiting(book)]
    assert (turn.note, turn.messages, turn.steering) == ("Italian", (message_id, last_said_by_bob(book)), ())


def last_said_by_bob(book: Playbook) -> MessageId:
    return next(message.id for message in reversed(book.messages.values()) if message.author_id == "bob")
