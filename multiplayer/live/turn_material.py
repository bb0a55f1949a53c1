"""What a turn is made of, sorted: what its asker may know, what its calls came to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from multiplayer.ai.prompts import RESULT_GONE
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    Event,
    FactForgotten,
    FactPinned,
    FormAnswered,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    SummaryUpdated,
)
from multiplayer.protocol.ids import MessageId, TurnId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import ToolFinished, TurnRequested
from multiplayer.protocol.turn_fold import TurnEvent, TurnStep, turn_after, turn_of
from multiplayer.tools.registry import ToolResult

_OF_A_MESSAGE: Final = (
    MessageEdited,
    MessageDeleted,
    AnswerRegenerated,
    AnswerChosen,
    FormAnswered,
    AttachmentChanged,
)


def without_what_was_before(events: Sequence[Event]) -> list[Event]:
    """Take out what carries words from before the first of `events`: summaries, facts, new words of older messages."""
    here = {event.message.id for event in events if isinstance(event, MessagePosted)}
    return [
        event
        for event in events
        if not isinstance(event, SummaryUpdated | FactPinned | FactForgotten)
        and not (isinstance(event, _OF_A_MESSAGE) and event.message_id not in here)
    ]


def as_if_never_answered(
    events: Sequence[Event], answer: Message, turn: TurnState, earlier: Collection[MessageId]
) -> list[Event]:
    """Return what a turn is told that gives `answer` again: what was before it, as that stands now.

    `earlier`: the messages before it, as far as they were `changed_since`. The turns that gave the answer and its
    alternatives are left out. What this turn itself has done since stays, and what was said into it: who takes it over
    may not do it a second time.
    """
    gave = {alternative.turn_id for alternative in answer.alternatives} | {answer.turn_id}

    def is_told(event: Event) -> bool:
        its_turn = _turn_of(event)
        if its_turn == turn.turn_id:
            return True
        if event.seq < answer.seq:
            return its_turn not in gave
        if isinstance(event, MessagePosted):
            return event.message.id in turn.messages
        return isinstance(event, _OF_A_MESSAGE) and event.message_id in earlier

    return [event for event in events if is_told(event)]


def changed_since(events: Sequence[Event], answer: Message) -> Collection[MessageId]:
    """Return the messages that were changed after an answer was given."""
    return {event.message_id for event in events if isinstance(event, _OF_A_MESSAGE) and event.seq > answer.seq}


def folded_turn(events: Sequence[Event], turn_id: TurnId) -> TurnState | None:
    """Return a turn as it is after `events`, if they hold its beginning."""
    turn: TurnState | None = None
    for event in events:
        if isinstance(event, TurnRequested) and event.turn_id == turn_id:
            turn = turn_of(event)
        elif turn is not None and isinstance(event, TurnStep) and event.turn_id == turn_id:
            turn = turn_after(turn, event)
    return turn


def _turn_of(event: Event) -> TurnId | None:
    if isinstance(event, MessagePosted):
        return event.message.turn_id
    return event.turn_id if isinstance(event, TurnEvent) else None


def results_of(turn_id: TurnId, events: Sequence[Event]) -> Mapping[str, ToolResult]:
    """Return what the calls of a turn came to under its earlier holders: none of them runs again."""
    return {
        event.call_id: ToolResult(
            ok=event.is_ok,
            text=RESULT_GONE if event.is_redacted else event.text,
            code=event.code,
            exit_status=event.exit_status,
            taint=event.taint,
        )
        for event in events
        if isinstance(event, ToolFinished) and event.turn_id == turn_id
    }
