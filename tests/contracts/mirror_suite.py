"""The contract of mirrored workspaces' heads; each store's own file runs it with `storage` and `other` (a second door to the same) fixtures."""

import asyncio
from datetime import datetime, timedelta

from multiplayer.protocol.events import RoomDeleted
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.mirror_port import MirrorHead, NewHead
from multiplayer.storage.port import Storage
from tests.contracts.room_scripts import NOW, RoomScript, ulid
from tests.contracts.storage_suite import put, stored

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def room(storage: Storage) -> RoomScript:
    return await stored(storage, RoomScript())


def head_of(room_id: RoomId, words: str = "a", *, at: datetime = NOW, conflicts: tuple[str, ...] = ()) -> NewHead:
    return NewHead(room_id, tree=words * 64, pod=f"pod-{words}", at=at, files=3, bytes=2**40, conflicts=conflicts)


async def delete(storage: Storage, script: RoomScript) -> None:
    since = script.seq
    script.add(RoomDeleted)
    await put(storage, script, since)


async def sweep(storage: Storage, room_id: RoomId, at: datetime) -> MirrorHead | None:
    return await storage.begin_mirror_sweep(room_id, now=at, until=at + HOUR, before=at - DAY)


class MirrorContract:
    async def test_a_room_has_no_head_until_one_is_put_over_the_row_that_was_opened(
        self, storage: Storage, other: Storage
    ) -> None:
        room_id = (await room(storage)).room_id
        assert await storage.mirror_head(room_id) is None
        assert not await storage.put_mirror_head(head_of(room_id), expected=0, sweep=0)
        opened = await storage.open_mirror(room_id, "pod-1", NOW)
        assert opened == MirrorHead(room_id, version=0, tree="", pod="pod-1", at=NOW, files=0, bytes=0)
        assert await other.open_mirror(room_id, "pod-2", NOW + HOUR) == opened
        assert await storage.put_mirror_head(head_of(room_id, conflicts=("ä (from b)", "c")), expected=0, sweep=0)
        found = await other.mirror_head(room_id)
        assert found == MirrorHead(room_id, 1, "a" * 64, "pod-a", NOW, 3, 2**40, conflicts=("ä (from b)", "c"))
        assert await other.open_mirror(room_id, "pod-2", NOW) == found

    async def test_a_head_is_put_only_over_the_version_that_was_read(self, storage: Storage, other: Storage) -> None:
        room_id = (await room(storage)).room_id
        await storage.open_mirror(room_id, "pod-1", NOW)
        puts = [
            door.put_mirror_head(head_of(room_id, words), expected=0, sweep=0)
            for words, door in zip("abcdef", [storage, other] * 3, strict=True)
        ]
        assert sorted(await asyncio.gather(*puts)) == [False] * 5 + [True]
        for expected in (0, 2, 3):
            assert not await storage.put_mirror_head(head_of(room_id, "f"), expected=expected, sweep=0)
        assert await storage.put_mirror_head(head_of(room_id, "f"), expected=1, sweep=0)
        head = await storage.mirror_head(room_id)
        assert head is not None
        assert (head.version, head.tree) == (2, "f" * 64)

    async def test_no_head_is_put_while_a_sweep_runs_nor_over_one_that_was_not_read(
        self, storage: Storage, other: Storage
    ) -> None:
        room_id = (await room(storage)).room_id
        await storage.open_mirror(room_id, "pod-1", NOW)
        later = NOW + 2 * DAY
        found = await sweep(storage, room_id, later)
        assert found is not None
        assert (found.version, found.sweep, found.sweeping_until) == (0, 1, later + HOUR)
        assert await sweep(other, room_id, later + 2 * DAY) is not None, "whoever died in it is not waited for"
        assert await sweep(other, room_id, later + 2 * DAY) is None
        during = head_of(room_id, at=later + 2 * DAY)
        for seen in (0, 1, 2):
            assert not await other.put_mirror_head(during, expected=0, sweep=seen)
        await storage.end_mirror_sweep(room_id, 1)
        assert not await other.put_mirror_head(during, expected=0, sweep=2), "that was another one's end"
        await other.end_mirror_sweep(room_id, 2)
        assert not await other.put_mirror_head(during, expected=0, sweep=1)
        assert await other.put_mirror_head(during, expected=0, sweep=2)

    async def test_a_sweep_that_nobody_ended_keeps_no_head_away_for_ever(self, storage: Storage) -> None:
        room_id = (await room(storage)).room_id
        await storage.open_mirror(room_id, "pod-1", NOW)
        assert await sweep(storage, room_id, NOW + 2 * DAY) is not None
        late = head_of(room_id, at=NOW + 2 * DAY + HOUR)
        assert await storage.put_mirror_head(late, expected=0, sweep=1)

    async def test_a_room_is_swept_once_a_day_and_not_when_nothing_has_changed_for_long(self, storage: Storage) -> None:
        room_id = (await room(storage)).room_id
        await storage.open_mirror(room_id, "pod-1", NOW)

        async def is_due(at: datetime) -> bool:
            return room_id in await storage.mirrors_to_sweep(before=at - DAY, limit=1_000)

        assert not await is_due(NOW + HOUR)
        assert await sweep(storage, room_id, NOW + HOUR) is None
        for days in (2, 4):
            at = NOW + days * DAY
            assert await is_due(at) == (days == 2), "what was put two days before the last sweep is gone by now"
            assert await sweep(storage, room_id, at) is not None
            await storage.end_mirror_sweep(room_id, days // 2)
        changed = head_of(room_id, at=NOW + 6 * DAY)
        assert await storage.put_mirror_head(changed, expected=0, sweep=2)
        assert await is_due(NOW + 7 * DAY)

    async def test_a_sweep_that_did_not_come_to_its_end_is_due_again_when_it_says(
        self, storage: Storage, other: Storage
    ) -> None:
        room_id = (await room(storage)).room_id
        await storage.open_mirror(room_id, "pod-1", NOW)
        at = NOW + 2 * DAY
        assert await sweep(storage, room_id, at) is not None
        await storage.end_mirror_sweep(room_id, 1, counts_as=at - DAY + HOUR)
        assert room_id not in await other.mirrors_to_sweep(before=at + HOUR / 2 - DAY, limit=1_000)
        assert await sweep(other, room_id, at + HOUR / 2) is None
        assert room_id in await other.mirrors_to_sweep(before=at + 2 * HOUR - DAY, limit=1_000)
        again = await sweep(other, room_id, at + 2 * HOUR)
        assert again is not None
        assert again.sweep == 2
        await other.end_mirror_sweep(room_id, 1, counts_as=at - DAY)
        assert await sweep(storage, room_id, at + 2 * HOUR + HOUR / 2) is None, "it was not that one's end"

    async def test_a_deleted_rooms_head_cannot_be_put_and_is_found_until_it_is_dropped(
        self, storage: Storage, other: Storage
    ) -> None:
        script, there = await room(storage), await room(storage)
        for one in (script, there):
            await storage.open_mirror(one.room_id, "pod-1", NOW)
        await delete(storage, script)
        assert await storage.open_mirror(script.room_id, "pod-1", NOW) is None
        assert await storage.open_mirror(RoomId(ulid()), "pod-1", NOW) is None
        assert not await other.put_mirror_head(head_of(script.room_id), expected=0, sweep=0)
        assert await sweep(storage, script.room_id, NOW + 2 * DAY) is None
        assert script.room_id not in await storage.mirrors_to_sweep(before=NOW + 9 * DAY, limit=1_000)
        left = await other.mirrors_of_deleted_rooms(limit=1_000)
        assert script.room_id in left
        assert there.room_id not in left
        assert not await storage.drop_mirror(there.room_id)
        assert await storage.drop_mirror(script.room_id)
        assert not await other.drop_mirror(script.room_id)
        assert await storage.mirror_head(script.room_id) is None
        assert await storage.mirror_head(there.room_id) is not None
