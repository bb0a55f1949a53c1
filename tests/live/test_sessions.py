"""What a session hears: everything once, in order, from any age; and what happens to one that reads too slowly."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.protocol.ids import RoomId
from tests.support.pods import PATIENCE_S, Guest, memory_pod

FAST = PodLimits(session=SessionLimits(commands_per_s=100_000, commands_burst=100_000, too_slow_s=0.2))
MANY = DoorLimits(messages_per_min=1_000_000)


async def room_of(alice: Guest, *others: Guest) -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    for other in others:
        assert (await alice.ask(type="invite_member", room_id=room_id, handle=other.account.handle))[
            "type"
        ] == "accepted"
    return room_id


async def closed(guest: Guest) -> None:
    async with asyncio.timeout(PATIENCE_S):
        # Nobody reads, so only its end can empty the outbox.
        await guest.session.outbox.drained()


async def test_a_message_is_acknowledged_with_its_seq_and_heard_by_all_in_order(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)
        acks = [await alice.post(room_id, f"message {n}") for n in range(20)]
        assert [ack["seq"] for ack in acks] == list(range(3, 23))
        await bob.expect_type("message_posted", seq=22)
        assert bob.seqs(room_id) == list(range(3, 23))


async def test_the_same_key_any_number_of_times_at_once_is_one_event_with_one_seq(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, limits=FAST) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.join(room_id)
        ids = [await alice.say(type="post_message", room_id=room_id, text="once", key="k1") for _ in range(50)]
        answers = [await alice.expect(lambda line, i=i: line.get("re") == i) for i in ids]  # type: ignore[misc]  # bound now
        assert {(answer["type"], answer["seq"]) for answer in answers} == {("accepted", 2)}
        assert (await alice.post(room_id, "once", key="k1"))["seq"] == 2
        assert (await alice.post(room_id, "other words", key="k1"))["code"] == "key_reused"
        host = await pod.directory.host(room_id)
        assert host.room.seq == 2


async def test_a_retry_by_someone_removed_meanwhile_still_learns_that_it_was_stored(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        first = await bob.post(room_id, "my last word", key="k")
        await alice.ask(type="remove_member", room_id=room_id, account_id=bob.id)
        assert (await bob.post(room_id, "my last word", key="k"))["seq"] == first["seq"]
        assert (await bob.post(room_id, "one more"))["code"] == "not_found"


async def test_resume_from_a_cursor_brings_exactly_what_was_missed(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, limits=FAST, door_limits=MANY) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        for _ in range(4):
            for n in range(299):
                await alice.say(type="post_message", room_id=room_id, text=f"{n}")
            await alice.post(room_id, "and so on")
        joined = await bob.join(room_id, epoch=pod.epoch, seq=100)
        assert "snapshot" not in joined
        await bob.expect_type("message_posted", seq=1_202)
        assert bob.seqs(room_id) == list(range(101, 1_203))


async def test_a_cursor_of_another_history_is_reset_and_given_a_snapshot(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        joined = await alice.join(room_id, epoch="another", seq=1)
        await alice.expect_type("reset", room_id=room_id)
        assert joined["snapshot"]


async def test_a_kicked_member_hears_the_removal_last_and_nothing_after_it(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)
        removed = await alice.ask(type="remove_member", room_id=room_id, account_id=bob.id)
        await alice.post(room_id, "now among us")
        await bob.expect_type("room_removed", room_id=room_id)
        assert bob.seqs(room_id) == [removed["seq"]]
        assert (await bob.join(room_id))["code"] == "not_found"


@pytest.mark.slow
async def test_a_slow_reader_is_skipped_and_replayed_from_the_log_without_a_hole(tmp_path: Path) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=100_000, commands_burst=100_000))
    async with memory_pod(tmp_path, limits=limits, door_limits=MANY) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)
        # Bob reads nothing while far more than his outbox holds is said.
        for n in range(3_000):
            await alice.post(room_id, f"{n} " + "x" * 500)
        assert bob.session.outbox.is_full
        await bob.expect_type("message_posted", seq=3_002)
        assert bob.seqs(room_id) == list(range(3, 3_003))


@pytest.mark.slow
async def test_a_frozen_reader_is_closed_and_costs_the_others_nothing(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, limits=FAST, door_limits=MANY) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)
        for n in range(2_500):
            await alice.post(room_id, f"{n} " + "x" * 500)
        await closed(bob)
        assert bob.session.closing is not None
        assert bob.session.closing.code == 4008
        await alice.expect_type("message_posted", seq=2_502)
        assert alice.seqs(room_id) == list(range(3, 2_503))


async def test_typing_ends_by_itself_when_the_message_comes_and_is_not_stored(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)
        assert "seq" not in await alice.ask(type="set_typing", room_id=room_id)
        await bob.expect_type("typing", account_id=alice.id, is_typing=True)
        assert (await pod.directory.host(room_id)).room.seq == 2


async def test_a_read_mark_is_told_to_the_same_persons_other_sessions_only(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        phone = await Guest.enter(pod, "alice")
        await bob.post(room_id, "read me")
        answer = await alice.ask(type="mark_read", room_id=room_id, seq=99)
        assert answer["type"] == "accepted"
        assert (await phone.expect_type("read_marked"))["seq"] == 3
        assert not any(line["type"] == "read_marked" for line in bob.heard)


async def test_a_revoked_token_closes_the_session_it_opened_and_no_other(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, phone = await Guest.enter(pod, "alice"), await Guest.enter(pod, "alice")
        await pod.doors.access_tokens.revoke(alice.session.identity.credential_id, account_id=alice.id)
        closing = await alice.expect_type("closing")
        assert closing["code"] == 4001
        assert (await phone.ask(type="ping"))["type"] == "pong"


@pytest.mark.slow
async def test_a_session_is_warned_before_its_sign_in_ends_and_renewal_keeps_it(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        account = await pod.lobby.create_account("alice", origin="cli")
        short = await pod.doors.access_tokens.create(account.id, "short", timedelta(seconds=2))
        identity = await pod.doors.authenticator.identify(short.text)
        alice = Guest(pod, await pod.open_session(identity, address="127.0.0.1", origin="ws"))
        await alice.expect_type("session_expiring")
        longer = await pod.doors.access_tokens.create(account.id, "longer", timedelta(days=1))
        assert (await alice.ask(type="renew", token=longer.text))["type"] == "accepted"
        assert alice.session.identity.credential_id == longer.row.id
        left = Guest(pod, await pod.open_session(identity, address="127.0.0.1", origin="ws"))
        assert (await left.expect_type("closing"))["code"] == 4001
        assert (await alice.ask(type="ping"))["type"] == "pong"


async def test_too_many_commands_at_once_are_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=1, commands_burst=3))
    async with memory_pod(tmp_path, limits=limits) as pod:
        alice = await Guest.enter(pod, "alice")
        assert [(await alice.ask(type="ping"))["type"] for _ in range(3)] == ["pong"] * 3
        refused = await alice.ask(type="ping")
        assert refused["code"] == "rate_limited"
        assert isinstance(refused["retry_after_s"], float)
        assert 0 < refused["retry_after_s"] <= 1


async def test_who_looks_at_another_room_is_told_that_this_one_moved(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await bob.expect_type("room_added")
        await alice.post(room_id, "hello @bob")
        activity = await bob.expect_type("room_activity", room_id=room_id)
        assert (activity["unread"], activity["mentions"]) == (1, 1)


async def test_two_pods_on_one_storage_see_each_others_words_without_a_bus(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as one, memory_pod(tmp_path, storage=one.storage, name="pod-two") as two:
        alice, bob = await Guest.enter(one, "alice"), await Guest.enter(two, "bob")
        room_id = await room_of(alice, bob)
        await alice.join(room_id)
        await bob.join(room_id)

        async def speak(guest: Guest) -> None:
            for n in range(15):
                assert (await guest.post(room_id, f"{guest.account.handle} {n}"))["type"] == "accepted"

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak(alice))
            tasks.create_task(speak(bob))
        for guest in (alice, bob):
            await guest.expect(lambda line: line.get("seq") == 32 and "actor_id" in line)
            assert guest.seqs(room_id) == list(range(3, 33))


async def test_a_room_that_nobody_uses_is_let_go_and_comes_back_whole(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "remember me")
        await _let_go(pod, room_id)
        joined = await alice.join(room_id)
        snapshot = joined["snapshot"]
        assert isinstance(snapshot, dict)
        assert snapshot["seq"] == 2


async def _let_go(pod: Pod, room_id: RoomId) -> None:
    host = await pod.directory.host(room_id)
    host.idle_since_s -= 3_600
    pod.directory.let_go()
    assert len(pod.directory) == 0
