"""A stop means silence: no word after it, the provider's connection closed, nothing left reserved, one end."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.turns import Turns
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible
from multiplayer.models.port import ChatRequest, Chunk, TextDelta, ThinkingDelta
from multiplayer.protocol.commands import StopTurn
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.inner_commands import StartTurn
from multiplayer.storage.ledger_port import Breach, Cap, Charge
from multiplayer.storage.memory import MemoryStorage
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, Line, memory_pod
from tests.support.provider import Behaviour, Reply, provider

SILENT_S = 10.0
"""Fifty times what is promised from a stop to silence, for a machine that stands still for seconds."""
PASSING = ("ai_delta", "ai_text", "ai_cards", "ai_thinking", "tool_output", "turn_progress")


class Torrent:
    """A model that never stops talking and thinking, and gives others hardly time to breathe."""

    model_name = "torrent"
    context_tokens = 32_768

    def __init__(self) -> None:
        self.open_streams = 0
        self.asked = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:  # noqa: ARG002 - it hears nothing
        self.asked += 1
        self.open_streams += 1
        number = 0
        try:
            while True:
                number += 1
                yield TextDelta(f"{number} ")
                yield ThinkingDelta(f"and {number} ")
                if number % 7 == 0:
                    await asyncio.sleep(0)
        finally:
            self.open_streams -= 1


def talks_on() -> Behaviour:
    """Words, one after the other, until the client goes away."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        while not reply.request.closed.is_set():
            await reply.delta({"content": "word "})
            await asyncio.sleep(0.002)

    return Behaviour("talks_on", play)


async def room_of(alice: Guest, *others: Guest) -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    for other in others:
        added = await alice.ask(type="invite_member", room_id=room_id, handle=other.account.handle)
        assert added["type"] == "accepted"
    for guest in (alice, *others):
        await guest.join(room_id)
    return room_id


def place_of(heard: Sequence[Line], kind: str) -> int:
    return next(place for place, line in enumerate(heard) if line["type"] == kind)


def words_of(heard: Sequence[Line]) -> str:
    return "".join(str(line["text"]) for line in heard if line["type"] == "ai_delta")


def answers_in(heard: Sequence[Line]) -> list[str]:
    messages = [line["message"] for line in heard if line["type"] == "message_posted"]
    return [str(each["text"]) for each in messages if isinstance(each, dict) and each.get("turn_id")]


async def test_after_a_stop_no_further_word_or_thought_reaches_anyone_and_those_shown_stand(tmp_path: Path) -> None:
    model = Torrent()
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.post(room_id, "@ai talk")
        started = await alice.expect_type("turn_started")
        await bob.expect_type("ai_delta")
        assert (await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"]))["type"] == "accepted"
        for guest in (alice, bob):
            assert (await guest.expect_type("turn_ended"))["outcome"] == "stopped"
            await guest.ask(type="ping")
            at = place_of(guest.heard, "turn_stop_requested")
            assert [line["type"] for line in guest.heard[at:] if line["type"] in PASSING] == []
            assert answers_in(guest.heard) == [words_of(guest.heard)]
        assert model.open_streams == 0


async def test_a_stop_closes_the_providers_connection_and_ends_the_turn_within_the_promise(tmp_path: Path) -> None:
    async with provider(talks_on()) as stand_in:
        model = OpenAICompatible(Endpoint(stand_in.base_url, "stand-in", 32_768, allows_plain_http=True), "sk-test")
        async with memory_pod(tmp_path, model=model) as pod:
            alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
            room_id = await room_of(alice, bob)
            await bob.post(room_id, "@ai talk")
            started = await alice.expect_type("turn_started")
            await alice.expect_type("ai_delta")
            await bob.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
            accepted_s = time.monotonic()
            await asyncio.wait_for(stand_in.requests[0].closed.wait(), SILENT_S)
            await alice.expect_type("turn_ended", outcome="stopped")
            assert time.monotonic() - accepted_s < SILENT_S
            assert answers_in(alice.heard) == [words_of(alice.heard)]
        await model.aclose()


async def test_a_turn_that_has_said_nothing_is_stopped_without_a_message(tmp_path: Path) -> None:
    model = ChunkModel([asyncio.Event()])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai think hard")
        await alice.expect_type("turn_progress", phase="model")
        started = await alice.expect_type("turn_started")
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        ended = await alice.expect_type("turn_ended", outcome="stopped")
        assert ended.get("message_id") is None
        assert answers_in(alice.heard) == []
        assert model.open_streams == 0


async def test_a_turn_that_waits_is_stopped_at_once_and_its_model_is_never_asked(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ChunkModel([TextDelta("first"), go_on], [TextDelta("third")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.post(room_id, "@ai one")
        await alice.expect_type("ai_delta")
        start = len(alice.heard)
        await bob.post(room_id, "@ai two")
        waiting = await alice.expect_type("turn_requested", start=start)
        await bob.ask(type="stop_turn", room_id=room_id, turn_id=waiting["turn_id"])
        await alice.expect_type("turn_ended", turn_id=waiting["turn_id"], outcome="stopped")
        go_on.set()
        await alice.expect_type("turn_ended", outcome="done")
        start = len(alice.heard)
        await alice.post(room_id, "@ai three")
        await alice.expect_type("turn_ended", start=start, outcome="done")
        assert len(model.requests) == 2


async def test_a_stop_while_the_context_is_built_keeps_the_answer_from_being_asked_for(tmp_path: Path) -> None:
    storage, model = MemoryStorage(), ChunkModel([asyncio.Event()], [TextDelta("never")])
    async with memory_pod(tmp_path, storage=storage, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
        for number in range(12):
            await alice.post(room_id, f"{number} is a number")
        await alice.post(room_id, "@ai count")
        started = await alice.expect_type("turn_started")
        async with asyncio.timeout(10):
            while not model.open_streams:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
        # That is the summary, which comes before the answer.
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        await alice.expect_type("turn_ended", outcome="stopped")
        assert not any(line.get("phase") == "model" for line in alice.heard)
        assert len(model.requests) == 1
        assert model.open_streams == 0
        assert open_reservations(storage) == []


class HeldReserve(MemoryStorage):
    """A reservation is stored, but its answer does not come."""

    def __init__(self) -> None:
        super().__init__()
        self.has_come = asyncio.Event()

    @override
    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        breach = await super().reserve(charge, caps)
        self.has_come.set()
        await asyncio.Event().wait()
        return breach


async def test_a_stop_while_money_is_reserved_leaves_no_reservation_open(tmp_path: Path) -> None:
    storage, model = HeldReserve(), ChunkModel([TextDelta("never")])
    async with memory_pod(tmp_path, storage=storage, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai hello")
        await storage.has_come.wait()
        started = await alice.expect_type("turn_started")
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        await alice.expect_type("turn_ended", outcome="stopped")
        assert open_reservations(storage) == []
        assert model.requests == []


async def test_a_turn_that_ends_because_its_ai_is_removed_settles_what_its_call_had_reserved(tmp_path: Path) -> None:
    storage, model = MemoryStorage(), ChunkModel([TextDelta("I am "), asyncio.Event()])
    async with memory_pod(tmp_path, storage=storage, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai who are you")
        requested = await alice.expect_type("turn_requested")
        await alice.expect_type("ai_delta")
        assert len(open_reservations(storage)) == 1
        await alice.ask(type="remove_member", room_id=room_id, account_id=requested["ai_id"])
        await alice.expect_type("turn_ended", outcome="stopped")
        await asyncio.wait_for(until_idle(pod.turns), SILENT_S)
        assert open_reservations(storage) == []
        assert model.open_streams == 0


@pytest.mark.slow  # it waits for a sweep
@pytest.mark.parametrize("said", ["I was saying", ""])
async def test_a_stop_that_its_pod_did_not_live_to_obey_is_obeyed_by_the_next_one(tmp_path: Path, said: str) -> None:
    storage, model = MemoryStorage(), ChunkModel([TextDelta("never")])
    async with memory_pod(tmp_path, storage=storage, name="dead") as dead:
        dead.turns.drain("this pod only begins what another has to end")
        alice = await Guest.enter(dead, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai hello")
        requested = await alice.expect_type("turn_requested")
        ai_id, turn_id = AccountId(str(requested["ai_id"])), TurnId(str(requested["turn_id"]))
        host = await dead.directory.host(room_id)
        await host.ask(ai_id, StartTurn(turn_id=turn_id, fence=1, pod="dead"), origin="server")
        await storage.checkpoint(turn_id, fence=1, text=said)
        await host.ask(alice.id, StopTurn(turn_id=turn_id), origin="cli")
        await storage.hold(turn_id, fence=1, pod="dead", lease_s=0.0)
        async with memory_pod(tmp_path, storage=storage, model=model, name="heir") as heir:
            bob = await Guest.enter(heir, "alice")
            await bob.join(room_id, epoch=heir.epoch, seq=0)
            await bob.expect_type("turn_ended", outcome="stopped")
            assert answers_in(bob.heard) == ([said] if said else [])
            assert model.requests == []


class Broken:
    """A model with a mistake of ours in it: after some words it raises what no model may raise."""

    model_name = "broken"
    context_tokens = 32_768

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:  # noqa: ARG002 - it hears nothing
        yield TextDelta("As far as I ")
        yield TextDelta("know ")
        await asyncio.sleep(0)
        raise ZeroDivisionError


@pytest.mark.slow  # the log of it shows a whole traceback
async def test_what_breaks_in_the_middle_keeps_the_words_that_were_out_and_settles(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with memory_pod(tmp_path, storage=storage, model=Broken()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai hello")
        ended = await alice.expect_type("turn_ended", outcome="interrupted")
        assert "broke" in str(ended["reason"])
        assert answers_in(alice.heard) == ["As far as I know "]
        assert open_reservations(storage) == []


def open_reservations(storage: MemoryStorage) -> list[str]:
    return [charge_id for charge_id, entry in storage._ledger.items() if entry.is_open]


async def until_idle(turns: Turns) -> None:
    while len(turns):  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0)
