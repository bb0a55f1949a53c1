"""Deciding turns: who asks for one, who holds it, what it does, how it ends, exactly once."""

from multiplayer.protocol.commands import (
    AskAi,
    CallTool,
    EndTurn,
    FinishTool,
    StartTool,
    StartTurn,
    StopTurn,
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    Event,
    MessagePosted,
    SummaryUpdated,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnStopRequested,
)
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.messages import MessageBody
from multiplayer.protocol.rooms import ToolCallState, TurnState
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.mentions import find_mentions
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.triggers import is_ai


def request_turn(
    deciding: Deciding, ai_id: AccountId, reason: TurnReason, message_id: MessageId | None
) -> TurnRequested | TurnCollected:
    """Ask `ai_id` for a turn. A turn that still waits collects the request: an AI has at most one waiting."""
    waiting = next((turn for turn in deciding.state.turns_of(ai_id) if not turn.is_running), None)
    if waiting is not None:
        return TurnCollected(
            **deciding.head(), turn_id=waiting.turn_id, ai_id=ai_id, message_id=message_id, reason=reason
        )
    return TurnRequested(
        **deciding.head(), turn_id=TurnId(deciding.new_id()), ai_id=ai_id, message_id=message_id, reason=reason
    )


def ask(deciding: Deciding, command: AskAi) -> list[Event]:
    deciding.check(Right.ASK_AI)
    ai_id = command.ai_id or deciding.state.default_ai
    if ai_id is None or not is_ai(deciding.state, ai_id):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
    if command.message_id is not None:
        deciding.live_message(command.message_id)
    return [request_turn(deciding, ai_id, TurnReason.ASKED, command.message_id)]


def stop(deciding: Deciding, command: StopTurn) -> list[Event]:
    """A waiting turn ends at once; a running one is told, and its holder ends it with the words shown."""
    deciding.check(Right.READ)
    turn = deciding.state.turns.get(command.turn_id)
    if turn is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such turn that could be stopped")
    deciding.check(Right.STOP_TURN, is_own_request=turn.askers == (deciding.actor_id,))
    if turn.is_stop_requested:
        raise Refused(RefusalCode.NO_CHANGE, "this turn is being stopped already")
    events: list[Event] = [TurnStopRequested(**deciding.head(), turn_id=turn.turn_id)]
    if not turn.is_running:
        events.append(_ended(deciding, turn, TurnOutcome.STOPPED, f"stopped by {deciding.actor.display_name}"))
    return events


def end_turns_of(deciding: Deciding, ai_id: AccountId | None, reason: str) -> list[Event]:
    """End the turns of one AI, or all: it leaves, or the room is closed."""
    return [
        _ended(deciding, turn, TurnOutcome.STOPPED, reason)
        for turn in deciding.state.turns.values()
        if ai_id is None or turn.ai_id == ai_id
    ]


def act(deciding: Deciding, command: TurnCommand) -> list[Event]:
    """Decide what the holder of a turn submits."""
    turn = deciding.state.turns.get(command.turn_id)
    if turn is None:
        raise Refused(RefusalCode.CONFLICT, "this turn has ended")
    if deciding.actor_id != turn.ai_id or deciding.actor_id not in deciding.state.members:
        raise Refused(RefusalCode.FORBIDDEN, "this turn is another member's")
    if isinstance(command, StartTurn):
        return _start(deciding, turn, command)
    if command.fence != turn.fence or not turn.is_running:
        raise Refused(RefusalCode.CONFLICT, "another pod holds this turn now")
    match command:
        case CallTool():
            if any(call.call_id == command.call_id for call in turn.calls):
                raise Refused(RefusalCode.CONFLICT, "this call was made already")
            return [
                ToolCalled(
                    **deciding.head(),
                    turn_id=turn.turn_id,
                    call_id=command.call_id,
                    name=command.name,
                    arguments=command.arguments,
                )
            ]
        case StartTool():
            return _start_tool(deciding, turn, command)
        case FinishTool():
            _open_call(turn, command)
            return [
                ToolFinished(
                    **deciding.head(),
                    turn_id=turn.turn_id,
                    call_id=command.call_id,
                    is_ok=command.is_ok,
                    text=command.text,
                    code=command.code,
                    exit_status=command.exit_status,
                )
            ]
        case UpdateSummary():
            return _summarise(deciding, command)
        case EndTurn():
            return _end(deciding, turn, command)


def _start(deciding: Deciding, turn: TurnState, command: StartTurn) -> list[Event]:
    if command.fence != turn.fence + 1:
        raise Refused(RefusalCode.CONFLICT, "another pod was first")
    others = deciding.state.turns_of(turn.ai_id)
    if not turn.is_running and any(other.is_running for other in others):
        raise Refused(RefusalCode.CONFLICT, "this AI is at another turn of the room")
    return [TurnStarted(**deciding.head(), turn_id=turn.turn_id, fence=command.fence, pod=command.pod)]


def _start_tool(deciding: Deciding, turn: TurnState, command: StartTool) -> list[Event]:
    call = _open_call(turn, command)
    if call.is_started:
        raise Refused(RefusalCode.CONFLICT, "this call was started already")
    if turn.is_stop_requested:
        raise Refused(RefusalCode.CONFLICT, "this turn is being stopped")
    # Whether they may have this tool run is asked again when it runs; here, that they are still members at all.
    if deciding.state.authority_of(turn) is None:
        raise Refused(RefusalCode.FORBIDDEN, "who asked for this turn is no longer in the room")
    return [ToolStarted(**deciding.head(), turn_id=turn.turn_id, call_id=command.call_id)]


def _open_call(turn: TurnState, command: StartTool | FinishTool) -> ToolCallState:
    call = next((call for call in turn.calls if call.call_id == command.call_id), None)
    if call is None:
        raise Refused(RefusalCode.CONFLICT, "there is no such call open")
    return call


def _summarise(deciding: Deciding, command: UpdateSummary) -> list[Event]:
    current = deciding.state.summary
    if command.version != (current.version if current else 0) + 1:
        raise Refused(RefusalCode.CONFLICT, "the room has a newer summary")
    if not (current.up_to_seq if current else 0) <= command.up_to_seq <= deciding.state.seq:
        raise Refused(RefusalCode.CONFLICT, "a summary covers no less than the one before, and nothing that is to come")
    return [
        SummaryUpdated(
            **deciding.head(),
            version=command.version,
            text=command.text,
            up_to_seq=command.up_to_seq,
            method=command.method,
        )
    ]


def _end(deciding: Deciding, turn: TurnState, command: EndTurn) -> list[Event]:
    text = command.text
    if not text.strip():
        return [_ended(deciding, turn, command.outcome, command.reason, usage_of=command)]
    limit = deciding.limits.answer
    if len(text) > limit:
        text = text[:limit] + "\n\n[cut: the answer was longer than a message may be]"
    message_id = MessageId(deciding.new_id())
    asked = deciding.facts.message(turn.messages[-1]) if turn.messages else None
    # What was asked inside a thread is answered there; the rest is answered in the open.
    in_thread = asked is not None and asked.thread_root is not None
    # An AI's words may call people, not other AIs (triggers.py); groups would let a prompt ring every bell.
    mentions = find_mentions(text, deciding.state.handles, None)
    return [
        MessagePosted(
            **deciding.head(event_id=message_id),
            message=MessageBody(
                id=message_id,
                text=text,
                reply_to=asked.id if asked is not None and in_thread else None,
                thread_root=asked.thread_root if asked is not None and in_thread else None,
                turn_id=turn.turn_id,
            ),
            mentions=mentions.accounts,
        ),
        _ended(deciding, turn, command.outcome, command.reason, usage_of=command, message_id=message_id),
    ]


def _ended(
    deciding: Deciding,
    turn: TurnState,
    outcome: TurnOutcome,
    reason: str,
    *,
    usage_of: EndTurn | None = None,
    message_id: MessageId | None = None,
) -> TurnEnded:
    return TurnEnded(
        **deciding.head(),
        turn_id=turn.turn_id,
        ai_id=turn.ai_id,
        outcome=outcome,
        reason=reason,
        message_id=message_id,
        usage=usage_of.usage if usage_of else None,
    )
