"""Sites that flood, drip, bomb or speak nonsense: what is fetched of them stays small, and ends in time."""

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest

from multiplayer.tools.net.guard import NetRefused
from multiplayer.tools.net.guarded_http import MAX_BYTES, GuardedHttp
from tests.support.web_stage import PUBLIC, Answer, WebStage, plain, redirect, web_stage


@pytest.fixture
async def stage() -> AsyncIterator[WebStage]:
    async with web_stage() as built:
        yield built


def guarded(stage: WebStage) -> GuardedHttp:
    return GuardedHttp(resolver=stage.resolve, route=stage.route)


async def refusal(stage: WebStage, url: str, deadline_s: float = 5.0) -> str:
    with pytest.raises(NetRefused) as refused:
        await guarded(stage).get(url, deadline_s=deadline_s)
    return refused.value.text


@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
async def test_a_body_that_never_ends_is_cut(stage: WebStage, end: bytes) -> None:
    written = 0

    async def endless(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain" + (end or b"\r\nContent-Length: 99999999999\r\n\r\n")
        )
        while written < 64 * MAX_BYTES:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    await stage.site(endless)
    fetched = await guarded(stage).get("http://example.com/", accept=("text/*",))
    assert (len(fetched.body), fetched.is_cut) == (MAX_BYTES, True)
    assert written < 32 * MAX_BYTES


def _bomb(wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    zeros = bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(256)) + packer.flush()


@pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("x-gzip", 31), ("deflate", 15)])
async def test_a_packed_bomb_unpacks_to_no_more_than_a_page(stage: WebStage, coding: str, wbits: int) -> None:
    bomb = _bomb(wbits)
    assert len(bomb) < MAX_BYTES
    await stage.site(plain(bomb, Content_Encoding=coding))
    tracemalloc.start()
    try:
        fetched = await guarded(stage).get("http://example.com/")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (fetched.body, fetched.is_cut) == (bytes(MAX_BYTES), True)
    assert most < 16 * MAX_BYTES, "more than the page was unpacked"


async def test_packing_that_was_not_asked_for_is_unpacked_once_or_refused(stage: WebStage) -> None:
    once = gzip.compress(b"fine")
    await stage.site(plain(once, Content_Encoding="gzip"), "a.example.com", at="1.1.1.1")
    assert (await guarded(stage).get("http://a.example.com/")).body == b"fine"
    for index, (body, coding) in enumerate([(gzip.compress(once), "gzip, gzip"), (b"x", "br"), (b"no gzip", "gzip")]):
        await stage.site(plain(body, Content_Encoding=coding), f"b{index}.example.com", at=f"1.1.2.{index}")
        await refusal(stage, f"http://b{index}.example.com/")


async def test_packed_bytes_that_unpack_to_nothing_end_too(stage: WebStage) -> None:
    # An empty stored block, again and again.
    start = gzip.compress(b"")[:10]
    await stage.site(plain(start + b"\x00\x00\x00\xff\xff" * 500_000, Content_Encoding="gzip"))
    fetched = await guarded(stage).get("http://example.com/")
    assert (fetched.body, fetched.is_cut) == (b"", True)


def _dripping(start: bytes, drop: bytes) -> Answer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _drop in range(3_000):
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    return answer


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 302 Found\r\n", b"X: y\r\n"),
    ],
)
@pytest.mark.slow
async def test_a_site_that_drips_is_given_up_at_the_deadline(stage: WebStage, start: bytes, drop: bytes) -> None:
    site = await stage.site(_dripping(start, drop))
    begun = time.monotonic()
    assert "did not answer within 0.4 seconds" in await refusal(stage, "http://example.com/", deadline_s=0.4)
    assert (time.monotonic() - begun < 5.0, site.connections) == (True, 1)


@pytest.mark.slow
async def test_the_deadline_is_for_all_redirects_and_for_the_name_service_too(stage: WebStage) -> None:
    async def slow(_: str) -> list[str]:
        await asyncio.sleep(30)
        return [PUBLIC]

    with pytest.raises(NetRefused, match=r"0\.2 seconds"):
        await GuardedHttp(resolver=slow, route=stage.route).get("http://example.com/", deadline_s=0.2)

    async def late(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await redirect("/again" + head.split(b" ")[1].decode())(head, writer)

    site = await stage.site(late)
    assert "0.5 seconds" in await refusal(stage, "http://example.com/", deadline_s=0.5)
    assert len(site.heads) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"O" * 1_000_000,
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffffffff\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\n\r\n",
    ],
)
async def test_what_is_no_proper_http_is_refused_in_our_own_words(stage: WebStage, answer: bytes) -> None:
    async def odd(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    await stage.site(odd)
    text = await refusal(stage, "http://example.com/")
    assert "OpenSSH" not in text
    assert stage.breaches == 0
