"""Rooms with rules, as the tests of who answers read them: who was asked, by which rule, and why not."""

from collections.abc import Sequence

from multiplayer.protocol.commands import PostMessage, SetRoomSettings
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.inner_commands import EndTurn, StartTurn
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, TriggerRule, Why
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested, TurnSteered
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.rehearsal import explain
from tests.support.playbook import Playbook, room_of

OPEN = RoomSettings(guests_post=True)


def room(*rules: TriggerRule, settings: RoomSettings = OPEN) -> Playbook:
    """Alice owns the room, Bob is a member, Gina a guest who may post but not ask; Bot and Robot are AIs."""
    triggers = rules or DEFAULT_TRIGGERS
    return Playbook(
        room_of(
            settings=settings.model_copy(update={"triggers": triggers}),
            alice="owner",
            bob="member",
            gina="guest",
            bot="ai",
            robot="ai",
        )
    )


def asked(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Say which AIs were asked, and why."""
    return [
        (event.ai_id, event.reason.value)
        for event in events
        if isinstance(event, TurnRequested | TurnCollected | TurnSteered)
    ]


def says(book: Playbook, who: str, text: str, *, reply_to: str | None = None) -> list[tuple[str, str]]:
    """Let someone say something, and every AI that is asked answer at once; return who was asked, and why."""
    found = asked(book.given(who, PostMessage(text=text, reply_to=MessageId(reply_to) if reply_to else None)))
    settle(book)
    return found


def settle(book: Playbook, text: str = "an answer") -> None:
    """Let the turns that are there be answered, and all that follow."""
    for _ in range(1_000):
        turn_id = next(iter(book.room.state.turns), None)
        if turn_id is None:
            return
        answers(book, turn_id, text)
    raise AssertionError("it does not end")


def starts(book: Playbook, turn_id: TurnId) -> None:
    turn = book.room.state.turns[turn_id]
    book.given(turn.ai_id, StartTurn(turn_id=turn_id, fence=turn.fence + 1, pod="pod"))


def ends(
    book: Playbook, turn_id: TurnId, text: str = "", *, outcome: TurnOutcome = TurnOutcome.DONE
) -> Sequence[Event]:
    turn = book.room.state.turns[turn_id]
    return book.given(turn.ai_id, EndTurn(turn_id=turn_id, fence=turn.fence, outcome=outcome, text=text))


def answers(book: Playbook, turn_id: TurnId, text: str = "an answer") -> Sequence[Event]:
    if not book.room.state.turns[turn_id].is_running:
        starts(book, turn_id)
    return ends(book, turn_id, text)


def last_message(book: Playbook) -> MessageId:
    return list(book.messages)[-1]


def why(book: Playbook, rule_id: str, *, message_id: str | None = None) -> set[tuple[str | None, Why]]:
    """Say what a rule said to a message, by default to the last one that a person wrote."""
    people = [message.id for message in book.messages.values() if message.turn_id is None]
    judged = explain(book.replayed(), MessageId(message_id) if message_id else people[-1])
    assert judged is not None
    return {(verdict.ai_id, verdict.why) for verdict in judged.verdicts if verdict.rule_id == rule_id}


def set_rules(book: Playbook, *rules: TriggerRule, **settings: object) -> None:
    now = book.room.state.room.settings
    book.given(
        "alice", SetRoomSettings(settings=now.model_copy(update={"triggers": rules or now.triggers, **settings}))
    )


def authored_by(book: Playbook, who: str) -> list[str]:
    return [message.text for message in book.messages.values() if message.author_id == AccountId(who)]
