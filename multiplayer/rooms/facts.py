"""What a decision needs to know beyond the room's own state: messages it names, accounts it names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.members import Account
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.values import UtcTime


@dataclass(frozen=True)
class ThreadFacts:
    """Who of the AIs has spoken in a thread (its first message counts), and when anyone last did."""

    ai_ids: frozenset[AccountId]
    last_at: UtcTime


@dataclass(frozen=True)
class NoteFacts:
    """What was asked beside the messages of the turn that gave an answer: by a schedule, a webhook, a form."""

    text: str
    taint: tuple[Taint, ...] = ()


@dataclass(frozen=True)
class Uploaded:
    """A file that somebody has begun to upload to this room."""

    attachment: Attachment
    uploader_id: AccountId
    message_id: MessageId | None = None
    """Where it is attached already."""


@dataclass(frozen=True)
class Needs:
    """What to load before a command can be decided."""

    messages: frozenset[MessageId] = frozenset()
    handles: frozenset[str] = frozenset()
    """Case-folded."""
    accounts: frozenset[AccountId] = frozenset()
    threads_of: frozenset[MessageId] = frozenset()
    """Messages whose threads matter; they stand in `messages`, too."""
    notes_of: frozenset[MessageId] = frozenset()
    """Answers that are to be given again; they stand in `messages`, too."""
    attachments: frozenset[AttachmentId] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.messages | other.messages,
            self.handles | other.handles,
            self.accounts | other.accounts,
            self.threads_of | other.threads_of,
            self.notes_of | other.notes_of,
            self.attachments | other.attachments,
        )

    def __bool__(self) -> bool:
        return bool(self.messages or self.handles or self.accounts or self.attachments)


@dataclass
class Facts:
    """What was loaded, kept current by `apply` while a batch is decided."""

    messages: dict[MessageId, Message] = field(default_factory=dict)
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    threads: dict[MessageId, ThreadFacts] = field(default_factory=dict)
    """By the first message."""
    notes: dict[MessageId, NoteFacts] = field(default_factory=dict)
    """By the answer."""
    uploads: dict[AttachmentId, Uploaded] = field(default_factory=dict)
    """Those of this room."""
    _posted: dict[MessageId, MessagePosted] = field(default_factory=dict)
    """Posted in this batch; made into messages when a later command names them, which is rare."""

    @classmethod
    def of(
        cls,
        messages: Mapping[MessageId, Message],
        accounts: Iterable[Account],
        threads: Mapping[MessageId, ThreadFacts] = MappingProxyType({}),
        notes: Mapping[MessageId, NoteFacts] = MappingProxyType({}),
        uploads: Mapping[AttachmentId, Uploaded] = MappingProxyType({}),
    ) -> "Facts":
        by_id = {account.id: account for account in accounts}
        return cls(dict(messages), by_id, dict(threads), dict(notes), dict(uploads))

    def message(self, message_id: MessageId) -> Message | None:
        posted = self._posted.pop(message_id, None)
        if posted is not None:
            self.messages[message_id] = message_of(posted)
        return self.messages.get(message_id)

    def account_by_handle(self, handle: str) -> Account | None:
        folded = handle.casefold()
        return next((account for account in self.accounts.values() if account.handle.casefold() == folded), None)

    def apply(self, event: Event) -> None:
        if isinstance(event, MessagePosted):
            self._posted[event.message.id] = event
            for one in event.message.attachments:
                if one.id in self.uploads:
                    self.uploads[one.id] = replace(self.uploads[one.id], message_id=event.message.id)
            if event.message.thread_root in self.threads:
                self._follow(event.message.thread_root, event)
            return
        message_id = touched_message(event)
        message = self.message(message_id) if message_id is not None else None
        if message is not None:
            self.messages[message.id] = fold_message(message, event)

    def _follow(self, root: MessageId, event: MessagePosted) -> None:
        thread = self.threads[root]
        spoke = {event.actor_id} if event.message.turn_id is not None else set()
        self.threads[root] = ThreadFacts(thread.ai_ids | spoke, event.at)
