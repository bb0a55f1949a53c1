"""What a room remembers: the summary as people edit it, facts, the budget; and what goes with a deleted message."""

import pytest

from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import (
    DeleteMessage,
    EditSummary,
    ForgetFact,
    InviteMember,
    PinFact,
    SetBudget,
    SetRoomSettings,
)
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import BudgetSet, FactForgotten, FactPinned, MessageDeleted, SummaryUpdated
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.inner_commands import UpdateSummary
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import PointEdit, Section, SummaryPoint, summary_text
from multiplayer.protocol.rooms import ReadMark, RoomSettings, Snapshot
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.snapshot import snapshot_of
from tests.rooms.asking import room
from tests.support.playbook import Playbook, account, points, room_of, such

BOB = AccountId("bob")
MONEY = Budget(total=Caps(micros_per_month=5_000_000), per_asker=Caps(tokens_per_day=9))


def summed_up(book: Playbook, *texts: str, sources: tuple[MessageId, ...] = (), taint: tuple[Taint, ...] = ()) -> None:
    """Let the AI sum up all that was said so far."""
    summary = book.room.state.summary
    turn_id = book.runs("alice", "bot")
    command = UpdateSummary(
        turn_id=turn_id,
        fence=1,
        version=(summary.version if summary else 0) + 1,
        points=points(*texts, sources=sources),
        up_to_seq=book.room.seq,
        method="demo",
        taint=taint,
        brief="kept",
    )
    book.given("bot", command)


def held(book: Playbook) -> list[SummaryPoint]:
    summary = book.room.state.summary
    return list(summary.points) if summary else []


def edit(text: str, point_id: str | None = None, section: Section = Section.TOPIC) -> PointEdit:
    return PointEdit(id=point_id, section=section, text=text)


def test_an_edit_makes_a_new_version_and_marks_what_a_person_wrote() -> None:
    book = room()
    message_id = book.posts("bob", "we meet on Monday")
    summed_up(book, "they meet on Monday", "it rains", sources=(message_id,), taint=(Taint.WEB,))
    before = book.room.state.summary
    assert before is not None
    change = (edit("it rains", "p2"), edit("we meet  on Friday", "p1", Section.DECISIONS), edit("bring cake"))
    assert (
        book
        >> ("bob", EditSummary(version=1, points=change))
        << such(SummaryUpdated, version=2, edited_by="bob", method="edited", up_to_seq=before.up_to_seq)
    )
    rain, friday, cake = held(book)
    assert (rain.by, rain.id) == (None, "p2")
    assert friday == SummaryPoint(
        id="p1", section=Section.DECISIONS, text="we meet on Friday", sources=(message_id,), by=BOB
    )
    assert (cake.by, cake.text, cake.sources) == (BOB, "bring cake", ())
    after = book.room.state.summary
    assert after is not None
    assert (after.taint, after.brief) == (before.taint, before.brief)


def test_what_a_person_wrote_is_kept_word_for_word_by_later_versions() -> None:
    book = room()
    summed_up(book, "a point")
    book.given("bob", EditSummary(version=1, points=(edit("our words", "p1"), edit("and these"))))
    ours = held(book)
    turn_id = next(iter(book.room.state.turns))

    def version(*of: SummaryPoint) -> UpdateSummary:
        return UpdateSummary(turn_id=turn_id, fence=1, version=3, points=of, up_to_seq=book.room.seq, method="demo")

    forged = SummaryPoint(id="x", section=Section.TOPIC, text="what alice never said", by=AccountId("alice"))
    changed = ours[0].model_copy(update={"text": "other words"})
    for wrong in ((), ours[:1], [changed, ours[1]], [*ours, forged]):
        assert (book >> ("bot", version(*wrong))).refuses(RefusalCode.CONFLICT, "wrote")
    assert book >> ("bot", version(*points("new"), *reversed(ours))) << such(SummaryUpdated, version=3)
    book.given("bob", EditSummary(version=3, points=(edit("our words", "p1"),)))
    assert [point.text for point in held(book)] == ["our words"]


def test_of_two_who_edit_at_once_the_second_is_told() -> None:
    book = room()
    book.given("alice", EditSummary(version=0, points=(edit("one"),)))
    assert (book >> ("bob", EditSummary(version=0, points=(edit("two"),)))).refuses(RefusalCode.CONFLICT, "meanwhile")
    assert [point.text for point in held(book)] == ["one"]


def test_an_edit_names_points_that_are_there_once_each_and_says_something() -> None:
    book = room()
    summed_up(book, "one", "two")
    for wrong in ((edit("x", "p9"),), (edit("one", "p1"), edit("x", "p1")), (edit(" ", "p1"),)):
        assert (book >> ("bob", EditSummary(version=1, points=wrong))).refuses(RefusalCode.MALFORMED)
    same = (edit("one", "p1"), edit("two", "p2"))
    assert (book >> ("bob", EditSummary(version=1, points=same))).refuses(RefusalCode.NO_CHANGE)
    assert book >> ("bob", EditSummary(version=1, points=())) << such(SummaryUpdated, version=2, points=())


def test_a_deleted_message_takes_along_what_was_derived_from_it() -> None:
    book = room()
    gone, stays = book.posts("bob", "a secret"), book.posts("bob", "no secret")
    turn_id = book.runs("alice", "bot")
    parts = (
        *points("from both", sources=(gone, stays)),
        SummaryPoint(id="s", section=Section.FACTS, text="from the other", sources=(stays,)),
        SummaryPoint(id="n", section=Section.OTHER, text="from nowhere"),
    )
    book.given(
        "bot",
        UpdateSummary(
            turn_id=turn_id, fence=1, version=1, points=parts, up_to_seq=book.room.seq, method="demo", brief="kept"
        ),
    )
    book.given("alice", EditSummary(version=1, points=(*(edit(p.text, p.id, p.section) for p in parts), edit("ours"))))
    fact = book.given("bob", PinFact(text="the secret", message_id=gone))[0]
    other = book.given("bob", PinFact(text="not the secret", message_id=stays))[0]
    assert isinstance(fact, FactPinned)
    assert isinstance(other, FactPinned)
    assert (
        book
        >> ("bob", DeleteMessage(message_id=gone))
        << such(MessageDeleted, message_id=gone)
        << such(SummaryUpdated, version=3, method="erased", edited_by=None, brief="kept")
        << such(FactForgotten, fact_id=fact.fact.id)
    )
    assert [point.text for point in held(book)] == ["from the other", "ours"]
    assert book.room.state.notes.facts == (other.fact,)


def test_a_message_that_the_summary_does_not_cover_leaves_it_as_it_is() -> None:
    book = room()
    book.posts("bob", "before")
    summed_up(book, "from nowhere")
    later = book.posts("bob", "after")
    assert book >> ("bob", DeleteMessage(message_id=later)) << such(MessageDeleted)


def test_a_fact_is_pinned_once_and_forgotten_once() -> None:
    book = room()
    assert book >> ("bob", PinFact(text=" the sea\nis deep ")) << such(FactPinned)
    fact = book.room.state.notes.facts[0]
    assert (fact.text, fact.by, fact.at, fact.message_id) == ("the sea is deep", BOB, book.at, None)
    assert (book >> ("alice", PinFact(text="the sea is deep"))).refuses(RefusalCode.NO_CHANGE)
    assert (book >> ("alice", PinFact(text=" \n"))).refuses(RefusalCode.MALFORMED)
    assert book >> ("alice", ForgetFact(fact_id=fact.id)) << such(FactForgotten, fact_id=fact.id)
    assert (book >> ("alice", ForgetFact(fact_id=fact.id))).refuses(RefusalCode.NOT_FOUND)
    assert book.room.state.notes.facts == ()


def test_a_fact_comes_from_a_message_that_stands() -> None:
    book = room()
    message_id = book.posts("bob", "a fact")
    assert (book >> ("bob", PinFact(text="x", message_id=MessageId("none")))).refuses(RefusalCode.NOT_FOUND)
    book.given("bob", DeleteMessage(message_id=message_id))
    assert (book >> ("bob", PinFact(text="x", message_id=message_id))).refuses(RefusalCode.CONFLICT)


def test_a_room_knows_so_many_facts() -> None:
    book = Playbook(room_of(alice="owner"), limits=RoomLimits(facts=2))
    for number in range(2):
        book.given("alice", PinFact(text=f"fact {number}"))
    assert (book >> ("alice", PinFact(text="one more"))).refuses(RefusalCode.LIMIT_REACHED)


def test_the_budget_is_set_as_a_whole() -> None:
    book = room()
    assert book >> ("alice", SetBudget(budget=MONEY)) << such(BudgetSet, budget=MONEY)
    assert book.room.state.notes.budget == MONEY
    assert (book >> ("alice", SetBudget(budget=MONEY))).refuses(RefusalCode.NO_CHANGE)
    assert book >> ("alice", SetBudget(budget=Budget())) << such(BudgetSet)
    assert book.room.state.notes.budget.total == Caps()


@pytest.mark.parametrize("sees_history", [True, False])
def test_a_guest_is_shown_facts_and_summary_only_with_the_history_and_never_the_budget(sees_history: bool) -> None:
    book = Playbook(room_of(alice="owner", bob="member", bot="ai"), accounts=[account("gina")])
    summed_up(book, "a point")
    book.given("alice", PinFact(text="the sea is deep"))
    book.given("alice", SetBudget(budget=MONEY))
    book.given("alice", SetRoomSettings(settings=RoomSettings(guests_see_history=sees_history, persona="Be brief.")))
    book.given("alice", InviteMember(handle="gina", role=Role.GUEST))
    shown = shown_to(book, "gina")
    assert (bool(shown.facts), shown.summary is not None) == (sees_history, sees_history)
    assert shown.budget == Budget()
    shown = shown_to(book, "bob")
    assert shown.facts == book.room.state.notes.facts
    assert shown.budget == MONEY


def shown_to(book: Playbook, reader: str) -> Snapshot:
    return snapshot_of(
        book.room.state,
        reader=book.room.reader(AccountId(reader)),
        messages=tuple(book.messages.values()),
        online=(),
        read=ReadMark(),
        texts={},
    )


def test_a_summary_reads_as_headings_and_points_with_their_messages() -> None:
    book = room()
    message_id = book.posts("bob", "we meet")
    summed_up(book, "they meet", sources=(message_id,))
    book.given(
        "bob", EditSummary(version=1, points=(edit("they meet", "p1"), edit("cake?", section=Section.QUESTIONS)))
    )
    assert summary_text(tuple(held(book))) == (
        f"Topic:\n- they meet (message {message_id})\n\nOpen questions:\n- cake?"
    )
