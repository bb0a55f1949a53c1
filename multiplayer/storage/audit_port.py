"""What every storage promises of the audit trail: privileged acts, kept in a chain that shows any change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from multiplayer.protocol.audit import AuditEntry
from multiplayer.protocol.ids import RoomId

__all__ = ["AuditEntry", "AuditRow", "AuditTrail"]


@dataclass(frozen=True)
class AuditRow:
    """An entry at its place in its chain; `hash` is over it and the hash before it."""

    number: int
    entry: AuditEntry
    hash: bytes


class AuditTrail(Protocol):
    """The privileged acts, written by the methods that take an `AuditEntry`. The server's chain is that of no room."""

    async def audit_after(self, room_id: RoomId | None, number: int, *, limit: int) -> Sequence[AuditRow]:
        """Return the next rows after `number` (0: from the first) of a room's chain (None: the server's), in order."""
        ...

    async def verify_audit(self, room_id: RoomId | None) -> str | None:
        """Walk a room's chain (None: the server's); return what is wrong with the first wrong row, None if all is right."""
        ...
