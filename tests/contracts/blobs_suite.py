"""The contract of a store for files' bytes; each adapter's own file runs it with a `blobs` fixture that gives an empty one."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit

import httpx
import pytest

from multiplayer.blobs.port import (
    PIECE_BYTES,
    BlobCorrupt,
    BlobKey,
    BlobMissing,
    Blobs,
    BlobsDenied,
    Shown,
    SignedPut,
    blob_key,
    content_key,
)

ALICES: Final = blob_key("rooms/1/alice.bin")
BOBS: Final = blob_key("rooms/1/bob.bin")
BIG: Final = random.Random(6).randbytes(20 * 1024 * 1024)
WAIT_S: Final = 30.0
SKEW: Final = timedelta(seconds=5)
"""How far a store's clock, or its rounding to seconds, may be off."""


class SourceBrokeError(Exception):
    """What a source of bytes raises here."""


class CountedPiece(bytes):
    """A piece that is counted for as long as anybody holds it."""

    alive: ClassVar = 0

    def __init__(self, _data: bytes) -> None:
        CountedPiece.alive += 1

    def __del__(self) -> None:
        CountedPiece.alive -= 1


async def pieces_of(data: bytes, piece_bytes: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), piece_bytes):
        yield data[start : start + piece_bytes]


async def expect_denied(right: Blobs, thief: Blobs) -> None:
    """A store with a wrong key does nothing, and nothing comes of the links that it signs."""
    await right.put(ALICES, pieces_of(b"x"))
    with pytest.raises(BlobsDenied):
        await thief.check()
    with pytest.raises(BlobsDenied):
        await thief.head(ALICES)
    with pytest.raises(BlobsDenied):
        await listed(thief)
    with pytest.raises(BlobsDenied):
        await thief.delete([ALICES])
    url = await thief.sign_get(ALICES, BlobsSuite.SHOWN, for_s=60)
    assert url is not None
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(url)).status_code == 403


async def stored(blobs: Blobs, key: BlobKey, data: bytes) -> None:
    await blobs.put(key, pieces_of(data), len(data))


async def content(blobs: Blobs, key: BlobKey, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in blobs.read(key, start, end)])


async def listed(blobs: Blobs, prefix: str = "") -> list[str]:
    return [one.key async for one in blobs.listing(prefix)]


async def fetched(url: str) -> httpx.Response:
    """Get as a browser would: with nothing but the URL."""
    async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as http:
        return await http.get(url)


async def sent(signed: SignedPut, data: bytes) -> httpx.Response:
    async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as http:
        return await http.request(signed.method, signed.url, headers=dict(signed.headers), content=data)


class BlobsSuite:
    """A subclass gives the `blobs` fixture: a fresh, empty store for each test."""

    signs: ClassVar[bool] = False
    """Whether the store signs URLs; the server behind it must then verify them."""
    binds_size: ClassVar[bool] = False
    """Whether a signed put is refused if it brings another number of bytes."""
    many: ClassVar[int] = 1_100
    """How many objects are more than one page of this store."""

    @pytest.fixture
    async def blobs(self) -> AsyncIterator[Blobs]:
        """Overridden by every subclass."""
        store: Blobs | None = None
        assert store is not None, "a subclass gives the store"
        yield store  # noqa: PT022 - the subclasses have something to clean up

    @pytest.mark.parametrize("data", [b"", b"x", BIG[:PIECE_BYTES], BIG[: 5 * 1024 * 1024], BIG], ids=len)
    async def test_what_was_put_is_read_back(self, blobs: Blobs, data: bytes) -> None:
        before = datetime.now(UTC) - SKEW
        one = await blobs.put(ALICES, pieces_of(data), len(data))
        assert (one.key, one.size) == (ALICES, len(data))
        assert before <= one.changed_at <= datetime.now(UTC) + SKEW
        assert await blobs.head(ALICES) == one
        assert hashlib.sha256(await content(blobs, ALICES)).digest() == hashlib.sha256(data).digest()

    async def test_a_put_of_unknown_size_is_stored(self, blobs: Blobs) -> None:
        assert (await blobs.put(ALICES, pieces_of(BIG[:7_000_001]))).size == 7_000_001
        assert await content(blobs, ALICES) == BIG[:7_000_001]

    async def test_pieces_may_be_of_any_size_and_empty(self, blobs: Blobs) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"", b"a", b"", BIG[:9_000_000], b"", b"z", b""):
                yield piece

        await blobs.put(ALICES, pieces(), 9_000_002)
        assert await content(blobs, ALICES) == b"a" + BIG[:9_000_000] + b"z"

    async def test_a_put_holds_a_few_pieces_at_a_time_and_not_the_whole(self, blobs: Blobs) -> None:
        most = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal most
            for n in range(48):
                yield CountedPiece(bytes([n]) * 1024 * 1024)
                most = max(most, CountedPiece.alive)

        await blobs.put(ALICES, pieces(), 48 * 1024 * 1024)
        assert 0 < most <= 24
        assert await content(blobs, ALICES, 48 * 1024 * 1024 - 2) == b"\x2f\x2f"

    async def test_a_read_comes_in_pieces(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, BIG)
        sizes = [len(piece) async for piece in blobs.read(ALICES)]
        assert sum(sizes) == len(BIG)
        assert min(sizes) > 0
        assert max(sizes) <= 8 * PIECE_BYTES

    async def test_a_put_replaces_what_was_there(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, BIG[:100_000])
        await stored(blobs, ALICES, b"second")
        assert await content(blobs, ALICES) == b"second"
        one = await blobs.head(ALICES)
        assert one is not None
        assert one.size == 6
        assert await listed(blobs) == [ALICES]

    @pytest.mark.parametrize("length", [3, 9_000_000])
    @pytest.mark.parametrize("off_by", [-1, 1])
    @pytest.mark.parametrize("before", [None, b"the former one"])
    async def test_another_size_than_said_is_corrupt_and_changes_nothing(
        self, blobs: Blobs, length: int, off_by: int, before: bytes | None
    ) -> None:
        if before is not None:
            await stored(blobs, ALICES, before)
        with pytest.raises(BlobCorrupt):
            await blobs.put(ALICES, pieces_of(BIG[:length]), length + off_by)
        await self._still(blobs, before)

    async def test_a_put_that_said_nothing_would_come_takes_nothing(self, blobs: Blobs) -> None:
        with pytest.raises(BlobCorrupt):
            await blobs.put(ALICES, pieces_of(b"x"), 0)
        await self._still(blobs, None)

    async def test_an_endless_source_is_left_as_soon_as_it_is_too_long(self, blobs: Blobs) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for n in range(1_000):
                assert n < 100, "read on and on"
                yield BIG[:100_000]

        with pytest.raises(BlobCorrupt):
            await blobs.put(ALICES, pieces(), 1_000_000)
        await self._still(blobs, None)

    @pytest.mark.parametrize("after", [0, 1, 12_000_000])
    @pytest.mark.parametrize("before", [None, b"the former one"])
    async def test_what_the_source_raises_comes_out_and_changes_nothing(
        self, blobs: Blobs, after: int, before: bytes | None
    ) -> None:
        broke = SourceBrokeError("gone")

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in pieces_of(BIG[:after]):
                yield piece
            raise broke

        if before is not None:
            await stored(blobs, ALICES, before)
        with pytest.raises(SourceBrokeError) as raised:
            await blobs.put(ALICES, pieces())
        assert raised.value is broke
        await self._still(blobs, before)

    async def test_an_os_error_of_the_source_is_not_taken_for_one_of_the_store(self, blobs: Blobs) -> None:
        broke = FileNotFoundError(2, "the source's own")

        async def pieces() -> AsyncIterator[bytes]:
            yield b"x"
            raise broke

        with pytest.raises(FileNotFoundError) as raised:
            await blobs.put(ALICES, pieces())
        assert raised.value is broke
        await self._still(blobs, None)

    @pytest.mark.parametrize("after", [0, 1, 12_000_000])
    @pytest.mark.parametrize("before", [None, b"the former one"])
    async def test_a_put_cancelled_midway_changes_nothing(self, blobs: Blobs, after: int, before: bytes | None) -> None:
        waiting = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in pieces_of(BIG[:after]):
                yield piece
            waiting.set()
            await asyncio.Event().wait()

        if before is not None:
            await stored(blobs, ALICES, before)
        async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
            put = tasks.create_task(blobs.put(ALICES, pieces()))
            await waiting.wait()
            put.cancel()
        assert put.cancelled()
        await self._still(blobs, before)

    async def test_a_put_cancelled_at_any_moment_is_there_whole_or_not_at_all(self, blobs: Blobs) -> None:
        data = BIG[:6_000_000]
        for turns in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
            async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
                put = tasks.create_task(blobs.put(ALICES, pieces_of(data), len(data)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                put.cancel()
            if await blobs.head(ALICES) is not None:
                assert await content(blobs, ALICES) == data
                await blobs.delete([ALICES])

    async def _still(self, blobs: Blobs, before: bytes | None) -> None:
        if before is None:
            assert await blobs.head(ALICES) is None
            assert await listed(blobs) == []
        else:
            assert await content(blobs, ALICES) == before
            assert await listed(blobs) == [ALICES]
        # And the key is as good as new.
        await stored(blobs, ALICES, b"once more")
        assert await content(blobs, ALICES) == b"once more"

    async def test_puts_of_one_key_at_once_leave_one_of_them_whole(self, blobs: Blobs) -> None:
        versions = [bytes([n]) * (1_000_000 + n) for n in range(6)]
        async with asyncio.TaskGroup() as tasks:
            for version in versions:
                tasks.create_task(blobs.put(ALICES, pieces_of(version), len(version)))
        assert await content(blobs, ALICES) in versions
        assert await listed(blobs) == [ALICES]

    @pytest.mark.parametrize(
        ("start", "end"),
        [(0, None), (0, 1), (5, 10), (0, 2_000_000), (1_999_999, None), (999_999, 1_300_001), (10, 3_000_000)],
    )
    async def test_a_range_is_read(self, blobs: Blobs, start: int, end: int | None) -> None:
        data = BIG[:2_000_000]
        await stored(blobs, ALICES, data)
        assert await content(blobs, ALICES, start, end) == data[start:end]

    @pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 3), (6, None), (7, None), (6, 9), (100, 200)])
    async def test_a_range_beyond_the_end_is_empty(self, blobs: Blobs, start: int, end: int | None) -> None:
        await stored(blobs, ALICES, b"sixsix")
        assert await content(blobs, ALICES, start, end) == b""

    async def test_a_range_of_nothing_is_empty(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, b"")
        assert await content(blobs, ALICES, 0, 10) == b""

    async def test_a_read_may_be_left_early(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, BIG)
        async with aclosing(blobs.read(ALICES)) as pieces:
            assert await anext(pieces)
        assert await content(blobs, ALICES, 0, 3) == BIG[:3]

    @pytest.mark.parametrize(("start", "end"), [(0, None), (3, 7), (0, 0)])
    async def test_reading_what_is_not_there_is_missing(self, blobs: Blobs, start: int, end: int | None) -> None:
        with pytest.raises(BlobMissing):
            await content(blobs, ALICES, start, end)

    async def test_the_head_of_what_is_not_there_is_none(self, blobs: Blobs) -> None:
        assert await blobs.head(ALICES) is None
        await stored(blobs, blob_key("rooms/1/alice.bin.old"), b"x")
        assert await blobs.head(ALICES) is None
        assert await blobs.head(blob_key("rooms/1")) is None

    async def test_a_copy_is_an_object_of_its_own(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, BIG[:3_000_000])
        before = datetime.now(UTC) - SKEW
        await blobs.copy(ALICES, BOBS)
        copied = await blobs.head(BOBS)
        assert copied is not None
        assert copied.size == 3_000_000
        assert copied.changed_at >= before, "a sweeper would take it for old"
        await stored(blobs, ALICES, b"changed")
        assert await content(blobs, BOBS) == BIG[:3_000_000]
        await blobs.delete([ALICES])
        assert await content(blobs, BOBS) == BIG[:3_000_000]
        assert await listed(blobs) == [BOBS]

    async def test_a_copy_replaces_what_was_there_also_when_it_is_the_same(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, b"alice's")
        await stored(blobs, BOBS, b"bob's")
        await blobs.copy(ALICES, BOBS)
        await blobs.copy(ALICES, BOBS)
        assert await content(blobs, BOBS) == b"alice's"
        assert await listed(blobs) == [ALICES, BOBS]

    async def test_copying_what_is_not_there_is_missing_and_changes_nothing(self, blobs: Blobs) -> None:
        await stored(blobs, BOBS, b"bob's")
        with pytest.raises(BlobMissing):
            await blobs.copy(ALICES, BOBS)
        assert await content(blobs, BOBS) == b"bob's"
        assert await listed(blobs) == [BOBS]

    async def test_deleting_removes_those_and_no_others_and_those_that_are_gone_are_removed_already(
        self, blobs: Blobs
    ) -> None:
        keys = [blob_key(f"many/{n % 7}/{n}") for n in range(30)]
        for key in keys:
            await stored(blobs, key, key.encode())
        gone = [blob_key("many/0/none"), blob_key("no-such-folder/x")]
        await blobs.delete([*gone, *keys[:20], keys[0]])
        await blobs.delete(keys[:3])
        await blobs.delete([])
        assert sorted(keys[20:]) == await listed(blobs)
        with pytest.raises(BlobMissing):
            await content(blobs, keys[0])

    async def test_the_listing_gives_everything_that_begins_so_by_key(self, blobs: Blobs) -> None:
        names = ("a", "ab/x", "b-c", "b.c", "b/0", "b/c", "b/c.d", "b/cc/d", "b0", "b_c", "c/a", "c/b")
        for name in random.Random(1).sample(names, len(names)):
            await stored(blobs, blob_key(name), name.encode())
        for prefix in (
            "",
            "a",
            "ab",
            "ab/",
            "b",
            "b/",
            "b/c",
            "b/cc",
            "b/c.",
            "b0",
            "c",
            "c/",
            "c/b",
            "d",
            "b/c/",
            "bb",
        ):
            assert await listed(blobs, prefix) == sorted(name for name in names if name.startswith(prefix)), prefix
        assert [one.size async for one in blobs.listing("b/cc/")] == [6]
        [one] = [one async for one in blobs.listing("c/b")]
        assert one == await blobs.head(blob_key("c/b"))

    async def test_a_listing_of_more_than_one_page_leaves_nothing_out(self, blobs: Blobs) -> None:
        keys = [content_key(hashlib.sha256(b"%d" % n).hexdigest()) for n in range(self.many)]
        await self._put_all(blobs, keys)
        assert await listed(blobs, "sha256/") == sorted(keys)
        async with aclosing(blobs.listing("sha256/")) as first:
            assert (await anext(first)).key == min(keys)
        await blobs.delete(keys)
        assert await listed(blobs) == []

    async def _put_all(self, blobs: Blobs, keys: Sequence[BlobKey]) -> None:
        async def some(mine: Iterable[BlobKey]) -> None:
            for key in mine:
                await blobs.put(key, pieces_of(b"x"), 1)

        async with asyncio.TaskGroup() as tasks:
            for n in range(8):
                tasks.create_task(some(keys[n::8]))

    @pytest.mark.parametrize(
        "key",
        [
            "a",
            "_",
            "-",
            "0",
            "abcdefghijklmnopqrstuvwxyz/0123456789/_x-y.z",
            "a.b/c..d/e-/-f/_/g.",
            "a/" * 99 + "xy",
            "x" * 200,
        ],
    )
    async def test_any_key_of_ours_is_kept_as_it_is(self, blobs: Blobs, key: str) -> None:
        await stored(blobs, blob_key(key), key.encode())
        assert await content(blobs, blob_key(key)) == key.encode()
        assert await listed(blobs) == [key]
        assert await listed(blobs, key) == [key]
        await blobs.copy(blob_key(key), blob_key("copied"))
        await blobs.delete([blob_key(key)])
        assert await listed(blobs) == ["copied"]

    SHOWN: ClassVar = Shown("image/png", "attachment; filename=\"a b+c&d=e.png\"; filename*=UTF-8''%E4%BD%A0%20%2B.png")

    async def test_a_signed_url_gives_the_bytes_as_they_are_to_be_shown(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, BIG[:100_000])
        url = await blobs.sign_get(ALICES, self.SHOWN, for_s=60)
        if not self.signs:
            assert url is None
            return
        assert url is not None
        answer = await fetched(url)
        assert answer.status_code == 200, answer.text
        assert answer.content == BIG[:100_000]
        assert answer.headers["content-type"] == self.SHOWN.content_type
        assert answer.headers["content-disposition"] == self.SHOWN.content_disposition

    async def test_a_signed_url_is_good_for_nothing_else(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, b"alice's")
        await stored(blobs, BOBS, b"bob's")
        url = await blobs.sign_get(ALICES, self.SHOWN, for_s=60)
        if not self.signs:
            assert url is None
            return
        assert url is not None
        assert (await fetched(url)).content == b"alice's"
        parts = urlsplit(url)
        changed = [parts._replace(path=parts.path.replace("alice.bin", "bob.bin")), parts._replace(query="")]
        values = parts.query.split("&")
        for at, value in enumerate(values):
            name, _, old = value.partition("=")
            others = (f"{name}={old[:-1]}{'1' if old[-1] != '1' else '2'}", f"{name}={old}0", None)
            for other in others:
                query = "&".join([*values[:at], *([other] if other is not None else []), *values[at + 1 :]])
                changed.append(parts._replace(query=query))
        async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as http:
            for one in changed:
                answer = await http.get(one.geturl())
                assert 400 <= answer.status_code < 500, one.geturl()
                assert b"bob's" not in answer.content
                assert b"alice's" not in answer.content
            for method in ("PUT", "DELETE"):
                assert 400 <= (await http.request(method, url)).status_code < 500, method
        assert await content(blobs, ALICES) == b"alice's"

    async def test_a_signed_url_ends_in_time(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, b"alice's")
        url = await blobs.sign_get(ALICES, self.SHOWN, for_s=1)
        if not self.signs:
            assert url is None
            return
        assert url is not None
        async with asyncio.timeout(WAIT_S):
            # The store's own clock runs, which nobody can set from here.
            while (answer := await fetched(url)).status_code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert 400 <= answer.status_code < 500
        assert b"alice's" not in answer.content

    async def test_a_signed_put_stores_the_object(self, blobs: Blobs) -> None:
        signed = await blobs.sign_put(ALICES, size=100_000, for_s=60)
        if not self.signs:
            assert signed is None
            return
        assert signed is not None
        answer = await sent(signed, BIG[:100_000])
        assert answer.status_code in {200, 201}, answer.text
        assert await content(blobs, ALICES) == BIG[:100_000]

    async def test_a_signed_put_is_for_this_object_alone(self, blobs: Blobs) -> None:
        await stored(blobs, BOBS, b"bob's")
        signed = await blobs.sign_put(ALICES, size=7, for_s=60)
        if not self.signs:
            assert signed is None
            return
        assert signed is not None
        moved = SignedPut(signed.url.replace("alice.bin", "bob.bin"), signed.headers, signed.method)
        assert 400 <= (await sent(moved, b"alice's")).status_code < 500
        assert await content(blobs, BOBS) == b"bob's"
        assert 400 <= (await fetched(signed.url)).status_code < 500, "it may put, but not get"
        if self.binds_size:
            longer = SignedPut(signed.url, {n: v for n, v in signed.headers.items() if n.lower() != "content-length"})
            assert 400 <= (await sent(longer, b"alice's, and more")).status_code < 500
            assert await blobs.head(ALICES) is None

    async def test_a_store_that_works_checks_and_leaves_nothing(self, blobs: Blobs) -> None:
        await stored(blobs, ALICES, b"alice's")
        await blobs.check()
        assert await listed(blobs) == [ALICES]
