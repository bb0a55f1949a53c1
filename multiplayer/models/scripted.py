"""Models without a provider: `ScriptedModel` plays steps that a test wrote; `DemoModel` answers when no key is set."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, assert_never

from pydantic import JsonValue

from multiplayer.models.demo_files import (
    LIST,
    READ,
    FileWish,
    of_message,
    to_read,
    understand_with_files,
    without_files,
)
from multiplayer.models.demo_requests import (
    Envelope,
    Request,
    ToolWish,
    Wish,
    envelopes_in,
    read_envelope,
    read_result,
)
from multiplayer.models.demo_words import DemoWords, words_for
from multiplayer.models.port import (
    BrokenToolCall,
    ChatRequest,
    Chunk,
    Finished,
    FinishReason,
    ModelBroke,
    ModelRejected,
    ModelStalled,
    ModelUnavailable,
    PromptMessage,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)
from multiplayer.models.tool_calls import ToolCallAssembler, ToolCallFragment
from multiplayer.models.word_pieces import split_into_pieces


@dataclass(frozen=True, slots=True)
class Say:
    """Words of the answer, in about `pieces` pieces."""

    text: str
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class Think:
    """Words of thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A whole tool call; without an id it gets one, unique over all scripts."""

    name: str
    args: Mapping[str, JsonValue]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class RawToolCall:
    """A tool call whose arguments are any text, reported as complete all the same."""

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence: for some seconds, or until a test sets the event."""

    until: float | asyncio.Event


@dataclass(frozen=True, slots=True)
class CutOff:
    """The answer ends here without being complete; tool calls before it are broken."""

    reason: Literal["interrupted", "length"] = "interrupted"


@dataclass(frozen=True, slots=True)
class Fail:
    """The provider fails here, in the given way."""

    kind: Literal["unavailable", "rejected", "broke", "stalled"]
    retry_after_s: float | None = None


Step: TypeAlias = Say | Think | Call | RawToolCall | Stall | CutOff | Fail | Usage


class ScriptedModel:
    """Plays one script per request, in order, and keeps each request in `requests`.

    A script that ends without `CutOff` or `Fail` finishes with `tool_calls` if it called tools, else `stop`.
    A request too many is the test's mistake. `open_streams` counts the answers that are still being read.
    """

    def __init__(
        self,
        scripts: Sequence[Sequence[Step]],
        *,
        model_name: str = "scripted",
        context_tokens: int = 32_768,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._scripts = list(scripts)
        self._model_name = model_name
        self._context_tokens = context_tokens
        self._sleep = sleep
        self._ids = 0
        self.requests: list[ChatRequest] = []
        self.open_streams = 0

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        self.requests.append(request)
        number = len(self.requests)
        assert number <= len(self._scripts), f"request {number}, but only {len(self._scripts)} scripts"
        self.open_streams += 1
        try:
            earlier = [call for message in request.messages for call in message.tool_calls]
            calls = ToolCallAssembler(self._make_id, earlier)
            count = 0
            usage: Usage | None = None
            reason: FinishReason | None = None
            for step in self._scripts[number - 1]:
                match step:
                    case Say(text, pieces):
                        for piece in _cut(text, pieces):
                            yield TextDelta(piece)
                    case Think(text):
                        yield ThinkingDelta(text)
                    case Call() | RawToolCall():
                        arguments = json.dumps(dict(step.args)) if isinstance(step, Call) else step.arguments
                        yield ToolCallGrowing(calls.add(ToolCallFragment(count, step.id, step.name, arguments)))
                        count += 1
                    case Stall(until):
                        await (until.wait() if isinstance(until, asyncio.Event) else self._sleep(until))
                    case CutOff():
                        reason = step.reason
                        break
                    case Fail():
                        raise _failure(step)
                    case Usage():
                        usage = step
                    case _:
                        assert_never(step)
            reason = reason or ("tool_calls" if count else "stop")
            for chunk in _settle(calls, is_whole=reason == "tool_calls"):
                yield chunk
            if usage is not None:
                yield usage
            yield Finished(reason)
        finally:
            self.open_streams -= 1

    def _make_id(self) -> str:
        self._ids += 1
        return f"scripted_{self._ids}"


def _cut(text: str, pieces: int) -> list[str]:
    size = max(1, -(-len(text) // pieces))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _failure(step: Fail) -> Exception:
    match step.kind:
        case "unavailable":
            return ModelUnavailable("The AI provider cannot be reached.", step.retry_after_s)
        case "rejected":
            return ModelRejected("The AI provider refused the request.")
        case "broke":
            return ModelBroke("The AI provider sent something that is not a chat answer.")
        case "stalled":
            return ModelStalled("progress", 20.0)
        case _:
            assert_never(step.kind)


def _settle(calls: ToolCallAssembler, *, is_whole: bool) -> Iterator[Chunk]:
    ready: list[ToolCall] = []
    for call in calls.finish(is_whole=is_whole):
        if isinstance(call, BrokenToolCall):
            yield call
        else:
            ready.append(call)
    if ready:
        yield ToolCallsReady(tuple(ready))


class DemoModel:
    """The built-in demo: no model at all, but real tool calls for a few plain requests in English and Chinese.

    It reads the last message of a person in the prompt; when tool results follow that, it reports them. `read` finds
    the author and text in a prompt message. `sleep` is awaited with `piece_delay_s` between two pieces of an answer.
    """

    def __init__(
        self,
        *,
        read: Callable[[str], Envelope | None] = read_envelope,
        piece_delay_s: float = 0.012,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        context_tokens: int = 32_768,
        make_id: Callable[[], str] = lambda: f"demo_{uuid.uuid4().hex}",
    ) -> None:
        self._read = read
        self._piece_delay_s = piece_delay_s
        self._sleep = sleep
        self._context_tokens = context_tokens
        self._make_id = make_id

    @property
    def model_name(self) -> str:
        return "demo"

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`. Always says that it is a demo; never fails. What it used, who asked counts."""
        asked_at, text = self._request_in(request.messages)
        words = words_for(text)
        wish = understand_with_files(text)
        after = request.messages[asked_at:]
        results = [message for message in after if message.role == "tool"]
        wanted = self._wanted(wish, results)
        offered = {tool.name for tool in request.tools}
        if wanted and wanted[0].tool in offered:
            calls = [
                ToolCall(self._make_id(), one.tool, json.dumps(one.arguments, ensure_ascii=False)) for one in wanted
            ]
            yield ToolCallGrowing(sum(len(call.arguments) for call in calls))
            yield ToolCallsReady(tuple(calls))
            yield Finished("tool_calls")
            return
        if results:
            names = {call.id: call for message in after for call in message.tool_calls}
            reports = [self._report(words, wish, names, result) for result in results]
            answer = "\n\n".join(reports) + "\n\n" + words.demo_line
        elif wanted:
            answer = words.not_offered(wanted[0].tool) + "\n\n" + words.demo_line
        elif wish is Request.SUMMARY:
            answer = words.summary(self._conversation(request.messages[:asked_at])) + "\n\n" + words.demo_line
        else:
            answer = words.introduction(offered)
        for number, piece in enumerate(split_into_pieces(answer)):
            if number:
                await self._sleep(self._piece_delay_s)
            yield TextDelta(piece)
        yield Finished("stop")

    def _wanted(self, wish: Wish | FileWish, results: Sequence[PromptMessage]) -> Sequence[ToolWish]:
        """Return the calls that come next; nothing once there are results of all."""
        match wish:
            case ToolWish() if not results:
                return (wish,)
            case FileWish() if not results:
                return (ToolWish(LIST, {}),)
            case FileWish() if len(results) == 1:
                listed = replace(results[0], content=read_result(results[0].content))
                return [ToolWish(READ, {"file": one}) for one in to_read(wish, listed)]
            case _:
                return ()

    def _report(
        self, words: DemoWords, wish: Wish | FileWish, calls: Mapping[str, ToolCall], result: PromptMessage
    ) -> str:
        call = calls.get(result.tool_call_id or "")
        if call is None:
            return words.quote(read_result(result.content))
        if isinstance(wish, FileWish) and call.name == LIST:
            result = replace(result, content=of_message(wish, read_result(result.content)))
        return words.report(call.name, json.loads(call.arguments), result.content, has_failed=result.has_failed)

    def _request_in(self, messages: Sequence[PromptMessage]) -> tuple[int, str]:
        """Return where the last request was first made, and its words.

        What the server itself says in the prompt is no request, unless nothing in the prompt is in an envelope.
        """
        users = [(at, message.content) for at, message in enumerate(messages) if message.role == "user"]
        spoken = [(at, envelope) for at, content in users if (envelope := self._read(content)) is not None]
        if not spoken:
            return users[-1] if users else (len(messages), "")
        asked_at, asked = spoken[-1]
        answered_at = max(
            (at for at, message in enumerate(messages) if message.role == "assistant" and not message.tool_calls),
            default=-1,
        )
        if asked.is_repeated:
            # Said again for clarity, perhaps after the tools have run; they must not run a second time.
            # Of its files something else may have become meanwhile.
            said = (asked.author, without_files(asked.text))
            same = [at for at, envelope in spoken if (envelope.author, without_files(envelope.text)) == said]
            asked_at = min((at for at in same if at > answered_at), default=asked_at)
        return asked_at, asked.text

    def _conversation(self, messages: Sequence[PromptMessage]) -> list[Envelope]:
        return [
            envelope
            for message in messages
            if message.role == "user"
            for envelope in envelopes_in(message.content, self._read)
        ]
