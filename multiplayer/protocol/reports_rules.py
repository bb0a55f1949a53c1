"""Why an AI did or did not answer a message, and what other rules would have made of the room's history."""

from pydantic import Field

from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.trigger_rules import Why
from multiplayer.protocol.turns import TurnReason
from multiplayer.protocol.values import Frozen


class CausedTurn(Frozen):
    """A turn that a message asked for, joined or steered (`how`), and what became of it."""

    turn_id: TurnId
    ai_id: AccountId
    how: str
    reason: TurnReason
    rule_id: str | None = None
    state: str
    """requested, running, or how it ended."""
    ended_because: str = ""
    message_id: MessageId | None = None
    """The answer."""


class RuleVerdict(Frozen):
    """One rule's word on one AI. `text` says it for people; `turn_id`: the turn that came of it."""

    rule_id: str
    ai_id: AccountId | None = None
    fires: bool
    why: Why
    reason: TurnReason
    text: str
    turn_id: TurnId | None = None


class Explanation(Frozen):
    """`is_exact` False: what was said far before was not looked at, or may not be read by who asks."""

    message_id: MessageId
    verdicts: tuple[RuleVerdict, ...] = ()
    turns: tuple[CausedTurn, ...] = ()
    is_exact: bool = True


class RuleCount(Frozen):
    """What one rule came to: how often it would have asked, and how often not, by `why`."""

    rule_id: str
    fired: int = 0
    held_back: dict[Why, int] = Field(default_factory=dict)


class Firing(Frozen):
    message_id: MessageId
    seq: int
    rule_id: str
    ai_id: AccountId
    reason: TurnReason


class DryRun(Frozen):
    """`messages`: how many were judged, from `from_seq` to `up_to_seq`. `firings`: the latest, oldest first.

    `was_cut`: there were more firings than are told, or it took too long, and `up_to_seq` is how far it came: ask on
    from there. `is_exact` False: it began in the middle of the log, or where the reader's begins; cooldowns and counts
    begin anew there.
    """

    from_seq: int
    up_to_seq: int
    messages: int
    rules: tuple[RuleCount, ...]
    firings: tuple[Firing, ...] = ()
    was_cut: bool = False
    is_exact: bool = True
