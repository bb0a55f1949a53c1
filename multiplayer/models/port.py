"""The port every chat model is reached by: what is asked, what streams back, and how it can fail."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from pydantic import JsonValue
from typing_extensions import override

from multiplayer.protocol.cards import Card, Form, Taint

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "interrupted"]


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool the model may ask for. `parameters` is the JSON Schema of its arguments, an object schema."""

    name: str
    description: str
    parameters: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete request to run a tool: `arguments` is JSON text that is known to parse as an object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the prompt. `tool_calls` stand on an assistant's message, `tool_call_id` on a tool's answer.

    `thinking` is what the model thought before `tool_calls`; only a provider that demands it back inside a tool
    loop is sent it. `has_failed` marks a tool's answer that is a failure or a refusal; `content` says so too.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    thinking: str = ""
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is asked, in plain words, for providers that take a question and no prompt (NLWeb).

    `previous` are earlier human messages, oldest first; `thread` names the conversation, the same for all its turns.
    """

    question: str
    previous: tuple[str, ...] = ()
    summary: str = ""
    facts: tuple[str, ...] = ()
    thread: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Everything one model call depends on; `None` leaves a parameter to the provider."""

    messages: tuple[PromptMessage, ...]
    tools: tuple[ToolDefinition, ...] = field(default=())
    max_tokens: int | None = None
    temperature: float | None = None
    conversation: Conversation | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next words of the answer; never empty, never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """The next words of the model's thinking; not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallGrowing:
    """Another piece of a tool call has arrived. Nothing to show or run: it only proves that tokens still come."""

    characters: int


@dataclass(frozen=True, slots=True)
class ToolCallsReady:
    """All tool calls of this answer, whole. Comes at most once, and never together with a `BrokenToolCall`."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class BrokenToolCall:
    """A tool call that was cut off or does not parse. It must never run and never enter the history.

    One broken call takes its siblings with it: the whole answer is to be asked for again, and half of it run
    would then run twice.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them. `tokens_cached` of the `tokens_in` came from its prefix cache."""

    tokens_in: int
    tokens_cached: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class CardsFound:
    """Further cards of the answer; they add to those before."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class FormAsked:
    """The provider needs to know more: the answer ends with questions to the room. Comes at most once."""

    form: Form


@dataclass(frozen=True, slots=True)
class Tainted:
    """What follows comes from a source that nobody in the room vouches for."""

    taint: Taint


@dataclass(frozen=True, slots=True)
class StatusSaid:
    """What the provider is doing, in a line for people (*searching 3 sites*); no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AskedInVain(StatusSaid):
    """The connection broke before the first word, after the provider may have read the prompt; it is asked again."""


@dataclass(frozen=True, slots=True)
class ModelSwitched:
    """From here on another model answers, because `previous` could not. Comes before any word of the answer.

    `was_reached`: the previous one may have read the prompt.
    """

    model: str
    previous: str
    reason: str
    was_reached: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The last chunk. `interrupted`: the provider went away or gave up; the words so far stand."""

    reason: FinishReason


Chunk: TypeAlias = (
    TextDelta
    | ThinkingDelta
    | ToolCallGrowing
    | ToolCallsReady
    | BrokenToolCall
    | CardsFound
    | FormAsked
    | Tainted
    | StatusSaid
    | ModelSwitched
    | Usage
    | Finished
)


class ModelInfo(Protocol):
    """What a model is called, and how many tokens of prompt and answer it can hold."""

    @property
    def model_name(self) -> str: ...

    @property
    def context_tokens(self) -> int: ...


class ChatModel(ModelInfo, Protocol):
    """A model that answers a chat request piece by piece."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Yield the answer as it comes, ending with one `Finished`; raises `ModelFailure`.

        Closing the generator (`aclosing`, or cancelling the task that reads it) closes the provider's connection
        at once. Nothing is asked of the provider before the first chunk is.
        """
        ...


class ModelFailure(Exception):  # noqa: N818 - the field says failure; each subclass reads as a sentence
    """The model gave no complete answer. `str()` of it is a sentence for the people in the room."""

    @property
    def was_reached(self) -> bool:
        """Whether the provider may have read the prompt, even if no word came of it."""
        return True


class ModelUnavailable(ModelFailure):
    """The provider cannot be reached, is overloaded or broken; asking again later may work.

    `retry_after_s` is what the provider asked for. `is_worth_retrying` is false when its own words make an early
    retry useless. `was_read`: the request had gone out whole before the connection broke, so the provider may have
    read the prompt, and bill it.
    """

    def __init__(
        self,
        reason: str,
        retry_after_s: float | None = None,
        *,
        is_worth_retrying: bool = True,
        was_read: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.is_worth_retrying = is_worth_retrying
        self.was_read = was_read

    @property
    @override
    def was_reached(self) -> bool:
        return self.was_read


class ModelRejected(ModelFailure):
    """The provider understood and refused the request (key, credit, model name, size): asking again is useless."""

    @property
    @override
    def was_reached(self) -> bool:
        return False


class PromptTooLong(ModelRejected):
    """The model cannot read so long a prompt, as the provider says: a shorter one may be answered."""


class ModelBroke(ModelFailure):
    """The provider answered with something that is no answer: garbage, or more than fits the bounds."""


class ModelStalled(ModelFailure):
    """No token came in time, though the connection was open. `phase` says whether any had come before."""

    def __init__(self, phase: Literal["first", "progress"], waited_s: float) -> None:
        what = "did not begin to answer" if phase == "first" else "stopped in the middle of its answer"
        super().__init__(f"The AI provider {what}: no words came for {waited_s:g} seconds.")
        self.phase = phase
        self.waited_s = waited_s
