"""One NLWeb answer as it grows: what has been shown of it, and the bounds that no site can pass."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from multiplayer.models.nlweb_cards import card_of, line_in, plain_text
from multiplayer.models.port import CardsFound, Chunk, ModelBroke, StatusSaid, TextDelta
from multiplayer.models.sse_reader import SseLimits
from multiplayer.protocol.cards import MAX_CARDS, Card, Form

TOO_BIG = "The NLWeb site sent more than an answer can hold."
_MAX_STATUS = 200


@dataclass(frozen=True, slots=True)
class NlwebLimits:
    """Bounds of one answer. All results of a site can stand on one line, so a line may be long."""

    stream: SseLimits = field(default_factory=lambda: SseLimits(4 * 1024 * 1024, 4 * 1024 * 1024, 16 * 1024 * 1024))
    whole_body: int = 4 * 1024 * 1024
    words: int = 200_000
    statuses: int = 50
    polls: int = 8
    first_pause_s: float = 1.0
    longest_pause_s: float = 15.0
    longest_wait_s: float = 120.0
    """Of a promise, from when it was given."""


class NlwebAnswer:
    """Makes chunks of what the readers find. `holds_words` keeps words back: our own model is to write the answer."""

    def __init__(self, limits: NlwebLimits) -> None:
        self._limits = limits
        self._said = 0
        self._statuses = 0
        self._held: list[str] = []
        self._cards: dict[Card, None] = {}  # in the order they came
        self.has_words = False
        self.form: Form | None = None
        """What the site wants to know before it answers; the answer ends with it."""
        self.holds_words = False
        self.unknown = 0
        """Messages of a kind that no dialect is known to have."""

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(self._cards)

    @property
    def has_shown(self) -> bool:
        """Whether people have seen a part of the answer; a status line is none."""
        return self.has_words or bool(self._cards) or self.form is not None

    def add_results(self, values: Iterable[JsonValue]) -> Iterator[Chunk]:
        """Yield the new cards among results, all in one chunk, and the words of summaries among them."""
        found: list[Card] = []
        summaries: list[str] = []
        for value in values:
            if not isinstance(value, dict):
                continue
            if value.get("@type") == "Summary":
                summaries += [text for key in ("text", "content", "message") if isinstance(text := value.get(key), str)]
            elif len(self._cards) < MAX_CARDS and (card := card_of(value)) is not None and card not in self._cards:
                self._cards[card] = None
                found.append(card)
        if found:
            yield CardsFound(tuple(found))
        for summary in summaries:
            yield from self.say(summary)

    def say(self, text: str) -> Iterator[Chunk]:
        """Yield a further paragraph of the answer; raises `ModelBroke` when it has become too long."""
        words = plain_text(text)
        if not words.strip():
            return
        self._said += len(words)
        if self._said > self._limits.words:
            raise ModelBroke(TOO_BIG)
        if self.holds_words:
            self._held.append(words)
        else:
            yield TextDelta(f"\n\n{words}" if self.has_words else words)
            self.has_words = True

    def release(self) -> Iterator[Chunk]:
        """Yield the words that were held back."""
        self.holds_words = False
        held, self._held, self._said = self._held, [], 0
        for words in held:
            yield from self.say(words)

    @property
    def is_to_compose(self) -> bool:
        """Whether our own model is to write the answer, and has something to write it from."""
        return self.holds_words and bool(self._cards) and self.form is None

    @property
    def held_words(self) -> str:
        return "\n\n".join(self._held)

    def tell(self, text: str) -> Iterator[Chunk]:
        """Yield a status line."""
        line = line_in(text, _MAX_STATUS)
        if line and self._statuses < self._limits.statuses:
            self._statuses += 1
            yield StatusSaid(line)
