"""What the extraction process says: lines of JSON, within the limits, of cleaned text."""

import base64
import io
import json
from collections.abc import Callable
from typing import BinaryIO

from multiplayer.tools.extraction.cleaning import cleaned
from multiplayer.tools.extraction.job import LINE_BYTES, ExtractionLimits, Problem


class Telling:
    """Says each thing as soon as it is known: what was read before a process was killed is not lost."""

    def __init__(self, out: BinaryIO, limits: ExtractionLimits) -> None:
        self._out = out
        self._left = limits.max_characters
        self._is_cut = False
        self._has_text = False

    def ready(self) -> None:
        self._say({"ready": True})

    def size(self, width: int, height: int) -> None:
        self._say({"width": width, "height": height})

    def pages(self, count: int) -> None:
        self._say({"pages": count})

    def thumbnail(self, data: bytes) -> None:
        self._say({"thumbnail": base64.b64encode(data).decode("ascii")})

    def text(self, text: str) -> bool:
        """Say the next part of the text. False if there is no room for more: then no more need be read."""
        if self._is_cut:
            return False
        text = cleaned(text)
        self._is_cut = len(text) > self._left
        text = text[: self._left]
        self._left -= len(text)
        for at in range(0, max(len(text), 1), LINE_BYTES):
            self._say({"text": text[at : at + LINE_BYTES]})
        if self._is_cut:
            self.cut()
        return not self._is_cut

    def cut(self) -> None:
        self._is_cut = True
        self._say({"cut": True})

    def guessed(self) -> None:
        self._say({"guessed": True})

    def problem(self, problem: Problem) -> None:
        self._say({"problem": problem.value})

    def done(self) -> None:
        self._say({"done": True})

    def _say(self, line: dict[str, str | int | bool]) -> None:
        self._out.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._out.flush()


Reader = Callable[[io.BufferedReader, ExtractionLimits, Telling], None]
"""Reads one kind of file from its beginning. What it raises means that the file is damaged; `Stopped` says more."""
