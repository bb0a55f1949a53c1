"""Folders that follow a room by way of several pods: what they are told is there on every one of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from multiplayer.live.workbench import WorkspaceAway
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.workspace_sync import ChangePaths, PathChange, PathsChanged, WorkspaceTree, WritePath
from multiplayer.tools.files.writes import sha256_of
from tests.live.test_mirroring import Place, new_room
from tests.live.test_mirroring import place as place  # noqa: PLC0414 - a fixture
from tests.live.test_workspace_sync import pieces, remove, states
from tests.support.followed_folder import following
from tests.support.mirrors import AT_ONCE, SLOWLY, MirrorPod
from tests.support.pods import PATIENCE_S


async def tree_of(pod: MirrorPod, room_id: RoomId, known: str | None = None) -> WorkspaceTree | None:
    return await pod.pod.workspace.sync.tree(room_id, pod.alice.id, known)


async def names(pod: MirrorPod, room_id: RoomId) -> set[str]:
    tree = await tree_of(pod, room_id)
    assert tree is not None
    return {entry.path for entry in tree.entries}


async def change(pod: MirrorPod, room_id: RoomId, *changes: PathChange) -> PathsChanged:
    return await pod.pod.workspace.sync.change(room_id, pod.alice.id, ChangePaths(changes=changes))


async def send(pod: MirrorPod, room_id: RoomId, words: str) -> str:
    data = words.encode()
    sha256 = sha256_of(data)
    await pod.pod.workspace.sync.take(room_id, pod.alice.id, sha256, len(data), pieces(data))
    return sha256


async def write(pod: MirrorPod, room_id: RoomId, path: str, words: str) -> PathsChanged:
    return await change(pod, room_id, WritePath(path=path, sha256=await send(pod, room_id, words)))


@dataclass
class Shared:
    """A room as a client sees it whose requests go to the pods in turn, or to the one that is `picked`."""

    room_id: RoomId
    pods: Sequence[MirrorPod]
    picked: int | None = None

    def __post_init__(self) -> None:
        self._turns = count()

    @property
    def _pod(self) -> MirrorPod:
        return self.pods[self.picked if self.picked is not None else next(self._turns) % len(self.pods)]

    async def workspace_tree(self, known: str | None = None) -> WorkspaceTree | None:
        return await tree_of(self._pod, self.room_id, known)

    async def missing_contents(self, sha256s: Sequence[str]) -> Sequence[str]:
        pod = self._pod
        return (await pod.pod.workspace.sync.missing(self.room_id, pod.alice.id, sha256s)).sha256s

    async def put_content(self, sha256: str, size: int, pieces: AsyncIterable[bytes]) -> None:
        pod = self._pod
        await pod.pod.workspace.sync.take(self.room_id, pod.alice.id, sha256, size, pieces)

    async def fetch_content(self, sha256: str, start: int = 0) -> AsyncGenerator[bytes, None]:
        pod = self._pod
        _, stream = await pod.pod.workspace.sync.content(self.room_id, pod.alice.id, sha256, start)
        async for piece in stream:
            yield piece

    async def change_paths(self, changes: Sequence[PathChange]) -> PathsChanged:
        return await change(self._pod, self.room_id, *changes)


async def unavailable(work: object) -> str:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any awaitable
    assert refused.value.code is RefusalCode.UNAVAILABLE
    assert refused.value.retry_after_s
    return refused.value.message


async def test_what_a_follower_is_told_to_have_changed_is_there_on_the_next_pod(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="first")
        await one.pushed(room_id)
        assert await names(two, room_id) == {"plan"}
        done = await write(one, room_id, "new", "second")
        assert states(done) == ["done"]
        assert (await one.head(room_id)).tree == done.tree
        assert await names(two, room_id) == {"plan", "new"}
        assert await tree_of(two, room_id, done.tree) is None
        assert states(await change(two, room_id, remove("new", b"second"))) == ["done"]
        assert await names(one, room_id) == {"plan"}


async def test_what_others_have_changed_is_in_the_store_before_a_follower_is_told_of_it(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="of the door, and not pushed")
        tree = await tree_of(one, room_id)
        assert tree is not None
        assert (await one.head(room_id)).tree == tree.tree
        assert await names(two, room_id) == {"plan"}
        # What nothing has noted, as a job writes it.
        (one.folder(room_id) / "by-a-job").write_text("x")
        assert await names(one, room_id) == {"plan", "by-a-job"}
        assert await names(two, room_id) == {"plan", "by-a-job"}


async def test_an_empty_room_is_told_without_anything_in_the_store(place: Place) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one)
        tree = await tree_of(one, room_id)
        assert tree is not None
        assert tree.entries == ()
        assert await tree_of(one, room_id, tree.tree) is None
        assert place.blobs.objects(room_id) == {}


async def test_who_waited_for_the_room_gets_what_was_pushed_meanwhile(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two, asyncio.TaskGroup() as tasks:
        room_id = await new_room(one, plan="first")
        await one.pushed(room_id)
        assert await names(two, room_id) == {"plan"}
        lock = two.workbench.lock(room_id)
        async with lock:
            await one.put(room_id, "new", "x")
            await one.pushed(room_id)
            looking = tasks.create_task(names(two, room_id))
            while not lock._waiters:  # noqa: ASYNC110 - a lock tells nobody who waits for it
                await asyncio.sleep(0)
        assert await looking == {"plan", "new"}


async def test_a_push_that_was_under_way_already_does_not_answer_for_what_came_after_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.pod("one") as one, asyncio.TaskGroup() as tasks:
        room_id = await new_room(one, plan="first")
        put, is_putting, goes_on = place.storage.put_mirror_head, asyncio.Event(), asyncio.Event()

        async def put_late(*args: object, **named: object) -> bool:
            is_putting.set()
            await goes_on.wait()
            return await put(*args, **named)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(place.storage, "put_mirror_head", put_late)
        pushing = tasks.create_task(one.push(room_id))
        await is_putting.wait()
        changing = tasks.create_task(write(one, room_id, "new", "x"))
        while b"new" not in one.seen(room_id):  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.01)
        goes_on.set()
        await pushing
        done = await changing
        assert (await one.head(room_id)).tree == done.tree


async def test_while_the_store_is_away_a_change_is_made_and_said_not_to_be_there_yet(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="first")
        await one.pushed(room_id)
        sha256 = await send(one, room_id, "second")
        asked = WritePath(path="new", sha256=sha256)
        place.blobs.is_away = True
        said = await unavailable(change(one, room_id, asked))
        assert said.startswith("the change is made, and not yet in the file store (the file store cannot be reached)")
        assert b"new" in one.seen(room_id)
        for known in (None, (await one.head(room_id)).tree):
            assert "file store" in await unavailable(tree_of(one, room_id, known)), "nobody is told of it"
        await unavailable(change(one, room_id, asked))
        place.blobs.is_away = False
        assert states(await change(one, room_id, asked)) == ["same"]
        assert await names(two, room_id) == await names(one, room_id) == {"plan", "new"}
        assert (await one.head(room_id)).version == 2


async def test_a_pod_that_cannot_fetch_what_is_newer_tells_no_tree_at_all(place: Place) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="first")
        old = await tree_of(one, room_id)
        assert old is not None
        assert await names(two, room_id) == {"plan"}
        await write(one, room_id, "new", "x")
        place.blobs.is_away = True
        for known in (None, old.tree):
            assert "newer" in await unavailable(tree_of(two, room_id, known))
        # What is up to date here needs nothing of the store.
        assert await names(one, room_id) == {"plan", "new"}
        place.blobs.is_away = False
        assert await names(two, room_id) == {"plan", "new"}


async def test_a_store_that_never_answers_is_waited_for_so_long_and_no_longer(place: Place) -> None:
    async with place.pod("one", replace(SLOWLY, flush_s=0.2, drain_s=0.0)) as one:
        room_id = await new_room(one, plan="first")
        place.blobs.is_stuck = True
        async with asyncio.timeout(PATIENCE_S):
            assert "takes its time" in await unavailable(tree_of(one, room_id))
        place.blobs.is_stuck = False


async def test_files_that_never_stand_still_are_told_as_they_were_put(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.pod("one") as one:
        room_id = await new_room(one, plan="first")
        put, numbers = place.storage.put_mirror_head, count()

        async def put_and_write(*args: object, **named: object) -> bool:
            (one.folder(room_id) / f"job-{next(numbers)}").write_text("x")
            return await put(*args, **named)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(place.storage, "put_mirror_head", put_and_write)
        for expected in ({"plan"}, {"plan", "job-0"}, {"plan", "job-0", "job-1"}):
            tree = await tree_of(one, room_id)
            assert tree is not None
            assert tree.tree == (await one.head(room_id)).tree
            assert {entry.path for entry in tree.entries} == expected


async def test_of_a_room_that_is_not_there_nothing_is_flushed(place: Place) -> None:
    async with place.pod("one", AT_ONCE) as one:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(WorkspaceAway):
                await one.mirror.flush(RoomId("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        room_id = await new_room(one, plan="first")
    with pytest.raises(WorkspaceAway, match="ending"):
        await one.mirror.flush(room_id)


async def test_a_folder_keeps_what_it_sent_to_one_pod_when_it_asks_another(place: Place, tmp_path: Path) -> None:
    async with place.pod("one") as one, place.pod("two") as two:
        room_id = await new_room(one, plan="v1")
        await names(two, room_id)
        shared = Shared(room_id, (one, two), picked=0)
        with following(tmp_path / "mine", shared) as mine:
            await mine.settle()
            mine.write("thesis", "the only copy")
            mine.write("plan", "v2")
            await mine.settle()
            shared.picked = 1
            assert (await mine.settle()).done == []
            assert mine.files() == {"plan": b"v2", "thesis": b"the only copy"}
            shared.picked = 0
            assert (await mine.settle()).done == []


async def test_a_folder_whose_requests_go_to_two_pods_in_turn_becomes_equal(place: Place, tmp_path: Path) -> None:
    async with place.pod("one", AT_ONCE) as one, place.pod("two", AT_ONCE) as two:
        room_id = await new_room(one, plan="first")
        with following(tmp_path / "mine", Shared(room_id, (one, two))) as mine:
            for number in range(5):
                mine.write(f"file-{number}", f"{number}")
            assert (await mine.settle()).is_equal
        expected = {"plan", *(f"file-{number}" for number in range(5))}
        assert await names(one, room_id) == await names(two, room_id) == expected
        assert set(mine.files()) == expected
