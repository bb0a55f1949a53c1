"""What a room remembers, for its members to read, and what happened in it since one of them left."""

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Fact, SummaryPoint, SummaryVersion
from multiplayer.protocol.values import Frozen, UtcTime


class SummaryHistory(Frozen):
    """Newest first; without the points that were taken back."""

    versions: tuple[SummaryVersion, ...] = ()


class FactList(Frozen):
    facts: tuple[Fact, ...] = ()


class Mention(Frozen):
    message_id: MessageId
    seq: int
    author_id: AccountId
    at: UtcTime
    text: str
    """Its beginning."""


class CatchUp(Frozen):
    """What was said after `after_seq` and up to `up_to_seq`. `was_cut`: what was before `from_seq` is left out.

    `messages` counts those of people that are not deleted, `answers` those of AIs; `mentions` are the latest that
    name the reader, newest first. `points` are made from the messages' own sentences, each with where it was said.
    """

    after_seq: int
    from_seq: int
    up_to_seq: int
    was_cut: bool = False
    messages: int = 0
    answers: int = 0
    people: tuple[AccountId, ...] = ()
    """Who wrote."""
    mentions: tuple[Mention, ...] = ()
    points: tuple[SummaryPoint, ...] = ()
    method: str
    taint: tuple[Taint, ...] = ()
