"""How a turn is asked for, ends, and what it used."""

from enum import StrEnum

from multiplayer.protocol.values import Frozen


class TurnReason(StrEnum):
    """Why an AI takes a turn."""

    MENTION = "mention"
    REPLY = "reply"
    ASKED = "asked"


class TurnOutcome(StrEnum):
    """How a turn ended; each turn has exactly one."""

    DONE = "done"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    """The words so far stand, the rest never came."""
    FAILED = "failed"
    REFUSED = "refused"


class TokenUsage(Frozen):
    model: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_micros: int | None = None
    """Money in millionths of the price table's currency; None: no price known."""
    is_estimated: bool = False
    """The provider gave no figures: counted by our own tokenizer."""
