"""The server as a process: what is left when it is killed, how it ends, and what it says to a second one."""

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest

from tests.crash.clients import Writer
from tests.support.crash_trial import make_rooms
from tests.support.real_server import RealServer, real_server, still_alive

GONE_S = 5.0
READY_AGAIN_S = 20.0
WRITING_S = 30.0
BLOWS = 3
ACKNOWLEDGED = 10
"""Of bob's commands, before each blow."""

pytestmark = pytest.mark.slow


async def test_a_killed_server_leaves_no_process_and_starts_again(tmp_path: Path) -> None:
    async with real_server(tmp_path / "data") as server:
        left = server.descendants()
        assert server.postgres_processes(), "its Postgres runs"
        await server.kill()
        assert await server.postgres_is_gone(within_s=GONE_S) == []
        assert await still_alive(left, within_s=GONE_S) == []
        await server.start()


async def test_a_server_asked_to_end_exits_with_0_leaves_nothing_and_starts_again(tmp_path: Path) -> None:
    async with real_server(tmp_path / "data") as server:
        left = server.descendants()
        assert await server.terminate() == 0
        assert server.postgres_processes() == []
        assert await still_alive(left, within_s=GONE_S) == []
        assert not (server.data_dir / "server.json").exists()
        await server.start()
        assert await server.terminate() == 0


async def test_a_second_server_on_the_same_folder_refuses_in_a_sentence_and_the_first_goes_on(tmp_path: Path) -> None:
    async with real_server(tmp_path / "data") as server:
        second = RealServer(server.data_dir, log=tmp_path / "second.log")
        second.spawn()
        assert await second.exited(within_s=20) == 1
        said = second.last_words()
        assert f"{server.data_dir} is in use by another multiplayer server or command" in said
        assert "Traceback" not in said
        assert await server.readiness() == 200


@pytest.mark.parametrize("is_answering", [False, True], ids=["it starts itself", "it answers"])
@pytest.mark.parametrize("blows", [1, 3])
async def test_a_postgres_that_is_killed_while_the_server_starts_is_waited_for(
    tmp_path: Path, blows: int, is_answering: bool
) -> None:
    server = RealServer(tmp_path / "data")
    try:
        server.spawn()
        pid, struck = server.pid, set[int]()
        async with asyncio.timeout(60):
            while len(struck) < blows:
                # Its address stands there as soon as it answers, and the rest of the start begins with that.
                is_there = (server.data_dir / "server.json").exists()
                found = server.postmaster if is_there or not is_answering else None
                if found is not None and found not in struck and server.kill_postgres():
                    struck.add(found)
                await asyncio.sleep(0.002)
        await server.until_ready()
        assert (server.pid, server.is_running) == (pid, True)
        async with asyncio.timeout(20):
            while "Open this link to sign in" not in server.last_words():  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0.05)
    finally:
        await server.end()


async def test_a_killed_postgres_is_started_again_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    async with real_server(tmp_path / "data") as server, asyncio.TaskGroup() as tasks:
        pid = server.pid
        people, rooms = await make_rooms(server.data_dir, ["bob"], 1)
        bob = Writer("bob", people[0], rooms, server.ws_url, seed=1)
        writing = tasks.create_task(bob.run())
        for _ in range(BLOWS):
            # In the midst of work, however slow the machine is.
            await asyncio.wait_for(bob.until_accepted(ACKNOWLEDGED), WRITING_S)
            assert server.kill_postgres()
            killed_s = time.monotonic()
            told = []
            while (status := await server.readiness()) != 200:
                told.append(status)
            assert 503 in told, f"/readyz said {told}"
            assert time.monotonic() - killed_s < READY_AGAIN_S
        bob.stop()
        await asyncio.wait_for(writing, 20)
        assert server.pid == pid
        assert server.is_running
        connection = await asyncpg.connect(server.dsn)
        try:
            rows = await connection.fetch("SELECT key, seq FROM events WHERE actor_id = $1", people[0].id)
        finally:
            await connection.close()
        stored = {row["key"]: row["seq"] for row in rows}
        accepted = {send.key: {answer.seq for answer in send.accepted} for send in bob.sends if send.accepted}
        assert len(accepted) >= BLOWS * ACKNOWLEDGED
        assert accepted == {key: {stored.get(key)} for key in accepted}
