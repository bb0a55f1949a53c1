"""An open chat whose network goes away and comes back."""

import asyncio
import io
import os
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typing_extensions import override

from multiplayer.cli.chat_screen import Screen
from multiplayer.cli.chat_session import Sitting
from multiplayer.cli.chat_work import Work
from multiplayer.client import Client
from tests.client.cutting_proxy import cutting_proxy
from tests.support.server import running_server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


async def test_an_outage_is_said_once_and_so_is_its_end(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cutting_proxy(server.port) as proxy:
        alice = await server.know("alice")
        await server.room(alice)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MULTIPLAYER_")}
        chat = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "multiplayer", "chat", "demo", "--url", proxy.url),
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT), "MULTIPLAYER_TOKEN": alice.token},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert chat.stdin is not None
            assert chat.stdout is not None
            assert chat.stderr is not None
            async with asyncio.timeout(PATIENCE_S):
                assert b"demo" in await chat.stdout.readline()
                proxy.is_closed = True
                refused = proxy.refused
                proxy.cut()
                first = await chat.stderr.readline()
                # Several tries find nobody before one does.
                while proxy.refused < refused + 3:
                    proxy.is_refusing.clear()
                    await proxy.is_refusing.wait()
                proxy.is_closed = False
                second = await chat.stderr.readline()
                chat.stdin.write(b"here again\n/quit\n")
                await chat.stdin.drain()
                said, rest = await chat.communicate()
        finally:
            if chat.returncode is None:
                chat.kill()
                await chat.wait()
        assert first.startswith(b"multiplayer: reconnecting: ")
        assert second == b"multiplayer: connected again\n"
        assert rest == b""
        assert b"here again" in said
        assert chat.returncode == 0


class Complaints(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.grew = asyncio.Event()

    @override
    def write(self, text: str) -> int:
        self.grew.set()
        return super().write(text)


class Terminal:
    """A terminal's keyboard in the place of the input; what is complained about is read back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._keys, screen = os.openpty()
        self._input = os.fdopen(screen, encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", self._input)
        self._errors = Complaints()
        monkeypatch.setattr(sys, "stderr", self._errors)

    def type(self, line: str) -> None:
        os.write(self._keys, f"{line}\n".encode())

    async def complains(self, text: str) -> None:
        """Wait until this was complained about."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self._errors.getvalue():
                self._errors.grew.clear()
                await self._errors.grew.wait()

    def close(self) -> None:
        # Whoever still reads sees the end first.
        os.close(self._keys)
        self._input.close()


async def test_words_typed_while_nobody_is_reached_are_kept_and_said_once_when_typed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cutting_proxy(server.port) as proxy:
        alice = await server.know("alice")
        await server.room(alice)
        async with Client(proxy.url, token=alice.token, patience_s=1) as client:
            room = await client.room("demo")
            terminal = Terminal(monkeypatch)
            console = Console(file=io.StringIO(), highlight=False)
            work = Work(lambda: room.view, client.account.id)
            screen = Screen(console, lambda: room.view, time.monotonic, work)
            sitting = Sitting(client, room, console, screen, work)
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                code = tasks.create_task(sitting.run(None))
                # The server hears the words, and its answer is lost on the way.
                await room.send("here")
                proxy.is_swallowing = True
                terminal.type("hello there")
                await terminal.complains("not sent: hello there\n")
                terminal.type("/remember the milk")
                await terminal.complains("not done: /remember the milk\n")
                proxy.is_swallowing = False
                proxy.cut()
                await terminal.complains("connected again\n")
                terminal.type("hello there")
                terminal.type("/quit")
                assert await code == 0
            terminal.close()
            texts = [message.text for message in await room.history()]
            assert texts == ["here", "hello there"]
