"""How a turn is asked for, ends, and what it used."""

from enum import StrEnum

from multiplayer.protocol.values import Frozen


class TurnReason(StrEnum):
    """Why an AI takes a turn."""

    MENTION = "mention"
    REPLY = "reply"
    THREAD = "thread"
    KEYWORD = "keyword"
    EVERY = "every"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    ASKED = "asked"
    STEERED = "steered"
    FORM = "form"
    """A member filled in a form that the AI had given to the room."""
    REGENERATE = "regenerate"


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
    price_version: str | None = None
    """Which price list `cost_micros` was worked out with."""
    calls: int = 1
    """How often a model was asked."""


class WhileBusy(StrEnum):
    """What a request does to an AI that is at a turn of this room already."""

    COLLECT = "collect"
    """It is answered in the next turn."""
    STEER = "steer"
    """It goes into the running turn, at its next step."""
    INTERRUPT = "interrupt"
    """It ends the running turn and begins a new one."""
