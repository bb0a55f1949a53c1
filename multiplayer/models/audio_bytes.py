"""Reading a recording for a transcriber: what its bytes are, how many, piece by piece off the event loop."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

from multiplayer.models.transcriber import MIB, Audio, AudioTooLong, NotAudio, TranscriberLimits, TranscriberUnavailable

AudioKind: TypeAlias = Literal["wav", "ogg", "webm", "m4a", "mp3", "flac", "aac"]
CONTENT_TYPES: Final[dict[AudioKind, str]] = {
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "webm": "audio/webm",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "aac": "audio/aac",
}
SNIFFED_BYTES: Final = 64
_PIECE_BYTES: Final = 256 * 1024
_MP3_TYPES: Final = frozenset({"audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/x-mpeg"})
_MAGIC: Final[tuple[tuple[re.Pattern[bytes], AudioKind], ...]] = (
    (re.compile(rb"(?:RIFF|RF64)....WAVE", re.DOTALL), "wav"),
    (re.compile(rb"OggS\0"), "ogg"),
    (re.compile(rb"\x1aE\xdf\xa3"), "webm"),
    (re.compile(rb"....ftyp", re.DOTALL), "m4a"),
    (re.compile(rb"ID3[\x02-\x04]"), "mp3"),
    (re.compile(rb"fLaC"), "flac"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "aac"),
)
# Sync, MPEG 1, 2 or 2.5, layer 3, a bit rate and a sampling rate that exist (ISO 11172-3 §2.4.1.3).
_MP3_RATES: Final = frozenset(bits << 4 | sampling for bits in range(1, 15) for sampling in range(12))
_MP3_SYNC: Final = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")


def sniffed(first: bytes, content_type: str) -> AudioKind | None:
    """Return what a recording with these first bytes is; None: nothing that is heard here.

    The bytes decide. `content_type` is asked only about a bare MP3, which begins with nothing but two telling bytes.
    """
    for magic, kind in _MAGIC:
        if magic.match(first):
            return kind
    if content_type.partition(";")[0].strip().lower() in _MP3_TYPES and _begins_mp3(first):
        return "mp3"
    return None


def _begins_mp3(first: bytes) -> bool:
    return len(first) > 2 and _MP3_SYNC.match(first) is not None and first[2] in _MP3_RATES


@dataclass(frozen=True, slots=True)
class AudioBytes:
    """A recording that is open, with its kind and its size as both were when it was opened."""

    file: BinaryIO
    kind: AudioKind
    size: int

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give exactly `size` bytes. Raises `TranscriberUnavailable` when the file got shorter meanwhile."""
        await asyncio.to_thread(self.file.seek, 0)
        left = self.size
        while left:
            piece = await asyncio.to_thread(self.file.read, min(left, _PIECE_BYTES))
            if not piece:
                raise TranscriberUnavailable("The recording changed while it was being read.")
            left -= len(piece)
            yield piece


@asynccontextmanager
async def audio_bytes(audio: Audio, limits: TranscriberLimits, content_type: str) -> AsyncIterator[AudioBytes]:
    """Open a recording. Raises `NotAudio`, `AudioTooLong`, `OSError`."""
    # Not in a thread: cancelled at that moment, nobody would have the file to close it.
    file: BinaryIO = audio.open("rb") if isinstance(audio, Path) else audio
    try:
        size = await asyncio.to_thread(file.seek, 0, os.SEEK_END)
        if size == 0:
            raise NotAudio("The recording is empty.")
        if size > limits.size_bytes:
            raise AudioTooLong(f"The recording is larger than {limits.size_bytes // MIB} MiB.")
        await asyncio.to_thread(file.seek, 0)
        kind = sniffed(await asyncio.to_thread(file.read, SNIFFED_BYTES), content_type)
        if kind is None:
            raise NotAudio("The file is no recording of a kind that can be heard here.")
        yield AudioBytes(file, kind, size)
    finally:
        if isinstance(audio, Path):
            file.close()
