"""AIs of the tests: one model for all of them, or one for each."""

from collections.abc import Mapping

from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.ai.budget import Tariff
from multiplayer.ai.tokens import EstimatedTokens
from multiplayer.models.port import ChatModel, Usage
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import AiProfile

FREE = "test-prices"


def brain_of(
    model: ChatModel,
    profile: AiProfile | None = None,
    *,
    micros_per_token: int | None = None,
    max_output_tokens: int = 1_000,
    takes_tools: bool = True,
) -> Brain:
    """Return a brain around `model`. Without a price per token nobody knows what it costs."""

    def price(usage: Usage) -> int | None:
        return None if micros_per_token is None else micros_per_token * (usage.tokens_in + usage.tokens_out)

    return Brain(
        profile=profile or AiProfile(handle="ai-of-tests", name="AI"),
        model=model,
        counter=EstimatedTokens(),
        tariffs={model.model_name: Tariff(model.model_name, price, FREE)},
        max_output_tokens=max_output_tokens,
        takes_tools=takes_tools,
    )


class GivenBrains:
    """`Brains` of a test: `each` by account id, `rest` for all others."""

    def __init__(self, rest: Brain | None = None, each: Mapping[AccountId, Brain] | None = None) -> None:
        self.rest = rest
        self.each = dict(each or {})

    def of(self, ai_id: AccountId) -> Brain:
        brain = self.each.get(ai_id, self.rest)
        if brain is None:
            raise NoBrain("this AI has no profile")
        return brain
