"""Pods whose workspaces are mirrored to one store, which can be made to fail."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, BlobsUnavailable, Stored
from multiplayer.live.clock import Clock
from multiplayer.live.mirroring import Mirror, MirrorPace
from multiplayer.live.pod import Pod
from multiplayer.live.workbench import Workbench
from multiplayer.live.workspace_door import ANY_VERSION
from multiplayer.models.port import ChatModel
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.reports_workspace import MirrorState, WorkspaceListing
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.mirror_port import MirrorHead
from multiplayer.storage.port import Storage
from tests.support.pods import PATIENCE_S, Guest, memory_pod, system_clock
from tests.support.tree_play import Seen, seen

SLOWLY = MirrorPace(push_s=3_600.0, most_s=3_600.0, again_s=(3_600.0, 3_600.0), pull_again_s=0.0)
"""Nothing is pushed until somebody says so, or the pod ends."""
AT_ONCE = MirrorPace(push_s=0.0, most_s=0.0, again_s=(0.0, 0.01), pull_again_s=0.0)


class FaultyBlobs(LocalBlobs):
    """A folder that can be away, stop after some puts, be slow, or be read while something is removed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.is_away = False
        self.puts_left: int | None = None
        self.puts: list[BlobKey] = []
        self.is_stuck = False
        self.before_delete: asyncio.Event | None = None
        """Removing waits for it."""
        self.is_deleting = asyncio.Event()

    def objects(self, room_id: RoomId) -> dict[str, Path]:
        """The room's objects by their digests."""
        return {path.name: path for path in (self.root / "workspaces" / room_id.lower()).rglob("*") if path.is_file()}

    @override
    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        await self._reach()
        if self.puts_left is not None:
            if not self.puts_left:
                raise BlobsUnavailable("it stopped")
            self.puts_left -= 1
        stored = await super().put(key, pieces, size)
        self.puts.append(key)
        return stored

    @override
    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        await self._reach()
        async for piece in super().read(key, start, end):
            yield piece

    @override
    async def delete(self, keys: Sequence[BlobKey]) -> None:
        await self._reach()
        if self.before_delete is not None:
            self.is_deleting.set()
            await self.before_delete.wait()
        await super().delete(keys)

    async def _reach(self) -> None:
        if self.is_away:
            raise BlobsUnavailable("the file store cannot be reached")
        if self.is_stuck:
            await asyncio.Event().wait()


@dataclass
class MirrorPod:
    """A pod with alice on it."""

    pod: Pod
    mirror: Mirror
    workbench: Workbench
    alice: Guest
    root: Path
    storage: Storage

    async def put(self, room_id: RoomId, path: str, words: str | bytes) -> None:
        data = words.encode() if isinstance(words, str) else words
        await self.pod.workspace.door.write(room_id, self.alice.id, path, data, ANY_VERSION)

    async def delete(self, room_id: RoomId, path: str) -> None:
        await self.pod.workspace.door.delete(room_id, self.alice.id, path, is_recursive=True)

    async def read(self, room_id: RoomId, path: str) -> str:
        return (await self.pod.workspace.reports.read(room_id, self.alice.id, path)).data.decode()

    async def listing(self, room_id: RoomId) -> WorkspaceListing:
        return await self.pod.workspace.reports.listing(room_id, self.alice.id, "")

    async def files(self, room_id: RoomId) -> dict[str, str]:
        """What lies at the top, as a member reads it."""
        names = [entry.name for entry in (await self.listing(room_id)).entries if entry.kind == "file"]
        return {name: await self.read(room_id, name) for name in names}

    async def push(self, room_id: RoomId) -> MirrorState:
        return await push_now(self.mirror, room_id)

    async def pushed(self, room_id: RoomId) -> MirrorState:
        """Push, and see that it is there."""
        state = await self.push(room_id)
        assert state.state == "synced", state
        return state

    async def head(self, room_id: RoomId) -> MirrorHead:
        head = await self.storage.mirror_head(room_id)
        assert head is not None
        return head

    def folder(self, room_id: RoomId) -> Path:
        return self.root / "workspaces" / room_id

    def seen(self, room_id: RoomId) -> Seen:
        """What lies on this pod's disk."""
        return seen(self.folder(room_id))


async def push_now(mirror: Mirror, room_id: RoomId) -> MirrorState:
    """Push now instead of a little later; return what the next try has come to."""
    async with asyncio.timeout(PATIENCE_S):
        await mirror._tried(mirror._room(room_id))
    return await mirror.state(room_id)


@asynccontextmanager
async def mirror_pod(
    root: Path,
    storage: MemoryStorage,
    blobs: FaultyBlobs,
    *,
    name: str,
    pace: MirrorPace = SLOWLY,
    clock: Clock | None = None,
    model: ChatModel | None = None,
) -> AsyncIterator[MirrorPod]:
    """`root` is the pod's data folder; whoever gives one that was used before starts the pod again."""
    await asyncio.to_thread(root.mkdir, exist_ok=True)
    clock = clock or system_clock()
    async with memory_pod(
        root / "workspaces", storage=storage, blobs=blobs, clock=clock, name=name, model=model
    ) as pod:
        workbench = pod.workspace.reports._workbench
        async with Mirror(workbench, storage, blobs, clock, name, pace=pace) as mirror:
            workbench.mirror = mirror
            yield MirrorPod(pod, mirror, workbench, await Guest.enter(pod, "alice"), root, storage)
