"""What obstore raises, in the port's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from multiplayer.blobs.port import (
    BlobCorrupt,
    BlobMissing,
    BlobsDenied,
    BlobsFault,
    BlobsFull,
    BlobsUnavailable,
)

_CODE: Final = re.compile(r"<Code>(\w{1,80})</Code>")
_KIND: Final = re.compile(r"HttpError \{\s+kind: (\w+)")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_CORRUPT: Final = frozenset(
    {"BadDigest", "InvalidDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "Md5Mismatch", "InvalidPart"}
)
_FULL: Final = frozenset(
    {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}
)
_DENIED: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "ContainerNotFound",
        "IllegalLocationConstraintException",
        "InvalidBucketName",
        "NoSuchBucket",
        "PermanentRedirect",
    }
)


@contextmanager
def told(what: str, *, missing: type[BlobsFault] = BlobMissing) -> Iterator[None]:
    """Tell what obstore says in the port's words; its own text names URLs and may be long."""
    try:
        yield
    except FileNotFoundError as error:
        code = _first(_CODE, error)
        raise (BlobsDenied if code in _DENIED else missing)(
            f"the store has no {what} ({code or 'not found'})"
        ) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise BlobsDenied(f"the store does not take our key for {what} ({_first(_CODE, error)})") from error
    except PreconditionError as error:
        raise BlobCorrupt(f"{what} was changed while it was read") from error
    except (BaseError, OSError) as error:
        code, status = _first(_CODE, error), _first(_STATUS, error)
        if status in {"401", "403"}:  # of a listing: obstore tells them apart elsewhere only
            raise BlobsDenied(f"the store does not take our key for {what} ({code})") from error
        if code in _DENIED or "incorrectly configured region" in str(error):
            raise BlobsDenied(f"the store is not where it was said to be ({code or 'redirected'})") from error
        if code in _FULL or status == "507":
            raise BlobsFull(f"the store has no room left for {what} ({code or 507})") from error
        if code in _CORRUPT:
            raise BlobCorrupt(f"{what} did not arrive as it was sent ({code})") from error
        said = code or status or _first(_KIND, error) or "nothing"
        raise BlobsUnavailable(f"the store does not answer as it should for {what} ({said})") from error


def _first(pattern: re.Pattern[str], error: Exception) -> str:
    found = pattern.search(str(error))
    return found[1] if found else ""
