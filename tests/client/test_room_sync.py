"""What a program needs to let a folder follow a room's workspace, through the SDK at a real server."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.client import Client, RefusalCode, Refused, Room
from multiplayer.protocol.turn_events import FilesChanged
from multiplayer.protocol.workspace_sync import RemovePath, WritePath
from tests.support.server import running_server

pytestmark = pytest.mark.slow
PATIENCE_S = 20.0


@asynccontextmanager
async def room_of_alice(folder: Path) -> AsyncIterator[Room]:
    async with running_server(folder) as server:
        alice = await server.know("alice")
        await server.room(alice)
        async with Client(server.url, token=alice.token) as client:
            yield await client.room("demo")


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for begins in range(0, len(data), 100_000):
        yield data[begins : begins + 100_000]


async def fetched(room: Room, sha256: str, start: int = 0) -> bytes:
    async with aclosing(room.fetch_content(sha256, start)) as coming:
        return b"".join([piece async for piece in coming])


async def test_a_folder_is_followed_by_tree_contents_and_changes(tmp_path: Path) -> None:
    async with room_of_alice(tmp_path) as room:
        empty = await room.workspace_tree()
        assert empty is not None
        assert empty.entries == ()
        data = os.urandom(1_500_000)
        sha256 = hashlib.sha256(data).hexdigest()
        assert list(await room.missing_contents([sha256])) == [sha256]
        await room.put_content(sha256, len(data), pieces(data))
        assert list(await room.missing_contents([sha256])) == []
        done = await room.change_paths([WritePath(path="a/b.bin", sha256=sha256), WritePath(path="c", sha256="0" * 64)])
        assert [outcome.state for outcome in done.outcomes] == ["done", "missing"]
        told = await room.wait_for(lambda word: isinstance(word, FilesChanged), PATIENCE_S, after=1)
        assert isinstance(told, FilesChanged)
        assert (told.seq, told.before, told.after) == (done.change.seq, empty.tree, done.tree)
        assert await room.workspace_tree(done.tree) is None
        tree = await room.workspace_tree(empty.tree)
        assert tree is not None
        assert [(entry.path, entry.sha256, entry.size) for entry in tree.entries] == [("a/b.bin", sha256, len(data))]
        assert await fetched(room, sha256) == data
        assert await fetched(room, sha256, 1_000_001) == data[1_000_001:]
        removed = await room.change_paths([RemovePath(path="a/b.bin", expected=sha256)])
        assert removed.tree == empty.tree


async def test_what_is_refused_comes_out_as_a_refusal(tmp_path: Path) -> None:
    async with room_of_alice(tmp_path) as room:
        with pytest.raises(Refused) as gone:
            await fetched(room, "0" * 64)
        assert gone.value.code is RefusalCode.NOT_FOUND
        with pytest.raises(Refused) as wrong:
            await room.put_content("0" * 64, 3, pieces(b"abc"))
        assert wrong.value.code is RefusalCode.MALFORMED
        sha256 = hashlib.sha256(b"abc").hexdigest()
        await room.put_content(sha256, 3, pieces(b"abc"))
        await room.change_paths([WritePath(path="x", sha256=sha256)])
        with pytest.raises(Refused) as beyond:
            await fetched(room, sha256, 3)
        assert beyond.value.code is RefusalCode.MALFORMED
