"""The file store away, slow, full of nonsense, or gone in the middle: nothing is lost, and nothing stands for what it is not."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.mirroring import MirrorPace
from multiplayer.models.port import Finished, TextDelta, ToolCall, ToolCallsReady
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.mirror_port import NewHead
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.restore import Restorer
from multiplayer.tools.checkpoints.scan import Scanner
from multiplayer.tools.checkpoints.tree import Entry
from tests.live.test_turn_controls import room_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.mirrors import AT_ONCE, SLOWLY, FaultyBlobs, MirrorPod, mirror_pod
from tests.support.pods import PATIENCE_S

READ: list[Moment] = [ToolCallsReady((ToolCall("c", "read_file", '{"path":"plan"}'),)), Finished("tool_calls")]
WRITE: list[Moment] = [
    ToolCallsReady((ToolCall("c", "write_file", '{"path":"plan","content":"over it"}'),)),
    Finished("tool_calls"),
]
SAID: list[Moment] = [TextDelta("Done."), Finished("stop")]


@asynccontextmanager
async def two_pods(
    root: Path,
    storage: MemoryStorage | None = None,
    *,
    pace: MirrorPace = SLOWLY,
    second_pace: MirrorPace = SLOWLY,
    model: ChunkModel | None = None,
) -> AsyncIterator[tuple[MirrorPod, MirrorPod, FaultyBlobs, RoomId]]:
    """Pods on one store, and a room with a plan that is not yet there."""
    storage, blobs = storage or MemoryStorage(), FaultyBlobs(root / "blobs")
    async with (
        mirror_pod(root / "one", storage, blobs, name="one", pace=pace) as one,
        mirror_pod(root / "two", storage, blobs, name="two", pace=second_pace, model=model) as two,
    ):
        room_id = await room_of(one.alice)
        await one.put(room_id, "plan", "first")
        yield one, two, blobs, room_id
        blobs.is_away = blobs.is_stuck = False


async def refused(work: object) -> Refused:
    with pytest.raises(Refused) as raised:
        await work  # type: ignore[misc]  # any awaitable
    return raised.value


async def test_a_room_that_was_never_here_is_refused_while_the_store_is_away_and_comes_whole_later(
    tmp_path: Path,
) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        await one.pushed(room_id)
        blobs.is_away = True
        for work in (two.listing(room_id), two.read(room_id, "plan"), two.put(room_id, "plan", "x")):
            away = await refused(work)
            assert away.code is RefusalCode.UNAVAILABLE
            assert "file store" in away.message
            assert "cannot be reached" in away.message
        assert (await two.push(room_id)).state == "behind"
        blobs.is_away = False
        assert (await one.head(room_id)).version == 1, "nothing was put over it"
        assert await two.files(room_id) == {"plan": "first"}


@pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
async def test_an_ai_is_told_so_and_sees_no_empty_folder_in_its_place(call: list[Moment], tmp_path: Path) -> None:
    async with two_pods(tmp_path, model=ChunkModel(call, SAID)) as (one, two, blobs, room_id):
        await one.pushed(room_id)
        await two.alice.join(room_id)
        blobs.is_away = True
        await two.alice.post(room_id, "@ai look at the plan")
        finished = await two.alice.expect_type("tool_finished")
        assert finished["is_ok"] is False
        assert "lie in the file store, which cannot be read now" in str(finished["text"])
        await two.alice.expect_type("turn_ended")
        assert two.seen(room_id) == {}


async def test_a_room_that_is_here_is_used_as_it_is_while_the_store_is_away_and_merged_later(tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        await one.pushed(room_id)
        await two.files(room_id)
        await one.put(room_id, "plan", "second")
        await one.put(room_id, "new", "n")
        await one.pushed(room_id)
        blobs.is_away = True
        await two.put(room_id, "own", "o")
        told = await two.listing(room_id)
        assert {entry.name for entry in told.entries} == {"plan", "own"}
        assert (told.mirror.state, told.mirror.reason) == ("behind", "the file store cannot be reached")
        assert (await two.push(room_id)).state == "behind"
        assert (await one.head(room_id)).version == 2
        blobs.is_away = False
        await two.pushed(room_id)
        for pod in (one, two):
            assert await pod.files(room_id) == {"plan": "second", "new": "n", "own": "o"}


async def test_a_push_is_tried_again_until_the_store_is_back(tmp_path: Path) -> None:
    async with two_pods(tmp_path, pace=AT_ONCE) as (one, _, blobs, room_id):
        await one.mirror._room(room_id).tried.wait()
        blobs.is_away = True
        await one.put(room_id, "new", "n")
        room = one.mirror._room(room_id)
        async with asyncio.timeout(PATIENCE_S):
            while room.failures < 3:
                room.tried.clear()
                await room.tried.wait()
        told = (await one.listing(room_id)).mirror
        assert (told.state, told.waiting, told.reason) == ("failing", 1, "the file store cannot be reached")
        blobs.is_away = False
        async with asyncio.timeout(PATIENCE_S):
            while room.task is not None:
                await asyncio.wait([room.task])
        assert (await one.listing(room_id)).mirror.state == "synced"
        assert (await one.head(room_id)).files == 2


@pytest.mark.parametrize("puts", range(5))
async def test_a_push_that_ends_anywhere_shows_nothing_of_itself_and_is_gone_on_with(puts: int, tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        await one.pushed(room_id)
        await one.put(room_id, "deep/a", "a")
        await one.put(room_id, "plan", "second")
        blobs.puts.clear()
        blobs.puts_left = puts
        state = await one.push(room_id)
        head = await one.head(room_id)
        if puts < 4:
            assert state.state == "failing"
            assert head.version == 1
            assert await two.files(room_id) == {"plan": "first"}
        blobs.puts_left = None
        await one.pushed(room_id)
        assert len(blobs.puts) == len(set(blobs.puts)) == 4, "what came there is not sent again"
        assert await two.files(room_id) == {"plan": "second"}
        assert await two.read(room_id, "deep/a") == "a"


@pytest.mark.parametrize("what", ["content", "folder"])
@pytest.mark.parametrize("how", ["spoilt", "longer", "gone"])
async def test_an_object_that_is_not_what_it_was_is_never_taken(what: str, how: str, tmp_path: Path) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        await one.put(room_id, "deep/big", b"\1" * 400_000)
        await one.pushed(room_id)
        tree = (await one.head(room_id)).tree
        objects = blobs.objects(room_id)
        spoilt = objects[tree] if what == "folder" else max(objects.values(), key=lambda path: path.stat().st_size)
        data = spoilt.read_bytes()
        if how == "gone":
            spoilt.unlink()
        else:
            spoilt.write_bytes(data + b"x" if how == "longer" else b"\2" + data[1:])
        away = await refused(two.listing(room_id))
        assert away.code is RefusalCode.UNAVAILABLE
        assert {"gone": "has lost a part"}.get(how, "has damaged a part") in away.message
        assert two.seen(room_id) == {}
        spoilt.write_bytes(data)
        assert await two.files(room_id) == {"plan": "first"}
        assert two.seen(room_id) == one.seen(room_id)


async def test_a_store_that_never_answers_is_given_up_and_does_not_hold_the_end_of_the_pod(tmp_path: Path) -> None:
    pace = replace(SLOWLY, patience_s=0.05, drain_s=0.05)
    async with two_pods(tmp_path, pace=pace, second_pace=pace) as (one, two, blobs, room_id):
        await one.pushed(room_id)
        await one.put(room_id, "plan", "second")
        blobs.is_stuck = True
        told = await one.push(room_id)
        assert (told.state, told.reason) == ("failing", "the file store is too slow")
        assert "too slow" in (await refused(two.listing(room_id))).message
        async with asyncio.timeout(PATIENCE_S):
            await one.mirror.__aexit__(None, None, None)
        assert (one.workbench.checkpoints.root / room_id / "unsent").exists()
        one.mirror._tasks = asyncio.TaskGroup()  # it is ended once more by its block
        await one.mirror._tasks.__aenter__()


class HalfWay(Restorer):
    """Puts back a few paths, and then the disk is full."""

    left = 0

    @override
    def _place(self, path: bytes, expected: Entry | None, wanted: Entry, mode: int, scanner: Scanner) -> None:
        if HalfWay.left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        HalfWay.left -= 1
        super()._place(path, expected, wanted, mode, scanner)


async def test_a_half_restored_workspace_stands_for_nothing_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_pods(tmp_path) as (one, two, blobs, room_id):
        for number in range(5):
            await one.put(room_id, f"file-{number}", "x")
        await one.pushed(room_id)
        with monkeypatch.context() as patched:
            patched.setattr("multiplayer.tools.checkpoints.checkpoints.Restorer", HalfWay)
            HalfWay.left = 3
            full = await refused(two.listing(room_id))
            assert "No space left" in full.message
        assert len(two.seen(room_id)) == 3
        await one.put(room_id, "more", "m")
        await one.pushed(room_id)
        # It is noted on the disk: a start anew does not take it for the room, either.
        two.mirror._rooms.clear()
        blobs.is_away = True
        assert (await refused(two.listing(room_id))).code is RefusalCode.UNAVAILABLE
        blobs.is_away = False
        assert len(await two.files(room_id)) == 7
        assert (await two.push(room_id)).state == "synced"
        assert (await one.head(room_id)).version == 2


class Unsure(MemoryStorage):
    """Says of heads that it does not know whether they were put, or that it is away."""

    is_stored = True

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[type[Exception]] = []

    @override
    async def put_mirror_head(self, head: NewHead, *, expected: int, sweep: int) -> bool:
        if self.faults:
            if self.is_stored:
                await super().put_mirror_head(head, expected=expected, sweep=sweep)
            raise self.faults.pop()("lost")
        return await super().put_mirror_head(head, expected=expected, sweep=sweep)


@pytest.mark.parametrize(
    ("fault", "is_stored", "version"),
    [(OutcomeUnknown, True, 1), (OutcomeUnknown, False, 1), (StorageUnavailable, False, 0)],
)
async def test_a_head_of_which_nobody_knows_is_looked_up_and_put_once(
    fault: type[Exception], is_stored: bool, version: int, tmp_path: Path
) -> None:
    storage = Unsure()
    async with two_pods(tmp_path, storage) as (one, two, _, room_id):
        storage.is_stored = is_stored
        storage.faults.append(fault)
        await one.push(room_id)
        assert not storage.faults
        assert (await one.head(room_id)).version == version
        await one.pushed(room_id)
        assert (await one.head(room_id)).version == 1
        assert await two.files(room_id) == {"plan": "first"}


async def test_after_the_database_went_back_to_an_older_head_nothing_newer_is_taken_for_deleted(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with two_pods(tmp_path, storage) as (one, two, _, room_id):
        await one.pushed(room_id)
        older = storage._mirrors[room_id]
        await one.put(room_id, "plan", "second")
        await one.put(room_id, "new", "n")
        await one.pushed(room_id)
        await one.put(room_id, "new", "n2")
        await one.pushed(room_id)
        storage._mirrors[room_id] = older
        await one.pushed(room_id)
        files = await two.files(room_id)
        assert sorted(files.values()) == ["first", "n2", "second"]
        assert await one.files(room_id) == files
