"""Sessions that expire, readers that are too slow, joiners that come in the middle: over both transports."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.scripted import Say, ScriptedModel, Stall
from multiplayer.protocol.ids import RoomId
from multiplayer.transports.deadlines import Deadlines
from tests.support.people import Person, Transport, person, until
from tests.support.server import Known, RunningServer, running_server

pytestmark = pytest.mark.slow

BIG = "x" * 32_000
ENOUGH = 330
"""So many big messages fill the kernel's buffers on both sides and then the outbox."""


async def test_a_session_is_warned_before_its_token_ends_and_closed_with_4001_after(
    server: RunningServer, transport: Transport
) -> None:
    alice = await server.know("alice", ttl=timedelta(seconds=1.2))
    async with person(server, alice, transport) as someone:
        await someone.expect_type("session_expiring")
        assert await someone.closed(within_s=4) == 4001


async def test_a_renewed_session_outlives_its_first_token(server: RunningServer, transport: Transport) -> None:
    brief = await server.know("bob", ttl=timedelta(seconds=1.2))
    lasting = await server.know("bob")
    async with person(server, brief, transport) as someone:
        assert (await someone.renew(lasting.token))["type"] == "accepted"
        now = server.pod.clock.now
        ends_at = now() + timedelta(seconds=1.5)
        await until(lambda: now() > ends_at)
        [session] = server.pod.sessions.of(brief.id)
        assert session.closing is None


async def test_who_joins_while_the_ai_speaks_gets_its_words_so_far_and_then_the_rest(
    tmp_path: Path, transport: Transport
) -> None:
    go_on = asyncio.Event()
    model = ScriptedModel([[Say("The first half"), Stall(go_on), Say(" and the second.", 3)]])
    async with running_server(tmp_path, model=model) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        room_id = await server.room(alice, bob)
        async with person(server, alice, transport) as first, person(server, bob, transport) as second:
            await first.join(room_id)
            await first.post(room_id, "@ai speak")
            await first.expect_type("ai_delta")
            joined = await second.join(room_id)
            assert "The first half" in str(joined["snapshot"])
            async with person(server, bob, transport) as third:
                await third.join(room_id, after=2)
                text = await third.expect_type("ai_text")
                assert text["text"] == "The first half"
                go_on.set()
                for someone in (first, second, third):
                    await someone.expect_type("turn_ended", outcome="done")
                    answer = await someone.expect(
                        lambda line: line["type"] == "message_posted" and line["actor_id"] not in {alice.id, bob.id}
                    )
                    assert "The first half and the second." in str(answer["message"])
                pieces = [line for line in third.heard if line["type"] == "ai_delta"]
                assert text["text"] + "".join(str(line["text"]) for line in pieces) == "The first half and the second."


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[RunningServer]:
    limits = PodLimits(session=SessionLimits(commands_per_s=1_000, commands_burst=1_000))
    async with running_server(tmp_path, limits=limits, door_limits=DoorLimits(messages_per_min=10_000)) as running:
        yield running


async def _flood(server: RunningServer, writer: Known, room_id: RoomId) -> int:
    """Say a great deal; return the last seq."""
    async with person(server, writer, "websocket") as someone:
        answers = [await someone.post(room_id, BIG) for _ in range(ENOUGH)]
    return int(str(answers[-1]["seq"]))


async def test_a_slow_reader_is_skipped_and_gets_everything_once_it_reads_on(
    crowded: RunningServer, transport: Transport
) -> None:
    alice, bob = await crowded.know("alice"), await crowded.know("bob")
    room_id = await crowded.room(alice, bob)
    async with person(crowded, bob, transport) as slow:
        await slow.join(room_id)
        slow.stop_reading()
        last = await _flood(crowded, alice, room_id)
        skipped = crowded.pod.metrics.text().decode()
        assert "multiplayer_skipped_lines_total 0.0" not in skipped
        slow.read_on()
        await slow.expect_type("message_posted", seq=last, within_s=30)
        assert [line["seq"] for line in slow.events(room_id)] == list(range(3, last + 1))


async def test_a_reader_that_stays_behind_is_closed_with_4008_and_others_are_not(
    tmp_path: Path, transport: Transport
) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=1_000, commands_burst=1_000, too_slow_s=0.4))
    door = DoorLimits(messages_per_min=10_000)
    async with running_server(tmp_path, limits=limits, door_limits=door) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        room_id = await server.room(alice, bob)
        async with person(server, bob, transport) as slow, person(server, alice, transport) as quick:
            await slow.join(room_id)
            await quick.join(room_id)
            slow.stop_reading()
            last = await _flood(server, alice, room_id)
            [session] = server.pod.sessions.of(bob.id)
            await until(lambda: session.closing is not None)
            slow.read_on()
            assert await slow.closed() == 4008
            await quick.expect_type("message_posted", seq=last)


async def test_a_reader_that_never_reads_again_is_dropped(tmp_path: Path, transport: Transport) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=1_000, commands_burst=1_000))
    deadlines = Deadlines(reader_s=0.3, linger_s=0.3)
    door = DoorLimits(messages_per_min=10_000)
    async with running_server(tmp_path, limits=limits, door_limits=door, deadlines=deadlines) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        room_id = await server.room(alice, bob)
        async with person(server, bob, transport) as frozen:
            await frozen.join(room_id)
            frozen.stop_reading()
            await _flood(server, alice, room_id)
            await until(lambda: not server.pod.sessions.of(bob.id))
            await _check_alive(server, alice, room_id)


async def _check_alive(server: RunningServer, known: Known, room_id: RoomId) -> None:
    someone: Person
    async with person(server, known, "websocket") as someone:
        await someone.join(room_id)
        assert (await someone.post(room_id, "still here"))["type"] == "accepted"
