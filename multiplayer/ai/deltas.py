"""Merges the pieces of a running turn's text, so that members get at most one delta per tick."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """What an `ai_delta` carries. `offset` counts Unicode code points."""

    index: int
    offset: int
    text: str


class DeltaStream:
    """The text of one turn. `add` as words come, `flush` at each tick; begins anew, or where a takeover found it."""

    def __init__(self, text: str = "", next_index: int = 0) -> None:
        self._told = [text] if text else []
        self._told_length = len(text)
        self._waiting: list[str] = []
        self._next_index = next_index

    def add(self, text: str) -> None:
        if text:
            self._waiting.append(text)

    def flush(self) -> Piece | None:
        """Return everything added since the last flush as one piece; None if there is nothing."""
        if not self._waiting:
            return None
        piece = Piece(self._next_index, self._told_length, "".join(self._waiting))
        self._waiting.clear()
        self._told.append(piece.text)
        self._told_length += len(piece.text)
        self._next_index += 1
        return piece

    @property
    def so_far(self) -> tuple[str, int]:
        """What was told already, and the index of the next piece: together with it, all that a late joiner needs."""
        if len(self._told) > 1:
            self._told = ["".join(self._told)]
        return (self._told[0] if self._told else "", self._next_index)

    @property
    def text(self) -> str:
        """All of it, told or not."""
        return "".join((*self._told, *self._waiting))
