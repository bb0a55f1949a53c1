"""Fetches one file of a message onto this machine: beside its place, on from where it broke off, checked, then moved there."""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import httpx

from multiplayer.client.backoff import Patience
from multiplayer.client.errors import ConnectionLost, FileDamaged
from multiplayer.client.local_file import Progress
from multiplayer.client.rest import Rest, problem_of
from multiplayer.client.sending import store_client
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AttachmentId

_WRITTEN_AT_ONCE: Final = 1024 * 1024
_SHA256: Final = re.compile(r'"([0-9a-f]{64})"')
_NAME: Final = re.compile(r"filename\*=UTF-8''([^;\s]*)", re.IGNORECASE)
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_PLAIN: Final = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the server says of a file before it gives it. `sha256` is None where it does not say."""

    name: str
    """As its sender called it: anything."""
    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that has come. `is_verified`: its checksum is the one that the server says."""

    path: Path
    size: int
    sha256: str
    is_verified: bool


async def head_of(rest: Rest, file_id: AttachmentId) -> FileHead:
    """Ask what a file is."""
    path = file_path(file_id)
    async with rest.opened("HEAD", path, _PLAIN) as answer:
        if answer.status_code == httpx.codes.OK:
            headers = answer.headers
            match = _SHA256.fullmatch(headers.get("etag", ""))
            named = _NAME.search(headers.get("content-disposition", ""))
            length = headers.get("content-length", "")
            if not length.isascii() or not length.isdigit():
                raise ConnectionLost("the server does not say how long the file is")
            return FileHead(unquote(named[1]) if named else "", int(length), match[1] if match else None)
    # Why not, only the answer to a GET says.
    async with rest.opened("GET", path, {**_PLAIN, "Range": "bytes=0-0"}) as answer:
        await answer.aread()
        raise problem_of(answer)


class Fetching:
    """One download. `run` it once."""

    def __init__(self, rest: Rest, file_id: AttachmentId, *, patience_s: float) -> None:
        self._rest = rest
        self._file_id = file_id
        self._patience = Patience(patience_s)
        self._etag: str | None = None
        """Of what has come so far, by whoever it came from."""

    async def run(self, to: Path, *, replaces: bool, on_progress: Progress) -> Downloaded:
        """See `Files.download`."""
        if not replaces and await asyncio.to_thread(os.path.lexists, to):
            raise FileExistsError(f"{to} is there already")
        head = await self._head()
        on_progress(0, head.size)
        sink = await asyncio.to_thread(_Sink, to)
        try:
            while sink.size < head.size:
                before = sink.size
                try:
                    await self._take(sink, head, on_progress)
                except (ConnectionLost, Refused) as problem:
                    if sink.size > before:
                        self._patience.got_on()
                    await self._patience.wait(problem)
            sha256 = sink.sha256
            if sink.size != head.size or head.sha256 not in {None, sha256}:
                raise FileDamaged("what came is not the file: its size or checksum is another")
            await asyncio.to_thread(sink.publish, replaces=replaces)
        finally:
            sink.drop()
        return Downloaded(to, head.size, sha256, is_verified=head.sha256 is not None)

    async def _head(self) -> FileHead:
        while True:
            try:
                return await head_of(self._rest, self._file_id)
            except (ConnectionLost, Refused) as problem:
                await self._patience.wait(problem)

    async def _take(self, sink: "_Sink", head: FileHead, on_progress: Progress) -> None:
        """Take what comes of one answer. Raises `ConnectionLost` where it ends early."""
        async with self._answer(sink.size) as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ConnectionLost("the file was changed on its way")
            if not self._goes_on(answer, sink.size, head.size):
                await asyncio.to_thread(sink.begin_anew)
            etag = answer.headers.get("etag")
            self._etag = None if etag is None or etag.startswith("W/") else etag
            gathered: list[bytes] = []
            held = 0
            try:
                async for piece in answer.aiter_raw():
                    gathered.append(piece)
                    held += len(piece)
                    if sink.size + held > head.size:
                        raise FileDamaged("more comes than the file holds")
                    if held >= _WRITTEN_AT_ONCE:
                        whole, gathered, held = gathered, [], 0
                        await asyncio.to_thread(sink.write, whole)
                        on_progress(sink.size, head.size)
            except httpx.HTTPError:
                # What came before the break need not come again.
                await asyncio.to_thread(sink.write, gathered)
                raise
            await asyncio.to_thread(sink.write, gathered)
            on_progress(sink.size, head.size)
        if sink.size < head.size:
            raise ConnectionLost("the file broke off")

    @asynccontextmanager
    async def _answer(self, start: int) -> AsyncIterator[httpx.Response]:
        headers = dict(_PLAIN)
        if start and self._etag is not None:
            headers |= {"Range": f"bytes={start}-", "If-Range": self._etag}
        async with self._rest.opened("GET", file_path(self._file_id), headers) as answer:
            if answer.status_code in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
                yield answer
                return
            if answer.status_code != httpx.codes.TEMPORARY_REDIRECT:
                await answer.aread()
                raise problem_of(answer)
            link = answer.headers.get("location", "")
        try:
            # Another client: neither our token nor anything else of ours goes there.
            async with store_client(link) as store, store.stream("GET", link, headers=headers) as answer:
                if answer.status_code not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
                    raise ConnectionLost(f"the file store answered HTTP {answer.status_code}")
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its words may hold the link.
            raise ConnectionLost(f"the file store cannot be reached ({type(error).__name__})") from None

    @staticmethod
    def _goes_on(answer: httpx.Response, start: int, size: int) -> bool:
        """Tell whether what comes belongs behind what is there."""
        match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        is_part = answer.status_code == httpx.codes.PARTIAL_CONTENT
        if is_part and (match is None or (int(match[1]), int(match[3])) != (start, size)):
            raise ConnectionLost("another part of the file came than was asked for")
        return is_part


class _Sink:
    """What has come of a file, beside its place. Its methods block."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self._path = to.with_name(f".{secrets.token_hex(8)}.part")
        self._file = self._path.open("xb")
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def begin_anew(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._file.write(piece)
            self._digest.update(piece)
            self.size += len(piece)

    def publish(self, *, replaces: bool) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if replaces:
            self._path.replace(self._to)
            return
        try:
            # Unlike a rename it replaces nothing, also not what came there meanwhile.
            self._to.hardlink_to(self._path)
        except FileExistsError:
            raise FileExistsError(f"{self._to} is there already") from None
        except OSError:
            # Not every disk knows a file by two names: the name is taken first, then the file moved over it.
            self._to.open("xb").close()
            self._path.replace(self._to)

    def drop(self) -> None:
        self._file.close()
        with suppress(OSError):
            self._path.unlink()


def file_path(file_id: AttachmentId) -> str:
    """Return where a file stands."""
    return f"/files/{quote(file_id, safe='')}"
