"""The process in which Whisper listens: loads the model, gives up its rights, hears one recording after the other.

Started by `whisper_local` as `python -m multiplayer.models.whisper_worker`; needs the extra `voice`.
"""

import contextlib
import ctypes
import importlib
import os
import queue
import resource
import sys
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final, Protocol, cast

from pydantic import BaseModel

from multiplayer.models.audio_decoding import RATE, decoded
from multiplayer.models.transcriber import AudioTooLong, NotAudio
from multiplayer.models.whisper_wire import CannotStart, Done, Job, Line, Measured, Progress, Ready, Refused, Setup

PIECE_S: Final = 120
"""Heard at a time: Whisper's features of half an hour would take 2 GB."""
_CUT_WITHIN_S: Final = 10
"""A piece ends in the quietest moment of so many of its last seconds."""
_MOMENT: Final = RATE // 50
_TEMPERATURES: Final = (0.0, 0.4)
"""What it cannot make out is tried a second time, more boldly; six times, as is the default, takes minutes of a noise."""
_NICE: Final = 10
_PR_SET_NO_NEW_PRIVS: Final = 38
_MOST_FILES: Final = 64


class _Numbers(Protocol):
    """A numpy array of samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: slice) -> "_Numbers": ...


class _Numpy(Protocol):
    float32: type

    def frombuffer(self, buffer: "array[float]", *, dtype: type) -> _Numbers: ...

    def zeros(self, length: int, *, dtype: type) -> _Numbers: ...


class _Heard(Protocol):
    start: float
    end: float
    text: str


class _Info(Protocol):
    language: str


class _Model(Protocol):
    supported_languages: Sequence[str]

    def feature_extractor(self, audio: _Numbers) -> object: ...

    def transcribe(
        self,
        audio: _Numbers,
        *,
        language: str | None,
        vad_filter: bool,
        temperature: Sequence[float],
        condition_on_previous_text: bool,
    ) -> tuple[Iterable[_Heard], _Info]: ...


def main() -> None:
    """Serve until the input ends: then the process ends at once, whatever it is doing."""
    # Libraries write to the standard output what is no line of ours.
    lines_in, lines_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    setup = Setup.model_validate_json(lines_in.readline())
    os.nice(_NICE)
    try:
        model = _loaded(setup)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        _say(lines_out, CannotStart(reason=f"{type(error).__name__}: {error}"[:500]))
        return
    jobs: queue.SimpleQueue[tuple[Job, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines_in, jobs), daemon=True).start()
    _bind(setup)
    try:
        _say(lines_out, Ready())
        while True:
            _serve(model, *jobs.get(), lines_out)
    finally:
        # Out of memory, say. The thread that reads would hold up an orderly end.
        os._exit(1)


def _loaded(setup: Setup) -> _Model:
    """Load the model and everything that is loaded on first use: once bound, the process may not read our files."""
    numpy = cast("_Numpy", importlib.import_module("numpy"))
    importlib.import_module("av")
    whisper = importlib.import_module("faster_whisper")
    model = cast(
        "_Model",
        whisper.WhisperModel(
            setup.weights, device="cpu", compute_type="int8", cpu_threads=setup.threads, local_files_only=True
        ),
    )
    silence = numpy.zeros(RATE, dtype=numpy.float32)
    model.feature_extractor(silence)
    for has_filter in (False, True):
        for _ in _heard(model, silence, "en", has_filter=has_filter)[0]:
            pass
    return model


def _bind(setup: Setup) -> None:
    if setup.uid is not None:
        os.setgroups([])
        os.setresgid(setup.uid, setup.uid, setup.uid)
        os.setresuid(setup.uid, setup.uid, setup.uid)
    for limit, most in (
        (resource.RLIMIT_AS, setup.memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
    ):
        # Some systems know no limit of memory; a lower one than ours may hold already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _listen(lines_in: BinaryIO, jobs: queue.SimpleQueue[tuple[Job, bytes]]) -> None:
    try:
        while line := lines_in.readline():
            job = Job.model_validate_json(line)
            data = lines_in.read(job.size)
            if len(data) < job.size:
                break
            jobs.put((job, data))
    finally:
        # Nobody waits for the work in hand any more: the server gave it up, or is dead.
        os._exit(0)


def _serve(model: _Model, job: Job, data: bytes, lines_out: BinaryIO) -> None:
    try:
        samples = decoded(data, job.kind, job.duration_limit_s)
    except NotAudio:
        _say(lines_out, Refused(why="not_audio"))
        return
    except AudioTooLong:
        _say(lines_out, Refused(why="too_long"))
        return
    _say(lines_out, Measured(duration_s=len(samples) / RATE))
    _say(lines_out, _transcribed(model, job, samples, lines_out))


def _transcribed(model: _Model, job: Job, samples: "array[float]", lines_out: BinaryIO) -> Done:
    numpy = cast("_Numpy", importlib.import_module("numpy"))
    sound = numpy.frombuffer(samples, dtype=numpy.float32)
    language = _known(job.language, model.supported_languages)
    lines: list[Line] = []
    words: list[str] = []
    for start, end in _cuts(samples):
        heard, info = _heard(model, sound[start:end], language, has_filter=True)
        for one in heard:
            words.append(one.text)
            start_s, end_s = start / RATE + one.start, start / RATE + one.end
            lines.append(Line(start_s=max(0.0, start_s), end_s=max(0.0, end_s), text=one.text.strip()))
            _say(lines_out, Progress(share=min(1.0, end_s * RATE / len(samples))))
        if words:
            language = info.language
        _say(lines_out, Progress(share=end / len(samples)))
    return Done(text="".join(words).strip(), language=language or "", lines=lines)


def _heard(model: _Model, sound: _Numbers, language: str | None, *, has_filter: bool) -> tuple[Iterable[_Heard], _Info]:
    # Without the filter Whisper hears words in silence; with its own words before it, it falls into repeating them.
    return model.transcribe(
        sound,
        language=language,
        vad_filter=has_filter,
        temperature=_TEMPERATURES,
        condition_on_previous_text=False,
    )


def _known(hint: str | None, languages: Sequence[str]) -> str | None:
    """Return the language to listen for; None: find out."""
    if len(languages) == 1:
        return languages[0]
    code = (hint or "").replace("_", "-").partition("-")[0].lower()
    return code if code in languages else None


def _cuts(samples: "array[float]") -> Iterator[tuple[int, int]]:
    """Give beginning and end of each piece."""
    start = 0
    while len(samples) - start > PIECE_S * RATE:
        last = start + PIECE_S * RATE
        moments = range(last - _CUT_WITHIN_S * RATE, last - _MOMENT + 1, _MOMENT)
        quietest = min(moments, key=lambda at: sum(map(abs, samples[at : at + _MOMENT])))
        yield start, quietest + _MOMENT // 2
        start = quietest + _MOMENT // 2
    yield start, len(samples)


def _say(lines_out: BinaryIO, said: BaseModel) -> None:
    lines_out.write(said.model_dump_json().encode() + b"\n")
    lines_out.flush()


if __name__ == "__main__":
    main()
