"""What happens in a turn, step by step: what `run_turn` tells whoever runs it."""

from dataclasses import dataclass
from typing import TypeAlias

from multiplayer.models.port import ToolCall, Usage
from multiplayer.protocol.cards import Card, Form, Taint
from multiplayer.protocol.turns import TokenUsage, TurnOutcome
from multiplayer.tools.registry import ToolResult


@dataclass(frozen=True, slots=True)
class Wrote:
    """The next words of the answer. All of them joined are the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    text: str


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The model asks for this call. All calls of one answer are asked for before the first of them starts."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolStarting:
    """The call runs when the generator is resumed; to prevent that, close it instead."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolDone:
    """The call is over. `result.text` is as the log keeps it."""

    call: ToolCall
    result: ToolResult


@dataclass(frozen=True, slots=True)
class StepBegins:
    """The model is about to be asked. What the reader puts into the turn before it comes back is told to the model."""


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """The model is asked when the generator is resumed: with a prompt of so many tokens at most, by our own count."""

    tokens_in: int


@dataclass(frozen=True, slots=True)
class CallUsed:
    """What one model call has used. `model`: which one answered.

    `is_last` false: it failed after all, and another model is asked the same in its place.
    """

    usage: Usage
    model: str
    is_estimated: bool
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class CallNotMade:
    """The model that was to be asked has done nothing: it could not be reached, or it refused."""


@dataclass(frozen=True, slots=True)
class FoundCards:
    """Further cards of the answer."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class GaveForm:
    """The answer ends with questions to the room."""

    form: Form


@dataclass(frozen=True, slots=True)
class FoundTaint:
    """What follows comes from outside the room."""

    taint: Taint


@dataclass(frozen=True, slots=True)
class ToldStatus:
    """What the provider is doing, in a line for people."""

    text: str


@dataclass(frozen=True, slots=True)
class Switched:
    """Another model answers from here on."""

    model: str
    previous: str
    reason: str


@dataclass(frozen=True, slots=True)
class Used:
    """What the turn has used so far, all model calls together; replaces an earlier one."""

    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class Ended:
    """The last step. `reason` is a sentence for the people in the room, empty when all went well."""

    outcome: TurnOutcome
    reason: str = ""


TurnStep: TypeAlias = (
    StepBegins
    | ModelAsked
    | Switched
    | Wrote
    | Thought
    | FoundCards
    | GaveForm
    | FoundTaint
    | ToldStatus
    | ToolAsked
    | ToolStarting
    | ToolDone
    | CallUsed
    | CallNotMade
    | Used
    | Ended
)
