"""What a turn is run with: its limits, its tools, and what it had done under an earlier holder."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from multiplayer.ai.context import Prompt
from multiplayer.models.port import PromptMessage, ToolDefinition
from multiplayer.tools.registry import ToolCallContext, ToolRegistry, ToolResult


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """`tool_steps` counts calls, as the room does; `answer_characters` is the room's limit of an answer."""

    first_token_s: float = 30.0
    progress_s: float = 20.0
    turn_s: float = 300.0
    tool_steps: int = 16
    answer_characters: int = 200_000


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What the turn had done under an earlier holder: calls made, and the results of those that finished."""

    steps: int = 0
    results: Mapping[str, ToolResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnTools:
    """What the turn may use. `context` makes the context of one call from its id."""

    registry: ToolRegistry
    context: Callable[[str], ToolCallContext]


Shorter: TypeAlias = Callable[[int], Awaitable[Prompt]]
"""Builds the prompt of the turn again, within so many tokens."""
DEFAULT_LIMITS: Final = TurnLimits()
NOTHING_TAKEN_OVER: Final = TakenOver()


def definitions_of(registry: ToolRegistry) -> tuple[ToolDefinition, ...]:
    """Return the tools of a registry, as a model is told about them."""
    return tuple(ToolDefinition(tool.name, tool.description, tool.parameters) for tool in registry.definitions())


def nothing_said() -> Sequence[PromptMessage]:
    """For a turn that nobody steers."""
    return ()
