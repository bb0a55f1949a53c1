"""Old parts of mirrored workspaces go; what a head needs, or is about to need, never does."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from multiplayer.live.mirror_sweep import LEASE, OLD
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.memory import MemoryStorage
from tests.live.test_approvals import Time
from tests.live.test_turn_controls import room_of
from tests.support.mirrors import FaultyBlobs, MirrorPod, mirror_pod

DAY_S = OLD.total_seconds() + 60


@dataclass
class Scene:
    one: MirrorPod
    two: MirrorPod
    blobs: FaultyBlobs
    room_id: RoomId
    time: Time = field(default_factory=Time)

    def age(self) -> None:
        """A day and a minute pass: for the pods by their clock, for the store by its objects' times."""
        self.time.ahead_s += DAY_S
        for path in self.blobs.objects(self.room_id).values():
            then = path.stat().st_mtime - DAY_S
            os.utime(path, (then, then))

    def touched_now(self, digest: str) -> None:
        path = self.blobs.objects(self.room_id)[digest]
        os.utime(path, (time.time() + self.time.ahead_s,) * 2)

    async def needed(self) -> set[str]:
        head = await self.one.head(self.room_id)
        return await self.one.mirror.sweeping._objects.objects_of(self.room_id, head.tree)


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock, storage, blobs = Time(), MemoryStorage(), FaultyBlobs(tmp_path / "blobs")
    async with (
        mirror_pod(tmp_path / "one", storage, blobs, name="one", clock=clock.clock()) as one,
        mirror_pod(tmp_path / "two", storage, blobs, name="two", clock=clock.clock()) as two,
    ):
        yield Scene(one, two, blobs, await room_of(one.alice), clock)


async def test_what_no_head_needs_goes_after_a_day_and_the_rest_stays(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.one.put(at.room_id, "deep/kept", "kept")
        await at.one.put(at.room_id, "plan", "first")
        await at.one.pushed(at.room_id)
        await at.one.put(at.room_id, "plan", "second")
        await at.one.pushed(at.room_id)
        every = set(at.blobs.objects(at.room_id))
        assert await at.one.mirror.sweeping.sweep(at.room_id) == 0, "it is not due"
        at.age()
        other = at.blobs.root / "workspaces" / at.room_id.lower() / "not-ours"
        other.write_text("x")
        os.utime(other, (0, 0))
        await at.two.mirror.sweeping.look()
        needed = await at.needed()
        assert every - needed
        assert set(at.blobs.objects(at.room_id)) == needed | {"not-ours"}
        assert await at.two.read(at.room_id, "plan") == "second"
        assert await at.two.read(at.room_id, "deep/kept") == "kept"


async def test_what_was_put_within_the_last_day_stays_although_no_head_needs_it_yet(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.one.put(at.room_id, "plan", "first")
        await at.one.pushed(at.room_id)
        at.age()
        await at.one.put(at.room_id, "plan", "second")
        at.blobs.puts_left = 1
        await at.one.push(at.room_id)
        coming = at.blobs.puts[-1].rpartition("/")[2]
        at.touched_now(coming)
        await at.two.mirror.sweeping.look()
        assert coming in at.blobs.objects(at.room_id)


async def test_a_push_beside_a_sweep_puts_again_what_the_sweep_may_have_removed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.one.put(at.room_id, "plan", "again and again")
        await at.one.pushed(at.room_id)
        await at.one.put(at.room_id, "plan", "for a while")
        await at.one.pushed(at.room_id)
        at.age()  # the first version is old, and nobody's
        at.blobs.before_delete = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            sweeping = tasks.create_task(at.two.mirror.sweeping.sweep(at.room_id))
            await at.blobs.is_deleting.wait()
            # The sweep is about to remove it; and now it comes back.
            await at.one.put(at.room_id, "plan", "again and again")
            told = await at.one.push(at.room_id)
            assert (told.state, told.reason) == ("failing", "old parts are just being removed from the file store")
            assert (await at.one.head(at.room_id)).version == 2
            at.blobs.before_delete.set()
        assert sweeping.result() == 2
        await at.one.pushed(at.room_id)
        assert await at.needed() <= set(at.blobs.objects(at.room_id))
        assert await at.two.files(at.room_id) == {"plan": "again and again"}


async def test_a_push_that_had_begun_before_a_sweep_looks_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.one.put(at.room_id, "plan", "x" * 2_000_000)
        await at.one.pushed(at.room_id)
        await at.one.put(at.room_id, "plan", "for a while")
        await at.one.pushed(at.room_id)
        at.age()
        await at.one.put(at.room_id, "plan", "x" * 2_000_000)
        put = at.one.storage.put_mirror_head
        swept: list[int] = []

        async def put_late(*args: object, **named: object) -> bool:
            # Between the last object (the large one was found there, and not sent) and the head.
            if not swept:
                swept.append(await at.two.mirror.sweeping.sweep(at.room_id))
            return await put(*args, **named)  # type: ignore[arg-type]  # as it was called

        at.one.storage.put_mirror_head = put_late  # type: ignore[method-assign]  # once
        await at.one.pushed(at.room_id)
        assert swept == [2], "the store's clock is a day behind the pods': even what was just put counts as old"
        assert await at.needed() <= set(at.blobs.objects(at.room_id))
        assert len(await at.two.read(at.room_id, "plan")) == 2_000_000


async def test_of_two_sweeps_at_once_one_is_done_and_one_a_day(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        for words in ("first", "second"):
            await at.one.put(at.room_id, "plan", words)
            await at.one.pushed(at.room_id)
        at.age()
        pods = [at.one, at.two] * 2
        assert sorted(await asyncio.gather(*(pod.mirror.sweeping.sweep(at.room_id) for pod in pods))) == [0, 0, 0, 2]
        at.time.ahead_s += LEASE.total_seconds()
        assert await at.one.mirror.sweeping.sweep(at.room_id) == 0


async def test_where_a_folder_cannot_be_read_nothing_is_removed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.one.put(at.room_id, "deep/a", "first")
        await at.one.pushed(at.room_id)
        await at.one.put(at.room_id, "deep/a", "second")
        await at.one.pushed(at.room_id)
        at.age()
        tree = (await at.one.head(at.room_id)).tree
        before = set(at.blobs.objects(at.room_id)) - {tree}
        at.blobs.objects(at.room_id)[tree].unlink()
        assert await at.two.mirror.sweeping.sweep(at.room_id) == 0
        assert set(at.blobs.objects(at.room_id)) == before
        # And that sweep is over for those who push.
        await at.one.put(at.room_id, "deep/a", "third")
        await at.one.pushed(at.room_id)


async def test_over_many_changes_and_sweeps_every_object_of_the_head_is_always_there(tmp_path: Path) -> None:
    random = Random(6)
    async with scene(tmp_path) as at:
        for _ in range(30):
            pod = random.choice([at.one, at.two])
            match random.randrange(5):
                case 0 | 1 | 2:
                    await pod.put(at.room_id, random.choice("abc"), random.choice(["x", "y", "z"]))
                case 3:
                    await pod.push(at.room_id)
                case _:
                    at.age()
                    await asyncio.gather(pod.mirror.sweeping.look(), at.one.push(at.room_id), at.two.push(at.room_id))
            if await at.one.storage.mirror_head(at.room_id) is not None and (await at.one.head(at.room_id)).version:
                assert await at.needed() <= set(at.blobs.objects(at.room_id))
        for last in (at.one, at.two, at.one):
            await last.push(at.room_id)
        assert await at.one.files(at.room_id) == await at.two.files(at.room_id)
