"""Several AIs on a server: made by HTTP, command line and file, put into rooms, asked by name, each its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, answer, entered, environment, serving, turn_of
from tests.support.people import Line, Person
from tests.support.provider import Provider, RecordedRequest, answers, provider, status
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
KEY = "sk-canary-of-a-profile-0123456789"
ALL = "/api/v1/admin/ai"
SEEN_S = 3.0
"""How long what was changed beside the server may take to be seen; it looks each 0.4 s."""


@dataclass
class Town:
    """A server with an operator, and a provider that the profiles point at."""

    house: House
    operator: Known
    stand_in: Provider

    def chat(self, handle: str, **fields: object) -> dict[str, object]:
        return {
            "handle": handle,
            "name": handle.title(),
            "provider": "openai_compatible",
            "model": f"model-of-{handle}",
            "base_url": self.stand_in.base_url,
            **fields,
        }

    async def add(self, handle: str, **fields: object) -> Mapping[str, JsonValue]:
        return await self.house.post(ALL, self.chat(handle, **fields), self.operator)

    async def change(self, account_id: JsonValue, **fields: object) -> None:
        view = await self.house.get(f"{ALL}/{account_id}", self.operator)
        profile = view["profile"]
        assert isinstance(profile, dict)
        body = {"profile": {**profile, **fields}, "version": view["version"]}
        changed = await self.house.http.put(f"{ALL}/{account_id}", json=body, headers=self.operator.bearer)
        assert changed.status_code == 200, changed.text

    async def room(self, owner: Known, *handles: str, name: str) -> RoomId:
        """Make a room with these AIs in it and without the built-in one."""
        made = await self.house.post("/api/v1/rooms", {"name": name, "with_ai": False}, owner)
        room = made["room"]
        assert isinstance(room, dict)
        for handle in handles:
            await self.house.post(f"/api/v1/rooms/{room['id']}/members", {"handle": handle}, owner)
        return RoomId(str(room["id"]))


@pytest.fixture(scope="module")
async def town(house: House) -> AsyncIterator[Town]:
    async with provider() as stand_in:
        yield Town(house, await house.know("operator", is_operator=True), stand_in)


def said_to_model(request: RecordedRequest) -> str:
    return json.dumps(request.body, ensure_ascii=False)


async def ends_of(person: Person, start: int, count: int) -> Sequence[Line]:
    """Wait until so many turns have ended."""
    ends: list[Line] = []

    def is_last(line: Line) -> bool:
        if line["type"] == "turn_ended":
            ends.append(line)
        return len(ends) == count

    await person.expect(is_last, start=start, within_s=30)
    return ends


async def test_an_ai_made_over_http_comes_into_a_room_and_answers_in_its_own_manner(town: Town) -> None:
    alice = await town.house.know("alice")
    made = await town.add("pirate", persona="You are a pirate. Say arr.")
    keyed = await town.house.http.put(
        f"{ALL}/{made['account_id']}/key", json={"key": KEY}, headers=town.operator.bearer
    )
    assert keyed.status_code == 200
    town.house.secrets.append(KEY)
    room_id = await town.room(alice, name="harbour")
    assert (await town.house.cli("room", "add", room_id, "@pirate")).code == 0
    members = json.loads((await town.house.cli("room", "members", room_id, "--json")).out)
    assert {(member["handle"], member["role"], member["kind"]) for member in members} == {
        ("alice", "owner", "human"),
        ("pirate", "ai", "ai"),
    }
    before = len(town.stand_in.requests)
    async with entered(town.house.url, alice) as person:
        await person.join(room_id)
        town.stand_in.enqueue(answers("Arr!"))
        turn = await turn_of(person, room_id, "@pirate who are you?")
        assert answer(turn) == "Arr!"
        (posted,) = [line for line in turn if line["type"] == "message_posted"]
        assert posted["actor_id"] == made["account_id"]
        usage = turn[-1]["usage"]
        assert isinstance(usage, dict)
        assert usage["model"] == "model-of-pirate"
    (request,) = town.stand_in.requests[before:]
    assert request.authorization == f"Bearer {KEY}"
    assert request.body["model"] == "model-of-pirate"
    assert "You are a pirate. Say arr." in said_to_model(request)
    assert KEY not in said_to_model(request)
    log = json.dumps(await town.house.get(f"/api/v1/rooms/{room_id}/events?limit=500", alice))
    assert KEY not in log + town.house.log.read_text()


async def test_two_ais_in_a_room_answer_each_for_itself_and_only_when_asked(town: Town) -> None:
    alice = await town.house.know("alice")
    for handle in ("optimist", "sceptic"):
        await town.add(handle, persona=f"You are the {handle}.")
    room_id = await town.room(alice, "optimist", "sceptic", name="council")
    async with entered(town.house.url, alice) as person:
        await person.join(room_id)
        before = len(town.stand_in.requests)
        town.stand_in.enqueue(answers("It will work."))
        first = await turn_of(person, room_id, "@optimist will it work?")
        assert answer(first) == "It will work."
        (request,) = town.stand_in.requests[before:]
        assert "You are the optimist." in said_to_model(request)
        assert "You are the sceptic." not in said_to_model(request)

        start = len(person.heard)
        await person.post(room_id, "@optimist @sceptic and tomorrow?")
        ends = await ends_of(person, start, 2)
        assert [end["outcome"] for end in ends] == ["done", "done"]
        models = {str(request.body["model"]) for request in town.stand_in.requests[before + 1 :]}
        assert models == {"model-of-optimist", "model-of-sceptic"}
        speakers = {line["actor_id"] for line in person.heard[start:] if line["type"] == "message_posted"} - {alice.id}
        assert len(speakers) == 2


async def test_a_change_counts_from_the_next_turn_wherever_it_is_made(town: Town) -> None:
    alice = await town.house.know("alice")
    made = await town.add("clerk", persona="first manner")
    room_id = await town.room(alice, "clerk", name="office")
    async with entered(town.house.url, alice) as person:
        await person.join(room_id)
        await turn_of(person, room_id, "@clerk hello")
        assert "first manner" in said_to_model(town.stand_in.requests[-1])
        await town.change(made["account_id"], persona="second manner", model="model-2")
        await turn_of(person, room_id, "@clerk hello")
        assert "second manner" in said_to_model(town.stand_in.requests[-1])
        assert town.stand_in.requests[-1].body["model"] == "model-2"
        # Beside the server, by another process.
        assert (await town.house.cli("ai", "set", "clerk", "--persona", "third manner")).code == 0
        assert (await town.house.cli("ai", "key", "clerk", stdin=f"{KEY}\n")).code == 0
        town.house.secrets.append(KEY)
        async with asyncio.timeout(SEEN_S):
            while "third manner" not in said_to_model(town.stand_in.requests[-1]):
                await turn_of(person, room_id, "@clerk hello")
            while town.stand_in.requests[-1].authorization != f"Bearer {KEY}":
                await turn_of(person, room_id, "@clerk hello")


async def test_an_ai_that_cannot_answer_says_why_in_the_room(town: Town) -> None:
    alice = await town.house.know("alice")
    made = await town.add("keyless", provider="deepseek", base_url="", model="")
    room_id = await town.room(alice, "keyless", name="quiet")
    async with entered(town.house.url, alice) as person:
        await person.join(room_id)
        turn = await turn_of(person, room_id, "@keyless hello", outcome="failed")
        assert "it has no key" in str(turn[-1]["reason"])
        disabled = await town.house.http.post(f"{ALL}/{made['account_id']}/disable", headers=town.operator.bearer)
        assert disabled.status_code == 200
        turn = await turn_of(person, room_id, "@keyless hello", outcome="failed")
        assert "Keyless is disabled on this server" in str(turn[-1]["reason"])


async def test_a_fallback_answers_in_its_place_and_the_room_sees_the_switch(town: Town) -> None:
    alice = await town.house.know("alice")
    await town.add("reserve")
    async with provider(default=status(402)) as broke:
        await town.add("proud", base_url=broke.base_url, fallbacks=["reserve"])
        room_id = await town.room(alice, "proud", name="stage")
        async with entered(town.house.url, alice) as person:
            await person.join(room_id)
            start = len(person.heard)
            turn = await turn_of(person, room_id, "@proud are you there?")
            assert answer(turn) == "Hello from the stand-in."
            switch = next(line for line in person.heard[start:] if line["type"] == "model_changed")
            assert "model-of-reserve" in json.dumps(switch)


async def test_profiles_from_a_file_are_there_at_the_start_and_follow_it_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "ai.toml"
    settings = {**environment(tmp_path), "MULTIPLAYER_AI_FILE": str(file)}

    def write(persona: str, *more: str) -> None:
        tables = [f'[[ai]]\nhandle = "{handle}"\nname = "{handle}"\nprovider = "demo"\n' for handle in more]
        file.write_text("\n".join([f'[[ai]]\nhandle = "ai"\nname = "AI"\npersona = "{persona}"\n', *tables]))

    write("first", "helper")
    async with serving(tmp_path, settings) as house:
        listed = json.loads((await house.cli("ai", "list", "--json")).out)
        assert [(each["profile"]["handle"], each["is_from_file"]) for each in listed] == [
            ("ai", True),
            ("helper", True),
        ]
        refused = await house.cli("ai", "set", "helper", "--persona", "other")
        assert (refused.code, "change it there" in refused.err) == (1, True)
        alice = await house.know("alice")
        room_id = await house.room(alice)
        assert (await house.cli("room", "add", room_id, "helper")).code == 0
        async with entered(house.url, alice) as person:
            await person.join(room_id)
            assert answer(await turn_of(person, room_id, "@helper what can you do?"))
    write("second")
    async with serving(tmp_path, settings) as house:
        listed = json.loads((await house.cli("ai", "list", "--json")).out)
        found = {each["profile"]["handle"]: each for each in listed}
        assert found["ai"]["profile"]["persona"] == "second"
        assert (found["helper"]["is_disabled"], found["helper"]["is_from_file"]) == (True, False)
    file.write_text('[[ai]]\nhandle = "ai"\nname = "AI"\nprovider = "gtp"\n')
    with pytest.raises(
        AssertionError, match=r"MULTIPLAYER_AI_FILE: .*ai\.toml, \[\[ai\]\] table 1 \('ai'\): provider: "
    ):
        async with serving(tmp_path, settings):
            pass
