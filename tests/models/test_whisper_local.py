"""The local transcriber when its worker fails, with a stand-in for the worker: each fault costs that process only."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.models.transcriber import (
    AudioTooLong,
    NotAudio,
    TranscriberDenied,
    TranscriberUnavailable,
    Transcript,
)
from multiplayer.models.whisper_local import Pace, VoiceMissing, WhisperLocal, whisper_local
from tests.contracts.transcriber_suite import heard
from tests.support.speech import tone
from tests.support.whisper_stand_in import COMMAND, SAID, workers

pytestmark = pytest.mark.slow
SOON = Pace(start_s=0.5, fixed_s=0.5, times_length=1.0)


@asynccontextmanager
async def listening(folder: Path, mode: str, pace: Pace | None = None) -> AsyncIterator[WhisperLocal]:
    (folder / "model.bin").touch()
    (folder / "note.wav").write_bytes(tone(2.5))
    transcriber = WhisperLocal(folder, pace=pace, command=(*COMMAND, mode))
    yield transcriber
    await transcriber.aclose()
    assert workers() == []


@pytest.mark.parametrize("mode", ["crashes_reading", "hangs_reading", "floods"])
async def test_a_recording_that_breaks_its_reader_is_no_recording_and_leaves_no_process(
    tmp_path: Path, mode: str
) -> None:
    async with listening(tmp_path, mode, Pace(fixed_s=0.5) if mode == "hangs_reading" else None) as transcriber:
        with pytest.raises(NotAudio):
            await heard(transcriber, tmp_path / "note.wav")
        assert workers() == []


@pytest.mark.parametrize("mode", ["killed_reading", "crashes_hearing", "babbles", "hangs_hearing"])
async def test_a_worker_that_fails_by_itself_may_be_asked_again(tmp_path: Path, mode: str) -> None:
    async with listening(tmp_path, mode, SOON if mode == "hangs_hearing" else None) as transcriber:
        with pytest.raises(TranscriberUnavailable):
            await heard(transcriber, tmp_path / "note.wav")
        assert workers() == []


@pytest.mark.parametrize("mode", ["dies_at_once", "never_ready"])
async def test_a_worker_that_does_not_start_may_be_asked_again(tmp_path: Path, mode: str) -> None:
    async with listening(tmp_path, mode, SOON if mode == "never_ready" else None) as transcriber:
        with pytest.raises(TranscriberUnavailable, match="does not start"):
            await heard(transcriber, tmp_path / "note.wav")
        assert workers() == []


async def test_weights_that_cannot_be_loaded_are_the_operators_to_mend(tmp_path: Path) -> None:
    async with listening(tmp_path, "cannot_start") as transcriber:
        with pytest.raises(TranscriberDenied, match=r"model\.bin is corrupt"):
            await heard(transcriber, tmp_path / "note.wav")


async def test_what_the_worker_refuses_is_refused_and_the_worker_stays(tmp_path: Path) -> None:
    for mode, refusal in (("refuses_not_audio", NotAudio), ("refuses_too_long", AudioTooLong)):
        async with listening(tmp_path, mode) as transcriber:
            with pytest.raises(refusal):
                await heard(transcriber, tmp_path / "note.wav")
            assert workers() == [transcriber.worker_pid]


async def test_one_worker_hears_one_recording_after_the_other(tmp_path: Path) -> None:
    async with listening(tmp_path, "well") as transcriber:
        pids = set()
        for _ in range(3):
            assert (await heard(transcriber, tmp_path / "note.wav")).text == SAID
            pids.add(transcriber.worker_pid)
        assert len(pids) == 1
        assert workers() == list(pids)


async def test_a_worker_that_was_killed_while_idle_is_replaced(tmp_path: Path) -> None:
    async with listening(tmp_path, "well") as transcriber:
        await heard(transcriber, tmp_path / "note.wav")
        (pid,) = workers()
        process = transcriber._worker
        assert process is not None
        process._process.kill()
        await process._process.wait()
        assert (await heard(transcriber, tmp_path / "note.wav")).text == SAID
        assert workers() != [pid]


async def test_an_idle_worker_is_ended_and_the_next_recording_starts_another(tmp_path: Path) -> None:
    async with listening(tmp_path, "well", Pace(keep_warm_s=0.05)) as transcriber:
        for _ in range(2):
            assert (await heard(transcriber, tmp_path / "note.wav")).text == SAID
            process = transcriber._worker
            assert process is not None
            async with asyncio.timeout(10):
                await process._process.wait()
            assert workers() == []
            assert transcriber.worker_pid is None


async def test_closing_ends_a_recording_that_is_being_heard(tmp_path: Path) -> None:
    has_begun = asyncio.Event()
    async with listening(tmp_path, "well") as transcriber:
        (tmp_path / "long.wav").write_bytes(tone(100, fill=b"hold"))

        async def hear() -> Transcript | None:
            try:
                return await heard(transcriber, tmp_path / "long.wav", lambda _: has_begun.set())
            except TranscriberUnavailable:
                return None

        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(hear())
            await has_begun.wait()
            await transcriber.aclose()
            assert workers() == []
        assert work.result() is None


async def test_what_breaks_on_our_side_rises_and_ends_the_worker(tmp_path: Path) -> None:
    def fail(_: float) -> None:
        raise ZeroDivisionError

    async with listening(tmp_path, "well") as transcriber:
        with pytest.raises(ZeroDivisionError):
            await heard(transcriber, tmp_path / "note.wav", fail)
        assert workers() == []


async def test_a_worker_is_given_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTIPLAYER_SECRET_OF_ALICE", "hunter2")
    async with listening(tmp_path, "well") as transcriber:
        await heard(transcriber, tmp_path / "note.wav")
        given = environment_of(transcriber)
        assert b"HF_HUB_OFFLINE=1" in given
        assert b"hunter2" not in given


def environment_of(transcriber: WhisperLocal) -> bytes:
    return Path(f"/proc/{transcriber.worker_pid}/environ").read_bytes()


def test_without_the_extra_the_missing_part_and_its_remedy_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "faster_whisper" else object())
    with pytest.raises(VoiceMissing, match=r"faster_whisper is not there.*multiplayer\[voice\]"):
        whisper_local()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    with pytest.raises(VoiceMissing, match=r"no model\.bin"):
        whisper_local(tmp_path)
