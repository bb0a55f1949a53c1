"""Ends a model's stream that is open but brings no tokens."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from multiplayer.models.port import (
    CardsFound,
    Chunk,
    FormAsked,
    ModelStalled,
    StatusSaid,
    TextDelta,
    ThinkingDelta,
    ToolCallGrowing,
    ToolCallsReady,
)


@dataclass(frozen=True, slots=True)
class PauseSaid(StatusSaid):
    """From here on nothing is asked of the provider for `pause_s` seconds, as it wished: no deadline runs meanwhile."""

    pause_s: float


def is_token_progress(chunk: Chunk) -> bool:
    """Whether `chunk` proves that the answer still grows; empty deltas, usage and words about progress do not."""
    match chunk:
        case TextDelta(text) | ThinkingDelta(text):
            return text != ""
        case ToolCallGrowing(characters):
            return characters > 0
        case CardsFound(cards):
            return cards != ()
        case _:
            return isinstance(chunk, ToolCallsReady | FormAsked)


async def with_progress_deadline(
    stream: AsyncGenerator[Chunk, None],
    first_s: float,
    progress_s: float,
    clock: Callable[[], float],
) -> AsyncGenerator[Chunk, None]:
    """Pass `stream` on; raise `ModelStalled` when its first token, or the next one, is late. Closes `stream`.

    The time a reader takes between two chunks is not counted against the model, nor a pause that is announced
    (`PauseSaid`). `clock` is monotonic, in seconds.
    """
    phase: Literal["first", "progress"] = "first"
    limit_s = left_s = first_s
    async with aclosing(stream):
        while True:
            if left_s <= 0:
                raise ModelStalled(phase, limit_s)
            asked_at = clock()
            timeout = asyncio.timeout(left_s)
            try:
                async with timeout:
                    chunk = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not timeout.expired():
                    raise
                raise ModelStalled(phase, limit_s) from None
            left_s -= clock() - asked_at
            if isinstance(chunk, PauseSaid):
                left_s += chunk.pause_s
            if is_token_progress(chunk):
                phase = "progress"
                limit_s = left_s = progress_s
            yield chunk
