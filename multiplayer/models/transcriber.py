"""The port by which speech becomes text: what is heard, what comes back, and how it can fail."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

MIB = 1024 * 1024

Audio: TypeAlias = Path | BinaryIO
"""A file, or one that is open and can seek; it is read from its beginning, and left open."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, in seconds from the beginning of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; `text` is empty when nobody spoke.

    `language` is as whoever listened calls it: a code (`en`) or a name (`english`), if it told. `duration_s` is the
    recording's, if it was measured. `segments` are in order, and none if whoever listened gave none.
    """

    text: str
    language: str | None = None
    duration_s: float | None = None
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class TranscriberLimits:
    """The most that one recording may be. Of the bytes every adapter makes sure, of the duration where it can measure."""

    duration_s: float = 30 * 60.0
    size_bytes: int = 50 * MIB


class TranscriberFailure(Exception):  # noqa: N818 - the field says failure; each subclass reads as a sentence
    """There is no transcript. `str()` of it is a sentence for the people in the room; it holds no secret."""


class TranscriberUnavailable(TranscriberFailure):
    """Whoever listens is away, overloaded or broken, or took too long: asking again later may work.

    `retry_after_s` is what it asked for.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class TranscriberDenied(TranscriberFailure):
    """Key, address, model or weights are not right: an operator of this server must mend that first."""


class NotAudio(TranscriberFailure):
    """The bytes are no recording that can be read. Asking again is useless."""


class AudioTooLong(TranscriberFailure):
    """The recording goes over the limits. Asking again is useless."""


class RisingProgress:
    """Passes on the shares that go beyond what was told before, and leaves 1.0 to whoever has the transcript."""

    def __init__(self, told: Callable[[float], None]) -> None:
        self._told = told
        self._most = 0.0

    def take(self, share: float) -> None:
        if self._most < share < 1.0:
            self._most = share
            self._told(share)


class Transcriber(Protocol):
    """Somebody who listens to a recording and writes down what was said."""

    @property
    def limits(self) -> TranscriberLimits: ...

    async def transcribe(
        self, audio: Audio, *, content_type: str, language_hint: str | None, on_progress: Callable[[float], None]
    ) -> Transcript:
        """Return what is said in the recording; raises `TranscriberFailure`, and `OSError` if it cannot be read.

        `content_type` helps only where the bytes leave doubt. `language_hint` is a code such as `en` or `de-CH`; one
        that is not known counts for nothing. `on_progress` is called on the event loop with the share that is done,
        rising, 1.0 last. Cancelling ends the work itself, wherever it runs on this machine.
        """
        ...

    async def aclose(self) -> None:
        """End everything that was started; later calls are refused as `TranscriberUnavailable`."""
        ...
