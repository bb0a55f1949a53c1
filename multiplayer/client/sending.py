"""Sends one file into a room: begun with its checksum, in parts that are each tried again, direct to the store if asked."""

from collections.abc import AsyncIterable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Final
from urllib.parse import quote

import httpx
from pydantic import JsonValue

from multiplayer.client.backoff import PASSING, Patience
from multiplayer.client.errors import ConnectionLost, FileChanged, UploadFailed
from multiplayer.client.link import is_own_machine
from multiplayer.client.local_file import LocalFile, Progress
from multiplayer.client.rest import Rest
from multiplayer.protocol.attachments import AttachmentState, SignedPart, Upload
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AttachmentId, RoomId

PART_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
"""The store behind the server may be slow to say that it has a part."""
_COMPLETE_S: Final = 120.0
_COMPLETE_BYTES_PER_S: Final = 4 * 1024 * 1024
"""So fast at least the server is expected to put a file together."""
_STORE_REFUSALS: Final = 2
"""A link may have been too old; a store that refuses again is not asked any more."""


class _StoreRefused(ConnectionLost):
    """The store itself said no to a part."""


class Sending:
    """One upload. `run` it once."""

    def __init__(self, rest: Rest, room_id: RoomId, file: LocalFile, *, is_direct: bool, patience_s: float) -> None:
        self._rest = rest
        self._room_id = room_id
        self._file = file
        self._is_direct = is_direct
        self._patience_s = patience_s
        self._store_refusals = 0
        self._stack = AsyncExitStack()
        self._store: httpx.AsyncClient | None = None

    async def run(
        self,
        name: str,
        resume: AttachmentId | None,
        *,
        on_check: Progress,
        on_begun: Callable[[Upload], None],
        on_progress: Progress,
    ) -> Upload:
        """See `RoomAttachments.send_file`."""
        if resume is None:
            upload = await self._begin(name, await self._file.sha256(on_check))
        else:
            upload = await self._rest.read(upload_path(resume), Upload)
            self._check_is_it(upload)
        upload_id = upload.attachment.id
        on_begun(upload)
        async with self._stack:
            try:
                if upload.plan is not None:
                    upload = await self._go_on(upload, on_progress, is_resumed=resume is not None)
            except ConnectionLost as lost:
                raise UploadFailed(str(lost), upload_id) from lost
            except FileChanged:
                # Its checksum was said: nothing can come of it any more.
                with suppress(ConnectionLost, Refused):
                    await self._rest.remove(upload_path(upload_id))
                raise
            except Refused as refused:
                if refused.code in PASSING:
                    raise UploadFailed(refused.message, upload_id) from refused
                raise
        on_progress(self._file.size, self._file.size)
        return upload

    async def _begin(self, name: str, sha256: str) -> Upload:
        body: dict[str, JsonValue] = {"name": name, "size": self._file.size, "sha256": sha256}
        patience = Patience(self._patience_s)
        while True:
            try:
                return await self._rest.write(
                    "POST", f"/rooms/{self._room_id}/uploads", Upload, body, status=httpx.codes.CREATED
                )
            except Refused as refused:
                # A lost answer is not asked for again: each one asked for would be an upload more.
                await patience.wait(refused)

    def _check_is_it(self, upload: Upload) -> None:
        attachment = upload.attachment
        if attachment.size != self._file.size:
            raise FileChanged(
                f"{self._file.name} has {self._file.size} bytes, and the upload that was begun has {attachment.size}: "
                "it is another file, or was changed"
            )
        if upload.plan is None and attachment.state is not AttachmentState.READY:
            raise Refused(RefusalCode.CONFLICT, "this upload is over: send the file anew")

    async def _go_on(self, upload: Upload, on_progress: Progress, *, is_resumed: bool) -> Upload:
        upload_id = upload.attachment.id
        if is_resumed:
            # What went directly into the store is known only there, until it is asked to complete.
            with suppress(_Missing):
                return await self._complete(upload_id)
            upload = await self._rest.read(upload_path(upload_id), Upload)
        plan = upload.plan
        if plan is None:
            return upload
        missing = [number for number in range(1, plan.parts + 1) if number not in plan.received]
        done = self._file.size - sum(self._size_of(number, plan.part_bytes) for number in missing)
        on_progress(done, self._file.size)
        for number in missing:
            size = self._size_of(number, plan.part_bytes)
            begins = (number - 1) * plan.part_bytes
            offset = done - begins

            def tell(at: int, total: int, offset: int = offset) -> None:
                on_progress(at + offset, total)

            await self._send_part(upload_id, number, begins, size, tell)
            done += size
        return await self._complete(upload_id)

    def _size_of(self, number: int, part_bytes: int) -> int:
        return max(0, min(part_bytes, self._file.size - (number - 1) * part_bytes))

    async def _send_part(
        self, upload_id: AttachmentId, number: int, begins: int, size: int, on_progress: Progress
    ) -> None:
        path = f"{upload_path(upload_id)}/parts/{number}"
        patience = Patience(self._patience_s)
        while True:
            try:
                link = await self._link_for(path) if self._is_direct else None
                async with aclosing(self._file.pieces(begins, size, on_progress)) as pieces:
                    if link is not None:
                        await self._put(link, pieces, size)
                    else:
                        await self._rest.send(path, Upload, pieces, size, timeout=PART_TIMEOUT)
            except (ConnectionLost, Refused) as problem:
                if isinstance(problem, _StoreRefused):
                    self._store_refusals += 1
                    self._is_direct = self._store_refusals < _STORE_REFUSALS
                await patience.wait(problem)
            else:
                return

    async def _link_for(self, path: str) -> SignedPart | None:
        try:
            return await self._rest.write("POST", f"{path}/link", SignedPart, None)
        except Refused as refused:
            if refused.code is not RefusalCode.CONFLICT:
                raise
            # This server's store takes nothing from others.
            self._is_direct = False
            return None

    async def _put(self, link: SignedPart, pieces: AsyncIterable[bytes], size: int) -> None:
        headers = httpx.Headers(link.headers)
        headers.setdefault("Content-Length", str(size))
        try:
            response = await (await self._at_store(link.url)).request(
                link.method, link.url, headers=headers, content=pieces
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ConnectionLost(f"the file store cannot be reached ({type(error).__name__})") from None
        if response.is_client_error:
            raise _StoreRefused(f"the file store answered HTTP {response.status_code}")
        if not response.is_success:
            raise ConnectionLost(f"the file store answered HTTP {response.status_code}")

    async def _at_store(self, url: str) -> httpx.AsyncClient:
        if self._store is None:
            self._store = await self._stack.enter_async_context(store_client(url))
        return self._store

    async def _complete(self, upload_id: AttachmentId) -> Upload:
        """Let the server put the parts together. Raises `UploadFailed`, and `_Missing` where parts are not there yet."""
        timeout = httpx.Timeout(_COMPLETE_S + self._file.size / _COMPLETE_BYTES_PER_S, connect=5.0)
        patience = Patience(self._patience_s)
        while True:
            try:
                upload = await self._rest.write(
                    "POST", f"{upload_path(upload_id)}/complete", Upload, None, timeout=timeout
                )
            except (ConnectionLost, Refused) as problem:
                if isinstance(problem, Refused) and problem.code is RefusalCode.CONFLICT:
                    raise _Missing(problem.code, problem.message) from None
                await patience.wait(problem)
            else:
                if upload.attachment.state is not AttachmentState.READY:
                    raise UploadFailed(upload.attachment.reason or "it did not arrive", upload_id)
                return upload


class _Missing(Refused):
    """The server has not all parts, or the upload is over."""


def upload_path(upload_id: AttachmentId) -> str:
    """Return where an upload stands."""
    return f"/uploads/{quote(upload_id, safe='')}"


def store_client(url: str) -> httpx.AsyncClient:
    """Return a client for the file store behind a link: it knows nothing of our server, and takes no token there."""
    return httpx.AsyncClient(
        timeout=PART_TIMEOUT, trust_env=not is_own_machine(url), headers={"Accept-Encoding": "identity"}
    )
