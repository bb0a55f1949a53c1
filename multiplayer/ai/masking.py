"""Takes the secret markers of its prompt out of what a model writes, word by word as it comes."""

import re
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final

from multiplayer.ai.prompts import MARKER_LENGTH, markers_in
from multiplayer.models.port import PromptMessage, ToolCall

HIDDEN: Final = "•"
"""Stands in the place of a marker: who knew it could try to look like the server."""
_LET_OUT: Final = 3
"""So much of what may become a marker is shown at once: ordinary words end so, too, and should not wait."""
_MAY_BE: Final = re.compile(rf"(?=([0-9a-f]{{{MARKER_LENGTH}}}))")
_MAY_BECOME: Final = re.compile(rf"[0-9a-f]{{{_LET_OUT + 1},}}\Z")


class KnownMarkers:
    """The markers of one prompt, as it grows."""

    def __init__(self) -> None:
        self._sorted: list[str] = []

    def learn(self, messages: Iterable[PromptMessage]) -> None:
        """Take the markers that stand in these messages of a prompt."""
        for message in messages:
            for marker in markers_in(message):
                if marker not in self:
                    insort(self._sorted, marker)

    def __contains__(self, text: str) -> bool:
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place] == text

    def begins(self, text: str) -> bool:
        """Tell whether a marker begins with `text`."""
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)

    def hide(self, text: str) -> str:
        """Return a whole text with a dot for each marker, also for two that share characters."""
        hidden, place = [], 0
        for found in _MAY_BE.finditer(text):
            end = found.start() + MARKER_LENGTH
            if end > place and found[1] in self:
                hidden += [text[place : max(place, found.start())], HIDDEN]
                place = end
        return "".join((*hidden, text[place:]))

    def hide_in(self, call: ToolCall) -> ToolCall:
        """Return a call without markers: what it says, and what it writes, is shown to the room."""
        return ToolCall(call.id, self.hide(call.name), self.hide(call.arguments))


class Mask:
    """One stream of words. `take` may keep the last characters back until it is clear that they are no marker."""

    def __init__(self, markers: KnownMarkers) -> None:
        self._markers = markers
        self._shown = ""
        """The last characters that are out: a marker may have begun with them."""
        self._held = ""

    def take(self, text: str) -> str:
        """Return what may be shown now."""
        words = self._shown + self._held + text
        place, out = len(self._shown), []
        for found in _MAY_BE.finditer(words):
            end = found.start() + MARKER_LENGTH
            if end > place and found[1] in self._markers:
                out += [words[place : max(place, found.start())], HIDDEN]
                place = end
        until = max(place, len(words) - self._open_end(words[place - min(place, _LET_OUT) :]))
        out.append(words[place:until])
        self._shown, self._held = words[:until][-_LET_OUT:], words[until:]
        return "".join(out)

    def rest(self) -> str:
        """Return what was kept back: nothing more comes."""
        held, self._held, self._shown = self._held, "", ""
        return held

    def _open_end(self, words: str) -> int:
        """Return how many of the last characters may be the beginning of a marker."""
        found = _MAY_BECOME.search(words)
        if found is None:
            return 0
        run = found.group()[-(MARKER_LENGTH - 1) :]
        starts = (len(run) - at for at in range(len(run) - _LET_OUT) if self._markers.begins(run[at:]))
        return next(starts, 0)
