"""Two people at real terminals and the demo AI without a key: a card is approved, output is live, files change and go back."""

import asyncio
import os
import pty
import re
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, environment, serving
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 60.0
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """`multiplayer chat` on a pseudo-terminal that echoes nothing, so that what is read is what the chat shows."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._raw = b""
        self._grew = asyncio.Event()
        self._seen = 0
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    @property
    def said(self) -> str:
        return _CONTROLS.sub("", self._raw.decode(errors="replace"))

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    async def shows(self, text: str) -> str:
        """Wait until `text` is shown after what was waited for before; return all from there to its end."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (at := self.said.find(text, self._seen)) < 0:
                    self._grew.clear()
                    await self._grew.wait()
        except TimeoutError:
            pytest.fail(f"{text!r} never came; after {self.said[self._seen :]!r}")
        begins, self._seen = self._seen, at + len(text)
        return self.said[begins : self._seen]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def _read(self) -> None:
        try:
            self._raw += os.read(self._master, 65_536)
        except OSError:
            # The chat has ended: nothing comes any more.
            asyncio.get_running_loop().remove_reader(self._master)
        self._grew.set()


@asynccontextmanager
async def at_terminal(house: House, known: Known, room_id: RoomId) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    modes = termios.tcgetattr(slave)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    terminal = Terminal(master)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "multiplayer", "chat", room_id, "--url", house.url),
        env={**house.environment, "MULTIPLAYER_TOKEN": known.token, "TERM": "xterm-256color", "COLUMNS": "100"},
        cwd=house.environment["HOME"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        await terminal.shows("/help for help")
        yield terminal
        terminal.type("/quit")
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0, terminal.said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.close()


async def test_a_members_tests_run_when_the_owner_approves_and_what_was_written_is_put_back(tmp_path: Path) -> None:
    async with serving(tmp_path, environment(tmp_path)) as house:
        sandbox = await house.service("sandbox")
        if sandbox["status"] != "up":
            pytest.skip(f"no command can run on this machine: {sandbox['detail']}")
        alice, bob = await house.know("alice"), await house.know("bob")
        room_id = await house.room(alice, bob)
        workspace = house.data_dir / "workspaces" / room_id
        async with at_terminal(house, alice, room_id) as owner, at_terminal(house, bob, room_id) as member:
            # What a member asks for is written at once, and both see what and how much.
            member.type("@ai write a test file")
            for terminal in (owner, member):
                await terminal.shows("± 1 file changed by AI [AI], asked by bob")
                await terminal.shows("test_demo.py added +6")
                await terminal.shows("I wrote `test_demo.py`")

            # A command of a member's waits: both see exactly what it is, and only the owner may let it run.
            member.type("@ai run the tests")
            for terminal in (owner, member):
                await terminal.shows("⚠ 1. AI [AI] wants to use execute_command · asked by bob")
                await terminal.shows("│ command: python3 -m unittest")
                await terminal.shows("it runs a command in the sandbox, without network; an admin of the room must")
                await terminal.shows("it says nothing about what is in the files that it runs")
            await owner.shows("/approve or /reject")
            await member.shows("it waits for an admin or the owner of the room")
            member.type("")
            member.type("/approve")
            await member.shows("refused (forbidden): as member of this room you may not approve a tool call")
            owner.type("/approve")
            for terminal in (owner, member):
                await terminal.shows("alice [owner] approved the call of execute_command")
                await terminal.shows("│ Ran 1 test in ")
                await terminal.shows("✓ execute_command (exit 0)")
                await terminal.shows("I ran the tests: the one there is passed.")

            # The same file again, changed: the difference, who had it changed, and the way back.
            member.type("@ai fix the tests")
            for terminal in (owner, member):
                await terminal.shows("test_demo.py +3")
                await terminal.shows("I wrote `test_demo.py`")
                await terminal.shows("demo: ")
            owner.type("/diff")
            diff = await owner.shows("+    def test_words_are_split(self):")
            assert "changed by ai, asked by bob" in diff
            member.type("/undo")
            for terminal in (owner, member):
                await terminal.shows("bob [member] undoes what AI [AI] changed")
                await terminal.shows("↶ 1 file put back")
            assert "split" not in (workspace / "test_demo.py").read_text()

            # Once more, and this time the owner says no.
            member.type("@ai run `rm -rf \u202e/`")
            await owner.shows(r"│ command: rm -rf \u202e/")
            owner.type("/reject 2")
            for terminal in (owner, member):
                await terminal.shows("alice [owner] rejected the call of execute_command: it does not run")
                await terminal.shows("It was not run: @alice rejected")
        assert (workspace / "test_demo.py").exists()
