"""A chain of models: the next one answers when one cannot, as long as nobody has read a word of the answer."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from multiplayer.models.deadlines import PauseSaid, with_progress_deadline
from multiplayer.models.port import (
    BrokenToolCall,
    CardsFound,
    ChatModel,
    ChatRequest,
    Chunk,
    Finished,
    FormAsked,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelStalled,
    ModelSwitched,
    ModelUnavailable,
    PromptTooLong,
    TextDelta,
    ToolCallsReady,
)

MOST_PAUSE_S = 5.0
"""A model that asks for a longer pause is passed over, as long as there is another."""

_ANSWERED = (TextDelta, CardsFound, FormAsked, ToolCallsReady, BrokenToolCall)


class Failover:
    """The first model of the chain that can answer; the others wait. Each call begins at the first.

    Each model has its own patience: its first token within `first_token_s`, the next ones within `progress_s`. So
    whoever reads this keeps no deadline on tokens of its own (`stream_in_time` knows); one on the whole turn is fine.
    `clock` is monotonic, in seconds. For all calls of one turn use `for_turn`.
    """

    def __init__(
        self, models: Sequence[ChatModel], *, first_token_s: float, progress_s: float, clock: Callable[[], float]
    ) -> None:
        if not models:
            raise ValueError("a chain needs at least one model")
        self._models = tuple(models)
        self._first_token_s = first_token_s
        self._progress_s = progress_s
        self._clock = clock

    @property
    def models(self) -> tuple[ChatModel, ...]:
        return self._models

    @property
    def model_name(self) -> str:
        """The name of the first model."""
        return self._models[0].model_name

    @property
    def context_tokens(self) -> int:
        """The smallest context of all: a prompt must fit whoever comes to answer it."""
        return min(model.context_tokens for model in self._models)

    def for_turn(self) -> "FailoverTurn":
        """Return the chain as one turn sees it: after a switch its next call begins at the model that answered."""
        return FailoverTurn(self)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`; yields `ModelSwitched` before the first chunk of another model.

        It switches on any `ModelFailure`, on a long pause that a provider asks for, and on an answer that ends
        `interrupted`, if no word, card, form or tool call of it had come; thinking does not count. When all fail, the
        last failure rises and names who was asked.
        """
        async with aclosing(self.for_turn().stream(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def guarded(self, at: int, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Return the stream of the model at `at` under its own deadlines."""
        return with_progress_deadline(
            self._models[at].stream(request), self._first_token_s, self._progress_s, self._clock
        )


class FailoverTurn:
    """A `Failover` during one turn. Calls come one after another; a model that failed is not asked again."""

    def __init__(self, chain: Failover) -> None:
        self._chain = chain
        self._at = 0
        self._failed: list[str] = []

    @property
    def answering(self) -> ChatModel:
        """The model that answered last or will be asked next: whose name and price stand for the next call."""
        return self._chain.models[self._at]

    @property
    def model_name(self) -> str:
        return self.answering.model_name

    @property
    def context_tokens(self) -> int:
        return self._chain.context_tokens

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `Failover.stream`."""
        while True:
            has_answered = False
            try:
                async with aclosing(self._chain.guarded(self._at, request)) as chunks:
                    async for chunk in chunks:
                        has_answered = has_answered or isinstance(chunk, _ANSWERED)
                        if not has_answered and not self._is_last:
                            _give_up_at(chunk)
                        yield chunk
                    return
            except ModelFailure as failure:
                if has_answered or (self._is_last and not self._failed):
                    raise
                if self._is_last:
                    raise _naming(failure, self._failed, self.model_name) from failure
                reason, was_reached = str(failure), failure.was_reached
            previous = self.model_name
            self._failed.append(previous)
            self._at += 1
            yield ModelSwitched(self.model_name, previous, reason, was_reached)

    @property
    def _is_last(self) -> bool:
        return self._at == len(self._chain.models) - 1


def stream_in_time(
    model: ChatModel,
    request: ChatRequest,
    first_token_s: float,
    progress_s: float,
    clock: Callable[[], float],
) -> AsyncGenerator[Chunk, None]:
    """Return the stream of `model` under deadlines on tokens; a chain keeps its own, one for each of its models."""
    if isinstance(model, Failover | FailoverTurn):
        return model.stream(request)
    return with_progress_deadline(model.stream(request), first_token_s, progress_s, clock)


def _give_up_at(chunk: Chunk) -> None:
    """Raise `ModelFailure` for what is no failure to a model alone, but a reason to ask another one."""
    if chunk == Finished("interrupted"):
        raise ModelBroke("The AI provider ended its answer before the first word.")
    if isinstance(chunk, PauseSaid) and chunk.pause_s > MOST_PAUSE_S:
        raise ModelUnavailable(chunk.text, chunk.pause_s)


def _naming(failure: ModelFailure, before: Sequence[str], last: str) -> ModelFailure:
    """Return the same kind of failure with a sentence that names all who were asked."""
    said = f"{failure} No other model could answer either: {', '.join(before)} had failed before {last}."
    match failure:
        case ModelUnavailable():
            return ModelUnavailable(
                said,
                failure.retry_after_s,
                is_worth_retrying=failure.is_worth_retrying,
                was_read=failure.was_read,
            )
        case ModelStalled():
            named = ModelStalled(failure.phase, failure.waited_s)
            named.args = (said,)
            return named
        case PromptTooLong():
            return PromptTooLong(said)
        case ModelRejected():
            return ModelRejected(said)
        case _:
            return ModelBroke(said)
