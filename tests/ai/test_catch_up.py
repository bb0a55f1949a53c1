"""What somebody who was away is told, the same whoever left when and however the log is cut."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.ai.catch_up import Gist, Stretch, digest, forgotten, gist, merged, segments, told
from multiplayer.ai.extract import extract
from multiplayer.protocol.cards import Form, FormAnswer, Question, Taint
from multiplayer.protocol.commands import AnswerForm, DeleteMessage, EditMessage, LeaveRoom
from multiplayer.protocol.events import AnswerRegenerated, MemberJoined, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.inner_commands import EndTurn, StartTurn
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import Section, SummaryPoint
from multiplayer.protocol.messages import Answer
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.member_rules import member_of
from tests.ai.scene import asked, calls, ends, finishes, starts
from tests.support.playbook import Playbook, account, counted_ids, room_of

NAMES = {AccountId(handle): handle for handle in ("alice", "bob", "carol", "bot")}


def room() -> Playbook:
    """Return a room whose ids look like ULIDs and sort by time, as real ones do."""
    return Playbook(room_of(alice="owner", bob="member", carol="member", bot="ai"), new_id=counted_ids("01J{:023d}"))


def said(points: Sequence[SummaryPoint]) -> list[tuple[Section, str, tuple[MessageId, ...]]]:
    return [(point.section, point.text, point.sources) for point in points]


def joins(book: Playbook, handle: str) -> None:
    at = book.log[-1].at
    newcomer = member_of(account(handle), Role.MEMBER, joined_at=at, joined_seq=len(book.log) + 1, until=None)
    book.take(
        MemberJoined(
            room_id=book.log[0].room_id,
            seq=len(book.log) + 1,
            id=f"01J{handle}",
            at=at,
            actor_id=newcomer.account_id,
            member=newcomer,
        )
    )


def runs(book: Playbook, text: str, *arguments: str, answer: str = "Done. All is well.", is_ok: bool = True) -> None:
    turn_id = asked(book, text)
    for number, argument in enumerate(arguments):
        calls(book, turn_id, f"c{number}", name="write_file", arguments=argument)
        starts(book, turn_id, f"c{number}")
        finishes(book, turn_id, f"c{number}", is_ok=is_ok, code=None if is_ok else "error")
    ends(book, turn_id, answer)


def newest(book: Playbook) -> MessageId:
    return next(event.message.id for event in reversed(book.log) if isinstance(event, MessagePosted))


def test_decisions_questions_tasks_answers_tools_and_members_are_told_with_links() -> None:
    book = room()
    decision = book.posts("alice", "Lunch was fine. We decided to use Postgres.")
    book.posts("bob", "Nice weather.")
    book.posts("alice", "@bob hello!")  # for bob; but all are told the same
    task = book.posts("bob", "我来写迁移脚本，周五之前完成。")
    question = book.posts("bob", "下周谁来值班？")
    answered = book.posts("carol", "Is it raining?")
    book.posts("alice", "Yes.", reply_to=answered)
    runs(book, "write it", '{"path": "notes.md"}', '{"path": "a.py"}', '{"path": "notes.md"}')
    answer = newest(book)
    book.given("carol", LeaveRoom())
    joins(book, "dave")
    assert said(digest(book.log, NAMES, new_id=counted_ids())) == [
        (Section.DECISIONS, "@alice: We decided to use Postgres.", (decision,)),
        (Section.QUESTIONS, "@bob: 下周谁来值班？", (question,)),
        (Section.ACTIONS, "@bob: 我来写迁移脚本，周五之前完成。", (task,)),
        (Section.OTHER, digest_of_answer(book), (answer,)),
        (Section.OTHER, "Tools: write_file ×3 (notes.md, a.py).", (answer,)),
        (Section.OTHER, "Joined: @dave. Left: @carol.", ()),
    ]


def digest_of_answer(book: Playbook) -> str:
    """Return how the answer is told: with the askers, if its message names them."""
    body = next(event.message for event in reversed(book.log) if isinstance(event, MessagePosted))
    return f"@bot → {', '.join(f'@{asker}' for asker in body.asked_by)}: Done." if body.asked_by else "@bot: Done."


def test_an_answer_says_whom_it_answers() -> None:
    book = room()
    runs(book, "hello")
    log = [
        event.model_copy(
            update={"message": event.message.model_copy(update={"asked_by": (AccountId("alice"), AccountId("bob"))})}
        )
        if isinstance(event, MessagePosted) and event.message.turn_id
        else event
        for event in book.log
    ]
    assert digest(log, NAMES, new_id=counted_ids())[0].text == "@bot → @alice, @bob: Done."


def test_failed_tools_are_told_as_failed_and_calls_that_never_ran_are_not_told() -> None:
    book = room()
    runs(book, "try", "not json", answer="It failed.", is_ok=False)
    turn_id = asked(book, "again")
    calls(book, turn_id, "c9", name="execute_command")
    texts = [point.text for point in digest(book.log, NAMES, new_id=counted_ids())]
    assert "Tools: write_file (1 failed)." in texts
    assert not any("execute_command" in text for text in texts)


def test_nothing_is_told_of_a_quiet_time_or_of_what_was_deleted() -> None:
    book = room()
    assert digest(book.log, NAMES, new_id=counted_ids()) == ()
    message_id = book.posts("alice", "We decided to use Postgres.")
    book.given("alice", DeleteMessage(message_id=message_id))
    assert digest(book.log, NAMES, new_id=counted_ids()) == ()


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 8, 30])
def test_of_too_much_the_newest_of_each_section_is_told(limit: int) -> None:
    book = room()
    for number in range(20):
        book.posts("alice", f"We decided on {number}. I'll do {number}.")
    book.posts("bob", "One question?")
    joins(book, "dave")
    points = digest(book.log, NAMES, new_id=counted_ids(), limit=limit)
    assert len(points) == limit
    if limit >= 5:
        texts = [point.text for point in points]
        assert "@alice: We decided on 19." in texts
        assert "@alice: I'll do 19." in texts
        assert {"@bob: One question?", "Joined: @dave."} <= set(texts)
        assert "@alice: We decided on 0." not in texts
    assert len({point.id for point in points}) == limit


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 200), st.integers(1, 70))
def test_segments_cover_a_range_exactly_and_the_whole_ones_are_the_same_for_everybody(
    from_seq: int, length: int, size: int
) -> None:
    to_seq = from_seq + length - 1
    stretches = segments(from_seq, to_seq, size)
    covered = [seq for stretch in stretches for seq in range(stretch.first, stretch.last + 1)]
    assert covered == list(range(from_seq, to_seq + 1))
    of_others = set(segments(1, to_seq + size, size))
    for stretch in stretches:
        assert stretch.is_whole == (stretch.first % size in {1, 1 % size} and stretch.last - stretch.first + 1 == size)
        assert not stretch.is_whole or stretch in of_others
    assert all(stretch.is_whole for stretch in stretches[1:-1])


def test_a_range_begins_and_ends_with_parts_of_segments() -> None:
    assert segments(300, 1_700) == (
        Stretch(300, 500, is_whole=False),
        Stretch(501, 1_000, is_whole=True),
        Stretch(1_001, 1_500, is_whole=True),
        Stretch(1_501, 1_700, is_whole=False),
    )
    assert segments(7, 6) == ()


def _edits(book: Playbook) -> None:
    mine = [key for key, message in book.messages.items() if message.author_id == "alice" and not message.is_deleted]
    if mine:
        book.given("alice", EditMessage(message_id=mine[0], text=f"We agreed on {len(book.log)}. Why {len(book.log)}?"))


def _deletes(book: Playbook) -> None:
    there = [key for key, message in book.messages.items() if not message.is_deleted]
    if there:
        book.given("alice", DeleteMessage(message_id=there[len(book.log) % len(there)]))


def _replies(book: Playbook) -> None:
    # Not to an AI, nor in its thread: that would be a request.
    there = [
        key
        for key, message in book.messages.items()
        if not message.is_deleted and message.turn_id is None and "@bot" not in message.text
    ]
    if there:
        book.posts("bob", "We decided so. 好吗？", reply_to=there[len(book.log) % len(there)])


def _asks(book: Playbook) -> MessageId:
    """Let the AI put a form to the room."""
    end = EndTurn(
        turn_id=asked(book, "ask us"),
        fence=1,
        outcome=TurnOutcome.DONE,
        text="One thing first.",
        form=Form(questions=(Question(id="q1", text="Which?"), Question(id="q2", text="When?"))),
    )
    book.given("bot", end)
    return newest(book)


def _fills_in(book: Playbook, message_id: MessageId, *values: str) -> None:
    """Fill in a form, and let the AI answer that."""
    answers = tuple(FormAnswer(question_id=f"q{place}", values=(value,)) for place, value in enumerate(values, 1))
    requested = book.given("carol", AnswerForm(message_id=message_id, answers=answers))[-1]
    assert isinstance(requested, TurnRequested)
    book.given("bot", StartTurn(turn_id=requested.turn_id, fence=1, pod="pod"))
    ends(book, requested.turn_id, "Good.")


def _fills_in_what_waits(book: Playbook) -> None:
    waiting = [key for key, one in book.messages.items() if one.form is not None and not one.form.answers]
    if waiting:
        _fills_in(book, waiting[0], f"number {len(book.log)}. We decided.", "on\nFriday")


def test_what_was_answered_to_a_form_is_told_and_goes_with_the_form() -> None:
    book = room()
    message_id = _asks(book)
    before = len(book.log)
    _fills_in(book, message_id, "the blue one", "on\nFriday?")
    told_of_form = (Section.OTHER, "@carol filled in the form: the blue one; on Friday?", (message_id,))
    assert told_of_form in said(digest(book.log, NAMES, new_id=counted_ids()))
    assert told_of_form in said(extract((), book.log, NAMES, new_id=counted_ids())), "though the AI has answered it"
    later = gist(book.log[before:], NAMES)
    assert told_of_form in said(told(later, new_id=counted_ids())), "the form itself was given before"
    assert "blue" not in forgotten(later, {message_id}).model_dump_json()
    book.given("alice", DeleteMessage(message_id=message_id))
    assert not [point for point in digest(book.log, NAMES, new_id=counted_ids()) if "blue" in point.text]


def test_answers_to_a_form_are_told_no_more_when_the_answer_that_put_it_is_given_again() -> None:
    book = room()
    message_id = _asks(book)
    _fills_in(book, message_id, "the blue one", "on Friday")
    at = book.log[-1].at
    again = AnswerRegenerated(
        room_id=book.log[0].room_id,
        seq=len(book.log) + 1,
        id="01J",
        at=at,
        actor_id=AccountId("bot"),
        message_id=message_id,
        revision=2,
        answer=Answer(turn_id=TurnId("t"), at=at, text="Nothing to ask."),
    )
    assert "blue" in gist(book.log, NAMES).model_dump_json()
    assert "blue" not in gist([*book.log, again], NAMES).model_dump_json()
    assert "blue" not in merged(gist(book.log, NAMES), gist([again], NAMES)).model_dump_json()


STEPS: list[Callable[[Playbook], object]] = [
    lambda book: book.posts("alice", f"We decided on {len(book.log)}. I'll do it."),
    lambda book: book.posts("bob", f"Who does {len(book.log)}?"),
    lambda book: book.posts("bob", "我们决定了。请大家记得。"),
    lambda book: runs(book, "why?", f'{{"path": "{len(book.log)}.md"}}'),
    lambda book: runs(book, "try", "{}", answer="No. It failed.", is_ok=False),
    _edits,
    _deletes,
    _replies,
    _asks,
    _fills_in_what_waits,
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=14), st.lists(st.floats(0, 1), max_size=4))
def test_however_the_log_is_cut_its_gists_add_up_to_the_same_digest(
    script: list[Callable[[Playbook], object]], cuts: list[float]
) -> None:
    book = room()
    for step in script:
        step(book)
    places = [0, *sorted(round(cut * len(book.log)) for cut in cuts), len(book.log)]
    parts = [gist(book.log[start:end], NAMES) for start, end in pairwise(places)]
    kept = [Gist.model_validate_json(part.model_dump_json()) for part in parts]
    from_left = Gist()
    for part in kept:
        from_left = merged(from_left, part)
    from_right = Gist()
    for part in reversed(kept):
        from_right = merged(part, from_right)
    expected = digest(book.log, NAMES, new_id=counted_ids(), limit=50)
    assert told(from_left, new_id=counted_ids(), limit=50) == expected
    assert told(from_right, new_id=counted_ids(), limit=50) == expected


def test_what_was_said_in_deleted_messages_can_be_taken_out_of_a_kept_gist() -> None:
    book = room()
    message_id = book.posts("alice", "We decided on red.")
    stays = book.posts("alice", "We decided on blue.")
    kept = gist(book.log, NAMES)
    assert "red" in kept.model_dump_json()
    after = forgotten(kept, {message_id})
    assert "red" not in after.model_dump_json()
    assert [point.sources for point in told(after, new_id=counted_ids())] == [(stays,)]


def test_what_nobody_vouches_for_marks_the_digest() -> None:
    book = room()
    book.posts("alice", "We decided to use Postgres.")
    log = [
        event.model_copy(update={"message": event.message.model_copy(update={"taint": (Taint.WEB,)})})
        if isinstance(event, MessagePosted)
        else event
        for event in book.log
    ]
    assert gist(log, NAMES).taint == (Taint.WEB,)
    assert merged(gist(log, NAMES), Gist(taint=(Taint.MCP,))).taint == (Taint.MCP, Taint.WEB)
