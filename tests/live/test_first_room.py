"""The room that a new server begins with: complete, once, and finished by a later start where one was cut short."""

import asyncio
import json
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from multiplayer.live.first_room import FirstRoom, first_room_id
from multiplayer.live.first_room_words import FILES, LESSONS, NAME, lessons
from multiplayer.live.pod import Pod
from multiplayer.models.demo_requests import Request, understand
from multiplayer.protocol.commands import DeleteRoom
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Role
from multiplayer.rooms.mentions import find_mentions
from multiplayer.storage.memory import MemoryStorage
from tests.support.cut_storage import CutStorage
from tests.support.pods import memory_pod

CALLED = re.compile(r"`(@ai [^`]+)`")
GREETINGS = {"hello", "你好"}


def first_room(pod: Pod) -> FirstRoom:
    return FirstRoom(pod.storage, pod.directory, pod.lobby, pod.workspace.door)


async def operator_of(pod: Pod) -> AccountId:
    return (await pod.lobby.ensure_built_ins())[0].id


async def told(pod: Pod, room_id: RoomId) -> list[tuple[str, str]]:
    """Return the log of the room: each event's type, and what it says."""
    events = [json.loads(event.line) for event in await pod.storage.events_after(room_id, 0, limit=100)]
    return [(event["type"], event["message"]["text"] if "message" in event else "") for event in events]


def whole(*, is_demo: bool = True, has_terminal: bool = True) -> list[tuple[str, str]]:
    said = [("message_posted", text) for text in lessons(is_demo=is_demo, has_terminal=has_terminal)]
    return [("room_created", ""), ("files_changed", ""), *said]


def files(workspaces: Path, room_id: RoomId) -> dict[str, str]:
    folder = workspaces / room_id
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


async def test_the_first_room_is_the_operators_and_whoever_asks_there_confirms_commands(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        operator, ai = await pod.lobby.ensure_built_ins()
        await first_room(pod).prepare(is_demo=True, has_terminal=True)
        [listing] = await pod.storage.rooms_of(operator.id)
        assert (listing.room.name, listing.role, listing.read.unread) == (NAME, "owner", LESSONS)
        assert listing.read.mentions == 0
        host = await pod.directory.host(listing.room.id)
        assert {member.handle: member.role for member in host.room.state.members.values()} == {
            "host": Role.OWNER,
            "ai": Role.AI,
        }
        approvals = listing.room.settings.approvals
        assert (approvals.admins_confirm, approvals.members_confirm, approvals.approvers) == (True, True, 1)
        assert await told(pod, listing.room.id) == whole()
        messages = await pod.storage.recent_messages(listing.room.id, limit=50)
        assert {message.author_id for message in messages} == {ai.id}
        assert files(tmp_path, listing.room.id) == dict(FILES)
        # Nobody was asked anything.
        assert not host.room.state.turns


async def test_a_finished_room_stays_as_people_leave_it(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        operator = await operator_of(pod)
        room_id = first_room_id(operator)
        await first_room(pod).prepare(is_demo=True, has_terminal=True)
        await pod.workspace.door.delete(room_id, operator, "README.md")
        before = await told(pod, room_id)
        await first_room(pod).prepare(is_demo=False, has_terminal=False)
        assert await told(pod, room_id) == before
        assert set(files(tmp_path, room_id)) == set(FILES) - {"README.md"}
        host = await pod.directory.host(room_id)
        await host.ask(operator, DeleteRoom(), origin="http")
        await first_room(pod).prepare(is_demo=True, has_terminal=True)
        assert await pod.storage.rooms_of(operator) == []
        assert await pod.storage.deleted_rooms([room_id]) == {room_id}


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_database_that_has_or_had_rooms_gets_no_first_one(tmp_path: Path, *, is_deleted: bool) -> None:
    async with memory_pod(tmp_path) as pod:
        operator = await operator_of(pod)
        other = await pod.lobby.create_room(operator, "ours", origin="cli")
        if is_deleted:
            await (await pod.directory.host(other)).ask(operator, DeleteRoom(), origin="http")
        await first_room(pod).prepare(is_demo=True, has_terminal=True)
        named = [listing.room.name for listing in await pod.storage.rooms_of(operator)]
        assert named == ([] if is_deleted else ["ours"])


async def test_a_start_that_was_cut_short_is_finished_by_the_next_one_with_nothing_twice(tmp_path: Path) -> None:
    storage = CutStorage(MemoryStorage())
    async with memory_pod(tmp_path, storage=storage) as pod:
        room_id = first_room_id(await operator_of(pod))
        storage.refuses_appends = True
        with pytest.raises(Refused) as refused:
            await first_room(pod).prepare(is_demo=True, has_terminal=True)
        assert refused.value.code is RefusalCode.UNAVAILABLE
        assert await told(pod, room_id) == whole()[:1]
        assert files(tmp_path, room_id) == {}
        storage.refuses_appends = False
        # The room takes nothing until it has found its storage again.
        async with asyncio.timeout(10):
            while await told(pod, room_id) != whole():
                with suppress(Refused):
                    await first_room(pod).prepare(is_demo=True, has_terminal=True)
        assert files(tmp_path, room_id) == dict(FILES)


async def test_two_servers_that_begin_at_once_make_one_room_and_say_all_of_it_once(tmp_path: Path) -> None:
    storage = MemoryStorage()
    one, two = tmp_path / "one", tmp_path / "two"
    async with memory_pod(one, storage=storage) as first, memory_pod(two, storage=storage, name="pod-two") as second:
        room_id = first_room_id(await operator_of(first))
        await asyncio.gather(
            *(first_room(pod).prepare(is_demo=True, has_terminal=pod is first) for pod in (first, second, first))
        )
        log = await told(first, room_id)
        # Each step is one server's, in its words.
        either = [whole()[at] if log[at] == whole()[at] else whole(has_terminal=False)[at] for at in range(len(log))]
        assert log == either
        assert Counter(kind for kind, _ in log) == {"room_created": 1, "files_changed": 1, "message_posted": LESSONS}
        assert files(one, room_id) == files(two, room_id) == dict(FILES)


@pytest.mark.parametrize("has_terminal", [True, False])
@pytest.mark.parametrize("is_demo", [True, False])
def test_what_the_messages_tell_to_write_is_understood_and_they_are_honest(
    *, is_demo: bool, has_terminal: bool
) -> None:
    said = lessons(is_demo=is_demo, has_terminal=has_terminal)
    assert len(said) == LESSONS
    requests = [request for text in said for request in CALLED.findall(text)]
    assert len(requests) == (8 if is_demo else 6)
    unknown = {request.removeprefix("@ai ") for request in requests if understand(request) is Request.OTHER}
    assert unknown <= GREETINGS
    assert any("运行测试" in request for request in requests) is has_terminal
    words = "\n".join(said)
    assert bool(re.search(r"demo|script|演示|脚本", words, re.IGNORECASE)) is is_demo
    # Whom they are about to teach the name of is not called by it.
    assert all(not find_mentions(text, {}, AccountId("ai")).accounts for text in said)
