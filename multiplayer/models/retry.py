"""Asks a model again when asking again can help, and stops asking when it cannot."""

import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

from multiplayer.models.deadlines import PauseSaid
from multiplayer.models.port import (
    AskedInVain,
    ChatModel,
    ChatRequest,
    Chunk,
    ModelBroke,
    ModelRejected,
    ModelStalled,
    ModelUnavailable,
)

MAX_TRIES = 3
MAX_WAIT_S = 30.0
FIRST_PAUSE_S = 0.5
OPENS_AFTER_FAILURES = 5
OPEN_S = 30.0
SILENCE_IS_FAILURE_S = 20.0
PATIENCE_SPENT = 0.9
"""The share of a deadline after which a silence is one: it began to run a little before the provider was asked."""


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for (RFC 9110 §10.2.3); `None` when it is junk."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) <= 9 else None
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - now).total_seconds())
    except (ValueError, OverflowError):
        # A year or a zone that no clock has.
        return None


Admission: TypeAlias = Literal["normal", "probe"]


class CircuitBreaker:
    """Counts failures in a row of one provider; after 5 it lets nobody through for 30 s, then one probe.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._is_probing = False

    def admit(self) -> Admission:
        """Raise `ModelUnavailable` while the circuit is open. Each admission must be reported back once."""
        if self._opened_at is None:
            return "normal"
        left_s = self._opened_at + OPEN_S - self._clock()
        if left_s > 0 or self._is_probing:
            raise ModelUnavailable(
                "The AI provider has failed several times in a row; it will be tried again shortly.",
                max(left_s, 1.0),
                is_worth_retrying=False,
            )
        self._is_probing = True
        return "probe"

    def succeeded(self) -> None:
        self._failures = 0
        self._opened_at = None
        self._is_probing = False

    def failed(self, admission: Admission) -> None:
        self._failures += 1
        if admission == "probe":
            self._is_probing = False
            self._opened_at = self._clock()
        elif self._failures >= OPENS_AFTER_FAILURES and self._opened_at is None:
            self._opened_at = self._clock()

    def gave_up(self, admission: Admission) -> None:
        """The call was called off before it showed anything about the provider."""
        if admission == "probe":
            self._is_probing = False


class Retrying:
    """A model that is asked up to 3 times, with a growing random pause, until its first chunk has come.

    After that a failure rises as it is: words that people have seen are not said twice. A provider's own
    `Retry-After` is honoured up to 30 s, and such a wait is announced by `PauseSaid`, so that no deadline takes it for
    silence. One `Retrying` per provider, shared by all turns: it holds the circuit.

    `first_token_s` and `progress_s` are the deadlines under which it is read: a stream that is closed after so long a
    silence, or after 20 s of it, is a failure of the provider.
    """

    def __init__(
        self,
        model: ChatModel,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
        *,
        first_token_s: float = 30.0,
        progress_s: float = 20.0,
    ) -> None:
        self._model = model
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._circuit = CircuitBreaker(clock)
        self._first_silence_s = min(SILENCE_IS_FAILURE_S, PATIENCE_SPENT * first_token_s)
        self._next_silence_s = min(SILENCE_IS_FAILURE_S, PATIENCE_SPENT * progress_s)

    @property
    def model_name(self) -> str:
        return self._model.model_name

    @property
    def context_tokens(self) -> int:
        return self._model.context_tokens

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        for tries_left in reversed(range(MAX_TRIES)):
            has_begun = False
            try:
                async with aclosing(self._try_once(request)) as chunks:
                    async for chunk in chunks:
                        has_begun = True
                        yield chunk
            except ModelUnavailable as failure:
                pause_s = self._pause_s(failure, MAX_TRIES - tries_left)
                if has_begun or tries_left == 0 or pause_s is None:
                    raise
                is_asked_for = failure.retry_after_s is not None
                was_read = failure.was_read
            else:
                return
            if was_read:
                yield AskedInVain("The connection to the AI provider was lost; it is asked again.")
            if is_asked_for:
                yield PauseSaid(f"The AI provider is busy; it asks to wait {math.ceil(pause_s)} s.", pause_s)
            await self._sleep(pause_s)

    async def _try_once(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        admission = self._circuit.admit()
        is_reported = False
        heard_at, silence_s = self._clock(), self._first_silence_s
        try:
            async with aclosing(self._model.stream(request)) as chunks:
                async for chunk in chunks:
                    heard_at = math.inf  # while the reader holds a chunk, nobody waits for the provider
                    yield chunk
                    heard_at, silence_s = self._clock(), self._next_silence_s
            self._circuit.succeeded()
            is_reported = True
        except (ModelUnavailable, ModelBroke, ModelStalled):
            self._circuit.failed(admission)
            is_reported = True
            raise
        except ModelRejected:
            self._circuit.succeeded()  # it refused this request, so it is there
            is_reported = True
            raise
        finally:
            if not is_reported and self._clock() - heard_at >= silence_s:
                # Whoever lost patience (a deadline, a person): the provider was silent for that long.
                self._circuit.failed(admission)
            elif not is_reported:
                self._circuit.gave_up(admission)

    def _pause_s(self, failure: ModelUnavailable, tries: int) -> float | None:
        """Return how long to wait before the next try; `None` when there is no point."""
        if not failure.is_worth_retrying:
            return None
        pause_s = FIRST_PAUSE_S * 2.0 ** (tries - 1) * (0.5 + self._jitter())
        if failure.retry_after_s is None:
            return pause_s
        if failure.retry_after_s > MAX_WAIT_S:
            return None
        # Never earlier than asked, and not all of us at the same moment.
        return min(failure.retry_after_s + self._jitter(), MAX_WAIT_S)
