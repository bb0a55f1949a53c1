"""The one door for tool calls: arguments checked, the asker's right asked for anew, every failure put into words."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, assert_never

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.members import Role
from multiplayer.tools.limits import Limits
from multiplayer.tools.policy import NeedsApproval, RefusedByPolicy, RoomPolicy, Runs, ToolClass, decide
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace

MAX_ARGUMENTS_CHARACTERS = 4 * 1024 * 1024
SPARE_S = 30.0
"""What a call may take beyond `limits.wall_s`: start, clean-up and a slow disk."""


class Arguments(BaseModel):
    """Arguments as a model writes them: no unknown field, no "5" for 5."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """What the model is told about a tool; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call came to; `text` is for the model, `code` a `ToolFault` when not ok."""

    ok: bool
    text: str
    code: str | None = None
    exit_status: int | None = None
    """Of the command, if one ran to its end; a status other than 0 is still ok=True: the tool did its work."""
    taint: Taint | None = None
    """Where the text comes from, if nobody in the room vouches for it."""


@dataclass(frozen=True, slots=True)
class ToolCallContext:
    """Where and for whom one call runs."""

    workspace: Workspace
    authority: Callable[[], Awaitable[Role | None]]
    """The asker's role now; None if no longer a member. Asked at each call, never kept."""
    emit: Callable[[str], Awaitable[None]]
    """Takes pieces of live output, in order; while it waits, the command waits."""
    call_id: str
    limits: Limits = field(default_factory=Limits)
    policy: RoomPolicy = field(default_factory=RoomPolicy)


Args = TypeVar("Args", bound=Arguments)


@dataclass(frozen=True)
class Tool(Generic[Args]):
    """One tool. `run` may raise `ToolRefused` and `OSError`; both become results."""

    name: str
    description: str
    arguments: type[Args]
    tool_class: ToolClass
    run: Callable[[Args, ToolCallContext], Awaitable[ToolResult]]
    classify: Callable[[Args, ToolCallContext], ToolClass] | None = None
    """The class of one call, where options can raise it above `tool_class`."""

    def definition(self) -> ToolDefinition:
        schema: dict[str, JsonValue] = self.arguments.model_json_schema()
        return ToolDefinition(self.name, self.description, schema)

    async def call(self, arguments_json: str, context: ToolCallContext) -> ToolResult:
        """Check the arguments, then the right, then run."""
        arguments = self.arguments.model_validate_json(arguments_json)
        tool_class = self.tool_class if self.classify is None else self.classify(arguments, context)
        decision = decide(tool_class, await context.authority(), context.policy)
        match decision:
            case Runs():
                return await self.run(arguments, context)
            case NeedsApproval(reason):
                raise ToolRefused(
                    ToolFault.NEEDS_APPROVAL, f"not run: {reason}, and approvals are not available on this server yet"
                )
            case RefusedByPolicy(reason):
                raise ToolRefused(ToolFault.REFUSED, f"not run: {reason}")
            case _:
                assert_never(decision)


class _AnyTool(Protocol):
    @property
    def name(self) -> str: ...
    def definition(self) -> ToolDefinition: ...
    async def call(self, arguments_json: str, context: ToolCallContext) -> ToolResult: ...


class ToolRegistry:
    """The tools offered in this server's rooms."""

    def __init__(self, tools: Iterable[_AnyTool]) -> None:
        self._tools: dict[str, _AnyTool] = {}
        for tool in tools:
            assert tool.name not in self._tools, f"two tools named {tool.name}"
            self._tools[tool.name] = tool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def definitions(self) -> list[ToolDefinition]:
        return [tool.definition() for tool in self._tools.values()]

    async def call(self, name: str, arguments_json: str, context: ToolCallContext) -> ToolResult:
        """Run one call to its end. What the model, the asker or the disk did wrong comes back as text, not raised.

        Cancelling it stops the call and leaves no process.
        """
        tool = self._tools.get(name) if context.policy.allows(name) else None
        if tool is None:
            there = [known for known in self._tools if context.policy.allows(known)]
            named = f"there are: {', '.join(there)}" if there else "there are none here"
            return _failed(ToolFault.UNKNOWN_TOOL, f"there is no tool {name[:80]!r}; {named}")
        if len(arguments_json) > MAX_ARGUMENTS_CHARACTERS:
            return _failed(
                ToolFault.BAD_ARGUMENTS, f"the arguments are longer than {MAX_ARGUMENTS_CHARACTERS} characters"
            )
        try:
            async with asyncio.timeout(context.limits.wall_s + SPARE_S):
                return await tool.call(arguments_json, context)
        except ValidationError as error:
            return _failed(ToolFault.BAD_ARGUMENTS, _in_words(error))
        except ToolRefused as refused:
            return _failed(refused.code, refused.text)
        except TimeoutError:
            return _failed(ToolFault.TIMEOUT, "the call took too long and was given up")
        except OSError as error:
            return _failed(ToolFault.IO, f"the file system refused: {error.strerror or 'unknown error'}")


def _failed(code: ToolFault, text: str) -> ToolResult:
    return ToolResult(ok=False, text=text, code=code)


def _in_words(error: ValidationError) -> str:
    # Never the input: it is the model's to repeat, and may be long.
    return "; ".join(
        f"{'.'.join(str(part) for part in found['loc']) or 'arguments'}: {found['msg']}"
        for found in error.errors(include_input=False, include_url=False, include_context=False)[:5]
    )
