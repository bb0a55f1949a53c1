"""What the calls of a turn are booked at: the summary too, every model of a chain, nothing that cannot be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from multiplayer.ai.budget import Tariff, put_server_budget
from multiplayer.ai.summary_call import MOST_MATERIAL_TOKENS
from multiplayer.live.pod import Pod
from multiplayer.models.failover import Failover
from multiplayer.models.port import (
    Finished,
    ModelRejected,
    ModelStalled,
    ModelUnavailable,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallsReady,
    Usage,
)
from multiplayer.protocol.budgets import Budget, BudgetScope, CallKind, Caps, Period, UsageGroup, UsageRow
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.turn_events import ToolCalled, TurnEnded
from multiplayer.storage.ledger_port import Breach, Cap, Charge, Scope
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, memory_pod, system_clock

SERVER = Scope(BudgetScope.SERVER, "")
POINTS = (TextDelta("Decisions:\n- we use postgres\n"), Finished("stop"))
ANSWER = (TextDelta("Well."), Finished("stop"))


class Reserving(MemoryStorage):
    """Remembers what was reserved."""

    def __init__(self) -> None:
        super().__init__()
        self.reserved: list[Charge] = []

    @override
    async def reserve(self, charge: Charge, caps: Sequence[Cap]) -> Breach | None:
        self.reserved.append(charge)
        return await super().reserve(charge, caps)


class Picky(MemoryStorage):
    """Breaks on some events whenever they are to be stored, as a database does on a figure it cannot hold."""

    def __init__(self, cannot_hold: Callable[[Event], bool]) -> None:
        super().__init__()
        self._cannot_hold = cannot_hold

    @override
    async def append(self, append: Append) -> Appended:
        if any(self._cannot_hold(new.event) for new in append.events):
            raise OverflowError("value out of int64 range")
        return await super().append(append)


async def rows(pod: Pod, group: UsageGroup = UsageGroup.MODEL) -> dict[str, UsageRow]:
    now = system_clock().now()
    found = await pod.storage.usage(now.replace(hour=0, minute=0, second=0), now.replace(year=9999), group=group)
    return {row.key: row for row in found}


async def spent(pod: Pod) -> int:
    """Tokens that are settled or reserved today."""
    return (await pod.storage.spent([SERVER], system_clock().now()))[SERVER, Period.DAY].tokens


async def talked(pod: Pod, messages: int = 0, text: str = "the database") -> tuple[Guest, RoomId]:
    """Return a room with so many messages, of which a summary is due when there are any, and its owner."""
    alice = await Guest.enter(pod, "alice")
    room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
    await alice.join(room_id)
    if messages:
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
    host = await pod.directory.host(room_id)
    for number in range(messages):
        await host.ask(alice.id, PostMessage(text=f"message {number}: {text}"), origin="cli")
    return alice, room_id


async def answered(alice: Guest, room_id: RoomId, **ends: str) -> dict[str, object]:
    start = len(alice.heard)
    await alice.post(room_id, "@ai hello")
    return dict(await alice.expect_type("turn_ended", start=start, **ends))


def usage_of(ended: Mapping[str, object]) -> dict[str, object]:
    usage = ended["usage"]
    assert isinstance(usage, dict)
    assert not usage.keys() & {"cost_micros", "price_version"}, "the room hears of tokens, and of no money"
    return usage


async def cost_of(pod: Pod, reader: Guest, room_id: RoomId, ended: Mapping[str, object]) -> int | None:
    """Return what a turn cost by what it tells whoever may see that."""
    used = (await pod.insights.turns.one(room_id, reader.id, TurnId(str(ended["turn_id"])))).usage
    assert used is not None
    return used.cost_micros


def chain_of(*models: ChunkModel) -> GivenBrains:
    """Return brains with a chain: the tokens of `dear` cost 100, of all others 1."""
    chain = Failover(models, first_token_s=5, progress_s=5, clock=system_clock().monotonic_s)

    def tariff(name: str, each: int) -> Tariff:
        return Tariff(name, lambda used: each * (used.tokens_in + used.tokens_out), "v")

    names = [model.model_name for model in models]
    tariffs = {name: tariff(name, 100 if name == "dear" else 1) for name in names}
    return GivenBrains(replace(brain_of(chain), tariffs=tariffs))


async def test_a_summary_whose_provider_tells_no_usage_is_counted_and_paid_for(tmp_path: Path) -> None:
    model = ChunkModel(POINTS, [TextDelta("Well."), Usage(500, 0, 10), Finished("stop")])
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model, micros_per_token=10))) as pod:
        alice, room_id = await talked(pod, 10)
        usage = usage_of(await answered(alice, room_id))
        assert len(model.requests) == 2
        [row] = (await rows(pod)).values()
        assert row.calls == usage["calls"] == 2
        assert row.tokens_in == usage["tokens_in"]
        assert row.tokens_in > 500 + sum(len(m.content) for m in model.requests[0].messages) // 5
        assert row.tokens_out > 10
        assert (row.cost_micros, usage["is_estimated"]) == (10 * (row.tokens_in + row.tokens_out), True)


async def test_a_turn_that_only_paid_for_its_summary_tells_what_that_cost(tmp_path: Path) -> None:
    model = ChunkModel([*POINTS[:1], Usage(700, 0, 30), Finished("stop")], [ModelRejected("no credit left")])
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model, micros_per_token=10))) as pod:
        alice, room_id = await talked(pod, 10)
        ended = await answered(alice, room_id, outcome="failed")
        usage = usage_of(ended)
        assert (usage["tokens_in"], usage["tokens_out"], usage["calls"]) == (700, 30, 1)
        assert await cost_of(pod, alice, room_id, ended) == 7_300
        assert await spent(pod) == 730


async def test_a_summary_reserves_what_it_asks_and_no_more_than_is_worth_it(tmp_path: Path) -> None:
    model = ChunkModel(POINTS, ANSWER, context_tokens=1_000_000)
    storage = Reserving()
    brains = GivenBrains(brain_of(model, micros_per_token=10, max_output_tokens=8_000))
    async with memory_pod(tmp_path, storage=storage, brains=brains) as pod:
        alice, room_id = await talked(pod, 60, "all of it is down again, everybody says so. " * 170)
        estimate = await pod.insights.previews.estimate(room_id, alice.id, "@ai hello")
        await answered(alice, room_id, outcome="done")
        summary, turn = storage.reserved
        assert (summary.kind, turn.kind) == (CallKind.SUMMARY, CallKind.TURN)
        counted = sum(brains.of(turn.ai_id).counter.count(m.content) for m in model.requests[0].messages)
        assert counted <= summary.tokens_in <= min(counted + 100, MOST_MATERIAL_TOKENS + 1_000)
        assert summary.tokens_out == model.requests[0].max_tokens == 4_096
        assert estimate.tokens_in >= summary.tokens_in + turn.tokens_in
        assert estimate.tokens_out_at_most == summary.tokens_out + turn.tokens_out


async def test_a_summary_that_fits_no_cap_is_made_without_a_model_and_not_in_the_estimate(tmp_path: Path) -> None:
    model = ChunkModel(ANSWER, context_tokens=1_000_000)
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model, micros_per_token=10))) as pod:
        alice, room_id = await talked(pod, 60, "all of it is down again, everybody says so. " * 170)
        await put_server_budget(pod.storage, Budget(total=Caps(tokens_per_day=60_000)))
        whole = await pod.insights.previews.estimate(room_id, alice.id, "@ai hello")
        assert whole.tokens_out_at_most == 1_000
        await answered(alice, room_id, outcome="done")
        assert [line["method"] for line in alice.heard if line["type"] == "summary_updated"] == ["extractive"]
        assert len(model.requests) == 1


async def test_what_a_stand_in_answers_is_paid_at_its_price_and_a_dead_model_is_asked_once_a_turn(
    tmp_path: Path,
) -> None:
    dead = ChunkModel([ModelUnavailable("away")], model_name="dear")
    alive = ChunkModel([*POINTS[:1], Usage(1_000, 0, 100), Finished("stop")], model_name="cheap")
    async with memory_pod(tmp_path, brains=chain_of(dead, alive)) as pod:
        alice, room_id = await talked(pod, 10)
        ended = await answered(alice, room_id, outcome="done")
        assert (len(dead.requests), len(alive.requests)) == (1, 2)
        [row] = (await rows(pod)).values()
        assert (row.key, row.calls, row.cost_micros) == ("cheap", 2, 2_200)
        assert (usage_of(ended)["model"], await cost_of(pod, alice, room_id, ended)) == ("cheap", 2_200)
        told = [(line["previous"], line["model"]) for line in alice.heard if line["type"] == "model_changed"]
        assert told == [("dear", "cheap")]


async def test_what_a_model_used_before_another_took_over_is_booked_to_it(tmp_path: Path) -> None:
    dead = ChunkModel([ThinkingDelta("hm"), Usage(300, 0, 40), ModelStalled("progress", 5)], model_name="dear")
    alive = ChunkModel([TextDelta("Well."), Usage(310, 0, 5), Finished("stop")], model_name="cheap")
    async with memory_pod(tmp_path, brains=chain_of(dead, alive)) as pod:
        alice, room_id = await talked(pod)
        ended = await answered(alice, room_id, outcome="done")
        usage, found = usage_of(ended), await rows(pod)
        assert {name: (row.tokens_in, row.tokens_out, row.cost_micros) for name, row in found.items()} == {
            "dear": (300, 40, 34_000),
            "cheap": (310, 5, 315),
        }
        assert (usage["tokens_in"], usage["tokens_out"], usage["calls"]) == (610, 45, 2)
        assert await cost_of(pod, alice, room_id, ended) == 34_315
        assert await spent(pod) == 655


async def test_a_call_that_never_reached_a_model_costs_nothing_and_one_that_had_begun_its_prompt(
    tmp_path: Path,
) -> None:
    model = ChunkModel(
        [ModelRejected("wrong key")],
        [ModelUnavailable("away")],
        [ModelStalled("first", 5)],
        [TextDelta("We"), ModelUnavailable("away")],
    )
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model, micros_per_token=10))) as pod:
        alice, room_id = await talked(pod)
        for _ in range(2):
            assert (await answered(alice, room_id, outcome="failed")).get("usage") is None
            assert (await spent(pod), await rows(pod)) == (0, {})
        silent = usage_of(await answered(alice, room_id, outcome="failed"))
        begun = usage_of(await answered(alice, room_id, outcome="interrupted"))
        [row] = (await rows(pod)).values()
        assert row.calls == 2
        assert silent["tokens_out"] == 0
        assert begun["tokens_out"] == 1


async def test_absurd_figures_of_a_model_are_replaced_by_our_own_count(tmp_path: Path) -> None:
    absurd = [Usage(10**25, 0, 5), Usage(300, 0, 10**25), Usage(-1, 0, -1), Usage(300, 10**25, 5)]
    scripts: list[list[Moment]] = [[TextDelta("Well."), usage, Finished("stop")] for usage in absurd]
    model = ChunkModel(*scripts)
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model, micros_per_token=10))) as pod:
        alice, room_id = await talked(pod)
        for _ in absurd[:3]:
            usage = usage_of(await answered(alice, room_id, outcome="done"))
            assert usage["is_estimated"] is True
            assert usage["tokens_out"] == 2
            assert 300 < int(str(usage["tokens_in"])) < 5_000
        usage = usage_of(await answered(alice, room_id, outcome="done"))
        assert (usage["tokens_in"], usage["tokens_cached"], usage["is_estimated"]) == (300, 300, False)


async def test_a_turn_whose_end_cannot_be_stored_with_its_figures_ends_without_them(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("Well."), Usage(300, 0, 5), Finished("stop")])
    brains = GivenBrains(brain_of(model))
    storage = Picky(lambda event: isinstance(event, TurnEnded) and event.usage is not None)
    async with memory_pod(tmp_path, storage=storage, brains=brains) as pod:
        alice, room_id = await talked(pod)
        ended = await answered(alice, room_id, outcome="done")
        assert ended.get("usage") is None
        assert (await alice.post(room_id, "still here"))["type"] == "accepted"


async def test_a_turn_of_which_something_cannot_be_stored_ends_with_the_words_so_far(tmp_path: Path) -> None:
    listing = ToolCallsReady((ToolCall("call_1", "list_files", "{}"),))
    model = ChunkModel([TextDelta("Let me look."), listing, Usage(300, 0, 5), Finished("tool_calls")])
    storage = Picky(lambda event: isinstance(event, ToolCalled))
    async with memory_pod(tmp_path, storage=storage, brains=GivenBrains(brain_of(model))) as pod:
        alice, room_id = await talked(pod)
        ended = await answered(alice, room_id, outcome="interrupted")
        assert ended["reason"] == "the server could not store what the AI did"
        assert usage_of(ended)["tokens_in"] == 300
        assert await spent(pod) == 305
        assert (await alice.post(room_id, "still here"))["type"] == "accepted"


async def test_members_are_told_caps_of_the_room_and_their_own_but_not_the_servers(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("Well."), Usage(300, 0, 5), Finished("stop")])
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model))) as pod:
        alice, room_id = await talked(pod)
        caps = Caps(tokens_per_day=50_000)
        await put_server_budget(pod.storage, Budget(total=caps, per_asker=caps))
        budget = Budget(total=caps, per_asker=caps).model_dump(mode="json")
        assert (await alice.ask(type="set_budget", room_id=room_id, budget=budget))["type"] == "accepted"
        await answered(alice, room_id, outcome="done")
        own = {BudgetScope.ROOM: 305, BudgetScope.ROOM_ASKER: 305, BudgetScope.SERVER_ASKER: 305}
        report = await pod.insights.usage.of_room(room_id, alice.id)
        assert {state.scope: state.used for state in report.caps} == own
        estimate = await pod.insights.previews.estimate(room_id, alice.id, "@ai hello")
        assert {state.scope: state.used for state in estimate.caps} == own
        operators = await pod.insights.usage.of_server()
        assert [(state.scope, state.used) for state in operators.caps] == [(BudgetScope.SERVER, 305)]
        await put_server_budget(pod.storage, Budget(total=Caps(tokens_per_day=1_100)))
        refused = await answered(alice, room_id, outcome="refused")
        assert not any(letter.isdigit() for letter in str(refused["reason"]).replace("00:00 UTC", ""))
