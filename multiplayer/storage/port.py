"""What every storage promises: the rooms' log and what follows from it, turns, accounts. Three ways to fail.

A method that writes raises `StorageUnavailable` when surely nothing was stored and `OutcomeUnknown` when the
connection was lost during the commit. Times that are compared with the database's clock are the database's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.rooms import ReadMark, RoomListing
from multiplayer.rooms.state import RoomState


class StorageUnavailable(Exception):  # noqa: N818 - the world's state
    """The database cannot be reached just now; nothing was stored."""


class OutcomeUnknown(Exception):  # noqa: N818 - the world's state
    """The connection was lost during the commit: it may be stored or not."""


class UnfitDatabase(Exception):  # noqa: N818 - the world's state
    """The database cannot be used as it is; the sentence says what is wrong and what to do."""


class HandleTaken(Exception):  # noqa: N818 - an answer
    """Another account has this handle."""


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
class AuditEntry:
    """A privileged act, written in the transaction of what it did. `origin` is `ws`, `sse`, `http`, `cli` or `server`."""

    at: datetime
    actor_id: AccountId | None
    origin: str
    action: str
    subject: str
    before: str = ""
    after: str = ""


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
        """Return every state of the message's text, oldest first; empty if it is deleted or not there."""
        ...

    async def search(
        self, rooms: Sequence[ReadableRoom], query: str, *, limit: int, before: MessageId | None = None
    ) -> Sequence[SearchHit]:
        """Return messages that contain every word of `query` (a word of Chinese: anywhere), newest first."""
        ...

    async def rooms_of(self, account_id: AccountId) -> Sequence[RoomListing]: ...

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
        """Return a small number that no other room of this database has (it becomes the workspace's uid)."""
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


@dataclass(frozen=True)
class TurnRecord:
    """What is kept of a turn. `state` is `requested`, `running` or an outcome; `manifest` is a JSON text."""

    room_id: RoomId
    turn_id: TurnId
    ai_id: AccountId
    state: str
    fence: int
    text: str
    manifest: str | None
    requested_at: datetime
    ended_at: datetime | None


class TurnStore(Protocol):
    """Leases and running texts of turns. The events say what a turn did; this says who is at it now.

    Rows are made by the append of `turn_requested` and closed by that of `turn_ended`.
    Every write is fenced: it returns False, and writes nothing, when a higher fence is stored or the turn has ended.
    """

    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        """Take or renew the lease under `fence`; of two pods with the same one, the first has it."""
        ...

    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str) -> bool: ...

    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool: ...

    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        """Return turns nobody claimed within `unclaimed_for_s`, and those whose lease has run out."""
        ...

    async def turn(self, room_id: RoomId, turn_id: TurnId) -> TurnRecord | None: ...


@dataclass(frozen=True)
class StoredInvite:
    id: str
    room_id: RoomId
    created_by: AccountId
    role: str
    created_at: datetime
    expires_at: datetime | None
    uses_left: int | None
    member_until: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class StoredAccount:
    id: AccountId
    kind: AccountKind
    handle: str
    display_name: str
    is_operator: bool
    disabled: bool

    @property
    def account(self) -> Account:
        return Account(
            id=self.id,
            kind=self.kind,
            handle=self.handle,
            display_name=self.display_name,
            is_operator=self.is_operator,
        )


@dataclass(frozen=True)
class StoredCredential:
    """The row of an access token or sign-in; the secret itself is not kept. A sign-in has no label."""

    id: str
    account_id: AccountId
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    account_disabled: bool
    account_is_operator: bool


class AccountStore(Protocol):
    """Accounts and the hashes of their secrets: SHA-256 digests of random ones, argon2id of passwords.

    Each write that takes something away (disable, revoke) moves the access version in its transaction.
    """

    async def create_account(self, account: Account, *, created_at: datetime, audit: AuditEntry | None = None) -> None:
        """Raise `HandleTaken` if the case-folded handle is in use."""
        ...

    async def find_account(self, account_id: AccountId) -> StoredAccount | None: ...

    async def find_account_by_handle(self, handle: str) -> StoredAccount | None:
        """`handle` is already case-folded."""
        ...

    async def accounts(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Account]: ...

    async def list_accounts(self) -> Sequence[StoredAccount]: ...

    async def disable_account(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        """Disable it, or enable it again; True when this call did it."""
        ...

    async def disabled_accounts(self, account_ids: Collection[str]) -> frozenset[str]:
        """Return those of the given accounts that are disabled or not there."""
        ...

    async def access_version(self) -> int: ...

    async def password_hash(self, account_id: str) -> str | None: ...

    async def set_password_hash(self, account_id: str, hashed: str, *, replaces: str | None = None) -> bool:
        """Write the hash; with `replaces`, only where that is still the stored one. True when written."""
        ...

    async def add_access_token(
        self,
        *,
        token_id: str,
        account_id: str,
        label: str,
        sha256: bytes,
        created_at: datetime,
        expires_at: datetime | None,
    ) -> None: ...

    async def find_access_token(self, sha256: bytes) -> StoredCredential | None:
        """Return the token with this digest, also when it has ended, is revoked, or its account is disabled."""
        ...

    async def list_access_tokens(self, account_id: AccountId | None) -> Sequence[StoredCredential]: ...

    async def revoke_access_token(self, token_id: str, *, account_id: str | None, now: datetime) -> bool:
        """Set `revoked_at` where it is not set; True when this call did it.

        With an `account_id`, only a token of that account; another's looks like one that is not there.
        """
        ...

    async def add_sign_in(
        self, *, sign_in_id: str, account_id: str, sha256: bytes, created_at: datetime, expires_at: datetime
    ) -> None: ...

    async def find_sign_in(self, sha256: bytes) -> StoredCredential | None:
        """As `find_access_token`."""
        ...

    async def revoke_sign_in(self, sign_in_id: str, *, account_id: str | None, now: datetime) -> bool:
        """As `revoke_access_token`."""
        ...

    async def ended_credentials(self, credential_ids: Collection[str], now: datetime) -> frozenset[str]:
        """Return those of the given access tokens and sign-ins that are revoked, past their end (`expires_at <= now`),
        or of a disabled account. Ids that are neither are left out: a Supabase session has no row.
        """
        ...

    async def add_login_link(
        self, *, account_id: str, sha256: bytes, created_at: datetime, expires_at: datetime
    ) -> None:
        """Store a link and end every earlier one of the account, in one transaction."""
        ...

    async def take_login_link(self, sha256: bytes, now: datetime) -> str | None:
        """Spend the link and return its account id: to exactly one of any number of racing callers.

        None when it is spent, replaced, past its end, unknown, or its account is disabled.
        """
        ...

    async def has_used_login_link(self, account_id: AccountId) -> bool: ...

    async def find_account_by_subject(self, issuer: str, subject: str) -> StoredAccount | None:
        """Return the account of an external sign-in service's user, also when it is disabled."""
        ...

    async def create_account_for_subject(
        self,
        *,
        account_id: str,
        issuer: str,
        subject: str,
        handle: str,
        display_name: str,
        email: str | None,
        created_at: datetime,
    ) -> StoredAccount:
        """Create a human account and return it; when the subject has one already (two racing first tokens), that one.

        When the handle is taken, `-2`, `-3`, … is appended and the front part cut to stay within 32 characters.
        """
        ...

    async def add_invite(self, invite: StoredInvite, sha256: bytes, *, audit: AuditEntry) -> None: ...

    async def find_invite(self, sha256: bytes) -> StoredInvite | None: ...

    async def list_invites(self, room_id: RoomId) -> Sequence[StoredInvite]: ...

    async def spend_invite(self, invite_id: str, *, now: datetime) -> bool:
        """Take one use; of many concurrent takers as many succeed as there are uses left."""
        ...

    async def return_invite_use(self, invite_id: str) -> None:
        """Give a use back: the join that it was taken for was refused."""
        ...

    async def revoke_invite(self, room_id: RoomId, invite_id: str, *, at: datetime, audit: AuditEntry) -> bool: ...

    async def setting(self, name: str) -> str | None:
        """Return a server-wide value kept in the database."""
        ...

    async def put_setting(self, name: str, value: str) -> None: ...


class AuditTrail(Protocol):
    """The privileged acts, written by the methods that take an `AuditEntry`."""

    async def verify_audit(self, room_id: RoomId | None) -> str | None:
        """Walk a room's chain (None: the server's); return what is wrong with the first wrong row, None if all is right."""
        ...


class Storage(RoomLog, TurnStore, AccountStore, AuditTrail, Protocol):
    """One database, all of it."""

    async def check(self) -> float:
        """Answer within a second or raise `StorageUnavailable`; return the round trip in seconds."""
        ...

    async def close(self) -> None: ...
