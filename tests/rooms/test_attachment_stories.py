"""Whatever is done to the files of a room, every view of its log has the same ones, and each is told of once."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import AnyCommand, DeleteMessage, PostMessage, RemoveAttachment
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.events import AttachmentChanged, Event, MessagePosted
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.inner_commands import SettleAttachment
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import ReadMark
from multiplayer.rooms.snapshot import snapshot_of
from tests.support.playbook import Playbook, fold_into, room_of

READY, PENDING = AttachmentState.READY, AttachmentState.PENDING
FAILED, REMOVED = AttachmentState.FAILED, AttachmentState.REMOVED
NO_FILE, NO_MESSAGE = AttachmentId("none"), MessageId("nowhere")


class _Files:
    """What is done to the files of a room, drawn at random; `told` says what each file was told to be."""

    def __init__(self) -> None:
        self.book = Playbook(room_of(olga="owner", alice="admin", bob="member", carol="member"))
        self.told: dict[AttachmentId, list[AttachmentState]] = {}

    def do(self, what: str, which: int, who: str) -> None:
        book = self.book
        files = list(book.uploaded)
        file = files[which % len(files)] if files else NO_FILE
        where = book.uploaded[file].message_id if files else None
        match what:
            case "upload":
                book.uploads(who, f"{which}.txt", state=PENDING)
            case "share":
                self._ask(who, PostMessage(text="", attachments=(book.uploads(who, "shared.txt", state=PENDING),)))
            case "arrive" | "fail" if files and book.uploaded[file].attachment.state in {PENDING, FAILED}:
                book.becomes(file, READY if what == "arrive" else FAILED)
            case "post":
                own = [one for one in files if book.uploaded[one].uploader_id == who]
                self._ask(who, PostMessage(text="", attachments=tuple(own[which % 3 :][:3])))
            case "settle" if files:
                attachment = book.uploaded[file].attachment
                self._ask(who, SettleAttachment(message_id=where or NO_MESSAGE, attachment=attachment))
            case "remove":
                self._ask(who, RemoveAttachment(message_id=where or NO_MESSAGE, attachment_id=file))
            case "delete":
                self._ask(who, DeleteMessage(message_id=where or NO_MESSAGE))
            case _:
                pass

    def _ask(self, who: str, command: AnyCommand) -> None:
        try:
            events: Sequence[Event] = self.book.decide(who, command)
        except Refused:
            return
        for event in events:
            self.book.take(event)
            if isinstance(event, MessagePosted):
                for one in event.message.attachments:
                    # No file is attached twice, whatever became of the message that had it.
                    assert one.id not in self.told
                    self.told[one.id] = [one.state]
            if isinstance(event, AttachmentChanged):
                self.told[event.attachment.id].append(event.attachment.state)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["upload", "share", "arrive", "fail", "post", "settle", "settle", "remove", "delete"]),
        st.integers(0, 9),
        st.sampled_from(["bob", "carol", "alice"]),
    ),
    min_size=5,
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_is_done_every_file_has_one_message_and_one_story(steps: list[tuple[str, int, str]]) -> None:
    drawn = _Files()
    for step in steps:
        drawn.do(*step)
    book = drawn.book
    for file, states in drawn.told.items():
        assert all(one is not two for one, two in pairwise(states)), "told twice"
        assert REMOVED not in states[:-1], "told after it was removed"
        message = book.messages[MessageId(str(book.uploaded[file].message_id))]
        kept = next((one for one in message.attachments if one.id == file), None)
        assert (kept is None) == message.is_deleted
        assert kept is None or kept.state is states[-1]
        assert states[-1] is not REMOVED or book.uploaded[file].attachment.state is REMOVED
    # Whoever reads the log, or joins now, has the same messages.
    read: dict[MessageId, Message] = {}
    for event in book.replayed():
        fold_into(read, event)
    assert read == book.messages
    shown = snapshot_of(
        book.room.state,
        reader=book.room.reader(AccountId("carol")),
        messages=tuple(book.messages.values()),
        online=(),
        read=ReadMark(),
        texts={},
    )
    assert type(shown).model_validate_json(encode(shown)).messages == tuple(book.messages.values())
