"""A long talk in a real room, played from a script: people, changes of the room, and an AI that uses its tools.

Everything goes the server's own way; only the model is a stand-in, which records each request and answers by plan.
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from multiplayer.ai.brain import Brain
from multiplayer.ai.budget import Tariff
from multiplayer.ai.tokens import TokenCounter
from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.port import (
    ChatRequest,
    Chunk,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallsReady,
)
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.profiles import AiProfile
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import MentionRule
from multiplayer.storage.port import Storage
from tests.support.brains import GivenBrains
from tests.support.pods import Guest, Line, memory_pod
from tests.support.prefix_cache import is_summary

_TEXT = (
    "the release needs a note about every table that moved because readers look for the old names first and then "
    "ask why a figure changed so we write down who measured what on which machine with how many rounds and keep the "
    "raw numbers beside the summary before anyone draws a chart from them again next month when the parser is done"
)
_WORDS = _TEXT.split()
_TOPICS = 5
"""How many words of a message the summary's point repeats."""
_ANSWER_S = 60.0


@dataclass(frozen=True)
class Answer:
    """One answer of the model: words, or words and calls. With `hold` it waits before it ends, after it has begun."""

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, JsonValue]]] = ()
    hold: "Hold | None" = None


@dataclass(frozen=True)
class Hold:
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


class PlannedModel:
    """Plays `plan`, one answer a call; summarises when it is asked to, a point for each of the last messages.

    With `thinks` it thinks before each tool call.
    """

    model_name = "planned"

    def __init__(self, context_tokens: int, *, thinks: bool) -> None:
        self.context_tokens = context_tokens
        self._thinks = thinks
        self.plan: deque[Answer] = deque()
        self.requests: list[ChatRequest] = []
        self._calls = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        self.requests.append(request)
        if is_summary(request):
            yield TextDelta(_points_of(request.messages[1].content))
            yield Finished("stop")
            return
        answer = self.plan.popleft()
        if answer.calls and self._thinks:
            yield ThinkingDelta("The file first, then what it says about the release and who wrote it down.")
        if answer.text:
            yield TextDelta(answer.text)
        if answer.hold is not None:
            answer.hold.reached.set()
            await answer.hold.go_on.wait()
        if answer.calls:
            calls = [ToolCall(self._call_id(), name, json.dumps(arguments)) for name, arguments in answer.calls]
            yield ToolCallsReady(tuple(calls))
        yield Finished("tool_calls" if answer.calls else "stop")

    def _call_id(self) -> str:
        self._calls += 1
        return f"call_{self._calls:05}"


def _points_of(material: str) -> str:
    lines = [json.loads(line) for line in material.splitlines()]
    said = [line for line in lines if "author" in line]
    points = [f"- {' '.join(line['text'].split()[:_TOPICS])} (message {line['id']})" for line in said[-12:]]
    return "\n".join(("Topic:", *points))


async def play_long_room(
    folder: Path,
    counter: TokenCounter,
    *,
    turns: int,
    context_tokens: int,
    seed: int = 1,
    storage: Storage | None = None,
    thinks: bool = False,
    long_words: int = 350,
    file_lines: int = 120,
) -> Sequence[ChatRequest]:
    """Play so many turns; return all requests to the model, in order. The same arguments give the same talk.

    Only ids, times and what is made of them differ. `long_words` is the length of a long message, `file_lines` that
    of a file the AI reads.
    """
    model = PlannedModel(context_tokens, thinks=thinks)
    brain = Brain(
        profile=AiProfile(handle="ai", name="AI"),
        model=model,
        counter=counter,
        tariffs={model.model_name: Tariff(model.model_name, lambda _: None, "none")},
        max_output_tokens=2_000,
    )
    limits = PodLimits(session=SessionLimits(commands_per_s=100_000, commands_burst=100_000))
    async with memory_pod(
        folder,
        brains=GivenBrains(brain),
        storage=storage,
        limits=limits,
        door_limits=DoorLimits(messages_per_min=1_000_000),
    ) as pod:
        people = [await Guest.enter(pod, name) for name in ("alice", "bob", "carol", "dave")]
        room_id = await pod.lobby.create_room(people[0].id, "release", origin="cli")
        talk = _Talk(model, people, room_id, random.Random(seed), long_words, file_lines)
        await talk.begin()
        for number in range(turns):
            await talk.turn(number)
    assert not model.plan, "the model was asked less often than planned"
    return model.requests


class _Talk:
    """What happens, turn by turn. Alice owns the room."""

    def __init__(
        self,
        model: PlannedModel,
        people: Sequence[Guest],
        room_id: RoomId,
        chance: random.Random,
        long_words: int,
        file_lines: int,
    ) -> None:
        self._model = model
        self._people = people
        self._alice, self._bob, self._carol, self._dave = people
        self._room_id = room_id
        self._random = chance
        self._long_words = long_words
        self._file_lines = file_lines
        self._own: list[str] = []
        """Ids of Alice's messages."""
        self._fact = ""
        self._pinned = ""
        self._settings = RoomSettings(triggers=(MentionRule(id="mention", per_min=600),))

    async def begin(self) -> None:
        await self._do(self._alice, "set_room_settings", settings=self._settings.model_dump(mode="json"))
        for guest in self._people[1:3]:
            await self._do(self._alice, "invite_member", handle=guest.account.handle)
        await self._alice.join(self._room_id)

    async def turn(self, number: int) -> None:
        """Some talk, a change of the room, a question, and the AI's answer with its tools."""
        start = len(self._alice.heard)
        for speaker in self._random.sample((self._alice, self._bob, self._carol), k=1 + number % 3):
            await self._say(speaker, self._long_words if number % 5 == 2 else self._random.randint(8, 90))
        await self._change(number)
        answers, hold = self._answers(number)
        self._model.plan.extend(answers)
        asker = self._people[number % 3]
        await self._post(asker, f"@ai {self._words(self._random.randint(10, 40))}?")
        if hold is not None:
            async with asyncio.timeout(_ANSWER_S):
                await hold.reached.wait()
            await self._meanwhile(number, start)
            hold.go_on.set()
        ended = await self._alice.expect_type("turn_ended", start=start)
        if self._model.plan:
            # What was asked while it was busy.
            after = self._alice.heard.index(ended) + 1
            ended = await self._alice.expect_type("turn_ended", start=after)
        assert ended["outcome"] == "done", ended

    def _answers(self, number: int) -> tuple[list[Answer], Hold | None]:
        """Plan an answer: every fourth without tools, the others with one to three rounds of one or two calls."""
        hold = Hold() if number % 3 == 1 else None
        path = f"notes/{number % 9}.txt"
        text = "\n".join(self._words(self._random.randint(4, 14)) for _ in range(self._file_lines))
        rounds: list[Sequence[tuple[str, Mapping[str, JsonValue]]]] = [
            (("write_file", {"path": path, "content": text}),),
            (("read_file", {"path": path}), ("list_files", {"path": ".", "depth": 2})),
            (("read_file", {"path": path, "offset": 10, "limit": 40}),),
        ]
        # Some models say what they are about to do.
        said = f"{self._words(8).capitalize()}." if number % 8 == 3 else ""
        answers = [Answer(said if place == 0 else "", calls) for place, calls in enumerate(rounds[: number % 4])]
        answers.append(Answer(self._words(self._random.randint(40, 160))))
        if hold is not None:
            answers[0] = Answer(answers[0].text, answers[0].calls, hold)
        if number % 12 == 10:
            answers.append(Answer(self._words(60)))
        return answers, hold

    async def _meanwhile(self, number: int, start: int) -> None:
        """What the others do while the AI is at work; some of it is meant for its running turn, or for the next."""
        await self._say(self._bob, 30)
        if number % 4 == 1:
            turn = await self._alice.expect_type("turn_started", start=start)
            await self._do(self._alice, "steer_turn", turn_id=turn["turn_id"], text=self._words(12))
        if number % 12 == 10:
            await self._post(self._bob, f"@ai {self._words(20)}?")
        await self._say(self._carol, 15)

    async def _change(self, number: int) -> None:
        alice = self._alice
        match number % 10:
            case 0:
                self._own.append(await self._say(alice, 20))
            case 1:
                await self._do(alice, "edit_message", message_id=self._own[-1], text=self._words(25))
            case 2:
                await self._do(alice, "set_topic", topic=self._words(6))
            case 3:
                self._pinned = await self._say(self._bob, 30)
                await self._do(alice, "pin_message", message_id=self._pinned)
            case 4:
                before = len(alice.heard)
                await self._do(alice, "pin_fact", text=self._words(12))
                pinned = await alice.expect_type("fact_pinned", start=before)
                self._fact = str(cast("Mapping[str, JsonValue]", pinned["fact"])["id"])
            case 5:
                role = "admin" if number % 20 == 5 else "member"
                await self._do(alice, "set_role", account_id=self._carol.id, role=role)
            case 6:
                await self._do(alice, "rename_room", name=f"release {number}")
            case 7:
                await self._do(alice, "invite_member", handle="dave")
                await self._say(self._dave, 25)
                await self._do(self._dave, "leave_room")
            case 8:
                persona = f"Answer like a colleague. {self._words(10)}"
                settings = self._settings.model_copy(update={"persona": persona})
                await self._do(alice, "set_room_settings", settings=settings.model_dump(mode="json"))
            case _:
                await self._do(alice, "unpin_message", message_id=self._pinned)
                await self._do(self._bob, "add_reaction", message_id=self._own[-1], emoji="👍")
                if number % 20 == 19:
                    await self._do(alice, "forget_fact", fact_id=self._fact)

    async def _say(self, guest: Guest, words: int) -> str:
        return await self._post(guest, f"{self._words(words).capitalize()}.")

    async def _post(self, guest: Guest, text: str) -> str:
        return str((await self._do(guest, "post_message", text=text))["event_id"])

    async def _do(self, guest: Guest, kind: str, **fields: object) -> Line:
        answer = await guest.ask(type=kind, room_id=self._room_id, **fields)
        assert answer["type"] == "accepted", (kind, answer)
        return answer

    def _words(self, count: int) -> str:
        return " ".join(self._random.choice(_WORDS) for _ in range(count))
