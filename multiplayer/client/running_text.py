"""A turn's text as its pieces come in: in order, late, twice, or replaced as a whole."""

from dataclasses import dataclass, field

from multiplayer.protocol.cards import Card

MAX_HELD = 10_000


@dataclass
class RunningText:
    """Offsets count Unicode code points, which is what Python's strings count."""

    text: str = ""
    cards: tuple[Card, ...] = ()
    _held: dict[int, str] = field(default_factory=dict)

    def replace(self, text: str, cards: tuple[Card, ...] = ()) -> None:
        """Take all that was said so far; pieces that were ahead of it are joined where they still fit."""
        self.text = text
        self.cards = cards
        self._join_held()

    def add(self, offset: int, piece: str) -> None:
        if offset > len(self.text):
            # The piece between is late or lost; what is lost comes back with the next whole text.
            if len(self._held) < MAX_HELD:
                self._held[offset] = piece
            return
        self._put(offset, piece)
        self._join_held()

    def add_cards(self, offset: int, cards: tuple[Card, ...]) -> None:
        """Take further cards; after a gap they come back with the next whole text, and with the message at the end."""
        if offset <= len(self.cards):
            self.cards = (*self.cards[:offset], *cards)

    def _put(self, offset: int, piece: str) -> None:
        # The text only grows, so what overlaps is the same text.
        self.text += piece[len(self.text) - offset :]

    def _join_held(self) -> None:
        for offset in sorted(self._held):
            if offset > len(self.text):
                return
            self._put(offset, self._held.pop(offset))
