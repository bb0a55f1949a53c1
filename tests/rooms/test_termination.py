"""Whatever rules a room has and whatever its AIs say: after a person's message a finite number of turns follows."""

from datetime import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.events import Event, RoomCreated
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.rooms import MAX_HOPS, RoomSettings
from multiplayer.protocol.trigger_rules import (
    DEFAULT_TRIGGERS,
    EveryRule,
    KeywordRule,
    MentionRule,
    ReplyRule,
    ScheduleRule,
    ThreadRule,
    TriggerRule,
    WebhookRule,
)
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested, TurnSteered
from multiplayer.protocol.turns import TurnOutcome, TurnReason, WhileBusy
from multiplayer.rooms.rehearsal import Rehearsal
from tests.rooms.asking import answers, ends, starts
from tests.support.playbook import Playbook, room_of

AIS = ("a1", "a2", "a3", "a4", "a5")


def bound(ais: int) -> int:
    """How many turns one message can cause: it asks each AI once, each answer each other AI once, and theirs once more."""
    assert MAX_HOPS == 2
    others = ais - 1
    return ais * (1 + others + others * others)


def rules_for(ais: tuple[str, ...]) -> st.SearchStrategy[tuple[TriggerRule, ...]]:
    ai_ids = st.none() | st.sampled_from(ais).map(AccountId)
    frame = {"ai_id": ai_ids, "is_on": st.sampled_from([True, True, True, False])}
    frame |= {"cooldown_s": st.sampled_from([0, 0, 3]), "per_min": st.sampled_from([1, 5, 600])}
    rule: st.SearchStrategy[TriggerRule] = st.one_of(
        st.builds(MentionRule, id=st.just("x"), **frame),
        st.builds(ReplyRule, id=st.just("x"), **frame),
        st.builds(ThreadRule, id=st.just("x"), idle_s=st.sampled_from([1, 600]), **frame),
        st.builds(KeywordRule, id=st.just("x"), words=st.just(("go", "an")), **frame),
        st.builds(EveryRule, id=st.just("x"), messages=st.integers(1, 3), **frame),
        st.builds(ScheduleRule, id=st.just("x"), at=st.just(time(9)), **frame),
        st.builds(WebhookRule, id=st.just("x"), **frame),
    )
    return st.lists(rule, max_size=8).map(
        lambda found: tuple(one.model_copy(update={"id": f"r{number}"}) for number, one in enumerate(found))
    )


def with_ais(of_room: RoomSettings, ais: tuple[str, ...]) -> RoomCreated:
    first = room_of(settings=of_room, alice="owner", bob="member")
    joined = room_of(alice="owner", a1="ai", a2="ai", a3="ai", a4="ai", a5="ai").members[1:]
    return first.model_copy(update={"members": (*first.members, *joined[: len(ais)])})


@st.composite
def rooms(draw: st.DrawFn) -> Playbook:
    ais = AIS[: draw(st.integers(1, 5))]
    triggers = draw(st.sampled_from([DEFAULT_TRIGGERS, None]) | st.none()) or draw(rules_for(ais))
    of_room = RoomSettings(
        triggers=triggers,
        ai_to_ai=draw(st.sampled_from([True, True, False])),
        ai_pairs_per_hour=draw(st.sampled_from([1, 3, 100])),
        while_busy=draw(st.sampled_from(WhileBusy)),
        default_ai=draw(st.none() | st.sampled_from(ais).map(AccountId)),
    )
    return Playbook(with_ais(of_room, ais))


def texts(draw: st.DrawFn, book: Playbook) -> str:
    names = [name for name in ("ai", *AIS) if name == "ai" or AccountId(name) in book.room.state.members]
    return "go " + " ".join(f"@{name}" for name in draw(st.lists(st.sampled_from(names), unique=True)))


def turns_in(log: list[Event]) -> list[TurnRequested]:
    return [event for event in log if isinstance(event, TurnRequested)]


@settings(
    max_examples=120, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_a_finite_number_of_turns_follows_any_messages(data: st.DataObject) -> None:
    book = data.draw(rooms(), label="room")
    state = book.room.state
    ais = sum(member.handle in AIS for member in state.members.values())

    def anywhere() -> MessageId | None:
        return data.draw(st.none() | st.sampled_from(list(book.messages))) if book.messages else None

    def text() -> str:
        return data.draw(st.composite(texts)(book))

    def someone_goes_on() -> None:
        """An AI starts what waits for it, or ends what it runs; sometimes it posts something of its own, too."""
        turn = data.draw(st.sampled_from(list(state.turns.values())))
        is_busy = any(other.is_running for other in state.turns_of(turn.ai_id))
        if not turn.is_running and not is_busy:
            starts(book, turn.turn_id)
        elif turn.is_running:
            if data.draw(st.integers(0, 4)) == 0:
                book.given(turn.ai_id, PostMessage(text=text(), reply_to=anywhere()))
            ends(book, turn.turn_id, text(), outcome=data.draw(st.sampled_from([TurnOutcome.DONE, *TurnOutcome])))

    messages = data.draw(st.integers(1, 3), label="messages")
    for _ in range(messages):
        book.given(data.draw(st.sampled_from(["alice", "bob"])), PostMessage(text=text(), reply_to=anywhere()))
        for _ in range(data.draw(st.integers(0, 4))):
            if state.turns:
                someone_goes_on()
    most = messages * bound(ais)
    # Each turn is started and ended, and an AI that is busy may be drawn in vain.
    for _ in range(2 * most + 1):
        if not state.turns:
            break
        turn = next((turn for turn in state.turns.values() if turn.is_running), next(iter(state.turns.values())))
        answers(book, turn.turn_id, text())
    assert not state.turns, "it does not end"
    found = turns_in(book.log)
    assert len(found) <= most
    called = [event for event in found if event.on_behalf_of and event.reason is not TurnReason.STEERED]
    assert all(event.hops <= MAX_HOPS for event in found)
    # All of it takes less than an hour.
    assert len(called) <= ais * (ais - 1) * state.room.settings.ai_pairs_per_hour
    if not state.room.settings.ai_to_ai:
        assert not called
    check_explained(book)


def check_explained(book: Playbook) -> None:
    """What the log's rules did is what a rehearsal of the log says, message by message."""
    first, *rest = book.replayed()
    assert first.type == "room_created"
    rehearsal = Rehearsal(first)
    judged = [one for one in (*map(rehearsal.take, rest), rehearsal.end()) if one is not None]
    assert [one.message_id for one in judged] == list(book.messages)
    by_rules = [
        event
        for event in rest
        if isinstance(event, TurnRequested | TurnCollected | TurnSteered) and event.rule_id is not None
    ]
    for one in judged:
        fired = {(verdict.rule_id, verdict.ai_id) for verdict in one.verdicts if verdict.fires}
        assert fired == {(event.rule_id, event.ai_id) for event in by_rules if event.message_id == one.message_id}


@pytest.mark.parametrize("while_busy", WhileBusy)
@pytest.mark.parametrize("together", [True, False], ids=["all at once", "one by one"])
def test_five_ais_that_all_name_each_other_in_every_answer_come_to_an_end(
    while_busy: WhileBusy, together: bool
) -> None:
    rules = (MentionRule(id="mention", per_min=600),)
    book = Playbook(
        with_ais(RoomSettings(triggers=rules, ai_to_ai=True, ai_pairs_per_hour=100, while_busy=while_busy), AIS)
    )
    state = book.room.state
    everyone = " ".join(f"@{name}" for name in AIS)
    book.given("alice", PostMessage(text=everyone))
    for _ in range(bound(5)):
        if not state.turns:
            break
        for turn in list(state.turns.values())[: 5 if together else 1]:
            if not turn.is_running:
                starts(book, turn.turn_id)
        for turn in list(state.turns.values()):
            if turn.is_running:
                answers(book, turn.turn_id, everyone)
    assert not state.turns
    found = turns_in(book.log)
    # Requests that come while one waits join it, so that it is far less than the bound.
    assert 5 < len(found) <= bound(5)
    assert {event.hops for event in found} == ({0, 1, 2} if together else {0, 2})
    check_explained(book)


def test_two_ais_that_thank_each_other_stop_after_two_hops() -> None:
    book = Playbook(room_of(settings=RoomSettings(ai_to_ai=True), alice="owner", a1="ai", a2="ai"))
    book.given("alice", PostMessage(text="@a1 hello"))
    for _ in range(bound(2)):
        if book.room.state.turns:
            turn = next(iter(book.room.state.turns.values()))
            answers(book, turn.turn_id, "thank you, @a2" if turn.ai_id == "a1" else "thank you, @a1")
    assert not book.room.state.turns
    assert [(event.ai_id, event.hops) for event in turns_in(book.log)] == [("a1", 0), ("a2", 1), ("a1", 2)]
