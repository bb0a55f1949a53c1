"""A rehearsal that begins in the middle of a long log comes to the same verdicts, wherever it begins."""

from pathlib import Path

import pytest

from multiplayer.live.rule_rehearsal import rehearse
from multiplayer.live.rule_reports import RuleReports
from multiplayer.models.scripted import Call, Say, ScriptedModel
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.trigger_rules import KeywordRule, MentionRule
from multiplayer.rooms.rehearsal import Judged
from tests.support.pods import Guest, memory_pod

RULES = (MentionRule(id="named"), KeywordRule(id="word", words=("deploy",), cooldown_s=0, per_min=600))


def always() -> bool:
    return True


async def test_wherever_it_begins_the_verdicts_are_the_same(tmp_path: Path) -> None:
    write = Call("write_file", {"path": "a.txt", "content": "hi"})
    async with memory_pod(tmp_path, model=ScriptedModel([[write], [Say("One.")], [Say("Two.")]])) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await pod.lobby.create_room(alice.id, "demo", with_ai=False, origin="cli")
        await pod.lobby.ensure_built_ins()
        await alice.join(room_id)
        for change in (
            {"type": "post_message", "text": "deploy, and nobody is there"},
            {"type": "invite_member", "handle": "ai"},
            {"type": "invite_member", "handle": "bob", "role": "admin"},
            {"type": "post_message", "text": "deploy, @ai"},
            {"type": "set_role", "account_id": bob.id, "role": "member"},
            {"type": "pin_fact", "text": "we deploy on Fridays"},
        ):
            assert (await alice.ask(room_id=room_id, **change))["type"] == "accepted"
        await alice.expect_type("turn_ended")
        await bob.post(room_id, "deploy again")
        await bob.ask(type="leave_room", room_id=room_id)
        start = len(alice.heard)
        await alice.post(room_id, "@ai deploy for the last time")
        await alice.expect_type("turn_ended", start=start)
        host = await pod.directory.host(room_id)
        last = host.room.seq
        for triggers in (None, RULES):
            whole: list[Judged] = []
            await rehearse(
                pod.storage, host, after=0, since=1, up_to=last, triggers=triggers, tell=whole.append, goes_on=always
            )
            assert len(whole) == 6
            assert sum(verdict.fires for judged in whole for verdict in judged.verdicts) == (3 if triggers else 2)
            for after in range(1, last):
                part: list[Judged] = []
                await rehearse(
                    pod.storage,
                    host,
                    after=after,
                    since=after + 1,
                    up_to=last,
                    triggers=triggers,
                    tell=part.append,
                    goes_on=always,
                )
                assert part == [judged for judged in whole if judged.seq > after], after


async def test_rules_about_an_ai_that_is_not_in_the_room_are_not_rehearsed(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        members = (await pod.directory.host(room_id)).room.state.members.values()
        ai_id = next(member.account_id for member in members if member.kind is AccountKind.AI)
        for stranger in (AccountId("01M7ZNCGSPFQ5C1TZBSVXXQC5M"), alice.id):
            with pytest.raises(Refused, match="rule named names an AI that is not in this room") as caught:
                await pod.insights.rules.dry_run(room_id, alice.id, [MentionRule(id="named", ai_id=stranger)])
            assert caught.value.code is RefusalCode.NOT_FOUND
        run = await pod.insights.rules.dry_run(room_id, alice.id, [MentionRule(id="named", ai_id=ai_id)])
        assert [rule.rule_id for rule in run.rules] == ["named"]


async def test_a_dry_run_that_takes_too_long_tells_how_far_it_came(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        host = await pod.directory.host(room_id)
        posts = [PostMessage(text=f"deploy {number}") for number in range(600)]
        for post in posts:
            await host.ask(alice.id, post, origin="server")
        hurried = RuleReports(pod.storage, pod.directory, pod.clock, most_s=0.0)
        first = await hurried.dry_run(room_id, alice.id, RULES, since=1)
        assert (first.was_cut, 0 < first.up_to_seq < host.room.seq) == (True, True)
        assert first.rules[1].fired == first.messages == first.up_to_seq - 1
        rest = await hurried.dry_run(room_id, alice.id, RULES, since=first.up_to_seq + 1)
        assert first.messages + rest.messages <= 600
        whole = await pod.insights.rules.dry_run(room_id, alice.id, RULES, since=1)
        assert (whole.was_cut, whole.messages) == (False, 600)
