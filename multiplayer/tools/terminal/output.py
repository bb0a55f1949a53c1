"""What a command printed, made safe to show: decoded, escapes and tricks dropped, secrets taken out, lines cut.

Everything is stateful: however the bytes are split over reads, the text is the same.
"""

import codecs
import re
import string
import unicodedata
from collections.abc import Sequence
from typing import Final

from multiplayer.tools.limits import KIB

MAX_LINE = 4000
MAX_ESCAPE = 4096
MAX_COMBINING = 4
HEAD_BYTES = 24 * KIB
TAIL_BYTES = 8 * KIB
REMOVED: Final = "[secret removed]"
MIN_SECRET = 6
"""Shorter configured values would take out ordinary words."""

_ESCAPE_START: Final = re.compile("[\x1b\x90\x98\x9b\x9d\x9e\x9f]")
_STRING_END: Final = re.compile("[\x07\x18\x1a\x1b\x9c]")
_STRINGS: Final = frozenset("\x90\x98\x9d\x9e\x9f")
_STRINGS_AFTER_ESC: Final = frozenset("PX]^_")

_RANGES_DROPPED: Final = (
    (0x00, 0x08),
    (0x0B, 0x0C),
    (0x0E, 0x1F),
    (0x7F, 0x9F),  # DEL and C1
    (0xAD, 0xAD),
    (0x061C, 0x061C),  # bidi
    (0x180E, 0x180E),
    (0x200B, 0x200F),  # zero width, bidi marks
    (0x202A, 0x202E),  # bidi
    (0x2060, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags, and the variation selectors that can carry a hidden text
)
_DROPPED: Final[dict[int, str | None]] = {
    code: None for first, last in _RANGES_DROPPED for code in range(first, last + 1)
} | {0x2028: "\n", 0x2029: "\n", 0x85: "\n"}
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]+")


class _Escapes:
    """Drops terminal escape sequences; a sequence longer than `MAX_ESCAPE` ends there, so none can hide the rest."""

    def __init__(self) -> None:
        self._state = ""  # "" text, "e" after ESC, "c" in a control sequence, "s" in a string
        self._length = 0

    def feed(self, text: str) -> str:
        kept: list[str] = []
        at = 0
        while at < len(text):
            if not self._state:
                found = _ESCAPE_START.search(text, at)
                end = found.start() if found else len(text)
                kept.append(text[at:end])
                if found is None:
                    break
                at = end + 1
                character = text[end]
                self._state = "e" if character == "\x1b" else "s" if character in _STRINGS else "c"
                self._length = 1
            elif self._state == "s":
                most = at + MAX_ESCAPE - self._length
                found = _STRING_END.search(text, at, most)
                if found is None:
                    end = min(most, len(text))
                    self._length += end - at
                    at = end
                    if self._length >= MAX_ESCAPE:
                        self._state = ""
                else:
                    at = found.end()
                    self._length += 1
                    self._state = "e" if found[0] == "\x1b" else ""
            else:
                at += self._step(text[at])
        return "".join(kept)

    def _step(self, character: str) -> int:
        """Take one character of an ESC or control sequence; 0 if it is not of it and must be looked at again."""
        self._length += 1
        if character == "\x1b":
            self._state, self._length = "e", 1
            return 1
        if self._length > MAX_ESCAPE:
            self._state = ""
            return 0
        if self._state == "e":
            if character == "[":
                self._state = "c"
            elif character in _STRINGS_AFTER_ESC:
                self._state = "s"
            elif not "\x20" <= character <= "\x2f":
                self._state = ""
                return 1 if "\x30" <= character <= "\x7e" else 0
            return 1
        if "\x20" <= character <= "\x3f":
            return 1
        self._state = ""
        return 1 if "\x40" <= character <= "\x7e" else 0


class _Characters:
    """Drops invisible and direction-changing characters, shows a lone CR, bounds combining marks."""

    def __init__(self) -> None:
        self._after_cr = False
        self._marks = 0

    def feed(self, text: str) -> str:
        text = text.translate(_DROPPED)
        if not text:
            return ""
        if self._after_cr:
            text = "\r" + text
        self._after_cr = text.endswith("\r")
        if self._after_cr:
            text = text[:-1]
        text = text.replace("\r\n", "\n").replace("\r", "␍\n")
        return self._bounded(text)

    def finish(self) -> str:
        return "␍\n" if self._after_cr else ""

    def _bounded(self, text: str) -> str:
        if not text:
            return ""
        if text.isascii():
            self._marks = 0
            return text
        if text[0] < "\x80":
            self._marks = 0
        bounded = _NOT_ASCII.sub(self._bound_run, text)
        if text[-1] < "\x80":
            self._marks = 0
        return bounded

    def _bound_run(self, run: re.Match[str]) -> str:
        if run.start() > 0:
            self._marks = 0
        kept: list[str] = []
        for character in run[0]:
            if unicodedata.category(character) in {"Mn", "Me"}:
                self._marks += 1
                if self._marks > MAX_COMBINING:
                    continue
            else:
                self._marks = 0
            kept.append(character)
        return "".join(kept)


_WORD: Final = r"[A-Za-z0-9_-]"
_SHAPES: Final = (
    (
        "eyJ",
        rf"eyJ{_WORD}{{5,4096}}+\.{_WORD}{{5,4096}}+(?:\.{_WORD}{{5,4096}}+)?",
    ),
    ("sk-", rf"sk-{_WORD}{{16,512}}"),
    ("mp_", rf"mp_{_WORD}{{16,512}}"),
    ("sb_secret_", rf"sb_secret_{_WORD}{{10,512}}"),
    ("gh", r"gh[pousr]_[A-Za-z0-9]{20,512}"),
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{20,512}"),
    ("glpat-", rf"glpat-{_WORD}{{16,512}}"),
    ("AKIA", r"AKIA[A-Z0-9]{16}"),
    ("AIza", rf"AIza{_WORD}{{35}}"),
    ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,512}"),
)
_LONGEST_SHAPE: Final = 3 * 4096 + 16
# A key is a word of its own: "task-…" is not one. This also keeps the search linear.
_SHAPE: Final = "(?<![A-Za-z0-9_-])(?:" + "|".join(shape for _, shape in _SHAPES) + ")"
_MARKERS: Final = tuple(marker for marker, _ in _SHAPES)
_MARKER: Final = re.compile("(?<![A-Za-z0-9_-])(?:" + "|".join(re.escape(marker) for marker in _MARKERS) + ")")
_WORD_CHARACTERS: Final = string.ascii_letters + string.digits + "_.-"


class SecretsFilter:
    """Replaces configured values and words shaped like keys. Holds back only what may still become one.

    A net, no more: what protects is that no secret is in the sandbox.
    """

    def __init__(self, values: Sequence[str] = ()) -> None:
        self._values = tuple(sorted({value for value in values if len(value) >= MIN_SECRET}, key=len, reverse=True))
        self._pattern = re.compile("|".join([*map(re.escape, self._values), _SHAPE]))
        self._needles = (*_MARKERS, *self._values)
        self._before = ""
        self._held = ""

    def feed(self, text: str) -> str:
        return self._take(self._held + text, is_end=False)

    def finish(self) -> str:
        return self._take(self._held, is_end=True)

    def _take(self, text: str, *, is_end: bool) -> str:
        # The character before is kept for the look-behind, so buffer positions are shifted by its length.
        buffer = self._before + text
        at = len(self._before)
        settled = len(buffer) if is_end else self._settled(buffer, at)
        kept: list[str] = []
        # Most output has no such thing in it; to look for plain text is much faster than for the pattern.
        may_hold = any(text in buffer for text in self._needles)
        for found in self._pattern.finditer(buffer, at) if may_hold else ():
            if found.start() >= settled:
                break
            kept += (buffer[at : found.start()], REMOVED)
            at = found.end()
        if at < settled:
            kept.append(buffer[at:settled])
            at = settled
        self._held = buffer[at:]
        self._before = buffer[at - 1 : at] if at else ""
        return "".join(kept)

    def _settled(self, buffer: str, start: int) -> int:
        """The first position whose match could still change with more text."""
        earliest = max(start, len(buffer) - _LONGEST_SHAPE)
        last_word = earliest + len(buffer[earliest:].rstrip(_WORD_CHARACTERS))
        marker = _MARKER.search(buffer, last_word)
        first = len(buffer) if marker is None else marker.start()
        for text in _MARKERS:
            first = min(first, len(buffer) - _overlap(buffer, text, start))
        for text in self._values:
            first = min(first, len(buffer) - _overlap(buffer, text, start))
        return max(first, start)


def _overlap(buffer: str, text: str, start: int) -> int:
    """How many characters at the end of `buffer` are a beginning, not all, of `text`."""
    for length in range(min(len(text) - 1, len(buffer) - start), 0, -1):
        if buffer.endswith(text[:length]):
            return length
    return 0


class _Lines:
    """Cuts lines at `MAX_LINE` characters."""

    def __init__(self) -> None:
        self._column = 0

    def feed(self, text: str) -> str:
        if not self._has_long(text):
            last = text.rfind("\n")
            self._column = len(text) - last - 1 if last >= 0 else self._column + len(text)
            return text
        lines = text.split("\n")
        kept = [self._cut(lines[0])]
        for line in lines[1:]:
            self._column = 0
            kept.append(self._cut(line))
        return "\n".join(kept)

    def _has_long(self, text: str) -> bool:
        at, room = 0, MAX_LINE - self._column
        while len(text) - at > room:
            end = text.rfind("\n", at, at + room + 1) if room >= 0 else -1
            if end < 0:
                return True
            at, room = end + 1, MAX_LINE
        return False

    def _cut(self, line: str) -> str:
        before = self._column
        self._column += len(line)
        if self._column <= MAX_LINE:
            return line
        return line[: max(0, MAX_LINE - before)] + ("…" if before <= MAX_LINE else "")


class OutputCleaner:
    """Bytes in, safe text out. `finish` once at the end, for what was held back."""

    def __init__(self, secret_values: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._escapes = _Escapes()
        self._characters = _Characters()
        self._secrets = SecretsFilter(secret_values)
        self._lines = _Lines()

    def feed(self, data: bytes) -> str:
        text = self._characters.feed(self._escapes.feed(self._decoder.decode(data)))
        return self._lines.feed(self._secrets.feed(text))

    def finish(self) -> str:
        text = self._characters.feed(self._escapes.feed(self._decoder.decode(b"", final=True)))
        text += self._characters.finish()
        return self._lines.feed(self._secrets.feed(text)) + self._lines.feed(self._secrets.finish())


def clean_text(data: bytes, secret_values: Sequence[str] = ()) -> str:
    """Clean a whole text at once."""
    cleaner = OutputCleaner(secret_values)
    return cleaner.feed(data) + cleaner.finish()


def take_bytes(text: str, most_bytes: int) -> str:
    """The longest beginning of `text` that has at most `most_bytes` in UTF-8."""
    return text if len(text) * 4 <= most_bytes else text.encode()[:most_bytes].decode(errors="ignore")


class HeadAndTail:
    """Keeps what the model gets of an output: the beginning and the end, in bounded memory."""

    def __init__(self, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._head = b""
        self._tail = b""
        self._left_out = 0

    def feed(self, text: str) -> None:
        data = text.encode()
        room = self._head_bytes - len(self._head)
        self._head += data[:room]
        tail = self._tail + data[room:]
        over = max(0, len(tail) - self._tail_bytes)
        self._tail = tail[over:]
        self._left_out += over

    def text(self) -> str:
        if not self._left_out:
            return (self._head + self._tail).decode()
        head = self._head.decode(errors="ignore")
        return f"{head}\n[… {self._left_out} bytes left out …]\n{self._tail.decode(errors='ignore')}"
