"""A pod that cannot say for certain that a turn is still its own says nothing more in it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from multiplayer.live.turn_lease import LEASE_S
from multiplayer.models.port import TextDelta
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.storage.memory import MemoryStorage
from tests.live.test_turn_controls import ends_of, room_of, texts_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.cut_storage import CutStorage
from tests.support.pods import PATIENCE_S, Guest, Line, memory_pod, system_clock

SAID, STALE = "The answer is 42.", " Nobody hears these."


class Scene:
    """A room on a pod whose way to the database can be cut and whose time can be moved on; its AI has begun to speak."""

    def __init__(self, storage: CutStorage, folder: Path) -> None:
        self.storage = storage
        self.folder = folder
        self.ahead_s = 0.0
        self.go_on = asyncio.Event()
        self.model = ChunkModel(self._script([]))
        self.alice: Guest
        self.room_id: RoomId
        self.turn_id: TurnId

    def _script(self, last: Sequence[Moment]) -> Sequence[Moment]:
        return [TextDelta(SAID), self.go_on, TextDelta(STALE), *last]

    def passes(self, seconds: float) -> None:
        self.ahead_s += seconds

    async def lets_the_lease_run_out(self) -> None:
        await MemoryStorage.hold(self.storage, self.turn_id, fence=1, pod="first", lease_s=0.0)

    async def until_left(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.alice.pod.turns) or self.model.open_streams:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0)

    async def heard(self) -> Sequence[Line]:
        """What alice has heard by now."""
        await self.alice.ask(type="ping")
        return self.alice.heard


def words_in(heard: Sequence[Line]) -> str:
    return "".join(str(line["text"]) for line in heard if line["type"] == "ai_delta")


@asynccontextmanager
async def speaking(tmp_path: Path) -> AsyncIterator[Scene]:
    shared = MemoryStorage()
    scene, real = Scene(CutStorage(shared), tmp_path), system_clock()
    monotonic_s: Callable[[], float] = lambda: real.monotonic_s() + scene.ahead_s  # noqa: E731 - a clock's part
    clock = replace(real, monotonic_s=monotonic_s)
    async with memory_pod(tmp_path, model=scene.model, storage=scene.storage, clock=clock, name="first") as pod:
        scene.alice = await Guest.enter(pod, "alice")
        scene.room_id = await room_of(scene.alice)
        await scene.alice.post(scene.room_id, "@ai what is it?")
        delta = await scene.alice.expect_type("ai_delta", text=SAID)
        scene.turn_id = TurnId(str(delta["turn_id"]))
        yield scene
        scene.storage.is_cut = False


@pytest.mark.slow  # it waits for a sweep
async def test_a_pod_that_was_cut_off_for_a_lease_says_nothing_while_another_one_ends_the_turn(tmp_path: Path) -> None:
    async with speaking(tmp_path) as scene:
        scene.storage.is_cut = True
        scene.passes(LEASE_S)
        await scene.lets_the_lease_run_out()
        shared = CutStorage(scene.storage)
        async with memory_pod(tmp_path, model=scene.model, storage=shared, name="heir") as heir:
            bob = await Guest.enter(heir, "alice")
            await bob.join(scene.room_id, epoch=heir.epoch, seq=0)
            await bob.expect_type("turn_ended", outcome="interrupted")
            scene.go_on.set()
            await scene.until_left()
            assert words_in(await scene.heard()) == SAID
            assert texts_of(bob) == [SAID]
        assert len(scene.model.requests) == 1


@pytest.mark.slow  # it waits for a sweep
@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_turn_that_was_left_so_is_ended_by_a_sweep_when_the_database_is_back(
    tmp_path: Path, *, goes_on: bool
) -> None:
    async with speaking(tmp_path) as scene:
        scene.storage.is_cut = True
        scene.passes(LEASE_S)
        if goes_on:
            # Its next words come before the next renewal is due.
            scene.go_on.set()
        # If nothing comes that could be said, the lease itself ends the model's connection.
        await scene.until_left()
        await scene.lets_the_lease_run_out()
        scene.storage.is_cut = False
        ended = await scene.alice.expect_type("turn_ended", outcome="interrupted")
        assert "went away" in str(ended["reason"])
        assert (words_in(scene.alice.heard), texts_of(scene.alice)) == (SAID, [SAID])


async def test_a_pod_that_was_frozen_goes_on_when_the_turn_is_still_its_own(tmp_path: Path) -> None:
    async with speaking(tmp_path) as scene:
        scene.passes(3 * LEASE_S)
        scene.go_on.set()
        await scene.alice.expect_type("turn_ended")
        assert (ends_of(scene.alice), texts_of(scene.alice)) == (["done"], [SAID + STALE])


async def test_a_pod_that_was_frozen_is_silent_when_another_one_has_taken_the_turn(tmp_path: Path) -> None:
    async with speaking(tmp_path) as scene:
        scene.passes(3 * LEASE_S)
        assert await MemoryStorage.hold(scene.storage, scene.turn_id, fence=2, pod="heir", lease_s=LEASE_S)
        scene.go_on.set()
        await scene.until_left()
        assert words_in(await scene.heard()) == SAID
        assert ends_of(scene.alice) == []


@pytest.mark.slow  # it waits until the lease is over
async def test_an_answer_that_is_complete_is_stored_when_the_database_is_back(tmp_path: Path) -> None:
    async with speaking(tmp_path) as scene:
        scene.storage.refuses_appends = True
        scene.go_on.set()
        await scene.alice.expect_type("ai_delta", text=STALE)
        scene.storage.is_cut = True
        scene.passes(LEASE_S)
        # One renewal is due within a second, and fails: by then it is known that the lease is over.
        await asyncio.wait_for(scene.storage.has_failed_to_hold.wait(), PATIENCE_S)
        scene.storage.is_cut = scene.storage.refuses_appends = False
        await scene.alice.expect_type("turn_ended")
        assert (ends_of(scene.alice), texts_of(scene.alice)) == (["done"], [SAID + STALE])
