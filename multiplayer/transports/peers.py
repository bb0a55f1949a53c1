"""Who is at the other end of a connection: the address that limits count by, and the origin that is our own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

Network = IPv4Network | IPv6Network
_FORWARDING = ("x-forwarded-for", "forwarded", "x-real-ip")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Peer:
    """`address` is what limits count by: of IPv6 the network of 64 bits, since one client has all of it."""

    address: str
    is_https: bool
    host: str
    is_this_machine: bool
    """The connection comes from here and nobody says it is forwarded."""


def peer_of(connection: HTTPConnection, trusted: Sequence[Network]) -> Peer:
    """Believe forwarding headers only from a listed proxy, and of those only what listed proxies added."""
    headers = connection.headers
    client = connection.client
    address = _parsed(client.host) if client is not None else None
    is_https = connection.url.scheme in {"https", "wss"}
    is_forwarded = any(name in headers for name in _FORWARDING)
    if address is not None and _is_listed(address, trusted):
        for said in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
            hop = _parsed(said.strip())
            if hop is None:
                break
            address = hop
            if not _is_listed(hop, trusted):
                break
        proto = ",".join(headers.getlist("x-forwarded-proto")).split(",")[-1].strip().lower()
        is_https = proto == "https" if proto else is_https
    return Peer(
        address=_key(address),
        is_https=is_https,
        host=headers.get("host", ""),
        is_this_machine=address is not None and address.is_loopback and not is_forwarded,
    )


def is_own_origin(origin: str, peer: Peer, public_origins: Collection[str]) -> bool:
    """Compare whole: a prefix, a suffix, a user before an @, or `null` is not ours."""
    given = _normal(origin)
    if given is None:
        return False
    own = f"{'https' if peer.is_https else 'http'}://{peer.host}"
    return given in {_normal(known) for known in (own, *public_origins)}


def _normal(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or "\\" in origin:
        return None
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port if port is not None else _DEFAULT_PORTS[parts.scheme]}"


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_listed(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted)


def _key(address: IPv4Address | IPv6Address | None) -> str:
    if address is None:
        return "unknown"
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
