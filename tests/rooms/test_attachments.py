"""Files of messages: who attaches which, what is told of them afterwards, and who takes one off."""

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from multiplayer.protocol.attachments import MAX_ATTACHMENTS, Attachment, AttachmentState, FileFamily
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import (
    AnyCommand,
    ArchiveRoom,
    ChooseAnswer,
    DeleteMessage,
    DeleteRoom,
    EditMessage,
    InviteMember,
    PostMessage,
    RegenerateAnswer,
    RemoveAttachment,
    RemoveMember,
    SetRoomSettings,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
)
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.inner_commands import EndTurn, SettleAttachment, StartTurn
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.timeline import fold_message
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.facts import Facts, Needs
from multiplayer.rooms.limits import RoomLimits
from tests.support.playbook import Playbook, account, room_of, such

READY, PENDING = AttachmentState.READY, AttachmentState.PENDING
FAILED, REMOVED = AttachmentState.FAILED, AttachmentState.REMOVED
NO_FILE, NO_MESSAGE = AttachmentId("none"), MessageId("nowhere")


def team() -> Playbook:
    return Playbook(room_of(olga="owner", alice="admin", bob="member", carol="member", bot="ai"))


def with_file(book: Playbook, state: AttachmentState = PENDING, *, by: str = "bob") -> tuple[MessageId, AttachmentId]:
    """Let someone post a message with one file."""
    file = book.uploads(by, "plan.pdf", state=state)
    return book.posts(by, "the plan", files=[file]), file


def files_of(book: Playbook, message_id: MessageId) -> Sequence[Attachment]:
    return book.messages[message_id].attachments


def test_a_message_has_its_files_in_the_order_they_were_named_each_as_it_stands() -> None:
    book = team()
    one, two = book.uploads("bob", "one.txt", state=PENDING), book.uploads("bob", "two.txt", size=7)
    expected = tuple(book.uploaded[file].attachment for file in (two, one))
    assert [(file.name, file.state, file.size) for file in expected] == [
        ("two.txt", READY, 7),
        ("one.txt", PENDING, 1000),
    ]
    assert (
        book
        >> ("bob", PostMessage(text="see", attachments=(two, one)))
        << such(MessagePosted, text="see", attachments=expected)
    )
    assert files_of(book, MessageId(book.log[-1].id)) == expected


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_message_with_a_file_needs_no_text_and_one_without_needs_some(text: str) -> None:
    book = team()
    file = book.uploads("bob", "photo.png")
    assert (book >> ("bob", PostMessage(text=text))).refuses(RefusalCode.MALFORMED, "some text")
    [posted] = book.given("bob", PostMessage(text=text, attachments=(file,)))
    assert isinstance(posted, MessagePosted)
    assert not posted.message.text.strip()


def test_the_text_beside_a_file_is_bounded_as_any() -> None:
    book = Playbook(room_of(alice="owner"), limits=RoomLimits(text=10))
    file = book.uploads("alice", "photo.png")
    assert (book >> ("alice", PostMessage(text="a" * 11, attachments=(file,)))).refuses(RefusalCode.TOO_LONG)
    book.posts("alice", "a" * 10, files=[file])


def test_a_file_alone_in_reply_to_an_ai_asks_it() -> None:
    book = team()
    said = book.posts("bot", "which plan?")
    file = book.uploads("bob", "plan.pdf")
    assert (
        book
        >> ("bob", PostMessage(text="", reply_to=said, attachments=(file,)))
        << such(MessagePosted, text="", thread_root=said)
        << such(TurnRequested, ai_id="bot", actor_id="bob", reason=TurnReason.REPLY)
    )


def test_the_name_of_a_file_mentions_nobody() -> None:
    book = team()
    file = book.uploads("bob", "@bot @all.txt")
    posted = such(MessagePosted, mentions=(), mention_groups=())
    assert book >> ("bob", PostMessage(text="see", attachments=(file,))) << posted


def test_only_ones_own_uploads_to_this_room_are_there() -> None:
    book = team()
    theirs, own = book.uploads("carol", "theirs.txt"), book.uploads("bob", "own.txt")
    refusals = []
    for files in ((theirs,), (NO_FILE,), (own, theirs)):
        with pytest.raises(Refused) as refused:
            book.decide("bob", PostMessage(text="see", attachments=files))
        refusals.append((refused.value.code, refused.value.message))
    # Whose file it is that cannot be had is not told.
    assert set(refusals) == {(RefusalCode.NOT_FOUND, "there is no such upload of yours in this room")}
    # An admin has no more right to it.
    assert (book >> ("alice", PostMessage(text="see", attachments=(own,)))).refuses(RefusalCode.NOT_FOUND)
    book.posts("bob", "see", files=[own])


def test_a_file_is_attached_once() -> None:
    book = team()
    file, other = book.uploads("bob", "plan.pdf"), book.uploads("bob", "other.pdf")
    twice = PostMessage(text="see", attachments=(file, other, file))
    assert (book >> ("bob", twice)).refuses(RefusalCode.MALFORMED, "once")
    message_id = book.posts("bob", "see", files=[file])
    again = PostMessage(text="see", attachments=(other, file))
    assert (book >> ("bob", again)).refuses(RefusalCode.CONFLICT, "plan.pdf is attached to another message already")
    book.given("bob", DeleteMessage(message_id=message_id))
    assert (book >> ("bob", again)).refuses(RefusalCode.CONFLICT)
    book.posts("bob", "see", files=[other])


def test_two_messages_decided_together_do_not_both_have_a_file() -> None:
    book = team()
    file = book.uploads("bob", "plan.pdf")
    command = PostMessage(text="see", attachments=(file,))
    needs = book.room.needs(AccountId("bob"), command)
    assert needs == Needs(attachments=frozenset({file}))
    facts = Facts.of({}, [], uploads={file: book.uploaded[file]})
    for event in book.given("bob", command):
        facts.apply(event)
    assert facts.uploads[file].message_id == book.log[-1].id
    assert facts.uploads == book.uploaded


def test_needs_of_files_are_joined() -> None:
    room = team().room
    one, two = AttachmentId("one"), AttachmentId("two")
    needs = room.needs(AccountId("bob"), PostMessage(text="a", attachments=(one,)))
    needs |= room.needs(AccountId("bob"), PostMessage(text="b", attachments=(two,), reply_to=NO_MESSAGE))
    needs |= room.needs(AccountId("bob"), RemoveAttachment(message_id=MessageId("m"), attachment_id=one))
    assert needs == Needs(attachments=frozenset({one, two}), messages=frozenset({NO_MESSAGE, MessageId("m")}))
    assert needs


def test_a_message_has_at_most_ten_files() -> None:
    book = team()
    files = tuple(book.uploads("bob", f"{number}.txt") for number in range(MAX_ATTACHMENTS + 1))
    message_id = book.posts("bob", "", files=files[:MAX_ATTACHMENTS])
    assert [file.id for file in files_of(book, message_id)] == list(files[:10])
    with pytest.raises(ValidationError, match="at most 10 items"):
        PostMessage(text="", attachments=files)


@pytest.mark.parametrize("state", AttachmentState)
def test_what_is_there_or_still_comes_may_be_attached(state: AttachmentState) -> None:
    book = team()
    file = book.uploads("bob", "plan.pdf", state=state)
    book >> ("bob", PostMessage(text="see", attachments=(file,)))
    if state in {PENDING, READY}:
        assert book << such(MessagePosted, attachments=(book.uploaded[file].attachment,))
    else:
        assert book.refuses(RefusalCode.CONFLICT, "plan.pdf did not arrive: upload it again")


@pytest.mark.parametrize("role", Role)
def test_who_may_attach_is_who_the_table_says(role: Role) -> None:
    settings = RoomSettings(guests_post=True, guests_ask_ai=True, guests_see_workspace=True)
    book = Playbook(room_of(olga="owner", dave=role, settings=settings))
    file = book.uploads("dave", "plan.pdf")
    book.posts("dave", "without a file everybody may")
    book >> ("dave", PostMessage(text="see", attachments=(file,)))
    if role is Role.GUEST:
        assert book.refuses(RefusalCode.FORBIDDEN, "as guest of this room you may not attach files")
    else:
        assert book << such(MessagePosted, text="see")


def test_in_an_archived_room_nothing_is_attached_or_taken_off() -> None:
    book = team()
    message_id, file = with_file(book)
    book.given("olga", ArchiveRoom())
    more = book.uploads("bob", "more.pdf")
    for command in (
        PostMessage(text="see", attachments=(more,)),
        RemoveAttachment(message_id=message_id, attachment_id=file),
    ):
        assert (book >> ("bob", command)).refuses(RefusalCode.ARCHIVED)


def settled(book: Playbook, message_id: MessageId, file: AttachmentId) -> SettleAttachment:
    return SettleAttachment(message_id=message_id, attachment=book.uploaded[file].attachment)


def test_that_a_file_has_arrived_is_told_once() -> None:
    book = team()
    message_id, file = with_file(book)
    found = book.becomes(file, READY, size=1234, content_type="application/pdf", family=FileFamily.PDF, pages=3)
    assert (
        book
        >> ("bob", settled(book, message_id, file))
        << such(AttachmentChanged, message_id=message_id, attachment=found, actor_id="bob")
    )
    assert files_of(book, message_id) == (found,)
    assert (book >> ("bob", settled(book, message_id, file))).refuses(RefusalCode.NO_CHANGE)


def test_a_file_that_failed_may_arrive_after_all() -> None:
    book = team()
    message_id, file = with_file(book)
    book.becomes(file, FAILED, reason="it was cut off")
    failed = such(AttachmentChanged, attachment=book.uploaded[file].attachment)
    assert book >> ("bob", settled(book, message_id, file)) << failed
    assert (book >> ("bob", settled(book, message_id, file))).refuses(RefusalCode.NO_CHANGE)
    book.becomes(file, READY, reason="")
    assert book >> ("bob", settled(book, message_id, file)) << such(AttachmentChanged)
    assert [(one.state, one.reason) for one in files_of(book, message_id)] == [(READY, "")]


def test_only_the_file_that_is_told_of_changes() -> None:
    book = team()
    files = [book.uploads("bob", name, state=PENDING) for name in ("a", "b", "c")]
    message_id = book.posts("bob", "three", files=files)
    book.becomes(files[1], READY)
    book.given("bob", settled(book, message_id, files[1]))
    assert [(one.name, one.state) for one in files_of(book, message_id)] == [
        ("a", PENDING),
        ("b", READY),
        ("c", PENDING),
    ]


def test_a_file_is_told_of_in_an_archived_room_and_when_its_uploader_has_gone() -> None:
    book = team()
    message_id, file = with_file(book)
    other_message, other = with_file(book, by="carol")
    book.given("olga", RemoveMember(account_id=AccountId("bob")))
    book.given("olga", ArchiveRoom())
    for who, where, which in (("bob", message_id, file), ("carol", other_message, other)):
        book.becomes(which, READY)
        assert book >> (who, settled(book, where, which)) << such(AttachmentChanged, actor_id=who)


def test_what_nobody_has_any_more_is_not_told_of() -> None:
    book = team()
    deleted, gone = with_file(book)
    book.given("bob", DeleteMessage(message_id=deleted))
    kept, off = with_file(book)
    book.given("bob", RemoveAttachment(message_id=kept, attachment_id=off))
    arrived = Attachment(id=gone, name="plan.pdf", size=1, state=READY)
    for where, which in ((deleted, gone), (kept, off), (kept, NO_FILE), (NO_MESSAGE, gone)):
        command = SettleAttachment(message_id=where, attachment=arrived.model_copy(update={"id": which}))
        assert (book >> ("bob", command)).refuses(RefusalCode.NO_CHANGE, "this is known")
    book.given("olga", DeleteRoom())
    command = SettleAttachment(message_id=kept, attachment=arrived)
    assert (book >> ("bob", command)).refuses(RefusalCode.NOT_FOUND, "there is no such room")


def refused_to(book: Playbook, who: str, command: AnyCommand) -> RefusalCode | None:
    """Ask without taking what comes of it."""
    try:
        book.decide(who, command)
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize("state", [PENDING, READY, FAILED])
def test_its_author_and_who_may_delete_anybodys_message_take_a_file_off(state: AttachmentState) -> None:
    book = team()
    message_id, file = with_file(book)
    if state is not PENDING:
        book.becomes(file, state)
        book.given("bob", settled(book, message_id, file))
    command = RemoveAttachment(message_id=message_id, attachment_id=file)
    assert {who: refused_to(book, who, command) for who in ("bob", "olga", "alice", "carol", "bot", "dave")} == {
        "bob": None,
        "olga": None,
        "alice": None,
        "carol": RefusalCode.FORBIDDEN,
        "bot": RefusalCode.FORBIDDEN,
        "dave": RefusalCode.NOT_FOUND,
    }
    left = Attachment(id=file, name="", size=0, state=REMOVED)
    changed = such(AttachmentChanged, message_id=message_id, attachment=left, actor_id="alice")
    assert book >> ("alice", command) << changed
    assert files_of(book, message_id) == (left,)
    assert book.messages[message_id].text == "the plan"
    assert (book >> ("bob", command)).refuses(RefusalCode.NO_CHANGE, "this file was removed already")
    # The upload went with it.
    again = PostMessage(text="see", attachments=(file,))
    assert (book >> ("bob", again)).refuses(RefusalCode.CONFLICT)


def test_a_file_is_taken_off_the_message_that_has_it() -> None:
    book = team()
    message_id, file = with_file(book)
    other, _ = with_file(book)
    bare = book.posts("bob", "no files")
    for where, which in ((message_id, NO_FILE), (other, file), (bare, file), (NO_MESSAGE, file)):
        command = RemoveAttachment(message_id=where, attachment_id=which)
        assert (book >> ("bob", command)).refuses(RefusalCode.NOT_FOUND)
    book.given("bob", DeleteMessage(message_id=message_id))
    command = RemoveAttachment(message_id=message_id, attachment_id=file)
    assert (book >> ("bob", command)).refuses(RefusalCode.CONFLICT, "this message was deleted")


def test_to_a_restricted_guest_a_file_from_before_is_not_there() -> None:
    settings = RoomSettings(guests_see_history=False, guests_post=True)
    book = Playbook(room_of(alice="owner", settings=settings), accounts=[account("gwen")])
    message_id, file = with_file(book, by="alice")
    book.given("alice", InviteMember(handle="gwen", role=Role.GUEST))
    command = RemoveAttachment(message_id=message_id, attachment_id=file)
    assert (book >> ("gwen", command)).refuses(RefusalCode.NOT_FOUND, "there is no such message in this room")


def test_a_guest_who_was_a_member_takes_its_own_file_off_only_where_guests_post() -> None:
    book = Playbook(room_of(alice="owner", bob="guest", settings=RoomSettings()))
    file = book.uploads("bob", "plan.pdf")
    message = MessagePosted.model_validate(
        {
            **book.log[0].model_dump(include={"room_id", "at"}),
            "seq": 2,
            "id": "m1",
            "actor_id": "bob",
            "message": {"id": "m1", "text": "mine", "attachments": (book.uploaded[file].attachment,)},
        }
    )
    book.take(message)
    command = RemoveAttachment(message_id=MessageId("m1"), attachment_id=file)
    assert (book >> ("bob", command)).refuses(RefusalCode.FORBIDDEN)
    book.given("alice", SetRoomSettings(settings=RoomSettings(guests_post=True)))
    assert book >> ("bob", command) << such(AttachmentChanged)


def test_with_its_message_a_file_is_deleted_and_nothing_is_told_of_it() -> None:
    book = team()
    message_id, file = with_file(book)
    assert book >> ("bob", DeleteMessage(message_id=message_id)) << such(MessageDeleted, message_id=message_id)
    assert files_of(book, message_id) == ()
    assert book.uploaded[file].attachment.state is REMOVED
    assert b"plan.pdf" not in encode(book.messages[message_id])
    # A log that a client reads late: what is told after the deletion brings nothing back.
    late = AttachmentChanged(
        **book.log[-1].model_dump(include={"room_id", "seq", "id", "at", "actor_id"}),
        message_id=message_id,
        attachment=Attachment(id=file, name="plan.pdf", size=1, state=READY),
    )
    assert fold_message(book.messages[message_id], late) == book.messages[message_id]


def test_an_edit_keeps_the_files() -> None:
    book = team()
    message_id, _ = with_file(book)
    before = files_of(book, message_id)
    edited = such(MessageEdited, text="the old plan", revision=2)
    assert book >> ("bob", EditMessage(message_id=message_id, text="the old plan")) << edited
    assert files_of(book, message_id) == before != ()


def test_answers_given_again_leave_files_alone() -> None:
    book = team()
    message_id, file = with_file(book)
    asking = book.given("bob", PostMessage(text="@bot what do you say?", reply_to=message_id))
    assert isinstance(asking[1], TurnRequested)
    turn_id = asking[1].turn_id
    book.given("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod"))
    end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text="good")
    answer = MessageId(book.given("bot", end)[0].id)
    again = book.given("bob", RegenerateAnswer(message_id=answer))[0]
    assert isinstance(again, TurnRequested)
    book.becomes(file, READY)
    book.given("bob", settled(book, message_id, file))
    book.given("bot", StartTurn(turn_id=again.turn_id, fence=1, pod="pod"))
    told = book.given("bot", end.model_copy(update={"turn_id": again.turn_id, "text": "better"}))
    assert isinstance(told[0], AnswerRegenerated)
    chosen = such(AnswerChosen, message_id=answer, index=0)
    assert book >> ("bob", ChooseAnswer(message_id=answer, index=0)) << chosen
    assert files_of(book, answer) == ()
    assert [one.state for one in files_of(book, message_id)] == [READY]


def test_an_answer_carries_the_ais_own_files_that_are_there_and_ends_without_the_others() -> None:
    book = team()
    ready, coming, theirs = book.uploads("bot", "a"), book.uploads("bot", "b", state=PENDING), book.uploads("bob", "c")
    wanted = (coming, theirs, NO_FILE, ready)
    for carried in ((ready,), ()):
        turn_id = book.runs("bob", "bot")
        end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text="here", attachments=wanted)
        posted = book.given("bot", end)[0]
        assert isinstance(posted, MessagePosted)
        # The second time it is attached already.
        assert tuple(one.id for one in posted.message.attachments) == carried


def test_what_a_message_without_files_looks_like_on_the_wire_is_as_before() -> None:
    book = team()
    book.posts("bob", "no files")
    assert b"attachments" not in encode(book.log[-1])
    assert "attachments" not in PostMessage(text="a").model_dump_json()
