"""Attacks on the client for one configured server: its key goes nowhere else, its answers are bounded. Judged by effect."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from multiplayer.tools.net.guard import NetRefused, OperatorHosts
from multiplayer.tools.net.guarded_origin import guarded_client
from tests.support.web_stage import PUBLIC, WebStage, plain, redirect, web_stage


@pytest.fixture
async def stage() -> AsyncIterator[WebStage]:
    async with web_stage() as built:
        yield built


def client_of(stage: WebStage, url: str, *, operator_hosts: OperatorHosts, **headers: str) -> httpx2.AsyncClient:
    return guarded_client(url, operator_hosts, headers, resolver=stage.resolve, route=stage.route)


async def test_a_configured_servers_key_goes_to_its_origin_and_nowhere_else(stage: WebStage) -> None:
    own = await stage.own(redirect(f"http://127.0.0.1:{stage.canary.port}/steal", "307 Temporary Redirect"))
    url = f"http://127.0.0.1:{own.port}/mcp"
    allowed = frozenset({("127.0.0.1", own.port), ("127.0.0.1", stage.canary.port)})
    async with client_of(stage, url, operator_hosts=allowed, Authorization="Bearer key") as client:
        answer = await client.post(url, json={})
        assert answer.status_code == 307
        with pytest.raises(httpx2.ConnectError):
            await client.post(url, json={}, follow_redirects=True)
        site = await stage.site(plain("public"))
        for other in (
            f"http://127.0.0.1:{stage.canary.port}/",
            f"http://localhost:{own.port}/",
            f"https://127.0.0.1:{own.port}/",
            f"http://alice@127.0.0.1:{own.port}/",
            "http://example.com/",
        ):
            with pytest.raises(httpx2.TransportError):
                await client.get(other)
    assert (own.connections, site.connections, stage.breaches) == (2, 0, 0)
    assert all(b"authorization: bearer key" in head.lower() for head in own.heads)
    assert {host for host, _ in stage.dialled} == {"127.0.0.1"}


async def test_a_server_that_a_room_configured_must_be_public_and_https_where_it_gets_a_key(stage: WebStage) -> None:
    for url in ("http://127.0.0.1/", "https://[::1]/", "https://example.com:8443/"):
        with pytest.raises(NetRefused):
            guarded_client(url, frozenset())
    with pytest.raises(NetRefused, match="https"):
        client_of(stage, "http://example.com/", operator_hosts=frozenset(), Authorization="Bearer key")
    site = await stage.site(plain("fine", Connection="close", Set_Cookie="a=1"))
    stage.names["example.com"] = [[PUBLIC], [PUBLIC], ["127.0.0.1"]]
    async with client_of(stage, "http://example.com/", operator_hosts=frozenset()) as client:
        for _ in range(2):
            assert (await client.get("http://example.com/")).text == "fine"
        with pytest.raises(httpx2.ConnectError, match="only public addresses"):
            await client.get("http://example.com/")
        assert not client.cookies
    assert (site.connections, stage.breaches) == (2, 0)
    assert all(b"cookie" not in head.lower() and b"Host: example.com\r\n" in head for head in site.heads)


async def test_a_configured_servers_answers_are_bounded(stage: WebStage) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b" /packed " in head:
            await plain(gzip.compress(b"x"), Content_Encoding="gzip")(head, writer)
        elif b" /events " in head:
            await plain(b"data: x\n\n" * 300, content_type="text/event-stream")(head, writer)
        else:
            await plain(json.dumps("x" * 2_000), content_type="application/json")(head, writer)

    own = await stage.own(answer)
    url = f"http://127.0.0.1:{own.port}"
    async with guarded_client(
        url, frozenset({("127.0.0.1", own.port)}), most_bytes=1_000, resolver=stage.resolve, route=stage.route
    ) as client:
        for path in ("/", "/packed"):
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get(url + path)
        assert len((await client.get(f"{url}/events")).content) == 2_700
