"""Who listens to voice notes, by the settings."""

import importlib.util
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from multiplayer.compose.voice import open_transcriber
from multiplayer.models.transcriber import TranscriberUnavailable
from multiplayer.models.whisper_http import WhisperHttp
from multiplayer.settings import BadSettings, Settings

HTTP = Settings.model_construct(
    transcriber="http",
    transcriber_url="https://speech.example/v1",
    transcriber_model="whisper-1",
    transcriber_key=SecretStr("sk-canary"),
)


async def test_by_default_nobody_listens() -> None:
    async with AsyncExitStack() as stack:
        assert open_transcriber(Settings.model_construct(), stack) is None


async def test_a_service_is_asked_where_one_is_named_and_closed_with_the_server(tmp_path: Path) -> None:
    note = tmp_path / "note.wav"
    note.write_bytes(b"RIFF\0\0\0\0WAVE")
    async with AsyncExitStack() as stack:
        transcriber = open_transcriber(HTTP, stack)
        assert isinstance(transcriber, WhisperHttp)
    with pytest.raises(TranscriberUnavailable, match="about to stop"):
        await transcriber.transcribe(note, content_type="audio/wav", language_hint=None, on_progress=lambda _: None)


async def test_a_service_over_plain_http_needs_the_operators_word() -> None:
    plain = HTTP.model_copy(update={"transcriber_url": "http://speech.example/v1"})
    async with AsyncExitStack() as stack:
        with pytest.raises(BadSettings, match="MULTIPLAYER_TRANSCRIBER=http: ") as bad:
            open_transcriber(plain, stack)
        assert "sk-canary" not in str(bad.value)
        allowed = plain.model_copy(update={"transcriber_allow_http": True})
        assert open_transcriber(allowed, stack) is not None


async def test_what_this_machine_lacks_to_listen_itself_is_said_with_how_to_install_it(tmp_path: Path) -> None:
    local = Settings.model_construct(transcriber="local", transcriber_weights=tmp_path)
    has_extra = importlib.util.find_spec("faster_whisper") is not None
    async with AsyncExitStack() as stack:
        expected = "holds no Whisper weights" if has_extra else r"install it with: pip install 'multiplayer\[voice\]'"
        with pytest.raises(BadSettings, match=expected):
            open_transcriber(local, stack)
