"""Before a room: who may make one, and how many."""

from datetime import timedelta
from pathlib import Path

import pytest

from multiplayer.live.pod import PodLimits
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.members import Role
from multiplayer.rooms.limits import RoomLimits
from tests.support.pods import Guest, memory_pod


async def test_who_is_only_a_guest_may_make_no_room_of_either_kind(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest")
        for attempt in (
            pod.lobby.create_room(bob.id, "mine", origin="http"),
            pod.lobby.direct(bob.id, ["ai"], origin="http"),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.code is RefusalCode.FORBIDDEN


async def test_an_account_is_in_no_more_rooms_than_the_limit_whichever_way_it_comes(tmp_path: Path) -> None:
    limits = PodLimits(room=RoomLimits(rooms_per_account=2))
    async with memory_pod(tmp_path, limits=limits) as pod:
        alice, bob, carol = [await Guest.enter(pod, name) for name in ("alice", "bob", "carol")]
        room_id = await pod.lobby.create_room(carol.id, "carol's", origin="cli")
        invite = await pod.lobby.create_invite(
            room_id, carol.id, role=Role.MEMBER, uses=5, ttl=timedelta(hours=1), origin="http"
        )
        for name in ("one", "two"):
            await pod.lobby.create_room(alice.id, name, origin="http")
        for attempt in (
            pod.lobby.create_room(alice.id, "three", origin="http"),
            pod.lobby.direct(alice.id, ["bob"], origin="http"),
            pod.lobby.accept_invite(invite.code, alice.id, origin="http"),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.code is RefusalCode.LIMIT_REACHED
        assert await pod.lobby.accept_invite(invite.code, bob.id, origin="http") == room_id


async def test_asking_again_for_a_direct_room_returns_the_same_one(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        first = await pod.lobby.direct(alice.id, ["bob"], origin="http")
        assert await pod.lobby.direct(bob.id, ["alice"], origin="http") == first
        host = await pod.directory.host(first)
        assert {member.role for member in host.room.state.members.values()} == {Role.OWNER}
