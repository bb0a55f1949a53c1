"""A file store that is slow: what it has is fetched before the room's lock is taken, and no change waits long for it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.blobs.port import BlobKey
from multiplayer.live.workspace_changes import ChangesByHand
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.memory import MemoryStorage
from tests.live.test_turn_controls import room_of
from tests.support.mirrors import SLOWLY, FaultyBlobs, MirrorPod, mirror_pod
from tests.support.pods import PATIENCE_S

IMPATIENT = replace(SLOWLY, fetch_s=(0.05, 0.05), pull_again_s=3_600.0)


class Gated(FaultyBlobs):
    """Reading waits for a gate."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_reading = asyncio.Event()

    @override
    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        self.is_reading.set()
        await self.gate.wait()
        async for piece in super().read(key, start, end):
            yield piece


@asynccontextmanager
async def two_pods(root: Path) -> AsyncIterator[tuple[MirrorPod, MirrorPod, Gated, RoomId]]:
    """A room whose newest files are in the store and on the first pod alone; the second has had a plan."""
    storage, blobs = MemoryStorage(), Gated(root / "blobs")
    async with (
        mirror_pod(root / "one", storage, blobs, name="one") as one,
        mirror_pod(root / "two", storage, blobs, name="two", pace=IMPATIENT) as two,
    ):
        room_id = await room_of(one.alice)
        await one.put(room_id, "plan", "first")
        await one.pushed(room_id)
        yield one, two, blobs, room_id
        blobs.gate.set()


async def came(pod: MirrorPod, room_id: RoomId) -> None:
    coming = pod.mirror._room(room_id).coming
    if coming is not None and coming.task is not None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([coming.task])


async def test_a_change_goes_on_with_what_is_here_and_what_was_slow_is_merged_when_it_has_come(tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        assert await two.files(room_id) == {"plan": "first"}
        await one.put(room_id, "plan", "second")
        await one.pushed(room_id)
        blobs.gate.clear()
        async with asyncio.timeout(PATIENCE_S):
            await two.put(room_id, "own", "o")
            assert await two.files(room_id) == {"plan": "first", "own": "o"}
        told = (await two.listing(room_id)).mirror
        assert (told.state, "slow" in told.reason) == ("behind", True)
        blobs.gate.set()
        await came(two, room_id)
        assert await two.files(room_id) == {"plan": "second", "own": "o"}
        await two.pushed(room_id)
        assert await one.files(room_id) == {"plan": "second", "own": "o"}


async def test_nobody_holds_the_rooms_lock_while_a_reader_waits_for_the_store(tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (_, two, blobs, room_id):
        blobs.gate.clear()
        blobs.is_reading.clear()
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(two.files(room_id))
            async with asyncio.timeout(PATIENCE_S):
                await blobs.is_reading.wait()
            assert not two.workbench.lock(room_id).locked()
            # There is nothing here that could be changed, and it is said why; the reader waits on.
            with pytest.raises(Refused) as refused:
                await two.put(room_id, "own", "o")
            assert refused.value.code is RefusalCode.UNAVAILABLE
            assert "file store" in refused.value.message
            assert "command" not in refused.value.message
            assert not reading.done()
            blobs.gate.set()
        assert reading.result() == {"plan": "first"}


async def test_what_comes_stays_although_old_checkpoints_are_forgotten_meanwhile(tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        assert await two.files(room_id) == {"plan": "first"}
        for number in range(4):
            await one.put(room_id, f"new-{number}", f"words {number}")
        await one.pushed(room_id)
        blobs.gate.clear()
        await two.put(room_id, "own", "o")
        reads = 0
        read = two.mirror._pull._objects._read

        async def counted(of: RoomId, digest: str, size: int | None) -> object:
            nonlocal reads
            reads += 1
            two.workbench.checkpoints.keep(room_id, ())  # all that nothing needs goes, each time
            return await read(of, digest, size)

        two.mirror._pull._objects._read = counted  # type: ignore[method-assign,assignment]  # as it was called
        blobs.gate.set()
        await came(two, room_id)
        assert len(await two.files(room_id)) == 6
        assert reads == 4, "nothing is fetched twice (the folder was on its way already)"


async def test_who_waits_for_a_merge_is_not_told_of_a_command(tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (_, two, _blobs, room_id):
        by_hand = ChangesByHand(two.workbench, two.pod.directory, lambda: "x", lock_wait_s=0.01)
        lock = two.workbench.lock(room_id)
        for is_bringing, words in ((True, "another server"), (False, "a command")):
            async with lock:
                lock.is_bringing = is_bringing
                with pytest.raises(Refused, match=words):
                    await by_hand.alone(room_id).__aenter__()
