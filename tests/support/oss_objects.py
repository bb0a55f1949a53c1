"""What a bucket of OSS holds and does: objects, multipart uploads, checksums, listings; without any HTTP.

Written from the OSS API reference: PutObject, GetObject, CopyObject, ListObjectsV2, InitiateMultipartUpload, UploadPart,
UploadPartCopy, CompleteMultipartUpload, AbortMultipartUpload, ListParts, ListMultipartUploads, and "CRC-64".
"""

import base64
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import crcmod

from tests.support.oss_signatures import Refusal

MIN_PART_BYTES: Final = 100 * 1024
MAX_PARTS: Final = 10_000
COPY_LIMIT_BYTES: Final = 1024**3
_ECMA_182: Final = 0x142F0E1EBA9EA3693


def crc64(data: bytes) -> int:
    """CRC-64/XZ: the polynomial of ECMA-182, reflected, all ones before and after."""
    crc = crcmod.Crc(_ECMA_182, initCrc=0, rev=True, xorOut=0xFFFFFFFFFFFFFFFF)
    crc.update(data)
    return int(crc.crcValue)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def check_md5(headers: Mapping[str, str], data: bytes, *, is_required: bool = False) -> None:
    """Raises `Refusal` if the Content-MD5 is not that of `data`."""
    given = headers.get("content-md5")
    if given is None:
        if is_required:
            raise Refusal(400, "InvalidArgument", "Content-MD5 is required")
        return
    if given != base64.b64encode(md5(data)).decode():
        raise Refusal(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


@dataclass(frozen=True)
class StoredObject:
    data: bytes
    etag: str
    changed_at: datetime
    content_type: str
    crc: int
    encryption: Mapping[str, str]
    kind: str = "Normal"


@dataclass
class Upload:
    """A multipart upload under way."""

    key: str
    begun_at: datetime
    content_type: str
    encryption: Mapping[str, str]
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Keys from a listing. `next_token` continues it."""

    keys: Sequence[str]
    next_token: str | None


@dataclass
class Bucket:
    objects: dict[str, StoredObject] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def put(self, key: str, data: bytes, headers: Mapping[str, str], at: datetime) -> StoredObject:
        check_md5(headers, data)
        content_type = headers.get("content-type", "application/octet-stream")
        self.objects[key] = StoredObject(
            data, md5(data).hex().upper(), at, content_type, crc64(data), encryption_of(headers)
        )
        return self.objects[key]

    def get(self, key: str) -> StoredObject:
        if key not in self.objects:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        return self.objects[key]

    def copy(self, source: StoredObject, key: str, headers: Mapping[str, str], at: datetime) -> StoredObject:
        if len(source.data) > COPY_LIMIT_BYTES:
            raise Refusal(400, "EntityTooLarge", "CopyObject takes up to 1 GB")
        self.objects[key] = StoredObject(
            source.data, source.etag, at, source.content_type, source.crc, encryption_of(headers)
        )
        return self.objects[key]

    def begin(self, key: str, headers: Mapping[str, str], at: datetime) -> str:
        upload_id = f"{next(self._ids):032X}"
        content_type = headers.get("content-type", "application/octet-stream")
        self.uploads[upload_id] = Upload(key, at, content_type, encryption_of(headers))
        return upload_id

    def upload(self, key: str, upload_id: str) -> Upload:
        found = self.uploads.get(upload_id)
        if found is None or found.key != key:
            raise Refusal(404, "NoSuchUpload", "The specified upload does not exist.")
        return found

    def put_part(self, key: str, upload_id: str, number: int, data: bytes, headers: Mapping[str, str]) -> str:
        """Return the ETag."""
        upload = self.upload(key, upload_id)
        if not 1 <= number <= MAX_PARTS:
            raise Refusal(400, "InvalidArgument", "PartNumber must be from 1 to 10000")
        check_md5(headers, data)
        etag = md5(data).hex().upper()
        upload.parts[number] = (data, etag)
        return etag

    def complete(self, key: str, upload_id: str, listed: Sequence[tuple[int, str]], at: datetime) -> StoredObject:
        upload = self.upload(key, upload_id)
        numbers = [number for number, _ in listed]
        if numbers != sorted(set(numbers)) or not numbers:
            raise Refusal(400, "InvalidPartOrder")
        for number, etag in listed:
            if number not in upload.parts or upload.parts[number][1] != etag.strip('"'):
                raise Refusal(400, "InvalidPart")
        if any(len(upload.parts[number][0]) < MIN_PART_BYTES for number in numbers[:-1]):
            raise Refusal(400, "EntityTooSmall", "all parts but the last have at least 100 KB")
        data = b"".join(upload.parts[number][0] for number in numbers)
        etag = f"{md5(b''.join(bytes.fromhex(etag.strip(chr(34))) for _, etag in listed)).hex().upper()}-{len(listed)}"
        del self.uploads[upload_id]
        self.objects[key] = StoredObject(
            data, etag, at, upload.content_type, crc64(data), upload.encryption, "Multipart"
        )
        return self.objects[key]

    def abort(self, key: str, upload_id: str) -> None:
        self.upload(key, upload_id)
        del self.uploads[upload_id]

    def page(self, prefix: str, after: str, limit: int) -> Page:
        """Return keys in the order of their UTF-8 bytes. The token of the next page is its first key, in Base64."""
        if not 1 <= limit <= 1000:
            raise Refusal(400, "InvalidArgument", "max-keys must be from 1 to 1000")
        keys = sorted((key for key in self.objects if key.startswith(prefix)), key=str.encode)
        keys = [key for key in keys if key.encode() >= after.encode()]
        rest = keys[limit:]
        return Page(keys[:limit], base64.b64encode(rest[0].encode()).decode() if rest else None)


def decoded_token(token: str) -> str:
    """Return the key that a continuation token stands for."""
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise Refusal(400, "InvalidArgument", "continuation-token") from None


def encryption_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers of server-side encryption, which answers repeat. Raises `Refusal` for methods OSS has not."""
    found = {name: value for name, value in headers.items() if name.startswith("x-oss-server-side-encryption")}
    method = found.get("x-oss-server-side-encryption", "AES256")
    if method not in {"AES256", "KMS", "SM4"}:
        raise Refusal(400, "InvalidEncryptionAlgorithmError")
    return found


def byte_range(text: str, size: int, *, is_standard: bool) -> tuple[int, int] | None:
    """Return the first byte and the one after the last; None: the whole object, as for any range that is not valid.

    With `x-oss-range-behavior: standard` a range that begins beyond the end is refused, and one that ends there is cut.
    """
    unit, _, given = text.partition("=")
    first, dash, last = given.partition("-")
    if unit != "bytes" or not dash or not (first or last).isdecimal() or (last and not last.isdecimal()):
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), int(last) + 1 if last else size
    if start >= size:
        if is_standard:
            raise Refusal(416, "InvalidRange", "The requested range cannot be satisfied")
        return None
    if end > size and not is_standard:
        return None
    return (start, min(end, size)) if start < end else None
