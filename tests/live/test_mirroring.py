"""Workspaces in the file store: what is changed on one pod is found on another, and nobody's change is lost."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from multiplayer.live.mirroring import MirrorPace
from multiplayer.models.port import Finished, TextDelta, ToolCall, ToolCallsReady
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.memory import MemoryStorage
from multiplayer.tools.checkpoints.tree import EMPTY
from multiplayer.tools.workspace import STAMPS
from tests.live.test_turn_controls import room_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.mirrors import AT_ONCE, SLOWLY, FaultyBlobs, MirrorPod, mirror_pod

KILLED = replace(SLOWLY, drain_s=0.0)


@dataclass
class Place:
    """One database, one file store, and where the pods keep their folders."""

    root: Path
    storage: MemoryStorage
    blobs: FaultyBlobs

    @asynccontextmanager
    async def pod(
        self, name: str, pace: MirrorPace = SLOWLY, model: ChunkModel | None = None
    ) -> AsyncIterator[MirrorPod]:
        async with mirror_pod(self.root / name, self.storage, self.blobs, name=name, pace=pace, model=model) as pod:
            yield pod


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, MemoryStorage(), FaultyBlobs(tmp_path / "blobs"))


async def new_room(at: MirrorPod, **files: str) -> RoomId:
    room_id = await room_of(at.alice)
    for name, words in files.items():
        await at.put(room_id, name, words)
    return room_id


async def test_what_was_changed_on_one_pod_is_read_and_changed_on_another(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="first", notes="ours")
        await one.pushed(room_id)
        assert await two.files(room_id) == {"plan": "first", "notes": "ours"}
        await two.put(room_id, "plan", "second")
        await two.delete(room_id, "notes")
        await two.pushed(room_id)
        assert await one.files(room_id) == {"plan": "second"}
        assert [(await pod.listing(room_id)).mirror.state for pod in (one, two)] == ["synced"] * 2
        assert (await one.head(room_id)).version == 2
        assert (await one.head(room_id)).pod == "two"


async def test_a_change_is_pushed_a_little_later_by_itself(place: Place) -> None:
    async with place.pod("one", AT_ONCE) as one:
        room_id = await new_room(one, plan="first")
        await one.mirror._rooms[room_id].tried.wait()
        assert (await one.head(room_id)).files == 1


async def test_what_an_ai_writes_is_mirrored_and_another_pods_ai_reads_it(place: Place) -> None:
    write: list[Moment] = [
        ToolCallsReady((ToolCall("c1", "write_file", '{"path":"a.txt","content":"kept"}'),)),
        Finished("tool_calls"),
    ]
    read: list[Moment] = [ToolCallsReady((ToolCall("c2", "read_file", '{"path":"a.txt"}'),)), Finished("tool_calls")]
    said: list[Moment] = [TextDelta("Done."), Finished("stop")]
    async with place.pod("one", model=ChunkModel(write, said)) as one:
        room_id = await room_of(one.alice)
        await one.alice.post(room_id, "@ai write it")
        await one.alice.expect_type("turn_ended")
    assert (await one.head(room_id)).version == 1, "the pod's end pushes what is left"
    async with place.pod("two", model=ChunkModel(read, said)) as two:
        await two.alice.join(room_id)
        await two.alice.post(room_id, "@ai read it")
        assert (await two.alice.expect_type("tool_finished"))["text"] == "kept"


async def test_a_pod_with_an_empty_disk_restores_a_room_whole(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="first")
        await one.put(room_id, "deep/er/data.bin", os.urandom(600_000))
        folder = one.folder(room_id)
        (folder / "empty").mkdir(mode=0o750)
        (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        (folder / "link").symlink_to("../elsewhere")
        os.mkfifo(folder / "fifo", 0o600)
        (folder / "sparse").touch()
        os.truncate(folder / "sparse", 3_000_000)
        (folder / "deep").chmod(0o700)
        os.close(os.open(os.fsencode(folder) + b"/\xff\n", os.O_CREAT | os.O_WRONLY, 0o640))
        await one.put(room_id, "plan", "second")
        await one.pushed(room_id)
        assert await two.read(room_id, "plan") == "second"
        assert two.seen(room_id) == one.seen(room_id)
        head = await one.head(room_id)
        async with two.workbench.opened(room_id) as workspace:
            assert await two.workbench.checkpoint(room_id, workspace) == head.tree
        assert (head.files, head.bytes) == (5, 6 + 600_000 + 10 + 3_000_000)


async def test_only_what_is_new_is_sent_and_contents_before_the_folders_that_name_them(place: Place) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one, **{f"file-{number}": f"words {number}" for number in range(20)})
        await one.put(room_id, "deep/er/a.txt", "deep")
        await one.pushed(room_id)
        assert len(place.blobs.puts) == 21 + 3
        place.blobs.puts.clear()
        await one.put(room_id, "deep/er/a.txt", "deeper")
        await one.put(room_id, "deep/again", "words 3")
        await one.pushed(room_id)
        head = await one.head(room_id)
        assert len(place.blobs.puts) == 1 + 3
        assert place.blobs.puts[0].endswith(sha256(b"deeper").hexdigest())
        assert any(key.endswith(head.tree) for key in place.blobs.puts[1:])
        await one.push(room_id)
        assert len(place.blobs.puts) == 4
        assert (await one.head(room_id)).version == 2


async def test_what_both_have_changed_is_kept_twice_and_told_to_everyone(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, **{"plan.txt": "base", "same": "base"})
        await one.pushed(room_id)
        await two.files(room_id)
        await two.put(room_id, "plan.txt", "by two")
        await two.put(room_id, "only-two", "x")
        await one.put(room_id, "plan.txt", "by one")
        await one.put(room_id, "same", "alike")
        await one.pushed(room_id)
        at = (await one.head(room_id)).at
        await two.pushed(room_id)
        copy = f"plan (from two, {at:%Y-%m-%d %H%M%S}).txt"
        both = {"plan.txt": "by one", copy: "by two", "same": "alike", "only-two": "x"}
        for pod in (one, two):
            assert await pod.files(room_id) == both
            assert (await pod.listing(room_id)).mirror.conflicts == (copy,)
        # Who has dealt with it removes the copy, and it is told no longer.
        await one.delete(room_id, copy)
        assert (await one.pushed(room_id)).conflicts == ()
        assert await two.files(room_id) == {"plan.txt": "by one", "same": "alike", "only-two": "x"}


async def test_of_two_who_push_at_once_both_are_there_afterwards(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one)
        for number, pod in enumerate([one, two] * 3):
            # Neither has seen what the other one has not pushed yet.
            await pod.put(room_id, f"file-{number}", f"{number}")
        for pod in (one, two):
            await pod.pushed(room_id)
        expected = {f"file-{number}": f"{number}" for number in range(6)}
        assert await one.files(room_id) == expected
        assert await two.files(room_id) == expected


async def test_a_pod_that_is_faster_between_is_merged_and_the_push_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, base="base")
        await one.pushed(room_id)
        await two.files(room_id)
        await one.put(room_id, "by-one", "1")
        await two.put(room_id, "by-two", "2")
        put, faster = place.storage.put_mirror_head, [two]

        async def put_late(*args: object, **named: object) -> bool:
            while faster:
                await faster.pop().pushed(room_id)
            return await put(*args, **named)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(place.storage, "put_mirror_head", put_late)
        await one.pushed(room_id)
        assert (await one.head(room_id)).version == 3
        for pod in (one, two):
            assert await pod.files(room_id) == {"base": "base", "by-one": "1", "by-two": "2"}


async def test_what_a_killed_pod_had_not_pushed_is_merged_when_it_comes_back(place: Place) -> None:
    async with place.pod("two") as two:
        async with place.pod("one", KILLED) as one:
            room_id = await new_room(one, plan="base", other="base")
            await one.pushed(room_id)
            await one.put(room_id, "plan", "told to alice, and not pushed")
            await one.put(room_id, "new", "this too")
        assert (await one.head(room_id)).version == 1
        await two.put(room_id, "other", "changed meanwhile")
        await two.pushed(room_id)
        async with place.pod("one", AT_ONCE) as again:
            # Nobody opens the room there: the start finds it by itself.
            while (await again.head(room_id)).version < 3:
                await again.mirror._room(room_id).tried.wait()
                again.mirror._room(room_id).tried.clear()
        expected = {"plan": "told to alice, and not pushed", "new": "this too", "other": "changed meanwhile"}
        assert await two.files(room_id) == expected


async def test_a_room_from_before_there_was_a_mirror_is_mirrored_at_the_start(place: Place) -> None:
    async with place.pod("one", KILLED) as one:
        room_id = await new_room(one, plan="old")
    checkpoints = place.root / "one" / "workspaces-checkpoints"
    for path in (checkpoints / room_id).iterdir():
        path.unlink()
    async with place.pod("one", AT_ONCE) as again:
        await again.mirror._room(room_id).tried.wait()
        assert (await again.head(room_id)).files == 1
    assert not (checkpoints / room_id / "unsent").exists()


async def test_files_from_before_on_two_pods_are_all_kept(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="by one", alike="a")
        folder = two.folder(room_id)
        folder.mkdir(parents=True)
        (folder / "plan").write_text("by two")
        (folder / "alike").write_text("a")
        await one.pushed(room_id)
        assert len(await two.files(room_id)) == 3
        assert (two.workbench.checkpoints.root / room_id / "unsent").exists(), (
            "a reader's merge has something to push, too"
        )
        await two.put(room_id, "more", "m")
        await two.pushed(room_id)
        files = await one.files(room_id)
        assert len(files) == 4
        assert sorted(files.values()) == ["a", "by one", "by two", "m"]


async def test_a_folder_that_is_lost_is_no_deletion_and_comes_back(place: Place) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one, plan="kept")
        await one.pushed(room_id)
    (one.folder(room_id) / "plan").unlink()
    one.folder(room_id).rmdir()
    async with place.pod("one") as again:
        assert await again.files(room_id) == {"plan": "kept"}
        # Whoever deletes everything through a door means it.
        await again.delete(room_id, "plan")
        await again.pushed(room_id)
        assert (await again.head(room_id)).tree == EMPTY.hex()
    async with place.pod("two") as two:
        assert await two.files(room_id) == {}


@pytest.mark.parametrize("is_made_anew", [False, True])
async def test_a_folder_that_is_lost_with_changes_that_were_not_sent_is_no_deletion(
    place: Place, is_made_anew: bool
) -> None:
    async with place.pod("one", KILLED) as one:
        room_id = await new_room(one, plan="first", notes="ours")
        await one.pushed(room_id)
        await one.put(room_id, "more", "x")
    shutil.rmtree(one.folder(room_id))
    if is_made_anew:
        one.folder(room_id).mkdir()
        (place.root / "one" / "workspaces" / STAMPS / room_id).unlink()
    async with place.pod("one") as again, place.pod("two") as two:
        await again.pushed(room_id)
        for pod in (again, two):
            assert await pod.files(room_id) == {"plan": "first", "notes": "ours"}


async def test_who_empties_a_workspace_means_it_although_it_is_archived_before_that_is_sent(place: Place) -> None:
    async with place.pod("one", KILLED) as one:
        room_id = await new_room(one, plan="first")
        await one.pushed(room_id)
        await one.delete(room_id, "plan")
        assert await one.workbench.archive(room_id)
        assert not one.folder(room_id).exists()
    async with place.pod("one") as again:
        await again.pushed(room_id)
        assert (await again.head(room_id)).tree == EMPTY.hex()
        assert await again.files(room_id) == {}


async def test_after_the_end_nobody_waits_for_a_push(place: Place) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one, plan="first")
        await one.pushed(room_id)
    assert (await one.push(room_id)).state == "synced"


async def test_a_mode_changed_on_one_pod_and_words_on_the_other_are_both_there(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, **{"run.sh": "first"})
        await one.pushed(room_id)
        assert await two.files(room_id)
        (two.folder(room_id) / "run.sh").chmod(0o755)
        await two.put(room_id, "other", "x")
        await one.put(room_id, "run.sh", "second")
        await one.pushed(room_id)
        await two.pushed(room_id)
        assert await one.files(room_id) == {"run.sh": "second", "other": "x"}
        for pod in (one, two):
            assert (pod.folder(room_id) / "run.sh").stat().st_mode & 0o777 == 0o755
            assert (pod.folder(room_id) / "run.sh").read_text() == "second"


async def test_an_empty_room_puts_nothing_into_the_store(place: Place) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one)
        assert await one.files(room_id) == {}
        await one.put(room_id, "a", "x")
        await one.delete(room_id, "a")
        assert (await one.push(room_id)).state == "synced"
        assert await place.storage.mirror_head(room_id) is None
        assert place.blobs.objects(room_id) == {}


async def test_the_listing_tells_how_the_workspace_stands_to_its_copy(place: Place) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one, a="1", b="2")
        told = (await one.listing(room_id)).mirror
        assert (told.state, told.waiting, told.version, told.at) == ("waiting", 2, 0, None)
        await one.pushed(room_id)
        told = (await one.listing(room_id)).mirror
        assert (told.state, told.waiting, told.version, told.at) == ("synced", 0, 1, (await one.head(room_id)).at)


async def test_a_deleted_room_leaves_no_objects_and_no_row(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id, other = await new_room(one, a="1"), await new_room(one, a="1")
        for one_of in (room_id, other):
            await one.pushed(one_of)
        await two.files(room_id)
        await one.put(room_id, "b", "not pushed")
        await one.alice.ask(type="delete_room", room_id=room_id)
        await two.pod._housekeeping.look()
        await two.mirror.sweeping.look()
        assert place.blobs.objects(room_id) == {}
        assert await place.storage.mirror_head(room_id) is None
        assert len(place.blobs.objects(other)) == 2
    left = [path for pod in ("one", "two") for path in (place.root / pod).rglob(f"{room_id}*")]
    assert not left
    assert place.blobs.objects(room_id) == {}


async def test_rooms_do_not_share_objects(place: Place) -> None:
    async with place.pod("one") as one:
        rooms = [await new_room(one, a="same") for _ in range(2)]
        for room_id in rooms:
            await one.pushed(room_id)
        assert [len(place.blobs.objects(room_id)) for room_id in rooms] == [2, 2]
