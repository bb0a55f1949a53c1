"""How long a room keeps what is said in it: the rule as a room sets it, and what it removes."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.values import Frozen, UtcTime

MAX_DAYS = 3650

Days = Annotated[StrictInt, Field(ge=1, le=MAX_DAYS)]
Because = Literal["", "retention", "erasure"]
"""Why the server deleted a message: the room's rule, or a person's content was erased. Empty: somebody deleted it."""


class Retention(Frozen):
    """A room's rule. None: for good, as far as the server's own rule lets it."""

    messages_days: Days | None = None
    """Messages older than this are deleted, with all that was derived from them."""
    files_days: Days | None = None
    """Files of messages older than this are removed; the words stay."""
    keeps_pinned: StrictBool = True
    """Pinned messages stay, and their files, however old they are."""


def keeps_all(rule: Retention) -> bool:
    """Whether it is what a room has that nobody gave a rule."""
    return rule == Retention()


class Forgotten(Frozen):
    """What a room's rule removed at one look. `size`: bytes of its files."""

    at: UtcTime
    messages: int = 0
    files: int = 0
    size: int = 0


class Glimpse(Frozen):
    """A message that a rule takes, or whose files it takes, shortly told."""

    message_id: MessageId
    seq: int
    author_id: AccountId
    at: UtcTime
    text: str
    """Its beginning, on one line."""
    files: tuple[str, ...] = ()
    """Names of those that go."""
    keeps_words: bool = False
    """Only its files go."""


class RetentionPreview(Frozen):
    """What a rule would remove if it were carried out now."""

    rule: Retention
    holds: Retention
    """What would hold: the shorter of the rule and the server's own."""
    messages: int
    files: int
    """With those of the messages that go."""
    size: int
    """Bytes of these files, each counted for every message that has it."""
    oldest: UtcTime | None = None
    newest: UtcTime | None = None
    """When the first and the last of these messages were posted, and of those that lose files only."""
    pinned_kept: int = 0
    """Messages that would go, or lose files, if they were not pinned."""
    waiting: int = 0
    """Messages that go later: a turn that has not ended is about them."""
    first: tuple[Glimpse, ...] = ()
    """The oldest of them, 20 at most."""


class RetentionReport(Frozen):
    """A room's rule as it stands, what it did last, and what it would remove now."""

    rule: Retention
    holds: Retention
    server_days: int | None = None
    """The longest that any room of this server keeps what is said."""
    last: Forgotten | None = None
    next_look: UtcTime | None = None
    """None where no server runs that looks."""
    preview: RetentionPreview
    """Of the rule in force, or of the one that was asked about."""
