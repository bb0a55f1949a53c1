"""Trying an AI's model out: one question, one short word, and a sentence on what came of it."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from multiplayer.ai.brain import Brain
from multiplayer.models.port import (
    CardsFound,
    ChatRequest,
    Conversation,
    FormAsked,
    ModelBroke,
    ModelFailure,
    ModelSwitched,
    PromptMessage,
    TextDelta,
)
from multiplayer.protocol.values import Frozen

TRIAL_S: Final = 30.0
_TOKENS: Final = 2_000
"""Enough for a model that thinks before its one word."""
_QUESTION: Final = "Are you there? Answer with one short word."


class ProfileTest(Frozen):
    """What came of asking an AI's model for one word. Nothing that the model said stands here."""

    is_ok: bool
    said: str
    """The finding, in a sentence."""
    model: str = ""
    first_word_s: float | None = None


async def try_out(brain: Brain, monotonic_s: Callable[[], float], *, within_s: float = TRIAL_S) -> ProfileTest:
    """Ask the model for one short word; a fallback that answers in its place is told, and is no success."""
    name = brain.model.model_name
    began_s = monotonic_s()
    try:
        async with asyncio.timeout(within_s):
            switched = await _first_word(brain)
    except TimeoutError:
        return ProfileTest(is_ok=False, said=f"{name} did not say a word within {within_s:.0f} seconds.", model=name)
    except ModelFailure as failure:
        return ProfileTest(is_ok=False, said=str(failure), model=name)
    took_s = round(monotonic_s() - began_s, 3)
    if switched is not None:
        said = f"Its own model cannot answer, {switched.model} does in its place: {switched.reason}"
        return ProfileTest(is_ok=False, said=said, model=switched.model, first_word_s=took_s)
    said = f"{name} answers; the first word came after {took_s:.1f} s."
    return ProfileTest(is_ok=True, said=said, model=name, first_word_s=took_s)


async def _first_word(brain: Brain) -> ModelSwitched | None:
    """Wait for the first piece of an answer; return what stood in for the model, if something did."""
    request = ChatRequest(
        messages=(PromptMessage("user", _QUESTION),),
        max_tokens=min(_TOKENS, brain.max_output_tokens),
        conversation=Conversation(question=_QUESTION),
    )
    switched: ModelSwitched | None = None
    async with aclosing(brain.model.stream(request)) as chunks:
        async for chunk in chunks:
            match chunk:
                case TextDelta() | CardsFound() | FormAsked():
                    return switched
                case ModelSwitched():
                    switched = chunk
                case _:
                    pass
    raise ModelBroke(f"{brain.model.model_name} was reached and ended its answer without a word.")
