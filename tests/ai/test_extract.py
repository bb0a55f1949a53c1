"""What is picked from a talk without a model, from which message, and what becomes of it when messages change."""

from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.ai.extract import bounded, carried, extract, hear
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import DeleteMessage, EditMessage
from multiplayer.protocol.events import AnswerChosen, AnswerRegenerated, MessagePosted, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.memory import MAX_POINTS, Section, SummaryPoint
from multiplayer.protocol.messages import Answer
from tests.ai.scene import asked, ends
from tests.support.playbook import Playbook, counted_ids, room_of

NAMES = {AccountId(handle): handle for handle in ("alice", "bob", "bot")}


def scene() -> Playbook:
    """Return a room whose ids look like ULIDs and sort by time, as real ones do."""
    return Playbook(room_of(alice="owner", bob="member", bot="ai"), new_id=counted_ids("01J{:023d}"))


def taken(book: Playbook, previous: tuple[SummaryPoint, ...] = (), since: int = 0) -> tuple[SummaryPoint, ...]:
    return extract(previous, book.log[since:], NAMES, new_id=counted_ids(f"p{since}.{{}}"))


def said(points: tuple[SummaryPoint, ...]) -> list[tuple[Section, str, tuple[MessageId, ...]]]:
    return [(point.section, point.text, point.sources) for point in points]


def test_decisions_questions_and_tasks_are_picked_with_the_message_they_came_from() -> None:
    book = scene()
    decision = book.posts("alice", "Lunch was fine. We decided to use Postgres. Rain today.")
    task = book.posts("bob", "I'll write the migration by Friday.")
    question = book.posts("bob", "Who owns the deployment?")
    answered = book.posts("bob", "Is it raining?")
    reply = book.posts("alice", "yes", reply_to=answered)
    assert said(taken(book)) == [
        (Section.DECISIONS, "@alice: We decided to use Postgres.", (decision,)),
        (Section.ACTIONS, "@bob: I'll write the migration by Friday.", (task,)),
        (Section.QUESTIONS, "@bob: Who owns the deployment?", (question,)),
        (Section.OTHER, "@alice: yes", (reply,)),
    ]


def test_chinese_sentences_are_picked_too() -> None:
    book = scene()
    first = book.posts("alice", "今天天气不错。我们决定使用 Postgres。下周谁来值班？")
    second = book.posts("bob", "我来写迁移脚本，周五之前完成。")
    assert said(taken(book)) == [
        (Section.DECISIONS, "@alice: 我们决定使用 Postgres。", (first,)),
        (Section.QUESTIONS, "@alice: 下周谁来值班？", (first,)),
        (Section.ACTIONS, "@bob: 我来写迁移脚本，周五之前完成。", (second,)),
    ]


def test_code_and_quotes_are_not_what_somebody_says() -> None:
    book = scene()
    book.posts("alice", "> We decided on red.\n```\nTODO: must we?\n```\nHello there.")
    assert [point.text for point in taken(book)] == ["@alice: Hello there."]


def test_a_later_version_carries_on_the_earlier_and_forgets_what_was_deleted_or_edited() -> None:
    book = scene()
    kept = book.posts("alice", "We agreed on blue.")
    deleted = book.posts("alice", "We agreed on red.")
    edited = book.posts("alice", "We agreed on 10 %.")
    first = taken(book)
    assert [point.sources for point in first] == [(kept,), (deleted,), (edited,)]
    since = len(book.log)
    book.given("alice", DeleteMessage(message_id=deleted))
    book.given("alice", EditMessage(message_id=edited, text="We agreed on 20 %."))
    second = taken(book, first, since)
    assert [(point.text, point.sources) for point in second] == [
        ("@alice: We agreed on blue.", (kept,)),
        ("@alice: We agreed on 20 %.", (edited,)),
    ]
    assert second[0] == first[0]
    assert extract(second, [], NAMES, new_id=counted_ids()) == second


def test_a_question_that_is_answered_later_is_open_no_more() -> None:
    book = scene()
    by_a_person = book.posts("bob", "Who owns the deployment?")
    first = taken(book)
    since = len(book.log)
    book.posts("alice", "We decided: bob.", reply_to=by_a_person)
    turn_id = asked(book, "is it done?")
    ends(book, turn_id, "Not yet.")
    assert [point.section for point in first] == [Section.QUESTIONS]
    assert Section.QUESTIONS not in {point.section for point in taken(book, first, since)}


def test_what_a_person_wrote_stays_when_a_message_is_edited_and_goes_when_it_is_deleted() -> None:
    book = scene()
    message_id = book.posts("alice", "We agreed on blue.")
    own = SummaryPoint(id="own", section=Section.TOPIC, text="The house", by=AccountId("bob"))
    changed = SummaryPoint(
        id="changed", section=Section.DECISIONS, text="Sky blue", sources=(message_id,), by=AccountId("bob")
    )
    unsourced = SummaryPoint(id="machine", section=Section.TOPIC, text="A house, blue")
    previous = (own, changed, unsourced)
    since = len(book.log)
    book.given("alice", EditMessage(message_id=message_id, text="We agreed on green."))
    assert taken(book, previous, since)[:3] == previous
    book.given("alice", DeleteMessage(message_id=message_id))
    assert taken(book, previous, since) == (own,)


def test_deleting_a_message_that_the_version_before_never_saw_takes_nothing_from_it() -> None:
    book = scene()
    unsourced = SummaryPoint(id="machine", section=Section.TOPIC, text="A house")
    message_id = book.posts("alice", "We agreed on blue.")
    book.given("alice", DeleteMessage(message_id=message_id))
    assert taken(book, (unsourced,)) == (unsourced,)


def test_an_answer_given_anew_takes_the_place_of_the_old_one_in_old_points_too() -> None:
    book = scene()
    ends(book, asked(book, "which colour"), "We decided on red.")
    posted = next(event for event in book.log if isinstance(event, MessagePosted) and event.message.turn_id)
    message_id = posted.message.id
    head = {"room_id": "room", "at": posted.at, "actor_id": AccountId("bot"), "message_id": message_id}
    answer = Answer(turn_id=TurnId("t2"), at=posted.at, text="We decided on green.", taint=(Taint.WEB,))
    anew = AnswerRegenerated.model_validate({**head, "seq": 90, "id": "e90", "answer": answer, "revision": 2})
    back = AnswerChosen.model_validate({**head, "seq": 91, "id": "e91", "index": 0, "revision": 3})
    first = taken(book)
    assert "@bot: We decided on red." in {point.text for point in first}

    def texts(*events: AnswerRegenerated | AnswerChosen, with_log: bool) -> set[str]:
        log = [*book.log, *events] if with_log else list(events)
        return {
            point.text
            for point in extract(() if with_log else first, log, NAMES, new_id=counted_ids())
            if message_id in point.sources
        }

    assert texts(anew, with_log=True) == texts(anew, with_log=False) == {"@bot: We decided on green."}
    assert texts(anew, back, with_log=True) == {"@bot: We decided on red."}
    assert texts(anew, back, with_log=False) == set()  # which one was chosen, these events do not say
    assert event_adapter.validate_python(anew.model_dump()) == anew


def test_a_summary_stays_bounded_over_many_versions_and_keeps_what_a_person_wrote() -> None:
    own = SummaryPoint(id="own", section=Section.OTHER, text="Written by bob.", by=AccountId("bob"))
    points: tuple[SummaryPoint, ...] = (own, SummaryPoint(id="old", section=Section.OTHER, text="By a model."))
    for number in range(60):
        book = scene()
        for _ in range(5):
            book.posts("bob", f"We decided number {number}. " * 3 + "What next? TODO: more " + "x" * 500)
            book.posts("bob", f"Weather of day {number}")
        points = extract(points, book.log, NAMES, new_id=counted_ids(f"p{number}.{{}}"))
    assert own in points
    assert "By a model." not in {point.text for point in points}
    assert len(points) < 130
    assert any("number 59" in point.text for point in points)
    assert all("number 1." not in point.text for point in points)


points_of_all_kinds = st.builds(
    SummaryPoint,
    id=st.uuids().map(str),
    section=st.sampled_from(Section),
    text=st.text("ab", min_size=1, max_size=3),
    sources=st.lists(st.integers(1, 20).map(lambda number: MessageId(f"01J{number:023}")), max_size=2).map(tuple),
    by=st.sampled_from([None, None, AccountId("alice")]),
)


@settings(deadline=None)
@given(st.lists(points_of_all_kinds, max_size=30, unique_by=lambda point: point.id), st.integers(0, 30))
def test_of_too_many_points_the_oldest_of_a_machine_fall_out_and_a_persons_never(
    points: list[SummaryPoint], most: int
) -> None:
    kept = bounded(points, most)
    assert [point for point in points if point in kept] == list(kept)
    persons = [point for point in points if point.by is not None]
    assert all(point in kept for point in persons)
    assert len(kept) == min(len(points), max(most, len(persons)))
    left_out = [max(point.sources, default="") for point in points if point not in kept]
    stayed = [max(point.sources, default="") for point in kept if point.by is None]
    assert not left_out or not stayed or max(left_out) <= min(stayed)


texts = st.lists(
    st.one_of(
        st.sampled_from(
            ["We decided X. ", "Why? ", "I'll go. ", "我们决定了。", "好吗？", "```TODO", "> quote\n", "\n"]
        ),
        st.text(max_size=20),
    ),
    min_size=1,
    max_size=6,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["alice", "bob"]), texts.filter(lambda text: bool(text.strip("\0 \n\t")))), max_size=8
    ),
    st.lists(points_of_all_kinds, max_size=5, unique_by=lambda point: point.id),
    st.data(),
)
def test_every_new_point_rests_on_exactly_one_message_that_is_there(
    talk: list[tuple[str, str]], previous: list[SummaryPoint], data: st.DataObject
) -> None:
    log = scene().log[:1]
    there = []
    for number, (author, text) in enumerate(talk):
        message_id = MessageId(f"01K{number:023}")
        there.append(message_id)
        log.append(
            MessagePosted.model_validate(
                {
                    "room_id": "room",
                    "seq": number + 2,
                    "id": message_id,
                    "at": log[0].at,
                    "actor_id": author,
                    "message": {"id": message_id, "text": text},
                }
            )
        )
    gone = data.draw(st.sets(st.sampled_from(there))) if there else set()
    log += [
        event_adapter.validate_python(
            {
                "type": "message_deleted",
                "room_id": "room",
                "seq": 100 + number,
                "id": f"d{number}",
                "at": log[0].at,
                "actor_id": "alice",
                "message_id": message_id,
            }
        )
        for number, message_id in enumerate(sorted(gone))
    ]
    made = extract(previous, log, NAMES, new_id=counted_ids("new{}"))
    assert len(made) <= MAX_POINTS
    assert carried(previous, hear(log, NAMES)) == tuple(previous)
    new = [point for point in made if point.id.startswith("new")]
    assert [point for point in made if point not in new] == previous
    assert len({point.id for point in new}) == len(new)
    for point in new:
        (source,) = point.sources
        assert source in there
        assert source not in gone
