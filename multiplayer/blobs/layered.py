"""A store in front of an older one: what is new goes into the first, what is old is still found where it lies."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence

from multiplayer.blobs.port import BlobKey, Blobs, Shown, SignedPut, Stored


class LayeredBlobs:
    """Both are used and closed by this one alone. An object that is in both is the first one's."""

    def __init__(self, first: Blobs, older: Blobs) -> None:
        self._first = first
        self._older = older

    @property
    def kind(self) -> str:
        return self._first.kind

    @property
    def first(self) -> Blobs:
        """The store that takes what is new."""
        return self._first

    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        return await self._first.put(key, pieces, size)

    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `Blobs.read`."""
        async for piece in (await self._holder(key)).read(key, start, end):
            yield piece

    async def head(self, key: BlobKey) -> Stored | None:
        return await self._first.head(key) or await self._older.head(key)

    async def copy(self, key: BlobKey, to: BlobKey) -> None:
        """Copy into the first store, through here if it lies in the older one."""
        holder = await self._holder(key)
        if holder is self._first:
            await self._first.copy(key, to)
        else:
            await self._first.put(to, holder.read(key))

    async def delete(self, keys: Sequence[BlobKey]) -> None:
        await self._first.delete(keys)
        await self._older.delete(keys)

    async def listing(self, prefix: str) -> AsyncGenerator[Stored, None]:
        """See `Blobs.listing`: both merged, each key once."""
        older = self._older.listing(prefix)
        waiting = await anext(older, None)
        async for stored in self._first.listing(prefix):
            while waiting is not None and waiting.key < stored.key:
                yield waiting
                waiting = await anext(older, None)
            if waiting is not None and waiting.key == stored.key:
                waiting = await anext(older, None)
            yield stored
        while waiting is not None:
            yield waiting
            waiting = await anext(older, None)

    async def sign_get(self, key: BlobKey, shown: Shown, *, for_s: int) -> str | None:
        return await (await self._holder(key)).sign_get(key, shown, for_s=for_s)

    async def sign_put(self, key: BlobKey, *, size: int, for_s: int) -> SignedPut | None:
        return await self._first.sign_put(key, size=size, for_s=for_s)

    async def check(self) -> None:
        await self._first.check()
        await self._older.check()

    async def aclose(self) -> None:
        await self._first.aclose()
        await self._older.aclose()

    async def _holder(self, key: BlobKey) -> Blobs:
        """The store that has it; the first if none has."""
        if await self._first.head(key) is None and await self._older.head(key) is not None:
            return self._older
        return self._first
