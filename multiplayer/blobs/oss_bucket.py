"""One bucket through oss2: calls that block, what OSS answers parsed at once; raises oss2's own errors."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from multiplayer.blobs.oss_calls import oss2
from multiplayer.blobs.oss_parts import Body
from multiplayer.blobs.oss_settings import OssSettings, address, encryption_headers, region_of
from multiplayer.blobs.port import PIECE_BYTES, Shown, SignedPut

BATCH: Final = 1000
"""The most objects in one DeleteMultipleObjects, and in one page of a listing."""
_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Written:
    """What OSS says of an object that it has just written. `crc` is missing for some kinds of objects."""

    at: datetime
    crc: int | None


@dataclass(frozen=True, slots=True)
class Found:
    name: str
    size: int
    changed_at: datetime
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A GetObject that was answered. `size` is what its body should have; `crc` stands for a whole object only."""

    response: requests.Response
    pieces: Iterator[bytes]
    size: int
    crc: int | None

    def next_piece(self) -> bytes:
        return next(self.pieces, b"")

    def close(self) -> None:
        """Drop the connection. Waits for whoever reads from it just now."""
        self.response.close()


class OssBucket:
    """Raises `ValueError`, or oss2's `ClientError`, for settings that cannot work."""

    def __init__(self, settings: OssSettings) -> None:
        public = address(settings.endpoint)
        region = settings.region or region_of(public)
        if settings.signature == "v4" and not region:
            raise ValueError("the region of the OSS bucket is needed: the endpoint does not say it")
        auth = _auth(settings)
        self._session = oss2.Session(pool_size=settings.workers)
        # With any other, requests would look for a password in ~/.netrc and overwrite the signature with it.
        self._session.session.auth = _leave_as_it_is

        def bucket(at: str, *, is_cname: bool = False) -> oss2.Bucket:
            return oss2.Bucket(
                auth,
                at,
                settings.bucket,
                is_cname=is_cname,
                session=self._session,
                connect_timeout=(settings.connect_timeout_s, settings.read_timeout_s),
                enable_crc=False,  # counted by us, over the whole
                region=region or None,
                is_path_style=settings.is_path_style,
            )

        self._signing = bucket(public)
        self._downloads = bucket(address(settings.cdn_domain), is_cname=True) if settings.cdn_domain else self._signing
        self._bucket = bucket(address(settings.internal_endpoint)) if settings.internal_endpoint else self._signing
        self._bucket_name = settings.bucket
        self._encryption = encryption_headers(settings)
        self._binds_size = settings.signature == "v4"

    def close(self) -> None:
        self._session.session.close()

    def put(self, name: str, body: Body, md5: str) -> Written:
        headers = {"Content-Type": _TYPE, "Content-MD5": md5, **self._encryption}
        return _written(self._bucket.put_object(name, body, headers=headers))

    def begin(self, name: str) -> str:
        """Begin a multipart upload; return its id."""
        headers = {"Content-Type": _TYPE, **self._encryption}
        return str(self._bucket.init_multipart_upload(name, headers=headers).upload_id)

    def put_part(self, name: str, upload_id: str, number: int, body: Body, md5: str) -> str:
        """Return the part's ETag."""
        return str(self._bucket.upload_part(name, upload_id, number, body, headers={"Content-MD5": md5}).etag)

    def copy_part(self, source: str, given: tuple[int, int], name: str, upload_id: str, number: int) -> str:
        """Take the bytes from the first to the last of `given`; return the part's ETag."""
        return str(self._bucket.upload_part_copy(self._bucket_name, source, given, name, upload_id, number).etag)

    def complete(self, name: str, upload_id: str, etags: Sequence[str]) -> Written:
        listed = [oss2.models.PartInfo(number, etag) for number, etag in enumerate(etags, start=1)]
        return _written(self._bucket.complete_multipart_upload(name, upload_id, listed))

    def abort(self, name: str, upload_id: str) -> None:
        """End a multipart upload and drop its parts. One that is not there is ended already."""
        with suppress(oss2.exceptions.NoSuchUpload):
            self._bucket.abort_multipart_upload(name, upload_id)

    def open(self, name: str, start: int, end: int | None) -> Opened | None:
        """Ask for a range that is not empty. None: all of it lies beyond the end."""
        is_whole = start == 0 and end is None
        wanted = None if is_whole else (start, None if end is None else end - 1)
        # Without this header OSS answers a range beyond the end with the whole object.
        headers = {"x-oss-range-behavior": "standard"}
        try:
            answer = self._bucket.get_object(name, byte_range=wanted, headers=headers)
        except oss2.exceptions.ServerError as error:
            if error.status == 416:
                return None
            raise
        response: requests.Response = answer.resp.response
        size = int(answer.content_length)
        # An empty object has no range to give, and is given whole.
        if not is_whole and size != 0 and not str(answer.content_range).startswith(f"bytes {start}-"):
            response.close()
            raise ValueError("another range than was asked for")
        # oss2 has read an empty body already, and it can be read only once.
        pieces = response.iter_content(PIECE_BYTES) if size else iter(())
        return Opened(response, pieces, size, _crc(answer.server_crc) if is_whole else None)

    def head(self, name: str) -> Found:
        found = self._bucket.head_object(name)
        return Found(name, int(found.content_length), _time(found.last_modified), _crc(found.server_crc))

    def copy(self, source: str, name: str) -> None:
        self._bucket.copy_object(self._bucket_name, source, name, headers=self._encryption)

    def delete(self, names: Sequence[str]) -> None:
        gone = self._bucket.batch_delete_objects(list(names)).deleted_keys
        if not set(names) <= set(gone):
            raise ValueError("it did not remove all of them")

    def page(self, prefix: str, token: str) -> tuple[list[Found], str | None]:
        """Return one page of a listing, and the token of the next."""
        page = self._bucket.list_objects_v2(prefix, continuation_token=token, max_keys=BATCH)
        found = [Found(str(one.key), int(one.size), _time(one.last_modified)) for one in page.object_list]
        return found, str(page.next_continuation_token) if page.is_truncated else None

    def sign_get(self, name: str, shown: Shown, for_s: int) -> str:
        params = {
            "response-content-type": shown.content_type,
            "response-content-disposition": shown.content_disposition,
        }
        return str(self._downloads.sign_url("GET", name, for_s, params=params, slash_safe=True))

    def sign_put(self, name: str, size: int, for_s: int) -> SignedPut:
        """V4 binds `size`. V1 cannot: it signs no headers but type, checksum and those of OSS itself."""
        headers = {"Content-Type": _TYPE, **self._encryption}
        bound = None
        if self._binds_size:
            headers["Content-Length"] = str(size)
            bound = ["content-length"]
        url = self._signing.sign_url(
            "PUT", name, for_s, headers=dict(headers), slash_safe=True, additional_headers=bound
        )
        return SignedPut(str(url), headers)


def _auth(settings: OssSettings) -> oss2.ProviderAuth:
    key_id, secret = settings.access_key_id.strip(), settings.access_key_secret.strip()
    provider = oss2.credentials.StaticCredentialsProvider(key_id, secret, settings.security_token or None)
    if settings.signature == "v4":
        return oss2.ProviderAuthV4(provider)
    return oss2.ProviderAuth(provider)


def _written(answer: oss2.models.PutObjectResult) -> Written:
    return Written(parsedate_to_datetime(str(answer.headers.get("Date"))), _crc(answer.crc))


def _crc(value: object) -> int | None:
    return None if value is None else int(str(value))


def _time(unix_s: object) -> datetime:
    return datetime.fromtimestamp(int(str(unix_s)), UTC)


def _leave_as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
