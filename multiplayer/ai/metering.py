"""What one request to a model has used: the provider's own figures, or our count where there are none to believe."""

import structlog

from multiplayer.ai.steps import CallUsed
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.port import (
    AskedInVain,
    CardsFound,
    Chunk,
    FormAsked,
    ModelFailure,
    ModelInfo,
    ModelSwitched,
    TextDelta,
    ThinkingDelta,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)
from multiplayer.protocol.turns import TokenUsage

_log = structlog.get_logger(__name__)


def is_believable(usage: Usage, *, tokens_in_at_most: int, tokens_out_at_most: int) -> bool:
    """Tell whether a model can have used so much."""
    return 0 <= usage.tokens_in <= tokens_in_at_most and 0 <= usage.tokens_out <= tokens_out_at_most


def was_not_reached(failure: ModelFailure | None) -> bool:
    """Tell whether the provider did nothing for a call that failed so before any answer of it."""
    return failure is not None and not failure.was_reached


class UsedSoFar:
    """The sum of a turn's calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._used = Usage(0, 0, 0)
        self._is_estimated = False

    def add(self, used: CallUsed) -> None:
        self._is_estimated = self._is_estimated or used.is_estimated
        self.calls += 1
        self._used = Usage(
            self._used.tokens_in + used.usage.tokens_in,
            self._used.tokens_cached + used.usage.tokens_cached,
            self._used.tokens_out + used.usage.tokens_out,
        )

    def total(self, model_name: str) -> TokenUsage:
        return TokenUsage(
            model=model_name,
            tokens_in=self._used.tokens_in,
            tokens_cached=self._used.tokens_cached,
            tokens_out=self._used.tokens_out,
            is_estimated=self._is_estimated,
            calls=self.calls,
        )


class CallMeter:
    """Takes the chunks of one request, in order, of all models of a chain that are asked in it.

    `tokens_in` is our count of what is asked. Figures of more than the model can hold are nonsense; more than was
    reserved is not: it is settled as it is, and said.
    """

    def __init__(self, model: ModelInfo, counter: TokenCounter, *, tokens_in: int) -> None:
        self._model_name = model.model_name
        self._counter = counter
        self._tokens_in = tokens_in
        self._most = model.context_tokens
        self._usage: Usage | None = None
        self._written: list[str] = []
        self.has_begun = False
        """Something of an answer has come."""

    @property
    def model_name(self) -> str:
        """Which model answers now."""
        return self._model_name

    def take(self, chunk: Chunk) -> CallUsed | None:
        """Take the next chunk; return what a call has used that another one follows here."""
        match chunk:
            case TextDelta(text) | ThinkingDelta(text):
                self._write(text)
            case ToolCallsReady(calls):
                self._write(*(call.arguments for call in calls))
            case ToolCallGrowing() | CardsFound() | FormAsked():
                self.has_begun = True
            case Usage():
                self._usage = self._believed(chunk)
                # Figures that are nonsense still tell that there was a call.
                self.has_begun = self.has_begun or self._usage is None
            case AskedInVain():
                return CallUsed(Usage(self._tokens_in, 0, 0), self._model_name, is_estimated=True, is_last=False)
            case ModelSwitched():
                failed = self.used(was_reached=chunk.was_reached)
                self._model_name = chunk.model
                self._usage, self.has_begun = None, False
                self._written.clear()
                return None if failed is None else CallUsed(failed.usage, failed.model, failed.is_estimated, False)
            case _:
                pass
        return None

    def used(self, *, was_reached: bool = False) -> CallUsed | None:
        """Return what the model that answers now has used; None if it was never asked, as far as anyone can tell.

        `was_reached`: it was, though nothing came of it.
        """
        if self._usage is not None:
            return CallUsed(self._usage, self._model_name, is_estimated=False)
        if not self.has_begun and not was_reached:
            return None
        counted = Usage(self._tokens_in, 0, self._counter.count("".join(self._written)) if self._written else 0)
        return CallUsed(counted, self._model_name, is_estimated=True)

    def _write(self, *texts: str) -> None:
        self.has_begun = True
        self._written += texts

    def _believed(self, usage: Usage) -> Usage | None:
        if not is_believable(usage, tokens_in_at_most=self._most, tokens_out_at_most=self._most):
            _log.warning("usage_not_believed", model=self._model_name, reported=str(usage)[:200])
            return None
        return Usage(usage.tokens_in, min(max(usage.tokens_cached, 0), usage.tokens_in), usage.tokens_out)
