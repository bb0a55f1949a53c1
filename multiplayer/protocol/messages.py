"""What people say: messages as they stand now, their revisions and reactions."""

from enum import StrEnum

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.cards import Card, Form, Taint
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.retention import Because
from multiplayer.protocol.values import Frozen, Sparse, UtcTime


class MentionGroup(StrEnum):
    """Mentions of many at once. The rest of the reserved handles are roles' names."""

    ALL = "all"
    HERE = "here"
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


class MessageBody(Frozen):
    """A message as it was posted. Its id is the id of its `message_posted` event."""

    id: MessageId
    text: str
    reply_to: MessageId | None = None
    thread_root: MessageId | None = None
    """The first message of the thread, stamped by the server when `reply_to` is given."""
    turn_id: TurnId | None = None
    """The turn that wrote it, for an AI's answer."""
    asked_by: Sparse[tuple[AccountId, ...]] = ()
    """For an AI's answer: in whose name it was given."""
    answers: Sparse[tuple[MessageId, ...]] = ()
    """For an AI's answer: the messages it answers."""
    cards: Sparse[tuple[Card, ...]] = ()
    form: Form | None = None
    taint: Sparse[tuple[Taint, ...]] = ()
    """For an AI's answer: from what untrusted sources words may have come into it."""
    attachments: Sparse[tuple[Attachment, ...]] = ()


class Answer(Frozen):
    """One of several answers that an AI gave to the same request."""

    turn_id: TurnId
    at: UtcTime
    text: str
    cards: Sparse[tuple[Card, ...]] = ()
    form: Form | None = None
    taint: Sparse[tuple[Taint, ...]] = ()


class Reaction(Frozen):
    emoji: str
    account_ids: tuple[AccountId, ...]


class Message(Frozen):
    """A message as it stands now: edits applied, reactions counted; a deleted one is a tombstone without text."""

    id: MessageId
    seq: int
    author_id: AccountId
    at: UtcTime
    text: str
    reply_to: MessageId | None = None
    thread_root: MessageId | None = None
    turn_id: TurnId | None = None
    mentions: tuple[AccountId, ...] = ()
    mention_groups: tuple[MentionGroup, ...] = ()
    revision: int = 1
    edited_at: UtcTime | None = None
    deleted_at: UtcTime | None = None
    deleted_by: AccountId | None = None
    deleted_because: Sparse[Because] = ""
    reactions: tuple[Reaction, ...] = ()
    asked_by: Sparse[tuple[AccountId, ...]] = ()
    answers: Sparse[tuple[MessageId, ...]] = ()
    cards: Sparse[tuple[Card, ...]] = ()
    form: Form | None = None
    taint: Sparse[tuple[Taint, ...]] = ()
    attachments: Sparse[tuple[Attachment, ...]] = ()
    alternatives: Sparse[tuple[Answer, ...]] = ()
    """All answers that were given here, oldest first, once it was asked to answer again. `text` is the chosen one's."""
    chosen: int = 0

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None


class Revision(Frozen):
    """One state of a message's text; revision 1 is what was posted."""

    revision: int
    at: UtcTime
    text: str
