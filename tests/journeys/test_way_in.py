"""A server that somebody starts at a terminal: what it shows of its start, and how its operator gets in, each time again."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.journeys.house import START_S, environment, multiplayer, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PASSWORD = "correct horse battery staple"


class Screen:
    """What stands on the terminal of a server."""

    def __init__(self, master: int) -> None:
        self.said = ""
        self._master = master
        self._grew = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    async def shows(self, words: str) -> str:
        async with asyncio.timeout(START_S):
            while words not in self.said:
                self._grew.clear()
                await self._grew.wait()
        return self.said

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def _read(self) -> None:
        try:
            read = os.read(self._master, 65_536)
        except OSError:
            # The server has ended: nothing comes any more.
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self.said += re.sub(r"\x1b\[[0-9;]*m", "", read.decode()).replace("\r\n", "\n")
        self._grew.set()


@asynccontextmanager
async def started_at_a_terminal(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the screen of a server that is ready, with its operator's one-time link or without; then end it."""
    master, slave = os.openpty()
    screen = Screen(master)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "multiplayer", "serve", "--port", "0", "--data-dir", str(folder / "data")),
        env={**settings, "TERM": "xterm-256color"},
        cwd=settings["HOME"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        yield await screen.shows("Ctrl-C ends it")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            assert await process.wait() == 0, screen.said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        screen.close()


async def signed_in(screen: str, link: str) -> httpx.Response:
    [url] = re.findall(r"is at (http://\S+)", screen)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        return await http.post("/api/v1/sessions", json={"link": link})


def links_in(screen: str) -> list[str]:
    return re.findall(r"/sign-in#(\S+)", screen)


async def test_at_a_terminal_each_start_lets_an_operator_without_a_password_in_and_then_says_how(
    tmp_path: Path,
) -> None:
    settings = environment(tmp_path)
    async with started_at_a_terminal(tmp_path, settings) as screen:
        # What a database's making takes is one line for people; logs are for machines.
        [steps] = re.findall(r"Preparing the database: (\d+) steps\n", screen)
        assert int(steps) > 5
        assert "migrat" not in screen
        assert "Until host has a password, each start makes a new one" in screen
        [unused] = links_in(screen)
    async with started_at_a_terminal(tmp_path, settings) as screen:
        assert "Preparing" not in screen
        [second] = links_in(screen)
        assert (await signed_in(screen, unused)).json()["code"] == "expired"
        assert (await signed_in(screen, second)).status_code == 201
    async with started_at_a_terminal(tmp_path, settings) as screen:
        [third] = links_in(screen)
        assert (await signed_in(screen, third)).status_code == 201
    told = await multiplayer(
        *("user", "password", "host", "--data-dir", str(tmp_path / "data")), environment=settings, stdin=PASSWORD
    )
    assert told.code == 0, told.err
    async with started_at_a_terminal(tmp_path, settings) as screen:
        assert links_in(screen) == []
        assert "with its password" in screen
        [command] = re.findall(r"multiplayer (user reset host .*)\n", screen)
        reset = await multiplayer(*command.split(), environment=settings)
        [fourth] = links_in(reset.out)
        assert (await signed_in(screen, fourth)).status_code == 201


async def test_where_nobody_is_at_a_terminal_a_link_is_printed_until_one_was_used_and_then_how_to_make_one(
    tmp_path: Path,
) -> None:
    settings = environment(tmp_path)
    async with serving(tmp_path, settings) as house:
        [first] = links_in(house.banner)
        assert "Until one has been used, each start makes a new one" in house.banner
        assert '"event": "migrated"' in house.log.read_text()
    async with serving(tmp_path, settings) as house:
        [second] = links_in(house.banner)
        assert (await house.http.post("/api/v1/sessions", json={"link": first})).json()["code"] == "expired"
        assert (await house.http.post("/api/v1/sessions", json={"link": second})).status_code == 201
    async with serving(tmp_path, settings) as house:
        assert links_in(house.banner) == []
        assert f"multiplayer user reset host --data-dir {house.data_dir}\n" in house.banner
        assert (await house.cli("user", "disable", "host")).code == 0
    # A link would not let this one in.
    async with serving(tmp_path, settings) as house:
        assert "host" not in house.banner
