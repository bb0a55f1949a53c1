"""What a program can do with a room's files, jobs and tools through the SDK, at a real server."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.client import Client, RefusalCode, Refused, Room
from multiplayer.models.scripted import Call, Say, ScriptedModel
from multiplayer.protocol.tools import ChangeKind
from multiplayer.protocol.turn_events import FilesChanged, TurnEnded
from tests.support.server import running_server

pytestmark = pytest.mark.slow
PATIENCE_S = 20.0


@asynccontextmanager
async def room_of_alice(folder: Path) -> AsyncIterator[Room]:
    write = Call("write_file", {"path": "by-ai.txt", "content": "by the AI\n"})
    async with running_server(folder, model=ScriptedModel([[write], [Say("Written.")]])) as server:
        alice = await server.know("alice")
        await server.room(alice)
        async with Client(server.url, token=alice.token) as client:
            yield await client.room("demo")


async def test_files_are_written_read_compared_moved_and_removed(tmp_path: Path) -> None:
    async with room_of_alice(tmp_path) as room:
        data = "Grüße?&#\n".encode()
        made = await room.write_file("docs/ä & b.txt", data)
        told = await room.wait_for(lambda word: isinstance(word, FilesChanged), PATIENCE_S, after=1)
        assert isinstance(told, FilesChanged)
        assert (told.seq, told.after, told.turn_id) == (made.seq, made.after, None)
        assert await room.read_file("docs/ä & b.txt") == data
        assert made.sha256 == hashlib.sha256(data).hexdigest()
        assert [entry.name for entry in (await room.files("docs")).entries] == ["ä & b.txt"]
        with pytest.raises(Refused) as refused:
            await room.write_file("docs/ä & b.txt", b"other")
        assert refused.value.code is RefusalCode.CONFLICT
        second = await room.write_file("docs/ä & b.txt", data + b"more\n", made.sha256)
        assert (await room.write_file("docs/ä & b.txt", data + b"more\n", made.sha256)).seq is None
        diff = await room.diff(second.before, second.after, "docs/ä & b.txt")
        assert diff.diff.endswith("+more\n")
        assert (await room.write_file("docs/ä & b.txt", b"", "*")).sha256 == hashlib.sha256(b"").hexdigest()
        await room.move_file("docs", "papers")
        with pytest.raises(Refused) as stale:
            await room.delete_file("papers/ä & b.txt", made.sha256)
        assert stale.value.code is RefusalCode.CONFLICT
        with pytest.raises(Refused):
            await room.delete_file("papers")
        removed = await room.delete_file("papers", is_recursive=True)
        assert [change.kind for change in removed.changes] == [ChangeKind.REMOVED]
        assert (await room.files()).entries == ()
        with pytest.raises(Refused) as gone:
            await room.read_file("papers/ä & b.txt")
        assert gone.value.code is RefusalCode.NOT_FOUND


async def test_what_a_turn_changed_and_with_which_tools(tmp_path: Path) -> None:
    async with room_of_alice(tmp_path) as room:
        turn_id = await room.ask_ai()
        await room.wait_for(lambda word: isinstance(word, TurnEnded) and word.turn_id == turn_id, PATIENCE_S, after=1)
        changes = await room.turn_changes(turn_id)
        [call] = changes.calls
        assert [(change.path, change.kind) for change in call.changes] == [("by-ai.txt", ChangeKind.ADDED)]
        assert (changes.undo, changes.may_undo) == ("possible", True)
        tools = await room.tools()
        assert {tool.name for tool in tools.tools if tool.is_offered} >= {"read_file", "write_file"}
        assert tools == await room.tools(tools.ai_id)
        assert (await room.jobs()).jobs == ()
        for asked in (room.job("0123456789", most_bytes=10), room.stop_job("0123456789")):
            with pytest.raises(Refused) as refused:
                await asked
            assert refused.value.code is RefusalCode.NOT_FOUND
