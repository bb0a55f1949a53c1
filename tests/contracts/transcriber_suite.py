"""The contract of transcribers; each adapter's own file runs it with a `stage` fixture."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from multiplayer.models.transcriber import (
    AudioTooLong,
    NotAudio,
    Transcriber,
    TranscriberLimits,
    TranscriberUnavailable,
    Transcript,
)
from tests.support.speech import word_error_rate

IN_TIME_S = 90


def ignore(_: float) -> None:
    """Take progress that nobody asks for."""


@dataclass
class Stage:
    """A transcriber and what it can hear. `said` is spoken in `speech`; `long_speech` is not done before it is cancelled."""

    make: Callable[[TranscriberLimits], Transcriber]
    transcriber: Transcriber
    speech: Path
    said: str
    long_speech: Path
    most_errors: float
    until_idle: Callable[[], Awaitable[None]]
    """Returns when nothing works for the transcriber any more."""


async def heard(
    transcriber: Transcriber, audio: Path, on_progress: Callable[[float], None] = ignore, hint: str | None = "en-US"
) -> Transcript:
    async with asyncio.timeout(IN_TIME_S):
        return await transcriber.transcribe(
            audio, content_type="application/octet-stream", language_hint=hint, on_progress=on_progress
        )


class TranscriberContract:
    async def test_what_is_said_becomes_text(self, stage: Stage) -> None:
        transcript = await heard(stage.transcriber, stage.speech)
        assert word_error_rate(stage.said, transcript.text) <= stage.most_errors
        assert transcript.text == transcript.text.strip()
        assert transcript.language in {"en", "english"}

    async def test_segments_are_in_order_and_hold_all_the_words(self, stage: Stage) -> None:
        transcript = await heard(stage.transcriber, stage.speech)
        assert transcript.duration_s is not None
        times = [at for segment in transcript.segments for at in (segment.start_s, segment.end_s)]
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= transcript.duration_s + 1
        assert " ".join(segment.text for segment in transcript.segments).split() == transcript.text.split()

    async def test_progress_rises_and_ends_at_one(self, stage: Stage) -> None:
        told: list[float] = []
        await heard(stage.transcriber, stage.speech, told.append)
        assert told == sorted(set(told))
        assert told[-1] == 1.0
        assert len(told) > 1

    async def test_an_open_file_is_heard_from_its_beginning_and_stays_open(self, stage: Stage) -> None:
        with stage.speech.open("rb") as file:
            file.seek(100)
            transcript = await stage.transcriber.transcribe(
                file, content_type="audio/wav", language_hint=None, on_progress=ignore
            )
            assert not file.closed
        assert word_error_rate(stage.said, transcript.text) <= stage.most_errors

    async def test_a_language_that_nobody_knows_counts_for_nothing(self, stage: Stage) -> None:
        for hint in ("xx-Nowhere", "", "not a language", None):
            assert (await heard(stage.transcriber, stage.speech, hint=hint)).text

    async def test_two_at_once_are_both_heard(self, stage: Stage) -> None:
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(heard(stage.transcriber, stage.speech)) for _ in range(2)]
        assert all(one.result().text for one in both)

    @pytest.mark.parametrize(
        "content",
        [b"", b"RIFF", b"Dear Bob, this is a letter. " * 50, b"\x89PNG\r\n\x1a\n" * 20, b"#EXTM3U\nfile:///x\n"],
    )
    async def test_what_is_no_recording_is_refused_for_good(self, stage: Stage, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "note"
        file.write_bytes(content)
        with pytest.raises(NotAudio):
            await heard(stage.transcriber, file)

    async def test_what_is_over_the_limit_of_bytes_is_refused_before_it_is_read(self, stage: Stage) -> None:
        transcriber = stage.make(TranscriberLimits(size_bytes=stage.speech.stat().st_size - 1))
        with pytest.raises(AudioTooLong):
            await heard(transcriber, stage.speech)
        await transcriber.aclose()

    async def test_a_file_that_is_not_there_is_no_matter_of_the_recording(self, stage: Stage, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            await heard(stage.transcriber, tmp_path / "none")

    async def test_cancelling_ends_the_work_and_the_next_is_heard(self, stage: Stage) -> None:
        has_begun = asyncio.Event()
        async with asyncio.timeout(IN_TIME_S), asyncio.TaskGroup() as tasks:
            work = tasks.create_task(heard(stage.transcriber, stage.long_speech, lambda _: has_begun.set()))
            await has_begun.wait()
            work.cancel()
        assert work.cancelled()
        await stage.until_idle()
        assert (await heard(stage.transcriber, stage.speech)).text

    async def test_one_who_waits_can_give_up_without_harm_to_the_one_at_work(self, stage: Stage) -> None:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(heard(stage.transcriber, stage.speech))
            second = tasks.create_task(heard(stage.transcriber, stage.speech))
            await asyncio.sleep(0)
            second.cancel()
        assert first.result().text

    async def test_after_closing_nothing_runs_and_nothing_is_heard(self, stage: Stage) -> None:
        transcriber = stage.make(TranscriberLimits())
        await heard(transcriber, stage.speech)
        await transcriber.aclose()
        await stage.until_idle()
        with pytest.raises(TranscriberUnavailable):
            await heard(transcriber, stage.speech)
        await transcriber.aclose()
