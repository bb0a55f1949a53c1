"""What the OSS stand-in answers to each operation, in the headers and XML of the OSS API reference."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

from tests.support.oss_objects import Bucket, StoredObject, byte_range, check_md5, decoded_token, encryption_of
from tests.support.oss_signatures import Asked, Refusal

_OVERRIDES: Final = {
    "response-content-type": "content-type",
    "response-content-language": "content-language",
    "response-expires": "expires",
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
}


@dataclass
class Answer:
    """`is_cut`: only half of the body is sent."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_cut: bool = False


@dataclass(frozen=True)
class _Call:
    buckets: Mapping[str, Bucket]
    bucket_name: str
    key: str
    asked: Asked
    data: bytes
    at: datetime

    @property
    def bucket(self) -> Bucket:
        return self.buckets[self.bucket_name]

    @property
    def headers(self) -> Mapping[str, str]:
        return self.asked.headers

    def param(self, name: str, default: str = "") -> str:
        return self.asked.param(name) or default

    def source(self) -> StoredObject:
        name, _, key = unquote(self.headers["x-oss-copy-source"]).removeprefix("/").partition("/")
        if name not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        return self.buckets[name].get(key)


def name_of(asked: Asked, *, is_object: bool) -> str:
    """Return the name that the API reference has for what is asked."""
    has = {name for name, _ in asked.params}
    is_copy = "x-oss-copy-source" in asked.headers
    match asked.method, is_object:
        case "GET", True:
            return "ListParts" if "uploadId" in has else "GetObject"
        case "HEAD", True:
            return "HeadObject"
        case "PUT", True if "partNumber" in has:
            return "UploadPartCopy" if is_copy else "UploadPart"
        case "PUT", True:
            return "CopyObject" if is_copy else "PutObject"
        case "DELETE", True:
            return "AbortMultipartUpload" if "uploadId" in has else "DeleteObject"
        case "POST", True if "uploads" in has:
            return "InitiateMultipartUpload"
        case "POST", True if "uploadId" in has:
            return "CompleteMultipartUpload"
        case "POST", False if "delete" in has:
            return "DeleteMultipleObjects"
        case "GET", False if "uploads" in has:
            return "ListMultipartUploads"
        case "GET", False if asked.param("list-type") == "2":
            return "ListObjectsV2"
        case _:
            raise Refusal(400, "NotImplemented", f"{asked.method} {asked.resource}")


def act(
    buckets: Mapping[str, Bucket], bucket_name: str, key: str, operation: str, asked: Asked, data: bytes, at: datetime
) -> Answer:
    """Do an operation whose signature is right. Raises `Refusal`."""
    at = at.replace(microsecond=0)
    answer = _OPERATIONS[operation](_Call(buckets, bucket_name, key, asked, data, at))
    answer.headers.setdefault("date", format_datetime(at, usegmt=True))
    return answer


def refused(refusal: Refusal, at: datetime) -> Answer:
    """Return the error as XML. A HEAD has no body, so it stands in `x-oss-err` too, in Base64."""
    body = _xml("Error", Code=refusal.code, Message=refusal.message, RequestId="0" * 24, HostId="stand-in").body
    return Answer(
        refusal.status,
        {
            "content-type": "application/xml",
            "date": format_datetime(at, usegmt=True),
            "x-oss-err": base64.b64encode(body).decode(),
        },
        body,
    )


def _put(call: _Call) -> Answer:
    stored = call.bucket.put(call.key, call.data, call.headers, call.at)
    return Answer(200, {"etag": f'"{stored.etag}"', "x-oss-hash-crc64ecma": str(stored.crc), **stored.encryption})


def _get(call: _Call) -> Answer:
    stored = call.bucket.get(call.key)
    headers = _described(stored)
    for name, header in _OVERRIDES.items():
        if (value := call.asked.param(name)) is not None:
            headers[header] = value
    wanted = call.headers.get("range")
    is_standard = call.headers.get("x-oss-range-behavior") == "standard"
    cut = None if wanted is None else byte_range(wanted, len(stored.data), is_standard=is_standard)
    if cut is None:
        return Answer(200, headers, stored.data)
    start, end = cut
    headers["content-range"] = f"bytes {start}-{end - 1}/{len(stored.data)}"
    return Answer(206, headers, stored.data[start:end])


def _head(call: _Call) -> Answer:
    stored = call.bucket.get(call.key)
    return Answer(200, {**_described(stored), "content-length": str(len(stored.data))})


def _described(stored: StoredObject) -> dict[str, str]:
    return {
        "content-type": stored.content_type,
        "etag": f'"{stored.etag}"',
        "last-modified": format_datetime(stored.changed_at, usegmt=True),
        "accept-ranges": "bytes",
        "x-oss-object-type": stored.kind,
        "x-oss-storage-class": "Standard",
        "x-oss-hash-crc64ecma": str(stored.crc),
        **stored.encryption,
    }


def _delete(call: _Call) -> Answer:
    call.bucket.objects.pop(call.key, None)
    return Answer(204)


def _delete_many(call: _Call) -> Answer:
    check_md5(call.headers, call.data, is_required=True)
    keys = [key.text or "" for key in _parsed(call.data).iterfind("Object/Key")]
    if not 1 <= len(keys) <= 1000:
        raise Refusal(400, "MalformedXML", "from 1 to 1000 objects")
    root = ET.Element("DeleteResult")
    encode = _encoding(call, root)
    for key in keys:
        call.bucket.objects.pop(key, None)
        ET.SubElement(ET.SubElement(root, "Deleted"), "Key").text = encode(key)
    return _answer(root)


def _copy(call: _Call) -> Answer:
    stored = call.bucket.copy(call.source(), call.key, call.headers, call.at)
    answer = _xml("CopyObjectResult", ETag=f'"{stored.etag}"', LastModified=_iso(stored.changed_at))
    answer.headers.update({"x-oss-hash-crc64ecma": str(stored.crc), **stored.encryption})
    return answer


def _list(call: _Call) -> Answer:
    prefix, limit = call.param("prefix"), int(call.param("max-keys", "100"))
    token = call.param("continuation-token")
    page = call.bucket.page(prefix, decoded_token(token) if token else call.param("start-after"), limit)
    root = ET.Element("ListBucketResult")
    encode = _encoding(call, root)
    _add(root, Name=call.bucket_name, Prefix=encode(prefix), MaxKeys=str(limit), KeyCount=str(len(page.keys)))
    _add(root, IsTruncated="true" if page.next_token else "false")
    if page.next_token:
        _add(root, NextContinuationToken=encode(page.next_token))
    for key in page.keys:
        stored = call.bucket.objects[key]
        contents = ET.SubElement(root, "Contents")
        _add(contents, Key=encode(key), LastModified=_iso(stored.changed_at), ETag=f'"{stored.etag}"')
        _add(contents, Type=stored.kind, Size=str(len(stored.data)), StorageClass="Standard")
    return _answer(root)


def _begin(call: _Call) -> Answer:
    upload_id = call.bucket.begin(call.key, call.headers, call.at)
    answer = _xml("InitiateMultipartUploadResult", Bucket=call.bucket_name, Key=call.key, UploadId=upload_id)
    answer.headers.update(encryption_of(call.headers))
    return answer


def _part(call: _Call) -> Answer:
    number = int(call.param("partNumber"))
    etag = call.bucket.put_part(call.key, call.param("uploadId"), number, call.data, call.headers)
    return Answer(200, {"etag": f'"{etag}"'})


def _part_copy(call: _Call) -> Answer:
    data = call.source().data
    wanted = call.headers.get("x-oss-copy-source-range")
    cut = (0, len(data)) if wanted is None else byte_range(wanted, len(data), is_standard=True)
    assert cut is not None, wanted
    number = int(call.param("partNumber"))
    etag = call.bucket.put_part(call.key, call.param("uploadId"), number, data[cut[0] : cut[1]], {})
    answer = _xml("CopyPartResult", ETag=f'"{etag}"', LastModified=_iso(call.at))
    answer.headers["etag"] = f'"{etag}"'
    return answer


def _complete(call: _Call) -> Answer:
    listed = [
        (int(part.findtext("PartNumber", "0")), part.findtext("ETag", ""))
        for part in _parsed(call.data).iterfind("Part")
    ]
    stored = call.bucket.complete(call.key, call.param("uploadId"), listed, call.at)
    answer = _xml("CompleteMultipartUploadResult", Bucket=call.bucket_name, Key=call.key, ETag=f'"{stored.etag}"')
    answer.headers.update({"x-oss-hash-crc64ecma": str(stored.crc), **stored.encryption})
    return answer


def _abort(call: _Call) -> Answer:
    call.bucket.abort(call.key, call.param("uploadId"))
    return Answer(204)


def _list_parts(call: _Call) -> Answer:
    upload = call.bucket.upload(call.key, call.param("uploadId"))
    root = ET.Element("ListPartsResult")
    _add(root, Bucket=call.bucket_name, Key=call.key, UploadId=call.param("uploadId"), IsTruncated="false")
    _add(root, NextPartNumberMarker=str(max(upload.parts, default=0)), MaxParts="1000")
    for number, (data, etag) in sorted(upload.parts.items()):
        part = ET.SubElement(root, "Part")
        _add(part, PartNumber=str(number), LastModified=_iso(call.at), ETag=f'"{etag}"', Size=str(len(data)))
    return _answer(root)


def _list_uploads(call: _Call) -> Answer:
    root = ET.Element("ListMultipartUploadsResult")
    encode = _encoding(call, root)
    _add(root, Bucket=call.bucket_name, NextKeyMarker="", NextUploadIdMarker="", IsTruncated="false")
    for upload_id, upload in sorted(call.bucket.uploads.items()):
        if upload.key.startswith(call.param("prefix")):
            _add(
                ET.SubElement(root, "Upload"),
                Key=encode(upload.key),
                UploadId=upload_id,
                Initiated=_iso(upload.begun_at),
            )
    return _answer(root)


_OPERATIONS: Final[Mapping[str, Callable[[_Call], Answer]]] = {
    "PutObject": _put,
    "GetObject": _get,
    "HeadObject": _head,
    "DeleteObject": _delete,
    "DeleteMultipleObjects": _delete_many,
    "CopyObject": _copy,
    "ListObjectsV2": _list,
    "InitiateMultipartUpload": _begin,
    "UploadPart": _part,
    "UploadPartCopy": _part_copy,
    "CompleteMultipartUpload": _complete,
    "AbortMultipartUpload": _abort,
    "ListParts": _list_parts,
    "ListMultipartUploads": _list_uploads,
}


def _encoding(call: _Call, root: ET.Element) -> Callable[[str], str]:
    """Return how names are written: `encoding-type=url` encodes them, and the answer says so."""
    if call.param("encoding-type") != "url":
        return str
    _add(root, EncodingType="url")
    return lambda text: quote(text, safe="")


def _parsed(data: bytes) -> ET.Element:
    try:
        return ET.fromstring(data)
    except ET.ParseError:
        raise Refusal(400, "MalformedXML") from None


def _add(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


def _xml(root: str, **texts: str) -> Answer:
    element = ET.Element(root)
    _add(element, **texts)
    return _answer(element)


def _answer(root: ET.Element) -> Answer:
    return Answer(200, {"content-type": "application/xml"}, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
