"""Who listens to voice notes, by the settings."""

from contextlib import AsyncExitStack
from typing import assert_never

from multiplayer.models.transcriber import Transcriber
from multiplayer.models.whisper_http import SpeechEndpoint, WhisperHttp
from multiplayer.models.whisper_local import VoiceMissing, whisper_local
from multiplayer.settings import BadSettings, Settings


def open_transcriber(settings: Settings, stack: AsyncExitStack) -> Transcriber | None:
    """Return who listens, or None if nobody is to. Starts nothing and asks nobody yet. Raises `BadSettings`."""
    try:
        transcriber = _transcriber(settings)
    except (VoiceMissing, ValueError) as wrong:
        raise BadSettings(f"MULTIPLAYER_TRANSCRIBER={settings.transcriber}: {wrong}") from None
    if transcriber is not None:
        stack.push_async_callback(transcriber.aclose)
    return transcriber


def _transcriber(settings: Settings) -> Transcriber | None:
    match settings.transcriber:
        case "off":
            return None
        case "local":
            return whisper_local(settings.transcriber_weights)
        case "http":
            assert settings.transcriber_url, "checked with the settings"
            assert settings.transcriber_key, "checked with the settings"
            endpoint = SpeechEndpoint(
                settings.transcriber_url,
                settings.transcriber_model,
                allows_plain_http=settings.transcriber_allow_http,
            )
            return WhisperHttp(endpoint, settings.transcriber_key.get_secret_value())
        case _:
            assert_never(settings.transcriber)
