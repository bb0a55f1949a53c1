"""What a room forgets by itself: by its rule, or because a person's content is erased."""

from datetime import timedelta

import pytest

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import (
    ArchiveRoom,
    DeleteMessage,
    EditMessage,
    PinFact,
    PinMessage,
    RemoveAttachment,
    SetRoomSettings,
)
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import (
    AttachmentChanged,
    FactForgotten,
    FactPinned,
    MessageDeleted,
    RoomSettingsSet,
    SummaryUpdated,
)
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.inner_commands import (
    EndTurn,
    ForgetFiles,
    ForgetMessages,
    StartTurn,
    UpdateSummary,
)
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import Section, SummaryPoint
from multiplayer.protocol.retention import Retention
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.forgetting_rules import TOO_OLD, in_force
from multiplayer.rooms.limits import RoomLimits
from tests.support.playbook import Playbook, points, room_of, such

DAY_S = timedelta(days=1).total_seconds()
HOST = "host"
"""No member of any room."""


def book_of(rule: Retention | None = None, *, limits: RoomLimits | None = None) -> Playbook:
    settings = RoomSettings(retention=rule or Retention())
    first = room_of(settings=settings, alice="owner", adam="admin", bob="member", bot="ai")
    return Playbook(first, limits=limits)


def by_rule(*message_ids: MessageId) -> ForgetMessages:
    return ForgetMessages(message_ids=message_ids, because="retention")


def erased(*message_ids: MessageId) -> ForgetMessages:
    return ForgetMessages(message_ids=message_ids, because="erasure")


def test_who_is_no_member_may_have_messages_forgotten_and_the_log_says_why() -> None:
    book = book_of()
    one, two = book.posts("alice", "one"), book.posts("bob", "two")
    assert (
        book
        >> (HOST, erased(one, two))
        << such(MessageDeleted, message_id=one, because="erasure", actor_id=HOST)
        << such(MessageDeleted, message_id=two, because="erasure")
    )
    assert [book.messages[each].text for each in (one, two)] == ["", ""]
    assert book.replayed() == book.log


def test_what_somebody_deletes_says_no_more_than_it_did() -> None:
    book = book_of()
    event = book.given("bob", DeleteMessage(message_id=book.posts("bob", "mine")))[0]
    assert b"because" not in encode(event)


def test_messages_that_are_gone_already_are_passed_over() -> None:
    book = book_of()
    gone, here = book.posts("bob", "gone"), book.posts("bob", "here")
    book.given("bob", DeleteMessage(message_id=gone))
    command = erased(MessageId("never"), gone, here, here)
    assert book >> (HOST, command) << such(MessageDeleted, message_id=here)
    assert (book >> (HOST, command)).refuses(RefusalCode.NO_CHANGE)


def test_all_that_was_derived_goes_by_one_new_version_of_the_summary() -> None:
    book = book_of()
    one, two, stays = book.posts("bob", "one"), book.posts("bob", "two"), book.posts("bob", "stays")
    turn_id = book.runs("alice", "bot")
    parts = (
        *points("of one", sources=(one,)),
        SummaryPoint(id="b", section=Section.FACTS, text="of two", sources=(two, stays)),
        SummaryPoint(id="c", section=Section.FACTS, text="of another", sources=(stays,)),
    )
    seq = book.room.seq
    book.given(
        "bot", UpdateSummary(turn_id=turn_id, fence=1, version=1, points=parts, up_to_seq=seq, method="demo", brief="b")
    )
    facts = [book.given("bob", PinFact(text=text, message_id=each))[0] for text, each in (("x", one), ("y", two))]
    kept = book.given("bob", PinFact(text="z", message_id=stays))[0]
    first, second = [event.fact.id for event in facts if isinstance(event, FactPinned)]
    assert isinstance(kept, FactPinned)
    assert (
        book
        >> (HOST, erased(one, two))
        << such(MessageDeleted, message_id=one)
        << such(MessageDeleted, message_id=two)
        << such(SummaryUpdated, version=2, points=parts[2:], method="erased", up_to_seq=seq, brief="b")
        << such(FactForgotten, fact_id=first)
        << such(FactForgotten, fact_id=second)
    )
    assert book.room.state.notes.facts == (kept.fact,)


def test_files_pins_and_archived_rooms_do_not_hold_an_erasure_up() -> None:
    book = book_of(Retention(messages_days=1))
    file = book.uploads("bob", "plan.pdf")
    message_id = book.posts("bob", "see", files=[file])
    book.given("alice", PinMessage(message_id=message_id))
    book.given("alice", ArchiveRoom(is_archived=True))
    assert book >> (HOST, erased(message_id)) << such(MessageDeleted, message_id=message_id)
    assert book.uploaded[file].attachment.state is AttachmentState.REMOVED
    assert book.room.state.pins == ()


def test_what_is_as_old_as_the_rule_says_goes_and_what_is_younger_stays() -> None:
    book = book_of(Retention(messages_days=3))
    old = book.posts("bob", "old")
    young = book.later(DAY_S).posts("bob", "young")
    # Each command takes a second.
    book.later(2 * DAY_S - 3)
    assert (book >> (HOST, by_rule(old, young))).refuses(RefusalCode.NO_CHANGE)
    assert book >> (HOST, by_rule(old, young)) << such(MessageDeleted, message_id=old, because="retention")
    assert book.messages[young].text == "young"


def test_an_edit_makes_a_message_no_younger() -> None:
    book = book_of(Retention(messages_days=1))
    message_id = book.posts("bob", "old")
    book.later(DAY_S).given("bob", EditMessage(message_id=message_id, text="as new"))
    assert book >> (HOST, by_rule(message_id)) << such(MessageDeleted)


def test_a_rule_that_was_taken_back_meanwhile_deletes_nothing_more() -> None:
    book = book_of(Retention(messages_days=1, files_days=1))
    message_id = book.posts("bob", "old", files=[book.uploads("bob", "plan.pdf")])
    book.later(2 * DAY_S).given("alice", SetRoomSettings(settings=RoomSettings()))
    assert (book >> (HOST, by_rule(message_id))).refuses(RefusalCode.NO_CHANGE)
    assert (book >> (HOST, ForgetFiles(message_ids=(message_id,)))).refuses(RefusalCode.NO_CHANGE)


@pytest.mark.parametrize("keeps_pinned", [True, False])
def test_pinned_messages_and_their_files_stay_if_the_rule_keeps_them(keeps_pinned: bool) -> None:
    for command in (by_rule, lambda one: ForgetFiles(message_ids=(one,))):
        is_files = command is not by_rule
        rule = Retention(messages_days=None if is_files else 1, files_days=1, keeps_pinned=keeps_pinned)
        book = book_of(rule)
        message_id = book.posts("bob", "see", files=[book.uploads("bob", "plan.pdf")])
        book.given("alice", PinMessage(message_id=message_id))
        book.later(2 * DAY_S)
        if keeps_pinned:
            assert (book >> (HOST, command(message_id))).refuses(RefusalCode.NO_CHANGE)
        else:
            assert book >> (HOST, command(message_id)) << such(AttachmentChanged if is_files else MessageDeleted)


def test_what_a_turn_is_about_waits_until_it_has_ended() -> None:
    book = book_of(Retention(messages_days=1))
    asked, steered = book.posts("bob", "@bot hello"), book.posts("bob", "and more")
    turn_id = next(iter(book.room.state.turns))
    book.given("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod"))
    book.later(2 * DAY_S)
    assert book >> (HOST, by_rule(asked, steered)) << such(MessageDeleted, message_id=steered)
    book.given("bot", EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE))
    assert book >> (HOST, by_rule(asked, steered)) << such(MessageDeleted, message_id=asked)


def test_old_files_go_and_their_words_stay() -> None:
    book = book_of(Retention(files_days=1))
    kept, gone = book.uploads("bob", "plan.pdf"), book.uploads("bob", "cake.png")
    message_id = book.posts("bob", "see", files=[kept, gone])
    book.given("bob", RemoveAttachment(message_id=message_id, attachment_id=gone))
    command = ForgetFiles(message_ids=(message_id, MessageId("never")))
    assert (book >> (HOST, command)).refuses(RefusalCode.NO_CHANGE)
    book.later(DAY_S)
    assert book >> (HOST, command) << such(AttachmentChanged, message_id=message_id, actor_id=HOST)
    message = book.messages[message_id]
    assert message.text == "see"
    assert [(file.name, file.state) for file in message.attachments] == [("", AttachmentState.REMOVED)] * 2
    assert message.attachments[0].reason == TOO_OLD
    assert (book >> (HOST, command)).refuses(RefusalCode.NO_CHANGE)


def test_the_server_s_own_rule_holds_where_the_room_has_none_or_a_longer_one() -> None:
    limits = RoomLimits(retention_days=2)
    for rule in (Retention(), Retention(messages_days=9, files_days=9)):
        book = book_of(rule, limits=limits)
        message_id = book.posts("bob", "old")
        assert (book.later(DAY_S) >> (HOST, by_rule(message_id))).refuses(RefusalCode.NO_CHANGE)
        assert book.later(DAY_S) >> (HOST, by_rule(message_id)) << such(MessageDeleted)
    direct = Playbook(room_of(kind=RoomKind.DIRECT, alice="owner", bob="owner"), limits=limits)
    message_id = direct.posts("bob", "old")
    assert direct.later(2 * DAY_S) >> (HOST, by_rule(message_id)) << such(MessageDeleted)


@pytest.mark.parametrize(
    ("rule", "most", "holds"),
    [
        (Retention(), None, Retention()),
        (Retention(), 9, Retention(messages_days=9)),
        (Retention(messages_days=5), 9, Retention(messages_days=5)),
        (Retention(messages_days=15), 9, Retention(messages_days=9)),
        (Retention(files_days=5), None, Retention(files_days=5)),
        (Retention(files_days=5), 9, Retention(messages_days=9, files_days=5)),
        (Retention(files_days=15), 9, Retention(messages_days=9)),
        (Retention(messages_days=5, files_days=5), None, Retention(messages_days=5)),
        (
            Retention(messages_days=5, files_days=2, keeps_pinned=False),
            9,
            Retention(messages_days=5, files_days=2, keeps_pinned=False),
        ),
    ],
)
def test_what_holds_is_the_shorter_of_the_room_s_rule_and_the_server_s(
    rule: Retention, most: int | None, holds: Retention
) -> None:
    assert in_force(rule, RoomLimits(retention_days=most)) == holds


def test_only_owners_set_the_rule_and_nobody_a_longer_one_than_the_server_s() -> None:
    book = book_of(limits=RoomLimits(retention_days=30))

    def setting(**rule: int) -> SetRoomSettings:
        return SetRoomSettings(settings=RoomSettings(retention=Retention.model_validate(rule)))

    for who in ("adam", "bob", "bot"):
        assert (book >> (who, setting(messages_days=9))).refuses(RefusalCode.FORBIDDEN)
    for longer in (setting(messages_days=31), setting(files_days=31)):
        assert (book >> ("alice", longer)).refuses(RefusalCode.LIMIT_REACHED, "30 days")
    assert book >> ("alice", setting(messages_days=9)) << such(RoomSettingsSet)
    assert (book >> ("adam", setting())).refuses(RefusalCode.FORBIDDEN, "only owners")
    # An admin may change what else there is.
    now = book.room.state.room.settings
    assert book.room.state.members[next(iter(book.room.state.members))].role is Role.OWNER
    assert (
        book >> ("adam", SetRoomSettings(settings=now.model_copy(update={"persona": "kind"}))) << such(RoomSettingsSet)
    )


def test_settings_of_a_room_that_keeps_all_are_written_as_ever() -> None:
    assert b"retention" not in encode(room_of(alice="owner"))
    book = book_of(Retention(keeps_pinned=False))
    assert b'"retention"' in encode(book.log[0])
    assert book.replayed() == book.log
