"""Which dialect a site speaks: what to try in which order, what is remembered, which of several failures to report."""

from collections.abc import Sequence

from multiplayer.models.port import ModelFailure
from multiplayer.protocol.profiles import NlwebDialect

MAX_REQUESTS = 3
"""For one question, whatever the site answers."""

# The current dialect first; A and B are both sent flat, so the reply to one tells them apart.
_ORDER = (NlwebDialect.C_0_54, NlwebDialect.A_0_1, NlwebDialect.B_0_5)


class Misfit(Exception):  # noqa: N818 - says what the reply is
    """The reply is none to what was sent: perhaps the site speaks another dialect. `failure` is what to report.

    `is_refusal_0_54`: a site of dialect C disliked a question that was sent in its own dialect.
    """

    def __init__(self, failure: ModelFailure, *, is_refusal_0_54: bool = False) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.is_refusal_0_54 = is_refusal_0_54


class DialectMemory:
    """The dialect in which each site, by its base URL, answered last. May be shared by several members."""

    def __init__(self) -> None:
        self._known: dict[str, NlwebDialect] = {}

    def recall(self, base_url: str) -> NlwebDialect | None:
        return self._known.get(base_url)

    def remember(self, base_url: str, dialect: NlwebDialect) -> None:
        self._known[base_url] = dialect

    def forget(self, base_url: str) -> None:
        self._known.pop(base_url, None)


def to_try(setting: NlwebDialect, known: NlwebDialect | None) -> list[NlwebDialect]:
    """Return the dialects to send a question in, in order, until a reply fits."""
    if setting is not NlwebDialect.AUTO:
        return [setting]
    if known is None:
        return list(_ORDER)
    return [known, *(dialect for dialect in _ORDER if dialect is not known)]


def fits(sent: NlwebDialect, reply: NlwebDialect, setting: NlwebDialect) -> bool:
    """Whether a reply in dialect `reply` may answer a question that was sent in dialect `sent`."""
    if setting is not NlwebDialect.AUTO or NlwebDialect.C_0_54 in {sent, reply}:
        return sent is reply
    return True


def to_report(misfits: Sequence[Misfit], last: ModelFailure) -> ModelFailure:
    """Return the failure that says most: a site of dialect C that disliked the question, else the last one."""
    return next((misfit.failure for misfit in misfits if misfit.is_refusal_0_54), last)
