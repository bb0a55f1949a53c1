"""Which AIs take a turn on a message, and why."""

from dataclasses import dataclass

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import AccountKind, Member
from multiplayer.protocol.messages import Message
from multiplayer.protocol.turns import TurnReason
from multiplayer.rooms.mentions import Mentions
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.state import RoomState


@dataclass(frozen=True)
class Trigger:
    ai_id: AccountId
    reason: TurnReason


def triggered(state: RoomState, author: Member, mentions: Mentions, replied_to: Message | None) -> tuple[Trigger, ...]:
    """Return one trigger for each AI that is mentioned or replied to, if the author may ask."""
    # An AI may not summon another: two polite AIs would thank each other forever.
    if author.kind is AccountKind.AI or not may(Right.ASK_AI, author.role, state.room.settings):
        return ()
    reasons: dict[AccountId, TurnReason] = {}
    if replied_to is not None and is_ai(state, replied_to.author_id):
        reasons[replied_to.author_id] = TurnReason.REPLY
    for account_id in mentions.accounts:
        if is_ai(state, account_id):
            reasons[account_id] = TurnReason.MENTION
    return tuple(Trigger(ai_id, reason) for ai_id, reason in reasons.items())


def is_ai(state: RoomState, account_id: AccountId) -> bool:
    member = state.members.get(account_id)
    return member is not None and member.kind is AccountKind.AI
