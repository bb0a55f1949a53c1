"""Clearing up after files: what never came is given up and told, what nobody refers to goes, and nothing else does."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, BlobsUnavailable, blob_key
from multiplayer.live.file_sweep import ORPHANS_S
from multiplayer.live.pod import Pod
from multiplayer.protocol.attachments import BeginUpload
from multiplayer.protocol.ids import AttachmentId, RoomId
from tests.live.test_approvals import Time
from tests.live.test_turn_controls import room_of
from tests.support.pods import Guest, Line, memory_pod

DAY_S = 24 * 3600.0


class Stubborn(LocalBlobs):
    """A folder that can be told to remove nothing."""

    is_away = False

    @override
    async def delete(self, keys: Sequence[BlobKey]) -> None:
        if self.is_away:
            raise BlobsUnavailable("away")
        await super().delete(keys)


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@dataclass
class Scene:
    pod: Pod
    blobs: Stubborn
    root: Path
    time: Time
    alice: Guest
    room_id: RoomId
    posts: list[str] = field(default_factory=list)

    async def sent(self, data: bytes) -> AttachmentId:
        asked = BeginUpload(name="a.txt", size=len(data))
        return (await self.pod.files.uploads.take(self.room_id, self.alice.id, asked, once(data))).attachment.id

    async def attached(self, *files: AttachmentId) -> str:
        start = len(self.alice.heard)
        await self.alice.ask(
            type="post_message", room_id=self.room_id, key=f"k{start}", text="", attachments=list(files)
        )
        posted = await self.alice.expect_type("message_posted", start=start)
        return str(cast("Line", posted["message"])["id"])

    def objects(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    time, root = Time(), tmp_path / "blobs"
    blobs = Stubborn(root)
    async with memory_pod(tmp_path / "workspaces", clock=time.clock(), blobs=blobs) as pod:
        alice = await Guest.enter(pod, "alice")
        yield Scene(pod, blobs, root, time, alice, await room_of(alice))


async def test_a_file_that_never_came_fails_in_its_message_and_leaves_no_parts(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        begun = await at.pod.files.uploads.begin(at.room_id, at.alice.id, BeginUpload(name="a.txt", size=20 * 1024**2))
        upload_id, plan = begun.attachment.id, begun.plan
        assert plan is not None
        await at.pod.files.uploads.put_part(upload_id, at.alice.id, 1, once(b"x" * plan.part_bytes))
        await at.attached(upload_id)
        await at.pod.files.sweep.look()
        assert at.objects() == {f"incoming/{upload_id.lower()}/00001"}, "it has a day"
        at.time.ahead_s += DAY_S + 1
        await at.pod.files.sweep.look()
        told = cast("Line", (await at.alice.expect_type("attachment_changed"))["attachment"])
        assert (told["state"], told["reason"]) == ("failed", "it was not sent whole in time")
        assert at.objects() == set()


async def test_a_file_that_nobody_attached_is_forgotten_after_a_day_with_its_bytes(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        file_id, kept = await at.sent(b"loose"), await at.sent(b"kept")
        await at.attached(kept)
        at.time.ahead_s += DAY_S + 1
        for _ in range(2):
            await at.pod.files.sweep.look()
        assert await at.pod.storage.uploads([file_id]) == {}
        [left] = at.objects()
        found = (await at.pod.storage.uploads([kept]))[kept]
        assert found.sha256 is not None
        assert left.endswith(found.sha256)


async def test_bytes_go_with_the_last_message_that_has_them_and_not_before(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        first, second = await at.attached(await at.sent(b"same")), await at.attached(await at.sent(b"same"))
        at.time.ahead_s += 2 * 3600
        await at.alice.ask(type="delete_message", room_id=at.room_id, key="1", message_id=first)
        await at.pod.files.sweep.look()
        assert len(at.objects()) == 1
        await at.alice.ask(type="delete_message", room_id=at.room_id, key="2", message_id=second)
        at.blobs.is_away = True
        await at.pod.files.sweep.look()
        assert len(at.objects()) == 1, "a store that is away is asked again"
        at.blobs.is_away = False
        await at.pod.files.sweep.look()
        assert at.objects() == set()


async def test_objects_that_nobody_knows_go_when_they_are_old_and_those_of_others_stay(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        kept = await at.sent(b"kept")
        await at.attached(kept)
        [known] = at.objects()
        orphan, young, part = f"sha256/ab/ab{'0' * 62}", f"sha256/cd/cd{'0' * 62}", f"incoming/{'0' * 26}/00001"
        for key in (orphan, young, part, "sha256/readme", "other/thing"):
            await at.blobs.put(blob_key(key), once(b"x"))
        old = at.pod.clock.now().timestamp() - ORPHANS_S - 60
        for key in (orphan, part, known, "sha256/readme", "other/thing"):
            os.utime(at.root / key, (old, old))
        assert await at.pod.files.sweep.walk() == 2
        await at.pod.files.sweep.look()
        assert at.objects() == {known, young, "sha256/readme", "other/thing"}
        at.time.ahead_s += timedelta(days=2).total_seconds()
        assert await at.pod.files.sweep.walk() == 1
