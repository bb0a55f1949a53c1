"""An open chat whose network goes away and comes back."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

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
