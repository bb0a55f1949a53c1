"""The limits of what waits in a room and of who is in a direct room, at their last good value and one past it."""

import asyncio
from pathlib import Path

import pytest

from multiplayer.live.batch import Done, Outcome
from multiplayer.live.lobby import MAX_DIRECT
from multiplayer.live.room_host import MAX_WAITING
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.errors import RefusalCode, Refused
from tests.support.pods import PATIENCE_S, Guest, memory_pod


async def test_a_thousand_commands_may_wait_in_a_room_and_not_one_more(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        host = await pod.directory.host(await pod.lobby.create_room(alice.id, "demo", origin="cli"))
        outcomes: list[Outcome] = []
        is_done = asyncio.Event()

        def done(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if len(outcomes) == MAX_WAITING + 1:
                is_done.set()

        # Without a pause, so that the room's task takes nothing meanwhile.
        for n in range(MAX_WAITING + 1):
            assert not outcomes
            host.submit(alice.id, PostMessage(text=str(n)), key=None, origin="cli", done=done)
        [refused] = outcomes
        assert isinstance(refused, Refused)
        assert (refused.code, refused.retry_after_s) == (RefusalCode.BUSY, 1.0)
        async with asyncio.timeout(PATIENCE_S):
            await is_done.wait()
        seqs = [outcome.seq for outcome in outcomes if isinstance(outcome, Done)]
        assert seqs == list(range(2, MAX_WAITING + 2))
        # There is room again.
        assert (await host.ask(alice.id, PostMessage(text="after"), origin="cli")).seq == MAX_WAITING + 2


async def test_a_direct_room_has_twenty_members_at_most(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await pod.lobby.create_account("alice", origin="cli")
        others = [(await pod.lobby.create_account(f"bob-{n}", origin="cli")).handle for n in range(MAX_DIRECT)]
        room_id = await pod.lobby.direct(alice.id, others[:-1], origin="cli")
        assert len((await pod.directory.host(room_id)).room.state.members) == MAX_DIRECT
        with pytest.raises(Refused) as refused:
            await pod.lobby.direct(alice.id, others, origin="cli")
        assert refused.value.code is RefusalCode.LIMIT_REACHED
