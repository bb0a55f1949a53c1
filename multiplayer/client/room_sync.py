"""What a program needs to let a folder follow a room's workspace: its tree, contents by checksum, changes of many paths."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from typing import Final

import httpx

from multiplayer.client.errors import ConnectionLost
from multiplayer.client.rest import Rest, problem_of
from multiplayer.client.sending import PART_TIMEOUT
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.workspace_sync import (
    AskContents,
    ChangePaths,
    ContentTaken,
    MissingContents,
    PathChange,
    PathsChanged,
    WorkspaceTree,
)

_TIMEOUT: Final = httpx.Timeout(120.0, connect=5.0)
"""A thousand files are written, an AI's command may have to end before, and the server's file store is waited for."""
_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/\d{1,18}")


class RoomSync:
    """A part of `Room`. Every method raises `Refused`, `NotSignedIn` or `ConnectionLost`; nothing is tried twice."""

    _rest: Rest
    _room_id: RoomId

    async def workspace_tree(self, known: str | None = None) -> WorkspaceTree | None:
        """Return all files of the workspace, with checksums; None if its tree is still the `known` one."""
        return await self._rest.read_unless(f"{self._synced}/tree", WorkspaceTree, known, timeout=_TIMEOUT)

    async def missing_contents(self, sha256s: Sequence[str]) -> Sequence[str]:
        """Return those of at most 2,000 contents that have to be sent before a change can name them."""
        body = AskContents(sha256s=tuple(sha256s)).model_dump(mode="json")
        return (await self._rest.write("POST", f"{self._synced}/contents/missing", MissingContents, body)).sha256s

    async def put_content(self, sha256: str, size: int, pieces: AsyncIterable[bytes]) -> None:
        """Send a content of `size` bytes: for a day a change may name it. The same again is fine."""
        await self._rest.send(self._content(sha256), ContentTaken, pieces, size, timeout=PART_TIMEOUT)

    async def fetch_content(self, sha256: str, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Give a content as it comes, from `start` on, which lies before its end. Whoever stops early closes this.

        It has not been checked against its checksum. Raises `ConnectionLost` where it ends early.
        """
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        async with self._rest.opened("GET", self._content(sha256), headers) as answer:
            if answer.status_code not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
                await answer.aread()
                raise problem_of(answer)
            said = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            if (int(said[1]) if said is not None else 0) != start:
                raise ConnectionLost("another part of the file came than was asked for")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ConnectionLost("the file was changed on its way")
            async for piece in answer.aiter_raw():
                yield piece

    async def change_paths(self, changes: Sequence[PathChange]) -> PathsChanged:
        """Change 1 to 1,000 paths, each decided by itself: see what became of them. The same again finds it so already."""
        body = ChangePaths(changes=tuple(changes)).model_dump(mode="json")
        return await self._rest.write("POST", f"{self._synced}/changes", PathsChanged, body, timeout=_TIMEOUT)

    def _content(self, sha256: str) -> str:
        assert sha256.isalnum(), f"not a checksum: {sha256!r}"
        return f"{self._synced}/contents/{sha256}"

    @property
    def _synced(self) -> str:
        return f"/rooms/{self._room_id}/workspace"
