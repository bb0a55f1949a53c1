"""One question to an NLWeb site over all its tries: what is left of its requests, and what it has learned."""

from dataclasses import dataclass, field

from multiplayer.models.nlweb_answer import NlwebAnswer
from multiplayer.models.nlweb_dialects import MAX_REQUESTS, Misfit
from multiplayer.models.port import ChatRequest, Conversation
from multiplayer.protocol.profiles import NlwebDialect


@dataclass(slots=True)
class SiteQuestion:
    """Goes along with every try. `dialects` are those that may still fit, the next first."""

    conversation: Conversation
    dialects: list[NlwebDialect]
    answer: NlwebAnswer
    """Of the last try."""
    is_broken_off: bool = False
    """A part of the answer was shown, and the rest did not come."""
    misfits: list[Misfit] = field(default_factory=list)
    requests_left: int = MAX_REQUESTS

    @property
    def has_requests_left(self) -> bool:
        return self.requests_left > 0 and bool(self.dialects)

    def spend(self) -> bool:
        """Take one of the requests; false when none is left."""
        if self.requests_left == 0:
            return False
        self.requests_left -= 1
        return True


@dataclass(frozen=True, slots=True)
class SiteRequest(ChatRequest):
    """A try of a question, as whatever tries it again passes it on."""

    question: SiteQuestion = field(kw_only=True)
