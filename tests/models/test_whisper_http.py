"""The HTTP transcriber: what goes out, what may come back, and whose fault each failure is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.models.transcriber import (
    MIB,
    AudioTooLong,
    NotAudio,
    Segment,
    TranscriberDenied,
    TranscriberFailure,
    TranscriberUnavailable,
    Transcript,
)
from multiplayer.models.whisper_http import SpeechEndpoint, WhisperHttp, speech_address
from tests.contracts.transcriber_suite import heard
from tests.support.speech import tone
from tests.support.transcription_site import (
    TranscriptionSite,
    answers,
    complains,
    hangs,
    hangs_up,
    transcription_site,
)

KEY = "sk-alice-0123456789"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def asked(tmp_path: Path, answer_s: float = 20.0) -> AsyncIterator[tuple[TranscriptionSite, WhisperHttp, Path]]:
    note = tmp_path / "a private name.wav"
    note.write_bytes(tone(2.5))
    async with transcription_site() as site:
        endpoint = SpeechEndpoint(site.base_url, "whisper-1")
        transcriber = WhisperHttp(endpoint, KEY, now=lambda: NOW, answer_s=answer_s)
        yield site, transcriber, note
        await transcriber.aclose()


async def test_the_recording_goes_out_as_the_form_that_the_service_reads(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        transcript = await heard(transcriber, note, hint="de_CH")
        (upload,) = site.uploads
        assert upload.path == "/v1/audio/transcriptions"
        assert upload.fields == {"model": "whisper-1", "response_format": "verbose_json", "language": "de"}
        assert (upload.file_name, upload.file_type, upload.file) == ("recording.wav", "audio/wav", note.read_bytes())
        assert upload.headers["authorization"] == f"Bearer {KEY}"
        assert "private" not in str(upload.headers)
        assert transcript == Transcript(
            "Hello Bob. See you on Friday.",
            "english",
            2.5,
            (Segment(0.0, 1.0, "Hello Bob."), Segment(1.0, 2.5, "See you on Friday.")),
        )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"text": "Hello"}, "Hello"),
        ({"text": "", "segments": []}, ""),
        ({"text": "Hello", "language": 7, "duration": "2.5", "segments": [{"start": "x"}]}, "Hello"),
        ({"text": "Hello", "duration": -1, "segments": {"a": 1}, "usage": {"type": "duration"}}, "Hello"),
        (b'{"text": "Hello \\ud83d", "duration": NaN}', "Hello \ufffd"),
    ],
)
async def test_the_text_is_kept_though_the_rest_is_missing_or_strange(
    tmp_path: Path, body: JsonValue | bytes, text: str
) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(answers(body=body))
        transcript = await heard(transcriber, note)
        assert (transcript.text, transcript.language, transcript.segments) == (text, None, ())


@pytest.mark.parametrize(
    ("status", "message", "failure"),
    [
        (400, "Invalid file format. Supported formats: ['flac', 'm4a', 'mp3']", NotAudio),
        (400, "The audio file could not be decoded or its format is not supported.", NotAudio),
        (400, "Audio file might be corrupted or unsupported", NotAudio),
        (415, "Unsupported Media Type", NotAudio),
        (400, "Maximum clip duration (30s) exceeded.", AudioTooLong),
        (
            400,
            "audio duration 1501 seconds is longer than 1500 seconds which is the maximum for this model",
            AudioTooLong,
        ),
        (413, "Maximum content size limit (26214400) exceeded", AudioTooLong),
        (400, "invalid model ID: the model does not support audio", TranscriberDenied),
        (401, f"Incorrect API key provided: {KEY}", TranscriberDenied),
        (402, "no credit", TranscriberDenied),
        (403, "forbidden", TranscriberDenied),
        (404, "no such model", TranscriberDenied),
        (418, "I am a teapot", TranscriberDenied),
    ],
)
async def test_a_refusal_is_laid_at_the_right_door_and_never_tells_the_key(
    tmp_path: Path, status: int, message: str, failure: type[TranscriberFailure]
) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(complains(status, message))
        with pytest.raises(TranscriberFailure) as failed:
            await heard(transcriber, note)
        assert (type(failed.value), KEY in str(failed.value)) == (failure, False)
        assert len(site.uploads) == 1


@pytest.mark.parametrize(
    ("status", "header", "wait_s"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90.0),
        (500, {}, None),
        (529, {"retry-after": "soon"}, None),
    ],
)
async def test_a_service_in_trouble_may_be_asked_again_when_it_says(
    tmp_path: Path, status: int, header: dict[str, str], wait_s: float | None
) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(answers(status, b"sorry", headers=header))
        with pytest.raises(TranscriberUnavailable) as failed:
            await heard(transcriber, note)
        assert failed.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    "body", [b"", b"Hello", b"[]", b'{"txt": 1}', b'{"text": null}', b"[" * 100_000, b" " * 5 * MIB]
)
async def test_an_answer_that_is_no_transcript_is_none(tmp_path: Path, body: bytes) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(answers(body=body))
        with pytest.raises(TranscriberUnavailable):
            await heard(transcriber, note)


async def test_a_compressed_answer_is_not_unpacked(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(answers(headers={"content-encoding": "gzip"}))
        with pytest.raises(TranscriberUnavailable):
            await heard(transcriber, note)
        assert site.uploads[0].headers["accept-encoding"] == "identity"


async def test_a_web_page_means_that_the_address_is_wrong(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(answers(body=b"<html>", headers={"content-type": "text/html"}))
        with pytest.raises(TranscriberDenied, match="address"):
            await heard(transcriber, note)


async def test_key_and_recording_do_not_follow_to_another_address(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note), transcription_site() as other:
        for status in (301, 302, 307, 308):
            site.enqueue(answers(status, b"", headers={"location": f"{other.base_url}/audio/transcriptions"}))
            with pytest.raises(TranscriberDenied, match="another address"):
                await heard(transcriber, note)
        assert other.uploads == []


@pytest.mark.slow
async def test_a_service_that_hangs_up_is_silent_or_away_may_be_asked_again(tmp_path: Path) -> None:
    async with asked(tmp_path, answer_s=0.5) as (site, transcriber, note):
        for play in (hangs_up, hangs):
            site.enqueue(play)
            with pytest.raises(TranscriberUnavailable):
                await heard(transcriber, note)
    with pytest.raises(TranscriberUnavailable, match="stop"):
        await heard(transcriber, note)
    gone = WhisperHttp(SpeechEndpoint(site.base_url, "whisper-1"), KEY)
    with pytest.raises(TranscriberUnavailable, match="cannot be reached"):
        await heard(gone, note)
    await gone.aclose()


async def test_a_model_that_knows_the_plain_answer_only_is_asked_for_that_from_then_on(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(
            complains(400, "response_format 'verbose_json' is not compatible with model 'gpt-4o-transcribe'."),
            answers(body={"text": "Hello"}),
        )
        told: list[float] = []
        for _ in range(2):
            assert (await heard(transcriber, note, told.append)).text
        assert [upload.fields["response_format"] for upload in site.uploads] == ["verbose_json", "json", "json"]


async def test_a_language_that_the_service_does_not_know_is_left_out(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.enqueue(
            complains(400, "Invalid language 'tlh'. Language parameter must be specified in ISO-639-1 format.")
        )
        assert (await heard(transcriber, note, hint="tlh")).text
        assert [upload.fields.get("language") for upload in site.uploads] == ["tlh", None]


async def test_a_service_that_always_complains_of_the_form_is_not_asked_for_ever(tmp_path: Path) -> None:
    async with asked(tmp_path) as (site, transcriber, note):
        site.default = complains(400, "response_format and language are wrong")
        with pytest.raises(TranscriberDenied):
            await heard(transcriber, note)
        assert len(site.uploads) == 3


@pytest.mark.slow
async def test_a_recording_is_read_only_as_fast_as_the_service_takes_it(tmp_path: Path) -> None:
    note = tmp_path / "note.wav"
    note.write_bytes(tone(1))
    with note.open("r+b") as grown:
        grown.truncate(48 * MIB)
    is_over = asyncio.Event()

    async def takes_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_over.wait()
        writer.close()

    server = await asyncio.start_server(takes_nothing, "127.0.0.1", 0, limit=1024)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transcriber = WhisperHttp(SpeechEndpoint(address, "whisper-1"), KEY)
    with note.open("rb") as file:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):  # long enough for all of it, if nothing held it back
                await transcriber.transcribe(
                    file, content_type="audio/wav", language_hint=None, on_progress=lambda _: None
                )
        assert 0 < file.tell() < 24 * MIB  # what the system's own buffers took
    is_over.set()
    await transcriber.aclose()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/v1",
        "https://alice:secret@example.com/v1",
        "ftp://example.com",
        "https://example.com/v1?key=1",
        "nonsense",
    ],
)
def test_an_address_to_which_a_key_must_not_go_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        speech_address(address, allows_plain_http=False)


def test_addresses_that_are_safe_or_allowed_are_taken() -> None:
    taken = ["https://api.openai.com/v1/", "http://127.0.0.1:8000/v1", "http://localhost:8000/v1"]
    addresses = [str(speech_address(address, allows_plain_http=False)) for address in taken]
    addresses.append(str(speech_address("http://speech.lan/v1", allows_plain_http=True)))
    assert addresses == [
        "https://api.openai.com/v1/audio/transcriptions",
        "http://127.0.0.1:8000/v1/audio/transcriptions",
        "http://localhost:8000/v1/audio/transcriptions",
        "http://speech.lan/v1/audio/transcriptions",
    ]


def test_a_key_with_a_line_break_is_no_key() -> None:
    with pytest.raises(ValueError, match="key"):
        WhisperHttp(SpeechEndpoint("https://api.openai.com/v1", "whisper-1"), "sk\r\nx: y")
