"""Whom limits count by, and a dict of buckets that does not grow without end."""

from itertools import count

import pytest
from starlette.requests import HTTPConnection

from multiplayer.protocol.errors import Refused
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.peers import Peer, peer_of
from multiplayer.transports.rate_limits import RateLimit

TRUSTED = HttpConfig.of(public_url=None, trusted_proxies=["10.0.0.0/8", "::1"]).trusted_proxies


def peer(client: str, **headers: str) -> Peer:
    raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": raw, "client": (client, 1)}
    return peer_of(HTTPConnection(scope), TRUSTED)


def test_a_peer_that_is_not_listed_speaks_only_for_itself() -> None:
    seen = peer("203.0.113.1", x_forwarded_for="198.51.100.1", x_forwarded_proto="https")
    assert (seen.address, seen.is_https) == ("203.0.113.1", False)


def test_of_a_listed_proxy_the_last_address_that_is_not_listed_counts() -> None:
    seen = peer("10.0.0.1", x_forwarded_for="6.6.6.6, 198.51.100.1, 10.2.3.4", x_forwarded_proto="http, https")
    assert (seen.address, seen.is_https) == ("198.51.100.1", True)
    assert peer("10.0.0.1", x_forwarded_for="6.6.6.6, nonsense").address == "10.0.0.1"


def test_one_network_of_ipv6_is_one_address_and_a_mapped_one_is_its_ipv4() -> None:
    assert peer("2001:db8:1:2::3").address == peer("2001:db8:1:2:ffff::9").address == "2001:db8:1:2::/64"
    assert peer("::ffff:203.0.113.1").address == "203.0.113.1"


def test_only_a_direct_connection_from_here_is_from_this_machine() -> None:
    assert peer("127.0.0.1").is_this_machine
    assert not peer("127.0.0.1", x_forwarded_for="127.0.0.1").is_this_machine
    assert not peer("127.0.0.1", forwarded="for=127.0.0.1").is_this_machine
    assert not peer("203.0.113.1").is_this_machine


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(ValueError, match="a trusted proxy is an address or a network"):
        HttpConfig.of(public_url=None, trusted_proxies=["proxy.example"])


def test_buckets_of_many_keys_stay_bounded_and_a_busy_key_stays_limited_for_a_while() -> None:
    limit = RateLimit("tries", lambda: 0.0, per_min=2, max_buckets=100)
    for number in range(1_000):
        limit.check(f"key {number}")
        assert len(limit) <= 100
    limit.check("key 999")
    with pytest.raises(Refused, match="too many tries"):
        limit.check("key 999")


def test_a_bucket_fills_again_with_time() -> None:
    seconds = count(step=30)
    limit = RateLimit("tries", lambda: float(next(seconds)), per_min=2, burst=1)
    limit.check("key")
    limit.check("key")
