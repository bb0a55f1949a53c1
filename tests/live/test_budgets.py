"""Budgets while turns run: no number of them at once passes a cap, a refusal is a sentence, nothing stays reserved."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.ai.budget import put_server_budget
from multiplayer.ai.tokens import DeepSeekTokens, OtherTokens
from multiplayer.live.pod import Pod
from multiplayer.models.port import ChatRequest, Chunk, Finished, TextDelta, ToolCall, ToolCallsReady, Usage
from multiplayer.protocol.budgets import Budget, BudgetScope, Caps, Period, UsageGroup
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.storage.ledger_port import Breach, Cap, Charge, Scope
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.tools.registry import ToolRegistry
from tests.contracts.databases import migrated_database
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, memory_pod, system_clock
from tests.support.postgres import ephemeral_postgres

ROOMS = 200
SERVER = Scope(BudgetScope.SERVER, "")
MOST_OUT = 1_000
CAP = 30_000
USED = Usage(300, 0, 50)
LISTING = ToolCallsReady((ToolCall("call_1", "list_files", "{}"),))


async def spent(storage: Storage) -> tuple[int, int]:
    """Tokens and micro-units that the server has used or reserved today."""
    today = (await storage.spent([SERVER], system_clock().now()))[SERVER, Period.DAY]
    return today.tokens, today.micros


async def settled(storage: Storage) -> tuple[int, int]:
    """Tokens and micro-units of all calls that are settled, by the report."""
    now = system_clock().now()
    since, until = now.replace(hour=0, minute=0, second=0), datetime.max.replace(tzinfo=now.tzinfo)
    rows = await storage.usage(since, until, group=UsageGroup.ROOM)
    return sum(row.tokens_in + row.tokens_out for row in rows), sum(row.cost_micros for row in rows)


class Witnessed(MemoryStorage):
    """Remembers the most that was ever spent or reserved, and how many calls were open at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.most_open = 0

    @override
    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        breach = await super().reserve(charge, caps)
        self.most = max(self.most, (await spent(self))[0])
        self.most_open = max(self.most_open, sum(entry.is_open for entry in self._ledger.values()))
        return breach

    @property
    def open(self) -> int:
        return sum(entry.is_open for entry in self._ledger.values())


async def crowd(pod: Pod) -> list[tuple[Guest, RoomId]]:
    """Let 200 people in, each into a room of their own."""

    async def come_in(number: int) -> tuple[Guest, RoomId]:
        guest = await Guest.enter(pod, f"person{number}")
        room_id = await pod.lobby.create_room(guest.id, "demo", origin="cli")
        await guest.join(room_id)
        return guest, room_id

    # The first makes the AI's account.
    first = await come_in(0)
    async with asyncio.TaskGroup() as tasks:
        coming = [tasks.create_task(come_in(number)) for number in range(1, ROOMS)]
    return [first, *(task.result() for task in coming)]


async def ends_of_all(
    people: Sequence[tuple[Guest, RoomId]], model: ChunkModel, go_on: asyncio.Event, text: str = "@ai hello"
) -> list[tuple[str, str]]:
    """Let everybody ask at once, and the model answer when all are at it or refused; return how each turn ended, why."""
    ends: list[tuple[str, str]] = []

    async def ask(guest: Guest, room_id: RoomId) -> None:
        assert (await guest.post(room_id, text))["type"] == "accepted"
        ended = await guest.expect(lambda heard: heard["type"] == "turn_ended", within_s=90)
        ends.append((str(ended["outcome"]), str(ended.get("reason", ""))))

    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        for guest, room_id in people:
            tasks.create_task(ask(guest, room_id))
        while len(ends) + model.open_streams < len(people):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        go_on.set()
    return ends


async def check_crowd(folder: Path, storage: Storage) -> int:
    """Fail unless 200 turns at once keep to a cap that not all of them fit; return how many had a place at once."""
    go_on = asyncio.Event()
    model = ChunkModel([TextDelta("Hello."), go_on, USED])
    brains = GivenBrains(brain_of(model, max_output_tokens=MOST_OUT))
    async with memory_pod(folder, storage=storage, brains=brains) as pod:
        await put_server_budget(storage, Budget(total=Caps(tokens_per_day=CAP)))
        people = await crowd(pod)
        ends = await ends_of_all(people, model, go_on)
        done = [outcome for outcome, _ in ends].count("done")
        assert done == len(model.requests)
        for outcome, reason in ends:
            assert outcome in {"done", "refused"}
            assert outcome == "done" or (reason.endswith(".") and "budget" in reason), reason
        used = done * (USED.tokens_in + USED.tokens_out)
        assert (await spent(storage))[0] == (await settled(storage))[0] == used
        for guest, room_id in people[:3]:
            assert (await guest.post(room_id, "still here"))["type"] == "accepted"
        assert not pod.turns
    return done


@pytest.mark.slow
async def test_two_hundred_turns_at_once_never_pass_a_cap_and_who_does_not_fit_is_told_so(tmp_path: Path) -> None:
    storage = Witnessed()
    fitted = await check_crowd(tmp_path, storage)
    assert fitted == storage.most_open > 5
    assert CAP * 0.8 < storage.most <= CAP
    assert storage.open == 0


@pytest.mark.slow
async def test_two_hundred_turns_at_once_never_pass_a_cap_in_a_real_database(tmp_path: Path) -> None:
    async with ephemeral_postgres() as address:
        dsn = await migrated_database(address)
        async with PostgresStorage.open(dsn, ephemeral=True) as storage:
            # All that fit are at it when the first is settled, so that many reservations stood open together.
            assert 5 < await check_crowd(tmp_path, storage) <= CAP // MOST_OUT


class Counting(ChunkModel):
    """A provider that bills what it reads by a vocabulary of its own, and all that it was allowed to write."""

    def __init__(self, go_on: asyncio.Event) -> None:
        super().__init__([])
        self._go_on = go_on
        self._vocabulary = DeepSeekTokens()

    @override
    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        self.requests.append(request)
        self.open_streams += 1
        try:
            yield TextDelta("Hello.")
            await self._go_on.wait()
            told = [json.dumps([tool.name, tool.description, tool.parameters]) for tool in request.tools]
            read = sum(self._vocabulary.exact(text) for text in [*(m.content for m in request.messages), *told])
            # Its marks around each message.
            yield Usage(read + 5 * len(request.messages), 0, request.max_tokens or 0)
            yield Finished("stop")
        finally:
            self.open_streams -= 1


@pytest.mark.slow
async def test_what_two_hundred_turns_at_once_use_never_passes_a_cap_whatever_they_are_about(tmp_path: Path) -> None:
    go_on, storage = asyncio.Event(), Witnessed()
    model = Counting(go_on)
    hashes = "\n".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(20))
    brains = GivenBrains(replace(brain_of(model, max_output_tokens=100), counter=OtherTokens()))
    async with memory_pod(tmp_path, storage=storage, brains=brains, tools=ToolRegistry([])) as pod:
        await put_server_budget(storage, Budget(total=Caps(tokens_per_day=CAP)))
        people = await crowd(pod)
        ends = await ends_of_all(people, model, go_on, f"@ai {hashes}")
        assert {outcome for outcome, _ in ends} == {"done", "refused"}
        assert storage.most_open > 2
        used = (await spent(storage))[0]
        assert CAP * 0.5 < used <= storage.most <= CAP
        assert await over(storage) == 0


async def test_a_provider_that_bills_more_than_it_was_sent_passes_a_cap_by_what_is_said_and_by_no_more(
    tmp_path: Path,
) -> None:
    go_on, storage = asyncio.Event(), MemoryStorage()
    model = ChunkModel([TextDelta("Well."), go_on, Usage(6_000, 0, 400), Finished("stop")])
    brains = GivenBrains(brain_of(model, max_output_tokens=400))
    async with memory_pod(tmp_path, storage=storage, brains=brains, tools=ToolRegistry([])) as pod:
        await put_server_budget(storage, Budget(total=Caps(tokens_per_day=10_000)))
        people = [await one_room(pod)]
        alice, first = people[0]
        for number in range(11):
            room_id = await pod.lobby.create_room(alice.id, f"demo{number}", origin="cli")
            await alice.join(room_id)
            people.append((alice, room_id))
        for _, room_id in people:
            await alice.post(room_id, "@ai hello")
        async with asyncio.timeout(20):
            while model.open_streams + sum(line["type"] == "turn_ended" for line in alice.heard) < len(people):
                await alice.read()
            go_on.set()
            while sum(line["type"] == "turn_ended" for line in alice.heard) < len(people):
                await alice.read()
        used, said = (await spent(storage))[0], await over(storage)
        assert used == len(model.requests) * 6_400 > 10_000
        assert 0 < used - said <= 10_000
        start = len(alice.heard)
        await alice.post(first, "@ai hello")
        await alice.expect_type("turn_ended", start=start, outcome="refused")


async def test_a_room_full_of_hashes_fits_a_small_model_beside_its_answer(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("The first.")], context_tokens=32_768)
    brains = GivenBrains(replace(brain_of(model, max_output_tokens=4_096), counter=OtherTokens()))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice, room_id = await one_room(pod)
        for number in range(18):
            drawn = [hashlib.sha256(f"{number} {line}".encode()).hexdigest() for line in range(50)]
            await alice.post(room_id, "\n".join(drawn))
        await alice.post(room_id, "@ai which is the first?")
        await alice.expect_type("turn_ended", outcome="done")
    vocabulary, asked = DeepSeekTokens(), list[int]()
    for request in model.requests:
        asked.append(sum(vocabulary.exact(message.content) + 6 for message in request.messages))
        # Two of three characters are digits, which some vocabularies take one by one.
        assert asked[-1] * 1.6 + (request.max_tokens or 0) < 32_768
    assert max(asked) > 8_000


async def over(storage: Storage) -> int:
    """Tokens that calls used beyond what was reserved for them, by the report."""
    now = system_clock().now()
    since, until = now.replace(hour=0, minute=0, second=0), datetime.max.replace(tzinfo=now.tzinfo)
    return sum(row.tokens_over for row in await storage.usage(since, until, group=UsageGroup.ROOM))


async def one_room(pod: Pod, **caps: int) -> tuple[Guest, RoomId]:
    alice = await Guest.enter(pod, "alice")
    room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
    await alice.join(room_id)
    if caps:
        budget = Budget(total=Caps.model_validate(caps)).model_dump(mode="json")
        assert (await alice.ask(type="set_budget", room_id=room_id, budget=budget))["type"] == "accepted"
    return alice, room_id


def last_answer(guest: Guest) -> object:
    messages = [line["message"] for line in guest.heard if line["type"] == "message_posted"]
    return next((m["text"] for m in reversed(messages) if isinstance(m, dict) and m.get("turn_id")), None)


async def test_a_cap_that_is_reached_in_a_tool_loop_ends_the_turn_with_the_words_so_far(tmp_path: Path) -> None:
    storage = MemoryStorage()
    model = ChunkModel([TextDelta("Let me look. "), LISTING, Usage(9_000, 0, 900), Finished("tool_calls")], [])
    brains = GivenBrains(brain_of(model, max_output_tokens=MOST_OUT))
    async with memory_pod(tmp_path, storage=storage, brains=brains) as pod:
        alice, room_id = await one_room(pod, tokens_per_day=10_000)
        await alice.post(room_id, "@ai what is there")
        ended = await alice.expect_type("turn_ended", outcome="interrupted")
        assert "budget" in str(ended["reason"])
        assert last_answer(alice) == "Let me look. "
        assert len(model.requests) == 1
        assert [line["is_ok"] for line in alice.heard if line["type"] == "tool_finished"] == [True]
        assert (await spent(storage))[0] == 9_900
        assert usage_of(ended) == (9_000, 900)
        start = len(alice.heard)
        await alice.post(room_id, "@ai go on")
        await alice.expect_type("turn_ended", start=start, outcome="refused")


async def test_a_cap_that_is_reached_before_the_first_word_refuses_the_turn(tmp_path: Path) -> None:
    storage = MemoryStorage()
    model = ChunkModel([LISTING, Usage(9_000, 0, 900), Finished("tool_calls")], [])
    brains = GivenBrains(brain_of(model, max_output_tokens=MOST_OUT))
    async with memory_pod(tmp_path, storage=storage, brains=brains) as pod:
        alice, room_id = await one_room(pod, tokens_per_day=10_000)
        await alice.post(room_id, "@ai what is there")
        await alice.expect_type("turn_ended", outcome="refused")
        assert last_answer(alice) is None
        assert (await spent(storage))[0] == 9_900


async def test_a_cancelled_turn_pays_for_its_prompt_and_the_words_that_were_out(tmp_path: Path) -> None:
    storage = MemoryStorage()
    model = ChunkModel(
        [TextDelta("A first answer of some length, with a tool. "), LISTING, USED, Finished("tool_calls")],
        [TextDelta("Well"), asyncio.Event()],
    )
    brains = GivenBrains(brain_of(model, max_output_tokens=MOST_OUT, micros_per_token=2))
    async with memory_pod(tmp_path, storage=storage, brains=brains) as pod:
        alice, room_id = await one_room(pod)
        await alice.post(room_id, "@ai hello")
        started = await alice.expect_type("turn_started")
        await alice.expect(lambda line: line["type"] == "ai_delta" and "Well" in str(line["text"]))
        reserved = await spent(storage)
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        ended = await alice.expect_type("turn_ended", outcome="stopped")
        tokens, micros = await spent(storage)
        assert (tokens, micros) == await settled(storage)
        assert tokens < reserved[0] - MOST_OUT // 2
        tokens_in, tokens_out = usage_of(ended)
        assert tokens_in + tokens_out == tokens
        assert micros == 2 * tokens
        # The words of the call before are paid for already: only one short word is new.
        assert USED.tokens_out < tokens_out < USED.tokens_out + 5
        usage = ended["usage"]
        assert isinstance(usage, dict)
        assert (usage["calls"], usage["is_estimated"]) == (2, True)
        turn = await pod.insights.turns.one(room_id, alice.id, TurnId(str(ended["turn_id"])))
        assert turn.usage is not None
        assert turn.usage.cost_micros == micros


async def test_a_cap_in_money_without_a_price_lets_nothing_through_and_says_so(tmp_path: Path) -> None:
    storage, model = MemoryStorage(), ChunkModel([TextDelta("never")])
    async with memory_pod(tmp_path, storage=storage, brains=GivenBrains(brain_of(model))) as pod:
        alice, room_id = await one_room(pod, micros_per_month=1_000_000)
        await alice.post(room_id, "@ai hello")
        ended = await alice.expect_type("turn_ended", outcome="refused")
        assert "price" in str(ended["reason"])
        assert model.requests == []
        assert await spent(storage) == (0, 0)


async def test_a_cap_of_one_asker_does_not_touch_another(tmp_path: Path) -> None:
    storage, model = MemoryStorage(), ChunkModel([TextDelta("Hello."), Usage(900, 0, 100)])
    brains = GivenBrains(brain_of(model, max_output_tokens=MOST_OUT))
    async with memory_pod(tmp_path, storage=storage, brains=brains, tools=ToolRegistry([])) as pod:
        alice, room_id = await one_room(pod)
        bob = await Guest.enter(pod, "bob")
        await alice.ask(type="invite_member", room_id=room_id, handle="bob")
        budget = Budget(per_asker=Caps(tokens_per_day=2_500)).model_dump(mode="json")
        assert (await alice.ask(type="set_budget", room_id=room_id, budget=budget))["type"] == "accepted"
        outcomes = []
        for guest in (alice, alice, bob):
            start = len(alice.heard)
            await guest.post(room_id, "@ai hello")
            ended = await alice.expect_type("turn_ended", start=start)
            outcomes.append(ended["outcome"])
        assert outcomes == ["done", "refused", "done"]


def usage_of(ended: object) -> tuple[int, int]:
    assert isinstance(ended, dict)
    return ended["usage"]["tokens_in"], ended["usage"]["tokens_out"]
