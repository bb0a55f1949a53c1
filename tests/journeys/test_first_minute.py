"""The first minute: the printed link, the room that is there, and everything that its messages tell to do, done."""

import re
from collections.abc import AsyncIterator

import pytest

from multiplayer.client import Client
from multiplayer.client.room import Room
from multiplayer.live.first_room_words import FILES, LESSONS, NAME
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.signals import ToolOutput
from multiplayer.protocol.turn_events import ApprovalRequested, ToolFinished, TurnEnded, TurnUndone
from tests.journeys.house import House, environment, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PATIENCE_S = 60.0
TAUGHT = re.compile(r"`(@ai [^`]+)`")


@pytest.fixture(scope="module")
async def new_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A server as `make run` starts it the first time, on a folder that goes at the end."""
    folder = tmp_path_factory.mktemp("first")
    settings = {**environment(folder), "MULTIPLAYER_WELCOME": "auto", "MULTIPLAYER_EPHEMERAL": "true"}
    async with serving(folder, settings) as house:
        yield house


@pytest.fixture(scope="module")
async def token(new_house: House) -> str:
    signed_in = await new_house.post("/api/v1/sessions", {"link": new_house.login_secret})
    return str(signed_in["token"])


async def _ended(room: Room, turn_id: TurnId, after: int) -> None:
    def is_end(word: object) -> bool:
        return isinstance(word, TurnEnded) and word.turn_id == turn_id

    ended = await room.wait_for(is_end, PATIENCE_S, after=after)
    assert isinstance(ended, TurnEnded)
    assert ended.outcome.value == "done"


async def _files(room: Room) -> set[str]:
    return {entry.name for entry in (await room.files()).entries}


@pytest.mark.parametrize("language", [0, 1], ids=["english", "chinese"])
async def test_what_the_first_room_tells_to_do_works_as_it_says(new_house: House, token: str, language: int) -> None:
    async with Client(new_house.url, token=token) as client:
        [listing] = await client.rooms()
        assert (listing.room.name, listing.role) == (NAME, "owner")
        room = await client.room(NAME)
        ai = next(member for member in room.view.members.values() if member.handle == "ai")
        lessons = [message for message in await room.history() if message.turn_id is None][:LESSONS]
        assert {message.author_id for message in lessons} == {ai.account_id}
        # The same requests in both languages, in the order of the lessons; the last one is about people.
        first, run, change = [TAUGHT.findall(message.text.split("\n\n")[language]) for message in lessons[:3]]
        hello, list_files = first
        [run_tests], [write_test] = run, change

        sent = await room.send(hello)
        [turn_id] = await room.turns_of(sent)
        await _ended(room, turn_id, sent.seq)
        introduction = (await room.history())[-1].text
        assert ("demo" if language == 0 else "演示") in introduction

        sent = await room.send(list_files)
        [turn_id] = await room.turns_of(sent)
        await _ended(room, turn_id, sent.seq)
        answer = (await room.history())[-1].text
        assert all(name in answer for name in FILES)

        words = room.events()
        sent = await room.send(run_tests)
        [turn_id] = await room.turns_of(sent)
        await room.wait_for(lambda word: isinstance(word, ApprovalRequested), PATIENCE_S, after=sent.seq)
        [waiting] = room.view.waiting_approvals
        assert (waiting.call.name, "unittest" in waiting.call.arguments) == ("execute_command", True)
        await room.approve(waiting)
        output = ""
        async for word in words:
            output += word.text if isinstance(word, ToolOutput) else ""
            if isinstance(word, ToolFinished):
                # People watched it before it was over.
                assert word.is_ok
                assert "test_nobody_is_left_out" in output
                break
        await _ended(room, turn_id, sent.seq)
        answer = (await room.history())[-1].text
        assert ("all 3 passed" if language == 0 else "3 个测试全部通过") in answer
        # Running them changes no file: there is nothing to undo but what comes now.
        assert (await room.turn_changes(turn_id)).undo == "nothing"

        before = await _files(room)
        sent = await room.send(write_test)
        [turn_id] = await room.turns_of(sent)
        await _ended(room, turn_id, sent.seq)
        assert await _files(room) == before | {"test_demo.py"}
        await room.undo_turn(turn_id)
        undone = await room.wait_for(lambda word: isinstance(word, TurnUndone), PATIENCE_S, after=sent.seq)
        assert isinstance(undone, TurnUndone)
        assert undone.is_ok
        assert await _files(room) == before == set(FILES)


async def test_what_came_with_the_room_can_be_asked_about_like_all_else(new_house: House, token: str) -> None:
    async with Client(new_house.url, token=token) as client:
        room = await client.room(NAME)
        sent = await room.send("@ai summarise")
        [turn_id] = await room.turns_of(sent)
        await _ended(room, turn_id, sent.seq)
        replay = await new_house.cli("replay", "last", "--room", NAME, "--json")
        assert replay.code == 0, replay.err
        why = await new_house.cli("explain", NAME, "last", "--json")
        assert why.code == 0, why.err
        exported = await new_house.cli("export", NAME, "--format", "jsonl")
        assert exported.code == 0, exported.err
