"""What is said in recordings: who writes it down, who corrects it, who has it stopped or begun again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from multiplayer.protocol.attachments import (
    MAX_TRANSCRIPT,
    Attachment,
    AttachmentState,
    FileFamily,
    Transcript,
    TranscriptState,
)
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import (
    AnyCommand,
    ArchiveRoom,
    AskTranscript,
    DeleteMessage,
    EditTranscript,
    InviteMember,
    RemoveAttachment,
    RemoveMember,
    SetRole,
    StopTranscript,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, event_adapter
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.inner_commands import SettleAttachment, SetTranscript
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.storage.redaction import redacted, traces_of
from tests.support.playbook import Playbook, account, room_of, such

QUEUED, RUNNING, DONE = TranscriptState.QUEUED, TranscriptState.RUNNING, TranscriptState.DONE
FAILED, STOPPED = TranscriptState.FAILED, TranscriptState.STOPPED
LEASE_S = 60.0


class Scene:
    """Bob has posted a recording."""

    def __init__(self, settings: RoomSettings | None = None) -> None:
        self.book = Playbook(
            room_of(olga="owner", alice="admin", bob="member", carol="member", bot="ai", settings=settings),
            accounts=[account("gwen")],
        )
        self.file = self.book.uploads("bob", "note.ogg")
        self.book.becomes(self.file, AttachmentState.READY, family=FileFamily.AUDIO)
        self.message_id = self.book.posts("bob", "hear", files=[self.file])

    @property
    def now(self) -> Attachment:
        return self.book.messages[self.message_id].attachments[0]

    def put(self, state: TranscriptState, *, claim: Transcript | None = None, **said: object) -> SetTranscript:
        if state is RUNNING:
            said["until"] = self.until(LEASE_S)
        transcript = Transcript.model_validate({"state": state, **said})
        return SetTranscript(
            message_id=self.message_id,
            attachment_id=self.file,
            transcript=transcript,
            claim=claim.until if claim is not None else None,
        )

    def until(self, seconds: float) -> datetime:
        return self.book.at + timedelta(seconds=seconds)

    def is_at(self, state: TranscriptState | None) -> "Scene":
        """Set the scene: bring the transcript so far."""
        for step in {
            None: (),
            QUEUED: (QUEUED,),
            RUNNING: (QUEUED, RUNNING),
            DONE: (QUEUED, RUNNING, DONE),
            FAILED: (QUEUED, RUNNING, FAILED),
            STOPPED: (QUEUED, STOPPED),
        }[state]:
            if step is STOPPED:
                self.book.given("bob", StopTranscript(message_id=self.message_id, attachment_id=self.file))
            else:
                said = {"text": "hello"} if step is DONE else {}
                self.book.given("bob", self.put(step, claim=self.now.transcript, **said))
        return self

    def edit(self, text: str) -> EditTranscript:
        return EditTranscript(message_id=self.message_id, attachment_id=self.file, text=text)

    @property
    def stop(self) -> StopTranscript:
        return StopTranscript(message_id=self.message_id, attachment_id=self.file)

    @property
    def ask(self) -> AskTranscript:
        return AskTranscript(message_id=self.message_id, attachment_id=self.file)

    def answer_to(self, who: str, command: AnyCommand) -> RefusalCode | None:
        """Ask without taking what comes of it."""
        try:
            self.book.decide(who, command)
        except Refused as refused:
            return refused.code
        return None


STATES = [None, *TranscriptState]
ALLOWED = {
    None: {QUEUED, FAILED},
    QUEUED: {RUNNING, FAILED},
    RUNNING: {QUEUED, RUNNING, DONE, FAILED},
    DONE: set[TranscriptState](),
    FAILED: set[TranscriptState](),
    STOPPED: set[TranscriptState](),
}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", TranscriptState)
def test_the_pod_that_holds_a_recording_tells_what_follows_from_what_was(
    before: TranscriptState | None, after: TranscriptState
) -> None:
    at = Scene().is_at(before)
    command = at.put(after, claim=at.now.transcript)
    assert (at.answer_to("bob", command) is None) == (after in ALLOWED[before])


def test_what_is_heard_is_told_with_the_whole_file() -> None:
    at = Scene().is_at(RUNNING)
    before = at.now
    said = Transcript(state=DONE, text="hello", language="en")
    command = at.put(DONE, claim=before.transcript, text="hello", language="en")
    expected = before.model_copy(update={"transcript": said})
    assert at.book >> ("bob", command) << such(AttachmentChanged, message_id=at.message_id, attachment=expected)
    assert at.now == expected


def test_of_two_pods_the_first_has_the_recording_until_it_is_overdue() -> None:
    at = Scene().is_at(RUNNING)
    first = at.now.transcript
    at.book.later(LEASE_S - 5)
    for state in (RUNNING, DONE, FAILED, QUEUED):
        assert at.answer_to("bob", at.put(state)) is RefusalCode.CONFLICT
    at.book.given("bob", at.put(RUNNING, claim=first))
    renewed = at.now.transcript
    at.book.later(10)
    assert at.answer_to("bob", at.put(RUNNING)) is RefusalCode.CONFLICT, "its lease was renewed"
    at.book.later(LEASE_S)
    for state in (DONE, FAILED, QUEUED):
        assert at.answer_to("bob", at.put(state)) is RefusalCode.CONFLICT, "only who takes it over"
    at.book.given("bob", at.put(RUNNING))
    for claim in (first, renewed):
        assert at.answer_to("bob", at.put(DONE, claim=claim, text="late")) is RefusalCode.CONFLICT
    at.book.given("bob", at.put(DONE, claim=at.now.transcript, text="taken over"))
    assert at.now.transcript == Transcript(state=DONE, text="taken over")


def test_who_runs_says_until_when_and_nobody_else_does() -> None:
    at = Scene().is_at(QUEUED)
    endless = SetTranscript(message_id=at.message_id, attachment_id=at.file, transcript=Transcript(state=RUNNING))
    assert at.answer_to("bob", endless) is RefusalCode.CONFLICT
    failed = Transcript.model_validate({"state": FAILED, "until": at.until(1)})
    timed = SetTranscript(message_id=at.message_id, attachment_id=at.file, transcript=failed)
    assert at.answer_to("bob", timed) is RefusalCode.CONFLICT


@pytest.mark.parametrize("state", STATES)
def test_only_its_author_edits_the_text_and_not_while_somebody_listens(state: TranscriptState | None) -> None:
    at = Scene().is_at(state)
    answers = {who: at.answer_to(who, at.edit("my words")) for who in ("bob", "olga", "alice", "carol", "bot", "dave")}
    assert answers == {
        "bob": RefusalCode.CONFLICT if state in (QUEUED, RUNNING) else None,
        **dict.fromkeys(("olga", "alice", "carol", "bot"), RefusalCode.FORBIDDEN),
        "dave": RefusalCode.NOT_FOUND,
    }


def test_an_edited_text_says_that_it_is_the_authors_and_keeps_its_language() -> None:
    at = Scene().is_at(RUNNING)
    at.book.given("bob", at.put(DONE, claim=at.now.transcript, text="hello bop", language="en"))
    at.book.given("bob", at.edit("hello @alice"))
    assert at.now.transcript == Transcript(state=DONE, text="hello @alice", language="en", is_edited=True)
    assert at.book.messages[at.message_id].mentions == (), "it asks nobody"
    assert (at.book >> ("bob", at.edit("hello @alice"))).refuses(RefusalCode.NO_CHANGE)


def test_an_edited_text_has_some_words_and_not_too_many() -> None:
    at = Scene().is_at(DONE)
    assert (at.book >> ("bob", at.edit(" \n"))).refuses(RefusalCode.MALFORMED)
    assert (at.book >> ("bob", at.edit("a" * (MAX_TRANSCRIPT + 1)))).refuses(RefusalCode.TOO_LONG)
    at.book.given("bob", at.edit("a" * MAX_TRANSCRIPT))
    with pytest.raises(ValidationError):
        Transcript(state=DONE, text="a" * (MAX_TRANSCRIPT + 1))


@pytest.mark.parametrize("state", STATES)
def test_author_and_who_may_delete_anybodys_message_stop_it_and_ask_again(state: TranscriptState | None) -> None:
    at = Scene().is_at(state)
    is_open = state in (QUEUED, RUNNING)
    stops = None if is_open else RefusalCode.NO_CHANGE
    asks = RefusalCode.NO_CHANGE if is_open else RefusalCode.CONFLICT if state is DONE else None
    for command, answer in ((at.stop, stops), (at.ask, asks)):
        assert {who: at.answer_to(who, command) for who in ("bob", "olga", "alice", "carol", "bot", "dave")} == {
            **dict.fromkeys(("bob", "olga", "alice"), answer),
            **dict.fromkeys(("carol", "bot"), RefusalCode.FORBIDDEN),
            "dave": RefusalCode.NOT_FOUND,
        }
    if is_open:
        at.book.given("alice", at.stop)
        assert at.now.transcript == Transcript(state=STOPPED)
        assert at.answer_to("bob", at.put(DONE, text="late")) is RefusalCode.CONFLICT
    if asks is None:
        at.book.given("bob", at.ask)
        assert at.now.transcript == Transcript(state=QUEUED)


def test_only_a_recording_that_is_there_is_listened_to() -> None:
    at = Scene()
    pictures = at.book.uploads("bob", "a.png")
    at.book.becomes(pictures, AttachmentState.READY, family=FileFamily.IMAGE)
    coming = at.book.uploads("bob", "b.ogg", state=AttachmentState.PENDING)
    at.message_id = at.book.posts("bob", "more", files=[pictures, coming])
    for at.file in (pictures, coming):
        for command in (at.edit("x"), at.stop, at.ask, at.put(QUEUED)):
            assert at.answer_to("bob", command) is RefusalCode.CONFLICT
    at.file = AttachmentId("none")
    for command in (at.edit("x"), at.stop, at.ask):
        assert at.answer_to("bob", command) is RefusalCode.NOT_FOUND
    assert at.answer_to("bob", at.put(QUEUED)) is RefusalCode.CONFLICT
    at.message_id = MessageId("nowhere")
    assert at.answer_to("bob", at.ask) is RefusalCode.NOT_FOUND
    assert at.answer_to("bob", at.put(QUEUED)) is RefusalCode.CONFLICT


@pytest.mark.parametrize("state", STATES)
def test_what_was_taken_off_or_deleted_has_no_text_and_gets_none(state: TranscriptState | None) -> None:
    at = Scene().is_at(state)
    claim = at.now.transcript
    at.book.given("bob", RemoveAttachment(message_id=at.message_id, attachment_id=at.file))
    assert at.now == without_content(at.now)
    for after in (QUEUED, RUNNING, DONE, FAILED):
        assert at.answer_to("bob", at.put(after, claim=claim)) is RefusalCode.CONFLICT
    for command in (at.edit("x"), at.stop, at.ask):
        assert at.answer_to("bob", command) is RefusalCode.CONFLICT
    at.book.given("bob", DeleteMessage(message_id=at.message_id))
    assert at.answer_to("bob", at.put(DONE, claim=claim)) is RefusalCode.CONFLICT


def test_what_is_told_of_a_file_later_keeps_its_text() -> None:
    at = Scene().is_at(DONE)
    arrived = at.book.uploaded[at.file].attachment
    assert arrived.transcript is None
    command = SettleAttachment(message_id=at.message_id, attachment=arrived)
    assert (at.book >> ("bob", command)).refuses(RefusalCode.NO_CHANGE)
    at.book.given("bob", command.model_copy(update={"attachment": arrived.model_copy(update={"pages": 2})}))
    assert at.now.transcript == Transcript(state=DONE, text="hello")


def test_a_recording_is_written_down_in_an_archived_room_and_when_its_author_has_gone() -> None:
    at = Scene().is_at(RUNNING)
    at.book.given("olga", RemoveMember(account_id=AccountId("bob")))
    at.book.given("olga", ArchiveRoom())
    at.book.given("bob", at.put(DONE, claim=at.now.transcript, text="hello"))
    for command in (at.edit("x"), at.stop, at.ask):
        assert at.answer_to("olga", command) is RefusalCode.ARCHIVED


def test_a_guest_who_may_not_post_does_not_touch_its_own_text() -> None:
    at = Scene(RoomSettings()).is_at(DONE)
    at.book.given("olga", SetRole(account_id=AccountId("bob"), role=Role.GUEST))
    for command in (at.edit("x"), at.stop, at.ask):
        assert at.answer_to("bob", command) is RefusalCode.FORBIDDEN


def test_to_a_restricted_guest_a_recording_from_before_is_not_there() -> None:
    at = Scene(RoomSettings(guests_see_history=False, guests_post=True)).is_at(DONE)
    at.book.given("olga", InviteMember(handle="gwen", role=Role.GUEST))
    for command in (at.edit("x"), at.stop, at.ask):
        assert at.answer_to("gwen", command) is RefusalCode.NOT_FOUND


def test_a_file_without_a_text_is_written_as_before_there_were_any() -> None:
    at = Scene()
    assert b"transcript" not in encode(at.book.log[-1])
    at.is_at(QUEUED)
    assert b'"transcript":{"state":"queued"}' in encode(at.book.log[-1])


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50))
def test_a_deleted_text_leaves_its_line_bare_and_its_copies_are_known(text: str) -> None:
    at = Scene().is_at(RUNNING)
    at.book.given("bob", at.put(DONE, claim=at.now.transcript, text=text))
    event = at.book.log[-1]
    bare = event_adapter.validate_json(redacted(encode(event)))
    assert isinstance(bare, AttachmentChanged)
    assert bare.attachment == without_content(bare.attachment)
    copy = f'{{"about":"{at.message_id}","text":{encode(event).decode()}'
    assert any(trace.is_in(copy) for trace in traces_of(event))
    assert not any(trace.is_in(f'{{"about":"{at.message_id}"}}') for trace in traces_of(event) if len(text) > 30)
