"""Old parts of mirrored workspaces go; what a head needs, or is about to need, never does."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from typing_extensions import override

from multiplayer.blobs.port import BlobKey, BlobsUnavailable, Stored
from multiplayer.live.mirror_sweep import AGAIN, LEASE, OLD
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
async def scene(tmp_path: Path, kind: type[FaultyBlobs] = FaultyBlobs) -> AsyncIterator[Scene]:
    clock, storage, blobs = Time(), MemoryStorage(), kind(tmp_path / "blobs")
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


class Late(FaultyBlobs):
    """Lets time pass with each object that is listed."""

    each_s = 0.0
    time: Time | None = None
    listed: list[str]

    @override
    async def listing(self, prefix: str) -> AsyncGenerator[Stored, None]:
        async for stored in super().listing(prefix):
            if self.time is not None:
                self.time.ahead_s += self.each_s
                self.listed.append(stored.key)
            yield stored


async def test_a_sweep_that_takes_too_long_goes_on_soon_and_behind_where_it_stopped(tmp_path: Path) -> None:
    async with scene(tmp_path, Late) as at:
        assert isinstance(at.blobs, Late)
        for number in range(12):
            await at.one.put(at.room_id, "plan", f"version {number}")
            await at.one.pushed(at.room_id)
        at.age()
        gone = set(at.blobs.objects(at.room_id)) - await at.needed()
        at.blobs.time, at.blobs.each_s, at.blobs.listed = at.time, 61.0, []
        sweeping = at.two.mirror.sweeping
        assert await sweeping.sweep(at.room_id) < len(gone)
        assert len(at.blobs.listed) == 5, "five minutes, and a little"
        assert await sweeping.sweep(at.room_id) == 0, "it is not due again"
        assert len(at.blobs.listed) == 5
        for _ in range(20):
            at.time.ahead_s += AGAIN.total_seconds() + 1
            await sweeping.look()
            if not gone & set(at.blobs.objects(at.room_id)):
                break
        assert set(at.blobs.objects(at.room_id)) == await at.needed()


async def test_a_resumed_sweep_does_not_look_again_at_what_it_had_seen(tmp_path: Path) -> None:
    async with scene(tmp_path, Late) as at:
        assert isinstance(at.blobs, Late)
        await at.one.put(at.room_id, "plan", "for a while")
        for number in range(20):
            await at.one.put(at.room_id, f"kept-{number}", f"words {number}")
        await at.one.pushed(at.room_id)
        at.age()
        at.blobs.time, at.blobs.each_s, at.blobs.listed = at.time, 61.0, []
        seen: list[list[str]] = []
        for _ in range(20):
            await at.two.mirror.sweeping.sweep(at.room_id)
            seen.append([key.rpartition("/")[2][:2] for key in at.blobs.listed])
            at.blobs.listed = []
            if len(seen[-1]) < 5:
                break
            at.time.ahead_s += AGAIN.total_seconds() + 1
        for first, then in pairwise(seen):
            assert first[-1] <= then[0], "the byte at which it stopped is looked at whole"
        assert 3 < len(seen) < 20
        assert sorted({byte for one in seen for byte in one}) == sorted({d[:2] for d in at.blobs.objects(at.room_id)})
        at.time.ahead_s += AGAIN.total_seconds() + 1
        assert await at.two.mirror.sweeping.sweep(at.room_id) == 0
        assert at.blobs.listed == [], "it is done for the day"


class NoDeleting(FaultyBlobs):
    is_refusing = False

    @override
    async def delete(self, keys: Sequence[BlobKey]) -> None:
        if self.is_refusing:
            raise BlobsUnavailable("not now")
        await super().delete(keys)


async def test_a_sweep_that_failed_is_tried_again_before_the_day_is_over(tmp_path: Path) -> None:
    async with scene(tmp_path, NoDeleting) as at:
        assert isinstance(at.blobs, NoDeleting)
        for words in ("first", "second"):
            await at.one.put(at.room_id, "plan", words)
            await at.one.pushed(at.room_id)
        at.age()
        at.blobs.is_refusing = True
        assert await at.one.mirror.sweeping.sweep(at.room_id) == 0
        at.blobs.is_refusing = False
        assert await at.two.mirror.sweeping.sweep(at.room_id) == 0, "not at once"
        at.time.ahead_s += AGAIN.total_seconds() + 1
        await at.two.mirror.sweeping.look()
        assert set(at.blobs.objects(at.room_id)) == await at.needed()


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
