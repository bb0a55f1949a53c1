"""The prompt: grows only at its end, is always valid, fits its budget, and never loses the request."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.ai.brief import FORMER, brief_before, brief_of
from multiplayer.ai.context import Prompt, needs_summary
from multiplayer.ai.prompts import NEVER_STARTED, UNKNOWN_OUTCOME, read_envelope
from multiplayer.models.port import ToolDefinition
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import (
    AskAi,
    DecideProposal,
    DeleteMessage,
    EditMessage,
    ForgetFact,
    LeaveRoom,
    PinFact,
    PinMessage,
    PostMessage,
    RenameRoom,
    SetRole,
    SetRoomSettings,
    SetTopic,
)
from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.inner_commands import Propose, StartTurn, TakeSteering
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import Section, Summary, SummaryPoint
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turns import TurnOutcome, WhileBusy
from multiplayer.rooms.state import folded
from tests.ai.scene import (
    SECRET,
    asked,
    calls,
    check_sequence,
    ends,
    finishes,
    prompt_of,
    scene,
    starts,
)
from tests.support.playbook import Playbook


def contents(prompt: Prompt) -> str:
    return "\n".join(message.content for message in prompt.messages)


def test_messages_come_in_order_people_in_envelopes_and_the_ai_in_its_own_words() -> None:
    book = scene()
    book.posts("bob", "hello")
    ends(book, asked(book, "hi"), "good morning")
    ends(book, asked(book, "you too", ai="other"), "I am another AI", ai="other")
    asked(book, "and now?", by="bob")
    prompt = prompt_of(book)
    check_sequence(prompt.messages)
    seen = [
        (read.author, read.role, read.text)
        if (read := read_envelope(message.content, SECRET))
        else (message.role, "", message.content)
        for message in prompt.messages[2:]
    ]
    assert seen == [
        ("bob", "member", "hello"),
        ("alice", "owner", "@bot hi"),
        ("assistant", "", "good morning"),
        ("alice", "owner", "@other you too"),
        ("other", "ai", "I am another AI"),
        ("bob", "member", "@bot and now?"),
    ]
    assert prompt.closing == 0


ACTIONS: list[Callable[[Playbook], object]] = [
    lambda book: book.posts("bob", "some talk, 一些话 \n" * 5),
    lambda book: ends(book, asked(book, "a question"), "an answer"),
    lambda book: (
        turn := asked(book, "use a tool"),
        calls(book, turn, "c1"),
        starts(book, turn, "c1"),
        book.posts("bob", "meanwhile"),
        finishes(book, turn, "c1", "x\n" * 50),
        ends(book, turn),
    ),
    lambda book: (
        turn := asked(book, "two at once"),
        calls(book, turn, "c1"),
        calls(book, turn, "c2"),
        starts(book, turn, "c1"),
        finishes(book, turn, "c1"),
        ends(book, turn, "", TurnOutcome.FAILED),
    ),
    lambda book: (
        turn := asked(book, "cut"),
        calls(book, turn, "c1"),
        ends(book, turn, "so f", TurnOutcome.INTERRUPTED),
    ),
    lambda book: book.given("alice", SetTopic(topic=f"topic {len(book.log)}")),
    lambda book: book.given("alice", RenameRoom(name=f"name {len(book.log)}")),
    lambda book: book.given("alice", SetRoomSettings(settings=RoomSettings(persona=f"be {len(book.log)}"))),
    lambda book: book.given(
        "alice",
        SetRole(
            account_id=AccountId("bob"),
            role=Role.ADMIN if book.room.state.members[AccountId("bob")].role is Role.MEMBER else Role.MEMBER,
        ),
    ),
    lambda book: book.given("bob", EditMessage(message_id=book.posts("bob", "first"), text="second")),
    lambda book: book.given("bob", DeleteMessage(message_id=book.posts("bob", "gone"))),
    lambda book: book.given("alice", PinMessage(message_id=book.posts("bob", "pin me"))),
]
SCRIPTS = st.lists(st.sampled_from(ACTIONS), max_size=12)


@settings(max_examples=60)
@given(SCRIPTS, SCRIPTS, st.integers(0, 60))
def test_a_longer_log_only_adds_to_the_end_of_the_prompt(
    before: list[Callable[[Playbook], object]], after: list[Callable[[Playbook], object]], base: int
) -> None:
    book = scene()
    for action in before:
        action(book)
    # From some moment on, as after a summary, with the room as it was then.
    start = min(base, len(book.log) - 1)
    brief = brief_of(folded(book.log[:start])) if start else None
    turn_id = asked(book, "first request")
    earlier = prompt_of(book, book.log[start:], brief=brief)
    ends(book, turn_id)
    for action in after:
        action(book)
    asked(book, "second request")
    later = prompt_of(book, book.log[start:], brief=brief)
    kept = earlier.messages[: len(earlier.messages) - earlier.closing]
    assert later.messages[: len(kept)] == kept
    check_sequence(earlier.messages)
    check_sequence(later.messages)


@settings(max_examples=60)
@given(SCRIPTS, st.integers(1500, 6000), st.booleans())
def test_every_prompt_is_valid_fits_its_budget_and_holds_the_request(
    script: list[Callable[[Playbook], object]], budget: int, talks_after: bool
) -> None:
    book = scene()
    for action in script:
        action(book)
    asked(book, "REQUEST " + "long " * 3000)
    if talks_after:
        book.posts("bob", "chatter " * 500)
    prompt = prompt_of(book, budget=budget)
    check_sequence(prompt.messages)
    assert "REQUEST" in contents(prompt)
    assert prompt.tokens <= budget
    assert prompt.tokens == prompt.manifest.tokens


def test_over_the_budget_the_oldest_go_in_large_steps_so_the_prefix_holds_for_many_turns() -> None:
    book = scene()
    for number in range(60):
        ends(book, asked(book, f"question {number} " + "words " * 30), "answer")
    cuts = set()
    for number in range(12):
        turn_id = asked(book, f"further {number}")
        prompt = prompt_of(book, budget=4000)
        assert needs_summary(prompt)
        assert prompt.manifest.left_out > 0
        assert prompt.tokens <= 4000
        cuts.add(prompt.manifest.left_out)
        ends(book, turn_id)
    assert len(cuts) <= 4


def test_a_call_that_had_started_is_told_as_unknown_and_one_that_had_not_as_not_run() -> None:
    book = scene()
    turn_id = asked(book, "go")
    calls(book, turn_id, "c1")
    calls(book, turn_id, "c2")
    starts(book, turn_id, "c1")
    prompt = prompt_of(book)
    check_sequence(prompt.messages)
    assert UNKNOWN_OUTCOME in prompt.messages[-2].content
    assert NEVER_STARTED in prompt.messages[-1].content
    assert prompt.closing == 0


def test_cut_arguments_in_the_log_do_not_poison_the_next_prompt() -> None:
    book = scene()
    turn_id = asked(book, "go")
    calls(book, turn_id, "c1", name="list the files?", arguments='{"path": "no')
    ends(book, turn_id, "", TurnOutcome.FAILED)
    asked(book, "again")
    prompt = prompt_of(book)
    check_sequence(prompt.messages)
    for message in prompt.messages:
        for call in message.tool_calls:
            assert json.loads(call.arguments) == {}
            assert call.name == "list_the_files_"


def test_a_deleted_message_leaves_no_word_in_the_prompt() -> None:
    book = scene()
    message_id = book.posts("bob", "the password is hunter2")
    book.given("bob", DeleteMessage(message_id=message_id))
    asked(book, "what did bob say?")
    redacted = [
        event.model_copy(
            update={"message": event.message.model_copy(update={"text": ""}), "is_redacted": True, "mentions": ()}
        )
        if isinstance(event, MessagePosted) and event.message.id == message_id
        else event
        for event in book.log
    ]
    prompt = prompt_of(book, redacted)
    assert "hunter2" not in contents(prompt)
    assert '"event":"message_deleted"' in contents(prompt)


def test_a_request_that_others_talked_over_is_repeated_last() -> None:
    book = scene()
    events = book.given("alice", PostMessage(text="@bot the question"))
    book.posts("bob", "something else")
    turn_id = next(event.turn_id for event in events if isinstance(event, TurnRequested))
    book.given("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod"))
    request = read_envelope(prompt_of(book).messages[-1].content, SECRET)
    assert request is not None
    assert (request.kind, request.author, request.text) == ("request", "alice", "@bot the question")


def test_what_others_say_while_the_ai_is_at_a_turn_comes_after_that_turn() -> None:
    book = scene()
    turn_id = asked(book, "the question")
    before = prompt_of(book).messages
    book.posts("bob", "something else")
    calls(book, turn_id, "c1")
    starts(book, turn_id, "c1")
    book.posts("bob", "and more")
    finishes(book, turn_id, "c1")
    assert prompt_of(book).messages[: len(before)] == before
    assert not any("something else" in message.content for message in prompt_of(book).messages)
    ends(book, turn_id, "the answer")
    asked(book, "thanks")
    after = prompt_of(book).messages
    assert after[: len(before)] == before
    lines = [message.content for message in after[len(before) :]]
    order = ("the answer", "something else", "and more", "thanks")
    places = [next(at for at, line in enumerate(lines) if words in line) for words in order]
    assert places == sorted(places)


@pytest.mark.parametrize("is_before", [True, False])
def test_a_fact_with_words_from_outside_is_marked_and_marks_the_prompt(*, is_before: bool) -> None:
    book = scene()
    book.given("alice", PinFact(text="The sea is deep."))
    turn_id = asked(book, "look")
    book.given("bot", Propose(turn_id=turn_id, fence=1, text="The oven is at 200.", taint=(Taint.WEB,)))
    ends(book, turn_id)
    book.given("bob", DecideProposal(proposal_id=book.room.state.notes.proposals[0].id, is_accepted=True))
    ours, theirs = book.room.state.notes.facts
    assert (ours.taint, theirs.taint) == ((), (Taint.WEB,))
    assert "taint" not in ours.model_dump_json()
    since = len(book.log)
    asked(book, "and now?")
    prompt = prompt_of(book, book.log[since:] if is_before else None)
    assert prompt.manifest.taint == (Taint.WEB,)
    room = json.loads(prompt.messages[1].content)
    marked = [
        line
        for line in (json.loads(one.content) for one in prompt.messages[2:] if one.role == "user")
        if "from" in line
    ]
    if is_before:
        assert room["facts"] == ["The sea is deep.", {"from": ["web"], "text": "The oven is at 200."}]
        assert not marked
    else:
        assert "facts" not in room
        assert [(line["event"], line["from"], line["text"]) for line in marked] == [
            ("fact_pinned", ["web"], "The oven is at 200.")
        ]
    book.given("alice", ForgetFact(fact_id=theirs.id))
    assert prompt_of(book, book.log[since:]).manifest.taint == ()


def test_what_steered_a_turn_stands_where_the_model_was_told_it() -> None:
    book = scene()
    book.given("alice", SetRoomSettings(settings=RoomSettings(while_busy=WhileBusy.STEER)))
    turn_id = asked(book, "the question")
    calls(book, turn_id, "c1")
    starts(book, turn_id, "c1")
    said = book.posts("alice", "@bot in French please")
    finishes(book, turn_id, "c1")
    book.given("bot", TakeSteering(turn_id=turn_id, fence=1, messages=(said,)))
    ends(book, turn_id, "voilà")
    asked(book, "thanks")
    messages = prompt_of(book).messages
    place = next(at for at, message in enumerate(messages) if "in French" in message.content)
    assert (messages[place - 1].role, messages[place + 1].content) == ("tool", "voilà")


def test_two_collected_requests_are_named_where_the_turn_starts() -> None:
    book = scene()
    first = book.given("alice", PostMessage(text="@bot one"))
    book.given("bob", PostMessage(text="@bot two"))
    assert isinstance(first[1], TurnRequested)
    book.given("bot", StartTurn(turn_id=first[1].turn_id, fence=1, pod="pod"))
    prompt = prompt_of(book)
    request = read_envelope(prompt.messages[-1].content, SECRET)
    assert request is not None
    assert len(request.about) == 2
    assert request.text == "@bot two"
    assert prompt.closing == 0


def test_an_ai_asked_about_an_older_message_is_shown_it() -> None:
    book = scene()
    old = book.posts("bob", "an old remark")
    since = len(book.log)
    events = book.given("alice", AskAi(ai_id=AccountId("bot"), message_id=old))
    assert isinstance(events[0], TurnRequested)
    book.given("bot", StartTurn(turn_id=events[0].turn_id, fence=1, pod="pod"))
    prompt = prompt_of(book, book.log[since:], older=[book.messages[old]])
    request = read_envelope(prompt.messages[-1].content, SECRET)
    assert request is not None
    assert (request.kind, request.author, request.text) == ("request", "bob", "an old remark")


def a_summary(*texts: str) -> Summary:
    points = tuple(SummaryPoint(id=f"p{n}", section=Section.OTHER, text=text) for n, text in enumerate(texts))
    return Summary(version=1, up_to_seq=1, method="extractive", points=points)


def test_only_the_rules_stand_in_the_system_role() -> None:
    book = scene()
    book.given("alice", SetRoomSettings(settings=RoomSettings(persona="INJECTED")))
    book.given("alice", SetTopic(topic="INJECTED"))
    asked(book, "INJECTED")
    prompt = prompt_of(book, summary=a_summary("INJECTED"))
    assert "INJECTED" not in prompt.messages[0].content
    assert all("INJECTED" not in message.content or '"marker":' in message.content for message in prompt.messages)


def test_a_room_worked_out_backwards_is_the_room_as_it_was() -> None:
    book = scene()
    book.posts("bob", "hello")
    pinned = book.posts("bob", "pin")
    then = brief_of(book.room.state)
    base = len(book.log)
    book.given("alice", PinMessage(message_id=pinned))
    book.given("alice", SetRole(account_id=AccountId("bob"), role=Role.ADMIN))
    assert brief_before(book.room.state, book.log[base:], {}) == then
    book.given("bob", LeaveRoom())
    back = brief_before(book.room.state, book.log[base:], book.accounts)
    assert back.members[AccountId("bob")] == then.members[AccountId("bob")]
    gone = brief_before(book.room.state, book.log[-1:], book.accounts)
    assert gone.members[AccountId("bob")].role == FORMER
    assert brief_before(book.room.state, book.log, {}) == brief_of(folded(book.log[:1]))


def test_the_manifest_names_what_the_answer_was_built_from() -> None:
    book = scene()
    edited = book.posts("bob", "first")
    book.given("bob", EditMessage(message_id=edited, text="second"))
    turn_id = asked(book, "go")
    calls(book, turn_id, "c1")
    starts(book, turn_id, "c1")
    finishes(book, turn_id, "c1")
    tool = ToolDefinition("list_files", "Lists.", {"type": "object"})
    prompt = prompt_of(book, tools=(tool,))
    manifest = prompt.manifest
    assert {(used.id, used.revision) for used in manifest.messages} >= {(edited, 2)}
    assert [used.call_id for used in manifest.tool_results] == [CallId("c1")]
    assert (manifest.from_seq, manifest.up_to_seq, manifest.turn_id) == (1, book.log[-1].seq, turn_id)
    assert manifest.tools == ("list_files",)
    assert manifest == prompt_of(book, book.replayed(), tools=(tool,)).manifest
    ends(book, turn_id)
    asked(book, "more")
    assert prompt_of(book, tools=(tool,)).manifest.prompt_sha256 != manifest.prompt_sha256
    assert type(manifest).model_validate_json(manifest.model_dump_json()) == manifest


def test_a_prompt_without_events_still_asks() -> None:
    book = scene()
    prompt = prompt_of(book, [])
    check_sequence(prompt.messages)
    request = read_envelope(prompt.messages[-1].content, SECRET)
    assert request is not None
    assert request.author == "alice"
    assert not needs_summary(prompt)
    assert TurnId("none") == prompt.manifest.turn_id
    assert MessageId("x") not in {used.id for used in prompt.manifest.messages}
