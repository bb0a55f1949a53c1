"""Tools that speak to the room: searched with the asker's eyes, asked by forms, and remembered only if people agree."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.live.pod import Pod
from multiplayer.models.port import Finished, Tainted, TextDelta, ToolCall
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.inner_commands import CallTool, EndTurn, FinishTool, NoteChanges, StartTool, StartTurn
from multiplayer.protocol.memory import Proposal
from multiplayer.protocol.messages import MessageBody
from multiplayer.protocol.tools import ChangeKind, FileChange, ToolClass
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.storage.memory import MemoryStorage
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from tests.live.test_approvals import call
from tests.live.test_hidden_history import restricted_room
from tests.live.test_turn_controls import room_of, shown_to
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, Line, memory_pod

SAYS: Sequence[Moment] = (TextDelta("All done."), Finished("stop"))


def makes(*wanted: tuple[str, Mapping[str, JsonValue]]) -> list[Moment]:
    """An answer with these calls: `c1`, `c2`, …"""
    return call(*(ToolCall(f"c{at}", name, json.dumps(given)) for at, (name, given) in enumerate(wanted, 1)))


async def results(who: Guest, room_id: RoomId, text: str = "@ai go on") -> list[Line]:
    """Ask the AI, and return what its calls came to."""
    posted = await who.post(room_id, text)
    requested = await who.expect_type("turn_requested", message_id=posted["event_id"])
    end = await who.expect_type("turn_ended", turn_id=requested["turn_id"])
    assert end["outcome"] == "done", end
    log = await who.pod.storage.events_after(room_id, 0, limit=10_000)
    lines: list[Line] = [json.loads(event.line) for event in log]
    return [line for line in lines if line["type"] == "tool_finished" and line["turn_id"] == end["turn_id"]]


# Search


async def test_what_was_said_long_ago_is_found_newest_first_but_nothing_deleted_and_nothing_of_other_rooms(
    tmp_path: Path,
) -> None:
    model = ChunkModel(makes(("search_room", {"query": "zebra"})), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id, other = await room_of(alice, bob), await room_of(alice)
        await alice.post(other, "a zebra of another room")
        gone = await bob.post(room_id, "a zebra that was taken back")
        await bob.post(room_id, "the first zebra")
        await bob.post(room_id, "the second zebra")
        await bob.ask(type="delete_message", room_id=room_id, message_id=gone["event_id"])
        [found] = await results(alice, room_id)
        text = str(found["text"])
        assert text.index("second zebra") < text.index("first zebra")
        assert "@bob" in text
        assert "taken back" not in text
        assert "another room" not in text
        assert found.get("taint") is None


async def test_a_guest_who_is_kept_from_the_history_finds_nothing_of_it(tmp_path: Path) -> None:
    search = makes(("search_room", {"query": "merger"}))
    async with memory_pod(tmp_path, model=ChunkModel(search, SAYS, search, SAYS)) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id, _ = await restricted_room(alice, bob)
        await bob.join(room_id)
        [nothing] = await results(bob, room_id)
        assert (nothing["is_ok"], nothing["text"]) == (True, "No message has all these words.")
        [found] = await results(alice, room_id)
        assert "the merger is on friday" in str(found["text"])
        # Bob is in the room when the AI looks it up for alice, and is told that it did.
        assert (await bob.expect_type("tool_finished", turn_id=found["turn_id"]))["text"] == ""
        assert "friday" not in str(bob.heard)


async def test_what_is_found_for_a_member_is_not_told_to_a_guest_who_may_see_the_files_and_not_the_history(
    tmp_path: Path,
) -> None:
    model = ChunkModel(makes(("search_room", {"query": "merger"})), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id, _ = await restricted_room(alice, bob)
        settings = (await pod.directory.host(room_id)).room.state.room.settings
        open_files = settings.model_copy(update={"guests_see_workspace": True}).model_dump(mode="json")
        changed = await alice.ask(type="set_room_settings", room_id=room_id, settings=open_files)
        assert changed["type"] == "accepted", changed
        await bob.join(room_id)
        [found] = await results(alice, room_id)
        assert "friday" in str(found["text"])
        await bob.expect_type("turn_ended")
        assert "friday" not in str(bob.heard)


async def test_of_several_who_ask_the_one_who_may_see_least_decides_what_is_found(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ChunkModel([gate, *SAYS], makes(("search_room", {"query": "merger"})), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id, _ = await restricted_room(alice, bob)
        await bob.join(room_id)
        await alice.post(room_id, "@ai first this")
        await alice.expect_type("turn_started")
        await alice.post(room_id, "@ai and what of it?")
        await bob.post(room_id, "@ai for me, too")
        await alice.expect_type("turn_collected")
        gate.set()
        finished = await alice.expect_type("tool_finished")
        assert finished["text"] == "No message has all these words."
        await alice.expect_type("turn_ended", turn_id=finished["turn_id"])


async def test_words_from_outside_that_are_found_again_taint_the_turn_that_finds_them(tmp_path: Path) -> None:
    said: Sequence[Moment] = (Tainted(Taint.NLWEB), TextDelta("A zebra, says the site."), Finished("stop"))
    model = ChunkModel(said, makes(("search_room", {"query": "zebra"})), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await results(alice, room_id, "@ai look")
        [found] = await results(alice, room_id)
        assert found["taint"] == "nlweb"
        assert "[from outside: nlweb]" in str(found["text"])


# Asking people


async def test_the_form_stands_under_the_answer_and_what_people_answer_is_the_next_request(tmp_path: Path) -> None:
    question: dict[str, JsonValue] = {"question": "Which size?", "choices": ["small", "large"]}
    twice = makes(
        ("ask_people", {"text": "Before I order:", "questions": [question]}), ("ask_people", {"questions": [question]})
    )
    model = ChunkModel(twice, [TextDelta("Tell me."), Finished("stop")], [TextDelta("Ordered."), Finished("stop")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        given, again = await results(alice, room_id)
        assert given["is_ok"] is True
        assert (again["is_ok"], again["code"]) == (False, "refused")
        posted = await bob.expect(lambda line: line["type"] == "message_posted" and "Tell me." in str(line))
        message = MessageBody.model_validate(posted["message"])
        assert message.form is not None
        assert (message.form.text, [q.text for q in message.form.questions]) == ("Before I order:", ["Which size?"])
        start = len(alice.heard)
        filled = [{"question_id": message.form.questions[0].id, "values": ["large"]}]
        answered = await bob.ask(type="answer_form", room_id=room_id, message_id=message.id, answers=filled)
        assert answered["type"] == "accepted", answered
        await alice.expect_type("turn_ended", start=start, outcome="done")
        assert "large" in model.requests[-1].messages[-1].content
        assert model.told("Which size?", request=-1) >= 1


async def test_a_form_of_a_turn_that_was_stopped_is_not_put_to_anyone(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ChunkModel(makes(("ask_people", {"questions": [{"question": "Why?"}]})), [TextDelta("Well"), gate])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai ask us")
        delta = await alice.expect_type("ai_delta")
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=delta["turn_id"])
        assert (await alice.expect_type("turn_ended"))["outcome"] == "stopped"
        posted = [line for line in alice.heard if line["type"] == "message_posted"]
        assert MessageBody.model_validate(posted[-1]["message"]).form is None


# Remembering


async def decide(who: Guest, room_id: RoomId, proposal: Proposal, *, is_accepted: bool) -> Line:
    return await who.ask(type="decide_proposal", room_id=room_id, proposal_id=proposal.id, is_accepted=is_accepted)


async def proposals(pod: Pod, room_id: RoomId) -> Sequence[Proposal]:
    return (await pod.directory.host(room_id)).room.state.notes.proposals


async def facts(pod: Pod, room_id: RoomId) -> list[str]:
    return [fact.text for fact in (await pod.directory.host(room_id)).room.state.notes.facts]


async def test_what_an_ai_proposes_is_remembered_once_a_member_agrees_and_not_before(tmp_path: Path) -> None:
    model = ChunkModel(makes(("remember", {"text": "The sea is salty."})), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob, gus = [await Guest.enter(pod, name) for name in ("alice", "bob", "gus")]
        room_id = await room_of(alice, bob)
        await alice.ask(type="invite_member", room_id=room_id, handle="gus", role="guest")
        await gus.join(room_id)
        await results(alice, room_id)
        proposed = await bob.expect_type("change_proposed")
        proposal = Proposal.model_validate(proposed["proposal"])
        assert proposal.text == "The sea is salty."
        assert proposal in (await shown_to(await Guest.enter(pod, "bob"), room_id)).proposals
        assert await facts(pod, room_id) == []
        assert (await decide(gus, room_id, proposal, is_accepted=True))["code"] == "forbidden"
        assert await facts(pod, room_id) == []
        assert (await decide(bob, room_id, proposal, is_accepted=True))["type"] == "accepted"
        assert await facts(pod, room_id) == ["The sea is salty."]
        assert (await decide(alice, room_id, proposal, is_accepted=True))["code"] == "not_found"
        assert (await shown_to(await Guest.enter(pod, "bob"), room_id)).proposals == ()


async def test_what_a_member_drops_is_forgotten_and_may_be_proposed_again(tmp_path: Path) -> None:
    remember = makes(("remember", {"text": "The sea is salty."}), ("remember", {"text": "The  sea is\nsalty."}))
    async with memory_pod(tmp_path, model=ChunkModel(remember, SAYS, remember, SAYS, remember, SAYS)) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        first, same = await results(alice, room_id)
        assert (first["is_ok"], same["is_ok"], same["code"]) == (True, False, "refused")
        [proposal] = await proposals(pod, room_id)
        await decide(alice, room_id, proposal, is_accepted=False)
        assert (await facts(pod, room_id), await proposals(pod, room_id)) == ([], ())
        again, _ = await results(alice, room_id)
        assert again["is_ok"] is True
        [proposal] = await proposals(pod, room_id)
        await decide(alice, room_id, proposal, is_accepted=True)
        # And what is known is not proposed.
        assert [line["code"] for line in await results(alice, room_id)] == ["refused", "refused"]


async def test_in_a_guests_name_nothing_is_proposed(tmp_path: Path) -> None:
    asks = makes(("remember", {"text": "Gus is the owner."}), ("forget", {"fact": "The sea is salty."}))
    async with memory_pod(tmp_path, model=ChunkModel(asks, SAYS)) as pod:
        alice, gus = await Guest.enter(pod, "alice"), await Guest.enter(pod, "gus")
        room_id = await room_of(alice, guests_post=True, guests_ask_ai=True)
        await alice.ask(type="pin_fact", room_id=room_id, text="The sea is salty.")
        await alice.ask(type="invite_member", room_id=room_id, handle="gus", role="guest")
        await gus.join(room_id)
        assert [line["code"] for line in await results(gus, room_id)] == ["refused", "refused"]
        assert await proposals(pod, room_id) == ()
        assert await facts(pod, room_id) == ["The sea is salty."]


async def test_at_most_twenty_proposals_wait(tmp_path: Path) -> None:
    scripts = [
        makes(*[("remember", {"text": f"Fact {start + number}."}) for number in range(7)]) for start in (0, 7, 14)
    ]
    model = ChunkModel(*(part for script in scripts for part in (script, SAYS)))
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        said = [line for _ in scripts for line in await results(alice, room_id)]
        assert [line["is_ok"] for line in said] == [True] * 20 + [False]
        assert "20 proposals wait" in str(said[-1]["text"])
        await decide(alice, room_id, (await proposals(pod, room_id))[0], is_accepted=False)
        assert len(await proposals(pod, room_id)) == 19


async def test_a_fact_is_forgotten_when_a_member_agrees_and_it_is_clear_which(tmp_path: Path) -> None:
    wanted = ("the moon", "sea", "salty", "The sea is salty.", "salty")
    model = ChunkModel(makes(*[("forget", {"fact": words}) for words in wanted]), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        for text in ("The sea is salty.", "The sea is deep."):
            await alice.ask(type="pin_fact", room_id=room_id, text=text)
        said = await results(alice, room_id)
        assert [line.get("code") for line in said] == ["not_found", "not_unique", None, "refused", "refused"]
        [proposal] = await proposals(pod, room_id)
        assert len(await facts(pod, room_id)) == 2
        await decide(bob, room_id, proposal, is_accepted=True)
        assert await facts(pod, room_id) == ["The sea is deep."]
        assert (await bob.expect_type("fact_forgotten"))["fact_id"] == proposal.fact_id


async def test_a_guest_kept_from_the_history_is_told_that_something_is_proposed_and_not_what(tmp_path: Path) -> None:
    model = ChunkModel(makes(("remember", {"text": "The merger is on friday."})), SAYS)
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id, _ = await restricted_room(alice, bob)
        await bob.join(room_id)
        await results(alice, room_id)
        await bob.expect_type("change_proposed")
        await bob.expect_type("turn_ended")
        late = await Guest.enter(pod, "bob")
        assert (await shown_to(late, room_id)).proposals == ()
        again = await Guest.enter(pod, "bob")
        await again.join(room_id, epoch=pod.epoch, seq=bob.seqs(room_id)[0])
        await again.expect_type("turn_ended")
        assert not any("merger" in str(guest.heard) for guest in (bob, late, again))


async def test_a_proposal_waits_through_a_restart(tmp_path: Path) -> None:
    storage = MemoryStorage()
    model = ChunkModel(makes(("remember", {"text": "The sea is salty."})), SAYS)
    async with memory_pod(tmp_path, model=model, storage=storage) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await results(alice, room_id)
    async with memory_pod(tmp_path, storage=storage, name="next") as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id)
        [proposal] = await proposals(pod, room_id)
        assert (await decide(alice, room_id, proposal, is_accepted=True))["type"] == "accepted"
        assert await facts(pod, room_id) == ["The sea is salty."]


# Files that untrusted words have gone into


class Copy(Arguments):
    command: str


@dataclass
class Shell:
    """A terminal that knows one command: to copy a file, as `cp` does."""

    folder: Path

    def tools(self) -> ToolRegistry:
        run = Tool("execute_command", "Copy.", Copy, ToolClass.TERMINAL, self._run)
        return ToolRegistry([*file_tools(), run])

    async def _run(self, arguments: Copy, context: ToolCallContext) -> ToolResult:
        assert context.desk is not None
        source, destination = arguments.command.split()[1:]
        here = self.folder / context.desk.room_id
        (here / destination).write_bytes((here / source).read_bytes())
        return ToolResult(ok=True, text="[exit status 0]", exit_status=0)


async def left_by_a_tainted_turn(folder: Path, storage: MemoryStorage, *paths: str) -> RoomId:
    """A room with these files by a turn that had words of a site in it, and no such word in its history."""
    async with memory_pod(folder, storage=storage, name="before") as pod:
        pod.turns.drain("only this test speaks for the AI")
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.ask(type="ask_ai", room_id=room_id)
        requested = await alice.expect_type("turn_requested")
        ai_id, turn_id = AccountId(str(requested["ai_id"])), TurnId(str(requested["turn_id"]))
        changes = tuple(FileChange(path=path, kind=ChangeKind.ADDED) for path in paths)
        host, call_id, sha256 = await pod.directory.host(room_id), CallId("before"), "0" * 64
        for command in (
            StartTurn(turn_id=turn_id, fence=1, pod="before"),
            CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="write_file", arguments="{}"),
            StartTool(turn_id=turn_id, fence=1, call_id=call_id, tool_class=ToolClass.WRITE, sha256=sha256),
            NoteChanges(
                turn_id=turn_id,
                fence=1,
                call_id=call_id,
                changes=changes,
                before="0" * 64,
                after="1" * 64,
                taint=(Taint.WEB,),
            ),
            FinishTool(turn_id=turn_id, fence=1, call_id=call_id, is_ok=True, text="written"),
            EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE),
        ):
            await host.ask(ai_id, command, origin="server")
    for path in paths:
        (folder / room_id / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / room_id / path).write_text("a site's words\n")
    return room_id


READS: Sequence[tuple[str, dict[str, JsonValue], bool]] = [
    ("read_file", {"path": "in/theirs.txt"}, True),
    ("read_file", {"path": "./in//theirs.txt"}, True),
    ("read_file", {"path": "ours.txt"}, False),
    ("search_files", {"query": "words"}, True),
    ("search_files", {"query": "words", "path": "in"}, True),
    ("search_files", {"query": "words", "path": "ours.txt"}, False),
    ("edit_file", {"path": "in/theirs.txt", "old": "site", "new": "friend"}, True),
    ("edit_file", {"path": "ours.txt", "old": "own", "new": "very own"}, False),
    ("move_file", {"source": "in/theirs.txt", "destination": "moved.txt"}, True),
    ("execute_command", {"command": "cp in/theirs.txt copy.txt"}, True),
]


@pytest.mark.parametrize(("name", "given", "is_tainted"), READS, ids=[f"{name} {given}" for name, given, _ in READS])
async def test_a_call_that_may_have_read_a_tainted_file_taints_its_turn_and_whatever_it_writes(
    name: str, given: dict[str, JsonValue], *, is_tainted: bool, tmp_path: Path
) -> None:
    storage = MemoryStorage()
    folder = tmp_path / "workspaces"
    room_id = await left_by_a_tainted_turn(folder, storage, "in/theirs.txt")
    (folder / room_id / "ours.txt").write_text("our own words\n")
    model = ChunkModel(makes((name, given)), SAYS)
    async with memory_pod(folder, storage=storage, model=model, tools=Shell(folder).tools()) as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id)
        [finished] = await results(alice, room_id)
        assert finished["is_ok"] is True, finished
        assert finished.get("taint") == ("file" if is_tainted else None)
        changed = [line for line in alice.heard if line["type"] == "files_changed"]
        assert all(line.get("taint", []) == (["file"] if is_tainted else []) for line in changed)
        tainted = (await pod.directory.host(room_id)).room.state.notes.tainted_files
        kept = {"in/theirs.txt", *({"moved.txt"} if name == "move_file" else set())}
        assert set(tainted) == kept | ({"copy.txt"} if name == "execute_command" else set())


async def test_a_copy_of_a_tainted_file_is_tainted_for_later_turns_too(tmp_path: Path) -> None:
    storage, folder = MemoryStorage(), tmp_path / "workspaces"
    room_id = await left_by_a_tainted_turn(folder, storage, "theirs.txt")
    copies = makes(("execute_command", {"command": "cp theirs.txt copy.txt"}))
    removes = makes(("delete_file", {"path": "theirs.txt"}))
    model = ChunkModel(copies, SAYS, removes, SAYS, makes(("read_file", {"path": "copy.txt"})), SAYS)
    async with memory_pod(folder, storage=storage, model=model, tools=Shell(folder).tools()) as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id)
        for _ in range(2):
            assert (await results(alice, room_id))[0]["is_ok"] is True
        [read] = await results(alice, room_id)
        assert (read["is_ok"], read["taint"]) == (True, "file")
