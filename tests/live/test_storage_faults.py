"""When the storage fails under a live room: nothing is refused that was stored, and the room goes on."""

import asyncio
import copy
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, OutcomeUnknown, StorageUnavailable
from tests.support.pods import Guest, Line, memory_pod, system_clock


class FailingStorage(MemoryStorage):
    """Fails the next appends as told: `unavailable` stores nothing, `unknown` stores and does not say so, `bug` breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._is_away = asyncio.Event()
        self._epoch = "a history"

    def goes_away(self) -> None:
        """Fail the next look at the rooms, as a database does that is being replaced."""
        self._is_away.set()

    def comes_back_as(self, epoch: str) -> None:
        self._epoch = epoch

    @override
    async def epoch(self) -> str:
        return self._epoch

    @override
    async def seqs(self, room_ids: Sequence[RoomId]) -> Mapping[RoomId, int]:
        if self._is_away.is_set():
            self._is_away.clear()
            raise StorageUnavailable("away")
        return await super().seqs(room_ids)

    @override
    async def append(self, append: Append) -> Appended:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "unavailable":
            raise StorageUnavailable("away")
        outcome = await super().append(append)
        if fault == "unknown":
            raise OutcomeUnknown("lost")
        if fault == "bug":
            raise RuntimeError("broken on purpose")
        return outcome


async def room_with(storage: FailingStorage, alice: Guest) -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    await alice.join(room_id)
    return room_id


@pytest.mark.parametrize(
    ("fault", "code"), [("unavailable", "unavailable"), ("unknown", "unknown"), ("bug", "unknown")]
)
async def test_a_retry_with_the_same_key_ends_as_one_message_whatever_went_wrong(
    fault: str, code: str, tmp_path: Path
) -> None:
    storage = FailingStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_with(storage, alice)
        storage.faults = [fault]
        first = await alice.post(room_id, "did it arrive?", key="k")
        assert (first["type"], first["code"]) == ("refused", code)
        second = await alice.post(room_id, "did it arrive?", key="k")
        assert (second["type"], second["seq"]) == ("accepted", 2)
        assert (await alice.post(room_id, "and on"))["seq"] == 3
        await alice.expect_type("message_posted", seq=3)
        assert alice.seqs(room_id) == [2, 3]


async def test_who_waits_in_a_room_that_breaks_is_answered_and_the_room_restarts_from_its_log(tmp_path: Path) -> None:
    storage = FailingStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_with(storage, alice)
        await alice.ask(type="invite_member", room_id=room_id, handle="bob")
        await bob.join(room_id)
        storage.faults = ["bug"]
        ids = [await alice.say(type="post_message", room_id=room_id, text=f"{n}", key=f"k{n}") for n in range(5)]
        answers = [await alice.expect(lambda line, i=i: line.get("re") == i) for i in ids]  # type: ignore[misc]  # bound now
        assert {answer["code"] for answer in answers} == {"unknown"}
        await alice.post(room_id, "we go on")
        for guest in (alice, bob):
            await guest.expect(lambda line: line["type"] == "message_posted" and "we go on" in str(line))
        assert alice.seqs(room_id) == list(range(2, 9))
        assert bob.seqs(room_id) == list(range(3, 9))


async def test_a_guest_whose_time_is_over_is_removed_without_anyone_asking(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        until = (system_clock().now() + timedelta(seconds=1)).isoformat()
        invited = await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest", until=until)
        assert invited["type"] == "accepted"
        await bob.join(room_id)
        removed = await bob.expect_type("member_removed", account_id=bob.id)
        assert removed["is_expired"] is True
        assert (await bob.join(room_id))["code"] == "not_found"


async def test_of_many_who_delete_and_post_at_once_each_is_answered_exactly_once(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        host = await pod.directory.host(room_id)
        phone = await Guest.enter(pod, "alice")
        for guest in (alice, phone):
            await guest.join(room_id)
            for n in range(15):
                await guest.say(type="post_message", room_id=room_id, text=f"{n}")
        await alice.say(type="delete_room", room_id=room_id)
        async with asyncio.timeout(10):
            await phone.expect_type("room_removed", room_id=room_id)
        assert host.room.state.is_deleted
        answered = [line["re"] for line in phone.heard if line["type"] in {"accepted", "refused"}]
        assert len(answered) == len(set(answered)) == 15
        assert (await alice.join(room_id))["code"] == "not_found"


async def test_a_database_that_lost_events_makes_everyone_begin_anew_and_the_room_goes_on(tmp_path: Path) -> None:
    storage = FailingStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_with(storage, alice)
        await alice.post(room_id, "kept")
        kept = copy.deepcopy(storage._rooms)
        await alice.post(room_id, "lost")
        storage._rooms = kept
        assert (await alice.post(room_id, "after the loss"))["seq"] == 3
        await alice.expect_type("reset", room_id=room_id)
        joined = await alice.join(room_id)
        assert "after the loss" in str(joined["snapshot"])
        assert "lost" not in [message["text"] for message in messages_in(joined)]
        assert (await alice.post(room_id, "and on"))["seq"] == 4


async def test_another_history_closes_every_session_and_none_of_the_old_rooms_is_shown(tmp_path: Path) -> None:
    storage = FailingStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_with(storage, alice)
        kept = copy.deepcopy(storage._rooms)
        await alice.post(room_id, "lost")
        storage.goes_away()
        storage._rooms = kept
        storage.comes_back_as("another history")
        assert (await alice.expect_type("closing"))["code"] == 1012
        again = await Guest.enter(pod, "alice")
        assert pod.epoch == "another history"
        joined = await again.join(room_id, epoch="the one before", seq=2)
        await again.expect_type("reset")
        assert joined["seq"] == 1


def messages_in(joined: Line) -> list[Line]:
    snapshot = joined["snapshot"]
    assert isinstance(snapshot, dict)
    messages = snapshot["messages"]
    assert isinstance(messages, list)
    return [message for message in messages if isinstance(message, dict)]
