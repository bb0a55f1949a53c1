"""A file store that signs links, on loopback: a folder, a door of its own for whoever has a link, and what came there."""

import asyncio
import hashlib
import re
import secrets
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, Shown, SignedPut, blob_key

_FROM: Final = re.compile(r"bytes=(\d+)-")
_PIECE: Final = 16 * 1024


@dataclass(frozen=True)
class Came:
    """A request as the store saw it, with lower-case header names."""

    method: str
    headers: dict[str, str]


@dataclass
class Behaviour:
    """What the store does wrong, and all that came to it."""

    came: list[Came] = field(default_factory=list)
    refuses_puts: bool = False
    breaks_after: list[int] = field(default_factory=list)
    """The next downloads end after so many bytes."""
    spoils: bool = False
    """It hands out other bytes than it has."""

    def of(self, method: str) -> list[Came]:
        return [one for one in self.came if one.method == method]


class LinkStore(LocalBlobs):
    """`Blobs` whose links lead to its own door, and carry a signature that it knows."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.url = ""
        self.does = Behaviour()
        self._signed: dict[str, tuple[str, BlobKey]] = {}

    @override
    async def sign_get(self, key: BlobKey, shown: Shown, *, for_s: int) -> str | None:
        return self._sign("GET", key)

    @override
    async def sign_put(self, key: BlobKey, *, size: int, for_s: int) -> SignedPut | None:
        return SignedPut(self._sign("PUT", key), {"Content-Length": str(size), "X-Signed": "yes"})

    async def answer(self, request: Request) -> Response:
        does = self.does
        does.came.append(Came(request.method, dict(request.headers)))
        method, key = self._signed.get(request.query_params.get("signature", ""), ("", blob_key("none")))
        if method != request.method:
            return Response("<Error>SignatureDoesNotMatch</Error>", 403)
        if method == "PUT":
            if does.refuses_puts or request.headers.get("x-signed") != "yes":
                return Response("<Error>AccessDenied</Error>", 403)
            await self.put(key, request.stream(), int(request.headers["content-length"]))
            return Response()
        data = b"".join([piece async for piece in self.read(key)])
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        asked = _FROM.fullmatch(request.headers.get("range", ""))
        start = int(asked[1]) if asked and request.headers.get("if-range", etag) == etag else 0
        headers = {"ETag": etag, "Content-Length": str(len(data) - start)}
        if asked and start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if does.spoils:
            data = bytes(len(data))
        end = start + does.breaks_after.pop(0) if does.breaks_after else len(data)
        return StreamingResponse(_pieces(data, start, end), 206 if asked and start else 200, headers)

    def _sign(self, method: str, key: BlobKey) -> str:
        signature = secrets.token_hex(8)
        self._signed[signature] = (method, key)
        return f"{self.url}/{key}?signature={signature}"


async def _pieces(data: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, _PIECE):
        yield data[at : min(at + _PIECE, end)]


class _Server(uvicorn.Server):
    """Leaves the signals of the process to the test run."""

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def link_store(root: Path) -> AsyncIterator[LinkStore]:
    """Serve an empty store on an ephemeral loopback port until the block ends."""
    store = LinkStore(root)
    app = Starlette(routes=[Route("/{key:path}", store.answer, methods=["GET", "PUT"])])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        store.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            try:
                yield store
            finally:
                server.should_exit = True
