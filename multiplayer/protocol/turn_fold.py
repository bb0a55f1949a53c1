"""How a turn follows from its events: the one fold that the room, the database and the client share."""

from typing import Final, get_args

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import Event
from multiplayer.protocol.rooms import ToolCallState, TurnState
from multiplayer.protocol.tools import ApprovalCard
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ModelChanged,
    SteeringTaken,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnSteered,
    TurnStopRequested,
)

MOST_REQUESTS: Final = 100
"""How many messages one turn answers; of more, the last ones."""
MOST_NOTE_CHARACTERS: Final = 32_000

TurnStep = (
    TurnCollected
    | TurnSteered
    | TurnStarted
    | SteeringTaken
    | ModelChanged
    | TurnStopRequested
    | ToolCalled
    | ApprovalRequested
    | ApprovalDecided
    | ApprovalExpired
    | ToolStarted
    | ToolFinished
)
"""What changes a turn that is there."""
TurnEvent = TurnRequested | TurnStep | TurnEnded
_TURN_EVENTS = get_args(TurnEvent)


def is_turn_event(event: Event) -> bool:
    return isinstance(event, _TURN_EVENTS)


def turn_of(event: TurnRequested) -> TurnState:
    """Return the turn as it is right after it was asked for."""
    return TurnState(
        turn_id=event.turn_id,
        ai_id=event.ai_id,
        askers=event.askers,
        messages=(event.message_id,) if event.message_id else (),
        requested_at=event.at,
        requested_seq=event.seq,
        reason=event.reason,
        rule_id=event.rule_id,
        hops=event.hops,
        replaces=event.replaces,
        note=event.note,
        is_unattended=event.is_unattended,
        taint=(Taint.WEBHOOK,) if event.is_by_webhook else (),
    )


def card_of(event: ApprovalRequested) -> ApprovalCard:
    """Return the card as it is before anybody has decided."""
    return ApprovalCard(
        tool_class=event.tool_class,
        sha256=event.sha256,
        decider=event.decider,
        needed=event.needed,
        reason=event.reason,
        expires_at=event.expires_at,
        limits=event.limits,
    )


def turn_after(turn: TurnState, event: TurnStep) -> TurnState:
    """Return `turn` as it is after one of its events."""
    changed: dict[str, object]
    match event:
        case TurnCollected() | TurnSteered():
            changed = _joined(turn, event)
        case TurnStarted():
            changed = {"fence": event.fence}
        case SteeringTaken():
            changed = {"steering": tuple(one for one in turn.steering if one not in event.messages)}
        case ModelChanged():
            changed = {"model": event.model}
        case TurnStopRequested():
            changed = {"is_stop_requested": True, "superseded_by": event.superseded_by}
        case ToolCalled():
            call = ToolCallState(call_id=event.call_id, name=event.name, arguments=event.arguments)
            changed = {"calls": (*turn.calls, call), "steps": turn.steps + 1}
        case ApprovalRequested() | ApprovalDecided() | ApprovalExpired() | ToolStarted():
            calls = (_call_after(call, event) if call.call_id == event.call_id else call for call in turn.calls)
            changed = {"calls": tuple(calls)}
        case ToolFinished():
            changed = {"calls": tuple(call for call in turn.calls if call.call_id != event.call_id)}
            if event.taint is not None and event.taint not in turn.taint:
                changed["taint"] = (*turn.taint, event.taint)
    return turn.model_copy(update=changed)


def _call_after(
    call: ToolCallState, event: ApprovalRequested | ApprovalDecided | ApprovalExpired | ToolStarted
) -> ToolCallState:
    match event:
        case ToolStarted():
            return call.model_copy(update={"is_started": True, "before": event.before})
        case ApprovalRequested():
            return call.model_copy(update={"approval": card_of(event)})
    if call.approval is None:
        return call
    change: dict[str, object]
    match event:
        case ApprovalExpired():
            change = {"is_expired": True}
        case ApprovalDecided(is_approved=True):
            change = {"approved_by": (*call.approval.approved_by, event.actor_id)}
        case ApprovalDecided():
            change = {"rejected_by": event.actor_id}
    return call.model_copy(update={"approval": call.approval.model_copy(update=change)})


def _joined(turn: TurnState, event: TurnCollected | TurnSteered) -> dict[str, object]:
    new = (event.message_id,) if event.message_id else ()
    changed: dict[str, object] = {
        "askers": tuple(dict.fromkeys((*turn.askers, *event.askers))),
        "messages": (*turn.messages, *new)[-MOST_REQUESTS:],
        # A request that came far may not set the turn's count back.
        "hops": max(turn.hops, event.hops),
        "note": "\n\n".join(note for note in (turn.note, event.note) if note)[:MOST_NOTE_CHARACTERS],
        "is_unattended": turn.is_unattended or event.is_unattended,
    }
    if event.is_by_webhook and Taint.WEBHOOK not in turn.taint:
        changed["taint"] = (*turn.taint, Taint.WEBHOOK)
    if isinstance(event, TurnSteered):
        changed["steering"] = (*turn.steering, *new)
    return changed
