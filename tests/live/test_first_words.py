"""The first words of a turn: nobody reads them before a trace of them is stored, so nobody says them differently again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.models.port import CardsFound, Finished, TextDelta
from multiplayer.protocol.cards import MAX_CARDS, Card
from multiplayer.protocol.ids import TurnId
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from tests.live.test_turn_controls import answers_of, ends_of, room_of, texts_of
from tests.support.chunk_model import ChunkModel
from tests.support.cut_storage import CutStorage
from tests.support.pods import PATIENCE_S, Guest, memory_pod

SHOWN = ("ai_delta", "ai_text", "ai_cards")


def card(number: int) -> Card:
    return Card(title=f"Recipe {number}", site="recipes.example")


class SlowCheckpoints(MemoryStorage):
    """A checkpoint is stored when `go_on` is set; before that the first `fails` are not, one way or the other."""

    def __init__(self, *, fails: int = 0) -> None:
        super().__init__()
        self.fails = fails
        self.asked: list[str] = []
        self.has_come = asyncio.Event()
        self.go_on = asyncio.Event()

    @override
    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str, cards: Sequence[Card] = ()) -> bool:
        self.asked.append(text)
        self.has_come.set()
        if self.fails:
            self.fails -= 1
            raise StorageUnavailable("away") if self.fails % 2 else OutcomeUnknown("lost")
        await self.go_on.wait()
        return await super().checkpoint(turn_id, fence=fence, text=text, cards=cards)


def shown_to(guest: Guest) -> list[str]:
    return [str(line["type"]) for line in guest.heard if line["type"] in SHOWN]


async def until_open(model: ChunkModel) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not model.open_streams:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)


async def test_words_and_cards_are_held_until_the_first_are_stored_and_then_shown_together_in_order(
    tmp_path: Path,
) -> None:
    storage, more, rest = SlowCheckpoints(), asyncio.Event(), asyncio.Event()
    model = ChunkModel(
        [
            TextDelta("I found "),
            more,
            CardsFound((card(1),)),
            TextDelta("this"),
            rest,
            CardsFound((card(2),) * MAX_CARDS),
        ]
    )
    async with memory_pod(tmp_path, model=model, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai rice?")
        await asyncio.wait_for(storage.has_come.wait(), PATIENCE_S)
        more.set()
        # It is heard after whatever was told before.
        await alice.post(room_id, "is there anything?")
        await alice.expect_type("message_posted", seq=(await alice.post(room_id, "hello?"))["seq"])
        assert (shown_to(alice), storage.asked) == ([], ["I found "])
        storage.go_on.set()
        await alice.expect_type("ai_delta", text="this")
        assert shown_to(alice) == ["ai_delta", "ai_cards", "ai_delta"]
        rest.set()
        await alice.expect_type("turn_ended", outcome="done")
        [answer] = answers_of(alice)
        assert (answer.text, len(answer.cards)) == ("I found this", MAX_CARDS)


async def test_words_are_held_while_they_cannot_be_stored_and_shown_when_they_are(tmp_path: Path) -> None:
    storage, rest = SlowCheckpoints(fails=2), asyncio.Event()
    storage.go_on.set()
    model = ChunkModel([TextDelta("At last."), rest])
    async with memory_pod(tmp_path, model=model, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai are you there?")
        await alice.expect_type("ai_delta", text="At last.")
        assert storage.asked == ["At last."] * 3
        rest.set()
        await alice.expect_type("turn_ended", outcome="done")


async def test_an_answer_that_ends_before_its_first_words_are_stored_is_whole(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("All "), TextDelta("of it."), Finished("stop")])
    async with memory_pod(tmp_path, model=model, storage=SlowCheckpoints()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai tell me")
        await alice.expect_type("turn_ended", outcome="done")
        assert (texts_of(alice), shown_to(alice)) == (["All of it."], [])


async def test_a_stop_while_the_first_words_are_stored_keeps_them_from_everyone(tmp_path: Path) -> None:
    storage = SlowCheckpoints()
    model = ChunkModel([TextDelta("I was about to"), asyncio.Event()])
    async with memory_pod(tmp_path, model=model, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai tell me")
        started = await alice.expect_type("turn_started")
        await asyncio.wait_for(storage.has_come.wait(), PATIENCE_S)
        stopped = await alice.say(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        storage.go_on.set()
        await alice.expect(lambda line: line.get("re") == stopped)
        await alice.expect_type("turn_ended", outcome="stopped")
        assert (texts_of(alice), shown_to(alice), model.open_streams) == ([], [], 0)


@pytest.mark.slow  # it waits for a sweep
async def test_words_that_were_read_right_before_their_pod_died_stand_and_its_heir_does_not_ask_again(
    tmp_path: Path,
) -> None:
    shared = MemoryStorage()
    dying = CutStorage(shared)
    first, second = ChunkModel([TextDelta("It is 42."), asyncio.Event()]), ChunkModel([TextDelta("It is 7.")])
    async with memory_pod(tmp_path, model=first, storage=dying, name="dying") as dead:
        alice = await Guest.enter(dead, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai what is it?")
        delta = await alice.expect_type("ai_delta", text="It is 42.")
        dying.is_cut = True
        await shared.hold(TurnId(str(delta["turn_id"])), fence=1, pod="dying", lease_s=0.0)
        async with memory_pod(tmp_path, model=second, storage=shared, name="heir") as heir:
            bob = await Guest.enter(heir, "alice")
            await bob.join(room_id, epoch=heir.epoch, seq=0)
            await bob.expect_type("turn_ended")
            assert (ends_of(bob), texts_of(bob), second.requests) == (["interrupted"], ["It is 42."], [])
        dying.is_cut = False
