"""Lines that begin with a slash, at a real server; what they write is collected instead of printed."""

import asyncio
from pathlib import Path

import pytest

from multiplayer.cli.chat_help import HELP
from multiplayer.client import Client, RefusalCode, Refused
from multiplayer.models.port import Chunk, Finished, FormAsked, TextDelta, Usage
from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Form, Question, QuestionKind
from multiplayer.protocol.commands import InviteMember, MarkRead, SetRoomSettings
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.turn_events import TurnStarted
from tests.cli.typist import PATIENCE_S, piped, refused, typing
from tests.client.chunk_model import ChunkModel
from tests.support.brains import GivenBrains, brain_of
from tests.support.server import running_server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FORM = Form(
    text="First:",
    questions=(
        Question(id="q", text="For how many?"),
        Question(id="d", text="Diet?", kind=QuestionKind.ONE_OF, choices=("vegan", "halal")),
    ),
)


async def test_a_form_is_filled_in_question_by_question(tmp_path: Path) -> None:
    async with typing(tmp_path, [FormAsked(FORM)], [TextDelta("Dal for four.")]) as (alice, _, _):
        assert (await refused(alice, "/form")).message == "no AI asks anything"
        await alice.ends([await alice.room.ask_ai()])
        assert (await alice.type("/form"))[0] == "  ? 1 of 2: For how many?"
        # Whatever is typed now is an answer, also what looks like a command.
        assert (await alice.type("/4"))[:3] == ["  ? 2 of 2: Diet?", "       1) vegan", "       2) halal"]
        assert await alice.type("3") == ["choose a number from 1 to 2"]
        assert alice.is_filling_in()
        await alice.type("1")
        assert not alice.is_filling_in()
        form = next(message.form for message in alice.room.view.messages.values() if message.form)
        assert [answer.values for answer in form.answers] == [("/4",), ("vegan",)]
        assert [message.text for message in alice.room.view.messages.values()][-1] == "Dal for four."
        # It can be looked at, and not be filled in again.
        assert (await alice.type("/form"))[1] == "  · filled in by alice"
        assert not alice.is_filling_in()


async def test_a_form_that_someone_else_fills_in_meanwhile_is_over(tmp_path: Path) -> None:
    async with typing(tmp_path, [FormAsked(FORM)], [TextDelta("Dal.")]) as (alice, bob, _):
        await alice.ends([await alice.room.ask_ai()])
        await bob.until_shown(alice.room.view.seq)
        await bob.type("/form")
        assert await bob.type("/cancel") == ["nothing was filled in"]
        await bob.type("/form")
        await alice.type("/form")
        await alice.type("")
        await alice.type("2")
        await bob.until_shown(alice.room.view.seq)
        assert (await refused(bob, "four")).code is RefusalCode.CONFLICT
        assert not bob.is_filling_in()


async def test_what_nothing_can_be_done_about_is_said(tmp_path: Path) -> None:
    async with typing(tmp_path) as (alice, _, _):
        assert await alice.type("/stop") == ["nothing is running"]
        assert await alice.type("/steer faster") == ["nothing is running"]
        assert await alice.type("/facts") == ["no fact is pinned; /remember TEXT pins one"]
        assert await alice.type("/summary") == ["there is no summary yet"]
        assert await alice.type("/turns") == ["no AI has taken a turn here"]
        for line, code in {
            "/nonsense": RefusalCode.MALFORMED,
            "/steer": RefusalCode.MALFORMED,
            "/cost": RefusalCode.MALFORMED,
            "/remember": RefusalCode.MALFORMED,
            "/forget 1": RefusalCode.MALFORMED,
            "/usage room": RefusalCode.MALFORMED,
            "/again": RefusalCode.NOT_FOUND,
            "/choose 1": RefusalCode.NOT_FOUND,
            "/explain": RefusalCode.NOT_FOUND,
            "/why": RefusalCode.NOT_FOUND,
            "/context @nobody": RefusalCode.NOT_FOUND,
        }.items():
            assert (await refused(alice, line)).code is code, line


async def test_help_tells_every_command(tmp_path: Path) -> None:
    async with typing(tmp_path) as (alice, bob, _):
        told = await alice.type("/help")
        assert len(told) == len(HELP)
        assert any(line.endswith("end what the AI is at") for line in told)
        assert any(line.endswith("end what the AI does for you alone") for line in await bob.type("/help"))
        for line in told:
            name = line.split()[0]
            # Each of them is known; what it is told to do is another matter.
            if name not in {"/quit", "//"}:
                try:
                    await alice.type(name)
                except Refused as problem:
                    assert "is no command here" not in problem.message, name  # noqa: PT017 - both ways are right


async def test_a_member_stops_and_steers_only_what_is_their_own(tmp_path: Path) -> None:
    async with typing(tmp_path, [TextDelta("So, "), asyncio.Event()]) as (alice, bob, _):
        turn_id = await alice.room.ask_ai()
        started = await bob.room.wait_for(lambda word: isinstance(word, TurnStarted), PATIENCE_S, after=1)
        assert isinstance(started, TurnStarted)
        await bob.until_shown(started.seq)
        await bob.type("/stop")
        (complaint,) = bob.complaints
        assert complaint.startswith("refused (forbidden): ")
        assert (await refused(bob, "/steer @ai be short")).code is RefusalCode.FORBIDDEN
        assert await alice.type("/stop") == []
        await alice.ends([turn_id])


async def test_facts_are_pinned_listed_by_number_and_forgotten(tmp_path: Path) -> None:
    async with typing(tmp_path) as (alice, bob, _):
        await alice.type("/remember Otto is the staging server")
        await alice.type("/remember we deploy on Fridays")
        await bob.until_shown(alice.room.view.seq)
        assert await bob.type("/facts") == [
            "1. Otto is the staging server (alice)",
            "2. we deploy on Fridays (alice)",
        ]
        await bob.type("/forget 1")
        assert await bob.type("/facts") == ["1. we deploy on Fridays (alice)"]
        assert (await refused(bob, "/forget 2")).message == "/forget N: facts are numbered 1 to 1"


async def test_memory_context_and_cost_are_told(tmp_path: Path) -> None:
    async with typing(tmp_path) as (alice, bob, _):
        await alice.room.edit_summary([PointEdit(section=Section.DECISIONS, text="Deploy on Fridays.")])
        await alice.room.set_budget(Budget(total=Caps(tokens_per_day=10)))
        sent = await alice.room.send("@bob did you see?")
        await bob.until_shown(sent.seq)
        first, *points = await bob.type("/summary")
        assert first.startswith("summary version 1 (edited by a person)")
        assert points == ["Decisions:", "  - Deploy on Fridays. (a person wrote this)"]
        caught = await bob.type("/catchup")
        assert f"@alice named you in {sent.message_id}: @bob did you see?" in caught
        model, breach, cap = await bob.type("/cost shall we?")
        assert model.startswith("chunks: ")
        assert model.endswith("nobody knows its price")
        assert breach.startswith("it would be refused: This room may use 10 tokens a day")
        assert cap == "the room, each day: 0 of 10 tokens used, 10 left"
        assert (await bob.type("/context @ai"))[0].startswith("@ai, model chunks, would be given ")
        assert "– mention: " in "\n".join(await bob.type("/explain"))
        assert (await bob.type("/usage"))[0].startswith("in all: 0 calls")


async def test_the_message_of_a_person_is_explained_and_not_the_answer(tmp_path: Path) -> None:
    async with typing(tmp_path, [TextDelta("Yes.")]) as (alice, _, _):
        sent = await alice.room.send("@ai are you there?")
        await alice.ends(await alice.room.turns_of(sent))
        assert [message.text for message in alice.room.view.messages.values()][-1] == "Yes."
        told = await alice.type("/explain")
        assert told[0].startswith("@ai was requested (mention), turn ")
        assert any(line.startswith("✓ mention: ") for line in told)


async def test_what_was_missed_is_told_from_where_the_chat_began(tmp_path: Path) -> None:
    async with typing(tmp_path) as (alice, bob, _):
        sent = await alice.room.send("@bob did you see?")
        await bob.until_shown(sent.seq)
        await bob.room.command(MarkRead(seq=sent.seq))
        assert f"@alice named you in {sent.message_id}: @bob did you see?" in await bob.type("/catchup")


async def test_what_a_chat_shows_is_read(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        async with Client(server.url, token=alice.token) as client:
            await (await client.room("demo")).send("@bob did you see?")
        async with Client(server.url, token=bob.token) as client:
            (before,) = await client.rooms()
            assert (before.read.unread, before.read.mentions) == (1, 1)
            code, out, err = await piped(server, bob, "/catchup\n")
            assert (code, err) == (0, "")
            assert "1 messages by @alice" in out
            (after,) = await client.rooms()
            assert (after.read.unread, after.read.mentions) == (0, 0)


async def test_a_script_waits_for_an_answer_before_it_goes_on_about_it(tmp_path: Path) -> None:
    scripts = ([FormAsked(FORM)], [TextDelta("Dal for four.")], [TextDelta("Or lentils.")])
    async with running_server(tmp_path, model=ChunkModel(*scripts)) as server:
        alice = await server.know("alice")
        await server.room(alice)
        code, out, err = await piped(server, alice, "@ai find a soup\n/form\nfour\n1\n/again\n/choose 1\n")
        assert (code, err) == (0, "")
        assert out.index("filled in the form") < out.index("AI [AI]: Dal for four.") < out.index("AI [AI]: Or lentils.")
        assert out.index("this is answer 2") < out.index("chose answer 1 of 2")


async def test_a_script_that_leaves_a_form_half_filled_in_fails(tmp_path: Path) -> None:
    async with running_server(tmp_path, model=ChunkModel([FormAsked(FORM)])) as server:
        alice = await server.know("alice")
        await server.room(alice)
        code, out, _ = await piped(server, alice, "@ai find a soup\n/form\nfour\n")
        assert code == 1
        assert "? 2 of 2: Diet?" in out


async def test_what_an_answer_cost_follows_it_for_those_who_may_see_it_and_for_nobody_else(tmp_path: Path) -> None:
    script: list[Chunk] = [TextDelta("Yes."), Usage(100, 0, 5), Finished("stop")]
    brains = GivenBrains(brain_of(ChunkModel(script, script), micros_per_token=1_000))
    async with running_server(tmp_path, brains=brains) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice)
        async with Client(server.url, token=alice.token) as client:
            room = await client.room("demo")
            settings = room.view.room.settings.model_copy(update={"guests_ask_ai": True, "guests_post": True})
            await room.command(SetRoomSettings(settings=settings))
            await room.command(InviteMember(handle="bob", role=Role.GUEST))
        code, out, err = await piped(server, alice, "@ai shall we?\n/why\n")
        assert (code, err) == (0, "")
        lines = out.splitlines()
        said = lines.index("AI [AI]: Yes.")
        assert lines[said + 1].startswith("  · chunks: 100 tokens in, 5 out, 0.105 ")
        assert lines[said + 2].startswith("  · turn ")
        code, out, err = await piped(server, bob, "@ai shall we?\n")
        assert (code, err, out.splitlines()[-1]) == (0, "", "AI [AI]: Yes.")


async def test_what_is_typed_wrong_is_told_in_a_plain_sentence(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice = await server.know("alice")
        await server.room(alice)
        code, _, err = await piped(server, alice, "/cost\n/why\n")
        assert code == 1
        assert err.splitlines() == [
            "multiplayer: say what you would ask: /cost TEXT",
            "multiplayer: no AI has taken a turn here yet",
        ]
