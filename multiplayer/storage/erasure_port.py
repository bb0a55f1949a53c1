"""What every storage promises of erasing a person: a row that outlives every pod, what is left to do, and doing it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.reports_erasure import Erasure, ErasureCounts
from multiplayer.storage.audit_port import AuditEntry

ERASED_NAME = "Erased person"
LEASE_S = 20.0
"""So long a pod that has died keeps others from its erasure. One that looks through large tables may be longer at it."""


@dataclass(frozen=True)
class NewErasure:
    id: str
    account_id: AccountId
    handle: str
    """As which the account goes on."""
    at: datetime
    by: AccountId | None
    messages: int


@dataclass(frozen=True)
class RoomToErase:
    """A room in which the person took part. `is_closed`: it is deleted, and takes no events any more."""

    room_id: RoomId
    is_closed: bool


@dataclass(frozen=True)
class FoundMessage:
    message_id: MessageId
    seq: int


@dataclass(frozen=True)
class Erased:
    """Whose words go out of lines and rows, and as whom they are named there instead. The first names are the former."""

    account_id: AccountId
    former_handle: str
    former_name: str
    handle: str
    display_name: str = ERASED_NAME


class ErasureStore(Protocol):
    """Everything here may be done again, and by two at once: what is gone stays gone.

    Reading what a person has left behind looks through whole tables: it takes up to minutes, and blocks nobody.
    """

    async def request_erasure(self, new: NewErasure, *, audit: AuditEntry) -> bool:
        """Keep the request and disable the account for good, in one. False if the account has an erasure already.

        It moves the access version.
        """
        ...

    async def erasure_of(self, account_id: AccountId) -> Erasure | None: ...

    async def note_preview(self, audit: AuditEntry) -> None:
        """Keep in the audit trail that somebody has looked at what an erasure would take."""
        ...

    async def hold_erasure(
        self, pod: str, *, erasure_id: str | None = None, but: Collection[str] = ()
    ) -> Erasure | None:
        """Take the oldest that is not done, or this one, for `LEASE_S`; None if there is none that no other pod holds.

        Those in `but` are left out.
        """
        ...

    async def note_erasure(
        self, erasure_id: str, pod: str, *, messages: int = 0, files_waiting: int | None = None, problem: str = ""
    ) -> bool:
        """Count so many more messages as deleted and hold it on. False: another pod holds it, or it is done."""
        ...

    async def release_erasure(self, erasure_id: str, pod: str) -> None:
        """Let another pod take it at once."""
        ...

    async def rooms_with(self, account_id: AccountId) -> Sequence[RoomToErase]:
        """Return the rooms in which the account ever took part, the deleted ones too."""
        ...

    async def erasure_counts(self, account_id: AccountId) -> ErasureCounts:
        """Count what rows tell; what stands in rooms' states (facts, points, rules, proposals) is not looked at, nor `rooms`."""
        ...

    async def plan_erasure(self, erasure_id: str) -> int:
        """Keep which rooms and which contents of files there are of the person, with those of before; return the rooms."""
        ...

    async def rooms_to_erase(self, erasure_id: str, *, limit: int) -> Sequence[RoomToErase]:
        """Return rooms that are planned and not done."""
        ...

    async def room_erased(self, erasure_id: str, room_id: RoomId) -> None: ...

    async def messages_to_erase(
        self, room_id: RoomId, account_id: AccountId, *, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        """Return messages by this account, and AIs' answers to it alone, that are not deleted, in order."""
        ...

    async def messages_touched(
        self, room_id: RoomId, account_id: AccountId, *, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        """Return messages that the account has reacted to, or whose form it filled in, in order."""
        ...

    async def close_messages(
        self,
        room_id: RoomId,
        account_id: AccountId,
        message_ids: Sequence[MessageId],
        *,
        at: datetime,
        by: AccountId,
    ) -> None:
        """Take the person out of these messages of a deleted room, which takes no append; nothing in another."""
        ...

    async def proposals_to_drop(self, room_id: RoomId, account_id: AccountId) -> Sequence[str]:
        """Return the ids of what AIs proposed in turns that this account alone has asked for."""
        ...

    async def erase_lines(self, room_id: RoomId, erased: Erased, *, after_seq: int, limit: int) -> int | None:
        """Take the person out of the next `limit` lines after `after_seq`; return the seq to go on from, None at the end.

        Names in what tells of members; what they noted, set and filled in; arguments and results of tools in turns that
        they alone have asked for. To be called when their messages are deleted: what is left of those in lines goes, too.
        """
        ...

    async def erase_rows(self, room_id: RoomId, erased: Erased) -> None:
        """Take the person out of what is kept of the room beside its log and messages: turns, summaries, prompts.

        Of pieces of prompts go those that name them: by the id, or by a name that stands there as a word of its own.
        """
        ...

    async def loose_contents(self, erasure_id: str, *, now: datetime) -> Collection[str]:
        """Return planned contents that are still there and that no upload has; from now on no claim keeps them."""
        ...

    async def unattached_uploads(self, account_id: AccountId, *, limit: int) -> Sequence[str]: ...

    async def finish_erasure(self, erasure_id: str, erased: Erased, *, at: datetime, audit: AuditEntry) -> bool:
        """Take the account's names, secrets and marks; the erasure is done. False if it was done already.

        If the new handle is taken meanwhile, a longer one of the same kind is.
        """
        ...

    async def erasure_traces(self, erased: Erased) -> Mapping[str, int]:
        """Look wherever words or names of the person may be; return how many are left, by place. Empty: nothing is.

        The audit trail is not looked at: it keeps who did what.
        """
        ...
