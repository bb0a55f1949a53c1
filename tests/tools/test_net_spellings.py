"""Rules of the guard over generated addresses: no notation of anything private is taken, and no two readers differ."""

import ipaddress
import socket

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.tools.net.guard import NetRefused, check_url, is_public

SPECIAL_V4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]


@st.composite
def private_v4(draw: st.DrawFn) -> ipaddress.IPv4Address:
    network = draw(st.sampled_from(SPECIAL_V4))
    return network[draw(st.integers(0, network.num_addresses - 1))]


@st.composite
def spelling(draw: st.DrawFn, address: ipaddress.IPv4Address) -> str:
    """Any of the notations that `inet_aton` and browsers take: 1 to 4 parts, each in any base, in odd digits and dots."""
    parts = draw(st.integers(1, 4))
    value = int(address)
    numbers = [(value >> (24 - 8 * index)) & 0xFF for index in range(parts - 1)]
    numbers.append(value & (256 ** (5 - parts) - 1))

    def spelt(number: int) -> str:
        zeros = "0" * draw(st.integers(0, 3))
        return draw(
            st.sampled_from([str(number), f"0{zeros}{number:o}", f"0x{zeros}{number:x}", f"0X{zeros}{number:X}"])
        )

    text = draw(st.sampled_from(".。．｡")).join(spelt(number) for number in numbers)
    if draw(st.booleans()):
        text = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() and draw(st.booleans()) else c for c in text)
    return text + draw(st.sampled_from(["", ".", ":80", ".:443", ":"]))


@given(private_v4().flatmap(spelling), st.sampled_from(["http", "https", "HTTP"]), st.sampled_from(["", "/", "/a?b#c"]))
def test_no_spelling_of_a_private_v4_address_is_taken(host: str, scheme: str, rest: str) -> None:
    with pytest.raises(NetRefused):
        check_url(f"{scheme}://{host}{rest}")


V6_AROUND_V4 = (
    "::ffff:{}",
    "::{}",
    "64:ff9b::{}",
    "64:ff9b:1::{}",
    "::ffff:0:{}",
    "2a00::5efe:{}",
    "2a00::200:5efe:{}",
)


@given(private_v4(), st.sampled_from(V6_AROUND_V4), st.booleans(), st.booleans())
def test_no_v6_address_around_a_private_v4_address_is_taken(
    address: ipaddress.IPv4Address, form: str, is_exploded: bool, is_upper: bool
) -> None:
    text = form.format(address)
    text = ipaddress.IPv6Address(text).exploded if is_exploded else text
    with pytest.raises(NetRefused):
        check_url(f"http://[{text.upper() if is_upper else text}]/")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**80 - 1))
def test_no_6to4_or_teredo_address_is_taken(v4: int, rest: int) -> None:
    for high in ((0x2002 << 112) | (v4 << 80) | rest, (0x20010000 << 96) | (v4 << 64) | (rest & (2**64 - 1))):
        assert not is_public(ipaddress.IPv6Address(high))


@given(st.text("0123456789abcdefxX.", min_size=1, max_size=20))
def test_what_inet_aton_reads_as_private_is_never_taken_for_a_name(host: str) -> None:
    try:
        meant = ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return
    try:
        taken = check_url(f"http://{host}/")
    except NetRefused:
        return
    assert taken.address == meant
    assert is_public(meant)


@given(st.text(max_size=40), st.sampled_from(["http://", "https://", "http:", "//", ""]))
def test_whatever_is_taken_is_read_alike_by_the_http_library(text: str, start: str) -> None:
    try:
        target = check_url(start + text)
    except NetRefused:
        return
    read = httpx.URL(target.url)
    assert (read.scheme, read.raw_host.decode(), read.port or (443 if read.scheme == "https" else 80)) == target.origin
    assert not read.userinfo
    assert check_url(target.url) == target
