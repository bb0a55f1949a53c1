"""Asks a model about material of a room, for its summary, within bounds of time, tokens and words."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from multiplayer.ai.context import message_tokens
from multiplayer.ai.metering import CallMeter, was_not_reached
from multiplayer.ai.steps import CallUsed
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.failover import stream_in_time
from multiplayer.models.port import (
    ChatModel,
    ChatRequest,
    Finished,
    FinishReason,
    ModelFailure,
    ModelInfo,
    ModelSwitched,
    PromptMessage,
    Tainted,
    TextDelta,
)
from multiplayer.protocol.cards import Taint

MOST_SUMMARY_CHARACTERS: Final = 16_000
MOST_MATERIAL_TOKENS: Final = 60_000
"""A summary is not worth more, however much the model could read."""


@dataclass(frozen=True, slots=True)
class SummaryLimits:
    first_token_s: float = 30.0
    progress_s: float = 20.0
    whole_s: float = 90.0
    max_tokens: int = 4_096
    """Of the answer."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model said. `text` None: it said nothing, failed, stopped half-way or said too much."""

    text: str | None
    model_name: str
    used: tuple[CallUsed, ...]
    taint: tuple[Taint, ...]
    switches: tuple[ModelSwitched, ...] = ()


def room_for_material(model: ModelInfo) -> int:
    """Return how many tokens of material `model` is given at most, with room for its answer."""
    return max(500, min(MOST_MATERIAL_TOKENS, model.context_tokens * 7 // 10))


def request_of(instructions: str, material: str, limits: SummaryLimits) -> ChatRequest:
    """Return the request; what its answer is limited to stands in it."""
    messages = (PromptMessage(role="system", content=instructions), PromptMessage(role="user", content=material))
    return ChatRequest(messages=messages, max_tokens=limits.max_tokens)


def tokens_of(request: ChatRequest, counter: TokenCounter) -> int:
    """Return what we count of a request without tools."""
    return sum(message_tokens(message, counter) for message in request.messages)


async def ask(
    model: ChatModel,
    request: ChatRequest,
    tokens_in: int,
    *,
    counter: TokenCounter,
    clock: Callable[[], float],
    limits: SummaryLimits,
) -> ModelAnswer:
    """Ask `model`. Takes at most `limits.whole_s`; raises nothing that the model does wrong.

    `tokens_in` is what we count of the request.
    """
    words: list[str] = []
    length = 0
    meter = CallMeter(model, counter, tokens_in=tokens_in)
    failed: list[CallUsed] = []
    switches: list[ModelSwitched] = []
    failure: ModelFailure | None = None
    taint: set[Taint] = set()
    reason: FinishReason | None = None
    stream = stream_in_time(model, request, limits.first_token_s, limits.progress_s, clock)
    whole = asyncio.timeout(limits.whole_s)
    try:
        async with whole, aclosing(stream):
            async for chunk in stream:
                before = meter.take(chunk)
                if before is not None:
                    failed.append(before)
                match chunk:
                    case TextDelta(text):
                        words.append(text)
                        length += len(text)
                    case Finished():
                        reason = chunk.reason
                    case ModelSwitched():
                        switches.append(chunk)
                    case Tainted():
                        taint.add(chunk.taint)
                    case _:
                        pass  # thinking, tools that nobody offered, or what the meter takes
                if length > MOST_SUMMARY_CHARACTERS:
                    reason = None
                    break
    except ModelFailure as error:
        reason, failure = None, error
    except TimeoutError:
        if not whole.expired():
            raise
        reason = None
    last = meter.used(was_reached=not was_not_reached(failure))
    return ModelAnswer(
        text="".join(words) if reason == "stop" else None,
        model_name=meter.model_name,
        used=(*failed, last) if last is not None else tuple(failed),
        taint=tuple(sorted(taint)),
        switches=tuple(switches),
    )
