"""AIs that call each other, live: however they are made to talk, a person's words lead to so many turns and no more."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible
from multiplayer.models.port import TextDelta
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.rooms import MAX_HOPS
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, Line, memory_pod, system_clock
from tests.support.provider import answers, provider

pytestmark = pytest.mark.slow

NAMES = ("one", "two", "three", "four", "five")
_LIMITS = PodLimits(session=SessionLimits(commands_per_s=100_000, commands_burst=100_000))
ALL_RULES = (
    {"id": "mention", "type": "mention", "per_min": 600},
    {"id": "reply", "type": "reply", "per_min": 600},
    {"id": "thread", "type": "thread", "cooldown_s": 0, "per_min": 600},
    {"id": "word", "type": "keyword", "words": ["go"], "cooldown_s": 0, "per_min": 600},
    {"id": "every", "type": "every", "messages": 1, "cooldown_s": 0, "per_min": 600},
)


@asynccontextmanager
async def room_of_ais(
    folder: Path, models: Mapping[str, ChunkModel], **settings: object
) -> AsyncIterator[tuple[Pod, Guest, RoomId]]:
    brains = GivenBrains()
    async with memory_pod(
        folder, brains=brains, limits=_LIMITS, door_limits=DoorLimits(messages_per_min=10_000)
    ) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", with_ai=False, origin="cli")
        for name, model in models.items():
            account = await pod.lobby.create_account(name, kind=AccountKind.AI, origin="cli")
            brains.each[account.id] = brain_of(model)
            assert (await alice.ask(type="invite_member", room_id=room_id, handle=name))["type"] == "accepted"
        changed = await alice.ask(type="set_room_settings", room_id=room_id, settings={"ai_to_ai": True, **settings})
        assert changed["type"] == "accepted"
        await alice.join(room_id)
        yield pod, alice, room_id


async def until_quiet(pod: Pod, alice: Guest, room_id: RoomId) -> Sequence[Line]:
    """Wait until no turn waits or runs, and return those that were asked for. Nothing but a turn asks for a turn."""
    host = await pod.directory.host(room_id)
    async with asyncio.timeout(30):
        while host.room.state.turns:
            await alice.read()
    assert (await alice.ask(type="ping"))["type"] == "pong"
    assert not host.room.state.turns
    ends = [str(line["turn_id"]) for line in alice.heard if line["type"] == "turn_ended"]
    asked = [line for line in alice.heard if line["type"] == "turn_requested"]
    assert sorted(ends) == sorted(str(line["turn_id"]) for line in asked)
    return asked


def hops_of(asked: Line) -> int:
    return int(str(asked.get("hops", 0)))


def naming(*names: str) -> ChunkModel:
    return ChunkModel([TextDelta("go " + " ".join(f"@{name}" for name in names))])


@pytest.mark.parametrize("first", [1, 5])
@pytest.mark.parametrize("while_busy", ["collect", "steer", "interrupt"])
async def test_five_ais_that_all_name_all_others_fall_silent(first: int, while_busy: str, tmp_path: Path) -> None:
    models = {name: naming(*(other for other in NAMES if other != name)) for name in NAMES}
    async with room_of_ais(tmp_path, models, triggers=ALL_RULES, while_busy=while_busy) as (pod, alice, room_id):
        await alice.post(room_id, "go " + " ".join(f"@{name}" for name in NAMES[:first]))
        asked = await until_quiet(pod, alice, room_id)
        # Each turn asks for at most one of each of the four others, and that twice over.
        most = first * sum((len(NAMES) - 1) ** hop for hop in range(MAX_HOPS + 1))
        requests = sum(len(model.requests) for model in models.values())
        assert first < requests <= len(asked) <= most
        assert {hops_of(line) for line in asked} <= set(range(MAX_HOPS + 1))
        # They speak in alice's name all the while, and no one asks for anything later.
        assert all((line.get("on_behalf_of") or [line["actor_id"]]) == [alice.id] for line in asked)
        await alice.post(room_id, "thank you all")
        spoken = await until_quiet(pod, alice, room_id)
        assert len(spoken) - len(asked) <= most


async def test_ais_that_talk_on_and_on_are_held_back_by_what_each_pair_may(tmp_path: Path) -> None:
    models = {name: naming(*(other for other in NAMES[:2] if other != name)) for name in NAMES[:2]}
    async with room_of_ais(tmp_path, models, ai_pairs_per_hour=3) as (pod, alice, room_id):
        for _ in range(8):
            await alice.post(room_id, "@one go")
            await until_quiet(pod, alice, room_id)
        asked = await until_quiet(pod, alice, room_id)
        by_pair = [(line["actor_id"], line["ai_id"]) for line in asked if hops_of(line)]
        assert by_pair
        assert all(by_pair.count(pair) <= 3 for pair in by_pair)
        assert sum(len(model.requests) for model in models.values()) <= 8 + 2 * 3


async def test_without_the_rooms_wish_no_ai_wakes_another(tmp_path: Path) -> None:
    models = {name: naming(*NAMES) for name in NAMES}
    async with room_of_ais(tmp_path, models, ai_to_ai=False, triggers=ALL_RULES[:2]) as (pod, alice, room_id):
        await alice.post(room_id, "@one go")
        assert len(await until_quiet(pod, alice, room_id)) == 1
        assert [len(model.requests) for model in models.values()] == [1, 0, 0, 0, 0]


async def test_two_ais_of_real_providers_that_name_each_other_are_asked_so_often_and_no_more(tmp_path: Path) -> None:
    clock = system_clock()
    brains = GivenBrains()
    async with provider(answers("@two your turn")) as one, provider(answers("@one yours")) as two:
        clients = [
            OpenAICompatible(Endpoint(at.base_url, "m", 32_000), "key", now=clock.now, make_id=clock.new_id)
            for at in (one, two)
        ]
        async with memory_pod(tmp_path, brains=brains, clock=clock) as pod:
            alice = await Guest.enter(pod, "alice")
            room_id = await pod.lobby.create_room(alice.id, "demo", with_ai=False, origin="cli")
            for name, client in zip(("one", "two"), clients, strict=True):
                account = await pod.lobby.create_account(name, kind=AccountKind.AI, origin="cli")
                brains.each[account.id] = brain_of(client)
                await alice.ask(type="invite_member", room_id=room_id, handle=name)
            await alice.ask(type="set_room_settings", room_id=room_id, settings={"ai_to_ai": True})
            await alice.join(room_id)
            await alice.post(room_id, "@one go")
            asked = await until_quiet(pod, alice, room_id)
            assert [hops_of(line) for line in asked] == [0, 1, 2]
            assert (len(one.requests), len(two.requests)) == (2, 1)
            # Spoofed words of a person in an AI's mouth wake nobody either: the bound is the server's.
            said = [line["message"] for line in alice.heard if line["type"] == "message_posted"]
            assert [message["text"] for message in said if isinstance(message, dict)] == [
                "@one go", "@two your turn", "@one yours", "@two your turn",
            ]  # fmt: skip
        for client in clients:
            await client.aclose()
