"""What kind of file this is, told from its first bytes. What its sender calls it decides only between equals."""

import codecs
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

import puremagic

from multiplayer.tools.extraction.containers import ebml_type, iso_media_type, ogg_type, riff_type, zip_type

HEAD_BYTES: Final = 64 * 1024
"""More than this of a file is never looked at."""

Family = Literal["image", "audio", "video", "pdf", "office", "text", "archive", "other"]
UNKNOWN: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FileKind:
    content_type: str
    """Without parameters. SVG, HTML and XML are of the family `text`: to us they are source, never a picture or page."""
    family: Family
    is_inline_safe: bool
    """Whether a browser may show it in place, with this type and `nosniff`. Everything else is for download."""


_RASTER: Final = frozenset(
    ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "image/x-icon")
)
_PLAYED: Final = frozenset(
    (
        *("audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4", "audio/webm", "audio/aac", "audio/flac"),
        *("video/mp4", "video/webm", "video/ogg"),
    )
)
_MAYBE_INLINE: Final = frozenset(("application/pdf", "text/plain", "text/csv", "text/markdown"))
"""Unless something of another format shows in it, too."""
_OFFICE: Final = frozenset(
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/x-ole-storage",
        "application/rtf",
    )
)
_ARCHIVES: Final = frozenset(
    (
        *("application/zip", "application/x-tar", "application/gzip", "application/x-bzip2", "application/x-xz"),
        *("application/zstd", "application/x-7z-compressed", "application/vnd.rar"),
    )
)
_SOURCE: Final = frozenset(("image/svg+xml", "text/html", "application/xml", "application/json"))

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"fLaC\0", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"\0asm\1\0\0\0", "application/wasm"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS-Adobe", "application/postscript"),
)
_FOREIGN: Final = re.compile(rb"PK\x03\x04|%pdf-|<html|<script|<svg|<!doctype|<iframe|<\?php|\x7felf", re.IGNORECASE)
_HTML: Final = re.compile(
    r"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|iframe|title|style|table|meta|link|form|img|object|embed"
    r"|div|font|h[1-6]|br|p|a|b)(?=[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
_PROLOG: Final = re.compile(
    r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>)*", re.IGNORECASE | re.DOTALL
)
_SVG: Final = re.compile(r"<(?:[\w.-]+:)?svg[\s>/]", re.IGNORECASE)
_NO_TEXT: Final = re.compile("[\0-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_NO_LEGACY_TEXT: Final = re.compile(rb"[\0-\x07\x0e-\x1a\x1c-\x1f\x7f\xff]")
_TEXT_BY_NAME: Final = {".csv": "text/csv", ".md": "text/markdown", ".markdown": "text/markdown"}
_TYPE: Final = re.compile(r"(?:image|audio|video|font|application)/[a-z0-9][a-z0-9.+-]{0,80}")
_ACTIVE: Final = ("html", "xml", "svg", "script", "flash")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LAYER_3_KBIT: Final = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def kind_of(head: bytes, name: str) -> FileKind:
    """Tell the kind from the beginning of a file; bytes after the first 64 KiB are ignored.

    `name` decides only between types that the content allows alike, as csv and plain text. What is several formats at
    once counts as the one that it begins as.
    """
    head = head[:HEAD_BYTES]
    suffix = PurePosixPath(name.lower()).suffix
    found = (
        _by_magic(head, suffix) or _by_text(head, suffix) or _by_puremagic(head) or _by_bytes(head, suffix) or UNKNOWN
    )
    return FileKind(found, _family(found), _is_inline_safe(found, head))


def _family(content_type: str) -> Family:
    if content_type in _SOURCE or content_type.startswith("text/"):
        return "text"
    if content_type == "application/pdf":
        return "pdf"
    if content_type in _OFFICE:
        return "office"
    if content_type in _ARCHIVES:
        return "archive"
    match content_type.partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
    return "other"


def _is_inline_safe(content_type: str, head: bytes) -> bool:
    if content_type in _RASTER or content_type in _PLAYED:
        return True
    return content_type in _MAYBE_INLINE and _FOREIGN.search(head, 4) is None


def _by_magic(head: bytes, suffix: str) -> str | None:
    for magic, content_type in _MAGIC:
        if head.startswith(magic):
            return content_type
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return zip_type(head, suffix)
    if head.startswith(b"RIFF"):
        return riff_type(head)
    if head.startswith(b"OggS"):
        return ogg_type(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return ebml_type(head)
    if head[4:8] == b"ftyp":
        return iso_media_type(head)
    if head[257:262] == b"ustar":
        return "application/x-tar"
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return "application/x-bzip2"
    if (
        head.startswith(b"BM")
        and head[6:10] == bytes(4)
        and head[14:18] in {b"\x0c\0\0\0", b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"}
    ):
        return "image/bmp"
    if head.startswith(b"\0\0\1\0") and 0 < int.from_bytes(head[4:6], "little") < 256 and head[9:10] == b"\0":
        return "image/x-icon"
    if head.startswith(b"MZ") and (b"PE\0\0" in head or b"\0" in head[:64]):
        return "application/vnd.microsoft.portable-executable"
    return _mpeg_audio_type(head)


def _mpeg_audio_type(head: bytes) -> str | None:
    if head.startswith(b"ID3") and len(head) >= 10 and head[3] < 0x10 and all(byte < 0x80 for byte in head[6:10]):
        return "audio/mpeg"
    if head[:1] != b"\xff" or len(head) < 4:
        return None
    if head[1] & 0xF6 == 0xF0 and (head[2] >> 2) & 0xF < 13:
        return "audio/aac"
    length = _layer_3_frame(head)
    # Two bytes alone are too little to go by: where a second frame must be, there is one.
    follows = length is not None and (len(head) < length + 4 or _layer_3_frame(head[length : length + 4]) is not None)
    return "audio/mpeg" if follows else None


def _layer_3_frame(header: bytes) -> int | None:
    """The length of the MPEG layer III frame that begins here."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, rate, hz = (header[1] >> 3) & 3, header[2] >> 4, (header[2] >> 2) & 3
    if version == 1 or rate in {0, 15} or hz == 3:
        return None
    samples = 144 if version == 3 else 72
    return samples * _LAYER_3_KBIT[version == 3][rate] * 1000 // _HZ[version][hz] + ((header[2] >> 1) & 1)


def _by_text(head: bytes, suffix: str) -> str | None:
    text = _decoded(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n\f")
    if _HTML.match(start):
        return "text/html"
    if start.startswith("<"):
        root = _PROLOG.match(start)
        at = root.end() if root else 0
        if _SVG.match(start, at):
            return "image/svg+xml"
        if _HTML.match(start, at):
            return "text/html"
        # A prolog longer than what we see, or with tricks, can hide any root: then XML is the answer that shows nothing.
        if start[:5].lower() == "<?xml" or start[:2] == "<!":
            return "application/xml"
    if suffix == ".json" and start[:1] in {"{", "["}:
        return "application/json"
    return _TEXT_BY_NAME.get(suffix, "text/plain")


def _decoded(head: bytes) -> str | None:
    """The head as text, if it is UTF-8, or UTF-16 with its mark. A last character that is cut off is no fault."""
    encoding = next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")
    is_all = len(head) < HEAD_BYTES
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, is_all)
    except UnicodeDecodeError:
        return None
    return None if _NO_TEXT.search(text) else text


def _by_puremagic(head: bytes) -> str | None:
    """What a library knows of formats that we do nothing with: for the name of the type only."""
    if not head:
        return None
    try:
        found = puremagic.magic_string(head)
    except puremagic.PureError:
        return None
    for match in found:
        # Shorter signatures turn up in anything.
        is_sure = len(match.byte_match) >= 4
        if is_sure and _TYPE.fullmatch(match.mime_type) and not any(word in match.mime_type for word in _ACTIVE):
            return _plain(match.mime_type)
    return None


def _plain(content_type: str) -> str | None:
    """What our own checks did not confirm is none of the types that something is done with."""
    family = _family(content_type)
    is_ours = content_type in _RASTER | _PLAYED or family in {"pdf", "office", "archive"}
    return None if is_ours else content_type


def _by_bytes(head: bytes, suffix: str) -> str | None:
    """Text of some 8-bit or Asian encoding, as far as one can tell."""
    if _NO_LEGACY_TEXT.search(head):
        return None
    # With ASCII read out of it, what a browser could take for markup is seen.
    return _by_text(head.decode("latin-1").encode()[:HEAD_BYTES], suffix)
