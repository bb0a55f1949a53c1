"""What the transports are told about the place they are served from: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from multiplayer.protocol.codec import MAX_FRAME_BYTES


@dataclass(frozen=True)
class WebPlace:
    """The built web interface, and the origins beside our own that its pages need."""

    folder: Path
    download_origins: tuple[str, ...] = ()
    """Files are shown and fetched by signed links that lead there."""
    upload_origins: tuple[str, ...] = ()
    """Parts of files are put there."""
    sign_in_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class HttpConfig:
    """`public_origins` (`https://chat.example`) may be browsers' Origin beside the address a request came to."""

    public_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Only these peers are believed when they say who they speak for (`X-Forwarded-For`, `X-Forwarded-Proto`)."""
    body_bytes: int = MAX_FRAME_BYTES
    logins_per_address_per_min: float = 30
    logins_per_handle_per_min: float = 10
    tickets_per_account_per_min: float = 60
    sse_comment_s: float = 15.0
    version: str = "0.1.0"
    web: WebPlace | None = None
    """None: the web interface is not built, and pages say so."""

    @classmethod
    def of(cls, *, public_url: str | None, trusted_proxies: Sequence[str], web: WebPlace | None = None) -> Self:
        """Make it from settings. Raises `ValueError` with a sentence when a proxy is no address or network."""
        try:
            networks = tuple(ip_network(text, strict=False) for text in trusted_proxies)
        except ValueError as error:
            raise ValueError(f"a trusted proxy is an address or a network: {error}") from None
        return cls(
            public_origins=frozenset() if public_url is None else frozenset({_origin_of(public_url)}),
            trusted_proxies=networks,
            web=web,
        )


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
