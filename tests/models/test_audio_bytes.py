"""What a recording's first bytes tell, and reading one that changes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.models.audio_bytes import AudioKind, audio_bytes, sniffed
from multiplayer.models.transcriber import MIB, TranscriberLimits, TranscriberUnavailable
from tests.support.speech import tone


@pytest.mark.parametrize(
    ("first", "content_type", "kind"),
    [
        (b"RIFF\x24\0\0\0WAVEfmt ", "text/plain", "wav"),
        (b"OggS\0\x02", "", "ogg"),
        (b"\x1aE\xdf\xa3\x9f", "", "webm"),
        (b"\0\0\0\x1cftypM4A ", "", "m4a"),
        (b"\0\0\0\x14ftyp3gp4", "audio/3gpp", "m4a"),
        (b"ID3\x04\0", "", "mp3"),
        (b"\xff\xfb\x90\x64", "audio/mpeg; charset=binary", "mp3"),
        (b"fLaC\0", "", "flac"),
        (b"\xff\xf1\x50\x80", "", "aac"),
        (b"\xff\xfb\x90\x64", "application/octet-stream", None),  # two bytes that any file may begin with
        (b"\xff\xfb\xf0\x64", "audio/mpeg", None),  # no such bit rate
        (b"\xff\xfb\x9c\x64", "audio/mpeg", None),  # no such sampling rate
        (b"RIFF\x24\0\0\0AVI LIST", "audio/wav", None),
        (b"#EXTM3U\n#EXT-X-VERSION:3", "audio/mpeg", None),
        (b"ffconcat version 1.0", "audio/mpeg", None),
        (b"<?xml version", "audio/webm", None),
        (b"", "audio/wav", None),
        (b"\xff", "audio/mpeg", None),
    ],
)
def test_the_bytes_decide_what_a_recording_is(first: bytes, content_type: str, kind: AudioKind | None) -> None:
    assert sniffed(first, content_type) == kind


@given(first=st.binary(max_size=80), content_type=st.one_of(st.text(max_size=20), st.just("audio/mpeg")))
def test_any_bytes_are_of_one_kind_or_none(first: bytes, content_type: str) -> None:
    kind = sniffed(first, content_type)
    assert kind is None or len(first) > 2
    assert sniffed(first + b"more", content_type) == kind or len(first) < 12


async def test_a_recording_that_shrinks_while_it_is_read_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    file = tmp_path / "note.wav"
    file.write_bytes(tone(200))
    async with audio_bytes(file, TranscriberLimits(), "audio/wav") as opened:
        pieces = opened.pieces()
        first = await anext(pieces)
        with file.open("r+b") as other:
            other.truncate(300_000)
        second = await anext(pieces)
        assert len(first) + len(second) == 300_000
        with pytest.raises(TranscriberUnavailable, match="changed"):
            await anext(pieces)


async def test_a_recording_that_grows_while_it_is_read_ends_where_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "note.wav"
    file.write_bytes(tone(200))
    async with audio_bytes(file, TranscriberLimits(), "audio/wav") as opened:
        size = file.stat().st_size
        with file.open("ab") as other:
            other.write(bytes(MIB))
        assert sum([len(piece) async for piece in opened.pieces()]) == size == opened.size
