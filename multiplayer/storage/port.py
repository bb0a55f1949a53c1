"""What every storage promises: the rooms' log and what follows from it, turns, accounts. Three ways to fail.

A method that writes raises `StorageUnavailable` when surely nothing was stored and `OutcomeUnknown` when the
connection was lost during the commit. Times that are compared with the database's clock are the database's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from multiplayer.protocol.cards import Card
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.rooms import ReadMark, RoomListing, TurnState
from multiplayer.protocol.turns import TokenUsage
from multiplayer.rooms.state import RoomState
from multiplayer.storage.account_port import AccountStore
from multiplayer.storage.ai_port import AiStore
from multiplayer.storage.attachment_port import AttachmentStore
from multiplayer.storage.audit_port import AuditEntry, AuditTrail
from multiplayer.storage.erasure_port import ErasureStore
from multiplayer.storage.ledger_port import LedgerStore
from multiplayer.storage.mirror_port import MirrorStore
from multiplayer.storage.profile_port import ProfileStore
from multiplayer.storage.retention_port import RetentionStore


class StorageUnavailable(Exception):  # noqa: N818 - the world's state
    """The database cannot be reached just now; nothing was stored."""


class OutcomeUnknown(Exception):  # noqa: N818 - the world's state
    """The connection was lost during the commit: it may be stored or not."""


class UnfitDatabase(Exception):  # noqa: N818 - the world's state
    """The database cannot be used as it is; the sentence says what is wrong and what to do."""


MAX_UNREAD = 1_000
"""Unread messages and mentions are counted among this many newest ones, so that a room list costs the same for ever."""


@dataclass(frozen=True)
class NewEvent:
    """An event to append. `line` is its encoded form, kept as it is; a command's first event carries key and digest."""

    event: Event
    line: bytes
    key: str | None = None
    digest: bytes | None = None


@dataclass(frozen=True)
class Append:
    """Events that must come right after seq `expected` of their room, all or none."""

    room_id: RoomId
    expected: int
    events: tuple[NewEvent, ...]
    audit: tuple[AuditEntry, ...] = ()


class Appended(Enum):
    COMMITTED = "committed"
    CONFLICT = "conflict"
    """The room's stored seq is not `expected`: another pod was first."""
    KEY_TAKEN = "key taken"
    """One of the keys is in the log already; look them up and decide the rest again."""


@dataclass(frozen=True)
class StoredEvent:
    seq: int
    event_id: str
    line: bytes


@dataclass(frozen=True)
class KeyUse:
    """What a key stands for: the first event of its command."""

    seq: int
    event_id: str
    digest: bytes


@dataclass(frozen=True)
class SearchHit:
    room_id: RoomId
    message: Message


@dataclass(frozen=True)
class ReadableRoom:
    """A room someone may read, from `from_seq` on (a guest may be kept from what was before)."""

    room_id: RoomId
    from_seq: int = 0


@dataclass(frozen=True)
class SearchFilter:
    """What messages must be beside their words: all that is given here, and not deleted."""

    author_id: AccountId | None = None
    author: str | None = None
    """The author's handle, or how their display name begins, in any case."""
    has_file: bool = False
    """One that has arrived or is on its way."""
    has_link: bool = False
    """An http or https address in the text, or a card that leads to one."""
    since: datetime | None = None
    until: datetime | None = None
    """Said before it: the time itself is not among them."""


ANY_MESSAGE = SearchFilter()


class RoomLog(Protocol):
    """The rooms' log, and the views written in the same transaction as the events they follow from."""

    async def epoch(self) -> str:
        """Name the one unbroken history of this database: system identifier, timeline, restore mark."""
        ...

    async def create_room(self, append: Append, *, direct_key: str | None) -> RoomId:
        """Store a new room with its first events (`expected` 0, the first one a `RoomCreated`); return its id.

        If a direct room with the same `direct_key` is there, nothing is stored and that room's id comes back.
        """
        ...

    async def append(self, append: Append) -> Appended:
        """Store the events, durably, in one commit with whatever else waits. Concurrent calls share commits."""
        ...

    async def load(self, room_id: RoomId) -> RoomState | None:
        """Return the room as its whole log amounts to; None if it never was or is deleted."""
        ...

    async def seqs(self, room_ids: Sequence[RoomId]) -> Mapping[RoomId, int]:
        """Return the stored seq of each room that is there."""
        ...

    async def deleted_rooms(self, room_ids: Collection[RoomId]) -> frozenset[RoomId]:
        """Return which of these rooms were deleted: not those that this database never had."""
        ...

    async def events_after(self, room_id: RoomId, seq: int, *, limit: int) -> Sequence[StoredEvent]:
        """Return the next events after `seq` in order. What was deleted comes redacted."""
        ...

    async def find_keys(
        self, room_id: RoomId, keys: Sequence[tuple[AccountId, str]]
    ) -> Mapping[tuple[AccountId, str], KeyUse]: ...

    async def messages(self, room_id: RoomId, ids: Sequence[MessageId]) -> Mapping[MessageId, Message]: ...

    async def recent_messages(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[Message]:
        """Return the last messages with `from_seq` <= seq < `before_seq`, oldest first."""
        ...

    async def revisions(self, room_id: RoomId, message_id: MessageId) -> Sequence[Revision]:
        """Return every state of the message's text, oldest first; empty if it is deleted or not there.

        Another answer that came, or was chosen, is one of them.
        """
        ...

    async def search(
        self,
        rooms: Sequence[ReadableRoom],
        query: str,
        *,
        limit: int,
        before: MessageId | None = None,
        only: SearchFilter = ANY_MESSAGE,
    ) -> Sequence[SearchHit]:
        """Return messages that contain every word of `query` (a word of Chinese: anywhere), newest first.

        The text that stands is looked at, and the titles and texts of its cards. Without words, everything that `only`
        lets through is found; without both, nothing.
        """
        ...

    async def has_rooms(self) -> bool:
        """Tell whether any room was ever made here, those that are deleted too."""
        ...

    async def rooms_of(self, account_id: AccountId) -> Sequence[RoomListing]: ...

    async def seqs_of_members(self, account_ids: Collection[AccountId]) -> Mapping[RoomId, int]:
        """Return the stored seq of each room in which at least one of these is a member."""
        ...

    async def rooms_named(self, name: str) -> Sequence[RoomId]:
        """Return the rooms of this name that are not deleted (names are not unique)."""
        ...

    async def read_mark(self, room_id: RoomId, account_id: AccountId) -> ReadMark:
        """Return the mark, and count the messages behind it: not deleted, by others, after the account's own joining.

        Mentions count by name, by `all` and `here`, and by the member's role. At most `MAX_UNREAD` are counted.
        """
        ...

    async def read_marks(self, room_id: RoomId, account_ids: Sequence[AccountId]) -> Mapping[AccountId, ReadMark]:
        """Return the marks of those who are members."""
        ...

    async def room_number(self, room_id: RoomId) -> int:
        """Return a small number that no other room of this database has (it becomes the workspace's uid).

        Raises `LookupError` if it never had this one.
        """
        ...

    async def mark_read(self, room_id: RoomId, account_id: AccountId, seq: int) -> bool:
        """Move the mark forward; return False if it was there or further already. Not an event."""
        ...


@dataclass(frozen=True)
class OpenTurn:
    """A turn that waits for a pod: never started, or its lease ran out."""

    room_id: RoomId
    turn_id: TurnId
    ai_id: AccountId
    fence: int
    text: str
    """The words checkpointed so far."""
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True)
class TurnRecord:
    """What is kept of a turn. `state` is `requested`, `running` or an outcome; `manifest` is a JSON text.

    `text` and `cards` are the checkpoint of a turn that has not ended. `turn` is as the room sees it, or saw it when it
    ended: without its note if a message it came with, or the answer, is deleted now; None for one that ended under release 0.1.
    """

    room_id: RoomId
    turn_id: TurnId
    ai_id: AccountId
    state: str
    fence: int
    text: str
    cards: tuple[Card, ...]
    manifest: str | None
    turn: TurnState | None
    requested_at: datetime
    requested_seq: int
    ended_at: datetime | None
    ended_seq: int | None
    reason: str
    """Why it ended so."""
    message_id: MessageId | None
    """What came of it."""
    usage: TokenUsage | None


class TurnStore(Protocol):
    """Leases and running texts of turns. The events say what a turn did; this says who is at it now.

    Rows are made by the append of `turn_requested` and closed by that of `turn_ended`.
    Every write is fenced: it returns False, and writes nothing, when a higher fence is stored or the turn has ended.
    """

    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        """Take or renew the lease under `fence`; of two pods with the same one, the first has it."""
        ...

    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str, cards: Sequence[Card] = ()) -> bool:
        """Keep the words and cards so far, in place of those kept before."""
        ...

    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool: ...

    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        """Return turns nobody claimed within `unclaimed_for_s`, and those whose lease has run out.

        A turn that has not begun is left out while its AI is at another one of the room: nobody could claim it.
        """
        ...

    async def turn(self, room_id: RoomId, turn_id: TurnId) -> TurnRecord | None: ...

    async def turns_of_room(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None
    ) -> Sequence[TurnRecord]:
        """Return turns that were asked for before `before_seq`, newest first, without their manifests."""
        ...


class Storage(
    RoomLog,
    TurnStore,
    AttachmentStore,
    MirrorStore,
    AiStore,
    AccountStore,
    ProfileStore,
    ErasureStore,
    LedgerStore,
    RetentionStore,
    AuditTrail,
    Protocol,
):
    """One database, all of it."""

    async def check(self) -> float:
        """Answer within a second or raise `StorageUnavailable`; return the round trip in seconds."""
        ...

    async def close(self) -> None: ...
