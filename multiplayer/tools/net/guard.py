"""Which addresses the server may go to at all: URLs taken apart strictly, private and special ranges known in every notation.

Pure: nothing is looked up here. Whoever connects asks `judged` about *all* addresses of a name and then connects to one
of those, so what was judged is what is reached (`guarded_http`).
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin

import idna

from multiplayer.tools.refusal import ToolFault, ToolRefused

MAX_URL = 4_000
BLOCKED: Final = "this address may not be reached from here: only public addresses may"
"""The same sentence for whatever is not public, so that it says nothing about what is there."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_V4_SPECIAL: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep their metadata in it
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's virtual public address of the host
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",  # with broadcast
    )
)
_V6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
_V6_SPECIAL: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: a v4 address in disguise, and out of use
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_V4_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""Bits 64 to 95 of an address whose last 32 bits are a v4 address that a tunnel would go to."""

_INNER_NAMES: Final = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "onion",
    "alt",
    "test",
    "invalid",
)
"""Last labels that no public name has. Refused unasked, so that nobody learns which such names exist."""

_URL: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
# What a browser would strip, or read as a slash, is refused: two readers must never see two hosts.
_ODD: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_HOST_AND_PORT: Final = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_KEPT: Final = "/%:@!$&'()*+,;=~-._?"


class NetRefused(ToolRefused):
    """An address may not be reached, or gave nothing usable. The sentence is ours, never a site's."""

    def __init__(self, text: str) -> None:
        super().__init__(ToolFault.NET, text)


@dataclass(frozen=True, slots=True)
class Target:
    """One address to ask, in its only spelling: the host in lower case ASCII, an IP address as `ipaddress` writes it."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query, percent-encoded; without the fragment."""
    address: Address | None
    """The host, if it is no name."""

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def place(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def authority(self) -> str:
        """The host as a URL and the Host header have it; the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.address, ipaddress.IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


OperatorHosts = frozenset[tuple[str, int]]
"""Hosts and ports, as `Target.place` has them, that the server's own configuration names: these may be private."""


def check_url(text: str, operator_hosts: OperatorHosts = frozenset()) -> Target:
    """Take an address apart. Raises `NetRefused` for all that is not plainly public http or https on its usual ports.

    `operator_hosts` may be private and have any port. What a *name* resolves to is not known here: ask `judged`.
    """
    target = parse_url(text)
    if target.place in operator_hosts:
        return target
    if target.port not in _DEFAULT_PORTS.values():
        raise NetRefused("only the ports 80 and 443 may be reached")
    if not (_is_public_name(target.host) if target.address is None else is_public(target.address)):
        raise NetRefused(BLOCKED)
    return target


def parse_url(text: str) -> Target:
    """Take an address apart without judging where it leads. Raises `NetRefused` if two readers could differ over it."""
    if len(text) > MAX_URL:
        raise NetRefused(f"the address is longer than {MAX_URL} characters")
    if _ODD.search(text):
        raise NetRefused("the address holds blanks, control characters or backslashes")
    taken = _URL.fullmatch(text)
    if taken is None:
        raise NetRefused("the address must begin with http:// or https:// and name a host")
    scheme, authority = taken[1].lower(), taken[2]
    if "@" in authority:
        raise NetRefused("the address must not hold a user name or password")
    found = _HOST_AND_PORT.fullmatch(authority)
    if found is None or not found[1]:
        raise NetRefused("the address has no host that can be read")
    port = int(found[2]) if found[2] else _DEFAULT_PORTS[scheme]
    host, address = _parse_host(found[1])
    path = quote(taken[3] or "/", safe=_KEPT) + quote(taken[4] or "", safe=_KEPT)
    return Target(scheme, host, port, path, address)


def check_redirect(target: Target, location: str, operator_hosts: OperatorHosts = frozenset()) -> Target:
    """Check where an answer of `target` sends us. What the operator configured neither sends elsewhere nor is sent to."""
    if len(location) > MAX_URL or _ODD.search(location):
        raise NetRefused("the page leads to an address that cannot be read")
    try:
        following = check_url(urljoin(target.url, location), operator_hosts)
    except ValueError:
        raise NetRefused("the page leads to an address that cannot be read") from None
    except NetRefused as refused:
        raise NetRefused(f"the page leads elsewhere, and {refused.text}") from None
    if {target.place, following.place} & operator_hosts and following.origin != target.origin:
        raise NetRefused(f"the page leads elsewhere, and {BLOCKED}")
    return following


def is_public(address: Address) -> bool:
    """Whether an address is one of the public net's, also where it is a v4 address inside a v6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _V4_SPECIAL) and address.is_global
    if address.scope_id is not None:
        return False
    if address in _V4_MAPPED or address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return address in _V6_GLOBAL and not any(address in network for network in _V6_SPECIAL) and address.is_global


def judged(addresses: Sequence[str], *, may_be_private: bool) -> tuple[Address, ...]:
    """Return what a name resolves to, without doubles. Raises `NetRefused` if any of it is not public."""
    found: dict[Address, None] = {}
    for text in addresses:
        try:
            found[_unmapped(ipaddress.ip_address(text))] = None
        except ValueError:
            raise NetRefused(BLOCKED) from None
    if not found:
        raise NetRefused("there is no such host")
    if not may_be_private and not all(is_public(address) for address in found):
        raise NetRefused(BLOCKED)
    return tuple(found)


def _parse_host(text: str) -> tuple[str, Address | None]:
    address: Address | None
    if text.startswith("["):
        try:
            address = _unmapped(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise NetRefused("the address has no host that can be read") from None
        # A zone would be part of the host; none is needed for anything public.
        if "%" in text:
            raise NetRefused(BLOCKED)
        return str(address), address
    host = _in_ascii(text)
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or len(host) > 253:
        raise NetRefused("the address has no host that can be read")
    if _NUMBER.fullmatch(labels[-1]):
        address = _parse_v4(labels)
        return str(address), address
    return host, None


def _in_ascii(text: str) -> str:
    try:
        host = text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise NetRefused("the address has no host that can be read") from None
    return host.lower().removesuffix(".")


def _parse_v4(parts: list[str]) -> ipaddress.IPv4Address:
    """Read one to four numbers, each decimal, octal or hexadecimal, as `inet_aton` and browsers do."""
    unreadable = NetRefused("the address has no host that can be read")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) and len(part) <= 16 for part in parts):
        raise unreadable
    try:
        numbers = [_parse_number(part) for part in parts]
    except ValueError:
        raise unreadable from None
    *first, last = numbers
    if any(number > 0xFF for number in first) or last >= 256 ** (5 - len(numbers)):
        raise unreadable
    value = last
    for index, number in enumerate(first):
        value += number << (8 * (3 - index))
    return ipaddress.IPv4Address(value)


def _parse_number(text: str) -> int:
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_public_name(host: str) -> bool:
    labels = host.split(".")
    return len(labels) > 1 and labels[-1] not in _INNER_NAMES
