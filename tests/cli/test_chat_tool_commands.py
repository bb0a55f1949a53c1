"""Approving, rejecting, looking at changes, undoing and remembering, typed into a room of a real server."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.client import RefusalCode
from multiplayer.models.scripted import Call, Say, ScriptedModel
from multiplayer.protocol.commands import SetRoomSettings
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.tools import ApprovalPolicy
from multiplayer.protocol.turn_events import ApprovalRequested, ChangeProposed
from tests.cli.typist import PATIENCE_S, Typist, piped, refused, typing
from tests.support.server import Known, RunningServer

pytestmark = pytest.mark.slow


def writes(path: str, content: str) -> list[list[Call] | list[Say]]:
    return [[Call("write_file", {"path": path, "content": content})], [Say("Done.")]]


@asynccontextmanager
async def at_work(
    folder: Path, *scripts: list[Call] | list[Say], policy: ApprovalPolicy | None = None
) -> AsyncIterator[tuple[Typist, Typist, RunningServer]]:
    async with typing(folder, model=ScriptedModel(scripts)) as (alice, bob, server):
        if policy is not None:
            settings = alice.room.view.room.settings.model_copy(update={"approvals": policy})
            accepted = await alice.room.command(SetRoomSettings(settings=settings))
            assert accepted.seq is not None
            for typist in (alice, bob):
                await typist.until_shown(accepted.seq)
        yield alice, bob, server


async def asks(typist: Typist, text: str, *others: Typist) -> None:
    """Let somebody ask for something that is done at once, and everybody look at it."""
    sent = await typist.room.send(text)
    await typist.ends(await typist.room.turns_of(sent))
    for other in others:
        await other.until_shown(typist.room.view.seq)


async def shown(kind: type[EventFrame], after: int, *typists: Typist) -> int:
    """Wait until this has come and everybody looked at it; return its number."""
    seq = after
    for typist in typists:
        word = await typist.room.wait_for(lambda word: isinstance(word, kind), PATIENCE_S, after=after)
        assert isinstance(word, EventFrame)
        seq = word.seq
        await typist.until_shown(seq)
    return seq


OTHERS_APPROVE = ApprovalPolicy(asks_before_writes=True, not_asker=True)


async def test_a_call_runs_when_the_right_one_approves_it_and_not_before(tmp_path: Path) -> None:
    async with at_work(tmp_path, *writes("a.txt", "one\n"), policy=OTHERS_APPROVE) as (alice, bob, _):
        assert (await refused(alice, "/approve")).message == "no call waits"
        sent = await bob.room.send("@ai write")
        await shown(ApprovalRequested, sent.seq, alice, bob)
        problem = await refused(bob, "/approve")
        assert (problem.code, problem.message) == (
            RefusalCode.FORBIDDEN,
            "in this room nobody approves what they asked for themselves",
        )
        assert (await refused(alice, "/approve 7")).message == "no call 7 waits"
        assert (await refused(alice, "/approve it")).code is RefusalCode.MALFORMED
        written = tmp_path / alice.room.id / "a.txt"
        assert not written.exists()
        await alice.type("/approve 1")
        await alice.ends(await bob.room.turns_of(sent))
        assert written.read_text() == "one\n"
        assert (await refused(alice, "/approve")).message == "no call waits"


async def test_a_rejected_call_does_not_run(tmp_path: Path) -> None:
    async with at_work(tmp_path, *writes("a.txt", "one\n"), policy=OTHERS_APPROVE) as (alice, bob, _):
        sent = await bob.room.send("@ai write")
        await shown(ApprovalRequested, sent.seq, alice)
        await alice.type("/reject")
        await alice.ends(await bob.room.turns_of(sent))
        assert await alice.type("/files") == ["nothing is in there", *(await alice.type("/files"))[1:]]
        assert (await refused(alice, "/diff")).message == "of the last turns, none changed files"


async def test_what_turns_changed_is_shown_line_by_line_also_from_before_this_chat(tmp_path: Path) -> None:
    scripts = (*writes("a.txt", "one\n"), *writes("a.txt", "two\n"))
    async with at_work(tmp_path, *scripts) as (alice, bob, _):
        await asks(bob, "@ai write")
        await asks(bob, "@ai write again")
        # Bob has seen the turns; alice asks the server.
        for typist in (bob, alice):
            first, stat, *diff = await typist.type("/diff")
            assert (first, stat) == ("1 file changed by ai, asked by bob", "    a.txt +1 \N{MINUS SIGN}1")
            assert {"  -one", "  +two"} <= set(diff)
            assert "  +one" in await typist.type("/diff 2")
            assert (await refused(typist, "/diff 3")).message == "of the last turns, 2 changed files"
            assert (await refused(typist, "/diff all")).code is RefusalCode.MALFORMED
        names, full = await alice.type("/files")
        assert names == "a.txt  4 bytes"
        assert full.startswith("the workspace holds ")


async def test_what_one_turn_changed_step_by_step_is_one_difference(tmp_path: Path) -> None:
    script: list[list[Call] | list[Say]] = [
        [
            Call("write_file", {"path": "a.txt", "content": "one\n"}),
            Call("write_file", {"path": "a.txt", "content": "1\n"}),
        ],
        [Say("Done.")],
    ]
    async with at_work(tmp_path, *script) as (alice, _, _):
        await asks(alice, "@ai write")
        _, stat, *diff = await alice.type("/diff")
        assert stat == "    a.txt added +1"
        assert [line for line in diff if "one" in line or "a.txt" in line] == ["  +++ b/a.txt"]


async def test_an_undo_puts_back_the_last_turn_and_then_the_one_before(tmp_path: Path) -> None:
    scripts = (*writes("a.txt", "one\n"), *writes("b.txt", "two\n"))
    async with at_work(tmp_path, *scripts) as (alice, bob, _):
        assert (await refused(bob, "/undo")).message == "none of the last turns changed files that could be put back"
        await asks(bob, "@ai write", alice)
        await asks(alice, "@ai write more", bob)
        # Bob may not undo what was done for alice, so his own comes first.
        assert await bob.type("/undo") == ["undoing: 1 file changed by ai, asked by bob: a.txt"]
        assert (await refused(bob, "/undo")).code is RefusalCode.FORBIDDEN
        await alice.until_shown(bob.room.view.seq)
        assert await alice.type("/undo") == ["undoing: 1 file changed by ai, asked by alice: b.txt"]
        assert (await alice.type("/files"))[0] == "nothing is in there"
        assert (await refused(alice, "/undo now")).code is RefusalCode.MALFORMED


async def test_what_others_changed_since_is_put_back_by_nobody(tmp_path: Path) -> None:
    script: list[list[Call] | list[Say]] = [
        [
            Call("write_file", {"path": "a.txt", "content": "one\n"}),
            Call("write_file", {"path": "b.txt", "content": "1"}),
        ],
        [Say("Done.")],
    ]
    async with at_work(tmp_path, *script) as (alice, _, _):
        await asks(alice, "@ai write both")
        await alice.room.write_file("a.txt", b"mine\n", "*")
        assert (await refused(alice, "/undo")).message == "nothing was put back"
        await alice.type("/undo keep")
        assert await alice.room.read_file("a.txt") == b"mine\n"
        assert (await alice.type("/files"))[0] == "a.txt  5 bytes"
        assert len(await alice.type("/files")) == 2


async def test_what_an_ai_proposes_is_remembered_or_dropped_by_a_person(tmp_path: Path) -> None:
    script: list[list[Call] | list[Say]] = [
        [Call("remember", {"text": "we are vegan"}), Call("remember", {"text": "we are ten"})],
        [Say("I asked.")],
    ]
    async with at_work(tmp_path, *script) as (alice, bob, _):
        assert (await refused(bob, "/accept")).message == "no proposal waits"
        sent = await alice.room.send("@ai keep this in mind")
        await alice.ends(await alice.room.turns_of(sent))
        second = [proposal.text for proposal in alice.room.view.proposals]
        assert second == ["we are vegan", "we are ten"]
        await shown(ChangeProposed, sent.seq, bob)
        await bob.catches_up()
        assert (await refused(bob, "/accept")).message == "2 wait; say which: /accept 1, /accept 2"
        await bob.type("/accept 2")
        assert await bob.type("/facts") == ["1. we are ten (bob)"]
        await bob.type("/drop")
        assert bob.room.view.proposals == ()
        await alice.catches_up()
        assert (await refused(alice, "/drop")).message == "no proposal waits"


async def test_jobs_are_listed_and_one_that_is_not_there_cannot_be_stopped(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (alice, _, _):
        assert await alice.type("/jobs") == ["nothing runs in the background"]
        assert (await refused(alice, "/stop job 0123456789")).code is RefusalCode.NOT_FOUND
        assert (await refused(alice, "/stop job")).message == "say which: /stop job ID, with one of /jobs"


async def test_a_call_that_comes_later_has_a_number_of_its_own(tmp_path: Path) -> None:
    script: list[list[Call] | list[Say]] = [
        [Call("write_file", {"path": "a.txt", "content": "one"})],
        [Call("write_file", {"path": "b.txt", "content": "two"})],
        [Say("Done.")],
    ]
    async with at_work(tmp_path, *script, policy=OTHERS_APPROVE) as (alice, bob, _):
        sent = await bob.room.send("@ai write")
        first = await shown(ApprovalRequested, sent.seq, alice)
        await alice.type("/approve 1")
        await shown(ApprovalRequested, first, alice)
        assert (await refused(alice, "/approve 1")).message == "no call 1 waits"
        await alice.type("/reject 2")
        await alice.ends(await bob.room.turns_of(sent))
        assert [path.name for path in (tmp_path / alice.room.id).iterdir()] == ["a.txt"]


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_script_confirms_what_it_asked_for_as_soon_as_that_waits(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    scripts = writes("a.txt", "one\n")
    async with at_work(tmp_path, *scripts, policy=ApprovalPolicy(asks_before_writes=True)) as (_, bob, server):
        known: Known = await server.know("bob")
        code, out, err = await piped(server, known, "@ai write\n/approve\n/diff\n", *options)
        assert (code, err) == (0, "")
        assert (tmp_path / bob.room.id / "a.txt").read_text() == "one\n"
        if options:
            kinds = [json.loads(line)["type"] for line in out.splitlines()]
            assert kinds.index("approval_requested") < kinds.index("approval_decided") < kinds.index("files_changed")
        else:
            assert out.index("approved the call of write_file") < out.index("a.txt added +1") < out.index("+++ b/a.txt")


async def test_a_script_that_approves_what_never_waits_fails(tmp_path: Path) -> None:
    async with at_work(tmp_path, *writes("a.txt", "one\n")) as (_, _, server):
        code, _, err = await piped(server, await server.know("alice"), "@ai write\n/approve\n")
        assert (code, err) == (1, "multiplayer: no call waits\n")
