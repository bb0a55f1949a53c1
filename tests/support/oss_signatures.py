"""Checks OSS signatures as Alibaba Cloud documents them; written from these pages and from no SDK's code.

In the OSS developer reference: "Include a V4 signature in the Authorization header (recommended)", "(Recommended) V4
signatures in presigned URLs", "Include a V1 signature in the Authorization header", "Add V1 signatures to URLs" (formerly
"Add signatures to URLs"), and the error pages 0002-00000074 to -78 and -202 to -207 for what is refused.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

SKEW: Final = timedelta(minutes=15)
ALGORITHM: Final = "OSS4-HMAC-SHA256"
# V1, "Creation of CanonicalizedResource"; the page's list is open ("such as"). `continuation-token` is not among its
# examples, yet all of Alibaba's SDKs sign it.
_SUBRESOURCES: Final = frozenset(
    re.findall(
        r"\S+",
        """
        acl uploads location cors logging website referer lifecycle delete append tagging objectMeta uploadId partNumber
        security-token position img style styleName replication replicationProgress replicationLocation cname bucketInfo
        comp qos live status vod startTime endTime symlink x-oss-process callback callback-var continuation-token
        response-content-type response-content-language response-expires response-cache-control
        response-content-disposition response-content-encoding
        """,
    )
)


class Refusal(Exception):  # noqa: N818 - an answer
    """What OSS answers instead: a status and an error code."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message or code


@dataclass(frozen=True)
class Asked:
    """A request: `resource` is `/bucket/key` (or `/bucket/`, or `/`), decoded, as are the parameters; header names in lower case."""

    method: str
    resource: str
    params: Sequence[tuple[str, str]]
    headers: Mapping[str, str]

    def param(self, name: str) -> str | None:
        return next((value for one, value in self.params if one == name), None)


@dataclass(frozen=True)
class Key:
    """An AccessKey pair; with a `token` it is a temporary one of STS."""

    secret: str
    token: str | None = None


def verify(asked: Asked, keys: Mapping[str, Key], region: str, now: datetime) -> None:
    """Return if the request is signed by one of `keys` and in time. Raises `Refusal`."""
    authorization = asked.headers.get("authorization")
    is_v4_url = any(
        name in {"x-oss-signature", "x-oss-signature-version", "x-oss-credential"} for name, _ in asked.params
    )
    is_v1_url = any(name in {"Signature", "OSSAccessKeyId", "Expires"} for name, _ in asked.params)
    if authorization is not None and (is_v4_url or is_v1_url):
        raise Refusal(400, "InvalidArgument", "signed in the URL and in a header at once")
    if len({name for name, _ in asked.params}) != len(asked.params):
        raise Refusal(400, "InvalidArgument", "a parameter stands there twice")
    if authorization is not None and authorization.startswith(f"{ALGORITHM} "):
        _verify_v4_header(asked, authorization, keys, region, now)
    elif authorization is not None:
        _verify_v1_header(asked, authorization, keys, now)
    elif is_v4_url:
        _verify_v4_url(asked, keys, region, now)
    elif is_v1_url:
        _verify_v1_url(asked, keys, now)
    else:
        raise Refusal(403, "AccessDenied", "Anonymous access is forbidden for this operation.")


def v1_string_to_sign(asked: Asked, date: str) -> str:
    """VERB, Content-MD5, Content-Type, Date or Expires, CanonicalizedOSSHeaders and CanonicalizedResource."""
    oss_headers = sorted((name, value.strip()) for name, value in asked.headers.items() if name.startswith("x-oss-"))
    signed = sorted(
        (name, value) for name, value in asked.params if name in _SUBRESOURCES or name.startswith("x-oss-ac-")
    )
    subresources = "&".join(name if value == "" else f"{name}={value}" for name, value in signed)
    return "\n".join(
        [
            asked.method,
            asked.headers.get("content-md5", ""),
            asked.headers.get("content-type", ""),
            date,
            "".join(f"{name}:{value}\n" for name, value in oss_headers)
            + asked.resource
            + (f"?{subresources}" if subresources else ""),
        ]
    )


def v1_signature(secret: str, string_to_sign: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), string_to_sign.encode(), "sha1")).decode()


def v4_canonical_request(asked: Asked, additional: Sequence[str]) -> str:
    """Verb, URI, query, headers, additional headers and hashed payload, a line feed between each two."""
    query = sorted((_encoded(name), _encoded(value)) for name, value in asked.params if name != "x-oss-signature")
    headers = sorted(
        (name, value.strip())
        for name, value in asked.headers.items()
        if name.startswith("x-oss-") or name in {"content-type", "content-md5", *additional}
    )
    return "\n".join(
        [
            asked.method,
            quote(asked.resource, safe="/-_.~"),
            "&".join(name if value == "" else f"{name}={value}" for name, value in query),
            "".join(f"{name}:{value}\n" for name, value in headers),
            ";".join(additional),
            "UNSIGNED-PAYLOAD",
        ]
    )


def v4_string_to_sign(canonical_request: str, timestamp: str, region: str) -> str:
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{timestamp[:8]}/{region}/oss/aliyun_v4_request\n{digest}"


def v4_signing_key(secret: str, date: str, region: str) -> bytes:
    key = f"aliyun_v4{secret}".encode()
    for step in (date, region, "oss", "aliyun_v4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def v4_signature(signing_key: bytes, string_to_sign: str) -> str:
    return hmac.digest(signing_key, string_to_sign.encode(), "sha256").hex()


def _verify_v1_header(asked: Asked, authorization: str, keys: Mapping[str, Key], now: datetime) -> None:
    found = re.fullmatch(r"OSS ([^:\s]+):(\S+)", authorization)
    if found is None:
        raise Refusal(400, "InvalidArgument", "the Authorization header is malformed")
    date = asked.headers.get("date", "")
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        raise Refusal(403, "AccessDenied", "OSS authentication requires a valid Date.") from None
    if abs(now - at) > SKEW:
        raise Refusal(403, "RequestTimeTooSkewed")
    key = _key(keys, found[1], asked.headers.get("x-oss-security-token"))
    _same(v1_signature(key.secret, v1_string_to_sign(asked, date)), found[2])


def _verify_v1_url(asked: Asked, keys: Mapping[str, Key], now: datetime) -> None:
    key_id, expires, signature = (asked.param(name) for name in ("OSSAccessKeyId", "Expires", "Signature"))
    if not key_id or not expires or not signature:
        raise Refusal(403, "AccessDenied", "OSSAccessKeyId, Expires and Signature belong together")
    if not (expires.isascii() and expires.isdecimal()) or len(expires) > 11:
        raise Refusal(403, "AccessDenied", "Expires is no time")
    if now.timestamp() > int(expires):
        raise Refusal(403, "AccessDenied", "Request has expired.")
    key = _key(keys, key_id, asked.param("security-token"))
    _same(v1_signature(key.secret, v1_string_to_sign(asked, expires)), signature)


def _verify_v4_header(asked: Asked, authorization: str, keys: Mapping[str, Key], region: str, now: datetime) -> None:
    pairs = [one.strip().partition("=") for one in authorization.removeprefix(f"{ALGORITHM} ").split(",")]
    fields = {name: value for name, _, value in pairs}
    if len(fields) != len(pairs) or not {"Credential", "Signature"} <= set(fields) <= {
        "Credential",
        "Signature",
        "AdditionalHeaders",
    }:
        raise Refusal(400, "InvalidArgument", "the Authorization header is malformed")
    if asked.headers.get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD":
        raise Refusal(400, "InvalidArgument", "x-oss-content-sha256 must be UNSIGNED-PAYLOAD")
    timestamp = asked.headers.get("x-oss-date", "")
    if abs(now - _timestamp(timestamp)) > SKEW:
        raise Refusal(403, "RequestTimeTooSkewed")
    key = _v4_key(keys, fields["Credential"], timestamp, region, asked.headers.get("x-oss-security-token"))
    _same_v4(asked, key, timestamp, region, fields.get("AdditionalHeaders"), fields["Signature"])


def _verify_v4_url(asked: Asked, keys: Mapping[str, Key], region: str, now: datetime) -> None:
    if asked.param("x-oss-signature-version") != ALGORITHM:
        raise Refusal(400, "InvalidArgument", "x-oss-signature-version")
    timestamp, expires = asked.param("x-oss-date") or "", asked.param("x-oss-expires") or ""
    if re.fullmatch(r"[0-9]{1,6}", expires) is None or not 1 <= int(expires) <= 604_800:
        raise Refusal(400, "InvalidArgument", "x-oss-expires")
    at = _timestamp(timestamp)
    if not at - SKEW <= now <= at + timedelta(seconds=int(expires)):
        raise Refusal(403, "AccessDenied", "Request has expired.")
    credential = asked.param("x-oss-credential") or ""
    key = _v4_key(keys, credential, timestamp, region, asked.param("x-oss-security-token"))
    signature = asked.param("x-oss-signature") or ""
    _same_v4(asked, key, timestamp, region, asked.param("x-oss-additional-headers"), signature)


def _same_v4(asked: Asked, key: Key, timestamp: str, region: str, additional: str | None, signature: str) -> None:
    names = [] if additional is None else additional.split(";")
    if names != sorted(set(names)) or any(re.fullmatch(r"[a-z0-9-]+", name) is None for name in names):
        raise Refusal(400, "InvalidArgument", "additional headers in lower case, sorted, once each")
    if not set(names) <= set(asked.headers):
        raise Refusal(400, "InvalidArgument", "an additional header is not in the request")
    to_sign = v4_string_to_sign(v4_canonical_request(asked, names), timestamp, region)
    _same(v4_signature(v4_signing_key(key.secret, timestamp[:8], region), to_sign), signature)


def _v4_key(keys: Mapping[str, Key], credential: str, timestamp: str, region: str, token: str | None) -> Key:
    key_id, _, scope = credential.partition("/")
    if scope != f"{timestamp[:8]}/{region}/oss/aliyun_v4_request":
        raise Refusal(400, "InvalidArgument", "the scope of the credential is of another day, region or service")
    return _key(keys, key_id, token)


def _key(keys: Mapping[str, Key], key_id: str, token: str | None) -> Key:
    key = keys.get(key_id)
    if key is None:
        raise Refusal(403, "InvalidAccessKeyId")
    if key.token != token:
        raise Refusal(403, "InvalidSecurityToken")
    return key


def _timestamp(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(403, "AccessDenied", "the time of the request is missing or malformed") from None


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _same(ours: str, theirs: str) -> None:
    if not hmac.compare_digest(ours.encode(), theirs.encode()):
        raise Refusal(403, "SignatureDoesNotMatch")
