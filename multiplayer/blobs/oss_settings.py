"""How to reach a bucket of Alibaba Cloud OSS, as an operator says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

_REGION: Final = re.compile(
    r"(?:.+\.)?(?:oss-(?P<old>[a-z]+-[a-z0-9-]+?)(?:-internal)?|(?P<new>[a-z]+-[a-z0-9-]+?)(?:-internal)?\.oss)"
    r"\.aliyuncs\.com"
)


@dataclass(frozen=True, slots=True)
class OssSettings:
    """How to reach one bucket. Endpoints and the CDN domain are host names, with https unless they say `http://`."""

    endpoint: str
    bucket: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    region: str = ""
    """As `cn-hangzhou`. Not needed where the endpoint says it; V4 signs it."""
    signature: Literal["v4", "v1"] = "v4"
    internal_endpoint: str | None = None
    """For our own transfers. What is signed for others names the public endpoint or the CDN domain."""
    cdn_domain: str | None = None
    server_side_encryption: Literal["", "AES256", "KMS"] = ""
    kms_key_id: str = ""
    security_token: str = field(default="", repr=False)
    """Of temporary keys (STS)."""
    prefix: str = ""
    """Goes before every key, with a slash; whatever else the bucket holds is not seen."""
    is_path_style: bool = False
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    """Without a single byte from the store."""
    workers: int = 16
    """Threads, and connections: how much is under way at once."""
    first_pause_s: float = 0.2
    """Before the second of three tries; before the third it is four times as long."""
    copy_whole_bytes: int = 1024**3
    """What CopyObject takes; beyond, an object is copied in parts, within the store all the same."""
    copy_part_bytes: int = 256 * 1024 * 1024


def address(text: str) -> str:
    """Return the URL of a host. oss2 itself would take http."""
    return text if text.startswith(("http://", "https://")) else f"https://{text}"


def region_of(url: str) -> str:
    """Return the region that an endpoint of Alibaba Cloud names, or nothing."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    found = _REGION.fullmatch(host)
    return "" if found is None else str(found["old"] or found["new"])


def encryption_headers(settings: OssSettings) -> Mapping[str, str]:
    """Return what every object that is written has to be sent with."""
    headers: dict[str, str] = {}
    if settings.server_side_encryption:
        headers["x-oss-server-side-encryption"] = settings.server_side_encryption
    if settings.server_side_encryption == "KMS" and settings.kms_key_id:
        headers["x-oss-server-side-encryption-key-id"] = settings.kms_key_id
    return headers
