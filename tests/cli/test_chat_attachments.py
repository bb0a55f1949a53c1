"""What a terminal shows of the files of messages."""

import pytest

from multiplayer.cli.chat_attachments import NAME, REASON
from multiplayer.protocol.attachments import Attachment, AttachmentState, Transcript, TranscriptState
from multiplayer.protocol.events import AttachmentChanged, MessageDeleted, MessagePosted
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.signals import TranscriptProgress
from multiplayer.rooms.attachment_rules import without_content
from tests.cli.shown import AI, ALICE, AT, BOB, ROOM, TURN, Shown

MESSAGE = MessageId("M")


def file(
    name: str = "plan.pdf",
    state: AttachmentState = AttachmentState.PENDING,
    *,
    number: int = 1,
    size: int = 1_234_567,
    content_type: str = "",
    reason: str = "",
) -> Attachment:
    return Attachment(
        id=AttachmentId(f"F{number}"), name=name, size=size, state=state, content_type=content_type, reason=reason
    )


def shares(shown: Shown, *files: Attachment, text: str = "see", by: AccountId = BOB) -> None:
    message = {"id": MESSAGE, "text": text, "attachments": files, "turn_id": TURN if by == AI else None}
    shown.happens(MessagePosted, by, message=message)


def changes(shown: Shown, attachment: Attachment, *, by: AccountId = BOB, is_redacted: bool = False) -> None:
    shown.happens(AttachmentChanged, by, message_id=MESSAGE, attachment=attachment, is_redacted=is_redacted)


READY = file(state=AttachmentState.READY, content_type="application/pdf")


def test_a_message_shows_a_line_for_each_of_its_files() -> None:
    shown = Shown("Alice")
    failed = file("b.txt", AttachmentState.FAILED, number=2, size=1, reason="it was cut off")
    shares(shown, READY, file("c d.txt", number=3, size=0), failed, without_content(file(number=4)), text="")
    assert shown.lines[0].endswith("Bob [member]: ")
    assert shown.lines[1:] == [
        "    📎 plan.pdf · application/pdf · 1.2 MB · ready",
        "    📎 c d.txt · 0 bytes · still on its way",
        "    📎 b.txt · 1 byte · did not arrive: it was cut off",
        "    📎 taken off",
        "",
    ]


def test_a_room_that_is_opened_shows_the_files_as_they_stand() -> None:
    message = Message(id=MESSAGE, seq=1, author_id=BOB, at=AT, text="see", attachments=(READY,))
    shown = Shown("Alice", messages=(message,))
    shown.screen.open()
    assert shown.lines[2] == "    📎 plan.pdf · application/pdf · 1.2 MB · ready"


def test_what_became_of_a_file_is_said() -> None:
    shown = Shown("Alice")
    shares(shown, file(), file("b.txt", number=2))
    changes(shown, READY)
    changes(shown, file("b.txt", AttachmentState.FAILED, number=2, reason="the store is full"))
    changes(shown, file("b.txt", AttachmentState.PENDING, number=2))
    changes(shown, without_content(READY), by=ALICE)
    changes(shown, without_content(file(number=9)), by=ALICE)
    assert shown.lines[3:] == [
        "  · the file plan.pdf has arrived · application/pdf · 1.2 MB",
        "  · the file b.txt did not arrive: the store is full",
        "  · the file b.txt is still on its way",
        "  · Alice [owner] took the file plan.pdf off a message",
        "  · Alice [owner] took a file off a message",
        "",
    ]
    assert [one.state for one in shown.view.messages[MESSAGE].attachments] == [
        AttachmentState.REMOVED,
        AttachmentState.PENDING,
    ]


def test_of_a_deleted_message_no_file_is_named() -> None:
    shown = Shown("Alice")
    shares(shown, READY)
    shown.happens(MessageDeleted, BOB, message_id=MESSAGE)
    changes(shown, without_content(READY), is_redacted=True)
    assert shown.view.messages[MESSAGE].attachments == ()
    assert shown.lines[2:] == [
        "  · Bob [member] deleted a message",
        "  · a file of a message changed (deleted since)",
        "",
    ]


def test_the_files_of_an_answer_are_shown_below_words_that_have_grown() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.delta(0, 0, "Here it is.")
    shares(shown, READY, text="Here it is.", by=AI)
    assert shown.lines == ["AI [AI]: Here it is.", "    📎 plan.pdf · application/pdf · 1.2 MB · ready", ""]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("a\nBob [member]: pay him", "a Bob [member]: pay him"),
        ("\x1b[2Jgone.txt", "\\x1b[2Jgone.txt"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("[red]a[/red].txt", "[red]a[/red].txt"),
        ("n" * 255, "n" * (NAME - 1) + "…"),
    ],
)
def test_no_name_is_obeyed_or_makes_a_line_of_its_own(name: str, seen: str) -> None:
    shown = Shown("Alice")
    hostile = file(name, AttachmentState.READY, content_type=name, size=1)
    shares(shown, hostile)
    changes(shown, hostile.model_copy(update={"state": AttachmentState.FAILED, "reason": name}))
    changes(shown, without_content(hostile))
    reason = seen if len(name) < NAME else "n" * (REASON - 1) + "…"
    assert shown.lines[1:] == [
        f"    📎 {seen} · {seen} · 1 byte · ready",
        f"  · the file {seen} did not arrive: {reason}",
        f"  · Bob [member] took the file {seen} off a message",
        "",
    ]


def test_only_so_many_names_are_remembered() -> None:
    shown = Shown("Alice")
    for number in range(101):
        files = tuple(file(f"{number}-{at}.txt", number=number * 10 + at) for at in range(10))
        shares(shown, *files)
    changes(shown, without_content(file(number=9)))
    changes(shown, without_content(file(number=10)))
    assert shown.lines[-3:-1] == [
        "  · Bob [member] took a file off a message",
        "  · Bob [member] took the file 1-0.txt off a message",
    ]


NOTE = file("note.ogg", AttachmentState.READY, content_type="audio/ogg", size=9)


def said(state: TranscriptState, **more: object) -> Attachment:
    return NOTE.model_copy(update={"transcript": Transcript.model_validate({"state": state, **more})})


def test_a_message_shows_what_is_said_in_its_recordings_below_them() -> None:
    shown = Shown("Alice")
    shares(
        shown,
        said(TranscriptState.DONE, text="See you\non Friday\x1b[2J"),
        said(TranscriptState.DONE, text="Edited.", is_edited=True),
        said(TranscriptState.DONE),
        said(TranscriptState.QUEUED),
        said(TranscriptState.RUNNING, until=AT),
        said(TranscriptState.FAILED, reason="it is noise"),
        said(TranscriptState.STOPPED),
    )
    assert [line for line in shown.lines[1:] if "📎" not in line] == [
        "        “See you",
        r"        on Friday\x1b[2J”",
        "        “Edited.” (edited)",
        "        no words in it",
        "        waits to be written down",
        "        is being written down",
        "        could not be written down: it is noise",
        "        is not written down: stopped",
        "",
    ]


def test_what_becomes_of_a_recording_is_said_with_its_words() -> None:
    shown = Shown("Alice")
    shares(shown, NOTE)
    changes(shown, said(TranscriptState.QUEUED))
    changes(shown, said(TranscriptState.RUNNING, until=AT))
    changes(shown, said(TranscriptState.RUNNING, until=AT, reason="It is busy."))
    changes(shown, said(TranscriptState.DONE, text="See you"))
    changes(shown, said(TranscriptState.DONE, text="See you, Alice", is_edited=True))
    changes(shown, said(TranscriptState.FAILED, reason="it is noise"))
    changes(shown, said(TranscriptState.STOPPED), by=ALICE)
    assert shown.lines[2:] == [
        "  · note.ogg is tried again: It is busy.",
        "  · note.ogg is written down",
        "        “See you”",
        "  · Bob [member] edited the text of note.ogg",
        "        “See you, Alice” (edited)",
        "  · note.ogg could not be written down: it is noise",
        "  · Alice [owner] stopped the writing down of note.ogg",
        "",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_how_far_a_recording_is_heard_is_said_at_each_quarter_and_on_a_terminal_only(*, is_terminal: bool) -> None:
    shown = Shown("Alice", is_terminal=is_terminal)
    shares(shown, NOTE)
    for done in (0.1, 0.26, 0.3, 0.49, 0.8, 0.9):
        shown.screen.show(TranscriptProgress(room_id=ROOM, message_id=MESSAGE, attachment_id=NOTE.id, done=done))
    lines = [line.strip("\r") for line in shown.lines if "%" in line]
    expected = ["  · note.ogg is being written down: 25 %", "  · note.ogg is being written down: 75 %"]
    assert lines == (expected if is_terminal else [])
