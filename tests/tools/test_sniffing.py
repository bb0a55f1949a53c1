"""What a file is, by its content."""

import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.tools.extraction.sniff import HEAD_BYTES, FileKind, kind_of
from tests.support.file_corpus import (
    QUICK,
    Sample,
    gif_of_frames,
    pdf_of_pages,
    picture,
    said,
    sheet_file,
    word_file,
    zip_of,
)

_MP3_FRAME = b"\xff\xfb\x90\x44" + bytes(413)


def _box(kind: bytes, data: bytes) -> bytes:
    return (len(data) + 8).to_bytes(4, "big") + kind + data


def _webm(codecs: bytes) -> bytes:
    return b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + codecs


def _handler(kind: bytes) -> bytes:
    return _box(b"moov", _box(b"hdlr", bytes(8) + kind))


_MP4 = _box(b"ftyp", b"isom\0\0\0\0isommp42")
_HEADS = {
    "audio/ogg": b"OggS\0\2" + bytes(22) + b"OpusHead",
    "video/ogg": b"OggS\0\2" + bytes(22) + b"\x80theora",
    "audio/webm": _webm(b"A_OPUS"),
    "video/webm": _webm(b"V_VP9 A_OPUS"),
    "audio/mp4": _box(b"ftyp", b"M4A \0\0\0\0M4A mp42"),
    "video/mp4": _MP4 + _handler(b"vide") + _handler(b"soun"),
    "video/quicktime": _box(b"ftyp", b"qt  \0\0\0\0qt  "),
    "image/heic": _box(b"ftyp", b"mif1\0\0\0\0mif1heic"),
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "audio/mpeg": _MP3_FRAME * 3,
    "audio/flac": b"fLaC\0\0\0\x22",
    "application/x-executable": b"\x7fELF\2\1\1" + bytes(9),
    "application/vnd.microsoft.portable-executable": b"MZ\x90\0" + bytes(60) + b"PE\0\0",
    "application/gzip": b"\x1f\x8b\x08\0",
    "application/x-7z-compressed": b"7z\xbc\xaf\x27\x1c",
    "application/vnd.oasis.opendocument.text": zip_of(
        {"mimetype": b"application/vnd.oasis.opendocument.text"}, zipfile.ZIP_STORED
    ),
    "image/svg+xml": b'<?xml version="1.0"?>\n<!-- x -->\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "application/xml": b'<?xml version="1.0"?><feed/>',
    "text/html": b"\xef\xbb\xbf  <!-- hi --> <SCRIPT>alert(1)</SCRIPT>",
    "application/rtf": b"{\\rtf1\\ansi hello}",
}


@pytest.mark.parametrize("sample", QUICK, ids=lambda sample: sample.name)
def test_every_file_of_the_corpus_is_known_by_its_content(sample: Sample) -> None:
    assert kind_of(sample.make(), sample.name).content_type == sample.content_type


@pytest.mark.parametrize(("content_type", "head"), _HEADS.items(), ids=_HEADS)
def test_media_programs_and_markup_are_known_by_their_first_bytes(content_type: str, head: bytes) -> None:
    assert kind_of(head, "").content_type == content_type


def test_a_voice_note_in_a_general_container_is_audio() -> None:
    assert kind_of(_MP4 + _handler(b"soun"), "voice.mp4") == FileKind("audio/mp4", "audio", is_inline_safe=True)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<html><script>alert(1)</script>", "cat.png"),
        (b"\x7fELF\2\1\1" + bytes(9), "report.pdf"),
        (b"MZ\x90\0" + bytes(60) + b"PE\0\0", "song.mp3"),
        (b"just words", "photo.jpg"),
        (zip_of({"word/notes.txt": b"x"}), "real.docx"),
        (b"\0" * 100, "a.csv"),
    ],
)
def test_a_name_makes_nothing_out_of_other_content(head: bytes, name: str) -> None:
    assert kind_of(head, name) == kind_of(head, "")


def test_a_folder_called_word_makes_no_word_file() -> None:
    assert kind_of(zip_of({"word/document.xml": b"x"}), "x.docx").content_type == "application/zip"


def test_a_name_decides_between_kinds_of_text() -> None:
    assert [kind_of(b"a,b\n", name).content_type for name in ("x.csv", "x.MD", "x")] == [
        "text/csv",
        "text/markdown",
        "text/plain",
    ]


@pytest.mark.parametrize(
    "head",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        b"<!doctype html>",
        b"<?xml version='1.0'?>" + b" " * HEAD_BYTES + b"<svg/>",
        "<html>".encode("utf-16"),
        "\ufeff<html>".encode("utf-16-be"),
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
        b"<x:svg xmlns:x='http://www.w3.org/2000/svg'/>",
        b"caf\xe9 <script>alert(1)</script>",
        b"words <script>alert(1)</script>",
        pdf_of_pages([said("x")]) + zip_of({"x.class": b"1"}),
        pdf_of_pages([said("x")]) + b"<script>alert(1)</script>",
        zip_of({"a": b"b"}),
        word_file(),
        sheet_file(),
        b"\x7fELF\2\1\1" + bytes(9),
        bytes(100),
    ],
)
def test_what_a_browser_could_run_is_never_shown_in_place(head: bytes) -> None:
    assert not kind_of(head, "x.png").is_inline_safe


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (gif_of_frames(1) + b"<html><script>alert(1)</script>", "image/gif"),
        (picture("JPEG") + b"<?php 1 ?>", "image/jpeg"),
        (pdf_of_pages([said("x")]), "application/pdf"),
        (b"plain words", "text/plain"),
    ],
)
def test_pictures_of_any_ending_and_pure_documents_are_shown_in_place(head: bytes, content_type: str) -> None:
    kind = kind_of(head, "x")
    assert kind.is_inline_safe
    assert kind.content_type == content_type


def test_an_office_file_is_known_with_its_list_of_types_at_either_end() -> None:
    for package, content in ((word_file(), "wordprocessingml.document"), (sheet_file(), "spreadsheetml.sheet")):
        assert kind_of(package, "").content_type.endswith(content)


def test_nothing_is_looked_at_beyond_the_head() -> None:
    head = b"a" * HEAD_BYTES
    assert kind_of(head + b"\0<html>", "x") == kind_of(head, "x")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes_have_a_kind_and_markup_is_never_shown_in_place(data: st.DataObject) -> None:
    start = data.draw(
        st.sampled_from([b"", b"PK\x03\x04", b"RIFF", b"\0\0\0\x20ftyp", b"%PDF-", b"<", b"\xff\xfe", b"MZ"])
    )
    head = start + data.draw(st.binary(max_size=300))
    kind = kind_of(head, data.draw(st.text(max_size=20)))
    assert kind.content_type.isascii()
    assert "/" in kind.content_type
    if kind.is_inline_safe:
        assert kind.family in {"image", "audio", "video", "pdf", "text"}
        assert kind.content_type not in {"image/svg+xml", "text/html", "application/xml"}
