"""Deciding which tool calls run: when people are asked, who may answer, and the second look right before the start."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import DecideApproval
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.inner_commands import ExpireApproval, FinishTool, RequestApproval, StartTool
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import ToolCallState, TurnState
from multiplayer.protocol.tools import ApprovalCard, Decider
from multiplayer.protocol.turn_events import ApprovalDecided, ApprovalExpired, ApprovalRequested, ToolStarted
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.tool_policy import NeedsApproval, RefusedByPolicy, Runs, decide, may_decide, outside_words

TAINTED_S: Final = 300
"""In a tainted turn an approval waits no longer than this."""


def request(deciding: Deciding, turn: TurnState, command: RequestApproval) -> list[Event]:
    call = open_call(turn, command)
    if call.is_started or call.approval is not None:
        raise Refused(RefusalCode.CONFLICT, "this call was asked about already")
    settings = deciding.state.room.settings
    taint = (*turn.taint, *command.taint)
    decision = decide(command.tool_class, deciding.state.authority_of(turn), settings, at=deciding.at, taint=taint)
    if not isinstance(decision, NeedsApproval):
        raise Refused(RefusalCode.CONFLICT, "this call needs nobody's approval as the room is now")
    needed = settings.approvals.approvers
    able = [
        member
        for member in deciding.state.members.values()
        if may_decide(member.role, decision.decider, settings, is_asker=member.account_id in turn.askers)
    ]
    if len(able) < needed:
        raise Refused(
            RefusalCode.FORBIDDEN,
            f"{decision.reason}, and the room has {len(able) or 'nobody'} who may; it takes {needed}",
        )
    usual_s = settings.approvals.expires_s
    expires_s = min(usual_s, TAINTED_S) if taint else usual_s
    return [
        ApprovalRequested(
            **deciding.head(),
            turn_id=turn.turn_id,
            call_id=call.call_id,
            tool_class=command.tool_class,
            sha256=command.sha256,
            decider=decision.decider,
            needed=needed,
            reason=_reason(decision, taint, expires_s=expires_s, usual_s=usual_s),
            expires_at=deciding.at + timedelta(seconds=expires_s),
            limits=command.limits,
        )
    ]


def _reason(decision: NeedsApproval, taint: Collection[Taint], *, expires_s: int, usual_s: int) -> str:
    """Why a call waits, for who is asked; where the turn holds words from outside, that too, and what it means."""
    if not taint:
        return decision.reason
    outside = outside_words(taint)
    is_said = outside in decision.reason
    reason = decision.reason if is_said else f"{decision.reason}; {outside}"
    if expires_s == usual_s:
        return reason
    minutes = f"the time for a yes is {expires_s / 60:g} minutes instead of {usual_s / 60:g}"
    return f"{reason}, {'and' if is_said else 'so'} {minutes}"


def decide_approval(deciding: Deciding, command: DecideApproval) -> list[Event]:
    """Take a member's yes or no. The first no ends it; as many yeses as the card asks for let the call run, once."""
    deciding.check(Right.READ)
    turn = deciding.state.turns.get(command.turn_id)
    call = next((call for call in turn.calls if call.call_id == command.call_id), None) if turn else None
    if turn is None or call is None or call.approval is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such call that waits for approval")
    card = call.approval
    _check_may_decide(deciding, turn, card)
    if command.sha256 != card.sha256:
        raise Refused(RefusalCode.CONFLICT, "this is not the call that the card shows: look at it again")
    if not card.is_open or card.expires_at <= deciding.at:
        raise Refused(RefusalCode.CONFLICT, "this call is decided already")
    if turn.is_stop_requested:
        raise Refused(RefusalCode.CONFLICT, "this turn is being stopped")
    if deciding.actor_id in card.approved_by and command.is_approved:
        raise Refused(RefusalCode.NO_CHANGE, "you have approved this already; others must, too")
    return [
        ApprovalDecided(**deciding.head(), turn_id=turn.turn_id, call_id=call.call_id, is_approved=command.is_approved)
    ]


def expire(deciding: Deciding, turn: TurnState, command: ExpireApproval) -> list[Event]:
    call = open_call(turn, command)
    if call.approval is None or not call.approval.is_open or call.approval.expires_at > deciding.at:
        raise Refused(RefusalCode.CONFLICT, "this call is decided, or still has time")
    return [ApprovalExpired(**deciding.head(), turn_id=turn.turn_id, call_id=call.call_id)]


def start(deciding: Deciding, turn: TurnState, command: StartTool) -> list[Event]:
    """Let the call begin, once, if it still may: everything that was looked at before is looked at again."""
    call = open_call(turn, command)
    if call.is_started:
        raise Refused(RefusalCode.CONFLICT, "this call was started already")
    if turn.is_stop_requested:
        raise Refused(RefusalCode.CONFLICT, "this turn is being stopped")
    authority = deciding.state.authority_of(turn)
    if authority is None:
        raise Refused(RefusalCode.FORBIDDEN, "who asked for this turn is no longer in the room")
    settings = deciding.state.room.settings
    match decide(command.tool_class, authority, settings, at=deciding.at, taint=(*turn.taint, *command.taint)):
        case Runs():
            pass
        case RefusedByPolicy(reason):
            raise Refused(RefusalCode.EXPIRED, reason)
        case NeedsApproval() as needs:
            if not _is_approved(deciding, turn, call, command, needs.decider):
                raise Refused(RefusalCode.EXPIRED, f"{needs.reason}, and nobody has approved this call")
    return [
        ToolStarted(
            **deciding.head(),
            turn_id=turn.turn_id,
            call_id=command.call_id,
            tool_class=command.tool_class,
            before=command.before,
        )
    ]


def open_call(turn: TurnState, command: RequestApproval | ExpireApproval | StartTool | FinishTool) -> ToolCallState:
    call = next((call for call in turn.calls if call.call_id == command.call_id), None)
    if call is None:
        raise Refused(RefusalCode.CONFLICT, "there is no such call open")
    return call


def _check_may_decide(deciding: Deciding, turn: TurnState, card: ApprovalCard) -> None:
    settings = deciding.state.room.settings
    role = deciding.actor.role
    if may_decide(role, card.decider, settings, is_asker=deciding.actor_id in turn.askers):
        return
    if deciding.actor_id in turn.askers and settings.approvals.not_asker and role not in {Role.GUEST, Role.AI}:
        raise Refused(RefusalCode.FORBIDDEN, "in this room nobody approves what they asked for themselves")
    raise Refused(RefusalCode.FORBIDDEN, f"as {role.value} of this room you may not {Right.APPROVE.value}")


def _is_approved(
    deciding: Deciding, turn: TurnState, call: ToolCallState, command: StartTool, decider: Decider
) -> bool:
    """Tell whether this very call was approved, by people who may still approve it as strictly as the room asks now."""
    card = call.approval
    if card is None or not card.is_approved or card.expires_at <= deciding.at:
        return False
    if (card.sha256, card.tool_class) != (command.sha256, command.tool_class):
        return False
    settings = deciding.state.room.settings
    standing = [
        account_id
        for account_id in card.approved_by
        if (member := deciding.state.members.get(account_id)) is not None
        and may_decide(member.role, decider, settings, is_asker=account_id in turn.askers)
    ]
    return len(standing) >= max(card.needed, settings.approvals.approvers)
