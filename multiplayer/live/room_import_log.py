"""Reading the log of an archive: each line by the strict codec, and each event only where it follows from those before."""

from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from multiplayer.live.room_archive_format import ACCOUNTS, EVENTS, METADATA, ArchivedAccount, bad
from multiplayer.live.room_archive_ids import ids_in, is_ulid
from multiplayer.live.room_archive_reading import Archive, object_of
from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.codec import explain
from multiplayer.protocol.events import (
    Event,
    FactPinned,
    FormAnswered,
    MemberJoined,
    MessagePosted,
    RoomCreated,
    RoomDeleted,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.rooms.state import RoomState, created

_NOT_THERE: Final = "its bytes were not in the archive that this room was imported from"
NEVER_CAME: Final = "it had not arrived when this room was exported"


@dataclass(frozen=True)
class PostedFile:
    """A file that a message came with, and what is left of it at the end of the log (None: the message is deleted)."""

    posted: MessagePosted
    attachment: Attachment
    last: Attachment | None


@dataclass
class ArchivedLog:
    """A whole log with what it amounts to. Ids are those of the archive."""

    events: list[Event] = field(default_factory=list)
    messages: dict[MessageId, Message] = field(default_factory=dict)
    accounts: dict[AccountId, ArchivedAccount] = field(default_factory=dict)
    files: dict[AttachmentId, PostedFile] = field(default_factory=dict)
    has_own_ids: bool = True
    """All ids are of the form that this server gives out."""
    _state: RoomState | None = None
    _seen: set[tuple[str, str]] = field(default_factory=set)

    @property
    def state(self) -> RoomState:
        assert self._state is not None, "a log has a first event"
        return self._state

    def take(self, event: Event) -> str | None:
        """Add the next event; return what is wrong with it, if anything is."""
        if event.seq != len(self.events) + 1:
            return f"it is event {event.seq}"
        is_first = isinstance(event, RoomCreated)
        if is_first != (not self.events):
            return "a room is created once, by its first event"
        if isinstance(event, RoomDeleted):
            return "a deleted room is not imported"
        if any(one not in self.accounts for one in ids_in(event, AccountId)):
            return f"it names somebody who is not in {ACCOUNTS}"
        wrong = self._twice(event) or self._kinds(event)
        if wrong is not None:
            return wrong
        try:
            self._apply(event)
        except (KeyError, IndexError, AssertionError, ValueError):
            # The folds say so by whatever breaks in them: what they are given is checked before it is stored, but here.
            return "it does not follow from what is before it"
        self.events.append(event)
        return None

    def _twice(self, event: Event) -> str | None:
        """Say which id is used again that must not be; keep those of this event."""
        ids = [("event", event.id)]
        match event:
            case MessagePosted():
                ids += [("message", event.message.id), *(("file", one.id) for one in event.message.attachments)]
            case TurnRequested():
                ids.append(("turn", event.turn_id))
            case FactPinned():
                return self._note([*ids, ("fact", event.fact.id)], [event.id])
            case _:
                pass
        return self._note(ids, [id_ for _, id_ in ids])

    def _note(self, ids: list[tuple[str, str]], ours: list[str]) -> str | None:
        for one in ids:
            if one in self._seen:
                return f"the id of its {one[0]} is there twice"
            self._seen.add(one)
        self.has_own_ids = self.has_own_ids and all(map(is_ulid, ours))
        return None

    def _kinds(self, event: Event) -> str | None:
        match event:
            case RoomCreated():
                members = event.members
            case MemberJoined():
                members = (event.member,)
            case _:
                return None
        if any(self.accounts[member.account_id].kind is not member.kind for member in members):
            return f"a member is of another kind than in {ACCOUNTS}"
        return None

    def _apply(self, event: Event) -> None:
        message_id = touched_message(event)
        if isinstance(event, MessagePosted):
            self.messages[event.message.id] = message_of(event)
            self.files |= {one.id: PostedFile(event, one, one) for one in event.message.attachments}
        elif message_id is not None:
            before = self.messages[message_id]
            if isinstance(event, FormAnswered) and before.form is None and not event.is_redacted:
                raise ValueError(message_id)
            self.messages[message_id] = fold_message(before, event)
        if isinstance(event, RoomCreated):
            self._state = created(event)
        else:
            self.state.apply(event)

    def settle(self) -> None:
        """Look what is left of the files at the end."""
        for attachment_id, file in self.files.items():
            message = self.messages[file.posted.message.id]
            last = next((one for one in message.attachments if one.id == attachment_id), None)
            self.files[attachment_id] = PostedFile(file.posted, file.attachment, last)

    @property
    def ready(self) -> dict[AttachmentId, PostedFile]:
        return {
            attachment_id: file
            for attachment_id, file in self.files.items()
            if file.last is not None and file.last.state is AttachmentState.READY
        }


def read_log(archive: Archive) -> ArchivedLog:
    """Read accounts and events. Refuses MALFORMED, by file and line, what is not as this server would have written it."""
    log = ArchivedLog()
    handles: set[str] = set()
    for number, line in enumerate(archive.lines(ACCOUNTS), 1):
        object_of(ACCOUNTS, number, line)
        try:
            account = ArchivedAccount.model_validate_json(line)
        except ValidationError as error:
            raise bad(ACCOUNTS, f"line {number}: {explain(error)}") from None
        handle = account.handle.casefold()
        if account.id in log.accounts or (handle and handle in handles):
            raise bad(ACCOUNTS, f"line {number}: this account is there twice")
        handles.add(handle)
        log.accounts[account.id] = account
    for number, line in enumerate(archive.lines(EVENTS), 1):
        object_of(EVENTS, number, line)
        try:
            event = event_adapter.validate_json(line)
        except ValidationError as error:
            raise bad(EVENTS, f"line {number}: {explain(error)}") from None
        if event.room_id != archive.metadata.room.id:
            raise bad(EVENTS, f"line {number}: it is of another room")
        wrong = log.take(event)
        if wrong is not None:
            raise bad(EVENTS, f"line {number}: {wrong}")
    if len(log.messages) != archive.metadata.messages:
        raise bad(METADATA, f"it counts {archive.metadata.messages} messages, and the log has {len(log.messages)}")
    log.settle()
    named = {one.id: one for one in archive.metadata.attachments}
    if len(named) < len(archive.metadata.attachments) or named.keys() != log.ready.keys():
        raise bad(METADATA, "its attachments are not those of the log")
    return log


def told_anew(last: Attachment | None, *, is_there: bool) -> Attachment | None:
    """Return a file as it has to be told of, if it cannot stay as the log says."""
    match last:
        case Attachment(state=AttachmentState.READY) if not is_there:
            return without_content(last).model_copy(update={"reason": _NOT_THERE})
        case Attachment(state=AttachmentState.PENDING):
            return last.model_copy(update={"state": AttachmentState.FAILED, "reason": NEVER_CAME})
        case _:
            return None
