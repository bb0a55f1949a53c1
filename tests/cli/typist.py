"""Someone who types lines that begin with a slash, at a real server; what they write is collected instead of printed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.text import Text

from multiplayer.cli.chat_commands import Commands
from multiplayer.cli.chat_desk import Desk
from multiplayer.cli.chat_work import Work
from multiplayer.client import Client, Refused, Room
from multiplayer.models.port import ChatModel, Chunk
from multiplayer.models.transcriber import Transcriber
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.turn_events import TurnEnded
from tests.client.chunk_model import ChunkModel
from tests.support.server import Known, RunningServer, running_server

PATIENCE_S = 20.0
ROOT = Path(__file__).parents[2]


class Typist:
    """Someone who types into a room."""

    def __init__(self, room: Room, known: Known) -> None:
        self.room = room
        self.known = known
        self.complaints: list[str] = []
        self._lines: list[str] = []
        self._words = room.events()
        self._shown = room.view.seq
        self.work = Work(lambda: room.view, known.id)
        self.work.begin()
        self.commands = Commands(room, Desk(self._write, self.complaints.append, self.until_shown), self.work)

    def is_filling_in(self) -> bool:
        return self.commands.is_filling_in

    async def type(self, line: str) -> list[str]:
        """Carry out a line, wait for the turns that follow, and return what was written."""
        self._lines = []
        turns = await (self.commands.fill_in(line) if self.commands.is_filling_in else self.commands.run(line))
        await self.ends(turns)
        return self._lines

    async def ends(self, turns: Sequence[TurnId]) -> None:
        for turn_id in turns:
            ended = await self.room.wait_for(
                lambda word, turn_id=turn_id: isinstance(word, TurnEnded) and word.turn_id == turn_id,  # type: ignore[misc]  # bound early
                PATIENCE_S,
                after=1,
            )
            assert isinstance(ended, TurnEnded)
            await self.until_shown(ended.seq)

    async def _write(self, lines: Iterable[Text | str]) -> None:
        self._lines += [line if isinstance(line, str) else line.plain for line in lines]

    async def until_shown(self, seq: int) -> None:
        """Look at what comes, up to event `seq`, as a screen does."""
        async with asyncio.timeout(PATIENCE_S):
            while self._shown < seq:
                word = await anext(self._words)
                self.work.note(word)
                if isinstance(word, EventFrame):
                    self._shown = word.seq

    async def catches_up(self) -> None:
        """Look at all that has come."""
        await self.until_shown(self.room.view.seq)


@asynccontextmanager
async def typing(
    folder: Path,
    *scripts: Sequence[Chunk | asyncio.Event],
    model: ChatModel | None = None,
    transcriber: Transcriber | None = None,
) -> AsyncIterator[tuple[Typist, Typist, RunningServer]]:
    """Alice and bob at the keyboard of one room, whose AI plays these scripts, or is `model`."""
    async with running_server(folder, model=model or ChunkModel(*scripts), transcriber=transcriber) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        async with (
            Client(server.url, token=alice.token) as one,
            Client(server.url, token=bob.token, transport="sse") as two,
        ):
            yield Typist(await one.room("demo"), alice), Typist(await two.room("demo"), bob), server


async def refused(typist: Typist, line: str) -> Refused:
    with pytest.raises(Refused) as raised:
        await typist.type(line)
    return raised.value


async def piped(server: RunningServer, known: Known, text: str, *options: str) -> tuple[int, str, str]:
    """Run a chat whose lines come from a script; return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "multiplayer", "chat", "demo", "--url", server.url, *options),
        env={**os.environ, "PYTHONPATH": str(ROOT), "MULTIPLAYER_TOKEN": known.token},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate(text.encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
