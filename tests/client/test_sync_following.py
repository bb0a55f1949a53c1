"""A folder that is kept equal: by changes here, by what the room tells, over breaks; and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.client.errors import ConnectionLost
from multiplayer.client.lines import RoomWord
from multiplayer.client.sync.following import _QUIET_S, Following
from multiplayer.client.sync.telling import Result
from multiplayer.client.sync.wrongs import ManyRemovals, SyncStopped
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.turn_events import FilesChanged
from tests.support.followed_folder import Followed, following
from tests.support.memory_workspace import MemoryWorkspace

pytestmark = pytest.mark.slow
PATIENCE_S = 20.0


@dataclass
class Told:
    """What happens in the room, as it comes to a reader."""

    waiting: "asyncio.Queue[RoomWord | None]" = field(default_factory=asyncio.Queue)

    def __aiter__(self) -> AsyncIterator[RoomWord]:
        return self

    async def __anext__(self) -> RoomWord:
        word = await self.waiting.get()
        if word is None:
            raise StopAsyncIteration
        return word

    def files_changed(self, after: str) -> None:
        word = FilesChanged(
            room_id=RoomId("ROOM"),
            seq=1,
            id="E",
            at=datetime(2026, 11, 22, tzinfo=UTC),
            actor_id=AccountId("BOB"),
            changes=(),
            before="",
            after=after,
        )
        self.waiting.put_nowait(word)


@dataclass
class Scene:
    room: MemoryWorkspace
    mine: Followed
    told: Told
    results: list[Result] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    passed: asyncio.Event = field(default_factory=asyncio.Event)

    def following(self) -> Following:
        def on_pass(result: Result) -> None:
            self.results.append(result)
            self.passed.set()

        return Following(self.mine.sync, self.mine.path, self.told, on_pass=on_pass, on_trouble=self.troubles.append)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.following().run())
            try:
                yield
            finally:
                running.cancel()

    async def until_equal(self, **files: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not (
                self.mine.files() == self.room.files == {name.replace("__", "/"): data for name, data in files.items()}
            ):
                self.passed.clear()
                await self.passed.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    room = MemoryWorkspace()
    with following(tmp_path / "mine", room, patience_s=0.1) as mine:
        yield Scene(room, mine, Told())


async def test_changes_on_either_side_are_followed(scene: Scene) -> None:
    scene.room.files = {"a": b"1"}
    async with scene.at_work():
        await scene.until_equal(a=b"1")
        scene.mine.write("b", "2")
        await scene.until_equal(a=b"1", b=b"2")
        # In a folder that was not there when it began.
        scene.mine.write("d/e/c", "3")
        await scene.until_equal(a=b"1", b=b"2", d__e__c=b"3")
        scene.mine.write("d/e/c", "4")
        await scene.until_equal(a=b"1", b=b"2", d__e__c=b"4")
        scene.room.files |= {"a": b"5"}
        scene.told.files_changed("other")
        await scene.until_equal(a=b"5", b=b"2", d__e__c=b"4")
        (scene.mine.path / "b").unlink()
        await scene.until_equal(a=b"5", d__e__c=b"4")
    assert scene.troubles == []


async def test_what_the_room_tells_of_our_own_change_starts_no_pass(scene: Scene) -> None:
    scene.mine.write("a", "1")
    async with scene.at_work():
        await scene.until_equal(a=b"1")
        known = scene.mine.sync.tree
        assert known == scene.room._tree()
        scene.passed.clear()
        scene.told.files_changed(known)
        # A pass that it started would begin when it was quiet for so long.
        with suppress(TimeoutError):
            async with asyncio.timeout(5 * _QUIET_S):
                await scene.passed.wait()
        scene.passed.clear()
        scene.told.files_changed("other")
        async with asyncio.timeout(PATIENCE_S):
            await scene.passed.wait()
    assert len(scene.results) == 2
    assert [call for call in scene.room.calls if "tree" in call] == ["tree", "same tree"]


async def test_a_server_that_is_away_is_told_of_and_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.room.files = {"a": b"1"}
    tree = scene.room.workspace_tree
    broken = 3

    async def breaking(known: str | None = None) -> object:
        nonlocal broken
        broken -= 1
        if broken >= 0:
            raise ConnectionLost("the server is away")
        return await tree(known)

    monkeypatch.setattr(scene.room, "workspace_tree", breaking)
    async with scene.at_work():
        await scene.until_equal(a=b"1")
    assert set(scene.troubles) == {"the server is away"}


async def test_it_ends_when_the_membership_does(scene: Scene) -> None:
    scene.told.waiting.put_nowait(None)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(SyncStopped, match="not in this room any more"):
            await scene.following().run()


async def test_it_ends_rather_than_remove_most_files_unasked(scene: Scene) -> None:
    scene.room.files = {f"{number}": f"{number}".encode() for number in range(30)}
    kept = dict(scene.room.files)
    running = asyncio.Event()

    async def empty() -> None:
        await scene.passed.wait()
        scene.room.files = {}
        scene.told.files_changed("other")
        running.set()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(empty())
        with pytest.raises(ManyRemovals):
            await scene.following().run()
    assert running.is_set()
    assert scene.mine.files() == kept


async def test_a_system_that_tells_of_no_changes_is_looked_at_now_and_then(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_paths: Path, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("multiplayer.client.sync.following.awatch", refuses)
    monkeypatch.setattr("multiplayer.client.sync.following._LOOK_S", 0.1)
    async with scene.at_work():
        await scene.until_equal()
        scene.mine.write("a", "1")
        await scene.until_equal(a=b"1")
    assert "does not tell of changes" in scene.troubles[0]
