"""What one request to a model has used: the provider's own figures, or our count where there are none to believe."""

import structlog

from multiplayer.ai.steps import CallUsed
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.port import (
    CardsFound,
    Chunk,
    FormAsked,
    ModelFailure,
    ModelInfo,
    ModelRejected,
    ModelSwitched,
    ModelUnavailable,
    TextDelta,
    ThinkingDelta,
    ToolCallGrowing,
    ToolCallsReady,
    Usage,
)

_log = structlog.get_logger(__name__)


def is_believable(usage: Usage, *, tokens_in_at_most: int, tokens_out_at_most: int) -> bool:
    """Tell whether a model can have used so much."""
    return 0 <= usage.tokens_in <= tokens_in_at_most and 0 <= usage.tokens_out <= tokens_out_at_most


def was_not_reached(failure: ModelFailure | None) -> bool:
    """Tell whether the provider did nothing for a call that failed so before any answer of it."""
    return isinstance(failure, ModelRejected | ModelUnavailable)


class CallMeter:
    """Takes the chunks of one request, in order, of all models of a chain that are asked in it.

    `tokens_in` is our count of what is asked, `max_tokens` what the answer was limited to.
    """

    def __init__(
        self, model: ModelInfo, counter: TokenCounter, *, tokens_in: int, max_tokens: int | None = None
    ) -> None:
        self._model_name = model.model_name
        self._counter = counter
        self._tokens_in = tokens_in
        # Our own count may be more than a provider's, so it is no bound of it.
        self._most_in = model.context_tokens
        self._most_out = model.context_tokens if max_tokens is None else max_tokens
        self._usage: Usage | None = None
        self._written: list[str] = []
        self.has_begun = False
        """Something of an answer has come."""

    @property
    def model_name(self) -> str:
        """Which model answers now."""
        return self._model_name

    def take(self, chunk: Chunk) -> CallUsed | None:
        """Take the next chunk; return what the model has used that another one follows here."""
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
            case ModelSwitched():
                failed = self.used()
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
        if not is_believable(usage, tokens_in_at_most=self._most_in, tokens_out_at_most=self._most_out):
            _log.warning("usage_not_believed", model=self._model_name, reported=str(usage)[:200])
            return None
        return Usage(usage.tokens_in, min(max(usage.tokens_cached, 0), usage.tokens_in), usage.tokens_out)
