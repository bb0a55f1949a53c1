"""The examples do what they say."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from multiplayer.client import Client
from multiplayer.models.port import CardsFound, TextDelta
from multiplayer.protocol.cards import Card
from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.signals import PresenceChanged
from tests.client.chunk_model import ChunkModel
from tests.support.server import running_server

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
async def test_the_echo_bot_repeats_what_is_said(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice, bot = await server.know("alice"), await server.know("echo")
        await server.room(alice, bot)
        async with Client(server.url, token=alice.token) as client:
            room = await client.room("demo")
            words = room.events()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "examples" / "echo_bot.py"),
                server.url,
                "demo",
                env={**os.environ, "PYTHONPATH": str(ROOT), "MULTIPLAYER_TOKEN": bot.token},
            )
            try:
                async with asyncio.timeout(30):
                    while not isinstance(await anext(words), PresenceChanged):
                        pass
                    sent = await room.send("hello")
                    answer = await room.wait_for(
                        lambda word: isinstance(word, MessagePosted) and word.actor_id == bot.id, 20, after=sent.seq
                    )
            finally:
                process.terminate()
                await process.wait()
            assert isinstance(answer, MessagePosted)
            assert answer.message.text == "You said: hello"


@pytest.mark.slow
async def test_the_asking_example_prints_words_cards_and_the_end_as_they_come(tmp_path: Path) -> None:
    card = Card(title="Dal", url="https://soup.example/dal", site="soup.example")
    model = ChunkModel([TextDelta("I found "), TextDelta("one:"), CardsFound((card,)), TextDelta("\nEnjoy!")])
    async with running_server(tmp_path, model=model) as server:
        alice = await server.know("alice")
        await server.room(alice)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "examples" / "ask_ai.py"), server.url, "demo", "which soup?"),
            env={**os.environ, "PYTHONPATH": str(ROOT), "MULTIPLAYER_TOKEN": alice.token},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0
        # Where the card stands among the words depends on how many of them came at once.
        first, *_, last = out.decode().splitlines()
        assert first.startswith("I found one:")
        assert "\n- Dal https://soup.example/dal (soup.example)\n" in out.decode()
        assert "Enjoy!" in out.decode()
        assert last == "[done]"
