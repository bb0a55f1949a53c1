"""A room of alice, bob and an AI whose provider is the stand-in, on a pod with short deadlines."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import cast

from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.failover import Failover
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible
from multiplayer.models.port import ChatModel
from multiplayer.models.retry import Retrying
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.messages import Message
from multiplayer.tools.registry import ToolRegistry
from tests.support.pods import PATIENCE_S, Guest, Line, memory_pod, system_clock
from tests.support.provider import Provider

KEY = "sk-canary-of-the-provider-0123456789"
LIMITS = TurnLimits(first_token_s=0.4, progress_s=0.4, turn_s=2.0, tool_steps=4)
_POD = PodLimits(session=SessionLimits(commands_per_s=100_000, commands_burst=100_000))
_DOOR = DoorLimits(messages_per_min=1_000_000)


@dataclass
class Turn:
    """One turn as it was heard to the end."""

    turn_id: TurnId
    end: Line
    acknowledged: int
    """Messages of bob's that were accepted while it ran."""

    @property
    def outcome(self) -> str:
        return str(self.end["outcome"])

    @property
    def reason(self) -> str:
        return str(self.end.get("reason", ""))


@dataclass
class Scene:
    pod: Pod
    provider: Provider
    alice: Guest
    bob: Guest
    room_id: RoomId
    workspace: Path
    pauses: list[float] = field(default_factory=list)
    """How long the server meant to wait before each further try."""

    async def ask(self, text: str, *, by: Guest | None = None) -> Turn:
        """Let somebody ask the AI and bob talk on until the turn has ended; fail if it takes longer than it may."""
        start = len(self.alice.heard)
        async with asyncio.timeout(LIMITS.turn_s + PATIENCE_S):
            assert (await (by or self.alice).post(self.room_id, f"@ai {text}"))["type"] == "accepted"
            requested = await self.alice.expect_type("turn_requested", start=start)
            turn_id = TurnId(str(requested["turn_id"]))
            ended = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                talking = tasks.create_task(self._talk(ended))
                end = await self.alice.expect_type("turn_ended", start=start, turn_id=turn_id)
                ended.set()
            await self.bob.expect_type("turn_ended", turn_id=turn_id)
        return Turn(turn_id, end, talking.result())

    async def _talk(self, ended: asyncio.Event) -> int:
        number = 0
        while True:
            number += 1
            assert (await self.bob.post(self.room_id, f"still here, {number}"))["type"] == "accepted"
            try:
                await asyncio.wait_for(ended.wait(), 0.05)
            except TimeoutError:
                continue
            return number

    async def check(self, turn: Turn, text: str) -> None:
        """Fail unless the turn ended once, and every client and the log have exactly `text` of it."""
        log = await self.log()
        ends = [event for event in log if event["type"] == "turn_ended" and event["turn_id"] == turn.turn_id]
        assert len(ends) == 1
        posted = [event for event in log if _message(event).get("turn_id") == turn.turn_id]
        assert [_message(event)["text"] for event in posted] == ([text] if text else [])
        stored = await self.message_of(turn)
        assert (stored.text if stored else "") == text
        record = await self.pod.storage.turn(self.room_id, turn.turn_id)
        assert record is not None
        assert record.state == turn.outcome
        for guest in (self.alice, self.bob):
            assert self.words(guest, turn) == text
            seqs = guest.seqs(self.room_id)
            assert all(later == earlier + 1 for earlier, later in pairwise(seqs))
            heard = [line for line in guest.heard if _message(line).get("turn_id") == turn.turn_id]
            assert [_message(line)["text"] for line in heard] == ([text] if text else [])
        async with asyncio.timeout(PATIENCE_S):
            # The task of a turn ends a moment after its last word.
            while self.pod.turns:  # noqa: ASYNC110 - it tells nobody when it does
                await asyncio.sleep(0)

    def words(self, guest: Guest, turn: Turn) -> str:
        """Put a turn's deltas together as a client does; fail if one is missing or out of place."""
        text, index = "", 0
        for line in guest.heard:
            if line.get("turn_id") != turn.turn_id:
                continue
            if line["type"] == "ai_text":
                text, index = str(line["text"]), int(str(line["index"]))
            elif line["type"] == "ai_delta":
                assert (line["index"], line["offset"]) == (index, len(text))
                text, index = text + str(line["text"]), index + 1
        return text

    async def message_of(self, turn: Turn) -> Message | None:
        recent = await self.pod.storage.recent_messages(self.room_id, limit=200)
        return next((message for message in recent if message.turn_id == turn.turn_id), None)

    async def log(self) -> Sequence[Line]:
        """Return the room's stored events."""
        stored = await self.pod.storage.events_after(self.room_id, 0, limit=100_000)
        return [cast("Line", json.loads(event.line)) for event in stored]

    async def log_text(self) -> str:
        return b"\n".join(
            event.line for event in await self.pod.storage.events_after(self.room_id, 0, limit=100_000)
        ).decode()

    async def tool_results(self, turn: Turn) -> list[Line]:
        return [
            event for event in await self.log() if event["type"] == "tool_finished" and event["turn_id"] == turn.turn_id
        ]


def _message(line: Line) -> Line:
    message = line.get("message")
    return message if isinstance(message, dict) and line["type"] == "message_posted" else {}


@asynccontextmanager
async def scene_with(
    provider: Provider,
    folder: Path,
    *,
    limits: TurnLimits = LIMITS,
    context_tokens: int = 32_000,
    tools: ToolRegistry | None = None,
    second: Provider | None = None,
) -> AsyncIterator[Scene]:
    """Run a pod whose AI asks `provider`, as compose would build it but for the length of its patience.

    With a `second` provider that one answers when the first cannot.
    """
    clock = system_clock()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async with AsyncExitStack() as clients:

        async def client(of: Provider, name: str) -> ChatModel:
            endpoint = Endpoint(of.base_url, name, context_tokens)
            model = OpenAICompatible(endpoint, KEY, now=clock.now, make_id=clock.new_id, usage_wait_s=0.1)
            clients.push_async_callback(model.aclose)
            return Retrying(model, pause, clock.monotonic_s)

        model = await client(provider, "stand-in")
        if second is not None:
            model = Failover(
                [model, await client(second, "second")],
                first_token_s=limits.first_token_s,
                progress_s=limits.progress_s,
                clock=clock.monotonic_s,
            )
        async with memory_pod(
            folder, model=model, limits=_POD, door_limits=_DOOR, turn_limits=limits, tools=tools, clock=clock
        ) as pod:
            alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
            room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
            added = await alice.ask(type="invite_member", room_id=room_id, handle="bob")
            assert added["type"] == "accepted"
            await alice.join(room_id)
            await bob.join(room_id)
            yield Scene(pod, provider, alice, bob, room_id, folder / room_id, pauses)
