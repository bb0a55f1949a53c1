"""What lies in a container format, told from its first bytes: zip, RIFF, Ogg, EBML and ISO media files."""

import re
import zlib
from collections.abc import Iterator
from typing import Final

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ZIP: Final = "application/zip"
TAR: Final = "application/x-tar"
_FOLDERS: Final = ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX))
_MAIN_PARTS: Final = (
    (b"wordprocessingml.document.main+xml", DOCX),
    (b"spreadsheetml.sheet.main+xml", XLSX),
    (b"presentationml.presentation.main+xml", PPTX),
)
_BY_SUFFIX: Final = {".docx": DOCX, ".xlsx": XLSX, ".pptx": PPTX}
_OF_A_PACKAGE: Final = frozenset((b"[Content_Types].xml", b"_rels/.rels", b"docProps/app.xml", b"docProps/core.xml"))
_CONTENT_TYPES: Final = b"[Content_Types].xml"
_OPEN_DOCUMENT: Final = re.compile(rb"application/(?:vnd\.oasis\.opendocument\.[a-z-]{1,40}|epub\+zip)")
_MOST_ENTRIES: Final = 1000
_INFLATED: Final = 64 * 1024


def zip_type(head: bytes, suffix: str) -> str:
    """An office document shows by the entries that it begins with."""
    by_folder = None
    is_package = False
    for number, (name, method, at, length) in enumerate(_local_entries(head)):
        if number == 0 and name == b"mimetype":
            found = _OPEN_DOCUMENT.fullmatch(head[at : at + length])
            return found[0].decode("ascii") if found else ZIP
        is_package = is_package or name in _OF_A_PACKAGE
        if name == _CONTENT_TYPES:
            types = _inflated(head[at:]) if method else head[at : at + length]
            for main, content_type in _MAIN_PARTS:
                if main in types:
                    return content_type
        if by_folder is None:
            by_folder = next((found for folder, found in _FOLDERS if name.startswith(folder)), None)
    if not is_package:
        return ZIP
    return by_folder or _BY_SUFFIX.get(suffix, ZIP)


def _local_entries(head: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Name, compression method, where the data begins, and how long it says it is, for each entry in sight."""
    at = 0
    for _ in range(_MOST_ENTRIES):
        at = head.find(b"PK\x03\x04", at)
        if at < 0 or at + 30 > len(head):
            return
        method = int.from_bytes(head[at + 8 : at + 10], "little")
        packed = int.from_bytes(head[at + 18 : at + 22], "little")
        name_length = int.from_bytes(head[at + 26 : at + 28], "little")
        data = at + 30 + name_length + int.from_bytes(head[at + 28 : at + 30], "little")
        yield head[at + 30 : at + 30 + name_length], method, data, packed
        has_length_after = head[at + 6] & 8
        at = at + 4 if has_length_after or packed == 0xFFFFFFFF else data + packed


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _INFLATED)
    except zlib.error:
        return b""


def riff_type(head: bytes) -> str | None:
    return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12])


def ogg_type(head: bytes) -> str:
    first = head[:512]
    if b"\x80theora" in first or b"OVP80" in first or b"BBCD" in first:
        return "video/ogg"
    is_audio = any(mark in first for mark in (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC"))
    return "audio/ogg" if is_audio else "application/ogg"


def ebml_type(head: bytes) -> str:
    """A recording of a voice alone is sent as webm, too."""
    kind = "webm" if b"webm" in head[:64] else "x-matroska"
    has_video = re.search(rb"V_(?:VP[89]|AV1|MPEG|THEORA|MS/VFW|UNCOMPRESSED)", head) is not None
    has_audio = re.search(rb"A_(?:OPUS|VORBIS|AAC|MPEG|FLAC|PCM|AC3)", head) is not None
    return f"audio/{kind}" if has_audio and not has_video else f"video/{kind}"


def iso_media_type(head: bytes) -> str:
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(size, 256, len(head)), 4))}
    if brands & {b"avif", b"avis"}:
        return "image/avif"
    if brands & {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1"}:
        return "image/heic"
    if head[8:12] in {b"M4A ", b"M4B "}:
        return "audio/mp4"
    if head[8:12] == b"qt  ":
        return "video/quicktime"
    handlers = {head[found.start() + 12 : found.start() + 16] for found in re.finditer(b"hdlr", head)}
    return "audio/mp4" if b"soun" in handlers and b"vide" not in handlers else "video/mp4"
