"""Many turns at once on one pod: those that wait for another one never hide those that a dead pod left."""

import asyncio
from pathlib import Path

import pytest

from multiplayer.live.turns import MAX_RUNNING
from multiplayer.models.port import TextDelta
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.inner_commands import StartTurn
from multiplayer.storage.memory import MemoryStorage
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, memory_pod

ROOMS = MAX_RUNNING + 6


@pytest.mark.slow
async def test_what_a_dead_pod_left_is_found_behind_any_number_of_turns_that_wait_for_it(tmp_path: Path) -> None:
    storage, model = MemoryStorage(), ChunkModel([TextDelta("Here I am.")])
    async with memory_pod(tmp_path, storage=storage, name="dead") as dead:
        dead.turns.drain("this pod only begins what another has to end")
        alice = await Guest.enter(dead, "alice")
        running: list[TurnId] = []
        for number in range(ROOMS):
            room_id = await dead.lobby.create_room(alice.id, f"room {number}", origin="cli")
            host = await dead.directory.host(room_id)
            await host.ask(alice.id, PostMessage(text="@ai one"), origin="cli")
            [turn] = host.room.state.turns.values()
            await host.ask(turn.ai_id, StartTurn(turn_id=turn.turn_id, fence=1, pod="dead"), origin="server")
            running.append(turn.turn_id)
            await host.ask(alice.id, PostMessage(text="@ai two"), origin="cli")
        for turn_id in running:
            await storage.hold(turn_id, fence=1, pod="dead", lease_s=0.0)
        async with memory_pod(tmp_path, storage=storage, model=model, name="heir"), asyncio.timeout(30):
            while any(turn.ended_at is None for turn in storage._turns.values()):  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.05)
    assert len(model.requests) == len(storage._turns) == 2 * ROOMS
