"""The Python client at a real server: typed, resumed over a restart, nothing lost and nothing twice."""

import asyncio
import socket
from pathlib import Path

import pytest

from multiplayer.client import Client, Connectivity, NotSignedIn, RefusalCode, Refused, RoomWord
from multiplayer.protocol.commands import EditMessage, RemoveMember
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.signals import AiDelta
from multiplayer.protocol.turn_events import ToolFinished, TurnEnded
from tests.journeys.house import House, Transport, environment, serving
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_a_program_talks_to_the_ai_and_reads_typed_events(
    house: House, alice: Known, bob: Known, room_id: RoomId, transport: Transport
) -> None:
    kind = "sse" if transport == "sse" else "ws"
    async with (
        Client(house.url, token=alice.token, transport=kind) as client,  # type: ignore[arg-type]  # one of the two
        Client(house.url, token=bob.token) as other,
    ):
        room, theirs = await client.room(room_id), await other.room(room_id)
        words = theirs.events()
        sent = await room.send("@ai write notes.txt: hello")
        (turn_id,) = await room.turns_of(sent)
        ended = await room.wait_for(lambda word: isinstance(word, TurnEnded), 30, after=sent.seq)
        assert isinstance(ended, TurnEnded)
        assert (ended.turn_id, ended.outcome.value) == (turn_id, "done")
        heard: list[RoomWord] = []
        async with asyncio.timeout(30):
            async for word in words:
                heard.append(word)
                if isinstance(word, TurnEnded):
                    break
        (finished,) = [word for word in heard if isinstance(word, ToolFinished)]
        assert finished.is_ok
        said = "".join(word.text for word in heard if isinstance(word, AiDelta))
        posted = [word.message.text for word in heard if isinstance(word, MessagePosted)]
        assert posted == ["@ai write notes.txt: hello", said]
        assert theirs.view.messages[sent.message_id].text == "@ai write notes.txt: hello"
        # The same key is the same message.
        again = await room.send("@ai write notes.txt: hello", key=sent.key)
        assert (again.seq, again.event_id) == (sent.seq, sent.event_id)
        with pytest.raises(Refused) as refused:
            await theirs.command(EditMessage(message_id=sent.message_id, text="not mine"))
        assert refused.value.code is RefusalCode.FORBIDDEN
        assert [message.text for message in await theirs.history()] == posted
        # Who is put out sees it last, and the stream ends.
        rest = theirs.events()
        await room.command(RemoveMember(account_id=bob.id))
        async with asyncio.timeout(10):
            assert [word.type async for word in rest if isinstance(word, EventFrame)][-1] == "member_removed"
        with pytest.raises(Refused):
            await theirs.send("still here?")


async def test_a_wrong_token_and_somebody_elses_room_are_told_apart(house: House, alice: Known, bob: Known) -> None:
    with pytest.raises(NotSignedIn):
        async with Client(house.url, token="mp_wrong"):
            pass
    private = await house.room(alice, name="private")
    async with Client(house.url, token=bob.token) as client:
        with pytest.raises(Refused) as refused:
            await client.room(private)
        assert refused.value.code is RefusalCode.NOT_FOUND


async def test_a_client_goes_on_over_a_restart_without_a_hole_or_a_repeat(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    async with serving(tmp_path, settings, port=port) as house:
        alice, bob = await house.know("alice"), await house.know("bob")
        room_id = await house.room(alice, bob)
        client = Client(house.url, token=alice.token)
        other = Client(house.url, token=bob.token, transport="sse")
        async with client, other:
            room, theirs = await client.room(room_id), await other.room(room_id)
            heard: list[EventFrame] = []
            has_last = asyncio.Event()

            async def read() -> None:
                async for word in theirs.events(after=0):
                    if isinstance(word, EventFrame):
                        heard.append(word)
                    if isinstance(word, MessagePosted) and word.message.text == "the last one":
                        has_last.set()
                        return

            async def write() -> None:
                for number in range(60):
                    await room.send(f"message {number}")

            statuses = client.status.subscribe()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(read())
                writing = tasks.create_task(write())
                await theirs.wait_for(lambda word: isinstance(word, MessagePosted), 30)
                assert await house.stop() == 0
                async with asyncio.timeout(30):
                    async for status in statuses:
                        if status.state is Connectivity.RECONNECTING:
                            break
                async with serving(tmp_path, settings, port=port) as again:
                    await writing
                    await room.send("the last one")
                    async with asyncio.timeout(60):
                        await has_last.wait()
                    assert [event.seq for event in heard] == list(range(1, heard[-1].seq + 1))
                    said = [event.message.text for event in heard if isinstance(event, MessagePosted)]
                    assert said == [*(f"message {number}" for number in range(60)), "the last one"]
                    stored = (await again.get(f"/api/v1/rooms/{room_id}/events?limit=500", bob))["events"]
                    assert isinstance(stored, list)
                    assert [event.model_dump(mode="json", exclude_none=True)["id"] for event in heard] == [
                        line["id"] for line in stored if isinstance(line, dict)
                    ]
