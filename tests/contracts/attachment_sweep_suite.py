"""The contract of sweeps: what nobody has goes, and what somebody has stays. Run as attachment_suite.py is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import pytest

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.ids import AttachmentId, RoomId
from multiplayer.storage.attachment_port import Content, StoredUpload
from multiplayer.storage.port import Storage
from tests.contracts.attachment_suite import HOUR, LATER, begun, content_of, new_upload, one, ready
from tests.contracts.room_scripts import NOW, ulid


@dataclass
class Bin:
    """Where a sweep throws contents. With `holds` it takes its time: until `may_go`."""

    thrown: list[str] = field(default_factory=list)
    holds: bool = False
    fault: Exception | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def remove(self, sha256s: Sequence[str]) -> None:
        self.begun.set()
        if self.holds:
            await self.may_go.wait()
        if self.fault is not None:
            raise self.fault
        self.thrown += sha256s


async def swept(storage: Storage, *, limit: int = 1_000) -> list[str]:
    rubbish = Bin()
    count = await storage.sweep_contents(rubbish.remove, now=LATER, limit=limit)
    assert count == len(rubbish.thrown)
    return rubbish.thrown


async def race(*calls: Callable[[], Awaitable[object]]) -> list[object]:
    return list(await asyncio.wait_for(asyncio.gather(*(call() for call in calls)), 30))


class SweepContract:
    async def test_contents_that_nobody_has_or_claims_are_removed_and_no_others(self, storage: Storage) -> None:
        room_id = RoomId(ulid())
        had, dropped, never_came, claimed = (content_of(ulid()) for _ in range(4))
        await ready(storage, new_upload(room_id), had)
        shared = [await ready(storage, new_upload(room_id), dropped) for _ in range(2)]
        await storage.claim_content(never_came.sha256, LATER - timedelta(seconds=1))
        await storage.claim_content(claimed.sha256, LATER + timedelta(seconds=1))
        await storage.claim_content(claimed.sha256, NOW)  # a shorter claim takes nothing from a longer one
        everything = [content.sha256 for content in (had, dropped, never_came, claimed)]
        assert await storage.known_contents([*everything, "0" * 64]) == frozenset(everything)
        assert await swept(storage) == [never_came.sha256]
        for upload in shared:
            assert dropped.sha256 not in await swept(storage)
            assert await storage.drop_upload(upload.attachment.id)
        assert await swept(storage) == [dropped.sha256]
        assert await swept(storage) == []
        assert await storage.known_contents(everything) == {had.sha256, claimed.sha256}
        assert await storage.content(dropped.sha256) is None
        assert await storage.content(had.sha256) == had

    async def test_a_claim_ends_when_it_said_and_not_before(self, storage: Storage) -> None:
        content, rubbish = content_of(ulid()), Bin()
        await storage.claim_content(content.sha256, NOW)
        too_early = await storage.sweep_contents(rubbish.remove, now=NOW - timedelta(milliseconds=1), limit=9)
        assert (too_early, rubbish.thrown) == (0, [])
        assert await storage.sweep_contents(rubbish.remove, now=NOW, limit=9) == 1
        assert rubbish.thrown == [content.sha256]

    async def test_a_sweep_removes_no_more_than_its_limit_the_oldest_claims_first(self, storage: Storage) -> None:
        contents = [content_of(ulid()) for _ in range(6)]
        for n, content in enumerate(contents):
            await storage.claim_content(content.sha256, NOW + n * HOUR)
        # One in the middle of them is had by someone, and is no reason to remove fewer.
        upload = await begun(storage, new_upload(RoomId(ulid())))
        assert await storage.finish_upload(upload, contents[1]) is not None
        second = await ready(storage, new_upload(RoomId(ulid())), contents[1])
        assert await storage.drop_upload(second.attachment.id)
        names = [content.sha256 for content in contents]
        assert sorted(await swept(storage, limit=2)) == sorted([names[0], names[2]])
        assert await swept(storage, limit=0) == []
        assert sorted(await swept(storage, limit=5)) == sorted(names[3:])

    async def test_what_could_not_be_removed_stays_to_be_removed_and_nobody_counts_on_it(
        self, storage: Storage
    ) -> None:
        content = content_of(ulid())
        done = await ready(storage, new_upload(RoomId(ulid())), content)
        assert await storage.drop_upload(done.attachment.id)
        assert await storage.content(content.sha256) == content
        with pytest.raises(OSError, match="the disk is away"):
            await storage.sweep_contents(Bin(fault=OSError("the disk is away")).remove, now=LATER, limit=9)
        assert await storage.known_contents([content.sha256]) == {content.sha256}
        # Half of it may be gone: it has to be brought again before anybody has it.
        assert await storage.content(content.sha256) is None
        upload = await begun(storage, new_upload(RoomId(ulid())))
        assert await storage.finish_upload(upload, content) is None
        await storage.claim_content(content.sha256, LATER + HOUR)
        assert await storage.content(content.sha256) is None
        assert await swept(storage) == []
        assert await storage.finish_upload(upload, replace(content, pages=4)) is not None
        assert await storage.content(content.sha256) == replace(content, pages=4)

    async def test_what_could_not_be_removed_is_removed_by_the_next_sweep(self, storage: Storage) -> None:
        content = content_of(ulid())
        await storage.claim_content(content.sha256, NOW)
        with pytest.raises(RuntimeError, match="away"):
            await storage.sweep_contents(Bin(fault=RuntimeError("away")).remove, now=LATER, limit=9)
        assert await swept(storage) == [content.sha256]
        assert await storage.known_contents([content.sha256]) == frozenset()

    async def test_bytes_that_were_never_claimed_or_were_swept_meanwhile_make_no_upload_ready(
        self, storage: Storage
    ) -> None:
        content = content_of(ulid())
        upload = await begun(storage, new_upload(RoomId(ulid())))
        assert await storage.finish_upload(upload, content) is None
        await storage.claim_content(content.sha256, NOW)
        assert await swept(storage) == [content.sha256]
        assert await storage.finish_upload(upload, content) is None
        assert (await one(storage, upload)).attachment.state is AttachmentState.PENDING

    async def test_a_claim_waits_for_the_sweep_that_removes_just_these_bytes_and_they_are_new_then(
        self, storage: Storage, other: Storage
    ) -> None:
        content, free, rubbish = content_of(ulid()), content_of(ulid()), Bin(holds=True)
        done = await ready(storage, new_upload(RoomId(ulid())), content)
        assert await storage.drop_upload(done.attachment.id)
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            sweep = tasks.create_task(storage.sweep_contents(rubbish.remove, now=LATER, limit=9))
            await rubbish.begun.wait()
            claims = [tasks.create_task(door.claim_content(content.sha256, LATER)) for door in (storage, other)]
            await other.claim_content(free.sha256, LATER)  # others are not held up
            assert await other.content(content.sha256) is None
            assert not any(claim.done() for claim in claims)
            rubbish.may_go.set()
        assert (sweep.result(), rubbish.thrown) == (1, [content.sha256])
        assert await storage.known_contents([content.sha256]) == {content.sha256}
        assert await storage.content(content.sha256) is None
        upload = await begun(storage, new_upload(RoomId(ulid())))
        assert await storage.finish_upload(upload, content) is not None
        assert await swept(storage) == [free.sha256]

    async def test_a_claim_that_waited_for_a_sweep_in_vain_has_the_bytes_brought_again(
        self, storage: Storage, other: Storage
    ) -> None:
        content, rubbish = content_of(ulid()), Bin(holds=True, fault=RuntimeError("away"))
        await storage.claim_content(content.sha256, NOW)

        async def sweep() -> None:
            with pytest.raises(RuntimeError, match="away"):
                await storage.sweep_contents(rubbish.remove, now=LATER, limit=9)

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(sweep())
            await rubbish.begun.wait()
            tasks.create_task(other.claim_content(content.sha256, LATER + HOUR))
            await other.known_contents([content.sha256])
            rubbish.may_go.set()
        assert await swept(storage) == []
        assert await storage.content(content.sha256) is None

    async def test_what_one_sweep_is_removing_is_left_to_it_by_others(self, storage: Storage, other: Storage) -> None:
        first, second, rubbish = content_of(ulid()), content_of(ulid()), Bin(holds=True)
        await storage.claim_content(first.sha256, NOW)
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            sweep = tasks.create_task(storage.sweep_contents(rubbish.remove, now=LATER, limit=9))
            await rubbish.begun.wait()
            await other.claim_content(second.sha256, NOW)
            assert await swept(other) == [second.sha256]
            assert await swept(other) == []
            rubbish.may_go.set()
        assert (sweep.result(), rubbish.thrown) == (1, [first.sha256])

    async def test_two_sweeps_at_once_remove_each_content_once(self, storage: Storage, other: Storage) -> None:
        names = sorted(content_of(ulid()).sha256 for _ in range(20))
        for name in names:
            await storage.claim_content(name, NOW)
        found = await asyncio.gather(*(swept(door, limit=4) for door in (storage, other) * 4))
        found += [await swept(storage)]
        assert sorted(name for some in found for name in some) == names

    async def test_a_content_of_an_upload_that_is_ready_is_never_swept_whoever_is_first(
        self, storage: Storage, other: Storage
    ) -> None:
        """Claim, finish, drop and sweep the same few contents at once, claims being over at once."""
        contents = [content_of(ulid()) for _ in range(3)]
        for _ in range(12):
            rubbish = Bin()
            uploads = [await begun(storage, new_upload(RoomId(ulid()))) for _ in contents]
            olds = [await ready(storage, new_upload(RoomId(ulid())), content) for content in contents]
            in_store = {content.sha256 for content in contents}

            async def remove(sha256s: Sequence[str], in_store: set[str] = in_store, rubbish: Bin = rubbish) -> None:
                in_store.difference_update(sha256s)
                await rubbish.remove(sha256s)

            async def finish(upload: AttachmentId, content: Content, in_store: set[str] = in_store) -> object:
                await other.claim_content(content.sha256, NOW)
                if await other.content(content.sha256) is None:
                    in_store.add(content.sha256)
                return await other.finish_upload(upload, content)

            async def sweep(remove: Callable[[Sequence[str]], Awaitable[None]] = remove) -> object:
                return await storage.sweep_contents(remove, now=LATER, limit=9)

            async def drop(old: StoredUpload) -> object:
                return await storage.drop_upload(old.attachment.id)

            calls: list[Callable[[], Awaitable[object]]] = [sweep]
            for upload, old, content in zip(uploads, olds, contents, strict=True):
                calls += [partial(drop, old), sweep, partial(finish, upload, content)]
            await race(*calls)
            there = await storage.uploads(uploads)
            had = {upload.sha256 for upload in there.values() if upload.sha256 is not None}
            assert had <= in_store
            assert had <= await storage.known_contents(list(had))
            for name in had:
                assert await storage.content(name) is not None
            for key in uploads:
                await storage.drop_upload(key)
            await swept(storage)
