"""Rooms that live: after any course of events, each answer's prompt is built again as it was, or it says why not."""

from pathlib import Path
from random import Random

import pytest

from multiplayer.ai.plain_results import PlainResults
from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.scripted import Call, Say, ScriptedModel
from multiplayer.protocol.ids import MessageId, RoomId, TurnId
from multiplayer.protocol.members import Role
from tests.support.brains import GivenBrains, brain_of
from tests.support.pods import Guest, memory_pod

STEPS = 70
CHANGED = "The code that builds prompts has changed since."


class Walk:
    """One room and what happens in it, by chance."""

    def __init__(self, pod: Pod, room_id: RoomId, alice: Guest, bob: Guest, chance: Random) -> None:
        self._pod = pod
        self._room_id = room_id
        self._alice = alice
        self._bob = bob
        self._chance = chance
        self._said = 0
        self.erased: list[str] = []
        """Words that nobody may read any more."""

    async def step(self, *, erases: bool) -> None:
        kinds = ["post"] * 6 + ["ask"] * 5 + ["edit", "pin", "unpin", "react", "rename", "topic", "persona", "role"]
        kinds += ["fact", "member", "again", "choose", "summary"]
        kinds += ["delete", "forget"] if erases else []
        await self._do(self._chance.choice(kinds))

    async def _do(self, kind: str) -> None:
        host = await self._pod.directory.host(self._room_id)
        messages = await self._pod.storage.recent_messages(self._room_id, limit=30)
        mine = [message for message in messages if message.author_id == self._alice.id and not message.is_deleted]
        answers = [message for message in messages if message.turn_id is not None and not message.is_deleted]
        old = self._chance.choice(mine).id if mine else MessageId("none")
        answer = self._chance.choice(answers) if answers else None
        facts = host.room.state.notes.facts
        self._said += 1
        match kind:
            case "post":
                reply = {"reply_to": old} if mine and self._chance.random() < 0.2 else {}
                speaker = self._alice if self._bob.id not in host.room.state.members else self._bob
                await speaker.post(self._room_id, f"we decided on number {self._said} of all plans", **reply)
            case "ask":
                await self._turn(type="post_message", text=f"@ai what of number {self._said}?")
            case "again" if answer is not None:
                await self._turn(type="regenerate_answer", message_id=answer.id)
            case "choose" if answer is not None and answer.alternatives:
                await self._ask(type="choose_answer", message_id=answer.id, index=self._chance.randrange(2))
            case "edit":
                await self._ask(type="edit_message", message_id=old, text=f"changed to number {self._said} of plans")
            case "pin" | "unpin":
                await self._ask(type=f"{kind}_message", message_id=old)
            case "react":
                await self._ask(type="add_reaction", message_id=old, emoji="👍")
            case "rename":
                await self._ask(type="rename_room", name=f"room {self._said}")
            case "topic":
                await self._ask(type="set_topic", topic=f"topic {self._said}")
            case "persona":
                settings = {"persona": f"be like {self._said}", "summarise_after": self._chance.choice([5, 8, 12])}
                await self._ask(type="set_room_settings", settings=settings)
            case "role":
                role = self._chance.choice([Role.ADMIN, Role.MEMBER])
                await self._ask(type="set_role", account_id=self._bob.id, role=role)
            case "member" if self._bob.id in host.room.state.members:
                await self._ask(type="remove_member", account_id=self._bob.id)
            case "member":
                await self._ask(type="invite_member", handle="bob")
            case "fact":
                source = {"message_id": old} if mine and self._chance.random() < 0.5 else {}
                await self._ask(type="pin_fact", text=f"we know number {self._said} of facts", **source)
            case "forget" if facts:
                fact = self._chance.choice(facts)
                if (await self._ask(type="forget_fact", fact_id=fact.id))["type"] == "accepted":
                    self.erased.append(fact.text)
            case "delete" if mine:
                states = await self._pod.storage.revisions(self._room_id, old)
                if (await self._ask(type="delete_message", message_id=old))["type"] == "accepted":
                    self.erased += [state.text for state in states]
            case "delete" if answer is not None:
                await self._ask(type="delete_message", message_id=answer.id)
            case "summary" if host.room.state.summary is not None:
                version = host.room.state.summary.version
                point = {"section": "decisions", "text": f"it shall be number {self._said} of all"}
                await self._ask(type="edit_summary", version=version, points=[point])
            case _:
                pass  # nothing there to do it to

    async def _turn(self, **line: object) -> None:
        start = len(self._alice.heard)
        if (await self._ask(**line))["type"] == "accepted":
            await self._alice.expect_type("turn_ended", start=start)

    async def _ask(self, **line: object) -> dict[str, object]:
        return dict(await self._alice.ask(room_id=self._room_id, **line))


def plain(answers: int) -> GivenBrains:
    model = ScriptedModel(
        [
            [Call("write_file", {"path": f"{number}.txt", "content": "hi"})]
            if number % 3 == 0
            else [Say(f"Answer {number}.")]
            for number in range(answers)
        ]
    )
    return GivenBrains(brain_of(PlainResults(model)))


@pytest.mark.parametrize(("seed", "erases"), [(1, False), (2, False), (3, True), (4, True)])
async def test_every_answer_of_a_room_that_lives_can_be_replayed(tmp_path: Path, seed: int, erases: bool) -> None:
    limits = PodLimits(session=SessionLimits(commands_per_s=1_000, commands_burst=1_000))
    async with memory_pod(tmp_path, brains=plain(3 * STEPS), limits=limits) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 6})
        await alice.ask(type="invite_member", room_id=room_id, handle="bob")
        walk = Walk(pod, room_id, alice, bob, Random(seed))
        for _ in range(STEPS):
            await walk.step(erases=erases)
        ended = [line for line in alice.heard if line["type"] == "turn_ended"]
        assert len(ended) > 5
        for line in ended:
            assert line["outcome"] == "done", line
            replay = await pod.insights.replays.of_turn(room_id, alice.id, TurnId(str(line["turn_id"])))
            assert replay.is_equal or erases, (line, replay.differs)
            assert replay.is_equal == (not replay.differs)
            assert CHANGED not in replay.differs
            told = replay.model_dump_json()
            assert not [words for words in walk.erased if words in told]
