"""How a turn is asked for, ends, and what it used."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

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


MOST_COUNTED = 10**15
"""Of anything that is counted in a turn: far more than can be, and far less than any database holds."""

Counted = Annotated[int, Field(ge=0, le=MOST_COUNTED)]


class TokenUsage(Frozen):
    model: str
    tokens_in: Counted
    tokens_cached: Counted
    tokens_out: Counted
    cost_micros: Counted | None = None
    """Money in millionths of the price table's currency; None: no price known. In events only of older releases."""
    is_estimated: bool = False
    """The provider gave no figures: counted by our own tokenizer."""
    price_version: str | None = None
    """Which price list `cost_micros` was worked out with; in events as that."""
    calls: Counted = 1
    """How often a model was asked."""


class WhileBusy(StrEnum):
    """What a request does to an AI that is at a turn of this room already."""

    COLLECT = "collect"
    """It is answered in the next turn."""
    STEER = "steer"
    """It goes into the running turn, at its next step."""
    INTERRUPT = "interrupt"
    """It ends the running turn and begins a new one."""
