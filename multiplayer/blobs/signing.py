"""URLs by which anybody gets or puts one object for a while, signed as Amazon S3 and Azure document it."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from multiplayer.blobs.port import Shown, SignedPut

_LONGEST_S: Final = 7 * 24 * 3600
"""Amazon takes no URL for longer."""
_AZURE_VERSION: Final = "2020-12-06"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Signer(Protocol):
    """Signs for one bucket; a `path` is the object's whole name in it."""

    def get(self, path: str, shown: Shown, for_s: int) -> str: ...

    def put(self, path: str, size: int, for_s: int) -> SignedPut: ...


@dataclass(frozen=True, slots=True)
class S3Signer:
    """Signature version 4 in the query: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html."""

    bucket_url: str
    """Scheme, host and, where the bucket is not part of the host, its path."""
    region: str
    key_id: str
    secret: str = field(repr=False)
    now: Callable[[], datetime] = utc_now

    def get(self, path: str, shown: Shown, for_s: int) -> str:
        """Return a URL that also binds the headers of the answer."""
        query = {
            "response-content-disposition": shown.content_disposition,
            "response-content-type": shown.content_type,
        }
        return self.url("GET", path, query, {}, for_s)

    def put(self, path: str, size: int, for_s: int) -> SignedPut:
        """Return a put that binds the length of the body."""
        headers = {"content-length": str(size)}
        return SignedPut(self.url("PUT", path, {}, headers, for_s), headers)

    def url(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], for_s: int) -> str:
        """Sign `method` for `path` with exactly this query and at least these headers (names in lower case)."""
        assert 0 < for_s <= _LONGEST_S
        base = urlsplit(self.bucket_url)
        at = self.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        signed = {"host": base.netloc, **headers}
        names = ";".join(sorted(signed))
        whole = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.key_id}/{scope}",
            "X-Amz-Date": at,
            "X-Amz-Expires": str(for_s),
            "X-Amz-SignedHeaders": names,
        }
        encoded = "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in whole.items()))
        where = quote(f"{base.path.rstrip('/')}/{path}")
        lines = [f"{name}:{value}" for name, value in sorted(signed.items())]
        request = "\n".join([method, where, encoded, *lines, "", names, "UNSIGNED-PAYLOAD"])
        text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        return f"{base.scheme}://{base.netloc}{where}?{encoded}&X-Amz-Signature={_hmac(key, text).hex()}"


@dataclass(frozen=True, slots=True)
class AzureSigner:
    """A service SAS for one blob: learn.microsoft.com/rest/api/storageservices/create-service-sas."""

    container_url: str
    account: str
    container: str
    secret: str = field(repr=False)
    """The account's key, in base64 as Azure gives it."""
    now: Callable[[], datetime] = utc_now

    def get(self, path: str, shown: Shown, for_s: int) -> str:
        """Return a URL that also binds the headers of the answer."""
        return self._url("r", path, for_s, rscd=shown.content_disposition, rsct=shown.content_type)

    def put(self, path: str, size: int, for_s: int) -> SignedPut:
        """Return a put of up to 5,000 MiB; its length cannot be bound."""
        del size
        return SignedPut(self._url("cw", path, for_s), {"x-ms-blob-type": "BlockBlob"})

    def _url(self, permissions: str, path: str, for_s: int, *, rscd: str = "", rsct: str = "") -> str:
        assert for_s > 0
        until = (self.now().astimezone(UTC) + timedelta(seconds=for_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        # `spr`: plain HTTP is for tests only.
        protocol = "https" if self.container_url.startswith("https:") else "https,http"
        query = {"sp": permissions, "se": until, "spr": protocol, "sv": _AZURE_VERSION, "sr": "b"}
        resource = f"/blob/{self.account}/{self.container}/{path}"
        # In this order: sp, st, se, resource, si, sip, spr, sv, sr, snapshot, ses, rscc, rscd, rsce, rscl, rsct.
        text = f"{permissions}\n\n{until}\n{resource}\n\n\n{protocol}\n{_AZURE_VERSION}\nb\n\n\n\n{rscd}\n\n\n{rsct}"
        query |= {name: value for name, value in (("rscd", rscd), ("rsct", rsct)) if value}
        query["sig"] = base64.b64encode(_hmac(base64.b64decode(self.secret), text)).decode()
        encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{self.container_url}/{quote(path)}?{encoded}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
