"""A person is erased on a real server by the command line and over REST, and across a kill -9 in the middle."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from multiplayer.compose import command_line
from multiplayer.compose.database import SERVER_FILE
from multiplayer.live.erasure import LOOK_S
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.ids import RoomId
from multiplayer.settings import load_settings
from multiplayer.storage.erasure_port import LEASE_S
from tests.journeys.house import START_S, House, Ran, environment, serving
from tests.support.people import Line
from tests.support.server import Known

pytestmark = pytest.mark.slow
WORD = "numbat"


async def talk(house: House, alice: Known, room_id: RoomId, count: int) -> None:
    """Let alice write so often, beside the server."""
    async with command_line(load_settings(house.data_dir)) as pod:
        host = await pod.directory.host(room_id)
        posts = [PostMessage(text=f"{WORD} number {number}") for number in range(count)]
        await asyncio.gather(*(host.ask(alice.id, post, origin="cli") for post in posts))


async def typed(house: House, answer: str, *arguments: str) -> Ran:
    """Run a command with a terminal as its input, on which somebody has typed."""
    ours, its = os.openpty()
    try:
        os.write(ours, answer.encode())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "multiplayer", *arguments, "--data-dir", str(house.data_dir)),
            env=dict(house.environment),
            cwd=house.environment["HOME"],
            stdin=its,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(START_S):
            out, err = await process.communicate()
    finally:
        os.close(ours)
        os.close(its)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def tables_with(word: str, data_dir: Path) -> list[str]:
    """Return the tables of a running server's database in which the word stands."""
    connection = await asyncpg.connect(json.loads((data_dir / SERVER_FILE).read_text())["database"])
    try:
        tables = await connection.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return [
            row["name"]
            for row in tables
            if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {row['name']} t WHERE t::text ILIKE '%{word}%')")
        ]
    finally:
        await connection.close()


async def test_the_command_line_shows_what_would_go_and_asks_before_it_goes(tmp_path: Path) -> None:
    async with serving(tmp_path, environment(tmp_path)) as house:
        bob = await house.know("bob")
        alice = await house.know(f"{WORD}.alice")
        room_id = await house.room(bob, alice)
        await talk(house, alice, room_id, 5)
        seen = await house.cli("user", "erase", alice.account.handle, "--preview", "--json")
        assert cast("Line", seen.json["counts"])["messages"] == 5
        unsure = await house.cli("user", "erase", alice.account.handle)
        assert (unsure.code, "--yes" in unsure.err) == (2, True)
        assert "5 messages" in unsure.err
        wrong = await typed(house, "bob\n", "user", "erase", alice.account.handle)
        assert (wrong.code, "nothing was done" in wrong.err) == (1, True)
        assert (await house.cli("user", "erase", alice.account.handle, "--preview", "--json")).json == seen.json
        done = await typed(house, f"{alice.account.handle}\n", "user", "erase", alice.account.handle, "--json")
        assert (done.json["stage"], done.json["messages_done"]) == ("done", 5)
        assert WORD not in str(await house.get(f"/api/v1/rooms/{room_id}/messages", bob))
        assert WORD not in str(await house.get(f"/api/v1/rooms/{room_id}/events", bob))
        assert WORD not in (await house.cli("user", "list")).out
        refused = await house.cli("user", "enable", str(done.json["handle"]))
        assert (refused.code, "erased" in refused.err) == (1, True)
        verified = await house.cli("audit", "verify")
        assert verified.code == 0, verified.err


async def test_an_erasure_goes_on_after_the_server_was_killed_in_the_middle(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    async with serving(tmp_path, settings) as house:
        olga = await house.know("olga", is_operator=True)
        bob, alice = await house.know("bob"), await house.know(f"{WORD}.alice")
        room_id = await house.room(bob, alice)
        for _ in range(6):
            await talk(house, alice, room_id, 500)
        assert "messages" in await tables_with(WORD, house.data_dir)
        path = f"/api/v1/admin/accounts/{alice.id}/erasure"
        await house.post(path, {"handle": alice.account.handle}, olga)
        erasure = await erasure_at(house, path, olga, lambda now: cast("int", now["messages_done"]) > 0)
        assert erasure["stage"] == "running", "it was done before it could be killed"
        house.process.kill()
        await house.process.wait()
    async with serving(tmp_path, settings) as house:
        done = await erasure_at(house, path, olga, lambda now: now["stage"] == "done")
        assert done["id"] == erasure["id"]
        assert await tables_with(WORD, house.data_dir) == []
        assert WORD not in str(await house.get(f"/api/v1/rooms/{room_id}/events", bob))


async def erasure_at(house: House, path: str, by: Known, is_it: Callable[[Line], bool]) -> Line:
    """Wait until the erasure is so far; as long as a dead server holds it, and some more."""
    async with asyncio.timeout(LEASE_S + LOOK_S + 60):
        while True:
            now = cast("Line", (await house.get(path, by))["erasure"])
            if is_it(now):
                return now
            await asyncio.sleep(0.01)
