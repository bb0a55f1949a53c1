"""One answer of a provider as it comes in: what goes on at once, what is kept to the end, what it amounts to."""

from collections.abc import Iterator

from multiplayer.models.openai_wire import Completion, WordJoiner, clean_detail
from multiplayer.models.port import (
    BrokenToolCall,
    Chunk,
    Finished,
    FinishReason,
    ModelBroke,
    ModelUnavailable,
    PromptTooLong,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)
from multiplayer.models.tool_calls import ToolCallAssembler, TooManyToolCalls

TOO_BIG = "The AI provider sent more than an answer can hold."


class OpenAIAnswer:
    """Hands words on at once, keeps tool calls, usage and the reason for the end."""

    def __init__(self, calls: ToolCallAssembler, key: str) -> None:
        self._calls = calls
        self._key = key
        self._words = WordJoiner()
        self._thinking = WordJoiner()
        self._usage: Usage | None = None
        self._has_calls = False
        self.has_begun = False
        self.reason: FinishReason | None = None

    def take(self, completion: Completion) -> Iterator[Chunk]:
        """Yield what `completion` adds to the answer; raises `ModelBroke`, or `ModelUnavailable` before any word."""
        if completion.complaint is not None:
            said = f"The AI provider reports an error: {clean_detail(completion.complaint, self._key)}"
            if completion.says_too_long and not self.has_begun:
                raise PromptTooLong(said)
            raise ModelBroke(said) if self.has_begun else ModelUnavailable(said)
        self._usage = completion.tokens or self._usage
        thinking = self._thinking.add(completion.thinking)
        if thinking:
            self.has_begun = True
            yield ThinkingDelta(thinking)
        words = self._words.add(completion.words)
        if words:
            self.has_begun = True
            yield TextDelta(words)
        for fragment in completion.fragments:
            self.has_begun = self._has_calls = True
            try:
                size = self._calls.add(fragment)
            except TooManyToolCalls as error:
                raise ModelBroke(TOO_BIG) from error
            if size:
                yield ToolCallGrowing(size)
        self.reason = completion.finish_reason or self.reason

    def finish(self) -> Iterator[Chunk]:
        """Yield what stands at the end: the calls or what is wrong with them, the usage, `Finished`."""
        if self.reason is None and not self.has_begun:
            raise ModelUnavailable("The AI provider ended its answer before it had begun.", was_read=True)
        reason = self.reason or "interrupted"
        if self._has_calls:
            ready: list[ToolCall] = []
            for call in self._calls.finish(is_whole=reason == "tool_calls"):
                if isinstance(call, BrokenToolCall):
                    yield call
                else:
                    ready.append(call)
            if ready:
                yield ToolCallsReady(tuple(ready))
        if self._usage is not None:
            yield self._usage
        yield Finished(reason)
