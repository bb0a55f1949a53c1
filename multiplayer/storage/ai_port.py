"""What every storage promises of what AI members need beside the log: summaries, prompts, digests, hooks, schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.memory import SummaryVersion
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.rooms.facts import ThreadFacts
from multiplayer.storage.audit_port import AuditEntry


@dataclass(frozen=True)
class Digest:
    """What was said from `from_seq` to `to_seq`, both included, in short."""

    from_seq: int
    to_seq: int
    body: str


@dataclass(frozen=True)
class StoredHook:
    """An address at which a POST fires rule `rule_id`; what makes the address secret is not kept."""

    id: str
    room_id: RoomId
    rule_id: str
    created_by: AccountId
    created_at: datetime
    revoked_at: datetime | None
    rule_key: str | None = None
    """The rule's `key` when the hook was made."""


class AiStore(Protocol):
    """What is derived from messages (points of summaries, digests, pieces of prompts) goes when they are deleted.

    The deletion's own append does it. What is given as `audit` is written in the transaction of what it tells of.
    """

    async def summaries(self, room_id: RoomId) -> Sequence[SummaryVersion]:
        """Return every version of the summary, newest first, without the points that were taken back."""
        ...

    async def put_part(self, room_id: RoomId, body: str) -> str:
        """Keep a piece of a prompt; return the SHA-256 of its UTF-8 in hex. Keeping it again changes nothing.

        It is gone when the room is deleted, and when a message or fact is taken back whose words stand in it.
        """
        ...

    async def parts(self, room_id: RoomId, sha256s: Sequence[str]) -> Mapping[str, str]:
        """Return those of the pieces that are there."""
        ...

    async def put_digest(self, room_id: RoomId, digest: Digest, *, seen_seq: int) -> bool:
        """Keep a digest that was made from the log as it was at `seen_seq`, in place of one of the same range.

        Return False, and keep nothing, if a message was deleted or a fact forgotten since then.
        """
        ...

    async def digests(self, room_id: RoomId, from_seq: int, to_seq: int) -> Sequence[Digest]:
        """Return the digests of ranges that lie wholly inside, by where they begin and end."""
        ...

    async def add_hook(self, hook: StoredHook, sha256: bytes, *, audit: AuditEntry) -> None: ...

    async def find_hook(self, sha256: bytes) -> StoredHook | None:
        """Return the hook unless it is revoked or its room deleted."""
        ...

    async def hooks(self, room_id: RoomId) -> Sequence[StoredHook]:
        """Return all hooks of the room, the revoked ones, too."""
        ...

    async def revoke_hook(self, room_id: RoomId, hook_id: str, *, at: datetime, audit: AuditEntry) -> bool: ...

    async def scheduled_rooms(self) -> Sequence[tuple[RoomId, RoomSettings]]:
        """Return the rooms, neither archived nor deleted, in whose settings a schedule is on."""
        ...

    async def thread_facts(self, room_id: RoomId, roots: Sequence[MessageId]) -> Mapping[MessageId, ThreadFacts]:
        """Return for each of these messages that is there what is known of the thread that it began or may begin.

        Deleted messages count: they were said.
        """
        ...

    async def room_of_message(self, message_id: MessageId) -> RoomId | None:
        """Return the room, unless it is deleted. For a person at a command line: it looks into every room."""
        ...
