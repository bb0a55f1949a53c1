"""Deciding turns: who asks for one, who holds it, what it does, how it ends, exactly once."""

from collections.abc import Sequence
from typing import Final

from multiplayer.protocol.commands import StopTurn
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AnswerChosen, AnswerRegenerated, Event, MessagePosted, SummaryUpdated
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.inner_commands import (
    CallTool,
    ChangeModel,
    EndTurn,
    ExpireApproval,
    FinishTool,
    NoteChanges,
    Propose,
    RequestApproval,
    StartTool,
    StartTurn,
    TakeSteering,
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.memory import SummaryPoint
from multiplayer.protocol.messages import Answer, Message, MessageBody
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import (
    ModelChanged,
    SteeringTaken,
    ToolCalled,
    ToolFinished,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnStopRequested,
)
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms import approval_rules, workspace_rules
from multiplayer.rooms.attachment_rules import given
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.derived import without
from multiplayer.rooms.mentions import Mentions, find_mentions
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.triggers import answer_moment, judge
from multiplayer.rooms.turn_requests import Asking, request_by, request_fields

STOPPED_BY_A_MEMBER: Final = "stopped by a member"
"""Who it was says the actor of the event: a name in its words would outlive them."""


def stop(deciding: Deciding, command: StopTurn) -> list[Event]:
    """A waiting turn ends at once; a running one is told, and its holder ends it with the words shown."""
    deciding.check(Right.READ)
    turn = deciding.state.turns.get(command.turn_id)
    if turn is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such turn that could be stopped")
    deciding.check(Right.STOP_TURN, is_own_request=deciding.actor_id in turn.askers)
    if turn.is_stop_requested:
        raise Refused(RefusalCode.NO_CHANGE, "this turn is being stopped already")
    events: list[Event] = [TurnStopRequested(**deciding.head(), turn_id=turn.turn_id)]
    if not turn.is_running:
        events.append(_ended(deciding, turn, TurnOutcome.STOPPED, STOPPED_BY_A_MEMBER))
    return events


def end_turns_of(deciding: Deciding, ai_id: AccountId | None, reason: str) -> list[Event]:
    """End the turns of one AI, or all: it leaves, or the room is closed."""
    return [
        _ended(deciding, turn, TurnOutcome.STOPPED, reason)
        for turn in deciding.state.turns.values()
        if ai_id is None or turn.ai_id == ai_id
    ]


def end_turns_asked_by(deciding: Deciding, account_id: AccountId, reason: str) -> list[Event]:
    """End the turns that nobody else has asked for."""
    return [
        _ended(deciding, turn, TurnOutcome.STOPPED, reason)
        for turn in deciding.state.turns.values()
        if set(turn.askers) == {account_id}
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
        case RequestApproval():
            return approval_rules.request(deciding, turn, command)
        case ExpireApproval():
            return approval_rules.expire(deciding, turn, command)
        case StartTool():
            return approval_rules.start(deciding, turn, command)
        case NoteChanges():
            return workspace_rules.note_changes(deciding, turn, command)
        case Propose():
            return workspace_rules.propose(deciding, turn, command)
        case FinishTool():
            approval_rules.open_call(turn, command)
            return [
                ToolFinished(
                    **deciding.head(),
                    turn_id=turn.turn_id,
                    call_id=command.call_id,
                    is_ok=command.is_ok,
                    text=command.text,
                    code=command.code,
                    exit_status=command.exit_status,
                    taint=command.taint,
                )
            ]
        case TakeSteering():
            if not command.messages or not set(command.messages) <= set(turn.steering):
                raise Refused(RefusalCode.CONFLICT, "these messages do not wait in this turn")
            return [SteeringTaken(**deciding.head(), turn_id=turn.turn_id, messages=command.messages)]
        case ChangeModel():
            return [
                ModelChanged(
                    **deciding.head(),
                    turn_id=turn.turn_id,
                    model=command.model,
                    previous=command.previous,
                    reason=command.reason,
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


def _summarise(deciding: Deciding, command: UpdateSummary) -> list[Event]:
    current = deciding.state.summary
    if command.version != (current.version if current else 0) + 1:
        raise Refused(RefusalCode.CONFLICT, "the room has a newer summary")
    if not (current.up_to_seq if current else 0) <= command.up_to_seq <= deciding.state.seq:
        raise Refused(RefusalCode.CONFLICT, "a summary covers no less than the one before, and nothing that is to come")
    if _by_people(command.points) != _by_people(current.points if current else ()):
        raise Refused(RefusalCode.CONFLICT, "what a person wrote stays as it is, and nothing is put in their mouth")
    sources = {source for point in command.points for source in point.sources}
    gone = {source for source in sources if (message := deciding.facts.message(source)) is None or message.is_deleted}
    return [
        SummaryUpdated(
            **deciding.head(),
            version=command.version,
            points=without(command.points, gone) if gone else command.points,
            up_to_seq=command.up_to_seq,
            method=command.method,
            taint=command.taint,
            brief=command.brief,
        )
    ]


def _by_people(points: Sequence[SummaryPoint]) -> list[tuple[str, AccountId]]:
    return sorted((point.text, point.by) for point in points if point.by is not None)


def _end(deciding: Deciding, turn: TurnState, command: EndTurn) -> list[Event]:
    text = command.text
    if not (text.strip() or command.cards or command.form or given(deciding, command.attachments)):
        ended = _ended(deciding, turn, command.outcome, command.reason, usage_of=command)
        return [ended, *_left_steering(deciding, turn, command)]
    limit = deciding.limits.answer
    if len(text) > limit:
        text = text[:limit] + "\n\n[cut: the answer was longer than a message may be]"
    # An AI's words may call people, and other AIs where the room wants it; groups would let a prompt ring every bell.
    mentions = Mentions(find_mentions(text, deciding.state.handles, None).accounts)
    if turn.replaces is not None:
        before = deciding.facts.message(turn.replaces)
        if before is None or before.is_deleted:
            # There is nothing left to stand in for, and nobody asked for a message of its own.
            ended = _ended(deciding, turn, command.outcome, "the answer was deleted meanwhile", usage_of=command)
            return [ended, *_left_steering(deciding, turn, command)]
        return _answer_again(deciding, turn, command, text, mentions, before)
    return _answer(deciding, turn, command, text, mentions)


def _answer(deciding: Deciding, turn: TurnState, command: EndTurn, text: str, mentions: Mentions) -> list[Event]:
    message_id = MessageId(deciding.new_id())
    asked = deciding.facts.message(turn.messages[-1]) if turn.messages else None
    # What was asked inside a thread is answered there; the rest is answered in the open.
    in_thread = asked is not None and asked.thread_root is not None
    posted = MessagePosted(
        **deciding.head(event_id=message_id),
        message=MessageBody(
            id=message_id,
            text=text,
            reply_to=asked.id if asked is not None and in_thread else None,
            thread_root=asked.thread_root if asked is not None and in_thread else None,
            turn_id=turn.turn_id,
            asked_by=turn.askers,
            answers=turn.messages,
            cards=command.cards,
            form=command.form,
            taint=command.taint,
            attachments=given(deciding, command.attachments),
        ),
        mentions=mentions.accounts,
    )
    ended = _ended(deciding, turn, command.outcome, command.reason, usage_of=command, message_id=message_id)
    called = _call_others(deciding, turn, posted, asked if in_thread else None)
    return [posted, ended, *called, *_left_steering(deciding, turn, command)]


def _answer_again(
    deciding: Deciding, turn: TurnState, command: EndTurn, text: str, mentions: Mentions, before: Message
) -> list[Event]:
    answer = Answer(
        turn_id=turn.turn_id,
        at=deciding.at,
        text=text,
        cards=command.cards,
        form=command.form,
        taint=command.taint,
    )
    events: list[Event] = [
        AnswerRegenerated(
            **deciding.head(),
            message_id=before.id,
            answer=answer,
            revision=before.revision + 1,
            mentions=mentions.accounts,
        )
    ]
    if command.outcome is not TurnOutcome.DONE:
        # Half an answer is kept, and does not take the place of a whole one.
        events.append(
            AnswerChosen(**deciding.head(), message_id=before.id, index=before.chosen, revision=before.revision + 2)
        )
    ended = _ended(deciding, turn, command.outcome, command.reason, usage_of=command, message_id=before.id)
    return [*events, ended, *_left_steering(deciding, turn, command)]


def _call_others(deciding: Deciding, turn: TurnState, posted: MessagePosted, replied_to: Message | None) -> list[Event]:
    """Return the turns of other AIs that an AI's answer asks for, if the room lets AIs call each other."""
    state = deciding.state
    if not state.room.settings.ai_to_ai:
        return []
    moment = answer_moment(state, turn, posted, replied_to.author_id if replied_to else None)
    called: list[Event] = []
    for verdict in judge(state, moment):
        called += request_by(deciding, verdict, posted.message.id, turn)
    return called


def _left_steering(deciding: Deciding, turn: TurnState, command: EndTurn) -> list[Event]:
    """Return what asks for a next turn, for what came into this one too late to be told. A stop means silence."""
    if command.outcome is TurnOutcome.STOPPED:
        return []
    others = (other for other in deciding.state.turns_of(turn.ai_id) if other.turn_id != turn.turn_id)
    waiting = next((other for other in others if not other.is_running and other.replaces is None), None)
    next_id = waiting.turn_id if waiting is not None else None
    events: list[Event] = []
    for message_id in turn.steering:
        asking = Asking(turn.ai_id, TurnReason.STEERED, message_id, on_behalf_of=turn.askers, hops=turn.hops)
        if next_id is None:
            next_id = TurnId(deciding.new_id())
            events.append(TurnRequested(**deciding.head(), **request_fields(asking), turn_id=next_id))
        else:
            events.append(TurnCollected(**deciding.head(), **request_fields(asking), turn_id=next_id))
    return events


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
