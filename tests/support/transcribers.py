"""A transcriber that does what its script says, and can be held in the middle."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from multiplayer.models.transcriber import Audio, TranscriberFailure, TranscriberLimits, Transcript


@dataclass
class ScriptedTranscriber:
    """Hears `words: ` and then what the recording holds. `failures` come first, one for each call.

    While `goes_on` is not set, whoever is heard waits at 40 %. `heard` notes what was begun, `ended` how it ended.
    """

    failures: list[TranscriberFailure] = field(default_factory=list)
    shares: Sequence[float] = (0.4,)
    limits: TranscriberLimits = field(default_factory=TranscriberLimits)
    heard: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    is_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def ready(cls, *failures: TranscriberFailure) -> "ScriptedTranscriber":
        """One that holds nobody up."""
        made = cls(failures=list(failures))
        made.goes_on.set()
        return made

    async def transcribe(
        self, audio: Audio, *, content_type: str, language_hint: str | None, on_progress: Callable[[float], None]
    ) -> Transcript:
        assert language_hint is None
        assert not isinstance(audio, Path)
        words = audio.read().decode(errors="replace")[44:]
        self.heard.append(words)
        self.content_types.append(content_type)
        self.begun.set()
        if self.failures:
            raise self.failures.pop(0)
        for share in self.shares:
            on_progress(share)
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.ended.append(f"cancelled {words}")
            self.is_cancelled.set()
            raise
        on_progress(1.0)
        self.ended.append(f"done {words}")
        return Transcript(f"words: {words}", "en", 1.0)

    async def aclose(self) -> None:
        self.goes_on.set()


def recording(words: str) -> bytes:
    """Return bytes that count as a WAV file, and hold these words after its 44 bytes of header."""
    data = words.encode()
    size = len(data).to_bytes(4, "little")
    form = b"fmt " + (16).to_bytes(4, "little") + b"\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0"
    return b"RIFF" + (len(data) + 36).to_bytes(4, "little") + b"WAVE" + form + b"data" + size + data
