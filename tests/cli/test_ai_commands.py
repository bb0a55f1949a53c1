"""The commands about a room's AIs, beside a running server: what they show, change and refuse."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.client import Client
from multiplayer.compose import command_line
from multiplayer.protocol.budgets import CallKind
from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.settings import load_settings
from multiplayer.storage.ledger_port import Charge
from tests.journeys.house import House, Ran, environment, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Folder:
    """A server's data folder with alice, bob, and alice's room `demo`, in which the demo AI has answered once."""

    def __init__(self, house: House) -> None:
        self.messages: list[str] = []
        self._house = house

    async def fill(self) -> None:
        alice, _ = await self._house.know("alice"), await self._house.know("bob")
        self._room_id = await self._house.room(alice)
        async with Client(self._house.url, token=alice.token) as client:
            room = await client.room("demo")
            for text in ("we deploy on Fridays", "@ai list the files", "deploy now?"):
                sent = await room.send(text)
                self.messages.append(sent.message_id)
                for _ in await room.turns_of(sent):
                    await room.wait_for(lambda word: isinstance(word, TurnEnded), 30, after=sent.seq)
            await room.pin_fact("The staging server is called Otto.")
            await room.edit_summary([PointEdit(section=Section.DECISIONS, text="Deploy on Fridays.")])

    async def used(self, tokens: int, *, reserved: int, at: datetime) -> None:
        """Put a call of demo's into the ledger that had reserved so much and used so much."""
        charge = Charge(
            id=f"used-{tokens}-{reserved}",
            room_id=self._room_id,
            asker_id=None,
            ai_id=AccountId("someone"),
            turn_id=None,
            kind=CallKind.SUMMARY,
            at=at,
            tokens_in=reserved,
            tokens_out=0,
            micros=0,
            model="m",
            price_version="p",
        )
        async with command_line(load_settings(self._house.data_dir)) as pod:
            assert await pod.storage.reserve(charge, []) is None
            assert await pod.storage.settle(
                charge.id, tokens_in=tokens, tokens_cached=0, tokens_out=0, cost_micros=0, is_estimated=False
            )

    async def run(self, *arguments: str, given: str = "") -> Ran:
        return await self._house.cli(*arguments, stdin=given)

    async def read(self, *arguments: str, given: str = "") -> JsonValue:
        """Return what a command prints as JSON."""
        ran = await self.run(*arguments, "--json", given=given)
        assert (ran.code, ran.err) == (0, ""), ran
        return cast("JsonValue", json.loads(ran.out))


@pytest.fixture(scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Folder]:
    where = tmp_path_factory.mktemp("ai")
    async with serving(where, environment(where)) as house:
        made = Folder(house)
        await made.fill()
        yield made


async def test_rules_are_shown_rehearsed_and_replaced(folder: Folder, tmp_path: Path) -> None:
    rules = cast("list[dict[str, JsonValue]]", await folder.read("room", "triggers", "show", "demo"))
    assert [rule["id"] for rule in rules] == ["mention", "reply"]
    wanted = [*rules, {"type": "keyword", "id": "deploys", "words": ["deploy"]}, {"type": "webhook", "id": "ci"}]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(wanted))

    rehearsed = await folder.run("room", "triggers", "dry-run", "demo", str(file))
    assert rehearsed.code == 0, rehearsed.err
    assert "deploys: would have fired 1 times" in rehearsed.out
    run = cast("dict[str, JsonValue]", await folder.read("room", "triggers", "dry-run", "demo", given=file.read_text()))
    assert run["messages"] == 4
    stranger = '[{"type": "mention", "id": "m", "ai_id": "01M7ZNCGSPFQ5C1TZBSVXXQC5M"}]'
    refused = await folder.run("room", "triggers", "dry-run", "demo", given=stranger)
    assert (refused.code, refused.out) == (FAILURE, "")
    assert refused.err.splitlines()[0] == "multiplayer: rule m names an AI that is not in this room"
    # Nothing has happened by it.
    assert await folder.read("room", "triggers", "show", "demo") == rules

    stored = cast("list[dict[str, JsonValue]]", await folder.read("room", "triggers", "set", "demo", str(file)))
    assert [rule["id"] for rule in stored] == ["mention", "reply", "deploys", "ci"]
    # Who acts when nobody writes a message is stamped.
    assert stored[-1]["set_by"]
    shown = await folder.run("room", "triggers", "show", "demo")
    assert "deploys  keyword" in shown.out

    for broken in ("{}", "[{]", '[{"type": "keyword", "id": "x"}]', '[{"type": "no"}]'):
        refused = await folder.run("room", "triggers", "set", "demo", "-", given=broken)
        assert refused.code == FAILURE
        assert refused.err.startswith(("multiplayer: these are no rules", "multiplayer: rule 1"))
        assert len(refused.err.splitlines()) == 2

    by_handle = [*stored, {"type": "every", "id": "often", "messages": 50, "ai_id": "@ai"}]
    stored = cast(
        "list[dict[str, JsonValue]]", await folder.read("room", "triggers", "set", "demo", given=json.dumps(by_handle))
    )
    assert stored[-1]["ai_id"] != "@ai"
    assert "every    @ai" in (await folder.run("room", "triggers", "show", "demo")).out

    in_words = await folder.run("room", "hook", "create", "demo", "ci")
    secret, what, curl = in_words.out.splitlines()
    assert f"printf 'Authorization: Bearer {secret}' | curl -H @- " in curl
    assert curl.endswith("/api/v1/hooks")
    await folder.read("room", "hook", "revoke", "demo", what.split("(")[1].split(")")[0])
    made = cast("dict[str, JsonValue]", await folder.read("room", "hook", "create", "demo", "ci"))
    hook = cast("dict[str, JsonValue]", made["hook"])
    listed = cast("list[dict[str, JsonValue]]", await folder.read("room", "hook", "list", "demo"))
    assert [one["id"] for one in listed if not one["revoked_at"]] == [hook["id"]]
    assert str(made["secret"]) not in json.dumps(listed)
    await folder.read("room", "hook", "revoke", "demo", str(hook["id"]))
    assert (await folder.run("room", "hook", "revoke", "demo", str(hook["id"]))).code == FAILURE
    assert (await folder.run("room", "hook", "create", "demo", "mention")).code == FAILURE


async def test_a_message_is_explained_and_its_turn_is_told_and_replayed(folder: Folder) -> None:
    explained = cast("dict[str, JsonValue]", await folder.read("explain", "demo", folder.messages[1]))
    verdicts = cast("list[dict[str, JsonValue]]", explained["verdicts"])
    assert {verdict["rule_id"]: verdict["fires"] for verdict in verdicts} == {"mention": True, "reply": False}
    (turn,) = cast("list[dict[str, JsonValue]]", explained["turns"])
    assert turn["state"] == "done"
    in_words = await folder.run("explain", "demo", folder.messages[0])
    assert "– mention: " in in_words.out

    page = cast("dict[str, JsonValue]", await folder.read("room", "turns", "demo"))
    (ended,) = cast("list[dict[str, JsonValue]]", page["ended"])
    assert ended["turn_id"] == turn["turn_id"]
    one = await folder.run("room", "turns", "demo", str(turn["turn_id"]))
    assert "@alice mentioned @ai" in one.out
    assert "tool list_files" in one.out
    assert ", 0.00 USD" in one.out
    replayed = await folder.run("replay", str(ended["message_id"]), "--prompt")
    assert replayed.code == 0, replayed.err
    assert "the prompt is the same, to the last character" in replayed.out
    assert "--- system" in replayed.out
    assert "we deploy on Fridays" in replayed.out
    assert (await folder.run("room", "turns", "demo", "nothing")).code == FAILURE

    # The turn itself may be given, and what is the latest needs no id.
    turn_id = str(turn["turn_id"])
    cause = await folder.run("explain", "demo", turn_id)
    assert cause.out.splitlines()[0] == f"turn {turn_id} of @ai: @alice mentioned @ai"
    assert f"message {folder.messages[1]}:" in cause.out
    told = cast("dict[str, JsonValue]", await folder.read("explain", "demo", turn_id))
    assert told["explanations"] == [explained]
    last = cast("dict[str, JsonValue]", await folder.read("explain", "demo", "last"))
    assert last["message_id"] == folder.messages[2]
    assert (await folder.run("explain", "demo", "nothing")).code == FAILURE
    for which in (turn_id, "last", str(ended["message_id"])):
        again = await folder.run("replay", which, "--room", "demo")
        assert again.code == 0, again.err
        assert f"turn {turn_id}" in again.out or turn_id in again.out


async def test_what_an_ai_would_know_and_what_one_missed(folder: Folder) -> None:
    context = cast("dict[str, JsonValue]", await folder.read("room", "context", "demo", "--ai", "ai"))
    assert context["model"] == "demo"
    assert cast("int", context["tokens"]) > 0
    assert (await folder.run("room", "context", "demo", "--ai", "bob")).code == FAILURE
    facts = await folder.run("room", "facts", "demo")
    assert "The staging server is called Otto." in facts.out
    caught = await folder.run("catch-up", "demo", "--after", "1")
    assert "3 messages by @alice, 1 answers of AIs" in caught.out
    assert (await folder.run("catch-up", "demo", "--for", "bob")).code == FAILURE


async def test_a_summary_is_read_changed_and_put_back(folder: Folder, tmp_path: Path) -> None:
    text = (await folder.run("room", "summary", "demo")).out
    assert text == "Decisions:\n- Deploy on Fridays.\n"
    file = tmp_path / "summary.txt"
    file.write_text(text + "- Never on Mondays.\n")
    assert (await folder.run("room", "summary", "demo", "--edit", str(file))).code == 0
    now = cast("dict[str, JsonValue]", await folder.read("room", "summary", "demo"))
    points = cast("list[dict[str, JsonValue]]", now["points"])
    assert [point["text"] for point in points] == ["Deploy on Fridays.", "Never on Mondays."]
    # An edit of a version that is not the newest any more is refused.
    stale = json.dumps({**now, "version": 1, "points": points[:1]})
    refused = await folder.run("room", "summary", "demo", "--edit", "-", given=stale)
    assert refused.code == FAILURE
    assert "changed meanwhile" in refused.err
    emptied = await folder.run("room", "summary", "demo", "--edit", "-")
    assert emptied.code == USAGE
    assert "give --yes" in emptied.err
    same = await folder.run("room", "summary", "demo", "--edit", "-", given=json.dumps(now))
    assert same.code == FAILURE


async def test_settings_are_shown_and_only_those_that_are_given_change(folder: Folder) -> None:
    before = cast("dict[str, JsonValue]", await folder.read("room", "settings", "demo"))
    changes = "--while-busy steer --ai-to-ai --summarise-after 40 --default-ai @ai --tools run,read --guests-post"
    now = cast("dict[str, JsonValue]", await folder.read("room", "settings", "demo", *changes.split()))
    assert {name for name in now if now[name] != before[name]} == {
        *("while_busy", "ai_to_ai", "summarise_after", "default_ai", "tools", "guests_post")
    }
    assert (now["summarise_after"], now["tools"]) == (40, ["run", "read"])
    shown = {
        name: value
        for name, _, value in (
            line.partition("  ") for line in (await folder.run("room", "settings", "demo")).out.splitlines()
        )
    }
    assert shown["default-ai"].strip() == "@ai"
    assert shown["tools"].strip() == "run,read"
    back = "--while-busy collect --no-ai-to-ai --summarise-after none --default-ai none --tools all --no-guests-post"
    assert await folder.read("room", "settings", "demo", *back.split()) == before
    assert (await folder.run("room", "settings", "demo", "--default-ai", "bob")).code == FAILURE


async def test_budgets_of_rooms_and_of_the_server(folder: Folder) -> None:
    caps = ["--tokens-per-day", "50k", "--per-asker-money-per-month", "0.5"]
    made = cast("dict[str, JsonValue]", await folder.read("budget", "set", "demo", *caps))
    budget = cast("dict[str, dict[str, JsonValue]]", made["budget"])
    assert budget["total"]["tokens_per_day"] == 50_000
    assert budget["per_asker"]["micros_per_month"] == 500_000
    await folder.read("budget", "set", "demo", "--tokens-per-day", "none", "--money-per-day", "2")
    shown = await folder.run("budget", "show", "demo")
    assert shown.out.splitlines() == [
        "2.00 USD a day, 0.50 USD a month for each asker",
        "the room, each day: 0.00 of 2.00 USD used, 2.00 left",
        "the one who asks, in this room, each month: 0.00 of 0.50 USD used, 0.50 left",
    ]
    assert (await folder.run("budget", "set", "--server", "--tokens-per-month", "1m")).code == 0
    server = await folder.run("budget", "show", "--server")
    assert server.out.splitlines()[0] == "1,000,000 tokens a month"
    again = await folder.run("budget", "set", "--server", "--tokens-per-month", "1m")
    assert again.code == FAILURE


async def test_usage_is_a_table_with_a_sum(folder: Folder) -> None:
    table = await folder.run("usage", "demo", "--by", "asker", "--since", "7d")
    assert table.code == 0, table.err
    title, alice, total = table.out.splitlines()[:3]
    assert title.split()[0] == "ASKER"
    assert alice.split()[:2] == ["@alice", "2"]
    assert total.split()[2:] == alice.split()[1:]
    server = await folder.run("usage")
    assert server.out.splitlines()[1].startswith("demo ")
    backwards = await folder.run("usage", "--since", "2026-11-02", "--until", "2026-11-01")
    assert backwards.code == FAILURE


async def test_usage_tells_what_calls_used_beyond_what_was_reserved_for_them(folder: Folder) -> None:
    month = ("--since", "2025-03-01", "--until", "2025-04-01")
    at = datetime(2025, 3, 2, tzinfo=UTC)
    await folder.used(90, reserved=100, at=at)
    assert "reserved" not in (await folder.run("usage", "demo", *month)).out
    await folder.used(3_400, reserved=100, at=at)
    # What budgets say may come below.
    _, asker, total = (await folder.run("usage", "demo", *month)).out.splitlines()[:3]
    assert asker.endswith("  3,300 tokens more than were reserved")
    assert total.endswith("  3,300 tokens more than were reserved")


async def test_what_is_no_answer_of_an_ai_cannot_be_replayed(folder: Folder) -> None:
    for message in ("nothing", "\udc80", "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        ran = await folder.run("replay", message)
        assert ran.code == FAILURE
        assert "there is no message" in ran.err
    mine = await folder.run("replay", folder.messages[0])
    assert mine.code == FAILURE
    assert "no AI wrote this message" in mine.err


async def test_an_ai_is_described_changed_and_removed_by_the_same_options(folder: Folder) -> None:
    options = ("--persona", "brief", "--tool", "read_file", "--price", "1,0.5,2", "--max-output-tokens", "500")
    made = cast(
        "dict[str, dict[str, JsonValue]]", await folder.read("ai", "add", "@Helper", "--provider", "demo", *options)
    )
    wanted: dict[str, JsonValue] = {
        "handle": "helper",
        "name": "helper",
        "provider": "demo",
        "persona": "brief",
        "tools": ["read_file"],
        "price": {"tokens_in": 1_000_000, "tokens_cached": 500_000, "tokens_out": 2_000_000},
        "max_output_tokens": 500,
    }
    assert {name: made["profile"][name] for name in wanted} == wanted
    changed = cast(
        "dict[str, dict[str, JsonValue]]",
        await folder.read("ai", "set", "helper", "--name", "Helper", "--no-tools", "--reset", "price"),
    )
    profile = changed["profile"]
    assert (profile["name"], profile["persona"], profile["tools"], profile["price"]) == ("Helper", "brief", [], None)
    for command in ("add", "set"):
        help_of = (await folder.run("ai", command, "--help")).out
        assert all(option in help_of for option in ("--provider", "--price", "--fallback", "--previous-messages"))
        assert ("--reset" in help_of) == (command == "set")
    assert (await folder.run("room", "add", "demo", "helper")).code == 0
    refused = await folder.run("ai", "remove", "helper")
    assert (refused.code, "is a member of a room" in refused.err) == (FAILURE, True), refused.err
    assert (await folder.run("room", "remove", "demo", "helper")).code == 0
    removed = await folder.run("ai", "remove", "helper")
    assert (removed.code, removed.out) == (0, "helper is removed\n")
    listed = cast("list[dict[str, dict[str, JsonValue]]]", await folder.read("ai", "list"))
    assert [one["profile"]["handle"] for one in listed] == ["ai"]
    assert (await folder.run("ai", "show", "helper")).code == FAILURE


async def test_the_demo_tells_what_it_used_by_our_own_count(folder: Folder) -> None:
    report = cast("dict[str, dict[str, int]]", await folder.read("usage", "demo"))
    assert report["total"]["tokens_in"] > 100
    assert report["total"]["tokens_out"] > 0
    assert (report["total"]["cost_micros"], report["total"]["unpriced_calls"]) == (0, 0)
