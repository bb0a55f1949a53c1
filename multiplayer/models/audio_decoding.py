"""Decodes a hostile recording within bounds, for the Whisper worker only. Needs the extra `voice`."""

import importlib
import io
from array import array
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Final, Protocol, cast

from multiplayer.models.audio_bytes import AudioKind
from multiplayer.models.transcriber import AudioTooLong, NotAudio

RATE: Final = 16_000
"""Samples a second that Whisper hears."""
_DEMUXERS: Final[dict[AudioKind, str]] = {
    "wav": "wav",
    "ogg": "ogg",
    "webm": "matroska",
    "m4a": "mov",
    "mp3": "mp3",
    "flac": "flac",
    "aac": "aac",
}
_SAYS_ITS_LENGTH: Final = frozenset({"wav", "ogg", "webm", "m4a", "flac"})
"""Of the other kinds FFmpeg guesses the length from the first frames' bit rate: only decoding tells."""
_DECODERS: Final = (
    "opus,libopus,vorbis,aac,mp3float,mp3,flac,alac,amrnb,amrwb,"
    "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw"
)
_LEAST_RATE: Final = 4_000
_MOST_RATE: Final = 384_000
_MOST_BROKEN_PACKETS: Final = 1_000
_TOO_LONG: Final = "The recording is too long."


class _Samples(Protocol):
    def tobytes(self) -> bytes: ...


class _Named(Protocol):
    name: str


class _Frame(Protocol):
    samples: int
    sample_rate: int
    format: _Named
    layout: _Named

    def to_ndarray(self) -> _Samples: ...


class _Packet(Protocol):
    def decode(self) -> Sequence[_Frame]: ...


class _Stream(Protocol):
    duration: int | None
    time_base: Fraction | None


class _Streams(Protocol):
    audio: Sequence[_Stream]


class _Container(Protocol):
    duration: int | None
    streams: _Streams

    def demux(self, stream: _Stream) -> Iterator[_Packet]: ...


class _Resampler(Protocol):
    def resample(self, frame: _Frame | None) -> Sequence[_Frame]: ...


class _Av(Protocol):
    """What is used of PyAV, which is not installed everywhere that this file is checked."""

    FFmpegError: type[Exception]
    time_base: int

    def open(
        self,
        file: io.BytesIO,
        *,
        format: str,  # noqa: A002 - PyAV's name
        options: dict[str, str],
    ) -> AbstractContextManager[_Container]: ...

    def AudioResampler(  # noqa: N802 - PyAV's name
        self,
        *,
        format: str,  # noqa: A002 - PyAV's name
        layout: str,
        rate: int,
    ) -> _Resampler: ...


def decoded(data: bytes, kind: AudioKind, duration_limit_s: float) -> "array[float]":
    """Return the recording as 32-bit samples from -1 to 1 at `RATE`, one channel.

    A recording that breaks off counts as far as it goes. Raises `NotAudio`, and `AudioTooLong` as soon as its container
    says so or so much is decoded, whatever the container said. May crash the process, or run for ever: it is FFmpeg.
    """
    av = cast("_Av", importlib.import_module("av"))
    # Naming the demuxer keeps playlists out, which would open other files and addresses.
    demuxer = _DEMUXERS[kind]
    options = {"format_whitelist": demuxer, "codec_whitelist": _DECODERS, "protocol_whitelist": "none"}
    samples = array("f")
    try:
        with av.open(io.BytesIO(data), format=demuxer, options=options) as container:
            if not container.streams.audio:
                raise NotAudio("The recording holds no sound.")
            stream = container.streams.audio[0]
            if kind in _SAYS_ITS_LENGTH:
                _check_length(container, stream, av.time_base, duration_limit_s)
            resampling = _Resampling(av)
            for frame in _frames(av, container, stream):
                # Before it is resampled: one frame can hold hours.
                if len(samples) / RATE + frame.samples / frame.sample_rate > duration_limit_s:
                    raise AudioTooLong(_TOO_LONG)
                samples.frombytes(resampling.take(frame))
            samples.frombytes(resampling.rest())
    except (av.FFmpegError, ValueError) as error:
        # ValueError: PyAV's word for a format or a layout that it does not know.
        if not samples:
            raise NotAudio("The recording cannot be read.") from error
    if not samples:
        raise NotAudio("The recording holds no sound.")
    return samples


def _check_length(container: _Container, stream: _Stream, units_a_second: int, limit_s: float) -> None:
    lengths_s = [
        container.duration / units_a_second if container.duration else 0.0,
        float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0,
    ]
    if max(lengths_s) > limit_s:
        raise AudioTooLong(_TOO_LONG)


def _frames(av: _Av, container: _Container, stream: _Stream) -> Iterator[_Frame]:
    """Give what can be decoded; a packet that cannot is passed over, as a player does."""
    broken = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            broken += 1
            if broken > _MOST_BROKEN_PACKETS:
                raise
            continue
        for frame in frames:
            if not _LEAST_RATE <= frame.sample_rate <= _MOST_RATE:
                raise NotAudio("The recording's sampling rate is none that people use.")
            yield frame


class _Resampling:
    """A resampler, made anew when the recording changes its format midway, as some MP3 and AAC files do."""

    def __init__(self, av: _Av) -> None:
        self._av = av
        self._resampler: _Resampler | None = None
        self._format: tuple[int, str, str] | None = None

    def take(self, frame: _Frame) -> bytes:
        rest = b""
        shape = (frame.sample_rate, frame.format.name, frame.layout.name)
        if shape != self._format:
            rest = self.rest()
            self._resampler = self._av.AudioResampler(format="flt", layout="mono", rate=RATE)
            self._format = shape
        assert self._resampler is not None, "made with its format"
        return rest + _bytes_of(self._resampler.resample(frame))

    def rest(self) -> bytes:
        """Return what the resampler still holds back."""
        return b"" if self._resampler is None else _bytes_of(self._resampler.resample(None))


def _bytes_of(frames: Sequence[_Frame]) -> bytes:
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)
