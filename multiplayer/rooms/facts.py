"""What a decision needs to know beyond the room's own state: messages it names, accounts it names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.members import Account
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message, message_of, touched_message


@dataclass(frozen=True)
class Needs:
    """What to load before a command can be decided."""

    messages: frozenset[MessageId] = frozenset()
    handles: frozenset[str] = frozenset()
    """Case-folded."""
    accounts: frozenset[AccountId] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(self.messages | other.messages, self.handles | other.handles, self.accounts | other.accounts)

    def __bool__(self) -> bool:
        return bool(self.messages or self.handles or self.accounts)


@dataclass
class Facts:
    """What was loaded, kept current by `apply` while a batch is decided."""

    messages: dict[MessageId, Message] = field(default_factory=dict)
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    _posted: dict[MessageId, MessagePosted] = field(default_factory=dict)
    """Posted in this batch; made into messages when a later command names them, which is rare."""

    @classmethod
    def of(cls, messages: Mapping[MessageId, Message], accounts: Iterable[Account]) -> "Facts":
        return cls(dict(messages), {account.id: account for account in accounts})

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
            return
        message_id = touched_message(event)
        message = self.message(message_id) if message_id is not None else None
        if message is not None:
            self.messages[message.id] = fold_message(message, event)
