"""Whisper itself on every kind of recording, and on what only looks like one (mark `voice`)."""

import os
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from multiplayer.models.transcriber import AudioTooLong, NotAudio, Transcriber, TranscriberLimits, Transcript
from multiplayer.models.whisper_local import WhisperLocal, whisper_local
from multiplayer.models.whisper_process import free_uid
from multiplayer.models.whisper_worker import PIECE_S
from tests.contracts.transcriber_suite import heard, ignore
from tests.support.speech import SENTENCE, STORY, declaring, encoded, missing, spoken, told, tone, word_error_rate
from tests.support.whisper_stand_in import workers

pytestmark = [
    pytest.mark.voice,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing), reason=f"listening for real needs {', '.join(missing)} (the extra voice)"),
]
FORMATS = {
    "wav": ("wav", "pcm_s16le", 16_000),
    "wav of 8 bits": ("wav", "pcm_u8", 16_000),
    "ogg with opus": ("ogg", "libopus", 48_000),
    "webm with opus": ("webm", "libopus", 48_000),
    "m4a": ("ipod", "aac", 44_100),
    "mp4": ("mp4", "aac", 44_100),
    "mp3": ("mp3", "libmp3lame", 22_050),
    "flac": ("flac", "flac", 22_050),
    "aac": ("adts", "aac", 44_100),
}
MOST_ERRORS = 0.25


@pytest_asyncio.fixture(scope="module")
async def whisper() -> AsyncIterator[WhisperLocal]:
    transcriber = whisper_local()
    yield transcriber
    await transcriber.aclose()
    assert workers() == []


async def hear(transcriber: Transcriber, folder: Path, recording: bytes) -> Transcript:
    file = folder / "note"
    file.write_bytes(recording)
    return await heard(transcriber, file)


@pytest.mark.parametrize("name", FORMATS)
async def test_every_kind_of_recording_is_heard(whisper: WhisperLocal, tmp_path: Path, name: str) -> None:
    transcript = await hear(whisper, tmp_path, encoded(spoken(), *FORMATS[name]))
    assert word_error_rate(SENTENCE, transcript.text) <= MOST_ERRORS, transcript.text


async def test_a_bare_mp3_is_heard_by_its_content_type(whisper: WhisperLocal, tmp_path: Path) -> None:
    mp3 = encoded(spoken(), "mp3", "libmp3lame", 22_050)
    length = sum(byte << shift for byte, shift in zip(mp3[6:10], (21, 14, 7, 0), strict=True))
    (tmp_path / "note").write_bytes(mp3[10 + length :])
    transcript = await whisper.transcribe(
        tmp_path / "note", content_type="audio/mpeg", language_hint=None, on_progress=ignore
    )
    assert word_error_rate(SENTENCE, transcript.text) <= MOST_ERRORS


async def test_silence_says_nothing(whisper: WhisperLocal, tmp_path: Path) -> None:
    for seconds in (0.01, 5, 130):
        transcript = await hear(whisper, tmp_path, tone(seconds))
        assert (transcript.text, transcript.segments) == ("", ())
        assert transcript.duration_s == pytest.approx(seconds, abs=0.01)


async def test_a_recording_that_breaks_off_is_heard_as_far_as_it_goes(whisper: WhisperLocal, tmp_path: Path) -> None:
    for name in ("wav", "ogg with opus", "webm with opus", "mp3"):
        whole = encoded(told(STORY[:2]), *FORMATS[name])
        transcript = await hear(whisper, tmp_path, whole[: len(whole) * 6 // 10])
        # More than half of the file is more than the first of two sentences.
        first = transcript.text.partition(".")[0]
        assert word_error_rate(STORY[0].partition(".")[0], first) <= MOST_ERRORS, (name, transcript.text)


@pytest.mark.parametrize("name", FORMATS)
async def test_the_head_of_a_recording_alone_is_none(whisper: WhisperLocal, tmp_path: Path, name: str) -> None:
    recording = encoded(spoken(), *FORMATS[name])
    for size in (12, 20):
        with pytest.raises(NotAudio):
            await hear(whisper, tmp_path, recording[:size])


async def test_rubbish_behind_a_good_beginning_costs_that_recording_only(whisper: WhisperLocal, tmp_path: Path) -> None:
    for form in FORMATS.values():
        recording = encoded(spoken(), *form)
        rubbish = recording[: len(recording) // 10] + Random(7).randbytes(20_000)
        with suppress(NotAudio, AudioTooLong):  # or the good beginning is heard; no other failure will do
            await hear(whisper, tmp_path, rubbish)
    assert (await hear(whisper, tmp_path, spoken())).text


async def test_a_header_that_gives_an_hour_is_refused_unheard(whisper: WhisperLocal, tmp_path: Path) -> None:
    webm = encoded(spoken(), "webm", "libopus", 48_000)
    with pytest.raises(AudioTooLong):
        await hear(whisper, tmp_path, declaring(webm, 3600))


async def test_a_header_that_gives_a_second_does_not_hide_an_hour(whisper: WhisperLocal, tmp_path: Path) -> None:
    short = WhisperLocal(whisper._weights, limits=TranscriberLimits(duration_s=10))
    webm = encoded(told(STORY[:3]), "webm", "libopus", 48_000)
    with pytest.raises(AudioTooLong):
        await hear(short, tmp_path, declaring(webm, 1))
    assert short.worker_pid is not None
    assert (await hear(short, tmp_path, declaring(encoded(spoken(), "webm", "libopus", 48_000), 1))).text
    await short.aclose()


async def test_a_frame_of_hours_at_a_rate_that_nobody_uses_is_refused(whisper: WhisperLocal, tmp_path: Path) -> None:
    for rate in (1, 3_999, 1_000_000, 0):
        wav = bytearray(tone(1.0))
        wav[24:28] = struct.pack("<I", rate)
        with pytest.raises((NotAudio, AudioTooLong)):
            await hear(whisper, tmp_path, bytes(wav))


@pytest.mark.timeout(400)
async def test_more_than_two_minutes_are_heard_in_pieces_without_a_seam(whisper: WhisperLocal, tmp_path: Path) -> None:
    story = STORY * 3
    (tmp_path / "long.wav").write_bytes(told(story))
    shares: list[float] = []
    transcript = await whisper.transcribe(
        tmp_path / "long.wav", content_type="", language_hint="en", on_progress=shares.append
    )
    assert transcript.duration_s is not None
    assert transcript.duration_s > PIECE_S + 10
    assert shares == sorted(set(shares))
    assert word_error_rate(" ".join(story), transcript.text) <= MOST_ERRORS
    ends = [segment.end_s for segment in transcript.segments]
    assert ends == sorted(ends)
    assert PIECE_S < ends[-1] <= transcript.duration_s + 1


async def test_as_root_the_worker_is_nobody_that_has_a_name(whisper: WhisperLocal, tmp_path: Path) -> None:
    await hear(whisper, tmp_path, spoken())
    status = told_by_system(whisper)
    uids = {int(uid) for uid in status.split("Uid:")[1].splitlines()[0].split()}
    assert uids == {free_uid() or os.geteuid()}
    assert "NoNewPrivs:\t1" in status


def told_by_system(whisper: WhisperLocal) -> str:
    return Path(f"/proc/{whisper.worker_pid}/status").read_text()
