"""The one door for tool calls: arguments checked, the asker's right asked for anew, every failure put into words."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Generic, Protocol, TypeVar, assert_never

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.cards import Form, Taint
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.tools import ToolClass
from multiplayer.rooms.tool_policy import Decision, NeedsApproval, RefusedByPolicy, Runs
from multiplayer.tools.limits import Limits
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
class BoundCall:
    """A call as it would run. `sha256` is over the tool, its arguments and its limits: what is approved is this."""

    name: str
    tool_class: ToolClass
    sha256: str
    limits: Limits


class Gate(Protocol):
    """What stands between a call and its run: the asker's rights as they are now, people's approval, the room's log."""

    async def decide(self, tool_class: ToolClass) -> Decision:
        """Ask anew at each call; nothing of it is kept."""

    async def approve(self, call: BoundCall, needs: NeedsApproval) -> None:
        """Return once people have approved the call. Raises `ToolRefused` if they did not."""

    async def start(self, call: BoundCall) -> None:
        """Return once the start is on record, rights and approval looked at again. Raises `ToolRefused`."""


class Desk(Protocol):
    """The room as a tool may use it: in the name of those who asked, with their rights and no more."""

    @property
    def room_id(self) -> RoomId: ...
    @property
    def turn_id(self) -> TurnId: ...
    @property
    def ai_id(self) -> AccountId: ...
    @property
    def askers(self) -> tuple[AccountId, ...]: ...
    @property
    def taint(self) -> Sequence[Taint]:
        """What untrusted words the turn has seen."""
        ...

    def approved_by(self, call_id: CallId) -> tuple[AccountId, ...]:
        """Return who approved this call of the turn."""
        ...

    def may_stop(self, askers: Sequence[AccountId]) -> bool:
        """Tell whether each who asked for this turn may stop what `askers` have asked for."""
        ...

    async def search(self, query: str, limit: int) -> ToolResult:
        """Look up messages that everyone who asked may read, newest first."""
        ...

    async def give_form(self, form: Form) -> None:
        """Put questions to the room under the answer. Raises `ToolRefused` if the turn has given one already."""
        ...

    async def propose(self, *, text: str = "", fact_id: str | None = None) -> None:
        """Propose to remember a text or to forget a fact; members decide. Raises `ToolRefused`."""
        ...

    async def files(self, limit: int) -> Sequence[Attachment]:
        """Return the ready files of messages that everyone who asked may read, the newest first."""
        ...

    async def file_text(self, file_id: str) -> tuple[Attachment, str]:
        """Return the text that was found in a file. Raises `ToolRefused` if there is none, or nobody may read it."""
        ...

    async def file_bytes(self, file_id: str, most_bytes: int) -> tuple[Attachment, bytes]: ...

    async def attach(self, name: str, data: bytes) -> None:
        """Attach a file to the answer of this turn. Raises `ToolRefused`."""
        ...

    async def facts(self) -> Mapping[str, str]:
        """Return what the room remembers, by id, as far as everyone who asked may read it."""
        ...


def _anything(_name: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ToolCallContext:
    """Where and for whom one call runs."""

    workspace: Workspace
    gate: Gate
    emit: Callable[[str], Awaitable[None]]
    """Takes pieces of live output, in order; while it waits, the command waits."""
    call_id: str
    limits: Limits = field(default_factory=Limits)
    allows: Callable[[str], bool] = _anything
    """Tells by its name whether a tool may be used here at all."""
    desk: Desk | None = None
    """The room, for tools that speak to it. None at the command line."""

    def at_desk(self) -> Desk:
        """Return the room's desk. Raises `ToolRefused` where there is no room."""
        if self.desk is None:
            raise ToolRefused(ToolFault.REFUSED, "there is no room here")
        return self.desk


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
    limits: Callable[[Args, Limits], Limits] | None = None
    """What one call may use, where its options change that."""
    schema: dict[str, JsonValue] | None = None
    """What the model is told of the arguments, if not the schema of `arguments`."""

    def definition(self) -> ToolDefinition:
        schema: dict[str, JsonValue] = self.schema or self.arguments.model_json_schema()
        return ToolDefinition(self.name, self.description, schema)

    async def ready(self, arguments_json: str, context: ToolCallContext) -> "ReadyCall":
        """Check the arguments, then the right, and wait for approval if it takes one."""
        arguments = self.arguments.model_validate_json(arguments_json)
        tool_class = self.tool_class if self.classify is None else self.classify(arguments, context)
        limits = context.limits if self.limits is None else self.limits(arguments, context.limits)
        bound = BoundCall(self.name, tool_class, _digest(self.name, arguments, limits), limits)
        decision = await context.gate.decide(tool_class)
        match decision:
            case Runs():
                pass
            case NeedsApproval():
                await context.gate.approve(bound, decision)
            case RefusedByPolicy(reason):
                raise ToolRefused(ToolFault.REFUSED, f"not run: {reason}")
            case _:
                assert_never(decision)

        async def run() -> ToolResult:
            # People may have taken their time: what is allowed is looked at again, as the gate does with the rights.
            if not context.allows(self.name):
                raise ToolRefused(ToolFault.REFUSED, "not run: this tool may not be used here any more")
            await context.gate.start(bound)
            return await self.run(arguments, replace(context, limits=limits))

        return ReadyCall(bound, limits, context.limits.wall_s, run)


@dataclass(frozen=True, slots=True)
class ReadyCall:
    """A call that may run, once, by `ToolRegistry.run`."""

    bound: BoundCall
    limits: Limits
    usual_s: float
    """What a call may take without people allowing it more."""
    start: Callable[[], Awaitable[ToolResult]]

    @property
    def more_s(self) -> float:
        return max(0.0, self.limits.wall_s - self.usual_s)


def _digest(name: str, arguments: Arguments, limits: Limits) -> str:
    call = {"tool": name, "arguments": arguments.model_dump(mode="json"), "limits": asdict(limits)}
    text = json.dumps(call, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class AnyTool(Protocol):
    """A tool, whatever its arguments."""

    @property
    def name(self) -> str: ...
    @property
    def tool_class(self) -> ToolClass: ...
    def definition(self) -> ToolDefinition: ...
    async def ready(self, arguments_json: str, context: ToolCallContext) -> ReadyCall: ...


class ToolRegistry:
    """The tools offered in this server's rooms."""

    def __init__(self, tools: Iterable[AnyTool]) -> None:
        self._tools: dict[str, AnyTool] = {}
        for tool in tools:
            assert tool.name not in self._tools, f"two tools named {tool.name}"
            self._tools[tool.name] = tool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    @property
    def classes(self) -> Mapping[str, ToolClass]:
        """The class of a plain call of each tool, by name."""
        return {name: tool.tool_class for name, tool in self._tools.items()}

    def definitions(self) -> list[ToolDefinition]:
        return [tool.definition() for tool in self._tools.values()]

    def beside(self, tools: Iterable[AnyTool]) -> "ToolRegistry":
        """Return a registry with these tools, too."""
        return ToolRegistry((*self._tools.values(), *tools))

    async def call(self, name: str, arguments_json: str, context: ToolCallContext) -> ToolResult:
        """Make one call ready and run it to its end; as `ready` and `run`."""
        ready = await self.ready(name, arguments_json, context)
        return ready if isinstance(ready, ToolResult) else await self.run(ready)

    async def ready(self, name: str, arguments_json: str, context: ToolCallContext) -> ReadyCall | ToolResult:
        """Return the call, ready to run, or why it cannot. It may wait for people for as long as the gate lets it."""
        tool = self._tools.get(name) if context.allows(name) else None
        if tool is None:
            there = [known for known in self._tools if context.allows(known)]
            named = f"there are: {', '.join(there)}" if there else "there are none here"
            return _failed(ToolFault.UNKNOWN_TOOL, f"there is no tool {name[:80]!r}; {named}")
        if len(arguments_json) > MAX_ARGUMENTS_CHARACTERS:
            return _failed(
                ToolFault.BAD_ARGUMENTS, f"the arguments are longer than {MAX_ARGUMENTS_CHARACTERS} characters"
            )
        try:
            return await tool.ready(arguments_json, context)
        except ValidationError as error:
            return _failed(ToolFault.BAD_ARGUMENTS, _in_words(error))
        except ToolRefused as refused:
            return _failed(refused.code, refused.text)

    async def run(self, call: ReadyCall) -> ToolResult:
        """Run the call to its end. What the model, the asker or the disk did wrong comes back as text, not raised.

        Cancelling it stops the call and leaves no process.
        """
        try:
            async with asyncio.timeout(call.limits.wall_s + SPARE_S):
                return await call.start()
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
