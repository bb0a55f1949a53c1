"""The transcriber contract on the HTTP adapter, against a stand-in of the service."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from multiplayer.models.whisper_http import SpeechEndpoint, WhisperHttp
from tests.contracts.transcriber_suite import IN_TIME_S, Stage, TranscriberContract
from tests.support.speech import tone
from tests.support.transcription_site import HEARD, Upload, answers, hangs, transcription_site

HOLDS = 0x99


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    speech, long_speech = tmp_path / "speech.wav", tmp_path / "long.wav"
    speech.write_bytes(tone(2.5))
    long_speech.write_bytes(tone(100, fill=bytes([HOLDS])))
    well = answers()
    async with transcription_site() as site:

        async def play(upload: Upload, writer: asyncio.StreamWriter) -> None:
            await (hangs if upload.file[-1] == HOLDS else well)(upload, writer)

        async def until_idle() -> None:
            async with asyncio.timeout(IN_TIME_S):
                for upload in site.uploads:
                    await upload.is_cut.wait()

        site.default = play
        endpoint = SpeechEndpoint(site.base_url, "whisper-1")
        transcriber = WhisperHttp(endpoint, "sk-test")
        assert isinstance(HEARD, dict)
        yield Stage(
            lambda limits: WhisperHttp(endpoint, "sk-test", limits=limits),
            transcriber,
            speech,
            str(HEARD["text"]),
            long_speech,
            0.0,
            until_idle,
        )
        await transcriber.aclose()


@pytest.mark.slow
class TestHttp(TranscriberContract):
    pass
