"""Whether bytes are a WebP picture of a small size: looked at by the server itself, which decodes nothing."""

from typing import Final

THUMBNAIL_TYPE: Final = "image/webp"
_START_OF_A_KEY_FRAME: Final = b"\x9d\x01\x2a"


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file whose container is whole and ends where it says; None for anything else."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or int.from_bytes(data[4:8], "little") + 8 != len(data):
        return None
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if chunk == b"VP8 " and body[3:6] == _START_OF_A_KEY_FRAME:
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
