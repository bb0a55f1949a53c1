"""Two people and an AI in terminals: steering, other answers, why and what it cost, a budget that is used up, replay."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, environment, serving
from tests.support.provider import Behaviour, Reply, answers, call, calls, provider
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 60.0
PRICE = "1,0.5,2"
"""Per million tokens; each scripted answer uses 12 in, 4 of them cached, and 7 out: 24 millionths."""


class Terminal:
    """`multiplayer chat` with its input held open."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = ""
        self._seen = 0

    async def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def shows(self, text: str) -> str:
        """Wait until `text` is shown after what was waited for before; return its line so far."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while (at := self._said.find(text, self._seen)) < 0:
                piece = await self._process.stdout.read(4096)
                assert piece, f"{text!r} never came; after {self._said[self._seen :]!r}"
                self._said += piece.decode()
        self._seen = at + len(text)
        begins = self._said.rfind("\n", 0, at) + 1
        return self._said[begins : self._seen]

    async def ends(self) -> tuple[int, str]:
        """Close the input; return the exit code and what was said on stderr."""
        async with asyncio.timeout(PATIENCE_S):
            _, err = await self._process.communicate(b"")
        assert self._process.returncode is not None
        return self._process.returncode, err.decode()


@asynccontextmanager
async def at_terminal(house: House, known: Known, room_id: RoomId, *options: str) -> AsyncIterator[Terminal]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "multiplayer", "chat", room_id, "--url", house.url, *options),
        env={**house.environment, "MULTIPLAYER_TOKEN": known.token},
        cwd=house.environment["HOME"],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        terminal = Terminal(process)
        await terminal.shows("/help for help")
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def gated(behaviour: Behaviour, gate: asyncio.Event) -> Behaviour:
    """Play this one when the gate is open."""

    async def play(reply: Reply) -> None:
        await gate.wait()
        await behaviour.play(reply)

    return Behaviour(f"gated {behaviour.name}", play)


async def test_two_people_steer_compare_ask_why_and_run_out_of_money(tmp_path: Path) -> None:
    async with provider() as stand_in:
        settings = environment(
            tmp_path, OPENAI_BASE_URL=stand_in.base_url, OPENAI_API_KEY="sk-of-a-stand-in", OPENAI_MODEL="stand-in"
        )
        async with serving(tmp_path, settings) as house:
            alice, bob = await house.know("alice"), await house.know("bob")
            assert (await house.cli("ai", "set", "ai", "--price", PRICE)).code == 0
            room_id = await house.room(alice, bob)
            async with (
                at_terminal(house, alice, room_id) as one,
                at_terminal(house, bob, room_id, "--sse") as two,
            ):
                # Alice asks, Bob waits behind her, and she steers before the tool comes back.
                gate = asyncio.Event()
                stand_in.enqueue(
                    gated(calls(call("list_files", {"path": "."})), gate),
                    answers("Lentil soup."),
                    answers("Bob, hello."),
                )
                await one.type("@ai find a soup")
                await stand_in.until_requests(1)
                await two.shows("alice [owner]: @ai find a soup")
                await two.type("@ai say hello")
                await one.shows("bob waits for AI [AI], behind 1 turn: it was mentioned")
                await one.type("/turns")
                await one.shows("requested, behind 1: @bob mentioned @ai")
                await one.type("/steer only vegan ones")
                await two.shows("alice steers AI [AI]: it is told at its next step")
                gate.set()
                await two.shows("was told 1 message and goes on")
                await two.shows("AI [AI]: Lentil soup.")
                await two.shows("stand-in: ")
                told = json.dumps((await stand_in.until_requests(2)).messages)
                assert "only vegan ones" in told
                assert "only vegan ones" not in json.dumps(stand_in.requests[0].messages)
                await two.shows("AI [AI]: Bob, hello.")
                await two.shows("0.000024 USD")

                # Another answer, and a choice between the two, seen by both.
                stand_in.enqueue(answers("Bob, good morning."))
                await two.type("/again")
                await one.shows("AI [AI]: Bob, good morning.")
                await one.shows("this is answer 2")
                await two.shows("this is answer 2")
                await two.type("/choose 1")
                await one.shows("bob [member] chose answer 1 of 2")
                await one.shows("AI [AI]: Bob, hello.")
                await two.shows("bob [member] chose answer 1 of 2")
                await two.type("/choose 9")

                # What it knew, why, and what it costs.
                await one.type("/remember we all are vegan")
                await two.shows("alice [owner] pinned a fact: we all are vegan")
                await one.type("/facts")
                await one.shows("1. we all are vegan (alice)")
                await one.type("/why")
                await one.shows("@bob wanted another answer of @ai")
                await one.shows("used stand-in: 12 tokens in (33 % from the cache), 7 out, 0.000024 USD")
                await one.type("/context")
                await one.shows("@ai, model stand-in, would be given ")
                await one.type("/cost shall we cook tonight?")
                await one.shows("tokens in, at most ")
                await one.type("/usage asker")
                await one.shows("@alice: 2 calls")
                await one.type("/explain")
                await one.shows("– mention: ")
                await one.type("/catchup")
                await one.shows("since event ")

                # The budget is used up: the room hears it, and nobody asks the model.
                caps = ("--tokens-per-day", "10")
                assert (await house.cli("budget", "set", room_id, *caps)).code == 0
                await two.shows("set the room's budget: 10 tokens a day")
                asked = len(stand_in.requests)
                await two.type("@ai and now?")
                await one.shows("AI [AI] refused: This room may use 10 tokens a day")
                await two.shows("AI [AI] refused: This room may use 10 tokens a day")
                assert len(stand_in.requests) == asked

                await two.type("/nonsense")
                code, err = await two.ends()
                # A script learns that some of its lines were refused.
                assert code == 1
                assert "answers are numbered 1 to 2" in err
                assert "/nonsense is no command here" in err
                assert await one.ends() == (0, "")

            usage = (await house.cli("usage", room_id, "--by", "asker", "--json")).json
            total = cast("dict[str, JsonValue]", usage["total"])
            assert total["calls"] == len(stand_in.requests)
            page = (await house.cli("room", "turns", room_id, "--json")).json
            ended = cast("list[dict[str, JsonValue]]", page["ended"])
            assert [turn["state"] for turn in ended] == ["refused", "done", "done", "done"]
            soup = next(turn for turn in ended if turn["reason"] == "mention" and turn is ended[-1])
            assert (await house.cli("replay", str(soup["message_id"]))).code == 0
        # The same on the folder alone, when nothing runs beside.
        replayed = (await house.cli("replay", str(soup["message_id"]), "--json")).json
        assert replayed["is_equal"] is True
        assert replayed["rebuilt_sha256"] == replayed["prompt_sha256"]
