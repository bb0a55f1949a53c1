"""What people do to a turn while it runs and after: interrupt, steer, ask again, fill in a form; and an AI with no brain."""

import asyncio
from pathlib import Path

import pytest

from multiplayer.models.port import CardsFound, Finished, FormAsked, TextDelta, ToolCall, ToolCallsReady
from multiplayer.protocol.cards import Card, Form, Question, QuestionKind
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.messages import Answer, MessageBody
from multiplayer.protocol.rooms import Snapshot
from tests.support.brains import GivenBrains
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, Line, memory_pod

RICE = Card(title="Rice", url="https://recipes.example/rice", site="recipes.example", text="Boil it.")
WHICH = Form(
    text="Tell me more.",
    questions=(Question(id="size", text="Which size?", kind=QuestionKind.ONE_OF, choices=("small", "large")),),
)
LISTING = ToolCallsReady((ToolCall("call_1", "list_files", "{}"),))


async def room_of(alice: Guest, *others: Guest, **settings: object) -> RoomId:
    """A room that alice owns, all of them members who have joined it."""
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    for other in others:
        await alice.ask(type="invite_member", room_id=room_id, handle=other.account.handle)
    if settings:
        changed = await alice.ask(type="set_room_settings", room_id=room_id, settings=settings)
        assert changed["type"] == "accepted", changed
    for guest in (alice, *others):
        await guest.join(room_id)
    return room_id


def answers_of(guest: Guest) -> list[MessageBody]:
    """The AI's own messages, as they were heard."""
    posted = [MessageBody.model_validate(line["message"]) for line in guest.heard if line["type"] == "message_posted"]
    return [message for message in posted if message.turn_id]


def texts_of(guest: Guest) -> list[str]:
    return [message.text for message in answers_of(guest)]


def ends_of(guest: Guest) -> list[object]:
    return [line["outcome"] for line in guest.heard if line["type"] == "turn_ended"]


async def shown_to(guest: Guest, room_id: RoomId) -> Snapshot:
    """What someone who comes in now is shown."""
    return Snapshot.model_validate((await guest.join(room_id))["snapshot"])


def code_of(line: Line) -> object:
    return line["code"] if line["type"] == "refused" else line["type"]


# Interrupting


async def test_a_newer_request_of_the_asker_ends_the_running_turn_with_its_words_and_is_answered(
    tmp_path: Path,
) -> None:
    model = ChunkModel([TextDelta("As I was"), asyncio.Event()], [TextDelta("Now this.")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob, while_busy="interrupt")
        await bob.post(room_id, "@ai one")
        await alice.expect_type("ai_delta")
        await bob.post(room_id, "@ai two")
        stopping = await alice.expect_type("turn_stop_requested")
        await alice.expect_type("turn_ended", outcome="done", turn_id=stopping["superseded_by"])
        first = await alice.expect_type("turn_ended", outcome="interrupted")
        assert first["reason"] == "a newer request took its place"
        assert texts_of(alice) == ["As I was", "Now this."]
        assert model.open_streams == 0


async def test_who_may_not_stop_a_turn_does_not_interrupt_it_by_asking(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ChunkModel([TextDelta("For alice"), go_on], [TextDelta("For bob")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob, while_busy="interrupt")
        await alice.post(room_id, "@ai one")
        await alice.expect_type("ai_delta")
        start = len(alice.heard)
        await bob.post(room_id, "@ai two")
        await alice.expect_type("turn_requested", start=start)
        go_on.set()
        second = await alice.expect_type("turn_ended", start=start, outcome="done")
        await alice.expect(lambda line: line["type"] == "turn_ended" and line["turn_id"] != second["turn_id"])
        assert not any(line["type"] == "turn_stop_requested" for line in alice.heard)
        assert texts_of(alice) == ["For alice", "For bob"]


# Rights, over real sessions


@pytest.mark.parametrize("act", ["stop_turn", "steer_turn"])
@pytest.mark.parametrize(
    ("role", "answer"), [("admin", "accepted"), ("member", "forbidden"), ("guest", "forbidden"), (None, "not_found")]
)
async def test_a_turn_of_someone_else_is_stopped_and_steered_by_admins_only(
    tmp_path: Path, role: str | None, answer: str, act: str
) -> None:
    model = ChunkModel([TextDelta("For alice"), asyncio.Event()])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, *([bob] if role else []))
        if role and role != "member":
            await alice.ask(type="set_role", room_id=room_id, account_id=bob.id, role=role)
        await alice.post(room_id, "@ai one")
        started = await alice.expect_type("turn_started")
        await alice.expect_type("ai_delta")
        words = {"text": "be brief"} if act == "steer_turn" else {}
        answered = await bob.ask(type=act, room_id=room_id, turn_id=started["turn_id"], **words)
        assert code_of(answered) == answer
        if answer != "accepted":
            heard = await alice.ask(type="ping")
            assert heard["type"] == "pong"
            assert not any(line["type"] in {"turn_stop_requested", "turn_steered"} for line in alice.heard)
        if (act, answer) != ("stop_turn", "accepted"):
            await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        await alice.expect_type("turn_ended", outcome="stopped")


async def test_who_asked_stops_and_steers_their_own_turn(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("For bob"), asyncio.Event()])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await bob.post(room_id, "@ai one")
        started = await bob.expect_type("turn_started")
        for act, words in (("steer_turn", {"text": "be brief"}), ("stop_turn", {})):
            answered = await bob.ask(type=act, room_id=room_id, turn_id=started["turn_id"], **words)
            assert answered["type"] == "accepted"
        await alice.expect_type("turn_ended", outcome="stopped")


# Steering


async def test_a_steered_message_reaches_the_model_exactly_once_at_its_next_step(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    again = ToolCallsReady((ToolCall("call_2", "list_files", "{}"),))
    model = ChunkModel(
        [TextDelta("Let me look."), go_on, LISTING, Finished("tool_calls")],
        [TextDelta("Once more."), again, Finished("tool_calls")],
        [TextDelta("In short: nothing.")],
        [TextDelta("!")],
    )
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.post(room_id, "@ai what is there")
        started = await alice.expect_type("turn_started")
        await alice.expect_type("ai_delta")
        await alice.ask(type="steer_turn", room_id=room_id, turn_id=started["turn_id"], text="in seven words")
        posted = await bob.expect(lambda line: "in seven words" in str(line.get("message")))
        go_on.set()
        taken = await bob.expect_type("steering_taken")
        assert taken["messages"] == [MessageBody.model_validate(posted["message"]).id]
        await alice.expect_type("turn_ended", outcome="done")
        assert [model.told("in seven words", request=number) for number in (0, 1, 2)] == [0, 1, 1]
        # In the next turn's prompt it stands once as well, where it was said.
        start = len(alice.heard)
        await alice.post(room_id, "@ai and now")
        await alice.expect_type("turn_ended", start=start, outcome="done")
        assert model.told("in seven words", request=3) == 1
        assert len(model.requests) == 4


async def test_words_that_come_too_late_to_steer_are_answered_in_a_next_turn_once(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ChunkModel([TextDelta("The last word"), go_on], [TextDelta("And about that:")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice, while_busy="steer")
        await alice.post(room_id, "@ai one")
        await alice.expect_type("ai_delta")
        await alice.post(room_id, "@ai in seven words")
        steered = await alice.expect_type("turn_steered")
        go_on.set()
        first = await alice.expect_type("turn_ended", turn_id=steered["turn_id"])
        await alice.expect(lambda line: line["type"] == "turn_ended" and line["turn_id"] != first["turn_id"])
        assert texts_of(alice) == ["The last word", "And about that:"]
        assert [model.told("in seven words", request=number) for number in (0, 1)] == [0, 1]
        assert not pod.turns


async def test_a_stopped_turn_ends_stopped_and_what_was_to_steer_it_asks_for_nothing(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("I was"), asyncio.Event()], [TextDelta("after that")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice, while_busy="steer")
        await alice.post(room_id, "@ai one")
        started = await alice.expect_type("turn_started")
        await alice.expect_type("ai_delta")
        await alice.post(room_id, "@ai in seven words")
        await alice.expect_type("turn_steered")
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        await alice.expect_type("turn_ended", outcome="stopped")
        start = len(alice.heard)
        await alice.post(room_id, "@ai two")
        await alice.expect_type("turn_ended", start=start, outcome="done")
        assert ends_of(alice) == ["stopped", "done"]
        assert len([line for line in alice.heard if line["type"] == "turn_requested"]) == 2


# Answering again


async def test_a_regenerated_answer_is_an_alternative_for_everyone_and_any_of_them_can_be_chosen(
    tmp_path: Path,
) -> None:
    model = ChunkModel([TextDelta("Heads.")], [TextDelta("Tails.")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob, carol = [await Guest.enter(pod, name) for name in ("alice", "bob", "carol")]
        room_id = await room_of(alice, bob, carol)
        await bob.post(room_id, "@ai toss")
        await bob.expect_type("turn_ended", outcome="done")
        message_id = answers_of(bob)[0].id
        refused = await carol.ask(type="regenerate_answer", room_id=room_id, message_id=message_id)
        assert code_of(refused) == "forbidden"
        start = len(bob.heard)
        assert (await bob.ask(type="regenerate_answer", room_id=room_id, message_id=message_id))["type"] == "accepted"
        await bob.expect_type("turn_ended", start=start, outcome="done")
        for guest in (alice, bob, carol):
            again = await guest.expect_type("answer_regenerated", message_id=message_id)
            assert Answer.model_validate(again["answer"]).text == "Tails."
        # It was asked as if it had never answered.
        assert [model.told("Heads.", request=number) for number in (0, 1)] == [0, 0]
        assert code_of(await carol.ask(type="choose_answer", room_id=room_id, message_id=message_id, index=0)) == (
            "forbidden"
        )
        assert (await alice.ask(type="choose_answer", room_id=room_id, message_id=message_id, index=0))[
            "type"
        ] == "accepted"
        await carol.expect_type("answer_chosen", message_id=message_id)
        late = await Guest.enter(pod, "carol")
        [shown] = [message for message in (await shown_to(late, room_id)).messages if message.id == message_id]
        assert shown.text == "Heads."
        assert [each.text for each in shown.alternatives] == ["Heads.", "Tails."]
        assert len(texts_of(alice)) == 1


async def test_a_second_answer_that_is_stopped_before_its_first_word_leaves_the_first_as_it_was(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("Heads.")], [asyncio.Event()])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai toss")
        await alice.expect_type("turn_ended", outcome="done")
        message_id = answers_of(alice)[0].id
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=message_id)
        started = await alice.expect_type("turn_started", start=start)
        again = await alice.ask(type="regenerate_answer", room_id=room_id, message_id=message_id)
        assert code_of(again) == "no_change"
        await alice.ask(type="stop_turn", room_id=room_id, turn_id=started["turn_id"])
        await alice.expect_type("turn_ended", start=start, outcome="stopped")
        [shown] = [message for message in (await shown_to(alice, room_id)).messages if message.id == message_id]
        assert (shown.text, shown.revision) == ("Heads.", 1)


# Forms


async def test_a_form_is_filled_in_once_for_all_to_see_and_its_ai_goes_on_with_the_answers(tmp_path: Path) -> None:
    model = ChunkModel([TextDelta("It depends."), FormAsked(WHICH)], [TextDelta("Then take the large one.")])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.post(room_id, "@ai which one")
        await bob.expect_type("turn_ended", outcome="done")
        message = answers_of(bob)[0]
        assert (message.text, message.form) == ("It depends.", WHICH)
        fill_in = {"type": "answer_form", "room_id": room_id, "message_id": message.id}
        wrong = await bob.ask(**fill_in, answers=[{"question_id": "size", "values": ["huge"]}])
        assert wrong["type"] == "refused"
        assert (await bob.ask(**fill_in, answers=[{"question_id": "size", "values": ["large"]}]))["type"] == "accepted"
        answered = await alice.expect_type("form_answered", message_id=message.id)
        assert answered["actor_id"] == bob.id
        requested = await alice.expect_type("turn_requested", reason="form")
        assert requested["actor_id"] == bob.id
        await alice.expect_type("turn_ended", turn_id=requested["turn_id"], outcome="done")
        assert texts_of(alice)[-1] == "Then take the large one."
        assert model.told("large", request=1) >= 1
        twice = await alice.ask(**fill_in, answers=[{"question_id": "size", "values": ["small"]}])
        assert code_of(twice) == "conflict"


# Coming in late, and no brain


async def test_who_joins_in_the_middle_gets_the_cards_and_words_so_far_and_then_the_rest(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    more = RICE.model_copy(update={"title": "More rice"})
    model = ChunkModel(
        [TextDelta("I found "), CardsFound((RICE,)), TextDelta("this"), go_on, CardsFound((more,)), TextDelta(".")]
    )
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        await alice.post(room_id, "@ai rice?")
        await alice.expect_type("ai_delta", text="this")
        late = await Guest.enter(pod, "bob")
        [turn] = (await shown_to(late, room_id)).turns
        assert (turn.text, turn.cards) == ("I found this", (RICE,))
        go_on.set()
        await late.expect_type("turn_ended", outcome="done")
        cards = await late.expect_type("ai_cards")
        assert cards["offset"] == 1
        deltas = [line for line in late.heard if line["type"] == "ai_delta"]
        assert [(line["index"], line["offset"], line["text"]) for line in deltas] == [
            (turn.text_index, len("I found this"), ".")
        ]
        for guest in (alice, bob, late):
            await guest.expect_type("turn_ended")
            [message] = answers_of(guest)
            assert (message.text, message.cards) == ("I found this.", (RICE, more))


async def test_an_ai_without_a_brain_says_why_it_cannot_answer_and_the_room_goes_on(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, brains=GivenBrains()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        for _ in range(2):
            start = len(alice.heard)
            await alice.post(room_id, "@ai hello")
            ended = await alice.expect_type("turn_ended", start=start, outcome="failed")
            assert ended["reason"] == "this AI has no profile"
            assert ended.get("usage") is None
        assert texts_of(alice) == []
        assert (await alice.post(room_id, "still here"))["type"] == "accepted"
        assert not pod.turns
